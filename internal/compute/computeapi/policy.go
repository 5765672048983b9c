package computeapi

import "wisp/internal/policy"

const base = "os_compute_api:"

// Names of rules that handlers ask for besides their route's.
const (
	ruleExtended     = base + "os-extended-server-attributes"
	ruleHostStatus   = base + "servers:show:host_status"
	ruleForcedHost   = base + "servers:create:forced_host"
	ruleTopology     = "compute:server:topology:index"
	ruleDestination  = base + "compute:servers:create:requested_destination"
	ruleZeroDisk     = base + "servers:create:zero_disk_flavor"
	ruleTrusted      = base + "servers:create:trusted_certs"
	ruleAllProjects  = base + "servers:detail:get_all_tenants"
	ruleExtraSpecs   = base + "os-flavor-extra-specs:index"
	ruleUnshelveHost = base + "os-shelve:unshelve_to_host"
	ruleEvents       = base + "os-instance-actions:events"
	ruleEventDetails = base + "os-instance-actions:events:details"
)

// Rules are the rules of Compute, with Nova's defaults: readers read and
// members change what is their project's, admins do everything. What belongs
// to other projects is not found, which the slice sees to.
func Rules() policy.Rules {
	reader := policy.Or(policy.Admin, policy.Project("reader"))
	member := policy.Or(policy.Admin, policy.Project("member"))
	self := policy.Or(policy.Admin, policy.Self)
	rules := policy.Rules{}
	add := func(rule policy.Rule, names ...string) {
		for _, name := range names {
			rules[base+name] = rule
		}
	}
	rules["compute:aggregates:images"] = policy.Admin
	rules[ruleTopology] = reader
	add(policy.Anyone, "os-floating-ip-pools", "removed")
	add(reader,
		"images:index", "images:show", "image-metadata:index", "image-metadata:show", "os-networks:list", "os-networks:show", "os-tenant-networks:list",
		"os-tenant-networks:show", "os-floating-ips:list", "os-floating-ips:show", "os-security-groups:get", "os-security-groups:show")
	add(member,
		"images:delete", "image-metadata:create", "image-metadata:update", "image-metadata:update_all", "image-metadata:delete",
		"os-floating-ips:create", "os-floating-ips:delete", "os-floating-ips:add", "os-floating-ips:remove", "os-multinic:add", "os-multinic:remove", "os-security-groups:create",
		"os-security-groups:update", "os-security-groups:delete", "os-security-groups:rule:create", "os-security-groups:rule:delete",
		"os-security-groups:add", "os-security-groups:remove")
	add(policy.Admin,
		"os-hosts:list", "os-hosts:show", "os-hosts:update", "os-hosts:start", "os-hosts:shutdown", "os-hosts:reboot", "os-quota-class-sets:show",
		"os-quota-class-sets:update", "os-migrations:index", "os-instance-usage-audit-log:list", "os-instance-usage-audit-log:show",
		"os-server-external-events:create")
	add(policy.Anyone, "extensions", "os-availability-zone:list", "limits", "flavors", "flavors:show", "os-quota-sets:defaults")
	add(reader,
		"servers:index", "servers:detail", "servers:show", "ips:index", "ips:show", "server-metadata:index", "server-metadata:show",
		"os-server-tags:index", "os-server-tags:show", "os-instance-actions:list", "os-instance-actions:show", "os-attach-interfaces:list",
		"os-attach-interfaces:show", "os-security-groups:list", "os-quota-sets:show", "os-quota-sets:detail", "os-simple-tenant-usage:show",
		"os-server-groups:index", "os-server-groups:show", "os-flavor-extra-specs:index", "os-flavor-extra-specs:show", "os-volumes-attachments:index",
		"os-server-password:show")
	add(member,
		"servers:create", "servers:update", "servers:delete", "servers:action", "servers:start", "servers:stop", "servers:reboot",
		"servers:trigger_crash_dump",
		"server-metadata:create", "server-metadata:update", "server-metadata:update_all", "server-metadata:delete",
		"os-server-tags:update", "os-server-tags:update_all", "os-server-tags:delete", "os-server-tags:delete_all",
		"os-console-output", "os-lock-server:lock", "os-lock-server:unlock", "os-server-groups:create", "os-server-groups:delete",
		"servers:create:trusted_certs", "os-remote-consoles",
		"os-pause-server:pause", "os-pause-server:unpause", "os-suspend-server:suspend", "os-suspend-server:resume", "os-rescue", "os-unrescue",
		"servers:rebuild", "servers:resize", "servers:confirm_resize", "servers:revert_resize", "servers:create_image", "os-create-backup",
		"os-shelve:shelve", "os-shelve:unshelve", "os-attach-interfaces:create", "os-attach-interfaces:delete", "os-volumes-attachments:create", "os-deferred-delete:force", "os-deferred-delete:restore", "os-admin-password", "os-server-password:clear")
	add(self, "os-keypairs:index", "os-keypairs:show", "os-keypairs:create", "os-keypairs:delete")
	add(policy.Admin,
		"os-extended-server-attributes", "servers:show:host_status", "servers:create:forced_host", "compute:servers:create:requested_destination",
		"servers:create:zero_disk_flavor", "servers:detail:get_all_tenants", "os-instance-actions:events", "os-instance-actions:events:details",
		"os-admin-actions:reset_state", "os-evacuate", "os-flavor-manage:create", "os-flavor-manage:update", "os-flavor-manage:delete",
		"os-flavor-access", "os-flavor-access:add_tenant_access", "os-flavor-access:remove_tenant_access",
		"os-flavor-extra-specs:create", "os-flavor-extra-specs:update", "os-flavor-extra-specs:delete",
		"os-services:list", "os-services:update", "os-services:delete", "os-hypervisors:list", "os-hypervisors:list-detail",
		"os-hypervisors:show", "os-hypervisors:statistics", "os-hypervisors:uptime", "os-hypervisors:search", "os-hypervisors:servers",
		"os-availability-zone:detail", "os-quota-sets:update", "os-quota-sets:delete", "os-simple-tenant-usage:list",
		"os-aggregates:index", "os-aggregates:create", "os-aggregates:show", "os-aggregates:update", "os-aggregates:delete",
		"os-aggregates:add_host", "os-aggregates:remove_host", "os-aggregates:set_metadata", "os-aggregates:action",
		"os-server-diagnostics", "os-console-auth-tokens", "os-shelve:shelve_offload", "os-shelve:unshelve_to_host", "os-migrate-server:migrate",
		"os-migrate-server:migrate_live", "servers:migrations:index", "servers:migrations:show", "servers:migrations:delete", "servers:migrations:force_complete")
	return rules
}
