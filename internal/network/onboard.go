package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Onboard puts the subnets of a network that are of the pool's version of IP
// into a pool, with their prefixes, and returns them (API reference: Onboard
// subnets). Errors: NotFound, Forbidden, Invalid (a subnet overlaps with what
// was cut from the pool), Conflict (overlap in the pool's scope).
func (s *Service) Onboard(ctx context.Context, caller *policy.Caller, id, networkID string) ([]*Subnet, error) {
	var onboarded []*Subnet
	_, err := s.changeSubnetPool(ctx, caller, "onboard_network_subnets", id, nil, func(ctx context.Context, tx *store.Tx, p *SubnetPool) error {
		n := &Network{}
		if err := networks.find(ctx, tx, caller, networkID, n); err != nil {
			return err
		}
		if err := allow("update_subnet", caller, n.ProjectID); err != nil {
			return err
		}
		if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
			return err
		}
		all, err := subnetsOf(ctx, tx, n.ID)
		if err != nil {
			return err
		}
		onboarded = slices.DeleteFunc(all, func(sub *Subnet) bool { return sub.IPVersion != p.IPVersion })
		if err := p.takeIn(ctx, tx, onboarded); err != nil || len(onboarded) == 0 {
			return err
		}
		ids := make([]string, len(onboarded))
		for i, sub := range onboarded {
			sub.PoolID, ids[i] = p.ID, sub.ID
			tx.Changed(sub.changeOn(n, store.Update))
		}
		if _, err := tx.NewUpdate().Model((*Subnet)(nil)).Set("pool_id = ?", p.ID).Set("revision = revision + 1").Set("updated_at = ?", now()).
			Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return fmt.Errorf("put subnets into a pool: %w", err)
		}
		hosts(tx) // they are in the pool's scope now
		return nil
	})
	return onboarded, err
}

// takeIn adds the prefixes of subnets to the pool.
func (p *SubnetPool) takeIn(ctx context.Context, db bun.IDB, subs []*Subnet) error {
	used, err := cutFrom(ctx, db, p.ID)
	if err != nil {
		return err
	}
	prefixes := slices.Clone(p.Prefixes.V)
	for _, sub := range subs {
		if slices.ContainsFunc(used, sub.prefix().Overlaps) {
			return refuse("IllegalSubnetPoolUpdate", "Illegal subnetpool update : Onboarding subnet %s: %s conflicts with allocated prefixes in subnet pool %s.", sub.ID, sub.CIDR, p.ID)
		}
		prefixes = append(prefixes, sub.prefix())
	}
	return p.setPrefixes(prefixes)
}
