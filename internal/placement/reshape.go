package placement

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Shape is what a provider shall have.
type Shape struct {
	Generation  int64 // that the caller knows
	Inventories []Inventory
}

// Reshape gives providers other inventories and consumers other allocations
// of them, all or none (API ref: Reshaper). An unknown provider or class is
// Invalid; another generation, what is used and would be lost, and what
// doesn't fit are a Conflict.
func (s *Service) Reshape(ctx context.Context, tx *store.Tx, shapes map[string]Shape, holdings []Holding) error {
	ids := slices.Sorted(maps.Keys(shapes))
	if err := s.touchAt(ctx, tx, ids, shapes); err != nil {
		return err
	}
	var wanted []Inventory
	has := map[[2]string]bool{}
	for _, id := range ids {
		list := slices.Clone(shapes[id].Inventories)
		if err := complete(id, list); err != nil {
			return err
		}
		for _, i := range list {
			has[[2]string{id, i.Class}] = true
		}
		wanted = append(wanted, list...)
	}
	if err := s.checkClasses(ctx, tx, wanted); err != nil {
		return err
	}
	var current []Inventory
	if err := tx.NewSelect().Model(&current).Where("i.provider_id IN (?)", store.Set(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("list inventories: %w", err)
	}
	// What is new is there before allocations move, and what goes is there
	// until they have moved.
	interim := slices.Clone(wanted)
	for _, i := range current {
		if !has[[2]string{i.ProviderID, i.Class}] {
			interim = append(interim, i)
		}
	}
	if err := s.writeInventories(ctx, tx, ids, interim); err != nil {
		return err
	}
	if err := s.ReplaceAll(ctx, tx, holdings); err != nil {
		return err
	}
	return s.writeInventories(ctx, tx, ids, wanted)
}

// touchAt makes providers' generations grow, if they are what the caller knows.
func (s *Service) touchAt(ctx context.Context, tx *store.Tx, ids []string, shapes map[string]Shape) error {
	var touched []Provider
	_, err := tx.NewUpdate().Model((*Provider)(nil)).Set("generation = generation + 1").Set("updated_at = ?", now()).
		Where("id IN (?)", store.Set(ids)).Returning("id, generation").Exec(ctx, &touched)
	if err != nil {
		return fmt.Errorf("update providers' generations: %w", err)
	}
	actual := map[string]int64{}
	for _, p := range touched {
		actual[p.ID] = p.Generation - 1
		tx.Changed(changeOf(p.ID, store.Update))
	}
	for _, id := range ids {
		generation, there := actual[id]
		if !there {
			return errs.New(errs.Invalid, "Resource provider %s in inventories not found: No resource provider with uuid %s found", id, id).WithType(CodeProviderNotFound)
		}
		if given := shapes[id].Generation; given != generation {
			return errs.New(errs.Conflict, "resource provider generation conflict for provider %s: actual: %d, given: %d", id, generation, given).WithType(CodeConcurrentUpdate)
		}
	}
	return nil
}
