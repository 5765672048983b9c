package identityapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) roles() []api.Route {
	const one, implies, implied = "/roles/{role_id}", "/roles/{role_id}/implies", "/roles/{role_id}/implies/{implied_id}"
	return []api.Route{
		route(http.MethodGet, "/roles", "identity:list_domain_roles", 0, nil, f.listRoles),
		route(http.MethodPost, "/roles", "identity:create_domain_role", created, nil, f.createRole),
		route(http.MethodGet, one, "identity:get_domain_role", 0, f.roleTarget, f.showRole),
		route(http.MethodPatch, one, "identity:update_domain_role", 0, f.roleTarget, f.updateRole),
		route(http.MethodDelete, one, "identity:delete_domain_role", noContent, f.roleTarget, f.deleteRole),
		route(http.MethodGet, implies, "identity:list_implied_roles", 0, nil, f.listImplied),
		route(http.MethodGet, implied, "identity:get_implied_role", 0, nil, f.showImplied),
		route(http.MethodHead, implied, "identity:check_implied_role", noContent, nil, f.checkImplied),
		route(http.MethodPut, implied, "identity:create_implied_role", created, nil, f.imply),
		route(http.MethodDelete, implied, "identity:delete_implied_role", noContent, nil, f.unimply),
		route(http.MethodGet, "/role_inferences", "identity:list_role_inference_rules", 0, nil, f.listInferences),
	}
}

// roleTarget is the domain that a role is of. A role of none has the caller's
// own: whether that may be is another rule, which the handlers check.
func (f *face) roleTarget(r *api.Request) policy.Target {
	role, err := f.svc.Role(r.Context(), r.Param("role_id"))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{DomainID: value(role.DomainID, r.Caller.DomainID)}
}

// allowGlobal checks the rule for roles of no domain.
func allowGlobal(r *api.Request, rule string, domainID *string) error {
	if domainID != nil {
		return nil
	}
	return r.Allow(rule, policy.Own(r.Caller))
}

func renderRole(r *api.Request, role identity.Role) map[string]any {
	return object(r, "roles", role.ID, role.Extra, roleAttributes(role))
}

func roleAttributes(role identity.Role) map[string]any {
	return map[string]any{"name": role.Name, "domain_id": role.DomainID, "description": role.Description, "options": orEmpty(role.Options)}
}

func (f *face) listRoles(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if id := r.Query().Get("domain_id"); id != "" {
		err = r.Allow("identity:list_domain_roles", policy.Target{DomainID: id})
	} else {
		err = r.Allow("identity:list_roles", policy.Own(r.Caller))
	}
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Roles(r.Context(), l)
	return collection(r, "roles", l, list, renderRole), err
}

func (f *face) createRole(r *api.Request) (any, error) {
	w, err := body(r, "role")
	if err != nil {
		return nil, err
	}
	w.require("name")
	role := identity.Role{
		Name: value(w.name("name", 255), ""), DomainID: nullIfEmpty(w.nullable("domain_id", 64)),
		Description: nullIfEmpty(w.nullable("description", 0)), Options: w.options("immutable"),
	}
	w.take("id")
	if role.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if err := allowGlobal(r, "identity:create_role", role.DomainID); err != nil {
		return nil, err
	}
	if err := r.Allow("identity:create_domain_role", policy.Target{DomainID: value(role.DomainID, r.Caller.DomainID)}); err != nil {
		return nil, err
	}
	role, err = f.svc.CreateRole(r.Context(), role)
	return map[string]any{"role": renderRole(r, role)}, err
}

func (f *face) showRole(r *api.Request) (any, error) {
	role, err := f.svc.Role(r.Context(), r.Param("role_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"role": renderRole(r, role)}, allowGlobal(r, "identity:get_role", role.DomainID)
}

func (f *face) updateRole(r *api.Request) (any, error) {
	w, err := body(r, "role")
	if err != nil {
		return nil, err
	}
	role, err := f.svc.Role(r.Context(), r.Param("role_id"))
	if err != nil {
		return nil, err
	}
	if err := allowGlobal(r, "identity:update_role", role.DomainID); err != nil {
		return nil, err
	}
	w.same("id", role.ID, notSameID("role"))
	w.same("domain_id", value(role.DomainID, ""), errDomainChange)
	change := identity.RoleChange{Name: w.name("name", 255), Description: w.nullable("description", 0), Options: w.options("immutable")}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	role, err = f.svc.UpdateRole(r.Context(), role.ID, change)
	return map[string]any{"role": renderRole(r, role)}, err
}

func (f *face) deleteRole(r *api.Request) (any, error) {
	role, err := f.svc.Role(r.Context(), r.Param("role_id"))
	if err != nil {
		return nil, err
	}
	if err := allowGlobal(r, "identity:delete_role", role.DomainID); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteRole(r.Context(), role.ID)
}

func roleRef(r *api.Request, role identity.Role) map[string]any {
	return map[string]any{"id": role.ID, "name": role.Name, "links": map[string]any{"self": r.ServiceURL() + "/v3/roles/" + role.ID}}
}

func inference(r *api.Request, i identity.Inference) map[string]any {
	implies := []any{}
	for _, role := range i.Implied {
		implies = append(implies, roleRef(r, role))
	}
	return map[string]any{"prior_role": roleRef(r, i.Prior), "implies": implies}
}

func selfLink(r *api.Request) map[string]any {
	return map[string]any{"self": r.BaseURL() + r.URL.Path}
}

func (f *face) listImplied(r *api.Request) (any, error) {
	list, err := f.svc.Inferences(r.Context(), r.Param("role_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"role_inference": inference(r, list[0]), "links": selfLink(r)}, nil
}

func (f *face) listInferences(r *api.Request) (any, error) {
	list, err := f.svc.Inferences(r.Context(), "")
	if err != nil {
		return nil, err
	}
	rules := make([]any, len(list))
	for i, one := range list {
		rules[i] = inference(r, one)
	}
	return map[string]any{"role_inferences": rules, "links": selfLink(r)}, nil
}

func (f *face) showImplied(r *api.Request) (any, error) {
	prior, implied, err := f.svc.Inference(r.Context(), r.Param("role_id"), r.Param("implied_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"role_inference": map[string]any{"prior_role": roleRef(r, prior), "implies": roleRef(r, implied)}, "links": selfLink(r)}, nil
}

func (f *face) checkImplied(r *api.Request) (any, error) {
	_, _, err := f.svc.Inference(r.Context(), r.Param("role_id"), r.Param("implied_id"))
	return nil, err
}

func (f *face) imply(r *api.Request) (any, error) {
	if err := f.svc.Imply(r.Context(), r.Param("role_id"), r.Param("implied_id")); err != nil {
		return nil, err
	}
	return f.showImplied(r)
}

func (f *face) unimply(r *api.Request) (any, error) {
	return nil, f.svc.Unimply(r.Context(), r.Param("role_id"), r.Param("implied_id"))
}
