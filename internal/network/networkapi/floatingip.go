package networkapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/network"
)

type floatingIPView struct {
	standard
	Address      string       `json:"floating_ip_address"`
	NetworkID    string       `json:"floating_network_id"`
	FixedAddress *string      `json:"fixed_ip_address"`
	PortID       *string      `json:"port_id"`
	RouterID     *string      `json:"router_id"`
	Status       string       `json:"status"`
	DNSName      string       `json:"dns_name"`
	DNSDomain    string       `json:"dns_domain"`
	QoSPolicyID  *string      `json:"qos_policy_id"`
	PortDetails  *portDetails `json:"port_details"`
}

type portDetails struct {
	Name         string `json:"name"`
	NetworkID    string `json:"network_id"`
	MAC          string `json:"mac_address"`
	AdminStateUp bool   `json:"admin_state_up"`
	Status       string `json:"status"`
	DeviceID     string `json:"device_id"`
	DeviceOwner  string `json:"device_owner"`
}

func viewFloatingIP(_ *api.Request, f *network.FloatingIP) any {
	v := &floatingIPView{
		standard: standardOf(&f.Standard), Address: f.Address, NetworkID: f.NetworkID, FixedAddress: orNull(f.FixedAddress), PortID: orNull(f.PortID),
		RouterID: orNull(f.RouterID), Status: f.Status(), DNSName: f.DNSName, DNSDomain: f.DNSDomain, QoSPolicyID: orNull(f.QoSPolicyID),
	}
	if p := f.Port; p != nil {
		v.PortDetails = &portDetails{
			Name: p.Name, NetworkID: p.NetworkID, MAC: p.MAC, AdminStateUp: p.AdminStateUp, Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner,
		}
	}
	return v
}

type floatingIPPoolView struct {
	SubnetID   string `json:"subnet_id"`
	SubnetName string `json:"subnet_name"`
	NetworkID  string `json:"network_id"`
	CIDR       string `json:"cidr"`
	ProjectID  string `json:"project_id"` // of who asks, as Neutron has it
	TenantID   string `json:"tenant_id"`
}

func (f *face) floatingIPPoolRoutes() []api.Route {
	view := func(r *api.Request, p *network.FloatingIPPool) any {
		return &floatingIPPoolView{SubnetID: p.ID, SubnetName: p.Name, NetworkID: p.NetworkID, CIDR: p.CIDR, ProjectID: r.Caller.ProjectID, TenantID: r.Caller.ProjectID}
	}
	return []api.Route{{Method: http.MethodGet, Path: "/v2.0/floatingip-pools", Policy: "get_floatingip_pool", Handler: func(r *api.Request) (any, error) {
		return listed(r, "floatingip_pools", f.svc.FloatingIPPools, view, func(p *network.FloatingIPPool) string { return p.ID })
	}}}
}

func (f *face) floatingIPs() resource[network.FloatingIPSpec, network.FloatingIP] {
	type S = network.FloatingIPSpec
	return resource[S, network.FloatingIP]{
		single: "floatingip", plural: "floatingips", path: "floatingips",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("floating_network_id", id, func(s *S) *network.Opt[string] { return &s.NetworkID }).postOnly().must(),
			field("subnet_id", idOrNull, func(s *S) *network.Opt[string] { return &s.SubnetID }).postOnly(),
			field("floating_ip_address", ipAddress, func(s *S) *network.Opt[string] { return &s.Address }).postOnly(),
			field("dns_name", text(63), func(s *S) *network.Opt[string] { return &s.DNSName }).postOnly(),
			field("dns_domain", text(maxName), func(s *S) *network.Opt[string] { return &s.DNSDomain }).postOnly(),
			field("port_id", idOrNull, func(s *S) *network.Opt[string] { return &s.PortID }),
			field("qos_policy_id", idOrNull, func(s *S) *network.Opt[string] { return &s.QoSPolicyID }),
			field("fixed_ip_address", ipAddress, func(s *S) *network.Opt[string] { return &s.FixedAddress }),
		),
		readOnly: append([]string{"router_id", "port_details"}, standardReadOnly...),
		create:   f.svc.CreateFloatingIPs, list: f.svc.FloatingIPs, get: f.svc.FloatingIP, update: f.svc.UpdateFloatingIP, remove: f.svc.DeleteFloatingIP,
		view: viewFloatingIP, id: func(f *network.FloatingIP) string { return f.ID },
	}
}
