package network

import (
	"net/netip"
	"slices"
)

// checkPrefix checks the range of a new subnet and brings it to its canonical
// form.
func (s *Subnet) checkPrefix() error {
	p, err := netip.ParsePrefix(s.CIDR)
	if err != nil {
		return refuse("HTTPBadRequest", "Invalid input for cidr. Reason: '%s' is not a valid IP subnet.", s.CIDR)
	}
	if p != p.Masked() {
		return refuse("HTTPBadRequest", "Invalid input for cidr. Reason: '%s' isn't a recognized IP subnet cidr, '%s' is recommended.", s.CIDR, p.Masked())
	}
	s.CIDR = p.String()
	if version(p.Addr()) != s.IPVersion {
		return invalid("cidr '%s' does not match the ip_version '%d'", s.CIDR, s.IPVersion)
	}
	switch {
	case p.Bits() == 0:
		return invalid("0 is not allowed as CIDR prefix length")
	case p.Addr().IsMulticast():
		return invalid("Multicast IP subnet is not supported if enable_dhcp is True")
	case p.Addr().IsLoopback():
		return invalid("Loopback IP subnet is not supported if enable_dhcp is True")
	case p.Addr().IsUnspecified():
		return invalid("First IP '%s' of network is not supported if enable_dhcp is True", p.Addr())
	}
	return nil
}

func version(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// checkDetails checks everything but range and pools.
func (s *Subnet) checkDetails() error {
	p := s.prefix()
	if s.EnableDHCP && (p.Addr().Is4() && p.Bits() > 30 || p.Addr().Is6() && p.Bits() > 126) {
		return invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
	}
	if s.GatewayIP != "" {
		gateway, err := netip.ParseAddr(s.GatewayIP)
		if err != nil || gateway.Zone() != "" {
			return refuse("HTTPBadRequest", "Invalid input for gateway_ip. Reason: '%s' is not a valid IP address.", s.GatewayIP)
		}
		if version(gateway) != s.IPVersion {
			return invalid("gateway_ip '%s' does not match the ip_version '%d'", s.GatewayIP, s.IPVersion)
		}
		// In IPv6 the first address is that of all routers on the link.
		if p.Addr().Is4() && p.Contains(gateway) && !hostsOf(p).contains(gateway) {
			return invalid("Gateway is not valid on subnet")
		}
		s.GatewayIP = gateway.String()
	}
	if err := s.checkModes(); err != nil {
		return err
	}
	if len(s.DNS.V) > maxDNS {
		return refuse("DNSNameServersExhausted", "Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.", s.ID, maxDNS)
	}
	for i, name := range s.DNS.V {
		a, err := netip.ParseAddr(name)
		if err != nil || a.Zone() != "" {
			return refuse("HTTPBadRequest", "Invalid input for dns_nameservers. Reason: '%s' is not a valid nameserver. '%s' is not a valid IP address.", name, name)
		}
		if slices.Contains(s.DNS.V[:i], a.String()) {
			return refuse("HTTPBadRequest", "Invalid input for dns_nameservers. Reason: Duplicate nameserver '%s'.", name)
		}
		if version(a) != s.IPVersion {
			return invalid("dns_nameserver '%s' does not match the ip_version '%d'", name, s.IPVersion)
		}
		s.DNS.V[i] = a.String()
	}
	if len(s.HostRoutes.V) > maxHostRoutes {
		return refuse("HostRoutesExhausted", "Unable to complete operation for %s. The number of host routes exceeds the limit %d.", s.ID, maxHostRoutes)
	}
	for i, route := range s.HostRoutes.V {
		if err := route.canonical(&s.HostRoutes.V[i]); err != nil {
			return refuse("HTTPBadRequest", "Invalid input for host_routes. Reason: %s.", err)
		}
		if d, err := netip.ParsePrefix(s.HostRoutes.V[i].Destination); err != nil || version(d.Addr()) != s.IPVersion {
			return invalid("destination '%s' does not match the ip_version '%d'", route.Destination, s.IPVersion)
		}
	}
	return nil
}

// checkModes checks the two IPv6 modes against each other and the rest.
func (s *Subnet) checkModes() error {
	modes := []string{"", ModeSLAAC, ModeStateful, ModeStateless}
	for _, m := range []struct{ name, value string }{{"ipv6_ra_mode", s.RAMode}, {"ipv6_address_mode", s.AddressMode}} {
		switch {
		case !slices.Contains(modes, m.value):
			return refuse("HTTPBadRequest", "Invalid input for %s. Reason: '%s' is not in ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'].", m.name, m.value)
		case m.value != "" && s.IPVersion == 4:
			return invalid("%s is not valid when ip_version is 4", m.name)
		}
	}
	switch {
	case (s.RAMode != "" || s.AddressMode != "") && !s.EnableDHCP:
		return invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
	case s.RAMode != "" && s.AddressMode != "" && s.RAMode != s.AddressMode:
		return invalid("ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid. If both attributes are set, they must be the same value", s.RAMode, s.AddressMode)
	case s.automatic() && s.prefix().Bits() != 64:
		return invalid("Invalid CIDR %s for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64", s.CIDR)
	}
	return nil
}

// checkPools checks that the pools are within the subnet, apart from each
// other and from the gateway.
func (s *Subnet) checkPools() error {
	hosts := hostsOf(s.prefix())
	for i, p := range s.Pools.V {
		shown := p.Start.String() + "-" + p.End.String()
		if !p.Start.IsValid() || !p.End.IsValid() || p.Start.BitLen() != p.End.BitLen() || version(p.Start) != s.IPVersion || p.End.Less(p.Start) {
			return refuse("InvalidAllocationPool", "The allocation pool %s is not valid.", shown)
		}
		if !hosts.contains(p.Start) || !hosts.contains(p.End) {
			return refuse("OutOfBoundsAllocationPool", "The allocation pool %s spans beyond the subnet cidr %s.", shown, s.CIDR)
		}
		if g := s.gateway(); g.IsValid() && p.contains(g) {
			return conflict("GatewayConflictWithAllocationPools", "Gateway ip %s conflicts with allocation pool %s.", g, shown)
		}
		for _, other := range s.Pools.V[:i] {
			if other.contains(p.Start) || other.contains(p.End) || p.contains(other.Start) {
				return conflict("OverlappingAllocationPools", "Found overlapping allocation pools: %s-%s %s for subnet %s.", other.Start, other.End, shown, s.CIDR)
			}
		}
	}
	return nil
}

// carries refuses a subnet of a version of IP whose packets the network would
// not carry: those of IPv6 have 1280 bytes (RFC 8200, section 5).
func (n *Network) carries(subs ...*Subnet) error {
	if n.MTU < leastMTU && slices.ContainsFunc(subs, func(s *Subnet) bool { return s.IPVersion == 6 }) {
		return conflict("NetworkMTUSubnetConflict", "MTU of %s is not valid, subnet requires a minimum of %d", n.ID, leastMTU)
	}
	return nil
}

// canonical writes the route with canonical addresses to out, or says what is
// wrong with it.
func (r Route) canonical(out *Route) error {
	d, err := netip.ParsePrefix(r.Destination)
	if err != nil {
		return refuse("", "'%s' is not a valid CIDR", r.Destination)
	}
	if d != d.Masked() {
		return refuse("", "'%s' is not a recognized CIDR, '%s' is recommended", r.Destination, d.Masked())
	}
	hop, err := netip.ParseAddr(r.NextHop)
	if err != nil || hop.Zone() != "" {
		return refuse("", "'%s' is not a valid IP address", r.NextHop)
	}
	if hop.BitLen() != d.Addr().BitLen() {
		return refuse("", "'%s' and '%s' are not of the same IP version", r.Destination, r.NextHop)
	}
	*out = Route{Destination: d.String(), NextHop: hop.String()}
	return nil
}
