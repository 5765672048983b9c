package metadata

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// networkJSON is the shape of network_data.json. Source: the schema
// doc/api_schemas/network_data.json that Nova publishes.
type networkJSON struct {
	Links    []linkJSON    `json:"links"`
	Networks []addressJSON `json:"networks"`
	Services []serviceJSON `json:"services"`
}

type linkJSON struct {
	ID    string `json:"id"`
	VIFID string `json:"vif_id"`
	Type  string `json:"type"`
	MTU   int    `json:"mtu"`
	MAC   string `json:"ethernet_mac_address"`
}

// addressJSON is an address of a link; with DHCP only the first four are there.
type addressJSON struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Link      string         `json:"link"`
	NetworkID string         `json:"network_id"`
	Address   string         `json:"ip_address,omitempty"`
	Netmask   string         `json:"netmask,omitempty"`
	Routes    *[]routeJSON   `json:"routes,omitempty"`
	Services  *[]serviceJSON `json:"services,omitempty"`
}

type routeJSON struct {
	Network string `json:"network"`
	Netmask string `json:"netmask"`
	Gateway string `json:"gateway"`
}

type serviceJSON struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// networkData describes the interfaces as Nova does: the first IPv4 and the
// first IPv6 address of each. Without an interface it is an empty object.
func networkData(n Network) any {
	if len(n.Interfaces) == 0 {
		return struct{}{}
	}
	data := networkJSON{Links: []linkJSON{}, Networks: []addressJSON{}, Services: []serviceJSON{}}
	for _, nic := range n.Interfaces {
		if len(nic.Addresses) == 0 {
			continue
		}
		link := linkJSON{ID: "tap" + nic.PortID[:min(len(nic.PortID), 11)], VIFID: nic.PortID, Type: "phy", MTU: nic.MTU, MAC: nic.MAC}
		data.Links = append(data.Links, link)
		for _, version := range []int{4, 6} {
			i := slices.IndexFunc(nic.Addresses, func(a InterfaceAddr) bool { return a.Prefix.Addr().Is4() == (version == 4) })
			if i < 0 {
				continue
			}
			a := nic.Addresses[i]
			data.Networks = append(data.Networks, address(a, version, len(data.Networks), link.ID, nic.NetworkID))
			for _, s := range nameServers(a) {
				if !slices.Contains(data.Services, s) {
					data.Services = append(data.Services, s)
				}
			}
		}
	}
	return data
}

func address(a InterfaceAddr, version, number int, link, network string) addressJSON {
	out := addressJSON{ID: fmt.Sprintf("network%d", number), Type: fmt.Sprintf("ipv%d", version), Link: link, NetworkID: network}
	if a.DHCP {
		out.Type += "_dhcp"
		return out
	}
	out.Address, out.Netmask = a.Prefix.Addr().String(), netmask(a.Prefix)
	routes := []routeJSON{}
	if a.Gateway.IsValid() {
		any4or6 := netip.IPv6Unspecified().String()
		if version == 4 {
			any4or6 = netip.IPv4Unspecified().String()
		}
		routes = append(routes, routeJSON{any4or6, any4or6, a.Gateway.String()})
	}
	for _, r := range a.Routes {
		routes = append(routes, routeJSON{r.Destination.Masked().Addr().String(), netmask(r.Destination), r.NextHop.String()})
	}
	services := nameServers(a)
	out.Routes, out.Services = &routes, &services
	return out
}

func nameServers(a InterfaceAddr) []serviceJSON {
	services := []serviceJSON{}
	for _, server := range a.DNS {
		services = append(services, serviceJSON{"dns", server.String()})
	}
	return services
}

// netmask writes the length of a prefix as an address.
func netmask(p netip.Prefix) string {
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
