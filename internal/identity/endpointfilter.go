package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// EndpointGroup is a set of endpoints: those that have all of Filters, by
// service_id, region_id and interface. A project that endpoints or groups are
// associated with sees these in its catalog and no others.
type EndpointGroup struct {
	bun.BaseModel `bun:"table:endpoint_groups,alias:eg"`
	ID            string `bun:",pk"`
	Name          string
	Description   *string
	Filters       Extra `bun:"type:text"`
}

// EndpointGroupChange is what changes of an endpoint group; nil leaves as it is.
type EndpointGroupChange struct {
	Name, Description *string
	Filters           Extra
}

type projectEndpoint struct {
	bun.BaseModel `bun:"table:project_endpoints,alias:pe"`
	ProjectID     string `bun:",pk"`
	EndpointID    string `bun:",pk"`
}

type projectEndpointGroup struct {
	bun.BaseModel `bun:"table:project_endpoint_groups,alias:peg"`
	ProjectID     string `bun:",pk"`
	GroupID       string `bun:",pk"`
}

var endpointGroupColumns = columns{text: map[string]string{"id": "eg.id", "name": "eg.name"}}

// has tells whether an endpoint is in the group.
func (g *EndpointGroup) has(e Endpoint) bool {
	attributes := map[string]any{"service_id": e.ServiceID, "interface": e.Interface}
	if e.RegionID != nil {
		attributes["region_id"] = *e.RegionID
	}
	for name, value := range g.Filters {
		if attributes[name] != value {
			return false
		}
	}
	return true
}

// endpointFilter is what projects are associated with.
type endpointFilter struct {
	groups          map[string]EndpointGroup
	endpoints       map[string][]string // project -> endpoint ids
	endpointsGroups map[string][]string // project -> group ids
}

func readEndpointFilter(ctx context.Context, db bun.IDB) (*endpointFilter, error) {
	f := &endpointFilter{groups: map[string]EndpointGroup{}, endpoints: map[string][]string{}, endpointsGroups: map[string][]string{}}
	var groups []EndpointGroup
	var endpoints []projectEndpoint
	var members []projectEndpointGroup
	if err := db.NewSelect().Model(&endpoints).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read endpoints of projects: %w", err)
	}
	if err := db.NewSelect().Model(&members).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read endpoint groups of projects: %w", err)
	}
	if err := db.NewSelect().Model(&groups).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read endpoint groups: %w", err)
	}
	for _, g := range groups {
		f.groups[g.ID] = g
	}
	for _, row := range endpoints {
		f.endpoints[row.ProjectID] = append(f.endpoints[row.ProjectID], row.EndpointID)
	}
	for _, row := range members {
		f.endpointsGroups[row.ProjectID] = append(f.endpointsGroups[row.ProjectID], row.GroupID)
	}
	return f, nil
}

// has tells whether a project is associated with an endpoint.
func (f *endpointFilter) has(projectID string, e Endpoint) bool {
	return slices.Contains(f.endpoints[projectID], e.ID) || slices.ContainsFunc(f.endpointsGroups[projectID], func(id string) bool {
		g, ok := f.groups[id]
		return ok && g.has(e)
	})
}

// narrow leaves of a catalog what a project is associated with: all of it when
// it is associated with nothing that is there.
func (f *endpointFilter) narrow(projectID string, catalog []CatalogEntry) []CatalogEntry {
	if len(f.endpoints[projectID]) == 0 && len(f.endpointsGroups[projectID]) == 0 {
		return catalog
	}
	var narrowed []CatalogEntry
	for _, entry := range catalog {
		var endpoints []Endpoint
		for _, e := range entry.Endpoints {
			if f.has(projectID, e) {
				endpoints = append(endpoints, e)
			}
		}
		if entry.Endpoints = endpoints; len(endpoints) > 0 {
			narrowed = append(narrowed, entry)
		}
	}
	if len(narrowed) == 0 {
		return catalog
	}
	return narrowed
}

// EndpointGroups lists endpoint groups; with a project's id those that it is
// associated with.
func (s *Service) EndpointGroups(ctx context.Context, projectID string, l Listing) ([]EndpointGroup, error) {
	list := []EndpointGroup{}
	q := s.db.Read().NewSelect().Model(&list)
	if projectID != "" {
		if _, err := s.Project(ctx, projectID); err != nil {
			return nil, err
		}
		q = q.Where("eg.id IN (SELECT group_id FROM project_endpoint_groups WHERE project_id = ?)", projectID)
	}
	return list, s.list(ctx, l, q, "endpoint_groups", endpointGroupColumns)
}

// EndpointGroup returns an endpoint group by id.
func (s *Service) EndpointGroup(ctx context.Context, id string) (EndpointGroup, error) {
	var g EndpointGroup
	return g, one(ctx, s.db.Read().NewSelect().Model(&g).Where("id = ?", id), "Endpoint Group", id)
}

func endpointGroupChange(id, action string) store.Change {
	return store.Change{Resource: "endpoint_group", ID: id, Action: action}
}

// CreateEndpointGroup makes an endpoint group.
func (s *Service) CreateEndpointGroup(ctx context.Context, g EndpointGroup) (EndpointGroup, error) {
	g.ID = newID()
	return g, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.Changed(endpointGroupChange(g.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&g), "endpoint_group", "Duplicate entry")
	})
}

// UpdateEndpointGroup changes an endpoint group. Filters are replaced whole.
func (s *Service) UpdateEndpointGroup(ctx context.Context, id string, c EndpointGroupChange) (EndpointGroup, error) {
	var g EndpointGroup
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		g = EndpointGroup{}
		if err := one(ctx, tx.NewSelect().Model(&g).Where("id = ?", id), "Endpoint Group", id); err != nil {
			return err
		}
		if c.Name != nil {
			g.Name = *c.Name
		}
		if c.Description != nil {
			g.Description = nilIfEmpty(*c.Description)
		}
		if c.Filters != nil {
			g.Filters = c.Filters
		}
		tx.Changed(endpointGroupChange(id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&g).WherePK(), "endpoint_group", "Duplicate entry")
	})
	return g, err
}

// DeleteEndpointGroup removes an endpoint group.
func (s *Service) DeleteEndpointGroup(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewDelete().Model((*EndpointGroup)(nil)).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete endpoint group: %w", err)
		}
		tx.Changed(endpointGroupChange(id, store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notFound("Endpoint Group", id))
		}
		return nil
	})
}

// GroupEndpoints lists the endpoints in a group.
func (s *Service) GroupEndpoints(ctx context.Context, id string) ([]Endpoint, error) {
	g, err := s.EndpointGroup(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.endpointsWith(ctx, g.has)
}

func (s *Service) endpointsWith(ctx context.Context, has func(Endpoint) bool) ([]Endpoint, error) {
	all, err := s.Endpoints(ctx, Listing{})
	return slices.DeleteFunc(all, func(e Endpoint) bool { return !has(e) }), err
}

// ProjectEndpoints lists the endpoints that a project is associated with, by
// themselves or by groups.
func (s *Service) ProjectEndpoints(ctx context.Context, projectID string) ([]Endpoint, error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return nil, err
	}
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	return s.endpointsWith(ctx, func(e Endpoint) bool { return known.filter.has(projectID, e) })
}

// EndpointProjects lists the projects that an endpoint is associated with.
func (s *Service) EndpointProjects(ctx context.Context, endpointID string) ([]Project, error) {
	if _, err := s.Endpoint(ctx, endpointID); err != nil {
		return nil, err
	}
	return s.projectsIn(ctx, "SELECT project_id FROM project_endpoints WHERE endpoint_id = ?", endpointID)
}

// EndpointGroupProjects lists the projects that a group is associated with.
func (s *Service) EndpointGroupProjects(ctx context.Context, groupID string) ([]Project, error) {
	return s.projectsIn(ctx, "SELECT project_id FROM project_endpoint_groups WHERE group_id = ?", groupID)
}

func (s *Service) projectsIn(ctx context.Context, query, id string) ([]Project, error) {
	list := []Project{}
	if err := s.db.Read().NewSelect().Model(&list).Where("p.id IN ("+query+")", id).Order("p.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read associated projects: %w", err)
	}
	return list, loadTags(ctx, s.db.Read(), list)
}

// Association is that of a project with an endpoint or a group of them: one
// of the two is set.
type Association struct {
	ProjectID, EndpointID, GroupID string
}

// exists checks that both ends are there.
func (a Association) exists(ctx context.Context, db bun.IDB) error {
	if a.GroupID == "" {
		if err := one(ctx, db.NewSelect().Model(&Endpoint{}).Where("id = ?", a.EndpointID), "endpoint", a.EndpointID); err != nil {
			return err
		}
	}
	if _, err := findProject(ctx, db, a.ProjectID, "project"); err != nil {
		return err
	}
	if a.GroupID == "" {
		return nil
	}
	return one(ctx, db.NewSelect().Model(&EndpointGroup{}).Where("id = ?", a.GroupID), "Endpoint Group", a.GroupID)
}

func (a Association) row() any {
	if a.GroupID != "" {
		return &projectEndpointGroup{ProjectID: a.ProjectID, GroupID: a.GroupID}
	}
	return &projectEndpoint{ProjectID: a.ProjectID, EndpointID: a.EndpointID}
}

func (a Association) missing() error {
	if a.GroupID != "" {
		return errs.New(errs.NotFound, "Endpoint Group Project Association not found")
	}
	return errs.New(errs.NotFound, "Endpoint %s not found in project %s", a.EndpointID, a.ProjectID)
}

// Associate associates; twice is a Conflict.
func (s *Service) Associate(ctx context.Context, a Association) error {
	what := "project_endpoint"
	if a.GroupID != "" {
		what = "project_endpoint_group"
	}
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := a.exists(ctx, tx); err != nil {
			return err
		}
		tx.Changed(changeOf("project", a.ProjectID, store.Update))
		return write(ctx, tx.NewInsert().Model(a.row()), what, "Duplicate entry")
	})
}

// Associated returns nil when the association is there, else NotFound.
func (s *Service) Associated(ctx context.Context, a Association) error {
	if err := a.exists(ctx, s.db.Read()); err != nil {
		return err
	}
	there, err := s.db.Read().NewSelect().Model(a.row()).WherePK().Exists(ctx)
	if err != nil {
		return fmt.Errorf("read association: %w", err)
	}
	if !there {
		return a.missing()
	}
	return nil
}

// Dissociate takes an association away.
func (s *Service) Dissociate(ctx context.Context, a Association) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if a.GroupID != "" {
			if err := a.exists(ctx, tx); err != nil {
				return err
			}
		}
		result, err := tx.NewDelete().Model(a.row()).WherePK().Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete association: %w", err)
		}
		tx.Changed(changeOf("project", a.ProjectID, store.Update))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, a.missing())
		}
		return nil
	})
}
