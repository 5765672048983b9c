package dataplane_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// forget begins anew, once everything that was sent before has been seen.
func (s *sniffer) forget() {
	select {
	case <-s.idle: // of before
	default:
	}
	<-s.idle
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.from)
}

// ports tells from which ports of the switches a MAC came.
func (s *sniffer) ports(mac string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for p := range s.from[strings.ReplaceAll(mac, ":", "")] {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// moving: the gateway of r is on host 0 or host 2; b, with a floating IP at the
// gateway, and v are on host 1, z on host 0 has one of its own.
func moving(t *testing.T) (h *hosts, b, v, z string) {
	t.Helper()
	h = newHosts(t, []string{wirePublic}, []string{wireTenant}, []string{wirePublic, wireTenant})
	b = h.guest(1, "b", "blue", 1, "10.0.4.11")
	v = h.guest(1, "v", "ten", 2, "10.0.2.11")
	z = h.guest(0, "z", "blue", 3, "10.0.4.13")
	h.leg("r", "blue", 1, "10.0.4.0/24")
	h.leg("r", "ten", 2, "10.0.2.0/24")
	h.external("r", 0, 10, fip("fb", "203.0.113.41", "10.0.4.11", "b"), fip("fz", "203.0.113.43", "10.0.4.13", "z"))
	r := h.routers["r"]
	r.Gateway.Addresses = append(r.Gateway.Addresses, netip.MustParsePrefix("2001:db8::10/64"))
	h.all[0].run(h.out, "sysctl -qw net.ipv6.conf.eth0.accept_dad=0")
	h.all[0].run(h.out, "ip -6 addr add 2001:db8::1/64 dev eth0")
	return h, b, v, z
}

func (h *hosts) reach(from, to string) func() bool {
	return func() bool {
		_, err := h.all[0].try(from, "ping -n -c 1 -W 1 "+to)
		return err == nil
	}
}

const movingMAC = "fa:16:3e:03:00:0a"

func TestGatewayMoves(t *testing.T) {
	t.Parallel()
	h, b, v, _ := moving(t)
	h.apply()
	l := h.all[0]
	for _, ns := range []string{b, v} {
		l.eventually("the outside answers", h.reach(ns, "198.51.100.1"))
	}
	l.ping(h.out, "203.0.113.41")
	seen := h.sniff()
	for _, to := range []int{2, 0} {
		from := 2 - to
		// What the outside has learned stays until it is told otherwise.
		l.run(h.out, "ip neigh replace 203.0.113.41 lladdr 02:00:00:00:00:01 nud stale dev eth0")
		l.run(h.out, "ip neigh replace 2001:db8::10 lladdr 02:00:00:00:00:01 nud stale dev eth0")
		h.gateway["r"] = to
		h.apply()
		l.eventually("the outside learns where the addresses are", func() bool {
			out := l.run(h.out, "ip neigh show dev eth0")
			return strings.Contains(out, "203.0.113.41 lladdr "+movingMAC) && strings.Contains(out, "2001:db8::10 lladdr "+movingMAC)
		})
		l.ping(h.out, "203.0.113.41")
		for _, ns := range []string{b, v} {
			l.eventually("new connections go out", h.reach(ns, "198.51.100.1"))
		}
		dump, err := h.all[from].dp.Dump()
		if err != nil || len(dump.Translations) != 0 {
			t.Errorf("the host that lost the gateway remembers %v, %v", dump.Translations, err)
		}
		seen.forget()
		l.run(h.out, "ip neigh flush dev eth0")
		l.ping(h.out, "203.0.113.41")
		l.ping(h.out, "203.0.113.10")
		for _, ns := range []string{b, v} {
			l.ping(ns, "198.51.100.1")
		}
		if got := seen.ports(movingMAC); !slices.Equal(got, []string{fmt.Sprint("public", to)}) {
			t.Errorf("the gateway's MAC comes from %v", got)
		}
		// Two addresses are told in two forms, at once and four times more.
		l.eventually("the outside is told again", func() bool {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			return seen.told[strings.ReplaceAll(movingMAC, ":", "")] >= 2*2*5
		})
		seen.mu.Lock()
		clear(seen.told)
		seen.mu.Unlock()
	}
}

// The agent of the old host is dead, but its programs forward.
func TestDeadHostGivesWayToTheGatewaysNewHost(t *testing.T) {
	t.Parallel()
	h, b, _, z := moving(t)
	moves := func(n uint32, former int) {
		r := h.routers["r"]
		g := *r.Gateway
		g.Moves, g.Former = n, h.address(former)
		r.Gateway = &g
		h.routers["r"] = r
	}
	moves(1, 2)
	// Another guest of host 0 shares the gateway's address.
	y := h.guest(0, "y", "blue", 4, "10.0.4.14")
	h.apply()
	l := h.all[0]
	for _, ns := range []string{b, z, y} {
		l.eventually("the outside answers", h.reach(ns, "198.51.100.1"))
	}
	if err := l.dp.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody on the outside can make it give way.
	h.all[1].unsolicited(h.out, "203.0.113.10")
	seen := h.sniff()
	h.all[1].ping(h.out, "203.0.113.10")
	if got := seen.ports(movingMAC); !slices.Equal(got, []string{"public0"}) {
		t.Errorf("after a lie from the outside, the gateway's MAC comes from %v", got)
	}
	moves(2, 0)
	h.gateway["r"] = 2
	for _, i := range []int{1, 2} {
		h.tell(i)
		h.all[i].applyClean()
	}
	outside := h.all[1]
	for _, ns := range []string{b, z, y} {
		outside.eventually(ns+": new connections go out", h.reach(ns, "198.51.100.1"))
	}
	seen.forget()
	outside.run(h.out, "ip neigh flush dev eth0")
	for _, a := range []string{"203.0.113.10", "203.0.113.41", "203.0.113.43"} {
		outside.eventually(a+" answers", h.reach(h.out, a))
	}
	for ns, as := range map[string]string{b: "203.0.113.41", z: "203.0.113.43", y: "203.0.113.10"} {
		if got := host(outside.transferBytes(1000, ns, h.out, "203.0.113.1:5001", "203.0.113.1:5001")); got != as {
			t.Errorf("%s goes out as %s, want %s", ns, got, as)
		}
	}
	if got := seen.ports(movingMAC); !slices.Equal(got, []string{"public2"}) {
		t.Errorf("the gateway's MAC comes from %v", got)
	}
	// The agent comes back with what it knew: that is no reason to take it.
	l.dp = l.open()
	report := l.apply()
	if !slices.Equal(report.Yielded, []string{"r"}) {
		t.Errorf("the host does not know that it gave way: %+v", report)
	}
	seen.forget()
	outside.run(h.out, "ip neigh flush dev eth0")
	outside.ping(h.out, "203.0.113.10")
	outside.ping(y, "198.51.100.1")
	if got := seen.ports(movingMAC); !slices.Equal(got, []string{"public2"}) {
		t.Errorf("after its agent came back, the gateway's MAC comes from %v", got)
	}
	// The cloud gives it back.
	moves(3, 2)
	h.gateway["r"] = 0
	h.apply()
	if report, err := l.dp.Resync(t.Context()); err != nil || len(report.Yielded) != 0 {
		t.Errorf("it still gives way: %+v, %v", report, err)
	}
	seen.forget()
	for _, ns := range []string{b, z, y} {
		outside.eventually("new connections go out again", h.reach(ns, "198.51.100.1"))
	}
	outside.ping(h.out, "203.0.113.10")
	if got := seen.ports(movingMAC); !slices.Equal(got, []string{"public0"}) {
		t.Errorf("after it was given back, the gateway's MAC comes from %v", got)
	}
}

func TestConflictIsToldAndChangesNothing(t *testing.T) {
	t.Parallel()
	h, b, _, _ := moving(t)
	h.apply()
	l := h.all[0]
	l.eventually("the outside answers", h.reach(b, "198.51.100.1"))
	l.unsolicited(h.out, "203.0.113.10")
	report, err := l.dp.Resync(t.Context())
	if err != nil || len(report.Conflicts) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	c := report.Conflicts[0]
	if c.Network != "ext" || c.Router != "r" || c.Address.String() != "203.0.113.10" || c.MAC.String() == movingMAC {
		t.Errorf("the conflict is %+v", c)
	}
	if l.drops("", "address-conflict") == 0 {
		t.Error("the conflict is not counted")
	}
	l.ping(h.out, "203.0.113.10")
	l.ping(b, "198.51.100.1")
}
