package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// announcement tells a physical network where an address is now.
type announcement struct {
	ifindex int
	tag     uint16 // of 802.1Q; 0 for none
	mac     [6]byte
	addr    netip.Addr
	ask     netip.Addr // when valid: also ask for this neighbour
}

// announcements are those for the addresses of routers which are new on
// physical networks, and questions for the next hops of their gateways.
func (d *Dataplane) announcements(want *wanted) []announcement {
	var out []announcement
	wired := func(netID uint32) (n bpfNet, tag uint16, ok bool) {
		n = want.nets[netID]
		if n.Type == netVLAN {
			tag = uint16(n.Vni)
		}
		return n, tag, onWire(n) && n.Ifindex != 0
	}
	for k, dest := range want.neigh {
		n, tag, ok := wired(k.Net)
		addr := addrFrom(k.Addr)
		if !ok || dest.Kind != destRouter || !addr.Is4() || d.tables.neigh.held[k] == dest {
			continue
		}
		out = append(out, announcement{ifindex: int(n.Ifindex), tag: tag, mac: dest.Mac, addr: addr})
	}
	for k, r := range want.routes {
		n, tag, ok := wired(r.Net)
		via, own := addrFrom(r.Via), addrFrom(r.Leg)
		if !ok || !via.Is4() || !own.Is4() || d.tables.routes.held[k] == r {
			continue
		}
		out = append(out, announcement{ifindex: int(n.Ifindex), tag: tag, mac: r.Mac, addr: own, ask: via})
	}
	return out
}

// announce sends gratuitous ARP (RFC 5944 4.6) and questions. The frames
// carry the mark of forwarded packets, so that the programs on the interface
// leave them alone.
func announce(all []announcement) error {
	if len(all) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening packet socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, markForwarded); err != nil {
		return fmt.Errorf("marking packet socket: %w", err)
	}
	var failed []error
	for _, a := range all {
		target := a.addr
		if a.ask.IsValid() {
			target = a.ask
		}
		err := unix.Sendto(fd, arpRequest(a.mac, a.tag, a.addr, target), 0, &unix.SockaddrLinklayer{Ifindex: a.ifindex})
		if err != nil && !errors.Is(err, unix.ENETDOWN) {
			failed = append(failed, fmt.Errorf("announcing %s: %w", a.addr, err))
		}
	}
	return errors.Join(failed...)
}

// arpRequest is a broadcast question of RFC 826, padded to the least length
// of a frame.
func arpRequest(mac [6]byte, tag uint16, own, target netip.Addr) []byte {
	f := make([]byte, 0, 64)
	f = append(f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f = append(f, mac[:]...)
	if tag != 0 {
		f = binary.BigEndian.AppendUint16(f, 0x8100)
		f = binary.BigEndian.AppendUint16(f, tag)
	}
	for _, v := range []uint16{0x0806, 1, 0x0800, 0x0604, 1} {
		f = binary.BigEndian.AppendUint16(f, v)
	}
	f = append(f, mac[:]...)
	f = append(f, own.AsSlice()...)
	f = append(f, make([]byte, 6)...)
	f = append(f, target.AsSlice()...)
	return f[:64]
}
