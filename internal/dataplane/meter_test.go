package dataplane_test

import (
	"testing"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

// metered is what a label has counted.
func (l *lab) metered(label, direction string) dataplane.Count {
	l.t.Helper()
	all, err := l.dp.Meters()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range all {
		if m.Label == label && m.Direction == direction {
			return m.Count
		}
	}
	return dataplane.Count{}
}

func TestMetersCountWhatPassesTheGateway(t *testing.T) {
	t.Parallel()
	l, out, a, b, c := natLab(t)
	source := func(p string) intent.MeterRule {
		return intent.MeterRule{Direction: intent.Egress, Source: prefixes(p)[0]}
	}
	destination := func(p string) intent.MeterRule {
		return intent.MeterRule{Direction: intent.Ingress, Destination: prefixes(p)[0]}
	}
	all := intent.Meter{ID: "all", Routers: []string{"r"}, Rules: []intent.MeterRule{source("0.0.0.0/0"), destination("0.0.0.0/0"), source("10.0.2.0/24")}}
	narrow := intent.Meter{ID: "narrow", Routers: []string{"r", "s"}, Rules: []intent.MeterRule{
		{Direction: intent.Egress, Destination: prefixes("203.0.113.0/24")[0]}, {Direction: intent.Egress, Source: prefixes("10.0.2.0/24")[0], Excluded: true},
	}}
	none := intent.Meter{ID: "none", Routers: []string{"r"}, Rules: []intent.MeterRule{source("192.0.2.0/24"), source("::/0")}}
	l.state.Meters = map[string]intent.Meter{"all": all, "narrow": narrow, "none": none}
	l.applyClean()
	const size = 20 + 8 + 100
	ping := func(ns, to string) { l.run(ns, "ping -n -c 3 -i 0.2 -W 2 -s 100 "+to) }
	check := func(when, label, direction string, packets uint64) {
		t.Helper()
		if got, want := l.metered(label, direction), (dataplane.Count{Packets: packets, Bytes: packets * size}); got != want {
			t.Errorf("%s: %s %s counted %+v, want %+v", when, label, direction, got, want)
		}
	}
	ping(a, "203.0.113.1")
	check("shared address", "all", intent.Egress, 3)
	check("shared address", "all", intent.Ingress, 3)
	check("shared address", "narrow", intent.Egress, 3)
	ping(b, "203.0.113.1")
	check("floating address", "all", intent.Egress, 6)
	check("floating address", "narrow", intent.Egress, 3) // excluded
	ping(out, "203.0.113.20")
	check("from outside", "all", intent.Ingress, 9)
	ping(a, "10.0.2.10")
	check("inside", "all", intent.Egress, 9)
	ping(c, "203.0.113.1")
	check("another router", "narrow", intent.Egress, 6)
	check("another router", "all", intent.Egress, 9)
	check("what nothing matches", "none", intent.Egress, 0)

	// What is counted outlives the process and changes of the rules.
	again := l.open()
	l.dp.Close()
	l.dp = again
	l.state.Meters = map[string]intent.Meter{"all": {ID: "all", Routers: []string{"r"}, Rules: []intent.MeterRule{source("10.0.1.0/24")}}}
	l.applyClean()
	ping(b, "203.0.113.1")
	check("another rule", "all", intent.Egress, 9)
	ping(a, "203.0.113.1")
	check("another rule", "all", intent.Egress, 12)
	check("a label that is gone", "narrow", intent.Egress, 0)
	before := l.metered("all", intent.Egress).Bytes
	l.transfer(a, out, "203.0.113.1:5001", "203.0.113.1:5001")
	if got := l.metered("all", intent.Egress).Bytes - before; got < uint64(bulk(16<<20)) {
		t.Errorf("%d bytes were counted of a transfer of %d", got, bulk(16<<20))
	}

	l.state.Meters = map[string]intent.Meter{"lost": {ID: "lost", Routers: []string{"nowhere"}}}
	if r := l.apply(); r.Refused["lost"] == nil {
		t.Error("a label of a router that is not here was not refused")
	}
	l.dp.Close()
	if _, err := l.dp.Meters(); err == nil {
		t.Error("a closed dataplane counts")
	}
	l.dp = l.open()
}
