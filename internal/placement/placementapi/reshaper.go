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
// of them, all or none (API ref: Reshaper).
func (f *face) reshape(r *api.Request) (any, error) {
	var body struct {
		Inventories map[string]wireInventories `json:"inventories"`
		Allocations map[string]allocationBody  `json:"allocations"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if len(body.Inventories) == 0 || body.Allocations == nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'inventories', with at least one provider, and 'allocations' are required properties")
	}
	shapes := map[string]placement.Shape{}
	locks := map[store.Lock]bool{}
	for _, key := range slices.Sorted(maps.Keys(body.Inventories)) {
		id, ok := asKey(key)
		if _, twice := shapes[id]; !ok || twice {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' in 'inventories' is not a 'uuid' of its own", key)
		}
		wanted, err := body.Inventories[key].read(id, r.Version)
		if err != nil {
			return nil, err
		}
		shapes[id] = placement.Shape{Generation: *body.Inventories[key].Generation, Inventories: wanted}
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
		holdings, err := f.holdings(ctx, tx, r.Version, claims)
		if err != nil {
			return err
		}
		return inUse(f.svc.Reshape(ctx, tx, shapes, holdings), "update conflict")
	}, slices.Sorted(maps.Keys(locks))...)
}
