package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// MoveGateways gives the routers whose shared addresses lost hosts carry to
// other hosts that are alive, and tells how many were moved. Where nobody else
// is alive, they stay.
func (s *Service) MoveGateways(ctx context.Context, tx *store.Tx, lost []string) (moved int, err error) {
	var stranded []string
	if err := tx.NewSelect().TableExpr("routers").Column("id").Where("gateway_host IN (?)", store.Set(lost)).Order("id").Scan(ctx, &stranded); err != nil {
		return 0, fmt.Errorf("list the routers of lost hosts: %w", err)
	}
	if len(stranded) == 0 {
		return 0, nil
	}
	var carriers []struct {
		Host    string
		Routers int
	}
	err = tx.NewSelect().TableExpr("network_agents AS ag").ColumnExpr("ag.host").ColumnExpr("(SELECT COUNT(*) FROM routers WHERE gateway_host = ag.host) AS routers").
		Where("ag.agent_type = ? AND ag.admin_state_up AND ag.heartbeat_at > ? AND ag.host NOT IN (?)", AgentL3, now().Add(-AgentDownAfter), store.Set(lost)).
		OrderExpr("ag.host").Scan(ctx, &carriers)
	if err != nil {
		return 0, fmt.Errorf("list the hosts that can carry gateways: %w", err)
	}
	if len(carriers) == 0 {
		return 0, nil
	}
	var taken owned
	for _, id := range stranded {
		best := 0
		for i := range carriers {
			if carriers[i].Routers < carriers[best].Routers {
				best = i
			}
		}
		carriers[best].Routers++
		var row owned
		_, err := tx.NewUpdate().TableExpr("routers").Set("gateway_host = ?", carriers[best].Host).Where("id = ?", id).Returning(returning).Exec(ctx, &row)
		if err != nil {
			return 0, fmt.Errorf("move a gateway: %w", err)
		}
		taken = append(taken, row...)
	}
	taken.note(tx, "router", store.Update)
	hosts(tx)
	return len(taken), nil
}

// RebindTx binds all ports of a device to another host. They are down until
// the device runs there.
func (s *Service) RebindTx(ctx context.Context, tx *store.Tx, deviceID, host string) error {
	if deviceID == "" {
		return errors.New("rebind a device without an id")
	}
	var moved owned
	_, err := tx.NewUpdate().TableExpr("ports").Set("host = ?, status = ?", host, StatusDown).Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("device_id = ? AND role IN (?)", deviceID, bun.List([]string{roleCompute, roleAttached})).Returning(returning).Exec(ctx, &moved)
	if err != nil {
		return fmt.Errorf("rebind the ports of a device: %w", err)
	}
	moved.note(tx, "port", store.Update)
	hosts(tx)
	return nil
}

// PhysicalOf names the physical networks that a host must be attached to for
// its ports on networks, sorted.
func (s *Service) PhysicalOf(ctx context.Context, db bun.IDB, networkIDs []string) ([]string, error) {
	if len(networkIDs) == 0 {
		return nil, nil
	}
	found, err := columnOf[string](ctx, db.NewSelect().TableExpr("networks").ColumnExpr("DISTINCT physical_network").
		Where("id IN (?) AND physical_network <> ''", store.Set(networkIDs)).OrderExpr("physical_network"))
	if err != nil {
		return nil, fmt.Errorf("read the physical networks: %w", err)
	}
	return slices.Clip(found), nil
}
