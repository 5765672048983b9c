package computeapi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wisp/internal/api/contract"
)

// described opens the description of Nova, or skips the test.
func described(t *testing.T) *contract.Description {
	t.Helper()
	d, err := contract.Open("compute")
	if errors.Is(err, contract.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changes are the minor versions that wisp speaks and at which something about
// a method on a path changes, and the first and the last.
func changes(t *testing.T, d *contract.Description, method, path string) []int {
	t.Helper()
	found, err := d.Versions(method, "/v2.1"+path)
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, 1, 96)
	for i := range found {
		found[i] = min(max(found[i], 1), 96)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// furnished is a cloud that has something of everything that can be read.
func furnished(t *testing.T, b *bench) (parameters map[string]string) {
	t.Helper()
	b.cloud.Node("node-2", 64, 1<<20, 4000)
	b.ask(200, "admin", "2.1", "PUT", "/os-services/disable-log-reason", object{"host": "node-2", "binary": "nova-compute", "disabled_reason": "spare"})
	aggregate := fmt.Sprint(dig(t, b.ask(200, "admin", "2.1", "POST", "/os-aggregates", object{"aggregate": object{"name": "racks", "availability_zone": "north"}}), "aggregate", "id"))
	b.ask(200, "admin", "2.1", "POST", "/os-aggregates/"+aggregate+"/action", object{"add_host": object{"host": "node-2"}})
	b.ask(200, "admin", "2.1", "POST", "/os-aggregates/"+aggregate+"/action", object{"set_metadata": object{"metadata": object{"speed": "high"}}})
	b.ask(200, "admin", "2.1", "POST", "/flavors", object{"flavor": object{"id": "own", "name": "own", "ram": 512, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}})
	b.ask(200, "admin", "2.1", "POST", "/flavors/own/action", object{"addTenantAccess": object{"tenant": "demo-id"}})
	b.ask(200, "admin", "2.1", "POST", "/flavors/own/os-extra_specs", object{"extra_specs": object{"hw:mem_page_size": "any"}})
	b.ask(200, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "key", "public_key": sshKey}})
	group := dig(t, b.ask(200, "member", "2.64", "POST", "/os-server-groups", object{"server_group": object{"name": "apart", "policy": "anti-affinity"}}), "server_group", "id").(string)
	large := b.cloud.Flavor("large", 2, 1024, 2)

	body := b.body("web")
	server := body["server"].(object)
	server["flavorRef"], server["key_name"], server["metadata"], server["tags"], server["description"] = "own", "key", object{"k": "v"}, []string{"red"}, "words"
	server["user_data"] = "aGVsbG8="
	body["os:scheduler_hints"] = object{"group": group}
	id := dig(t, b.ask(202, "member", "2.52", "POST", "/servers", body), "server", "id").(string)
	b.node.Step()
	b.does(202, id, object{"resize": object{"flavorRef": large}}, "VERIFY_RESIZE")
	b.does(204, id, object{"confirmResize": nil}, "ACTIVE")
	port := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+id+"/os-interface", nil), "interfaceAttachments", 0, "port_id").(string)
	b.act(202, "member", "2.73", id, object{"lock": object{"locked_reason": "mine"}})

	broken := b.create("broken")
	b.node.Fail(broken, "the disk is full")
	b.node.Step()
	b.create("being built")
	request := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+id+"/os-instance-actions", nil), "instanceActions", 0, "request_id").(string)
	token := tokenOf(t, dig(t, b.ask(200, "member", "2.6", "POST", "/servers/"+id+"/remote-consoles", object{"remote_console": object{"protocol": "vnc", "type": "novnc"}}),
		"remote_console", "url"), "http", "/console/vnc")
	return map[string]string{
		"server": id, "broken": broken, "request": request, "token": token, "aggregate": aggregate, "group": group, "image": b.image, "port": port, "network": b.network,
	}
}

// sshKey is a public key that Nova takes.
const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxe2E1+m4GIbUWhYkdIYhCbVAYUIbf3TDKjxl0oNgcx somebody"

// What can be read is as Nova describes it at each version at which that
// changes, for its owner and for administrators: apitest compares each answer.
func TestReadsAtEveryVersion(t *testing.T) {
	t.Parallel()
	d := described(t)
	b := open(t)
	values := furnished(t, b)
	for _, c := range []struct{ path, parameter string }{
		{"/servers", ""}, {"/servers/detail", ""}, {"/servers/{id}", "server"}, {"/servers/{id}", "broken"}, {"/servers/{id}/ips", "server"},
		{"/servers/{id}/metadata", "server"}, {"/servers/{id}/tags", "server"}, {"/servers/{id}/os-instance-actions", "server"},
		{"/servers/{id}/os-instance-actions", "broken"}, {"/servers/{id}/os-instance-actions/{id}", "server request"}, {"/servers/{id}/diagnostics", "server"},
		{"/servers/{id}/os-interface", "server"}, {"/servers/{id}/os-interface/{id}", "server port"}, {"/servers/{id}/os-security-groups", "server"},
		{"/servers/{id}/os-volume_attachments", "server"}, {"/servers/{id}/os-server-password", "server"}, {"/servers/{id}/migrations", "server"}, {"/servers/{id}/topology", "server"},
		{"/flavors", ""}, {"/flavors/detail", ""}, {"/flavors/{id}", "=own"}, {"/flavors/{id}/os-extra_specs", "=own"}, {"/flavors/{id}/os-flavor-access", "=own"},
		{"/os-keypairs", ""}, {"/os-keypairs/{id}", "=key"}, {"/os-server-groups", ""}, {"/os-server-groups/{id}", "group"},
		{"/os-hypervisors", ""}, {"/os-hypervisors/detail", ""}, {"/os-hypervisors/{id}", "hypervisor"}, {"/os-hypervisors/statistics", ""}, {"/os-hypervisors/{id}/uptime", "hypervisor"},
		{"/os-hypervisors/{id}/search", "=node"}, {"/os-hypervisors/{id}/servers", "=node"},
		{"/os-services", ""}, {"/os-migrations", ""}, {"/os-aggregates", ""}, {"/os-aggregates/{id}", "aggregate"}, {"/os-availability-zone", ""}, {"/os-availability-zone/detail", ""},
		{"/limits", ""}, {"/os-quota-sets/{id}", "=demo-id"}, {"/os-quota-sets/{id}/detail", "=demo-id"}, {"/os-quota-sets/{id}/defaults", "=demo-id"}, {"/os-quota-class-sets/{id}", "=default"},
		{"/os-simple-tenant-usage", ""}, {"/os-simple-tenant-usage/{id}", "=demo-id"}, {"/os-console-auth-tokens/{id}", "token"},
		{"/os-instance_usage_audit_log", ""}, {"/extensions", ""}, {"/images", ""}, {"/images/detail", ""}, {"/images/{id}", "image"}, {"/images/{id}/metadata", "image"},
		{"/os-hosts", ""}, {"/os-hosts/{id}", "=node-1"}, {"/os-networks", ""}, {"/os-networks/{id}", "network"}, {"/os-tenant-networks", ""},
		{"/os-floating-ips", ""}, {"/os-floating-ip-pools", ""}, {"/os-security-groups", ""},
	} {
		for _, version := range changes(t, d, "GET", c.path) {
			if c.parameter == "token" && version < 31 {
				continue // only tokens of RDP could be looked at
			}
			path := c.path
			for parameter := range strings.FieldsSeq(c.parameter) {
				value := values[parameter]
				if literal, ok := strings.CutPrefix(parameter, "="); ok {
					value = literal
				}
				if parameter == "hypervisor" {
					value = fmt.Sprint(dig(t, b.ask(200, "admin", "2."+fmt.Sprint(version), "GET", "/os-hypervisors", nil), "hypervisors", 0, "id"))
				}
				path = strings.Replace(path, "{id}", value, 1)
			}
			is, err := d.HasAt("GET", "/v2.1"+c.path, version)
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"admin", "member"} {
				r := b.Do(who, "GET", b.prefix+path, nil, "OpenStack-API-Version", fmt.Sprintf("compute 2.%d", version))
				if r.Status == 403 && who == "member" || r.Status == 404 && who == "admin" && c.path == "/os-keypairs/{id}" {
					continue // another one's key
				}
				if is != (r.Status == 200) {
					t.Errorf("GET %s at 2.%d as %s: %d %s", path, version, who, r.Status, r.Body)
				}
			}
		}
	}
}

// What is changed is answered as Nova describes it at each version at which
// that changes.
func TestChangesAtEveryVersion(t *testing.T) {
	t.Parallel()
	d := described(t)
	b := open(t)
	b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"server_groups": -1, "key_pairs": -1, "instances": -1, "cores": -1}})
	values := furnished(t, b)
	b.act(202, "member", "2.1", values["server"], object{"unlock": nil})
	service := func(version int) string {
		return fmt.Sprint(dig(t, b.ask(200, "admin", fmt.Sprintf("2.%d", version), "GET", "/os-services?binary=nova-compute", nil), "services", 0, "id"))
	}
	name := func(version int) string { return fmt.Sprintf("v%d", version) }
	for _, c := range []struct {
		who, method, path string
		at                func(version int) (path string, body object)
	}{
		{"member", "PUT", "/servers/{id}", func(v int) (string, object) {
			return "/servers/" + values["server"], object{"server": object{"name": name(v)}}
		}},
		{"member", "POST", "/servers", func(v int) (string, object) {
			body := b.body(name(v))
			server := body["server"].(object)
			for from, more := range map[int]object{19: {"description": "words"}, 32: {"tags": nil}, 52: {"tags": []string{"a"}}, 63: {"trusted_image_certificates": nil}, 90: {"hostname": "host"}} {
				for key, value := range more {
					if v >= from && value != nil {
						server[key] = value
					}
				}
			}
			if v >= 37 && v%2 == 0 {
				server["networks"] = "none"
			}
			return "/servers", body
		}},
		{"admin", "POST", "/flavors", func(v int) (string, object) {
			return "/flavors", object{"flavor": object{"name": name(v), "ram": 64, "vcpus": 1, "disk": 0}}
		}},
		{"admin", "PUT", "/flavors/{id}", func(v int) (string, object) {
			return "/flavors/own", object{"flavor": object{"description": name(v)}}
		}},
		{"member", "POST", "/os-keypairs", func(v int) (string, object) {
			body := object{"name": name(v), "public_key": sshKey}
			if v >= 2 {
				body["type"] = "ssh"
			}
			return "/os-keypairs", object{"keypair": body}
		}},
		{"member", "POST", "/os-server-groups", func(v int) (string, object) {
			if v < 64 {
				return "/os-server-groups", object{"server_group": object{"name": name(v), "policies": []string{"affinity"}}}
			}
			return "/os-server-groups", object{"server_group": object{"name": name(v), "policy": "anti-affinity", "rules": object{"max_server_per_host": 2}}}
		}},
		{"admin", "POST", "/os-aggregates", func(v int) (string, object) {
			return "/os-aggregates", object{"aggregate": object{"name": name(v)}}
		}},
		{"admin", "PUT", "/os-aggregates/{id}", func(v int) (string, object) {
			return "/os-aggregates/" + values["aggregate"], object{"aggregate": object{"name": "now " + name(v)}}
		}},
		{"admin", "POST", "/os-aggregates/{id}/action", func(v int) (string, object) {
			return "/os-aggregates/" + values["aggregate"] + "/action", object{"set_metadata": object{"metadata": object{"v": name(v)}}}
		}},
		{"admin", "PUT", "/os-quota-sets/{id}", func(int) (string, object) {
			return "/os-quota-sets/other-id", object{"quota_set": object{"cores": 3, "force": true}}
		}},
		{"admin", "PUT", "/os-quota-class-sets/{id}", func(int) (string, object) {
			return "/os-quota-class-sets/default", object{"quota_class_set": object{"ram": 999999}}
		}},
		{"admin", "PUT", "/os-services/{id}", func(v int) (string, object) {
			switch {
			case v < 11:
				return "/os-services/enable", object{"host": "node-2", "binary": "nova-compute"}
			case v < 53:
				return "/os-services/force-down", object{"host": "node-2", "binary": "nova-compute", "forced_down": true}
			}
			return "/os-services/" + service(v), object{"status": "enabled"}
		}},
		{"member", "POST", "/servers/{id}/os-interface", func(v int) (string, object) {
			return "/servers/" + values["server"] + "/os-interface", object{"interfaceAttachment": object{"net_id": b.network}}
		}},
		{"member", "POST", "/servers/{id}/remote-consoles", func(int) (string, object) {
			return "/servers/" + values["server"] + "/remote-consoles", object{"remote_console": object{"protocol": "serial", "type": "serial"}}
		}},
		{"admin", "POST", "/os-server-external-events", func(int) (string, object) {
			return "/os-server-external-events", object{"events": []object{{"name": "network-changed", "server_uuid": values["server"]}}}
		}},
	} {
		for _, version := range changes(t, d, c.method, c.path) {
			is, err := d.HasAt(c.method, "/v2.1"+c.path, version)
			if err != nil {
				t.Fatal(err)
			}
			path, body := c.at(version)
			r := b.Do(c.who, c.method, b.prefix+path, body, "OpenStack-API-Version", fmt.Sprintf("compute 2.%d", version))
			if is != (r.Status < 300) {
				t.Errorf("%s %s at 2.%d as %s: %d %s", c.method, path, version, c.who, r.Status, r.Body)
			}
			b.node.Step()
		}
	}
	for _, version := range []int{1, 8, 9, 19, 26, 45, 46, 47, 54, 57, 63, 71, 73, 75, 90, 96} {
		at := fmt.Sprintf("2.%d", version)
		for _, who := range []string{"member", "admin"} {
			b.act(202, who, at, values["server"], object{"rebuild": object{"imageRef": b.image}})
			b.node.Step()
		}
		b.act(202, "member", at, values["server"], object{"createImage": object{"name": "image"}})
		b.node.Step()
		b.act(200, "member", at, values["server"], object{"os-getConsoleOutput": object{}})
	}
}
