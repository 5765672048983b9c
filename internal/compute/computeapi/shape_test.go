package computeapi_test

import (
	"fmt"
	"testing"
)

// Each field is there from the microversion that brought it, or until the last
// that has it, and not a version earlier or later (Nova's history of its REST
// API).
func TestFieldsOfMicroversions(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.prefix = "/compute/v2.1"
	group := dig(t, b.ask(200, "member", "2.64", "POST", "/os-server-groups", object{"server_group": object{"name": "g", "policy": "anti-affinity"}}), "server_group", "id").(string)
	b.ask(201, "member", "2.2", "POST", "/os-keypairs", object{"keypair": object{"name": "k", "type": "ssh"}})
	body := b.body("one")
	body["os:scheduler_hints"] = object{"group": group}
	id := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", body), "server", "id").(string)
	b.node.Step()
	server, flavor := "/servers/"+id, "/flavors/"+b.flavor
	hypervisor := func(version string) string {
		return "/os-hypervisors/" + fmt.Sprint(dig(t, b.ask(200, "admin", version, "GET", "/os-hypervisors", nil), "hypervisors", 0, "id"))
	}
	const first, last = 1, 96
	for _, tt := range []struct {
		token, path  string
		at           []any
		field        string
		since, until int
	}{
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:host", first, last},
		{"member", server, []any{"server"}, "OS-EXT-SRV-ATTR:host", 0, 0},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:reservation_id", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:launch_index", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:kernel_id", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:ramdisk_id", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:root_device_name", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:user_data", 3, last},
		{"admin", server, []any{"server"}, "OS-EXT-SRV-ATTR:hostname", 3, last},
		{"member", server, []any{"server"}, "OS-EXT-SRV-ATTR:hostname", 90, last},
		{"member", server, []any{"server"}, "locked", 9, last},
		{"admin", server, []any{"server"}, "host_status", 16, last},
		{"member", server, []any{"server"}, "host_status", 0, 0},
		{"member", server, []any{"server"}, "description", 19, last},
		{"member", server, []any{"server"}, "tags", 26, last},
		{"member", server, []any{"server", "flavor"}, "id", first, 46},
		{"member", server, []any{"server", "flavor"}, "links", first, 46},
		{"member", server, []any{"server", "flavor"}, "original_name", 47, last},
		{"member", server, []any{"server", "flavor"}, "vcpus", 47, last},
		{"member", server, []any{"server", "flavor"}, "extra_specs", 47, last},
		{"member", server, []any{"server"}, "trusted_image_certificates", 63, last},
		{"member", server, []any{"server"}, "server_groups", 71, last},
		{"member", server, []any{"server"}, "locked_reason", 73, last},
		{"member", server, []any{"server"}, "pinned_availability_zone", 96, last},
		{"member", "/servers/detail", []any{"servers", 0}, "locked", 9, last},
		{"member", "/servers/detail", []any{"servers", 0}, "description", 19, last},
		{"member", "/servers/detail", []any{"servers", 0}, "tags", 26, last},
		{"member", "/servers/detail", []any{"servers", 0}, "trusted_image_certificates", 63, last},
		{"member", "/servers/detail", []any{"servers", 0}, "server_groups", 0, 0},
		{"member", "/servers/detail", []any{"servers", 0}, "locked_reason", 73, last},
		{"member", "/servers/detail", []any{"servers", 0}, "pinned_availability_zone", 96, last},
		{"member", "/servers", []any{"servers", 0}, "status", 0, 0},
		{"member", flavor, []any{"flavor"}, "description", 55, last},
		{"member", flavor, []any{"flavor"}, "extra_specs", 61, last},
		{"member", "/flavors", []any{"flavors", 0}, "description", 55, last},
		{"member", "/flavors", []any{"flavors", 0}, "extra_specs", 0, 0},
		{"member", "/flavors/detail", []any{"flavors", 0}, "description", 55, last},
		{"member", "/flavors/detail", []any{"flavors", 0}, "extra_specs", 61, last},
		{"admin", "/os-hypervisors/detail", []any{"hypervisors", 0}, "cpu_info", first, 87},
		{"admin", "/os-hypervisors/detail", []any{"hypervisors", 0}, "vcpus_used", first, 87},
		{"admin", "/os-hypervisors/detail", []any{"hypervisors", 0}, "running_vms", first, 87},
		{"admin", "/os-hypervisors/detail", []any{"hypervisors", 0}, "uptime", 88, last},
		{"admin", "/os-hypervisors/detail", []any{"hypervisors", 0}, "servers", 0, 0},
		{"admin", "/os-hypervisors/detail?with_servers=true", []any{"hypervisors", 0}, "servers", 53, last},
		{"admin", "hypervisor", []any{"hypervisor"}, "current_workload", first, 87},
		{"admin", "hypervisor", []any{"hypervisor"}, "uptime", 88, last},
		{"admin", "/os-services", []any{"services", 0}, "forced_down", 11, last},
		{"admin", "/os-services", []any{"services", 0}, "disabled_reason", first, last},
		{"member", "/os-server-groups/" + group, []any{"server_group"}, "policies", first, 63},
		{"member", "/os-server-groups/" + group, []any{"server_group"}, "metadata", first, 63},
		{"member", "/os-server-groups/" + group, []any{"server_group"}, "policy", 64, last},
		{"member", "/os-server-groups/" + group, []any{"server_group"}, "rules", 64, last},
		{"member", "/os-server-groups", []any{"server_groups", 0}, "project_id", 13, last},
		{"member", "/os-server-groups", []any{"server_groups", 0}, "user_id", 13, last},
		{"member", "/os-keypairs", []any{"keypairs", 0, "keypair"}, "type", 2, last},
		{"member", "/os-keypairs/k", []any{"keypair"}, "type", 2, last},
		{"member", server + "/os-instance-actions", []any{"instanceActions", 0}, "updated_at", 58, last},
		{"member", server + "/os-interface", []any{"interfaceAttachments", 0}, "tag", 70, last},
		{"member", "/limits", []any{"limits", "absolute"}, "maxTotalFloatingIps", first, 35},
		{"member", "/limits", []any{"limits", "absolute"}, "maxSecurityGroups", first, 35},
		{"member", "/limits", []any{"limits", "absolute"}, "maxImageMeta", first, 38},
		{"member", "/limits", []any{"limits", "absolute"}, "maxPersonality", first, 56},
		{"member", "/os-quota-sets/demo-id", []any{"quota_set"}, "fixed_ips", first, 35},
		{"member", "/os-quota-sets/demo-id", []any{"quota_set"}, "injected_files", first, 56},
		{"member", "/os-quota-sets/demo-id", []any{"quota_set"}, "server_group_members", first, last},
	} {
		versions := []int{first, last}
		if tt.since > first {
			versions = append(versions, tt.since-1, tt.since)
		}
		if tt.until > 0 && tt.until < last {
			versions = append(versions, tt.until, tt.until+1)
		}
		for _, minor := range versions {
			version := fmt.Sprintf("2.%d", minor)
			path := tt.path
			if path == "hypervisor" {
				path = hypervisor(version)
			}
			at := tt.at
			answer := b.ask(200, tt.token, version, "GET", path, nil)
			_, there := dig(t, answer, at...).(object)[tt.field]
			if want := minor >= tt.since && minor <= tt.until; there != want {
				t.Errorf("%s of %s for %s at %s: %v, want %v", tt.field, tt.path, tt.token, version, there, want)
			}
		}
	}
}

// What changed its form, and not its name.
func TestFormsOfMicroversions(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.prefix = "/compute/v2.1"
	b.active("one")
	for _, tt := range []struct {
		name, token, path string
		at                []any
		since             int
		before, after     string // types
	}{
		{"numbers of services", "admin", "/os-services", []any{"services", 0, "id"}, 53, "float64", "string"},
		{"numbers of hypervisors", "admin", "/os-hypervisors", []any{"hypervisors", 0, "id"}, 53, "float64", "string"},
		{"numbers of hypervisors' services", "admin", "/os-hypervisors/detail", []any{"hypervisors", 0, "service", "id"}, 53, "float64", "string"},
		{"processors", "admin", "/os-hypervisors/detail", []any{"hypervisors", 0, "cpu_info"}, 28, "string", "map[string]interface {}"},
		{"no swap", "member", "/flavors/" + b.flavor, []any{"flavor", "swap"}, 75, "string", "float64"},
		{"no swap in lists", "member", "/flavors/detail", []any{"flavors", 0, "swap"}, 75, "string", "float64"},
	} {
		for minor, want := range map[int]string{tt.since - 1: tt.before, tt.since: tt.after} {
			got := dig(t, b.ask(200, tt.token, fmt.Sprintf("2.%d", minor), "GET", tt.path, nil), tt.at...)
			if fmt.Sprintf("%T", got) != want {
				t.Errorf("%s at 2.%d: %T, want %s", tt.name, minor, got, want)
			}
		}
	}
}
