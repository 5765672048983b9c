package identityapi

import (
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) limits() []api.Route {
	const registered, limit = "/registered_limits/{limit_id}", "/limits/{limit_id}"
	return []api.Route{
		route(http.MethodGet, "/registered_limits", "identity:list_registered_limits", 0, nil, f.listRegistered),
		route(http.MethodPost, "/registered_limits", "identity:create_registered_limits", created, nil, f.createRegistered),
		route(http.MethodGet, registered, "identity:get_registered_limit", 0, nil, f.showRegistered),
		route(http.MethodPatch, registered, "identity:update_registered_limit", 0, nil, f.updateRegistered),
		route(http.MethodDelete, registered, "identity:delete_registered_limit", noContent, nil, f.deleteRegistered),
		route(http.MethodGet, "/limits/model", "identity:get_limit_model", 0, nil, f.showLimitModel),
		route(http.MethodGet, "/limits", "identity:list_limits", 0, nil, f.listLimits),
		route(http.MethodPost, "/limits", "identity:create_limits", created, nil, f.createLimits),
		route(http.MethodGet, limit, "identity:get_limit", 0, f.limitTarget, f.showLimit),
		route(http.MethodPatch, limit, "identity:update_limit", 0, nil, f.updateLimit),
		route(http.MethodDelete, limit, "identity:delete_limit", noContent, nil, f.deleteLimit),
	}
}

// limitTarget is the project that a limit is of, with its domain, or the domain.
func (f *face) limitTarget(r *api.Request) policy.Target {
	l, err := f.svc.Limit(r.Context(), r.Param("limit_id"))
	if err != nil {
		return policy.Target{}
	}
	if l.DomainID != nil {
		return policy.Target{DomainID: *l.DomainID}
	}
	p, err := f.svc.Project(r.Context(), value(l.ProjectID, ""))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{DomainID: p.Home(), ProjectID: p.ID}
}

func renderRegistered(r *api.Request, l identity.RegisteredLimit) map[string]any {
	return object(r, "registered_limits", l.ID, nil, map[string]any{
		"service_id": l.ServiceID, "region_id": l.RegionID, "resource_name": l.ResourceName, "default_limit": l.DefaultLimit, "description": l.Description,
	})
}

func renderLimit(r *api.Request, l identity.Limit) map[string]any {
	return object(r, "limits", l.ID, nil, limitAttributes(l))
}

func limitAttributes(l identity.Limit) map[string]any {
	return map[string]any{
		"id": l.ID, "service_id": l.ServiceID, "region_id": l.RegionID, "resource_name": l.ResourceName, "resource_limit": l.ResourceLimit,
		"description": l.Description, "project_id": l.ProjectID, "domain_id": l.DomainID,
	}
}

// items reads the list of objects that a request's body holds under key.
func items(r *api.Request, key string) ([]*fields, error) {
	var whole map[string]json.RawMessage
	if err := r.Bind(&whole); err != nil {
		return nil, err
	}
	raw, ok := whole[key]
	if !ok {
		return nil, errs.New(errs.Invalid, "'%s' is a required property", key)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errs.New(errs.Invalid, "Invalid input for field '%s': %s is not of type 'array' of objects", key, show(raw))
	}
	if len(list) == 0 {
		return nil, errs.New(errs.Invalid, "Invalid input for field '%s': [] is too short", key)
	}
	all := make([]*fields, len(list))
	for i, values := range list {
		all[i] = &fields{values: values}
	}
	return all, nil
}

// closed refuses attributes that nobody has read.
func (f *fields) closed() {
	for name := range f.values {
		f.fail(name, "Additional properties are not allowed ('%s' was unexpected)", name)
	}
}

// bound reads a limit: at least -1, which is none, and at most what 31 bits hold.
func (f *fields) bound(name string) *int64 {
	if string(f.values[name]) == "null" {
		f.fail(name, "None is not of type 'integer'")
	}
	n := f.number(name, -1)
	if n != nil && *n > 0x7fffffff {
		f.fail(name, "%d is greater than the maximum of 2147483647", *n)
	}
	return n
}

func renderAll[T any](r *api.Request, key string, list []T, render func(*api.Request, T) map[string]any) map[string]any {
	objects := make([]any, len(list))
	for i, one := range list {
		objects[i] = render(r, one)
	}
	return map[string]any{key: objects}
}

func (f *face) listRegistered(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.RegisteredLimits(r.Context(), l)
	return collection(r, "registered_limits", l, list, renderRegistered), err
}

func (f *face) createRegistered(r *api.Request) (any, error) {
	all, err := items(r, "registered_limits")
	if err != nil {
		return nil, err
	}
	var list []identity.RegisteredLimit
	for _, w := range all {
		w.require("service_id", "resource_name", "default_limit")
		list = append(list, identity.RegisteredLimit{
			ServiceID: value(w.name("service_id", 64), ""), RegionID: nullIfEmpty(w.nullable("region_id", 255)), ResourceName: value(w.name("resource_name", 255), ""),
			DefaultLimit: value(w.bound("default_limit"), 0), Description: nullIfEmpty(w.nullable("description", 0)),
		})
		if w.closed(); w.err != nil {
			return nil, w.err
		}
	}
	list, err = f.svc.CreateRegisteredLimits(r.Context(), list)
	return renderAll(r, "registered_limits", list, renderRegistered), err
}

func (f *face) showRegistered(r *api.Request) (any, error) {
	l, err := f.svc.RegisteredLimit(r.Context(), r.Param("limit_id"))
	return map[string]any{"registered_limit": renderRegistered(r, l)}, err
}

func (f *face) updateRegistered(r *api.Request) (any, error) {
	w, err := body(r, "registered_limit")
	if err != nil {
		return nil, err
	}
	change := identity.RegisteredLimitChange{
		ServiceID: w.name("service_id", 64), RegionID: w.nullable("region_id", 255), ResourceName: w.name("resource_name", 255),
		DefaultLimit: w.bound("default_limit"), Description: w.nullable("description", 0),
	}
	if w.closed(); w.err != nil {
		return nil, w.err
	}
	l, err := f.svc.UpdateRegisteredLimit(r.Context(), r.Param("limit_id"), change)
	return map[string]any{"registered_limit": renderRegistered(r, l)}, err
}

func (f *face) deleteRegistered(r *api.Request) (any, error) {
	return nil, f.svc.DeleteRegisteredLimit(r.Context(), r.Param("limit_id"))
}

func (f *face) showLimitModel(*api.Request) (any, error) {
	return map[string]any{"model": map[string]any{"name": identity.LimitModel, "description": identity.LimitModelDescription}}, nil
}

// listLimits lists what the token is for: all for the system, for who
// administers the cloud and for services, which enforce them. So Keystone has it
// since 2026.1; before, administrators of a project could make limits of others
// and not list them.
func (f *face) listLimits(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	in := identity.LimitScope{ProjectID: r.Caller.ProjectID, DomainID: r.Caller.DomainID}
	all := r.Caller.System || r.Can("identity:create_limits", policy.Target{}) || r.Caller.HasRole(identity.RoleService)
	switch {
	case all:
		in = identity.LimitScope{}
	case in == (identity.LimitScope{}):
		return collection(r, "limits", l, []identity.Limit{}, renderLimit), nil
	}
	list, err := f.svc.Limits(r.Context(), in, l)
	return collection(r, "limits", l, list, renderLimit), err
}

func (f *face) createLimits(r *api.Request) (any, error) {
	all, err := items(r, "limits")
	if err != nil {
		return nil, err
	}
	var list []identity.Limit
	for _, w := range all {
		w.require("service_id", "resource_name", "resource_limit")
		l := identity.Limit{
			ProjectID: w.name("project_id", 64), DomainID: w.name("domain_id", 64), ServiceID: value(w.name("service_id", 64), ""),
			RegionID: w.text("region_id", 255), ResourceName: value(w.name("resource_name", 255), ""),
			ResourceLimit: value(w.bound("resource_limit"), 0), Description: nullIfEmpty(w.nullable("description", 0)),
		}
		if (l.ProjectID == nil) == (l.DomainID == nil) {
			w.fail("limits", "either a project_id or a domain_id is needed")
		}
		if w.closed(); w.err != nil {
			return nil, w.err
		}
		list = append(list, l)
	}
	list, err = f.svc.CreateLimits(r.Context(), list)
	return renderAll(r, "limits", list, renderLimit), err
}

func (f *face) showLimit(r *api.Request) (any, error) {
	l, err := f.svc.Limit(r.Context(), r.Param("limit_id"))
	return map[string]any{"limit": renderLimit(r, l)}, err
}

func (f *face) updateLimit(r *api.Request) (any, error) {
	w, err := body(r, "limit")
	if err != nil {
		return nil, err
	}
	change := identity.LimitChange{ResourceLimit: w.bound("resource_limit"), Description: w.nullable("description", 0)}
	if w.closed(); w.err != nil {
		return nil, w.err
	}
	l, err := f.svc.UpdateLimit(r.Context(), r.Param("limit_id"), change)
	return map[string]any{"limit": renderLimit(r, l)}, err
}

func (f *face) deleteLimit(r *api.Request) (any, error) {
	return nil, f.svc.DeleteLimit(r.Context(), r.Param("limit_id"))
}
