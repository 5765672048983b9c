package networkapi_test

import (
	"fmt"
	"slices"
	"testing"

	"wisp/internal/network"
)

const nobody = "11111111-1111-1111-1111-111111111111"

// policy makes an RBAC policy and returns it.
func (c *cloud) policy(who, kind string, id any, action, target string) obj {
	c.t.Helper()
	var answer map[string]obj
	body := obj{"object_type": kind, "object_id": id, "action": action, "target_tenant": target}
	c.Must(201, who, "POST", "/network/v2.0/rbac-policies", obj{"rbac_policy": body}).JSON(c.t, &answer)
	return answer["rbac_policy"]
}

// sees tells whether a caller finds an object.
func (c *cloud) sees(who, path string, id any) bool {
	c.t.Helper()
	return c.Do(who, "GET", "/network/v2.0/"+path+"/"+str(id), nil).Status == 200
}

func TestAddressGroups(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		g := c.make("member", "address-groups", obj{"name": "g", "addresses": []string{"10.0.0.0/8", "192.0.2.7", "fd00::/64"}})
		if fmt.Sprint(g["addresses"]) != "[10.0.0.0/8 192.0.2.7/32 fd00::/64]" || g["shared"] != false || g["project_id"] != "demo-id" {
			t.Errorf("group %v", g)
		}
		path := "address-groups/" + str(g["id"])
		addresses := func(list ...string) obj { return obj{"address_group": obj{"addresses": list}} }
		c.refused(400, "HTTPBadRequest", "read-only", "member", "PUT", path, addresses("10.0.0.0/8"))
		c.refused(400, "HTTPBadRequest", "not a valid IP subnet", "member", "PUT", path+"/add_addresses", addresses("here"))
		c.refused(400, "AddressesAlreadyExist", "10.0.0.0/8", "member", "PUT", path+"/add_addresses", addresses("10.0.0.0/8"))
		c.refused(400, "AddressesAlreadyExist", "10.9.0.0/16", "member", "POST", "address-groups", addresses("10.9.0.0/16", "10.9.0.0/16"))
		c.refused(404, "AddressesNotFound", "10.9.0.0/16", "member", "PUT", path+"/remove_addresses", addresses("10.9.0.0/16"))
		c.put("member", path+"/add_addresses", addresses("198.51.100.0/24"))
		c.put("member", path+"/remove_addresses", obj{"addresses": []string{"192.0.2.7/32"}})
		c.refused(400, "HTTPBadRequest", "", "member", "PUT", path+"/add_addresses", obj{"hosts": []string{"192.0.2.7/32"}})
		c.put("member", path, obj{"address_group": obj{"name": "h", "description": "d"}})
		c.refused(412, "RevisionNumberConstraintFailed", "", "member", "PUT", path, obj{"address_group": obj{"name": "x"}}, "If-Match", "revision_number=77")
		if got := c.get("member", path)["address_group"].(obj); fmt.Sprint(got["addresses"]) != "[10.0.0.0/8 fd00::/64 198.51.100.0/24]" || got["name"] != "h" || got["revision_number"] != 3.0 {
			t.Errorf("group %v", got)
		}
		c.refused(404, "AddressGroupNotFound", "", "other", "GET", path, nil)

		sg := c.make("member", "security-groups", obj{"name": "s"})
		rule := obj{"security_group_id": sg["id"], "direction": "ingress", "protocol": "tcp", "remote_address_group_id": g["id"]}
		r := c.make("member", "security-group-rules", rule)
		if r["remote_address_group_id"] != g["id"] || r["remote_group_id"] != nil || r["remote_ip_prefix"] != nil {
			t.Errorf("rule %v", r)
		}
		c.refused(409, "SecurityGroupRuleExists", "", "member", "POST", "security-group-rules", obj{"security_group_rule": rule})
		c.make("member", "security-group-rules", obj{"security_group_id": sg["id"], "direction": "ingress", "protocol": "tcp"}) // another rule
		c.refused(400, "InvalidInput", "Only one of", "member", "POST", "security-group-rules", obj{"security_group_rule": obj{
			"security_group_id": sg["id"], "direction": "ingress", "remote_ip_prefix": "10.0.0.0/8", "remote_address_group_id": g["id"],
		}})
		if got := c.list("member", "security-group-rules", "remote_address_group_id="+str(g["id"])); len(got) != 1 {
			t.Errorf("rules with the group: %v", got)
		}
		c.refused(409, "AddressGroupInUse", "security group rules", "member", "DELETE", path, nil)

		// Hosts are told the addresses, and what they become.
		n := c.make("member", "networks", obj{})
		c.heartbeat("host-1", network.AgentInfo{})
		c.make("admin", "ports", obj{"network_id": n["id"], "project_id": "demo-id", "binding:host_id": "host-1", "security_groups": []any{sg["id"]}})
		for _, want := range []string{"[10.0.0.0/8 fd00::/64 198.51.100.0/24]", "[fd00::/64 198.51.100.0/24]"} {
			state, _ := c.state("host-1")
			if got := fmt.Sprint(state.SecurityGroups[str(g["id"])].Members); got != want {
				t.Errorf("the host knows %s, want %s", got, want)
			}
			c.Do("member", "PUT", "/network/v2.0/"+path+"/remove_addresses", addresses("10.0.0.0/8"))
		}

		p := c.policy("member", "address_group", g["id"], "access_as_shared", "foreign-id")
		theirs := c.list("other", "security-groups", "name=default")[0]
		used := c.make("other", "security-group-rules", obj{"security_group_id": theirs["id"], "direction": "ingress", "protocol": "tcp", "remote_address_group_id": g["id"]})
		if got := c.list("other", "address-groups", "shared=True"); len(got) != 1 || got[0]["shared"] != true {
			t.Errorf("shared groups: %v", got)
		}
		c.refused(403, "PolicyNotAuthorized", "", "other", "PUT", path+"/add_addresses", addresses("11.0.0.0/8"))
		c.refused(409, "RbacPolicyInUse", "project_id=foreign-id", "member", "DELETE", "rbac-policies/"+str(p["id"]), nil)
		c.Must(204, "other", "DELETE", "/network/v2.0/security-group-rules/"+str(used["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/security-group-rules/"+str(r["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil)
		c.put("admin", "quotas/demo-id", obj{"quota": obj{"address_group": 0}})
		c.refused(409, "OverQuota", "address_group", "member", "POST", "address-groups", obj{"address_group": obj{}})
	})
}

// What is announced beside whole resources is there.
func TestSmallExtensions(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		c.heartbeat("host-1", network.AgentInfo{})
		for query, want := range map[string]int{"": 2, "state=available": 2, "state=unavailable": 0, "resource=network&name=nova": 1, "name=mars": 0} {
			if got := c.list("member", "availability_zones", query); len(got) != want {
				t.Errorf("zones of %q: %v", query, got)
			}
		}
		n := c.make("member", "networks", obj{})
		if n["l2_adjacency"] != true {
			t.Errorf("network %v", n)
		}
		c.refused(400, "HTTPBadRequest", "l2_adjacency", "member", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"l2_adjacency": false}})
	})
}

// Others than administrators have no agents, rather than no right to ask.
func TestAgentsOfOthers(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		c.heartbeat("host-1", network.AgentInfo{Version: "1"})
		if got := c.list("member", "agents", ""); len(got) != 0 {
			t.Errorf("a project's agents: %v", got)
		}
		c.refused(404, "AgentNotFound", "", "member", "GET", "agents/"+str(c.list("admin", "agents", "")[0]["id"]), nil)
	})
}

// An external network goes with the floating IPs that stand for nothing.
func TestDeleteExternalNetworkWithFreeFloatingIPs(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		ext := c.make("admin", "networks", obj{"router:external": true})
		c.make("admin", "subnets", obj{"network_id": ext["id"], "ip_version": 4, "cidr": "198.51.100.0/24"})
		free := c.make("member", "floatingips", obj{"floating_network_id": ext["id"]})
		c.put("member", "floatingips/"+str(free["id"])+"/tags", obj{"tags": []string{"a"}})
		c.Must(204, "admin", "DELETE", "/network/v2.0/networks/"+str(ext["id"]), nil)
		c.refused(404, "FloatingIPNotFound", "", "member", "GET", "floatingips/"+str(free["id"]), nil)

		p := c.make("member", "ports", obj{"network_id": x.network["id"]})
		used := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"], "port_id": p["id"]})
		c.refused(409, "NetworkInUse", "", "admin", "DELETE", "networks/"+str(x.external["id"]), nil)
		c.get("member", "floatingips/"+str(used["id"]))
	})
}

// The addresses of a router's interface may change, within what its router can
// have.
func TestMoveInterfaceAddresses(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		port := c.list("member", "ports", "device_owner=network:router_interface")[0]
		path := "ports/" + str(port["id"])
		ips := func(list ...obj) obj { return obj{"port": obj{"fixed_ips": list}} }
		c.put("member", path, ips(obj{"subnet_id": x.subnet["id"]}))
		if got := c.get("member", path)["port"].(obj)["fixed_ips"].([]any)[0].(obj); got["ip_address"] != "10.0.0.1" {
			t.Errorf("the address became %v", got)
		}
		c.put("member", path, ips(obj{"subnet_id": x.subnet["id"], "ip_address": "10.0.0.77"}))
		if got := c.get("member", path)["port"].(obj)["fixed_ips"].([]any)[0].(obj); got["ip_address"] != "10.0.0.77" {
			t.Errorf("the address stayed %v", got)
		}
		second := c.make("member", "subnets", obj{"network_id": x.network["id"], "ip_version": 4, "cidr": "10.1.0.0/24"})
		six := c.make("member", "subnets", obj{"network_id": x.network["id"], "ip_version": 6, "cidr": "fd00:1::/64"})
		c.put("member", path, ips(obj{"subnet_id": x.subnet["id"]}, obj{"subnet_id": six["id"]}))
		c.refused(400, "BadRequest", "multiple IPv4 subnets", "member", "PUT", path, ips(obj{"subnet_id": x.subnet["id"]}, obj{"subnet_id": second["id"]}))
		c.refused(400, "BadRequest", "at least one fixed IP", "member", "PUT", path, ips())
		c.refused(400, "BadRequest", "overlaps", "member", "PUT", path, func() obj {
			other := c.make("member", "networks", obj{})
			same := c.make("member", "subnets", obj{"network_id": other["id"], "ip_version": 4, "cidr": "10.1.0.0/25"})
			c.put("member", "routers/"+str(x.router["id"])+"/add_router_interface", obj{"subnet_id": same["id"]})
			return ips(obj{"subnet_id": second["id"]})
		}())
		c.put("member", "routers/"+str(x.router["id"]), obj{"router": obj{"routes": []obj{{"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}}}})
		c.refused(409, "RouterInterfaceInUseByRoute", "", "member", "PUT", path, ips(obj{"subnet_id": six["id"]}))
		gateway := c.list("admin", "ports", "device_owner=network:router_gateway")[0]
		c.refused(409, "UnsupportedPortDeviceOwner", "", "admin", "PUT", "ports/"+str(gateway["id"]), ips())
	})
}

// A port keeps options of a version of IP that it has no address of, as they
// are; with one, they must be such that a guest can be told them.
func TestOptionsOfTheOtherVersion(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd00:2::/64"})
		boot := []obj{{"opt_name": "tftp-server", "opt_value": "2015::dead"}, {"opt_name": "server-ip-address", "opt_value": "2015::badd"}, {"opt_name": "bootfile-url", "opt_value": "tftp://[2015::1]/x", "ip_version": 6}}
		p := c.make("member", "ports", obj{"network_id": n["id"], "extra_dhcp_opts": boot})
		if len(p["extra_dhcp_opts"].([]any)) != 3 {
			t.Errorf("options %v", p["extra_dhcp_opts"])
		}
		four := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"})
		c.refused(400, "HTTPBadRequest", "server-ip-address", "member", "PUT", "ports/"+str(p["id"]), obj{"port": obj{"fixed_ips": []obj{{"subnet_id": four["id"]}}}})
		c.refused(400, "HTTPBadRequest", "server-ip-address", "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "extra_dhcp_opts": boot}})
	})
}

func TestSubnetPools(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		p := c.make("member", "subnetpools", obj{
			"name": "pool", "prefixes": []string{"10.0.1.0/24", "10.0.0.0/24", "10.8.0.0/16", "10.8.3.0/24"}, "default_prefixlen": 26, "min_prefixlen": "24", "description": "d",
		})
		if fmt.Sprint(p["prefixes"]) != "[10.0.0.0/23 10.8.0.0/16]" || p["default_prefixlen"] != "26" || p["min_prefixlen"] != "24" || p["max_prefixlen"] != "32" ||
			p["ip_version"] != 4.0 || p["is_default"] != false || p["shared"] != false || p["default_quota"] != nil || p["address_scope_id"] != nil || p["description"] != "d" {
			t.Errorf("pool %v", p)
		}
		path := "subnetpools/" + str(p["id"])
		if six := c.make("member", "subnetpools", obj{"name": "six", "prefixes": []string{"fd00::/48"}}); six["min_prefixlen"] != "64" || six["max_prefixlen"] != "128" {
			t.Errorf("IPv6 pool %v", six)
		}
		for _, x := range []struct {
			kind, part string
			body       obj
		}{
			{"HTTPBadRequest", "Required attribute 'prefixes'", obj{"name": "x"}},
			{"EmptySubnetPoolPrefixList", "Empty", obj{"name": "x", "prefixes": []string{}}},
			{"PrefixVersionMismatch", "Cannot mix", obj{"name": "x", "prefixes": []string{"10.0.0.0/8", "fd00::/8"}}},
			{"HTTPBadRequest", "is recommended", obj{"name": "x", "prefixes": []string{"10.0.0.1/8"}}},
			{"HTTPBadRequest", "not a valid IP subnet", obj{"name": "x", "prefixes": []string{"all"}}},
			{"IllegalSubnetPoolPrefixBounds", "min_prefixlen=30, max_prefixlen=29", obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, "min_prefixlen": 30, "max_prefixlen": 29}},
			{"IllegalSubnetPoolPrefixBounds", "max_prefixlen=33", obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, "max_prefixlen": 33}},
			{"IllegalSubnetPoolPrefixBounds", "default_prefixlen=9, max_prefixlen=8", obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, "default_prefixlen": 9, "max_prefixlen": 8}},
			{"IllegalSubnetPoolPrefixBounds", "default_prefixlen=7, min_prefixlen=8", obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, "default_prefixlen": 7}},
		} {
			c.refused(400, x.kind, x.part, "member", "POST", "subnetpools", obj{"subnetpool": x.body})
		}
		for _, attribute := range []string{"shared", "is_default"} {
			c.refused(403, "PolicyNotAuthorized", attribute, "member", "POST", "subnetpools", obj{"subnetpool": obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, attribute: true}})
		}

		n := c.make("member", "networks", obj{})
		sub := func(more obj) obj {
			body := obj{"network_id": n["id"], "ip_version": 4, "subnetpool_id": p["id"]}
			for k, v := range more {
				body[k] = v
			}
			return body
		}
		first := c.make("member", "subnets", sub(nil))
		if first["cidr"] != "10.0.0.0/26" || first["gateway_ip"] != "10.0.0.1" || first["subnetpool_id"] != p["id"] {
			t.Errorf("a subnet of the default length: %v", first)
		}
		if s := c.make("member", "subnets", sub(obj{"prefixlen": 24})); s["cidr"] != "10.0.1.0/24" {
			t.Errorf("a subnet of another length: %v", s)
		}
		if s := c.make("member", "subnets", sub(obj{"cidr": "10.8.9.0/24", "allocation_pools": []obj{{"start": "10.8.9.7", "end": "10.8.9.9"}}})); s["cidr"] != "10.8.9.0/24" {
			t.Errorf("the subnet that was asked for: %v", s)
		}
		if got := c.list("member", "subnets", "subnetpool_id="+str(p["id"])); len(got) != 3 {
			t.Errorf("subnets of the pool: %v", got)
		}
		for _, x := range []struct {
			status     int
			kind, part string
			body       obj
		}{
			{409, "SubnetAllocationError", "Cannot allocate requested subnet", obj{"cidr": "10.8.9.128/25"}},
			{409, "SubnetAllocationError", "Cannot allocate requested subnet", obj{"cidr": "192.0.2.0/24"}},
			{400, "MinPrefixSubnetAllocationError", "prefix length 23, minimum allowed prefix is 24", obj{"prefixlen": 23}},
			{400, "MaxPrefixSubnetAllocationError", "prefix length 33, maximum allowed prefix is 32", obj{"prefixlen": 33}},
			{400, "BadRequest", "must not be supplied together", obj{"prefixlen": 24, "cidr": "10.8.8.0/24"}},
			{400, "BadRequest", "allocation_pools allowed only", obj{"allocation_pools": []obj{{"start": "10.8.8.7", "end": "10.8.8.9"}}}},
			{400, "BadRequest", "Cannot allocate IPv6 subnet from IPv4 subnet pool", obj{"ip_version": 6}},
			{400, "BadRequest", "cannot both be specified", obj{"use_default_subnetpool": true}},
			{400, "BadRequest", "No default subnetpool found for IPv4", obj{"use_default_subnetpool": true, "subnetpool_id": nil}},
			{400, "BadRequest", "a subnetpool must be specified", obj{"subnetpool_id": nil}},
			{404, "SubnetPoolNotFound", nobody, obj{"subnetpool_id": nobody}},
			{400, "NetworkSubnetPoolAffinityError", "same subnet pool", obj{"subnetpool_id": nil, "cidr": "192.0.2.0/24"}},
		} {
			c.refused(x.status, x.kind, x.part, "member", "POST", "subnets", obj{"subnet": sub(x.body)})
		}
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd01::/64"}) // the other version may be from elsewhere
		c.refused(404, "SubnetPoolNotFound", "", "other", "GET", path, nil)

		// All of a small pool, by one address, and what a project may have.
		small := c.make("admin", "subnetpools", obj{"name": "small", "prefixes": []string{"198.51.100.0/30"}, "shared": true, "is_default": true, "default_quota": 3, "min_prefixlen": 30})
		c.refused(400, "InvalidInput", "Only one default may exist", "admin", "POST", "subnetpools", obj{"subnetpool": obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}, "is_default": true}})
		other := c.make("member", "networks", obj{})
		byDefault := obj{"network_id": other["id"], "ip_version": 4, "use_default_subnetpool": true}
		c.refused(409, "SubnetPoolQuotaExceeded", "quota exceeded", "member", "POST", "subnets", obj{"subnet": byDefault})
		c.put("admin", "subnetpools/"+str(small["id"]), obj{"subnetpool": obj{"default_quota": nil}})
		if s := c.make("member", "subnets", byDefault); s["cidr"] != "198.51.100.0/30" || s["subnetpool_id"] != small["id"] {
			t.Errorf("a subnet of the default pool: %v", s)
		}
		c.refused(409, "SubnetAllocationError", "Insufficient prefix space to allocate subnet size /30", "member", "POST", "subnets", obj{"subnet": byDefault})
		if got := c.list("member", "subnetpools", "shared=True"); len(got) != 1 || got[0]["shared"] != true {
			t.Errorf("shared pools: %v", got)
		}
		c.refused(403, "PolicyNotAuthorized", "", "member", "PUT", "subnetpools/"+str(small["id"]), obj{"subnetpool": obj{"name": "mine"}})

		// Changes.
		c.refused(400, "IllegalSubnetPoolPrefixUpdate", "must be a subset", "member", "PUT", path, obj{"subnetpool": obj{"prefixes": []string{"10.8.0.0/16"}}})
		c.refused(400, "HTTPBadRequest", "read-only", "member", "PUT", path, obj{"subnetpool": obj{"shared": true}})
		c.refused(403, "PolicyNotAuthorized", "is_default", "member", "PUT", path, obj{"subnetpool": obj{"is_default": true}})
		c.refused(412, "RevisionNumberConstraintFailed", "", "member", "PUT", path, obj{"subnetpool": obj{"name": "x"}}, "If-Match", "revision_number=77")
		c.put("member", path, obj{"subnetpool": obj{"name": "more", "prefixes": []string{"10.0.0.0/8"}, "default_prefixlen": 28, "max_prefixlen": 30}})
		if got := c.get("member", path)["subnetpool"].(obj); got["name"] != "more" || got["default_prefixlen"] != "28" || got["revision_number"].(float64) < 1 {
			t.Errorf("changed pool %v", got)
		}
		c.put("member", path+"/add_prefixes", obj{"prefixes": []string{"11.0.0.0/8", "172.16.0.0/12"}})
		c.put("member", path+"/remove_prefixes", obj{"prefixes": []string{"172.16.0.0/13", "10.128.0.0/9"}})
		if got := fmt.Sprint(c.get("member", path)["subnetpool"].(obj)["prefixes"]); got != "[10.0.0.0/9 11.0.0.0/8 172.24.0.0/13]" {
			t.Errorf("prefixes %v", got)
		}
		c.refused(400, "IllegalSubnetPoolPrefixUpdate", "in use", "member", "PUT", path+"/remove_prefixes", obj{"prefixes": []string{"10.0.0.0/16"}})
		c.refused(400, "HTTPBadRequest", "'prefixes'", "member", "PUT", path+"/add_prefixes", obj{})
		c.refused(400, "SubnetPoolDeleteError", "existing allocations", "member", "DELETE", path, nil)
		c.put("admin", "quotas/demo-id", obj{"quota": obj{"subnetpool": 2}})
		c.refused(409, "OverQuota", "subnetpool", "member", "POST", "subnetpools", obj{"subnetpool": obj{"name": "x", "prefixes": []string{"10.0.0.0/8"}}})
		c.Must(204, "member", "DELETE", "/network/v2.0/networks/"+str(n["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil)
		c.refused(404, "SubnetPoolNotFound", "", "member", "GET", path, nil)
	})
}

func TestAddressScopes(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		a := c.make("member", "address-scopes", obj{"name": "a", "ip_version": 4})
		if a["ip_version"] != 4.0 || a["shared"] != false || a["project_id"] != "demo-id" || len(a) != 6 {
			t.Errorf("scope %v", a)
		}
		path := "address-scopes/" + str(a["id"])
		c.refused(400, "HTTPBadRequest", "'5' is not in [4, 6]", "member", "POST", "address-scopes", obj{"address_scope": obj{"name": "x", "ip_version": 5}})
		c.refused(403, "PolicyNotAuthorized", "shared", "member", "POST", "address-scopes", obj{"address_scope": obj{"name": "x", "ip_version": 4, "shared": true}})
		c.refused(403, "PolicyNotAuthorized", "shared", "member", "PUT", path, obj{"address_scope": obj{"shared": true}})
		c.refused(400, "HTTPBadRequest", "read-only", "member", "PUT", path, obj{"address_scope": obj{"ip_version": 6}})
		c.refused(400, "HTTPBadRequest", "revisions", "member", "PUT", path, obj{"address_scope": obj{"name": "x"}}, "If-Match", "revision_number=1")
		c.refused(400, "HTTPBadRequest", "revisions", "member", "DELETE", path, nil, "If-Match", "revision_number=1")
		c.refused(404, "AddressScopeNotFound", "", "other", "GET", path, nil)
		c.put("member", path, obj{"address_scope": obj{"name": "b"}})
		if got := c.list("member", "address-scopes", "name=b&ip_version=4"); len(got) != 1 {
			t.Errorf("scopes %v", got)
		}
		if got := c.get("member", path)["address_scope"].(obj); got["name"] != "b" {
			t.Errorf("scope %v", got)
		}

		in := func(name, prefix string, scope any) obj {
			return obj{"name": name, "prefixes": []string{prefix}, "address_scope_id": scope, "default_prefixlen": 24}
		}
		p := c.make("member", "subnetpools", in("p", "10.0.0.0/16", a["id"]))
		c.refused(409, "AddressScopePrefixConflict", "unique", "member", "POST", "subnetpools", obj{"subnetpool": in("q", "10.0.8.0/22", a["id"])})
		c.refused(404, "AddressScopeNotFound", "", "other", "POST", "subnetpools", obj{"subnetpool": in("q", "10.1.0.0/16", a["id"])})
		c.refused(400, "IllegalSubnetPoolIpVersionAssociationToAddressScope", "is not 4", "member", "POST", "subnetpools", obj{
			"subnetpool": obj{"name": "q", "prefixes": []string{"fd00::/48"}, "address_scope_id": a["id"]},
		})
		q := c.make("member", "subnetpools", in("q", "10.1.0.0/16", a["id"]))
		c.refused(409, "AddressScopeInUse", "subnet pools", "member", "DELETE", path, nil)

		n := c.make("member", "networks", obj{})
		for _, pool := range []obj{p, q} { // two pools of one scope may be on a network
			c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "subnetpool_id": pool["id"]})
		}
		if got := c.get("member", "networks/"+str(n["id"]))["network"].(obj); got["ipv4_address_scope"] != a["id"] || got["ipv6_address_scope"] != nil {
			t.Errorf("scopes of a network: %v", got)
		}
		c.refused(400, "NetworkAddressScopeAffinityError", "same address scope", "member", "POST", "subnets", obj{
			"subnet": obj{"network_id": n["id"], "ip_version": 4, "cidr": "192.0.2.0/24"},
		})
		// One pool alone cannot leave the scope.
		c.refused(400, "NetworkAddressScopeAffinityError", "same address scope", "member", "PUT", "subnetpools/"+str(q["id"]), obj{"subnetpool": obj{"address_scope_id": nil}})

		// A scope of another project, shared with all.
		whole := c.make("admin", "address-scopes", obj{"name": "whole", "ip_version": 4})
		c.put("admin", "address-scopes/"+str(whole["id"]), obj{"address_scope": obj{"shared": true}})
		c.refused(400, "AddressScopeUpdateError", "can't be unshared", "admin", "PUT", "address-scopes/"+str(whole["id"]), obj{"address_scope": obj{"shared": false}})
		mine := c.make("member", "subnetpools", in("mine", "10.2.0.0/16", whole["id"]))
		c.refused(400, "IllegalSubnetPoolUpdate", "shared address scope", "member", "PUT", "subnetpools/"+str(mine["id"]), obj{"subnetpool": obj{"name": "x"}})
		c.Must(204, "member", "DELETE", "/network/v2.0/subnetpools/"+str(mine["id"]), nil)
		c.Must(204, "admin", "DELETE", "/network/v2.0/address-scopes/"+str(whole["id"]), nil)
		c.make("admin", "address-scopes", obj{"name": "born shared", "ip_version": 6, "shared": true})
		if got := c.list("other", "address-scopes", "shared=True"); len(got) != 1 || got[0]["shared"] != true {
			t.Errorf("shared scopes: %v", got)
		}
	})
}

func TestRBACPolicies(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{"name": "n"})
		s := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"})
		create := func(kind string, id any, action, target string) obj {
			return obj{"rbac_policy": obj{"object_type": kind, "object_id": id, "action": action, "target_tenant": target}}
		}
		c.refused(400, "InvalidInput", "not a valid RBAC object type", "member", "POST", "rbac-policies", create("router", n["id"], "access_as_shared", "foreign-id"))
		c.refused(400, "InvalidInput", "Invalid action 'read'", "member", "POST", "rbac-policies", create("network", n["id"], "read", "foreign-id"))
		c.refused(400, "InvalidInput", "Invalid action 'access_as_external'", "member", "POST", "rbac-policies", create("subnetpool", n["id"], "access_as_external", "foreign-id"))
		c.refused(400, "HTTPBadRequest", "target_tenant", "member", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", ""))
		c.refused(403, "PolicyNotAuthorized", "target_tenant", "member", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", "*"))
		c.refused(404, "NetworkNotFound", "", "other", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", "foreign-id"))
		p := c.policy("member", "network", n["id"], "access_as_shared", "foreign-id")
		if p["project_id"] != "demo-id" || p["object_id"] != n["id"] || p["action"] != "access_as_shared" || len(p) != 7 {
			t.Errorf("policy %v", p)
		}
		c.refused(409, "DuplicateRbacPolicy", "already exists", "member", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", "foreign-id"))
		c.refused(400, "InvalidInput", "objects they do not own", "other", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", "third-id"))
		path := "rbac-policies/" + str(p["id"])
		c.refused(404, "RbacPolicyNotFound", "", "other", "GET", path, nil)
		c.refused(400, "HTTPBadRequest", "read-only", "member", "PUT", path, obj{"rbac_policy": obj{"action": "access_as_external"}})
		c.refused(400, "HTTPBadRequest", "revisions", "member", "PUT", path, obj{"rbac_policy": obj{"target_tenant": "x"}}, "If-Match", "revision_number=1")
		c.refused(400, "HTTPBadRequest", "revisions", "member", "DELETE", path, nil, "If-Match", "revision_number=1")

		// The target sees the network as a shared one, its subnets, and plugs
		// into it; nobody else does.
		got := c.get("other", "networks/"+str(n["id"]))["network"].(obj)
		if mine := c.get("member", "networks/"+str(n["id"]))["network"].(obj); got["shared"] != true || mine["shared"] != false || mine["revision_number"] == n["revision_number"] {
			t.Errorf("shared is %v for the target, %v for the owner", got["shared"], mine)
		}
		if len(c.list("other", "networks", "shared=True")) != 1 || len(c.list("member", "networks", "shared=true")) != 0 || len(c.list("member", "networks", "shared=false")) != 1 {
			t.Error("the filter shared")
		}
		if !c.sees("other", "subnets", s["id"]) {
			t.Error("the target does not see the subnet")
		}
		port := c.make("other", "ports", obj{"network_id": n["id"], "fixed_ips": []obj{{"subnet_id": s["id"]}}})
		c.refused(403, "PolicyNotAuthorized", "", "other", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"name": "mine"}})
		c.refused(403, "PolicyNotAuthorized", "", "other", "POST", "subnets", obj{"subnet": obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.9.0.0/24"}})
		c.refused(409, "RbacPolicyInUse", "Multiple projects are using it", "member", "DELETE", path, nil)
		c.refused(409, "RbacPolicyInUse", "Multiple projects are using it", "member", "PUT", path, obj{"rbac_policy": obj{"target_tenant": "third-id"}})
		c.put("member", path, obj{"rbac_policy": obj{"target_tenant": "foreign-id"}}) // nothing changes
		// With another policy for all, nobody depends on this one.
		all := c.policy("admin", "network", n["id"], "access_as_shared", "*")
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil)
		if !c.sees("other", "networks", n["id"]) || c.get("member", "networks/"+str(n["id"]))["network"].(obj)["shared"] != true {
			t.Error("not shared with all")
		}
		c.refused(409, "InvalidSharedSetting", "Multiple projects", "admin", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"shared": false}})
		c.Must(204, "other", "DELETE", "/network/v2.0/ports/"+str(port["id"]), nil)
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"shared": false}})
		c.refused(404, "RbacPolicyNotFound", "", "admin", "GET", "rbac-policies/"+str(all["id"]), nil)
		if c.sees("other", "networks", n["id"]) || c.sees("other", "subnets", s["id"]) {
			t.Error("the network is seen without a policy")
		}

		// Attributes of networks are policies.
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"shared": true}})
		made := c.list("admin", "rbac-policies", "object_id="+str(n["id"]))
		if len(made) != 1 || made[0]["target_tenant"] != "*" || made[0]["action"] != "access_as_shared" {
			t.Fatalf("policies of a shared network: %v", made)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/rbac-policies/"+str(made[0]["id"]), nil)
		if c.get("admin", "networks/"+str(n["id"]))["network"].(obj)["shared"] != false {
			t.Error("shared without a policy")
		}
		c.make("admin", "networks", obj{"shared": true, "router:external": true})

		// Names in the other direction: what one project may do, another not.
		moved := c.policy("member", "network", n["id"], "access_as_shared", "third-id")
		c.put("member", "rbac-policies/"+str(moved["id"]), obj{"rbac_policy": obj{"target_tenant": "foreign-id"}})
		c.refused(403, "PolicyNotAuthorized", "target_tenant", "member", "PUT", "rbac-policies/"+str(moved["id"]), obj{"rbac_policy": obj{"target_tenant": "*"}})
		again := c.policy("member", "network", n["id"], "access_as_shared", "third-id")
		c.refused(409, "DuplicateRbacPolicy", "", "member", "PUT", "rbac-policies/"+str(again["id"]), obj{"rbac_policy": obj{"target_tenant": "foreign-id"}})
		if !c.sees("other", "networks", n["id"]) {
			t.Error("the new target does not see the network")
		}
		c.put("admin", "quotas/demo-id", obj{"quota": obj{"rbac_policy": 2}})
		c.refused(409, "OverQuota", "rbac_policy", "member", "POST", "rbac-policies", create("network", n["id"], "access_as_shared", "fourth-id"))
		c.put("admin", "quotas/demo-id", obj{"quota": obj{"rbac_policy": -1}})
		c.Must(204, "member", "DELETE", "/network/v2.0/networks/"+str(n["id"]), nil)
		if left := c.list("member", "rbac-policies", ""); len(left) != 0 {
			t.Errorf("policies of a network that is gone: %v", left)
		}
	})
}

func TestSharedExternalNetworks(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{"name": "way out"})
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false})
		p := c.policy("member", "network", n["id"], "access_as_external", "foreign-id")
		if got := c.get("other", "networks/"+str(n["id"]))["network"].(obj); got["router:external"] != true || got["shared"] != false {
			t.Errorf("external network %v", got)
		}
		if len(c.list("other", "subnets", "network_id="+str(n["id"]))) != 0 {
			t.Error("the subnets of an external network are seen by who may only lead out of it")
		}
		r := c.make("other", "routers", obj{"external_gateway_info": obj{"network_id": n["id"]}})
		c.refused(409, "RbacPolicyInUse", "routers attached to this network", "member", "DELETE", "rbac-policies/"+str(p["id"]), nil)
		c.Must(204, "other", "DELETE", "/network/v2.0/routers/"+str(r["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/rbac-policies/"+str(p["id"]), nil)
		c.refused(404, "NetworkNotFound", "", "other", "GET", "networks/"+str(n["id"]), nil)

		public := c.make("admin", "networks", obj{"router:external": true})
		if !c.sees("other", "networks", public["id"]) {
			t.Error("an external network is not seen")
		}
		c.put("admin", "networks/"+str(public["id"]), obj{"network": obj{"router:external": false}})
		if c.sees("other", "networks", public["id"]) || len(c.list("admin", "rbac-policies", "object_id="+str(public["id"]))) != 0 {
			t.Error("a network that is external no more is seen")
		}
		c.put("admin", "networks/"+str(public["id"]), obj{"network": obj{"router:external": true}})
		if !c.sees("other", "networks", public["id"]) {
			t.Error("a network that became external is not seen")
		}
	})
}

func TestSharedSecurityGroupsAndPools(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		g := c.make("member", "security-groups", obj{"name": "web"})
		n := c.make("other", "networks", obj{})
		c.refused(404, "SecurityGroupNotFound", "", "other", "POST", "ports", obj{"port": obj{"network_id": n["id"], "security_groups": []any{g["id"]}}})
		p := c.policy("member", "security_group", g["id"], "access_as_shared", "foreign-id")
		if got := c.get("other", "security-groups/"+str(g["id"]))["security_group"].(obj); got["shared"] != true || len(got["security_group_rules"].([]any)) != 2 {
			t.Errorf("shared group %v", got)
		}
		if got := c.list("other", "security-groups", "shared=True"); len(got) != 1 {
			t.Errorf("groups that are shared with a project: %v", got)
		}
		port := c.make("other", "ports", obj{"network_id": n["id"], "security_groups": []any{g["id"]}})
		if !slices.Contains(port["security_groups"].([]any), g["id"]) {
			t.Errorf("port %v", port)
		}
		c.refused(403, "PolicyNotAuthorized", "", "other", "DELETE", "security-groups/"+str(g["id"]), nil)
		c.refused(403, "PolicyNotAuthorized", "", "other", "POST", "security-group-rules", obj{"security_group_rule": obj{"security_group_id": g["id"], "direction": "ingress", "protocol": "tcp"}})
		c.refused(409, "RbacPolicyInUse", "project_id=foreign-id", "member", "DELETE", "rbac-policies/"+str(p["id"]), nil)
		c.Must(204, "other", "DELETE", "/network/v2.0/ports/"+str(port["id"]), nil)
		c.Must(204, "member", "DELETE", "/network/v2.0/rbac-policies/"+str(p["id"]), nil)

		scope := c.make("member", "address-scopes", obj{"name": "a", "ip_version": 4})
		pool := c.make("member", "subnetpools", obj{"name": "p", "prefixes": []string{"10.0.0.0/16"}})
		for kind, id := range map[string]any{"address_scope": scope["id"], "subnetpool": pool["id"]} {
			c.policy("member", kind, id, "access_as_shared", "foreign-id")
		}
		c.make("other", "subnets", obj{"network_id": n["id"], "ip_version": 4, "subnetpool_id": pool["id"], "prefixlen": 24})
		c.make("other", "subnetpools", obj{"name": "mine", "prefixes": []string{"10.0.0.0/16"}, "address_scope_id": scope["id"]})
		for _, p := range c.list("member", "rbac-policies", "") {
			c.refused(409, "RbacPolicyInUse", "project_id=foreign-id", "member", "DELETE", "rbac-policies/"+str(p["id"]), nil)
			c.get("member", "rbac-policies/"+str(p["id"]))
		}
	})
}
