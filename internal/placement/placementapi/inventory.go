package placementapi

import (
	"context"
	"errors"
	"maps"
	"math"
	"regexp"
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

// inventory converts what a provider shall have; what is given as 0 must not
// turn into a default.
func (w wireInventory) inventory(provider, class string, version int) (placement.Inventory, error) {
	i := placement.Inventory{Class: class, Reserved: w.Reserved}
	if w.Total == nil {
		return i, errs.New(errs.Invalid, "JSON does not validate: 'total' is a required property of '%s'", class)
	}
	i.Total = *w.Total
	if i.Total < 1 || i.Total > placement.MaxUnit || i.Reserved < 0 || i.Reserved > placement.MaxUnit {
		return i, errs.New(errs.Invalid, "JSON does not validate: 'total' of '%s' must be from 1 and 'reserved' from 0 to %d", class, placement.MaxUnit)
	}
	for _, field := range []struct {
		name string
		from *int64
		to   *int64
	}{{"min_unit", w.MinUnit, &i.Min}, {"max_unit", w.MaxUnit, &i.Max}, {"step_size", w.StepSize, &i.Step}} {
		if field.from == nil {
			continue
		}
		if *field.from < 1 || *field.from > placement.MaxUnit {
			return i, errs.New(errs.Invalid, "JSON does not validate: %d is not from 1 to %d for '%s' of '%s'", *field.from, placement.MaxUnit, field.name, class)
		}
		*field.to = *field.from
	}
	if w.AllocationRatio != nil {
		if *w.AllocationRatio <= 0 || *w.AllocationRatio > math.MaxFloat32 {
			return i, errs.New(errs.Invalid, "JSON does not validate: %v is not more than 0 and at most 3.4e38 for 'allocation_ratio' of '%s'", *w.AllocationRatio, class)
		}
		i.Ratio = *w.AllocationRatio
	}
	if version < 26 && i.Reserved >= i.Total && i.Total > 0 {
		return i, errs.New(errs.Invalid, "Unable to update inventory for resource provider %s: Invalid inventory for '%s' on resource provider '%s'. "+
			"The reserved value is greater than or equal to total.", provider, class, provider)
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

// wireInventories are all inventories of a provider.
type wireInventories struct {
	Generation  *int64                   `json:"resource_provider_generation"`
	Inventories map[string]wireInventory `json:"inventories"`
}

// read checks and converts them.
func (w wireInventories) read(provider string, version int) ([]placement.Inventory, error) {
	if err := known(w.Generation); err != nil {
		return nil, err
	}
	if w.Inventories == nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'inventories' is a required property")
	}
	var wanted []placement.Inventory
	for _, class := range slices.Sorted(maps.Keys(w.Inventories)) {
		i, err := w.Inventories[class].inventory(provider, class, version)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, i)
	}
	return wanted, nil
}

// known refuses a request that does not say which generation it knows.
func known(generation *int64) error {
	if generation == nil || *generation < 0 {
		return errs.New(errs.Invalid, "JSON does not validate: 'resource_provider_generation' is a required property")
	}
	return nil
}

func (f *face) setInventories(r *api.Request) (any, error) {
	var body wireInventories
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	wanted, err := body.read(r.Param("uuid"), r.Version)
	if err != nil {
		return nil, err
	}
	var p placement.Provider
	err = f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = f.svc.ProviderByID(ctx, tx, r.Param("uuid")); err != nil {
			return err
		}
		p, err = f.svc.SetInventoryAt(ctx, tx, p.ID, *body.Generation, wanted)
		return err
	})
	if err != nil {
		return nil, inUse(err, "update conflict")
	}
	return f.inventories(r, p)
}

// inUse tells what could not be done because of an inventory that is in use.
// That all of a provider's could not be deleted needs no more words.
func inUse(err error, what string) error {
	var public *errs.Error
	if errors.As(err, &public) && public.Type == placement.CodeInventoryInUse {
		return errs.Wrap(err, errs.Conflict, "%s: %s", what, public.Message).WithType(public.Type)
	}
	return err
}

// changeInventory changes what the provider of the path has by a function of
// what it has now; a negative generation is not compared.
func (f *face) changeInventory(r *api.Request, generation int64, change func(p placement.Provider, now []placement.Inventory) ([]placement.Inventory, error)) (placement.Provider, error) {
	var p placement.Provider
	err := f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = f.svc.ProviderByID(ctx, tx, r.Param("uuid")); err != nil {
			return err
		}
		now, err := f.svc.Inventories(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		wanted, err := change(p, now)
		if err != nil {
			return err
		}
		p, err = f.svc.SetInventoryAt(ctx, tx, p.ID, generation, wanted)
		return err
	})
	return p, err
}

func classIs(class string) func(placement.Inventory) bool {
	return func(i placement.Inventory) bool { return i.Class == class }
}

// written shows an inventory that was just written, with what was left to
// defaults.
func (f *face) written(r *api.Request, p placement.Provider, class string) (any, error) {
	found, err := f.svc.Inventories(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(found, classIs(class))
	if at < 0 {
		return nil, errs.New(errs.Conflict, "Inventory of class %s for %s was deleted meanwhile.", class, p.ID).WithType(placement.CodeConcurrentUpdate)
	}
	view := inventoryView(found[at])
	view.Generation = &p.Generation
	fresh(r, found[at].UpdatedAt)
	return view, nil
}

func (f *face) addInventory(r *api.Request) (any, error) {
	var body struct {
		wireInventory
		Class string `json:"resource_class"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if body.Class == "" {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'resource_class' is a required property")
	}
	added, err := body.inventory(r.Param("uuid"), body.Class, r.Version)
	if err != nil {
		return nil, err
	}
	p, err := f.changeInventory(r, -1, func(p placement.Provider, now []placement.Inventory) ([]placement.Inventory, error) {
		if slices.ContainsFunc(now, classIs(body.Class)) {
			return nil, errs.New(errs.Conflict, "Update conflict: Inventory of class %s for %s exists.", body.Class, p.ID).WithType(placement.CodeConcurrentUpdate)
		}
		return append(now, added), nil
	})
	if err != nil {
		return nil, err
	}
	locate(r, providersPath+p.ID+"/inventories/"+body.Class)
	return f.written(r, p, body.Class)
}

func (f *face) setInventory(r *api.Request) (any, error) {
	class := r.Param("class")
	var body wireInventory
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if err := known(body.Generation); err != nil {
		return nil, err
	}
	changed, err := body.inventory(r.Param("uuid"), class, r.Version)
	if err != nil {
		return nil, err
	}
	p, err := f.changeInventory(r, *body.Generation, func(p placement.Provider, now []placement.Inventory) ([]placement.Inventory, error) {
		at := slices.IndexFunc(now, classIs(class))
		if at < 0 {
			return nil, errs.New(errs.Invalid, "No inventory record with resource class for resource provider %s: No inventory of class %s found for update", p.ID, class)
		}
		now[at] = changed
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	return f.written(r, p, class)
}

func (f *face) deleteInventory(r *api.Request) (any, error) {
	class := r.Param("class")
	_, err := f.changeInventory(r, -1, func(p placement.Provider, now []placement.Inventory) ([]placement.Inventory, error) {
		if !slices.ContainsFunc(now, classIs(class)) {
			return nil, errs.New(errs.NotFound, "No inventory of class %s found for delete of resource provider %s", class, p.ID)
		}
		return slices.DeleteFunc(now, classIs(class)), nil
	})
	return nil, inUse(err, "Unable to delete inventory of class "+class)
}

func (f *face) deleteInventories(r *api.Request) (any, error) {
	_, err := f.changeInventory(r, -1, func(placement.Provider, []placement.Inventory) ([]placement.Inventory, error) { return nil, nil })
	return nil, err
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

var (
	idPattern   = regexp.MustCompile(`^.{1,255}$`)
	typePattern = regexp.MustCompile(`^([A-Z0-9_]{1,255}|all|unknown)$`)
)

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
		return nil, errs.New(errs.Invalid, "Invalid query string parameters: 'project_id' is a required property")
	}
	for name, pattern := range map[string]*regexp.Regexp{"project_id": idPattern, "user_id": idPattern, "consumer_type": typePattern} {
		if q.Has(name) && !pattern.MatchString(q.Get(name)) {
			return nil, errs.New(errs.Invalid, "Invalid query string parameters: '%s' does not match '%s' for '%s'", q.Get(name), pattern, name)
		}
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
