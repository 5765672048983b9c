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

func (f *face) storedCredentials() []api.Route {
	const one = "/credentials/{stored_id}"
	const keys, key = "/users/{user_id}/credentials/OS-EC2", "/users/{user_id}/credentials/OS-EC2/{access}"
	return []api.Route{
		route(http.MethodGet, "/credentials", "identity:list_credentials", 0, nil, f.listStored),
		route(http.MethodPost, "/credentials", "identity:create_credential", created, nil, f.createStored),
		route(http.MethodGet, one, "identity:get_credential", 0, f.storedTarget, f.showStored),
		route(http.MethodPatch, one, "identity:update_credential", 0, f.storedTarget, f.updateStored),
		route(http.MethodDelete, one, "identity:delete_credential", noContent, f.storedTarget, f.deleteStored),
		route(http.MethodGet, keys, "identity:ec2_list_credentials", 0, f.ownUser, f.listEC2),
		route(http.MethodPost, keys, "identity:ec2_create_credential", created, f.ownUser, f.createEC2),
		route(http.MethodGet, key, "identity:ec2_get_credential", 0, f.ec2Target, f.showEC2),
		route(http.MethodDelete, key, "identity:ec2_delete_credential", noContent, f.ec2Target, f.deleteEC2),
	}
}

// storedTarget is the user whose credential it is.
func (f *face) storedTarget(r *api.Request) policy.Target {
	c, err := f.svc.StoredCredential(r.Context(), r.Param("stored_id"))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{UserID: c.UserID}
}

// ec2Target is the user whose key it is; of one that is not there, the one that
// the path names, who may know.
func (f *face) ec2Target(r *api.Request) policy.Target {
	c, err := f.svc.StoredCredential(r.Context(), identity.EC2CredentialID(r.Param("access")))
	if errs.Is(err, errs.NotFound) {
		return f.ownUser(r)
	}
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{UserID: c.UserID}
}

// undelegated refuses tokens that were had with what their user gave away:
// credentials would outlive these, and reach further.
func (f *face) undelegated(r *api.Request) error {
	t, err := f.ownToken(r)
	if err != nil {
		return err
	}
	if t.Delegated() {
		return errs.New(errs.Forbidden, "You are not authorized to perform the requested action: Cannot manage credentials with a token issued via delegation.")
	}
	return nil
}

func renderStored(r *api.Request, c identity.StoredCredential) map[string]any {
	return object(r, "credentials", c.ID, c.Extra, map[string]any{"user_id": c.UserID, "project_id": c.ProjectID, "type": c.Type, "blob": c.Blob})
}

func (f *face) listStored(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	if !r.Can("identity:get_credential", policy.Target{}) { // who sees not all of them sees its own
		l.Filters = append(l.Filters, identity.Filter{Name: "user_id", Value: r.Caller.UserID})
	}
	list, err := f.svc.StoredCredentials(r.Context(), l)
	return collection(r, "credentials", l, list, renderStored), err
}

func (f *face) createStored(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	w, err := body(r, "credential")
	if err != nil {
		return nil, err
	}
	w.require("blob", "type", "user_id")
	c := identity.StoredCredential{
		UserID: value(w.text("user_id", 64), ""), ProjectID: nullIfEmpty(w.nullable("project_id", 64)),
		Type: value(w.text("type", 255), ""), Blob: value(blob(w), ""),
	}
	w.take("id")
	if c.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	if err := r.Allow("identity:create_credential", policy.Target{UserID: c.UserID}); err != nil {
		return nil, err
	}
	if err := f.ownProject(r, c.UserID, c.ProjectID); err != nil {
		return nil, err
	}
	c, err = f.svc.CreateStoredCredential(r.Context(), c)
	return map[string]any{"credential": renderStored(r, c)}, err
}

// blob reads a credential's blob, which is never shown in an error.
func blob(w *fields) *string {
	before := w.err
	text := w.text("blob", 0)
	if before == nil && w.err != nil {
		w.err = errs.New(errs.Invalid, "Invalid input for field 'blob': it is not of type 'string'")
	}
	return text
}

// ownProject keeps who makes a credential for itself to projects that it has a
// role in; who may make them for others may for any.
func (f *face) ownProject(r *api.Request, userID string, projectID *string) error {
	if projectID == nil || *projectID == r.Caller.ProjectID || r.Can("identity:create_credential", policy.Target{}) {
		return nil
	}
	has, err := f.svc.HasRole(r.Context(), userID, *projectID)
	if err == nil && !has {
		err = errs.New(errs.Forbidden, "You are not authorized to perform the requested action: the user has no role in project %s.", *projectID)
	}
	return err
}

func (f *face) showStored(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	c, err := f.svc.StoredCredential(r.Context(), r.Param("stored_id"))
	return map[string]any{"credential": renderStored(r, c)}, err
}

func (f *face) updateStored(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	w, err := body(r, "credential")
	if err != nil {
		return nil, err
	}
	c, err := f.svc.StoredCredential(r.Context(), r.Param("stored_id"))
	if err != nil {
		return nil, err
	}
	// A credential that could be moved would be one for somewhere its user was
	// never asked about.
	w.same("id", c.ID, notSameID("credential"))
	for name, has := range map[string]string{"user_id": c.UserID, "project_id": value(c.ProjectID, ""), "type": c.Type} {
		w.same(name, has, errs.New(errs.Forbidden, "You are not authorized to perform the requested action: %s of a credential cannot be changed.", name))
	}
	change := identity.StoredCredentialChange{Blob: blob(w)}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	c, err = f.svc.UpdateStoredCredential(r.Context(), c.ID, change)
	return map[string]any{"credential": renderStored(r, c)}, err
}

func (f *face) deleteStored(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteStoredCredential(r.Context(), r.Param("stored_id"))
}

func renderEC2(r *api.Request, c identity.StoredCredential) (map[string]any, error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"user_id": c.UserID, "tenant_id": c.ProjectID, "access": key.Access, "secret": key.Secret, "trust_id": nil,
		"links": map[string]any{"self": r.ServiceURL() + "/v3/users/" + c.UserID + "/credentials/OS-EC2/" + key.Access},
	}, nil
}

func (f *face) listEC2(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	if _, err := f.svc.User(r.Context(), r.Param("user_id")); err != nil {
		return nil, err
	}
	l := identity.Listing{Filters: []identity.Filter{{Name: "user_id", Value: r.Param("user_id")}, {Name: "type", Value: identity.TypeEC2}}}
	list, err := f.svc.StoredCredentials(r.Context(), l)
	if err != nil {
		return nil, err
	}
	// One that a client stored as it liked may be no key.
	list = slices.DeleteFunc(list, func(c identity.StoredCredential) bool { _, err := c.Key(); return err != nil })
	return collection(r, "credentials", l, list, func(r *api.Request, c identity.StoredCredential) map[string]any {
		o, _ := renderEC2(r, c) // those that fail are gone
		return o
	}), nil
}

func (f *face) createEC2(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	w := &fields{}
	if err := r.Bind(&w.values); err != nil {
		return nil, err
	}
	w.require("tenant_id")
	project := value(w.text("tenant_id", 64), "")
	if w.err != nil {
		return nil, w.err
	}
	if _, err := f.svc.Project(r.Context(), project); err != nil {
		return nil, err
	}
	if err := f.ownProject(r, r.Param("user_id"), &project); err != nil {
		return nil, err
	}
	c, err := f.svc.CreateEC2Credential(r.Context(), r.Param("user_id"), project)
	if err != nil {
		return nil, err
	}
	o, err := renderEC2(r, c)
	return map[string]any{"credential": o}, err
}

// ec2 is the key that the path names, which must be its user's.
func (f *face) ec2(r *api.Request) (identity.StoredCredential, error) {
	c, err := f.svc.StoredCredential(r.Context(), identity.EC2CredentialID(r.Param("access")))
	if err == nil && (c.UserID != r.Param("user_id") || !strings.EqualFold(c.Type, identity.TypeEC2)) {
		err = errs.New(errs.NotFound, "Could not find credential: %s.", c.ID)
	}
	return c, err
}

func (f *face) showEC2(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	c, err := f.ec2(r)
	if err != nil {
		return nil, err
	}
	o, err := renderEC2(r, c)
	return map[string]any{"credential": o}, err
}

func (f *face) deleteEC2(r *api.Request) (any, error) {
	if err := f.undelegated(r); err != nil {
		return nil, err
	}
	c, err := f.ec2(r)
	if err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteStoredCredential(r.Context(), c.ID)
}
