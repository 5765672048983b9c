// Package dhcp answers DHCPv4 and DHCPv6 for the ports of one host. Answer and
// Answer6 are the whole protocols as pure functions of a request and the port's
// lease; Frame is the Ethernet, IP and UDP around them; Server joins the two over a connection on
// which the kernel says which port a frame came from. There is no state: what
// a port is told stands in the desired state of the host, and is the same
// whoever asks when.
//
// It imports the lease's type from nodeapi, and nothing that knows how
// frames come from guests.
package dhcp

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"wisp/internal/dataplane/intent"
	"wisp/internal/nodeapi"
)

// optionMSRoutes is Microsoft's own number for the classless routes.
const optionMSRoutes = dhcpv4.GenericOptionCode(249)

// maxLease is "for ever" on the wire, RFC 2131 3.3.
const maxLease = 0xffffffff

// metadataRoute leads to the metadata service on the link itself, for a
// subnet without a gateway: the dataplane answers for that address on every
// link. RFC 3442 writes "on the link" as router 0.0.0.0.
var metadataRoute = intent.Route{Destination: netip.MustParsePrefix("169.254.169.254/32"), NextHop: netip.IPv4Unspecified()}

// Answer returns what the server says to a request from the port of the
// lease, or nil for silence: to what is not for us, is not from the port's
// own MAC, or asks for no answer. Source: RFC 2131 4.3, RFC 3442, RFC 6842.
func Answer(request *dhcpv4.DHCPv4, lease nodeapi.Lease) *dhcpv4.DHCPv4 {
	mac, err := net.ParseMAC(lease.MAC)
	if err != nil || !lease.Address.IsValid() || !lease.Address.Addr().Is4() || !lease.Server.Is4() {
		return nil
	}
	relayed := !addr(request.GatewayIPAddr).IsUnspecified()
	if request.OpCode != dhcpv4.OpcodeBootRequest || relayed || !bytes.Equal(request.ClientHWAddr, mac) {
		return nil
	}
	var kind dhcpv4.MessageType
	switch request.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		kind = dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeRequest:
		kind = judge(request, lease)
	case dhcpv4.MessageTypeInform:
		kind = dhcpv4.MessageTypeAck
	default: // also a release or a decline: the address stays the port's
		return nil
	}
	if kind == dhcpv4.MessageTypeNone {
		return nil
	}
	reply := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: request.HWType, TransactionID: request.TransactionID, Flags: request.Flags,
		ClientHWAddr: request.ClientHWAddr, GatewayIPAddr: net.IPv4zero, ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero,
		ServerIPAddr: net.IPv4zero, Options: dhcpv4.Options{},
	}
	reply.UpdateOption(dhcpv4.OptMessageType(kind))
	reply.UpdateOption(dhcpv4.OptServerIdentifier(ip(lease.Server)))
	if id := request.Options.Get(dhcpv4.OptionClientIdentifier); id != nil {
		reply.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, id))
	}
	if kind == dhcpv4.MessageTypeNak {
		return reply
	}
	if request.MessageType() == dhcpv4.MessageTypeInform {
		reply.ClientIPAddr = request.ClientIPAddr
	} else {
		if kind == dhcpv4.MessageTypeAck {
			reply.ClientIPAddr = request.ClientIPAddr
		}
		reply.YourIPAddr = ip(lease.Address.Addr())
		addTimes(reply, lease.Seconds)
	}
	reply.ServerIPAddr = ip(lease.Server)
	if lease.NextServer.Is4() {
		reply.ServerIPAddr = ip(lease.NextServer)
	}
	addParameters(reply, request, lease)
	return reply
}

// judge decides on a REQUEST: ACK, NAK, or nothing when another server was
// chosen or the message makes no sense.
func judge(request *dhcpv4.DHCPv4, lease nodeapi.Lease) dhcpv4.MessageType {
	wanted, current := addr(request.RequestedIPAddress()), addr(request.ClientIPAddr)
	if chosen := request.ServerIdentifier(); chosen != nil && addr(chosen) != lease.Server {
		return dhcpv4.MessageTypeNone
	}
	switch {
	case !wanted.IsUnspecified(): // it chooses, or comes back after a boot
		current = wanted
	case current.IsUnspecified(): // it neither asks nor renews
		return dhcpv4.MessageTypeNone
	}
	if current != lease.Address.Addr() {
		return dhcpv4.MessageTypeNak
	}
	return dhcpv4.MessageTypeAck
}

// addTimes tells how long the lease lasts, and when to renew and rebind.
func addTimes(reply *dhcpv4.DHCPv4, seconds int) {
	lasts := uint32(maxLease)
	if seconds > 0 && uint64(seconds) < maxLease {
		lasts = uint32(seconds)
	}
	number := func(code dhcpv4.OptionCode, v uint32) {
		reply.UpdateOption(dhcpv4.OptGeneric(code, binary.BigEndian.AppendUint32(nil, v)))
	}
	number(dhcpv4.OptionIPAddressLeaseTime, lasts)
	if lasts != maxLease {
		number(dhcpv4.OptionRenewTimeValue, lasts/2)
		number(dhcpv4.OptionRebindingTimeValue, uint32(uint64(lasts)*7/8))
	}
}

// addParameters tells what else the subnet and the port say.
func addParameters(reply, request *dhcpv4.DHCPv4, lease nodeapi.Lease) {
	put := func(code dhcpv4.OptionCode, value []byte) {
		if len(value) > 0 {
			reply.UpdateOption(dhcpv4.OptGeneric(code, value))
		}
	}
	put(dhcpv4.OptionSubnetMask, net.CIDRMask(lease.Address.Bits(), 32))
	if lease.Gateway.Is4() {
		put(dhcpv4.OptionRouter, lease.Gateway.AsSlice())
	}
	var servers []byte
	for _, server := range lease.DNS {
		if server.Is4() {
			servers = append(servers, server.AsSlice()...)
		}
	}
	put(dhcpv4.OptionDomainNameServer, servers)
	put(dhcpv4.OptionDomainName, []byte(lease.Domain))
	put(dhcpv4.OptionHostName, []byte(lease.Hostname))
	if lease.MTU >= 68 && lease.MTU <= 0xffff {
		put(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(lease.MTU)))
	}
	asked := request.Options.Get(dhcpv4.OptionParameterRequestList)
	wants := func(code dhcpv4.OptionCode) bool { return slices.Contains(asked, code.Code()) }
	routes := encodeRoutes(lease)
	if len(asked) == 0 || wants(dhcpv4.OptionClasslessStaticRoute) {
		put(dhcpv4.OptionClasslessStaticRoute, routes)
	}
	if wants(optionMSRoutes) {
		put(optionMSRoutes, routes)
	}
	for _, o := range lease.Options {
		if !slices.Contains(reserved, o.Code) {
			put(dhcpv4.GenericOptionCode(o.Code), o.Value)
		}
	}
}

// reserved are the options that a port's own must not replace: padding, the
// end, and what the protocol itself turns on (overload, message type, server
// and client identifiers, requested address and list, relay information).
var reserved = []uint8{0, 50, 52, 53, 54, 55, 61, 82, 255}

// encodeRoutes writes the classless routes. A client that reads them ignores
// the router option, so the default route is among them, RFC 3442.
func encodeRoutes(lease nodeapi.Lease) []byte {
	routes := slices.Clone(lease.Routes)
	known := func(r intent.Route) bool {
		return slices.ContainsFunc(routes, func(o intent.Route) bool { return o.Destination == r.Destination })
	}
	implied := metadataRoute
	if lease.Gateway.Is4() {
		implied = intent.Route{Destination: netip.PrefixFrom(netip.IPv4Unspecified(), 0), NextHop: lease.Gateway}
	}
	if !known(implied) {
		routes = append(routes, implied)
	}
	var b []byte
	for _, r := range routes {
		if !r.Destination.IsValid() || !r.Destination.Addr().Is4() || !r.NextHop.Is4() {
			continue
		}
		length := r.Destination.Bits()
		b = append(b, byte(length))
		b = append(b, r.Destination.Masked().Addr().AsSlice()[:(length+7)/8]...)
		b = append(b, r.NextHop.AsSlice()...)
	}
	return b
}

func ip(a netip.Addr) net.IP { return net.IP(a.AsSlice()) }

// addr is the IPv4 address of a net.IP; what is none counts as 0.0.0.0.
func addr(i net.IP) netip.Addr {
	a, ok := netip.AddrFromSlice(i)
	if a = a.Unmap(); !ok || !a.Is4() {
		return netip.IPv4Unspecified()
	}
	return a
}
