package dataplane

import (
	"encoding/binary"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"wisp/internal/dataplane/intent"
)

// asksState has what the cloud does not know the MAC of: an allowed address of
// c, which is behind r, and everybody on the wire, behind r and s.
func asksState() intent.State {
	state := benchState()
	state.Networks["ext"] = intent.Network{ID: "ext", Type: intent.TypeFlat, PhysicalNetwork: "public", MTU: 1500}
	c := state.Ports["c"]
	c.AllowedAddressPairs = []intent.AddressPair{{Prefix: netip.MustParsePrefix("10.0.1.100/32")}}
	state.Ports["c"] = c
	gateway := func(r intent.Router, mac, address string) intent.Router {
		r.Gateway = &intent.Gateway{
			PortID: r.ID + "gw", NetworkID: "ext", MAC: mac, Addresses: []netip.Prefix{netip.MustParsePrefix(address)},
			NextHops: []netip.Addr{netip.MustParseAddr("203.0.113.1")}, SNAT: true, Local: true,
		}
		return r
	}
	state.Networks["q"] = intent.Network{ID: "q", Type: intent.TypeLocal, MTU: 1500}
	state.Ports["d"] = intent.Port{
		ID: "d", NetworkID: "q", MAC: "fa:16:3e:00:00:0d", Local: true, Enabled: true, Addresses: []netip.Addr{netip.MustParseAddr("10.5.0.5")},
		AllowedAddressPairs: []intent.AddressPair{{Prefix: netip.MustParsePrefix("10.5.0.100/32")}},
	}
	state.Routers["r"] = gateway(state.Routers["r"], "fa:16:3e:00:00:91", "203.0.113.10/24")
	s := gateway(intent.Router{ID: "s", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "sq", NetworkID: "q", MAC: "fa:16:3e:00:00:92", Addresses: []netip.Prefix{netip.MustParsePrefix("10.5.0.1/24")}},
	}}, "fa:16:3e:00:00:93", "203.0.113.11/24")
	s.FloatingIPs = []intent.FloatingIP{{ID: "f", Address: netip.MustParseAddr("203.0.113.30"), Fixed: netip.MustParseAddr("10.5.0.100"), PortID: "d"}}
	state.Routers["s"] = s
	return state
}

func wired(t *testing.T) func(host string, cfg *Config) {
	return func(host string, cfg *Config) {
		// Nothing but the trace shall send; a kernel may lack IPv6.
		_ = exec.CommandContext(t.Context(), "ip", "netns", "exec", host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1").Run()
		for _, args := range []string{"link add eth9 type veth peer name eth9p", "link set eth9 up", "link set eth9p up"} {
			if out, err := exec.CommandContext(t.Context(), "ip", append([]string{"-n", host}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
				t.Fatalf("making the wire: %v: %s", err, out)
			}
		}
		cfg.PhysicalNetworks = map[string]string{"public": "eth9"}
	}
}

func (b *bench) neighbour(network, address string) bpfNeighKey {
	b.t.Helper()
	id, ok := b.dp.ids.find(kindNet, network)
	if !ok {
		b.t.Fatalf("no network %s", network)
	}
	return bpfNeighKey{Net: id, Addr: addrOf(netip.MustParseAddr(address))}
}

// sent counts what has left by the wire and to the guests.
func (b *bench) sent() (n uint64) {
	b.t.Helper()
	err := b.dp.inHost(func() error {
		for _, name := range []string{"eth9", b.dp.DeviceName("a"), b.dp.DeviceName("b"), b.dp.DeviceName("c"), b.dp.DeviceName("d")} {
			l, err := b.dp.nl.Link(name)
			if err != nil {
				return err
			}
			n += l.Counters.TxPackets + l.Counters.TxDropped + l.Counters.RxPackets
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Whatever is known of a next hop that only ARP knows, a trace sends nothing,
// and leaves it as it was.
func TestTraceAsksNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, asksState(), wired(t))
	dyns := b.dp.mapNamed("dyns")
	for _, hop := range []struct{ what, to, network, address string }{
		{"an allowed address", "10.0.1.100", "m", "10.0.1.100"},
		{"the gateway", "198.51.100.7", "ext", "203.0.113.1"},
		{"a neighbour outside", "203.0.113.99", "ext", "203.0.113.99"},
		{"behind a floating IP of another router", "203.0.113.30", "q", "10.5.0.100"},
	} {
		key := b.neighbour(hop.network, hop.address)
		for name, age := range map[string]struct{ seen, asked time.Duration }{
			"unknown": {}, "asked long ago": {0, time.Minute}, "asked just now": {0, time.Millisecond},
			"fresh": {time.Second, time.Second}, "stale": {time.Minute, time.Minute}, "dead": {time.Hour, time.Hour},
		} {
			if age.seen > monotonic() {
				continue // a machine that has just booted has no such past
			}
			if err := forget(dyns, key); err != nil {
				t.Fatal(err)
			}
			var was bpfDyn
			if age.asked != 0 {
				was = bpfDyn{Asked: uint64(monotonic() - age.asked), Mac: [6]byte{0x02, 0, 0, 0, 0, 9}}
				if age.seen != 0 {
					was.Seen = uint64(monotonic() - age.seen)
				}
				if err := dyns.Update(&key, &was, ebpf.UpdateAny); err != nil {
					t.Fatal(err)
				}
			}
			before := b.sent()
			steps, err := b.dp.Trace(t.Context(), "b", Probe{To: netip.MustParseAddr(hop.to), Protocol: protoUDP, DstPort: 53})
			if err != nil || len(steps) == 0 {
				t.Fatalf("%s, %s: %+v, %v", hop.what, name, steps, err)
			}
			if known := name == "fresh" || name == "stale"; known == (steps[0].Reason == "unresolved") {
				t.Errorf("%s, %s: %+v", hop.what, name, steps[0])
			}
			if after := b.sent(); after != before {
				t.Errorf("%s, %s: %d packets were sent", hop.what, name, after-before)
			}
			var is bpfDyn
			if err := dyns.Lookup(&key, &is); age.asked == 0 && err == nil || is != was {
				t.Errorf("%s, %s: it was %+v and is %+v, %v", hop.what, name, was, is, err)
			}
		}
	}
}

// What a connection from inside is translated to is a next hop of what comes
// to the shared address.
func TestHopsOfSharedAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t, asksState(), wired(t))
	router, _ := b.dp.ids.find(kindRouter, "s")
	from, _ := b.dp.ids.find(kindPort, "b")
	probe := Probe{To: netip.MustParseAddr("203.0.113.11"), Protocol: protoUDP, SrcPort: 7, DstPort: 4000}
	frame, err := b.dp.probeFrame(from, &probe)
	if err != nil {
		t.Fatal(err)
	}
	want := b.neighbour("q", "10.5.0.100")
	if hops, err := b.dp.hops(from, frame); err != nil || slices.Contains(hops, want) {
		t.Errorf("without a connection: %+v, %v", hops, err)
	}
	key := bpfNatKey{
		Router: router, Src: be4(netip.MustParseAddr("203.0.113.10")), Dst: be4(netip.MustParseAddr("203.0.113.11")),
		Sport: swap16(7), Dport: swap16(4000), Proto: protoUDP, Reply: 1,
	}
	inside := bpfNat{Seen: uint64(monotonic()), Addr: be4(netip.MustParseAddr("10.5.0.100")), Port: swap16(5)}
	if err := b.dp.mapNamed("nats").Update(&key, &inside, ebpf.UpdateAny); err != nil {
		t.Fatal(err)
	}
	if hops, err := b.dp.hops(from, frame); err != nil || !slices.Contains(hops, want) {
		t.Errorf("with a connection: %+v, %v", hops, err)
	}
}

// A trace's work does not grow with what the host has counted and learned: it
// holds the lock that rules wait for.
func TestTraceDoesNotWalkTables(t *testing.T) { // not parallel: it counts allocations
	b := newBench(t, asksState(), wired(t))
	probe := Probe{To: netip.MustParseAddr("198.51.100.7"), Protocol: protoUDP, SrcPort: 7, DstPort: 53}
	work := func() float64 {
		return testing.AllocsPerRun(1, func() {
			if _, err := b.dp.Trace(t.Context(), "b", probe); err != nil {
				t.Error(err)
			}
		})
	}
	empty := work()
	const others = 4000
	counts, dyns := b.dp.mapNamed("counts"), b.dp.mapNamed("dyns")
	cpus := make([]bpfCount, ebpf.MustPossibleCPU())
	for i := range uint32(others) {
		key := bpfCountKey{Port: 1<<20 + i, Reason: 1}
		if err := write(counts, &key, cpus); err != nil {
			t.Fatal(err)
		}
		hop, now := bpfNeighKey{Net: 1 << 20}, uint64(monotonic())
		hop.Addr.W[3] = i
		if err := write(dyns, &hop, &bpfDyn{Seen: now, Asked: now}); err != nil {
			t.Fatal(err)
		}
	}
	if full := work(); full > empty+others/10 {
		t.Errorf("a trace allocates %v times, and %v times beside %d entries of others", empty, full, others)
	}
}

// Without IPv4, or a router, nobody is asked.
func TestHopsOfOtherFrames(t *testing.T) {
	t.Parallel()
	b := newBench(t, asksState(), wired(t))
	from, _ := b.dp.ids.find(kindPort, "b")
	for name, to := range map[string]string{"IPv6": "fd00::10", "on the link": "10.0.0.10"} {
		frame, err := b.dp.probeFrame(from, &Probe{To: netip.MustParseAddr(to), Protocol: protoUDP, DstPort: 53})
		if err != nil {
			t.Fatal(err)
		}
		if hops, err := b.dp.hops(from, frame); err != nil || len(hops) != 0 {
			t.Errorf("%s: %+v, %v", name, hops, err)
		}
	}
	frame := make([]byte, etherLen)
	binary.BigEndian.PutUint16(frame[12:], 0x0806)
	if hops, err := b.dp.hops(from, frame); err != nil || len(hops) != 0 {
		t.Errorf("ARP: %+v, %v", hops, err)
	}
}
