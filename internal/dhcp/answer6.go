package dhcp

import (
	"bytes"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"wisp/internal/nodeapi"
)

// serverID is the same on every host: an instance that moves to another goes
// on with the server that it knows.
var serverID = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: serverMAC}

// reserved6 is the last code of the options that the protocol itself is made
// of, RFC 8415 21, which a port's own must not replace.
const reserved6 = 20

// refreshTime is when a host without an address of ours asks again, RFC 4242.
const refreshTime = 24 * time.Hour

// Answer6 returns what the server says to a DHCPv6 message from the port of
// the lease, or nil for silence. The address is the port's whoever asks for
// it, so a release or a decline changes nothing. Source: RFC 8415 18.3.
func Answer6(request *dhcpv6.Message, lease nodeapi.Lease) *dhcpv6.Message {
	six := lease.IPv6
	if six == nil || !six.DHCP {
		return nil
	}
	client, chosen := request.Options.ClientID(), request.Options.ServerID()
	ours := chosen != nil && bytes.Equal(chosen.ToBytes(), serverID.ToBytes())
	stateful := six.Address.Is6()
	reply := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: request.TransactionID}
	reply.AddOption(dhcpv6.OptServerID(serverID))
	if client != nil {
		reply.AddOption(dhcpv6.OptClientID(client))
	}
	switch request.MessageType {
	case dhcpv6.MessageTypeInformationRequest:
		if chosen != nil && !ours || len(request.Options.IANA()) > 0 {
			return nil
		}
		reply.AddOption(dhcpv6.OptInformationRefreshTime(refreshTime))
	case dhcpv6.MessageTypeSolicit:
		if client == nil || chosen != nil || !stateful {
			return nil
		}
		if request.Options.GetOne(dhcpv6.OptionRapidCommit) != nil {
			reply.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		} else {
			reply.MessageType = dhcpv6.MessageTypeAdvertise
		}
		addAddresses(reply, request, lease)
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew:
		if client == nil || !ours || !stateful {
			return nil
		}
		addAddresses(reply, request, lease)
	case dhcpv6.MessageTypeRebind:
		if client == nil || chosen != nil || !stateful {
			return nil
		}
		addAddresses(reply, request, lease)
	case dhcpv6.MessageTypeConfirm:
		status := confirm(request, lease)
		if client == nil || chosen != nil || status == nil {
			return nil
		}
		reply.AddOption(status)
		return reply
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		if client == nil || !ours {
			return nil
		}
		reply.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess, StatusMessage: "noted"})
		return reply
	default:
		return nil
	}
	if len(six.DNS) > 0 {
		reply.AddOption(dhcpv6.OptDNS(ips(six.DNS)...))
	}
	if lease.Domain != "" {
		reply.AddOption(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: []string{lease.Domain}}))
	}
	for _, o := range six.Options {
		if o.Code > reserved6 {
			reply.UpdateOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionCode(o.Code), OptionData: o.Value})
		}
	}
	return reply
}

// addAddresses gives the port's address to the first association that asks,
// and says of each other that there is none.
func addAddresses(reply, request *dhcpv6.Message, lease nodeapi.Lease) {
	life := time.Duration(lease.Seconds) * time.Second
	if life <= 0 || life > time.Duration(maxLease)*time.Second {
		life = time.Duration(maxLease) * time.Second // for ever, RFC 8415 7.7
	}
	for i, asked := range request.Options.IANA() {
		ia := &dhcpv6.OptIANA{IaId: asked.IaId}
		if i > 0 {
			ia.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail, StatusMessage: "a port has one address"})
			reply.AddOption(ia)
			continue
		}
		ia.T1, ia.T2 = life/2, life*4/5
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: lease.IPv6.Address.AsSlice(), PreferredLifetime: life, ValidLifetime: life})
		// What the client has besides is not its any more.
		for _, old := range asked.Options.Addresses() {
			if !old.IPv6Addr.Equal(lease.IPv6.Address.AsSlice()) {
				ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: old.IPv6Addr})
			}
		}
		reply.AddOption(ia)
	}
}

// confirm tells a client that comes back to the link whether its addresses
// still fit; nil when it names none, RFC 8415 18.3.3.
func confirm(request *dhcpv6.Message, lease nodeapi.Lease) *dhcpv6.OptStatusCode {
	named := false
	for _, ia := range request.Options.IANA() {
		for _, a := range ia.Options.Addresses() {
			named = true
			if !a.IPv6Addr.Equal(lease.IPv6.Address.AsSlice()) {
				return &dhcpv6.OptStatusCode{StatusCode: iana.StatusNotOnLink, StatusMessage: "the port has another address"}
			}
		}
	}
	if !named {
		return nil
	}
	return &dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess, StatusMessage: "the address is the port's"}
}

func ips(addresses []netip.Addr) []net.IP {
	out := make([]net.IP, len(addresses))
	for i, a := range addresses {
		out[i] = a.AsSlice()
	}
	return out
}
