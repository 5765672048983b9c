package computeapi

import (
	"net/http"
	"strings"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

// lastHosts is the last microversion with os-hosts.
const lastHosts = 42

func (f *face) legacyHostRoutes() []api.Route {
	rule := base + "os-hosts:"
	return []api.Route{
		{Method: "GET", Path: "/os-hosts", Policy: rule + "list", Max: lastHosts, Handler: f.listHosts},
		{Method: "GET", Path: "/os-hosts/{host}", Policy: rule + "show", Max: lastHosts, Handler: f.showHost},
		{Method: "PUT", Path: "/os-hosts/{host}", Policy: rule + "update", Max: lastHosts, Handler: f.updateHost},
		{Method: "GET", Path: "/os-hosts/{host}/startup", Policy: rule + "start", Max: lastHosts, Status: http.StatusNotImplemented, Handler: f.powerHost},
		{Method: "GET", Path: "/os-hosts/{host}/shutdown", Policy: rule + "shutdown", Max: lastHosts, Status: http.StatusNotImplemented, Handler: f.powerHost},
		{Method: "GET", Path: "/os-hosts/{host}/reboot", Policy: rule + "reboot", Max: lastHosts, Status: http.StatusNotImplemented, Handler: f.powerHost},
	}
}

type legacyHost struct {
	Name    string `json:"host_name"`
	Service string `json:"service"`
	Zone    string `json:"zone"`
}

// listHosts lists the services that are enabled, under the topics that Nova's
// have.
func (f *face) listHosts(r *api.Request) (any, error) {
	services, err := f.svc.ListDaemons(r.Context())
	if err != nil {
		return nil, err
	}
	views := []legacyHost{}
	zone := r.Query().Get("zone")
	for _, s := range services {
		if !s.Disabled && (zone == "" || zone == s.Zone) {
			views = append(views, legacyHost{Name: s.Host, Service: strings.TrimPrefix(s.Binary, "nova-"), Zone: s.Zone})
		}
	}
	return map[string]any{"hosts": views}, nil
}

// hostResource is room on a host: what there is, what is in use, and what its
// servers are, altogether and by project.
type hostResource struct {
	Host     string `json:"host"`
	Project  string `json:"project"`
	CPU      int64  `json:"cpu"`
	MemoryMB int64  `json:"memory_mb"`
	DiskGB   int64  `json:"disk_gb"`
}

func (f *face) showHost(r *api.Request) (any, error) {
	host, projects, err := f.svc.HostUse(r.Context(), r.Param("host"))
	if err != nil {
		return nil, err
	}
	c := host.Capacity
	list := []hostResource{
		{host.Name, "(total)", int64(c.VCPUs), int64(c.MemoryMiB), int64(c.DiskGiB)},
		{host.Name, "(used_now)", host.VCPUsUsed, host.MemoryHeldMiB, host.DiskHeldGiB},
		{host.Name, "(used_max)", host.VCPUsUsed, host.MemoryHeldMiB, host.DiskHeldGiB},
	}
	for _, p := range projects {
		list = append(list, hostResource{host.Name, p.ProjectID, p.VCPUs, p.MemoryMiB, p.DiskGiB})
	}
	views := make([]map[string]hostResource, len(list))
	for i, one := range list {
		views[i] = map[string]hostResource{"resource": one}
	}
	return map[string]any{"host": views}, nil
}

var (
	onOff          = schema{types: []string{"string"}, enum: []any{"enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"}}
	legacyHostBody = object(map[string]*schema{"status": &onOff, "maintenance_mode": &onOff})
)

func (f *face) updateHost(r *api.Request) (any, error) {
	var body struct {
		Status      *string
		Maintenance *string `json:"maintenance_mode"`
	}
	if err := bind(r, legacyHostBody, &body); err != nil {
		return nil, err
	}
	if body.Status == nil && body.Maintenance == nil {
		return nil, errs.New(errs.Invalid, "Invalid input for field/attribute update. Value: {}. 'status' or 'maintenance_mode' is a required property")
	}
	if err := f.knownHost(r); err != nil {
		return nil, err
	}
	if body.Maintenance != nil {
		return nil, unsupported()
	}
	disabled := strings.EqualFold(*body.Status, "disable")
	if _, err := f.svc.UpdateHost(r.Context(), compute.HostFilter{Name: r.Param("host")}, compute.HostUpdate{Disabled: &disabled}); err != nil {
		return nil, err
	}
	return map[string]string{"host": r.Param("host"), "status": enabled(disabled)}, nil
}

func (f *face) knownHost(r *api.Request) error {
	hosts, err := f.svc.ListHosts(r.Context(), compute.HostFilter{Name: r.Param("host")})
	if err == nil && len(hosts) == 0 {
		err = errs.New(errs.NotFound, "Compute host %s could not be found.", r.Param("host"))
	}
	return err
}

func unsupported() error {
	return errs.New(errs.NotImplemented, "Unable to perform the action: the requested functionality is not supported by the hypervisor.")
}

// powerHost answers as Nova does with QEMU: hosts are not switched on and off
// through the cloud.
func (f *face) powerHost(r *api.Request) (any, error) {
	if err := f.knownHost(r); err != nil {
		return nil, err
	}
	return nil, unsupported()
}
