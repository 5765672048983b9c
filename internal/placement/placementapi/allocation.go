package placementapi

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/store"
)

func (f *face) showAllocations(r *api.Request) (any, error) {
	db := f.svc.DB().Read()
	id := consumerID(r)
	held, err := f.svc.HeldBy(r.Context(), db, id)
	if err != nil {
		return nil, err
	}
	consumer, exists, err := f.svc.ConsumerByID(r.Context(), db, id)
	if err != nil {
		return nil, err
	}
	type byProvider struct {
		Generation int64            `json:"generation"`
		Resources  map[string]int64 `json:"resources"`
	}
	allocations := map[string]*byProvider{}
	for _, h := range held {
		if allocations[h.ProviderID] == nil {
			allocations[h.ProviderID] = &byProvider{h.ProviderGeneration, map[string]int64{}}
		}
		allocations[h.ProviderID].Resources[h.Class] = h.Used
	}
	out := map[string]any{"allocations": allocations}
	if exists && len(held) > 0 {
		if r.Version >= 12 {
			out["project_id"], out["user_id"] = consumer.ProjectID, consumer.UserID
		}
		if r.Version >= 28 {
			out["consumer_generation"] = consumer.Generation
		}
		if r.Version >= 38 {
			out["consumer_type"] = "unknown"
			if consumer.Type != "" {
				out["consumer_type"] = consumer.Type
			}
		}
	}
	fresh(r, time.Now())
	return out, nil
}

func (f *face) providerAllocations(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	held, err := f.svc.HeldOf(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	type byConsumer struct {
		Resources  map[string]int64 `json:"resources"`
		Generation *int64           `json:"consumer_generation,omitempty"`
	}
	out := map[string]*byConsumer{}
	for _, h := range held {
		if out[h.ConsumerID] == nil {
			out[h.ConsumerID] = &byConsumer{Resources: map[string]int64{}}
			if r.Version >= 28 {
				out[h.ConsumerID].Generation = &h.ConsumerGeneration
			}
		}
		out[h.ConsumerID].Resources[h.Class] = h.Used
	}
	fresh(r, time.Now())
	return map[string]any{"allocations": out, "resource_provider_generation": p.Generation}, nil
}

type allocationBody struct {
	Allocations json.RawMessage     `json:"allocations"`
	ProjectID   *string             `json:"project_id"`
	UserID      *string             `json:"user_id"`
	Generation  json.RawMessage     `json:"consumer_generation"`
	Type        *string             `json:"consumer_type"`
	Mappings    map[string][]string `json:"mappings"` // told back to us by clients, and meaningless
}

// maxID is how many characters the ids of projects and users, and the types of
// consumers, have at most.
const maxID = 255

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// check holds the body against what its microversion has.
func (b allocationBody) check(version int) error {
	for _, field := range []struct {
		name  string
		given bool
		since int
		must  bool
	}{
		{"allocations", len(b.Allocations) > 0, 0, true},
		{"project_id", b.ProjectID != nil && *b.ProjectID != "", 8, true},
		{"user_id", b.UserID != nil && *b.UserID != "", 8, true},
		{"consumer_generation", len(b.Generation) > 0, 28, true},
		{"mappings", b.Mappings != nil, 34, false},
		{"consumer_type", b.Type != nil && *b.Type != "", 38, true},
	} {
		switch {
		case field.given && version < field.since:
			return errs.New(errs.Invalid, "JSON does not validate: Additional properties are not allowed ('%s' was unexpected)", field.name)
		case !field.given && field.must && version >= field.since:
			return errs.New(errs.Invalid, "JSON does not validate: '%s' is a required property", field.name)
		}
	}
	for name, value := range map[string]*string{"project_id": b.ProjectID, "user_id": b.UserID, "consumer_type": b.Type} {
		if value != nil && utf8.RuneCountInString(*value) > maxID {
			return errs.New(errs.Invalid, "JSON does not validate: '%s' is too long for '%s'", *value, name)
		}
	}
	if text := string(b.Generation); text != "" && text != "null" && !wholeNumber.MatchString(text) {
		return errs.New(errs.Invalid, "JSON does not validate: %s is not of type 'integer', 'null' for 'consumer_generation'", text)
	}
	if b.Mappings != nil && len(b.Mappings) == 0 {
		return errs.New(errs.Invalid, "JSON does not validate: {} does not have enough properties for 'mappings'")
	}
	for suffix, providers := range b.Mappings {
		if suffix == "" {
			continue // the group without one: the schema's pattern passes it by
		}
		if len(providers) == 0 {
			return errs.New(errs.Invalid, "JSON does not validate: [] is too short for '%s' of 'mappings'", suffix)
		}
		for _, id := range providers {
			if _, ok := asUUID(id); !ok {
				return errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid' for '%s' of 'mappings'", id, suffix)
			}
		}
	}
	if b.Type != nil && strings.Trim(*b.Type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return errs.New(errs.Invalid, "JSON does not validate: '%s' does not match '^[A-Z0-9_]+$' for 'consumer_type'", *b.Type)
	}
	return nil
}

// wanted reads the amounts: a list of providers before 1.12, an object since.
// None at all must be allowed.
func (b allocationBody) wanted(version int, none bool) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	if version < 12 {
		var list []struct {
			Provider struct {
				UUID string `json:"uuid"`
			} `json:"resource_provider"`
			Resources map[string]int64 `json:"resources"`
		}
		if err := decode(b.Allocations, &list); err != nil {
			return nil, err
		}
		for _, a := range list {
			id, ok := asUUID(a.Provider.UUID)
			if !ok {
				return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' in 'allocations' is not a 'uuid'", a.Provider.UUID)
			}
			out[id] = a.Resources // of a provider that is there twice, the last
		}
	} else {
		var object map[string]struct {
			Generation *int64           `json:"generation"` // shown with allocations, and given back
			Resources  map[string]int64 `json:"resources"`
		}
		if err := decode(b.Allocations, &object); err != nil {
			return nil, err
		}
		for key, a := range object {
			id, ok := asKey(key)
			if _, twice := out[id]; !ok || twice {
				return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' does not match any of the regexes: '^[0-9a-fA-F-]{36}$', or is there twice", key)
			}
			out[id] = a.Resources
		}
	}
	if len(out) == 0 && !none {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'allocations' should be non-empty")
	}
	for id, resources := range out {
		if len(resources) == 0 {
			return nil, errs.New(errs.Invalid, "JSON does not validate: 'resources' of '%s' should be non-empty", id)
		}
		for class, amount := range resources {
			if !classPattern.MatchString(class) {
				return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' does not match any of the regexes: '%s'", class, classPattern)
			}
			if amount < 1 {
				return nil, errs.New(errs.Invalid, "JSON does not validate: %d is less than the minimum of 1 for '%s'", amount, class)
			}
		}
	}
	return out, nil
}

var classPattern = regexp.MustCompile(`^[A-Z0-9_]+$`)

// nobody owns what was allocated before owners were asked for, at 1.8.
const nobody = "00000000-0000-0000-0000-000000000000"

func (f *face) setAllocations(r *api.Request) (any, error) {
	id, ok := asUUID(r.Param("consumer"))
	if !ok {
		return nil, errs.New(errs.Invalid, "Malformed consumer_uuid: %s", r.Param("consumer"))
	}
	var body allocationBody
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	one, err := body.claim(r.Version, id, r.Version >= 28)
	if err != nil {
		return nil, err
	}
	return f.hold(r, []claim{one})
}

// hold makes consumers hold what they shall, all or none.
func (f *face) hold(r *api.Request, claims []claim) (any, error) {
	return nil, f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		holdings, err := f.holdings(ctx, tx, r.Version, claims)
		if err != nil {
			return err
		}
		return f.svc.ReplaceAll(ctx, tx, holdings)
	}, locksOf(claims...)...)
}

// claim is what a consumer shall hold.
type claim struct {
	consumer   placement.Consumer
	generation string // that the caller knows, as JSON; looked at since 1.28
	typed      bool   // the type was given
	wanted     map[string]map[string]int64
}

// claim checks the body, and reads it.
func (b allocationBody) claim(version int, id string, none bool) (claim, error) {
	one := claim{consumer: placement.Consumer{ID: id, ProjectID: nobody, UserID: nobody}, generation: string(b.Generation)}
	if err := b.check(version); err != nil {
		return one, err
	}
	if b.ProjectID != nil && b.UserID != nil {
		one.consumer.ProjectID, one.consumer.UserID = *b.ProjectID, *b.UserID
	}
	if b.Type != nil {
		one.consumer.Type, one.typed = *b.Type, true
	}
	var err error
	one.wanted, err = b.wanted(version, none)
	return one, err
}

// locksOf are the locks of all providers of claims, in their order.
func locksOf(claims ...claim) []store.Lock {
	providers := map[string]bool{}
	for _, one := range claims {
		for provider := range one.wanted {
			providers[provider] = true
		}
	}
	var locks []store.Lock
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		locks = append(locks, placement.Lock(provider))
	}
	return locks
}

// holdings are claims of consumers whose generations are what the caller knows.
func (f *face) holdings(ctx context.Context, tx *store.Tx, version int, claims []claim) ([]placement.Holding, error) {
	ids := make([]string, len(claims))
	for n, one := range claims {
		ids[n] = one.consumer.ID
	}
	known, err := f.svc.ConsumersByID(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	holdings := make([]placement.Holding, len(claims))
	for n, one := range claims {
		before, exists := known[one.consumer.ID]
		if exists && !one.typed {
			one.consumer.Type = before.Type
		}
		if version >= 28 {
			expected := "null"
			if exists {
				expected = strconv.FormatInt(before.Generation, 10)
			}
			if one.generation != expected {
				return nil, errs.New(errs.Conflict, "consumer generation conflict - expected %s but got %s", expected, one.generation).WithType(placement.CodeConcurrentUpdate)
			}
		}
		holdings[n] = placement.Holding{Consumer: one.consumer, Wanted: one.wanted}
	}
	return holdings, nil
}

// readClaims reads what several consumers shall hold, in the order of their ids.
func readClaims(version int, bodies map[string]allocationBody) ([]claim, error) {
	claims, seen := make([]claim, 0, len(bodies)), map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		id, ok := asKey(key)
		if !ok || seen[id] {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid' of its own", key)
		}
		seen[id] = true
		one, err := bodies[key].claim(version, id, true)
		if err != nil {
			return nil, err
		}
		claims = append(claims, one)
	}
	return claims, nil
}

// manageAllocations changes what several consumers hold, all or none.
func (f *face) manageAllocations(r *api.Request) (any, error) {
	var bodies map[string]allocationBody
	if err := bind(r, &bodies); err != nil {
		return nil, err
	}
	if len(bodies) == 0 {
		return nil, errs.New(errs.Invalid, "JSON does not validate: {} does not have enough properties")
	}
	claims, err := readClaims(r.Version, bodies)
	if err != nil {
		return nil, err
	}
	return f.hold(r, claims)
}

func (f *face) deleteAllocations(r *api.Request) (any, error) {
	id := consumerID(r)
	return nil, f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, exists, err := f.svc.ConsumerByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if !exists {
			return errs.New(errs.NotFound, "No allocations for consumer '%s'", id)
		}
		return f.svc.Release(ctx, tx, id)
	})
}
