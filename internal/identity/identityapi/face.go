// Package identityapi is the HTTP face of identity: Keystone's API v3 at
// /identity. It holds the wire types, the table of routes, the rules of who
// may do what, and no SQL. New returns the table.
//
// The API reference's Identity API v3 says what each route takes and gives:
// https://docs.openstack.org/api-ref/identity/v3/.
package identityapi

import (
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

type face struct {
	svc *identity.Service
}

// New returns the face of a service, to be mounted.
func New(svc *identity.Service) *api.Service {
	f := &face{svc: svc}
	return &api.Service{
		Name: "identity", Type: "identity", Prefix: "/identity", Rules: rules, Errors: writeError, Slashes: true,
		Routes: slices.Concat(f.versions(), f.tokens(), f.projects(), f.domains(), f.users(), f.groups(), f.roles(), f.grants(), f.catalog(), f.credentials(),
			f.storedCredentials(), f.accessRules(), f.trusts(), f.domainConfigs(), f.policies(), f.endpointFilter(), f.oauth(), f.limits(), f.ec2Tokens()),
	}
}

// writeError writes Keystone's form: {"error": {"code", "message", "title"}}.
func writeError(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	message := e.Message
	if e.Type == "PolicyNotAuthorized" {
		message = "You are not authorized to perform the requested action."
	}
	w.Header().Add("Vary", "X-Auth-Token")
	api.WriteJSON(w, r, status, map[string]any{"error": map[string]any{"code": status, "message": message, "title": api.Title(status)}})
}

// route is a short form for the tables below.
func route(method, path, rule string, status int, target func(*api.Request) policy.Target, h api.Handler) api.Route {
	return api.Route{Method: method, Path: "/v3" + path, Policy: rule, Status: status, Target: target, Handler: h}
}

func (f *face) versions() []api.Route {
	version := func(r *api.Request) map[string]any {
		return map[string]any{
			"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
			"links":       []any{map[string]any{"rel": "self", "href": r.ServiceURL() + "/v3/"}},
			"media-types": []any{map[string]any{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
		}
	}
	root := func(r *api.Request) (any, error) {
		r.Writer.Header().Set("Location", r.ServiceURL()+"/v3/")
		return map[string]any{"versions": map[string]any{"values": []any{version(r)}}}, nil
	}
	v3 := func(r *api.Request) (any, error) { return map[string]any{"version": version(r)}, nil }
	return []api.Route{
		{Method: http.MethodGet, Path: "/", Policy: api.Public, Status: http.StatusMultipleChoices, Handler: root},
		{Method: http.MethodGet, Path: "/v3", Policy: api.Public, Handler: v3},
	}
}
