package radv

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"wisp/internal/nodeapi"
)

const (
	ethernetHeader = 14
	ipv6Header     = 40
	etherTypeIPv6  = 0x86dd
	protocolICMPv6 = 58
	routerSolicit  = 133
	routerAdvert   = 134
	solicitLength  = 8
	hopLimit       = 255 // RFC 4861 6.1: what was forwarded is no neighbour's word

	flagManaged    = 0x80
	flagOther      = 0x40
	flagOnLink     = 0x80
	flagAutonomous = 0x40

	optionSource = 1
	optionPrefix = 3
	optionMTU    = 5
	optionDNS    = 25

	// Lifetimes in seconds. A router that has gone is forgotten after half an
	// hour, addresses after a day.
	lifetimeRouter    = 1800
	lifetimeValid     = 86400
	lifetimePreferred = 14400
	guestHops         = 64
)

var (
	allNodes    = netip.MustParseAddr("ff02::1")
	allNodesMAC = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}

	errNotSolicit = errors.New("no router solicitation")
)

// solicited reads a frame and returns an error when it is no router
// solicitation (RFC 4861 6.1.1).
func solicited(b []byte) error {
	if len(b) < ethernetHeader+ipv6Header+solicitLength || binary.BigEndian.Uint16(b[12:]) != etherTypeIPv6 {
		return errNotSolicit
	}
	packet := b[ethernetHeader:]
	if packet[0]>>4 != 6 || packet[6] != protocolICMPv6 || packet[7] != hopLimit || packet[ipv6Header] != routerSolicit || packet[ipv6Header+1] != 0 {
		return errNotSolicit
	}
	return nil
}

// Frame is an advertisement to all nodes on a link. One that is over takes
// back that the router leads anywhere. The error is that of a wrong MAC.
func Frame(a nodeapi.Advertisement, over bool) ([]byte, error) {
	mac, err := net.ParseMAC(a.MAC)
	if err != nil || len(mac) != 6 {
		return nil, errors.New("an advertisement needs the MAC of its router")
	}
	var flags byte
	if a.Managed {
		flags |= flagManaged
	}
	if a.Other {
		flags |= flagOther
	}
	lifetime := uint16(0)
	if a.Default && !over {
		lifetime = lifetimeRouter
	}
	message := []byte{routerAdvert, 0, 0, 0, guestHops, flags}
	message = binary.BigEndian.AppendUint16(message, lifetime)
	message = append(message, make([]byte, 8)...) // reachable and retransmission times: as the host likes
	message = append(message, optionSource, 1)
	message = append(message, mac...)
	if a.MTU > 0 {
		message = append(message, optionMTU, 1, 0, 0)
		message = binary.BigEndian.AppendUint32(message, uint32(a.MTU))
	}
	for _, p := range a.Prefixes {
		message = appendPrefix(message, p)
	}
	if len(a.DNS) > 0 {
		message = append(message, optionDNS, byte(1+2*len(a.DNS)), 0, 0)
		message = binary.BigEndian.AppendUint32(message, lifetimeRouter)
		for _, server := range a.DNS {
			address := server.As16()
			message = append(message, address[:]...)
		}
	}
	return frame(mac, message), nil
}

func appendPrefix(message []byte, p nodeapi.LinkPrefix) []byte {
	flags := byte(flagOnLink)
	if p.Autonomous {
		flags |= flagAutonomous
	}
	message = append(message, optionPrefix, 4, byte(p.Prefix.Bits()), flags)
	message = binary.BigEndian.AppendUint32(message, lifetimeValid)
	message = binary.BigEndian.AppendUint32(message, lifetimePreferred)
	message = append(message, 0, 0, 0, 0)
	address := p.Prefix.Masked().Addr().As16()
	return append(message, address[:]...)
}

// frame puts Ethernet and IPv6 around an ICMPv6 message to all nodes, with its
// checksum (RFC 4443 2.3).
func frame(mac net.HardwareAddr, message []byte) []byte {
	source, destination := linkLocal(mac).As16(), allNodes.As16()
	b := make([]byte, 0, ethernetHeader+ipv6Header+len(message))
	b = append(b, allNodesMAC...)
	b = append(b, mac...)
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	b = append(b, protocolICMPv6, hopLimit)
	b = append(b, source[:]...)
	b = append(b, destination[:]...)
	b = append(b, message...)
	total := uint32(len(message)) + protocolICMPv6
	for _, part := range [][]byte{source[:], destination[:], message} { // all of even length
		for ; len(part) > 1; part = part[2:] {
			total += uint32(binary.BigEndian.Uint16(part))
		}
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	binary.BigEndian.PutUint16(b[ethernetHeader+ipv6Header+2:], ^uint16(total))
	return b
}

// linkLocal is the address that a MAC makes, RFC 4291 appendix A.
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}
