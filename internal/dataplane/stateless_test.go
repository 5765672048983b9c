package dataplane

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
)

// In a stateless group an answer is a packet like any other: what nothing
// allows is dropped, whoever began, and nothing is kept of what passed.
func TestStatelessGroups(t *testing.T) {
	t.Parallel()
	state := benchState()
	out := state.SecurityGroups["g"]
	from := intent.Rule{ID: "in", Direction: intent.Ingress, RemotePrefix: netip.MustParsePrefix("10.0.0.11/32")}
	echo := frame(eth(macB, macA, layers.EthernetTypeIPv4), ip4("10.0.0.11", "10.0.0.10", layers.IPProtocolICMPv4), &layers.ICMPv4{Id: 9}, gopacket.Payload("0123456789"))
	answer := udp4(macB, macA, "10.0.0.11", "10.0.0.10", 2, 1)
	b := newBench(t, state)
	ask := func() {
		t.Helper()
		if v, _ := b.run("from_guest", "a", 0, udp4(macA, macB, "10.0.0.10", "10.0.0.11", 1, 2)); v != actRedirect {
			t.Fatalf("what a guest sends: verdict %d", v)
		}
	}
	for _, step := range []struct {
		name      string
		stateless bool
		rules     []intent.Rule
		reason    string // of dropping the answer; empty: it passes
	}{
		{"stateful", false, out.Rules, ""},
		{"stateless, without a rule for answers", true, out.Rules, "no-rule-in"},
		{"stateless, with one", true, append([]intent.Rule{from}, out.Rules...), ""},
		{"stateless again, without", true, out.Rules, "no-rule-in"},
		{"stateful again", false, out.Rules, ""},
	} {
		g := out
		g.Stateless, g.Rules = step.stateless, step.rules
		state.SecurityGroups["g"] = g
		b.apply(state)
		ask()
		want := uint32(actOK)
		if step.reason != "" {
			want = actShot
		}
		before := b.drops("a", step.reason)
		if v, _ := b.run("to_guest", "a", markForwarded, answer); v != want || step.reason != "" && b.drops("a", step.reason) != before+1 {
			t.Errorf("%s: verdict %d on an answer, want %d", step.name, v, want)
		}
		if step.stateless && step.reason == "" { // to a question that nobody asked: only the rule counts
			if v, _ := b.run("to_guest", "a", markForwarded, echo); v != actOK {
				t.Errorf("%s: verdict %d on an echo reply", step.name, v)
			}
			b.restart()
			b.apply(state)
			if v, _ := b.run("to_guest", "a", markForwarded, echo); v != actOK {
				t.Errorf("%s: verdict %d on an echo reply behind a restart", step.name, v)
			}
		}
	}
}
