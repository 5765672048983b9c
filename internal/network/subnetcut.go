package network

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// compact is the shortest list of prefixes that has the same addresses, in
// their order.
func compact(prefixes []netip.Prefix) []netip.Prefix {
	list := make([]netip.Prefix, len(prefixes))
	for i, p := range prefixes {
		list[i] = p.Masked()
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	out := []netip.Prefix{}
	for _, p := range list {
		if len(out) > 0 && out[len(out)-1].Overlaps(p) {
			continue // sorted: the one before has it
		}
		for len(out) > 0 {
			last := out[len(out)-1]
			if last.Bits() != p.Bits() || p.Bits() == 0 {
				break
			}
			both := netip.PrefixFrom(last.Addr(), p.Bits()-1).Masked()
			if !both.Contains(p.Addr()) {
				break
			}
			out, p = out[:len(out)-1], both
		}
		out = append(out, p)
	}
	return out
}

// halves of a prefix that is longer than one address.
func halves(p netip.Prefix) [2]netip.Prefix {
	first := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	return [2]netip.Prefix{first, netip.PrefixFrom(lastOf(first).Next(), p.Bits()+1)}
}

// subtract is what of the prefixes is left without those that are taken.
func subtract(prefixes, taken []netip.Prefix) []netip.Prefix {
	var left []netip.Prefix
	for _, p := range prefixes {
		var inside []netip.Prefix
		gone := false
		for _, t := range taken {
			if t.Overlaps(p) {
				inside = append(inside, t)
				gone = gone || t.Bits() <= p.Bits()
			}
		}
		switch {
		case gone:
		case len(inside) == 0:
			left = append(left, p)
		default:
			h := halves(p)
			left = append(left, subtract(h[:], inside)...)
		}
	}
	return left
}

// cutFrom are the prefixes of a pool that subnets have.
func cutFrom(ctx context.Context, db bun.IDB, poolID string) ([]netip.Prefix, error) {
	cidrs, err := columnOf[string](ctx, db.NewSelect().TableExpr("subnets").Column("cidr").Where("pool_id = ?", poolID))
	if err != nil {
		return nil, fmt.Errorf("read the subnets of a pool: %w", err)
	}
	out := make([]netip.Prefix, len(cidrs))
	for i, cidr := range cidrs {
		if out[i], err = netip.ParsePrefix(cidr); err != nil {
			return nil, fmt.Errorf("read the subnets of a pool: %w", err)
		}
	}
	return out, nil
}

// cut takes a prefix from a pool for a subnet of a project: the one that is
// wanted, or one of a length, from the smallest piece that has room. The caller
// holds poolsLock.
func (p *SubnetPool) cut(ctx context.Context, db bun.IDB, projectID string, wanted netip.Prefix, length int) (netip.Prefix, error) {
	if wanted.IsValid() {
		length = wanted.Bits()
	}
	if length > p.MaxLength {
		return wanted, refuse("MaxPrefixSubnetAllocationError", "Unable to allocate subnet with prefix length %d, maximum allowed prefix is %d.", length, p.MaxLength)
	}
	if length < p.MinLength {
		return wanted, refuse("MinPrefixSubnetAllocationError", "Unable to allocate subnet with prefix length %d, minimum allowed prefix is %d.", length, p.MinLength)
	}
	if err := p.room(ctx, db, projectID, length); err != nil {
		return wanted, err
	}
	used, err := cutFrom(ctx, db, p.ID)
	if err != nil {
		return wanted, err
	}
	free := compact(subtract(p.Prefixes.V, used))
	slices.SortStableFunc(free, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, piece := range free {
		switch {
		case wanted.IsValid() && piece.Bits() <= length && piece.Contains(wanted.Addr()):
			return wanted, nil
		case !wanted.IsValid() && piece.Bits() <= length:
			return netip.PrefixFrom(piece.Addr(), length), nil
		}
	}
	if wanted.IsValid() {
		return wanted, noPrefix("Cannot allocate requested subnet from the available set of prefixes")
	}
	return wanted, noPrefix("Insufficient prefix space to allocate subnet size /%d", length)
}

// noPrefix is a conflict with what others have; Neutron answers 500.
func noPrefix(format string, args ...any) error {
	return conflict("SubnetAllocationError", "Failed to allocate subnet: "+format+".", args...)
}

// room fails with OverQuota unless the project may have a prefix more of the
// pool.
func (p *SubnetPool) room(ctx context.Context, db bun.IDB, projectID string, length int) error {
	if p.Quota == nil || *p.Quota == 0 {
		return nil
	}
	unit := 32
	if p.IPVersion == 6 {
		unit = 64
	}
	cidrs, err := columnOf[string](ctx, db.NewSelect().TableExpr("subnets").Column("cidr").Where("pool_id = ? AND project_id = ?", p.ID, projectID))
	if err != nil {
		return fmt.Errorf("read what a project has of a pool: %w", err)
	}
	sum := math.Exp2(float64(unit - length))
	for _, cidr := range cidrs {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			sum += math.Exp2(float64(unit - prefix.Bits()))
		}
	}
	if sum > float64(*p.Quota) {
		return errs.New(errs.OverQuota, "Per-tenant subnet pool prefix quota exceeded.").WithType("SubnetPoolQuotaExceeded")
	}
	return nil
}

// poolFor finds the pool that a new subnet asks for; nil is none. A subnet that
// names no range must ask for one.
func poolFor(ctx context.Context, db bun.IDB, caller *policy.Caller, spec SubnetSpec) (*SubnetPool, error) {
	switch {
	case spec.CIDR.Value != "" && spec.Length.Value != nil:
		return nil, bad("subnets", "cidr and prefixlen must not be supplied together")
	case spec.UseDefault.Value && spec.PoolID.Value != "":
		return nil, bad("subnets", "subnetpool_id and use_default_subnetpool cannot both be specified")
	case spec.UseDefault.Value:
		p := &SubnetPool{}
		found, err := one(ctx, subnetPools.scope(db.NewSelect().Model(p).Where("sp.is_default AND sp.ip_version = ?", spec.IPVersion.Value), caller))
		if err != nil {
			return nil, fmt.Errorf("look for the default subnet pool: %w", err)
		}
		if !found {
			return nil, bad("subnets", "No default subnetpool found for IPv%d", spec.IPVersion.Value)
		}
		return p, nil
	case spec.PoolID.Value != "":
		p := &SubnetPool{}
		return p, subnetPools.find(ctx, db, caller, spec.PoolID.Value, p)
	case spec.CIDR.Value == "":
		return nil, bad("subnets", "a subnetpool must be specified in the absence of a cidr")
	}
	return nil, nil
}

// fromPool gives a new subnet its range from a pool.
func (s *Subnet) fromPool(ctx context.Context, db bun.IDB, p *SubnetPool, spec SubnetSpec) error {
	if s.IPVersion != p.IPVersion {
		return bad("subnets", "Cannot allocate IPv%d subnet from IPv%d subnet pool", s.IPVersion, p.IPVersion)
	}
	if s.CIDR == "" && spec.Pools.Set {
		return bad("subnets", "allocation_pools allowed only for specific subnet requests.")
	}
	var wanted netip.Prefix
	if s.CIDR != "" {
		wanted = s.prefix()
	}
	length := p.DefaultLength
	if spec.Length.Value != nil {
		length = *spec.Length.Value
	}
	got, err := p.cut(ctx, db, s.ProjectID, wanted, length)
	s.CIDR, s.PoolID = got.String(), p.ID
	return err
}

// suits refuses a subnet beside others of its version of IP on a network that
// are from another pool, or, where scopes are used, from another scope.
func (s *Subnet) suits(ctx context.Context, db bun.IDB, p *SubnetPool, others []*Subnet) error {
	scope := ""
	if p != nil {
		scope = p.ScopeID
	}
	var beside []string
	for _, other := range others {
		if other.IPVersion == s.IPVersion {
			beside = append(beside, other.PoolID)
		}
	}
	if len(beside) == 0 {
		return nil
	}
	scopes, err := columnOf[string](ctx, db.NewSelect().TableExpr("subnet_pools").ColumnExpr("DISTINCT address_scope_id").Where("id IN (?) AND address_scope_id IS NOT NULL", bun.List(beside)))
	if err != nil {
		return fmt.Errorf("read the scopes of a network: %w", err)
	}
	if len(scopes) > 0 {
		if len(scopes) != 1 || scopes[0] != scope {
			return scopeAffinity()
		}
		return nil
	}
	if slices.ContainsFunc(beside, func(id string) bool { return id != s.PoolID }) {
		return refuse("NetworkSubnetPoolAffinityError", "Subnets hosted on the same network must be allocated from the same subnet pool.")
	}
	return nil
}
