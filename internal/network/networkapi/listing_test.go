package networkapi_test

import (
	"net/url"
	"testing"
)

// What a filter says is what it would say in a request that makes the object,
// in any of its forms.
func TestFormsOfFilters(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{"admin_state_up": "Yes"})
		c.make("member", "networks", obj{"admin_state_up": "off"})
		c.refused(400, "HTTPBadRequest", "'perhaps' cannot be converted to boolean", "member", "POST", "networks", obj{"network": obj{"admin_state_up": "perhaps"}})
		c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd00::/64"})
		c.make("member", "ports", obj{"network_id": n["id"], "mac_address": "fa:16:3e:00:00:0a"})
		g := c.make("member", "security-groups", obj{"name": "web"})
		for _, more := range []obj{
			{"protocol": "tcp", "remote_ip_prefix": "10.0.0.7/8"}, {"protocol": "tcp", "remote_ip_prefix": "110.0.0.0/8"}, {"protocol": "udp", "remote_ip_prefix": "192.0.2.7"},
			{"ethertype": "IPv6", "remote_ip_prefix": "fd00::1/64"}, {"remote_ip_prefix": "10.9.0.0/0"},
		} {
			more["security_group_id"], more["direction"] = g["id"], "ingress"
			c.make("member", "security-group-rules", more)
		}
		of := "security_group_id=" + str(g["id"]) + "&direction=ingress&"
		for _, x := range []struct {
			path, query string
			want        int
		}{
			{"networks", "admin_state_up=on", 1}, {"networks", "admin_state_up=n", 1}, {"networks", "admin_state_up=t&admin_state_up=F", 2},
			{"networks", "status=ACTIVE", 2}, {"networks", "status=DOWN", 0},
			{"subnets", "cidr=" + url.QueryEscape("FD00:0::/64"), 1}, {"subnets", "gateway_ip=" + url.QueryEscape("fd00:0::1"), 1},
			{"ports", "mac_address=FA-16-3E-00-00-0A", 1}, {"ports", "mac_address=here", 0},
			{"security-group-rules", of + "protocol=TCP", 2}, {"security-group-rules", of + "protocol=any", 2}, {"security-group-rules", of + "ethertype=ipv6", 1},
			{"security-group-rules", of + "remote_ip_prefix=192.0.2.7", 1}, {"security-group-rules", of + "remote_ip_prefix=10.0.0.7/8", 1},
			{"security-group-rules", of + "normalized_cidr=10.0.0.0/8", 1}, {"security-group-rules", of + "normalized_cidr=10.0.0.7/8", 0},
			{"security-group-rules", of + "normalized_cidr=0.0.0.0/0", 1}, {"security-group-rules", of + "normalized_cidr=::/0", 0},
			{"security-group-rules", of + "normalized_cidr=fd00::/64&normalized_cidr=192.0.2.7/32", 2}, {"security-group-rules", of + "normalized_cidr=there", 0},
		} {
			if got := c.list("member", x.path, x.query); len(got) != x.want {
				t.Errorf("%s?%s: %d, want %d: %v", x.path, x.query, len(got), x.want, got)
			}
		}
	})
}

func TestSortingByStatus(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		p := c.make("member", "ports", obj{"network_id": x.network["id"]})
		used := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"], "port_id": p["id"]})
		free := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"]})
		for query, want := range map[string]any{
			"sort_key=status&sort_dir=asc": used["id"], "sort_key=status&sort_dir=desc": free["id"],
			"sort_key=status&sort_dir=asc&limit=1&marker=" + str(used["id"]): free["id"], "status=DOWN": free["id"],
		} {
			if got := c.list("member", "floatingips", query); len(got) == 0 || got[0]["id"] != want {
				t.Errorf("floatingips?%s: %v", query, got)
			}
		}
		for _, path := range []string{"networks", "routers", "ports"} {
			first := c.list("member", path, "sort_key=status&sort_dir=desc&limit=1")
			rest := c.list("member", path, "sort_key=status&sort_dir=desc&marker="+str(first[0]["id"]))
			if all := c.list("member", path, ""); len(first)+len(rest) != len(all) {
				t.Errorf("%s by status: %v and %v", path, first, rest)
			}
		}
	})
}

// Of several values a port needs one of each name.
func TestPortsByAddresses(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		four := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 4, "cidr": "10.0.0.0/24"})
		six := c.make("member", "subnets", obj{"network_id": n["id"], "ip_version": 6, "cidr": "fd00::/64"})
		for _, ips := range [][]obj{{{"ip_address": "10.0.0.50"}}, {{"ip_address": "10.0.0.60"}, {"ip_address": "fd00::60"}}, {{"ip_address": "10.0.0.61"}}} {
			c.make("member", "ports", obj{"network_id": n["id"], "fixed_ips": ips, "name": "mine"})
		}
		for _, x := range []struct {
			query string
			want  int
		}{
			{"fixed_ips=ip_address%3D10.0.0.50&fixed_ips=ip_address%3D10.0.0.60", 2},
			{"fixed_ips=ip_address%3D10.0.0.50&fixed_ips=ip_address%3Dfd00::60&fixed_ips=subnet_id%3D" + str(six["id"]), 1},
			{"fixed_ips=subnet_id%3D" + str(four["id"]) + "&fixed_ips=subnet_id%3D" + str(six["id"]), 3},
			{"fixed_ips=ip_address_substr%3D0.60&fixed_ips=ip_address_substr%3D0.5", 2}, {"fixed_ips=ip_address_substr%3D10.0.0.6", 2},
			{"fixed_ips=ip_address_substr%3D10_0", 0},
		} {
			if got := c.list("member", "ports", "name=mine&"+x.query); len(got) != x.want {
				t.Errorf("ports?%s: %d, want %d", x.query, len(got), x.want)
			}
		}
		p := c.make("member", "ports", obj{"network_id": n["id"], "allowed_address_pairs": []obj{{"ip_address": "0.0.0.0/0"}, {"ip_address": "::/0"}}})
		if pairs := p["allowed_address_pairs"].([]any); len(pairs) != 2 || pairs[1].(obj)["ip_address"] != "::/0" {
			t.Errorf("pairs of all addresses: %v", pairs)
		}
	})
}
