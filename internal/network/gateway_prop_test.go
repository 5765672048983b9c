package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whoever is chosen is ready, wanted and has the network, and nobody else who
// could be is on more of the networks behind the router, has fewer gateways, or
// as many and an earlier name.
func TestChoose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := drawCandidates(t)
		g := gateway{
			NetworkID: "net", NetworkType: rapid.SampledFrom([]string{TypeLocal, TypeFlat, TypeVLAN, TypeGRE, TypeVXLAN}).Draw(t, "type"),
			PhysicalNetwork: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "physical"),
			inner:           rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}}).Draw(t, "inner"),
		}
		refused := rapid.SampledFrom(all).Draw(t, "refused").host
		got := choose(all, &g, func(host string) bool { return host == refused })
		could := func(c *candidate) bool {
			if !c.ready || c.host == refused {
				return false
			}
			switch g.NetworkType {
			case TypeFlat, TypeVLAN:
				return c.physical[g.PhysicalNetwork]
			case TypeGRE, TypeVXLAN:
				return c.endpoint != "" || len(all) == 1
			}
			return c.locals["net"] || !slices.ContainsFunc(all, func(other *candidate) bool { return other.locals["net"] })
		}
		if got != nil && !could(got) {
			t.Fatalf("chose %+v for %+v, which cannot be", got, g)
		}
		for _, c := range all {
			if could(c) && (got == nil || c.lacks(&g) < got.lacks(&g) || c.lacks(&g) == got.lacks(&g) && (c.load < got.load || c.load == got.load && c.host < got.host)) {
				t.Fatalf("chose %+v, although there is %+v", got, c)
			}
		}
	})
}

func drawCandidates(t *rapid.T) []*candidate {
	all := make([]*candidate, rapid.IntRange(1, 6).Draw(t, "hosts"))
	for i := range all {
		all[i] = &candidate{
			host: fmt.Sprintf("host-%d", i), ready: rapid.Bool().Draw(t, "ready"), load: rapid.IntRange(0, 3).Draw(t, "load"), locals: map[string]bool{},
			hostFacts: hostFacts{physical: map[string]bool{}},
		}
		for _, name := range []string{"a", "b"} {
			all[i].physical[name] = rapid.Bool().Draw(t, name)
		}
		all[i].locals["net"] = rapid.IntRange(0, 4).Draw(t, "local") == 0
		if rapid.Bool().Draw(t, "tunnels") {
			all[i].endpoint = fmt.Sprintf("192.0.2.%d", i+1)
		}
	}
	return all
}

// However many gateways are placed on hosts that can carry all of them, no
// host has more than one more than another, and the order does not matter.
func TestPlaceIsBalanced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(1, 8).Draw(t, "hosts")
		fresh := func() []*candidate {
			all := make([]*candidate, number)
			for i := range all {
				all[i] = &candidate{host: fmt.Sprintf("host-%d", i), ready: true, hostFacts: hostFacts{physical: map[string]bool{"a": true}}}
			}
			return all
		}
		gateways := make([]gateway, rapid.IntRange(0, 60).Draw(t, "gateways"))
		for i := range gateways {
			gateways[i] = gateway{RouterID: fmt.Sprintf("router-%02d", i), NetworkType: TypeFlat, PhysicalNetwork: "a"}
		}
		all := fresh()
		moves := place(all, slices.Clone(gateways), nil)
		least := slices.MinFunc(all, func(a, b *candidate) int { return a.load - b.load }).load
		most := slices.MaxFunc(all, func(a, b *candidate) int { return a.load - b.load }).load
		if len(moves) != len(gateways) || most-least > 1 {
			t.Fatalf("%d of %d gateways placed, %d to %d on a host", len(moves), len(gateways), least, most)
		}
		other := rapid.Permutation(gateways).Draw(t, "order")
		if again := place(fresh(), other, nil); fmt.Sprint(again) != fmt.Sprint(moves) {
			t.Fatalf("in another order: %v, not %v", again, moves)
		}
		// All go off a host that is lost, and none to it.
		for i := range gateways {
			gateways[i].Host = moves[gateways[i].RouterID]
		}
		lost := all[0].host
		gateways = slices.DeleteFunc(gateways, func(g gateway) bool { return g.Host != lost })
		for router, to := range place(all, gateways, map[string]bool{lost: true}) {
			if to == lost || !strings.HasPrefix(router, "router-") {
				t.Fatalf("%s went to %s, which is lost", router, to)
			}
		}
	})
}
