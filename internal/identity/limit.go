package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// LimitModel is how limits of projects relate to those of projects above them:
// not at all.
const (
	LimitModel            = "flat"
	LimitModelDescription = "Limit enforcement and validation does not take project hierarchy into consideration."
)

// RegisteredLimit is how much of a resource of a service each project may have,
// where it has no Limit of its own. The cloud keeps limits for services to ask
// for. Of its own, the image service does (ProjectLimits); the others go by their
// quotas.
type RegisteredLimit struct {
	bun.BaseModel `bun:"table:registered_limits,alias:rl"`
	ID            string `bun:",pk"`
	ServiceID     string
	RegionID      *string // nil is everywhere
	ResourceName  string
	DefaultLimit  int64 // -1 is no bound
	Description   *string
}

// Limit is how much of a registered limit's resource a project or a domain,
// one of the two, may have.
type Limit struct {
	bun.BaseModel     `bun:"table:limits,alias:li"`
	ID                string `bun:",pk"`
	RegisteredLimitID string
	ProjectID         *string
	DomainID          *string
	ResourceLimit     int64 // -1 is no bound
	Description       *string

	// Those of the registered limit.
	ServiceID    string  `bun:",scanonly"`
	RegionID     *string `bun:",scanonly"`
	ResourceName string  `bun:",scanonly"`
}

// RegisteredLimitChange is what changes of a registered limit; nil leaves as it
// is. An empty RegionID or Description removes it.
type RegisteredLimitChange struct {
	ServiceID, RegionID, ResourceName, Description *string
	DefaultLimit                                   *int64
}

// LimitChange is what changes of a limit; nil leaves as it is.
type LimitChange struct {
	ResourceLimit *int64
	Description   *string
}

var (
	registeredLimitColumns = columns{text: map[string]string{
		"id": "rl.id", "service_id": "rl.service_id", "region_id": "rl.region_id", "resource_name": "rl.resource_name",
	}}
	limitColumns = columns{text: map[string]string{
		"id": "li.id", "project_id": "li.project_id", "domain_id": "li.domain_id",
		"service_id": "rl.service_id", "region_id": "rl.region_id", "resource_name": "rl.resource_name",
	}}
)

func registeredLimitChange(id, action string) store.Change {
	return store.Change{Resource: "registered_limit", ID: id, Action: action, Public: true} // everyone may list them
}

func (l *Limit) change(action string) store.Change {
	c := store.Change{Resource: "limit", ID: l.ID, Action: action}
	if l.ProjectID != nil {
		c.ProjectID = *l.ProjectID
	}
	return c
}

// RegisteredLimits lists registered limits.
func (s *Service) RegisteredLimits(ctx context.Context, l Listing) ([]RegisteredLimit, error) {
	list := []RegisteredLimit{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "registered_limits", registeredLimitColumns)
}

// RegisteredLimit returns a registered limit by id.
func (s *Service) RegisteredLimit(ctx context.Context, id string) (RegisteredLimit, error) {
	return findRegisteredLimit(ctx, s.db.Read(), id)
}

func findRegisteredLimit(ctx context.Context, db bun.IDB, id string) (RegisteredLimit, error) {
	var r RegisteredLimit
	err := one(ctx, db.NewSelect().Model(&r).Where("id = ?", id), "registered limit", id)
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.NotFound, "Could not find registered limit for %s.", id)
	}
	return r, err
}

// exists checks that service and region are there: else they are Invalid.
func (r *RegisteredLimit) exists(ctx context.Context, db bun.IDB) error {
	if err := one(ctx, db.NewSelect().Model(&CatalogService{}).Where("id = ?", r.ServiceID), "service", r.ServiceID); err != nil {
		return invalidIfMissing(err, "service_id", "registered_limit")
	}
	if r.RegionID == nil {
		return nil
	}
	return invalidIfMissing(one(ctx, db.NewSelect().Model(&Region{}).Where("id = ?", *r.RegionID), "region", *r.RegionID), "region_id", "registered_limit")
}

func invalidIfMissing(err error, attribute, target string) error {
	if errs.Is(err, errs.NotFound) {
		return expecting(attribute, target)
	}
	return err
}

// CreateRegisteredLimits makes all of the registered limits, or none. Conflict
// for a resource that has one already.
func (s *Service) CreateRegisteredLimits(ctx context.Context, list []RegisteredLimit) ([]RegisteredLimit, error) {
	list = slices.Clone(list)
	for i := range list {
		list[i].ID = newID()
	}
	return list, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		for i := range list { // a request has few
			if err := list[i].exists(ctx, tx); err != nil {
				return err
			}
			tx.Changed(registeredLimitChange(list[i].ID, store.Create))
		}
		return write(ctx, tx.NewInsert().Model(&list), "registered_limit", "Duplicate entry")
	})
}

// unused refuses to touch a registered limit that projects have limits of.
func (r *RegisteredLimit) unused(ctx context.Context, tx *store.Tx) error {
	used, err := tx.NewSelect().Model((*Limit)(nil)).Where("li.registered_limit_id = ?", r.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	if used {
		return errs.New(errs.Forbidden, "Unable to update or delete registered limit %s because there are project limits associated with it.", r.ID)
	}
	return nil
}

// UpdateRegisteredLimit changes a registered limit that no project has a limit
// of.
func (s *Service) UpdateRegisteredLimit(ctx context.Context, id string, c RegisteredLimitChange) (RegisteredLimit, error) {
	var r RegisteredLimit
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if r, err = findRegisteredLimit(ctx, tx, id); err != nil {
			return err
		}
		if err := r.unused(ctx, tx); err != nil {
			return err
		}
		if c.ServiceID != nil {
			r.ServiceID = *c.ServiceID
		}
		if c.RegionID != nil {
			r.RegionID = nilIfEmpty(*c.RegionID)
		}
		if c.ResourceName != nil {
			r.ResourceName = *c.ResourceName
		}
		if c.DefaultLimit != nil {
			r.DefaultLimit = *c.DefaultLimit
		}
		if c.Description != nil {
			r.Description = nilIfEmpty(*c.Description)
		}
		if err := r.exists(ctx, tx); err != nil {
			return err
		}
		tx.Changed(registeredLimitChange(id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&r).WherePK(), "registered_limit", "Duplicate entry")
	})
	return r, err
}

// DeleteRegisteredLimit removes a registered limit that no project has a limit
// of.
func (s *Service) DeleteRegisteredLimit(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := findRegisteredLimit(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := r.unused(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete registered limit: %w", err)
		}
		tx.Changed(registeredLimitChange(id, store.Delete))
		return nil
	})
}

// withRegistered joins what a limit has of its registered limit.
func withRegistered(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("li.*, rl.service_id, rl.region_id, rl.resource_name").Join("JOIN registered_limits AS rl ON rl.id = li.registered_limit_id")
}

// LimitScope narrows a list of limits to those of a project, or of a domain and
// the projects in it; the zero value is all.
type LimitScope struct{ ProjectID, DomainID string }

// Limits lists limits.
func (s *Service) Limits(ctx context.Context, in LimitScope, l Listing) ([]Limit, error) {
	list := []Limit{}
	q := withRegistered(s.db.Read().NewSelect().Model(&list))
	if in.ProjectID != "" {
		q = q.Where("li.project_id = ?", in.ProjectID)
	}
	if in.DomainID != "" {
		q = q.Where("li.domain_id = ? OR li.project_id IN (SELECT id FROM projects WHERE domain_id = ?)", in.DomainID, in.DomainID)
	}
	return list, s.list(ctx, l, q, "limits", limitColumns)
}

// LimitsOf returns the limits of each of the projects, by their ids; never nil.
func (s *Service) LimitsOf(ctx context.Context, projects []Project) (map[string][]Limit, error) {
	of := map[string][]Limit{}
	if len(projects) == 0 {
		return of, nil
	}
	ids := make([]string, len(projects))
	for i, p := range projects {
		ids[i] = p.ID
	}
	var list []Limit
	q := withRegistered(s.db.Read().NewSelect().Model(&list)).Where("li.project_id IN (?)", store.Set(ids)).Order("li.id")
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read limits of projects: %w", err)
	}
	for _, l := range list {
		of[*l.ProjectID] = append(of[*l.ProjectID], l)
	}
	return of, nil
}

// ProjectLimits tells how much a project may have of what is registered for the
// services of a type, by the names of the resources: its own limits, or else the
// registered ones. Those of the region go before those of everywhere. What is not
// registered is not in the answer.
func (s *Service) ProjectLimits(ctx context.Context, db bun.IDB, serviceType, region, projectID string) (map[string]int64, error) {
	var rows []struct {
		ResourceName  string
		DefaultLimit  int64
		ResourceLimit *int64
	}
	err := db.NewSelect().TableExpr("registered_limits AS rl").Join("JOIN catalog_services AS sv ON sv.id = rl.service_id").
		Join("LEFT JOIN limits AS li ON li.registered_limit_id = rl.id AND li.project_id = ?", projectID).
		ColumnExpr("rl.resource_name, rl.default_limit, li.resource_limit").
		Where("sv.type = ?", serviceType).Where("rl.region_id IS NULL OR rl.region_id = ?", region).
		OrderExpr("CASE WHEN rl.region_id IS NULL THEN 0 ELSE 1 END").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the limits of a project: %w", err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.ResourceName] = r.DefaultLimit
		if r.ResourceLimit != nil {
			out[r.ResourceName] = *r.ResourceLimit
		}
	}
	return out, nil
}

// Limit returns a limit by id.
func (s *Service) Limit(ctx context.Context, id string) (Limit, error) {
	return findLimit(ctx, s.db.Read(), id)
}

func findLimit(ctx context.Context, db bun.IDB, id string) (Limit, error) {
	var l Limit
	err := one(ctx, withRegistered(db.NewSelect().Model(&l)).Where("li.id = ?", id), "limit", id)
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.NotFound, "Could not find limit for %s.", id)
	}
	return l, err
}

// prepare finds what a new limit is of. A domain that is named as a project is
// taken as the domain that it is.
func (l *Limit) prepare(ctx context.Context, tx *store.Tx) error {
	const target = "limit"
	for attribute, id := range map[string]*string{"project_id": l.ProjectID, "domain_id": l.DomainID} {
		if id == nil {
			continue
		}
		p, err := findProject(ctx, tx, *id, attribute[:len(attribute)-len("_id")])
		if err != nil {
			return invalidIfMissing(err, attribute, target)
		}
		if p.IsDomain {
			l.DomainID, l.ProjectID = &p.ID, nil
		}
	}
	asked := RegisteredLimit{ServiceID: l.ServiceID, RegionID: l.RegionID}
	if err := asked.exists(ctx, tx); err != nil {
		return err
	}
	q := tx.NewSelect().Model((*RegisteredLimit)(nil)).Column("id").Where("service_id = ? AND resource_name = ?", l.ServiceID, l.ResourceName)
	if l.RegionID != nil {
		q = q.Where("region_id = ?", *l.RegionID)
	} else {
		q = q.Where("region_id IS NULL")
	}
	var ids []string
	if err := q.Scan(ctx, &ids); err != nil {
		return fmt.Errorf("read registered limit: %w", err)
	}
	if len(ids) == 0 {
		return errs.New(errs.Forbidden, "Unable to create a limit that has no corresponding registered limit.")
	}
	l.RegisteredLimitID = ids[0]
	return nil
}

// CreateLimits makes all of the limits, or none: each for a resource that is
// registered (else Forbidden), once for a project or domain (else Conflict).
func (s *Service) CreateLimits(ctx context.Context, asked []Limit) ([]Limit, error) {
	var list []Limit
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		list = nil
		for _, l := range asked { // a request has few
			l.ID = newID()
			if err := l.prepare(ctx, tx); err != nil {
				return err
			}
			tx.Changed(l.change(store.Create))
			list = append(list, l)
		}
		return write(ctx, tx.NewInsert().Model(&list), "limit", "Duplicate entry")
	})
	return list, err
}

// UpdateLimit changes a limit.
func (s *Service) UpdateLimit(ctx context.Context, id string, c LimitChange) (Limit, error) {
	var l Limit
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if l, err = findLimit(ctx, tx, id); err != nil {
			return err
		}
		if c.ResourceLimit != nil {
			l.ResourceLimit = *c.ResourceLimit
		}
		if c.Description != nil {
			l.Description = nilIfEmpty(*c.Description)
		}
		tx.Changed(l.change(store.Update))
		return write(ctx, tx.NewUpdate().Model(&l).WherePK(), "limit", "Duplicate entry")
	})
	return l, err
}

// DeleteLimit removes a limit.
func (s *Service) DeleteLimit(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		l, err := findLimit(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&l).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete limit: %w", err)
		}
		tx.Changed(l.change(store.Delete))
		return nil
	})
}
