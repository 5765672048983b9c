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

// Provider is what has resources: a host, or a part of one. Providers make
// trees: one without a parent is the root of its own.
type Provider struct {
	bun.BaseModel `bun:"table:placement_providers,alias:p"`

	ID         string `bun:",pk"`
	Name       string
	ParentID   string `bun:",nullzero"` // "" is a root
	RootID     string
	Generation int64 // grows with each change of inventory, traits or allocations
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// EnsureProvider returns the provider with the name, and makes it when there
// is none.
func (s *Service) EnsureProvider(ctx context.Context, tx *store.Tx, name string) (Provider, error) {
	fresh := Provider{ID: newID(), Name: name, CreatedAt: now(), UpdatedAt: now()}
	fresh.RootID = fresh.ID
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

// CreateProvider makes a provider below another, or a root where parent is
// empty; an empty id gets one. A used id or name is a Conflict, a parent that
// is not there Invalid.
func (s *Service) CreateProvider(ctx context.Context, id, name, parent string) (Provider, error) {
	p := Provider{ID: id, Name: name, ParentID: parent, CreatedAt: now(), UpdatedAt: now()}
	if p.ID == "" {
		p.ID = newID()
	}
	refuse := func(why string) error {
		return errs.New(errs.Invalid, `Unable to create resource provider "%s", %s: Object action create failed because: %s`, name, p.ID, why)
	}
	if parent == p.ID {
		return p, refuse("parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.")
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p.RootID = p.ID
		if parent != "" {
			above, err := s.ProviderByID(ctx, tx, parent)
			if errs.Is(err, errs.NotFound) {
				return refuse(noParent)
			}
			if err != nil {
				return err
			}
			p.RootID = above.RootID
		}
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

const noParent = "parent provider UUID does not exist."

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

// ProviderChange is what a provider shall become.
type ProviderChange struct {
	Name     string
	Parent   *string // nil leaves it where it is, "" makes it a root
	Reparent bool    // a parent may be left for another one, or for none
}

// UpdateProvider gives a provider another name or parent; its subtree goes
// with it. A name that is used is a Conflict; a parent that is not there, is
// below the provider, or may not be left is Invalid.
func (s *Service) UpdateProvider(ctx context.Context, id string, change ProviderChange) (Provider, error) {
	var p Provider
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = s.ProviderByID(ctx, tx, id); err != nil {
			return err
		}
		p.Name, p.UpdatedAt = change.Name, now()
		if change.Parent != nil && *change.Parent != p.ParentID {
			if err := s.move(ctx, tx, &p, *change.Parent, change.Reparent); err != nil {
				return err
			}
		}
		tx.Changed(changeOf(id, store.Update))
		_, err = tx.NewUpdate().Model(&p).Column("name", "parent_id", "root_id", "updated_at").WherePK().Exec(ctx)
		return err
	})
	if store.IsDuplicate(err) {
		return p, errs.Wrap(err, errs.Conflict, "Conflicting resource provider %s already exists.", change.Name).WithType(CodeDuplicateName)
	}
	return p, err
}

// move puts a provider below another one, or makes it a root, and tells its
// subtree which root it has now.
func (s *Service) move(ctx context.Context, tx *store.Tx, p *Provider, parent string, reparent bool) error {
	refuse := func(why string) error {
		return errs.New(errs.Invalid, "Unable to save resource provider %s: Object action update failed because: %s", p.ID, why)
	}
	root := p.ID
	if parent != "" {
		above, err := s.ProviderByID(ctx, tx, parent)
		if errs.Is(err, errs.NotFound) {
			return refuse(noParent)
		}
		if err != nil {
			return err
		}
		root = above.RootID
	}
	switch {
	case p.ParentID != "" && !reparent && parent == "":
		return refuse("un-parenting a provider is not currently allowed.")
	case p.ParentID != "" && !reparent:
		return refuse("re-parenting a provider is not currently allowed.")
	}
	below, err := s.subtree(ctx, tx, *p)
	if err != nil {
		return err
	}
	if slices.Contains(below, parent) {
		return refuse("creating loop in the provider tree is not allowed.")
	}
	p.ParentID, p.RootID = parent, root
	for _, id := range below {
		tx.Changed(changeOf(id, store.Update))
	}
	if _, err := tx.NewUpdate().Model((*Provider)(nil)).Set("root_id = ?", root).Where("id IN (?)", store.Set(below)).Exec(ctx); err != nil {
		return fmt.Errorf("move a provider's subtree: %w", err)
	}
	return nil
}

// subtree lists a provider and all that are below it.
func (s *Service) subtree(ctx context.Context, tx *store.Tx, p Provider) ([]string, error) {
	var tree []Provider
	if err := tx.NewSelect().Model(&tree).Column("id", "parent_id").Where("p.root_id = ?", p.RootID).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list a provider's tree: %w", err)
	}
	children := map[string][]string{}
	for _, other := range tree {
		children[other.ParentID] = append(children[other.ParentID], other.ID)
	}
	below := []string{p.ID}
	for n := 0; n < len(below); n++ {
		below = append(below, children[below[n]]...)
	}
	return below, nil
}

// DeleteProvider deletes a provider with its inventory, traits and aggregates:
// NotFound, or Conflict while it has children or allocations.
func (s *Service) DeleteProvider(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		parent, err := tx.NewSelect().Model((*Provider)(nil)).Where("p.parent_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for child providers: %w", err)
		}
		if parent {
			return errs.New(errs.Conflict, "Unable to delete parent resource provider %s: It has child resource providers.", id).WithType(CodeProviderIsParent)
		}
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
	InTree    string           // in the tree that this provider is in
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
	if f.InTree != "" {
		q = q.Where("p.root_id = (?)", db.NewSelect().TableExpr("placement_providers AS t").Column("t.root_id").Where("t.id = ?", f.InTree))
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

// expect finds a provider, and checks its generation unless it is negative.
func (s *Service) expect(ctx context.Context, tx *store.Tx, id string, expected int64) (Provider, error) {
	p, err := s.ProviderByID(ctx, tx, id)
	if err == nil && expected >= 0 && p.Generation != expected {
		err = errs.New(errs.Conflict, "resource provider generation conflict: it was changed meanwhile. Please get its generation and try again.").
			WithType(CodeConcurrentUpdate)
	}
	return p, err
}

// bump checks a provider's generation, unless it is negative, and makes it grow.
func (s *Service) bump(ctx context.Context, tx *store.Tx, id string, expected int64) (Provider, error) {
	p, err := s.expect(ctx, tx, id, expected)
	if err != nil {
		return p, err
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

// all lists the values of every provider by its id, in one query.
func (t tag) all(ctx context.Context, db bun.IDB) (map[string][]string, error) {
	var rows []struct{ ProviderID, Value string }
	err := db.NewSelect().TableExpr("?", bun.Ident(t.table)).Column("provider_id").ColumnExpr("? AS value", bun.Ident(t.column)).Order("value").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.table, err)
	}
	all := map[string][]string{}
	for _, r := range rows {
		all[r.ProviderID] = append(all[r.ProviderID], r.Value)
	}
	return all, nil
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

// SetProviderTraits replaces a provider's traits; its generation grows when
// that changes any. A negative generation is not compared; another one than
// the provider's is a Conflict, an unknown trait is Invalid.
func (s *Service) SetProviderTraits(ctx context.Context, id string, generation int64, names []string) (Provider, error) {
	var p Provider
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = s.expect(ctx, tx, id, generation); err != nil {
			return err
		}
		unknown, err := traits.missingOf(ctx, tx, names)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			return errs.New(errs.Invalid, "No such trait %s", strings.Join(unknown, ", "))
		}
		had, err := traitTag.list(ctx, tx, id)
		if err != nil {
			return err
		}
		slices.Sort(had) // databases order by more than bytes
		if slices.Equal(had, slices.Compact(slices.Sorted(slices.Values(names)))) {
			return nil
		}
		if p, err = s.bump(ctx, tx, id, generation); err != nil {
			return err
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
