package computeapi_test

import (
	"fmt"
	"testing"
)

func TestAggregates(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.cloud.Node("node-2", 4, 4096, 40)
		made := b.ask(200, "admin", "2.41", "POST", "/os-aggregates", object{"aggregate": object{"name": "a", "availability_zone": "east"}})
		if dig(t, made, "aggregate", "id") != 1.0 || dig(t, made, "aggregate", "availability_zone") != "east" || len(dig(t, made, "aggregate", "uuid").(string)) != 36 {
			t.Errorf("aggregate is %v", made)
		}
		b.ask(409, "admin", "2.1", "POST", "/os-aggregates", object{"aggregate": object{"name": "a"}})
		b.ask(400, "admin", "2.1", "POST", "/os-aggregates", object{"aggregate": object{}})
		b.ask(403, "member", "2.1", "GET", "/os-aggregates", nil)
		act := func(status int, number int, name string, inner any) object {
			t.Helper()
			return b.ask(status, "admin", "2.1", "POST", fmt.Sprintf("/os-aggregates/%d/action", number), object{name: inner})
		}
		act(404, 1, "add_host", object{"host": "mars"})
		if got := act(200, 1, "add_host", object{"host": "node-2"}); fmt.Sprint(dig(t, got, "aggregate", "hosts")) != "[node-2]" {
			t.Errorf("hosts: %v", got)
		}
		act(409, 1, "add_host", object{"host": "node-2"})
		act(404, 1, "remove_host", object{"host": "node-1"})
		act(400, 1, "fly", nil)
		act(400, 1, "add_host", object{})
		zones := b.ask(200, "member", "2.1", "GET", "/os-availability-zone", nil)
		if dig(t, zones, "availabilityZoneInfo", 0, "zoneName") != "east" {
			t.Errorf("zones: %v", zones)
		}
		body := b.body("there")
		body["server"].(object)["availability_zone"] = "east"
		id := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", body), "server", "id").(string)
		shown := b.ask(200, "admin", "2.96", "GET", "/servers/"+id, nil)
		if dig(t, shown, "server", "OS-EXT-AZ:availability_zone") != "east" || dig(t, shown, "server", "OS-EXT-SRV-ATTR:host") != "node-2" || dig(t, shown, "server", "pinned_availability_zone") != "east" {
			t.Errorf("server in a zone: %v", shown)
		}
		act(409, 1, "remove_host", object{"host": "node-2"})
		b.ask(400, "admin", "2.1", "PUT", "/os-aggregates/1", object{"aggregate": object{"availability_zone": "west"}})
		act(400, 1, "set_metadata", object{"metadata": object{"availability_zone": "west"}})
		b.ask(400, "admin", "2.1", "DELETE", "/os-aggregates/1", nil)
		b.ask(200, "admin", "2.1", "POST", "/os-aggregates", object{"aggregate": object{"name": "b", "availability_zone": "south"}})
		act(409, 2, "add_host", object{"host": "node-2"})
		act(200, 2, "set_metadata", object{"metadata": object{"availability_zone": nil, "ssd": "true"}})
		act(200, 2, "add_host", object{"host": "node-2"})
		if got := act(200, 2, "remove_host", object{"host": "node-2"}); dig(t, got, "aggregate", "updated_at") != nil {
			t.Errorf("hosts and metadata are no update of the aggregate itself: %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "PUT", "/os-aggregates/2", object{"aggregate": object{"name": "c"}}); dig(t, got, "aggregate", "updated_at") == nil {
			t.Errorf("a new name is an update: %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-aggregates/2", nil); fmt.Sprint(dig(t, got, "aggregate", "metadata")) != "map[ssd:true]" || dig(t, got, "aggregate", "name") != "c" {
			t.Errorf("shown: %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-aggregates", nil); len(dig(t, got, "aggregates").([]any)) != 2 {
			t.Errorf("listed: %v", got)
		}
		// What did not ask for a zone goes where its host goes.
		loose := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", b.body("loose")), "server", "id").(string)
		where := func() any {
			t.Helper()
			return dig(t, b.ask(200, "admin", "2.96", "GET", "/servers/"+loose, nil), "server", "OS-EXT-AZ:availability_zone")
		}
		b.node.Step()
		host := dig(t, b.ask(200, "admin", "2.96", "GET", "/servers/"+loose, nil), "server", "OS-EXT-SRV-ATTR:host")
		b.ask(200, "admin", "2.1", "PUT", "/os-aggregates/2", object{"aggregate": object{"availability_zone": "north"}})
		if act(200, 2, "add_host", object{"host": host}); where() != "north" {
			t.Errorf("the host moved, and its server is in %v", where())
		}
		b.ask(400, "admin", "2.1", "PUT", "/os-aggregates/2", object{"aggregate": object{"availability_zone": "west"}})
		if act(200, 2, "remove_host", object{"host": host}); where() != "nova" {
			t.Errorf("the host moved back, and its server is in %v", where())
		}
		b.ask(204, "member", "2.1", "DELETE", "/servers/"+loose, nil)
		cache := func(status int, token, version string, ids ...string) {
			t.Helper()
			list := []any{}
			for _, id := range ids {
				list = append(list, object{"id": id})
			}
			b.ask(status, token, version, "POST", "/os-aggregates/1/images", object{"cache": list})
		}
		cache(202, "admin", "2.81", b.image)
		cache(404, "admin", "2.80", b.image)
		cache(400, "admin", "2.96")
		cache(400, "admin", "2.96", b.image, b.image)
		cache(400, "admin", "2.96", b.network)
		cache(400, "admin", "2.96", "mars")
		cache(403, "member", "2.96", b.image)
		b.ask(404, "admin", "2.96", "POST", "/os-aggregates/9/images", object{"cache": []any{object{"id": b.image}}})
		b.ask(200, "admin", "2.1", "DELETE", "/os-aggregates/2", nil)
		b.ask(404, "admin", "2.1", "DELETE", "/os-aggregates/2", nil)
		b.node.Step()
		b.ask(204, "member", "2.1", "DELETE", "/servers/"+id, nil)
	})
}
