package dataplane_test

import (
	"net/netip"
	"strings"
	"testing"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

const (
	routerMAC1 = "fa:16:3e:00:01:01"
	routerMAC2 = "fa:16:3e:00:01:02"
	gatewayMAC = "fa:16:3e:00:01:03"
)

// twoNets makes a router between 10.0.1.0/24 and 10.0.2.0/24, with a guest
// on each.
func (l *lab) twoNets() (a, b string) {
	l.localNet("one")
	l.localNet("two")
	l.state.Routers["r"] = intent.Router{ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "r1", NetworkID: "one", MAC: routerMAC1, Addresses: prefixes("10.0.1.1/24", "fd01::1/64")},
		{PortID: "r2", NetworkID: "two", MAC: routerMAC2, Addresses: prefixes("10.0.2.1/24", "fd02::1/64")},
	}}
	a = l.guest(l.port("a", "one", "fa:16:3e:00:00:01", "10.0.1.10", "fd01::10"), 24, "10.0.1.1")
	b = l.guest(l.port("b", "two", "fa:16:3e:00:00:02", "10.0.2.10", "fd02::10"), 24, "10.0.2.1")
	l.run(a, "ip -6 route add default via fd01::1")
	l.run(b, "ip -6 route add default via fd02::1")
	return a, b
}

func TestRouterJoinsNetworks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.twoNets()
	l.applyClean()
	l.ping(a, "10.0.1.1")
	l.ping(a, "10.0.2.1")
	l.ping(a, "10.0.2.10")
	l.ping(b, "10.0.1.10")
	l.ping(a, "fd01::1")
	l.ping(a, "fd02::10")
	l.run(a, "ping -n -c 1 -W 2 -s 4000 10.0.2.1")

	for _, c := range []struct{ name, command, says string }{
		{"no route", "ping -n -c 1 -W 1 192.0.2.1", "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable"},
		{"no host", "ping -n -c 1 -W 1 10.0.2.99", "From 10.0.1.1 icmp_seq=1 Destination Host Unreachable"},
		{"ttl", "ping -n -c 1 -W 1 -t 1 10.0.2.10", "From 10.0.1.1 icmp_seq=1 Time to live exceeded"},
		{"no route v6", "ping -n -c 1 -W 1 2001:db8::1", "From fd01::1 icmp_seq=1 Destination unreachable: No route"},
		{"ttl v6", "ping -n -c 1 -W 1 -t 1 fd02::10", "From fd01::1 icmp_seq=1 Time exceeded: Hop limit"},
	} {
		if out, err := l.try(a, c.command); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %s\n%s", c.name, out, l.counters())
		}
	}
}

func TestRouterTellsPathMTU(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.twoNets()
	two := l.state.Networks["two"]
	two.MTU = 1300
	l.state.Networks["two"] = two
	l.applyClean()
	out, err := l.try(a, "ping -n -c 1 -W 1 -M do -s 1400 10.0.2.10")
	if err == nil || !strings.Contains(out, "Frag needed and DF set (mtu = 1300)") {
		t.Errorf("%s\n%s", out, l.counters())
	}
	out, err = l.try(a, "ping -n -c 1 -W 1 -M do -s 1400 fd02::10")
	if err == nil || !strings.Contains(out, "Packet too big: mtu=1300") {
		t.Errorf("%s\n%s", out, l.counters())
	}
}

// outside makes a namespace at the far end of the physical interface, with
// 203.0.113.1/24.
func (l *lab) outside() string {
	l.t.Helper()
	ns := l.cfg.Prefix + "out"
	l.netns(ns)
	l.run(l.name, "ip link add phys0 type veth peer name eth0 netns "+ns)
	l.run(l.name, "ip link set phys0 up")
	l.run(l.name, "ip addr add 203.0.113.2/24 dev phys0")
	l.run(ns, "ip link set lo up")
	l.run(ns, "ip link set eth0 up")
	l.run(ns, "ip addr add 203.0.113.1/24 dev eth0")
	l.run(ns, "ip addr add 198.51.100.1/32 dev lo")
	l.state.Networks["ext"] = intent.Network{ID: "ext", Type: intent.TypeFlat, PhysicalNetwork: "public", MTU: 1500}
	return ns
}

func physical(c *dataplane.Config) { c.PhysicalNetworks = map[string]string{"public": "phys0"} }

func (l *lab) gateway(router string, address string, fips ...intent.FloatingIP) {
	r := l.state.Routers[router]
	p := netip.MustParsePrefix(address)
	r.Gateway = &intent.Gateway{
		PortID: router + "gw", NetworkID: "ext", MAC: gatewayMAC[:15] + address[len(address)-5:len(address)-3],
		Addresses: []netip.Prefix{p}, NextHops: addrs("203.0.113.1"), SNAT: true, Local: true,
	}
	r.FloatingIPs = fips
	l.state.Routers[router] = r
}

func TestSharedAddressAndFloatingIP(t *testing.T) {
	t.Parallel()
	l := newLab(t, physical)
	out := l.outside()
	a, b := l.twoNets()
	l.gateway("r", "203.0.113.10/24", intent.FloatingIP{
		ID: "f", Address: netip.MustParseAddr("203.0.113.20"), Fixed: netip.MustParseAddr("10.0.2.10"), PortID: "b",
	})
	l.applyClean()
	l.eventually("a reaches the outside", func() bool {
		_, err := l.try(a, "ping -n -c 1 -W 1 203.0.113.1")
		return err == nil
	})
	l.ping(a, "203.0.113.1")
	l.ping(a, "198.51.100.1")
	l.ping(a, "203.0.113.10") // own gateway
	l.ping(b, "198.51.100.1") // with its floating address
	l.ping(out, "203.0.113.10")
	l.ping(out, "203.0.113.20")
	l.ping(a, "203.0.113.20")      // hairpin
	l.ping(b, "203.0.113.20")      // to itself
	l.ping(l.name, "203.0.113.20") // from the host's own stack
	l.ping(a, "203.0.113.2")       // to the host's own address
}
