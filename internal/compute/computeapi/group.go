package computeapi

import (
	"net/http"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) groupRoutes() []api.Route {
	rule := base + "os-server-groups:"
	return []api.Route{
		{Method: "GET", Path: "/os-server-groups", Policy: rule + "index", Handler: f.listGroups},
		{Method: "POST", Path: "/os-server-groups", Policy: rule + "create", Handler: f.createGroup},
		{Method: "GET", Path: "/os-server-groups/{id}", Policy: rule + "show", Handler: f.showGroup},
		{Method: "DELETE", Path: "/os-server-groups/{id}", Policy: rule + "delete", Status: http.StatusNoContent, Handler: f.deleteGroup},
	}
}

type groupView struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Policies  []string `json:"policies,omitempty"` // up to 2.63
	Policy    string   `json:"policy,omitempty"`   // from 2.64
	Rules     any      `json:"rules,omitempty"`
	Members   []string `json:"members"`
	Metadata  any      `json:"metadata,omitempty"` // up to 2.63
	ProjectID string   `json:"project_id,omitempty"`
	UserID    string   `json:"user_id,omitempty"`
}

func viewGroup(r *api.Request, g compute.Group) groupView {
	v := groupView{ID: g.ID, Name: g.Name, Members: g.Members}
	if r.Version >= 13 {
		v.ProjectID, v.UserID = g.ProjectID, g.UserID
	}
	if r.Version < 64 {
		v.Policies, v.Metadata = []string{g.Policy}, map[string]string{}
		return v
	}
	v.Policy = g.Policy
	rules := map[string]int64{}
	if g.PerHost > 0 {
		rules["max_server_per_host"] = g.PerHost
	}
	v.Rules = rules
	return v
}

func groupBody(version int) *schema {
	kind := &schema{types: []string{"string"}, enum: []any{compute.AntiAffinity, compute.Affinity}}
	if version >= 15 {
		kind.enum = append(kind.enum, compute.SoftAntiAffinity, compute.SoftAffinity)
	}
	if version >= 64 {
		rules := object(map[string]*schema{"max_server_per_host": &positive})
		return wrapped("server_group", object(map[string]*schema{"name": &nameString, "policy": kind, "rules": rules}, "name", "policy"))
	}
	policies := &schema{types: []string{"array"}, items: kind, maxItems: 1}
	return wrapped("server_group", object(map[string]*schema{"name": &nameString, "policies": policies}, "name", "policies"))
}

func (f *face) createGroup(r *api.Request) (any, error) {
	var body struct {
		Group struct {
			Name     string
			Policies []string
			Policy   string
			Rules    struct {
				PerHost number64 `json:"max_server_per_host"`
			}
		} `json:"server_group"`
	}
	if err := bind(r, groupBody(r.Version), &body); err != nil {
		return nil, err
	}
	in := body.Group
	group := compute.Group{Name: in.Name, Policy: in.Policy, PerHost: int64(in.Rules.PerHost)}
	if r.Version < 64 {
		if len(in.Policies) == 0 {
			return nil, errs.New(errs.Invalid, "Invalid input for field/attribute policies. Value: []. [] is too short")
		}
		group.Policy = in.Policies[0]
	}
	if group.PerHost > 0 && group.Policy != compute.AntiAffinity {
		return nil, errs.New(errs.Invalid, "Only anti-affinity policy supports rules.")
	}
	made, err := f.svc.CreateGroup(r.Context(), r.Caller, group)
	if err != nil {
		return nil, err
	}
	return map[string]any{"server_group": viewGroup(r, made)}, nil
}

func (f *face) listGroups(r *api.Request) (any, error) {
	if err := noUnknown(r, "all_projects", "limit", "offset"); err != nil {
		return nil, err
	}
	limit, _, err := page(r)
	if err != nil {
		return nil, err
	}
	offset := 0
	if text := r.Query().Get("offset"); r.Query().Has("offset") {
		if offset, err = strconv.Atoi(text); err != nil || offset < 0 {
			return nil, errs.New(errs.Invalid, "Invalid input for query parameters offset. Value: %s. It must be a non-negative integer.", text)
		}
	}
	groups, err := f.svc.ListGroups(r.Context(), r.Caller, r.Query().Has("all_projects"), limit, offset)
	if err != nil {
		return nil, err
	}
	views := make([]groupView, len(groups))
	for i, g := range groups {
		views[i] = viewGroup(r, g)
	}
	return map[string]any{"server_groups": views}, nil
}

func (f *face) showGroup(r *api.Request) (any, error) {
	group, err := f.svc.GetGroup(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"server_group": viewGroup(r, group)}, nil
}

func (f *face) deleteGroup(r *api.Request) (any, error) {
	return nil, f.svc.DeleteGroup(r.Context(), r.Caller, r.Param("id"))
}
