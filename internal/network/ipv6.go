package network

import (
	"maps"
	"net/netip"
	"slices"

	"wisp/internal/nodeapi"
)

// answerIPv6 adds what the local ports are told over IPv6: by DHCPv6, of the
// first address in a subnet whose address mode asks for it; by the routers of
// their networks, of the subnets with a mode of advertisements. What each of
// the modes means: API reference, Subnets, ipv6_ra_mode and ipv6_address_mode.
func (h *hostView) answerIPv6() {
	routers := h.advertisements()
	for _, p := range h.ports {
		if !h.local(p) {
			continue
		}
		six := &nodeapi.IPv6{Routers: routers[p.NetworkID]}
		for _, ip := range p.FixedIPs {
			sub := h.subnets[ip.SubnetID]
			a, err := netip.ParseAddr(ip.Address)
			if err != nil || !a.Is6() || h.silent[p.NetworkID] || !sub.EnableDHCP || sub.AddressMode != ModeStateful && sub.AddressMode != ModeStateless {
				continue
			}
			if !six.DHCP {
				six.DHCP, six.DNS = true, h.dns6(sub)
			}
			if sub.AddressMode == ModeStateful {
				six.Address, six.DNS = a, h.dns6(sub)
				break
			}
		}
		if !six.DHCP && len(six.Routers) == 0 {
			continue
		}
		lease, has := h.leases[p.ID]
		if !has {
			lease = nodeapi.Lease{PortID: p.ID, MAC: p.MAC, Domain: h.domain(p), Seconds: h.service.config.LeaseSeconds}
		}
		lease.IPv6 = six
		h.leases[p.ID] = lease
	}
}

// dns6 are the IPv6 addresses of the servers of names for a subnet.
func (h *hostView) dns6(sub *Subnet) []netip.Addr {
	servers := addresses(sub.DNS.V)
	if len(servers) == 0 {
		servers = slices.Clone(h.service.config.DNS)
	}
	return slices.DeleteFunc(servers, func(a netip.Addr) bool { return !a.Is6() })
}

// advertisements are those of the routers on each network, in the order of
// their ports.
func (h *hostView) advertisements() map[string][]nodeapi.Advertisement {
	// A router has a port for each of the prefixes, or one for several; hosts
	// know it by its MAC, so each port speaks for itself.
	all := map[string][]nodeapi.Advertisement{}
	for _, p := range h.ports {
		if p.Role != roleInterface || !p.AdminStateUp || !h.networks[p.NetworkID].AdminStateUp || !h.state.Routers[p.RouterID].Enabled {
			continue
		}
		a := nodeapi.Advertisement{MAC: p.MAC, MTU: h.networks[p.NetworkID].MTU}
		dns := map[netip.Addr]bool{}
		for _, ip := range p.FixedIPs {
			sub := h.subnets[ip.SubnetID]
			if sub.IPVersion != 6 || sub.RAMode == "" {
				continue
			}
			a.Prefixes = append(a.Prefixes, nodeapi.LinkPrefix{Prefix: sub.prefix(), Autonomous: sub.RAMode != ModeStateful})
			a.Managed = a.Managed || sub.RAMode == ModeStateful
			a.Other = a.Other || sub.RAMode == ModeStateless
			a.Default = a.Default || sub.GatewayIP != "" && (sub.GatewayIP == ip.Address || sub.gateway().IsLinkLocalUnicast())
			if sub.RAMode != ModeStateful {
				for _, server := range h.dns6(sub) {
					dns[server] = true
				}
			}
		}
		if len(a.Prefixes) == 0 {
			continue
		}
		a.DNS = slices.SortedFunc(maps.Keys(dns), netip.Addr.Compare)
		all[p.NetworkID] = append(all[p.NetworkID], a)
	}
	return all
}
