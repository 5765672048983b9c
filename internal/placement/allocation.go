package placement

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Consumer is who holds allocations. It exists while it holds some.
type Consumer struct {
	bun.BaseModel `bun:"table:placement_consumers,alias:c"`

	ID         string `bun:",pk"`
	ProjectID  string
	UserID     string
	Type       string // "INSTANCE"; empty is unknown
	Generation int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Allocation is an amount of one class that a consumer holds of a provider.
type Allocation struct {
	bun.BaseModel `bun:"table:placement_allocations,alias:a"`

	ConsumerID string `bun:",pk"`
	ProviderID string `bun:",pk"`
	Class      string `bun:",pk"`
	Used       int64
	CreatedAt  time.Time
}

// Lock names the lock under which claims on a provider do not make each other
// repeat their transaction on PostgreSQL.
func Lock(providerID string) store.Lock { return store.Lock("placement:" + providerID) }

// Claim gives a consumer amounts of a provider's resources, by class. What the
// consumer held of this provider before is replaced; what it holds of others
// stays. Amounts that are not there, or break the inventory's min, max or
// step, are a Conflict, and so is a provider without such an inventory.
func (s *Service) Claim(ctx context.Context, tx *store.Tx, consumer Consumer, providerID string, resources map[string]int64) error {
	return s.allocate(ctx, tx, []Holding{{consumer, map[string]map[string]int64{providerID: resources}}}, providerID)
}

// Holding is what a consumer shall hold, by provider and class.
type Holding struct {
	Consumer Consumer
	Wanted   map[string]map[string]int64
}

// Replace makes a consumer hold exactly the given amounts, by provider and
// class; nothing is Release. An unknown provider or class is Invalid, what
// doesn't fit a Conflict.
func (s *Service) Replace(ctx context.Context, tx *store.Tx, consumer Consumer, wanted map[string]map[string]int64) error {
	return s.ReplaceAll(ctx, tx, []Holding{{consumer, wanted}})
}

// ReplaceAll is Replace for several consumers at once: what one lets go of
// another can have.
func (s *Service) ReplaceAll(ctx context.Context, tx *store.Tx, holdings []Holding) error {
	var emptied []string
	var held []Holding
	for _, h := range holdings {
		if len(h.Wanted) == 0 {
			emptied = append(emptied, h.Consumer.ID)
		} else {
			held = append(held, h)
		}
	}
	if err := s.release(ctx, tx, emptied); err != nil || len(held) == 0 {
		return err
	}
	return s.allocate(ctx, tx, held, "")
}

// Release takes all that a consumer holds; none is fine.
func (s *Service) Release(ctx context.Context, tx *store.Tx, consumerID string) error {
	return s.release(ctx, tx, []string{consumerID})
}

func (s *Service) release(ctx context.Context, tx *store.Tx, consumers []string) error {
	if len(consumers) == 0 {
		return nil
	}
	var freed []Provider
	held := tx.NewSelect().Model((*Allocation)(nil)).Column("provider_id").Where("a.consumer_id IN (?)", store.Set(consumers))
	_, err := tx.NewUpdate().Model((*Provider)(nil)).Set("generation = generation + 1").Set("updated_at = ?", now()).
		Where("id IN (?)", held).Returning("id").Exec(ctx, &freed)
	if err != nil {
		return fmt.Errorf("update providers' generations: %w", err)
	}
	for _, p := range freed {
		tx.Changed(changeOf(p.ID, store.Update))
	}
	if _, err := tx.NewDelete().Model((*Consumer)(nil)).Where("id IN (?)", store.Set(consumers)).Exec(ctx); err != nil {
		return fmt.Errorf("delete consumers: %w", err)
	}
	return nil // their allocations went with them
}

// allocate makes consumers hold what they want, instead of what they hold of
// one provider, or of all where that is "".
func (s *Service) allocate(ctx context.Context, tx *store.Tx, holdings []Holding, instead string) error {
	wanted := map[string]bool{}
	var ids, consumerIDs []string
	for _, h := range holdings {
		consumerIDs = append(consumerIDs, h.Consumer.ID)
		for id := range h.Wanted {
			wanted[id] = true
		}
	}
	ids = slices.Sorted(maps.Keys(wanted))
	for _, id := range ids {
		tx.Changed(changeOf(id, store.Update))
	}
	if err := s.touch(ctx, tx, ids); err != nil {
		return err
	}
	var inventories []Inventory
	if err := tx.NewSelect().Model(&inventories).Where("i.provider_id IN (?)", store.Set(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("list inventories: %w", err)
	}
	before, err := usageOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	var dropped []Allocation
	drop := tx.NewDelete().Model((*Allocation)(nil)).Where("consumer_id IN (?)", store.Set(consumerIDs)).Returning("provider_id, class, used")
	if instead != "" {
		drop = drop.Where("provider_id = ?", instead)
	}
	if _, err := drop.Exec(ctx, &dropped); err != nil {
		return fmt.Errorf("delete former allocations: %w", err)
	}
	if err := s.known(ctx, tx, holdings); err != nil {
		return err
	}
	rows, err := fit(holdings, inventories, before, without(before, dropped))
	if err != nil {
		return err
	}
	consumers := make([]Consumer, len(holdings))
	for n, h := range holdings {
		consumers[n] = h.Consumer
		consumers[n].CreatedAt, consumers[n].UpdatedAt, consumers[n].Generation = now(), now(), 1
	}
	_, err = tx.NewInsert().Model(&consumers).On("CONFLICT (id) DO UPDATE").
		Set("project_id = EXCLUDED.project_id").Set("user_id = EXCLUDED.user_id").Set("type = EXCLUDED.type").
		Set("updated_at = EXCLUDED.updated_at").Set("generation = c.generation + 1").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write consumers: %w", err)
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert allocations: %w", err)
	}
	return nil
}

// without is a usage, by provider and class, less some of its allocations.
func without(usage map[string]map[string]int64, dropped []Allocation) map[string]map[string]int64 {
	rest := make(map[string]map[string]int64, len(usage))
	for provider, classes := range usage {
		rest[provider] = maps.Clone(classes)
	}
	for _, a := range dropped {
		if classes, asked := rest[a.ProviderID]; asked {
			classes[a.Class] -= a.Used
		}
	}
	return rest
}

// touch makes the generations of providers grow. It comes first: on PostgreSQL
// the second of two claims on a provider waits here for the first.
func (s *Service) touch(ctx context.Context, tx *store.Tx, ids []string) error {
	result, err := tx.NewUpdate().Model((*Provider)(nil)).Set("generation = generation + 1").Set("updated_at = ?", now()).
		Where("id IN (?)", store.Set(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("update providers' generations: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if int(n) == len(ids) {
		return nil
	}
	var known []string
	if err := tx.NewSelect().Model((*Provider)(nil)).Column("id").Where("p.id IN (?)", store.Set(ids)).Scan(ctx, &known); err != nil {
		return fmt.Errorf("list providers: %w", err)
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return errs.New(errs.Invalid, "Allocation for resource provider '%s' that does not exist.", id)
		}
	}
	return nil
}

// known refuses classes that are not there, and providers of which nothing is
// wanted.
func (s *Service) known(ctx context.Context, tx *store.Tx, holdings []Holding) error {
	names := map[string]string{} // with a consumer that wants it
	for _, h := range holdings {
		for provider, resources := range h.Wanted {
			if len(resources) == 0 {
				return errs.New(errs.Invalid, "JSON does not validate: no resources are given for resource provider '%s'.", provider)
			}
			for class := range resources {
				names[class] = h.Consumer.ID
			}
		}
	}
	unknown, err := classes.missingOf(ctx, tx, slices.Sorted(maps.Keys(names)))
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "Unable to allocate inventory for consumer %s: No such resource class %s.", names[unknown[0]], strings.Join(unknown, ", "))
	}
	return nil
}

// fit returns the rows of allocations, or why they can't be. Where a provider
// lost resources that are used, allocations that don't make it worse are
// allowed. after, the usage without these, is added to.
func fit(holdings []Holding, inventories []Inventory, before, after map[string]map[string]int64) ([]Allocation, error) {
	has := map[[2]string]Inventory{}
	for _, i := range inventories {
		has[[2]string{i.ProviderID, i.Class}] = i
	}
	var rows []Allocation
	for _, h := range holdings {
		for _, provider := range slices.Sorted(maps.Keys(h.Wanted)) {
			resources := h.Wanted[provider]
			if after[provider] == nil {
				after[provider] = map[string]int64{}
			}
			for _, class := range slices.Sorted(maps.Keys(resources)) {
				amount := resources[class]
				refuse := func(why string) error {
					return errs.New(errs.Conflict, "Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. "+
						"The requested amount would %s.", class, provider, why)
				}
				i, ok := has[[2]string{provider, class}]
				if !ok {
					return nil, errs.New(errs.Conflict, "Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.", class, provider)
				}
				if !i.UnitFits(amount) {
					return nil, refuse("violate inventory constraints")
				}
				after[provider][class] += amount
				if used := after[provider][class]; used > i.Capacity() && used > before[provider][class] {
					return nil, refuse("exceed the capacity")
				}
				rows = append(rows, Allocation{ConsumerID: h.Consumer.ID, ProviderID: provider, Class: class, Used: amount, CreatedAt: now()})
			}
		}
	}
	return rows, nil
}

// ConsumersByID finds consumers by their ids; who holds nothing is not there.
func (s *Service) ConsumersByID(ctx context.Context, db bun.IDB, ids []string) (map[string]Consumer, error) {
	var found []Consumer
	if err := db.NewSelect().Model(&found).Where("c.id IN (?)", store.Set(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("find consumers: %w", err)
	}
	byID := make(map[string]Consumer, len(found))
	for _, c := range found {
		byID[c.ID] = c
	}
	return byID, nil
}

// ConsumerByID finds a consumer; ok is false when it holds nothing.
func (s *Service) ConsumerByID(ctx context.Context, db bun.IDB, id string) (c Consumer, ok bool, err error) {
	err = db.NewSelect().Model(&c).Where("c.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("find consumer: %w", err)
	}
	return c, true, nil
}

// Held is an allocation with the generations that the API shows beside it.
type Held struct {
	ConsumerID, ProviderID, Class          string
	Used                                   int64
	ProviderGeneration, ConsumerGeneration int64
}

// HeldBy lists what a consumer holds.
func (s *Service) HeldBy(ctx context.Context, db bun.IDB, consumerID string) ([]Held, error) {
	return s.held(ctx, db, "a.consumer_id", consumerID)
}

// HeldOf lists what is held of a provider.
func (s *Service) HeldOf(ctx context.Context, db bun.IDB, providerID string) ([]Held, error) {
	return s.held(ctx, db, "a.provider_id", providerID)
}

func (s *Service) held(ctx context.Context, db bun.IDB, column, id string) ([]Held, error) {
	var rows []Held
	err := db.NewSelect().Model((*Allocation)(nil)).
		ColumnExpr("a.consumer_id, a.provider_id, a.class, a.used, p.generation AS provider_generation, c.generation AS consumer_generation").
		Join("JOIN placement_providers AS p ON p.id = a.provider_id").Join("JOIN placement_consumers AS c ON c.id = a.consumer_id").
		Where("? = ?", bun.Safe(column), id).OrderExpr("a.provider_id, a.consumer_id, a.class").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("list allocations: %w", err)
	}
	return rows, nil
}

// ProviderUsage sums what is used of each class that a provider has; classes
// of which nothing is used are 0.
func (s *Service) ProviderUsage(ctx context.Context, db bun.IDB, providerID string) (map[string]int64, error) {
	inventories, err := s.Inventories(ctx, db, providerID)
	if err != nil {
		return nil, err
	}
	used, err := usageOf(ctx, db, []string{providerID})
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, i := range inventories {
		all[i.Class] = used[providerID][i.Class]
	}
	return all, nil
}

// TypeUsage is what the consumers of one type use.
type TypeUsage struct {
	Consumers int64
	Used      map[string]int64 // by class
}

// UsageByType sums what a project's consumers use, by their type ("" is the
// unknown one); userID narrows where it is given.
func (s *Service) UsageByType(ctx context.Context, projectID, userID string) (map[string]TypeUsage, error) {
	var rows []struct {
		Type, Class string
		Used        int64
	}
	db := s.db.Read()
	narrow := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("c.project_id = ?", projectID)
		if userID != "" {
			q = q.Where("c.user_id = ?", userID)
		}
		return q
	}
	err := narrow(db.NewSelect().Model((*Allocation)(nil)).Join("JOIN placement_consumers AS c ON c.id = a.consumer_id").
		ColumnExpr("c.type, a.class, CAST(SUM(a.used) AS BIGINT) AS used").GroupExpr("c.type, a.class")).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("sum a project's allocations: %w", err)
	}
	var counts []struct {
		Type  string
		Count int64
	}
	err = narrow(db.NewSelect().Model((*Consumer)(nil)).ColumnExpr("c.type, COUNT(*) AS count").Group("c.type")).Scan(ctx, &counts)
	if err != nil {
		return nil, fmt.Errorf("count a project's consumers: %w", err)
	}
	all := map[string]TypeUsage{}
	for _, c := range counts {
		all[c.Type] = TypeUsage{Consumers: c.Count, Used: map[string]int64{}}
	}
	for _, r := range rows {
		if u, ok := all[r.Type]; ok {
			u.Used[r.Class] = r.Used
		}
	}
	return all, nil
}
