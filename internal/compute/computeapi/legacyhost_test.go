package computeapi_test

import "testing"

// Hosts as Nova had them up to 2.42.
func TestLegacyHosts(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.create("one")
		list := b.ask(200, "admin", "2.1", "GET", "/os-hosts", nil)
		if dig(t, list, "hosts", 0, "host_name") != "node-1" || dig(t, list, "hosts", 0, "service") != "compute" || dig(t, list, "hosts", 0, "zone") != "nova" {
			t.Errorf("hosts are %v", list)
		}
		if got := b.ask(200, "admin", "2.42", "GET", "/os-hosts?zone=mars", nil); len(got["hosts"].([]any)) != 0 {
			t.Errorf("hosts of no zone are %v", got)
		}
		shown := b.ask(200, "admin", "2.1", "GET", "/os-hosts/node-1", nil)
		for i, want := range []object{
			{"host": "node-1", "project": "(total)", "cpu": 64.0, "memory_mb": 1048576.0, "disk_gb": 4000.0},
			{"host": "node-1", "project": "(used_now)", "cpu": 1.0, "memory_mb": 512.0, "disk_gb": 1.0},
			{"host": "node-1", "project": "(used_max)", "cpu": 1.0, "memory_mb": 512.0, "disk_gb": 1.0},
			{"host": "node-1", "project": "demo-id", "cpu": 1.0, "memory_mb": 512.0, "disk_gb": 1.0},
		} {
			one := dig(t, shown, "host", i, "resource").(object)
			for name, value := range want {
				if one[name] != value {
					t.Errorf("resource %d: %s is %v, want %v", i, name, one[name], value)
				}
			}
		}
		if got := b.ask(200, "admin", "2.1", "PUT", "/os-hosts/node-1", object{"status": "Disable"}); got["status"] != "disabled" || got["host"] != "node-1" {
			t.Errorf("disabled: %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-hosts", nil); len(got["hosts"].([]any)) != 0 {
			t.Errorf("with the host disabled: %v", got)
		}
		b.ask(200, "admin", "2.1", "PUT", "/os-hosts/node-1", object{"status": "enable"})
		b.ask(501, "admin", "2.1", "PUT", "/os-hosts/node-1", object{"status": "enable", "maintenance_mode": "enable"})
		b.ask(400, "admin", "2.1", "PUT", "/os-hosts/node-1", object{"status": "fly"})
		b.ask(400, "admin", "2.1", "PUT", "/os-hosts/node-1", object{"wings": 2})
		b.ask(400, "admin", "2.1", "PUT", "/os-hosts/node-1", object{})
		b.ask(404, "admin", "2.1", "PUT", "/os-hosts/mars", object{"status": "enable"})
		b.ask(404, "admin", "2.1", "GET", "/os-hosts/mars", nil)
		for _, action := range []string{"startup", "shutdown", "reboot"} {
			b.ask(501, "admin", "2.1", "GET", "/os-hosts/node-1/"+action, nil)
			b.ask(404, "admin", "2.1", "GET", "/os-hosts/mars/"+action, nil)
			b.ask(403, "member", "2.1", "GET", "/os-hosts/node-1/"+action, nil)
		}
		b.ask(404, "admin", "2.43", "GET", "/os-hosts", nil)
		b.ask(403, "member", "2.1", "GET", "/os-hosts", nil)
		b.ask(403, "member", "2.1", "PUT", "/os-hosts/node-1", object{"status": "disable"})
	})
}
