package identityapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) tokens() []api.Route {
	routes := []api.Route{
		{Method: http.MethodPost, Path: "/v3/auth/tokens", Policy: api.Public, Status: created, Handler: f.issueToken},
		route(http.MethodGet, "/auth/tokens", "identity:validate_token", 0, f.subject, f.showToken),
		route(http.MethodHead, "/auth/tokens", "identity:check_token", 0, f.subject, f.showToken),
		route(http.MethodDelete, "/auth/tokens", "identity:revoke_token", noContent, f.subject, f.revokeToken),
		route(http.MethodGet, "/auth/catalog", "identity:get_auth_catalog", 0, nil, f.authCatalog),
		route(http.MethodGet, "/auth/projects", "identity:get_auth_projects", 0, nil, f.authProjects),
		route(http.MethodGet, "/auth/domains", "identity:get_auth_domains", 0, nil, f.authDomains),
		route(http.MethodGet, "/auth/system", "identity:get_auth_system", 0, nil, f.authSystem),
	}
	return routes
}

// subject is the user of the token that the request is about. A token that is
// none is anyone's to ask about: the answer is 404. The handlers ask the rule
// again about the token that they then find.
func (f *face) subject(r *api.Request) policy.Target {
	t, err := f.svc.Validate(r.Context(), r.Header.Get("X-Subject-Token"), allowExpired(r))
	if errs.Is(err, errs.NotFound) {
		return policy.Own(r.Caller)
	}
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{UserID: t.User.ID}
}

// subjectToken is the token that the request is about, which a rule must allow.
func (f *face) subjectToken(r *api.Request, rule string) (*identity.Token, error) {
	t, err := f.svc.Validate(r.Context(), r.Header.Get("X-Subject-Token"), allowExpired(r))
	if err != nil {
		return nil, err
	}
	return t, r.Allow(rule, policy.Target{UserID: t.User.ID})
}

func allowExpired(r *api.Request) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(strings.TrimSpace(r.Query().Get("allow_expired"))))
}

type wireRef struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain *struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"domain"`
}

func (w *wireRef) ref() identity.Ref {
	ref := identity.Ref{ID: w.ID, Name: w.Name}
	if w.Domain != nil {
		ref.DomainID, ref.DomainName = w.Domain.ID, w.Domain.Name
	}
	return ref
}

type wireAuth struct {
	Auth *struct {
		Identity *struct {
			Methods  []string `json:"methods"`
			Password *struct {
				User *struct {
					wireRef
					Password *string `json:"password"`
				} `json:"user"`
			} `json:"password"`
			Token *struct {
				ID string `json:"id"`
			} `json:"token"`
			Credential *struct {
				ID     string   `json:"id"`
				Name   string   `json:"name"`
				Secret *string  `json:"secret"`
				User   *wireRef `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope json.RawMessage `json:"scope"`
	} `json:"auth"`
}

func required(name string) error { return errs.New(errs.Invalid, "'%s' is a required property", name) }

func (f *face) issueToken(r *api.Request) (any, error) {
	var w wireAuth
	if err := r.Bind(&w); err != nil {
		return nil, err
	}
	request, err := w.request()
	if err != nil {
		return nil, err
	}
	if slices.Contains(request.Methods, identity.MethodOAuth1) {
		if request.OAuth, err = signed(r); err != nil {
			return nil, err
		}
	}
	t, err := f.svc.Issue(r.Context(), request)
	if err != nil {
		return nil, err
	}
	return f.tokenBody(r, t)
}

func (w *wireAuth) request() (identity.AuthRequest, error) {
	var request identity.AuthRequest
	switch {
	case w.Auth == nil:
		return request, required("auth")
	case w.Auth.Identity == nil:
		return request, required("identity")
	case w.Auth.Identity.Methods == nil:
		return request, required("methods")
	}
	proof := w.Auth.Identity
	request.Methods = proof.Methods
	if p := proof.Password; p != nil {
		if p.User == nil {
			return request, required("user")
		}
		if p.User.Password == nil {
			return request, required("password")
		}
		request.Password = &identity.PasswordProof{User: p.User.ref(), Password: *p.User.Password}
	}
	if proof.Token != nil {
		request.Token = proof.Token.ID
	}
	if c := proof.Credential; c != nil {
		if c.Secret == nil {
			return request, required("secret")
		}
		request.Credential = &identity.CredentialProof{ID: c.ID, Name: c.Name, Secret: *c.Secret}
		if c.User != nil {
			request.Credential.User = c.User.ref()
		}
	}
	var err error
	request.Scope, err = parseScope(w.Auth.Scope)
	return request, err
}

func parseScope(raw json.RawMessage) (identity.Scope, error) {
	var scope identity.Scope
	if len(raw) == 0 || string(raw) == "null" {
		return scope, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text != "unscoped" {
			return scope, errs.New(errs.Invalid, "Invalid input for field 'scope': '%s' is not one of ['unscoped']", text)
		}
		scope.Unscoped = true
		return scope, nil
	}
	var w struct {
		Project  *wireRef `json:"project"`
		Domain   *wireRef `json:"domain"`
		Unscoped any      `json:"unscoped"`
		System   *struct {
			All *bool `json:"all"`
		} `json:"system"`
		Trust *wireRef `json:"OS-TRUST:trust"`
	}
	if err := api.Decode(raw, &w); err != nil {
		return scope, err
	}
	if w.Trust != nil {
		if scope.Trust = w.Trust.ID; scope.Trust == "" {
			return scope, errs.New(errs.Invalid, "Expecting to find trust_id in trust. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
		}
	}
	if w.System != nil {
		if w.System.All == nil || !*w.System.All {
			return scope, errs.New(errs.Invalid, "Invalid input for field 'scope/system': all must be true: the system is a whole")
		}
		scope.System = true
	}
	scope.Unscoped = w.Unscoped != nil
	if w.Project != nil {
		ref := w.Project.ref()
		scope.Project = &ref
	}
	if w.Domain != nil {
		ref := w.Domain.ref()
		scope.Domain = &ref
	}
	if scope == (identity.Scope{}) {
		return scope, errs.New(errs.Invalid, "Invalid input for field 'scope': one of project, domain, system, OS-TRUST:trust or unscoped is required")
	}
	return scope, nil
}

func named(id, name string) map[string]any { return map[string]any{"id": id, "name": name} }

// tokenBody sets the header with the token and returns its description.
func (f *face) tokenBody(r *api.Request, t *identity.Token) (any, error) {
	user := map[string]any{
		"id": t.User.ID, "name": t.User.Name, "domain": named(t.UserDomain.ID, t.UserDomain.Name), "password_expires_at": expiryOf(t.User),
	}
	body := map[string]any{
		"methods": t.Methods, "user": user, "audit_ids": t.AuditIDs,
		"issued_at": identity.FormatTime(t.IssuedAt), "expires_at": identity.FormatTime(t.ExpiresAt),
	}
	projectID := ""
	switch {
	case t.Project != nil:
		projectID = t.Project.ID
		body["project"] = map[string]any{"id": t.Project.ID, "name": t.Project.Name, "domain": named(t.ProjectDomain.ID, t.ProjectDomain.Name)}
		if t.Trust == nil {
			body["is_domain"] = t.Project.IsDomain
		}
	case t.Domain != nil:
		body["domain"] = named(t.Domain.ID, t.Domain.Name)
	case t.System:
		body["system"] = map[string]any{"all": true}
	}
	if t.Scoped() {
		roles := []any{}
		for _, role := range t.Roles {
			roles = append(roles, named(role.ID, role.Name))
		}
		body["roles"] = roles
		if !r.Query().Has("nocatalog") {
			entries, err := f.svc.Catalog(r.Context(), t.User.ID, projectID)
			if err != nil {
				return nil, err
			}
			body["catalog"] = renderCatalog(entries)
		}
	}
	describeDelegation(body, t)
	r.Writer.Header().Set("X-Subject-Token", t.ID)
	r.Writer.Header().Set("Vary", "X-Auth-Token")
	return map[string]any{"token": body}, nil
}

// describeDelegation adds what a token was had with.
func describeDelegation(body map[string]any, t *identity.Token) {
	if trust := t.Trust; trust != nil {
		ref := func(id string) map[string]any { return map[string]any{"id": id} }
		body["OS-TRUST:trust"] = map[string]any{
			"id": trust.ID, "impersonation": trust.Impersonation, "trustor_user": ref(trust.TrustorID), "trustee_user": ref(trust.TrusteeID),
		}
	}
	if access := t.Access; access != nil {
		body["OS-OAUTH1"] = map[string]any{"access_token_id": access.ID, "consumer_id": access.ConsumerID}
	}
	if c := t.Credential; c != nil {
		description := map[string]any{"id": c.ID, "name": c.Name, "restricted": !c.Unrestricted}
		if len(c.Rules) > 0 {
			description["access_rules"] = renderRules(c.Rules)
		}
		body["application_credential"] = description
	}
}

func renderCatalog(entries []identity.CatalogEntry) []any {
	catalog := make([]any, len(entries))
	for i, entry := range entries {
		endpoints := make([]any, len(entry.Endpoints))
		for j, e := range entry.Endpoints {
			endpoints[j] = map[string]any{"id": e.ID, "interface": e.Interface, "region_id": e.RegionID, "region": e.RegionID, "url": e.URL}
		}
		catalog[i] = map[string]any{"id": entry.ID, "type": entry.Type, "name": entry.Name, "endpoints": endpoints}
	}
	return catalog
}

func (f *face) showToken(r *api.Request) (any, error) {
	rule := "identity:validate_token"
	if r.Method == http.MethodHead {
		rule = "identity:check_token"
	}
	t, err := f.subjectToken(r, rule)
	if err != nil {
		return nil, err
	}
	// Who asks must say that it keeps to access rules, else the token would be
	// good for everything there.
	if t.Credential != nil && len(t.Credential.Rules) > 0 {
		version, err := strconv.ParseFloat(r.Header.Get("OpenStack-Identity-Access-Rules"), 64)
		if err != nil || version < 1 {
			return nil, errs.New(errs.NotFound, "Failed to validate token")
		}
	}
	return f.tokenBody(r, t)
}

func (f *face) revokeToken(r *api.Request) (any, error) {
	if _, err := f.subjectToken(r, "identity:revoke_token"); err != nil {
		return nil, err
	}
	return nil, f.svc.Revoke(r.Context(), r.Header.Get("X-Subject-Token"))
}

func (f *face) authCatalog(r *api.Request) (any, error) {
	c := r.Caller
	if c.ProjectID == "" && c.DomainID == "" && !c.System {
		return nil, errs.New(errs.Forbidden, "A scoped token is needed to see the catalog.")
	}
	entries, err := f.svc.Catalog(r.Context(), c.UserID, c.ProjectID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"catalog": renderCatalog(entries), "links": map[string]any{"self": r.ServiceURL() + "/v3/auth/catalog", "previous": nil, "next": nil}}, nil
}

func (f *face) authProjects(r *api.Request) (any, error) {
	return f.projectsOf(r, r.Caller.UserID, true)
}

func (f *face) authDomains(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	l.Filters = append(l.Filters, identity.Filter{Name: "enabled", Value: "true"})
	list, err := f.svc.UserDomains(r.Context(), r.Caller.UserID, l)
	return collection(r, "domains", l, list, renderDomain), err
}

func (f *face) authSystem(r *api.Request) (any, error) {
	on, err := f.svc.UserOnSystem(r.Context(), r.Caller.UserID)
	if err != nil {
		return nil, err
	}
	system := []any{}
	if on {
		system = append(system, map[string]any{"all": true})
	}
	return map[string]any{"system": system, "links": map[string]any{"self": r.ServiceURL() + "/v3/auth/system"}}, nil
}
