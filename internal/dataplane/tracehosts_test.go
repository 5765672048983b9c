package dataplane_test

import (
	"net/netip"
	"testing"

	"wisp/internal/dataplane"
)

// A trace tells to which host a packet is handed over, and that it is not
// translated on this one.
func TestTraceBetweenHosts(t *testing.T) {
	t.Parallel()
	h, _ := carriers(t)
	outside := netip.MustParseAddr("203.0.113.1")
	for _, x := range []struct {
		what     string
		at       int
		port, to string
		src      string
		host     int // -1: none
	}{
		{"shared address, from a wire", 1, "v", "203.0.113.1", "10.0.2.11", 0},
		{"shared address, from a tunnel", 1, "b", "203.0.113.1", "10.0.4.11", 0},
		{"floating IP at the gateway", 1, "vf", "203.0.113.1", "10.0.2.12", 0},
		{"floating IP at another router's gateway", 1, "gf", "203.0.113.1", "10.0.2.11", 2},
		{"a local network elsewhere", 2, "c", "10.0.6.11", "10.0.4.14", 1},
		{"a wire that this host has not", 2, "c", "10.0.2.11", "10.0.4.14", 1},
		{"nobody on a wire that this host has not", 2, "c", "10.0.2.200", "10.0.4.14", 1},
		{"a tunnel's other end, routed", 1, "v", "10.0.4.14", "10.0.2.11", 2},
		{"a tunnel's other end", 1, "b", "10.0.4.14", "10.0.4.11", 2},
		{"the wire", 1, "v", "10.0.1.10", "10.0.2.11", -1},
	} {
		steps, err := h.all[x.at].dp.Trace(t.Context(), x.port, dataplane.Probe{To: netip.MustParseAddr(x.to), Protocol: 17, DstPort: 53})
		if err != nil || len(steps) != 1 || steps[0].Verdict != dataplane.Forwarded {
			t.Errorf("%s: %+v, %v", x.what, steps, err)
			continue
		}
		want := netip.Addr{}
		if x.host >= 0 {
			want = h.address(x.host)
		}
		if s := steps[0]; s.Host != want || s.Src.Addr().String() != x.src || s.Dst.Addr().String() != x.to {
			t.Errorf("%s: %s to %s by %v, want from %s by %v", x.what, s.Src, s.Dst, s.Host, x.src, want)
		}
	}
	// Where it is served, it is translated.
	l := h.all[2]
	h.all[0].eventually("the outside is resolved", func() bool {
		_, err := l.try(l.cfg.Prefix+"gcf", "ping -n -c 1 -W 1 203.0.113.1")
		return err == nil
	})
	steps, err := l.dp.Trace(t.Context(), "cf", dataplane.Probe{To: outside, Protocol: 17, DstPort: 53})
	if err != nil || len(steps) != 1 || steps[0].Src.Addr().String() != "203.0.113.43" || steps[0].Host.IsValid() {
		t.Errorf("a floating IP at its own host: %+v, %v", steps, err)
	}
}
