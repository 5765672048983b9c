package networkapi_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"wisp/internal/network"
)

// addressesOf are the fixed addresses of a port, in their order.
func addressesOf(port obj) []string {
	var out []string
	for _, ip := range port["fixed_ips"].([]any) {
		out = append(out, str(ip.(obj)["ip_address"]))
	}
	return out
}

// A guest gives itself an address in each subnet that says so, whatever else
// its port asked for; the port has it, or its packets would be dropped.
func TestAddressesThatHostsChoose(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		four := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"})
		six := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd00::/64", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"})
		const own, next = "fd00::f816:3eff:fe00:7", "fd00::f816:3eff:fe00:8"
		p := c.make("member", "ports", obj{"network_id": n["id"], "mac_address": "fa:16:3e:00:00:07", "fixed_ips": []obj{{"subnet_id": four["id"], "ip_address": "10.0.0.7"}}})
		if got := fmt.Sprint(addressesOf(p)); got != "[10.0.0.7 "+own+"]" {
			t.Fatalf("a port that asked for an IPv4 address has %s", got)
		}
		path := "ports/" + str(p["id"])
		now := func() []string { return addressesOf(c.get("member", path)["port"].(obj)) }
		c.put("member", path, obj{"port": obj{"fixed_ips": []obj{{"subnet_id": four["id"], "ip_address": "10.0.0.8"}}}})
		if got := fmt.Sprint(now()); got != "[10.0.0.8 "+own+"]" {
			t.Errorf("with another IPv4 address it has %s", got)
		}
		c.put("member", path, obj{"port": obj{"fixed_ips": []obj{{"subnet_id": six["id"]}, {"subnet_id": four["id"]}}}})
		if got := fmt.Sprint(now()); got != "[10.0.0.8 "+own+"]" {
			t.Errorf("with both subnets it has %s", got)
		}
		c.put("manager", path, obj{"port": obj{"mac_address": "fa:16:3e:00:00:08"}})
		if got := fmt.Sprint(now()); got != "[10.0.0.8 "+next+"]" {
			t.Errorf("with another MAC it has %s", got)
		}
		c.put("member", path, obj{"port": obj{"fixed_ips": []any{}}})
		if got := now(); len(got) != 0 {
			t.Errorf("without addresses it has %s", got)
		}
		if none := c.make("member", "ports", obj{"network_id": n["id"], "fixed_ips": []any{}}); len(addressesOf(none)) != 0 || none["ip_allocation"] != "none" {
			t.Errorf("a port that asked for none: %v", none)
		}

		// The host lets it send from there.
		c.heartbeat("host-1", network.AgentInfo{})
		bound := c.make("admin", "ports", obj{
			"network_id": n["id"], "project_id": "demo-id", "binding:host_id": "host-1", "mac_address": "fa:16:3e:00:00:09", "fixed_ips": []obj{{"subnet_id": four["id"]}},
		})
		state, _ := c.state("host-1")
		if got := state.Ports[str(bound["id"])].Addresses; !slices.Contains(got, netip.MustParseAddr("fd00::f816:3eff:fe00:9")) {
			t.Errorf("the host knows %v", got)
		}
		c.refused(409, "PortBound", "already bound", "admin", "PUT", "ports/"+str(bound["id"]), obj{"port": obj{"mac_address": "fa:16:3e:00:00:0a"}})
		c.put("admin", "ports/"+str(bound["id"]), obj{"port": obj{"binding:host_id": "mars"}}) // which fails
		c.put("admin", "ports/"+str(bound["id"]), obj{"port": obj{"mac_address": "fa:16:3e:00:00:0a"}})
	})
}
