package dataplane

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"wisp/internal/dataplane/intent"
)

// TestS40_AnyRulesCompile throws rules of all kinds at the compiler: each is
// expressed exactly or refused, and a good one beside them is there.
func TestS40_AnyRulesCompile(t *testing.T) {
	t.Parallel()
	number := rapid.Ptr(rapid.Uint16(), true)
	rapid.Check(t, func(t *rapid.T) {
		var rules []intent.Rule
		for i := range rapid.IntRange(0, 20).Draw(t, "rules") {
			r := intent.Rule{
				ID: "r" + string(rune('a'+i)), IPv6: rapid.Bool().Draw(t, "v6"),
				Direction: rapid.SampledFrom([]string{intent.Ingress, intent.Egress, "", "INGRESS"}).Draw(t, "direction"),
				Protocol:  rapid.SampledFrom([]uint8{0, 1, 6, 17, 33, 50, 58, 112, 132, 136, 255}).Draw(t, "protocol"),
				PortMin:   number.Draw(t, "min"), PortMax: number.Draw(t, "max"),
				RemoteGroup: rapid.SampledFrom([]string{"", "g", "missing"}).Draw(t, "group"),
			}
			if rapid.Bool().Draw(t, "prefix") {
				b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")
				r.RemotePrefix = netip.PrefixFrom(netip.AddrFrom4([4]byte(b)), rapid.IntRange(0, 32).Draw(t, "bits"))
			}
			rules = append(rules, r)
		}
		rules = append(rules, intent.Rule{ID: "good", Direction: intent.Ingress, Protocol: protoTCP})
		state := intent.State{SecurityGroups: map[string]intent.SecurityGroup{"g": {ID: "g", Rules: rules}}}
		names, want := newIDs(nil), newWanted()
		names.begin()
		groups := newGroupCompiler(newTables(nil))
		set, err := groups.rulesetOf([]string{"g"}, names)
		if err != nil {
			t.Fatal(err)
		}
		refused := groups.compile(state, names, want)
		if refused["good"] != nil {
			t.Fatalf("the good rule was refused: %v", refused["good"])
		}
		made := map[bpfRule]bool{}
		for k, r := range want.rules {
			if k.Ruleset != set || k.Version != want.rulesets[set].Version {
				t.Fatalf("a rule is where nobody looks: %+v", k)
			}
			made[r] = true
		}
		for _, r := range rules {
			if refused[r.ID] != nil {
				continue
			}
			out, err := compileRule(r)
			if err != nil {
				t.Fatalf("%+v was not refused: %v", r, err)
			}
			if r.RemoteGroup != "" {
				out.Group = names.byName[mustKey(kindGroup, r.RemoteGroup)]
			}
			if !made[out] {
				t.Fatalf("%+v was neither made nor refused", r)
			}
			narrow := (r.PortMin == nil && r.PortMax == nil || out.Flags&(rulePortRange|ruleType) != 0) &&
				(!r.RemotePrefix.IsValid() || out.Flags&rulePrefix != 0) &&
				(r.RemoteGroup == "" || out.Flags&ruleGroup != 0 && out.Group != 0) && (r.Protocol == 0) == (out.Proto == 0)
			if !narrow {
				t.Fatalf("%+v became wider: %+v", r, out)
			}
		}
	})
}

func mustKey(kind uint32, name string) bpfIdKey {
	k, err := idKey(kind, name)
	if err != nil {
		panic(err)
	}
	return k
}
