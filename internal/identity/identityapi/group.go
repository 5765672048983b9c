package identityapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) groups() []api.Route {
	const one, member = "/groups/{group_id}", "/groups/{group_id}/users/{user_id}"
	return []api.Route{
		route(http.MethodGet, "/groups", "identity:list_groups", 0, nil, f.listGroups),
		route(http.MethodPost, "/groups", "identity:create_group", created, nil, f.createGroup),
		route(http.MethodGet, one, "identity:get_group", 0, f.groupTarget, f.showGroup),
		route(http.MethodPatch, one, "identity:update_group", 0, f.groupTarget, f.updateGroup),
		route(http.MethodDelete, one, "identity:delete_group", noContent, f.groupTarget, f.deleteGroup),
		route(http.MethodGet, one+"/users", "identity:list_users_in_group", 0, f.groupTarget, f.listMembers),
		route(http.MethodGet, member, "identity:check_user_in_group", noContent, f.memberTarget, f.checkMember),
		route(http.MethodPut, member, "identity:add_user_to_group", noContent, f.memberChangeTarget, f.addMember),
		route(http.MethodDelete, member, "identity:remove_user_from_group", noContent, f.memberChangeTarget, f.removeMember),
	}
}

func renderGroup(r *api.Request, g identity.Group) map[string]any {
	return object(r, "groups", g.ID, g.Extra, map[string]any{"name": g.Name, "domain_id": g.DomainID, "description": g.Description})
}

func (f *face) listGroups(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	inOwnDomain(r, &l)
	list, err := f.svc.Groups(r.Context(), "", l)
	return collection(r, "groups", l, list, renderGroup), err
}

func (f *face) createGroup(r *api.Request) (any, error) {
	w, err := body(r, "group")
	if err != nil {
		return nil, err
	}
	w.require("name")
	g := identity.Group{
		Name: value(w.name("name", 255), ""), DomainID: value(w.nullable("domain_id", 64), ""), Description: value(w.nullable("description", 0), ""),
	}
	w.take("id")
	if g.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if g.DomainID == "" {
		g.DomainID = homeDomain(r)
	}
	if err := r.Allow("identity:create_group", policy.Target{DomainID: g.DomainID}); err != nil {
		return nil, err
	}
	g, err = f.svc.CreateGroup(r.Context(), g)
	return map[string]any{"group": renderGroup(r, g)}, err
}

func (f *face) showGroup(r *api.Request) (any, error) {
	g, err := f.svc.Group(r.Context(), r.Param("group_id"))
	return map[string]any{"group": renderGroup(r, g)}, err
}

func (f *face) updateGroup(r *api.Request) (any, error) {
	w, err := body(r, "group")
	if err != nil {
		return nil, err
	}
	g, err := f.svc.Group(r.Context(), r.Param("group_id"))
	if err != nil {
		return nil, err
	}
	w.same("id", g.ID, notSameID("group"))
	w.same("domain_id", g.DomainID, errDomainChange)
	change := identity.GroupChange{Name: w.name("name", 255), Description: w.nullable("description", 0)}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	g, err = f.svc.UpdateGroup(r.Context(), g.ID, change)
	return map[string]any{"group": renderGroup(r, g)}, err
}

func (f *face) deleteGroup(r *api.Request) (any, error) {
	return nil, f.svc.DeleteGroup(r.Context(), r.Param("group_id"))
}

func (f *face) listMembers(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	inOwnDomain(r, &l)
	list, err := f.svc.Members(r.Context(), r.Param("group_id"), l)
	return collection(r, "users", l, list, renderUser), err
}

func (f *face) checkMember(r *api.Request) (any, error) {
	return nil, f.svc.IsMember(r.Context(), r.Param("group_id"), r.Param("user_id"))
}

func (f *face) addMember(r *api.Request) (any, error) {
	return nil, f.svc.AddMember(r.Context(), r.Param("group_id"), r.Param("user_id"))
}

func (f *face) removeMember(r *api.Request) (any, error) {
	return nil, f.svc.RemoveMember(r.Context(), r.Param("group_id"), r.Param("user_id"))
}
