package networkapi

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
)

type jsonValue = json.RawMessage

type subnetView struct {
	standard
	Name         string          `json:"name"`
	NetworkID    string          `json:"network_id"`
	IPVersion    int             `json:"ip_version"`
	CIDR         string          `json:"cidr"`
	GatewayIP    *string         `json:"gateway_ip"`
	EnableDHCP   bool            `json:"enable_dhcp"`
	RAMode       *string         `json:"ipv6_ra_mode"`
	AddressMode  *string         `json:"ipv6_address_mode"`
	Pools        []network.Pool  `json:"allocation_pools"`
	DNS          []string        `json:"dns_nameservers"`
	HostRoutes   []network.Route `json:"host_routes"`
	SubnetPoolID *string         `json:"subnetpool_id"`
	ServiceTypes []string        `json:"service_types"`
}

func viewSubnet(_ *api.Request, s *network.Subnet) any {
	return &subnetView{
		standard: standardOf(&s.Standard), Name: s.Name, NetworkID: s.NetworkID, IPVersion: s.IPVersion, CIDR: s.CIDR, GatewayIP: orNull(s.GatewayIP),
		EnableDHCP: s.EnableDHCP, RAMode: orNull(s.RAMode), AddressMode: orNull(s.AddressMode), Pools: nonNil(s.Pools.V), DNS: nonNil(s.DNS.V),
		HostRoutes: nonNil(s.HostRoutes.V), SubnetPoolID: orNull(s.PoolID), ServiceTypes: nonNil(s.ServiceTypes.V),
	}
}

func (f *face) subnets() resource[network.SubnetSpec, network.Subnet] {
	type S = network.SubnetSpec
	return resource[S, network.Subnet]{
		single: "subnet", plural: "subnets", path: "subnets",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("network_id", id, func(s *S) *network.Opt[string] { return &s.NetworkID }).postOnly().must(),
			field("ip_version", integer(4, 6), func(s *S) *network.Opt[int] { return &s.IPVersion }).postOnly().must(),
			field("cidr", cidr, func(s *S) *network.Opt[string] { return &s.CIDR }).postOnly(),
			field("subnetpool_id", idOrNull, func(s *S) *network.Opt[string] { return &s.PoolID }).postOnly(),
			field("use_default_subnetpool", boolean, func(s *S) *network.Opt[bool] { return &s.UseDefault }).postOnly(),
			field("prefixlen", optional(integer(0, 128)), func(s *S) *network.Opt[*int] { return &s.Length }).postOnly(),
			field("gateway_ip", optional(ipAddress), func(s *S) *network.Opt[*string] { return &s.GatewayIP }),
			field("enable_dhcp", boolean, func(s *S) *network.Opt[bool] { return &s.EnableDHCP }),
			field("ipv6_ra_mode", textOrNull(maxName), func(s *S) *network.Opt[string] { return &s.RAMode }).postOnly(),
			field("ipv6_address_mode", textOrNull(maxName), func(s *S) *network.Opt[string] { return &s.AddressMode }).postOnly(),
			field("allocation_pools", listOf(pool), func(s *S) *network.Opt[[]network.Pool] { return &s.Pools }),
			field("dns_nameservers", listOf(text(maxName)), func(s *S) *network.Opt[[]string] { return &s.DNS }),
			field("host_routes", listOf(route), func(s *S) *network.Opt[[]network.Route] { return &s.HostRoutes }),
			field("service_types", serviceTypes, func(s *S) *network.Opt[[]string] { return &s.ServiceTypes }),
		),
		readOnly: append([]string{"shared", "router:external"}, standardReadOnly...),
		create:   f.svc.CreateSubnets, list: f.svc.Subnets, get: f.svc.Subnet, update: f.svc.UpdateSubnet, remove: f.svc.DeleteSubnet,
		view: viewSubnet, id: func(s *network.Subnet) string { return s.ID },
	}
}

// serviceTypes reads device owners. Neutron takes what begins with "network:",
// "neutron:" or a letter of "compute:", since it adds the letters of that word
// to its prefixes; clients and tests use it so.
func serviceTypes(raw jsonValue) ([]string, error) {
	var parts []jsonValue
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, badRequest("Subnet service types must be a list.")
	}
	out := make([]string, 0, len(parts))
	for _, part := range parts {
		var s string
		if len(part) == 0 || part[0] != '"' || json.Unmarshal(part, &s) != nil {
			return nil, errs.New(errs.Invalid, "Subnet service type %s is not a string.", show(part)).WithType("InvalidInputSubnetServiceType")
		}
		if !strings.HasPrefix(s, "network:") && !strings.HasPrefix(s, "neutron:") && strings.IndexAny(s, "compute:") != 0 {
			return nil, errs.New(errs.Invalid, "Subnet service type %s does not correspond to a valid device owner.", s).WithType("InvalidSubnetServiceType")
		}
		if s, err := text(maxName)(part); err != nil {
			return nil, err
		} else if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, nil
}

// cidr reads the range of a subnet; null is none, for one from a pool.
func cidr(raw jsonValue) (string, error) {
	if string(raw) == "null" {
		return "", nil
	}
	s, err := text(64)(raw)
	if err != nil {
		return "", fmt.Errorf("'%s' is not a valid IP subnet", show(raw))
	}
	return s, nil
}

func pool(raw jsonValue) (network.Pool, error) {
	var p network.Pool
	m, err := object(raw, "start", "end")
	if err != nil {
		return p, err
	}
	for key, at := range map[string]*netip.Addr{"start": &p.Start, "end": &p.End} {
		var s string
		if err := part(m, key, ipAddress, &s); err != nil {
			return p, err
		}
		if *at, err = netip.ParseAddr(s); err != nil {
			return p, fmt.Errorf("Invalid data format for IP pool: '%s'", show(raw))
		}
	}
	return p, nil
}

func route(raw jsonValue) (network.Route, error) {
	var out network.Route
	m, err := object(raw, "destination", "nexthop")
	if err != nil {
		return out, err
	}
	if len(m) != 2 {
		return out, fmt.Errorf("Invalid data format for hostroute: '%s'", show(raw))
	}
	if err := part(m, "destination", text(64), &out.Destination); err != nil {
		return out, err
	}
	return out, part(m, "nexthop", text(64), &out.NextHop)
}
