package identityapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
)

func (f *face) endpointFilter() []api.Route {
	const base = "/OS-EP-FILTER"
	const groups, group = base + "/endpoint_groups", base + "/endpoint_groups/{group_id}"
	const ofProject, endpoint, member = base + "/projects/{project_id}", base + "/projects/{project_id}/endpoints/{endpoint_id}", group + "/projects/{project_id}"
	return []api.Route{
		route(http.MethodGet, groups, "identity:list_endpoint_groups", 0, nil, f.listEndpointGroups),
		route(http.MethodPost, groups, "identity:create_endpoint_group", created, nil, f.createEndpointGroup),
		route(http.MethodGet, group, "identity:get_endpoint_group", 0, nil, f.showEndpointGroup),
		route(http.MethodPatch, group, "identity:update_endpoint_group", 0, nil, f.updateEndpointGroup),
		route(http.MethodDelete, group, "identity:delete_endpoint_group", noContent, nil, f.deleteEndpointGroup),
		route(http.MethodGet, group+"/endpoints", "identity:list_endpoints_associated_with_endpoint_group", 0, nil, f.listGroupEndpoints),
		route(http.MethodGet, group+"/projects", "identity:list_projects_associated_with_endpoint_group", 0, nil, f.listGroupProjects),
		route(http.MethodGet, member, "identity:get_endpoint_group_in_project", 0, nil, f.showGroupInProject),
		route(http.MethodPut, member, "identity:add_endpoint_group_to_project", noContent, nil, f.associate),
		route(http.MethodDelete, member, "identity:remove_endpoint_group_from_project", noContent, nil, f.dissociate),
		route(http.MethodGet, ofProject+"/endpoint_groups", "identity:list_endpoint_groups_for_project", 0, nil, f.listEndpointGroups),
		route(http.MethodGet, ofProject+"/endpoints", "identity:list_endpoints_for_project", 0, nil, f.listProjectEndpoints),
		route(http.MethodGet, endpoint, "identity:check_endpoint_in_project", noContent, nil, f.checkEndpointInProject),
		route(http.MethodPut, endpoint, "identity:add_endpoint_to_project", noContent, nil, f.associate),
		route(http.MethodDelete, endpoint, "identity:remove_endpoint_from_project", noContent, nil, f.dissociate),
		route(http.MethodGet, base+"/endpoints/{endpoint_id}/projects", "identity:list_projects_for_endpoint", 0, nil, f.listEndpointProjects),
	}
}

func renderEndpointGroup(r *api.Request, g identity.EndpointGroup) map[string]any {
	return object(r, "OS-EP-FILTER/endpoint_groups", g.ID, nil, map[string]any{"name": g.Name, "description": g.Description, "filters": orEmpty(g.Filters)})
}

// listEndpointGroups lists all groups, or those of the project in the path.
func (f *face) listEndpointGroups(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.EndpointGroups(r.Context(), r.Param("project_id"), l)
	return collection(r, "endpoint_groups", l, list, renderEndpointGroup), err
}

// endpointFilters reads what endpoints must have to be in a group.
func endpointFilters(w *fields) identity.Extra {
	raw, ok := w.take("filters")
	if !ok {
		return nil
	}
	var filters identity.Extra
	if err := json.Unmarshal(raw, &filters); err != nil || filters == nil {
		w.fail("filters", "%s is not of type 'object'", show(raw))
		return nil
	}
	for name, value := range filters {
		if !slices.Contains([]string{"service_id", "region_id", "interface"}, name) && w.err == nil {
			w.err = errs.New(errs.Invalid, "Expecting to find service_id or region_id or interface in endpoint_group. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
		}
		if _, is := value.(string); !is {
			w.fail("filters/"+name, "%v is not of type 'string'", value)
		}
	}
	return filters
}

func (f *face) createEndpointGroup(r *api.Request) (any, error) {
	w, err := body(r, "endpoint_group")
	if err != nil {
		return nil, err
	}
	w.require("name", "filters")
	g := identity.EndpointGroup{Name: value(w.name("name", 255), ""), Description: nullIfEmpty(w.nullable("description", 0)), Filters: endpointFilters(w)}
	if len(g.Filters) == 0 && w.err == nil {
		w.err = errs.New(errs.Invalid, "filters field is required and cannot be empty")
	}
	if w.err != nil {
		return nil, w.err
	}
	g, err = f.svc.CreateEndpointGroup(r.Context(), g)
	return map[string]any{"endpoint_group": renderEndpointGroup(r, g)}, err
}

func (f *face) showEndpointGroup(r *api.Request) (any, error) {
	g, err := f.svc.EndpointGroup(r.Context(), r.Param("group_id"))
	return map[string]any{"endpoint_group": renderEndpointGroup(r, g)}, err
}

func (f *face) updateEndpointGroup(r *api.Request) (any, error) {
	w, err := body(r, "endpoint_group")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("group_id"), notSameID("endpoint_group"))
	change := identity.EndpointGroupChange{Name: w.name("name", 255), Description: w.nullable("description", 0), Filters: endpointFilters(w)}
	if w.err != nil {
		return nil, w.err
	}
	g, err := f.svc.UpdateEndpointGroup(r.Context(), r.Param("group_id"), change)
	return map[string]any{"endpoint_group": renderEndpointGroup(r, g)}, err
}

func (f *face) deleteEndpointGroup(r *api.Request) (any, error) {
	return nil, f.svc.DeleteEndpointGroup(r.Context(), r.Param("group_id"))
}

func (f *face) listGroupEndpoints(r *api.Request) (any, error) {
	list, err := f.svc.GroupEndpoints(r.Context(), r.Param("group_id"))
	return collection(r, "endpoints", identity.Listing{}, list, renderEndpoint), err
}

func (f *face) listGroupProjects(r *api.Request) (any, error) {
	list, err := f.svc.EndpointGroupProjects(r.Context(), r.Param("group_id"))
	return collection(r, "projects", identity.Listing{}, list, renderProject), err
}

func (f *face) listProjectEndpoints(r *api.Request) (any, error) {
	list, err := f.svc.ProjectEndpoints(r.Context(), r.Param("project_id"))
	return collection(r, "endpoints", identity.Listing{}, list, renderEndpoint), err
}

func (f *face) listEndpointProjects(r *api.Request) (any, error) {
	list, err := f.svc.EndpointProjects(r.Context(), r.Param("endpoint_id"))
	return collection(r, "projects", identity.Listing{}, list, renderProject), err
}

// association is what the path names.
func association(r *api.Request) identity.Association {
	return identity.Association{ProjectID: r.Param("project_id"), EndpointID: r.Param("endpoint_id"), GroupID: r.Param("group_id")}
}

func (f *face) checkEndpointInProject(r *api.Request) (any, error) {
	return nil, f.svc.Associated(r.Context(), association(r))
}

func (f *face) showGroupInProject(r *api.Request) (any, error) {
	a := association(r)
	if err := f.svc.Associated(r.Context(), a); err != nil {
		return nil, err
	}
	return map[string]any{"project_endpoint_group": map[string]any{
		"endpoint_group_id": a.GroupID, "project_id": a.ProjectID,
		"links": map[string]any{"self": r.ServiceURL() + "/v3/OS-EP-FILTER/endpoint_groups/" + a.GroupID + "/projects/" + a.ProjectID},
	}}, nil
}

func (f *face) associate(r *api.Request) (any, error) {
	return nil, f.svc.Associate(r.Context(), association(r))
}

func (f *face) dissociate(r *api.Request) (any, error) {
	return nil, f.svc.Dissociate(r.Context(), association(r))
}
