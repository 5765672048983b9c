package networkapi_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"wisp/internal/network"
)

func TestSecurityGroups(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		standard := c.list("member", "security-groups", "name=default")
		if len(standard) != 1 || len(standard[0]["security_group_rules"].([]any)) != 4 {
			t.Fatalf("default groups %v", standard)
		}
		g := c.make("member", "security-groups", obj{"name": "web", "description": "d"})
		if len(g["security_group_rules"].([]any)) != 2 {
			t.Errorf("a new group has the rules %v", g["security_group_rules"])
		}
		rule := func(more obj) obj {
			body := obj{"security_group_id": g["id"], "direction": "ingress"}
			for k, v := range more {
				body[k] = v
			}
			return body
		}
		ssh := c.make("member", "security-group-rules", rule(obj{"protocol": "tcp", "port_range_min": 22, "port_range_max": "22", "remote_ip_prefix": "192.0.2.7/24"}))
		if ssh["protocol"] != "tcp" || ssh["port_range_max"] != 22.0 || ssh["remote_ip_prefix"] != "192.0.2.7/24" || ssh["normalized_cidr"] != "192.0.2.0/24" || ssh["ethertype"] != "IPv4" {
			t.Errorf("rule %v", ssh)
		}
		for _, ok := range []obj{
			{"protocol": "icmp"}, {"protocol": "icmp", "port_range_min": 8}, {"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}, {"protocol": 112},
			{"protocol": "icmp", "ethertype": "IPv6"}, {"protocol": "udp", "port_range_min": 1, "port_range_max": 65535}, {"remote_group_id": g["id"]},
			{"protocol": "tcp", "ethertype": "ipv6", "remote_ip_prefix": "2001:db8::1"}, {"direction": "egress", "protocol": "sctp", "port_range_min": 1, "port_range_max": 2},
			{"protocol": nil, "remote_ip_prefix": "10.0.0.0/8"},
		} {
			c.make("member", "security-group-rules", rule(ok))
		}
		for _, x := range []struct {
			body       obj
			status     int
			kind, part string
		}{
			{obj{"protocol": "6", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "192.0.2.0/24"}, 409, "SecurityGroupRuleExists", str(ssh["id"])},
			{obj{"protocol": "icmpv6", "ethertype": "IPv6"}, 409, "SecurityGroupRuleExists", ""},
			{obj{"direction": "sideways"}, 400, "HTTPBadRequest", "'sideways' is not in ['ingress', 'egress']"},
			{obj{"ethertype": "IPX"}, 400, "InvalidInput", "ethertype 'IPX' not supported"},
			{obj{"protocol": "carrier-pigeon"}, 400, "InvalidInput", "protocol carrier-pigeon not supported"},
			{obj{"protocol": 256}, 400, "InvalidInput", "protocol 256 not supported"},
			{obj{"port_range_min": 1, "port_range_max": 2}, 400, "InvalidInput", "Must also specify protocol"},
			{obj{"protocol": "tcp", "port_range_min": 3, "port_range_max": 2}, 400, "InvalidInput", "port_range_min must be <= port_range_max"},
			{obj{"protocol": "tcp", "port_range_min": 3}, 400, "InvalidInput", "port_range_min must be <= port_range_max"},
			{obj{"protocol": "tcp", "port_range_min": 0, "port_range_max": 2}, 400, "InvalidInput", "Invalid value for port 0"},
			{obj{"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, 400, "InvalidInput", "Invalid value for port 65536"},
			{obj{"protocol": "tcp", "port_range_min": "ssh", "port_range_max": 22}, 400, "InvalidInput", "Invalid value for port ssh"},
			{obj{"protocol": "icmp", "port_range_min": 256}, 400, "InvalidInput", "ICMP type (port_range_min) 256"},
			{obj{"protocol": "icmp", "port_range_max": 1}, 400, "InvalidInput", "ICMP type (port-range-min) is missing"},
			{obj{"protocol": "gre", "port_range_min": 1, "port_range_max": 1}, 400, "InvalidInput", "Ports cannot be specified for protocol 47"},
			{obj{"protocol": "ipv6-icmp"}, 400, "InvalidInput", "Invalid ethertype IPv4 for protocol"},
			{obj{"remote_ip_prefix": "fd00::/8"}, 400, "InvalidInput", "Conflicting value ethertype"},
			{obj{"remote_ip_prefix": "everywhere"}, 400, "InvalidCIDR", "everywhere"},
			{obj{"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": g["id"]}, 400, "InvalidInput", "Only one of remote_ip_prefix"},
			{obj{"remote_group_id": "11111111-1111-1111-1111-111111111111"}, 404, "SecurityGroupNotFound", ""},
			{obj{"security_group_id": "11111111-1111-1111-1111-111111111111"}, 404, "SecurityGroupNotFound", ""},
		} {
			c.refused(x.status, x.kind, x.part, "member", "POST", "security-group-rules", obj{"security_group_rule": rule(x.body)})
		}
		same := rule(obj{"protocol": "ah"})
		if r := c.Do("member", "POST", "/network/v2.0/security-group-rules", obj{"security_group_rules": []obj{same, same}}); r.Status != 409 {
			t.Errorf("a rule twice in one request: %d %s", r.Status, r.Body)
		}
		if got := c.list("member", "security-group-rules", "security_group_id="+str(g["id"])+"&protocol=tcp"); len(got) != 2 {
			t.Errorf("TCP rules %v", got)
		}
		c.get("member", "security-group-rules/"+str(ssh["id"]))
		c.Must(204, "member", "DELETE", "/network/v2.0/security-group-rules/"+str(ssh["id"]), nil)
		c.put("member", "security-groups/"+str(g["id"]), obj{"security_group": obj{"name": "www"}})
		id := str(standard[0]["id"])
		c.refused(409, "SecurityGroupCannotUpdateDefault", "", "member", "PUT", "security-groups/"+id, obj{"security_group": obj{"name": "mine"}})
		c.refused(409, "SecurityGroupCannotRemoveDefault", "", "member", "DELETE", "security-groups/"+id, nil)
		n := c.make("member", "networks", obj{})
		p := c.make("member", "ports", obj{"network_id": n["id"], "security_groups": []any{g["id"]}})
		c.refused(409, "SecurityGroupInUse", "in use", "member", "DELETE", "security-groups/"+str(g["id"]), nil)
		c.put("member", "ports/"+str(p["id"]), obj{"port": obj{"security_groups": []any{}}})
		c.Must(204, "member", "DELETE", "/network/v2.0/security-groups/"+str(g["id"]), nil)
		c.refused(404, "SecurityGroupNotFound", "", "other", "GET", "security-groups/"+id, nil)
	})
}

func TestTagsQuotasAgents(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		p := c.make("member", "ports", obj{"network_id": x.network["id"]})
		f := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"]})
		g := c.list("member", "security-groups", "")[0]
		pool := c.make("member", "subnetpools", obj{"name": "pool", "prefixes": []string{"10.0.0.0/8"}})
		for path, o := range map[string]obj{"subnetpools": pool, "networks": x.network, "subnets": x.subnet, "ports": p, "routers": x.router, "floatingips": f, "security-groups": g} {
			base := path + "/" + str(o["id"]) + "/tags"
			c.put("member", base, obj{"tags": []string{"a", "b", "a"}})
			c.Must(201, "member", "PUT", "/network/v2.0/"+base+"/c", nil)
			c.Must(204, "member", "GET", "/network/v2.0/"+base+"/c", nil)
			c.Must(204, "member", "DELETE", "/network/v2.0/"+base+"/c", nil)
			c.refused(404, "TagNotFound", "c", "member", "DELETE", base+"/c", nil)
			c.refused(404, "TagNotFound", "c", "member", "GET", base+"/c", nil)
			c.refused(400, "HTTPBadRequest", "tag", "member", "PUT", base+"/"+strings.Repeat("x", 61), nil)
			c.refused(400, "HTTPBadRequest", "'tags'", "member", "PUT", base, obj{})
			if got, _ := json.Marshal(c.get("member", base)); string(got) != `{"tags":["a","b"]}` {
				t.Errorf("tags of %s: %s", path, got)
			}
			if got := c.list("member", path, "tags=a,b"); len(got) != 1 {
				t.Errorf("%s with both tags: %v", path, got)
			}
			c.Must(204, "member", "DELETE", "/network/v2.0/"+base, nil)
		}
		base := "quotas/demo-id"
		if q := c.get("member", base)["quota"].(obj); q["network"] != 100.0 || q["floatingip"] != 50.0 {
			t.Errorf("quota %v", q)
		}
		c.refused(400, "HTTPBadRequest", "Quota limit 0 for network must be greater than or equal to already used 1", "admin", "PUT", base, obj{"quota": obj{"network": 0, "check_limit": true}})
		c.put("admin", base, obj{"quota": obj{"network": 0, "check_limit": true, "force": true}})
		c.put("admin", base, obj{"quota": obj{"network": 1, "check_limit": true, "router": -1}})
		c.put("admin", base, obj{"quota": obj{"network": 1, "tenant_id": "demo-id", "subnet": "-1"}})
		c.refused(409, "OverQuota", "Quota exceeded for resources: ['network'].", "member", "POST", "networks", obj{"network": obj{}})
		c.refused(400, "HTTPBadRequest", "Unrecognized", "admin", "PUT", base, obj{"quota": obj{"castle": 1}})
		c.refused(400, "HTTPBadRequest", "range", "admin", "PUT", base, obj{"quota": obj{"network": -2}})
		c.refused(403, "PolicyNotAuthorized", "", "member", "PUT", base, obj{"quota": obj{"network": 9}})
		c.refused(403, "PolicyNotAuthorized", "", "other", "GET", base, nil)
		for _, details := range []string{"/details", "/details.json"} {
			if d := c.get("member", base+details)["quota"].(obj)["network"].(obj); d["limit"] != 1.0 || d["used"] != 1.0 || d["reserved"] != 0.0 {
				t.Errorf("details %v", d)
			}
		}
		if d := c.get("member", base+"/default")["quota"].(obj); d["network"] != 100.0 {
			t.Errorf("default %v", d)
		}
		if all := c.list("admin", "quotas", ""); len(all) != 1 || all[0]["project_id"] != "demo-id" {
			t.Errorf("quotas %v", all)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+base, nil)
		c.refused(404, "TenantQuotaNotFound", "", "admin", "DELETE", base, nil)

		c.heartbeat("host-1", network.AgentInfo{Version: "1", Endpoint: netip.MustParseAddr("192.0.2.1")})
		agents := c.list("admin", "agents", "host=host-1&alive=True")
		if len(agents) != 4 || len(c.list("admin", "agents", "alive=False")) != 0 {
			t.Fatalf("agents %v", agents)
		}
		id := str(c.list("admin", "agents", "agent_type=Metadata+agent")[0]["id"])
		if a := c.get("admin", "agents/"+id)["agent"].(obj); a["alive"] != true || a["availability_zone"] != "nova" {
			t.Errorf("agent %v", a)
		}
		c.put("admin", "agents/"+id, obj{"agent": obj{"admin_state_up": false, "description": "out"}})
		c.Must(204, "admin", "DELETE", "/network/v2.0/agents/"+id, nil)
		c.refused(404, "AgentNotFound", "", "admin", "GET", "agents/"+id, nil)
		if zones := c.get("member", "availability_zones?resource=router")["availability_zones"].([]any); len(zones) != 1 {
			t.Errorf("zones %v", zones)
		}
		c.get("member", "service-providers")
		if all := c.get("admin", "network-ip-availabilities?network_name=net&ip_version=6")["network_ip_availabilities"].([]any); len(all) != 1 || all[0].(obj)["total_ips"] != 0.0 {
			t.Errorf("availabilities %v", all)
		}
		a := c.get("admin", "network-ip-availabilities/"+str(x.network["id"]))["network_ip_availability"].(obj)
		if a["total_ips"] != 253.0 || a["used_ips"] != 3.0 {
			t.Errorf("availability %v", a)
		}
		six := c.make("member", "networks", obj{"name": "six"})
		c.make("member", "subnets", obj{"network_id": six["id"], "ip_version": 6, "cidr": "2001:db8::/64"})
		// 2^64 without the gateway and the network's own: more than an int64 has.
		if r := c.Must(200, "admin", "GET", "/network/v2.0/network-ip-availabilities/"+str(six["id"]), nil); strings.Count(string(r.Body), `"total_ips":18446744073709551614`) != 2 {
			t.Errorf("availability %s", r.Body)
		}
	})
}

func TestRootAndExtensions(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		if r := c.Must(200, "", "GET", "/network/", nil); !strings.Contains(string(r.Body), `"CURRENT"`) {
			t.Errorf("versions %s", r.Body)
		}
		c.Must(200, "member", "GET", "/network/v2.0", nil)
		c.Must(200, "member", "GET", "/network/v2.0/", nil)
		c.Must(200, "reader", "GET", "/network/v2.0/extensions/router", nil)
		c.refused(404, "HTTPNotFound", "", "member", "GET", "extensions/vpnaas", nil)
		aliases := []string{}
		for _, e := range c.list("member", "extensions", "") {
			aliases = append(aliases, str(e["alias"]))
		}
		for _, needed := range []string{"router", "security-group", "external-net", "provider", "quotas", "binding", "standard-attr-tag"} {
			if !slices.Contains(aliases, needed) {
				t.Errorf("extension %s is not announced", needed)
			}
		}
	})
}

func TestRevisions(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{"name": "a"})
		path := "networks/" + str(n["id"])
		c.Must(200, "member", "PUT", "/network/v2.0/"+path, obj{"network": obj{"name": "b"}}, "If-Match", "revision_number=0")
		c.refused(412, "RevisionNumberConstraintFailed", "Constrained to 0, but current revision is 1", "member", "PUT", path, obj{"network": obj{"name": "c"}}, "If-Match", "revision_number=0")
		c.refused(412, "RevisionNumberConstraintFailed", "", "member", "DELETE", path, nil, "If-Match", "revision_number=0")
		c.refused(400, "HTTPBadRequest", "If-Match", "member", "DELETE", path, nil, "If-Match", "7")
		c.Must(204, "member", "DELETE", "/network/v2.0/"+path, nil, "If-Match", "revision_number=1")
	})
}

func TestRouters(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		id := str(x.router["id"])
		add, drop := "routers/"+id+"/add_router_interface", "routers/"+id+"/remove_router_interface"
		other := c.make("member", "networks", obj{})
		same := c.make("member", "subnets", obj{"network_id": other["id"], "ip_version": 4, "cidr": "10.0.0.0/25"})
		closed := c.make("member", "subnets", obj{"network_id": other["id"], "ip_version": 4, "cidr": "10.9.0.0/24", "gateway_ip": nil})
		c.refused(400, "BadRequest", "overlaps with cidr 10.0.0.0/24", "member", "PUT", add, obj{"subnet_id": same["id"]})
		c.refused(400, "BadRequest", "must have a gateway IP", "member", "PUT", add, obj{"subnet_id": closed["id"]})
		c.refused(400, "BadRequest", "Either subnet_id or port_id", "member", "PUT", add, obj{})
		c.refused(400, "BadRequest", "Cannot specify both", "member", "PUT", add, obj{"subnet_id": same["id"], "port_id": same["id"]})
		c.refused(400, "BadRequest", "already has a port on subnet", "member", "PUT", add, obj{"subnet_id": x.subnet["id"]})
		c.refused(404, "RouterInterfaceNotFoundForSubnet", "has no interface on subnet", "member", "PUT", drop, obj{"subnet_id": same["id"]})
		c.refused(404, "RouterInterfaceNotFound", "does not have an interface", "member", "PUT", drop, obj{"port_id": same["id"]})
		c.refused(404, "RouterNotFound", "could not be found", "other", "PUT", add, obj{"subnet_id": x.subnet["id"]})

		port := c.make("member", "ports", obj{"network_id": other["id"], "fixed_ips": []obj{{"subnet_id": closed["id"], "ip_address": "10.9.0.7"}}})
		c.put("member", add, obj{"port_id": port["id"]})
		c.refused(409, "PortInUse", "already has an attached device", "member", "PUT", add, obj{"port_id": port["id"]})
		c.refused(409, "ServicePortInUse", "network:router_interface", "member", "DELETE", "ports/"+str(port["id"]), nil)
		c.refused(400, "SubnetMismatchForPort", "", "member", "PUT", drop, obj{"port_id": port["id"], "subnet_id": same["id"]})

		routes := []obj{{"destination": "192.168.0.0/16", "nexthop": "10.9.0.9"}}
		c.put("member", "routers/"+id, obj{"router": obj{"routes": routes}})
		c.refused(400, "InvalidRoutes", "the nexthop is not connected with router", "member", "PUT", "routers/"+id, obj{"router": obj{"routes": []obj{{"destination": "192.168.0.0/16", "nexthop": "8.8.8.8"}}}})
		c.refused(400, "InvalidRoutes", "the nexthop is used by router", "member", "PUT", "routers/"+id, obj{"router": obj{"routes": []obj{{"destination": "192.168.0.0/16", "nexthop": "10.9.0.7"}}}})
		c.refused(409, "RouterInterfaceInUseByRoute", "required by one or more routes", "member", "PUT", drop, obj{"port_id": port["id"]})
		more := obj{"router": obj{"routes": []obj{{"destination": "172.16.0.0/12", "nexthop": "10.9.0.9"}}}}
		if r := c.put("member", "routers/"+id+"/add_extraroutes", more); strings.Count(string(r.Body), "nexthop") != 2 {
			t.Errorf("added routes: %s", r.Body)
		}
		c.put("member", "routers/"+id+"/remove_extraroutes", more)
		c.put("member", "routers/"+id, obj{"router": obj{"routes": []obj{}}})
		c.put("member", drop, obj{"port_id": port["id"], "subnet_id": closed["id"]})

		v6 := c.make("member", "networks", obj{})
		var legs []string
		for _, cidr := range []string{"fd00:1::/64", "fd00:2::/64"} {
			sub := c.make("member", "subnets", obj{"network_id": v6["id"], "ip_version": 6, "cidr": cidr, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"})
			var leg obj
			c.put("member", add, obj{"subnet_id": sub["id"]}).JSON(t, &leg)
			legs = append(legs, str(leg["port_id"]))
		}
		if legs[0] != legs[1] {
			t.Errorf("IPv6 subnets of one network are on the interfaces %v", legs)
		}
		p := c.make("member", "ports", obj{"network_id": v6["id"], "mac_address": "fa:16:3e:00:00:01"})
		if body, _ := json.Marshal(p["fixed_ips"]); !strings.Contains(string(body), "fd00:1::f816:3eff:fe00:1") || !strings.Contains(string(body), "fd00:2::f816:3eff:fe00:1") {
			t.Errorf("automatic addresses %s", body)
		}
		c.refused(403, "PolicyNotAuthorized", "enable_snat", "member", "PUT", "routers/"+id, obj{"router": obj{"external_gateway_info": obj{"network_id": x.external["id"], "enable_snat": false}}})
		c.put("admin", "routers/"+id, obj{"router": obj{"external_gateway_info": obj{"network_id": x.external["id"], "enable_snat": false, "external_fixed_ips": []obj{{"ip_address": "203.0.113.77"}}}}})
		g := c.get("member", "routers/"+id)["router"].(obj)["external_gateway_info"].(obj)
		if body, _ := json.Marshal(g); g["enable_snat"] != false || !strings.Contains(string(body), "203.0.113.77") {
			t.Errorf("gateway %s", body)
		}
		c.put("member", "routers/"+id, obj{"router": obj{"external_gateway_info": obj{}}})
		if g := c.get("member", "routers/"+id)["router"].(obj)["external_gateway_info"]; g != nil {
			t.Errorf("gateway taken away: %v", g)
		}
	})
}

func TestFloatingIPs(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		far := c.make("member", "networks", obj{})
		c.make("member", "subnets", obj{"network_id": far["id"], "ip_version": 4, "cidr": "10.5.0.0/24"})
		lost := c.make("member", "ports", obj{"network_id": far["id"]})
		near := c.make("member", "ports", obj{"network_id": x.network["id"]})
		make := func(more obj) obj {
			body := obj{"floating_network_id": x.external["id"]}
			for k, v := range more {
				body[k] = v
			}
			return obj{"floatingip": body}
		}
		c.refused(404, "ExternalGatewayForFloatingIPNotFound", "is not reachable from subnet", "member", "POST", "floatingips", make(obj{"port_id": lost["id"]}))
		c.refused(400, "HTTPBadRequest", "dns_name", "member", "POST", "floatingips", make(obj{"dns_name": "a.b"}))
		c.refused(400, "HTTPBadRequest", "dns_domain", "member", "POST", "floatingips", make(obj{"dns_domain": "b"}))
		c.refused(404, "PortNotFound", "", "other", "POST", "floatingips", make(obj{"port_id": near["id"]}))
		c.refused(400, "BadRequest", "without a port_id", "member", "POST", "floatingips", make(obj{"fixed_ip_address": "10.0.0.5"}))
		c.refused(400, "BadRequest", "does not have fixed ip", "member", "POST", "floatingips", make(obj{"port_id": near["id"], "fixed_ip_address": "10.0.0.1"}))
		c.refused(403, "PolicyNotAuthorized", "floating_ip_address", "member", "POST", "floatingips", make(obj{"floating_ip_address": "203.0.113.50"}))
		c.Must(201, "manager", "POST", "/network/v2.0/floatingips", make(obj{"floating_ip_address": "203.0.113.50", "subnet_id": x.outer["id"]}))
		c.refused(409, "IpAddressAlreadyAllocated", "203.0.113.50", "admin", "POST", "floatingips", make(obj{"floating_ip_address": "203.0.113.50"}))
		f := c.make("member", "floatingips", make(obj{"port_id": near["id"]})["floatingip"].(obj))
		c.refused(409, "FloatingIPPortAlreadyAssociated", "already has a floating IP", "member", "POST", "floatingips", make(obj{"port_id": near["id"]}))
		c.refused(400, "BadRequest", "has a floating IP", "member", "PUT", "ports/"+str(near["id"]), obj{"port": obj{"fixed_ips": []obj{}}})
		if got := c.list("member", "floatingips", "status=ACTIVE&port_id="+str(near["id"])); len(got) != 1 {
			t.Errorf("active floating IPs %v", got)
		}
		c.Must(204, "member", "DELETE", "/network/v2.0/ports/"+str(near["id"]), nil)
		if got := c.get("member", "floatingips/"+str(f["id"]))["floatingip"].(obj); got["status"] != "DOWN" || got["router_id"] != nil {
			t.Errorf("the floating IP of a deleted port: %v", got)
		}
		c.refused(404, "FloatingIPNotFound", "", "other", "DELETE", "floatingips/"+str(f["id"]), nil)
		own := c.list("admin", "ports", "device_owner=network:floatingip")
		c.refused(409, "ServicePortInUse", "network:floatingip", "admin", "DELETE", "ports/"+str(own[0]["id"]), nil)
	})
}

func TestPorts(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		fixed := func(address string) obj {
			return obj{"network_id": x.network["id"], "fixed_ips": []obj{{"subnet_id": x.subnet["id"], "ip_address": address}}}
		}
		p := c.make("member", "ports", fixed("10.0.0.77"))
		path := "ports/" + str(p["id"])
		c.refused(409, "IpAddressAlreadyAllocated", "10.0.0.77", "member", "POST", "ports", obj{"port": fixed("10.0.0.77")})
		c.refused(400, "InvalidIpForSubnet", "10.0.9.1", "member", "POST", "ports", obj{"port": fixed("10.0.9.1")})
		c.refused(400, "InvalidIpForSubnet", "10.0.0.255", "member", "POST", "ports", obj{"port": fixed("10.0.0.255")})
		c.refused(400, "InvalidIpForNetwork", "10.7.0.1", "member", "POST", "ports", obj{"port": obj{"network_id": x.network["id"], "fixed_ips": []obj{{"ip_address": "10.7.0.1"}}}})
		c.refused(409, "MacAddressInUse", str(p["mac_address"]), "member", "POST", "ports", obj{"port": obj{"network_id": x.network["id"], "mac_address": strings.ToUpper(str(p["mac_address"]))}})
		c.put("member", path, obj{"port": obj{"name": "new", "fixed_ips": []obj{{"subnet_id": x.subnet["id"]}}, "allowed_address_pairs": []obj{{"ip_address": "10.0.0.0/28"}}, "extra_dhcp_opts": []obj{{"opt_name": "mtu", "opt_value": "1400"}}}})
		got := c.get("member", path)["port"].(obj)
		if got["fixed_ips"].([]any)[0].(obj)["ip_address"] != "10.0.0.77" || got["allowed_address_pairs"].([]any)[0].(obj)["mac_address"] != p["mac_address"] || got["revision_number"] != 1.0 {
			t.Errorf("port %v", got)
		}
		for query, want := range map[string]int{
			"fixed_ips=ip_address=10.0.0.77": 1, "fixed_ips=subnet_id=" + str(x.subnet["id"]): 3, "fixed_ips=ip_address_substr=.0.77": 1, "mac_address=" + str(p["mac_address"]): 1,
			"device_owner=network:dhcp": 1, "device_owner=network:dhcp&device_owner=network:router_interface": 2, "security_groups=" + str(got["security_groups"].([]any)[0]): 1,
			"network_id=" + str(x.network["id"]): 3, "name=new": 1, "device_id=": 1,
		} {
			if found := c.list("member", "ports", query); len(found) != want {
				t.Errorf("%s: %d ports, want %d", query, len(found), want)
			}
		}
		c.refused(400, "HTTPBadRequest", "fixed_ips", "member", "GET", "ports?fixed_ips=colour=red", nil)
		c.refused(409, "PortSecurityPortHasSecurityGroup", "", "member", "PUT", path, obj{"port": obj{"port_security_enabled": false, "allowed_address_pairs": []obj{}}})
		c.put("member", path, obj{"port": obj{"port_security_enabled": false, "allowed_address_pairs": []obj{}, "security_groups": []any{}}})
		c.put("admin", path, obj{"port": obj{"binding:host_id": "host-9"}})
		got = c.get("admin", path)["port"].(obj)
		if got["binding:vif_type"] != "binding_failed" || got["binding:host_id"] != "host-9" || got["status"] != "DOWN" || len(got["binding:vif_details"].(obj)) != 0 {
			t.Errorf("binding to a host that nobody knows: %v", got)
		}
		c.heartbeat("host-9", network.AgentInfo{})
		got = c.get("admin", path)["port"].(obj)
		if got["binding:vif_type"] != "tap" || got["binding:vif_details"].(obj)["port_filter"] != true {
			t.Errorf("binding %v", got)
		}
		c.refused(409, "PortBound", "already bound", "admin", "PUT", path, obj{"port": obj{"mac_address": "fa:16:3e:99:99:99"}})

		// Whoever deletes the DHCP port gets a new one; disabling DHCP takes it away.
		dhcp := c.list("member", "ports", "device_owner=network:dhcp")[0]
		c.Must(204, "member", "DELETE", "/network/v2.0/ports/"+str(dhcp["id"]), nil)
		if again := c.list("member", "ports", "device_owner=network:dhcp"); len(again) != 1 || again[0]["id"] == dhcp["id"] {
			t.Errorf("DHCP ports %v", again)
		}
		c.put("member", "subnets/"+str(x.subnet["id"]), obj{"subnet": obj{"enable_dhcp": false}})
		if left := c.list("member", "ports", "device_owner=network:dhcp"); len(left) != 0 {
			t.Errorf("DHCP ports without DHCP: %v", left)
		}
		c.refused(409, "GatewayIpInUse", "already in use by port", "member", "PUT", "subnets/"+str(x.subnet["id"]), obj{"subnet": obj{"gateway_ip": nil}})
		c.refused(404, "PortNotFound", "", "other", "GET", path, nil)
		c.refused(404, "PortNotFound", "", "other", "DELETE", path, nil)
		c.refused(403, "PolicyNotAuthorized", "delete_port", "reader", "DELETE", path, nil)
	})
}
