// Package computeapi is the HTTP face of the Compute service: Nova's API v2.1
// with microversions 2.1 to 2.96, and v2.0, which is 2.1 without microversions
// that overlooks what it does not know. It holds wire types, the route table and
// conversions; New returns the table. It imports compute and the platform,
// never the store's drivers and never another face.
package computeapi

import (
	"log/slog"
	"strings"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/policy"
)

// The microversions that are spoken.
const (
	minVersion = 1
	maxVersion = 96
)

// pageLimit is the most that a page of a list holds, as Nova's max_limit.
const pageLimit = 1000

// face has what handlers need.
type face struct {
	svc *compute.Service
	log *slog.Logger
	url string // of the cloud, where consoles are; empty is where the request came
}

// New returns the Compute API on a service of the cloud at a public URL.
func New(svc *compute.Service, log *slog.Logger, publicURL string) *api.Service {
	f := &face{svc: svc, log: log, url: publicURL}
	table := &api.Service{
		Name: "compute", Type: "compute", Prefix: "/compute", Rules: Rules(), Errors: writeError,
		Versions:        &api.Microversions{Major: 2, Min: minVersion, Max: maxVersion, Legacy: "X-OpenStack-Nova-API-Version"},
		RequestIDHeader: "X-Compute-Request-Id", Old: &api.Old{From: "/v2", To: "/v2.1"},
	}
	table.Routes = append(table.Routes, f.versionRoutes()...)
	var routes []api.Route
	for _, some := range [][]api.Route{
		f.flavorRoutes(), f.keypairRoutes(), f.hostRoutes(), f.quotaRoutes(), f.extensionRoutes(),
		f.serverRoutes(), f.metadataRoutes(), f.tagRoutes(), f.actionRoutes(), f.portRoutes(), f.groupRoutes(), f.usageRoutes(), f.aggregateRoutes(),
		f.consoleRoutes(), f.diagnosticsRoutes(), f.attachmentRoutes(), f.passwordRoutes(),
		f.imageRoutes(), f.networkRoutes(), f.floatingIPRoutes(), f.securityGroupRoutes(), f.legacyHostRoutes(), f.quotaClassRoutes(), f.migrationRoutes(),
		f.auditLogRoutes(), f.externalEventRoutes(), f.serverMigrationRoutes(), f.topologyRoutes(), removedRoutes(),
	} {
		routes = append(routes, some...)
	}
	for _, route := range routes {
		current, legacy := route, route
		current.Path = "/v2.1" + route.Path
		legacy.Path = "/v2.1/{project_id}" + route.Path
		legacy.Handler = ownProject(route.Handler)
		table.Routes = append(table.Routes, current, legacy)
	}
	return table
}

// ownProject serves the form of a path that names a project, which must be
// the token's: the path decides nothing (S44).
func ownProject(handler api.Handler) api.Handler {
	return func(r *api.Request) (any, error) {
		if named := r.Param("project_id"); named != r.Caller.ProjectID {
			return nil, errs.New(errs.Invalid, "Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'", named, r.Caller.ProjectID)
		}
		return handler(r)
	}
}

// page reads limit and marker.
func page(r *api.Request) (limit int, marker string, err error) {
	list, err := r.List(pageLimit)
	return list.Limit, list.Marker, err
}

// none tells whether a page of nothing is asked for, which is answered so where
// there are pages.
func none(r *api.Request) bool { return r.Query().Get("limit") == "0" }

// noUnknown refuses query parameters that nobody knows, from 2.75 on.
func noUnknown(r *api.Request, known ...string) error { return noUnknownFrom(r, 75, known...) }

// noUnknownFrom refuses them from another version on.
func noUnknownFrom(r *api.Request, version int, known ...string) error {
	if r.Version < version {
		return nil
	}
	var unexpected []string
	for name := range r.Query() {
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			unexpected = append(unexpected, "'"+name+"'")
		}
	}
	if len(unexpected) > 0 {
		return errs.New(errs.Invalid, "Additional properties are not allowed (%s was unexpected)", strings.Join(unexpected, ", "))
	}
	return nil
}

// flag reads a parameter that is true or false; another word is Invalid.
func flag(r *api.Request, name string) (bool, error) {
	word := r.Query().Get(name)
	if r.Query().Has(name) && !isTrue(word) && !isFalse(word) {
		return false, errs.New(errs.Invalid, "Invalid input for query parameters %s. Value: %s. '%s' is not a boolean", name, word, word)
	}
	return isTrue(word), nil
}

// ofProject is the target of routes that name a project in their path.
func ofProject(r *api.Request) policy.Target { return policy.Target{ProjectID: r.Param("id")} }
