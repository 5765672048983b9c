package dataplane

import (
	"crypto/sha256"
	"net/netip"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
)

// transitName is the name of the transit network among those of networks; no
// network of a cloud has it.
const transitName = "(transit)"

// transit makes the network in which hosts hand packets of routers over: a
// tunnel with VNI 0, which networks of the cloud cannot have. A router's MAC
// there is made of its id, so that all hosts know it without being told.
func (c *compilation) transit() {
	if c.around.tunnel == 0 {
		return
	}
	idx, err := c.ids.get(kindNet, transitName)
	if err != nil {
		c.refuse(transitName, err)
		return
	}
	c.want.vnis[0] = idx
	c.want.nets[idx] = bpfNet{Type: netVXLAN, Ifindex: c.around.tunnel}
	conf := c.want.confs[0]
	conf.Transit = idx
	c.want.confs[0] = conf
}

// transitMAC is a router's MAC in the transit network: locally administered,
// the rest from its id.
func transitMAC(router string) [6]byte {
	sum := sha256.Sum256([]byte(router))
	mac := [6]byte(sum[:6])
	mac[0] = mac[0]&^3 | 2
	return mac
}

// meet makes the router reachable in the transit network.
func (c *compilation) meet(router uint32, mac [6]byte) error {
	transit := c.want.confs[0].Transit
	if transit == 0 {
		return nil
	}
	key := bpfFdbKey{Net: transit, Mac: mac}
	if _, taken := c.want.fdb[key]; taken {
		return errs.New(errs.Conflict, "another router has the same address between hosts")
	}
	c.want.fdb[key] = bpfDest{Kind: destRouter, Id: router, Mac: mac}
	return nil
}

// hostMAC is a host's own MAC in tunnels, from its tunnel address.
func hostMAC(a netip.Addr) [6]byte {
	if !a.Is4() {
		return [6]byte{}
	}
	b := a.As4()
	return [6]byte{0x02, 0x59, b[0], b[1], b[2], b[3]}
}

// speaker is who has ports on a network: this host, and the one with the
// lowest tunnel address of the others.
type speaker struct {
	here  bool
	other netip.Addr
}

// electSpeakers finds the hosts of each network. All hosts of a router know
// the same ports, so they agree without a word.
func (c *compilation) electSpeakers() {
	for id, p := range c.state.Ports {
		if c.routerPorts[id] || p.Service {
			continue
		}
		s := c.speakers[p.NetworkID]
		if p.Local {
			s.here = true
		} else if p.Endpoint.Is4() && (!s.other.IsValid() || p.Endpoint.Less(s.other)) {
			s.other = p.Endpoint
		}
		c.speakers[p.NetworkID] = s
	}
}

// speaks tells whether this host answers for a router to strangers on the wire
// of a network, and shows the router's MAC there: the lowest host with ports
// on the network, or, where no host has any, the one with the gateway.
func (c *compilation) speaks(network string, r intent.Router) bool {
	s := c.speakers[network]
	switch {
	case !s.here && !s.other.IsValid():
		return r.Gateway == nil || r.Gateway.Local
	case !s.here:
		return false
	}
	return !s.other.IsValid() || !c.around.local.IsValid() || c.around.local.Less(s.other)
}

// askers makes the answers to routers' questions on tunneled networks find
// the host that asked: each asks from its own MAC. Only addresses that some
// port may take are asked for there.
func (c *compilation) askers() {
	asked := map[uint32]bool{}
	for k, d := range c.want.neigh {
		if d.Kind == destVIP && tunnelled(c.want.nets[k.Net]) {
			asked[k.Net] = true
		}
	}
	for id := range asked {
		for _, p := range c.state.Ports {
			if p.Local || !p.Endpoint.Is4() {
				continue
			}
			mac := hostMAC(p.Endpoint)
			c.want.fdb[bpfFdbKey{Net: id, Mac: mac}] = bpfDest{Kind: destRemote, Remote: be4(p.Endpoint), Mac: mac}
		}
	}
}
