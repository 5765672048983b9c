package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

// cable joins labs by a bridge in a namespace of its own. Each gets a device
// "under" with 192.0.2.1, 192.0.2.2 and so on, which is its tunnel address.
func cable(t *testing.T, hosts int, kind string) []*lab {
	t.Helper()
	var labs []*lab
	for i := range hosts {
		labs = append(labs, newLab(t, func(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr(underAddr(i)) }))
	}
	first := labs[0]
	middle := first.cfg.Prefix + "mid"
	first.netns(middle)
	first.run(middle, "ip link add br0 type bridge")
	first.run(middle, "ip link set br0 up")
	for i, l := range labs {
		l.run(middle, fmt.Sprintf("ip link add p%d type veth peer name under netns %s", i, l.name))
		l.run(middle, fmt.Sprintf("ip link set p%d master br0 up", i))
		l.run(l.name, "ip addr add "+underAddr(i)+"/24 dev under")
		l.run(l.name, "ip link set under up")
		for name, vni := range map[string]uint32{"blue": 100, "red": 200} {
			l.state.Networks[name] = intent.Network{ID: name, Type: kind, SegmentationID: vni, MTU: tunnelMTU[kind]}
		}
	}
	return labs
}

func underAddr(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// shareAll tells each lab about the ports of all others.
func shareAll(labs []*lab) {
	for i, from := range labs {
		for id, p := range from.state.Ports {
			if !p.Local {
				continue
			}
			p.Local, p.Endpoint = false, netip.MustParseAddr(underAddr(i))
			for j, to := range labs {
				if j != i {
					to.state.Ports[id] = p
				}
			}
		}
	}
}

// openPort is a port without port security.
func (l *lab) openPort(id, network, mac string, addresses ...string) intent.Port {
	p := l.port(id, network, mac, addresses...)
	p.PortSecurity, p.SecurityGroups = false, nil
	return p
}

func TestBroadcastsReachOnlyTheirNetwork(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		// Host 0 and 1 have blue ports, 2 has a red one, 3 nothing.
		labs := cable(t, 4, kind)
		one, two, other, empty := labs[0], labs[1], labs[2], labs[3]
		a := one.guest(one.openPort("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1", "fd01::1"), 24, "")
		b := one.guest(one.openPort("b", "blue", "fa:16:3e:00:00:02", "10.0.1.2"), 24, "")
		c := two.guest(two.openPort("c", "blue", "fa:16:3e:00:00:03", "10.0.1.3", "fd01::3"), 24, "")
		d := two.guest(two.openPort("d", "red", "fa:16:3e:00:00:04", "10.0.1.3"), 24, "")
		e := other.guest(other.openPort("e", "red", "fa:16:3e:00:00:05", "10.0.1.5"), 24, "")
		shareAll(labs)
		for _, l := range labs {
			l.applyClean()
		}
		wires := map[string]*wire{}
		for i, ns := range []string{a, b, c, d, e} {
			wires[string(rune('a'+i))] = listen(t, ns, "eth0", nil)
		}
		for name, l := range map[string]*lab{"two": two, "other": other, "empty": empty} {
			wires[name] = listen(t, l.name, "under", nil)
		}
		payload := []byte("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz")
		for _, c := range []struct {
			name, dst string
			kind      layers.EthernetType
			to        string // wires on which it arrives once
		}{
			{"broadcast", "ff:ff:ff:ff:ff:ff", 0x88b5, "bc"},
			{"multicast", "01:00:5e:01:02:03", 0x88b6, "bc"},
			{"unknown unicast", "fa:16:3e:00:00:77", 0x88b7, ""},
			{"unicast", "fa:16:3e:00:00:03", 0x88b8, "c"},
		} {
			is := func(p gopacket.Packet) bool {
				e, ok := p.LinkLayer().(*layers.Ethernet)
				return ok && e.EthernetType == c.kind
			}
			within := func(p gopacket.Packet) bool { return tunnelled(p) && is(inner(p)) }
			wires["a"].send(append(append(append([]byte{}, hw(c.dst)...), hw("fa:16:3e:00:00:01")...),
				append([]byte{byte(c.kind >> 8), byte(c.kind)}, payload...)...))
			for _, w := range c.to {
				one.eventually(c.name+" reaches "+string(w), func() bool { return wires[string(w)].count(is) == 1 })
			}
			for name, w := range wires {
				want := 0
				if len(name) == 1 && strings.Contains(c.to, name) {
					want = 1
				}
				if got := w.count(is); got != want {
					t.Errorf("%s: %d frames on %s, want %d", c.name, got, name, want)
				}
				if got := w.count(within); got != 0 && name != "two" || got > 1 {
					t.Errorf("%s: %d frames in a tunnel on %s", c.name, got, name)
				}
			}
		}
		if one.drops("a", "unknown-mac") != 1 {
			t.Errorf("the unknown unicast is not counted\n%s", one.counters())
		}
		// Guests say more by themselves: of red, to the other host of red.
		blue := func(p gopacket.Packet) bool { return segment(p) == 100 }
		if got := wires["other"].count(blue); got != 0 {
			t.Errorf("%d frames of the network came to a host that has another", got)
		}
		if got := wires["empty"].count(tunnelled); got != 0 {
			t.Errorf("%d frames in tunnels came to a host without ports", got)
		}
	})
}

func TestNoQuestionCrossesForKnownAddresses(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		labs := cable(t, 2, kind)
		one, two := labs[0], labs[1]
		a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1", "fd01::1"), 24, "")
		b := two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.2", "fd01::2"), 24, "")
		shareAll(labs)
		one.applyClean()
		two.applyClean()
		here, there := listen(t, one.name, "under", nil), listen(t, two.name, "under", nil)
		for range 3 {
			for _, x := range []struct{ ns, v4, v6 string }{{a, "10.0.1.2", "fd01::2"}, {b, "10.0.1.1", "fd01::1"}} {
				one.run(x.ns, "ip neigh flush dev eth0")
				one.run(x.ns, "ip -6 neigh flush dev eth0")
				one.ping(x.ns, x.v4)
				one.ping(x.ns, x.v6)
			}
		}
		for name, w := range map[string]*wire{"one": here, "two": there} {
			if got := w.count(arpRequest); got != 0 {
				t.Errorf("%d questions of ARP came to host %s", got, name)
			}
			if got := w.count(solicitation); got != 0 {
				t.Errorf("%d neighbour solicitations came to host %s", got, name)
			}
			if w.count(tunnelled) == 0 {
				t.Errorf("the capture at host %s saw no tunnel at all", name)
			}
		}
		// A question for nobody known does cross: some port may take it.
		_, _ = one.try(a, "ping -n -c 1 -W 1 10.0.1.77")
		if there.count(arpRequest) == 0 {
			t.Error("the capture does not see questions")
		}
	})
}
