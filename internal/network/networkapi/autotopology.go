package networkapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/policy"
)

type topologyView struct {
	ID        string `json:"id"`
	ProjectID string `json:"project_id"`
	TenantID  string `json:"tenant_id"`
}

func (f *face) topologyRoutes() []api.Route {
	const path = "/v2.0/auto-allocated-topology/{id}"
	of := func(r *api.Request) policy.Target { return policy.Target{ProjectID: topologyProject(r)} }
	return []api.Route{
		{Method: http.MethodGet, Path: path, Policy: "get_auto_allocated_topology", Target: of, Handler: f.topology},
		{Method: http.MethodDelete, Path: path, Policy: "delete_auto_allocated_topology", Target: of, Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
			return nil, f.svc.DeleteAutoNetwork(r.Context(), r.Caller, topologyProject(r))
		}},
	}
}

// topologyProject is the project that a request is about: clients that know of
// none write None.
func topologyProject(r *api.Request) string {
	if id := r.Param("id"); id != "None" {
		return id
	}
	return r.Caller.ProjectID
}

// topology answers with the network of a project's topology, which is made by
// that; fields=dry-run only looks whether it could be.
func (f *face) topology(r *api.Request) (any, error) {
	project := topologyProject(r)
	view := topologyView{ID: "dry-run=pass", ProjectID: project, TenantID: project}
	dry := false
	for _, field := range r.URL.Query()["fields"] {
		if field != "dry-run" {
			return nil, badRequest("Bad auto_allocate request: Unrecognized field.")
		}
		dry = true
	}
	var err error
	if dry {
		err = f.svc.CheckAutoNetwork(r.Context(), r.Caller, project)
	} else {
		view.ID, err = f.svc.AutoNetwork(r.Context(), r.Caller, project)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"auto_allocated_topology": view}, nil
}
