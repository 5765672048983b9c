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
	ipv6Header     = 40
	udpHeader      = 8

	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd
	protocolUDP   = 17
	clientPort    = 68
	serverPort    = 67
	clientPort6   = 546
	serverPort6   = 547
	hopLimit      = 64
)

// Frame is an Ethernet frame with one UDP datagram over IPv4, or over IPv6
// without extension headers. Both addresses are of one family.
type Frame struct {
	SrcMAC, DstMAC   net.HardwareAddr
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Payload          []byte
}

// errNotUDP is why most frames are left alone.
var errNotUDP = errors.New("no whole UDP datagram")

// ParseFrame reads a frame; Payload and the MACs are parts of b. The UDP
// checksum is not looked at: a guest's virtio device leaves it for the
// network card to fill in, and there is none on the way.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < ethernetHeader {
		return Frame{}, errNotUDP
	}
	f := Frame{DstMAC: net.HardwareAddr(b[0:6]), SrcMAC: net.HardwareAddr(b[6:12])}
	packet := b[ethernetHeader:]
	var datagram []byte
	var err error
	switch binary.BigEndian.Uint16(b[12:]) {
	case etherTypeIPv4:
		datagram, err = f.parseIPv4(packet)
	case etherTypeIPv6:
		datagram, err = f.parseIPv6(packet)
	default:
		err = errNotUDP
	}
	if err != nil {
		return Frame{}, err
	}
	length := int(binary.BigEndian.Uint16(datagram[4:]))
	if length < udpHeader || length > len(datagram) {
		return Frame{}, errNotUDP
	}
	f.SrcPort, f.DstPort = binary.BigEndian.Uint16(datagram[0:]), binary.BigEndian.Uint16(datagram[2:])
	f.Payload = datagram[udpHeader:length]
	return f, nil
}

func (f *Frame) parseIPv4(packet []byte) (datagram []byte, err error) {
	if len(packet) < ipv4Header {
		return nil, errNotUDP
	}
	header, total := int(packet[0]&0x0f)*4, int(binary.BigEndian.Uint16(packet[2:]))
	fragment := binary.BigEndian.Uint16(packet[6:]) & 0x3fff // offset, or more to come
	if packet[0]>>4 != 4 || header < ipv4Header || total < header+udpHeader || total > len(packet) || packet[9] != protocolUDP || fragment != 0 {
		return nil, errNotUDP
	}
	f.Src, f.Dst = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
	return packet[header:total], nil
}

func (f *Frame) parseIPv6(packet []byte) (datagram []byte, err error) {
	if len(packet) < ipv6Header || packet[0]>>4 != 6 || packet[6] != protocolUDP {
		return nil, errNotUDP
	}
	length := int(binary.BigEndian.Uint16(packet[4:]))
	if length < udpHeader || length > len(packet)-ipv6Header {
		return nil, errNotUDP
	}
	f.Src, f.Dst = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
	return packet[ipv6Header : ipv6Header+length], nil
}

// Bytes writes the frame with its checksums.
func (f Frame) Bytes() []byte {
	length := udpHeader + len(f.Payload)
	b := make([]byte, 0, ethernetHeader+ipv6Header+length)
	b = append(b, f.DstMAC...)
	b = append(b, f.SrcMAC...)
	if f.Src.Is4() {
		b = f.appendIPv4(b, length)
	} else {
		b = f.appendIPv6(b, length)
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, f.SrcPort)
	b = binary.BigEndian.AppendUint16(b, f.DstPort)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0)
	b = append(b, f.Payload...)
	datagram := b[start:]
	pseudo := sum(f.Src.AsSlice(), sum(f.Dst.AsSlice(), protocolUDP+uint32(length)))
	checksum := fold(sum(datagram, pseudo))
	if checksum == 0 {
		checksum = 0xffff // 0 would say that there is none, RFC 768
	}
	binary.BigEndian.PutUint16(datagram[6:], checksum)
	return b
}

func (f Frame) appendIPv4(b []byte, length int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv4)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+length))
	b = append(b, 0, 0, 0, 0, hopLimit, protocolUDP, 0, 0)
	b = append(b, f.Src.AsSlice()...)
	b = append(b, f.Dst.AsSlice()...)
	packet := b[ethernetHeader:]
	binary.BigEndian.PutUint16(packet[10:], fold(sum(packet, 0)))
	return b
}

func (f Frame) appendIPv6(b []byte, length int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, protocolUDP, hopLimit)
	b = append(b, f.Src.AsSlice()...)
	return append(b, f.Dst.AsSlice()...)
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
