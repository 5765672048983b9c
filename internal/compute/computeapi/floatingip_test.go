package computeapi_test

import (
	"testing"

	"wisp/internal/compute/computetest"
	"wisp/internal/network"
)

// outside makes an external network with four free addresses, and a router
// from it to demo's network.
func (b *bench) outside(name string) string {
	b.t.Helper()
	ctx, admin, member := b.t.Context(), computetest.Admin(), computetest.Caller("member", "demo")
	nets, err := b.cloud.Network.CreateNetworks(ctx, admin, []network.NetworkSpec{{Name: network.Some(name), External: network.Some(true)}})
	if err != nil {
		b.t.Fatal(err)
	}
	id := nets[0].ID
	_, err = b.cloud.Network.CreateSubnets(ctx, admin, []network.SubnetSpec{{
		NetworkID: network.Some(id), CIDR: network.Some("203.0.113.0/29"), IPVersion: network.Some(4), EnableDHCP: network.Some(false),
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	inside, err := b.cloud.Network.Network(ctx, member, b.network)
	if err != nil {
		b.t.Fatal(err)
	}
	routers, err := b.cloud.Network.CreateRouters(ctx, member, []network.RouterSpec{{Name: network.Some("out"), Gateway: network.Some(&network.GatewaySpec{NetworkID: id})}})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.cloud.Network.AddInterface(ctx, member, routers[0].ID, inside.Subnets[0], ""); err != nil {
		b.t.Fatal(err)
	}
	return id
}

// Floating IPs under Compute's own names, up to 2.35, and their actions up to
// 2.43.
func TestFloatingIPProxy(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		b.ask(404, "member", "2.1", "POST", "/os-floating-ips", object{"pool": nil})
		id := b.outside("public")
		server, second := b.create("one"), b.create("two")
		if got := b.ask(200, "member", "2.1", "GET", "/os-floating-ip-pools", nil); dig(t, got, "floating_ip_pools", 0, "name") != "public" {
			t.Errorf("pools are %v", got)
		}
		made := dig(t, b.ask(200, "member", "2.1", "POST", "/os-floating-ips", object{"pool": "public"}), "floating_ip").(object)
		if made["pool"] != "public" || made["fixed_ip"] != nil || made["instance_id"] != nil {
			t.Errorf("made: %v", made)
		}
		other := dig(t, b.ask(200, "member", "2.1", "POST", "/os-floating-ips", object{"pool": id}), "floating_ip").(object)
		third := dig(t, b.ask(200, "member", "2.1", "POST", "/os-floating-ips", nil), "floating_ip").(object)
		b.ask(404, "member", "2.1", "POST", "/os-floating-ips", object{"pool": "mars"})
		b.ask(403, "reader", "2.1", "POST", "/os-floating-ips", object{"pool": "public"})
		act := func(status int, to, version, name string, inner any) {
			t.Helper()
			b.ask(status, "member", version, "POST", "/servers/"+to+"/action", object{name: inner})
		}
		act(202, server, "2.43", "addFloatingIp", object{"address": made["ip"]})
		act(400, server, "2.1", "addFloatingIp", object{"address": other["ip"]}) // its address has one
		act(404, server, "2.44", "addFloatingIp", object{"address": made["ip"]})
		act(404, server, "2.1", "addFloatingIp", object{"address": "203.0.113.99"})
		act(400, server, "2.1", "addFloatingIp", object{"address": ""})
		act(400, server, "2.1", "addFloatingIp", object{"address": other["ip"], "fixed_address": "10.9.9.9"})
		shown := dig(t, b.ask(200, "member", "2.1", "GET", "/os-floating-ips/"+made["id"].(string), nil), "floating_ip").(object)
		if shown["instance_id"] != server || shown["fixed_ip"] == nil {
			t.Errorf("associated: %v", shown)
		}
		act(202, second, "2.1", "addFloatingIp", object{"address": made["ip"]}) // it moves
		act(409, server, "2.1", "removeFloatingIp", object{"address": made["ip"]})
		act(202, second, "2.1", "removeFloatingIp", object{"address": made["ip"]})
		act(409, second, "2.1", "removeFloatingIp", object{"address": made["ip"]})
		act(404, second, "2.1", "removeFloatingIp", object{"address": "203.0.113.99"})
		if got := b.ask(200, "reader", "2.35", "GET", "/os-floating-ips", nil); len(got["floating_ips"].([]any)) != 3 {
			t.Errorf("listed: %v", got)
		}
		if got := b.ask(200, "other", "2.35", "GET", "/os-floating-ips", nil); len(got["floating_ips"].([]any)) != 0 {
			t.Errorf("others see %v", got)
		}
		b.ask(404, "other", "2.1", "GET", "/os-floating-ips/"+made["id"].(string), nil)
		b.ask(404, "other", "2.1", "DELETE", "/os-floating-ips/"+made["id"].(string), nil)
		b.ask(404, "member", "2.36", "GET", "/os-floating-ips", nil)
		b.ask(200, "member", "2.1", "POST", "/os-floating-ips", nil)
		b.ask(404, "member", "2.1", "POST", "/os-floating-ips", nil) // no address is left
		for _, one := range []object{made, other, third} {
			b.ask(202, "member", "2.1", "DELETE", "/os-floating-ips/"+one["id"].(string), nil)
		}
		b.ask(404, "member", "2.1", "DELETE", "/os-floating-ips/"+made["id"].(string), nil)
	})
}
