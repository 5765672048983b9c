package placement

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// MaxUnit is the largest amount, as the API reference has it.
const MaxUnit = math.MaxInt32

// Inventory is how much of one resource class a provider has, in the class's
// own unit. Zero Ratio, Min, Max and Step mean 1, 1, MaxUnit and 1.
type Inventory struct {
	bun.BaseModel `bun:"table:placement_inventories,alias:i"`

	ProviderID string `bun:",pk"`
	Class      string `bun:",pk"`
	Total      int64
	Reserved   int64
	Ratio      float64 `bun:"allocation_ratio"`
	Min        int64   `bun:"min_unit"`
	Max        int64   `bun:"max_unit"`
	Step       int64   `bun:"step_size"`
	UpdatedAt  time.Time
}

// Capacity is what can be allocated of it in all: (Total - Reserved) × Ratio.
func (i Inventory) Capacity() int64 { return int64(float64(i.Total-i.Reserved) * i.Ratio) }

// UnitFits tells whether one allocation of that amount respects Min, Max and Step.
func (i Inventory) UnitFits(amount int64) bool {
	return amount >= i.Min && amount <= i.Max && amount%i.Step == 0
}

func (i *Inventory) defaults() {
	if i.Ratio == 0 {
		i.Ratio = 1
	}
	if i.Min == 0 {
		i.Min = 1
	}
	if i.Max == 0 {
		i.Max = MaxUnit
	}
	if i.Step == 0 {
		i.Step = 1
	}
}

func (i Inventory) check(provider string) error {
	bad := func(what string) error {
		return errs.New(errs.Invalid, "Bad inventory %s for resource provider %s: %s", i.Class, provider, what)
	}
	switch {
	case i.Total < 1 || i.Total > MaxUnit:
		return bad("total must be from 1 to 2147483647")
	case i.Reserved < 0 || i.Reserved > MaxUnit:
		return bad("reserved must be from 0 to 2147483647")
	case i.Min < 1 || i.Max < 1 || i.Step < 1 || i.Min > MaxUnit || i.Max > MaxUnit || i.Step > MaxUnit:
		return bad("min_unit, max_unit and step_size must be from 1 to 2147483647")
	case i.Ratio <= 0 || math.IsNaN(i.Ratio) || i.Ratio > 3.4e38:
		return bad("allocation_ratio must be positive")
	case i.Reserved > i.Total:
		return errs.New(errs.Invalid, "Unable to update inventory for resource provider %s: Invalid inventory for '%s' on resource provider '%s'. "+
			"The reserved value is greater than total.", provider, i.Class, provider)
	}
	return nil
}

// SetInventory replaces a provider's inventory. Values out of range and
// unknown classes are Invalid; to leave out a class that has allocations is
// a Conflict. Nothing is written when nothing differs.
func (s *Service) SetInventory(ctx context.Context, tx *store.Tx, providerID string, inventories []Inventory) error {
	_, err := s.SetInventoryAt(ctx, tx, providerID, -1, inventories)
	return err
}

// SetInventoryAt is SetInventory for a caller who knows the provider's
// generation; another one is a Conflict. A negative one is not compared.
func (s *Service) SetInventoryAt(ctx context.Context, tx *store.Tx, providerID string, generation int64, inventories []Inventory) (Provider, error) {
	wanted := slices.Clone(inventories)
	if err := complete(providerID, wanted); err != nil {
		return Provider{}, err
	}
	if err := s.checkClasses(ctx, tx, wanted); err != nil {
		return Provider{}, err
	}
	current, err := s.Inventories(ctx, tx, providerID)
	if err != nil {
		return Provider{}, err
	}
	if generation < 0 && same(current, wanted) {
		return s.ProviderByID(ctx, tx, providerID)
	}
	p, err := s.bump(ctx, tx, providerID, generation)
	if err != nil {
		return p, err
	}
	return p, s.writeInventories(ctx, tx, []string{providerID}, wanted)
}

// complete fills in what was left to defaults, and refuses what cannot be.
func complete(providerID string, wanted []Inventory) error {
	for n := range wanted {
		wanted[n].defaults()
		wanted[n].ProviderID, wanted[n].UpdatedAt = providerID, now()
		if err := wanted[n].check(providerID); err != nil {
			return err
		}
	}
	return nil
}

// checkClasses refuses inventories of classes that are not there.
func (s *Service) checkClasses(ctx context.Context, tx *store.Tx, wanted []Inventory) error {
	providers := map[string]string{} // by class, one of those that shall have it
	for _, i := range wanted {
		providers[i.Class] = i.ProviderID
	}
	unknown, err := classes.missingOf(ctx, tx, slices.Sorted(maps.Keys(providers)))
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "Unknown resource class in inventory for resource provider %s: No such resource class %s.", providers[unknown[0]], unknown[0])
	}
	return nil
}

// writeInventories makes inventories all that providers have.
func (s *Service) writeInventories(ctx context.Context, tx *store.Tx, providers []string, wanted []Inventory) error {
	if err := s.keepUsed(ctx, tx, providers, wanted); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*Inventory)(nil)).Where("provider_id IN (?)", store.Set(providers)).Exec(ctx); err != nil {
		return fmt.Errorf("delete inventories: %w", err)
	}
	if len(wanted) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&wanted).Exec(ctx); err != nil {
		return fmt.Errorf("insert inventories: %w", err)
	}
	return nil
}

// keepUsed refuses to lose a class that has allocations.
func (s *Service) keepUsed(ctx context.Context, tx *store.Tx, providers []string, wanted []Inventory) error {
	kept := map[[2]string]bool{}
	for _, i := range wanted {
		kept[[2]string{i.ProviderID, i.Class}] = true
	}
	var used []struct{ ProviderID, Class string }
	err := tx.NewSelect().Model((*Allocation)(nil)).Distinct().Column("provider_id", "class").Where("a.provider_id IN (?)", store.Set(providers)).
		Order("provider_id", "class").Scan(ctx, &used)
	if err != nil {
		return fmt.Errorf("look for used classes: %w", err)
	}
	var lost []string
	provider := ""
	for _, u := range used {
		if !kept[[2]string{u.ProviderID, u.Class}] && (provider == "" || provider == u.ProviderID) {
			provider = u.ProviderID
			lost = append(lost, u.Class)
		}
	}
	if len(lost) > 0 {
		return errs.New(errs.Conflict, "Inventory for '%s' on resource provider '%s' in use.", strings.Join(lost, ", "), provider).WithType(CodeInventoryInUse)
	}
	return nil
}

func same(a, b []Inventory) bool {
	if len(a) != len(b) {
		return false
	}
	key := func(i Inventory) Inventory { i.UpdatedAt = time.Time{}; return i }
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y Inventory) bool { return key(x) == key(y) }) {
			return false
		}
	}
	return true
}

// Inventories lists what a provider has, by class.
func (s *Service) Inventories(ctx context.Context, db bun.IDB, providerID string) ([]Inventory, error) {
	found := []Inventory{}
	if err := db.NewSelect().Model(&found).Where("i.provider_id = ?", providerID).Order("i.class").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list inventories: %w", err)
	}
	return found, nil
}

// Candidate is a provider with what it has and what of it is used.
type Candidate struct {
	ProviderID  string
	Name        string
	Inventories map[string]Inventory // by class
	Used        map[string]int64     // by class
}

// Free is how much of a class can still be allocated; negative when a
// provider lost resources that are in use.
func (c Candidate) Free(class string) int64 {
	i, ok := c.Inventories[class]
	if !ok {
		return 0
	}
	return i.Capacity() - c.Used[class]
}

// Fits tells whether all the amounts, by class, can be allocated together.
func (c Candidate) Fits(resources map[string]int64) bool {
	for class, amount := range resources {
		i, ok := c.Inventories[class]
		if !ok || !i.UnitFits(amount) || c.Free(class) < amount {
			return false
		}
	}
	return true
}

// Candidates lists all providers with their inventories and usage, by name, in
// three queries.
func (s *Service) Candidates(ctx context.Context, db bun.IDB) ([]Candidate, error) {
	var providers []Provider
	if err := db.NewSelect().Model(&providers).Order("p.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	return s.candidates(ctx, db, providers)
}

// candidates adds to providers, in their order, what they have.
func (s *Service) candidates(ctx context.Context, db bun.IDB, providers []Provider) ([]Candidate, error) {
	var inventories []Inventory
	if err := db.NewSelect().Model(&inventories).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list inventories: %w", err)
	}
	used, err := usageOf(ctx, db, nil)
	if err != nil {
		return nil, err
	}
	found := make([]Candidate, len(providers))
	byID := make(map[string]*Candidate, len(providers))
	for n, p := range providers {
		found[n] = Candidate{ProviderID: p.ID, Name: p.Name, Inventories: map[string]Inventory{}, Used: used[p.ID]}
		if found[n].Used == nil {
			found[n].Used = map[string]int64{}
		}
		byID[p.ID] = &found[n]
	}
	for _, i := range inventories {
		if c := byID[i.ProviderID]; c != nil {
			c.Inventories[i.Class] = i
		}
	}
	return found, nil
}

// usageOf sums allocations per provider and class; nil providers are all.
func usageOf(ctx context.Context, db bun.IDB, providers []string) (map[string]map[string]int64, error) {
	var rows []struct {
		ProviderID, Class string
		Used              int64
	}
	q := db.NewSelect().Model((*Allocation)(nil)).ColumnExpr("a.provider_id, a.class, CAST(SUM(a.used) AS BIGINT) AS used").
		GroupExpr("a.provider_id, a.class")
	if providers != nil {
		q = q.Where("a.provider_id IN (?)", store.Set(providers))
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("sum allocations: %w", err)
	}
	used := map[string]map[string]int64{}
	for _, r := range rows {
		if used[r.ProviderID] == nil {
			used[r.ProviderID] = map[string]int64{}
		}
		used[r.ProviderID][r.Class] = r.Used
	}
	return used, nil
}
