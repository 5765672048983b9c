package dataplane

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"wisp/internal/errs"
)

// Probe is the packet that Trace follows. Ports are for TCP, UDP and SCTP;
// ICMP is an echo request.
type Probe struct {
	To               netip.Addr
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
}

// Verdicts of a Step.
const (
	Forwarded = "forwarded"
	Accepted  = "accepted"
	Dropped   = "dropped"
)

// linux/pkt_cls.h
const (
	tcActOK       = 0
	tcActRedirect = 7
)

// Trace runs the programs themselves on a packet from a local port's guest,
// in the kernel (BPF_PROG_TEST_RUN), and tells what each did. Nothing is
// sent. The connection that the packet would begin is entered in the tables,
// as the real one would be. A reason is told from the drop counters: other
// drops of the same port in the same instant may disturb it.
func (d *Dataplane) Trace(ctx context.Context, portID string, probe Probe) ([]Step, error) {
	if err := d.lock(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	id, ok := d.ids.find(kindPort, portID)
	if !ok {
		return nil, errs.New(errs.NotFound, "port %s is not on this host", portID)
	}
	frame, err := d.probeFrame(id, probe)
	if err != nil {
		return nil, err
	}
	var steps []Step
	err = d.inHost(func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, err := d.traceStep("from_guest", id, 0, frame)
		steps = append(steps, first)
		if err != nil || first.Verdict != Forwarded || len(first.Frame) < etherLen {
			return err
		}
		to, ok := d.portByMAC(d.tables.ports.held[id], [6]byte(first.Frame[:6]))
		if !ok {
			return nil // to another host, the wire or the node itself
		}
		last, err := d.traceStep("to_guest", to, markForwarded, first.Frame)
		steps = append(steps, last)
		return err
	})
	if err != nil {
		return steps, fmt.Errorf("tracing a packet of port %s: %w", portID, err)
	}
	return steps, nil
}

// portByMAC finds the local port with that MAC: on the sender's network, or
// on another one to which a router sent the packet.
func (d *Dataplane) portByMAC(from bpfPort, mac [6]byte) (uint32, bool) {
	if at, ok := d.tables.fdb.held[bpfFdbKey{Net: from.Net, Mac: mac}]; ok && at.Kind == destLocal {
		return at.Id, true
	}
	for k, at := range d.tables.fdb.held {
		if k.Mac == mac && at.Kind == destLocal {
			return at.Id, true
		}
	}
	return 0, false
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
			step.Reason = reasonName(reason)
		}
	}
	switch verdict {
	case tcActOK:
		step.Verdict = Accepted
	case tcActRedirect:
		step.Verdict = Forwarded
	}
	step.Frame = opts.DataOut
	return step, nil
}

func (d *Dataplane) dropsOf(port uint32) (map[uint32]uint64, error) {
	out := map[uint32]uint64{}
	err := each(d.mapNamed("counts"), func(k bpfCountKey, cpus []bpfCount) {
		if k.Port == port {
			for _, c := range cpus {
				out[k.Reason] += c.Packets
			}
		}
	})
	return out, err
}

// probeFrame makes the frame that the guest would send: to the neighbour
// with that address, else to a router on the port's network.
func (d *Dataplane) probeFrame(id uint32, probe Probe) ([]byte, error) {
	port := d.tables.ports.held[id]
	src, ok := d.sourceOf(id, port, probe.To)
	if !ok {
		return nil, errs.New(errs.Invalid, "the port has no address to reach %s from", probe.To)
	}
	next, ok := d.tables.neigh.held[bpfNeighKey{Net: port.Net, Addr: addrOf(probe.To)}]
	for k, at := range d.tables.neigh.held {
		if ok {
			break
		}
		if k.Net == port.Net && at.Kind == destRouter && addrFrom(k.Addr).Is4() == probe.To.Is4() {
			next, ok = at, true
		}
	}
	if !ok {
		return nil, errs.New(errs.NotFound, "%s is on no network of the port, and there is no router", probe.To)
	}
	l4 := make([]byte, 20)
	switch probe.Protocol {
	case protoICMP, protoICMPv6:
		l4[0], l4[5] = 8, 1
		if !probe.To.Is4() {
			l4[0] = 128
		}
	default:
		binary.BigEndian.PutUint16(l4, probe.SrcPort)
		binary.BigEndian.PutUint16(l4[2:], probe.DstPort)
		if probe.Protocol == protoTCP {
			l4[12], l4[13] = 0x50, 2 // SYN
		}
	}
	return append(ethernetIP(port.Mac, next.Mac, src, probe.To, probe.Protocol, len(l4)), l4...), nil
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
