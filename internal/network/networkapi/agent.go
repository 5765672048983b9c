package networkapi

import (
	"math/big"
	"net/http"
	"time"

	"wisp/internal/api"
	"wisp/internal/network"
)

type agentView struct {
	ID             string         `json:"id"`
	AgentType      string         `json:"agent_type"`
	Binary         string         `json:"binary"`
	Host           string         `json:"host"`
	Topic          string         `json:"topic"`
	Zone           *string        `json:"availability_zone"`
	AdminStateUp   bool           `json:"admin_state_up"`
	Alive          bool           `json:"alive"`
	Description    *string        `json:"description"`
	Configurations map[string]any `json:"configurations"`
	CreatedAt      string         `json:"created_at"`
	StartedAt      string         `json:"started_at"`
	HeartbeatAt    string         `json:"heartbeat_timestamp"`
	ResourcesSync  *bool          `json:"resources_synced"`
}

// agentStamp is a time as Neutron writes it for agents.
func agentStamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func viewAgent(_ *api.Request, a *network.Agent) any { return agentOf(a) }

func agentOf(a *network.Agent) *agentView {
	return &agentView{
		ID: a.ID, AgentType: a.AgentType, Binary: a.Program, Host: a.Host, Topic: a.Topic, Zone: orNull(a.AvailabilityZone), AdminStateUp: a.AdminStateUp,
		Alive: a.Alive(time.Now()), Description: orNull(a.Description), Configurations: a.Configurations.V, CreatedAt: agentStamp(a.CreatedAt),
		StartedAt: agentStamp(a.StartedAt), HeartbeatAt: agentStamp(a.HeartbeatAt),
	}
}

func (f *face) agentRoutes() []api.Route {
	type S struct {
		up          network.Opt[bool]
		description network.Opt[string]
	}
	attributes := []attribute[S]{
		field("admin_state_up", boolean, func(s *S) *network.Opt[bool] { return &s.up }),
		field("description", textOrNull(maxName), func(s *S) *network.Opt[string] { return &s.description }),
	}
	readOnly := []string{
		"id", "agent_type", "binary", "host", "topic", "availability_zone", "alive", "configurations", "created_at", "started_at", "heartbeat_timestamp",
		"resources_synced",
	}
	return []api.Route{
		{Method: http.MethodGet, Path: "/v2.0/agents", Policy: "get_agent", Handler: func(r *api.Request) (any, error) {
			return listed(r, "agents", f.svc.Agents, viewAgent, func(a *network.Agent) string { return a.ID })
		}},
		{Method: http.MethodGet, Path: "/v2.0/agents/{id}", Policy: "get_agent", Handler: func(r *api.Request) (any, error) {
			a, err := f.svc.Agent(r.Context(), r.Caller, r.Param("id"))
			if err != nil {
				return nil, err
			}
			view, err := api.Partial(viewAgent(r, a), r.Query()["fields"])
			return map[string]any{"agent": view}, err
		}},
		{Method: http.MethodPut, Path: "/v2.0/agents/{id}", Policy: "update_agent", Handler: func(r *api.Request) (any, error) {
			body, err := r.Bytes()
			if err != nil {
				return nil, err
			}
			specs, _, err := decode(body, "agent", "", attributes, readOnly, false)
			if err != nil {
				return nil, err
			}
			a, err := f.svc.UpdateAgent(r.Context(), r.Caller, r.Param("id"), specs[0].up, specs[0].description)
			if err != nil {
				return nil, err
			}
			return map[string]any{"agent": viewAgent(r, a)}, nil
		}},
		{Method: http.MethodDelete, Path: "/v2.0/agents/{id}", Policy: "delete_agent", Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
			return nil, f.svc.DeleteAgent(r.Context(), r.Caller, r.Param("id"))
		}},
		{Method: http.MethodGet, Path: "/v2.0/availability_zones", Policy: "get_availability_zone", Handler: f.zones},
		{Method: http.MethodGet, Path: "/v2.0/service-providers", Policy: "get_service_provider", Handler: func(*api.Request) (any, error) {
			return map[string]any{"service_providers": []any{map[string]any{"service_type": "L3_ROUTER_NAT", "name": "wisp", "default": true}}}, nil
		}},
		{Method: http.MethodGet, Path: "/v2.0/network-ip-availabilities", Policy: "get_network_ip_availability", Handler: f.availabilities},
		{Method: http.MethodGet, Path: "/v2.0/network-ip-availabilities/{id}", Policy: "get_network_ip_availability", Handler: f.availability},
	}
}

type zoneView struct {
	Name     string `json:"name"`
	Resource string `json:"resource"`
	State    string `json:"state"`
}

func (f *face) zones(r *api.Request) (any, error) {
	zones, err := f.svc.Zones(r.Context())
	if err != nil {
		return nil, err
	}
	views := []zoneView{}
	q := r.Query()
	for _, z := range zones {
		v := zoneView{Name: z.Name, Resource: z.Resource, State: "unavailable"}
		if z.Available {
			v.State = "available"
		}
		matches := (!q.Has("name") || q.Get("name") == v.Name) && (!q.Has("resource") || q.Get("resource") == v.Resource) && (!q.Has("state") || q.Get("state") == v.State)
		if matches {
			views = append(views, v)
		}
	}
	return map[string]any{"availability_zones": views}, nil
}

type availabilityView struct {
	NetworkID   string               `json:"network_id"`
	NetworkName string               `json:"network_name"`
	ProjectID   string               `json:"project_id"`
	TenantID    string               `json:"tenant_id"`
	Total       *big.Int             `json:"total_ips"`
	Used        int64                `json:"used_ips"`
	Subnets     []subnetAvailability `json:"subnet_ip_availability"`
}

type subnetAvailability struct {
	SubnetID   string   `json:"subnet_id"`
	SubnetName string   `json:"subnet_name"`
	CIDR       string   `json:"cidr"`
	IPVersion  int      `json:"ip_version"`
	Total      *big.Int `json:"total_ips"`
	Used       int64    `json:"used_ips"`
}

func viewAvailability(a *network.Availability) *availabilityView {
	v := &availabilityView{
		NetworkID: a.Network.ID, NetworkName: a.Network.Name, ProjectID: a.Network.ProjectID, TenantID: a.Network.ProjectID,
		Total: a.Total, Used: a.Used, Subnets: []subnetAvailability{},
	}
	for _, s := range a.Subnets {
		v.Subnets = append(v.Subnets, subnetAvailability{
			SubnetID: s.Subnet.ID, SubnetName: s.Subnet.Name, CIDR: s.Subnet.CIDR, IPVersion: s.Subnet.IPVersion, Total: s.Total, Used: s.Used,
		})
	}
	return v
}

func (f *face) availabilities(r *api.Request) (any, error) {
	var filters []string
	for _, name := range []string{"network_id", "network_name", "project_id", "tenant_id"} {
		if r.Query().Has(name) {
			filters = append(filters, name)
		}
	}
	l, err := r.List(0, filters...)
	if err != nil {
		return nil, err
	}
	for from, to := range map[string]string{"network_id": "id", "network_name": "name"} {
		if values, ok := l.Filters[from]; ok {
			l.Filters[to] = values
			delete(l.Filters, from)
		}
	}
	version := 0
	if text := r.Query().Get("ip_version"); text != "" {
		if version, err = integer(4, 6)(jsonValue(text)); err != nil {
			return nil, badRequest("Invalid input for ip_version. Reason: %s.", err)
		}
	}
	rows, err := f.svc.Availabilities(r.Context(), r.Caller, l, version)
	if err != nil {
		return nil, err
	}
	views := []any{}
	for i := range rows {
		v, err := api.Partial(viewAvailability(&rows[i]), r.Query()["fields"])
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return map[string]any{"network_ip_availabilities": views}, nil
}

func (f *face) availability(r *api.Request) (any, error) {
	a, err := f.svc.Availability(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	view, err := api.Partial(viewAvailability(a), r.Query()["fields"])
	return map[string]any{"network_ip_availability": view}, err
}
