package dataplane

import (
	"errors"
	"net/netip"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
)

// leg is one address of a router on a network.
type leg struct {
	net    uint32
	mac    [6]byte
	prefix netip.Prefix
	flags  uint8 // of the route
}

func (c *compilation) router(id string, r intent.Router) error {
	idx, err := c.ids.get(kindRouter, id)
	if err != nil {
		return err
	}
	var (
		out    bpfRouter
		legs   []leg
		failed []error
	)
	if r.Enabled {
		out.Flags |= routerEnabled
	}
	for _, i := range r.Interfaces {
		got, err := c.routerInterface(idx, r, i)
		legs = append(legs, got...)
		failed = append(failed, err)
	}
	if r.Gateway != nil {
		got, err := c.gateway(idx, &out, r)
		legs = append(legs, got...)
		failed = append(failed, err)
	}
	for _, route := range r.Routes {
		failed = append(failed, c.extraRoute(idx, route, legs))
	}
	out.Mac = transitMAC(id)
	failed = append(failed, c.meet(idx, out.Mac))
	c.want.routers[idx] = out
	return errors.Join(failed...)
}

func (c *compilation) routeTo(router uint32, dst netip.Prefix, via netip.Addr, l leg) {
	key := bpfRouteKey{Prefixlen: 32 + bitsOf(dst), Router: router, Addr: addrOf(dst.Masked().Addr())}
	if _, taken := c.want.routes[key]; taken {
		return // the connected route, or the first of two equal ones
	}
	c.want.routes[key] = bpfRoute{Via: addrOf(via), Leg: addrOf(l.prefix.Addr()), Net: l.net, Mac: l.mac, Flags: l.flags}
}

// claim makes addr answer as the router on the network; flags tell whether to
// its wire too.
func (c *compilation) claim(router, netID uint32, mac [6]byte, addr netip.Addr, flags uint8) {
	c.want.neigh[bpfNeighKey{Net: netID, Addr: addrOf(addr)}] = bpfDest{Kind: destRouter, Id: router, Mac: mac, Flags: flags}
}

func (c *compilation) own(router uint32, addr netip.Addr, kind uint32) {
	c.want.raddrs[bpfRaddrKey{Router: router, Addr: addrOf(addr)}] = bpfRaddr{Kind: kind}
}

func (c *compilation) routerInterface(router uint32, r intent.Router, i intent.RouterInterface) ([]leg, error) {
	netID, n, err := c.net(i.NetworkID)
	if err != nil {
		return nil, err
	}
	mac, err := macOf(i.MAC)
	if err != nil {
		return nil, err
	}
	speaks := uint8(0)
	l := leg{net: netID, mac: mac}
	if onWire(n) && c.speaks(i.NetworkID, r) {
		speaks = destSpeaks
	} else if n.Type != netLocal {
		l.flags = routeHostMAC
	}
	c.want.fdb[bpfFdbKey{Net: netID, Mac: mac}] = bpfDest{Kind: destRouter, Id: router, Mac: mac, Flags: speaks}
	c.claim(router, netID, mac, linkLocal(mac), speaks)
	c.own(router, linkLocal(mac), raddrLeg)
	var legs []leg
	for _, p := range i.Addresses {
		l.prefix = p
		legs = append(legs, l)
		c.claim(router, netID, mac, p.Addr(), speaks)
		c.own(router, p.Addr(), raddrLeg)
		c.routeTo(router, p, netip.Addr{}, l)
	}
	return legs, nil
}

func (c *compilation) gateway(router uint32, out *bpfRouter, r intent.Router) ([]leg, error) {
	g := r.Gateway
	netID, n, err := c.net(g.NetworkID)
	if err != nil {
		return nil, err
	}
	mac, err := macOf(g.MAC)
	if err != nil {
		return nil, err
	}
	out.Flags |= routerHasGW
	out.ExtNet = netID
	out.Moves = g.Moves
	out.GwRemote = be4(c.state.Ports[g.PortID].Endpoint)
	if out.GwRemote == be4(c.around.local) {
		out.GwRemote = 0 // itself: nothing to hand over to
	}
	if g.SNAT {
		out.Flags |= routerSNAT
	}
	if c.rates(router, rateGateway, g.QoS) != 0 {
		out.Flags |= routerLimited
	}
	if g.Local && onWire(n) && n.Ifindex == 0 {
		return nil, noWire(c.state.Networks[g.NetworkID])
	}
	var flags uint8
	if g.Local {
		out.Flags |= routerGWLocal
		c.want.fdb[bpfFdbKey{Net: netID, Mac: mac}] = bpfDest{Kind: destRouter, Id: router, Mac: mac, Flags: destSpeaks}
		c.claim(router, netID, mac, linkLocal(mac), destSpeaks)
	} else if onWire(n) {
		// Two hosts must not show the outside one MAC: floating addresses
		// here go by this host's own.
		mac, flags = n.Mac, routeHostMAC
	}
	var legs []leg
	for _, p := range g.Addresses {
		l := leg{net: netID, mac: mac, prefix: p, flags: flags}
		legs = append(legs, l)
		if p.Addr().Is4() && out.Gw4 == 0 {
			out.Gw4 = be4(p.Addr())
		}
		if g.Local {
			c.claim(router, netID, mac, p.Addr(), destSpeaks)
		} else {
			c.elsewhere(netID, n, mac, p.Addr(), out.GwRemote)
		}
		c.own(router, p.Addr(), raddrGW)
		c.routeTo(router, p, netip.Addr{}, l)
	}
	var failed []error
	for _, hop := range g.NextHops {
		l, ok := onLink(legs, hop)
		if !ok {
			failed = append(failed, errs.New(errs.Invalid, "next hop %s is on no subnet of the gateway", hop))
			continue
		}
		c.routeTo(router, defaultOf(hop), hop, l)
	}
	for _, f := range r.FloatingIPs {
		failed = append(failed, c.floatingIP(router, g, mac, f))
	}
	return legs, errors.Join(failed...)
}

func defaultOf(hop netip.Addr) netip.Prefix {
	if hop.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// floatingIP is served by this host, or packets go to the one that does.
func (c *compilation) floatingIP(router uint32, g *intent.Gateway, mac [6]byte, f intent.FloatingIP) error {
	if !f.Address.Is4() || !f.Fixed.Is4() {
		return errs.New(errs.Invalid, "floating IP %s: %s and %s are not both IPv4", f.ID, f.Address, f.Fixed)
	}
	netID, n, err := c.net(g.NetworkID)
	if err != nil {
		return err
	}
	here := c.state.Ports[f.PortID].Local
	out := bpfRaddr{Kind: raddrFixed, Other: addrOf(f.Address)}
	if f.QoS != nil {
		if out.Limit, err = c.ids.get(kindFloating, f.ID); err != nil {
			return err
		}
		c.rates(out.Limit, rateFloating, f.QoS)
	}
	switch {
	case f.Served, here && !f.Endpoint.IsValid() && (g.Local || onWire(n) && n.Ifindex != 0):
		if onWire(n) && n.Ifindex == 0 {
			return noWire(c.state.Networks[g.NetworkID])
		}
		if here && onWire(n) || !g.Local {
			mac = n.Mac // it does not move when the gateway does
		}
		c.claim(router, netID, mac, f.Address, destSpeaks)
		c.want.raddrs[bpfRaddrKey{Router: router, Addr: addrOf(f.Address)}] = bpfRaddr{Kind: raddrFIP, Other: addrOf(f.Fixed), Limit: out.Limit}
	case f.Endpoint.Is4():
		out.Kind, out.Remote = raddrAway, be4(f.Endpoint)
		if g.Local || f.Endpoint != c.state.Ports[g.PortID].Endpoint {
			mac = hostMAC(f.Endpoint)
		}
		c.elsewhere(netID, n, mac, f.Address, out.Remote)
	default:
		return nil // nobody serves it
	}
	c.want.raddrs[bpfRaddrKey{Router: router, Outbound: 1, Addr: addrOf(f.Fixed)}] = out
	return nil
}

// elsewhere tells where an address of a router is that another host answers
// for, on an external network of tunnels. On a wire, ARP tells.
func (c *compilation) elsewhere(netID uint32, n bpfNet, mac [6]byte, addr netip.Addr, host uint32) {
	if tunnelled(n) && host != 0 {
		at := bpfDest{Kind: destRemote, Remote: host, Mac: mac}
		c.want.neigh[bpfNeighKey{Net: netID, Addr: addrOf(addr)}] = at
		c.want.fdb[bpfFdbKey{Net: netID, Mac: mac}] = at
	}
}

func (c *compilation) extraRoute(router uint32, r intent.Route, legs []leg) error {
	l, ok := onLink(legs, r.NextHop)
	if !ok {
		return errs.New(errs.Invalid, "next hop %s of the route to %s is on no network of the router", r.NextHop, r.Destination)
	}
	if r.Destination.Addr().Is4() != r.NextHop.Is4() {
		return errs.New(errs.Invalid, "the route to %s goes by %s, another version of IP", r.Destination, r.NextHop)
	}
	c.routeTo(router, r.Destination, r.NextHop, l)
	return nil
}

func onLink(legs []leg, a netip.Addr) (leg, bool) {
	for _, l := range legs {
		if l.prefix.Contains(a) {
			return l, true
		}
	}
	return leg{}, false
}
