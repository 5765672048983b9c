package dataplane_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"wisp/internal/dataplane/intent"
)

// burst is a rate that gives next to nothing during a test, so that what
// passes is the burst: so many bytes, in steps of 125.
func burst(direction string, bytes uint32) *intent.QoS {
	return &intent.QoS{Limits: []intent.Limit{{Direction: direction, Rate: 1, Burst: bytes / 125}}}
}

var receivedWords = regexp.MustCompile(`(\d+) received`)

// pings is how many of thirty echoes, of 142 bytes each, are answered.
func (l *lab) pings(ns, to string) int {
	l.t.Helper()
	out, _ := l.try(ns, "ping -n -c 30 -i 0.01 -W 1 -s 100 "+to)
	found := receivedWords.FindStringSubmatch(out)
	if found == nil {
		l.t.Fatalf("ping said %s", out)
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

func TestLimitsOfPortsAndAddresses(t *testing.T) {
	t.Parallel()
	l, out, a, b, _ := natLab(t)
	const bytes, fit = 1500, 1500 / 142
	within := func(what string, got, low, high int) {
		t.Helper()
		if got < low || got > high {
			t.Errorf("%s: %d of 30 pass, want %d to %d\n%s", what, got, low, high, l.counters())
		}
	}
	port := func(id string, q *intent.QoS) {
		p := l.state.Ports[id]
		p.QoS = q
		l.state.Ports[id] = p
		l.applyClean()
	}
	within("no limit", l.pings(a, "10.0.2.10"), 30, 30)
	for _, direction := range []string{intent.Egress, intent.Ingress} {
		port("a", burst(direction, bytes))
		// Others' traffic, ARP among it, takes from the bucket too.
		within("port, "+direction, l.pings(a, "10.0.2.10"), fit-3, fit+4)
		port("a", &intent.QoS{Limits: []intent.Limit{{Direction: direction, Rate: 100_000, Burst: 80_000}}})
		within("a wider limit, "+direction, l.pings(a, "10.0.2.10"), 30, 30)
		port("a", nil)
	}
	within("no limit any more", l.pings(a, "10.0.2.10"), 30, 30)

	for _, direction := range []string{intent.Egress, intent.Ingress} {
		r := l.state.Routers["r"]
		r.FloatingIPs[0].QoS = burst(direction, bytes)
		l.applyClean()
		within("floating IP, "+direction, l.pings(b, "203.0.113.1"), fit-3, fit+4)
		within("beside the floating IP", l.pings(a, "203.0.113.1"), 30, 30)
		within("not by the floating IP", l.pings(b, "10.0.1.10"), 30, 30)
		r.FloatingIPs[0].QoS = nil
		r.Gateway.QoS = burst(direction, bytes)
		l.applyClean()
		within("gateway, "+direction, l.pings(a, "203.0.113.1"), fit-3, fit+4)
		within("beside the gateway", l.pings(b, "203.0.113.1"), 30, 30)
		r.Gateway.QoS = nil
		l.applyClean()
	}
	within("no limit of addresses any more", l.pings(a, "203.0.113.1"), 30, 30)

	// A transfer in big segments passes a bucket that is smaller than one.
	port("a", &intent.QoS{Limits: []intent.Limit{{Direction: intent.Egress, Rate: 20_000, Burst: 100}, {Direction: intent.Egress, Packets: true, Rate: 100, Burst: 100}}})
	l.transferBytes(1<<18, a, out, "203.0.113.1:5001", "203.0.113.1:5001")
}

func TestMarksArrive(t *testing.T) {
	t.Parallel()
	l, out, a, _, _ := natLab(t)
	dscp := uint8(46)
	p := l.state.Ports["a"]
	p.QoS = &intent.QoS{DSCP: &dscp}
	l.state.Ports["a"] = p
	l.applyClean()
	l.run(out, "nft add table ip t")
	l.run(out, "nft add chain ip t c { type filter hook input priority 0 ; }")
	l.run(out, "nft add rule ip t c ip dscp ef icmp type echo-request counter")
	l.run(a, "ping -n -c 3 -i 0.2 -W 2 203.0.113.1")
	if got := l.run(out, "nft list table ip t"); !regexp.MustCompile(`counter packets 3 `).MatchString(got) {
		t.Errorf("not three packets came with the mark: %s", fmt.Sprint(got))
	}
}
