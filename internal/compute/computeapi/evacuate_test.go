package computeapi_test

import (
	"strings"
	"testing"

	"wisp/internal/compute/computetest"
)

// Each microversion has its own form of the request and of the answer.
func TestEvacuate(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		second := b.cloud.Node("node-2", 64, 1<<20, 4000)
		third := b.cloud.Node("node-3", 64, 1<<20, 4000)
		b.node.Step()
		update := func(host string, down bool) {
			t.Helper()
			b.ask(200, "admin", "2.11", "PUT", "/os-services/force-down", object{"host": host, "binary": "nova-compute", "forced_down": down})
		}
		b.ask(200, "admin", "2.11", "PUT", "/os-services/disable", object{"host": "node-2", "binary": "nova-compute"})
		b.ask(200, "admin", "2.11", "PUT", "/os-services/disable", object{"host": "node-3", "binary": "nova-compute"})
		made := map[string]string{}
		for _, version := range []string{"2.1", "2.13", "2.14", "2.29", "2.68", "2.95"} {
			made[version] = b.create("at " + version)
		}
		failing := b.create("without a host")
		b.node.Step()
		act := func(status int, id, token, version string, inner object) object {
			t.Helper()
			return b.ask(status, token, version, "POST", "/servers/"+id+"/action", object{"evacuate": inner})
		}
		id := made["2.29"]
		act(403, id, "member", "2.29", object{})
		act(404, "9d1c2a3b-0000-4000-8000-000000000000", "admin", "2.29", object{})
		up := act(400, id, "admin", "2.29", object{})
		if message := dig(t, up, "badRequest", "message"); message != "Compute service of node-1 is still in use." {
			t.Errorf("of a host that is up: %v", message)
		}
		for version, wrong := range map[string]object{
			"2.1":  {},                                            // onSharedStorage is required
			"2.13": {"onSharedStorage": "False", "force": true},   // 2.29
			"2.14": {"onSharedStorage": "False"},                  // until 2.13
			"2.28": {"force": true, "host": "node-2"},             // 2.29
			"2.29": {"force": true},                               // to nowhere
			"2.30": {"host": "no host!"},                          // no name
			"2.68": {"force": false, "host": "node-2"},            // until 2.67
			"2.5":  {"onSharedStorage": true, "adminPass": "new"}, // it is on the disk
			"2.6":  {"onSharedStorage": true},                     // it is not
		} {
			act(400, id, "admin", version, wrong)
		}
		act(404, id, "admin", "2.29", object{"host": "mars"})

		update("node-1", true)
		state := b.ask(200, "admin", "2.53", "GET", "/os-services?host=node-1", nil)
		if dig(t, state, "services", 0, "state") != "down" || dig(t, state, "services", 0, "forced_down") != true {
			t.Errorf("the service is %v", state)
		}
		b.node.Step() // it lives, and holds what it has until it confirms
		if got := act(200, made["2.1"], "admin", "2.1", object{"onSharedStorage": "False", "host": "node-2"}); len(dig(t, got, "adminPass").(string)) != 12 {
			t.Errorf("at 2.1: %v", got)
		}
		if got := act(200, made["2.13"], "admin", "2.13", object{"onSharedStorage": false, "host": "node-2", "adminPass": "new"}); dig(t, got, "adminPass") != "new" {
			t.Errorf("at 2.13: %v", got)
		}
		if got := act(200, made["2.14"], "admin", "2.14", object{"host": "node-2", "adminPass": "new"}); len(got) != 0 {
			t.Errorf("at 2.14: %v", got)
		}
		act(200, made["2.29"], "admin", "2.29", object{"host": "node-2", "force": "true"})
		if got := act(200, failing, "admin", "2.29", object{"host": "node-3"}); len(got) != 0 {
			t.Errorf("without a host: %v", got)
		}
		shown := b.ask(200, "admin", "2.29", "GET", "/servers/"+failing, nil)
		if message, _ := dig(t, shown, "server", "fault", "message").(string); dig(t, shown, "server", "status") != "ERROR" || !strings.Contains(message, "1 disabled") ||
			dig(t, shown, "server", "OS-EXT-SRV-ATTR:host") != "node-1" {
			t.Errorf("without a host the server is %v", shown)
		}
		id2 := dig(t, b.ask(200, "admin", "2.53", "GET", "/os-services?host=node-3", nil), "services", 0, "id").(string)
		b.ask(200, "admin", "2.53", "PUT", "/os-services/"+id2, object{"status": "enabled"})
		act(200, made["2.68"], "admin", "2.68", object{"host": "node-3"})
		act(200, made["2.95"], "admin", "2.95", object{})
		for _, n := range []*computetest.Node{b.node, second, third} {
			n.Step()
		}
		for version, host := range map[string]string{"2.1": "node-2", "2.13": "node-2", "2.14": "node-2", "2.29": "node-2", "2.68": "node-3", "2.95": "node-3"} {
			want := "ACTIVE"
			if version == "2.95" {
				want = "SHUTOFF"
			}
			server := dig(t, b.ask(200, "admin", "2.29", "GET", "/servers/"+made[version], nil), "server").(object)
			if server["OS-EXT-SRV-ATTR:host"] != host || server["status"] != want {
				t.Errorf("evacuated at %s, the server is %v on %v", version, server["status"], server["OS-EXT-SRV-ATTR:host"])
			}
		}
		update("node-1", false)
	})
}
