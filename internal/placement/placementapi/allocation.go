package placementapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/store"
)

func (f *face) showAllocations(r *api.Request) (any, error) {
	db := f.svc.DB().Read()
	held, err := f.svc.HeldBy(r.Context(), db, r.Param("consumer"))
	if err != nil {
		return nil, err
	}
	consumer, exists, err := f.svc.ConsumerByID(r.Context(), db, r.Param("consumer"))
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
		if err := api.Decode(b.Allocations, &list); err != nil {
			return nil, err
		}
		for _, a := range list {
			out[a.Provider.UUID] = a.Resources
		}
	} else {
		var object map[string]struct {
			Resources map[string]int64 `json:"resources"`
		}
		if err := api.Decode(b.Allocations, &object); err != nil {
			return nil, err
		}
		for id, a := range object {
			out[id] = a.Resources
		}
	}
	if len(out) == 0 && !none {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'allocations' must not be empty")
	}
	for id, resources := range out {
		if _, ok := asUUID(id); !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' in 'allocations' is not a 'uuid'", id)
		}
		for class, amount := range resources {
			if amount < 1 {
				return nil, errs.New(errs.Invalid, "JSON does not validate: %d is less than the minimum of 1 for '%s'", amount, class)
			}
		}
	}
	return out, nil
}

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
	return nil, f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		return f.replace(ctx, tx, r.Version, one)
	}, locksOf(one)...)
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
	if b.ProjectID != nil {
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

// replace makes a consumer hold what it shall.
func (f *face) replace(ctx context.Context, tx *store.Tx, version int, one claim) error {
	before, exists, err := f.svc.ConsumerByID(ctx, tx, one.consumer.ID)
	if err != nil {
		return err
	}
	if exists && !one.typed {
		one.consumer.Type = before.Type
	}
	if version >= 28 {
		expected := "null"
		if exists {
			expected = strconv.FormatInt(before.Generation, 10)
		}
		if one.generation != expected {
			return errs.New(errs.Conflict, "consumer generation conflict - expected %s but got %s", expected, one.generation).WithType(placement.CodeConcurrentUpdate)
		}
	}
	return f.svc.Replace(ctx, tx, one.consumer, one.wanted)
}

// readClaims reads what several consumers shall hold, in the order of their ids.
func readClaims(version int, bodies map[string]allocationBody) ([]claim, error) {
	claims := make([]claim, 0, len(bodies))
	for _, key := range slices.Sorted(maps.Keys(bodies)) {
		id, ok := asUUID(key)
		if !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid'", key)
		}
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
	return nil, f.svc.DB().Tx(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, one := range claims {
			if err := f.replace(ctx, tx, r.Version, one); err != nil {
				return err
			}
		}
		return nil
	}, locksOf(claims...)...)
}

func (f *face) deleteAllocations(r *api.Request) (any, error) {
	id := r.Param("consumer")
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

// readResources reads VCPU:2,MEMORY_MB:1024.
func readResources(text string) (map[string]int64, error) {
	const form = "Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: %s."
	if strings.TrimSpace(text) == "" {
		return nil, errs.New(errs.Invalid, form, "empty string")
	}
	out := map[string]int64{}
	for part := range strings.SplitSeq(text, ",") {
		class, amount, ok := strings.Cut(part, ":")
		if !ok || strings.Contains(amount, ":") {
			return nil, errs.New(errs.Invalid, form, part)
		}
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, errs.New(errs.Invalid, "Requested resource %s expected positive integer amount. Got: %s.", class, amount)
		}
		if n < 1 {
			return nil, errs.New(errs.Invalid, "Requested resource %s requires amount >= 1. Got: %d.", class, n)
		}
		out[class] = n
	}
	return out, nil
}

// candidates answers for one group of resources: each provider that has all
// of them is one request. Numbered groups are for nested providers, which
// this cloud does not have, and are refused.
func (f *face) candidates(r *api.Request) (any, error) {
	names := []string{"resources"}
	for _, p := range []struct {
		since int
		name  string
	}{{16, "limit"}, {17, "required"}, {21, "member_of"}, {31, "in_tree"}} {
		if r.Version >= p.since {
			names = append(names, p.name)
		}
	}
	if err := only(r, names...); err != nil {
		return nil, err
	}
	q := r.Query()
	if !q.Has("resources") {
		return nil, errs.New(errs.Invalid, "Invalid query string parameters: 'resources' is a required property").WithType("placement.query.missing_value")
	}
	limit := 0
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 {
			return nil, errs.New(errs.Invalid, "Invalid query string parameters: '%s' is not a positive integer for 'limit'", q.Get("limit"))
		}
		limit = n
	}
	filter := placement.ProviderFilter{}
	if q.Has("in_tree") {
		id, ok := asUUID(strings.TrimSpace(q.Get("in_tree")))
		if !ok {
			return nil, errs.New(errs.Invalid, "Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: %s", q.Get("in_tree"))
		}
		filter.ID = id
	}
	if err := readFilter(r, &filter); err != nil {
		return nil, err
	}
	out, err := f.findCandidates(r, filter, limit)
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	return out, nil
}

func (f *face) findCandidates(r *api.Request, filter placement.ProviderFilter, limit int) (any, error) {
	found, err := f.svc.Providers(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	all, err := f.svc.Candidates(r.Context(), f.svc.DB().Read())
	if err != nil {
		return nil, err
	}
	traits, err := f.svc.AllProviderTraits(r.Context(), f.svc.DB().Read())
	if err != nil {
		return nil, err
	}
	requests, summaries := []any{}, map[string]any{}
	for _, p := range found {
		n := slices.IndexFunc(all, func(c placement.Candidate) bool { return c.ProviderID == p.ID })
		if n < 0 {
			continue // deleted between the two queries
		}
		requests = append(requests, request(r.Version, p.ID, filter.Resources))
		summaries[p.ID] = summary(r.Version, all[n], filter.Resources, traits[p.ID])
	}
	return map[string]any{"allocation_requests": requests, "provider_summaries": summaries}, nil
}

func request(version int, provider string, resources map[string]int64) map[string]any {
	if version < 12 {
		return map[string]any{"allocations": []any{map[string]any{"resource_provider": map[string]string{"uuid": provider}, "resources": resources}}}
	}
	out := map[string]any{"allocations": map[string]any{provider: map[string]any{"resources": resources}}}
	if version >= 34 {
		out["mappings"] = map[string][]string{"": {provider}}
	}
	return out
}

func summary(version int, c placement.Candidate, asked map[string]int64, traits []string) map[string]any {
	resources := map[string]any{}
	for class, i := range c.Inventories {
		if _, wanted := asked[class]; wanted || version >= 27 {
			resources[class] = map[string]int64{"capacity": i.Capacity(), "used": c.Used[class]}
		}
	}
	out := map[string]any{"resources": resources}
	if version >= 17 {
		out["traits"] = append([]string{}, traits...)
	}
	if version >= 29 {
		out["parent_provider_uuid"], out["root_provider_uuid"] = nil, c.ProviderID
	}
	return out
}
