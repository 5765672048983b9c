package nodeapi

import "net/netip"

// IPv6 is what a local port is told over IPv6.
type IPv6 struct {
	// DHCP says that DHCPv6 is answered: with Address where it is valid
	// (stateful), and with the rest alone where it is not (stateless).
	DHCP    bool         `json:"dhcp,omitempty"`
	Address netip.Addr   `json:"address,omitzero"`
	DNS     []netip.Addr `json:"dns,omitempty"` // IPv6
	Options []Option6    `json:"options,omitempty"`
	// Routers are those of the port's network, each of which advertises
	// itself.
	Routers []Advertisement `json:"routers,omitempty"`
}

// Option6 is an extra option of DHCPv6 of a port (extra_dhcp_opts).
type Option6 struct {
	Code  uint16 `json:"code"`
	Value []byte `json:"value"`
}

// Advertisement is what a router says of itself and of its link, RFC 4861 4.2.
// It comes from the link-local address of its MAC.
type Advertisement struct {
	MAC string `json:"mac"`
	// Default says that the router leads to the world; Managed and Other are
	// the flags that send hosts to DHCPv6, for addresses and for the rest.
	Default  bool         `json:"default,omitempty"`
	Managed  bool         `json:"managed,omitempty"`
	Other    bool         `json:"other,omitempty"`
	MTU      int          `json:"mtu,omitempty"`
	Prefixes []LinkPrefix `json:"prefixes,omitempty"`
	DNS      []netip.Addr `json:"dns,omitempty"` // RFC 8106
}

// LinkPrefix is a prefix on the link; with Autonomous hosts make their own
// addresses in it.
type LinkPrefix struct {
	Prefix     netip.Prefix `json:"prefix"`
	Autonomous bool         `json:"autonomous,omitempty"`
}
