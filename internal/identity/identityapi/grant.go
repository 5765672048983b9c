package identityapi

import (
	"net/http"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

// grants are the routes of role assignments: for each kind of target and actor,
// with and without inheritance.
func (f *face) grants() []api.Route {
	routes := []api.Route{route(http.MethodGet, "/role_assignments", "identity:list_role_assignments", 0, nil, f.listAssignments)}
	for _, actor := range []string{"user", "group"} {
		tail := "/" + actor + "s/{" + actor + "_id}/roles"
		for _, target := range []string{"project", "domain"} {
			base := "/" + target + "s/{" + target + "_id}" + tail
			routes = append(routes, f.grantRoutes(base, base+"/{role_id}", "grant", "grants", "")...)
			base = "/OS-INHERIT" + base
			routes = append(routes, f.grantRoutes(base+"/inherited_to_projects", base+"/{role_id}/inherited_to_projects", "grant", "grants", "")...)
		}
		routes = append(routes, f.grantRoutes("/system"+tail, "/system"+tail+"/{role_id}", "system_grant", "system_grants", "_for_"+actor)...)
	}
	return routes
}

func (f *face) grantRoutes(list, one, name, plural, suffix string) []api.Route {
	rule := func(verb string) string { return "identity:" + verb + "_" + name + suffix }
	return []api.Route{
		route(http.MethodGet, list, "identity:list_"+plural+suffix, 0, f.grantTarget, f.listGrants),
		route(http.MethodGet, one, rule("check"), noContent, f.grantTarget, f.checkGrant),
		route(http.MethodPut, one, rule("create"), noContent, f.grantTarget, f.createGrant),
		route(http.MethodDelete, one, rule("revoke"), noContent, f.grantTarget, f.revokeGrant),
	}
}

// assignment is what the path names.
func assignment(r *api.Request) identity.Assignment {
	a := identity.Assignment{
		UserID: r.Param("user_id"), GroupID: r.Param("group_id"), RoleID: r.Param("role_id"),
		Inherited: strings.HasSuffix(r.URL.Path, "/inherited_to_projects"), Scope: identity.ScopeSystem,
	}
	if id := r.Param("project_id"); id != "" {
		a.Scope, a.TargetID = identity.ScopeProject, id
	}
	if id := r.Param("domain_id"); id != "" {
		a.Scope, a.TargetID = identity.ScopeDomain, id
	}
	return a
}

// domainsOwn are the roles that a domain's manager may give and take.
var domainsOwn = []string{identity.RoleManager, identity.RoleMember, identity.RoleReader}

// grantTarget is the domain that actor and target both are in; none when they
// differ, or when the role is not for a domain's manager to give.
func (f *face) grantTarget(r *api.Request) policy.Target {
	a := assignment(r)
	var t, actor policy.Target
	switch a.Scope {
	case identity.ScopeProject:
		t = f.projectTarget(r)
	case identity.ScopeDomain:
		t = f.domainTarget(r)
	}
	if a.UserID != "" {
		actor = f.userTarget(r)
	} else {
		actor = f.groupTarget(r)
	}
	t = policy.Target{DomainID: t.DomainID}
	if actor.DomainID != t.DomainID {
		return policy.Target{}
	}
	if a.RoleID == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return t
	}
	role, err := f.svc.Role(r.Context(), a.RoleID)
	switch {
	case err != nil:
	case role.DomainID == nil && slices.Contains(domainsOwn, role.Name):
		return t
	case role.DomainID != nil && *role.DomainID == t.DomainID && f.givesNoMore(r, role.ID):
		return t
	}
	return policy.Target{}
}

// givesNoMore tells whether a role of a domain implies nothing that the domain's
// manager may not give: else it would be a way around that.
func (f *face) givesNoMore(r *api.Request, roleID string) bool {
	given, err := f.svc.Gives(r.Context(), roleID)
	return err == nil && !slices.ContainsFunc(given, func(role identity.Role) bool { return !slices.Contains(domainsOwn, role.Name) })
}

func (f *face) listGrants(r *api.Request) (any, error) {
	list, err := f.svc.GrantedRoles(r.Context(), assignment(r))
	return collection(r, "roles", identity.Listing{}, list, renderRole), err
}

func (f *face) checkGrant(r *api.Request) (any, error) {
	return nil, f.svc.Granted(r.Context(), assignment(r))
}

func (f *face) createGrant(r *api.Request) (any, error) {
	return nil, f.svc.Grant(r.Context(), assignment(r))
}

func (f *face) revokeGrant(r *api.Request) (any, error) {
	return nil, f.svc.Ungrant(r.Context(), assignment(r))
}

// isTrue reads a flag of the query. As in Keystone, one that is there is true,
// whatever its value, unless that is 0.
func isTrue(r *api.Request, name string) bool {
	return r.Query().Has(name) && r.Query().Get(name) != "0"
}

func assignmentFilter(r *api.Request) (identity.AssignmentFilter, error) {
	q := r.Query()
	filter := identity.AssignmentFilter{Effective: isTrue(r, "effective"), Subtree: isTrue(r, "include_subtree")}
	filter.UserID, filter.GroupID, filter.RoleID = q.Get("user.id"), q.Get("group.id"), q.Get("role.id")
	var asked []string
	for _, scope := range []string{identity.ScopeSystem, identity.ScopeDomain, identity.ScopeProject} {
		name := "scope." + scope
		if scope != identity.ScopeSystem {
			name += ".id"
		}
		if id := q.Get(name); id != "" {
			asked = append(asked, scope)
			if filter.Scope = scope; scope != identity.ScopeSystem {
				filter.TargetID = id
			}
		}
	}
	if q.Has("scope.OS-INHERIT:inherited_to") {
		inherited := q.Get("scope.OS-INHERIT:inherited_to") == "projects"
		filter.Inherited = &inherited
	}
	invalid := func(text string) (identity.AssignmentFilter, error) {
		return filter, errs.New(errs.Invalid, "%s", text)
	}
	switch {
	case len(asked) > 1:
		return invalid("Specify " + strings.Join(asked[:2], " or ") + ", not both")
	case filter.UserID != "" && filter.GroupID != "":
		return invalid("Specify a user or group, not both")
	case filter.Effective && filter.GroupID != "":
		return invalid("Combining effective and group filter will always result in an empty list.")
	case filter.Effective && filter.Inherited != nil && *filter.Inherited && filter.Scope == identity.ScopeDomain:
		return invalid("Combining effective, domain and inherited filters will always result in an empty list.")
	case filter.Subtree && filter.Scope != identity.ScopeProject:
		return invalid("scope.project.id must be specified if include_subtree is also specified")
	}
	return filter, nil
}

func (f *face) listAssignments(r *api.Request) (any, error) {
	filter, err := assignmentFilter(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Assignments(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	var names identity.Names
	include := isTrue(r, "include_names")
	if include || r.Caller.DomainID != "" {
		if names, err = f.svc.AssignmentNames(r.Context(), list); err != nil {
			return nil, err
		}
	}
	objects := []any{}
	for _, a := range list {
		if r.Caller.DomainID != "" {
			if target, ok := names.Projects[a.TargetID]; !ok || target.Home() != r.Caller.DomainID {
				continue
			}
		}
		objects = append(objects, renderAssignment(r, a, include, names))
	}
	return map[string]any{
		"role_assignments": objects, "links": map[string]any{"self": r.BaseURL() + r.URL.RequestURI(), "previous": nil, "next": nil},
	}, nil
}

func renderAssignment(r *api.Request, a identity.ListedAssignment, include bool, names identity.Names) map[string]any {
	ref := func(id, name, domainID string) map[string]any {
		o := map[string]any{"id": id}
		if include {
			o["name"] = name
			if domainID != "" {
				o["domain"] = named(domainID, names.Projects[domainID].Name)
			}
		}
		return o
	}
	base := r.ServiceURL() + "/v3"
	links := map[string]any{}
	role := names.Roles[a.RoleID]
	o := map[string]any{"role": ref(a.RoleID, role.Name, value(role.DomainID, "")), "links": links}
	scope := map[string]any{}
	target := names.Projects[a.TargetID]
	switch a.Scope {
	case identity.ScopeSystem:
		scope["system"] = map[string]any{"all": true}
	case identity.ScopeDomain:
		scope["domain"] = ref(a.TargetID, target.Name, "")
	default:
		scope["project"] = ref(a.TargetID, target.Name, target.Home())
	}
	if a.Via.Inherited {
		scope["OS-INHERIT:inherited_to"] = "projects"
	}
	o["scope"] = scope
	if a.UserID != "" {
		o["user"] = ref(a.UserID, names.Users[a.UserID].Name, names.Users[a.UserID].DomainID)
	} else {
		o["group"] = ref(a.GroupID, names.Groups[a.GroupID].Name, names.Groups[a.GroupID].DomainID)
	}
	links["assignment"] = base + grantPath(a.Via)
	if a.UserID != "" && a.Via.GroupID != "" {
		links["membership"] = base + "/groups/" + a.Via.GroupID + "/users/" + a.UserID
	}
	if a.RoleID != a.Via.RoleID {
		links["prior_role"] = base + "/roles/" + a.Via.RoleID + "/implies/" + a.RoleID
	}
	return o
}

// grantPath is where a stored assignment can be checked and taken away.
func grantPath(a identity.Assignment) string {
	path := "/system"
	if a.Scope != identity.ScopeSystem {
		path = "/" + a.Scope + "s/" + a.TargetID
	}
	if a.UserID != "" {
		path += "/users/" + a.UserID
	} else {
		path += "/groups/" + a.GroupID
	}
	path += "/roles/" + a.RoleID
	if a.Inherited {
		path = "/OS-INHERIT" + path + "/inherited_to_projects"
	}
	return path
}
