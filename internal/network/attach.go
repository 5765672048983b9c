package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
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

// ChangeGroupsTx gives a security group, by id or name in the project, to the
// ports of a device that have port security, or takes it from those that have
// it. It tells how many ports it is about. NotFound: there is no such group.
func (s *Service) ChangeGroupsTx(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID, deviceID, group string, add bool) (int, error) {
	ids, err := s.groupsNamed(ctx, tx, caller, projectID, []string{group})
	if err != nil {
		return 0, err
	}
	id := ids[0]
	with := tx.NewSelect().TableExpr("port_security_groups").Column("port_id").Where("group_id = ?", id)
	q := tx.NewSelect().TableExpr("ports AS p").Column("p.id").Where("p.device_id = ? AND p.role IN (?)", deviceID, bun.List(plugged))
	if add {
		q = q.Where("p.port_security_enabled")
	} else {
		q = q.Where("p.id IN (?)", with)
	}
	ports, err := columnOf[string](ctx, q)
	if err != nil {
		return 0, fmt.Errorf("look for the ports of a device: %w", err)
	}
	if len(ports) == 0 {
		return 0, nil
	}
	slices.Sort(ports)
	if add {
		rows := make([]portGroup, len(ports))
		for i, port := range ports {
			rows[i] = portGroup{PortID: port, GroupID: id}
		}
		_, err = tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx)
	} else {
		_, err = tx.NewDelete().Model((*portGroup)(nil)).Where("port_id IN (?) AND group_id = ?", bun.List(ports), id).Exec(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("change the security groups of ports: %w", err)
	}
	var changed owned
	_, err = tx.NewUpdate().TableExpr("ports").Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("id IN (?)", bun.List(ports)).Returning(returning).Exec(ctx, &changed)
	if err != nil {
		return 0, fmt.Errorf("note the change of ports: %w", err)
	}
	changed.note(tx, "port", store.Update)
	hosts(tx)
	return len(ports), nil
}
