package network

import (
	"fmt"
	"net/netip"
	"slices"

	"wisp/internal/dataplane/intent"
)

// walk follows a packet through what the cloud knows, by the same semantics
// as the dataplane has, and finds every step that it would take if nothing
// stopped it. judge then tells where it really ends.
type walk struct {
	source       *Port
	protocol     uint8
	src, dst     netip.Addr
	sport, dport uint16
	state        intent.State
	provider     bool // the caller may read what provider networks are made of

	steps  []walkStep
	target string // the receiver's port, once found
}

// walkStep is a step with what the rules say of it.
type walkStep struct {
	TraceStep
	class string // what the dataplane's reasons are compared by
	drops bool   // by the rules, the packet ends here
	last  bool   // the packet ends here, and is where it should be
}

// Classes of steps: where a packet is stopped.
const (
	classSender   = "sender"
	classEgress   = "egress"
	classNetwork  = "network"
	classRouter   = "router"
	classNAT      = "nat"
	classWire     = "wire"
	classHost     = "host"
	classIngress  = "ingress"
	classReceiver = "receiver"
)

const maxRouters = 4 // of the dataplane

func (w *walk) add(class, hop, kind, id, format string, args ...any) *walkStep {
	w.steps = append(w.steps, walkStep{class: class, TraceStep: TraceStep{Hop: hop, ResourceType: kind, ResourceID: id, Verdict: TraceForwarded, Reason: fmt.Sprintf(format, args...)}})
	return &w.steps[len(w.steps)-1]
}

func (s *walkStep) stop() { s.drops, s.Verdict = true, TraceDropped }

func (s *walkStep) end() { s.last, s.Verdict = true, TraceAccepted }

// leave chooses the source address and the next hop as the guest's routing
// table has them, from its subnets: on the link, by a host route, or by the
// gateway. An invalid hop is none.
func (w *walk) leave(subnets []*Subnet) (via netip.Addr, err error) {
	var from *Subnet
	for _, ip := range w.source.FixedIPs {
		a, err := netip.ParseAddr(ip.Address)
		i := slices.IndexFunc(subnets, func(s *Subnet) bool { return s.ID == ip.SubnetID })
		if err != nil || i < 0 || a.Is4() != w.dst.Is4() {
			continue
		}
		near := subnets[i].prefix().Contains(w.dst)
		if from == nil || near {
			from, w.src = subnets[i], a
		}
		if near {
			return w.dst, nil
		}
	}
	if from == nil {
		return via, invalid("port %s has no address of the version of IP that %s is of", w.source.ID, w.dst)
	}
	best := -1
	for _, r := range hostRoutes(from) {
		if r.Destination.Contains(w.dst) && r.Destination.Bits() > best {
			best, via = r.Destination.Bits(), r.NextHop
		}
	}
	if best < 0 {
		via = from.gateway()
	}
	return via, nil
}

// run takes all steps.
func (w *walk) run(via netip.Addr) {
	port, known := w.state.Ports[w.source.ID]
	if !known { // it was bound a moment ago
		port = intent.Port{ID: w.source.ID, NetworkID: w.source.NetworkID, MAC: w.source.MAC, Enabled: w.source.AdminStateUp, PortSecurity: w.source.PortSecurityEnabled}
	}
	w.sender(port)
	w.rules(port, w.state, intent.Egress, w.source.Host)
	if w.asksMetadata() {
		// The programs take it before any rule is asked.
		w.steps = slices.DeleteFunc(w.steps, func(s walkStep) bool { return s.class == classEgress })
		s := w.add(classHost, HopHost, "", "", "The host itself answers for the metadata service, whatever the rules say.")
		s.Host = w.source.Host
		s.end()
		return
	}
	if !via.IsValid() {
		w.add(classNetwork, HopNetwork, "network", port.NetworkID, "%s is on no subnet of the port, and its subnet has no gateway: the guest has no route there.", w.dst).stop()
		return
	}
	network, hop := port.NetworkID, via
	for range maxRouters + 1 {
		router, ok := w.onNetwork(network, hop)
		if !ok {
			return
		}
		if network, hop, ok = w.route(router, network); !ok {
			return
		}
	}
	w.add(classRouter, HopRouter, "", "", "The packet passes more than %d routers; it goes round in circles.", maxRouters).stop()
}

// asksMetadata tells whether the dataplane takes the packet for the metadata
// service.
func (w *walk) asksMetadata() bool {
	return w.dst == metadataAddress.Addr() && w.protocol == 6 && w.dport == 80
}

func (w *walk) sender(port intent.Port) {
	text := fmt.Sprintf("The guest sends from %s and MAC %s.", w.src, port.MAC)
	switch {
	case !port.Enabled:
		text = "The port, or its network, is down: its admin_state_up is false."
	case port.PortSecurity:
		text += " Port security checks both: they are the port's own."
	default:
		text += " Port security is off: it may send from any address."
	}
	s := w.add(classSender, HopPort, "port", port.ID, "%s", text)
	s.Host = w.source.Host
	if !port.Enabled {
		s.stop()
	}
}

// onNetwork finds who has the next hop on a network: a router, which the
// packet goes on to, or the end of the way.
func (w *walk) onNetwork(network string, hop netip.Addr) (router string, goes bool) {
	n := w.state.Networks[network]
	wire := n.Type == intent.TypeFlat || n.Type == intent.TypeVLAN
	name, wires, between := "The network", "", ""
	if w.provider {
		name, between = fmt.Sprintf("The network (%s)", n.Type), " through the tunnel"
		if wire {
			wires = " on the physical network " + n.PhysicalNetwork
			between = wires
		}
	}
	for _, p := range w.state.Ports {
		if p.NetworkID != network || !slices.Contains(p.Addresses, hop) || w.isLeg(p.ID) {
			continue
		}
		if p.Service {
			if wire && !w.pings() {
				continue
			}
			w.forHost(network, hop)
			return "", false
		}
		w.add(classNetwork, HopNetwork, "network", network, "%s has a port with the address %s.", name, hop)
		w.target = p.ID
		if p.Local {
			w.arrive(w.state, w.source.Host)
		} else {
			w.add(classHost, HopHost, "", "", "The receiver is on another host; the packet goes there%s.", between)
		}
		return "", false
	}
	for id, r := range w.state.Routers {
		if w.answersAs(r, network, hop) {
			w.add(classNetwork, HopNetwork, "network", network, "%s has a router that answers for %s.", name, hop)
			return id, true
		}
	}
	if wire {
		s := w.add(classWire, HopWire, "network", network, "The packet leaves the cloud%s, towards %s, from %s.", wires, hop, w.src)
		s.last = true
		return "", false
	}
	w.add(classNetwork, HopNetwork, "network", network, "%s has nothing that answers for %s.", name, hop).stop()
	return "", false
}

// isLeg tells whether a port is a router's.
func (w *walk) isLeg(port string) bool {
	for _, r := range w.state.Routers {
		if r.Gateway != nil && r.Gateway.PortID == port || slices.ContainsFunc(r.Interfaces, func(i intent.RouterInterface) bool { return i.PortID == port }) {
			return true
		}
	}
	return false
}

// answersAs tells whether the host answers as the router for an address.
func (w *walk) answersAs(r intent.Router, network string, a netip.Addr) bool {
	has := func(p netip.Prefix) bool { return p.Addr() == a }
	for _, i := range r.Interfaces {
		if i.NetworkID == network && slices.ContainsFunc(i.Addresses, has) {
			return true
		}
	}
	g := r.Gateway
	if g == nil || g.NetworkID != network {
		return false
	}
	return g.Local && slices.ContainsFunc(g.Addresses, has) || w.floating(r, func(f intent.FloatingIP) bool { return f.Address == a }) != nil
}

// floating finds a floating IP that this host serves.
func (w *walk) floating(r intent.Router, is func(intent.FloatingIP) bool) *intent.FloatingIP {
	for _, f := range r.FloatingIPs {
		if w.state.Ports[f.PortID].Local && is(f) {
			return &f
		}
	}
	return nil
}

// route passes the packet through a router, which it entered from a network.
func (w *walk) route(id, from string) (network string, hop netip.Addr, goes bool) {
	r := w.state.Routers[id]
	outside := r.Gateway != nil && r.Gateway.NetworkID == from
	if !r.Enabled {
		w.add(classRouter, HopRouter, "router", id, "The router is down: its admin_state_up is false.").stop()
		return "", hop, false
	}
	var inward *intent.FloatingIP
	if outside && w.dst.Is4() {
		inward = w.floating(r, func(f intent.FloatingIP) bool { return f.Address == w.dst })
	}
	if inward == nil && w.forRouter(id, r, outside) {
		return "", hop, false
	}
	to := w.dst
	if inward != nil {
		to = inward.Fixed
	} else if outside && r.Gateway.SNAT && w.dst.Is4() && w.scope(from) == "" {
		w.add(classNAT, HopSNAT, "router", id, "The packet comes from outside, and no floating IP or connection of the router has the address %s.", w.dst).stop()
		return "", hop, false
	}
	route, leg, found := chooseRoute(r, to)
	if !found {
		w.add(classRouter, HopRouter, "router", id, "The router has no route to %s: no interface on its subnet, no extra route, no gateway.", to).stop()
		return "", hop, false
	}
	hop = to
	how := "is on a subnet of the router (" + route.Destination.String() + ")"
	if route.NextHop.IsValid() {
		hop = route.NextHop
		how = fmt.Sprintf("is reached by the route to %s via %s", route.Destination, hop)
	}
	outbound := r.Gateway != nil && leg == r.Gateway.NetworkID && !outside
	scope := w.scope(from)
	same := scope == w.scope(leg)
	if translated := inward != nil || outbound && w.src.Is4() && w.translates(r, scope != "" && same); !same && !translated {
		w.add(classRouter, HopRouter, "router", id, "%s %s, in another address scope than the packet is from: routers pass nothing from one to the other untranslated.", to, how).stop()
		return "", hop, false
	}
	w.add(classRouter, HopRouter, "router", id, "The router takes the packet: %s %s.", to, how)
	if inward != nil {
		w.add(classNAT, HopFloatingIP, "floatingip", inward.ID, "The floating IP %s leads to %s: the destination is translated.", inward.Address, inward.Fixed)
		w.dst = inward.Fixed
	}
	if outbound && w.src.Is4() && w.translates(r, scope != "" && same) {
		if !w.translate(id, r) {
			return "", hop, false
		}
		if w.steps[len(w.steps)-1].Hop == HopSNAT && !r.Gateway.Local {
			w.add(classHost, HopHost, "", "", "The router's shared address is on another host, which sends the packet on.").end()
			return "", hop, false
		}
	}
	return leg, hop, true
}

// scope is the address scope of a network for the packet's version of IP.
func (w *walk) scope(network string) string {
	if w.dst.Is4() {
		return w.state.Networks[network].Scope4
	}
	return w.state.Networks[network].Scope6
}

// translates tells whether a packet to the outside gets another source: with
// plain, the outside is in its address scope.
func (w *walk) translates(r intent.Router, plain bool) bool {
	return r.Gateway.SNAT && !plain || w.floating(r, func(f intent.FloatingIP) bool { return f.Fixed == w.src }) != nil
}

// translate gives a packet to the outside the address by which it is known
// there.
func (w *walk) translate(id string, r intent.Router) bool {
	if f := w.floating(r, func(f intent.FloatingIP) bool { return f.Fixed == w.src }); f != nil {
		w.add(classNAT, HopFloatingIP, "floatingip", f.ID, "The source %s becomes the floating IP %s.", w.src, f.Address)
		w.src = f.Address
		return true
	}
	i := slices.IndexFunc(r.Gateway.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
	translatable := w.protocol == 1 || w.protocol == 6 || w.protocol == 17
	switch {
	case i < 0:
		w.add(classNAT, HopSNAT, "router", id, "The router's gateway has no IPv4 address to share.").stop()
		return false
	case !translatable:
		w.add(classNAT, HopSNAT, "router", id, "A shared address carries TCP, UDP and ICMP echo only, not %s; a floating IP carries everything.", protocolName(w.protocol)).stop()
		return false
	}
	shared := r.Gateway.Addresses[i].Addr()
	w.add(classNAT, HopSNAT, "router", id, "The source %s becomes the router's shared address %s.", w.src, shared)
	w.src = shared
	return true
}

// pings tells whether the packet asks for an echo.
func (w *walk) pings() bool { return w.protocol == 1 || w.protocol == 58 }

// forHost ends at an address that hosts answer at themselves.
func (w *walk) forHost(network string, hop netip.Addr) {
	s := w.add(classNetwork, HopNetwork, "network", network, "%s is where leases come from. Each host answers pings to it itself, besides requests for leases, and nothing else.", hop)
	if w.dst == hop && w.pings() {
		s.end()
	} else {
		s.stop()
	}
}

// forRouter handles what is for the router itself.
func (w *walk) forRouter(id string, r intent.Router, outside bool) bool {
	has := func(p netip.Prefix) bool { return p.Addr() == w.dst }
	leg := slices.ContainsFunc(r.Interfaces, func(i intent.RouterInterface) bool { return slices.ContainsFunc(i.Addresses, has) })
	gateway := r.Gateway != nil && slices.ContainsFunc(r.Gateway.Addresses, has)
	echo := w.pings()
	switch {
	case !leg && !gateway, gateway && !leg && !outside && !echo:
		return false
	case leg && outside, !echo:
		w.add(classRouter, HopRouter, "router", id, "%s is the router's own address; routers answer pings from inside and nothing else.", w.dst).stop()
	default:
		w.add(classRouter, HopRouter, "router", id, "%s is the router's own address; it answers.", w.dst).end()
	}
	return true
}

// chooseRoute finds the route with the longest prefix; of equal ones the
// connected, then the default by the gateway, then the first extra one.
func chooseRoute(r intent.Router, to netip.Addr) (best intent.Route, network string, found bool) {
	type leg struct {
		network string
		prefix  netip.Prefix
	}
	var legs []leg
	for _, i := range r.Interfaces {
		for _, p := range i.Addresses {
			legs = append(legs, leg{i.NetworkID, p})
		}
	}
	if r.Gateway != nil {
		for _, p := range r.Gateway.Addresses {
			legs = append(legs, leg{r.Gateway.NetworkID, p})
		}
	}
	consider := func(route intent.Route, on string) {
		if route.Destination.Contains(to) && (!found || route.Destination.Bits() > best.Destination.Bits()) {
			best, network, found = route, on, true
		}
	}
	for _, l := range legs {
		consider(intent.Route{Destination: l.prefix.Masked()}, l.network)
	}
	by := func(route intent.Route) {
		for _, l := range legs {
			if l.prefix.Contains(route.NextHop) {
				consider(route, l.network)
				return
			}
		}
	}
	if r.Gateway != nil {
		for _, hop := range r.Gateway.NextHops {
			everything := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			if hop.Is4() {
				everything = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			}
			by(intent.Route{Destination: everything, NextHop: hop})
		}
	}
	for _, route := range r.Routes {
		by(route)
	}
	return best, network, found
}

// arrive adds the receiver's rules and the receiver, which is on a host.
func (w *walk) arrive(state intent.State, host string) {
	port := state.Ports[w.target]
	w.rules(port, state, intent.Ingress, host)
	s := w.add(classReceiver, HopPort, "port", port.ID, "The packet arrives at the receiver's port, from %s to %s.", w.src, w.dst)
	s.Host = host
	s.end()
	if !port.Enabled {
		s.Reason = "The port, or its network, is down: its admin_state_up is false."
		s.stop()
	}
}

// rules adds what the security groups of a port say.
func (w *walk) rules(port intent.Port, state intent.State, direction, host string) {
	class, remote := classEgress, w.dst
	if direction == intent.Ingress {
		class, remote = classIngress, w.src
	}
	if !port.PortSecurity {
		s := w.add(class, HopGroup, "port", port.ID, "Port security is off: no rule is asked, everything may pass.")
		s.Verdict, s.Host = TraceAccepted, host
		return
	}
	for _, group := range slices.Sorted(slices.Values(port.SecurityGroups)) {
		for _, rule := range state.SecurityGroups[group].Rules {
			if rule.Direction != direction || !w.matches(rule, remote, state) {
				continue
			}
			s := w.add(class, HopGroup, "security_group", group, "A rule of the security group allows it: %s.", ruleText(rule))
			s.Verdict, s.Host, s.Rule = TraceAccepted, host, &TraceRule{SecurityGroupID: group, ID: rule.ID}
			return
		}
	}
	id, kind := port.ID, "port"
	if len(port.SecurityGroups) == 1 {
		id, kind = port.SecurityGroups[0], "security_group"
	}
	what := protocolName(w.protocol)
	if hasPorts(w.protocol) {
		what += fmt.Sprintf(" to port %d", w.dport)
	}
	towards := map[string]string{intent.Egress: "to", intent.Ingress: "from"}[direction]
	s := w.add(class, HopGroup, kind, id, "No %s rule of the port's security groups (%d) allows %s %s %s.", direction, len(port.SecurityGroups), what, towards, remote)
	s.Host = host
	s.stop()
}

// matches tells whether a rule allows the packet, as the dataplane compares.
func (w *walk) matches(rule intent.Rule, remote netip.Addr, state intent.State) bool {
	protocol := rule.Protocol
	if rule.IPv6 && protocol == 1 {
		protocol = 58 // "icmp" of an IPv6 rule
	}
	switch {
	case rule.IPv6 == remote.Is4(), protocol != 0 && protocol != w.protocol:
		return false
	case rule.RemotePrefix.IsValid() && !rule.RemotePrefix.Contains(remote):
		return false
	case rule.RemoteGroup != "" && !slices.ContainsFunc(state.SecurityGroups[rule.RemoteGroup].Members, func(p netip.Prefix) bool { return p.Contains(remote) }):
		return false
	case rule.PortMin == nil:
		return true
	case protocol == 1 || protocol == 58:
		const request, request6 = 8, 128
		kind := uint16(request)
		if protocol == 58 {
			kind = request6
		}
		return *rule.PortMin == kind && (rule.PortMax == nil || *rule.PortMax == 0)
	}
	return rule.PortMax != nil && *rule.PortMin <= w.dport && w.dport <= *rule.PortMax
}

// ruleText is a rule for people.
func ruleText(rule intent.Rule) string {
	text := rule.Direction + " "
	switch {
	case rule.Protocol != 0:
		text += protocolName(rule.Protocol)
	case rule.IPv6:
		text += "any IPv6"
	default:
		text += "any IPv4"
	}
	if rule.PortMin != nil && rule.PortMax != nil && hasPorts(rule.Protocol) {
		text += fmt.Sprintf(" to ports %d to %d", *rule.PortMin, *rule.PortMax)
	} else if rule.PortMin != nil {
		text += fmt.Sprintf(" of type %d", *rule.PortMin)
	}
	towards := map[string]string{intent.Egress: " to ", intent.Ingress: " from "}[rule.Direction]
	switch {
	case rule.RemotePrefix.IsValid():
		text += towards + rule.RemotePrefix.String()
	case rule.Addresses:
		text += towards + "address group " + rule.RemoteGroup
	case rule.RemoteGroup != "":
		text += towards + "members of security group " + rule.RemoteGroup
	default:
		text += towards + "anywhere"
	}
	return text
}
