package identityapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) projects() []api.Route {
	const one, tags, tag = "/projects/{project_id}", "/projects/{project_id}/tags", "/projects/{project_id}/tags/{tag}"
	return []api.Route{
		route(http.MethodGet, "/projects", "identity:list_projects", 0, nil, f.listProjects),
		route(http.MethodPost, "/projects", "identity:create_project", created, nil, f.createProject),
		route(http.MethodGet, one, "identity:get_project", 0, f.projectTarget, f.showProject),
		route(http.MethodPatch, one, "identity:update_project", 0, f.projectTarget, f.updateProject),
		route(http.MethodDelete, one, "identity:delete_project", noContent, f.projectTarget, f.deleteProject),
		route(http.MethodGet, tags, "identity:list_project_tags", 0, f.projectTarget, f.listTags),
		route(http.MethodPut, tags, "identity:update_project_tags", 0, f.projectTarget, f.replaceTags),
		route(http.MethodDelete, tags, "identity:delete_project_tags", noContent, f.projectTarget, f.clearTags),
		route(http.MethodGet, tag, "identity:get_project_tag", noContent, f.projectTarget, f.checkTag),
		route(http.MethodPut, tag, "identity:create_project_tag", created, f.projectTarget, f.addTag),
		route(http.MethodDelete, tag, "identity:delete_project_tag", noContent, f.projectTarget, f.removeTag),
	}
}

func (f *face) domains() []api.Route {
	const one = "/domains/{domain_id}"
	return []api.Route{
		route(http.MethodGet, "/domains", "identity:list_domains", 0, nil, f.listDomains),
		route(http.MethodPost, "/domains", "identity:create_domain", created, nil, f.createDomain),
		route(http.MethodGet, one, "identity:get_domain", 0, f.domainTarget, f.showDomain),
		route(http.MethodPatch, one, "identity:update_domain", 0, f.domainTarget, f.updateDomain),
		route(http.MethodDelete, one, "identity:delete_domain", noContent, f.domainTarget, f.deleteDomain),
	}
}

func renderProject(r *api.Request, p identity.Project) map[string]any {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return object(r, "projects", p.ID, p.Extra, map[string]any{
		"name": p.Name, "domain_id": p.DomainID, "parent_id": p.ParentID, "is_domain": p.IsDomain, "enabled": p.Enabled,
		"description": p.Description, "tags": tags, "options": orEmpty(p.Options),
	})
}

func renderDomain(r *api.Request, p identity.Project) map[string]any {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return object(r, "domains", p.ID, p.Extra, map[string]any{
		"name": p.Name, "enabled": p.Enabled, "description": p.Description, "tags": tags, "options": orEmpty(p.Options),
	})
}

func tagFilter(r *api.Request) identity.TagFilter {
	list := func(name string) []string {
		if text := r.Query().Get(name); text != "" {
			tags := strings.Split(text, ",")
			slices.Sort(tags)
			return slices.Compact(tags)
		}
		return nil
	}
	return identity.TagFilter{All: list("tags"), Any: list("tags-any"), NotAll: list("not-tags"), NotAny: list("not-tags-any")}
}

func (f *face) listProjects(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	inOwnDomain(r, &l)
	list, err := f.svc.Projects(r.Context(), l, tagFilter(r))
	return collection(r, "projects", l, list, renderProject), err
}

// projectsOf lists a user's projects, those that can be entered only where
// enabled is set.
func (f *face) projectsOf(r *api.Request, userID string, enabled bool) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if enabled {
		l.Filters = append(l.Filters, identity.Filter{Name: "enabled", Value: "true"})
	}
	list, err := f.svc.UserProjects(r.Context(), userID, l)
	return collection(r, "projects", l, list, renderProject), err
}

func (f *face) createProject(r *api.Request) (any, error) {
	w, err := body(r, "project")
	if err != nil {
		return nil, err
	}
	w.require("name")
	p := identity.Project{
		Name: value(w.name("name", 64), ""), Description: value(w.nullable("description", 0), ""), Enabled: value(w.flag("enabled"), true),
		IsDomain: value(w.flag("is_domain"), false), DomainID: nullIfEmpty(w.nullable("domain_id", 64)), ParentID: nullIfEmpty(w.nullable("parent_id", 64)),
		Tags: value(w.tags("tags"), nil), Options: w.options("immutable"),
	}
	w.take("id")
	if p.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if p.IsDomain {
		if err := r.Allow("identity:create_domain", policy.Target{}); err != nil {
			return nil, err
		}
	} else if p.DomainID == nil && p.ParentID == nil {
		home := homeDomain(r)
		p.DomainID = &home
	}
	if err := r.Allow("identity:create_project", policy.Target{DomainID: f.domainOf(r, p)}); err != nil {
		return nil, err
	}
	p, err = f.svc.CreateProject(r.Context(), p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"project": renderProject(r, p)}, nil
}

// domainOf is the domain that a new project would be in; "" when its parent
// isn't there or belongs to another one than it says.
func (f *face) domainOf(r *api.Request, p identity.Project) string {
	id := value(p.DomainID, "")
	if p.ParentID == nil {
		return id
	}
	parent, err := f.svc.Project(r.Context(), *p.ParentID)
	if err != nil || (id != "" && parent.Home() != id) {
		return ""
	}
	return parent.Home()
}

func (f *face) showProject(r *api.Request) (any, error) {
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	if err != nil {
		return nil, err
	}
	o := renderProject(r, p)
	if err := f.family(r, p, o); err != nil {
		return nil, err
	}
	return map[string]any{"project": o}, nil
}

// family adds the parents and subtree that the query asks for, as ids or as
// lists. Lists hold only what the caller has a role in.
func (f *face) family(r *api.Request, p identity.Project, o map[string]any) error {
	for _, kind := range []string{"parents", "subtree"} {
		if isTrue(r, kind+"_as_list") && isTrue(r, kind+"_as_ids") {
			return errs.New(errs.Invalid, "Cannot use %[1]s_as_list and %[1]s_as_ids query params at the same time.", kind)
		}
	}
	if isTrue(r, "parents_as_ids") || isTrue(r, "parents_as_list") {
		parents, err := f.svc.ProjectParents(r.Context(), p.ID)
		if err != nil {
			return err
		}
		if isTrue(r, "parents_as_ids") {
			var chain any
			for _, parent := range slices.Backward(parents) {
				chain = map[string]any{parent.ID: chain}
			}
			o["parents"] = chain
		} else if o["parents"], err = f.projectList(r, parents); err != nil {
			return err
		}
	}
	if isTrue(r, "subtree_as_ids") || isTrue(r, "subtree_as_list") {
		below, err := f.svc.ProjectSubtree(r.Context(), p.ID)
		if err != nil {
			return err
		}
		if isTrue(r, "subtree_as_ids") {
			o["subtree"] = idTree(p.ID, below)
		} else if o["subtree"], err = f.projectList(r, below); err != nil {
			return err
		}
	}
	return nil
}

func idTree(id string, all []identity.Project) any {
	children := map[string]any{}
	for _, p := range all {
		if p.ParentID != nil && *p.ParentID == id {
			children[p.ID] = idTree(p.ID, all)
		}
	}
	if len(children) == 0 {
		return nil
	}
	return children
}

// projectList is the list without what the caller has no role in, each with its
// limits where the query asks for them.
func (f *face) projectList(r *api.Request, list []identity.Project) ([]any, error) {
	mine, err := f.svc.UserProjects(r.Context(), r.Caller.UserID, identity.Listing{})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p identity.Project) bool {
		return !slices.ContainsFunc(mine, func(m identity.Project) bool { return m.ID == p.ID })
	})
	var limits map[string][]identity.Limit
	if isTrue(r, "include_limits") {
		if limits, err = f.svc.LimitsOf(r.Context(), list); err != nil {
			return nil, err
		}
	}
	objects := []any{}
	for _, p := range list {
		o := renderProject(r, p)
		if limits != nil {
			all := []any{}
			for _, l := range limits[p.ID] {
				all = append(all, limitAttributes(l))
			}
			o["limits"] = all
		}
		objects = append(objects, map[string]any{"project": o})
	}
	return objects, nil
}

// projectChange reads what both projects and domains can change.
func projectChange(w *fields) identity.ProjectChange {
	return identity.ProjectChange{
		Name: w.name("name", 64), Description: w.nullable("description", 0), Enabled: w.flag("enabled"),
		Tags: w.tags("tags"), Options: w.options("immutable"),
	}
}

var errDomainChange = errs.New(errs.Invalid, "Cannot change Domain ID")

func notSameID(key string) error {
	return errs.New(errs.Invalid, "Cannot change %s ID", key)
}

func (f *face) updateProject(r *api.Request) (any, error) {
	w, err := body(r, "project")
	if err != nil {
		return nil, err
	}
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	if err != nil {
		return nil, err
	}
	if p.IsDomain {
		if err := r.Allow("identity:update_domain", policy.Target{DomainID: p.ID}); err != nil {
			return nil, err
		}
	}
	w.same("id", p.ID, notSameID("project"))
	w.same("domain_id", value(p.DomainID, ""), errDomainChange)
	w.same("parent_id", value(p.ParentID, ""), errs.New(errs.Forbidden, "Update of `parent_id` is not allowed."))
	if is := w.flag("is_domain"); is != nil && *is != p.IsDomain && w.err == nil {
		w.err = errs.New(errs.Invalid, "Update of `is_domain` is not allowed.")
	}
	change := projectChange(w)
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	p, err = f.svc.UpdateProject(r.Context(), p.ID, false, change)
	return map[string]any{"project": renderProject(r, p)}, err
}

func (f *face) deleteProject(r *api.Request) (any, error) {
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	if err != nil {
		return nil, err
	}
	if p.IsDomain {
		if err := r.Allow("identity:delete_domain", policy.Target{DomainID: p.ID}); err != nil {
			return nil, err
		}
	}
	return nil, f.svc.DeleteProject(r.Context(), p.ID, false)
}

func (f *face) listDomains(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	l.Filters = append(l.Filters, identity.Filter{Name: "is_domain", Value: "true"})
	if r.Caller.DomainID != "" {
		l.Filters = append(l.Filters, identity.Filter{Name: "id", Value: r.Caller.DomainID})
	}
	list, err := f.svc.Projects(r.Context(), l, tagFilter(r))
	return collection(r, "domains", l, list, renderDomain), err
}

func (f *face) createDomain(r *api.Request) (any, error) {
	w, err := body(r, "domain")
	if err != nil {
		return nil, err
	}
	w.require("name")
	p := identity.Project{
		Name: value(w.name("name", 64), ""), Description: value(w.nullable("description", 0), ""), Enabled: value(w.flag("enabled"), true),
		IsDomain: true, Tags: value(w.tags("tags"), nil), Options: w.options("immutable"), ID: value(w.text("explicit_domain_id", 32), ""),
	}
	w.take("id")
	if p.ID != "" && strings.Trim(p.ID, "0123456789abcdef") != "" || p.ID != "" && len(p.ID) != 32 {
		w.fail("explicit_domain_id", "it must be 32 hexadecimal digits")
	}
	if p.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	p, err = f.svc.CreateProject(r.Context(), p)
	return map[string]any{"domain": renderDomain(r, p)}, err
}

func (f *face) showDomain(r *api.Request) (any, error) {
	p, err := f.svc.Domain(r.Context(), r.Param("domain_id"))
	return map[string]any{"domain": renderDomain(r, p)}, err
}

func (f *face) updateDomain(r *api.Request) (any, error) {
	w, err := body(r, "domain")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("domain_id"), notSameID("domain"))
	change := projectChange(w)
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	p, err := f.svc.UpdateProject(r.Context(), r.Param("domain_id"), true, change)
	return map[string]any{"domain": renderDomain(r, p)}, err
}

func (f *face) deleteDomain(r *api.Request) (any, error) {
	return nil, f.svc.DeleteProject(r.Context(), r.Param("domain_id"), true)
}

func (f *face) tagsBody(r *api.Request, p identity.Project) map[string]any {
	return map[string]any{"tags": renderProject(r, p)["tags"], "links": map[string]any{"self": r.ServiceURL() + "/v3/projects/" + p.ID + "/tags"}}
}

func (f *face) listTags(r *api.Request) (any, error) {
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	return f.tagsBody(r, p), err
}

func (f *face) setTags(r *api.Request, change func([]string) ([]string, error)) (identity.Project, error) {
	return f.svc.SetTags(r.Context(), r.Param("project_id"), change)
}

func (f *face) replaceTags(r *api.Request) (any, error) {
	w := &fields{}
	if err := r.Bind(&w.values); err != nil {
		return nil, err
	}
	w.require("tags")
	tags := w.tags("tags")
	if w.err != nil {
		return nil, w.err
	}
	p, err := f.setTags(r, func([]string) ([]string, error) { return slices.Clone(*tags), nil })
	return f.tagsBody(r, p), err
}

func (f *face) clearTags(r *api.Request) (any, error) {
	_, err := f.setTags(r, func([]string) ([]string, error) { return nil, nil })
	return nil, err
}

func noTag(tag string) error {
	return errs.New(errs.NotFound, "Could not find project tag: %s.", tag)
}

func (f *face) checkTag(r *api.Request) (any, error) {
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	if err == nil && !slices.Contains(p.Tags, r.Param("tag")) {
		err = noTag(r.Param("tag"))
	}
	return nil, err
}

func (f *face) addTag(r *api.Request) (any, error) {
	tag := r.Param("tag")
	if !validTag(tag) {
		return nil, errs.New(errs.Invalid, "Invalid input for field 'tag': '%s' does not match '^[^,/]*$'", tag)
	}
	p, err := f.setTags(r, func(tags []string) ([]string, error) {
		if slices.Contains(tags, tag) {
			return nil, errs.New(errs.Invalid, "Invalid input for field 'tags': the project has the tag '%s' already", tag)
		}
		if len(tags) >= 80 {
			return nil, errs.New(errs.Invalid, "Invalid input for field 'tags': too many items: at most 80 are allowed")
		}
		return append(tags, tag), nil
	})
	if err == nil {
		r.Writer.Header().Set("Location", r.ServiceURL()+"/v3/projects/"+p.ID+"/tags/"+url.PathEscape(tag))
	}
	return nil, err
}

func (f *face) removeTag(r *api.Request) (any, error) {
	_, err := f.setTags(r, func(tags []string) ([]string, error) {
		i := slices.Index(tags, r.Param("tag"))
		if i < 0 {
			return nil, noTag(r.Param("tag"))
		}
		return slices.Delete(tags, i, i+1), nil
	})
	return nil, err
}
