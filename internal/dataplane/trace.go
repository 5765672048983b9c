package dataplane

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/cilium/ebpf"

	"wisp/internal/errs"
)

// Probe is the packet that Trace follows. Ports are for TCP, UDP and SCTP;
// ICMP is an echo request. A SrcPort of 0 is one that no connection of the
// port uses.
type Probe struct {
	From, To netip.Addr // From may be zero: the port's first address
	// Via is the next hop by the guest's own routing table: To on the link,
	// else its gateway. Zero is whoever leads there.
	Via              netip.Addr
	Protocol         uint8
	SrcPort, DstPort uint16
}

// Step is what one program did with the packet.
type Step struct {
	Program string
	Port    string // whose device the program runs on
	Verdict string // "forwarded", "accepted" or "dropped"
	Reason  string // of a drop, or of an ICMP error that is the answer
	Frame   []byte // as it left the program
	// The addresses of the packet as it left the program, with ports where
	// the protocol has them.
	Src, Dst netip.AddrPort
	// Host is the tunnel address of the host that it was sent to. The packet
	// is as it travels: a host that hands it over because another one has the
	// gateway has not translated it.
	Host netip.Addr
}

// Verdicts of a Step.
const (
	Forwarded = "forwarded"
	Accepted  = "accepted"
	Dropped   = "dropped"
)

// ReasonNoNeighbour is the reason of a Step before all programs: nothing
// answers for the next hop, so that the guest sends nothing but its question.
const ReasonNoNeighbour = "no-neighbour"

// linux/pkt_cls.h
const (
	tcActOK       = 0
	tcActRedirect = 7
)

// Trace runs the programs themselves on a packet from a local port's guest,
// in the kernel (BPF_PROG_TEST_RUN), and tells what each did. Nothing is
// sent, and what the packet entered in the tables is taken back; the drop
// counters alone count it. A reason is told from them: other drops of the same
// port in the same instant may disturb it.
func (d *Dataplane) Trace(ctx context.Context, portID string, probe Probe) ([]Step, error) {
	if err := probe.check(); err != nil {
		return nil, err
	}
	if err := d.lock(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	id, ok := d.ids.find(kindPort, portID)
	if !ok {
		return nil, errs.New(errs.NotFound, "port %s is not on this host", portID)
	}
	frame, err := d.probeFrame(id, &probe)
	if err != nil {
		return nil, err
	}
	if frame == nil {
		return []Step{{Program: "guest", Port: portID, Verdict: Dropped, Reason: ReasonNoNeighbour}}, nil
	}
	var steps []Step
	err = d.inHost(func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		steps, err = d.traceFrame(id, frame)
		return err
	})
	if err != nil {
		return steps, fmt.Errorf("tracing a packet of port %s: %w", portID, err)
	}
	return steps, nil
}

// check refuses what the programs would answer with packets that are sent.
func (p Probe) check() error {
	switch {
	case !p.To.IsValid() || p.To.IsUnspecified() || p.To.IsMulticast() || p.To == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errs.New(errs.Invalid, "%s is not the address of one receiver", p.To)
	case p.Protocol == protoUDP && (p.SrcPort == 68 && p.DstPort == 67 || p.SrcPort == 546 && p.DstPort == 547):
		return errs.New(errs.Invalid, "a request for an address goes to the host itself and is not traced")
	}
	return nil
}

// traceFrame follows a frame from a port's guest to where it leaves the host.
func (d *Dataplane) traceFrame(id uint32, frame []byte) (steps []Step, err error) {
	tables := &undo{d: d}
	defer func() { err = errors.Join(err, tables.all()) }()
	if err := tables.before(id, frame); err != nil {
		return nil, err
	}
	first, err := d.traceStep("from_guest", id, 0, frame)
	steps = append(steps, first)
	if err != nil || first.Verdict != Forwarded || len(first.Frame) < etherLen {
		return steps, err
	}
	to, ok := d.receiver(d.tables.ports.held[id], first.Frame)
	if !ok { // to another host, the wire or the node itself
		steps[0].Host = d.host(d.tables.ports.held[id], first)
		return steps, nil
	}
	if err := tables.arriving(to, keyOf(first.Frame)); err != nil {
		return steps, err
	}
	last, err := d.traceStep("to_guest", to, markForwarded, first.Frame)
	return append(steps, last), err
}

// receiver finds the local port that a frame goes to: on the sender's network,
// or on another one, to which a router sent it. Ports of two networks may have
// one MAC and one address; the sender's MAC, which is a router's leg there,
// tells the network.
func (d *Dataplane) receiver(from bpfPort, frame []byte) (uint32, bool) {
	to, by := [6]byte(frame[:6]), [6]byte(frame[6:12])
	local := func(net uint32) (uint32, bool) {
		at, ok := d.tables.fdb.held[bpfFdbKey{Net: net, Mac: to}]
		return at.Id, ok && at.Kind == destLocal
	}
	if by == from.Mac {
		return local(from.Net)
	}
	for k, at := range d.tables.fdb.held {
		if k.Mac != by || at.Kind != destRouter {
			continue
		}
		if id, ok := local(k.Net); ok {
			return id, true
		}
	}
	// A leg whose MAC is on no network here: that of a gateway elsewhere.
	return local(from.Net)
}

// host is where a tunnel leads that a frame went into; zero when none did.
func (d *Dataplane) host(from bpfPort, s Step) netip.Addr {
	to, by := [6]byte(s.Frame[:6]), [6]byte(s.Frame[6:12])
	places := []uint32{from.Net}
	for k, at := range d.tables.fdb.held {
		switch {
		case k.Net == d.tables.confs.held[0].Transit && k.Mac == to && at.Kind == destRouter:
			return d.handedOver(at.Id, by[5], s)
		case k.Mac == by && at.Kind == destRouter:
			places = append(places, k.Net)
		}
	}
	for _, net := range places {
		at := d.tables.fdb.held[bpfFdbKey{Net: net, Mac: to}]
		if at.Kind == destRemote && at.Remote != 0 && tunnelled(d.tables.nets.held[net]) {
			return addr4(at.Remote)
		}
	}
	return netip.Addr{}
}

// handedOver is the host to which a router's packet goes in the transit
// network: who does what the router does, or who has its receiver.
func (d *Dataplane) handedOver(router uint32, how byte, s Step) netip.Addr {
	known := func(remote uint32) netip.Addr {
		if remote == 0 {
			return netip.Addr{}
		}
		return addr4(remote)
	}
	if how == transitRoute {
		fixed := d.tables.raddrs.held[bpfRaddrKey{Router: router, Outbound: 1, Addr: addrOf(s.Src.Addr())}]
		if fixed.Kind == raddrAway && fixed.Remote != 0 {
			return addr4(fixed.Remote)
		}
		var y bpfYield
		if err := d.mapNamed("yields").Lookup(&router, &y); err == nil {
			return addr4(y.Remote)
		}
		return known(d.tables.routers.held[router].GwRemote)
	}
	hops, err := d.routed(router, s.Dst.Addr())
	if err != nil || len(hops) == 0 {
		return netip.Addr{}
	}
	if at := d.tables.neigh.held[hops[0]]; at.Kind == destRemote {
		return known(at.Remote)
	}
	return known(d.tables.nets.held[hops[0].Net].Carrier)
}

func (d *Dataplane) traceStep(program string, port, mark uint32, frame []byte) (Step, error) {
	step := Step{Program: program, Port: d.ids.name(kindPort, port), Verdict: Dropped}
	before, err := d.dropsOf(port)
	if err != nil {
		return step, err
	}
	in := make([]byte, 192) // struct __sk_buff, linux/bpf.h
	binary.NativeEndian.PutUint32(in[8:], mark)
	binary.NativeEndian.PutUint32(in[40:], d.tables.ports.held[port].Ifindex)
	opts := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+256), Context: in, Repeat: 1}
	verdict, err := d.kernel.progs[program].Run(opts)
	if err != nil {
		return step, err
	}
	after, err := d.dropsOf(port)
	if err != nil {
		return step, err
	}
	for reason, n := range after {
		if n > before[reason] {
			step.Reason = reasonName(uint32(reason))
		}
	}
	switch verdict {
	case tcActOK:
		step.Verdict = Accepted
	case tcActRedirect:
		step.Verdict = Forwarded
	}
	step.Frame = d.unwrapped(opts.DataOut)
	key := keyOf(step.Frame)
	step.Src, step.Dst = netip.AddrPortFrom(key.src, key.sport), netip.AddrPortFrom(key.dst, key.dport)
	return step, nil
}

// unwrapped is the frame inside of one that this host sends in GRE; others are
// as they were. VXLAN's outer headers are the work of its device, and are not
// seen in a trace either.
func (d *Dataplane) unwrapped(frame []byte) []byte {
	const ip, gre = etherLen + 20, etherLen + 20 + 8
	if len(frame) < gre+etherLen || binary.BigEndian.Uint16(frame[12:]) != 0x0800 || frame[etherLen] != 0x45 || frame[etherLen+9] != protoGRE {
		return frame
	}
	from, to := netip.AddrFrom4([4]byte(frame[26:30])), binary.NativeEndian.Uint32(frame[30:])
	_, known := d.tables.hosts.held[to]
	_, ours := d.tables.greKeys.held[binary.BigEndian.Uint32(frame[ip+4:])]
	if from != d.cfg.TunnelAddress || !known || !ours {
		return frame
	}
	return frame[gre:]
}

// dropsOf counts a port's drops by reason. It asks for each key: others' may
// be tens of thousands.
func (d *Dataplane) dropsOf(port uint32) (drops [len(reasonNames)]uint64, err error) {
	m := d.mapNamed("counts")
	var cpus []bpfCount
	for reason := range drops {
		key := bpfCountKey{Port: port, Reason: uint32(reason)}
		if err := m.Lookup(&key, &cpus); errors.Is(err, ebpf.ErrKeyNotExist) {
			continue
		} else if err != nil {
			return drops, fmt.Errorf("reading map counts: %w", err)
		}
		for _, c := range cpus {
			drops[reason] += c.Packets
		}
	}
	return drops, nil
}

// probeFrame makes the frame that the guest would send to the probe's next
// hop; nil when there is none. It fills in what the probe leaves open.
func (d *Dataplane) probeFrame(id uint32, probe *Probe) ([]byte, error) {
	port := d.tables.ports.held[id]
	if !probe.From.IsValid() {
		var ok bool
		if probe.From, ok = d.sourceOf(id, port, probe.To); !ok {
			return nil, errs.New(errs.Invalid, "the port has no address to reach %s from", probe.To)
		}
	}
	if probe.From.Is4() != probe.To.Is4() {
		return nil, errs.New(errs.Invalid, "%s and %s are of two versions of IP", probe.From, probe.To)
	}
	next, ok := d.nextHop(port, *probe)
	if !ok {
		return nil, nil
	}
	if err := d.freePort(id, probe); err != nil {
		return nil, err
	}
	l4 := make([]byte, 20)
	switch probe.Protocol {
	case protoICMP, protoICMPv6:
		l4[0] = 8
		if !probe.To.Is4() {
			l4[0] = 128
		}
		binary.BigEndian.PutUint16(l4[4:], probe.SrcPort)
	default:
		binary.BigEndian.PutUint16(l4, probe.SrcPort)
		binary.BigEndian.PutUint16(l4[2:], probe.DstPort)
		if probe.Protocol == protoTCP {
			l4[12], l4[13] = 0x50, 2 // SYN
		}
		if probe.Protocol == protoUDP || probe.Protocol == protoUDPLite {
			binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
		}
	}
	return append(ethernetIP(port.Mac, next, probe.From, probe.To, probe.Protocol, len(l4)), l4...), nil
}

// nextHop is the MAC to which the guest would send.
func (d *Dataplane) nextHop(port bpfPort, probe Probe) ([6]byte, bool) {
	if probe.To == metadataAddress {
		return [6]byte(serviceMAC(0)), true // the programs answer for it on every link
	}
	hop := probe.To
	if probe.Via.IsValid() {
		hop = probe.Via
	}
	key := bpfNeighKey{Net: port.Net, Addr: addrOf(hop)}
	if at, ok := d.tables.neigh.held[key]; ok && at.Kind != destVIP {
		return at.Mac, true
	}
	var asked bpfDyn
	if err := d.mapNamed("dyns").Lookup(&key, &asked); err == nil && asked.Seen != 0 {
		return asked.Mac, true
	}
	if !probe.Via.IsValid() {
		for k, at := range d.tables.neigh.held {
			if k.Net == port.Net && at.Kind == destRouter && addrFrom(k.Addr).Is4() == probe.To.Is4() {
				return at.Mac, true
			}
		}
	}
	if n := d.tables.nets.held[port.Net]; n.Ifindex != 0 && (n.Type == netFlat || n.Type == netVLAN) {
		return [6]byte{0x02, 0x57, 0xff}, true // some device on the wire: whoever would answer for the address
	}
	return [6]byte{}, false
}

// freePort chooses a source port, or an identifier, that no connection of the
// port has: the packet must be judged as the first of its connection.
func (d *Dataplane) freePort(id uint32, probe *Probe) error {
	const first, tries = 49152, 64 // the dynamic ports of RFC 6335
	for range tries {
		if probe.SrcPort != 0 {
			return nil
		}
		candidate := uint16(first + rand.IntN(1<<16-first))
		key := packetKey{protocol: probe.Protocol, src: probe.From, dst: probe.To, sport: candidate, dport: probe.DstPort}.connection(id, dirEgress)
		var used bpfCt
		if err := d.mapNamed("cts").Lookup(&key, &used); errors.Is(err, ebpf.ErrKeyNotExist) {
			probe.SrcPort = candidate
		} else if err != nil {
			return fmt.Errorf("looking for a free source port: %w", err)
		}
	}
	if probe.SrcPort == 0 {
		return errs.New(errs.Unavailable, "no source port of the port is free for a trace")
	}
	return nil
}

// keyOf reads what tells the connection of a frame; its fields are zero for
// what is not IP.
func keyOf(frame []byte) packetKey {
	var k packetKey
	if len(frame) < etherLen {
		return k
	}
	var l4 int
	ip := frame[etherLen:]
	switch kind := binary.BigEndian.Uint16(frame[12:]); {
	case kind == 0x0800 && len(ip) >= 20:
		k.protocol, l4 = ip[9], int(ip[0]&15)*4
		k.src, k.dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	case kind == 0x86dd && len(ip) >= 40:
		k.protocol, l4 = ip[6], 40
		k.src, k.dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
	default:
		return k
	}
	if len(ip) < l4+8 {
		return k
	}
	switch k.protocol {
	case protoICMP, protoICMPv6:
		k.sport = binary.BigEndian.Uint16(ip[l4+4:])
	case protoTCP, protoUDP, protoSCTP, protoUDPLite, protoDCCP:
		k.sport, k.dport = binary.BigEndian.Uint16(ip[l4:]), binary.BigEndian.Uint16(ip[l4+2:])
	}
	return k
}

// sourceOf is the port's first address of the same version.
func (d *Dataplane) sourceOf(id uint32, port bpfPort, to netip.Addr) (netip.Addr, bool) {
	var best netip.Addr
	for k, at := range d.tables.neigh.held {
		a := addrFrom(k.Addr)
		if at.Kind != destLocal || at.Id != id || k.Net != port.Net || a.Is4() != to.Is4() {
			continue
		}
		if a.IsLinkLocalUnicast() != to.IsLinkLocalUnicast() {
			continue
		}
		if !best.IsValid() || a.Less(best) {
			best = a
		}
	}
	return best, best.IsValid()
}

func ethernetIP(smac, dmac [6]byte, src, dst netip.Addr, proto uint8, payload int) []byte {
	f := append(append([]byte{}, dmac[:]...), smac[:]...)
	if src.Is4() {
		f = append(f, 0x08, 0x00, 0x45, 0)
		f = binary.BigEndian.AppendUint16(f, uint16(20+payload))
		f = append(f, 0, 1, 0x40, 0, 64, proto, 0, 0)
		f = append(append(f, src.AsSlice()...), dst.AsSlice()...)
		binary.BigEndian.PutUint16(f[24:], checksum(f[etherLen:]))
		return f
	}
	f = append(f, 0x86, 0xdd, 0x60, 0, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(payload))
	f = append(f, proto, 64)
	return append(append(f, src.AsSlice()...), dst.AsSlice()...)
}

// checksum is that of RFC 1071; len(b) is even.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
