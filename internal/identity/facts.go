package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// facts are the small tables that almost every token needs, as of a revision:
// roles and what they imply, and the catalog; and the keys of all.
type facts struct {
	revision int64
	keys     *keys // nil before Bootstrap
	roles    map[string]Role
	implied  map[string][]string // prior role id -> implied role ids
	catalog  []CatalogEntry
	filter   *endpointFilter
}

// CatalogEntry is a service with its endpoints, as tokens and the catalog show
// them. Endpoints may hold $(project_id)s, which catalogFor fills in.
type CatalogEntry struct {
	ID, Type, Name string
	Endpoints      []Endpoint
}

// known returns the facts as of the newest revision.
func (s *Service) known(ctx context.Context) (*facts, error) {
	revision, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	if f := s.facts.Load(); f != nil && f.revision >= revision {
		return f, nil
	}
	s.learning.Lock()
	defer s.learning.Unlock()
	if f := s.facts.Load(); f != nil && f.revision >= revision {
		return f, nil
	}
	f := &facts{revision: revision, roles: map[string]Role{}, implied: map[string][]string{}}
	var roles []Role
	if err := s.db.Read().NewSelect().Model(&roles).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	for _, role := range roles {
		f.roles[role.ID] = role
	}
	var implied []impliedRole
	if err := s.db.Read().NewSelect().Model(&implied).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read implied roles: %w", err)
	}
	for _, rule := range implied {
		f.implied[rule.PriorID] = append(f.implied[rule.PriorID], rule.ImpliedID)
	}
	if f.catalog, err = s.readCatalog(ctx); err != nil {
		return nil, err
	}
	if f.filter, err = readEndpointFilter(ctx, s.db.Read()); err != nil {
		return nil, err
	}
	if f.keys, err = readKeys(ctx, s.db.Read()); err != nil {
		return nil, err
	}
	if err := s.revoked.update(ctx, s); err != nil {
		return nil, err
	}
	s.facts.Store(f)
	return f, nil
}

// expand adds to role ids all that they imply, directly or not.
func (f *facts) expand(ids []string) []string {
	all := slices.Clone(ids)
	slices.Sort(all)
	all = slices.Compact(all)
	for i := 0; i < len(all); i++ {
		for _, next := range f.implied[all[i]] {
			if !slices.Contains(all, next) {
				all = append(all, next)
			}
		}
	}
	return all
}

// named tells whether a role of no domain has the name.
func (f *facts) named(name string) bool {
	for _, role := range f.roles {
		if role.Name == name && role.DomainID == nil {
			return true
		}
	}
	return false
}

// tokenRoles are the roles that a token shows for assigned role ids: with
// implied ones and without domain-specific ones, which only imply others.
func (f *facts) tokenRoles(ids []string) []Role {
	var roles []Role
	for _, id := range f.expand(ids) {
		if role, ok := f.roles[id]; ok && role.DomainID == nil {
			roles = append(roles, role)
		}
	}
	slices.SortFunc(roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return roles
}

// revoked are the audit ids of tokens that were revoked and would not have
// expired yet. It grows by what is new in the table.
type revoked struct {
	mu       sync.RWMutex
	ids      map[string]time.Time // audit id -> when its tokens expire anyway
	revision int64                // of the newest row that is known
}

func (r *revoked) update(ctx context.Context, s *Service) error {
	r.mu.RLock()
	since := r.revision
	r.mu.RUnlock()
	var rows []revocation
	if err := s.db.Read().NewSelect().Model(&rows).Where("revision > ?", since).Scan(ctx); err != nil {
		return fmt.Errorf("read revocations: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]time.Time{}
	}
	now := s.now()
	for id, expires := range r.ids {
		if expires.Add(expiredWindow).Before(now) {
			delete(r.ids, id)
		}
	}
	for _, row := range rows {
		r.ids[row.AuditID] = row.ExpiresAt
		r.revision = max(r.revision, row.Revision)
	}
	return nil
}

// any tells whether the token or one that it was made from is revoked.
func (r *revoked) any(p *payload) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.ids) == 0 {
		return false
	}
	return slices.ContainsFunc(p.audit, func(raw [16]byte) bool {
		_, is := r.ids[auditID(raw)]
		return is
	})
}

// cacheSize is how many tokens one of a cache's two generations holds.
const cacheSize = 4096

// cache holds what tokens resolved to. It keeps two generations: when the
// younger is full, it becomes the elder and the elder is dropped, so that
// what is used stays and memory is bounded.
type cache struct {
	mu           sync.RWMutex
	young, elder map[string]*resolution
}

func (c *cache) get(token string) *resolution {
	c.mu.RLock()
	r, young := c.young[token]
	if !young {
		r = c.elder[token]
	}
	c.mu.RUnlock()
	if r != nil && !young {
		c.put(token, r)
	}
	return r
}

func (c *cache) put(token string, r *resolution) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= cacheSize {
		c.elder, c.young = c.young, make(map[string]*resolution, 64)
	}
	c.young[token] = r
}
