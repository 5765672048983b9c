package computeapi_test

import (
	"fmt"
	"testing"
)

// Evacuations are migrations, from their beginning to their end and after.
func TestMigrations(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		if got := b.ask(200, "admin", "2.1", "GET", "/os-migrations", nil); len(got["migrations"].([]any)) != 0 {
			t.Errorf("before any: %v", got)
		}
		second := b.cloud.Node("node-2", 64, 1<<20, 4000)
		b.ask(200, "admin", "2.1", "PUT", "/os-services/disable", object{"host": "node-2", "binary": "nova-compute"})
		one, two := b.create("one"), b.create("two")
		b.node.Step()
		b.ask(200, "admin", "2.11", "PUT", "/os-services/force-down", object{"host": "node-1", "binary": "nova-compute", "forced_down": true})
		b.ask(200, "admin", "2.14", "POST", "/servers/"+two+"/action", object{"evacuate": object{}}) // no host is found
		b.ask(200, "admin", "2.1", "PUT", "/os-services/enable", object{"host": "node-2", "binary": "nova-compute"})
		b.ask(200, "admin", "2.14", "POST", "/servers/"+one+"/action", object{"evacuate": object{}})
		list := func(version, query string) []any {
			t.Helper()
			return b.ask(200, "admin", version, "GET", "/os-migrations"+query, nil)["migrations"].([]any)
		}
		status := func(want string) {
			t.Helper()
			if got := list("2.1", "?instance_uuid="+one); dig(t, got[0], "status") != want {
				t.Errorf("the evacuation is %v, want %s", got, want)
			}
		}
		status("accepted")
		b.node.Step()
		second.Step()
		status("done")
		b.ask(200, "admin", "2.11", "PUT", "/os-services/force-down", object{"host": "node-1", "binary": "nova-compute", "forced_down": false})
		all := list("2.96", "")
		if len(all) != 2 || dig(t, all[0], "instance_uuid") != one || dig(t, all[0], "source_compute") != "node-1" || dig(t, all[0], "dest_compute") != "node-2" ||
			dig(t, all[0], "dest_host") != "127.0.0.1" || dig(t, all[0], "migration_type") != "evacuation" || dig(t, all[0], "project_id") != "admin-id" {
			t.Errorf("migrations are %v", all)
		}
		if dig(t, all[1], "status") != "error" || dig(t, all[1], "dest_compute") != nil {
			t.Errorf("the one without a host is %v", all[1])
		}
		for version, fields := range map[string]int{"2.1": 12, "2.23": 13, "2.59": 14, "2.80": 16} {
			if got := list(version, "")[0].(object); len(got) != fields {
				t.Errorf("at %s there are %d fields: %v", version, len(got), got)
			}
		}
		for query, want := range map[string]int{
			"status=error": 1, "host=node-2": 1, "source_compute=node-1": 2, "source_compute=node-2": 0, "migration_type=resize": 0, "user_id=admin-id": 2,
			"project_id=x": 0, "changes-since=2030-01-01T00:00:00Z": 0, "changes-before=2020-01-01T00:00:00Z": 0, "hidden=true": 0,
			"marker=" + fmt.Sprint(dig(t, all[0], "uuid")): 1,
		} {
			if got := list("2.80", "?"+query); len(got) != want {
				t.Errorf("%s lists %v", query, got)
			}
		}
		if got := b.ask(200, "admin", "2.59", "GET", "/os-migrations?limit=1", nil); len(got["migrations"].([]any)) != 1 || dig(t, got, "migrations_links", 0, "rel") != "next" {
			t.Errorf("a page is %v", got)
		}
		list("2.58", "?anything=goes&changes-since=mars")
		b.ask(400, "admin", "2.59", "GET", "/os-migrations?anything=goes", nil)
		b.ask(400, "admin", "2.65", "GET", "/os-migrations?changes-before=2020-01-01T00:00:00Z", nil)
		b.ask(400, "admin", "2.66", "GET", "/os-migrations?changes-before=2020-01-01T00:00:00Z&changes-since=2021-01-01T00:00:00Z", nil)
		b.ask(400, "admin", "2.59", "GET", "/os-migrations?changes-since=mars", nil)
		b.ask(400, "admin", "2.59", "GET", "/os-migrations?marker="+one, nil)
		b.ask(403, "member", "2.1", "GET", "/os-migrations", nil)
		b.ask(204, "member", "2.1", "DELETE", "/servers/"+one, nil)
		second.Step()
		b.node.Step() // confirms
		if got := list("2.1", ""); len(got) != 2 {
			t.Errorf("after the server: %v", got)
		}
	})
}
