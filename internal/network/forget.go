package network

import (
	"context"
	"fmt"

	"wisp/internal/store"
)

// EnableGateways says whether a host may carry gateways of routers: it sets
// admin_state_up of its L3 agent, which keeps what it carries until that is
// moved.
func (s *Service) EnableGateways(ctx context.Context, tx *store.Tx, host string, enabled bool) error {
	_, err := tx.NewUpdate().Model((*Agent)(nil)).Set("admin_state_up = ?", enabled).Where("host = ? AND agent_type = ?", host, AgentL3).Exec(ctx)
	if err != nil {
		return fmt.Errorf("set whether %s carries gateways: %w", host, err)
	}
	return nil
}

// ForgetHost forgets the agents of a host that is removed from the cloud, and
// what it has. Its gateways must have been moved.
func (s *Service) ForgetHost(ctx context.Context, tx *store.Tx, host string) error {
	if _, err := tx.NewDelete().Model((*Agent)(nil)).Where("host = ?", host).Exec(ctx); err != nil {
		return fmt.Errorf("forget the agents of %s: %w", host, err)
	}
	if _, err := tx.NewDelete().TableExpr("network_hosts").Where("host = ?", host).Exec(ctx); err != nil {
		return fmt.Errorf("forget what %s has: %w", host, err)
	}
	if _, err := tx.NewUpdate().Model((*meteringCount)(nil)).Set("said_packets = 0, said_bytes = 0").Where("host = ?", host).Exec(ctx); err != nil {
		return fmt.Errorf("forget what %s has counted last: %w", host, err)
	}
	if _, err := tx.NewDelete().Model((*leases)(nil)).Where("host = ?", host).Exec(ctx); err != nil {
		return fmt.Errorf("forget where %s answers DHCP: %w", host, err)
	}
	hosts(tx)
	return nil
}
