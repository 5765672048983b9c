package networkapi

import (
	"encoding/json"
	"fmt"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

type fixedIPView struct {
	SubnetID  string `json:"subnet_id"`
	IPAddress string `json:"ip_address"`
}

type portView struct {
	standard
	Name                string                `json:"name"`
	NetworkID           string                `json:"network_id"`
	MAC                 string                `json:"mac_address"`
	AdminStateUp        bool                  `json:"admin_state_up"`
	Status              string                `json:"status"`
	DeviceID            string                `json:"device_id"`
	DeviceOwner         string                `json:"device_owner"`
	FixedIPs            []fixedIPView         `json:"fixed_ips"`
	SecurityGroups      []string              `json:"security_groups"`
	PortSecurityEnabled bool                  `json:"port_security_enabled"`
	AddressPairs        []network.AddressPair `json:"allowed_address_pairs"`
	DHCPOpts            []network.DHCPOption  `json:"extra_dhcp_opts"`
	DNSName             string                `json:"dns_name"`
	DNSAssignment       []dnsAssignment       `json:"dns_assignment"`
	VNICType            string                `json:"binding:vnic_type"`
	QoSPolicyID         *string               `json:"qos_policy_id"`
	NetworkQoS          *string               `json:"qos_network_policy_id"`
	IPAllocation        string                `json:"ip_allocation"`
	*bindingView                              // for admins
}

type dnsAssignment struct {
	Hostname  string `json:"hostname"`
	IPAddress string `json:"ip_address"`
	FQDN      string `json:"fqdn"`
}

type bindingView struct {
	Host    string                     `json:"binding:host_id"`
	Profile map[string]json.RawMessage `json:"binding:profile"`
	VIFType string                     `json:"binding:vif_type"`
	Details map[string]any             `json:"binding:vif_details"`
}

func (f *face) viewPort(r *api.Request, p *network.Port) any {
	v := &portView{
		standard: standardOf(&p.Standard), Name: p.Name, NetworkID: p.NetworkID, MAC: p.MAC, AdminStateUp: p.AdminStateUp, Status: p.Status,
		DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, FixedIPs: make([]fixedIPView, len(p.FixedIPs)), SecurityGroups: nonNil(p.SecurityGroups),
		PortSecurityEnabled: p.PortSecurityEnabled, AddressPairs: make([]network.AddressPair, len(p.AddressPairs.V)), DHCPOpts: nonNil(p.DHCPOpts.V),
		DNSName: p.DNSName, DNSAssignment: make([]dnsAssignment, len(p.FixedIPs)), VNICType: p.VNICType,
		QoSPolicyID: orNull(p.QoSPolicyID), NetworkQoS: orNull(p.NetworkQoS), IPAllocation: p.IPAllocation,
	}
	for i, ip := range p.FixedIPs {
		v.FixedIPs[i] = fixedIPView{SubnetID: ip.SubnetID, IPAddress: ip.Address}
		host := p.Hostname(ip.Address)
		v.DNSAssignment[i] = dnsAssignment{Hostname: host, IPAddress: ip.Address, FQDN: host + "." + f.svc.Domain() + "."}
	}
	for i, pair := range p.AddressPairs.V {
		if pair.MACAddress == "" {
			pair.MACAddress = p.MAC
		}
		v.AddressPairs[i] = pair
	}
	if r.Can("get_port:binding", policy.Target{ProjectID: p.ProjectID}) {
		v.bindingView = &bindingView{Host: p.Host, Profile: p.Profile.V, VIFType: p.VIFType(), Details: map[string]any{}}
		if v.VIFType == "tap" {
			v.Details = map[string]any{"port_filter": true, "connectivity": "l2"}
		}
		if v.Profile == nil {
			v.Profile = map[string]json.RawMessage{}
		}
	}
	return v
}

func (f *face) ports() resource[network.PortSpec, network.Port] {
	type S = network.PortSpec
	return resource[S, network.Port]{
		single: "port", plural: "ports", path: "ports",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("network_id", id, func(s *S) *network.Opt[string] { return &s.NetworkID }).postOnly().must(),
			field("admin_state_up", boolean, func(s *S) *network.Opt[bool] { return &s.AdminStateUp }),
			field("mac_address", textOrNull(32), func(s *S) *network.Opt[string] { return &s.MAC }),
			field("fixed_ips", listOf(fixedIP), func(s *S) *network.Opt[[]network.FixedIPSpec] { return &s.FixedIPs }),
			field("device_id", text(maxName), func(s *S) *network.Opt[string] { return &s.DeviceID }),
			field("device_owner", text(maxName), func(s *S) *network.Opt[string] { return &s.DeviceOwner }),
			field("security_groups", listOf(id), func(s *S) *network.Opt[[]string] { return &s.SecurityGroups }),
			field("port_security_enabled", boolean, func(s *S) *network.Opt[bool] { return &s.PortSecurityEnabled }),
			field("allowed_address_pairs", listOf(addressPair), func(s *S) *network.Opt[[]network.AddressPair] { return &s.AddressPairs }),
			field("extra_dhcp_opts", listOf(dhcpOption), func(s *S) *network.Opt[[]network.DHCPOption] { return &s.DHCPOpts }),
			field("dns_name", text(63), func(s *S) *network.Opt[string] { return &s.DNSName }),
			field("qos_policy_id", idOrNull, func(s *S) *network.Opt[string] { return &s.QoSPolicyID }),
			field("binding:host_id", textOrNull(maxName), func(s *S) *network.Opt[string] { return &s.Host }),
			field("binding:vnic_type", text(64), func(s *S) *network.Opt[string] { return &s.VNICType }),
			field("binding:profile", profile, func(s *S) *network.Opt[map[string]json.RawMessage] { return &s.Profile }),
		),
		readOnly: append([]string{"binding:vif_type", "binding:vif_details", "dns_assignment", "qos_network_policy_id", "ip_allocation"}, standardReadOnly...),
		create:   f.svc.CreatePorts, list: f.svc.Ports, get: f.svc.Port, update: f.svc.UpdatePort, remove: f.svc.DeletePort,
		view: f.viewPort, id: func(p *network.Port) string { return p.ID },
	}
}

func profile(raw jsonValue) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("'%s' is not a dictionary", show(raw))
	}
	return m, nil
}

func fixedIP(raw jsonValue) (network.FixedIPSpec, error) {
	var out network.FixedIPSpec
	m, err := object(raw, "subnet_id", "ip_address")
	if err != nil {
		return out, err
	}
	if err := part(m, "subnet_id", idOrNull, &out.SubnetID); err != nil {
		return out, err
	}
	return out, part(m, "ip_address", ipAddress, &out.Address)
}

func addressPair(raw jsonValue) (network.AddressPair, error) {
	var out network.AddressPair
	m, err := object(raw, "ip_address", "mac_address")
	if err != nil {
		return out, err
	}
	if _, ok := m["ip_address"]; !ok {
		return out, fmt.Errorf("AllowedAddressPair must contain ip_address")
	}
	if err := part(m, "ip_address", text(64), &out.IPAddress); err != nil {
		return out, err
	}
	return out, part(m, "mac_address", textOrNull(32), &out.MACAddress)
}

func dhcpOption(raw jsonValue) (network.DHCPOption, error) {
	var out network.DHCPOption
	m, err := object(raw, "opt_name", "opt_value", "ip_version")
	if err != nil {
		return out, err
	}
	out.IPVersion = 4
	if err := part(m, "opt_name", text(64), &out.Name); err != nil {
		return out, err
	}
	if out.Name == "" {
		return out, fmt.Errorf("opt_name must be given")
	}
	if err := part(m, "opt_value", optional(text(maxName)), &out.Value); err != nil {
		return out, err
	}
	return out, part(m, "ip_version", integer(4, 6), &out.IPVersion)
}
