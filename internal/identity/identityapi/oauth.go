package identityapi

import (
	"mime"
	"net/http"
	"net/url"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
)

func (f *face) oauth() []api.Route {
	const base, own = "/OS-OAUTH1", "/users/{user_id}/OS-OAUTH1/access_tokens"
	const one, token = base + "/consumers/{consumer_id}", own + "/{token_id}"
	return []api.Route{
		route(http.MethodGet, base+"/consumers", "identity:list_consumers", 0, nil, f.listConsumers),
		route(http.MethodPost, base+"/consumers", "identity:create_consumer", created, nil, f.createConsumer),
		route(http.MethodGet, one, "identity:get_consumer", 0, nil, f.showConsumer),
		route(http.MethodPatch, one, "identity:update_consumer", 0, nil, f.updateConsumer),
		route(http.MethodDelete, one, "identity:delete_consumer", noContent, nil, f.deleteConsumer),
		// Who asks for tokens has none: the request is signed.
		{Method: http.MethodPost, Path: "/v3" + base + "/request_token", Policy: api.Public, Status: created, Handler: f.requestAccess},
		{Method: http.MethodPost, Path: "/v3" + base + "/access_token", Policy: api.Public, Status: created, Handler: f.obtainAccess},
		route(http.MethodPut, base+"/authorize/{request_id}", "identity:authorize_request_token", 0, nil, f.grantAccess),
		route(http.MethodGet, own, "identity:list_access_tokens", 0, f.ownUser, f.listAccessTokens),
		route(http.MethodGet, token, "identity:get_access_token", 0, f.ownUser, f.showAccessToken),
		route(http.MethodDelete, token, "identity:delete_access_token", noContent, f.ownUser, f.deleteAccessToken),
		route(http.MethodGet, token+"/roles", "identity:list_access_token_roles", 0, f.ownUser, f.listAccessTokenRoles),
		route(http.MethodGet, token+"/roles/{role_id}", "identity:get_access_token_role", 0, f.ownUser, f.showAccessTokenRole),
	}
}

func renderConsumer(r *api.Request, c identity.Consumer) map[string]any {
	return object(r, "OS-OAUTH1/consumers", c.ID, c.Extra, map[string]any{"description": c.Description})
}

func (f *face) listConsumers(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Consumers(r.Context(), l)
	return collection(r, "consumers", l, list, renderConsumer), err
}

func (f *face) createConsumer(r *api.Request) (any, error) {
	w, err := body(r, "consumer")
	if err != nil {
		return nil, err
	}
	c := identity.Consumer{Description: nullIfEmpty(w.nullable("description", 0))}
	w.take("id")
	w.take("secret")
	if c.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if c, err = f.svc.CreateConsumer(r.Context(), c); err != nil {
		return nil, err
	}
	o := renderConsumer(r, c)
	o["secret"] = c.Secret // shown this once
	return map[string]any{"consumer": o}, nil
}

func (f *face) showConsumer(r *api.Request) (any, error) {
	c, err := f.svc.Consumer(r.Context(), r.Param("consumer_id"))
	return map[string]any{"consumer": renderConsumer(r, c)}, err
}

func (f *face) updateConsumer(r *api.Request) (any, error) {
	w, err := body(r, "consumer")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("consumer_id"), notSameID("consumer"))
	if _, ok := w.take("secret"); ok {
		w.fail("consumer", "the secret cannot be changed")
	}
	change := identity.ConsumerChange{Description: w.nullable("description", 0)}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	c, err := f.svc.UpdateConsumer(r.Context(), r.Param("consumer_id"), change)
	return map[string]any{"consumer": renderConsumer(r, c)}, err
}

func (f *face) deleteConsumer(r *api.Request) (any, error) {
	return nil, f.svc.DeleteConsumer(r.Context(), r.Param("consumer_id"))
}

// signed reads what of the request a consumer has signed. Its URL is the one
// that the client used.
func signed(r *api.Request) (*identity.SignedRequest, error) {
	params := url.Values{}
	for name, values := range r.Query() {
		params[name] = values
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		form, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		values, err := url.ParseQuery(string(form))
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "The form in the request body cannot be read.")
		}
		for name, list := range values {
			params[name] = append(params[name], list...)
		}
	}
	return identity.ParseSigned(r.Method, r.BaseURL()+r.URL.EscapedPath(), params, r.Header.Get("Authorization"))
}

// writeForm answers as OAuth does: with a form.
func writeForm(r *api.Request, id, secret string, expires time.Time) error {
	form := url.Values{"oauth_token": {id}, "oauth_token_secret": {secret}, "oauth_expires_at": {identity.FormatTime(expires)}}
	r.Writer.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	r.Writer.WriteHeader(created)
	_, err := r.Writer.Write([]byte(form.Encode()))
	return err
}

func (f *face) requestAccess(r *api.Request) (any, error) {
	request, err := signed(r)
	if err != nil {
		return nil, err
	}
	t, err := f.svc.RequestAccess(r.Context(), request, r.Header.Get("Requested-Project-Id"))
	if err != nil {
		return nil, err
	}
	return nil, writeForm(r, t.ID, t.Secret, t.ExpiresAt)
}

func (f *face) obtainAccess(r *api.Request) (any, error) {
	request, err := signed(r)
	if err != nil {
		return nil, err
	}
	t, err := f.svc.ObtainAccess(r.Context(), request)
	if err != nil {
		return nil, err
	}
	return nil, writeForm(r, t.ID, t.Secret, t.ExpiresAt)
}

func (f *face) grantAccess(r *api.Request) (any, error) {
	by, err := f.ownToken(r)
	if err != nil {
		return nil, err
	}
	w := &fields{}
	if err := r.Bind(&w.values); err != nil {
		return nil, err
	}
	roles := roleRefs(w)
	if w.err != nil {
		return nil, w.err
	}
	verifier, err := f.svc.GrantAccess(r.Context(), by, r.Param("request_id"), roles)
	return map[string]any{"token": map[string]any{"oauth_verifier": verifier}}, err
}

// noDelegation refuses tokens that were had with what their user gave away.
func (f *face) noDelegation(r *api.Request) error {
	t, err := f.ownToken(r)
	if err == nil && t.Delegated() {
		err = errs.New(errs.Forbidden, "Cannot manage OAuth access tokens with a token issued via delegation.")
	}
	return err
}

func renderAccessToken(r *api.Request, t identity.AccessToken) map[string]any {
	o := object(r, "users/"+t.UserID+"/OS-OAUTH1/access_tokens", t.ID, nil, map[string]any{
		"consumer_id": t.ConsumerID, "project_id": t.ProjectID, "authorizing_user_id": t.UserID, "expires_at": identity.FormatTime(t.ExpiresAt),
	})
	links, _ := o["links"].(map[string]any)
	links["roles"] = r.ServiceURL() + "/v3/users/" + t.UserID + "/OS-OAUTH1/access_tokens/" + t.ID + "/roles"
	return o
}

func (f *face) listAccessTokens(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if err := f.noDelegation(r); err != nil {
		return nil, err
	}
	list, err := f.svc.AccessTokens(r.Context(), r.Param("user_id"), l)
	return collection(r, "access_tokens", l, list, renderAccessToken), err
}

func (f *face) showAccessToken(r *api.Request) (any, error) {
	if err := f.noDelegation(r); err != nil {
		return nil, err
	}
	t, err := f.svc.AccessToken(r.Context(), r.Param("user_id"), r.Param("token_id"))
	return map[string]any{"access_token": renderAccessToken(r, t)}, err
}

func (f *face) deleteAccessToken(r *api.Request) (any, error) {
	if err := f.noDelegation(r); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteAccessToken(r.Context(), r.Param("user_id"), r.Param("token_id"))
}

// accessTokenRoles are the roles of the access token in the path.
func (f *face) accessTokenRoles(r *api.Request) ([]identity.Role, error) {
	t, err := f.svc.AccessToken(r.Context(), r.Param("user_id"), r.Param("token_id"))
	if err != nil {
		return nil, err
	}
	return f.svc.AccessTokenRoles(r.Context(), t)
}

func (f *face) listAccessTokenRoles(r *api.Request) (any, error) {
	list, err := f.accessTokenRoles(r)
	return collection(r, "roles", identity.Listing{}, list, renderRole), err
}

func (f *face) showAccessTokenRole(r *api.Request) (any, error) {
	list, err := f.accessTokenRoles(r)
	if err != nil {
		return nil, err
	}
	for _, role := range list {
		if role.ID == r.Param("role_id") {
			return map[string]any{"role": renderRole(r, role)}, nil
		}
	}
	return nil, errs.New(errs.NotFound, "Could not find role: %s.", r.Param("role_id"))
}
