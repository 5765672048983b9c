package computeapi_test

import (
	"strings"
	"testing"
)

// Security groups under Compute's own names, up to 2.35.
func TestSecurityGroupProxy(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		group := func(name string) object {
			return object{"security_group": object{"name": name, "description": "of " + name}}
		}
		made := dig(t, b.ask(200, "member", "2.1", "POST", "/os-security-groups", group("web")), "security_group").(object)
		if made["tenant_id"] != "demo-id" || len(made["rules"].([]any)) != 0 {
			t.Errorf("made: %v", made)
		}
		id := made["id"].(string)
		back := dig(t, b.ask(200, "member", "2.1", "POST", "/os-security-groups", group("back")), "security_group", "id").(string)
		b.ask(403, "reader", "2.1", "POST", "/os-security-groups", group("x"))
		b.ask(403, "member", "2.1", "POST", "/os-security-groups", group("default"))
		b.ask(400, "member", "2.1", "POST", "/os-security-groups", group(strings.Repeat("a", 256)))
		b.ask(400, "member", "2.1", "POST", "/os-security-groups", object{"security_group": object{"name": "x"}})
		b.ask(400, "member", "2.1", "POST", "/os-security-groups", object{})

		add := func(status int, rule object) object {
			t.Helper()
			return b.ask(status, "member", "2.1", "POST", "/os-security-group-rules", object{"security_group_rule": rule})
		}
		rule := dig(t, add(200, object{"parent_group_id": id, "ip_protocol": "tcp", "from_port": 80, "to_port": "90", "cidr": "10.0.0.0/8"}), "security_group_rule").(object)
		if rule["from_port"] != 80.0 || rule["to_port"] != 90.0 || dig(t, rule, "ip_range", "cidr") != "10.0.0.0/8" || rule["ip_protocol"] != "tcp" {
			t.Errorf("the rule is %v", rule)
		}
		if got := add(200, object{"parent_group_id": id, "ip_protocol": "tcp", "group_id": back}); dig(t, got, "security_group_rule", "to_port") != 65535.0 ||
			dig(t, got, "security_group_rule", "group", "name") != "back" {
			t.Errorf("the rule of a group is %v", got)
		}
		add(200, object{"parent_group_id": id, "group_id": back})
		if got := add(200, object{"parent_group_id": id, "ip_protocol": "icmp", "from_port": -1, "to_port": -1}); dig(t, got, "security_group_rule", "ip_range", "cidr") != "0.0.0.0/0" {
			t.Errorf("the rule for all is %v", got)
		}
		if got := add(200, object{"parent_group_id": id, "ip_protocol": "udp", "from_port": 53, "to_port": 53, "cidr": "fd00::/64"}); dig(t, got, "security_group_rule", "ip_range", "cidr") != "fd00::/64" {
			t.Errorf("the rule of IPv6 is %v", got)
		}
		for name, wrong := range map[string]object{
			"the same":           {"parent_group_id": id, "ip_protocol": "tcp", "from_port": 80, "to_port": 90, "cidr": "10.0.0.0/8"},
			"no parent":          {"ip_protocol": "tcp", "from_port": 80, "to_port": 90},
			"no ports":           {"parent_group_id": id, "ip_protocol": "tcp"},
			"a strange protocol": {"parent_group_id": id, "ip_protocol": "smoke", "from_port": 1, "to_port": 2},
			"backwards":          {"parent_group_id": id, "ip_protocol": "tcp", "from_port": 9, "to_port": 8},
			"port 0":             {"parent_group_id": id, "ip_protocol": "tcp", "from_port": 0, "to_port": 8},
			"an ICMP type":       {"parent_group_id": id, "ip_protocol": "icmp", "from_port": 256, "to_port": 0},
			"words":              {"parent_group_id": id, "ip_protocol": "tcp", "from_port": "a", "to_port": "b"},
			"words of ICMP":      {"parent_group_id": id, "ip_protocol": "icmp", "from_port": "a", "to_port": 0},
			"no range":           {"parent_group_id": id, "ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "mars"},
			"all but not all":    {"parent_group_id": id, "ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "10.0.0.0/0"},
			"an id that is none": {"parent_group_id": "web", "ip_protocol": "tcp", "from_port": 1, "to_port": 2},
		} {
			if got := add(400, wrong); got["badRequest"] == nil {
				t.Errorf("%s: %v", name, got)
			}
		}
		add(404, object{"parent_group_id": b.image, "ip_protocol": "tcp", "from_port": 1, "to_port": 2})
		add(404, object{"parent_group_id": id, "group_id": b.image})
		b.ask(400, "member", "2.1", "POST", "/os-security-group-rules", object{})

		shown := b.ask(200, "member", "2.35", "GET", "/os-security-groups/"+id, nil)
		if len(dig(t, shown, "security_group", "rules").([]any)) != 5 || dig(t, shown, "security_group", "rules", 1, "group", "tenant_id") != "demo-id" {
			t.Errorf("shown: %v", shown)
		}
		list := b.ask(200, "member", "2.1", "GET", "/os-security-groups", nil)
		if dig(t, list, "security_groups", 0, "name") != "back" || dig(t, list, "security_groups", 1, "name") != "default" || len(list["security_groups"].([]any)) != 3 {
			t.Errorf("listed: %v", list)
		}
		b.ask(200, "admin", "2.1", "POST", "/os-security-groups", group("admins"))
		if got := b.ask(200, "member", "2.1", "GET", "/os-security-groups?all_tenants=1&limit=1&offset=2", nil); len(got["security_groups"].([]any)) != 1 {
			t.Errorf("a page is %v", got)
		}
		if got := b.ask(200, "admin", "2.1", "GET", "/os-security-groups?all_tenants=1", nil); len(got["security_groups"].([]any)) < 5 {
			t.Errorf("all are %v", got)
		}
		b.ask(400, "member", "2.1", "GET", "/os-security-groups?offset=-1", nil)
		if got := b.ask(200, "member", "2.1", "PUT", "/os-security-groups/"+id, group("www")); dig(t, got, "security_group", "name") != "www" {
			t.Errorf("updated: %v", got)
		}
		b.ask(400, "member", "2.1", "PUT", "/os-security-groups/"+id, group("default"))
		b.ask(404, "other", "2.1", "PUT", "/os-security-groups/"+id, group("mine"))

		server := b.create("one")
		if got := b.ask(200, "member", "2.96", "GET", "/servers/"+server+"/os-security-groups", nil); dig(t, got, "security_groups", 0, "name") != "default" ||
			dig(t, got, "security_groups", 0, "rules", 0, "group", "name") != "default" {
			t.Errorf("the server's are %v", got)
		}
		act := func(status int, inner any, name string) {
			t.Helper()
			b.ask(status, "member", "2.96", "POST", "/servers/"+server+"/action", object{name: inner})
		}
		act(202, object{"name": "www"}, "addSecurityGroup")
		act(202, object{"name": id}, "addSecurityGroup") // it is in it
		if got := b.ask(200, "member", "2.1", "GET", "/servers/"+server+"/os-security-groups", nil); dig(t, got, "security_groups", 1, "id") != id {
			t.Errorf("with one added they are %v", got)
		}
		b.ask(400, "member", "2.1", "DELETE", "/os-security-groups/"+id, nil)
		act(202, object{"name": "www"}, "removeSecurityGroup")
		act(404, object{"name": "www"}, "removeSecurityGroup")
		act(404, object{"name": "mars"}, "addSecurityGroup")
		act(404, object{"name": "mars"}, "removeSecurityGroup")
		act(400, object{"name": " "}, "addSecurityGroup")
		act(400, object{}, "addSecurityGroup")
		act(400, nil, "removeSecurityGroup")
		b.ask(200, "member", "2.1", "POST", "/os-security-groups", group("back"))
		act(409, object{"name": "back"}, "addSecurityGroup")
		inUse := dig(t, list, "security_groups", 1, "id").(string)
		b.ask(400, "member", "2.1", "DELETE", "/os-security-groups/"+inUse, nil)
		b.ask(400, "member", "2.1", "GET", "/os-security-groups/web", nil)
		b.ask(404, "member", "2.1", "GET", "/os-security-groups/"+b.image, nil)
		b.ask(404, "member", "2.36", "GET", "/os-security-groups", nil)
		b.ask(202, "member", "2.1", "DELETE", "/os-security-group-rules/"+rule["id"].(string), nil)
		b.ask(404, "member", "2.1", "DELETE", "/os-security-group-rules/"+rule["id"].(string), nil)
		b.ask(400, "member", "2.1", "DELETE", "/os-security-group-rules/one", nil)
		b.ask(202, "member", "2.1", "DELETE", "/os-security-groups/"+id, nil)
		b.ask(404, "member", "2.1", "DELETE", "/os-security-groups/"+id, nil)
	})
}
