package networkapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"wisp/internal/api/apitest"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
)

// programs are a host whose dataplane says what the test wants.
type programs struct {
	steps  []nodeapi.PortTraceStep
	err    error
	params nodeapi.PortTraceParams
	host   string
}

func (p *programs) Call(_ context.Context, host, method string, params, result any) error {
	if method != nodeapi.CallPortTrace {
		return fmt.Errorf("called %s", method)
	}
	p.host, p.params = host, params.(nodeapi.PortTraceParams)
	encoded, err := json.Marshal(nodeapi.PortTraceResult{Steps: p.steps})
	if err != nil {
		return err
	}
	if p.err != nil {
		return p.err
	}
	return json.Unmarshal(encoded, result)
}

// does makes the programs do what is written as "verdict reason" in turn: of
// the sender's port, then of the one that is named.
func (p *programs) does(sender string, first string, at ...string) {
	step := func(program, port, what string) nodeapi.PortTraceStep {
		verdict, reason, _ := strings.Cut(what, " ")
		return nodeapi.PortTraceStep{Program: program, PortID: port, Verdict: verdict, Reason: reason}
	}
	p.steps, p.err = []nodeapi.PortTraceStep{step("from_guest", sender, first)}, nil
	if len(at) == 2 {
		p.steps = append(p.steps, step("to_guest", at[0], at[1]))
	}
}

// world is a topology with ports on a host.
type traced struct {
	*cloud
	topology
	host *programs
	one  obj
}

func newTraced(t *testing.T, c *cloud) *traced {
	t.Helper()
	w := &traced{cloud: c, topology: c.topology("member"), host: &programs{}}
	c.svc.SetNodes(w.host)
	for _, host := range []string{"host-1", "host-2"} {
		c.heartbeat(host, network.AgentInfo{Physical: []string{"public", "lab"}})
	}
	w.one = w.bound("host-1", nil)
	return w
}

// bound makes a member's port on a host.
func (w *traced) bound(host string, more obj) obj {
	w.t.Helper()
	body := obj{"network_id": w.network["id"], "project_id": "demo-id", "binding:host_id": host, "device_owner": "compute:nova", "device_id": "x"}
	for k, v := range more {
		body[k] = v
	}
	return w.make("admin", "ports", body)
}

func address(port obj) string { return str(port["fixed_ips"].([]any)[0].(obj)["ip_address"]) }

// trace returns the trace and its steps as "hop verdict".
func (w *traced) trace(who string, port obj, query string) (obj, string) {
	w.t.Helper()
	trace := w.get(who, "ports/"+str(port["id"])+"/trace?"+query)["trace"].(obj)
	var steps []string
	for _, s := range trace["steps"].([]any) {
		steps = append(steps, str(s.(obj)["hop"])+" "+str(s.(obj)["verdict"]))
	}
	return trace, strings.Join(steps, ", ")
}

func stepAt(trace obj, i int) obj { return trace["steps"].([]any)[i].(obj) }

func TestTraceBetweenPorts(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		two := w.bound("host-1", nil)
		closed := w.make("member", "security-groups", obj{"name": "closed"})
		three := w.bound("host-1", obj{"security_groups": []any{closed["id"]}})
		open := w.bound("host-1", obj{"port_security_enabled": false, "security_groups": []any{}})
		down := w.bound("host-1", obj{"admin_state_up": false})
		far := w.bound("host-2", obj{"security_groups": []any{closed["id"]}})
		one := str(w.one["id"])
		tcp := "protocol=tcp&destination_port=22&destination="

		w.host.does(one, "forwarded", str(two["id"]), "accepted")
		trace, steps := w.trace("member", w.one, tcp+address(two)+"&source_port=999")
		if steps != "port forwarded, security_group accepted, network forwarded, security_group accepted, port accepted" || trace["reached"] != true || trace["disagreement"] != nil ||
			trace["source"] != address(w.one) || trace["destination"] != address(two) || trace["protocol"] != 6.0 || trace["source_port"] != 999.0 || trace["destination_port"] != 22.0 {
			t.Errorf("within the group: %s %v", steps, trace)
		}
		if p := w.host.params; w.host.host != "host-1" || p.PortID != one || p.Via.String() != address(two) || p.SourcePort != 999 || p.DestinationPort != 22 || p.Source.String() != address(w.one) {
			t.Errorf("the host was asked %+v", p)
		}
		group := w.one["security_groups"].([]any)[0]
		for i, part := range map[int]string{1: "egress any IPv4 to anywhere", 3: "ingress any IPv4 from members of security group " + str(group)} {
			s := stepAt(trace, i)
			if rule := s["rule"].(obj); rule["security_group_id"] != group || rule["id"] == "" || s["resource_id"] != group || s["host"] != nil || !strings.Contains(str(s["reason"]), part) {
				t.Errorf("rule %v", s)
			}
		}
		if all, _ := w.trace("admin", w.one, tcp+address(two)); stepAt(all, 0)["host"] != "host-1" || stepAt(all, 4)["host"] != "host-1" || stepAt(all, 4)["resource_id"] != two["id"] {
			t.Errorf("an admin sees %v", all)
		}

		w.host.does(one, "forwarded", str(three["id"]), "dropped no-rule-in")
		trace, steps = w.trace("reader", w.one, tcp+address(three))
		if steps != "port forwarded, security_group accepted, network forwarded, security_group dropped" || trace["reached"] != false || trace["disagreement"] != nil ||
			stepAt(trace, 3)["rule"] != nil || !strings.Contains(str(stepAt(trace, 3)["reason"]), "No ingress rule of the port's security groups (1) allows TCP to port 22 from "+address(w.one)) {
			t.Errorf("no rule in: %s %v", steps, trace)
		}
		w.make("member", "security-group-rules", obj{"security_group_id": closed["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 20, "port_range_max": 30, "remote_ip_prefix": "10.0.0.0/24"})
		if trace, _ = w.trace("member", w.one, tcp+address(three)); !strings.HasPrefix(str(trace["disagreement"]), "The host does not do what the rules say") {
			t.Errorf("a member is told %v", trace["disagreement"])
		}
		trace, _ = w.trace("admin", w.one, tcp+address(three))
		if trace["reached"] != false || !strings.Contains(str(trace["disagreement"]), "by the rules it would pass") || !strings.Contains(str(stepAt(trace, 3)["reason"]), "But the host stops the packet: no ingress rule") || stepAt(trace, 3)["rule"] != nil {
			t.Errorf("the host lags behind a new rule: %v", trace)
		}
		w.host.does(one, "forwarded", str(three["id"]), "accepted")
		if trace, _ = w.trace("admin", w.one, "protocol=udp&destination_port=22&destination="+address(three)); trace["reached"] != true || !strings.Contains(str(trace["disagreement"]), "By the rules the packet ends at the security_group") {
			t.Errorf("the host lags behind a removed rule: %v", trace)
		}
		w.host.does(one, "forwarded", str(open["id"]), "accepted")
		if trace, steps = w.trace("member", w.one, "destination="+address(open)); trace["reached"] != true || trace["protocol"] != 1.0 || trace["destination_port"] != nil ||
			!strings.Contains(str(stepAt(trace, 3)["reason"]), "Port security is off") {
			t.Errorf("without port security: %s %v", steps, trace)
		}
		w.host.does(str(open["id"]), "forwarded", one, "accepted")
		if trace, _ = w.trace("member", open, "destination="+address(w.one)); !strings.Contains(str(stepAt(trace, 0)["reason"]), "it may send from any address") {
			t.Errorf("from a port without port security: %v", trace)
		}
		w.host.does(one, "forwarded", str(down["id"]), "dropped port-down")
		if trace, steps = w.trace("member", w.one, "destination="+address(down)); !strings.HasSuffix(steps, "security_group accepted, port dropped") || trace["disagreement"] != nil {
			t.Errorf("to a port that is down: %s %v", steps, trace)
		}
		w.host.does(str(down["id"]), "dropped port-down")
		if trace, steps = w.trace("member", down, "destination="+address(w.one)); steps != "port dropped" || trace["disagreement"] != nil {
			t.Errorf("from a port that is down: %s %v", steps, trace)
		}
		w.host.does(one, "forwarded")
		trace, steps = w.trace("admin", w.one, tcp+address(far))
		if !strings.HasSuffix(steps, "network forwarded, host forwarded, security_group accepted, port accepted") || trace["reached"] != true || stepAt(trace, 5)["host"] != "host-2" ||
			!strings.Contains(str(stepAt(trace, 3)["reason"]), "by the rules") {
			t.Errorf("to another host: %s %v", steps, trace)
		}
		w.heartbeat("host-2", network.AgentInfo{Physical: []string{"public", "lab"}, Endpoint: netip.MustParseAddr("192.0.2.2")})
		w.host.steps[0].Host = "192.0.2.2"
		if trace, _ = w.trace("admin", w.one, tcp+address(far)); stepAt(trace, 3)["host"] != "host-2" {
			t.Errorf("the host that the packet is handed to: %v", trace)
		}
		if trace, _ = w.trace("member", w.one, tcp+address(far)); stepAt(trace, 3)["host"] != nil {
			t.Errorf("shown to a member: %v", trace)
		}
		if trace, steps = w.trace("member", w.one, "protocol=udp&destination_port=1&destination="+address(far)); !strings.HasSuffix(steps, "host forwarded, security_group dropped") || trace["reached"] != false || trace["disagreement"] != nil {
			t.Errorf("to another host, which refuses: %s %v", steps, trace)
		}
		w.host.does(one, "dropped no-neighbour")
		if trace, steps = w.trace("member", w.one, "destination="+w.nobody("10.0.0.")); !strings.HasSuffix(steps, "security_group accepted, network dropped") || trace["disagreement"] != nil {
			t.Errorf("to nobody: %s %v", steps, trace)
		}
		w.host.does(one, "dropped spoofed-ip")
		if trace, steps = w.trace("member", w.one, "destination="+address(two)); steps != "port dropped" || trace["disagreement"] == nil {
			t.Errorf("a host that does not know the address yet: %s %v", steps, trace)
		}
		w.host.does(one, "dropped something-new")
		if trace, steps = w.trace("member", w.one, "destination="+address(two)); steps != "port dropped" || trace["reached"] != false {
			t.Errorf("an unknown reason: %s %v", steps, trace)
		}
	})
}

func TestTraceThroughRouters(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		one := str(w.one["id"])
		w.host.does(one, "forwarded unresolved")
		trace, steps := w.trace("member", w.one, "destination=198.51.100.7")
		shared := str(w.router["external_gateway_info"].(obj)["external_fixed_ips"].([]any)[0].(obj)["ip_address"])
		if steps != "port forwarded, security_group accepted, network forwarded, router forwarded, snat forwarded, wire forwarded" || trace["reached"] != true ||
			!strings.Contains(str(stepAt(trace, 3)["reason"]), "by the route to 0.0.0.0/0 via 203.0.113.1") || stepAt(trace, 3)["resource_id"] != w.router["id"] ||
			!strings.Contains(str(stepAt(trace, 4)["reason"]), "becomes the router's shared address "+shared) || stepAt(trace, 5)["resource_id"] != w.external["id"] ||
			!strings.Contains(str(stepAt(trace, 5)["reason"]), "not known at this moment") || w.host.params.Via.String() != "10.0.0.1" {
			t.Errorf("to the outside: %s %v", steps, trace)
		}
		w.host.does(one, "dropped not-translated")
		if trace, steps = w.trace("member", w.one, "protocol=47&destination=198.51.100.7"); !strings.HasSuffix(steps, "router forwarded, snat dropped") || trace["disagreement"] != nil {
			t.Errorf("GRE to the outside: %s %v", steps, trace)
		}
		w.host.does(one, "forwarded", one, "accepted")
		if trace, steps = w.trace("member", w.one, "destination=10.0.0.1"); !strings.HasSuffix(steps, "router accepted") || trace["reached"] != true {
			t.Errorf("to the router: %s %v", steps, trace)
		}
		w.host.does(one, "dropped router-local")
		if trace, steps = w.trace("member", w.one, "protocol=tcp&destination_port=22&destination=10.0.0.1"); !strings.HasSuffix(steps, "router dropped") || trace["disagreement"] != nil {
			t.Errorf("SSH to the router: %s %v", steps, trace)
		}

		fip := w.make("member", "floatingips", obj{"floating_network_id": w.external["id"], "port_id": w.one["id"]})
		w.host.does(one, "forwarded")
		if trace, steps = w.trace("member", w.one, "protocol=47&destination=198.51.100.7"); !strings.HasSuffix(steps, "router forwarded, floating_ip forwarded, wire forwarded") ||
			stepAt(trace, 4)["resource_id"] != fip["id"] || stepAt(trace, 4)["resource_type"] != "floatingip" || !strings.Contains(str(stepAt(trace, 5)["reason"]), "from "+str(fip["floating_ip_address"])) {
			t.Errorf("with a floating IP: %s %v", steps, trace)
		}
		// From one to another through the floating address.
		two := w.bound("host-1", nil)
		w.host.does(str(two["id"]), "forwarded", one, "dropped no-rule-in")
		trace, steps = w.trace("member", two, "destination="+str(fip["floating_ip_address"]))
		if steps != "port forwarded, security_group accepted, network forwarded, router forwarded, snat forwarded, network forwarded, router forwarded, floating_ip forwarded, network forwarded, security_group dropped" ||
			trace["disagreement"] != nil || !strings.Contains(str(stepAt(trace, 9)["reason"]), "ICMP from "+shared) {
			t.Errorf("to a floating IP: %s %v", steps, trace)
		}
		// Another network behind the router, and an extra route.
		net := w.make("member", "networks", obj{"name": "two"})
		sub := w.make("member", "subnets", obj{"network_id": net["id"], "ip_version": 4, "cidr": "10.1.0.0/24"})
		w.put("member", "routers/"+str(w.router["id"])+"/add_router_interface", obj{"subnet_id": sub["id"]})
		other := w.bound("host-1", obj{"network_id": net["id"]})
		w.host.does(one, "forwarded", str(other["id"]), "accepted")
		if trace, steps = w.trace("member", w.one, "destination="+address(other)); !strings.HasSuffix(steps, "router forwarded, network forwarded, security_group accepted, port accepted") ||
			!strings.Contains(str(stepAt(trace, 3)["reason"]), "on a subnet of the router (10.1.0.0/24)") {
			t.Errorf("to a neighbour network: %s %v", steps, trace)
		}
		w.host.does(one, "forwarded no-host", one, "accepted")
		if trace, steps = w.trace("member", w.one, "destination="+w.nobody("10.1.0.")); trace["reached"] != false || trace["disagreement"] != nil || !strings.HasSuffix(steps, "router forwarded, network dropped") {
			t.Errorf("to nobody on a neighbour network: %s %v", steps, trace)
		}
		w.put("member", "routers/"+str(w.router["id"]), obj{"router": obj{"admin_state_up": false}})
		w.host.does(one, "dropped router-down")
		if trace, steps = w.trace("member", w.one, "destination="+address(other)); !strings.HasSuffix(steps, "network forwarded, router dropped") || trace["disagreement"] != nil {
			t.Errorf("a router that is down: %s %v", steps, trace)
		}
		w.put("member", "routers/"+str(w.router["id"]), obj{"router": obj{"admin_state_up": true}})
		w.host.does(one, "dropped nat-full")
		if trace, steps = w.trace("member", two, "destination=198.51.100.7"); !strings.HasSuffix(steps, "snat dropped") || trace["disagreement"] == nil {
			t.Errorf("a shared address that is full: %s %v", steps, trace)
		}
		// The host's own service, and no way out.
		w.host.does(one, "forwarded")
		if trace, steps = w.trace("member", w.one, "protocol=tcp&destination_port=80&destination=169.254.169.254"); steps != "port forwarded, host accepted" || trace["reached"] != true {
			t.Errorf("to the metadata service: %s %v", steps, trace)
		}
		lonely := w.make("member", "networks", obj{})
		w.make("member", "subnets", obj{"network_id": lonely["id"], "ip_version": 4, "cidr": "10.2.0.0/24", "gateway_ip": nil})
		alone := w.bound("host-1", obj{"network_id": lonely["id"]})
		w.host.does("nobody is asked", "forwarded")
		if trace, steps = w.trace("member", alone, "destination=198.51.100.7"); !strings.HasSuffix(steps, "network dropped") || trace["disagreement"] != nil ||
			!strings.Contains(str(stepAt(trace, 2)["reason"]), "has no gateway") {
			t.Errorf("without a gateway: %s %v", steps, trace)
		}
	})
}

// A member sees the own resources, and of others that there are some.
func TestTraceConcealsOthers(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		shared := w.make("admin", "networks", obj{"shared": true})
		w.make("admin", "subnets", obj{"network_id": shared["id"], "ip_version": 4, "cidr": "10.9.0.0/24"})
		mine := w.bound("host-1", obj{"network_id": shared["id"]})
		theirs := w.make("admin", "ports", obj{"network_id": shared["id"], "project_id": "foreign-id", "binding:host_id": "host-1", "device_owner": "compute:nova"})
		for verdict, hop := range map[string]string{"accepted": "port accepted", "dropped no-rule-in": "security_group dropped"} {
			w.host.does(str(mine["id"]), "forwarded", str(theirs["id"]), verdict)
			answer := w.Must(200, "member", "GET", "/network/v2.0/ports/"+str(mine["id"])+"/trace?destination="+address(theirs), nil)
			if text := string(answer.Body); strings.Contains(text, str(theirs["id"])) || strings.Contains(text, str(theirs["security_groups"].([]any)[0])) || strings.Contains(text, "host-1") ||
				strings.Contains(text, str(theirs["mac_address"])) {
				t.Errorf("shown to a member: %s", text)
			}
			trace, steps := w.trace("member", mine, "destination="+address(theirs))
			last := stepAt(trace, len(trace["steps"].([]any))-1)
			if !strings.HasSuffix(steps, hop) || last["resource_id"] != nil || !strings.Contains(strings.ToLower(str(last["reason"])), "another project's") || stepAt(trace, 2)["resource_id"] != shared["id"] {
				t.Errorf("%s: %s %v", verdict, steps, last)
			}
		}
		theirsAll, _ := w.trace("admin", mine, "destination="+address(theirs))
		if s := theirsAll["steps"].([]any); stepAt(theirsAll, len(s)-1)["resource_id"] == nil {
			t.Errorf("an admin sees %v", s)
		}
		// Whose the network is does not make the port one's own.
		guest := w.make("admin", "ports", obj{"network_id": w.network["id"], "project_id": "foreign-id", "binding:host_id": "host-1"})
		c.refused(403, "PolicyNotAuthorized", "get_port_trace", "member", "GET", "ports/"+str(guest["id"])+"/trace?destination=10.0.0.1", nil)
		c.refused(404, "PortNotFound", "", "other", "GET", "ports/"+str(w.one["id"])+"/trace?destination=10.0.0.1", nil)
	})
}

// nobody is an address behind the prefix, like "10.0.0.", that no port has.
func (w *traced) nobody(prefix string) string {
	ports := string(w.Must(200, "admin", "GET", "/network/v2.0/ports", nil).Body)
	n := 99
	for strings.Contains(ports, `"`+prefix+strconv.Itoa(n)+`"`) {
		n++
	}
	return prefix + strconv.Itoa(n)
}

// What networks are made of is for those who may read it of the networks
// themselves.
func TestTraceConcealsProviderAttributes(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		far := w.bound("host-2", nil)
		lab := w.make("admin", "networks", obj{"shared": true, "provider:network_type": "vlan", "provider:physical_network": "lab", "provider:segmentation_id": 100})
		w.make("admin", "subnets", obj{"network_id": lab["id"], "ip_version": 4, "cidr": "10.9.0.0/24"})
		tagged := w.bound("host-1", obj{"network_id": lab["id"]})
		tagged2 := w.bound("host-2", obj{"network_id": lab["id"]})
		for name, x := range map[string]struct {
			from         obj
			to, does     string
			public, told []string
		}{
			"to a port": {w.one, address(far), "forwarded", []string{"The network has a port", "The receiver is on another host; the packet goes there."},
				[]string{"The network (vxlan) has a port", "goes there through the tunnel."}},
			"to nobody":      {w.one, w.nobody("10.0.0."), "dropped no-neighbour", []string{"The network has nothing"}, []string{"The network (vxlan) has nothing"}},
			"by no tunnel":   {w.one, address(far), "dropped tunnel", []string{"the way to the other host"}, []string{"the way to the other host"}},
			"to the outside": {w.one, "198.51.100.7", "forwarded", []string{"The network has a router", "leaves the cloud, towards"}, []string{"The network (vxlan) has a router", "on the physical network public, towards"}},
			"in a VLAN":      {tagged, address(tagged2), "forwarded", []string{"The network has a port", "the packet goes there."}, []string{"The network (vlan) has a port", "goes there on the physical network lab."}},
			"out of a VLAN":  {tagged, w.nobody("10.9.0."), "forwarded", []string{"leaves the cloud, towards"}, []string{"leaves the cloud on the physical network lab, towards"}},
		} {
			w.host.does(str(x.from["id"]), x.does)
			for _, who := range []string{"member", "reader", "admin"} {
				body := string(c.Must(200, who, "GET", "/network/v2.0/ports/"+str(x.from["id"])+"/trace?destination="+x.to, nil).Body)
				says := x.public
				if who == "admin" {
					says = x.told
				}
				for _, part := range says {
					if !strings.Contains(body, part) {
						t.Errorf("%s, %s: no %q in %s", name, who, part, body)
					}
				}
				for _, attribute := range []string{"vxlan", "vlan", "flat", "tunnel", "physical", "public", "lab"} {
					if who != "admin" && strings.Contains(body, attribute) {
						t.Errorf("%s: a %s reads %q in %s", name, who, attribute, body)
					}
				}
			}
		}
	})
}

func TestTraceRefuses(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		unbound := w.make("member", "ports", obj{"network_id": w.network["id"]})
		path := func(port obj, query string) string { return "ports/" + str(port["id"]) + "/trace?" + query }
		for query, part := range map[string]string{
			"": "it must be given", "destination=here": "not a valid IP address", "destination=10.0.0.1&colour=red": "colour", "destination=10.0.0.1&destination=10.0.0.2": "more than once",
			"destination=10.0.0.1&protocol=tcp&destination_port=x": "not a port", "destination=10.0.0.1&protocol=tcp&destination_port=0": "not a port",
			"destination=10.0.0.1&protocol=tcp&destination_port=70000": "not a port",
		} {
			c.refused(400, "HTTPBadRequest", part, "member", "GET", path(w.one, query), nil)
		}
		for query, part := range map[string]string{
			"destination=224.0.0.1": "one receiver", "destination=255.255.255.255": "one receiver", "destination=0.0.0.0": "one receiver", "destination=fe80::1%25eth0": "one receiver",
			"destination=10.0.0.1&protocol=pigeon": "protocol pigeon", "destination=10.0.0.1&protocol=any": "protocol any", "destination=10.0.0.1&protocol=tcp": "destination_port must be given",
			"destination=10.0.0.1&protocol=icmp&destination_port=1": "has no ports", "destination=10.0.0.1&protocol=58": "ICMPv6", "destination=fd00::1": "no address of the version of IP",
		} {
			c.refused(400, "InvalidInput", part, "member", "GET", path(w.one, query), nil)
		}
		c.refused(409, "PortNotBound", "bound to no host", "member", "GET", path(unbound, "destination=10.0.0.1"), nil)
		leg := c.list("admin", "ports", "device_owner=network:router_interface")[0]
		c.refused(409, "PortNotTraceable", "network:router_interface", "admin", "GET", path(leg, "destination=10.0.0.1"), nil)
		for _, x := range []struct {
			err    error
			status int
			kind   string
			part   string
		}{
			{errs.New(errs.Unavailable, "The host host-1 is not connected."), 503, "HostUnavailable", "does not answer"},
			{errs.New(errs.Unavailable, "Others.").WithType(nodeapi.TypeHostBusy), 503, "HostBusy", "Other packets are being followed"},
			{errs.New(errs.NotFound, "port is not on this host"), 409, "PortNotReady", "not made its device yet"},
			{errs.New(errs.NotImplemented, "older"), 501, "HTTPNotImplemented", "cannot follow"},
			{errs.New(errs.Invalid, "a request for an address is not traced"), 400, "InvalidInput", "a request for an address"},
			{fmt.Errorf("broken"), 500, "HTTPInternalServerError", ""},
		} {
			w.host.err = x.err
			c.refused(x.status, x.kind, x.part, "member", "GET", path(w.one, "destination=10.0.0.9"), nil)
		}
		c.Must(401, "", "GET", "/network/v2.0/"+path(w.one, "destination=10.0.0.9"), nil)
		if list := c.get("member", "extensions/port-trace")["extension"].(obj); list["description"] == "" {
			t.Errorf("extension %v", list)
		}
	})
}

// slowHosts keep whom they are asked for waiting, while they are held.
type slowHosts struct {
	in, out chan struct{}
}

func (s *slowHosts) Call(_ context.Context, host, _ string, _, _ any) error {
	if host == "host-1" {
		s.in <- struct{}{}
		<-s.out
	}
	return nil
}

// Few packets are followed on a host at once; others wait a moment, and are
// told.
func TestTracesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		elsewhere := w.bound("host-2", nil)
		slow := &slowHosts{in: make(chan struct{}, 9), out: make(chan struct{})}
		c.svc.SetNodes(slow)
		path := func(port obj) string { return "ports/" + str(port["id"]) + "/trace?destination=10.0.0.9" }
		answers := make(chan int, 9)
		ask := func() { answers <- c.Do("reader", "GET", "/network/v2.0/"+path(w.one), nil).Status }
		for range nodeapi.TracesAtOnce {
			go ask()
			<-slow.in
		}
		late := make(chan *apitest.Response, 1)
		go func() { late <- c.Do("reader", "GET", "/network/v2.0/"+path(w.one), nil) }()
		select {
		case r := <-late:
			if r.Status != 503 || !strings.Contains(string(r.Body), "HostBusy") || !strings.Contains(string(r.Body), "Other packets are being followed on this host; try again.") {
				t.Errorf("one more: %d %s", r.Status, r.Body)
			}
		case <-slow.in:
			t.Error("the host follows one more packet")
		}
		c.get("reader", path(elsewhere))
		go ask() // it waits
		close(slow.out)
		for range nodeapi.TracesAtOnce + 1 {
			if status := <-answers; status != 200 {
				t.Errorf("status %d", status)
			}
		}
	})
}

// Without nodes, nobody can be asked.
func TestTraceWithoutNodes(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := &traced{cloud: c, topology: c.topology("member")}
		port := w.bound("host-9", nil)
		c.refused(409, "PortNotBound", "its host does not have its network", "member", "GET", "ports/"+str(port["id"])+"/trace?destination=10.0.0.1", nil)
		c.heartbeat("host-9", network.AgentInfo{})
		c.refused(503, "HostUnavailable", "", "member", "GET", "ports/"+str(port["id"])+"/trace?destination=10.0.0.1", nil)
	})
}

func TestTraceBetweenAddressScopes(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		scope := w.make("admin", "address-scopes", obj{"name": "s", "ip_version": 4, "shared": true})
		inside := w.make("member", "subnetpools", obj{"name": "inside", "prefixes": []string{"10.9.0.0/16"}, "address_scope_id": scope["id"], "default_prefixlen": 24})
		scoped := w.make("member", "networks", obj{})
		sub := w.make("member", "subnets", obj{"network_id": scoped["id"], "ip_version": 4, "subnetpool_id": inside["id"]})
		w.put("member", "routers/"+str(w.router["id"])+"/add_router_interface", obj{"subnet_id": sub["id"]})
		two := w.bound("host-1", obj{"network_id": scoped["id"]})

		w.host.does(str(w.one["id"]), "dropped address-scope")
		trace, steps := w.trace("member", w.one, "destination="+address(two))
		if steps != "port forwarded, security_group accepted, network forwarded, router dropped" || trace["disagreement"] != nil || !strings.Contains(str(stepAt(trace, 3)["reason"]), "another address scope") {
			t.Errorf("to another scope: %s %v", steps, trace)
		}
		// The outside is of no scope: what has one is translated there.
		w.host.does(str(two["id"]), "forwarded")
		if _, steps = w.trace("member", two, "destination=203.0.113.77"); !strings.Contains(steps, "snat") {
			t.Errorf("to the outside: %s", steps)
		}
	})
}

// TestTraceToWhereLeasesComeFrom goes to the address at which each host answers
// itself.
func TestTraceToWhereLeasesComeFrom(t *testing.T) {
	each(t, func(t *testing.T, c *cloud) {
		w := newTraced(t, c)
		one := str(w.one["id"])
		dhcp := w.list("admin", "ports", "device_owner=network:dhcp&network_id="+str(w.network["id"]))[0]
		w.host.does(one, "forwarded", one, "accepted")
		trace, steps := w.trace("member", w.one, "protocol=icmp&destination="+address(dhcp))
		if steps != "port forwarded, security_group accepted, network accepted" || trace["reached"] != true || trace["disagreement"] != nil {
			t.Errorf("a ping: %s %v", steps, trace)
		}
		w.host.does(one, "dropped tunnel")
		trace, steps = w.trace("member", w.one, "protocol=tcp&destination_port=53&destination="+address(dhcp))
		if steps != "port forwarded, security_group accepted, network dropped" || trace["reached"] != false || trace["disagreement"] != nil {
			t.Errorf("no ping: %s %v", steps, trace)
		}
	})
}
