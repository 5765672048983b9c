package networkapi

import (
	"context"
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

// hostingView is an agent as those are shown that carry a router: with its
// part in a group of high availability, of which there are none here.
type hostingView struct {
	*agentView
	HAState *string `json:"ha_state"`
}

func viewHosting(_ *api.Request, a *network.Agent) any {
	return &hostingView{agentView: agentOf(a)}
}

// belonging answers with all objects that belong to the one of the path.
func belonging[T any](
	plural string, list func(ctx context.Context, caller *policy.Caller, id string) ([]T, error), view func(r *api.Request, row *T) any,
) api.Handler {
	return func(r *api.Request) (any, error) {
		rows, err := list(r.Context(), r.Caller, r.Param("id"))
		if err != nil {
			return nil, err
		}
		views := make([]any, len(rows))
		for i := range rows {
			if views[i], err = api.Partial(view(r, &rows[i]), r.Query()["fields"]); err != nil {
				return nil, err
			}
		}
		return map[string]any{plural: views}, nil
	}
}

// schedulerRoutes say which agents do the work of which routers and networks,
// move the gateways of routers, and say which hosts answer DHCP on a network.
func (f *face) schedulerRoutes() []api.Route {
	type S struct{ routerID, networkID network.Opt[string] }
	attributes := []attribute[S]{field("router_id", id, func(s *S) *network.Opt[string] { return &s.routerID }).must()}
	ofNetwork := []attribute[S]{field("network_id", id, func(s *S) *network.Opt[string] { return &s.networkID }).must()}
	return []api.Route{
		{Method: http.MethodGet, Path: "/v2.0/routers/{id}/l3-agents", Policy: "get_l3-agents", Handler: belonging("agents", f.svc.GatewayAgents, viewHosting)},
		{Method: http.MethodGet, Path: "/v2.0/agents/{id}/l3-routers", Policy: "get_l3-routers", Handler: belonging("routers", f.svc.AgentRouters, viewRouter)},
		{Method: http.MethodPost, Path: "/v2.0/agents/{id}/l3-routers", Policy: "create_l3-router", Status: http.StatusCreated, Handler: func(r *api.Request) (any, error) {
			body, err := r.Bytes()
			if err != nil {
				return nil, err
			}
			spec, err := decodeOne(body, attributes, nil, true)
			if err != nil {
				return nil, err
			}
			// Clients read the answer, which is null.
			return json.RawMessage("null"), f.svc.AddGateway(r.Context(), r.Caller, r.Param("id"), spec.routerID.Value)
		}},
		{Method: http.MethodDelete, Path: "/v2.0/agents/{id}/l3-routers/{router_id}", Policy: "delete_l3-router", Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
			return nil, f.svc.RemoveGateway(r.Context(), r.Caller, r.Param("id"), r.Param("router_id"))
		}},
		{Method: http.MethodGet, Path: "/v2.0/networks/{id}/dhcp-agents", Policy: "get_dhcp-agents", Handler: belonging("agents", f.svc.LeaseAgents, viewAgent)},
		{Method: http.MethodPost, Path: "/v2.0/agents/{id}/dhcp-networks", Policy: "create_dhcp-network", Status: http.StatusCreated, Handler: func(r *api.Request) (any, error) {
			body, err := r.Bytes()
			if err != nil {
				return nil, err
			}
			spec, err := decodeOne(body, ofNetwork, nil, true)
			if err != nil {
				return nil, err
			}
			return json.RawMessage("null"), f.svc.AddLeases(r.Context(), r.Caller, r.Param("id"), spec.networkID.Value)
		}},
		{Method: http.MethodDelete, Path: "/v2.0/agents/{id}/dhcp-networks/{network_id}", Policy: "delete_dhcp-network", Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
			return nil, f.svc.RemoveLeases(r.Context(), r.Caller, r.Param("id"), r.Param("network_id"))
		}},
		{Method: http.MethodGet, Path: "/v2.0/agents/{id}/dhcp-networks", Policy: "get_dhcp-networks", Handler: belonging("networks", f.svc.AgentNetworks, viewNetwork)},
	}
}
