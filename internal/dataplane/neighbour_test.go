package dataplane_test

import (
	"os/exec"
	"testing"

	"wisp/internal/dataplane/intent"
)

func TestNeighbourIsFoundWhileProcessIsDead(t *testing.T) {
	t.Parallel()
	l := newLab(t, physical)
	out := l.outside()
	a, _ := l.twoNets()
	l.gateway("r", "203.0.113.10/24")
	l.applyClean()
	if err := l.dp.Close(); err != nil {
		t.Fatal(err)
	}
	reach := func(addr string) func() bool {
		return func() bool {
			_, err := l.try(a, "ping -n -c 1 -W 1 "+addr)
			return err == nil
		}
	}
	// A neighbour that nobody asked for before.
	l.run(out, "ip addr add 203.0.113.77/24 dev eth0")
	l.eventually("a new neighbour answers", reach("203.0.113.77"))
	// It moves to another MAC and says so.
	l.run(out, "ip link set eth0 address 02:00:00:00:77:77")
	l.unsolicited(out, "203.0.113.77")
	l.eventually("a moved neighbour answers", reach("203.0.113.77"))
	l.dp = l.open()
	dump, err := l.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, n := range dump.Neighbours {
		found = found || n.Address.String() == "203.0.113.77" && n.MAC.String() == "02:00:00:00:77:77" && n.Network == "ext"
	}
	if !found {
		t.Errorf("the neighbour is not in the dump: %+v", dump.Neighbours)
	}
}

// unsolicited tells everybody where an address is now.
func (l *lab) unsolicited(ns, addr string) {
	l.t.Helper()
	if _, err := exec.LookPath("arping"); err != nil {
		l.t.Skip("needs the arping command")
	}
	// It fails when nobody answers, and nobody should.
	_, _ = l.try(ns, "arping -q -U -c 1 -i eth0 -S "+addr+" "+addr)
}

func TestAddressOfAllowedPairMoves(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.twoNets()
	shared := []intent.AddressPair{{Prefix: prefixes("10.0.1.100/32")[0]}}
	p := l.port("m", "one", "fa:16:3e:00:00:21", "10.0.1.21")
	p.AllowedAddressPairs = shared
	m := l.guest(p, 24, "10.0.1.1")
	p = l.port("n", "one", "fa:16:3e:00:00:22", "10.0.1.22")
	p.AllowedAddressPairs = shared
	n := l.guest(p, 24, "10.0.1.1")
	l.applyClean()
	reach := func(ns string) func() bool {
		return func() bool {
			_, err := l.try(ns, "ping -n -c 1 -W 1 10.0.1.100")
			return err == nil
		}
	}
	l.run(m, "ip addr add 10.0.1.100/32 dev eth0")
	l.eventually("the address answers on its network", reach(a))
	l.eventually("the address answers to a router", reach(b))
	l.run(m, "ip addr del 10.0.1.100/32 dev eth0")
	l.run(n, "ip addr add 10.0.1.100/32 dev eth0")
	l.unsolicited(n, "10.0.1.100")
	l.eventually("the moved address answers to a router", reach(b))
	l.run(a, "ip neigh flush dev eth0")
	l.eventually("the moved address answers on its network", reach(a))
	if l.drops("m", "spoofed-ip")+l.drops("n", "spoofed-ip") != 0 {
		t.Error("packets of an allowed pair were dropped")
	}
}
