package computeapi

import (
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
)

func (f *face) extensionRoutes() []api.Route {
	return []api.Route{
		{Method: http.MethodGet, Path: "/extensions", Policy: base + "extensions", Handler: f.listExtensions},
		{Method: http.MethodGet, Path: "/extensions/{alias}", Policy: base + "extensions", Handler: f.showExtension},
	}
}

type extension struct {
	Alias       string `json:"alias"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Namespace   string `json:"namespace"`
	Updated     string `json:"updated"`
	Links       []any  `json:"links"`
}

// extensions are those of Nova's list that this cloud has; clients look for
// them before they use what they name.
var extensions = []struct{ alias, name, description string }{
	{"NMN", "Multinic", "Multiple network support."},
	{"OS-DCF", "DiskConfig", "Disk Management Extension."},
	{"OS-EXT-AZ", "ExtendedAvailabilityZone", "Extended Availability Zone support."},
	{"OS-EXT-IPS", "ExtendedIps", "Adds type parameter to the ip list."},
	{"OS-EXT-IPS-MAC", "ExtendedIpsMac", "Adds mac address parameter to the ip list."},
	{"OS-EXT-SRV-ATTR", "ExtendedServerAttributes", "Extended Server Attributes support."},
	{"OS-EXT-STS", "ExtendedStatus", "Extended Status support."},
	{"OS-FLV-DISABLED", "FlavorDisabled", "Support to show the disabled status of a flavor."},
	{"OS-FLV-EXT-DATA", "FlavorExtraData", "Provide additional data for flavors."},
	{"OS-SCH-HNT", "SchedulerHints", "Pass arbitrary key/value pairs to the scheduler."},
	{"OS-SRV-USG", "ServerUsage", "Adds launched_at and terminated_at on Servers."},
	{"os-aggregates", "Aggregates", "Admin-only aggregate administration."},
	{"os-attach-interfaces", "AttachInterfaces", "Attach interface support."},
	{"os-availability-zone", "AvailabilityZone", "1. Add availability_zone to the Create Server API."},
	{"os-config-drive", "ConfigDrive", "Config Drive Extension."},
	{"os-console-output", "ConsoleOutput", "Console log output support, with tailing ability."},
	{"os-extended-quotas", "ExtendedQuotas", "Adds ability for admins to delete quota and optionally force the update Quota command."},
	{"os-extended-volumes", "ExtendedVolumes", "Extended Volumes support."},
	{"os-flavor-access", "FlavorAccess", "Flavor access support."},
	{"os-flavor-extra-specs", "FlavorExtraSpecs", "Flavors extra specs support."},
	{"os-flavor-manage", "FlavorManage", "Flavor create/delete API support."},
	{"os-hypervisors", "Hypervisors", "Admin-only hypervisor administration."},
	{"os-instance-actions", "ServerInstanceActions", "View a log of actions and events taken on an instance."},
	{"os-keypairs", "Keypairs", "Keypair Support."},
	{"os-lock-server", "LockServer", "Enable lock/unlock server actions."},
	{"os-multiple-create", "MultipleCreate", "Allow multiple create in the Create Server v2.1 API."},
	{"os-quota-sets", "Quotas", "Quotas management support."},
	{"os-security-groups", "SecurityGroups", "Security group support."},
	{"os-server-groups", "ServerGroups", "Server group support."},
	{"os-server-start-stop", "ServerStartStop", "Start/Stop instance compute API support."},
	{"os-services", "Services", "Services support."},
	{"os-simple-tenant-usage", "SimpleTenantUsage", "Simple tenant usage extension."},
	{"os-used-limits", "UsedLimits", "Provide data on limited resource that are being used."},
	{"os-user-data", "UserData", "Add user_data to the Create Server API."},
}

func viewExtension(i int) extension {
	e := extensions[i]
	return extension{
		Alias: e.alias, Name: e.name, Description: e.description, Namespace: "http://docs.openstack.org/compute/ext/fake_xml",
		Updated: "2014-12-03T00:00:00Z", Links: []any{},
	}
}

func (f *face) listExtensions(*api.Request) (any, error) {
	views := make([]extension, len(extensions))
	for i := range extensions {
		views[i] = viewExtension(i)
	}
	return map[string]any{"extensions": views}, nil
}

func (f *face) showExtension(r *api.Request) (any, error) {
	alias := r.Param("alias")
	i := slices.IndexFunc(extensions, func(e struct{ alias, name, description string }) bool { return e.alias == alias })
	if i < 0 {
		return nil, errs.New(errs.NotFound, "Extension %s could not be found.", alias)
	}
	return map[string]any{"extension": viewExtension(i)}, nil
}
