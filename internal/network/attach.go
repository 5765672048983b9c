package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// plugged are the roles of ports that devices have.
var plugged = []string{roleCompute, roleAttached}

// UnplugPortTx takes one port of a device away, as UnplugTx takes all. A port
// that the device does not have is NotFound.
func (s *Service) UnplugPortTx(ctx context.Context, tx *store.Tx, deviceID, portID string) error {
	if deviceID == "" || portID == "" {
		return errors.New("unplug needs a device and a port")
	}
	is := func(role string) *bun.SelectQuery {
		return tx.NewSelect().TableExpr("ports").Column("id").Where("id = ? AND device_id = ? AND role = ?", portID, deviceID, role)
	}
	made, err := columnOf[string](ctx, is(roleCompute))
	if err != nil {
		return fmt.Errorf("look for the device's port: %w", err)
	}
	if len(made) > 0 {
		hosts(tx)
		return deletePorts(ctx, tx, is(roleCompute))
	}
	var kept owned
	_, err = tx.NewUpdate().TableExpr("ports").Set("role = '', device_id = '', device_owner = '', host = '', binding_failed = FALSE, tag = '', nic = 0, status = ?", StatusDown).
		Set("revision = revision + 1").Set("updated_at = ?", now()).Where("id IN (?)", is(roleAttached)).Returning(returning).Exec(ctx, &kept)
	if err != nil {
		return fmt.Errorf("unbind a port of a device: %w", err)
	}
	if len(kept) == 0 {
		return portNotFound(portID)
	}
	kept.note(tx, "port", store.Update)
	hosts(tx)
	return nil
}

// UnbindTx takes the ports of a device off their host: they stay the device's,
// with their addresses, and are down.
func (s *Service) UnbindTx(ctx context.Context, tx *store.Tx, deviceID string) error {
	if deviceID == "" {
		return errors.New("unbind a device without an id")
	}
	var left owned
	_, err := tx.NewUpdate().TableExpr("ports").Set("host = '', status = ?, binding_failed = FALSE", StatusDown).
		Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("device_id = ? AND role IN (?) AND host <> ''", deviceID, bun.List(plugged)).Returning(returning).Exec(ctx, &left)
	if err != nil {
		return fmt.Errorf("take the ports of a device off their host: %w", err)
	}
	left.note(tx, "port", store.Update)
	hosts(tx)
	return nil
}
