package placementapi

import (
	"context"
	"maps"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/store"
)

// reshape moves resources between providers together with what is allocated
// of them, all or none: what is new is there before allocations move, and what
// is gone goes after them (API ref: Reshaper).
func (f *face) reshape(r *api.Request) (any, error) {
	var body struct {
		Inventories map[string]wireInventories `json:"inventories"`
		Allocations map[string]allocationBody  `json:"allocations"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if body.Inventories == nil || body.Allocations == nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'inventories' and 'allocations' are required properties")
	}
	providers := slices.Sorted(maps.Keys(body.Inventories))
	wanted := map[string][]placement.Inventory{}
	locks := map[store.Lock]bool{}
	for _, id := range providers {
		if _, ok := asUUID(id); !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid'", id)
		}
		var err error
		if wanted[id], err = body.Inventories[id].read(r.Version); err != nil {
			return nil, err
		}
		locks[placement.Lock(id)] = true
	}
	claims, err := readClaims(r.Version, body.Allocations)
	if err != nil {
		return nil, err
	}
	for _, lock := range locksOf(claims...) {
		locks[lock] = true
	}
	return nil, f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, id := range providers {
			if err := f.widen(ctx, tx, id, *body.Inventories[id].Generation, wanted[id]); err != nil {
				return err
			}
		}
		for _, one := range claims {
			if err := f.replace(ctx, tx, r.Version, one); err != nil {
				return err
			}
		}
		for _, id := range providers {
			if err := f.svc.SetInventory(ctx, tx, id, wanted[id]); err != nil {
				return err
			}
		}
		return nil
	}, slices.Sorted(maps.Keys(locks))...)
}

// widen gives a provider what it shall have, and leaves it what it shall not
// have any more.
func (f *face) widen(ctx context.Context, tx *store.Tx, id string, generation int64, wanted []placement.Inventory) error {
	p, err := f.svc.ProviderByID(ctx, tx, id)
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.Invalid, "Resource provider %s in inventory not found: No resource provider with uuid %s found", id, id).WithType(placement.CodeProviderNotFound)
	}
	if err != nil {
		return err
	}
	now, err := f.svc.Inventories(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	all := slices.Clone(wanted)
	for _, i := range now {
		if !slices.ContainsFunc(wanted, classIs(i.Class)) {
			all = append(all, i)
		}
	}
	_, err = f.svc.SetInventoryAt(ctx, tx, p.ID, generation, all)
	return err
}
