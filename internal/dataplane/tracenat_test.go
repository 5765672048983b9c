package dataplane_test

import (
	"net/netip"
	"testing"

	"wisp/internal/dataplane"
)

// A traced packet to the outside is translated as a real one, asks nobody,
// and leaves no translation behind.
func TestTraceToTheOutside(t *testing.T) {
	t.Parallel()
	l, _, _, _, _ := natLab(t)
	outside := netip.MustParseAddr("203.0.113.1")
	trace := func(port string, probe dataplane.Probe) []dataplane.Step {
		t.Helper()
		steps, err := l.dp.Trace(t.Context(), port, probe)
		if err != nil || len(steps) == 0 {
			t.Fatalf("%+v: %v, %v", probe, steps, err)
		}
		return steps
	}
	before, err := l.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range []dataplane.Probe{{To: outside, Protocol: 6, SrcPort: 1234, DstPort: 80}, {To: outside, Protocol: 1}, {To: outside, Protocol: 17, DstPort: 53}} {
		steps := trace("a", probe)
		if len(steps) != 1 || steps[0].Verdict != dataplane.Forwarded || steps[0].Src.Addr() != netip.MustParseAddr("203.0.113.10") {
			t.Errorf("%+v left as %+v", probe, steps)
		}
	}
	nobody := trace("a", dataplane.Probe{To: netip.MustParseAddr("203.0.113.99"), Protocol: 17, DstPort: 53})
	if len(nobody) != 1 || nobody[0].Reason != "unresolved" {
		t.Errorf("to an address that nobody was asked for: %+v", nobody)
	}
	own := trace("b", dataplane.Probe{To: outside, Protocol: 1})
	if own[0].Src.Addr() != netip.MustParseAddr("203.0.113.20") {
		t.Errorf("with a floating IP: %+v", own)
	}
	inward := trace("a", dataplane.Probe{To: netip.MustParseAddr("203.0.113.30"), Protocol: 1})
	if len(inward) != 2 || inward[1].Port != "c" || inward[1].Dst.Addr() != netip.MustParseAddr("10.0.1.10") {
		t.Errorf("to a floating IP of the other project: %+v", inward)
	}
	after, err := l.dp.Dump()
	if err != nil || len(after.Translations) != len(before.Translations) || len(after.Connections) != len(before.Connections) || len(after.Neighbours) != len(before.Neighbours) {
		t.Errorf("the tables hold %+v, %+v and %+v, %v", after.Translations, after.Connections, after.Neighbours, err)
	}
}
