package identityapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) users() []api.Route {
	const one = "/users/{user_id}"
	return []api.Route{
		route(http.MethodGet, "/users", "identity:list_users", 0, nil, f.listUsers),
		route(http.MethodPost, "/users", "identity:create_user", created, nil, f.createUser),
		route(http.MethodGet, one, "identity:get_user", 0, f.userTarget, f.showUser),
		route(http.MethodPatch, one, "identity:update_user", 0, f.userChangeTarget, f.updateUser),
		route(http.MethodDelete, one, "identity:delete_user", noContent, f.userChangeTarget, f.deleteUser),
		{Method: http.MethodPost, Path: "/v3" + one + "/password", Policy: api.Public, Status: noContent, Handler: f.changePassword},
		route(http.MethodGet, one+"/groups", "identity:list_groups_for_user", 0, f.userTarget, f.listUserGroups),
		route(http.MethodGet, one+"/projects", "identity:list_user_projects", 0, f.userTarget, f.listUserProjects),
	}
}

func renderUser(r *api.Request, u identity.User) map[string]any {
	attributes := map[string]any{
		"name": u.Name, "domain_id": u.DomainID, "enabled": u.Enabled, "options": orEmpty(u.Options), "password_expires_at": nil,
	}
	if u.DefaultProjectID != nil {
		attributes["default_project_id"] = *u.DefaultProjectID
	}
	if u.Description != nil {
		attributes["description"] = *u.Description
	}
	return object(r, "users", u.ID, u.Extra, attributes)
}

// Filters by which a list of users is empty: passwords never expire, and users
// are the cloud's own.
var (
	expires   = []string{"password_expires_at"}
	federated = []string{"idp_id", "protocol_id", "unique_id"}
)

// isEmpty tells whether the query filters by an attribute that no user has. When
// a password expires is compared as in lt:2016-11-06T15:32:17Z.
func isEmpty(r *api.Request, attributes ...string) (bool, error) {
	empty := false
	for _, name := range attributes {
		if !r.Query().Has(name) {
			continue
		}
		empty = true
		if name != "password_expires_at" {
			continue
		}
		for _, at := range r.Query()[name] {
			if err := checkComparison(at); err != nil {
				return false, err
			}
		}
	}
	return empty, nil
}

func checkComparison(text string) error {
	op, at, has := strings.Cut(text, ":")
	if !has || len(op) < 2 || len(op) > 3 {
		op, at = "eq", text
	}
	if !slices.ContainsFunc([]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"}, func(form string) bool { _, err := time.Parse(form, at); return err == nil }) {
		return errs.New(errs.Invalid, "Timestamp not in expected format. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
	}
	if !slices.Contains([]string{"eq", "neq", "lt", "lte", "gt", "gte"}, op) {
		return errs.New(errs.Invalid, "The given operator %s is not valid. It must be one of the following: 'eq', 'neq', 'lt', 'lte', 'gt', or 'gte'.", op)
	}
	return nil
}

func (f *face) listUsers(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if empty, err := isEmpty(r, slices.Concat(expires, federated)...); err != nil || empty {
		return collection(r, "users", l, nil, renderUser), err
	}
	inOwnDomain(r, &l)
	list, err := f.svc.Users(r.Context(), l)
	return collection(r, "users", l, list, renderUser), err
}

// password reads a password, which may be null for none and is never shown in
// an error.
func password(w *fields, name string) *string {
	before := w.err
	p := w.nullable(name, 0)
	if before == nil && w.err != nil {
		w.err = errs.New(errs.Invalid, "Invalid input for field '%s': it is not of type 'string'", name)
	}
	return p
}

// settings are the options that Keystone knows of a user.
var settings = []string{"ignore_change_password_upon_first_use", "ignore_lockout_failure_attempts", "ignore_password_expiry", "lock_password", "multi_factor_auth_enabled"}

func (f *face) createUser(r *api.Request) (any, error) {
	w, err := body(r, "user")
	if err != nil {
		return nil, err
	}
	w.require("name")
	u := identity.User{
		Name: value(w.name("name", 255), ""), DomainID: value(w.nullable("domain_id", 64), ""), Enabled: value(w.flag("enabled"), true),
		DefaultProjectID: nullIfEmpty(w.nullable("default_project_id", 64)), Description: nullIfEmpty(w.nullable("description", 0)), Options: w.options(settings...),
	}
	secret := value(password(w, "password"), "")
	forget(w)
	if u.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if u.DomainID == "" {
		u.DomainID = homeDomain(r)
	}
	if err := r.Allow("identity:create_user", policy.Target{DomainID: u.DomainID}); err != nil {
		return nil, err
	}
	u, err = f.svc.CreateUser(r.Context(), u, secret)
	return map[string]any{"user": renderUser(r, u)}, err
}

// forget drops what a client sends back of a user but can't set.
func forget(w *fields) {
	for _, name := range []string{"id", "password_expires_at", "original_password", "federated"} {
		w.take(name)
	}
}

func (f *face) showUser(r *api.Request) (any, error) {
	u, err := f.svc.User(r.Context(), r.Param("user_id"))
	return map[string]any{"user": renderUser(r, u)}, err
}

func (f *face) updateUser(r *api.Request) (any, error) {
	w, err := body(r, "user")
	if err != nil {
		return nil, err
	}
	u, err := f.svc.User(r.Context(), r.Param("user_id"))
	if err != nil {
		return nil, err
	}
	w.same("id", u.ID, notSameID("user"))
	w.same("domain_id", u.DomainID, errDomainChange)
	change := identity.UserChange{
		Name: w.name("name", 255), Enabled: w.flag("enabled"), DefaultProjectID: w.nullable("default_project_id", 64),
		Description: w.nullable("description", 0), Options: w.options(settings...), Password: password(w, "password"),
	}
	forget(w)
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	u, err = f.svc.UpdateUser(r.Context(), u.ID, change)
	return map[string]any{"user": renderUser(r, u)}, err
}

func (f *face) deleteUser(r *api.Request) (any, error) {
	return nil, f.svc.DeleteUser(r.Context(), r.Param("user_id"))
}

func (f *face) changePassword(r *api.Request) (any, error) {
	w, err := body(r, "user")
	if err != nil {
		return nil, err
	}
	w.require("original_password", "password")
	old, secret := password(w, "original_password"), password(w, "password")
	if w.err == nil && *secret == "" {
		w.fail("password", "a password is needed")
	}
	if w.err != nil {
		return nil, w.err
	}
	return nil, f.svc.ChangePassword(r.Context(), r.Param("user_id"), *old, *secret)
}

func (f *face) listUserGroups(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	inOwnDomain(r, &l)
	if _, err := f.svc.User(r.Context(), r.Param("user_id")); err != nil {
		return nil, err
	}
	list, err := f.svc.Groups(r.Context(), r.Param("user_id"), l)
	return collection(r, "groups", l, list, renderGroup), err
}

func (f *face) listUserProjects(r *api.Request) (any, error) {
	if _, err := f.svc.User(r.Context(), r.Param("user_id")); err != nil {
		return nil, err
	}
	return f.projectsOf(r, r.Param("user_id"), false)
}
