package dataplane_test

import (
	"strings"
	"testing"

	"wisp/internal/dataplane/intent"
)

// An address of an allowed pair, which only ARP finds, is found by routers on
// other hosts too, and their questions confuse nobody.
func TestAllowedPairIsRoutedToFromOtherHosts(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"red", "ten"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t, []string{wireTenant}, []string{wireTenant}, nil)
			pair := func(at int, id string, n int, address string) string {
				ns := h.guest(at, id, network, n, address)
				p := h.all[at].state.Ports[id]
				p.AllowedAddressPairs = []intent.AddressPair{{Prefix: prefixes("10.0.2.100/32")[0]}}
				h.all[at].state.Ports[id] = p
				return ns
			}
			m, n := pair(0, "m", 1, "10.0.2.10"), pair(1, "n", 2, "10.0.2.11")
			a := h.guest(1, "a", "blue", 3, "10.0.1.11") // one host has the address's network, and is not its first
			c := h.guest(2, "c", "blue", 4, "10.0.1.12") // one has not even the wire
			h.leg("r", "blue", 1, "10.0.1.0/24")
			h.leg("r", network, 2, "10.0.2.0/24")
			seen := h.sniff()
			h.apply()
			l := h.all[0]
			for _, ns := range []string{m, n} {
				l.ping(ns, "10.0.2.1")
			}
			l.run(m, "ip addr add 10.0.2.100/32 dev eth0")
			for _, ns := range []string{a, c} {
				l.eventually("the address answers to a router elsewhere\n"+h.everyCounter(), h.reach(ns, "10.0.2.100"))
			}
			// It moves, and the routers that ask again find it.
			l.run(m, "ip addr del 10.0.2.100/32 dev eth0")
			l.run(n, "ip addr add 10.0.2.100/32 dev eth0")
			h.all[1].unsolicited(n, "10.0.2.100")
			l.eventually("the moved address answers on its host", h.reach(a, "10.0.2.100"))
			for _, ns := range []string{m, n} {
				if out := l.run(ns, "ip neigh show 10.0.2.1"); !strings.Contains(out, "fa:16:3e:02:00:02") {
					t.Errorf("a neighbour of the router has it at %q", out)
				}
			}
			if all := seen.wandering(); len(all) != 0 {
				t.Errorf("MACs that came from several ports of a switch: %v", all)
			}
		})
	}
}
