package dataplane

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
)

// undo holds how the tables were before a trace, and puts them back: what a
// traced packet leaves there would let real packets pass as its answers. The
// entries that a packet can touch follow from its addresses, so real ones
// beside it keep what they write. Between a program's run and the undoing,
// some microseconds, the entries are there.
type undo struct {
	d     *Dataplane
	steps []func() error
}

// remember notes the entry of a key, or that there is none.
func remember[K, V any](u *undo, name string, key K) error {
	m := u.d.mapNamed(name)
	var value V
	err := m.Lookup(&key, &value)
	switch {
	case err == nil:
		u.steps = append(u.steps, func() error { return m.Update(&key, &value, ebpf.UpdateAny) })
	case errors.Is(err, ebpf.ErrKeyNotExist):
		u.steps = append(u.steps, func() error { return forget(m, key) })
	default:
		return fmt.Errorf("reading map %s: %w", name, err)
	}
	return nil
}

func forget[K any](m *ebpf.Map, key K) error {
	if err := m.Delete(&key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	return nil
}

// all puts everything back, the newest first.
func (u *undo) all() error {
	var failed []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		failed = append(failed, u.steps[i]())
	}
	u.steps = nil
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("putting the tables back after a trace: %w", err)
	}
	return nil
}

// connection is the key by which a port tracks what a packet begins.
func (k packetKey) connection(port uint32, direction uint32) bpfCtKey {
	key := bpfCtKey{Port: port, Proto: k.protocol, Local: addrOf(k.src), Remote: addrOf(k.dst), Lport: swap16(k.sport), Rport: swap16(k.dport)}
	if direction == dirIngress {
		key.Local, key.Remote, key.Lport, key.Rport = key.Remote, key.Local, key.Rport, key.Lport
	}
	if k.protocol == protoICMP || k.protocol == protoICMPv6 {
		key.Lport, key.Rport = swap16(k.sport), 0 // an identifier, and whether this side asks
		if direction == dirEgress {
			key.Rport = 1
		}
	}
	return key
}

// before notes what a packet that leaves a port's guest can touch.
func (u *undo) before(port uint32, frame []byte) error {
	k := keyOf(frame)
	if err := remember[bpfCtKey, bpfCt](u, "cts", k.connection(port, dirEgress)); err != nil {
		return err
	}
	if err := remember[bpfSvcKey, bpfSvc](u, "svcs", bpfSvcKey{Port: port, Sport: swap16(k.sport)}); err != nil {
		return err
	}
	if err := u.translations(k); err != nil {
		return err
	}
	return u.questions(port, frame)
}

// arriving notes what the packet can touch at the port that it goes to.
func (u *undo) arriving(port uint32, k packetKey) error {
	return remember[bpfCtKey, bpfCt](u, "cts", k.connection(port, dirIngress))
}

// translations notes the entries of each router that could translate.
func (u *undo) translations(k packetKey) error {
	if !k.src.Is4() {
		return nil
	}
	m := u.d.mapNamed("nats")
	for id, router := range u.d.tables.routers.held {
		if router.Gw4 == 0 {
			continue
		}
		out := bpfNatKey{Router: id, Src: be4(k.src), Dst: be4(k.dst), Sport: swap16(k.sport), Dport: swap16(k.dport), Proto: k.protocol}
		if k.protocol == protoICMP {
			out.Dport = 0
		}
		back := func(port uint16) bpfNatKey {
			return bpfNatKey{Router: id, Src: out.Dst, Dst: router.Gw4, Sport: out.Dport, Dport: port, Proto: out.Proto, Reply: 1}
		}
		var known bpfNat
		switch err := m.Lookup(&out, &known); {
		case err == nil: // a real connection's
			if err := remember[bpfNatKey, bpfNat](u, "nats", back(known.Port)); err != nil {
				return err
			}
			if err := remember[bpfNatKey, bpfNat](u, "nats", out); err != nil {
				return err
			}
		case errors.Is(err, ebpf.ErrKeyNotExist):
			u.steps = append(u.steps, func() error {
				var made bpfNat
				if err := m.Lookup(&out, &made); errors.Is(err, ebpf.ErrKeyNotExist) {
					return nil
				} else if err != nil {
					return err
				}
				return errors.Join(forget(m, out), forget(m, back(made.Port)))
			})
		default:
			return fmt.Errorf("reading map nats: %w", err)
		}
	}
	return nil
}

// packetKey is what tells connections apart.
type packetKey struct {
	protocol     uint8
	src, dst     netip.Addr
	sport, dport uint16 // an ICMP echo's identifier is sport
}
