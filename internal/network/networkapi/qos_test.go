package networkapi_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"wisp/internal/dataplane/intent"
	"wisp/internal/network"
)

// qos makes a QoS policy and returns it.
func (c *cloud) qos(body obj) obj {
	c.t.Helper()
	var answer map[string]obj
	c.Must(201, "admin", "POST", "/network/v2.0/qos/policies", obj{"policy": body}).JSON(c.t, &answer)
	return answer["policy"]
}

// rule adds a rule to a QoS policy and returns it.
func (c *cloud) rule(policy any, kind string, body obj) obj {
	c.t.Helper()
	var answer map[string]obj
	c.Must(201, "admin", "POST", "/network/v2.0/qos/policies/"+str(policy)+"/"+kind+"_rules", obj{kind + "_rule": body}).JSON(c.t, &answer)
	return answer[kind+"_rule"]
}

func TestQoSPolicies(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		p := c.qos(obj{"name": "p", "description": "d", "tenant_id": "demo-id"})
		id, path := str(p["id"]), "qos/policies/"+str(p["id"])
		if fmt.Sprintln(p["name"], p["description"], p["shared"], p["is_default"], p["rules"], p["project_id"]) != "p d false false [] demo-id\n" {
			t.Errorf("policy %v", p)
		}
		foreign := c.qos(obj{"name": "foreign"})
		change := obj{"policy": obj{"name": "q"}}
		long := obj{"policy": obj{"name": strings.Repeat("x", 256)}}
		c.refused(400, "HTTPBadRequest", "exceeds maximum length", "member", "POST", "qos/policies", long)
		c.refused(403, "PolicyNotAuthorized", "create_policy", "member", "POST", "qos/policies", obj{"policy": obj{"name": "x"}})
		c.refused(403, "PolicyNotAuthorized", "update_policy", "member", "PUT", path, change)
		c.refused(403, "PolicyNotAuthorized", "delete_policy", "member", "DELETE", path, nil)
		c.refused(404, "QosPolicyNotFound", "", "member", "PUT", "qos/policies/"+str(foreign["id"]), change)
		c.refused(404, "QosPolicyNotFound", "", "member", "GET", "qos/policies/"+str(foreign["id"]), nil)
		c.refused(412, "RevisionNumberConstraintFailed", "", "admin", "PUT", path, change, "If-Match", "revision_number=9")
		c.refused(412, "RevisionNumberConstraintFailed", "", "admin", "DELETE", path, nil, "If-Match", "revision_number=9")
		c.put("admin", path, obj{"policy": obj{"name": "q", "is_default": true}})
		c.refused(409, "QoSPolicyDefaultAlreadyExists", "A default QoS policy exists for project demo-id.", "admin", "POST", "qos/policies", obj{"policy": obj{"tenant_id": "demo-id", "is_default": true}})
		other := c.qos(obj{"tenant_id": "demo-id"})
		c.refused(409, "QoSPolicyDefaultAlreadyExists", "", "admin", "PUT", "qos/policies/"+str(other["id"]), obj{"policy": obj{"is_default": true}})
		if got := c.get("member", "qos/policies?name=q&is_default=True")["policies"].([]any); len(got) != 1 {
			t.Errorf("policies %v", got)
		}

		// Who sees it, and what keeps it.
		n := c.make("member", "networks", obj{})
		if n["qos_policy_id"] != id {
			t.Errorf("a new network has the policy %v, not the project's default", n["qos_policy_id"])
		}
		c.refused(409, "QosPolicyInUse", "is used by network "+str(n["id"]), "admin", "DELETE", path, nil)
		c.refused(404, "QosPolicyNotFound", "", "member", "POST", "networks", obj{"network": obj{"qos_policy_id": foreign["id"]}})
		c.refused(404, "QosPolicyNotFound", "", "member", "POST", "ports", obj{"port": obj{"network_id": n["id"], "qos_policy_id": foreign["id"]}})
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"qos_policy_id": foreign["id"]}})
		c.refused(403, "PolicyRemoveAuthorizationError", "Failed to remove provided policy", "member", "PUT", "networks/"+str(n["id"]), obj{"network": obj{"qos_policy_id": nil}})
		port := c.make("member", "ports", obj{"network_id": n["id"], "qos_policy_id": id})
		if port["qos_policy_id"] != id || port["qos_network_policy_id"] != foreign["id"] {
			t.Errorf("port %v", port)
		}
		if got := c.list("member", "ports", "qos_policy_id="+id); len(got) != 1 {
			t.Errorf("ports with the policy: %v", got)
		}
		c.put("admin", "qos/policies/"+str(foreign["id"]), obj{"policy": obj{"shared": true}})
		if !c.sees("other", "qos/policies", foreign["id"]) {
			t.Error("a shared policy is not seen")
		}
		rbac := c.policy("admin", "qos_policy", foreign["id"], "access_as_shared", "demo-id")
		c.put("member", "networks/"+str(n["id"]), obj{"network": obj{"qos_policy_id": nil}})
		used := c.make("member", "networks", obj{"qos_policy_id": foreign["id"]})
		c.put("admin", "qos/policies/"+str(foreign["id"]), obj{"policy": obj{"shared": false}})
		c.refused(409, "RbacPolicyInUse", "demo-id", "admin", "DELETE", "rbac-policies/"+str(rbac["id"]), nil)
		c.put("admin", "qos/policies/"+str(foreign["id"]), obj{"policy": obj{"shared": true}})
		own := c.make("admin", "networks", obj{"qos_policy_id": foreign["id"]})
		c.refused(409, "RbacPolicyInUse", "", "admin", "PUT", "qos/policies/"+str(foreign["id"]), obj{"policy": obj{"shared": false}})
		for _, x := range []obj{used, own} {
			c.Must(204, "admin", "DELETE", "/network/v2.0/networks/"+str(x["id"]), nil)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/qos/policies/"+str(foreign["id"]), nil)
		c.refused(404, "RbacPolicyNotFound", "", "admin", "GET", "rbac-policies/"+str(rbac["id"]), nil)
		c.put("member", "ports/"+str(port["id"]), obj{"port": obj{"qos_policy_id": nil}})
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+path, nil)
	})
}

func TestQoSRules(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		p := c.qos(obj{"tenant_id": "demo-id"})
		foreign := c.qos(obj{})
		id, base := str(p["id"]), "qos/policies/"+str(p["id"])+"/"
		limit := c.rule(id, "bandwidth_limit", obj{"max_kbps": 1000, "max_burst_kbps": "100"})
		if len(limit) != 4 || limit["max_kbps"] != 1000.0 || limit["max_burst_kbps"] != 100.0 || limit["direction"] != "egress" {
			t.Errorf("rule %v", limit)
		}
		c.rule(id, "bandwidth_limit", obj{"max_kbps": 2000, "direction": "ingress"})
		mark := c.rule(id, "dscp_marking", obj{"dscp_mark": 46})
		if len(mark) != 2 || mark["dscp_mark"] != 46.0 {
			t.Errorf("rule %v", mark)
		}
		c.rule(id, "packet_rate_limit", obj{"max_kpps": 10})
		c.rule(id, "minimum_bandwidth", obj{"min_kbps": 500})
		for _, bad := range []struct {
			kind         string
			body         obj
			status       int
			name, reason string
		}{
			{"bandwidth_limit", obj{"max_kbps": 3000}, 409, "QoSRulesConflict", "Rule bandwidth_limit conflicts with rule " + str(limit["id"])},
			{"dscp_marking", obj{"dscp_mark": 7}, 400, "HTTPBadRequest", "'7' is not in [0, 8, 10,"},
			{"bandwidth_limit", obj{}, 400, "HTTPBadRequest", "max_kbps"},
			{"bandwidth_limit", obj{"max_kbps": -1}, 400, "HTTPBadRequest", "range"},
			{"bandwidth_limit", obj{"max_kbps": 1, "direction": "up"}, 400, "HTTPBadRequest", "'up' is not in"},
			{"minimum_bandwidth", obj{"min_kbps": 1, "direction": "ingress"}, 400, "HTTPBadRequest", "not in ['egress']"},
		} {
			c.refused(bad.status, bad.name, bad.reason, "admin", "POST", base+bad.kind+"_rules", obj{bad.kind + "_rule": bad.body})
		}
		one := base + "bandwidth_limit_rules/" + str(limit["id"])
		c.refused(409, "QoSRuleParameterConflict", "Unable to add the rule with value 400", "admin", "PUT", one, obj{"bandwidth_limit_rule": obj{"max_kbps": 400}})
		c.refused(409, "QoSRulesConflict", "", "admin", "PUT", one, obj{"bandwidth_limit_rule": obj{"direction": "ingress"}})
		c.refused(403, "PolicyNotAuthorized", "create_policy_bandwidth_limit_rule", "member", "POST", "qos/policies/policy/bandwidth_limit_rules", obj{"bandwidth_limit_rule": obj{"max_kbps": 1}})
		c.refused(403, "PolicyNotAuthorized", "update_policy_bandwidth_limit_rule", "member", "PUT", one, obj{"bandwidth_limit_rule": obj{"max_kbps": 1}})
		c.refused(403, "PolicyNotAuthorized", "delete_policy_bandwidth_limit_rule", "member", "DELETE", one, nil)
		c.refused(404, "QosPolicyNotFound", "", "admin", "POST", "qos/policies/policy/bandwidth_limit_rules", obj{"bandwidth_limit_rule": obj{"max_kbps": 1}})
		c.refused(404, "QosPolicyNotFound", "", "member", "GET", "qos/policies/"+str(foreign["id"])+"/dscp_marking_rules", nil)
		c.refused(404, "QosRuleNotFound", "", "admin", "GET", "qos/policies/"+str(foreign["id"])+"/bandwidth_limit_rules/"+str(limit["id"]), nil)
		c.refused(404, "QosRuleNotFound", "", "admin", "GET", base+"dscp_marking_rules/"+str(limit["id"]), nil)
		strange := c.rule(foreign["id"], "dscp_marking", obj{"dscp_mark": 0})
		c.refused(404, "QosRuleNotFound", "", "member", "GET", "qos/alias-dscp-marking-rules/"+str(strange["id"]), nil)
		if got := c.get("member", base+"bandwidth_limit_rules?direction=egress&max_kbps=1000&fields=id")["bandwidth_limit_rules"].([]any); len(got) != 1 || len(got[0].(obj)) != 1 {
			t.Errorf("rules %v", got)
		}
		c.refused(400, "HTTPBadRequest", "policy", "member", "GET", base+"bandwidth_limit_rules?policy=x", nil)
		if rules := c.get("member", "qos/policies/"+id)["policy"].(obj); len(rules["rules"].([]any)) != 5 || rules["revision_number"] != 5.0 {
			t.Errorf("policy %v", rules)
		}
		network := c.make("member", "networks", obj{})
		c.refused(409, "QosRuleNotSupportedByNetwork", "Rule minimum_bandwidth is not supported by network", "member", "PUT", "networks/"+str(network["id"]), obj{"network": obj{"qos_policy_id": id}})
		c.refused(409, "QosRuleNotSupported", "Rule minimum_bandwidth is not supported by port", "member", "POST", "ports", obj{"port": obj{"network_id": network["id"], "qos_policy_id": id}})

		for kind, amount := range map[string]string{"bandwidth_limit": "max_kbps", "dscp_marking": "dscp_mark", "minimum_bandwidth": "min_kbps", "packet_rate_limit": "max_kpps"} {
			policy := c.qos(obj{"tenant_id": "demo-id"})
			paths := []string{"qos/policies/" + str(policy["id"]) + "/" + kind + "_rules/"}
			if kind != "packet_rate_limit" {
				paths = append(paths, map[string]string{
					"bandwidth_limit": "qos/alias-bandwidth-limit-rules/", "dscp_marking": "qos/alias-dscp-marking-rules/", "minimum_bandwidth": "qos/alias-minimum-bandwidth-rules/",
				}[kind])
			}
			for _, path := range paths {
				r := c.rule(policy["id"], kind, obj{amount: 8})
				single := kind + "_rule"
				if strings.Contains(path, "alias") {
					single = "alias_" + single
				}
				path += str(r["id"])
				c.put("admin", path, obj{single: obj{amount: 16}})
				if got := c.get("reader", path)[single].(obj); got[amount] != 16.0 {
					t.Errorf("%s: %v", path, got)
				}
				c.get("reader", "qos/policies/"+str(policy["id"])+"/"+kind+"_rules")
				c.Must(204, "admin", "DELETE", "/network/v2.0/"+path, nil)
				c.refused(404, "QosRuleNotFound", "", "admin", "GET", path, nil)
			}
		}
		types := func(query string) int { return len(c.get("member", "qos/rule-types?"+query)["rule_types"].([]any)) }
		if types("") != 3 || types("all_supported=True") != 3 || types("all_rules=true") != 4 || types("type=dscp_marking") != 1 {
			t.Error("the types of rules are others")
		}
		c.refused(400, "HTTPBadRequest", "", "member", "GET", "qos/rule-types?all_rules=some", nil)
		c.refused(400, "HTTPBadRequest", "colour", "member", "GET", "qos/rule-types?colour=red", nil)
		c.refused(403, "PolicyNotAuthorized", "get_rule_type", "member", "GET", "qos/rule-types/dscp_marking", nil)
		c.refused(404, "HTTPNotFound", "minimum_bandwidth", "admin", "GET", "qos/rule-types/minimum_bandwidth", nil)
		for kind, parameters := range map[string]int{"dscp_marking": 1, "bandwidth_limit": 3} {
			d := c.get("admin", "qos/rule-types/"+kind)["rule_type"].(obj)
			driver := d["drivers"].([]any)[0].(obj)
			if d["type"] != kind || driver["name"] != "wisp" || len(driver["supported_parameters"].([]any)) != parameters {
				t.Errorf("type %v", d)
			}
		}
	})
}

// What holds for a port, a floating IP and a gateway reaches their hosts.
func TestQoSReachesTheHost(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		c.heartbeat("host-1", network.AgentInfo{Version: "1", Physical: []string{"public"}, Endpoint: netip.MustParseAddr("192.0.2.1")})
		bound := func(more obj) obj {
			body := obj{"network_id": x.network["id"], "binding:host_id": "host-1", "tenant_id": "demo-id"}
			for k, v := range more {
				body[k] = v
			}
			return c.make("admin", "ports", body)
		}
		fast, slow := c.qos(obj{"shared": true}), c.qos(obj{"shared": true})
		rule := c.rule(fast["id"], "bandwidth_limit", obj{"max_kbps": 1000})
		c.rule(fast["id"], "dscp_marking", obj{"dscp_mark": 46})
		c.rule(slow["id"], "packet_rate_limit", obj{"max_kpps": 7, "max_burst_kpps": 3, "direction": "ingress"})
		own, plain := bound(obj{"qos_policy_id": fast["id"]}), bound(nil)
		state := func() intent.State {
			t.Helper()
			s, _, err := c.svc.HostState(t.Context(), c.db.Read(), "host-1")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		say := func(q *intent.QoS) string {
			if q == nil {
				return "none"
			}
			mark := -1
			if q.DSCP != nil {
				mark = int(*q.DSCP)
			}
			return fmt.Sprint(q.Limits, mark)
		}
		want := func(when, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
		s := state()
		want("own policy", say(s.Ports[str(own["id"])].QoS), "[{egress false 1000 800}] 46")
		want("no policy", say(s.Ports[str(plain["id"])].QoS), "none")
		c.put("member", "networks/"+str(x.network["id"]), obj{"network": obj{"qos_policy_id": slow["id"]}})
		c.put("admin", "qos/policies/"+str(fast["id"])+"/bandwidth_limit_rules/"+str(rule["id"]), obj{"bandwidth_limit_rule": obj{"max_kbps": 2000, "max_burst_kbps": 50}})
		s = state()
		want("own policy before the network's", say(s.Ports[str(own["id"])].QoS), "[{egress false 2000 50}] 46")
		want("the network's", say(s.Ports[str(plain["id"])].QoS), "[{ingress true 7 3}] -1")

		f := c.make("member", "floatingips", obj{"floating_network_id": x.external["id"], "port_id": own["id"], "qos_policy_id": fast["id"]})
		if f["qos_policy_id"] != fast["id"] {
			t.Errorf("floating IP %v", f)
		}
		gateway := func(id any) obj {
			return obj{"router": obj{"external_gateway_info": obj{"network_id": x.external["id"], "qos_policy_id": id}}}
		}
		router := "routers/" + str(x.router["id"])
		c.put("member", router, gateway(slow["id"]))
		if info := c.get("member", router)["router"].(obj)["external_gateway_info"].(obj); info["qos_policy_id"] != slow["id"] {
			t.Errorf("gateway %v", info)
		}
		r := state().Routers[str(x.router["id"])]
		want("floating IP", say(r.FloatingIPs[0].QoS), "[{egress false 2000 50}] -1")
		want("gateway", say(r.Gateway.QoS), "[{ingress true 7 3}] -1")
		c.put("member", "floatingips/"+str(f["id"]), obj{"floatingip": obj{"qos_policy_id": nil}})
		c.put("member", router, gateway(nil))
		r = state().Routers[str(x.router["id"])]
		want("floating IP without", say(r.FloatingIPs[0].QoS), "none")
		want("gateway without", say(r.Gateway.QoS), "none")
		c.put("member", router, gateway(slow["id"]))
		c.refused(409, "QosPolicyInUse", "", "admin", "DELETE", "qos/policies/"+str(slow["id"]), nil)
		c.refused(409, "QosRuleNotSupported", "", "admin", "POST", "qos/policies/"+str(fast["id"])+"/minimum_bandwidth_rules", obj{"minimum_bandwidth_rule": obj{"min_kbps": 1}})
		c.refused(404, "QosPolicyNotFound", "", "member", "PUT", "floatingips/"+str(f["id"]), obj{"floatingip": obj{"qos_policy_id": nobody}})
		c.refused(404, "QosPolicyNotFound", "", "member", "PUT", router, gateway(nobody))
		if aliases := c.list("member", "extensions", ""); !slices.ContainsFunc(aliases, func(e obj) bool { return e["alias"] == "qos" }) {
			t.Error("qos is not announced")
		}
	})
}

// TestTagsOfQoSPolicies: the tags of a policy are at a path of their own, without
// "qos", and who sees a policy sees its tags.
func TestTagsOfQoSPolicies(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		own, other := c.qos(obj{"tenant_id": "demo-id"}), c.qos(obj{"shared": true})
		base := "policies/" + str(own["id"]) + "/tags"
		c.put("admin", base, obj{"tags": []string{"a", "b", "a"}})
		c.Must(201, "admin", "PUT", "/network/v2.0/"+base+"/c", nil)
		c.Must(204, "member", "GET", "/network/v2.0/"+base+"/c", nil)
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+base+"/c", nil)
		c.refused(404, "TagNotFound", "c", "member", "GET", base+"/c", nil)
		c.refused(404, "TagNotFound", "c", "admin", "DELETE", base+"/c", nil)
		c.refused(400, "HTTPBadRequest", "'tags'", "admin", "PUT", base, obj{})
		if got, _ := json.Marshal(c.get("member", base)); string(got) != `{"tags":["a","b"]}` {
			t.Errorf("tags %s", got)
		}
		if got, _ := json.Marshal(c.get("member", "qos/policies/"+str(own["id"]))["policy"].(obj)["tags"]); string(got) != `["a","b"]` {
			t.Errorf("the policy's tags %s", got)
		}
		for query, want := range map[string]int{"tags=a,b": 1, "tags=a,c": 0, "tags-any=a,c": 1, "not-tags=a,b": 1, "not-tags-any=a": 1, "": 2} {
			if got := c.get("member", "qos/policies?"+query)["policies"].([]any); len(got) != want {
				t.Errorf("policies with %q: %v", query, got)
			}
		}
		c.refused(403, "PolicyNotAuthorized", "update_policies_tags", "member", "PUT", base+"/x", nil)
		c.refused(403, "PolicyNotAuthorized", "delete_policies_tags", "member", "DELETE", base, nil)
		c.refused(404, "QosPolicyNotFound", "", "other", "GET", base, nil)
		c.put("admin", "policies/"+str(other["id"])+"/tags", obj{"tags": []string{"z"}})
		if got, _ := json.Marshal(c.get("member", "policies/"+str(other["id"])+"/tags")); string(got) != `{"tags":["z"]}` {
			t.Errorf("tags of a shared policy: %s", got)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+base, nil)
		c.put("admin", base, obj{"tags": []string{"left"}})
		c.Must(204, "admin", "DELETE", "/network/v2.0/qos/policies/"+str(own["id"]), nil)
		c.refused(404, "QosPolicyNotFound", "", "admin", "GET", base, nil)
	})
}
