package dataplane_test

import (
	"fmt"
	"strings"
	"testing"
)

// outward is a guest with how the outside sees it.
type outward struct {
	someone
	id       string
	floating string // its own address; empty when it has none
	shared   string // of its router
}

func (o outward) as() string {
	if o.floating != "" {
		return o.floating
	}
	return o.shared
}

// carriers: host 0 has all wires and r's gateway, host 1 only tenants', host 2
// only the outside and s's gateway. All types of network are behind r.
func carriers(t *testing.T) (*hosts, []outward) {
	t.Helper()
	h := newHosts(t, []string{wirePublic, wireTenant, wireFlat}, []string{wireTenant, wireFlat}, []string{wirePublic})
	var all []outward
	add := func(at int, id, network string, n int, address, floating, shared string) {
		all = append(all, outward{someone{at, h.guest(at, id, network, n, address), address}, id, floating, shared})
	}
	const r, s = "203.0.113.10", "203.0.113.11"
	add(1, "v", "ten", 1, "10.0.2.11", "", r)
	add(1, "vf", "ten", 2, "10.0.2.12", "203.0.113.22", r) // at the gateway, from a wire
	add(1, "b", "blue", 3, "10.0.4.11", "", r)
	add(1, "bf", "blue", 4, "10.0.4.12", "203.0.113.42", r) // at the gateway, from a tunnel
	add(2, "cf", "blue", 5, "10.0.4.13", "203.0.113.43", r) // at its own host
	add(2, "c", "blue", 6, "10.0.4.14", "", r)
	add(0, "ef", "plain", 7, "10.0.1.10", "203.0.113.50", r) // its own host is the gateway's
	add(1, "lf", "here", 8, "10.0.6.11", "203.0.113.60", r)
	add(1, "gf", "red", 9, "10.0.2.11", "203.0.113.70", s) // another router, an address that v has
	for i, network := range []string{"plain", "ten", "twenty", "blue"} {
		h.leg("r", network, i+1, fmt.Sprintf("10.0.%d.0/24", i+1))
	}
	h.leg("r", "here", 6, "10.0.6.0/24")
	h.leg("s", "red", 7, "10.0.2.0/24")
	h.external("r", 0, 10)
	h.external("s", 2, 11)
	for _, o := range all {
		if o.floating != "" {
			name := map[string]string{r: "r", s: "s"}[o.shared]
			router := h.routers[name]
			router.FloatingIPs = append(router.FloatingIPs, fip("f"+o.id, o.floating, o.address, o.id))
			h.routers[name] = router
		}
	}
	h.apply()
	return h, all
}

// settle waits until every guest reaches the outside: ARP is asked on the way.
func (h *hosts) settle(all []outward) {
	h.t.Helper()
	for _, o := range all {
		l := h.all[o.at]
		l.eventually(o.id+" reaches the outside\n"+h.everyCounter(), func() bool {
			_, err := l.try(o.ns, "ping -n -c 1 -W 1 198.51.100.1")
			return err == nil
		})
	}
}

func (h *hosts) everyCounter() string {
	var b strings.Builder
	for i, l := range h.all {
		fmt.Fprintf(&b, "host %d:\n%s", i, l.counters())
	}
	return b.String()
}

// reaches sends some bytes both ways and tells as whom the receiver sees the sender.
func (h *hosts) reaches(from, to, listen, dial string) string {
	h.t.Helper()
	return host(h.all[0].transferBytes(100_000, from, to, listen, dial))
}

func TestCarriersOfAddresses(t *testing.T) {
	t.Parallel()
	h, all := carriers(t)
	seen := h.sniff()
	h.settle(all)
	for i, o := range all {
		if got := h.reaches(o.ns, h.out, "203.0.113.1:5001", "203.0.113.1:5001"); got != o.as() {
			t.Errorf("%s goes out as %s, want %s", o.id, got, o.as())
		}
		if !h.all[o.at].refused(o.ns, "203.0.113.1:9") {
			t.Errorf("%s: no port unreachable from the outside\n%s", o.id, h.everyCounter())
		}
		if o.floating == "" {
			continue
		}
		port := fmt.Sprint(":", 6000+i)
		if got := h.reaches(h.out, o.ns, o.address+port, o.floating+port); got != "203.0.113.1" {
			t.Errorf("from outside, %s sees %s", o.id, got)
		}
		if !h.all[0].refused(h.out, o.floating+":9") {
			t.Errorf("%s: no port unreachable to the outside\n%s", o.id, h.everyCounter())
		}
		h.all[0].ping(h.out, o.floating)
	}
	for _, from := range all {
		for i, to := range all {
			if to.floating == "" {
				continue
			}
			port := fmt.Sprint(":", 7000+i)
			if from.id == to.id {
				h.all[from.at].ping(from.ns, to.floating) // itself
				continue
			}
			h.all[from.at].eventually(from.id+" reaches "+to.id, func() bool { // ARP first
				_, err := h.all[from.at].try(from.ns, "ping -n -c 1 -W 1 "+to.floating)
				return err == nil
			})
			if got := h.reaches(from.ns, to.ns, to.address+port, to.floating+port); got != from.as() {
				t.Errorf("%s comes to %s as %s, want %s", from.id, to.id, got, from.as())
			}
			if !h.all[from.at].refused(from.ns, to.floating+":9") {
				t.Errorf("%s to %s: no port unreachable\n%s", from.id, to.id, h.everyCounter())
			}
		}
	}
	if all := seen.wandering(); len(all) != 0 {
		t.Errorf("MACs that came from several ports of a switch: %v", all)
	}
}
