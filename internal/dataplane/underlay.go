package dataplane

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// greOverhead is by how much GRE makes an IP packet of a network longer: IP
// (20), GRE with a key (8) and the inner Ethernet header (14).
const greOverhead = 42

// underlay is how this host reaches the others without a tunnel device.
type underlay struct {
	devices map[string]uint32     // Ethernet interfaces on which frames may come, with their indexes
	paths   map[netip.Addr]uint32 // index of the interface that leads to a host, 0 when none does
	mtu     int                   // of the narrowest path; 0 when there is none
}

// leadsTo tells whether the paths are those to the given hosts.
func (u underlay) leadsTo(hosts []netip.Addr) bool {
	for _, a := range hosts {
		if _, ok := u.paths[a]; !ok {
			return false
		}
	}
	return u.paths != nil && len(u.paths) == len(hosts)
}

// fit is the MTU of a network whose frames the underlay must carry whole.
func (u underlay) fit(mtu uint32) uint32 {
	room := u.mtu - greOverhead
	if room <= 0 || mtu != 0 && mtu <= uint32(room) {
		return mtu
	}
	return uint32(room)
}

// endpoints are the tunnel addresses of the other hosts of the cloud, each
// once, in order.
func endpoints(state intent.State, own netip.Addr) []netip.Addr {
	seen := map[netip.Addr]bool{own: true}
	var out []netip.Addr
	add := func(a netip.Addr) {
		if a.Is4() && !a.IsUnspecified() && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	for _, h := range state.Hosts {
		add(h.Endpoint)
	}
	for _, p := range state.Ports {
		add(p.Endpoint)
	}
	for _, r := range state.Routers {
		for _, f := range r.FloatingIPs {
			add(f.Endpoint)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

func usesGRE(state intent.State) bool {
	for _, n := range state.Networks {
		if n.Type == intent.TypeGRE {
			return true
		}
	}
	return false
}

// underlay asks the kernel which interface has the tunnel address and which
// ones lead to the given hosts. A host that no route leads to is left out
// until the next time.
func (d *devices) underlay(hosts []netip.Addr) (underlay, error) {
	u := underlay{devices: map[string]uint32{}, paths: make(map[netip.Addr]uint32, len(hosts))}
	if err := d.refresh(); err != nil {
		return u, err
	}
	byIndex := make(map[int]netlinkx.Link, len(d.known))
	for _, l := range d.known {
		byIndex[l.Index] = l
	}
	addresses, err := d.nl.Addresses()
	if err != nil {
		return u, err
	}
	for _, a := range addresses {
		if l := d.known[a.Device]; a.Prefix.Addr() == d.cfg.TunnelAddress && isEthernet(l) {
			u.devices[l.Name] = uint32(l.Index)
		}
	}
	for _, host := range hosts {
		u.paths[host] = 0
		index, err := d.nl.RouteTo(d.cfg.TunnelAddress, host)
		if unreachable(err) {
			continue
		}
		if err != nil {
			return u, err
		}
		l := byIndex[index]
		if !isEthernet(l) {
			continue
		}
		u.devices[l.Name], u.paths[host] = uint32(l.Index), uint32(l.Index)
		if u.mtu == 0 || l.MTU < u.mtu {
			u.mtu = l.MTU
		}
	}
	return u, nil
}

// isEthernet leaves out what has no frames to put outer headers on, and the
// loopback device, whose MAC is zero.
func isEthernet(l netlinkx.Link) bool {
	return len(l.MAC) == 6 && !slices.Equal(l.MAC, make(net.HardwareAddr, 6))
}

// unreachable tells what the kernel says when no route leads to an address,
// or the source is none of its own.
func unreachable(err error) bool {
	for _, e := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EINVAL, unix.EACCES, unix.ENETDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
