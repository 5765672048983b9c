package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// SubnetPool is a set of prefixes from which subnets are cut (API reference:
// Subnet pools).
type SubnetPool struct {
	bun.BaseModel `bun:"table:subnet_pools,alias:sp"`
	Standard
	Sharing

	Name      string
	IPVersion int                  `bun:"ip_version"`
	Prefixes  JSON[[]netip.Prefix] `bun:"type:text"` // compact: none is in another
	// Lengths of the prefixes of subnets: what is cut when a request says
	// nothing, the shortest and the longest.
	DefaultLength int `bun:"default_prefixlen"`
	MinLength     int `bun:"min_prefixlen"`
	MaxLength     int `bun:"max_prefixlen"`
	// Quota is how much a project may have of the pool, in addresses of IPv4 or
	// prefixes of 64 bits of IPv6; nil and 0 are any.
	Quota     *int64 `bun:"default_quota"`
	IsDefault bool   // where subnets come from that ask for the default
	ScopeID   string `bun:"address_scope_id,nullzero"`
}

// SubnetPoolSpec is what a request gives of a subnet pool.
type SubnetPoolSpec struct {
	ProjectID, Name, Description        Opt[string]
	Prefixes                            Opt[[]netip.Prefix]
	DefaultLength, MinLength, MaxLength Opt[int]
	Quota                               Opt[*int64]
	Shared, IsDefault                   Opt[bool]
	ScopeID                             Opt[string]
}

var subnetPools = &resource{
	table: "subnet_pools", alias: "sp",
	notFound: subnetPoolNotFound,
	columns: standardColumns("sp", true, map[string]column{
		"ip_version": {sql: "ip_version", kind: number}, "is_default": {sql: "is_default", kind: flag}, "address_scope_id": {sql: "address_scope_id"},
		"default_prefixlen": {sql: "default_prefixlen", kind: number}, "min_prefixlen": {sql: "min_prefixlen", kind: number},
		"max_prefixlen": {sql: "max_prefixlen", kind: number}, "default_quota": {sql: "default_quota", kind: number},
	}),
	sharedBy: "sp.id",
	visible:  sharedWith("sp.project_id", "sp.id"),
}

func subnetPoolNotFound(id string) error {
	return missing("SubnetPoolNotFound", "Subnet pool %s could not be found.", id)
}

// poolsLock makes transactions wait for each other that take prefixes of pools
// or change pools: what is free is all prefixes without those of the subnets.
const poolsLock store.Lock = "subnet pools"

// CreateSubnetPools makes subnet pools, all or none. Errors: Invalid,
// Forbidden, NotFound (the scope), OverQuota, Conflict (overlap in the scope).
func (s *Service) CreateSubnetPools(ctx context.Context, caller *policy.Caller, specs []SubnetPoolSpec) ([]SubnetPool, error) {
	return createAll(ctx, s, caller, specs, "subnetpool", func(s SubnetPoolSpec) Opt[string] { return s.ProjectID }, s.createSubnetPool, loadSubnetPools, poolsLock)
}

func (s *Service) createSubnetPool(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec SubnetPoolSpec) (*SubnetPool, error) {
	for _, err := range []error{
		allowSet(spec.Shared, false, "create_subnetpool:shared", caller, projectID),
		allowSet(spec.IsDefault, false, "create_subnetpool:is_default", caller, projectID),
	} {
		if err != nil {
			return nil, err
		}
	}
	p := &SubnetPool{
		Standard: newStandard(projectID, spec.Description.Value), Sharing: Sharing{Shared: spec.Shared.Value}, Name: spec.Name.Value,
		Quota: spec.Quota.Value, IsDefault: spec.IsDefault.Value, ScopeID: spec.ScopeID.Value,
	}
	if err := p.setPrefixes(spec.Prefixes.Value); err != nil {
		return nil, err
	}
	p.MinLength, p.MaxLength = spec.MinLength.Or(8), spec.MaxLength.Or(32)
	if p.IPVersion == 6 {
		p.MinLength, p.MaxLength = spec.MinLength.Or(64), spec.MaxLength.Or(128)
	}
	p.DefaultLength = spec.DefaultLength.Or(p.MinLength)
	if err := p.checkLengths(); err != nil {
		return nil, err
	}
	if err := p.onlyDefault(ctx, tx); err != nil {
		return nil, err
	}
	if err := p.checkScope(ctx, tx, caller); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, p); err != nil {
		return nil, fmt.Errorf("insert a subnet pool: %w", err)
	}
	if !p.Shared {
		return p, nil
	}
	return p, share(ctx, tx, projectID, "subnetpool", p.ID, AsShared)
}

// setPrefixes gives the pool its prefixes, of one version of IP.
func (p *SubnetPool) setPrefixes(prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return refuse("EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
	}
	p.IPVersion = version(prefixes[0].Addr())
	for _, prefix := range prefixes {
		if version(prefix.Addr()) != p.IPVersion {
			return refuse("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
		}
	}
	p.Prefixes.V = compact(prefixes)
	return nil
}

// checkLengths checks the bounds against each other and the version of IP.
func (p *SubnetPool) checkLengths() error {
	bounds := func(what string, length int, base string, than int) error {
		return refuse("IllegalSubnetPoolPrefixBounds", "Illegal prefix bounds: %s=%d, %s=%d.", what, length, base, than)
	}
	bits := 32
	if p.IPVersion == 6 {
		bits = 128
	}
	switch {
	case p.MinLength < 0:
		return refuse("UnsupportedMinSubnetPoolPrefix", "Prefix '%d' not supported in IPv%d pool.", p.MinLength, p.IPVersion)
	case p.MinLength > p.MaxLength:
		return bounds("min_prefixlen", p.MinLength, "max_prefixlen", p.MaxLength)
	case p.MaxLength > bits:
		return bounds("max_prefixlen", p.MaxLength, "ip_version_max", bits)
	case p.DefaultLength < p.MinLength:
		return bounds("default_prefixlen", p.DefaultLength, "min_prefixlen", p.MinLength)
	case p.DefaultLength > p.MaxLength:
		return bounds("default_prefixlen", p.DefaultLength, "max_prefixlen", p.MaxLength)
	}
	return nil
}

// onlyDefault refuses a second default pool of a version of IP.
func (p *SubnetPool) onlyDefault(ctx context.Context, db bun.IDB) error {
	if !p.IsDefault {
		return nil
	}
	taken, err := db.NewSelect().Model((*SubnetPool)(nil)).Where("is_default AND ip_version = ? AND id <> ?", p.IPVersion, p.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for the default subnet pool: %w", err)
	}
	if taken {
		return invalid("A default subnetpool for this IP family has already been set. Only one default may exist per IP family")
	}
	return nil
}

// checkScope checks that the pool can be in its address scope: one that the
// caller may use, of the same version of IP, without another pool that has some
// of the addresses.
func (p *SubnetPool) checkScope(ctx context.Context, db bun.IDB, caller *policy.Caller) error {
	if p.ScopeID == "" {
		return nil
	}
	a := &AddressScope{}
	if err := addressScopes.find(ctx, db, caller, p.ScopeID, a); err != nil {
		return err
	}
	if a.IPVersion != p.IPVersion {
		return refuse("IllegalSubnetPoolIpVersionAssociationToAddressScope",
			"Illegal subnetpool association: subnetpool %s cannot associate with address scope %s because subnetpool ip_version is not %d.", p.ID, a.ID, a.IPVersion)
	}
	var others []SubnetPool
	if err := db.NewSelect().Model(&others).Where("address_scope_id = ? AND id <> ?", a.ID, p.ID).Scan(ctx); err != nil {
		return fmt.Errorf("read the pools of an address scope: %w", err)
	}
	for _, other := range others {
		for _, prefix := range p.Prefixes.V {
			if slices.ContainsFunc(other.Prefixes.V, prefix.Overlaps) {
				return conflict("AddressScopePrefixConflict", "Failed to associate address scope: subnetpools within an address scope must have unique prefixes.")
			}
		}
	}
	return nil
}

// checkRescope refuses another scope for a pool whose subnets share networks
// with subnets that would not follow.
func (p *SubnetPool) checkRescope(ctx context.Context, db bun.IDB) error {
	left, err := db.NewSelect().TableExpr("subnets AS o").Where("o.ip_version = ? AND COALESCE(o.pool_id, '') <> ?", p.IPVersion, p.ID).
		Where("o.network_id IN (SELECT network_id FROM subnets WHERE pool_id = ?)", p.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for subnets beside those of a pool: %w", err)
	}
	if left {
		return scopeAffinity()
	}
	return nil
}

func scopeAffinity() error {
	return refuse("NetworkAddressScopeAffinityError", "Subnets of the same address family hosted on the same network must all be allocated from the same address scope.")
}

func loadSubnetPools(ctx context.Context, db bun.IDB, rows []*SubnetPool) error {
	if err := loadTargets(ctx, db, rows); err != nil {
		return err
	}
	return loadTags(ctx, db, rows)
}

// SubnetPools lists the subnet pools that the caller may see.
func (s *Service) SubnetPools(ctx context.Context, caller *policy.Caller, l store.List) ([]SubnetPool, error) {
	var rows []SubnetPool
	if err := subnetPools.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadSubnetPools(ctx, s.db.Read(), pointers(rows))
}

// SubnetPool returns one subnet pool, or an error of kind NotFound.
func (s *Service) SubnetPool(ctx context.Context, caller *policy.Caller, id string) (*SubnetPool, error) {
	p := &SubnetPool{}
	if err := subnetPools.find(ctx, s.db.Read(), caller, id, p); err != nil {
		return nil, err
	}
	return p, loadSubnetPools(ctx, s.db.Read(), []*SubnetPool{p})
}

// changeSubnetPool runs a change of a pool that the caller may make under a
// rule, checks what comes of it and writes it.
func (s *Service) changeSubnetPool(ctx context.Context, caller *policy.Caller, rule, id string, e Expect, change func(ctx context.Context, tx *store.Tx, p *SubnetPool) error) (*SubnetPool, error) {
	var p *SubnetPool
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p = &SubnetPool{}
		if err := subnetPools.find(ctx, tx, caller, id, p); err != nil {
			return err
		}
		if err := allow(rule, caller, p.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &p.Standard); err != nil {
			return err
		}
		scope := p.ScopeID
		if scope != "" && !caller.IsAdmin() {
			a := &AddressScope{}
			if err := tx.NewSelect().Model(a).Where("id = ?", scope).Scan(ctx); err != nil {
				return fmt.Errorf("read the scope of a pool: %w", err)
			}
			if a.ProjectID != caller.ProjectID {
				return refuse("IllegalSubnetPoolUpdate", "Illegal subnetpool update : subnetpool %s cannot be updated when associated with shared address scope %s.", p.ID, scope)
			}
		}
		if err := change(ctx, tx, p); err != nil {
			return err
		}
		if err := p.checkLengths(); err != nil {
			return err
		}
		if err := p.onlyDefault(ctx, tx); err != nil {
			return err
		}
		if err := p.checkScope(ctx, tx, caller); err != nil {
			return err
		}
		if p.ScopeID != scope {
			if err := p.checkRescope(ctx, tx); err != nil {
				return err
			}
			hosts(tx)
		}
		p.touch()
		if err := update(ctx, tx, p); err != nil {
			return fmt.Errorf("update a subnet pool: %w", err)
		}
		return loadSubnetPools(ctx, tx, []*SubnetPool{p})
	}, poolsLock)
	return p, err
}

// UpdateSubnetPool changes a subnet pool; its prefixes can only become more.
// Errors: NotFound, Forbidden, Invalid, Conflict (overlap in the scope),
// PreconditionFailed.
func (s *Service) UpdateSubnetPool(ctx context.Context, caller *policy.Caller, id string, spec SubnetPoolSpec, e Expect) (*SubnetPool, error) {
	return s.changeSubnetPool(ctx, caller, "update_subnetpool", id, e, func(_ context.Context, _ *store.Tx, p *SubnetPool) error {
		if err := allowSet(spec.IsDefault, p.IsDefault, "update_subnetpool:is_default", caller, p.ProjectID); err != nil {
			return err
		}
		if spec.Prefixes.Set {
			before, version := p.Prefixes.V, p.IPVersion
			if err := p.setPrefixes(spec.Prefixes.Value); err != nil {
				return err
			}
			if p.IPVersion != version || len(subtract(before, p.Prefixes.V)) > 0 {
				return refuse("IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.")
			}
		}
		spec.Name.into(&p.Name)
		spec.Description.into(&p.Description)
		spec.DefaultLength.into(&p.DefaultLength)
		spec.MinLength.into(&p.MinLength)
		spec.MaxLength.into(&p.MaxLength)
		spec.Quota.into(&p.Quota)
		spec.IsDefault.into(&p.IsDefault)
		spec.ScopeID.into(&p.ScopeID)
		return nil
	})
}

// AddPrefixes adds prefixes to a pool. Errors: as UpdateSubnetPool.
func (s *Service) AddPrefixes(ctx context.Context, caller *policy.Caller, id string, prefixes []netip.Prefix) (*SubnetPool, error) {
	return s.changeSubnetPool(ctx, caller, "add_prefixes", id, nil, func(_ context.Context, _ *store.Tx, p *SubnetPool) error {
		return p.setPrefixes(slices.Concat(p.Prefixes.V, prefixes))
	})
}

// RemovePrefixes takes prefixes from a pool that no subnet has. Errors:
// NotFound, Forbidden, Invalid (in use, or none left).
func (s *Service) RemovePrefixes(ctx context.Context, caller *policy.Caller, id string, prefixes []netip.Prefix) (*SubnetPool, error) {
	return s.changeSubnetPool(ctx, caller, "remove_prefixes", id, nil, func(ctx context.Context, tx *store.Tx, p *SubnetPool) error {
		used, err := cutFrom(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		for _, prefix := range prefixes {
			if slices.ContainsFunc(used, prefix.Overlaps) {
				return refuse("IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: One or more of the prefixes is in use by a subnet.")
			}
		}
		return p.setPrefixes(subtract(p.Prefixes.V, prefixes))
	})
}

// DeleteSubnetPool deletes a pool that no subnet is from. Errors: NotFound,
// Forbidden, Invalid (in use), PreconditionFailed.
func (s *Service) DeleteSubnetPool(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p := &SubnetPool{}
		if err := subnetPools.find(ctx, tx, caller, id, p); err != nil {
			return err
		}
		if err := allow("delete_subnetpool", caller, p.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &p.Standard); err != nil {
			return err
		}
		used, err := cutFrom(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return refuse("SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
		}
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "subnet_pools", p); err != nil {
			return fmt.Errorf("delete a subnet pool: %w", err)
		}
		return nil
	}, poolsLock)
}
