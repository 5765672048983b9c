package computeapi_test

import (
	"testing"
	"time"

	"wisp/internal/compute"
)

// keeping is a bench whose deleted servers are kept for an hour.
func keeping(t *testing.T) *bench {
	b := open(t, func(c *compute.Config) { c.Reclaim = time.Hour })
	b.prefix = "/compute/v2.1"
	return b
}

func (b *bench) listed(token, query string) int {
	b.t.Helper()
	return len(b.ask(200, token, "2.1", "GET", "/servers"+query, nil)["servers"].([]any))
}

// A deleted server waits, can be restored, and is gone when its time is over.
func TestSoftDelete(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	id := b.active("one")
	b.wantStatus(id, "ACTIVE")
	b.ask(409, "member", "2.1", "POST", "/servers/"+id+"/action", object{"restore": nil})
	b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
	b.wantStatus(id, "SOFT_DELETED")
	b.node.Step()
	shown := dig(t, b.ask(200, "member", "2.1", "GET", "/servers/"+id, nil), "server").(object)
	if shown["status"] != "SOFT_DELETED" || shown["OS-EXT-STS:vm_state"] != "soft-delete" || shown["OS-EXT-STS:power_state"] != 4.0 || shown["OS-EXT-STS:task_state"] != nil {
		t.Errorf("deleted: %v", shown)
	}
	for query, want := range map[string]int{"": 0, "?status=SOFT_DELETED": 0, "?soft_deleted=True": 0, "?changes-since=2020-01-01T00:00:00Z": 1} {
		if got := b.listed("member", query); got != want {
			t.Errorf("%q shows a member %d servers", query, got)
		}
	}
	for query, want := range map[string]int{"": 0, "&soft_deleted=True": 1, "&deleted=True": 1, "&deleted=True&soft_deleted=False": 0, "&soft_deleted=True&status=SOFT_DELETED": 1} {
		if got := b.listed("admin", "?all_tenants=1"+query); got != want {
			t.Errorf("%q shows an administrator %d servers", query, got)
		}
	}
	limits := b.ask(200, "member", "2.1", "GET", "/limits", nil)
	if dig(t, limits, "limits", "absolute", "totalInstancesUsed") != 0.0 {
		t.Error("it counts against the quota")
	}
	for _, refused := range []object{{"os-start": nil}, {"os-stop": nil}, {"reboot": object{"type": "HARD"}}, {"pause": nil}, {"shelve": nil}, {"createImage": object{"name": "x"}}} {
		b.act(409, "member", "2.1", id, refused)
	}
	b.act(409, "admin", "2.1", id, object{"os-resetState": object{"state": "active"}}) // which would be ended in use
	b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)                         // again: its time goes on
	b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", object{"quota_set": object{"instances": 0}})
	b.act(403, "member", "2.1", id, object{"restore": nil})
	b.ask(202, "admin", "2.1", "DELETE", "/os-quota-sets/demo-id", nil)
	b.act(403, "reader", "2.1", id, object{"restore": nil})
	b.act(404, "other", "2.1", id, object{"restore": nil})
	b.act(202, "member", "2.1", id, object{"restore": nil})
	b.act(409, "member", "2.1", id, object{"restore": nil})    // it is being restored
	b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil) // and deleted again
	b.node.Step()
	b.wantStatus(id, "SOFT_DELETED")
	b.does(202, id, object{"restore": nil}, "ACTIVE")
	if b.listed("member", "") != 1 {
		t.Error("a restored server is not listed")
	}

	b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
	b.cloud.Clock.Advance(59 * time.Minute)
	b.reclaim()
	b.node.Step()
	b.wantStatus(id, "SOFT_DELETED")
	b.cloud.Clock.Advance(2 * time.Minute)
	b.node.Step() // the host is alive
	b.reclaim()
	b.node.Step()
	b.ask(404, "member", "2.1", "GET", "/servers/"+id, nil)
	if b.listed("admin", "?all_tenants=1&soft_deleted=True") != 0 || b.listed("admin", "?all_tenants=1&deleted=True&soft_deleted=False") != 1 {
		t.Error("it is not deleted for good")
	}
}

func (b *bench) reclaim() {
	b.t.Helper()
	if err := b.cloud.ReclaimServers(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func TestForceDelete(t *testing.T) {
	t.Parallel()
	b := keeping(t)
	id := b.active("one")
	b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
	b.act(403, "reader", "2.1", id, object{"forceDelete": nil})
	b.act(202, "member", "2.1", id, object{"forceDelete": nil})
	b.node.Step()
	b.ask(404, "member", "2.1", "GET", "/servers/"+id, nil)

	never := b.create("two") // it never ran: nothing is kept of it
	b.ask(204, "member", "2.1", "DELETE", "/servers/"+never, nil)
	b.node.Step()
	b.ask(404, "member", "2.1", "GET", "/servers/"+never, nil)

	locked := b.active("three")
	b.act(202, "member", "2.1", locked, object{"lock": nil})
	b.ask(204, "admin", "2.1", "DELETE", "/servers/"+locked, nil) // administrators are not stopped by it
	b.act(202, "admin", "2.1", locked, object{"forceDelete": nil})
}

// What a server was when it was deleted, and what it is when it is restored.
func TestSoftDeleteStates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		before   []object
		was      string
		restored string
	}{
		{"stopped", []object{{"os-stop": nil}}, "SHUTOFF", "ACTIVE"},
		{"paused", []object{{"pause": nil}}, "PAUSED", "ACTIVE"},
		{"suspended", []object{{"suspend": nil}}, "SUSPENDED", "ACTIVE"},
		{"rescued", []object{{"rescue": object{}}}, "RESCUE", "ACTIVE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := keeping(t)
			id := b.active("one")
			for _, body := range tt.before {
				b.ask([]int{202, 200}[map[bool]int{true: 1}[body["rescue"] != nil]], "member", "2.1", "POST", "/servers/"+id+"/action", body)
				b.node.Step()
			}
			b.wantStatus(id, tt.was)
			b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
			b.node.Step()
			b.wantStatus(id, "SOFT_DELETED")
			b.does(202, id, object{"restore": nil}, tt.restored)
		})
	}
}
