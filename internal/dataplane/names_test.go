package dataplane

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"wisp/internal/dataplane/intent"
)

// namedState has an object of each kind whose number programs remember by: the
// bench's ports, networks and router, a floating address with a rate, a label.
func namedState() intent.State {
	state := benchState()
	state.Networks["x"] = intent.Network{ID: "x", Type: intent.TypeLocal, MTU: 1500}
	r := state.Routers["r"]
	r.Gateway = &intent.Gateway{PortID: "gw", NetworkID: "x", MAC: "fa:16:3e:00:00:77", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.10/24")}, NextHops: []netip.Addr{netip.MustParseAddr("203.0.113.1")}, SNAT: true, Local: true}
	r.FloatingIPs = []intent.FloatingIP{{
		ID: "f", Address: netip.MustParseAddr("203.0.113.20"), Fixed: netip.MustParseAddr("10.0.0.10"), PortID: "a", Served: true,
		QoS: &intent.QoS{Limits: []intent.Limit{{Direction: intent.Egress, Rate: 1}}},
	}}
	state.Routers["r"] = r
	state.Meters = map[string]intent.Meter{"l": {ID: "l", Routers: []string{"r"}, Rules: []intent.MeterRule{{Direction: intent.Egress, Source: netip.MustParsePrefix("0.0.0.0/0")}}}}
	return state
}

// TestNumbersThatLostTheirNames takes names and cursors out of the kernel while
// the process is dead, and looks at what the next one has the programs forget.
func TestNumbersThatLostTheirNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, namedState())
	byPort := []string{"cts", "svcs", "frags", "counts", "buckets"}
	byNet := []string{"dyns", "strays", "straymacs", "straylists", "conflicts"}
	byRouter := []string{"nats", "yields", "buckets"}
	all := append(append(append([]string{"metered"}, byPort...), byNet...), byRouter...)
	for _, x := range []struct {
		name   string
		kind   uint32
		object string // empty: the cursor
		want   []string
	}{
		{"nothing", 0, "", nil},
		{"a port", kindPort, "a", byPort}, {"ports' cursor", kindPort, "", byPort},
		{"a router", kindRouter, "r", byRouter}, {"routers' cursor", kindRouter, "", byRouter},
		{"a network", kindNet, "m", byNet}, {"networks' cursor", kindNet, "", byNet},
		{"a label", kindLabel, "l", []string{"metered"}}, {"labels' cursor", kindLabel, "", []string{"metered"}},
		{"a floating address", kindFloating, "f", []string{"buckets"}}, {"floating addresses' cursor", kindFloating, "", []string{"buckets"}},
		{"generations", kindGeneration, "", []string{"cts"}},
		{"a group of no number here", kindGroup, "", nil},
		{"all", kindCursor, "", all},
	} {
		b.apply(namedState()) // all have names again
		for _, name := range all {
			b.fill(name)
		}
		ids := b.dp.tables.ids.m
		key := bpfIdKey{Kind: kindCursor + x.kind}
		if x.object != "" {
			key = mustKey(x.kind, x.object)
		}
		switch x.kind {
		case 0, kindGroup:
		case kindCursor:
			if err := empty[bpfIdKey, uint32](ids); err != nil {
				t.Fatal(err)
			}
		default:
			if err := ids.Delete(key); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
		}
		b.restart()
		gone := map[string]bool{}
		for _, name := range x.want {
			gone[name] = true
		}
		for _, name := range all {
			if left := b.entries(name); gone[name] != (left == 0) {
				t.Errorf("%s: %d entries are left in %s", x.name, left, name)
			}
		}
	}

	// What it is for: the next label with the number has counted nothing.
	b.apply(namedState())
	label, _ := b.dp.ids.find(kindLabel, "l")
	counted := make([]bpfCount, ebpf.MustPossibleCPU())
	counted[0] = bpfCount{Packets: 9, Bytes: 900}
	if err := b.dp.mapNamed("metered").Put(bpfMeteredKey{Label: label, Direction: dirEgress}, counted); err != nil {
		t.Fatal(err)
	}
	if m, err := b.dp.Meters(); err != nil || len(m) != 1 || m[0].Packets != 9 {
		t.Fatalf("the label has counted %v, %v", m, err)
	}
	if err := empty[bpfIdKey, uint32](b.dp.tables.ids.m); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.dp.ids.cursor[kindLabel] = label - 1
	state := namedState()
	other := state.Meters["l"]
	other.ID = "other"
	state.Meters = map[string]intent.Meter{"other": other}
	b.apply(state)
	if now, _ := b.dp.ids.find(kindLabel, "other"); now != label {
		t.Fatalf("the new label has the number %d, and the old one had %d", now, label)
	}
	if m, err := b.dp.Meters(); err != nil || len(m) != 0 {
		t.Errorf("a new label has counted %v, %v", m, err)
	}

	// A map that cannot be read is said, and nothing is taken for nothing.
	if err := b.dp.mapNamed("metered").Close(); err != nil {
		t.Fatal(err)
	}
	if m, err := b.dp.Meters(); err == nil {
		t.Errorf("of a map that cannot be read, %v was read", m)
	}
}

// TestDropsGoWithTheirPort has packets of two ports and of none dropped, and
// another port take the place of one of them.
func TestDropsGoWithTheirPort(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	counts := b.dp.mapNamed("counts")
	counted := make([]bpfCount, ebpf.MustPossibleCPU())
	counted[0] = bpfCount{Packets: 1}
	for _, name := range []string{"", "a", "b"} {
		id, _ := b.dp.ids.find(kindPort, name)
		for reason := range reasonNames {
			if err := counts.Put(bpfCountKey{Port: id, Reason: uint32(reason)}, counted); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := benchState()
	moved := state.Ports["a"]
	moved.ID = "other"
	delete(state.Ports, "a")
	state.Ports["other"] = moved
	b.apply(state)
	if left, want := b.entries("counts"), 2*len(reasonNames); left != want {
		t.Errorf("%d entries are left, not %d", left, want)
	}
	if b.drops("", "stranger") != 1 || b.drops("b", "stranger") != 1 {
		t.Error("the drops of a port that stays, or of none, are forgotten")
	}
}

// fill puts an entry into a map that the programs write.
func (b *bench) fill(name string) {
	b.t.Helper()
	m := b.dp.mapNamed(name)
	key := make([]byte, m.KeySize())
	key[0] = 0xee
	var err error
	switch m.Type() {
	case ebpf.PerCPUHash:
		values := make([][]byte, ebpf.MustPossibleCPU())
		for i := range values {
			values[i] = make([]byte, m.ValueSize())
		}
		err = m.Put(key, values)
	default:
		err = m.Put(key, make([]byte, m.ValueSize()))
	}
	if err != nil {
		b.t.Fatalf("filling %s: %v", name, err)
	}
}

// entries is how many a map has.
func (b *bench) entries(name string) (n int) {
	b.t.Helper()
	m := b.dp.mapNamed(name)
	var key []byte
	for {
		next := make([]byte, m.KeySize())
		var err error
		if key == nil {
			err = m.NextKey(nil, &next)
		} else {
			err = m.NextKey(key, &next)
		}
		if err != nil {
			return n
		}
		key = next
		n++
	}
}
