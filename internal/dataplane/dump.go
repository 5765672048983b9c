package dataplane

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Dump is what the maps hold, with names for numbers.
type Dump struct {
	Places       []Place
	Rules        []RuleInForce
	Routes       []RouteInForce
	Connections  []Connection
	Translations []Translation
	Neighbours   []Neighbour
}

// Place says where an address of a network is.
type Place struct {
	Network string
	Address netip.Addr
	MAC     net.HardwareAddr
	Kind    string // "local", "remote", "router" or "vip"
	Name    string // port or router
	Host    netip.Addr
}

// RuleInForce is one rule of a ruleset that ports use.
type RuleInForce struct {
	Ports     []string
	Direction string
	Protocol  uint8
	IPv6      bool
	Min, Max  *uint16
	Remote    netip.Prefix
	Group     string
}

// RouteInForce is one route of a router; Via is invalid on the link.
type RouteInForce struct {
	Router      string
	Destination netip.Prefix
	Via         netip.Addr
	Network     string
	Leg         netip.Addr
}

// Connection is one tracked connection of a port.
type Connection struct {
	Port          string
	Protocol      uint8
	Local, Remote netip.AddrPort
	Direction     string // of who began
	State         string
	Idle          time.Duration
}

// Translation is one connection that shares a router's address.
type Translation struct {
	Router          string
	Protocol        uint8
	Inside, Outside netip.AddrPort // of the instance; on the shared address
	Remote          netip.AddrPort
	Idle            time.Duration
}

// Neighbour is an address that only ARP knows; MAC is empty while asked.
type Neighbour struct {
	Network string
	Address netip.Addr
	MAC     net.HardwareAddr
	Age     time.Duration
}

var (
	destNames  = map[uint8]string{destLocal: "local", destRemote: "remote", destRouter: "router", destVIP: "vip"}
	stateNames = [...]string{"new", "replied", "closing", "closed", "denied"}
)

func directionName(d uint32) string {
	if d == dirEgress {
		return "egress"
	}
	return "ingress"
}

// Dump reads all maps.
func (d *Dataplane) Dump() (Dump, error) {
	if err := d.lock(); err != nil {
		return Dump{}, err
	}
	defer d.mu.Unlock()
	var (
		out Dump
		err error
	)
	d.dumpPlaces(&out)
	d.dumpRules(&out)
	d.dumpRoutes(&out)
	if out.Connections, err = d.connections(); err != nil {
		return out, err
	}
	if out.Translations, err = d.translations(); err != nil {
		return out, err
	}
	out.Neighbours, err = d.neighbours()
	return out, err
}

func (d *Dataplane) dumpPlaces(out *Dump) {
	for k, v := range d.tables.neigh.held {
		p := Place{
			Network: d.ids.name(kindNet, k.Net), Address: addrFrom(k.Addr), MAC: v.Mac[:], Kind: destNames[v.Kind],
		}
		switch v.Kind {
		case destLocal:
			p.Name = d.ids.name(kindPort, v.Id)
		case destRouter:
			p.Name = d.ids.name(kindRouter, v.Id)
		case destRemote:
			p.Host = addr4(v.Remote)
		}
		out.Places = append(out.Places, p)
	}
	slices.SortFunc(out.Places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), a.Address.Compare(b.Address))
	})
}

func (d *Dataplane) dumpRules(out *Dump) {
	ports := map[uint32][]string{}
	for id, p := range d.tables.ports.held {
		if p.Flags&portSecurity != 0 {
			ports[p.Ruleset] = append(ports[p.Ruleset], d.ids.name(kindPort, id))
		}
	}
	keys := make([]bpfRuleKey, 0, len(d.tables.rules.held))
	for k := range d.tables.rules.held {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b bpfRuleKey) int {
		return cmp.Or(cmp.Compare(a.Ruleset, b.Ruleset), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Index, b.Index))
	})
	for _, k := range keys {
		r := d.tables.rules.held[k]
		slices.Sort(ports[k.Ruleset])
		in := RuleInForce{
			Ports: ports[k.Ruleset], Direction: directionName(k.Direction), Protocol: r.Proto, IPv6: r.Flags&ruleV6 != 0,
		}
		if r.Flags&(rulePortRange|ruleType) != 0 {
			in.Min = &r.Min
		}
		if r.Flags&(rulePortRange|ruleCode) != 0 {
			in.Max = &r.Max
		}
		if r.Flags&rulePrefix != 0 {
			in.Remote = netip.PrefixFrom(addrFrom(r.Addr), ones(r.Mask))
			if !in.IPv6 {
				a := addrFrom(r.Addr)
				in.Remote = netip.PrefixFrom(a, ones(r.Mask)-96)
			}
		}
		if r.Group != 0 {
			in.Group = d.ids.name(kindGroup, r.Group)
		}
		out.Rules = append(out.Rules, in)
	}
}

func ones(mask bpfAddr) int {
	n := 0
	for _, w := range mask.W {
		for ; w != 0; w &= w - 1 {
			n++
		}
	}
	return n
}

func (d *Dataplane) dumpRoutes(out *Dump) {
	for k, v := range d.tables.routes.held {
		bits := int(k.Prefixlen) - 32
		a := addrFrom(k.Addr)
		if !a.IsValid() {
			a = netip.IPv6Unspecified()
		}
		if a.Is4() {
			bits -= 96
		}
		out.Routes = append(out.Routes, RouteInForce{
			Router: d.ids.name(kindRouter, k.Router), Destination: netip.PrefixFrom(a, bits), Via: addrFrom(v.Via),
			Network: d.ids.name(kindNet, v.Net), Leg: addrFrom(v.Leg),
		})
	}
	slices.SortFunc(out.Routes, func(a, b RouteInForce) int {
		return cmp.Or(cmp.Compare(a.Router, b.Router), cmp.Compare(a.Destination.String(), b.Destination.String()))
	})
}

// monotonic is the clock of the programs, bpf_ktime_get_ns.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

func each[K, V any](m *ebpf.Map, f func(K, V)) error {
	var (
		k K
		v V
	)
	it := m.Iterate()
	for it.Next(&k, &v) {
		f(k, v)
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("reading map: %w", err)
	}
	return nil
}

func (d *Dataplane) connections() ([]Connection, error) {
	var out []Connection
	now := monotonic()
	err := each(d.mapNamed("cts"), func(k bpfCtKey, v bpfCt) {
		c := Connection{
			Port: d.ids.name(kindPort, k.Port), Protocol: k.Proto, Direction: directionName(uint32(v.Direction)),
			Local:  netip.AddrPortFrom(addrFrom(k.Local), swap16(k.Lport)),
			Remote: netip.AddrPortFrom(addrFrom(k.Remote), swap16(k.Rport)), Idle: now - time.Duration(v.Seen),
		}
		if k.Proto == protoICMP || k.Proto == protoICMPv6 {
			c.Remote = netip.AddrPortFrom(addrFrom(k.Remote), 0)
		}
		if int(v.State) < len(stateNames) {
			c.State = stateNames[v.State]
		}
		out = append(out, c)
	})
	return out, err
}

func (d *Dataplane) translations() ([]Translation, error) {
	var out []Translation
	now := monotonic()
	err := each(d.mapNamed("nats"), func(k bpfNatKey, v bpfNat) {
		if k.Reply == 0 {
			return
		}
		out = append(out, Translation{
			Router: d.ids.name(kindRouter, k.Router), Protocol: k.Proto,
			Inside:  netip.AddrPortFrom(addr4(v.Addr), swap16(v.Port)),
			Outside: netip.AddrPortFrom(addr4(k.Dst), swap16(k.Dport)),
			Remote:  netip.AddrPortFrom(addr4(k.Src), swap16(k.Sport)), Idle: now - time.Duration(v.Seen),
		})
	})
	return out, err
}

func (d *Dataplane) neighbours() ([]Neighbour, error) {
	var out []Neighbour
	now := monotonic()
	err := each(d.mapNamed("dyns"), func(k bpfNeighKey, v bpfDyn) {
		n := Neighbour{Network: d.ids.name(kindNet, k.Net), Address: addrFrom(k.Addr), Age: now - time.Duration(v.Asked)}
		if v.Seen != 0 {
			n.MAC, n.Age = v.Mac[:], now-time.Duration(v.Seen)
		}
		out = append(out, n)
	})
	return out, err
}
