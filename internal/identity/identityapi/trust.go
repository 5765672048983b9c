package identityapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) trusts() []api.Route {
	const all, one = "/OS-TRUST/trusts", "/OS-TRUST/trusts/{trust_id}"
	return []api.Route{
		route(http.MethodGet, all, "identity:list_trusts_for_trustor", 0, listTrustsTarget, f.listTrusts),
		route(http.MethodPost, all, "identity:create_trust", created, nil, f.createTrust),
		route(http.MethodGet, one, "identity:get_trust", 0, f.trustTarget, f.showTrust),
		route(http.MethodDelete, one, "identity:delete_trust", noContent, f.trustorTarget, f.deleteTrust),
		route(http.MethodGet, one+"/roles", "identity:list_roles_for_trust", 0, f.trustTarget, f.listTrustRoles),
		route(http.MethodGet, one+"/roles/{role_id}", "identity:get_role_for_trust", 0, f.trustTarget, f.showTrustRole),
	}
}

// trustTarget is the trust's party that asks. Of a trust that is not there
// anyone may know so, as Keystone has it.
func (f *face) trustTarget(r *api.Request) policy.Target { return f.trustParty(r, true) }

// trustorTarget is who gave the trust.
func (f *face) trustorTarget(r *api.Request) policy.Target { return f.trustParty(r, false) }

func (f *face) trustParty(r *api.Request, trustee bool) policy.Target {
	t, _, err := f.svc.Trust(r.Context(), r.Param("trust_id"))
	switch {
	case errs.Is(err, errs.NotFound):
		return policy.Own(r.Caller)
	case err != nil:
		return policy.Target{}
	case trustee && t.TrusteeID == r.Caller.UserID:
		return policy.Target{UserID: t.TrusteeID}
	}
	return policy.Target{UserID: t.TrustorID}
}

// listTrustsTarget is the user that a list is asked for.
func listTrustsTarget(r *api.Request) policy.Target {
	if id := r.Query().Get("trustor_user_id"); id != "" {
		return policy.Target{UserID: id}
	}
	return policy.Target{UserID: r.Query().Get("trustee_user_id")}
}

// noCredential refuses tokens of application credentials, which may know
// nothing of trusts.
func (f *face) noCredential(r *api.Request) (*identity.Token, error) {
	t, err := f.ownToken(r)
	if err == nil && t.Credential != nil {
		err = errs.New(errs.Forbidden, "You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing trusts.")
	}
	return t, err
}

func renderTrust(r *api.Request, t identity.Trust) map[string]any {
	var expires any
	if t.ExpiresAt != nil {
		expires = identity.FormatTime(*t.ExpiresAt)
	}
	return object(r, "OS-TRUST/trusts", t.ID, t.Extra, map[string]any{
		"trustor_user_id": t.TrustorID, "trustee_user_id": t.TrusteeID, "project_id": t.ProjectID, "impersonation": t.Impersonation,
		"expires_at": expires, "remaining_uses": t.RemainingUses, "redelegated_trust_id": t.RedelegatedID,
		"redelegation_count": t.RedelegationCount, "deleted_at": nil,
	})
}

// renderTrustRoles is a trust with its roles.
func renderTrustRoles(r *api.Request, t identity.Trust, roles []identity.Role) map[string]any {
	o := renderTrust(r, t)
	list := make([]any, len(roles))
	for i, role := range roles {
		list[i] = renderRole(r, role)
	}
	o["roles"], o["roles_links"] = list, trustRolesLinks(r, t)
	return o
}

func trustRolesLinks(r *api.Request, t identity.Trust) map[string]any {
	return map[string]any{"self": r.ServiceURL() + "/v3/OS-TRUST/trusts/" + t.ID + "/roles", "next": nil, "previous": nil}
}

func (f *face) listTrusts(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if _, err := f.noCredential(r); err != nil {
		return nil, err
	}
	rule := "identity:list_trusts"
	target := listTrustsTarget(r)
	switch q := r.Query(); {
	case q.Get("trustor_user_id") != "":
		rule = "identity:list_trusts_for_trustor"
	case q.Get("trustee_user_id") != "":
		rule = "identity:list_trusts_for_trustee"
	}
	if err := r.Allow(rule, target); err != nil {
		return nil, err
	}
	list, err := f.svc.Trusts(r.Context(), l)
	return collection(r, "trusts", l, list, renderTrust), err
}

// number reads an integer of at least min that may be null.
func (f *fields) number(name string, min int64) *int64 {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var value *int64
	if err := json.Unmarshal(raw, &value); err != nil {
		f.fail(name, "%s is not of type 'integer', 'null'", show(raw))
		return nil
	}
	if value != nil && *value < min {
		f.fail(name, "%d is less than the minimum of %d", *value, min)
	}
	return value
}

func (f *face) createTrust(r *api.Request) (any, error) {
	by, err := f.noCredential(r)
	if err != nil {
		return nil, err
	}
	w, err := body(r, "trust")
	if err != nil {
		return nil, err
	}
	w.require("trustor_user_id", "trustee_user_id", "impersonation")
	request := identity.TrustRequest{
		Trust: identity.Trust{
			TrustorID: value(w.name("trustor_user_id", 64), ""), TrusteeID: value(w.name("trustee_user_id", 64), ""),
			ProjectID: nullIfEmpty(w.nullable("project_id", 64)), Impersonation: value(w.flag("impersonation"), false),
			RemainingUses: w.number("remaining_uses", 1), ExpiresAt: expiry(w),
		},
		Roles: roleRefs(w), Redelegations: w.number("redelegation_count", 0),
	}
	if raw, ok := w.values["allow_redelegation"]; ok && string(raw) == "null" {
		w.take("allow_redelegation")
	}
	request.AllowRedelegation = value(w.flag("allow_redelegation"), false)
	for _, name := range []string{"id", "deleted_at", "redelegated_trust_id", "roles_links"} {
		w.take(name) // what a client sends back of a trust
	}
	if request.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	t, err := f.svc.CreateTrust(r.Context(), by, request)
	if err != nil {
		return nil, err
	}
	t, roles, err := f.svc.Trust(r.Context(), t.ID)
	return map[string]any{"trust": renderTrustRoles(r, t, roles)}, err
}

func (f *face) showTrust(r *api.Request) (any, error) {
	if _, err := f.noCredential(r); err != nil {
		return nil, err
	}
	t, roles, err := f.svc.Trust(r.Context(), r.Param("trust_id"))
	return map[string]any{"trust": renderTrustRoles(r, t, roles)}, err
}

func (f *face) deleteTrust(r *api.Request) (any, error) {
	if _, err := f.noCredential(r); err != nil {
		return nil, err
	}
	// The rule was asked about no trust when there was none to be had.
	t, _, err := f.svc.Trust(r.Context(), r.Param("trust_id"))
	if err != nil {
		return nil, err
	}
	if err := r.Allow("identity:delete_trust", policy.Target{UserID: t.TrustorID}); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteTrust(r.Context(), t.ID)
}

func (f *face) listTrustRoles(r *api.Request) (any, error) {
	if _, err := f.noCredential(r); err != nil {
		return nil, err
	}
	t, roles, err := f.svc.Trust(r.Context(), r.Param("trust_id"))
	o := renderTrustRoles(r, t, roles)
	return map[string]any{"roles": o["roles"], "links": o["roles_links"]}, err
}

func (f *face) showTrustRole(r *api.Request) (any, error) {
	if _, err := f.noCredential(r); err != nil {
		return nil, err
	}
	_, roles, err := f.svc.Trust(r.Context(), r.Param("trust_id"))
	if err != nil {
		return nil, err
	}
	id := r.Param("role_id")
	i := slices.IndexFunc(roles, func(role identity.Role) bool { return role.ID == id })
	if i < 0 {
		return nil, errs.New(errs.NotFound, "Could not find role: %s.", id)
	}
	return map[string]any{"role": renderRole(r, roles[i])}, nil
}
