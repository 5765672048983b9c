package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cilium/ebpf"
)

// Times of bpf/arp.h.
const (
	neighStale = 30 * time.Second
	neighAsk   = time.Second
)

// maxRouters is MAX_ROUTERS of bpf/route.h.
const maxRouters = 4

// questions keeps the programs from asking by ARP for the traced packet: a
// question is copied to the network's devices, and for a stale neighbour the
// packet itself goes out beside it. While the trace runs, such a neighbour
// counts as asked just now.
func (u *undo) questions(port uint32, frame []byte) error {
	hops, err := u.d.hops(port, frame)
	if err != nil {
		return err
	}
	m := u.d.mapNamed("dyns")
	now := monotonic()
	for _, key := range hops {
		var value bpfDyn
		err := m.Lookup(&key, &value)
		known := err == nil
		if !known && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("reading map dyns: %w", err)
		}
		fresh := value.Seen != 0 && now-time.Duration(value.Seen) <= neighStale
		if known && (fresh || now-time.Duration(value.Asked) <= neighAsk) {
			continue // nobody would ask
		}
		quiet, flags := value, ebpf.UpdateExist
		quiet.Asked = uint64(now)
		if !known {
			flags = ebpf.UpdateNoExist
		}
		err = m.Update(&key, &quiet, flags)
		if errors.Is(err, ebpf.ErrKeyNotExist) || errors.Is(err, ebpf.ErrKeyExist) {
			continue // a real packet's question, or the end of one, came between
		}
		if err != nil {
			return fmt.Errorf("keeping a neighbour from being asked: %w", err)
		}
		u.steps = append(u.steps, func() error {
			var is bpfDyn
			if err := m.Lookup(&key, &is); err != nil || is != quiet {
				return nil //nolint:nilerr // it was answered or dropped meanwhile
			}
			if !known {
				return forget(m, key)
			}
			return m.Update(&key, &value, ebpf.UpdateExist)
		})
	}
	return nil
}

// place is a router with the network from which a packet comes to it.
type place struct{ router, net uint32 }

// hops finds the next hops that the programs may look for in dyns while they
// follow a frame from a port's guest, or a router's answer to it. It goes
// everywhere that the packet's addresses, and those that they are translated
// to, lead to: more than the packet does, but a few places, however many
// neighbours the host has. Only IPv4 asks.
func (d *Dataplane) hops(port uint32, frame []byte) ([]bpfNeighKey, error) {
	k := keyOf(frame)
	if !k.src.Is4() || !k.dst.Is4() {
		return nil, nil
	}
	net := d.tables.ports.held[port].Net
	first, known := d.tables.fdb.held[bpfFdbKey{Net: net, Mac: [6]byte(frame[:6])}]
	if !known || first.Kind != destRouter {
		return nil, nil
	}
	places := []place{{first.Id, net}}
	addrs := []netip.Addr{k.src, k.dst}
	seen := map[bpfNeighKey]bool{}
	var asked []bpfNeighKey
	for range maxRouters {
		for _, p := range places { // those that it finds are for the next round
			var err error
			if addrs, err = d.translated(p, k, addrs); err != nil {
				return nil, err
			}
			for _, a := range addrs {
				to, err := d.routed(p.router, a)
				if err != nil {
					return nil, err
				}
				for _, key := range append(to, bpfNeighKey{Net: p.net, Addr: addrOf(a)}) { // the last is an answer's
					if seen[key] {
						continue
					}
					seen[key] = true
					at, known := d.tables.neigh.held[key]
					if known && at.Kind == destRouter && !slices.Contains(places, place{at.Id, key.Net}) {
						places = append(places, place{at.Id, key.Net})
					}
					if at.Kind == destVIP || !known && onWire(d.tables.nets.held[key.Net]) {
						asked = append(asked, key)
					}
				}
			}
		}
	}
	return asked, nil
}

// translated adds to a packet's addresses what a router makes of them.
func (d *Dataplane) translated(p place, k packetKey, addrs []netip.Addr) ([]netip.Addr, error) {
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	router := d.tables.routers.held[p.router]
	for _, a := range addrs {
		if at := d.tables.raddrs.held[bpfRaddrKey{Router: p.router, Addr: addrOf(a)}]; at.Kind == raddrFIP {
			add(addrFrom(at.Other))
		}
		if at := d.tables.raddrs.held[bpfRaddrKey{Router: p.router, Outbound: 1, Addr: addrOf(a)}]; at.Kind == raddrFixed {
			add(addrFrom(at.Other))
		}
	}
	if router.Gw4 == 0 {
		return addrs, nil
	}
	if p.net == router.ExtNet && slices.Contains(addrs, addr4(router.Gw4)) { // it may be part of a connection from inside
		for _, a := range addrs {
			key := bpfNatKey{Router: p.router, Src: be4(a), Dst: router.Gw4, Sport: swap16(k.sport), Dport: swap16(k.dport), Proto: k.protocol, Reply: 1}
			var inside bpfNat
			err := d.mapNamed("nats").Lookup(&key, &inside)
			if err == nil {
				add(addr4(inside.Addr))
			} else if !errors.Is(err, ebpf.ErrKeyNotExist) {
				return nil, fmt.Errorf("reading map nats: %w", err)
			}
		}
	}
	add(addr4(router.Gw4))
	return addrs, nil
}

// routed is the next hop of an address at a router, and none without a route.
func (d *Dataplane) routed(router uint32, to netip.Addr) ([]bpfNeighKey, error) {
	const whole = 32 + 128 // bits of the router and of the address
	key := bpfRouteKey{Prefixlen: whole, Router: router, Addr: addrOf(to)}
	var route bpfRoute
	err := d.mapNamed("routes").Lookup(&key, &route)
	switch {
	case errors.Is(err, ebpf.ErrKeyNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading map routes: %w", err)
	}
	hop := bpfNeighKey{Net: route.Net, Addr: key.Addr}
	if route.Via != (bpfAddr{}) {
		hop.Addr = route.Via
	}
	return []bpfNeighKey{hop}, nil
}
