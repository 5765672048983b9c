package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// hosts is several hosts with one switch for tunnels, one for tenants' wires
// and one for the outside, and what the cloud would tell all of them.
type hosts struct {
	t        *testing.T
	all      []*lab
	switches string // namespace with the bridges
	out      string // namespace on the outside, 203.0.113.1
	networks map[string]intent.Network
	routers  map[string]intent.Router
	gateway  map[string]int // router -> host that carries its gateway
}

// Interfaces that a host may have.
const (
	wirePublic = "public" // external network
	wireTenant = "tenant" // VLANs
	wireFlat   = "plain"  // an untagged tenant network
)

func (h *hosts) address(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}) }

// newHosts makes one host for each list of interfaces.
func newHosts(t *testing.T, wires ...[]string) *hosts {
	t.Helper()
	h := &hosts{t: t, gateway: map[string]int{}, routers: map[string]intent.Router{}, networks: map[string]intent.Network{
		"ext":    {ID: "ext", Type: intent.TypeFlat, PhysicalNetwork: wirePublic, MTU: 1500},
		"plain":  {ID: "plain", Type: intent.TypeFlat, PhysicalNetwork: wireFlat, MTU: 1500},
		"ten":    {ID: "ten", Type: intent.TypeVLAN, PhysicalNetwork: wireTenant, SegmentationID: 10, MTU: 1500},
		"twenty": {ID: "twenty", Type: intent.TypeVLAN, PhysicalNetwork: wireTenant, SegmentationID: 20, MTU: 1500},
		"blue":   {ID: "blue", Type: intent.TypeVXLAN, SegmentationID: 100, MTU: 1450},
		"red":    {ID: "red", Type: intent.TypeVXLAN, SegmentationID: 200, MTU: 1450},
		"here":   {ID: "here", Type: intent.TypeLocal, MTU: 1500},
	}}
	for i, has := range wires {
		l := newLab(t, func(c *dataplane.Config) {
			c.TunnelAddress, c.PhysicalNetworks = h.address(i), map[string]string{}
			for _, name := range has {
				c.PhysicalNetworks[name] = name + "0"
			}
		})
		h.all = append(h.all, l)
	}
	first := h.all[0]
	h.switches, h.out = first.cfg.Prefix+"sw", first.cfg.Prefix+"out"
	first.netns(h.switches)
	first.netns(h.out)
	for _, name := range []string{"under", wirePublic, wireTenant, wireFlat} {
		first.run(h.switches, "ip link add "+name+" type bridge mcast_snooping 0")
		first.run(h.switches, "ip link set "+name+" up")
	}
	for i, l := range h.all {
		l.run(l.name, "ip link set lo up")
		l.plug(h.switches, "under", "under", fmt.Sprint("u", i))
		l.run(l.name, fmt.Sprintf("ip addr add %s/24 dev under", h.address(i)))
		for _, name := range wires[i] {
			l.plug(h.switches, name, name+"0", fmt.Sprint(name, i))
		}
	}
	first.run(h.out, "ip link add eth0 type veth peer name out netns "+h.switches)
	first.run(h.switches, "ip link set out master public")
	first.run(h.switches, "ip link set out up")
	for _, command := range []string{
		"ip link set lo up", "ip link set eth0 up", "ip addr add 203.0.113.1/24 dev eth0", "ip addr add 198.51.100.1/32 dev lo",
	} {
		first.run(h.out, command)
	}
	return h
}

// plug joins the host to a switch.
func (l *lab) plug(switches, bridge, name, peer string) {
	l.t.Helper()
	l.run(l.name, fmt.Sprintf("ip link add %s type veth peer name %s netns %s", name, peer, switches))
	l.run(switches, fmt.Sprintf("ip link set %s master %s", peer, bridge))
	l.run(switches, "ip link set "+peer+" up")
	l.run(l.name, "ip link set "+name+" up")
}

// guest makes a guest on a host.
func (h *hosts) guest(at int, id, network string, n int, address ...string) string {
	h.t.Helper()
	l := h.all[at]
	l.state.Networks[network] = h.networks[network]
	gateway := netip.MustParsePrefix(address[0] + "/24").Masked().Addr().Next()
	return l.guest(l.port(id, network, macOf(n), address...), 24, gateway.String())
}

// leg is a router's interface, with the first address of a /24.
func (h *hosts) leg(router, network string, n int, prefix string) {
	r := h.routers[router]
	p := netip.MustParsePrefix(prefix)
	r.ID, r.Enabled = router, true
	r.Interfaces = append(r.Interfaces, intent.RouterInterface{
		PortID: router + network, NetworkID: network, MAC: fmt.Sprintf("fa:16:3e:02:00:%02x", n),
		Addresses: []netip.Prefix{netip.PrefixFrom(p.Masked().Addr().Next(), p.Bits())},
	})
	h.routers[router] = r
}

// external gives a router a gateway on a host.
func (h *hosts) external(router string, at int, n int, fips ...intent.FloatingIP) {
	r := h.routers[router]
	r.Gateway = &intent.Gateway{
		PortID: router + "gw", NetworkID: "ext", MAC: fmt.Sprintf("fa:16:3e:03:00:%02x", n), NextHops: addrs("203.0.113.1"), SNAT: true,
		Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 24)},
	}
	r.FloatingIPs = fips
	h.routers[router] = r
	h.gateway[router] = at
}

// tell makes the state of one host from what all have.
func (h *hosts) tell(at int) {
	l := h.all[at]
	maps.Copy(l.state.Networks, h.networks)
	where := map[string]int{}
	l.state.Hosts = map[string]intent.Host{}
	for i, other := range h.all {
		if i != at {
			l.state.Hosts[fmt.Sprint("host", i)] = intent.Host{Endpoint: h.address(i)}
		}
		for id, p := range other.state.Ports {
			if !p.Local {
				continue
			}
			where[id] = i
			if i != at {
				p.Local, p.Endpoint = false, h.address(i)
				l.state.Ports[id] = p
			}
		}
	}
	for id, r := range h.routers {
		if r.Gateway != nil {
			g := *r.Gateway
			g.Local = h.gateway[id] == at
			r.Gateway = &g
			l.state.Ports[g.PortID] = intent.Port{ID: g.PortID, NetworkID: g.NetworkID, MAC: g.MAC, Endpoint: h.address(h.gateway[id])}
			r.FloatingIPs = slices.Clone(r.FloatingIPs)
			for i, f := range r.FloatingIPs {
				by := where[f.PortID]
				if _, outside := h.all[by].cfg.PhysicalNetworks[wirePublic]; !outside {
					by = h.gateway[id]
				}
				if by == at {
					r.FloatingIPs[i].Served = true
				} else {
					r.FloatingIPs[i].Endpoint = h.address(by)
				}
			}
		}
		l.state.Routers[id] = r
	}
}

func (h *hosts) apply() {
	h.t.Helper()
	for i, l := range h.all {
		h.tell(i)
		l.applyClean()
	}
}

// sniffer collects which source MACs come from which port of the switches.
type sniffer struct {
	mu   sync.Mutex
	from map[string]map[string]bool // MAC -> ports
	idle chan struct{}              // when nothing came for a while
	told map[string]int             // gratuitous ARP frames of a MAC, both forms
}

// sniff listens until the test ends.
func (h *hosts) sniff() *sniffer {
	h.t.Helper()
	s := &sniffer{from: map[string]map[string]bool{}, idle: make(chan struct{}, 1), told: map[string]int{}}
	err := netlinkx.In(netlinkx.NetnsPath(h.switches), func() error {
		nl, err := netlinkx.Open()
		if err != nil {
			return err
		}
		defer nl.Close()
		links, err := nl.Links()
		if err != nil {
			return err
		}
		names := map[int]string{}
		for _, l := range links {
			names[l.Index] = l.Name
		}
		all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
		if err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50000}); err != nil {
			return err
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer unix.Close(fd)
			buf := make([]byte, 2048)
			for h.t.Context().Err() == nil {
				n, from, err := unix.Recvfrom(fd, buf, 0)
				if errors.Is(err, unix.EAGAIN) {
					select {
					case s.idle <- struct{}{}:
					default:
					}
				}
				at, ok := from.(*unix.SockaddrLinklayer)
				if err != nil || !ok || n < 14 || at.Pkttype == unix.PACKET_OUTGOING || names[at.Ifindex] == "" {
					continue
				}
				name := names[at.Ifindex]
				if name == "under" || name == wirePublic || name == wireTenant || name == wireFlat {
					continue // the bridge itself
				}
				s.mu.Lock()
				mac := hex.EncodeToString(buf[6:12])
				if s.from[mac] == nil {
					s.from[mac] = map[string]bool{}
				}
				s.from[mac][name] = true
				if n >= 42 && buf[12] == 8 && buf[13] == 6 && bytes.Equal(buf[28:32], buf[38:42]) {
					s.told[mac]++
				}
				s.mu.Unlock()
			}
		}()
		h.t.Cleanup(func() { <-ended })
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// wandering lists the MACs that came from several ports of one switch.
func (s *sniffer) wandering() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for mac, ports := range s.from {
		byWire := map[string]int{}
		for p := range ports {
			byWire[p[:len(p)-1]]++
		}
		for wire, n := range byWire {
			if n > 1 {
				out = append(out, fmt.Sprint(mac, " on ", wire, ": ", slices.Sorted(maps.Keys(ports))))
			}
		}
	}
	return out
}

// someone is a guest with its host and address.
type someone struct {
	at          int
	ns, address string
}

func TestHostsRouteBetweenAllTypes(t *testing.T) {
	t.Parallel()
	h := newHosts(t, []string{wireTenant, wireFlat}, []string{wireTenant, wireFlat}, nil)
	all := []someone{}
	add := func(at int, id, network string, n int, address string) {
		all = append(all, someone{at, h.guest(at, id, network, n, address), address})
	}
	add(0, "p0", "plain", 1, "10.0.1.10")
	add(1, "p1", "plain", 2, "10.0.1.11")
	add(0, "v0", "ten", 3, "10.0.2.10")
	add(1, "v1", "ten", 4, "10.0.2.11")
	add(1, "w1", "twenty", 5, "10.0.3.11")
	add(0, "b0", "blue", 6, "10.0.4.10")
	add(2, "b2", "blue", 7, "10.0.4.12")
	add(2, "r2", "red", 8, "10.0.5.12")
	add(2, "l2", "here", 9, "10.0.6.12")
	for i, network := range []string{"plain", "ten", "twenty", "blue", "red", "here"} {
		h.leg("r", network, i+1, fmt.Sprintf("10.0.%d.0/24", i+1))
	}
	seen := h.sniff()
	h.apply()
	for _, a := range all {
		for _, b := range all {
			if a != b {
				h.all[a.at].run(a.ns, "ping -n -c 1 -W 3 "+b.address)
			}
		}
	}
	for _, x := range []struct{ from, to int }{{7, 2}, {2, 7}, {8, 0}, {0, 8}, {3, 5}} {
		from, to := all[x.from], all[x.to]
		if got := host(h.all[from.at].transfer(from.ns, to.ns, to.address+":5001", to.address+":5001")); got != from.address {
			t.Errorf("%s to %s: seen as %s", from.address, to.address, got)
		}
	}
	if all := seen.wandering(); len(all) != 0 {
		t.Errorf("MACs that came from several ports of a switch: %v", all)
	}
	// A stranger on the wire is answered by one host, and routed.
	sw := h.switches
	h.all[0].netns(sw + "x")
	h.all[0].run(sw+"x", "ip link add eth0 type veth peer name plain9 netns "+sw)
	h.all[0].run(sw, "ip link set plain9 master plain")
	h.all[0].run(sw, "ip link set plain9 up")
	h.all[0].run(sw+"x", "ip link set eth0 up")
	h.all[0].run(sw+"x", "ip addr add 10.0.1.99/24 dev eth0")
	h.all[0].run(sw+"x", "ip route add default via 10.0.1.1")
	h.all[0].eventually("a stranger reaches others", func() bool {
		_, err := h.all[0].try(sw+"x", "ping -n -c 1 -W 1 10.0.5.12")
		return err == nil
	})
	for _, to := range all {
		if out := h.all[0].run(sw+"x", "ping -n -c 2 -i 0.2 -W 3 "+to.address); strings.Contains(out, "DUP") {
			t.Errorf("several hosts route for a stranger: %s", out)
		}
	}
	for _, from := range all {
		h.all[from.at].eventually("it reaches the stranger", func() bool {
			_, err := h.all[from.at].try(from.ns, "ping -n -c 1 -W 1 10.0.1.99")
			return err == nil
		})
	}
	if all := seen.wandering(); len(all) != 0 {
		t.Errorf("with a stranger, MACs came from several ports of a switch: %v", all)
	}
}
