package computeapi_test

import (
	"strings"
	"testing"
)

// The limits of the class "default" are those of every project that has none
// of its own.
func TestQuotaClasses(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		path := "/os-quota-class-sets/default"
		names := func(version string) object {
			t.Helper()
			return dig(t, b.ask(200, "admin", version, "GET", path, nil), "quota_class_set").(object)
		}
		if got := names("2.1"); got["id"] != "default" || got["cores"] != 20.0 || got["floating_ips"] != -1.0 || got["server_groups"] != nil || got["injected_files"] == nil {
			t.Errorf("at 2.1: %v", got)
		}
		if got := names("2.50"); got["floating_ips"] != nil || got["server_groups"] != 10.0 || got["injected_files"] == nil {
			t.Errorf("at 2.50: %v", got)
		}
		if got := names("2.57"); got["injected_files"] != nil || len(got) != 8 {
			t.Errorf("at 2.57: %v", got)
		}
		set := b.ask(200, "admin", "2.1", "PUT", path, object{"quota_class_set": object{"cores": "30", "ram": -1, "fixed_ips": 99}})
		if dig(t, set, "quota_class_set", "cores") != 30.0 || dig(t, set, "quota_class_set", "fixed_ips") != 99.0 || dig(t, set, "quota_class_set", "id") != nil {
			t.Errorf("set: %v", set)
		}
		for _, path := range []string{"/os-quota-sets/demo-id", "/os-quota-sets/demo-id/defaults"} {
			if got := b.ask(200, "admin", "2.1", "GET", path, nil); dig(t, got, "quota_set", "cores") != 30.0 || dig(t, got, "quota_set", "ram") != -1.0 {
				t.Errorf("%s: %v", path, got)
			}
		}
		if got := b.ask(200, "member", "2.1", "GET", "/limits", nil); dig(t, got, "limits", "absolute", "maxTotalCores") != 30.0 {
			t.Errorf("limits: %v", got)
		}
		b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"cores": 7}})
		if got := b.ask(200, "member", "2.1", "GET", "/os-quota-sets/demo-id", nil); dig(t, got, "quota_set", "cores") != 7.0 {
			t.Errorf("the project's own: %v", got)
		}
		b.ask(200, "admin", "2.57", "PUT", "/os-quota-class-sets/other", object{"quota_class_set": object{"cores": 1, "server_groups": 1}})
		if got := names("2.57"); got["cores"] != 30.0 || got["server_groups"] != 10.0 {
			t.Errorf("another class changed the default: %v", got)
		}
		b.ask(400, "admin", "2.1", "PUT", path, object{"quota_class_set": object{"server_groups": 1}})
		b.ask(400, "admin", "2.50", "PUT", path, object{"quota_class_set": object{"fixed_ips": 1}})
		b.ask(400, "admin", "2.57", "PUT", path, object{"quota_class_set": object{"injected_files": 1}})
		b.ask(400, "admin", "2.1", "PUT", path, object{"quota_class_set": object{"cores": -2}})
		b.ask(400, "admin", "2.1", "PUT", "/os-quota-class-sets/"+strings.Repeat("a", 256), object{"quota_class_set": object{}})
		b.ask(403, "member", "2.1", "GET", path, nil)
		b.ask(403, "member", "2.1", "PUT", path, object{"quota_class_set": object{"cores": 100}})
	})
}
