package compute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Flavor is a size of servers (API ref: Flavors).
type Flavor struct {
	bun.BaseModel `bun:"table:flavors,alias:f"`

	ID           string            `bun:"id,pk"`
	Name         string            `bun:"name"`
	Description  *string           `bun:"description"`
	MemoryMiB    int64             `bun:"memory_mb"`
	VCPUs        int64             `bun:"vcpus"`
	RootGiB      int64             `bun:"root_gb"` // 0: the image's own size
	EphemeralGiB int64             `bun:"ephemeral_gb"`
	SwapMiB      int64             `bun:"swap"`
	RxTxFactor   float64           `bun:"rxtx_factor"`
	Public       bool              `bun:"is_public"`
	Disabled     bool              `bun:"disabled"`
	CreatedAt    time.Time         `bun:"created_at"`
	UpdatedAt    time.Time         `bun:"updated_at"`
	ExtraSpecs   map[string]string `bun:"-"`
}

type flavorAccess struct {
	bun.BaseModel `bun:"table:flavor_access,alias:fa"`
	FlavorID      string `bun:"flavor_id,pk"`
	ProjectID     string `bun:"project_id,pk"`
}

type extraSpec struct {
	bun.BaseModel `bun:"table:flavor_extra_specs,alias:fe"`
	FlavorID      string `bun:"flavor_id,pk"`
	Name          string `bun:"name,pk"`
	Value         string `bun:"value"`
}

// FlavorFilter narrows ListFlavors. The zero value lists public flavors and
// those that the caller's project has access to.
type FlavorFilter struct {
	store.List
	// Public, for admins: nil is all flavors, else those that are public or not.
	Public *bool
	// All says that Public counts; without it admins see as others do.
	All           bool
	MinRAM, MinGB int64
}

var flavorColumns = store.Columns{
	"id": "f.id", "flavorid": "f.id", "name": "f.name", "memory_mb": "f.memory_mb", "vcpus": "f.vcpus", "root_gb": "f.root_gb",
	"ephemeral_gb": "f.ephemeral_gb", "swap": "f.swap", "rxtx_factor": "f.rxtx_factor", "is_public": "f.is_public",
	"disabled": "f.disabled", "description": "f.description", "created_at": "f.created_at", "updated_at": "f.updated_at",
}

// ListFlavors lists flavors with their extra specs.
func (s *Service) ListFlavors(ctx context.Context, caller *policy.Caller, filter FlavorFilter) ([]Flavor, error) {
	db := s.db.Read()
	var flavors []Flavor
	q := db.NewSelect().Model(&flavors).Where("f.memory_mb >= ?", filter.MinRAM).Where("f.root_gb >= ?", filter.MinGB)
	switch {
	case !caller.IsAdmin() || !filter.All:
		q = visibleFlavors(q, caller)
	case filter.Public != nil && *filter.Public: // and those that the own project may use
		q = visibleFlavors(q, caller)
	case filter.Public != nil:
		q = q.Where("f.is_public = ?", false)
	}
	if len(filter.Sort) == 0 {
		filter.Sort = []store.Order{{Key: "flavorid"}}
	}
	q, err := filter.Apply(ctx, db, q, "flavors", flavorColumns)
	if err != nil {
		return nil, err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list flavors: %w", err)
	}
	return flavors, loadExtraSpecs(ctx, db, flavors)
}

func visibleFlavors(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
	return q.Where("(f.is_public = ? OR f.id IN (SELECT flavor_id FROM flavor_access WHERE project_id = ?))", true, caller.ProjectID)
}

func loadExtraSpecs(ctx context.Context, db bun.IDB, flavors []Flavor) error {
	if len(flavors) == 0 {
		return nil
	}
	ids := make([]string, len(flavors))
	index := make(map[string]int, len(flavors))
	for i := range flavors {
		flavors[i].ExtraSpecs = map[string]string{}
		ids[i] = flavors[i].ID
		index[ids[i]] = i
	}
	var specs []extraSpec
	if err := db.NewSelect().Model(&specs).Where("flavor_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("load extra specs: %w", err)
	}
	for _, spec := range specs {
		flavors[index[spec.FlavorID]].ExtraSpecs[spec.Name] = spec.Value
	}
	return nil
}

// GetFlavor returns a flavor that the caller may see, or NotFound.
func (s *Service) GetFlavor(ctx context.Context, caller *policy.Caller, id string) (Flavor, error) {
	return getFlavor(ctx, s.db.Read(), caller, id)
}

func getFlavor(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (Flavor, error) {
	flavors := make([]Flavor, 1)
	q := db.NewSelect().Model(&flavors[0]).Where("f.id = ?", id)
	if !caller.IsAdmin() {
		q = visibleFlavors(q, caller)
	}
	if err := one(q.Scan(ctx), "get flavor", "Flavor %s could not be found.", id); err != nil {
		return Flavor{}, err
	}
	err := loadExtraSpecs(ctx, db, flavors)
	return flavors[0], err
}

// CreateFlavor adds a flavor; without an id it gets a new one. A name or id
// that is taken is a Conflict.
func (s *Service) CreateFlavor(ctx context.Context, flavor Flavor) (Flavor, error) {
	if flavor.ID == "" {
		flavor.ID = uuid.NewString()
	}
	flavor.ExtraSpecs = map[string]string{}
	flavor.CreatedAt = s.now()
	flavor.UpdatedAt = flavor.CreatedAt
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var taken []Flavor
		if err := tx.NewSelect().Model(&taken).Where("f.id = ? OR f.name = ?", flavor.ID, flavor.Name).Scan(ctx); err != nil {
			return fmt.Errorf("look for the flavor: %w", err)
		}
		switch {
		case slices.ContainsFunc(taken, func(other Flavor) bool { return other.ID == flavor.ID }):
			return errs.New(errs.Conflict, "Flavor with ID %s already exists.", flavor.ID)
		case len(taken) > 0:
			return errs.New(errs.Conflict, "Flavor with name %s already exists.", flavor.Name)
		}
		if _, err := tx.NewInsert().Model(&flavor).Exec(ctx); err != nil {
			return fmt.Errorf("insert flavor: %w", err)
		}
		tx.Changed(flavor.change(store.Create))
		return nil
	})
	if store.IsDuplicate(err) {
		err = errs.Wrap(err, errs.Conflict, "Flavor with name %s already exists.", flavor.Name)
	}
	return flavor, err
}

// DescribeFlavor changes a flavor's description; nil removes it.
func (s *Service) DescribeFlavor(ctx context.Context, caller *policy.Caller, id string, description *string) (Flavor, error) {
	var flavor Flavor
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if flavor, err = getFlavor(ctx, tx, caller, id); err != nil {
			return err
		}
		flavor.Description, flavor.UpdatedAt = description, s.now()
		if _, err := tx.NewUpdate().Model(&flavor).Column("description", "updated_at").WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update flavor: %w", err)
		}
		tx.Changed(flavor.change(store.Update))
		return nil
	})
	return flavor, err
}

// DeleteFlavor removes a flavor. Servers keep the size that they were made with.
func (s *Service) DeleteFlavor(ctx context.Context, caller *policy.Caller, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		flavor, err := getFlavor(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		tx.Changed(flavor.change(store.Delete))
		if _, err := tx.NewDelete().Model((*Flavor)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("delete flavor: %w", err)
		}
		return nil
	})
}

// FlavorAccess lists the projects that may use a private flavor. A public one
// has no such list: NotFound.
func (s *Service) FlavorAccess(ctx context.Context, caller *policy.Caller, id string) ([]string, error) {
	flavor, err := s.GetFlavor(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	if flavor.Public {
		return nil, errs.New(errs.NotFound, "Access list not available for public flavors.")
	}
	return flavorProjects(ctx, s.db.Read(), id)
}

func flavorProjects(ctx context.Context, db bun.IDB, id string) ([]string, error) {
	projects := []string{}
	err := db.NewSelect().Model((*flavorAccess)(nil)).Column("project_id").Where("flavor_id = ?", id).Order("project_id").Scan(ctx, &projects)
	if err != nil {
		return nil, fmt.Errorf("list flavor access: %w", err)
	}
	return projects, nil
}

// AddFlavorAccess lets a project use a private flavor, and returns the list. A
// public flavor is a Conflict unless public says that it may be one.
func (s *Service) AddFlavorAccess(ctx context.Context, caller *policy.Caller, id, project string, public bool) (projects []string, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		flavor, err := getFlavor(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		if flavor.Public && !public {
			return errs.New(errs.Conflict, "Can not add access to a public flavor.")
		}
		result, err := tx.NewInsert().Model(&flavorAccess{FlavorID: id, ProjectID: project}).On("CONFLICT DO NOTHING").Exec(ctx)
		if err != nil {
			return fmt.Errorf("add flavor access: %w", err)
		}
		tx.Changed(flavorAccessChange(id, project))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.New(errs.Conflict, "Flavor access already exists for flavor %s and project %s combination.", id, project)
		}
		projects, err = flavorProjects(ctx, tx, id)
		return err
	})
	return projects, err
}

// RemoveFlavorAccess takes a flavor from a project, and returns the list.
func (s *Service) RemoveFlavorAccess(ctx context.Context, caller *policy.Caller, id, project string) (projects []string, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := getFlavor(ctx, tx, caller, id); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*flavorAccess)(nil)).Where("flavor_id = ? AND project_id = ?", id, project).Exec(ctx)
		if err != nil {
			return fmt.Errorf("remove flavor access: %w", err)
		}
		tx.Changed(flavorAccessChange(id, project))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.New(errs.NotFound, "Flavor access not found for %s / %s combination.", id, project)
		}
		projects, err = flavorProjects(ctx, tx, id)
		return err
	})
	return projects, err
}

// SetExtraSpecs adds or replaces extra specs of a flavor.
func (s *Service) SetExtraSpecs(ctx context.Context, caller *policy.Caller, id string, specs map[string]string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		flavor, err := getFlavor(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		rows := make([]extraSpec, 0, len(specs))
		for name, value := range specs {
			rows = append(rows, extraSpec{FlavorID: id, Name: name, Value: value})
		}
		if len(rows) == 0 {
			return nil
		}
		if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (flavor_id, name) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx); err != nil {
			return fmt.Errorf("set extra specs: %w", err)
		}
		tx.Changed(flavor.change(store.Update))
		return nil
	})
}

// DeleteExtraSpec removes one extra spec, or says NotFound.
func (s *Service) DeleteExtraSpec(ctx context.Context, caller *policy.Caller, id, name string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		flavor, err := getFlavor(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		tx.Changed(flavor.change(store.Update))
		result, err := tx.NewDelete().Model((*extraSpec)(nil)).Where("flavor_id = ? AND name = ?", id, name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete extra spec: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.New(errs.NotFound, "Flavor %s has no extra specs with key %s.", id, name)
		}
		return nil
	})
}
