package networkapi_test

import (
	"fmt"
	"testing"
)

func gatewayOf(router obj) obj { return router["external_gateway_info"].(obj) }

// What a request says of a gateway is all of it: SNAT is on where it says
// nothing.
func TestGatewayInfo(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		path, net := "routers/"+str(x.router["id"]), x.external["id"]
		snat := func() any { return gatewayOf(c.get("member", path)["router"].(obj))["enable_snat"] }
		c.put("admin", path, obj{"router": obj{"external_gateway_info": obj{"network_id": net, "enable_snat": false}}})
		c.put("member", path, obj{"router": obj{"name": "r2"}})
		if snat() != false {
			t.Error("another name turned SNAT on")
		}
		c.put("member", path, obj{"router": obj{"external_gateway_info": obj{"network_id": net}}})
		if snat() != true {
			t.Error("SNAT stayed off")
		}
		c.refused(400, "BadRequest", "External IP 203.0.113.1 is the same as the gateway IP", "admin", "PUT", path,
			obj{"router": obj{"external_gateway_info": obj{"network_id": net, "external_fixed_ips": []obj{{"ip_address": "203.0.113.1"}}}}})
	})
}

// What kind of router it is, administrators say.
func TestKindsOfRouters(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		path := "routers/" + str(c.make("member", "routers", obj{})["id"])
		for _, kind := range []string{"ha", "distributed"} {
			c.refused(403, "PolicyNotAuthorized", "create_router:"+kind, "member", "POST", "routers", obj{"router": obj{kind: false}})
			c.refused(403, "PolicyNotAuthorized", "update_router:"+kind, "member", "PUT", path, obj{"router": obj{kind: false}})
		}
		c.put("admin", path, obj{"router": obj{"ha": false}})
		c.refused(400, "BadRequest", "high availability", "admin", "PUT", path, obj{"router": obj{"ha": true}})
		n := c.make("member", "networks", obj{"name": "n"})
		if got := c.get("admin", "network-ip-availabilities/"+str(n["id"])+"?fields=network_name")["network_ip_availability"].(obj); len(got) != 1 || got["network_name"] != "n" {
			t.Errorf("a part of an availability: %v", got)
		}
	})
}

// Gateways that are on a network already have an address of a subnet that
// comes, one of each version of IP.
func TestSubnetsForGateways(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		ext := c.make("admin", "networks", obj{"router:external": true})
		var paths []string
		for range 2 {
			r := c.make("member", "routers", obj{"external_gateway_info": obj{"network_id": ext["id"]}})
			paths = append(paths, "routers/"+str(r["id"]))
		}
		inner := c.make("member", "networks", obj{})
		c.put("member", paths[1]+"/add_router_interface", obj{"subnet_id": c.make("member", "subnets", obj{"network_id": inner["id"], "ip_version": 6, "cidr": "2001:db8::/64"})["id"]})
		expect := func(want ...string) {
			t.Helper()
			for i, path := range paths {
				got := ""
				for _, ip := range gatewayOf(c.get("member", path)["router"].(obj))["external_fixed_ips"].([]any) {
					got += str(ip.(obj)["ip_address"]) + " "
				}
				if got != want[i] {
					t.Errorf("the gateway %d has %q, want %q", i, got, want[i])
				}
			}
		}
		outer := func(cidr string, version int, more obj) {
			body := obj{"network_id": ext["id"], "ip_version": version, "cidr": cidr}
			for k, v := range more {
				body[k] = v
			}
			c.make("admin", "subnets", body)
		}
		expect("", "")
		outer("192.0.2.0/24", 4, obj{"service_types": []string{"compute:nova"}}) // for others
		expect("", "")
		outer("203.0.113.0/24", 4, obj{"enable_dhcp": false})
		expect("203.0.113.2 ", "203.0.113.3 ")
		outer("198.51.100.0/24", 4, nil)
		expect("203.0.113.2 ", "203.0.113.3 ")
		outer("2001:db8::/64", 6, nil) // which one of them has inside
		expect("203.0.113.2 2001:db8::2 ", "203.0.113.3 ")
		if r := c.get("member", paths[0])["router"].(obj); r["revision_number"] != 2.0 {
			t.Errorf("router %v", r)
		}
	})
}

// A network is external by its policies, while something leads out of it, and
// the default one for all.
func TestExternalPolicies(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "203.0.113.0/24"})
		external := func() any { return c.get("admin", "networks/"+str(n["id"]))["network"].(obj)["router:external"] }
		theirs := c.policy("member", "network", n["id"], "access_as_external", "foreign-id")
		mine := c.policy("member", "network", n["id"], "access_as_external", "demo-id")
		c.Must(204, "member", "DELETE", "/network/v2.0/rbac-policies/"+str(theirs["id"]), nil)
		if external() != true {
			t.Error("not external with a policy")
		}
		c.Must(204, "member", "DELETE", "/network/v2.0/rbac-policies/"+str(mine["id"]), nil)
		if external() != false {
			t.Error("external without a policy")
		}
		all := c.policy("admin", "network", n["id"], "access_as_external", "*")
		r := c.make("member", "routers", obj{"external_gateway_info": obj{"network_id": n["id"]}})
		path := "rbac-policies/" + str(all["id"])
		c.refused(409, "RbacPolicyInUse", "routers attached to this network", "admin", "DELETE", path, nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/routers/"+str(r["id"]), nil)
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"is_default": true}})
		c.refused(409, "RbacPolicyInUse", "Default external networks must be shared to everyone", "admin", "DELETE", path, nil)
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"is_default": false}})
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+path, nil)
		if external() != false || c.sees("other", "networks", n["id"]) {
			t.Error("external without a policy")
		}
	})
}

func TestSizesOfPackets(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		c.refused(400, "HTTPBadRequest", "is not in the range 68", "member", "POST", "networks", obj{"network": obj{"mtu": 67}})
		n := c.make("member", "networks", obj{"mtu": 0})
		if n["mtu"] != 1450.0 {
			t.Errorf("network %v", n)
		}
		path := "networks/" + str(n["id"])
		small := func(size int) obj { return obj{"network": obj{"mtu": size}} }
		six := obj{"subnet": obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd00::/64", "gateway_ip": "fd00::"}}
		c.put("member", path, small(1279))
		c.refused(409, "NetworkMTUSubnetConflict", "subnet requires a minimum of 1280", "member", "POST", "subnets", six)
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"})
		c.put("member", path, small(1280))
		// Its gateway is the address that all routers on the link have.
		s := c.make("member", "subnets", six["subnet"].(obj))
		if s["gateway_ip"] != "fd00::" || fmt.Sprint(s["allocation_pools"]) != "[map[end:fd00::ffff:ffff:ffff:ffff start:fd00::1]]" {
			t.Errorf("subnet %v", s)
		}
		c.refused(409, "NetworkMTUSubnetConflict", "subnet requires a minimum of 1280", "member", "PUT", path, small(1279))
		c.put("member", path, small(0))
	})
}
