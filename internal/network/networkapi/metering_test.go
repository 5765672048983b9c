package networkapi_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// count is what a host says that it has counted.
func (c *cloud) count(host string, meters ...nodeapi.Meter) {
	c.t.Helper()
	if err := c.db.Tx(c.t.Context(), func(ctx context.Context, tx *store.Tx) error { return c.svc.RecordMeters(ctx, tx, host, meters) }); err != nil {
		c.t.Fatal(err)
	}
}

func TestMetering(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		const labels, rules = "metering/metering-labels", "metering/metering-label-rules"
		create := func(path, single string, body obj) obj {
			t.Helper()
			var answer map[string]obj
			c.Must(201, "admin", "POST", "/network/v2.0/"+path, obj{single: body}).JSON(t, &answer)
			return answer[single]
		}
		l := create(labels, "metering_label", obj{"name": "l", "description": "d", "tenant_id": "demo-id"})
		if fmt.Sprintln(l["project_id"], l["tenant_id"], l["name"], l["description"], l["shared"]) != "demo-id demo-id l d false\n" || len(l) != 6 {
			t.Errorf("label %v", l)
		}
		id := str(l["id"])
		rule := func(more obj) obj {
			body := obj{"metering_label_id": id, "direction": "ingress"}
			for k, v := range more {
				body[k] = v
			}
			return body
		}
		r := create(rules, "metering_label_rule", rule(obj{"remote_ip_prefix": "10.0.0.0/24"}))
		if fmt.Sprintln(r["metering_label_id"], r["direction"], r["excluded"], r["remote_ip_prefix"], r["source_ip_prefix"], r["destination_ip_prefix"]) != id+" ingress false 10.0.0.0/24 <nil> <nil>\n" || len(r) != 7 {
			t.Errorf("rule %v", r)
		}
		create(rules, "metering_label_rule", rule(obj{"remote_ip_prefix": "10.0.0.0/25", "excluded": true}))
		create(rules, "metering_label_rule", rule(obj{"direction": "egress", "source_ip_prefix": "10.0.0.0/24", "destination_ip_prefix": "203.0.113.7"}))
		for _, bad := range []struct {
			body         obj
			status       int
			kind, reason string
		}{
			{obj{"remote_ip_prefix": "10.0.0.128/25"}, 409, "MeteringLabelRuleOverlaps", "Metering label rule with remote_ip_prefix '10.0.0.128/25' overlaps another."},
			{obj{"remote_ip_prefix": "inside"}, 400, "Invalid", "remote_ip_prefix: inside is invalid"},
			{obj{}, 400, "Invalid", "at least one of the following parameters"},
			{obj{"remote_ip_prefix": "10.9.0.0/16", "source_ip_prefix": "10.8.0.0/16"}, 400, "Invalid", "in conjunction with"},
			{obj{"remote_ip_prefix": "10.9.0.0/16", "direction": "sideways"}, 400, "HTTPBadRequest", "'sideways' is not in ['ingress', 'egress']"},
			{obj{"remote_ip_prefix": "10.9.0.0/16", "metering_label_id": nobody}, 404, "MeteringLabelNotFound", nobody},
		} {
			c.refused(bad.status, bad.kind, bad.reason, "admin", "POST", rules, obj{"metering_label_rule": rule(bad.body)})
		}
		c.refused(403, "PolicyNotAuthorized", "create_metering_label", "member", "POST", labels, obj{"metering_label": obj{}})
		c.refused(403, "PolicyNotAuthorized", "create_metering_label_rule", "member", "POST", rules, obj{"metering_label_rule": rule(obj{})})
		c.refused(403, "PolicyNotAuthorized", "delete_metering_label", "member", "DELETE", labels+"/"+id, nil)
		c.refused(404, "MeteringLabelNotFound", "", "member", "GET", labels+"/"+id, nil)
		c.refused(404, "MeteringLabelRuleNotFound", "", "member", "GET", rules+"/"+str(r["id"]), nil)
		c.refused(400, "HTTPBadRequest", "If-Match", "admin", "DELETE", labels+"/"+id, nil, "If-Match", "revision_number=1")
		shown := func(who, path, plural, query string) int {
			return len(c.get(who, path+"?"+query)[plural].([]any))
		}
		if shown("member", labels, "metering_labels", "") != 0 || shown("member", rules, "metering_label_rules", "") != 0 || shown("admin", labels, "metering_labels", "id=33") != 0 ||
			shown("admin", labels, "metering_labels", "name=l&shared=False") != 1 || shown("admin", rules, "metering_label_rules", "excluded=true") != 1 {
			t.Error("lists show others than they should")
		}
		c.get("admin", labels+"/"+id)
		c.get("admin", rules+"/"+str(r["id"]))

		// The dataplane is told of it where the project's routers are.
		c.heartbeat("host-1", network.AgentInfo{Version: "1", Physical: []string{"public"}, Endpoint: netip.MustParseAddr("192.0.2.1")})
		c.make("admin", "ports", obj{"network_id": x.network["id"], "binding:host_id": "host-1", "tenant_id": "demo-id"})
		everywhere := create(labels, "metering_label", obj{"tenant_id": "another", "shared": true})
		create(labels, "metering_label", obj{"tenant_id": "another"})
		state, _, err := c.svc.HostState(t.Context(), c.db.Read(), "host-1")
		if err != nil || len(state.Meters) != 2 || len(state.Meters[id].Rules) != 3 || fmt.Sprint(state.Meters[id].Routers) != "["+str(x.router["id"])+"]" || len(state.Meters[str(everywhere["id"])].Routers) != 1 {
			t.Fatalf("meters %+v, %v", state.Meters, err)
		}
		for _, r := range state.Meters[id].Rules {
			if r.Direction == "ingress" && (r.Source.IsValid() || !r.Destination.IsValid()) || r.Direction == "egress" && r.Destination.String() != "203.0.113.7/32" {
				t.Errorf("rule %+v", r)
			}
		}

		counters := func(who string) string {
			t.Helper()
			out := c.get(who, labels+"/"+id+"/counters")["counters"].(obj)
			in, eg := out["ingress"].(obj), out["egress"].(obj)
			if (in["updated_at"] == nil) != (in["packets"] == 0.0) {
				t.Errorf("counters %v", out)
			}
			return fmt.Sprintf("%.0f/%.0f %.0f/%.0f", in["packets"], in["bytes"], eg["packets"], eg["bytes"])
		}
		if got := counters("reader"); got != "0/0 0/0" {
			t.Errorf("counted %s before anything was", got)
		}
		in := func(packets, bytes int64) nodeapi.Meter {
			return nodeapi.Meter{Label: id, Direction: "ingress", Packets: packets, Bytes: bytes}
		}
		c.count("host-1", in(2, 3_000_000_000), nodeapi.Meter{Label: nobody, Direction: "ingress", Packets: 1, Bytes: 1}, nodeapi.Meter{Label: id, Direction: "up", Packets: 1, Bytes: 1})
		c.count("host-2", in(1, 100), nodeapi.Meter{Label: id, Direction: "egress", Packets: 1, Bytes: 50})
		c.count("host-1", in(2, 3_000_000_000))
		c.count("host-1", in(3, 3_000_000_100))
		c.count("host-1", in(1, 60)) // it has restarted
		if got := counters("admin"); got != "5/3000000260 1/50" {
			t.Errorf("counted %s", got)
		}
		c.refused(404, "MeteringLabelNotFound", "", "other", "GET", labels+"/"+id+"/counters", nil)
		c.get("other", labels+"/"+str(everywhere["id"])+"/counters")
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+rules+"/"+str(r["id"]), nil)
		c.refused(404, "MeteringLabelRuleNotFound", "", "admin", "DELETE", rules+"/"+str(r["id"]), nil)
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+labels+"/"+id, nil)
		if shown("admin", rules, "metering_label_rules", "") != 0 {
			t.Error("rules are left of a label that is gone")
		}
		c.count("host-1", in(9, 900))
	})
}

func TestFloatingIPPools(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		x := c.topology("member")
		c.make("admin", "subnets", obj{"network_id": x.external["id"], "ip_version": 6, "cidr": "2001:db8::/64"})
		hidden := c.make("admin", "networks", obj{})
		c.make("admin", "subnets", obj{"network_id": hidden["id"], "ip_version": 4, "cidr": "198.51.100.0/24"})
		for _, who := range []string{"member", "other", "admin"} {
			got := c.list(who, "floatingip-pools", "network_id="+str(x.external["id"]))
			if len(got) != 1 || got[0]["subnet_id"] != x.outer["id"] || got[0]["cidr"] != "203.0.113.0/24" || got[0]["network_id"] != x.external["id"] || got[0]["project_id"] == "" {
				t.Errorf("pools of %s: %v", who, got)
			}
			if all := c.list(who, "floatingip-pools", ""); len(all) != 1 {
				t.Errorf("all pools of %s: %v", who, all)
			}
		}
		c.refused(400, "HTTPBadRequest", "external", "member", "GET", "floatingip-pools?external=false", nil)
	})
}

func TestPortGetsAnotherMAC(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		n := c.make("member", "networks", obj{})
		p := c.make("member", "ports", obj{"network_id": n["id"], "mac_address": nil})
		path, again := "ports/"+str(p["id"]), obj{"port": obj{"mac_address": nil}}
		var answer map[string]obj
		c.refused(403, "PolicyNotAuthorized", "update_port:mac_address", "member", "PUT", path, again)
		c.put("manager", path, again).JSON(t, &answer)
		if mac := str(answer["port"]["mac_address"]); mac == p["mac_address"] || len(mac) != 17 {
			t.Errorf("the MAC %v became %q", p["mac_address"], mac)
		}
		c.heartbeat("host-1", network.AgentInfo{})
		c.put("admin", path, obj{"port": obj{"binding:host_id": "host-1"}})
		c.refused(409, "PortBound", "already bound", "manager", "PUT", path, again)
		c.put("admin", "networks/"+str(n["id"]), obj{"network": obj{"shared": true}})
		guest := c.make("other", "ports", obj{"network_id": n["id"]})
		c.refused(403, "PolicyNotAuthorized", "update_port:mac_address", "other", "PUT", "ports/"+str(guest["id"]), again)
	})
}
