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
		got, err := c.routerInterface(idx, i)
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
	c.want.routers[idx] = out
	return errors.Join(failed...)
}

func (c *compilation) routeTo(router uint32, dst netip.Prefix, via netip.Addr, l leg) {
	key := bpfRouteKey{Prefixlen: 32 + bitsOf(dst), Router: router, Addr: addrOf(dst.Masked().Addr())}
	if _, taken := c.want.routes[key]; taken {
		return // the connected route, or the first of two equal ones
	}
	c.want.routes[key] = bpfRoute{Via: addrOf(via), Leg: addrOf(l.prefix.Addr()), Net: l.net, Mac: l.mac}
}

// claim makes addr answer as the router on the network.
func (c *compilation) claim(router, netID uint32, mac [6]byte, addr netip.Addr) {
	c.want.neigh[bpfNeighKey{Net: netID, Addr: addrOf(addr)}] = bpfDest{Kind: destRouter, Id: router, Mac: mac}
}

func (c *compilation) own(router uint32, addr netip.Addr, kind uint32) {
	c.want.raddrs[bpfRaddrKey{Router: router, Addr: addrOf(addr)}] = bpfRaddr{Kind: kind}
}

func (c *compilation) routerInterface(router uint32, i intent.RouterInterface) ([]leg, error) {
	netID, _, err := c.net(i.NetworkID)
	if err != nil {
		return nil, err
	}
	mac, err := macOf(i.MAC)
	if err != nil {
		return nil, err
	}
	c.want.fdb[bpfFdbKey{Net: netID, Mac: mac}] = bpfDest{Kind: destRouter, Id: router, Mac: mac}
	c.claim(router, netID, mac, linkLocal(mac))
	c.own(router, linkLocal(mac), raddrLeg)
	var legs []leg
	for _, p := range i.Addresses {
		l := leg{net: netID, mac: mac, prefix: p}
		legs = append(legs, l)
		c.claim(router, netID, mac, p.Addr())
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
	out.GwRemote = be4(c.state.Ports[g.PortID].Endpoint)
	if g.SNAT {
		out.Flags |= routerSNAT
	}
	if g.Local && onWire(n) && n.Ifindex == 0 {
		return nil, noWire(c.state.Networks[g.NetworkID])
	}
	if g.Local {
		out.Flags |= routerGWLocal
		c.want.fdb[bpfFdbKey{Net: netID, Mac: mac}] = bpfDest{Kind: destRouter, Id: router, Mac: mac}
		c.claim(router, netID, mac, linkLocal(mac))
	} else if onWire(n) {
		// Two hosts must not show the outside one MAC: floating addresses
		// here go by this host's own.
		mac = n.Mac
	}
	var legs []leg
	for _, p := range g.Addresses {
		l := leg{net: netID, mac: mac, prefix: p}
		legs = append(legs, l)
		if p.Addr().Is4() && out.Gw4 == 0 {
			out.Gw4 = be4(p.Addr())
		}
		if g.Local {
			c.claim(router, netID, mac, p.Addr())
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
		failed = append(failed, c.floatingIP(router, netID, mac, f))
	}
	return legs, errors.Join(failed...)
}

func defaultOf(hop netip.Addr) netip.Prefix {
	if hop.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// floatingIP is served by the host of its port.
func (c *compilation) floatingIP(router, netID uint32, mac [6]byte, f intent.FloatingIP) error {
	if !f.Address.Is4() || !f.Fixed.Is4() {
		return errs.New(errs.Invalid, "floating IP %s: %s and %s are not both IPv4", f.ID, f.Address, f.Fixed)
	}
	if !c.state.Ports[f.PortID].Local {
		return nil
	}
	c.claim(router, netID, mac, f.Address)
	c.want.raddrs[bpfRaddrKey{Router: router, Addr: addrOf(f.Address)}] = bpfRaddr{Kind: raddrFIP, Other: addrOf(f.Fixed)}
	c.want.raddrs[bpfRaddrKey{Router: router, Outbound: 1, Addr: addrOf(f.Fixed)}] = bpfRaddr{
		Kind: raddrFixed, Other: addrOf(f.Address),
	}
	return nil
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
