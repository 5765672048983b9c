package networkapi

import (
	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

type networkView struct {
	standard
	Name                string   `json:"name"`
	Status              string   `json:"status"`
	AdminStateUp        bool     `json:"admin_state_up"`
	Shared              bool     `json:"shared"`
	External            bool     `json:"router:external"`
	IsDefault           *bool    `json:"is_default,omitempty"` // of external networks
	MTU                 int      `json:"mtu"`
	PortSecurityEnabled bool     `json:"port_security_enabled"`
	Subnets             []string `json:"subnets"`
	DNSDomain           string   `json:"dns_domain"`
	Adjacency           bool     `json:"l2_adjacency"` // all ports of a network are on one segment
	ZoneHints           []string `json:"availability_zone_hints"`
	Zones               []string `json:"availability_zones"`
	Scope4              *string  `json:"ipv4_address_scope"`
	Scope6              *string  `json:"ipv6_address_scope"`
	QoSPolicyID         *string  `json:"qos_policy_id"`
	*providerView                // for admins
}

type providerView struct {
	NetworkType     string  `json:"provider:network_type"`
	PhysicalNetwork *string `json:"provider:physical_network"`
	SegmentationID  *int64  `json:"provider:segmentation_id"`
}

func viewNetwork(r *api.Request, n *network.Network) any {
	v := &networkView{
		standard: standardOf(&n.Standard), Name: n.Name, Status: n.Status(), AdminStateUp: n.AdminStateUp, Shared: n.SharedWith(r.Caller.ProjectID), External: n.External,
		MTU: n.MTU, PortSecurityEnabled: n.PortSecurityEnabled, Subnets: n.Subnets, Adjacency: true, DNSDomain: n.DNSDomain, ZoneHints: nonNil(n.ZoneHints.V), Zones: nonNil(n.Zones),
		Scope4: orNull(n.Scopes[4]), Scope6: orNull(n.Scopes[6]), QoSPolicyID: orNull(n.QoSPolicyID),
	}
	if n.External {
		v.IsDefault = &n.IsDefault
	}
	if r.Can("get_network:provider", policy.Target{ProjectID: n.ProjectID}) {
		v.providerView = &providerView{NetworkType: n.NetworkType, PhysicalNetwork: orNull(n.PhysicalNetwork)}
		if n.SegmentationID != 0 {
			v.SegmentationID = &n.SegmentationID
		}
	}
	return v
}

func (f *face) networks() resource[network.NetworkSpec, network.Network] {
	type S = network.NetworkSpec
	return resource[S, network.Network]{
		single: "network", plural: "networks", path: "networks",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("admin_state_up", boolean, func(s *S) *network.Opt[bool] { return &s.AdminStateUp }),
			field("shared", boolean, func(s *S) *network.Opt[bool] { return &s.Shared }),
			field("router:external", boolean, func(s *S) *network.Opt[bool] { return &s.External }),
			field("is_default", boolean, func(s *S) *network.Opt[bool] { return &s.IsDefault }),
			field("port_security_enabled", boolean, func(s *S) *network.Opt[bool] { return &s.PortSecurityEnabled }),
			field("mtu", mtu, func(s *S) *network.Opt[int] { return &s.MTU }),
			field("dns_domain", text(maxName), func(s *S) *network.Opt[string] { return &s.DNSDomain }),
			field("provider:network_type", textOrNull(32), func(s *S) *network.Opt[string] { return &s.NetworkType }),
			field("provider:physical_network", textOrNull(64), func(s *S) *network.Opt[string] { return &s.PhysicalNetwork }),
			field("provider:segmentation_id", optional(segmentation), func(s *S) *network.Opt[*int64] { return &s.SegmentationID }),
			field("qos_policy_id", idOrNull, func(s *S) *network.Opt[string] { return &s.QoSPolicyID }),
			field("availability_zone_hints", listOf(text(maxName)), func(s *S) *network.Opt[[]string] { return &s.ZoneHints }).postOnly(),
		),
		readOnly: append([]string{"subnets", "availability_zones", "ipv4_address_scope", "ipv6_address_scope", "l2_adjacency"}, standardReadOnly...),
		create:   f.svc.CreateNetworks, list: f.svc.Networks, get: f.svc.Network, update: f.svc.UpdateNetwork, remove: f.svc.DeleteNetwork,
		view: viewNetwork, id: func(n *network.Network) string { return n.ID },
	}
}

// mtu reads a number of bytes; 0 is what the network can carry.
func mtu(raw jsonValue) (int, error) {
	if n, err := integer(0, 0)(raw); err == nil {
		return n, nil
	}
	return integer(68, 65535)(raw) // what every IPv4 link carries (RFC 791, section 3.2)
}

func segmentation(raw jsonValue) (int64, error) {
	n, err := integer(0, 1<<32-1)(raw)
	return int64(n), err
}
