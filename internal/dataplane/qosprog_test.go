package dataplane

import (
	"bytes"
	"maps"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
)

// with is the bench's state with a quality of service for a port.
func (b *bench) with(port string, q *intent.QoS) {
	b.t.Helper()
	state := benchState()
	state.Ports = maps.Clone(state.Ports)
	p := state.Ports[port]
	p.QoS = q
	state.Ports[port] = p
	b.apply(state)
}

func TestMarks(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	v4 := func(tos uint8) []byte {
		ip := ip4("10.0.0.10", "10.0.0.11", layers.IPProtocolUDP)
		ip.TOS = tos
		return frame(eth(macA, macB, layers.EthernetTypeIPv4), ip, &layers.UDP{SrcPort: 5, DstPort: 6})
	}
	v6 := func(class uint8) []byte {
		ip := ip6("fd00::10", "fd00::11", layers.IPProtocolUDP)
		ip.TrafficClass, ip.FlowLabel = class, 0xabcde
		return frame(eth(macA, macB, layers.EthernetTypeIPv6), ip, &layers.UDP{SrcPort: 5, DstPort: 6})
	}
	mark := func(m uint8) *uint8 { return &m }
	for _, x := range []struct {
		name      string
		dscp      *uint8
		was, want uint8
	}{
		{"none", nil, 0x2f, 0x2f}, {"46", mark(46), 0, 46 << 2}, {"56 and ECN", mark(56), 0x0a<<2 | 3, 56<<2 | 3}, {"0", mark(0), 0xff, 3}, {"63 and ECN", mark(63), 1, 0xfd},
	} {
		b.with("a", &intent.QoS{DSCP: x.dscp})
		for range 3 { // the later ones take the short way
			v, got := b.run("from_guest", "a", 0, v4(x.was))
			ip, _ := got.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
			if v != actRedirect || ip == nil || ip.TOS != x.want {
				t.Fatalf("%s: verdict %d, %v", x.name, v, got)
			}
			if want := v4(x.want); !bytes.Equal(got.Data()[:len(want)], want) { // the checksum too
				t.Errorf("%s: the packet is %v", x.name, got)
			}
		}
		v, got := b.run("from_guest", "a", 0, v6(x.was))
		ip, _ := got.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		if v != actRedirect || ip == nil || ip.TrafficClass != x.want || ip.FlowLabel != 0xabcde || ip.Version != 6 {
			t.Errorf("%s: verdict %d, %v", x.name, v, got)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	limit := func(direction string, packets bool, rate, burst uint32) *intent.QoS {
		return &intent.QoS{Limits: []intent.Limit{{Direction: direction, Packets: packets, Rate: rate, Burst: burst}}}
	}
	packet := udp4(macA, macB, "10.0.0.10", "10.0.0.11", 5, 6) // about 60 bytes
	passed := func(program, port string, mark uint32, times int) (n int) {
		for range times {
			if v, _ := b.run(program, port, mark, packet); v != actShot {
				n++
			}
		}
		return n
	}
	// A rate that gives next to nothing during the test: what passes is the burst,
	// and on a slow machine a packet more in each half second.
	began := time.Now()
	most := func(burst int) int { return burst + int(time.Since(began)/(400*time.Millisecond)) }
	b.with("a", limit(intent.Egress, false, 1, 8)) // 1000 bytes
	if n := passed("from_guest", "a", 0, 40); n < 15 || n > most(20) {
		t.Errorf("%d packets of 60 bytes pass a burst of 1000 bytes", n)
	}
	if b.drops("a", "over-limit") == 0 {
		t.Error("the drops are not counted")
	}
	if n := passed("to_guest", "a", markForwarded, 40); n != 0 { // by its rules, not by the limit
		t.Errorf("%d packets pass without a rule", n)
	}
	b.with("a", limit(intent.Egress, false, 2, 8))
	if n := passed("from_guest", "a", 0, 40); n < 15 || n > 2*most(20) {
		t.Errorf("another rate does not begin with a full bucket: %d packets pass", n)
	}
	b.with("a", limit(intent.Egress, false, 1, 0))
	if n := passed("from_guest", "a", 0, 20); n < 1 || n > most(1) {
		t.Errorf("%d packets that are bigger than the burst pass at once", n)
	}
	for name, q := range map[string]*intent.QoS{"none": nil, "of the other direction": limit(intent.Ingress, false, 1, 0), "0": limit(intent.Egress, false, 0, 0), "wide": limit(intent.Egress, false, 1<<31-1, 1<<31-1)} {
		b.with("a", q)
		if n := passed("from_guest", "a", 0, 40); n != 40 {
			t.Errorf("limit %s: %d of 40 packets pass", name, n)
		}
	}
	b.with("a", limit(intent.Egress, true, 1, 0))
	n := passed("from_guest", "a", 0, 1)
	if n != 1 {
		t.Errorf("no packet passes at the rate of packets")
	}

	// What comes to a port with a rate never takes the short way past it.
	b.with("b", nil)
	for range 100 { // the next packet may be on another processor
		if passed("from_guest", "a", 0, 2); b.mark == markJudged {
			break
		}
	}
	if b.mark != markJudged {
		t.Fatalf("without a rate the mark is %#x: the short way is not taken", b.mark)
	}
	b.with("b", limit(intent.Ingress, false, 1, 8))
	passed("from_guest", "a", 0, 3)
	if b.mark != markForwarded {
		t.Errorf("the mark is %#x: the receiver's program does not look", b.mark)
	}
	if n := passed("to_guest", "b", markForwarded, 40); n < 15 || n > most(20) {
		t.Errorf("%d packets of 60 bytes pass a burst of 1000 bytes to a guest", n)
	}
	var key bpfRateKey
	var value []byte
	held := func() (n int) {
		for it := b.dp.tables.buckets.Iterate(); it.Next(&key, &value); n++ {
		}
		return n
	}
	if held() != 1 {
		t.Errorf("%d buckets are kept of one rate", held())
	}
	b.with("b", nil)
	if held() != 0 {
		t.Errorf("%d buckets are left of no rate", held())
	}
}

// TestDroppedPacketsCostNothing has one rate drop packets, and looks what is
// left of the other.
func TestDroppedPacketsCostNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	b.with("a", &intent.QoS{Limits: []intent.Limit{{Direction: intent.Egress, Rate: 1}, {Direction: intent.Egress, Packets: true, Rate: 1}}})
	port, ok := b.dp.ids.find(kindPort, "a")
	if !ok {
		t.Fatal("the port has no number")
	}
	bytes := bpfRateKey{Id: port, Which: ratePort | dirEgress}
	packets := bpfRateKey{Id: port, Which: bytes.Which | ratePackets}
	packet := udp4(macA, macB, "10.0.0.10", "10.0.0.11", 5, 6)
	passed := func(times int) (n int) {
		for range times {
			if v, _ := b.run("from_guest", "a", 0, packet); v != actShot {
				n++
			}
		}
		return n
	}
	// Of either rate an hour gives one packet: what passes is the burst. Each is
	// another rate than the one before, so that it begins with a full bucket.
	per := uint32(1)
	fit := func(unit uint64, n int) bpfRate {
		per++
		cost := uint64(time.Hour)
		return bpfRate{Unit: cost / unit * uint64(per), Per: per, Burst: cost * uint64(n)}
	}
	size := uint64(len(packet))
	for _, x := range []struct {
		name                   string
		narrow, wide           bpfRateKey
		narrowUnit, wideUnit   uint64
		narrowBurst, wideBurst int
	}{
		{"the rate of packets", packets, bytes, 1, size, 2, 10},
		{"the rate of bytes", bytes, packets, size, 1, 2, 10},
	} {
		for key, rate := range map[bpfRateKey]bpfRate{x.narrow: fit(x.narrowUnit, x.narrowBurst), x.wide: fit(x.wideUnit, x.wideBurst)} {
			if err := b.dp.tables.rates.m.Put(key, rate); err != nil {
				t.Fatal(err)
			}
		}
		if n := passed(30); n != x.narrowBurst {
			t.Errorf("%s: %d packets pass, want %d", x.name, n, x.narrowBurst)
		}
		if err := b.dp.tables.rates.m.Delete(x.narrow); err != nil {
			t.Fatal(err)
		}
		if n, want := passed(30), x.wideBurst-x.narrowBurst; n != want {
			t.Errorf("%s is gone: %d packets pass, want the %d that the other has left", x.name, n, want)
		}
	}
	if drops := b.drops("a", "over-limit"); drops != 2*(28+22) {
		t.Errorf("%d drops are counted", drops)
	}
}
