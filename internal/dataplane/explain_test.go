package dataplane

import (
	"context"
	"net/netip"
	"testing"

	"wisp/internal/errs"
)

func TestTraceTellsEachStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	to := netip.MustParseAddr
	for _, c := range []struct {
		name, port string
		probe      Probe
		want       []Step
	}{
		{"accepted", "a", Probe{To: to("10.0.0.11"), Protocol: protoTCP, SrcPort: 1, DstPort: 22}, []Step{
			{Program: "from_guest", Port: "a", Verdict: Forwarded}, {Program: "to_guest", Port: "b", Verdict: Accepted}}},
		{"no rule in", "b", Probe{To: to("10.0.0.10"), Protocol: protoTCP, SrcPort: 1, DstPort: 22}, []Step{
			{Program: "from_guest", Port: "b", Verdict: Forwarded},
			{Program: "to_guest", Port: "a", Verdict: Dropped, Reason: "no-rule-in"}}},
		{"routed", "a", Probe{To: to("10.0.1.12"), Protocol: protoICMP}, []Step{
			{Program: "from_guest", Port: "a", Verdict: Forwarded}, {Program: "to_guest", Port: "c", Verdict: Accepted}}},
		{"no rule out", "a", Probe{To: to("192.0.2.1"), Protocol: protoUDP}, []Step{
			{Program: "from_guest", Port: "a", Verdict: Dropped, Reason: "no-rule-out"}}},
		{"unreachable", "b", Probe{To: to("192.0.2.1"), Protocol: protoUDP}, []Step{
			{Program: "from_guest", Port: "b", Verdict: Forwarded, Reason: "no-route"},
			{Program: "to_guest", Port: "b", Verdict: Accepted}}},
		{"IPv6", "a", Probe{To: to("fd00::11"), Protocol: protoICMPv6}, []Step{
			{Program: "from_guest", Port: "a", Verdict: Forwarded}, {Program: "to_guest", Port: "b", Verdict: Accepted}}},
	} {
		got, err := b.dp.Trace(t.Context(), c.port, c.probe)
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
			continue
		}
		for i, s := range got {
			s.Frame = nil
			if w := c.want[i]; s.Program != w.Program || s.Port != w.Port || s.Verdict != w.Verdict || s.Reason != w.Reason {
				t.Errorf("%s: step %d is %+v, want %+v", c.name, i, s, w)
			}
		}
	}
	if _, err := b.dp.Trace(t.Context(), "nobody", Probe{To: to("10.0.0.1")}); !errs.Is(err, errs.NotFound) {
		t.Errorf("unknown port: %v", err)
	}
	if _, err := b.dp.Trace(t.Context(), "c", Probe{To: to("fd00::1")}); !errs.Is(err, errs.Invalid) {
		t.Errorf("no address of that version: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.dp.Trace(gone, "a", Probe{To: to("10.0.0.11")}); err == nil {
		t.Error("a cancelled trace succeeds")
	}
}

func TestDumpIsReadable(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	b.run("from_guest", "a", 0, udp4(macA, macB, "10.0.0.10", "10.0.0.11", 40, 50))
	dump, err := b.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	has := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("the dump lacks %s: %+v", what, dump)
		}
	}
	any := func(n int, f func(i int) bool) bool {
		for i := range n {
			if f(i) {
				return true
			}
		}
		return false
	}
	has("the place of b", any(len(dump.Places), func(i int) bool {
		p := dump.Places[i]
		return p.Network == "n" && p.Address.String() == "10.0.0.11" && p.Kind == "local" && p.Name == "b" && p.MAC.String() == macB
	}))
	has("the rule", any(len(dump.Rules), func(i int) bool {
		r := dump.Rules[i]
		return r.Direction == "egress" && r.Remote.String() == "10.0.0.0/8" && len(r.Ports) == 1 && r.Ports[0] == "a"
	}))
	has("the route", any(len(dump.Routes), func(i int) bool {
		r := dump.Routes[i]
		return r.Router == "r" && r.Destination.String() == "10.0.1.0/24" && r.Network == "m" && r.Leg.String() == "10.0.1.1"
	}))
	has("the connection", any(len(dump.Connections), func(i int) bool {
		c := dump.Connections[i]
		return c.Port == "a" && c.Local.String() == "10.0.0.10:40" && c.Remote.String() == "10.0.0.11:50" && c.State == "new"
	}))
}
