package placement

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Provider is what has resources: a host. All providers here are roots: they
// have neither parents nor children.
type Provider struct {
	bun.BaseModel `bun:"table:placement_providers,alias:p"`

	ID         string `bun:",pk"`
	Name       string
	Generation int64 // grows with each change of inventory, traits or allocations
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// EnsureProvider returns the provider with the name, and makes it when there
// is none.
func (s *Service) EnsureProvider(ctx context.Context, tx *store.Tx, name string) (Provider, error) {
	fresh := Provider{ID: newID(), Name: name, CreatedAt: now(), UpdatedAt: now()}
	if _, err := tx.NewInsert().Model(&fresh).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
		return Provider{}, fmt.Errorf("insert provider %s: %w", name, err)
	}
	var p Provider
	if err := tx.NewSelect().Model(&p).Where("p.name = ?", name).Scan(ctx); err != nil {
		return Provider{}, fmt.Errorf("find provider %s: %w", name, err)
	}
	if p.ID == fresh.ID {
		tx.Changed(changeOf(p.ID, store.Create))
	}
	return p, nil
}

// CreateProvider makes a provider; an empty id gets one. A used id or name is
// a Conflict.
func (s *Service) CreateProvider(ctx context.Context, id, name string) (Provider, error) {
	p := Provider{ID: id, Name: name, CreatedAt: now(), UpdatedAt: now()}
	if p.ID == "" {
		p.ID = newID()
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		tx.Changed(changeOf(p.ID, store.Create))
		_, err := tx.NewInsert().Model(&p).Exec(ctx)
		return err
	})
	if store.IsDuplicate(err) {
		what := "name: " + name
		if _, e := s.ProviderByID(ctx, s.db.Read(), p.ID); e == nil {
			what = "uuid: " + p.ID
		}
		return p, errs.Wrap(err, errs.Conflict, "Conflicting resource provider %s already exists.", what).WithType(CodeDuplicateName)
	}
	if err != nil {
		return p, fmt.Errorf("insert provider: %w", err)
	}
	return p, nil
}

// ProviderByID finds a provider; NotFound when there is none.
func (s *Service) ProviderByID(ctx context.Context, db bun.IDB, id string) (Provider, error) {
	var p Provider
	err := db.NewSelect().Model(&p).Where("p.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return p, errs.New(errs.NotFound, "No resource provider with uuid %s found", id)
	}
	if err != nil {
		return p, fmt.Errorf("find provider: %w", err)
	}
	return p, nil
}

// RenameProvider gives a provider another name; one that is used is a Conflict.
func (s *Service) RenameProvider(ctx context.Context, id, name string) (Provider, error) {
	var p Provider
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = s.ProviderByID(ctx, tx, id); err != nil {
			return err
		}
		p.Name, p.UpdatedAt = name, now()
		tx.Changed(changeOf(id, store.Update))
		_, err = tx.NewUpdate().Model(&p).Column("name", "updated_at").WherePK().Exec(ctx)
		return err
	})
	if store.IsDuplicate(err) {
		return p, errs.Wrap(err, errs.Conflict, "Conflicting resource provider %s already exists.", name).WithType(CodeDuplicateName)
	}
	return p, err
}

// DeleteProvider deletes a provider with its inventory, traits and aggregates:
// NotFound, or Conflict while it has allocations.
func (s *Service) DeleteProvider(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		used, err := tx.NewSelect().Model((*Allocation)(nil)).Where("a.provider_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for allocations: %w", err)
		}
		if used {
			return errs.New(errs.Conflict, "Unable to delete resource provider %s: Resource provider has allocations.", id).WithType(CodeProviderInUse)
		}
		result, err := tx.NewDelete().Model((*Provider)(nil)).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete provider: %w", err)
		}
		tx.Changed(changeOf(id, store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return missing(err, "No resource provider with uuid %s found for delete", id)
		}
		return nil
	})
}

// ProviderFilter narrows a list of providers. Empty fields do not.
type ProviderFilter struct {
	Name, ID  string
	MemberOf  [][]string       // at least one aggregate of each group
	NotIn     []string         // none of these aggregates
	Required  [][]string       // at least one trait of each group
	Forbidden []string         // none of these traits
	Resources map[string]int64 // has room for these
}

// Providers lists providers by name. An unknown class or trait in the filter is Invalid.
func (s *Service) Providers(ctx context.Context, f ProviderFilter) ([]Provider, error) {
	db := s.db.Read()
	if err := s.checkFilter(ctx, db, f); err != nil {
		return nil, err
	}
	found := []Provider{}
	q := db.NewSelect().Model(&found).Order("p.name")
	if f.Name != "" {
		q = q.Where("p.name = ?", f.Name)
	}
	if f.ID != "" {
		q = q.Where("p.id = ?", f.ID)
	}
	has := func(table, column string, values []string) *bun.SelectQuery {
		return db.NewSelect().TableExpr("? AS x", bun.Ident(table)).ColumnExpr("1").
			Where("x.provider_id = p.id").Where("x.? IN (?)", bun.Ident(column), bun.List(values))
	}
	for _, group := range f.MemberOf {
		q = q.Where("EXISTS (?)", has("placement_provider_aggregates", "aggregate_id", group))
	}
	if len(f.NotIn) > 0 {
		q = q.Where("NOT EXISTS (?)", has("placement_provider_aggregates", "aggregate_id", f.NotIn))
	}
	for _, group := range f.Required {
		q = q.Where("EXISTS (?)", has("placement_provider_traits", "trait", group))
	}
	if len(f.Forbidden) > 0 {
		q = q.Where("NOT EXISTS (?)", has("placement_provider_traits", "trait", f.Forbidden))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	if len(f.Resources) == 0 {
		return found, nil
	}
	candidates, err := s.Candidates(ctx, db)
	if err != nil {
		return nil, err
	}
	room := map[string]bool{}
	for _, c := range candidates {
		room[c.ProviderID] = c.Fits(f.Resources)
	}
	return slices.DeleteFunc(found, func(p Provider) bool { return !room[p.ID] }), nil
}

func (s *Service) checkFilter(ctx context.Context, db bun.IDB, f ProviderFilter) error {
	var names []string
	for class := range f.Resources {
		names = append(names, class)
	}
	unknown, err := classes.missingOf(ctx, db, names)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "Invalid resource class in resources parameter: No such resource class %s.", unknown[0])
	}
	unknown, err = traits.missingOf(ctx, db, slices.Concat(slices.Concat(f.Required...), f.Forbidden))
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, `Invalid trait(s) in "required" parameter: No such trait(s): %s.`, strings.Join(unknown, ", "))
	}
	return nil
}

// bump checks a provider's generation, unless it is negative, and makes it grow.
func (s *Service) bump(ctx context.Context, tx *store.Tx, id string, expected int64) (Provider, error) {
	p, err := s.ProviderByID(ctx, tx, id)
	if err != nil {
		return p, err
	}
	if expected >= 0 && p.Generation != expected {
		return p, errs.New(errs.Conflict, "resource provider generation conflict: it was changed meanwhile. Please get its generation and try again.").
			WithType(CodeConcurrentUpdate)
	}
	p.Generation, p.UpdatedAt = p.Generation+1, now()
	tx.Changed(changeOf(id, store.Update))
	if _, err := tx.NewUpdate().Model(&p).Column("generation", "updated_at").WherePK().Exec(ctx); err != nil {
		return p, fmt.Errorf("update provider's generation: %w", err)
	}
	return p, nil
}

// tag is a provider's trait or aggregate.
type tag struct{ table, column string }

var (
	traitTag     = tag{"placement_provider_traits", "trait"}
	aggregateTag = tag{"placement_provider_aggregates", "aggregate_id"}
)

func (t tag) list(ctx context.Context, db bun.IDB, provider string) ([]string, error) {
	values := []string{}
	err := db.NewSelect().TableExpr("?", bun.Ident(t.table)).Column(t.column).Where("provider_id = ?", provider).Order(t.column).Scan(ctx, &values)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.table, err)
	}
	return values, nil
}

func (t tag) set(ctx context.Context, tx *store.Tx, provider string, values []string) error {
	if _, err := tx.NewDelete().TableExpr("?", bun.Ident(t.table)).Where("provider_id = ?", provider).Exec(ctx); err != nil {
		return fmt.Errorf("empty %s: %w", t.table, err)
	}
	if len(values) == 0 {
		return nil
	}
	args := []any{bun.Ident(t.table), bun.Ident(t.column)}
	for _, v := range values {
		args = append(args, provider, v)
	}
	places := strings.TrimSuffix(strings.Repeat("(?, ?), ", len(values)), ", ")
	if _, err := tx.NewRaw("INSERT INTO ? (provider_id, ?) VALUES "+places+" ON CONFLICT DO NOTHING", args...).Exec(ctx); err != nil {
		return fmt.Errorf("fill %s: %w", t.table, err)
	}
	return nil
}

// ProviderTraits lists a provider's traits by name.
func (s *Service) ProviderTraits(ctx context.Context, db bun.IDB, id string) ([]string, error) {
	return traitTag.list(ctx, db, id)
}

// AllProviderTraits lists the traits of every provider by its id, in one query.
func (s *Service) AllProviderTraits(ctx context.Context, db bun.IDB) (map[string][]string, error) {
	var rows []struct{ ProviderID, Trait string }
	err := db.NewSelect().TableExpr("placement_provider_traits").Column("provider_id", "trait").Order("trait").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("list traits of providers: %w", err)
	}
	all := map[string][]string{}
	for _, r := range rows {
		all[r.ProviderID] = append(all[r.ProviderID], r.Trait)
	}
	return all, nil
}

// SetProviderTraits replaces a provider's traits. A negative generation is not
// compared; another one than the provider's is a Conflict, an unknown trait
// is Invalid.
func (s *Service) SetProviderTraits(ctx context.Context, id string, generation int64, names []string) (Provider, error) {
	var p Provider
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = s.bump(ctx, tx, id, generation); err != nil {
			return err
		}
		unknown, err := traits.missingOf(ctx, tx, names)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			return errs.New(errs.Invalid, "No such trait %s", strings.Join(unknown, ", "))
		}
		return traitTag.set(ctx, tx, id, names)
	})
	return p, err
}

// ProviderAggregates lists the aggregates that a provider is in.
func (s *Service) ProviderAggregates(ctx context.Context, db bun.IDB, id string) ([]string, error) {
	return aggregateTag.list(ctx, db, id)
}

// SetProviderAggregates replaces the aggregates that a provider is in. The
// generation is compared, and grows, unless it is negative.
func (s *Service) SetProviderAggregates(ctx context.Context, id string, generation int64, aggregates []string) (Provider, error) {
	var p Provider
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if generation >= 0 {
			p, err = s.bump(ctx, tx, id, generation)
		} else {
			p, err = s.ProviderByID(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		tx.Changed(changeOf(id, store.Update))
		return aggregateTag.set(ctx, tx, id, aggregates)
	})
	return p, err
}
