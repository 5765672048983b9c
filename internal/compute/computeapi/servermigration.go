package computeapi

import (
	"net/http"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

// serverMigrationRoutes are about live migrations that go on. There are none,
// because disks stay on their host; whoever looks for one is told what Nova
// tells of a server that does not migrate.
func (f *face) serverMigrationRoutes() []api.Route {
	const path = "/servers/{id}/migrations"
	rule := base + "servers:migrations:"
	return []api.Route{
		{Method: "GET", Path: path, Policy: rule + "index", Min: 23, Handler: f.listServerMigrations},
		{Method: "GET", Path: path + "/{migration}", Policy: rule + "show", Min: 23, Status: http.StatusNotFound, Handler: f.showServerMigration},
		{Method: "DELETE", Path: path + "/{migration}", Policy: rule + "delete", Min: 24, Status: http.StatusConflict, Handler: f.notMigrating("abort live migration")},
		{Method: "POST", Path: path + "/{migration}/action", Policy: rule + "force_complete", Min: 22, Status: http.StatusConflict, Handler: f.forceMigration},
	}
}

func (f *face) listServerMigrations(r *api.Request) (any, error) {
	if _, err := ofServer(f, r); err != nil {
		return nil, err
	}
	return map[string]any{"migrations": []any{}}, nil
}

func (f *face) showServerMigration(r *api.Request) (any, error) {
	server, err := ofServer(f, r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.ListMigrations(r.Context(), compute.MigrationFilter{ServerID: server.ID})
	if err != nil {
		return nil, err
	}
	id := r.Param("migration")
	for i := range list {
		if strconv.FormatInt(list[i].Number, 10) == id {
			return nil, errs.New(errs.NotFound, "Migration %s for server %s is not live-migration.", id, server.ID)
		}
	}
	return nil, errs.New(errs.NotFound, "In-progress live migration %s is not found for server %s.", id, server.ID)
}

// notMigrating refuses what needs a migration that goes on.
func (f *face) notMigrating(action string) api.Handler {
	return func(r *api.Request) (any, error) {
		server, err := ofServer(f, r)
		if err != nil {
			return nil, err
		}
		return nil, server.NotMigrating(action)
	}
}

func (f *face) forceMigration(r *api.Request) (any, error) {
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	if err := knownAction(content, "force_complete"); err != nil {
		return nil, err
	}
	nothing := schema{types: []string{"null"}}
	if err := wrapped("force_complete", &nothing).check(content, r.Version); err != nil {
		return nil, err
	}
	return f.notMigrating("force_complete")(r)
}
