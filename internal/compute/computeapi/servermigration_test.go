package computeapi_test

import "testing"

// No server migrates alive, and who looks for such a migration is told so as
// Nova does.
func TestServerMigrations(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("still")
		large := b.cloud.Flavor("large", 2, 1024, 2)
		b.does(202, id, object{"resize": object{"flavorRef": large}}, "VERIFY_RESIZE")
		b.does(204, id, object{"confirmResize": nil}, "ACTIVE")
		path := "/servers/" + id + "/migrations"
		if got := b.ask(200, "admin", "2.23", "GET", path, nil); len(dig(t, got, "migrations").([]any)) != 0 {
			t.Errorf("migrations: %v", got)
		}
		message := func(status int, version, method, path string, body any, key, want string) {
			t.Helper()
			if got := dig(t, b.ask(status, "admin", version, method, path, body), key, "message"); got != want {
				t.Errorf("%s %s: %v", method, path, got)
			}
		}
		message(404, "2.23", "GET", path+"/1", nil, "itemNotFound", "Migration 1 for server "+id+" is not live-migration.")
		message(404, "2.96", "GET", path+"/77", nil, "itemNotFound", "In-progress live migration 77 is not found for server "+id+".")
		message(409, "2.24", "DELETE", path+"/1", nil, "conflictingRequest", "Cannot 'abort live migration' instance "+id+" while it is in task_state None")
		message(409, "2.22", "POST", path+"/1/action", object{"force_complete": nil}, "conflictingRequest", "Cannot 'force_complete' instance "+id+" while it is in task_state None")
		b.ask(400, "admin", "2.22", "POST", path+"/1/action", object{"force_complete": object{}})
		b.ask(400, "admin", "2.22", "POST", path+"/1/action", object{"hurry": nil})
		b.ask(404, "admin", "2.22", "GET", path, nil)
		b.ask(404, "admin", "2.23", "DELETE", path+"/1", nil)
		b.ask(404, "admin", "2.21", "POST", path+"/1/action", object{"force_complete": nil})
		for _, method := range []string{"GET", "DELETE"} {
			b.ask(403, "member", "2.24", method, path+"/1", nil)
			b.ask(404, "admin", "2.24", method, "/servers/none/migrations/1", nil)
		}
		b.ask(403, "member", "2.24", "GET", path, nil)
		b.ask(404, "admin", "2.24", "GET", "/servers/none/migrations", nil)
		b.ask(403, "member", "2.22", "POST", path+"/1/action", object{"force_complete": nil})
	})
}

func TestTopology(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		path := "/servers/" + b.create("flat") + "/topology"
		got := b.ask(200, "reader", "2.78", "GET", path, nil)
		if size, ok := got["pagesize_kb"]; !ok || size != nil || len(got["nodes"].([]any)) != 0 {
			t.Errorf("the topology is %v", got)
		}
		b.ask(404, "reader", "2.77", "GET", path, nil)
		b.ask(404, "other", "2.78", "GET", path, nil)
		b.Must(401, "", "GET", b.prefix+path, nil)
	})
}
