package dataplane_test

import (
	"testing"
)

// scope puts a network into address scopes.
func (l *lab) scope(network, four, six string) {
	n := l.state.Networks[network]
	n.Scope4, n.Scope6 = four, six
	l.state.Networks[network] = n
}

// reaches tells whether a ping comes back.
func (l *lab) reaches(ns, address string) bool {
	_, err := l.try(ns, "ping -n -c 1 -W 2 "+address)
	return err == nil
}

func TestAddressScopes(t *testing.T) {
	t.Parallel()
	l := newLab(t, physical)
	out := l.outside()
	a, b := l.twoNets()
	l.gateway("r", "203.0.113.10/24")
	l.run(out, "ip route add 10.0.1.0/24 via 203.0.113.10")
	l.run(out, "ip route add 10.0.2.0/24 via 203.0.113.10")
	l.scope("ext", "world", "")
	l.scope("one", "world", "six")
	l.scope("two", "", "six")
	l.applyClean()
	for _, ns := range []string{a, b} {
		l.eventually("the outside is resolved", func() bool { return l.reaches(ns, "203.0.113.1") })
	}

	// Within the scope addresses stay what they are, in both directions.
	for _, x := range []struct{ name, from, to, listen, as string }{
		{"out, in the scope", a, out, "203.0.113.1:5001", "10.0.1.10"},
		{"out, of no scope", b, out, "203.0.113.1:5002", "203.0.113.10"},
		{"in, in the scope", out, a, "10.0.1.10:5003", "203.0.113.1"},
	} {
		if got := host(l.transferBytes(1<<16, x.from, x.to, x.listen, x.listen)); got != x.as {
			t.Errorf("%s: seen as %s, want %s", x.name, got, x.as)
		}
	}
	// From one scope to another nothing passes; the other version of IP has
	// its own.
	if l.reaches(a, "10.0.2.10") || l.reaches(b, "10.0.1.10") {
		t.Error("a router joins two scopes")
	}
	if l.drops("a", "address-scope") == 0 || l.drops("b", "address-scope") == 0 {
		t.Errorf("nobody says why: %s", l.counters())
	}
	if l.reaches(out, "10.0.2.10") {
		t.Error("the outside reaches what is in another scope")
	}
	l.ping(a, "fd02::10")
	l.ping(a, "10.0.2.1") // what is the router's own is asked for, not passed

	// A floating IP leads from any scope to any.
	l.gateway("r", "203.0.113.10/24", fip("f", "203.0.113.20", "10.0.2.10", "b"))
	l.scope("one", "world", "other")
	l.applyClean()
	l.ping(out, "203.0.113.20")
	if got := host(l.transferBytes(1<<16, b, out, "203.0.113.1:5004", "203.0.113.1:5004")); got != "203.0.113.20" {
		t.Errorf("with a floating IP: seen as %s", got)
	}
	if l.reaches(a, "fd02::10") {
		t.Error("a router joins two scopes of IPv6")
	}

	// Without scopes all is as before.
	for _, network := range []string{"ext", "one", "two"} {
		l.scope(network, "", "")
	}
	l.applyClean()
	l.ping(a, "10.0.2.10")
	l.ping(a, "fd02::10")
	if got := host(l.transferBytes(1<<16, a, out, "203.0.113.1:5005", "203.0.113.1:5005")); got != "203.0.113.10" {
		t.Errorf("without scopes: seen as %s", got)
	}
}

// The gateway's host knows the scope of a sender on another host, and where the
// receiver is elsewhere, the sender's host judges.
func TestAddressScopesOnHosts(t *testing.T) {
	t.Parallel()
	h := newHosts(t, []string{wirePublic}, nil)
	for name, scope := range map[string]string{"ext": "world", "blue": "world", "red": ""} {
		n := h.networks[name]
		n.Scope4 = scope
		h.networks[name] = n
	}
	a := h.guest(1, "a", "blue", 1, "10.0.1.10")
	b := h.guest(1, "b", "red", 2, "10.0.2.10")
	c := h.guest(0, "c", "red", 3, "10.0.2.11")
	h.leg("r", "blue", 1, "10.0.1.0/24")
	h.leg("r", "red", 2, "10.0.2.0/24")
	h.external("r", 0, 10)
	h.all[0].run(h.out, "ip route add 10.0.1.0/24 via 203.0.113.10")
	for at := range h.all {
		h.tell(at)
		h.all[at].applyClean()
	}
	near, far := h.all[0], h.all[1]
	far.eventually("a is seen as itself", func() bool { return far.reaches(a, "203.0.113.1") })
	far.eventually("b is translated", func() bool { return far.reaches(b, "203.0.113.1") })
	near.ping(h.out, "10.0.1.10")
	if near.reaches(c, "10.0.1.10") || far.reaches(a, "10.0.2.11") {
		t.Error("a router joins two scopes on two hosts")
	}
	near.ping(c, "10.0.2.10")
}
