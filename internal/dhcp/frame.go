package dhcp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

const (
	ethernetHeader = 14
	ipv4Header     = 20
	udpHeader      = 8

	etherTypeIPv4 = 0x0800
	protocolUDP   = 17
	clientPort    = 68
	serverPort    = 67
	hopLimit      = 64
)

// Frame is an Ethernet frame with one UDP datagram over IPv4.
type Frame struct {
	SrcMAC, DstMAC   net.HardwareAddr
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Payload          []byte
}

// errNotUDP is why most frames are left alone.
var errNotUDP = errors.New("no whole UDP datagram over IPv4")

// ParseFrame reads a frame; Payload and the MACs are parts of b. The UDP
// checksum is not looked at: a guest's virtio device leaves it for the
// network card to fill in, and there is none on the way.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < ethernetHeader+ipv4Header || binary.BigEndian.Uint16(b[12:]) != etherTypeIPv4 {
		return Frame{}, errNotUDP
	}
	f := Frame{DstMAC: net.HardwareAddr(b[0:6]), SrcMAC: net.HardwareAddr(b[6:12])}
	packet := b[ethernetHeader:]
	header, total := int(packet[0]&0x0f)*4, int(binary.BigEndian.Uint16(packet[2:]))
	fragment := binary.BigEndian.Uint16(packet[6:]) & 0x3fff // offset, or more to come
	if packet[0]>>4 != 4 || header < ipv4Header || total < header+udpHeader || total > len(packet) || packet[9] != protocolUDP || fragment != 0 {
		return Frame{}, errNotUDP
	}
	f.Src, f.Dst = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
	datagram := packet[header:total]
	length := int(binary.BigEndian.Uint16(datagram[4:]))
	if length < udpHeader || length > len(datagram) {
		return Frame{}, errNotUDP
	}
	f.SrcPort, f.DstPort = binary.BigEndian.Uint16(datagram[0:]), binary.BigEndian.Uint16(datagram[2:])
	f.Payload = datagram[udpHeader:length]
	return f, nil
}

// Bytes writes the frame with both checksums.
func (f Frame) Bytes() []byte {
	length := udpHeader + len(f.Payload)
	b := make([]byte, 0, ethernetHeader+ipv4Header+length)
	b = append(b, f.DstMAC...)
	b = append(b, f.SrcMAC...)
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv4)

	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+length))
	b = append(b, 0, 0, 0, 0, hopLimit, protocolUDP, 0, 0)
	b = append(b, f.Src.AsSlice()...)
	b = append(b, f.Dst.AsSlice()...)
	packet := b[ethernetHeader:]
	binary.BigEndian.PutUint16(packet[10:], fold(sum(packet, 0)))

	b = binary.BigEndian.AppendUint16(b, f.SrcPort)
	b = binary.BigEndian.AppendUint16(b, f.DstPort)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0)
	b = append(b, f.Payload...)
	datagram := b[ethernetHeader+ipv4Header:]
	pseudo := sum(packet[12:20], protocolUDP+uint32(length))
	checksum := fold(sum(datagram, pseudo))
	if checksum == 0 {
		checksum = 0xffff // 0 would say that there is none, RFC 768
	}
	binary.BigEndian.PutUint16(datagram[6:], checksum)
	return b
}

// sum adds b to a one's complement sum, RFC 1071.
func sum(b []byte, total uint32) uint32 {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return ^uint16(total)
}
