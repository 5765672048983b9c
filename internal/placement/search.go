package placement

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
)

// SharesViaAggregate is the trait of providers whose inventory is there for
// all trees that have a provider in one of their aggregates.
const SharesViaAggregate = "MISC_SHARES_VIA_AGGREGATE"

// Group is what is wanted together (API ref: Allocation candidates, granular
// requests). The group with the suffix "" can be spread over the providers of
// a tree and those that share with it; every other one is had of one provider.
type Group struct {
	Suffix    string
	Resources map[string]int64 // by class; none where only the provider matters
	Required  [][]string       // at least one trait of each
	Forbidden []string         // none of these traits
	MemberOf  [][]string       // at least one aggregate of each
	NotIn     []string         // none of these aggregates
	InTree    string           // in the tree of this provider
}

// Search is what an allocation is looked for by.
type Search struct {
	Groups        []Group
	Isolate       bool // groups with a suffix are had of different providers
	RootRequired  []string
	RootForbidden []string
	// SameSubtree are sets of suffixes: of the providers of each set, one is
	// above all others.
	SameSubtree [][]string
	Limit       int  // how many are enough; 0 is all
	Flat        bool // no two providers of one tree, as before 1.29
}

// Request is one way to have what a search wants.
type Request struct {
	Resources map[string]map[string]int64 // by provider and class
	Mappings  map[string][]string         // by suffix, the providers
}

// Summary is a provider as the answer to a search describes it.
type Summary struct {
	Candidate
	ParentID, RootID string // ParentID "" is a root
	Traits           []string
}

// Found are all requests that a search has, and each provider of their trees.
type Found struct {
	Requests  []Request
	Summaries []Summary
}

// Search finds allocations that could be made. An unknown class or trait is
// Invalid; nothing found is no error. It reads all providers, in five queries.
func (s *Service) Search(ctx context.Context, db bun.IDB, wanted Search) (Found, error) {
	if err := s.checkSearch(ctx, db, wanted); err != nil {
		return Found{}, err
	}
	f, err := s.forest(ctx, db)
	if err != nil {
		return Found{}, err
	}
	return f.search(ctx, wanted)
}

func (s *Service) checkSearch(ctx context.Context, db bun.IDB, wanted Search) error {
	var names, traitNames []string
	for _, g := range wanted.Groups {
		names = append(names, slices.Sorted(maps.Keys(g.Resources))...)
		traitNames = slices.Concat(traitNames, slices.Concat(g.Required...), g.Forbidden)
	}
	unknown, err := classes.missingOf(ctx, db, names)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "Invalid resource class in resources parameter: No such resource class %s.", unknown[0])
	}
	unknown, err = traits.missingOf(ctx, db, slices.Concat(wanted.RootRequired, wanted.RootForbidden, traitNames))
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "No such trait(s): %s.", strings.Join(slices.Compact(slices.Sorted(slices.Values(unknown))), ", "))
	}
	return nil
}

// tree is a provider with what matters to a search.
type tree struct {
	Summary
	traits, aggregates map[string]bool
}

// forest is all providers, by name, and by their ids.
type forest struct {
	all     []*tree
	byID    map[string]*tree
	nested  bool                       // some provider has a parent
	sharing bool                       // some provider shares
	roots   map[string]map[string]bool // roots of trees with a provider in an aggregate
}

func (s *Service) forest(ctx context.Context, db bun.IDB) (*forest, error) {
	var providers []Provider
	if err := db.NewSelect().Model(&providers).Order("p.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list providers: %w", err)
	}
	candidates, err := s.candidates(ctx, db, providers)
	if err != nil {
		return nil, err
	}
	traitsOf, err := traitTag.all(ctx, db)
	if err != nil {
		return nil, err
	}
	aggregatesOf, err := aggregateTag.all(ctx, db)
	if err != nil {
		return nil, err
	}
	f := &forest{byID: map[string]*tree{}, roots: map[string]map[string]bool{}}
	for n, p := range providers {
		t := &tree{Summary{candidates[n], p.ParentID, p.RootID, append([]string{}, traitsOf[p.ID]...)}, setOf(traitsOf[p.ID]), setOf(aggregatesOf[p.ID])}
		f.all = append(f.all, t)
		f.byID[p.ID] = t
		f.nested = f.nested || p.ParentID != ""
		f.sharing = f.sharing || t.traits[SharesViaAggregate]
		for aggregate := range t.aggregates {
			if f.roots[aggregate] == nil {
				f.roots[aggregate] = map[string]bool{}
			}
			f.roots[aggregate][p.RootID] = true
		}
	}
	return f, nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// anyOf tells whether a set has one of the names.
func anyOf(set map[string]bool, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return set[name] })
}

// eachOf tells whether a set has one of the names of every list.
func eachOf(set map[string]bool, lists [][]string) bool {
	return !slices.ContainsFunc(lists, func(names []string) bool { return !anyOf(set, names) })
}

// anchors are the roots of the trees for which a provider is there: its own,
// and where it shares those that are in one of its aggregates.
func (f *forest) anchors(t *tree) []string {
	found := map[string]bool{t.RootID: true}
	if t.traits[SharesViaAggregate] {
		for aggregate := range t.aggregates {
			maps.Copy(found, f.roots[aggregate])
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// option is one way to have one group.
type option struct {
	granular  bool
	suffix    string
	resources []share
	providers []string // those of resources, or the one of a group without any
}

// share is an amount of a class that a provider has.
type share struct {
	provider, class string
	amount          int64
}

// search puts the groups' options together, for each tree: what can be had of
// it and of what shares with it.
func (f *forest) search(ctx context.Context, wanted Search) (Found, error) {
	var roots []*tree
	for _, t := range f.all {
		if t.ParentID == "" && eachOf(t.traits, single(wanted.RootRequired)) && !anyOf(t.traits, wanted.RootForbidden) {
			roots = append(roots, t)
		}
	}
	byAnchor := make([]map[string][]option, len(wanted.Groups))
	for n, group := range wanted.Groups {
		if byAnchor[n] = f.options(group); len(byAnchor[n]) == 0 {
			return Found{}, nil
		}
	}
	m := &merger{forest: f, search: wanted, seen: map[string]bool{}}
	for _, root := range roots {
		options := make([][]option, len(byAnchor))
		for n := range byAnchor {
			options[n] = byAnchor[n][root.ProviderID]
		}
		m.options = options
		if err := m.merge(ctx, nil); err != nil {
			return Found{}, err
		}
	}
	return Found{m.found, f.summaries(m.found, wanted.Flat)}, nil
}

func single(names []string) [][]string {
	lists := make([][]string, len(names))
	for n, name := range names {
		lists[n] = []string{name}
	}
	return lists
}

// options are the ways to have a group, by the root of the tree that they are
// for.
func (f *forest) options(g Group) map[string][]option {
	root := ""
	if g.InTree != "" {
		t := f.byID[g.InTree]
		if t == nil {
			return nil
		}
		root = t.RootID
	}
	if g.Suffix == "" && (f.sharing || f.nested) {
		return f.spread(g, root)
	}
	found := map[string][]option{}
	for _, t := range f.all {
		if root != "" && t.RootID != root || !t.Fits(g.Resources) || !eachOf(t.traits, g.Required) || anyOf(t.traits, g.Forbidden) ||
			!eachOf(t.aggregates, g.MemberOf) || anyOf(t.aggregates, g.NotIn) {
			continue
		}
		o := option{granular: g.Suffix != "", suffix: g.Suffix, providers: []string{t.ProviderID}}
		for _, class := range slices.Sorted(maps.Keys(g.Resources)) {
			o.resources = append(o.resources, share{t.ProviderID, class, g.Resources[class]})
		}
		for _, anchor := range f.anchors(t) {
			found[anchor] = append(found[anchor], o)
		}
	}
	return found
}

// spread are the ways to have a group of several providers: each class of one
// provider of the tree, or of one that shares with it. A provider counts as a
// member of the aggregates that its tree's root is in; the providers together
// have the traits.
func (f *forest) spread(g Group, root string) map[string][]option {
	names := slices.Sorted(maps.Keys(g.Resources))
	has := map[string]map[string][]*tree{} // by anchor and class
	for _, t := range f.all {
		if root != "" && t.RootID != root {
			continue
		}
		anchors := f.anchors(t)
		if root != "" {
			anchors = []string{root}
		}
		for _, class := range names {
			if !t.Fits(map[string]int64{class: g.Resources[class]}) {
				continue
			}
			for _, anchor := range anchors {
				if !f.member(g, t, anchor) {
					continue
				}
				if has[anchor] == nil {
					has[anchor] = map[string][]*tree{}
				}
				has[anchor][class] = append(has[anchor][class], t)
			}
		}
	}
	found := map[string][]option{}
	for anchor, byClass := range has {
		if len(byClass) < len(names) {
			continue
		}
		f.pick(g, names, byClass, nil, func(chosen []*tree) {
			o := option{suffix: g.Suffix}
			for n, t := range chosen {
				o.resources = append(o.resources, share{t.ProviderID, names[n], g.Resources[names[n]]})
				if !slices.Contains(o.providers, t.ProviderID) {
					o.providers = append(o.providers, t.ProviderID)
				}
			}
			found[anchor] = append(found[anchor], o)
		})
	}
	return found
}

// member tells whether a provider, or the root of its tree, is in the
// aggregates that a group wants; one that shares with another tree must be so
// itself. Neither may be in those that it doesn't want.
func (f *forest) member(g Group, t *tree, anchor string) bool {
	root := f.byID[anchor]
	if root == nil {
		return false // deleted while it was read
	}
	in := eachOf(t.aggregates, g.MemberOf) || anchor == t.RootID && eachOf(root.aggregates, g.MemberOf)
	return in && !anyOf(t.aggregates, g.NotIn) && !anyOf(root.aggregates, g.NotIn)
}

// pick calls fn with each choice of a provider per class that has the traits.
func (f *forest) pick(g Group, names []string, byClass map[string][]*tree, chosen []*tree, fn func([]*tree)) {
	if len(chosen) < len(names) {
		for _, t := range byClass[names[len(chosen)]] {
			if !anyOf(t.traits, g.Forbidden) {
				f.pick(g, names, byClass, append(chosen, t), fn)
			}
		}
		return
	}
	together := map[string]bool{}
	for _, t := range chosen {
		maps.Copy(together, t.traits)
	}
	if eachOf(together, g.Required) {
		fn(chosen)
	}
}

// merger puts one option of each group together.
type merger struct {
	*forest
	search  Search
	options [][]option // by group, of one tree
	found   []Request
	seen    map[string]bool
	steps   int
}

// merge goes on with the next group. What exceeds a provider's room already is
// not gone on with.
func (m *merger) merge(ctx context.Context, chosen []option) error {
	if m.search.Limit > 0 && len(m.found) >= m.search.Limit {
		return nil
	}
	if m.steps++; m.steps%1024 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if len(chosen) == len(m.options) {
		m.keep(chosen)
		return nil
	}
	for _, o := range m.options[len(chosen)] {
		next := append(chosen, o)
		if !m.fits(next) {
			continue
		}
		if err := m.merge(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// sum adds up what is wanted of each provider.
func sum(chosen []option) map[string]map[string]int64 {
	total := map[string]map[string]int64{}
	for _, o := range chosen {
		for _, part := range o.resources {
			if total[part.provider] == nil {
				total[part.provider] = map[string]int64{}
			}
			total[part.provider][part.class] += part.amount
		}
	}
	return total
}

func (m *merger) fits(chosen []option) bool {
	for provider, classes := range sum(chosen) {
		t := m.byID[provider]
		for class, amount := range classes {
			if amount > t.Free(class) || amount > t.Inventories[class].Max {
				return false
			}
		}
	}
	return true
}

// keep adds a request unless it breaks a rule of the search or is known.
func (m *merger) keep(chosen []option) {
	request := Request{Resources: sum(chosen), Mappings: map[string][]string{}}
	granular, used := 0, map[string]bool{}
	for _, o := range chosen {
		request.Mappings[o.suffix] = slices.Sorted(slices.Values(o.providers))
		if o.granular {
			granular++
			used[o.providers[0]] = true
		}
	}
	if m.search.Isolate && len(used) < granular {
		return
	}
	for _, suffixes := range m.search.SameSubtree {
		var providers []string
		for _, suffix := range suffixes {
			providers = append(providers, request.Mappings[suffix]...)
		}
		if !m.oneSubtree(providers) {
			return
		}
	}
	if m.search.Flat && m.nested && !m.flat(request) {
		return
	}
	if key := fmt.Sprint(request); !m.seen[key] { // maps are printed in the order of their keys
		m.seen[key] = true
		m.found = append(m.found, request)
	}
}

// oneSubtree tells whether one of the providers is above all others.
func (f *forest) oneSubtree(providers []string) bool {
	return slices.ContainsFunc(providers, func(top string) bool {
		return !slices.ContainsFunc(providers, func(id string) bool { return !f.below(id, top) })
	})
}

// below tells whether a provider is another one, or below it.
func (f *forest) below(id, top string) bool {
	for range f.all { // no further than there are providers
		if id == top {
			return true
		}
		t := f.byID[id]
		if t == nil || t.ParentID == "" {
			return false
		}
		id = t.ParentID
	}
	return false
}

// flat tells whether no two providers of a request are of one tree.
func (f *forest) flat(r Request) bool {
	roots := map[string]bool{}
	for provider := range r.Resources {
		roots[f.byID[provider].RootID] = true
	}
	return len(roots) == len(r.Resources)
}

// summaries are the providers of the trees that requests are of; of requests
// that know no trees, only their own.
func (f *forest) summaries(requests []Request, flat bool) []Summary {
	roots, own := map[string]bool{}, map[string]bool{}
	for _, r := range requests {
		for provider := range r.Resources {
			own[provider], roots[f.byID[provider].RootID] = true, true
		}
	}
	var found []Summary
	for _, t := range f.all {
		if roots[t.RootID] && (own[t.ProviderID] || !flat || !f.nested) {
			found = append(found, t.Summary)
		}
	}
	return found
}
