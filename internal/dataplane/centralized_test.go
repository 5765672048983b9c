package dataplane_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A floating IP may be served by the gateway's host although the port's own has
// the external network too: then no packet of it uses that host's wire.
func TestFloatingIPAtGateway(t *testing.T) {
	t.Parallel()
	h := newHosts(t, []string{wirePublic}, []string{wirePublic})
	a := h.guest(1, "a", "blue", 1, "10.0.1.10")
	h.leg("r", "blue", 1, "10.0.1.0/24")
	h.external("r", 0, 10, fip("f", "203.0.113.20", "10.0.1.10", "a"))
	for at, l := range h.all {
		h.tell(at)
		r := l.state.Routers["r"]
		r.FloatingIPs = slices.Clone(r.FloatingIPs)
		r.FloatingIPs[0].Served, r.FloatingIPs[0].Endpoint = at == 0, netip.Addr{}
		if at != 0 {
			r.FloatingIPs[0].Endpoint = h.address(0)
		}
		l.state.Routers["r"] = r
		l.applyClean()
	}
	near, far := h.all[0], h.all[1]
	far.eventually("the outside is resolved", func() bool { return far.reaches(a, "203.0.113.1") })
	near.ping(h.out, "203.0.113.20")
	if got := host(far.transferBytes(1<<16, a, h.out, "203.0.113.1:5001", "203.0.113.1:5001")); got != "203.0.113.20" {
		t.Errorf("seen as %s", got)
	}
	sent := func() (n int) {
		n, _ = strconv.Atoi(strings.TrimSpace(far.run(far.name, "cat /sys/class/net/public0/statistics/tx_packets")))
		return n
	}
	before := sent() // the host itself may say something there too
	near.run(h.out, "ping -n -c 9 -i 0.2 -W 2 203.0.113.20")
	if after := sent(); after-before >= 9 {
		t.Errorf("the port's host sent %d packets to its own wire", after-before)
	}
}
