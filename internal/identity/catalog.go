package identity

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Region is a part of the cloud with endpoints of its own.
type Region struct {
	bun.BaseModel `bun:"table:catalog_regions,alias:rg"`
	ID            string `bun:",pk"`
	ParentID      *string
	Description   string
	Extra         Extra `bun:"type:text"`
}

// CatalogService is a service that the cloud offers.
type CatalogService struct {
	bun.BaseModel `bun:"table:catalog_services,alias:sv"`
	ID            string `bun:",pk"`
	Type          string
	Enabled       bool
	Name          *string
	Description   *string
	Extra         Extra `bun:"type:text"`
}

// Endpoint is the URL of a service, for a region and an interface: public,
// internal or admin.
type Endpoint struct {
	bun.BaseModel `bun:"table:catalog_endpoints,alias:e"`
	ID            string `bun:",pk"`
	ServiceID     string
	RegionID      *string
	Interface     string
	URL           string
	Enabled       bool
	Extra         Extra `bun:"type:text"`
}

var (
	regionColumns   = columns{text: map[string]string{"id": "rg.id", "parent_region_id": "rg.parent_id"}}
	serviceColumns  = columns{text: map[string]string{"id": "sv.id", "type": "sv.type", "name": "sv.name"}, flags: map[string]string{"enabled": "sv.enabled"}}
	endpointColumns = columns{
		text:  map[string]string{"id": "e.id", "service_id": "e.service_id", "region_id": "e.region_id", "region": "e.region_id", "interface": "e.interface", "url": "e.url"},
		flags: map[string]string{"enabled": "e.enabled"},
	}
)

// readCatalog reads the enabled services with their enabled endpoints.
func (s *Service) readCatalog(ctx context.Context) ([]CatalogEntry, error) {
	var services []CatalogService
	if err := s.db.Read().NewSelect().Model(&services).Where("enabled").Order("type", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	var endpoints []Endpoint
	if err := s.db.Read().NewSelect().Model(&endpoints).Where("enabled").Order("region_id", "interface", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	byService := map[string][]Endpoint{}
	for _, e := range endpoints {
		byService[e.ServiceID] = append(byService[e.ServiceID], e)
	}
	entries := []CatalogEntry{}
	for _, service := range services {
		entry := CatalogEntry{ID: service.ID, Type: service.Type, Endpoints: byService[service.ID]}
		if service.Name != nil {
			entry.Name = *service.Name
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Catalog is what a token shows of the services: those that the project is
// associated with, or all. Endpoints' placeholders are filled in, and an
// endpoint with one that can't be is left out.
func (s *Service) Catalog(ctx context.Context, userID, projectID string) ([]CatalogEntry, error) {
	f, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("%(project_id)s", projectID, "$(project_id)s", projectID, "%(tenant_id)s", projectID, "$(tenant_id)s", projectID,
		"%(user_id)s", userID, "$(user_id)s", userID)
	entries := slices.Clone(f.filter.narrow(projectID, f.catalog))
	for i := range entries {
		var endpoints []Endpoint
		for _, e := range entries[i].Endpoints {
			if projectID == "" && (strings.Contains(e.URL, "(project_id)s") || strings.Contains(e.URL, "(tenant_id)s")) {
				continue
			}
			e.URL = fill.Replace(e.URL)
			endpoints = append(endpoints, e)
		}
		entries[i].Endpoints = endpoints
	}
	return entries, nil
}

// Regions lists regions.
func (s *Service) Regions(ctx context.Context, l Listing) ([]Region, error) {
	list := []Region{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "catalog_regions", regionColumns)
}

// Region returns a region by id.
func (s *Service) Region(ctx context.Context, id string) (Region, error) {
	var r Region
	return r, one(ctx, s.db.Read().NewSelect().Model(&r).Where("id = ?", id), "region", id)
}

// CreateRegion makes a region; ID, where empty, is made.
func (s *Service) CreateRegion(ctx context.Context, r Region) (Region, error) {
	if r.ID == "" {
		r.ID = newID()
	}
	return r, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := regionExists(ctx, tx, r.ParentID); err != nil {
			return err
		}
		tx.Changed(changeOf("region", r.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&r), "region", "Duplicate ID, "+r.ID)
	})
}

func regionExists(ctx context.Context, tx *store.Tx, id *string) error {
	if id == nil {
		return nil
	}
	return one(ctx, tx.NewSelect().Model(&Region{}).Where("id = ?", *id), "region", *id)
}

// RegionChange is what changes of a region; nil leaves as it is. An empty
// ParentID removes it.
type RegionChange struct {
	ParentID, Description *string
	Extra                 Extra
}

// UpdateRegion changes a region. A parent that is below it is Invalid.
func (s *Service) UpdateRegion(ctx context.Context, id string, c RegionChange) (Region, error) {
	var r Region
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		r = Region{}
		if err := one(ctx, tx.NewSelect().Model(&r).Where("id = ?", id), "region", id); err != nil {
			return err
		}
		if c.ParentID != nil {
			r.ParentID = nilIfEmpty(*c.ParentID)
			if err := regionExists(ctx, tx, r.ParentID); err != nil {
				return err
			}
			if err := notBelow(ctx, tx, id, r.ParentID); err != nil {
				return err
			}
		}
		if c.Description != nil {
			r.Description = *c.Description
		}
		r.Extra = r.Extra.merge(c.Extra)
		tx.Changed(changeOf("region", id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&r).WherePK(), "region", "Duplicate ID, "+id)
	})
	return r, err
}

func notBelow(ctx context.Context, tx *store.Tx, id string, parent *string) error {
	if parent == nil {
		return nil
	}
	var n int
	err := tx.NewRaw(`WITH RECURSIVE up (id) AS (SELECT CAST(? AS TEXT)
		UNION SELECT r.parent_id FROM catalog_regions r JOIN up ON r.id = up.id WHERE r.parent_id IS NOT NULL)
		SELECT COUNT(*) FROM up WHERE id = ?`, *parent, id).Scan(ctx, &n)
	if err != nil {
		return fmt.Errorf("read parents of region: %w", err)
	}
	if n > 0 {
		return errs.New(errs.Invalid, "The specified parent region %s would create a circular region hierarchy.", *parent)
	}
	return nil
}

// DeleteRegion removes a region with those below it, none of which may have
// endpoints: else it is Forbidden.
func (s *Service) DeleteRegion(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := one(ctx, tx.NewSelect().Model(&Region{}).Where("id = ?", id), "region", id); err != nil {
			return err
		}
		var all []string
		err := tx.NewRaw(`WITH RECURSIVE down (id) AS (SELECT id FROM catalog_regions WHERE id = ?
			UNION SELECT r.id FROM catalog_regions r JOIN down ON r.parent_id = down.id) SELECT id FROM down`, id).Scan(ctx, &all)
		if err != nil {
			return fmt.Errorf("read regions below: %w", err)
		}
		used, err := tx.NewSelect().Model((*Endpoint)(nil)).Where("region_id IN (?)", store.Set(all)).Exists(ctx)
		if err != nil {
			return fmt.Errorf("read endpoints of regions: %w", err)
		}
		if used {
			return errs.New(errs.Forbidden, "Unable to delete region %s because it or its child regions have associated endpoints.", id)
		}
		for _, region := range all {
			tx.Changed(changeOf("region", region, store.Delete))
		}
		if _, err := tx.NewDelete().Model((*Region)(nil)).Where("id IN (?)", store.Set(all)).Exec(ctx); err != nil {
			return fmt.Errorf("delete regions: %w", err)
		}
		return nil
	})
}

// CatalogServices lists services.
func (s *Service) CatalogServices(ctx context.Context, l Listing) ([]CatalogService, error) {
	list := []CatalogService{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "catalog_services", serviceColumns)
}

// CatalogService returns a service by id.
func (s *Service) CatalogService(ctx context.Context, id string) (CatalogService, error) {
	var v CatalogService
	return v, one(ctx, s.db.Read().NewSelect().Model(&v).Where("id = ?", id), "service", id)
}

// CreateCatalogService makes a service.
func (s *Service) CreateCatalogService(ctx context.Context, v CatalogService) (CatalogService, error) {
	v.ID = newID()
	return v, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.Changed(changeOf("service", v.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&v), "service", "Duplicate entry")
	})
}

// CatalogServiceChange is what changes of a service; nil leaves as it is.
type CatalogServiceChange struct {
	Type, Name, Description *string
	Enabled                 *bool
	Extra                   Extra
}

// UpdateCatalogService changes a service.
func (s *Service) UpdateCatalogService(ctx context.Context, id string, c CatalogServiceChange) (CatalogService, error) {
	var v CatalogService
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		v = CatalogService{}
		if err := one(ctx, tx.NewSelect().Model(&v).Where("id = ?", id), "service", id); err != nil {
			return err
		}
		if c.Type != nil {
			v.Type = *c.Type
		}
		if c.Name != nil {
			v.Name = c.Name
		}
		if c.Description != nil {
			v.Description = c.Description
		}
		if c.Enabled != nil {
			v.Enabled = *c.Enabled
		}
		v.Extra = v.Extra.merge(c.Extra)
		tx.Changed(changeOf("service", id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&v).WherePK(), "service", "Duplicate entry")
	})
	return v, err
}

// DeleteCatalogService removes a service and its endpoints.
func (s *Service) DeleteCatalogService(ctx context.Context, id string) error {
	return s.remove(ctx, (*CatalogService)(nil), "service", id)
}

// Endpoints lists endpoints.
func (s *Service) Endpoints(ctx context.Context, l Listing) ([]Endpoint, error) {
	list := []Endpoint{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "catalog_endpoints", endpointColumns)
}

// Endpoint returns an endpoint by id.
func (s *Service) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	var e Endpoint
	return e, one(ctx, s.db.Read().NewSelect().Model(&e).Where("id = ?", id), "endpoint", id)
}

var placeholder = regexp.MustCompile(`[$%]\(([a-z_]*)\)s`)

// checkURL refuses placeholders that the catalog can't fill in.
func checkURL(url string) error {
	rest := url
	for _, match := range placeholder.FindAllStringSubmatch(url, -1) {
		if !slices.Contains([]string{"project_id", "tenant_id", "user_id"}, match[1]) {
			return errs.New(errs.Invalid, "Cannot create an endpoint with an invalid URL: %s.", url)
		}
		rest = strings.Replace(rest, match[0], "", 1)
	}
	if strings.Contains(rest, "$(") || strings.Contains(rest, "%(") {
		return errs.New(errs.Invalid, "Cannot create an endpoint with an invalid URL: %s.", url)
	}
	return nil
}

// CreateEndpoint makes an endpoint. makeRegion makes its region too, where it
// isn't there.
func (s *Service) CreateEndpoint(ctx context.Context, e Endpoint, makeRegion bool) (Endpoint, error) {
	e.ID = newID()
	return e, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := e.check(ctx, tx, makeRegion); err != nil {
			return err
		}
		tx.Changed(changeOf("endpoint", e.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&e), "endpoint", "Duplicate entry")
	})
}

func (e *Endpoint) check(ctx context.Context, tx *store.Tx, makeRegion bool) error {
	if err := checkURL(e.URL); err != nil {
		return err
	}
	if makeRegion && e.RegionID != nil {
		tx.Changed(changeOf("region", *e.RegionID, store.Create)) // there or not: it is read again
		q := tx.NewInsert().Model(&Region{ID: *e.RegionID}).On("CONFLICT (id) DO NOTHING")
		if err := write(ctx, q, "region", "Duplicate ID, "+*e.RegionID); err != nil {
			return err
		}
	}
	err := one(ctx, tx.NewSelect().Model(&CatalogService{}).Where("id = ?", e.ServiceID), "service", e.ServiceID)
	if err == nil {
		err = regionExists(ctx, tx, e.RegionID)
	}
	return missingIsInvalid(err)
}

// EndpointChange is what changes of an endpoint; nil leaves as it is. An empty
// RegionID removes it.
type EndpointChange struct {
	ServiceID, RegionID, Interface, URL *string
	Enabled                             *bool
	MakeRegion                          bool
	Extra                               Extra
}

// UpdateEndpoint changes an endpoint.
func (s *Service) UpdateEndpoint(ctx context.Context, id string, c EndpointChange) (Endpoint, error) {
	var e Endpoint
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		e = Endpoint{}
		if err := one(ctx, tx.NewSelect().Model(&e).Where("id = ?", id), "endpoint", id); err != nil {
			return err
		}
		for _, field := range []struct {
			to   *string
			from *string
		}{{&e.ServiceID, c.ServiceID}, {&e.Interface, c.Interface}, {&e.URL, c.URL}} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		if c.RegionID != nil {
			e.RegionID = nilIfEmpty(*c.RegionID)
		}
		if c.Enabled != nil {
			e.Enabled = *c.Enabled
		}
		e.Extra = e.Extra.merge(c.Extra)
		if err := e.check(ctx, tx, c.MakeRegion); err != nil {
			return err
		}
		tx.Changed(changeOf("endpoint", id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&e).WherePK(), "endpoint", "Duplicate entry")
	})
	return e, err
}

// DeleteEndpoint removes an endpoint.
func (s *Service) DeleteEndpoint(ctx context.Context, id string) error {
	return s.remove(ctx, (*Endpoint)(nil), "endpoint", id)
}
