package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// announcement tells a physical network where an address is now, or asks it.
type announcement struct {
	ifindex int
	tag     uint16 // of 802.1Q; 0 for none
	mac     [6]byte
	addr    netip.Addr
	ask     netip.Addr // when valid: the neighbour to ask for, as addr
	key     bpfNeighKey
	dest    bpfDest // what key must still be for another repetition
}

// repeats are when an announcement is made again, from the first time: a
// switch, a router or a cable may have missed one.
var repeats = []time.Duration{250 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

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
		if !ok || dest.Kind != destRouter || dest.Flags&destSpeaks == 0 || d.tables.neigh.held[k] == dest {
			continue
		}
		out = append(out, announcement{ifindex: int(n.Ifindex), tag: tag, mac: dest.Mac, addr: addrFrom(k.Addr), key: k, dest: dest})
	}
	for k, r := range want.routes {
		n, tag, ok := wired(r.Net)
		via, own := addrFrom(r.Via), addrFrom(r.Leg)
		if !ok || !via.Is4() || !own.Is4() || d.tables.routes.held[k] == r {
			continue
		}
		mac := r.Mac
		if r.Flags&routeHostMAC != 0 { // who answers for the router's address is another host
			mac, own = n.Mac, netip.IPv4Unspecified()
		}
		out = append(out, announcement{ifindex: int(n.Ifindex), tag: tag, mac: mac, addr: own, ask: via})
	}
	return out
}

// repeat makes announcements again for a while, as long as they are true, and
// tells other hosts of moved gateways again.
func (d *Dataplane) repeat(news []announcement, moved []move) {
	var lasting []announcement
	for _, a := range news {
		if !a.ask.IsValid() {
			lasting = append(lasting, a)
		}
	}
	if len(lasting) == 0 && len(moved) == 0 {
		return
	}
	go func() {
		begin := time.Now()
		for _, at := range d.repeats {
			timer := time.NewTimer(at - time.Since(begin))
			select {
			case <-timer.C:
			case <-d.stop:
				timer.Stop()
				return
			}
			if !d.again(lasting, moved) {
				return
			}
		}
	}()
}

// again makes one repetition; false when the dataplane is closed.
func (d *Dataplane) again(news []announcement, moved []move) bool {
	if d.lock() != nil {
		return false
	}
	defer d.mu.Unlock()
	var still []announcement
	for _, a := range news {
		if d.tables.neigh.held[a.key] == a.dest && !d.gaveWay(a.dest.Id) {
			still = append(still, a)
		}
	}
	err := d.inHost(func() error { return errors.Join(announce(still), d.tellHosts(moved)) })
	if err != nil {
		d.cfg.Log.Warn("repeating announcements", "error", err)
	}
	return true
}

// announce sends gratuitous ARP in both forms (RFC 5944 4.6), unsolicited
// neighbour advertisements (RFC 4861 7.2.6) and questions. The frames carry
// the mark of forwarded packets, so that the programs on the interface leave
// them alone.
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
		for _, frame := range a.frames() {
			err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: a.ifindex})
			if err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENXIO) {
				failed = append(failed, fmt.Errorf("announcing %s: %w", a.addr, err))
			}
		}
	}
	return errors.Join(failed...)
}

func (a announcement) frames() [][]byte {
	switch {
	case a.ask.IsValid():
		return [][]byte{arpFrame(a.mac, a.tag, arpRequest, a.addr, a.ask)}
	case a.addr.Is4():
		return [][]byte{arpFrame(a.mac, a.tag, arpRequest, a.addr, a.addr), arpFrame(a.mac, a.tag, arpReply, a.addr, a.addr)}
	}
	return [][]byte{advertisement(a.mac, a.tag, a.addr)}
}

// Operations of RFC 826.
const (
	arpRequest = 1
	arpReply   = 2
)

// ethernet begins a frame, with a tag unless that is 0.
func ethernet(dst, src [6]byte, tag, kind uint16) []byte {
	f := append(append(make([]byte, 0, 128), dst[:]...), src[:]...)
	if tag != 0 {
		f = binary.BigEndian.AppendUint16(f, 0x8100)
		f = binary.BigEndian.AppendUint16(f, tag)
	}
	return binary.BigEndian.AppendUint16(f, kind)
}

// arpFrame is a broadcast of RFC 826, padded to the least length of a frame.
func arpFrame(mac [6]byte, tag, op uint16, own, target netip.Addr) []byte {
	f := ethernet([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac, tag, 0x0806)
	for _, v := range []uint16{1, 0x0800, 0x0604, op} {
		f = binary.BigEndian.AppendUint16(f, v)
	}
	f = append(append(f, mac[:]...), own.AsSlice()...)
	about := [6]byte{}
	if op == arpReply {
		about = mac
	}
	f = append(append(f, about[:]...), target.AsSlice()...)
	return f[:64]
}

// advertisement is an unsolicited one of a router, to all nodes.
func advertisement(mac [6]byte, tag uint16, addr netip.Addr) []byte {
	all := netip.IPv6LinkLocalAllNodes()
	f := ethernet([6]byte{0x33, 0x33, 0, 0, 0, 1}, mac, tag, 0x86dd)
	const size, icmp, router, override = 32, 58, 0x80, 0x20
	f = append(f, 0x60, 0, 0, 0, 0, size, icmp, 255)
	f = append(append(f, addr.AsSlice()...), all.AsSlice()...)
	body := append([]byte{136, 0, 0, 0, router | override, 0, 0, 0}, addr.AsSlice()...)
	body = append(append(body, 2, 1), mac[:]...)
	sum := append(append(append([]byte{}, addr.AsSlice()...), all.AsSlice()...), 0, 0, 0, size, 0, 0, 0, icmp)
	binary.BigEndian.PutUint16(body[2:], checksum(append(sum, body...)))
	return append(f, body...)
}
