package networkapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

func (f *face) quotaRoutes() []api.Route {
	base := "/v2.0/quotas"
	of := func(r *api.Request) policy.Target { return policy.Target{ProjectID: r.Param("id")} }
	return []api.Route{
		{Method: http.MethodGet, Path: base, Policy: "update_quota", Handler: f.allQuotas},
		{Method: http.MethodGet, Path: base + "/{id}", Policy: "get_quota", Target: of, Handler: f.quotas},
		{Method: http.MethodPut, Path: base + "/{id}", Policy: "update_quota", Target: of, Handler: f.setQuotas},
		{Method: http.MethodDelete, Path: base + "/{id}", Policy: "delete_quota", Target: of, Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
			return nil, f.svc.ResetQuotas(r.Context(), r.Caller, r.Param("id"))
		}},
		{Method: http.MethodGet, Path: base + "/{id}/default", Policy: "get_quota", Target: of, Handler: func(*api.Request) (any, error) {
			return map[string]any{"quota": f.svc.DefaultQuotas()}, nil
		}},
		{Method: http.MethodGet, Path: base + "/{id}/details", Policy: "get_quota", Target: of, Handler: f.quotaDetails},
		// The name that gophercloud and old clients ask for.
		{Method: http.MethodGet, Path: base + "/{id}/details.json", Policy: "get_quota", Target: of, Handler: f.quotaDetails},
	}
}

func (f *face) allQuotas(r *api.Request) (any, error) {
	all, err := f.svc.AllQuotas(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	projects := make([]string, 0, len(all))
	for id := range all {
		projects = append(projects, id)
	}
	slices.Sort(projects)
	views := []any{}
	for _, id := range projects {
		v := map[string]any{"project_id": id, "tenant_id": id}
		for name, limit := range all[id] {
			v[name] = limit
		}
		views = append(views, v)
	}
	return map[string]any{"quotas": views}, nil
}

func (f *face) quotas(r *api.Request) (any, error) {
	limits, err := f.svc.Quotas(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"quota": limits}, nil
}

type quotaView struct {
	Limit    int `json:"limit"`
	Used     int `json:"used"`
	Reserved int `json:"reserved"`
}

func (f *face) quotaDetails(r *api.Request) (any, error) {
	details, err := f.svc.QuotaDetails(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	view := map[string]quotaView{}
	for name, q := range details {
		view[name] = quotaView(q)
	}
	return map[string]any{"quota": view}, nil
}

func (f *face) setQuotas(r *api.Request) (any, error) {
	body, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	type S struct {
		limits       map[string]int
		check, force network.Opt[bool]
	}
	var attributes []attribute[S]
	for name := range f.svc.DefaultQuotas() {
		attributes = append(attributes, attribute[S]{name: name, put: true, read: func(raw json.RawMessage, s *S) error {
			n, err := integer(-1, 1<<31-1)(raw)
			if err != nil {
				return badRequest("Invalid input for %s. Reason: %s.", name, err)
			}
			if s.limits == nil {
				s.limits = map[string]int{}
			}
			s.limits[name] = n
			return nil
		}})
	}
	// Clients repeat whose quota it is; the path has said so already.
	own := func(raw json.RawMessage, _ *S) error {
		if show(raw) != r.Param("id") {
			return badRequest("The project of the body is not the one of the path")
		}
		return nil
	}
	attributes = append(attributes, attribute[S]{name: "project_id", put: true, read: own}, attribute[S]{name: "tenant_id", put: true, read: own})
	attributes = append(attributes,
		field("check_limit", boolean, func(s *S) *network.Opt[bool] { return &s.check }),
		field("force", boolean, func(s *S) *network.Opt[bool] { return &s.force }),
	)
	specs, _, err := decode(body, "quota", "", attributes, nil, false)
	if err != nil {
		return nil, err
	}
	limits, err := f.svc.SetQuotas(r.Context(), r.Caller, r.Param("id"), specs[0].limits, specs[0].check.Value && !specs[0].force.Value)
	if err != nil {
		return nil, err
	}
	return map[string]any{"quota": limits}, nil
}
