package networkapi

import (
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
)

type extensionView struct {
	Alias       string `json:"alias"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Updated     string `json:"updated"`
	Links       []link `json:"links"`
}

// extensions are what this service has of the Networking API, exactly:
// clients break on what is announced and missing, and on what is neither.
var extensions = func() []extensionView {
	list := []struct{ alias, name, description string }{
		{"address-group", "Address group", "Support address group"},
		{"address-scope", "Address scope", "Address scopes extension."},
		{"agent", "agent", "The agent management extension."},
		{"agent-resources-synced", "Agent's Resource View Synced to Placement", "Stores success/failure of last sync to Placement"},
		{"allowed-address-pairs", "Allowed Address Pairs", "Provides allowed address pairs"},
		{"auto-allocated-topology", "Auto Allocated Topology Services", "Auto Allocated Topology Services."},
		{"availability_zone", "Availability Zone", "The availability zone extension."},
		{"availability_zone_filter", "Availability Zone Filter Extension", "Add filter parameters to AvailabilityZone resource"},
		{"binding", "Port Binding", "Expose port bindings of a virtual port to external application"},
		{"default-subnetpools", "Default Subnetpools", "Provides ability to mark and use a subnetpool as the default."},
		{"dhcp_agent_scheduler", "DHCP Agent Scheduler", "Schedule networks among dhcp agents"},
		{"dns-integration", "DNS Integration", "Provides integration with DNS."},
		{"dvr", "Distributed Virtual Router", "Enables configuration of Distributed Virtual Routers."},
		{"empty-string-filtering", "Empty String Filtering Extension", "Allow filtering by attributes with empty string value"},
		{"ext-gw-mode", "Neutron L3 Configurable external gateway mode", "Extension of the router abstraction for specifying whether SNAT should occur on the external gateway"},
		{"external-net", "Neutron external network", "Adds external network attribute to network resource."},
		{"extra_dhcp_opt", "Neutron Extra DHCP options", "Extra options configuration for DHCP."},
		{"extraroute", "Neutron Extra Route", "Extra routes configuration for L3 router"},
		{"extraroute-atomic", "Atomically add/remove extra routes", "Edit extra routes of a router on server side by atomically adding/removing extra routes"},
		{"filter-validation", "Filter parameters validation", "Provides validation on filter parameters."},
		{"fip-port-details", "Floating IP Port Details Extension", "Add port_details attribute to Floating IP resource"},
		{"floatingip-pools", "Floating IP Pools Extension", "Provides a floating IP pools API."},
		{"ip-substring-filtering", "IP address substring filtering", "Provides IP address substring filtering when listing ports"},
		{"ip_allocation", "IP Allocation", "IP allocation extension."},
		{"l2_adjacency", "L2 Adjacency", "Display L2 Adjacency for Neutron Networks."},
		{"l3_agent_scheduler", "L3 Agent Scheduler", "Schedule routers among l3 agents"},
		{"l3-ha", "HA Router extension", "Adds HA capability to routers."},
		{"metering", "Neutron Metering", "Neutron Metering extension."},
		{"metering-counters", "Metering Counters", "Adds GET /v2.0/metering/metering-labels/{id}/counters, which tells the packets and bytes that a label has counted in each direction."},
		{"metering_source_and_destination_fields", "Neutron Metering with source and destination filtering", "Neutron Metering extension that enables the use of source and destination IP prefixes to create metering label rules."},
		{"net-mtu", "Network MTU", "Provides MTU attribute for a network resource."},
		{"net-mtu-writable", "Network MTU (writable)", "Provides a writable MTU attribute for a network resource."},
		{"network-ip-availability", "Network IP Availability", "Provides IP availability data for each network and subnet."},
		{"network_availability_zone", "Network Availability Zone", "Availability zone support for network."},
		{"pagination", "Pagination support", "Extension that indicates that pagination is enabled."},
		{"port-mac-address-regenerate", "Neutron Port MAC address regenerate", "Network port MAC address regenerate"},
		{"port-security", "Port Security", "Provides port security"},
		{"port-security-groups-filtering", "Port filtering on security groups", "Provides security groups filtering when listing ports"},
		{"port-trace", "Port Trace", "Adds GET /v2.0/ports/{id}/trace, which follows the first packet of a connection from a port to a destination and says what each step does with it, and by which rule."},
		{"project-id", "project_id field enabled", "Extension that indicates that project_id field is enabled."},
		{"provider", "Provider Network", "Expose mapping of virtual networks to physical networks"},
		{"qos", "Quality of Service", "The Quality of Service extension."},
		{"qos-bw-limit-direction", "Direction for QoS bandwidth limit rule", "Allow to configure QoS bandwidth limit rule with specific direction: ingress or egress"},
		{"qos-default", "QoS default policy", "Expose the QoS default policy per project"},
		{"qos-fip", "Floating IP QoS", "The floating IP Quality of Service extension"},
		{"qos-gateway-ip", "Router gateway IP QoS", "The Router gateway IP Quality of Service extension"},
		{"qos-port-network-policy", "QoS Port Network Policy", "Expose the QoS policy of a port's network in the port"},
		{"qos-pps", "QoS Rule Type Packet per Second Extension", "Add QoS Rule Type Packet per Second"},
		{"qos-rule-type-details", "Details of QoS rule types", "Expose details about QoS rule types supported by loaded backend drivers"},
		{"qos-rule-type-filter", "Allow to filter the list of QoS rule types", "Allows to filter the QoS rule type list with the flags all_rules and all_supported"},
		{"qos-rules-alias", "Quality of Service rules alias API", "API to enable GET, PUT and DELETE operations on QoS policy rules without specifying policy ID"},
		{"quota-check-limit", "Quota engine limit check", "Support for checking the resource usage before applying a new quota limit"},
		{"quota_details", "Quota details management support", "Expose functions for quotas usage statistics per project"},
		{"quotas", "Quota management support", "Expose functions for quotas management per project"},
		{"rbac-address-group", "Add address_group type to RBAC", "Add address_group type to network RBAC"},
		{"rbac-address-scope", "Address scope RBAC", "Add address_scope type to RBAC"},
		{"rbac-policies", "RBAC Policies", "Allows creation and modification of policies that control tenant access to resources."},
		{"rbac-security-groups", "Security groups RBAC", "Allows creation and modification of policies that control access to security groups."},
		{"rbac-subnetpool", "Subnetpool RBAC", "Add subnetpool type to RBAC"},
		{"revision-if-match", "If-Match constraints based on revision_number", "Extension indicating that If-Match based on revision_number is supported."},
		{"router", "Neutron L3 Router", "Router abstraction for basic L3 forwarding between L2 Neutron networks and access to external networks via a NAT gateway."},
		{"router-admin-state-down-before-update", "Enforce Router's Admin State Down Before Update Extension", "Ensure that the admin state of a router is down before updating the distributed attribute"},
		{"router_availability_zone", "Router Availability Zone", "Availability zone support for router."},
		{"security-group", "security-group", "The security groups extension."},
		{"security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "Add new field with normalized remote_ip_prefix cidr in SG rule"},
		{"security-groups-remote-address-group", "Remote address group id field for security group rules", "Add new field of remote address group id in SG rules"},
		{"security-groups-shared-filtering", "Security group filtering on the shared field", "Support filtering security groups on the shared field"},
		{"service-type", "Neutron Service Type Management", "API for retrieving service providers for Neutron advanced services"},
		{"sorting", "Sorting support", "Extension that indicates that sorting is enabled."},
		{"standard-attr-description", "standard-attr-description", "Extension to add descriptions to standard attributes"},
		{"standard-attr-revisions", "Resource revision numbers", "This extension will display the revision number of neutron resources."},
		{"standard-attr-tag", "Tag support for resources with standard attribute: subnet, router, network, port, floatingip, security_group, subnetpool, policy", "Enables to set tag on resources with standard attribute."},
		{"stateful-security-group", "Stateful security group", "Indicates if the security group is stateful or not"},
		{"subnet-service-types", "Subnet service types", "Provides ability to set the subnet service_types field"},
		{"subnet_allocation", "Subnet Allocation", "Enables allocation of subnets from a subnet pool"},
		{"subnet_onboard", "Subnet Onboard", "Provides support for onboarding subnets into subnet pools"},
		{"subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "Provides support for adding/removing prefixes from subnet pools"},
		{"standard-attr-timestamp", "Resource timestamps", "Adds created_at and updated_at fields to all Neutron resources that have Neutron standard attributes."},
	}
	views := make([]extensionView, len(list))
	for i, e := range list {
		views[i] = extensionView{Alias: e.alias, Name: e.name, Description: e.description, Updated: "2026-01-01T00:00:00-00:00", Links: []link{}}
	}
	return views
}()

func (f *face) extensionRoutes() []api.Route {
	return []api.Route{
		{Method: http.MethodGet, Path: "/v2.0/extensions", Policy: "get_extension", Handler: func(*api.Request) (any, error) {
			return map[string]any{"extensions": extensions}, nil
		}},
		{Method: http.MethodGet, Path: "/v2.0/extensions/{alias}", Policy: "get_extension", Handler: func(r *api.Request) (any, error) {
			i := slices.IndexFunc(extensions, func(e extensionView) bool { return e.Alias == r.Param("alias") })
			if i < 0 {
				return nil, errs.New(errs.NotFound, "Extension with alias %s does not exist", r.Param("alias")).WithType("HTTPNotFound")
			}
			return map[string]any{"extension": extensions[i]}, nil
		}},
	}
}

// resources are the collections, as the root of the API lists them.
var resources = []struct{ name, path string }{
	{"network", "networks"}, {"subnet", "subnets"}, {"port", "ports"}, {"router", "routers"}, {"floatingip", "floatingips"},
	{"security_group", "security-groups"}, {"security_group_rule", "security-group-rules"}, {"agent", "agents"}, {"quota", "quotas"},
	{"subnetpool", "subnetpools"}, {"address_scope", "address-scopes"}, {"rbac_policy", "rbac-policies"}, {"address_group", "address-groups"},
	{"policy", "qos/policies"}, {"rule_type", "qos/rule-types"},
	{"metering_label", "metering/metering-labels"}, {"metering_label_rule", "metering/metering-label-rules"},
}

func (f *face) versionRoutes() []api.Route {
	versions := func(r *api.Request) (any, error) {
		return map[string]any{"versions": []any{map[string]any{
			"id": "v2.0", "status": "CURRENT", "links": []link{{Rel: "self", Href: r.ServiceURL() + "/v2.0/"}},
		}}}, nil
	}
	root := func(r *api.Request) (any, error) {
		list := []any{}
		for _, res := range resources {
			list = append(list, map[string]any{
				"name": res.name, "collection": res.path, "links": []link{{Rel: "self", Href: r.ServiceURL() + "/v2.0/" + res.path}},
			})
		}
		return map[string]any{"resources": list}, nil
	}
	return []api.Route{
		{Method: http.MethodGet, Path: "/", Policy: api.Public, Handler: versions},
		{Method: http.MethodGet, Path: "/v2.0", Policy: "get_version", Handler: root},
		{Method: http.MethodGet, Path: "/v2.0/", Policy: "get_version", Handler: root},
	}
}
