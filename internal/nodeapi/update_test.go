package nodeapi

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wisp/internal/dataplane/intent"
)

// genState draws states with few ids and few values, so that two of them
// often share and often differ.
func genState(t *rapid.T, label string) State {
	ids := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	number := rapid.IntRange(0, 2)
	address := netip.MustParseAddr("192.0.2.1")
	var s State
	if rapid.Bool().Draw(t, label+" has instances") {
		s.Instances = rapid.MapOf(ids, rapid.Custom(func(t *rapid.T) Instance {
			i := Instance{ID: "i", Power: PowerRunning, VCPUs: number.Draw(t, "vcpus")}
			if rapid.Bool().Draw(t, "image") {
				i.Image = &Image{ID: "image", Size: int64(number.Draw(t, "size"))}
			}
			return i
		})).Draw(t, label+" instances")
	}
	if rapid.Bool().Draw(t, label+" has leases") {
		s.Leases = rapid.MapOf(ids, rapid.Custom(func(t *rapid.T) Lease {
			l := Lease{Seconds: number.Draw(t, "seconds"), Address: netip.PrefixFrom(address, 24)}
			if rapid.Bool().Draw(t, "gateway") {
				l.Gateway = address
			}
			return l
		})).Draw(t, label+" leases")
	}
	s.Network.Networks = rapid.MapOf(ids, rapid.Map(number, func(n int) intent.Network { return intent.Network{MTU: n} })).Draw(t, label+" networks")
	s.Network.Ports = rapid.MapOf(ids, rapid.Map(number, func(n int) intent.Port {
		return intent.Port{MAC: string(rune('a' + n)), Addresses: []netip.Addr{address}[:n%2]}
	})).Draw(t, label+" ports")
	s.Network.Routers = rapid.MapOf(ids, rapid.Map(number, func(n int) intent.Router { return intent.Router{Enabled: n == 1} })).Draw(t, label+" routers")
	s.Network.SecurityGroups = rapid.MapOf(ids, rapid.Map(number, func(n int) intent.SecurityGroup {
		return intent.SecurityGroup{Rules: make([]intent.Rule, n)}
	})).Draw(t, label+" groups")
	s.Fenced = rapid.MapOf(ids, rapid.Map(number, func(n int) Fence { return Fence{Since: time.Unix(int64(n), 0).UTC()} })).Draw(t, label+" fenced")
	s.FenceSeconds = 1 + number.Draw(t, label+" fence") // a server always says it
	return s
}

// canonical is a state with nil instead of empty maps.
func canonical(s State) State { return State{}.Apply(Update{Full: true, State: s}) }

func TestDiffApplyProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genState(t, "a"), genState(t, "b")
		before, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		u := Diff(a, b)
		if got := a.Apply(u); !reflect.DeepEqual(got, canonical(b)) {
			t.Fatalf("apply(diff(a, b)) = %+v, want %+v", got, canonical(b))
		}
		if after, _ := json.Marshal(a); string(after) != string(before) {
			t.Fatalf("a was changed: %s, was %s", after, before)
		}
		if u.Empty() != reflect.DeepEqual(canonical(a), canonical(b)) {
			t.Fatalf("Empty() = %v of %+v", u.Empty(), u)
		}
		if full := (Update{Full: true, State: b}); !reflect.DeepEqual(a.Apply(full), canonical(b)) {
			t.Fatal("a full update does not replace the state")
		}
	})
}

// What is sent must come out as it went in: a node that decodes something
// else would mend what is not broken.
func TestUpdateSurvivesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genState(t, "a"), genState(t, "b")
		encoded, err := jsonCodec{}.Marshal(Diff(a, b))
		if err != nil {
			t.Fatal(err)
		}
		var u Update
		if err := (jsonCodec{}).Unmarshal(encoded, &u); err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(canonical(a).Apply(u))
		want, _ := json.Marshal(canonical(b))
		if string(got) != string(want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestDiffSendsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	a := State{Instances: map[string]Instance{"same": {ID: "same"}, "gone": {ID: "gone"}, "other": {ID: "other", VCPUs: 1}}}
	b := State{Instances: map[string]Instance{"same": {ID: "same"}, "new": {ID: "new"}, "other": {ID: "other", VCPUs: 2}}}
	u := Diff(a, b)
	if _, sent := u.State.Instances["same"]; sent || len(u.State.Instances) != 2 {
		t.Errorf("changed = %v, want new and other", u.State.Instances)
	}
	if !reflect.DeepEqual(u.Removed.Instances, []string{"gone"}) {
		t.Errorf("removed = %v, want gone", u.Removed.Instances)
	}
}
