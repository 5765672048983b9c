package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// bind puts a port that no device has on a host, or with "" on none. Where the
// host does not have the port's network, or is not known, the binding fails:
// the API shows it so, as Neutron does, and the port stays down.
func bind(ctx context.Context, db bun.IDB, n *Network, p *Port, host string) error {
	p.Host, p.BindingFailed = host, false
	if host == "" {
		return nil
	}
	facts, err := factsOf(ctx, db, []string{host})
	if err != nil {
		return err
	}
	f := facts[host]
	switch n.NetworkType {
	case TypeFlat, TypeVLAN:
		p.BindingFailed = !f.has(n)
	default:
		p.BindingFailed = f == nil
	}
	return nil
}

// TypePortBindingFailed is the type of the errors of a host that does not have
// a network.
const TypePortBindingFailed = "PortBindingFailed"

// bindable fails when a flat or VLAN network among those given is not on the
// host, with an error of kind Conflict that names what is missing there.
func bindable(ctx context.Context, db bun.IDB, host string, networkIDs []string) error {
	if host == "" || len(networkIDs) == 0 {
		return nil
	}
	var missing []*Network
	err := db.NewSelect().Model(&missing).Column("n.id", "n.name", "n.network_type", "n.physical_network").
		Where("n.id IN (?) AND n.network_type IN (?)", store.Set(networkIDs), bun.List([]string{TypeFlat, TypeVLAN})).
		Where("NOT EXISTS (SELECT 1 FROM network_host_physical AS p WHERE p.host = ? AND p.physical_network = n.physical_network)", host).
		Order("n.physical_network", "n.id").Scan(ctx)
	if err != nil {
		return fmt.Errorf("look for networks that a host does not have: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	parts := make([]string, len(missing))
	for i, n := range missing {
		parts[i] = fmt.Sprintf("the physical network %s, which the %s network %s needs", n.PhysicalNetwork, n.NetworkType, n.ID)
	}
	return errs.New(errs.Conflict, "Binding failed: host %s is not on %s.", host, strings.Join(parts, ", nor on ")).WithType(TypePortBindingFailed)
}

// PhysicalOf returns the physical networks that networks need, sorted, each
// once: those of flat and VLAN networks.
func (s *Service) PhysicalOf(ctx context.Context, db bun.IDB, networkIDs []string) ([]string, error) {
	if len(networkIDs) == 0 {
		return nil, nil
	}
	names, err := columnOf[string](ctx, db.NewSelect().TableExpr("networks").ColumnExpr("DISTINCT physical_network").
		Where("id IN (?) AND network_type IN (?)", store.Set(networkIDs), bun.List([]string{TypeFlat, TypeVLAN})).OrderExpr("physical_network"))
	if err != nil {
		return nil, fmt.Errorf("read the physical networks of networks: %w", err)
	}
	return names, nil
}

// PhysicalFor is PhysicalOf of the networks that a request is about: named, of
// existing ports, or the project's only one. What the request names and is not
// there needs nothing: PlugTx refuses it.
func (s *Service) PhysicalFor(ctx context.Context, db bun.IDB, req PlugRequest) ([]string, error) {
	var networkIDs, portIDs []string
	for _, r := range req.Requests {
		if r.PortID != "" {
			portIDs = append(portIDs, r.PortID)
		} else {
			networkIDs = append(networkIDs, r.NetworkID)
		}
	}
	if len(req.Requests) == 0 && req.Auto != NetworkNone {
		only, err := onlyNetwork(ctx, db, req.ProjectID)
		if errs.Is(err, errs.Conflict) {
			return nil, nil // ambiguous: PlugTx says so
		}
		if err != nil {
			return nil, err
		}
		networkIDs = append(networkIDs, only)
	}
	if len(portIDs) > 0 {
		of, err := columnOf[string](ctx, db.NewSelect().TableExpr("ports").Column("network_id").Where("id IN (?)", store.Set(portIDs)))
		if err != nil {
			return nil, fmt.Errorf("read the networks of ports: %w", err)
		}
		networkIDs = append(networkIDs, of...)
	}
	return s.PhysicalOf(ctx, db, networkIDs)
}

// RebindTx moves the ports of a device to another host: they are down until the
// device is there. A device without ports is no error, and ports that are there
// already stay as they are. Errors: Conflict of type TypePortBindingFailed (the
// host does not have one of the networks).
func (s *Service) RebindTx(ctx context.Context, tx *store.Tx, deviceID, host string) error {
	if deviceID == "" || host == "" {
		return errors.New("rebind needs a device and a host")
	}
	plugged := bun.List([]string{roleCompute, roleAttached})
	networkIDs, err := columnOf[string](ctx, tx.NewSelect().TableExpr("ports").ColumnExpr("DISTINCT network_id").Where("device_id = ? AND role IN (?)", deviceID, plugged))
	if err != nil {
		return fmt.Errorf("read the networks of a device: %w", err)
	}
	slices.Sort(networkIDs)
	if err := bindable(ctx, tx, host, networkIDs); err != nil {
		return err
	}
	var moved owned
	_, err = tx.NewUpdate().TableExpr("ports").Set("host = ?, status = ?, binding_failed = FALSE", host, StatusDown).
		Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("device_id = ? AND role IN (?) AND host <> ?", deviceID, plugged, host).Returning(returning).Exec(ctx, &moved)
	if err != nil {
		return fmt.Errorf("bind the ports of a device to another host: %w", err)
	}
	if len(moved) > 0 {
		moved.note(tx, "port", store.Update)
		hosts(tx)
	}
	return nil
}
