package networkapi

import (
	"net/http"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
)

// face holds what handlers need.
type face struct {
	svc *network.Service
}

// New returns the routes of the Networking API.
func New(svc *network.Service) *api.Service {
	f := &face{svc: svc}
	s := &api.Service{
		Name: "network", Type: "network", Prefix: "/network", Rules: network.Rules(), Errors: writeError,
		Statuses: map[errs.Kind]int{errs.OverQuota: http.StatusConflict},
	}
	for _, routes := range [][]api.Route{
		f.versionRoutes(), f.networks().routes(), f.subnets().routes(), f.ports().routes(), f.routers().routes(), f.interfaceRoutes(),
		f.floatingIPs().routes(), f.securityGroups().routes(), f.securityRules().routes(), f.agentRoutes(), f.schedulerRoutes(), f.quotaRoutes(), f.topologyRoutes(), f.tagRoutes(),
		f.extensionRoutes(), f.traceRoutes(), f.subnetPools().routes(), f.prefixRoutes(), f.addressScopes().routes(), f.rbacPolicies().routes(), f.addressGroups().routes(), f.addressRoutes(),
		f.meteringLabels().routes(), f.meteringRules().routes(), f.meterRoutes(), f.floatingIPPoolRoutes(), f.qosPolicies().routes(), f.qosRuleRoutes(),
	} {
		s.Routes = append(s.Routes, routes...)
	}
	return s
}

// writeError writes {"NeutronError": {…}}, and what keystonemiddleware writes
// for callers that are not known.
func writeError(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	if e.Kind == errs.Unauthenticated {
		api.WriteJSON(w, r, status, map[string]any{"error": map[string]any{"code": status, "title": "Unauthorized", "message": e.Message}})
		return
	}
	kind := e.Type
	if kind == "" {
		kind = defaultTypes[e.Kind]
	}
	api.WriteJSON(w, r, status, map[string]any{"NeutronError": map[string]string{"type": kind, "message": e.Message, "detail": ""}})
}

// defaultTypes name the errors that nothing names more exactly.
var defaultTypes = map[errs.Kind]string{
	errs.Internal: "HTTPInternalServerError", errs.Invalid: "HTTPBadRequest", errs.Forbidden: "PolicyNotAuthorized", errs.OverQuota: "OverQuota",
	errs.NotFound: "HTTPNotFound", errs.MethodNotAllowed: "HTTPMethodNotAllowed", errs.NotAcceptable: "HTTPNotAcceptable", errs.Conflict: "Conflict",
	errs.Gone: "HTTPGone", errs.PreconditionFailed: "HTTPPreconditionFailed", errs.TooLarge: "HTTPRequestEntityTooLarge",
	errs.UnsupportedMedia: "HTTPUnsupportedMediaType", errs.NotImplemented: "HTTPNotImplemented", errs.Unavailable: "HTTPServiceUnavailable",
}

// stamp is a time as Neutron writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// standard are the attributes that all resources of users have.
type standard struct {
	ID          string   `json:"id"`
	ProjectID   string   `json:"project_id"`
	TenantID    string   `json:"tenant_id"`
	Description string   `json:"description"`
	CreatedAt   string   `json:"created_at"`
	UpdatedAt   string   `json:"updated_at"`
	Revision    int64    `json:"revision_number"`
	Tags        []string `json:"tags"`
}

func standardOf(s *network.Standard) standard {
	return standard{
		ID: s.ID, ProjectID: s.ProjectID, TenantID: s.ProjectID, Description: s.Description, CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt),
		Revision: s.Revision, Tags: s.Tags,
	}
}

// orNull is nil for an empty string.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
