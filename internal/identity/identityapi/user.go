package identityapi

import (
	"net/http"
	"slices"

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
		"name": u.Name, "domain_id": u.DomainID, "enabled": u.Enabled, "options": orEmpty(u.Options), "password_expires_at": expiryOf(u),
	}
	if u.DefaultProjectID != nil {
		attributes["default_project_id"] = *u.DefaultProjectID
	}
	if u.Description != nil {
		attributes["description"] = *u.Description
	}
	return object(r, "users", u.ID, u.Extra, attributes)
}

// expiryOf is when the user's password expires, null for never.
func expiryOf(u identity.User) any {
	if u.PasswordExpiresAt == nil {
		return nil
	}
	return u.PasswordExpiresAt.UTC().Format("2006-01-02T15:04:05.000000")
}

// federated are filters by which a list of users is empty: users are the cloud's
// own.
var federated = []string{"idp_id", "protocol_id", "unique_id"}

func (f *face) listUsers(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(federated, r.Query().Has) {
		return collection(r, "users", l, nil, renderUser), nil
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
var settings = []string{"ignore_change_password_upon_first_use", "ignore_lockout_failure_attempts", "ignore_password_expiry", "ignore_user_inactivity", "lock_password", "multi_factor_auth_enabled"}

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
	secret := password(w, "password")
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
	if secret != nil && *secret == "" { // said to be none, where there may be none
		if err := f.svc.CheckPassword(""); err != nil {
			return nil, err
		}
	}
	u, err = f.svc.CreateUser(r.Context(), u, value(secret, ""))
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
