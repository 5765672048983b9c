package computeapi

import (
	"time"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) migrationRoutes() []api.Route {
	return []api.Route{{Method: "GET", Path: "/os-migrations", Policy: base + "os-migrations:index", Handler: f.listMigrations}}
}

// migrationView has no numbers of flavors: a flavor here has none, and a
// server that is moved keeps its size.
type migrationView struct {
	ID         int64   `json:"id"`
	UUID       string  `json:"uuid,omitempty"` // 2.59
	Kind       string  `json:"migration_type,omitempty"`
	Status     string  `json:"status"`
	ServerID   string  `json:"instance_uuid"`
	Source     string  `json:"source_compute"`
	SourceNode string  `json:"source_node"`
	Target     *string `json:"dest_compute"`
	TargetNode *string `json:"dest_node"`
	TargetIP   *string `json:"dest_host"`
	OldFlavor  *int64  `json:"old_instance_type_id"`
	NewFlavor  *int64  `json:"new_instance_type_id"`
	UserID     *string `json:"user_id,omitempty"` // 2.80
	ProjectID  *string `json:"project_id,omitempty"`
	CreatedAt  any     `json:"created_at"`
	UpdatedAt  any     `json:"updated_at"`
}

func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func viewMigration(r *api.Request, m *compute.Migration) migrationView {
	v := migrationView{
		ID: m.Number, Status: m.Status, ServerID: m.ServerID, Source: m.Source, SourceNode: m.Source, Target: some(m.Target), TargetNode: some(m.Target),
		TargetIP: some(m.TargetIP), CreatedAt: micro(m.CreatedAt), UpdatedAt: micro(m.UpdatedAt),
	}
	if r.Version >= 23 {
		v.Kind = m.Kind
	}
	if r.Version >= 59 {
		v.UUID = m.ID
	}
	if r.Version >= 80 {
		v.UserID, v.ProjectID = &m.UserID, &m.ProjectID
	}
	return v
}

// migrationFilter reads the query. Until 2.59 it may hold anything, and what
// later versions know is not looked at.
func migrationFilter(r *api.Request) (filter compute.MigrationFilter, limit int, err error) {
	q := r.Query()
	filter = compute.MigrationFilter{Host: q.Get("host"), Source: q.Get("source_compute"), ServerID: q.Get("instance_uuid"), Status: q.Get("status"), Kind: q.Get("migration_type")}
	if r.Version < 59 {
		return filter, 0, nil
	}
	known := []string{"hidden", "host", "instance_uuid", "source_compute", "status", "migration_type", "limit", "marker", "changes-since"}
	times := map[string]*time.Time{"changes-since": &filter.Since}
	if r.Version >= 66 {
		known = append(known, "changes-before")
		times["changes-before"] = &filter.Before
	}
	if r.Version >= 80 {
		known = append(known, "user_id", "project_id")
		filter.UserID, filter.ProjectID = q.Get("user_id"), q.Get("project_id")
	}
	if err := noUnknownFrom(r, 59, known...); err != nil {
		return filter, 0, err
	}
	for name, to := range times {
		if text := q.Get(name); text != "" {
			if *to, err = parseTime(text); err != nil {
				return filter, 0, errs.New(errs.Invalid, "Invalid input for query parameters %s. Value: %s. '%s' is not a 'date-time'", name, text, text)
			}
		}
	}
	if !filter.Before.IsZero() && filter.Before.Before(filter.Since) {
		return filter, 0, errs.New(errs.Invalid, "The value of changes-since must be less than or equal to changes-before.")
	}
	limit, filter.Marker, err = page(r)
	filter.Limit = limit
	return filter, limit, err
}

func (f *face) listMigrations(r *api.Request) (any, error) {
	filter, limit, err := migrationFilter(r)
	if err != nil {
		return nil, err
	}
	views := []migrationView{}
	list := []compute.Migration{}
	if !isTrue(r.Query().Get("hidden")) && (r.Version < 59 || !none(r)) { // none is ever hidden
		if list, err = f.svc.ListMigrations(r.Context(), filter); err != nil {
			return nil, err
		}
	}
	for i := range list {
		views = append(views, viewMigration(r, &list[i]))
	}
	body := map[string]any{"migrations": views}
	if len(list) > 0 && r.Version >= 59 {
		if more := next(r, len(list), limit, list[len(list)-1].ID); more != nil {
			body["migrations_links"] = more
		}
	}
	return body, nil
}
