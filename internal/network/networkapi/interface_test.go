package networkapi_test

import "testing"

// A network that is shared with all is nobody's to route but its owner's: a
// tenant's router would take the address that everybody sends to.
func TestInterfaceOnSharedNetworks(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("admin", "networks", obj{"shared": true})
		s := c.make("admin", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.8.0.0/24"})
		r := c.make("other", "routers", obj{})
		path, body := "routers/"+str(r["id"])+"/add_router_interface", obj{"subnet_id": s["id"]}
		c.refused(400, "BadRequest", "not owned by project making the request", "other", "PUT", path, body)
		// A port of its own there is another thing.
		p := c.make("other", "ports", obj{"network_id": n["id"]})
		c.put("other", path, obj{"port_id": p["id"]})
		c.put("other", "routers/"+str(r["id"])+"/remove_router_interface", obj{"port_id": p["id"]})
		c.policy("admin", "network", n["id"], "access_as_shared", "foreign-id")
		c.put("other", path, body)
		c.put("admin", "routers/"+str(c.make("admin", "routers", obj{})["id"])+"/add_router_interface",
			obj{"port_id": c.make("admin", "ports", obj{"network_id": n["id"]})["id"]})
	})
}

func TestIPv6Interfaces(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		six := func(cidr string, more obj) obj {
			body := obj{"network_id": n["id"], "ip_version": 6, "cidr": cidr}
			for k, v := range more {
				body[k] = v
			}
			return c.make("member", "subnets", body)
		}
		first, second := six("fd00:1::/64", nil), six("fd00:2::/64", nil)
		foreign := six("fd00:3::/64", obj{"ipv6_address_mode": "dhcpv6-stateful"})
		port := func(s obj) obj {
			return obj{"port_id": c.make("member", "ports", obj{"network_id": n["id"], "fixed_ips": []obj{{"subnet_id": s["id"]}}})["id"]}
		}
		r := c.make("member", "routers", obj{})
		path := "routers/" + str(r["id"]) + "/add_router_interface"
		c.refused(400, "BadRequest", "configured to receive RAs from an external router", "member", "PUT", path, port(foreign))
		c.put("member", path, port(first))
		c.refused(400, "BadRequest", "Router already contains IPv6 port", "member", "PUT", path, port(second))
		c.put("member", path, obj{"subnet_id": second["id"]}) // which the port takes too
	})
}
