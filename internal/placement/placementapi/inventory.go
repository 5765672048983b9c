package placementapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/store"
)

type wireInventory struct {
	Total           *int64   `json:"total"`
	Reserved        int64    `json:"reserved"`
	MinUnit         *int64   `json:"min_unit"`
	MaxUnit         *int64   `json:"max_unit"`
	StepSize        *int64   `json:"step_size"`
	AllocationRatio *float64 `json:"allocation_ratio"`
	Generation      *int64   `json:"resource_provider_generation,omitempty"`
}

func inventoryView(i placement.Inventory) wireInventory {
	return wireInventory{Total: &i.Total, Reserved: i.Reserved, MinUnit: &i.Min, MaxUnit: &i.Max, StepSize: &i.Step, AllocationRatio: &i.Ratio}
}

// inventory converts; what is given as 0 must not turn into a default.
func (w wireInventory) inventory(class string, version int) (placement.Inventory, error) {
	i := placement.Inventory{Class: class, Reserved: w.Reserved}
	if w.Total == nil {
		return i, errs.New(errs.Invalid, "JSON does not validate: 'total' is a required property of '%s'", class)
	}
	i.Total = *w.Total
	for _, field := range []struct {
		name string
		from *int64
		to   *int64
	}{{"min_unit", w.MinUnit, &i.Min}, {"max_unit", w.MaxUnit, &i.Max}, {"step_size", w.StepSize, &i.Step}} {
		if field.from == nil {
			continue
		}
		if *field.from < 1 {
			return i, errs.New(errs.Invalid, "JSON does not validate: %d is less than the minimum of 1 for '%s' of '%s'", *field.from, field.name, class)
		}
		*field.to = *field.from
	}
	if w.AllocationRatio != nil {
		if *w.AllocationRatio <= 0 {
			return i, errs.New(errs.Invalid, "JSON does not validate: %v is not more than 0 for 'allocation_ratio' of '%s'", *w.AllocationRatio, class)
		}
		i.Ratio = *w.AllocationRatio
	}
	if version < 26 && i.Reserved >= i.Total && i.Total > 0 {
		return i, errs.New(errs.Invalid, "Invalid inventory for '%s': The reserved value is greater than or equal to total.", class)
	}
	return i, nil
}

func (f *face) inventories(r *api.Request, p placement.Provider) (any, error) {
	found, err := f.svc.Inventories(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	out, modified := map[string]wireInventory{}, p.CreatedAt
	for _, i := range found {
		out[i.Class] = inventoryView(i)
		if i.UpdatedAt.After(modified) {
			modified = i.UpdatedAt
		}
	}
	fresh(r, modified)
	return map[string]any{"resource_provider_generation": p.Generation, "inventories": out}, nil
}

func (f *face) listInventories(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	return f.inventories(r, p)
}

func (f *face) showInventory(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	found, err := f.svc.Inventories(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range found {
		if i.Class == r.Param("class") {
			view := inventoryView(i)
			view.Generation = &p.Generation
			fresh(r, i.UpdatedAt)
			return view, nil
		}
	}
	return nil, errs.New(errs.NotFound, "No inventory of class %s for %s", r.Param("class"), p.ID)
}

func (f *face) setInventories(r *api.Request) (any, error) {
	var body struct {
		Generation  *int64                   `json:"resource_provider_generation"`
		Inventories map[string]wireInventory `json:"inventories"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if body.Generation == nil || *body.Generation < 0 {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'resource_provider_generation' is a required property")
	}
	if body.Inventories == nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'inventories' is a required property")
	}
	var wanted []placement.Inventory
	for _, class := range slices.Sorted(maps.Keys(body.Inventories)) {
		i, err := body.Inventories[class].inventory(class, r.Version)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, i)
	}
	var p placement.Provider
	err := f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = f.svc.ProviderByID(ctx, tx, r.Param("uuid")); err != nil {
			return err
		}
		p, err = f.svc.SetInventoryAt(ctx, tx, p.ID, *body.Generation, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f.inventories(r, p)
}

func (f *face) providerUsages(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	used, err := f.svc.ProviderUsage(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	return map[string]any{"resource_provider_generation": p.Generation, "usages": used}, nil
}

// projectUsages groups by the consumers' type since 1.38.
func (f *face) projectUsages(r *api.Request) (any, error) {
	names := []string{"project_id", "user_id"}
	if r.Version >= 38 {
		names = append(names, "consumer_type")
	}
	if err := only(r, names...); err != nil {
		return nil, err
	}
	q := r.Query()
	if q.Get("project_id") == "" {
		return nil, errs.New(errs.Invalid, "Invalid query string parameters: 'project_id' is a required property").WithType("placement.query.missing_value")
	}
	byType, err := f.svc.UsageByType(r.Context(), q.Get("project_id"), q.Get("user_id"))
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	total, count := map[string]int64{}, int64(0)
	for _, u := range byType {
		count += u.Consumers
		for class, n := range u.Used {
			total[class] += n
		}
	}
	if r.Version < 38 {
		return map[string]any{"usages": total}, nil
	}
	out := map[string]map[string]int64{}
	asked := q.Get("consumer_type")
	if asked == "all" {
		if count > 0 {
			total["consumer_count"] = count
			out["all"] = total
		}
		return map[string]any{"usages": out}, nil
	}
	for name, u := range byType {
		if name == "" {
			name = "unknown"
		}
		if asked != "" && asked != name {
			continue
		}
		out[name] = maps.Clone(u.Used)
		out[name]["consumer_count"] = u.Consumers
	}
	return map[string]any{"usages": out}, nil
}
