package dataplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"wisp/internal/dataplane/intent"
)

// move is a gateway that this host carries, and the hosts that should know.
type move struct {
	router string
	id     uint32
	moves  uint32
	mac    [6]byte // of the router in the transit network
	hosts  []netip.Addr
}

// carried tells whether a router's gateway is on this host, as its flags say.
func carried(r bpfRouter) bool { return r.Flags&routerGWLocal != 0 }

// gateways lists the gateways that are new on this host; all hosts with ports,
// and who carried the gateway before, are to be told. When again, it lists all
// for who carried them before: it may have slept.
func (d *Dataplane) gateways(state intent.State, want *wanted, again bool) []move {
	var out []move
	for name, r := range state.Routers {
		if r.Gateway == nil || r.Gateway.Moves == 0 {
			continue
		}
		id, ok := d.ids.find(kindRouter, name)
		now := want.routers[id]
		if !ok || !carried(now) || !again && carried(d.tables.routers.held[id]) {
			continue
		}
		hosts := map[netip.Addr]bool{r.Gateway.Former: true}
		if !again {
			for _, p := range state.Ports {
				hosts[p.Endpoint] = true
			}
			if d.last != nil {
				hosts[d.last.Ports[r.Gateway.PortID].Endpoint] = true
			}
		}
		m := move{router: name, id: id, moves: now.Moves, mac: now.Mac}
		for _, a := range slices.SortedFunc(maps.Keys(hosts), netip.Addr.Compare) {
			if a.Is4() && a != d.cfg.TunnelAddress {
				m.hosts = append(m.hosts, a)
			}
		}
		out = append(out, m)
	}
	return out
}

// tellHosts tells other hosts that the gateways are here: an ARP reply in the
// transit network, with the number of moves for its target. One whose agent is
// dead gives way (take_yield of bpf/arp.h); all others know already.
func (d *Dataplane) tellHosts(moved []move) error {
	if !d.cfg.TunnelAddress.IsValid() {
		return nil
	}
	var failed []error
	for _, m := range moved {
		if d.gaveWay(m.id) {
			continue
		}
		for _, to := range m.hosts {
			if err := d.tell(m, to); err != nil {
				failed = append(failed, fmt.Errorf("telling %s of the gateway of router %s: %w", to, m.router, err))
			}
		}
	}
	return errors.Join(failed...)
}

func (d *Dataplane) tell(m move, to netip.Addr) error {
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(d.cfg.TunnelAddress, 0))
	c, err := net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, d.cfg.tunnelPort())))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	count := netip.AddrFrom4([4]byte{byte(m.moves >> 24), byte(m.moves >> 16), byte(m.moves >> 8), byte(m.moves)})
	frame := arpFrame(hostMAC(d.cfg.TunnelAddress), 0, arpReply, netip.IPv4Unspecified(), count)
	copy(frame, m.mac[:])
	_, err = c.Write(append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, frame...)) // RFC 7348: a VNI, and it is 0
	return err
}

func (c *Config) tunnelPort() uint16 {
	if c.TunnelPort == 0 {
		return defaultTunnelPort
	}
	return c.TunnelPort
}

// gaveWay tells whether this host was told that another one carries the
// router's gateway.
func (d *Dataplane) gaveWay(router uint32) bool {
	var y bpfYield
	return d.mapNamed("yields").Lookup(&router, &y) == nil
}

// leave takes back what the programs keep of routers whose gateway is not, or
// not any more, what it was on this host: translations of a shared address,
// and that another host took it. It comes when the programs know already.
func (d *Dataplane) leave(was map[uint32]bpfRouter, want *wanted) error {
	var failed []error
	gone := map[uint32]bool{}
	for id, old := range was {
		if now := want.routers[id]; carried(old) && (!carried(now) || now.Gw4 != old.Gw4) {
			gone[id] = true
		}
	}
	if len(gone) > 0 {
		m := d.mapNamed("nats")
		var stale []bpfNatKey
		failed = append(failed, each(m, func(k bpfNatKey, _ bpfNat) {
			if gone[k.Router] {
				stale = append(stale, k)
			}
		}))
		for _, k := range stale {
			failed = append(failed, forget(m, k))
		}
	}
	m := d.mapNamed("yields")
	var settled []uint32
	failed = append(failed, each(m, func(id uint32, y bpfYield) {
		if now := want.routers[id]; !carried(now) || now.Moves >= y.Moves {
			settled = append(settled, id)
		}
	}))
	for _, id := range settled {
		failed = append(failed, forget(m, id))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("forgetting a gateway: %w", err)
	}
	return nil
}

// Conflict is an address of a router that somebody else on the wire says to
// have. With the router's own MAC it is another host of the cloud.
type Conflict struct {
	Network, Router string
	Address         netip.Addr
	MAC             net.HardwareAddr
	Ago             time.Duration
}

// conflictTime is for how long a conflict is told.
const conflictTime = 5 * time.Minute

// conflicts are those of the last minutes.
func (d *Dataplane) conflicts() ([]Conflict, error) {
	var out []Conflict
	now := monotonic()
	err := each(d.mapNamed("conflicts"), func(k bpfNeighKey, v bpfDyn) {
		at, ok := d.tables.neigh.held[k]
		ago := now - time.Duration(v.Seen)
		if !ok || at.Kind != destRouter || ago > conflictTime {
			return
		}
		out = append(out, Conflict{
			Network: d.ids.name(kindNet, k.Net), Router: d.ids.name(kindRouter, at.Id), Address: addrFrom(k.Addr), MAC: v.Mac[:], Ago: ago,
		})
	})
	return out, err
}

// watch puts into the report what others on the wire and other hosts say.
func (d *Dataplane) watch(ctx context.Context, report *Report) error {
	var err error
	if report.Conflicts, err = d.conflicts(); err != nil {
		return err
	}
	for _, c := range report.Conflicts {
		d.cfg.Log.WarnContext(ctx, "somebody else on the wire has an address of a router",
			"network", c.Network, "router", c.Router, "address", c.Address, "mac", c.MAC.String())
	}
	return each[uint32, bpfYield](d.mapNamed("yields"), func(id uint32, y bpfYield) {
		report.Yielded = append(report.Yielded, d.ids.name(kindRouter, id))
		d.cfg.Log.WarnContext(ctx, "another host carries the gateway of a router", "router", d.ids.name(kindRouter, id), "host", addr4(y.Remote))
	})
}
