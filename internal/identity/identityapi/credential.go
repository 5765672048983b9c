package identityapi

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
)

func (f *face) credentials() []api.Route {
	const all, one = "/users/{user_id}/application_credentials", "/users/{user_id}/application_credentials/{credential_id}"
	return []api.Route{
		route(http.MethodGet, all, "identity:list_application_credentials", 0, f.ownUser, f.listCredentials),
		route(http.MethodPost, all, "identity:create_application_credential", created, f.ownUser, f.createCredential),
		route(http.MethodGet, one, "identity:get_application_credential", 0, f.ownUser, f.showCredential),
		route(http.MethodDelete, one, "identity:delete_application_credential", noContent, f.ownUser, f.deleteCredential),
	}
}

func renderCredential(r *api.Request, c identity.ApplicationCredential) map[string]any {
	roles := []any{}
	for _, role := range c.Roles {
		one := roleAttributes(role)
		one["id"] = role.ID
		roles = append(roles, one)
	}
	var expires any
	if c.ExpiresAt != nil {
		expires = c.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000")
	}
	o := object(r, "users/"+c.UserID+"/application_credentials", c.ID, nil, map[string]any{
		"name": c.Name, "description": c.Description, "project_id": c.ProjectID, "user_id": c.UserID, "roles": roles,
		"unrestricted": c.Unrestricted, "expires_at": expires, "system": nil,
	})
	if len(c.Rules) > 0 {
		o["access_rules"] = renderRules(c.Rules)
	}
	return o
}

// ownToken is the token that the request is made with.
func (f *face) ownToken(r *api.Request) (*identity.Token, error) {
	return f.svc.Validate(r.Context(), r.Caller.Token, false)
}

// direct refuses tokens of delegations but application credentials: these may
// not know what their user's programs have.
func (f *face) direct(r *api.Request) (*identity.Token, error) {
	t, err := f.ownToken(r)
	if err == nil && t.Delegated() && t.Credential == nil {
		err = errs.New(errs.Forbidden, "Cannot manage application credentials with a token issued via delegation.")
	}
	return t, err
}

// unrestricted refuses tokens of restricted application credentials too: they
// manage no credentials, for these would outlive them.
func (f *face) unrestricted(r *api.Request) (*identity.Token, error) {
	t, err := f.direct(r)
	if err != nil {
		return nil, err
	}
	if t.Credential != nil && !t.Credential.Unrestricted {
		return nil, errs.New(errs.Forbidden, "Using method 'application_credential' is not allowed for managing additional application credentials.")
	}
	return t, nil
}

func (f *face) listCredentials(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if _, err := f.direct(r); err != nil {
		return nil, err
	}
	list, err := f.svc.Credentials(r.Context(), r.Param("user_id"), l)
	return collection(r, "application_credentials", l, list, renderCredential), err
}

func (f *face) createCredential(r *api.Request) (any, error) {
	by, err := f.unrestricted(r)
	if err != nil {
		return nil, err
	}
	w, err := body(r, "application_credential")
	if err != nil {
		return nil, err
	}
	w.require("name")
	c := identity.ApplicationCredential{
		Name: value(w.name("name", 255), ""), Description: nullIfEmpty(w.nullable("description", 0)), Unrestricted: value(w.flag("unrestricted"), false),
		ExpiresAt: expiry(w),
	}
	secret := value(password(w, "secret"), "")
	roles := roleRefs(w)
	c.Rules = accessRuleRefs(w)
	if w.err != nil {
		return nil, w.err
	}
	if secret == "" {
		random := make([]byte, 64)
		if _, err := rand.Read(random); err != nil {
			return nil, fmt.Errorf("make secret: %w", err)
		}
		secret = base64.RawURLEncoding.EncodeToString(random)
	}
	c, err = f.svc.CreateCredential(r.Context(), by, c, roles, secret)
	if err != nil {
		return nil, err
	}
	o := renderCredential(r, c)
	o["secret"] = secret
	return map[string]any{"application_credential": o}, nil
}

// expiry reads expires_at, in UTC with or without saying so.
func expiry(w *fields) *time.Time {
	text := w.nullable("expires_at", 0)
	if text == nil || *text == "" {
		return nil
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999", strings.TrimSuffix(*text, "Z"))
	if err != nil {
		w.fail("expires_at", "'%s' is not a 'date-time'", *text)
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

func roleRefs(w *fields) []identity.Ref {
	raw, ok := w.take("roles")
	if !ok {
		return nil
	}
	var list []wireRef
	if err := json.Unmarshal(raw, &list); err != nil {
		w.fail("roles", "%s is not of type 'array' of roles", show(raw))
	}
	var refs []identity.Ref
	for _, one := range list {
		if one.ID == "" && one.Name == "" {
			w.fail("roles", "a role needs an id or a name")
		}
		refs = append(refs, one.ref())
	}
	return refs
}

func (f *face) showCredential(r *api.Request) (any, error) {
	if _, err := f.direct(r); err != nil {
		return nil, err
	}
	c, err := f.svc.Credential(r.Context(), r.Param("user_id"), r.Param("credential_id"))
	return map[string]any{"application_credential": renderCredential(r, c)}, err
}

func (f *face) deleteCredential(r *api.Request) (any, error) {
	if _, err := f.unrestricted(r); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteCredential(r.Context(), r.Param("user_id"), r.Param("credential_id"))
}
