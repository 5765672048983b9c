package dataplane

import (
	"errors"
	"maps"
	"net/netip"
	"slices"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
)

// wire is a physical interface as compilation needs it.
type wire struct {
	index uint32
	mac   [6]byte
}

// surroundings are what compilation needs to know of the host.
type surroundings struct {
	devices map[string]uint32 // interface index by id of a local port
	wires   map[string]wire   // by name of the physical network
	tunnel  uint32            // interface index of the tunnel device, 0 when none
	under   underlay          // of networks of type GRE
	local   netip.Addr        // tunnel address
	service uint32            // interface index of the service veth
	mtu     int               // of a packet in a tunnel, 0 when not known
}

// compilation turns a State into the contents of the maps.
type compilation struct {
	state   intent.State
	around  surroundings
	ids     *ids
	groups  *groupCompiler
	want    *wanted
	refused map[string]error

	netIDs      map[string]uint32
	routerPorts map[string]bool
	wireOf      map[string]string // physical network -> network that has it
	speakers    map[string]speaker
}

func compile(state intent.State, around surroundings, names *ids, groups *groupCompiler) (*wanted, map[string]error) {
	c := &compilation{
		state: state, around: around, ids: names, groups: groups, want: newWanted(), refused: map[string]error{},
		netIDs: map[string]uint32{}, routerPorts: map[string]bool{}, wireOf: map[string]string{}, speakers: map[string]speaker{},
	}
	names.begin()
	for _, r := range state.Routers {
		for _, i := range r.Interfaces {
			c.routerPorts[i.PortID] = true
		}
		if r.Gateway != nil {
			c.routerPorts[r.Gateway.PortID] = true
		}
	}
	c.want.confs[0] = bpfConf{SvcIfindex: around.service, TunIfindex: around.tunnel, TunLocal: be4(around.local), TunMtu: uint32(around.mtu)}
	c.electSpeakers()
	c.transit()
	for _, id := range slices.Sorted(maps.Keys(state.Networks)) {
		c.refuse(id, c.network(id, state.Networks[id]))
	}
	// Routers first: an address of theirs is never taken by a port.
	for _, id := range slices.Sorted(maps.Keys(state.Routers)) {
		c.refuse(id, c.router(id, state.Routers[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(state.Ports)) {
		if !c.routerPorts[id] {
			c.refuse(id, c.port(id, state.Ports[id]))
		}
	}
	c.meters()
	c.vips()
	c.askers()
	c.flooding()
	c.refuseAll(groups.compile(state, names, c.want))
	for _, a := range endpoints(state, around.local) {
		c.want.hosts[be4(a)] = around.under.paths[a]
	}
	c.want.ids = names.end()
	return c.want, c.refused
}

func (c *compilation) refuse(id string, err error) {
	if err != nil {
		c.refused[id] = errors.Join(c.refused[id], err)
	}
}

func (c *compilation) refuseAll(all map[string]error) {
	for id, err := range all {
		c.refuse(id, err)
	}
}

func (c *compilation) network(id string, n intent.Network) error {
	out := bpfNet{Mtu: uint32(max(n.MTU, 0))}
	switch n.Type {
	case intent.TypeLocal:
		out.Type = netLocal
	case intent.TypeFlat:
		// Without an interface here the network still may be the outside of
		// a router whose gateway is on another host.
		w := c.around.wires[n.PhysicalNetwork]
		if other, taken := c.wireOf[n.PhysicalNetwork]; taken {
			return errs.New(errs.Conflict, "physical network %q carries network %s already", n.PhysicalNetwork, other)
		}
		c.wireOf[n.PhysicalNetwork] = id
		out.Type, out.Ifindex, out.Mac = netFlat, w.index, w.mac
	case intent.TypeVLAN:
		if n.SegmentationID < 1 || n.SegmentationID > 4094 {
			return errs.New(errs.Invalid, "VLAN tag %d is not 1 to 4094", n.SegmentationID)
		}
		w := c.around.wires[n.PhysicalNetwork]
		out.Type, out.Vni, out.Ifindex, out.Mac = netVLAN, n.SegmentationID, w.index, w.mac
		if _, taken := c.want.vlans[bpfVlanKey{Ifindex: w.index, Tag: out.Vni}]; taken {
			return errs.New(errs.Conflict, "tag %d of physical network %q belongs to another network", out.Vni, n.PhysicalNetwork)
		}
	case intent.TypeVXLAN:
		if n.SegmentationID == 0 || n.SegmentationID >= 1<<24 {
			return errs.New(errs.Invalid, "VXLAN segmentation id %d is not 1 to 16777215", n.SegmentationID)
		}
		out.Type, out.Vni, out.Ifindex = netVXLAN, n.SegmentationID, c.around.tunnel
		out.Mac = hostMAC(c.around.local)
	case intent.TypeGRE:
		if n.SegmentationID == 0 {
			return errs.New(errs.Invalid, "GRE segmentation id 0 is not 1 to 4294967295")
		}
		out.Type, out.Vni, out.Ifindex = netGRE, n.SegmentationID, c.around.tunnel
		out.Mac = hostMAC(c.around.local)
		out.Mtu = c.around.under.fit(out.Mtu)
	default:
		return errs.New(errs.NotImplemented, "this dataplane has no networks of type %q", n.Type)
	}
	idx, err := c.ids.get(kindNet, id)
	if err != nil {
		return err
	}
	for _, scope := range []struct {
		name string
		id   *uint32
	}{{n.Scope4, &out.Scope4}, {n.Scope6, &out.Scope6}} {
		if scope.name == "" {
			continue
		}
		if *scope.id, err = c.ids.get(kindScope, scope.name); err != nil {
			return err
		}
	}
	if out.Type == netVXLAN {
		if _, taken := c.want.vnis[out.Vni]; taken {
			return errs.New(errs.Conflict, "segmentation id %d belongs to another network", out.Vni)
		}
		c.want.vnis[out.Vni] = idx
	}
	if out.Type == netGRE {
		if _, taken := c.want.greKeys[out.Vni]; taken {
			return errs.New(errs.Conflict, "segmentation id %d belongs to another network", out.Vni)
		}
		c.want.greKeys[out.Vni] = idx
	}
	if out.Type == netVLAN && out.Ifindex != 0 {
		c.want.vlans[bpfVlanKey{Ifindex: out.Ifindex, Tag: out.Vni}] = idx
	}
	if out.Type == netFlat && out.Ifindex != 0 {
		c.want.devs[out.Ifindex] = bpfDev{Kind: devPhys, Id: idx}
	}
	if onWire(out) && out.Ifindex == 0 {
		out.Carrier = be4(c.speakers[id].other)
	}
	c.netIDs[id] = idx
	c.want.nets[idx] = out
	if out.Type == netGRE && c.around.local.IsValid() && len(c.around.under.devices) == 0 {
		return errs.New(errs.Unavailable, "no Ethernet interface has the tunnel address %s or leads to other hosts", c.around.local)
	}
	return nil
}

// tunnelled tells whether tunnels join the hosts of the network.
func tunnelled(n bpfNet) bool { return n.Type == netVXLAN || n.Type == netGRE }

// onWire tells whether physical interfaces carry the network.
func onWire(n bpfNet) bool { return n.Type == netFlat || n.Type == netVLAN }

func noWire(n intent.Network) error {
	return errs.New(errs.Unavailable, "physical network %q has no interface on this host", n.PhysicalNetwork)
}

// net finds a network that was not refused.
func (c *compilation) net(id string) (uint32, bpfNet, error) {
	idx, ok := c.netIDs[id]
	if !ok {
		return 0, bpfNet{}, errs.New(errs.NotFound, "network %s is not on this host", id)
	}
	return idx, c.want.nets[idx], nil
}

func (c *compilation) port(id string, p intent.Port) error {
	netID, n, err := c.net(p.NetworkID)
	if err != nil {
		return err
	}
	if p.Local && onWire(n) && n.Ifindex == 0 {
		return noWire(c.state.Networks[p.NetworkID])
	}
	mac, err := macOf(p.MAC)
	if err != nil {
		return err
	}
	where := bpfDest{Mac: mac}
	switch {
	case p.Local:
		if where.Id, err = c.ids.get(kindPort, id); err != nil {
			return err
		}
		where.Kind, where.Ifindex = destLocal, c.around.devices[id]
	case p.Service:
		where.Kind, where.Flags = destRemote, destNode // no tunnel leads there
	case onWire(n), p.Endpoint.Is4():
		where.Kind, where.Remote = destRemote, be4(p.Endpoint)
	default:
		return nil // on no host yet: nothing to reach
	}
	if !p.PortSecurity && !p.Service {
		where.Flags |= destLoose
	}
	key := bpfFdbKey{Net: netID, Mac: mac}
	if _, taken := c.want.fdb[key]; taken {
		return errs.New(errs.Conflict, "address %s is on the network already", p.MAC)
	}
	if where.Remote == 0 || n.Type != netLocal { // elsewhere a local network is another one, and only routers lead there
		c.want.fdb[key] = where
	}
	err = c.addresses(netID, where, p.Addresses)
	if p.Local {
		err = errors.Join(err, c.localPort(id, p, netID, where))
	}
	return err
}

func (c *compilation) addresses(netID uint32, where bpfDest, addrs []netip.Addr) error {
	var failed []error
	for _, a := range append(slices.Clone(addrs), linkLocal(where.Mac)) {
		key := bpfNeighKey{Net: netID, Addr: addrOf(a)}
		if _, taken := c.want.neigh[key]; taken {
			if !a.IsLinkLocalUnicast() {
				failed = append(failed, errs.New(errs.Conflict, "address %s is on the network already", a))
			}
			continue
		}
		c.want.neigh[key] = where
	}
	return errors.Join(failed...)
}

func (c *compilation) localPort(id string, p intent.Port, netID uint32, where bpfDest) error {
	out := bpfPort{Net: netID, Ifindex: where.Ifindex, Mac: where.Mac}
	if p.Enabled {
		out.Flags |= portEnabled
	}
	var err error
	if p.PortSecurity {
		out.Flags |= portSecurity
		out.Ruleset, err = c.groups.rulesetOf(p.SecurityGroups, c.ids)
		if err != nil {
			return err
		}
		err = c.sources(where.Id, where.Mac, p)
	}
	c.portQoS(where.Id, &out, p.QoS)
	c.want.ports[where.Id] = out
	if where.Ifindex != 0 {
		c.want.devs[where.Ifindex] = bpfDev{Kind: devGuest, Id: where.Id, Mtu: c.want.nets[netID].Mtu, Port: out}
	}
	return err
}

// sources lists what the port may send as: its MAC with its addresses and
// link-local address, and each allowed pair.
func (c *compilation) sources(port uint32, mac [6]byte, p intent.Port) error {
	exact := func(mac [6]byte, a netip.Addr) {
		c.want.sources[bpfSourceKey{Port: port, Mac: mac, Addr: addrOf(a)}] = 1
	}
	exact(mac, netip.Addr{})
	exact(mac, linkLocal(mac))
	for _, a := range p.Addresses {
		exact(mac, a)
	}
	var failed []error
	for _, pair := range p.AllowedAddressPairs {
		from := mac
		if pair.MAC != "" {
			var err error
			if from, err = macOf(pair.MAC); err != nil {
				failed = append(failed, err)
				continue
			}
		}
		if !pair.Prefix.IsValid() {
			failed = append(failed, errs.New(errs.Invalid, "an allowed address pair has no address"))
			continue
		}
		exact(from, netip.Addr{})
		exact(from, linkLocal(from))
		for _, part := range apart(pair.Prefix) {
			c.want.pairs[bpfPairKey{Prefixlen: 32 + 64 + bitsOf(part), Port: port, Mac: from, Addr: addrOf(part.Masked().Addr())}] = 1
		}
	}
	return errors.Join(failed...)
}

// vips marks the single addresses of allowed pairs that no port has as its
// own: some port may take them, and ARP tells which.
func (c *compilation) vips() {
	for id, p := range c.state.Ports {
		netID, ok := c.netIDs[p.NetworkID]
		if !ok || c.routerPorts[id] {
			continue
		}
		for _, pair := range p.AllowedAddressPairs {
			if !pair.Prefix.IsValid() || !pair.Prefix.IsSingleIP() {
				continue
			}
			key := bpfNeighKey{Net: netID, Addr: addrOf(pair.Prefix.Addr())}
			if _, taken := c.want.neigh[key]; !taken {
				c.want.neigh[key] = bpfDest{Kind: destVIP}
			}
		}
		// A pair with a MAC of its own is reached where its port is.
		where, ok := c.want.fdb[bpfFdbKey{Net: netID, Mac: macOrZero(p.MAC)}]
		if !ok {
			continue
		}
		for _, pair := range p.AllowedAddressPairs {
			if mac := macOrZero(pair.MAC); mac != [6]byte{} {
				key := bpfFdbKey{Net: netID, Mac: mac}
				if _, taken := c.want.fdb[key]; !taken {
					at := where
					at.Mac = mac
					c.want.fdb[key] = at
				}
			}
		}
	}
}

func macOrZero(s string) [6]byte {
	mac, err := macOf(s)
	if err != nil {
		return [6]byte{}
	}
	return mac
}

// flooding lists where a broadcast of each network goes: its local ports and
// the hosts that have others of its ports. Every compilation gives the same
// order for the same state.
func (c *compilation) flooding() {
	places := map[uint32][]bpfDest{}
	remotes := map[bpfDest]uint32{}
	for _, id := range slices.Sorted(maps.Keys(c.state.Ports)) {
		p := c.state.Ports[id]
		netID, ok := c.netIDs[p.NetworkID]
		if !ok || c.routerPorts[id] {
			continue
		}
		where, ok := c.want.fdb[bpfFdbKey{Net: netID, Mac: macOrZero(p.MAC)}]
		switch {
		case !ok:
		case where.Kind == destLocal && p.Enabled && where.Ifindex != 0:
			if own, known := c.ids.find(kindPort, id); known && own == where.Id {
				places[netID] = append(places[netID], bpfDest{Kind: destLocal, Id: where.Id, Ifindex: where.Ifindex})
			}
		case where.Kind == destRemote && where.Remote != 0 && tunnelled(c.want.nets[netID]):
			at := bpfDest{Kind: destRemote, Remote: where.Remote, Id: netID}
			if _, seen := remotes[at]; !seen {
				remotes[at] = netID
				places[netID] = append(places[netID], bpfDest{Kind: destRemote, Remote: where.Remote})
			}
		}
	}
	for netID, all := range places {
		for i, d := range all {
			c.want.flood[bpfFloodKey{Net: netID, Index: uint32(i)}] = d
		}
		n := c.want.nets[netID]
		n.Nflood = uint32(len(all))
		c.want.nets[netID] = n
	}
}
