package networkapi_test

import (
	"net/netip"
	"strings"
	"testing"

	"wisp/internal/dataplane/intent"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
)

// agent is the id of a host's agent of a type.
func (c *cloud) agent(host, kind string) string {
	c.t.Helper()
	for _, a := range c.list("admin", "agents", "host="+host) {
		if a["agent_type"] == kind {
			return str(a["id"])
		}
	}
	c.t.Fatalf("%s has no %s", host, kind)
	return ""
}

// state is what the network of a host should be, and its leases.
func (c *cloud) state(host string) (intent.State, map[string]nodeapi.Lease) {
	c.t.Helper()
	state, leases, err := c.svc.HostState(c.t.Context(), c.db.Read(), host)
	if err != nil {
		c.t.Fatal(err)
	}
	return state, leases
}

// ids are those of what a path lists.
func (c *cloud) ids(path, plural string) []string {
	c.t.Helper()
	out := []string{}
	for _, o := range c.get("admin", path)[plural].([]any) {
		out = append(out, str(o.(obj)["id"]))
	}
	return out
}

func TestSchedulers(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		info := network.AgentInfo{Endpoint: netip.MustParseAddr("192.0.2.1"), Physical: []string{"public"}}
		c.heartbeat("host-1", info)
		x := c.topology("member")
		router := str(x.router["id"])
		hosting, l3 := "routers/"+router+"/l3-agents", func(host string) string { return "agents/" + c.agent(host, "L3 agent") + "/l3-routers" }
		one := func(path, plural, want string) {
			t.Helper()
			if got := c.ids(path, plural); len(got) != 1 || got[0] != want {
				t.Errorf("%s has %v, want %s", path, got, want)
			}
		}
		none := func(path, plural string) {
			t.Helper()
			if got := c.ids(path, plural); len(got) != 0 {
				t.Errorf("%s has %v, want none", path, got)
			}
		}
		one(hosting, "agents", c.agent("host-1", "L3 agent"))
		one(l3("host-1"), "routers", router)
		first := c.get("admin", hosting)["agents"].([]any)[0].(obj)
		if state, ok := first["ha_state"]; !ok || state != nil || first["host"] != "host-1" || first["alive"] != true || first["configurations"].(obj)["ex_gw_ports"] != 1.0 {
			t.Errorf("the hosting agent is %v", first)
		}
		if few := c.get("admin", hosting+"?fields=id")["agents"].([]any)[0].(obj); len(few) != 1 {
			t.Errorf("one field of it is %v", few)
		}

		// A gateway goes where an administrator wants it, and stays there.
		c.heartbeat("host-2", info)
		c.heartbeat("host-3", network.AgentInfo{})
		none(l3("host-2"), "routers")
		if answer := c.Must(201, "admin", "POST", "/network/v2.0/"+l3("host-2"), obj{"router_id": router}); strings.TrimSpace(string(answer.Body)) != "null" {
			t.Errorf("the answer is %q: clients read JSON", answer.Body)
		}
		c.Must(201, "admin", "POST", "/network/v2.0/"+l3("host-2"), obj{"router_id": router})
		one(hosting, "agents", c.agent("host-2", "L3 agent"))
		none(l3("host-1"), "routers")
		c.heartbeat("host-1", info)
		one(l3("host-2"), "routers", router)
		gateway := c.list("admin", "ports", "device_owner=network:router_gateway")[0]
		if gateway["binding:host_id"] != "host-2" || gateway["status"] != "ACTIVE" {
			t.Errorf("the gateway's port is %v", gateway)
		}
		bare := c.make("member", "routers", obj{})
		none("routers/"+str(bare["id"])+"/l3-agents", "agents")
		c.refused(400, "BadRequest", "has no external gateway", "admin", "POST", l3("host-1"), obj{"router_id": bare["id"]})
		c.refused(400, "HTTPBadRequest", "router_id", "admin", "POST", l3("host-1"), obj{})
		c.refused(404, "InvalidL3Agent", "is not a L3 Agent or has been disabled", "admin", "POST", l3("host-3"), obj{"router_id": router})
		dhcp := c.agent("host-1", "DHCP agent")
		c.refused(404, "InvalidL3Agent", dhcp, "admin", "POST", "agents/"+dhcp+"/l3-routers", obj{"router_id": router})
		unknown := "11111111-1111-1111-1111-111111111111"
		c.refused(404, "RouterNotFound", unknown, "admin", "POST", l3("host-1"), obj{"router_id": unknown})
		c.refused(404, "AgentNotFound", unknown, "admin", "POST", "agents/"+unknown+"/l3-routers", obj{"router_id": router})
		c.refused(409, "RouterNotHostedByL3Agent", router, "admin", "DELETE", l3("host-1")+"/"+router, nil)
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+l3("host-2")+"/"+router, nil)
		one(hosting, "agents", c.agent("host-1", "L3 agent"))

		// With nowhere to go, it stays.
		c.put("admin", "agents/"+c.agent("host-2", "L3 agent"), obj{"agent": obj{"admin_state_up": false}})
		c.refused(404, "InvalidL3Agent", "disabled", "admin", "POST", l3("host-2"), obj{"router_id": router})
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+l3("host-1")+"/"+router, nil)
		one(hosting, "agents", c.agent("host-1", "L3 agent"))

		// DHCP is answered wherever a port may be, but where an administrator
		// said no.
		net := str(x.network["id"])
		leasing, two := "agents/"+dhcp+"/dhcp-networks", c.agent("host-2", "DHCP agent")
		if got := c.ids("networks/"+net+"/dhcp-agents", "agents"); len(got) != 3 {
			t.Errorf("DHCP is answered by %v", got)
		}
		one(leasing, "networks", net)
		port := c.make("admin", "ports", obj{"network_id": net, "binding:host_id": "host-1"})
		c.refused(409, "NetworkHostedByDHCPAgent", net, "admin", "POST", leasing, obj{"network_id": net})
		c.Must(204, "admin", "DELETE", "/network/v2.0/"+leasing+"/"+net, nil)
		c.refused(409, "NetworkNotHostedByDhcpAgent", net, "admin", "DELETE", leasing+"/"+net, nil)
		none(leasing, "networks")
		if _, leases := c.state("host-1"); len(leases) != 0 {
			t.Errorf("a silent host has leases for %v", leases)
		}
		if answer := c.Must(201, "admin", "POST", "/network/v2.0/"+leasing, obj{"network_id": net}); strings.TrimSpace(string(answer.Body)) != "null" {
			t.Errorf("the answer is %q: clients read JSON", answer.Body)
		}
		one(leasing, "networks", net)
		if _, leases := c.state("host-1"); leases[str(port["id"])].Address.Addr().String() != address(port) {
			t.Errorf("leases %v", leases)
		}
		c.Must(204, "admin", "DELETE", "/network/v2.0/agents/"+two+"/dhcp-networks/"+net, nil)
		c.Must(204, "admin", "DELETE", "/network/v2.0/agents/"+c.agent("host-3", "DHCP agent")+"/dhcp-networks/"+net, nil)
		one("networks/"+net+"/dhcp-agents", "agents", dhcp)
		empty := str(c.make("member", "networks", obj{})["id"]) // hosted because it was said so
		c.Must(201, "admin", "POST", "/network/v2.0/agents/"+two+"/dhcp-networks", obj{"network_id": empty})
		one("networks/"+empty+"/dhcp-agents", "agents", two)
		flat := str(c.make("admin", "networks", obj{"provider:network_type": "vlan", "provider:physical_network": "lab"})["id"])
		c.refused(409, "PortBindingFailed", "lab", "admin", "POST", leasing, obj{"network_id": flat})
		c.refused(404, "InvalidDHCPAgent", "not a valid DHCP Agent", "admin", "POST", "agents/"+c.agent("host-1", "L3 agent")+"/dhcp-networks", obj{"network_id": net})
		c.put("admin", "agents/"+two, obj{"agent": obj{"admin_state_up": false}})
		c.refused(404, "InvalidDHCPAgent", "disabled", "admin", "POST", "agents/"+two+"/dhcp-networks", obj{"network_id": net})
		c.refused(404, "NetworkNotFound", unknown, "admin", "POST", leasing, obj{"network_id": unknown})
		c.refused(404, "AgentNotFound", unknown, "admin", "POST", "agents/"+unknown+"/dhcp-networks", obj{"network_id": net})
		c.refused(400, "HTTPBadRequest", "network_id", "admin", "POST", leasing, obj{})
		c.refused(403, "PolicyNotAuthorized", "create_dhcp-network", "member", "POST", leasing, obj{"network_id": net})
		c.refused(403, "PolicyNotAuthorized", "delete_dhcp-network", "member", "DELETE", leasing+"/"+net, nil)
		none("agents/"+dhcp+"/l3-routers", "routers")
		none("agents/"+c.agent("host-2", "L3 agent")+"/dhcp-networks", "networks")
		if a := c.get("admin", "agents/"+c.agent("host-1", "wisp dataplane agent"))["agent"].(obj)["configurations"].(obj); a["devices"] != 1.0 {
			t.Errorf("the dataplane agent says %v", a)
		}
		other := c.make("member", "networks", obj{})
		sub := c.make("member", "subnets", obj{"network_id": other["id"], "ip_version": 4, "cidr": "10.5.0.0/24"})
		if got := c.ids("networks/"+str(other["id"])+"/dhcp-agents", "agents"); len(got) != 3 {
			t.Errorf("DHCP is answered by %v", got)
		}
		c.put("member", "subnets/"+str(sub["id"]), obj{"subnet": obj{"enable_dhcp": false}})
		none("networks/"+str(other["id"])+"/dhcp-agents", "agents")

		for _, path := range []string{hosting, l3("host-1"), "networks/" + net + "/dhcp-agents", "agents/" + dhcp + "/dhcp-networks"} {
			c.refused(403, "PolicyNotAuthorized", "", "member", "GET", path, nil)
			c.Must(401, "", "GET", "/network/v2.0/"+path, nil)
		}
		for path, kind := range map[string]string{
			"routers/" + unknown + "/l3-agents": "RouterNotFound", "agents/" + unknown + "/l3-routers": "AgentNotFound",
			"networks/" + unknown + "/dhcp-agents": "NetworkNotFound", "agents/" + unknown + "/dhcp-networks": "AgentNotFound",
		} {
			c.refused(404, kind, unknown, "admin", "GET", path, nil)
		}
		c.refused(403, "PolicyNotAuthorized", "create_l3-router", "member", "POST", l3("host-1"), obj{"router_id": router})
		c.refused(403, "PolicyNotAuthorized", "delete_l3-router", "member", "DELETE", l3("host-1")+"/"+router, nil)
		c.get("member", "extensions/l3_agent_scheduler")
		c.get("member", "extensions/dhcp_agent_scheduler")
	})
}

// What routers are is said as it is, and what they are not is refused.
func TestRouterKind(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		r := c.make("admin", "routers", obj{"distributed": true, "ha": false})
		if r["distributed"] != true || r["ha"] != false {
			t.Errorf("router %v", r)
		}
		path := "routers/" + str(r["id"])
		c.refused(400, "BadRequest", "a pair for high availability", "admin", "POST", "routers", obj{"router": obj{"ha": true}})
		c.refused(400, "BadRequest", "a pair for high availability", "admin", "PUT", path, obj{"router": obj{"ha": true}})
		for _, value := range []bool{true, false} { // also what is the default is not a project's to say
			c.refused(403, "PolicyNotAuthorized", "create_router:distributed", "member", "POST", "routers", obj{"router": obj{"distributed": value}})
		}
		c.refused(400, "BadRequest", "Cannot change active router", "admin", "PUT", path, obj{"router": obj{"distributed": false}})
		c.put("admin", path, obj{"router": obj{"admin_state_up": false}})
		c.put("admin", path, obj{"router": obj{"distributed": false}})
		if got := c.list("admin", "routers", "distributed=False"); len(got) != 1 || got[0]["distributed"] != false {
			t.Errorf("routers that are not distributed: %v", got)
		}
		c.put("admin", path, obj{"router": obj{"admin_state_up": true}})
		c.refused(400, "BadRequest", "Cannot upgrade active router", "admin", "PUT", path, obj{"router": obj{"distributed": true}})
	})
}

// What agents say of their hosts is what the hosts said.
func TestAgentConfigurations(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		c.heartbeat("host-1", network.AgentInfo{
			Version: "1.2", Endpoint: netip.MustParseAddr("192.0.2.1"), Management: netip.MustParseAddr("198.51.100.1"), API: netip.MustParseAddr("203.0.113.9"),
			Physical: []string{"public"}, Mappings: map[string]string{"public": "eth1", "lab": "eth2"},
		})
		c.heartbeat("host-2", network.AgentInfo{})
		a := c.get("admin", "agents/"+c.agent("host-1", "wisp dataplane agent"))["agent"].(obj)["configurations"].(obj)
		if a["tunneling_ip"] != "192.0.2.1" || a["management_ip"] != "198.51.100.1" || a["api_ip"] != "203.0.113.9" || a["devices"] != 0.0 ||
			len(a["tunnel_types"].([]any)) != 2 || a["bridge_mappings"].(obj)["lab"] != "eth2" || len(a["physical_networks"].([]any)) != 2 {
			t.Errorf("agent says %v", a)
		}
		b := c.get("admin", "agents/"+c.agent("host-2", "L3 agent"))["agent"].(obj)["configurations"].(obj)
		if _, said := b["management_ip"]; said || b["tunneling_ip"] != "" || b["agent_mode"] != "dvr_snat" || b["routers"] != 0.0 {
			t.Errorf("agent of a host that says nothing says %v", b)
		}
	})
}
