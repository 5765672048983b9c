package computeapi_test

import (
	"testing"

	"github.com/google/uuid"

	"wisp/internal/compute/computetest"
	"wisp/internal/network"
)

// One more address of a server's port, and one less, up to 2.43.
func TestFixedIPs(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		addresses := func() []any {
			t.Helper()
			all := b.ask(200, "member", "2.1", "GET", "/servers/"+id+"/ips", nil)["addresses"].(object)
			for _, list := range all {
				return list.([]any)
			}
			return nil
		}
		act := func(status int, token, version, name string, inner any) object {
			t.Helper()
			return b.ask(status, token, version, "POST", "/servers/"+id+"/action", object{name: inner})
		}
		first := addresses()[0].(object)["addr"]
		act(202, "member", "2.43", "addFixedIp", object{"networkId": b.network})
		two := addresses()
		if len(two) != 2 || two[0].(object)["addr"] != first {
			t.Fatalf("addresses %v", two)
		}
		act(404, "member", "2.44", "addFixedIp", object{"networkId": b.network})
		act(404, "member", "2.44", "removeFixedIp", object{"address": first})
		act(400, "member", "2.1", "addFixedIp", object{"networkId": uuid.NewString()})
		act(400, "member", "2.1", "addFixedIp", object{"networkId": 7})
		act(400, "member", "2.1", "addFixedIp", object{})
		act(400, "member", "2.1", "addFixedIp", object{"networkId": b.network, "color": "red"})
		act(403, "reader", "2.1", "addFixedIp", object{"networkId": b.network})
		act(404, "other", "2.1", "addFixedIp", object{"networkId": b.network})
		act(400, "member", "2.1", "removeFixedIp", object{"address": "10.9.9.9"})
		act(400, "member", "2.1", "removeFixedIp", object{"address": "ten"})
		act(202, "member", "2.1", "lock", nil)
		act(202, "member", "2.1", "unlock", nil)
		act(202, "member", "2.1", "removeFixedIp", object{"address": first})
		if left := addresses(); len(left) != 1 || left[0].(object)["addr"] != two[1].(object)["addr"] {
			t.Errorf("left are %v", left)
		}
		act(400, "member", "2.1", "removeFixedIp", object{"address": first})
	})
}

// A network without free addresses has none to add.
func TestFixedIPsExhausted(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		ctx, member := t.Context(), computetest.Caller("member", "demo")
		nets, err := b.cloud.Network.CreateNetworks(ctx, member, []network.NetworkSpec{{Name: network.Some("small")}})
		if err != nil {
			t.Fatal(err)
		}
		body := b.body("one")
		for _, cidr := range []string{"192.0.2.0/30", "198.51.100.0/30"} {
			_, err = b.cloud.Network.CreateSubnets(ctx, member, []network.SubnetSpec{{
				NetworkID: network.Some(nets[0].ID), CIDR: network.Some(cidr), IPVersion: network.Some(4), EnableDHCP: network.Some(false),
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		body["server"].(object)["networks"] = []any{object{"uuid": nets[0].ID}}
		id := dig(t, b.ask(202, "member", "2.1", "POST", "/servers", body), "server", "id").(string)
		add := object{"addFixedIp": object{"networkId": nets[0].ID}}
		b.ask(202, "member", "2.1", "POST", "/servers/"+id+"/action", add) // of the other subnet
		b.ask(400, "member", "2.1", "POST", "/servers/"+id+"/action", add)
		b.ask(202, "admin", "2.1", "POST", "/servers/"+id+"/action", object{"lock": nil})
		b.ask(409, "member", "2.1", "POST", "/servers/"+id+"/action", add)
	})
}

// The limits of one user of a project.
func TestUserQuotas(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		user := computetest.Caller("member", "demo").UserID
		path := "/os-quota-sets/demo-id"
		own := path + "?user_id=" + user
		set := func(status int, path string, limits object) object {
			t.Helper()
			return b.ask(status, "admin", "2.1", "PUT", path, object{"quota_set": limits})
		}
		b.create("one")
		if got := b.ask(200, "member", "2.1", "GET", own, nil); dig(t, got, "quota_set", "instances") != 10.0 || dig(t, got, "quota_set", "id") != "demo-id" {
			t.Errorf("before: %v", got)
		}
		set(400, own, object{"instances": 0})  // less than is used
		set(400, own, object{"instances": 11}) // more than the project has
		set(400, own, object{"instances": -1})
		set(400, own, object{"wings": 1})
		set(200, path+"?user_id=else", object{"instances": 7})
		set(400, own, object{"instances": 4}) // with the other's more than the project has
		set(400, path, object{"instances": 6})
		set(200, path+"?user_id=else", object{"instances": 8})
		if got := set(200, own, object{"instances": 1, "fixed_ips": 5}); dig(t, got, "quota_set", "instances") != 1.0 || dig(t, got, "quota_set", "id") != nil {
			t.Errorf("set: %v", got)
		}
		if got := b.ask(200, "member", "2.1", "GET", path, nil); dig(t, got, "quota_set", "instances") != 10.0 || dig(t, got, "quota_set", "fixed_ips") != 5.0 {
			t.Errorf("the project's: %v", got)
		}
		if got := b.ask(200, "member", "2.1", "GET", path+"/detail?user_id=else", nil); dig(t, got, "quota_set", "instances", "in_use") != 0.0 || dig(t, got, "quota_set", "instances", "limit") != 8.0 {
			t.Errorf("another's: %v", got)
		}
		b.ask(400, "member", "2.75", "GET", path+"?color=red", nil)
		b.ask(403, "member", "2.1", "PUT", own, object{"quota_set": object{"instances": 2}})
		b.ask(403, "member", "2.1", "DELETE", own, nil)
		got := b.ask(403, "member", "2.1", "POST", "/servers", b.body("two"))
		if dig(t, got, "forbidden", "message") != "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances" {
			t.Errorf("over quota: %v", got)
		}
		set(200, own, object{"key_pairs": 0, "server_groups": 0, "metadata_items": 0, "force": true})
		b.ask(403, "member", "2.1", "POST", "/os-keypairs", object{"keypair": object{"name": "k"}})
		b.ask(403, "member", "2.1", "POST", "/os-server-groups", object{"server_group": object{"name": "g", "policies": []string{"affinity"}}})
		b.ask(202, "admin", "2.1", "DELETE", own, nil)
		b.ask(202, "member", "2.1", "POST", "/servers", b.body("two"))
		set(200, own, object{"instances": 2})
		b.ask(202, "admin", "2.1", "DELETE", path, nil) // the users' too
		if got := b.ask(200, "member", "2.1", "GET", own, nil); dig(t, got, "quota_set", "instances") != 10.0 {
			t.Errorf("after: %v", got)
		}
	})
}
