package dataplane_test

import (
	"net/netip"
	"testing"

	"wisp/internal/dataplane/intent"
)

// An external network may be one of the cloud's own, in tunnels: then no host
// has an interface that leads outside, and every address has its place.
func TestExternalNetworkInTunnels(t *testing.T) {
	t.Parallel()
	h := newHosts(t, nil, []string{wireTenant}, nil)
	h.networks["ext"] = intent.Network{ID: "ext", Type: intent.TypeVXLAN, SegmentationID: 300, MTU: 1450}
	out := h.guest(2, "out", "ext", 9, "203.0.113.1")
	b := h.guest(1, "b", "blue", 1, "10.0.4.11")
	f := h.guest(1, "f", "ten", 2, "10.0.2.11")
	h.leg("r", "blue", 1, "10.0.4.0/24")
	h.leg("r", "ten", 2, "10.0.2.0/24")
	h.external("r", 0, 10, fip("ff", "203.0.113.20", "10.0.2.11", "f")) // at the gateway
	h.apply()
	h.all[2].run(out, "ip route del default") // it is the outside
	for ns, as := range map[string]string{b: "203.0.113.10", f: "203.0.113.20"} {
		h.all[1].ping(ns, "203.0.113.1")
		if got := h.reaches(ns, out, "203.0.113.1:5001", "203.0.113.1:5001"); got != as {
			t.Errorf("%s goes out as %s, want %s", ns, got, as)
		}
	}
	h.all[2].ping(out, "203.0.113.10")
	if got := h.reaches(out, f, "10.0.2.11:5002", "203.0.113.20:5002"); got != "203.0.113.1" {
		t.Errorf("the floating IP is reached by %s", got)
	}
	h.all[1].ping(b, "203.0.113.20")
	h.all[1].ping(f, "203.0.113.20")
	// At the port's own host, which another one's guests find.
	for i, l := range h.all {
		r := l.state.Routers["r"]
		r.FloatingIPs[0].Served, r.FloatingIPs[0].Endpoint = i == 1, netip.Addr{}
		if i != 1 {
			r.FloatingIPs[0].Endpoint = h.address(1)
		}
		l.state.Routers["r"] = r
		l.applyClean()
	}
	h.all[2].run(out, "ip neigh flush dev eth0")
	if got := h.reaches(out, f, "10.0.2.11:5003", "203.0.113.20:5003"); got != "203.0.113.1" {
		t.Errorf("the floating IP at its own host is reached by %s", got)
	}
	if got := h.reaches(f, out, "203.0.113.1:5004", "203.0.113.1:5004"); got != "203.0.113.20" {
		t.Errorf("with a floating IP at its own host, it goes out as %s", got)
	}
	h.all[1].ping(b, "203.0.113.20")
}
