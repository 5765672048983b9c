package dataplane

import (
	"context"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"

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

// A trace must leave nothing behind: an entry for a connection that nobody
// began would let strangers' packets in as its answers.
func TestTraceLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	real := udp4(macA, macB, "10.0.0.10", "10.0.0.11", 40, 50)
	b.run("from_guest", "a", 0, real)
	before, err := b.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddr
	probes := []Probe{
		{To: to("10.0.0.11"), Protocol: protoTCP, SrcPort: 1000, DstPort: 22}, {To: to("10.0.0.11"), Protocol: protoUDP, SrcPort: 40, DstPort: 50},
		{To: to("10.0.1.12"), Protocol: protoICMP}, {To: to("fd00::11"), Protocol: protoICMPv6}, {To: to("10.0.0.11"), Protocol: protoSCTP, DstPort: 9},
		{To: to("10.0.0.11"), Protocol: 47}, {To: to("10.9.9.9"), Protocol: protoUDP, DstPort: 53}, {To: to("169.254.169.254"), Protocol: protoTCP, DstPort: 80, SrcPort: 7},
	}
	for _, probe := range probes {
		if _, err := b.dp.Trace(t.Context(), "a", probe); err != nil && probe.To != to("169.254.169.254") {
			t.Fatalf("%+v: %v", probe, err)
		}
	}
	after, err := b.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Connections) != 1 || len(after.Connections) != 1 || before.Connections[0].State != after.Connections[0].State ||
		len(after.Translations) != 0 || len(after.Neighbours) != 0 {
		t.Errorf("the tables hold %+v, %+v and %+v", after.Connections, after.Translations, after.Neighbours)
	}
	services := 0
	if err := each(b.dp.mapNamed("svcs"), func(bpfSvcKey, bpfSvc) { services++ }); err != nil || services != 0 {
		t.Errorf("%d entries of metadata connections, %v", services, err)
	}
	// What answers the traced packets is no reply of anything.
	for _, answer := range [][]byte{
		tcp4(macB, macA, "10.0.0.11", "10.0.0.10", 22, 1000, func(t *layers.TCP) { t.SYN, t.ACK = true, true }),
	} {
		drops := b.drops("a", "no-rule-in")
		if verdict, _ := b.run("to_guest", "a", markForwarded, answer); verdict != actShot || b.drops("a", "no-rule-in") != drops+1 {
			t.Errorf("an answer to a traced packet: verdict %d", verdict)
		}
	}
	// The real connection goes on.
	if verdict, _ := b.run("to_guest", "a", markForwarded, udp4(macB, macA, "10.0.0.11", "10.0.0.10", 50, 40)); verdict != actOK {
		t.Errorf("a reply of the real connection: verdict %d", verdict)
	}
}

func TestTraceRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	to := netip.MustParseAddr
	for name, c := range map[string]struct {
		probe Probe
		kind  errs.Kind
	}{
		"no address":         {Probe{Protocol: protoUDP}, errs.Invalid},
		"everybody":          {Probe{To: to("255.255.255.255"), Protocol: protoUDP}, errs.Invalid},
		"a group":            {Probe{To: to("224.0.0.1"), Protocol: protoUDP}, errs.Invalid},
		"DHCP":               {Probe{To: to("10.0.0.2"), Protocol: protoUDP, SrcPort: 68, DstPort: 67}, errs.Invalid},
		"two versions of IP": {Probe{From: to("10.0.0.10"), To: to("fd00::11"), Protocol: protoUDP}, errs.Invalid},
	} {
		if _, err := b.dp.Trace(t.Context(), "a", c.probe); !errs.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
	none, err := b.dp.Trace(t.Context(), "a", Probe{To: to("192.0.2.1"), Via: to("10.0.0.200"), Protocol: protoUDP})
	if err != nil || len(none) != 1 || none[0].Reason != ReasonNoNeighbour || none[0].Verdict != Dropped {
		t.Errorf("a next hop that nobody has: %+v, %v", none, err)
	}
	steps, err := b.dp.Trace(t.Context(), "a", Probe{From: to("10.0.0.65"), To: to("10.0.0.11"), Via: to("10.0.0.11"), Protocol: protoTCP, SrcPort: 5, DstPort: 6})
	if err != nil || len(steps) != 2 || steps[1].Src.String() != "10.0.0.65:5" || steps[1].Dst.String() != "10.0.0.11:6" {
		t.Errorf("from an allowed address: %+v, %v", steps, err)
	}
	if steps, err = b.dp.Trace(t.Context(), "a", Probe{From: to("10.0.0.66"), To: to("10.0.1.12"), Via: to("10.0.0.1"), Protocol: protoUDP, DstPort: 6}); err != nil || len(steps) != 2 || steps[1].Port != "c" {
		t.Errorf("by the gateway: %+v, %v", steps, err)
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
