package dataplane

import (
	"encoding/binary"
	"net"
	"net/netip"

	"wisp/internal/errs"
)

// Conversions between the values of Go and those of the maps.

// addrOf maps IPv4 to ::ffff:a.b.c.d, in network order.
func addrOf(a netip.Addr) bpfAddr {
	var out bpfAddr
	if !a.IsValid() {
		return out
	}
	b := a.As16()
	for i := range out.W {
		out.W[i] = binary.NativeEndian.Uint32(b[i*4:])
	}
	return out
}

func addrFrom(a bpfAddr) netip.Addr {
	var b [16]byte
	for i, w := range a.W {
		binary.NativeEndian.PutUint32(b[i*4:], w)
	}
	if b == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(b).Unmap()
}

// bitsOf is the length of a prefix in the 128 bits of a mapped address.
func bitsOf(p netip.Prefix) uint32 {
	if p.Addr().Is4() {
		return uint32(96 + p.Bits())
	}
	return uint32(p.Bits())
}

// apart are the prefixes under which a table of addresses keeps a prefix. Those
// of IPv4 are kept within ::ffff:0:0/96, so that a prefix of IPv6 which has all
// that becomes what is beside it.
func apart(p netip.Prefix) []netip.Prefix {
	const bits = 96
	four := netip.AddrFrom4([4]byte{}).As16()
	if p.Addr().Is4() || p.Bits() >= bits || !p.Contains(netip.AddrFrom16(four)) {
		return []netip.Prefix{p}
	}
	var out []netip.Prefix
	for at := p.Bits(); at < bits; at++ {
		b := four
		b[at/8] ^= 0x80 >> (at % 8)
		out = append(out, netip.PrefixFrom(netip.AddrFrom16(b), at+1).Masked())
	}
	return out
}

// maskOf is the mask of a prefix in the 128 bits of a mapped address.
func maskOf(p netip.Prefix) bpfAddr {
	var b [16]byte
	copy(b[:], net.CIDRMask(int(bitsOf(p)), 128))
	var out bpfAddr
	for i := range out.W {
		out.W[i] = binary.NativeEndian.Uint32(b[i*4:])
	}
	return out
}

// be4 is an IPv4 address as a number in network order; 0 when a is none.
func be4(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.NativeEndian.Uint32(b[:])
}

func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

// swap16 turns a port from network order, as maps hold it, or into it.
func swap16(v uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], v)
	return binary.BigEndian.Uint16(b[:])
}

// macOf parses a unicast Ethernet address.
func macOf(s string) ([6]byte, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 || [6]byte(hw) == [6]byte{} {
		return [6]byte{}, errs.New(errs.Invalid, "%q is not an Ethernet address of a device", s)
	}
	return [6]byte(hw), nil
}

// linkLocal is the IPv6 address that a device makes of its MAC, RFC 4291
// appendix A.
func linkLocal(mac [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
	})
}
