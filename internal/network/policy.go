package network

import (
	"slices"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// tagged are the resources that have tags, as policies name them.
var tagged = []string{"networks", "subnets", "ports", "routers", "floatingips", "security_groups", "subnetpools", "policies"}

// Rules are the policies of the Networking API, under Neutron's names. Rules
// that depend on who owns the network of a port or subnet get that owner as
// their target.
func Rules() policy.Rules {
	reader, member := policy.Or(policy.Admin, policy.Project("reader")), policy.Or(policy.Admin, policy.Project("member"))
	manager := policy.Or(policy.Admin, policy.Project("manager"))
	rules := policy.Rules{}
	add := func(rule policy.Rule, names ...string) {
		for _, name := range names {
			rules[name] = rule
		}
	}
	for _, single := range []string{"network", "subnet", "port", "router", "floatingip", "security_group", "subnetpool", "address_scope", "address_group", "rbac_policy"} {
		add(member, "create_"+single, "update_"+single, "delete_"+single)
		add(reader, "get_"+single)
	}
	for _, plural := range tagged {
		member := member
		if plural == "policies" { // of QoS, which administrators change
			member = policy.Admin
		}
		add(reader, "get_"+plural+"_tags")
		add(member, "update_"+plural+"_tags", "delete_"+plural+"_tags", "create_"+plural+"_tags")
	}
	add(member, "create_security_group_rule", "delete_security_group_rule")
	add(reader, "get_security_group_rule", "get_port_trace")
	for _, attribute := range []string{"shared", "router:external", "is_default", "provider:network_type", "provider:physical_network", "provider:segmentation_id"} {
		add(policy.Admin, "create_network:"+attribute, "update_network:"+attribute)
	}
	add(policy.Admin, "get_network:provider")
	add(policy.Admin, "create_subnetpool:shared", "create_subnetpool:is_default", "update_subnetpool:is_default", "create_address_scope:shared", "update_address_scope:shared")
	add(policy.Admin, "create_rbac_policy:target_tenant", "update_rbac_policy:target_tenant")
	add(member, "add_prefixes", "remove_prefixes", "onboard_network_subnets")
	add(member, "create_network:port_security_enabled", "update_network:port_security_enabled")
	for _, verb := range []string{"create", "update"} {
		for _, attribute := range []string{"device_owner", "mac_address", "fixed_ips:ip_address", "fixed_ips:subnet_id", "port_security_enabled", "allowed_address_pairs"} {
			add(member, verb+"_port:"+attribute)
		}
		add(policy.Or(policy.Admin, policy.Role("service")), verb+"_port:binding:host_id", verb+"_port:binding:profile")
		add(policy.Admin, verb+"_router:distributed", verb+"_router:ha", verb+"_router:external_gateway_info:enable_snat", verb+"_router:external_gateway_info:external_fixed_ips")
	}
	add(manager, "update_port:mac_address")
	add(policy.Admin, "get_port:binding", "get_router:distributed")
	add(member, "add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes")
	add(reader, "get_auto_allocated_topology")
	add(member, "delete_auto_allocated_topology")
	add(manager, "create_floatingip:floating_ip_address")
	add(reader, "get_policy", "get_floatingip_pool")
	add(policy.Anyone, "get_rule_type")
	add(policy.Admin, "create_policy", "update_policy", "delete_policy")
	for _, k := range QoSKinds {
		for _, of := range []string{"policy_", "alias_"} {
			add(reader, "get_"+of+k.Type+"_rule")
			add(policy.Admin, "create_"+of+k.Type+"_rule", "update_"+of+k.Type+"_rule", "delete_"+of+k.Type+"_rule")
		}
	}
	add(policy.Anyone, "get_agent", "get_metering_label", "get_metering_label_rule") // what others than administrators see is filtered: nothing
	add(policy.Admin, "create_metering_label", "delete_metering_label", "create_metering_label_rule", "delete_metering_label_rule")
	add(policy.Admin, "update_agent", "delete_agent", "update_quota", "delete_quota", "get_network_ip_availability")
	add(policy.Admin, "get_l3-agents", "get_l3-routers", "create_l3-router", "delete_l3-router", "get_dhcp-agents", "get_dhcp-networks", "create_dhcp-network", "delete_dhcp-network")
	add(reader, "get_quota", "get_metering_label_counters")
	add(policy.Anyone, "get_availability_zone", "get_extension", "get_service_provider", "get_version")
	return rules
}

var rules = Rules()

// allow checks a rule for a caller against a project, in Neutron's words.
func allow(rule string, caller *policy.Caller, projectID string) error {
	if rules.Check(rule, caller, policy.Target{ProjectID: projectID}) != nil {
		return errs.New(errs.Forbidden, "rule:%s is disallowed by policy", rule).WithType("PolicyNotAuthorized")
	}
	return nil
}

// can is allow without an error.
func can(rule string, caller *policy.Caller, projectID string) bool {
	return allow(rule, caller, projectID) == nil
}

// allowSet checks a rule for an attribute that a request gives with a value
// other than the default.
func allowSet[T comparable](o Opt[T], otherwise T, rule string, caller *policy.Caller, projectID string) error {
	if !o.Set || o.Value == otherwise {
		return nil
	}
	return allow(rule, caller, projectID)
}

// owner is whose a new object will be: the caller's project, or one that an
// administrator names.
func owner(caller *policy.Caller, named Opt[string]) (string, error) {
	projectID := named.Or(caller.ProjectID)
	if projectID != caller.ProjectID && !caller.IsAdmin() {
		return "", refuse("HTTPBadRequest", "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges")
	}
	if projectID == "" {
		return "", errs.New(errs.Invalid, "Running without keystone AuthN requires that tenant_id is specified").WithType("HTTPBadRequest")
	}
	return projectID, nil
}

func invalid(format string, args ...any) error {
	return errs.New(errs.Invalid, "Invalid input for operation: "+format+".", args...).WithType("InvalidInput")
}

func bad(resource, format string, args ...any) error {
	return errs.New(errs.Invalid, "Bad "+resource+" request: "+format+".", args...).WithType("BadRequest")
}

func conflict(name, format string, args ...any) error {
	return errs.New(errs.Conflict, format, args...).WithType(name)
}

func missing(name, format string, args ...any) error {
	return errs.New(errs.NotFound, format, args...).WithType(name)
}

func refuse(name, format string, args ...any) error {
	return errs.New(errs.Invalid, format, args...).WithType(name)
}

// TaggedCollections are the resources that have tags, as policies name them.
func TaggedCollections() []string { return slices.Clone(tagged) }
