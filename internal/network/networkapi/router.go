package networkapi

import (
	"context"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

type routerView struct {
	standard
	Name         string          `json:"name"`
	Status       string          `json:"status"`
	AdminStateUp bool            `json:"admin_state_up"`
	Gateway      *gatewayView    `json:"external_gateway_info"`
	Routes       []network.Route `json:"routes"`
	ZoneHints    []string        `json:"availability_zone_hints"`
	Zones        []string        `json:"availability_zones"`
	*routerKind                  // for admins
}

type routerKind struct {
	Distributed bool `json:"distributed"`
	HA          bool `json:"ha"`
}

type gatewayView struct {
	NetworkID   string        `json:"network_id"`
	EnableSNAT  bool          `json:"enable_snat"`
	FixedIPs    []fixedIPView `json:"external_fixed_ips"`
	QoSPolicyID *string       `json:"qos_policy_id"`
}

func viewRouter(r *api.Request, row *network.Router) any {
	v := &routerView{
		standard: standardOf(&row.Standard), Name: row.Name, Status: network.StatusActive, AdminStateUp: row.AdminStateUp, Routes: nonNil(row.Routes.V),
		ZoneHints: nonNil(row.ZoneHints.V), Zones: nonNil(row.Zones),
	}
	if g := row.Gateway; g != nil {
		v.Gateway = &gatewayView{NetworkID: g.NetworkID, EnableSNAT: row.EnableSNAT, FixedIPs: []fixedIPView{}, QoSPolicyID: orNull(row.QoSPolicyID)}
		for _, ip := range g.FixedIPs {
			v.Gateway.FixedIPs = append(v.Gateway.FixedIPs, fixedIPView{SubnetID: ip.SubnetID, IPAddress: ip.Address})
		}
	}
	if r.Can("get_router:distributed", policy.Target{ProjectID: row.ProjectID}) {
		v.routerKind = &routerKind{Distributed: row.Distributed}
	}
	return v
}

func (f *face) routers() resource[network.RouterSpec, network.Router] {
	type S = network.RouterSpec
	return resource[S, network.Router]{
		single: "router", plural: "routers", path: "routers",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("admin_state_up", boolean, func(s *S) *network.Opt[bool] { return &s.AdminStateUp }),
			field("distributed", boolean, func(s *S) *network.Opt[bool] { return &s.Distributed }),
			field("ha", boolean, func(s *S) *network.Opt[bool] { return &s.HA }),
			field("external_gateway_info", gateway, func(s *S) *network.Opt[*network.GatewaySpec] { return &s.Gateway }),
			attribute[S]{name: "routes", put: true, read: field("routes", listOf(route), func(s *S) *network.Opt[[]network.Route] { return &s.Routes }).read},
			field("availability_zone_hints", listOf(text(maxName)), func(s *S) *network.Opt[[]string] { return &s.ZoneHints }).postOnly(),
		),
		readOnly: append([]string{"availability_zones"}, standardReadOnly...),
		create:   f.svc.CreateRouters, list: f.svc.Routers, get: f.svc.Router, update: f.svc.UpdateRouter, remove: f.svc.DeleteRouter,
		view: viewRouter, id: func(r *network.Router) string { return r.ID },
	}
}

// gateway reads external_gateway_info: null and {} are none.
func gateway(raw jsonValue) (*network.GatewaySpec, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	m, err := object(raw, "network_id", "enable_snat", "external_fixed_ips", "qos_policy_id")
	if err != nil || len(m) == 0 {
		return nil, err
	}
	out := &network.GatewaySpec{}
	if err := part(m, "network_id", idOrNull, &out.NetworkID); err != nil {
		return nil, err
	}
	if raw, ok := m["enable_snat"]; ok {
		on, err := boolean(raw)
		if err != nil {
			return nil, err
		}
		out.EnableSNAT = network.Some(on)
	}
	if raw, ok := m["external_fixed_ips"]; ok {
		ips, err := listOf(fixedIP)(raw)
		if err != nil {
			return nil, err
		}
		out.FixedIPs = network.Some(ips)
	}
	if raw, ok := m["qos_policy_id"]; ok {
		id, err := idOrNull(raw)
		if err != nil {
			return nil, err
		}
		out.QoSPolicyID = network.Some(id)
	}
	return out, nil
}

func (f *face) interfaceRoutes() []api.Route {
	base := "/v2.0/routers/{id}/"
	return []api.Route{
		{Method: http.MethodPut, Path: base + "add_router_interface", Policy: "add_router_interface", Handler: f.changeInterface(f.svc.AddInterface)},
		{Method: http.MethodPut, Path: base + "remove_router_interface", Policy: "remove_router_interface", Handler: f.changeInterface(f.svc.RemoveInterface)},
		{Method: http.MethodPut, Path: base + "add_extraroutes", Policy: "add_extraroutes", Handler: f.changeRoutes(true)},
		{Method: http.MethodPut, Path: base + "remove_extraroutes", Policy: "remove_extraroutes", Handler: f.changeRoutes(false)},
	}
}

type interfaceView struct {
	ID        string   `json:"id"` // of the router
	ProjectID string   `json:"project_id"`
	TenantID  string   `json:"tenant_id"`
	PortID    string   `json:"port_id"`
	NetworkID string   `json:"network_id"`
	SubnetID  string   `json:"subnet_id"`
	SubnetIDs []string `json:"subnet_ids"`
}

func (f *face) changeInterface(change func(ctx context.Context, caller *policy.Caller, routerID, subnetID, portID string) (*network.Interface, error)) api.Handler {
	type S struct{ subnetID, portID network.Opt[string] }
	attributes := []attribute[S]{
		field("subnet_id", idOrNull, func(s *S) *network.Opt[string] { return &s.subnetID }),
		field("port_id", idOrNull, func(s *S) *network.Opt[string] { return &s.portID }),
	}
	return func(r *api.Request) (any, error) {
		body, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		spec, err := decodeOne(body, attributes, nil, false)
		if err != nil {
			return nil, err
		}
		row, err := change(r.Context(), r.Caller, r.Param("id"), spec.subnetID.Value, spec.portID.Value)
		if err != nil {
			return nil, err
		}
		return &interfaceView{
			ID: row.RouterID, ProjectID: row.ProjectID, TenantID: row.ProjectID, PortID: row.PortID, NetworkID: row.NetworkID,
			SubnetID: row.SubnetIDs[0], SubnetIDs: row.SubnetIDs,
		}, nil
	}
}

func (f *face) changeRoutes(add bool) api.Handler {
	type S struct{ routes network.Opt[[]network.Route] }
	attributes := []attribute[S]{field("routes", listOf(route), func(s *S) *network.Opt[[]network.Route] { return &s.routes }).must()}
	return func(r *api.Request) (any, error) {
		body, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		specs, _, err := decode(body, "router", "", attributes, nil, true)
		if err != nil {
			return nil, err
		}
		row, err := f.svc.ChangeRoutes(r.Context(), r.Caller, r.Param("id"), add, specs[0].routes.Value)
		if err != nil {
			return nil, err
		}
		return map[string]any{"router": viewRouter(r, row)}, nil
	}
}
