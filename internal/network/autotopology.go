package network

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// autoTopology is what a project was given that asked for a network without
// saying more (extension auto-allocated-topology): a network, subnets from the
// default pools, and a router to the default external network.
type autoTopology struct {
	bun.BaseModel `bun:"table:auto_topologies,alias:at"`

	ProjectID string `bun:",pk"`
	NetworkID string
	RouterID  string `bun:",nullzero"` // may have been deleted since
}

// TypeAutoAllocationFailure is the type of the Conflict that the cloud has not
// what a topology is made of.
const TypeAutoAllocationFailure = "AutoAllocationFailure"

// AutoNetwork returns the id of the network of a project's topology, which is
// made when there is none. Errors: Conflict (of type AutoAllocationFailure: the
// cloud has no default external network or subnet pool), OverQuota, Forbidden.
func (s *Service) AutoNetwork(ctx context.Context, caller *policy.Caller, projectID string) (string, error) {
	if err := allow("get_auto_allocated_topology", caller, projectID); err != nil {
		return "", err
	}
	at, known, err := topologyOf(ctx, s.db.Read(), projectID)
	if err != nil || known {
		return at.NetworkID, err
	}
	// Reading makes one only for those who might make it by hand.
	for _, rule := range []string{"create_network", "create_subnet", "create_router"} {
		if err := allow(rule, caller, projectID); err != nil {
			return "", err
		}
	}
	var id string
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		id, err = s.autoNetwork(ctx, tx, projectID)
		return err
	}, autoLocks(projectID)...)
	return id, err
}

// autoLocks are those of transactions that may make a topology.
func autoLocks(projectID string) []store.Lock {
	return []store.Lock{quotaLock(projectID), segmentLock, poolsLock}
}

// CheckAutoNetwork tells whether a topology could be made. Errors: as
// AutoNetwork.
func (s *Service) CheckAutoNetwork(ctx context.Context, caller *policy.Caller, projectID string) error {
	if err := allow("get_auto_allocated_topology", caller, projectID); err != nil {
		return err
	}
	_, _, err := autoParts(ctx, s.db.Read())
	return err
}

func topologyOf(ctx context.Context, db bun.IDB, projectID string) (at autoTopology, known bool, err error) {
	known, err = one(ctx, db.NewSelect().Model(&at).Where("project_id = ?", projectID))
	if err != nil {
		err = fmt.Errorf("look for the topology of a project: %w", err)
	}
	return at, known, err
}

// autoParts finds the default external network and the default subnet pools,
// that of IPv4 first.
func autoParts(ctx context.Context, db bun.IDB) (external string, pools []SubnetPool, err error) {
	found, err := columnOf[string](ctx, db.NewSelect().TableExpr("networks").Column("id").Where("is_default"))
	if err != nil {
		return "", nil, fmt.Errorf("look for the default network: %w", err)
	}
	if len(found) == 0 {
		return "", nil, autoFailure("No default router:external network")
	}
	if err := db.NewSelect().Model(&pools).Where("is_default").Order("ip_version").Scan(ctx); err != nil {
		return "", nil, fmt.Errorf("look for the default subnet pools: %w", err)
	}
	if len(pools) == 0 {
		return "", nil, autoFailure("No default subnetpools defined")
	}
	return found[0], pools, nil
}

func autoFailure(reason string) error {
	return conflict(TypeAutoAllocationFailure, "Deployment error: %s.", reason)
}

// autoNetwork is the network of a project's topology, made where there is none:
// of all that it is made of, or nothing.
func (s *Service) autoNetwork(ctx context.Context, tx *store.Tx, projectID string) (string, error) {
	at, known, err := topologyOf(ctx, tx, projectID)
	if err != nil || known {
		return at.NetworkID, err
	}
	external, pools, err := autoParts(ctx, tx)
	if err != nil {
		return "", err
	}
	for resource, count := range map[string]int{"network": 1, "subnet": len(pools), "router": 1} {
		if err := s.reserve(ctx, tx, projectID, resource, count); err != nil {
			return "", err
		}
	}
	// The pools and the external network need not be the project's to use.
	by := &policy.Caller{ProjectID: projectID, Roles: []string{"admin"}}
	n, err := s.createNetwork(ctx, tx, by, projectID, NetworkSpec{Name: Some("auto_allocated_network")})
	if err != nil {
		return "", err
	}
	r, err := s.createRouter(ctx, tx, by, projectID, RouterSpec{Name: Some("auto_allocated_router"), Gateway: Some(&GatewaySpec{NetworkID: external})})
	if err != nil {
		return "", err
	}
	for _, pool := range pools {
		sub, err := s.createSubnet(ctx, tx, by, projectID, SubnetSpec{
			Name: Some(fmt.Sprintf("auto_allocated_subnet_v%d", pool.IPVersion)), NetworkID: Some(n.ID), IPVersion: Some(pool.IPVersion), PoolID: Some(pool.ID),
		})
		if err != nil {
			return "", err
		}
		legs, err := legsOf(ctx, tx, r.ID)
		if err != nil {
			return "", err
		}
		if _, err := s.attachSubnet(ctx, tx, by, r, legs, sub.ID); err != nil {
			return "", err
		}
	}
	if err := followInterface(ctx, tx, r, n); err != nil {
		return "", err
	}
	hosts(tx)
	if _, err := tx.NewInsert().Model(&autoTopology{ProjectID: projectID, NetworkID: n.ID, RouterID: r.ID}).Exec(ctx); err != nil {
		return "", fmt.Errorf("insert the topology of a project: %w", err)
	}
	return n.ID, nil
}

// DeleteAutoNetwork deletes a project's topology; that there is none is no
// error. Errors: Conflict (in use), Forbidden.
func (s *Service) DeleteAutoNetwork(ctx context.Context, caller *policy.Caller, projectID string) error {
	if err := allow("delete_auto_allocated_topology", caller, projectID); err != nil {
		return err
	}
	at, known, err := topologyOf(ctx, s.db.Read(), projectID)
	if err != nil || !known {
		return err
	}
	used, err := s.db.Read().NewSelect().Model((*Port)(nil)).Where("network_id = ? AND role IN (?)", at.NetworkID, bun.List([]string{roleNone, roleCompute, roleAttached})).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for ports: %w", err)
	}
	if used {
		return networkInUse(at.NetworkID)
	}
	others, err := columnOf[string](ctx, s.db.Read().NewSelect().TableExpr("ports").Column("id").
		Where("router_id = ? AND role = ? AND network_id <> ?", at.RouterID, roleInterface, at.NetworkID).Order("id"))
	if err != nil {
		return fmt.Errorf("look for other interfaces of a router: %w", err)
	}
	if len(others) > 0 { // which the project made for itself
		return conflict("RouterInUse", "Router %s has ports still attached: %s", at.RouterID, strings.Join(others, ", "))
	}
	by := &policy.Caller{ProjectID: projectID, Roles: []string{"admin"}}
	for at.RouterID != "" {
		attached, err := columnOf[string](ctx, s.db.Read().NewSelect().TableExpr("ports").Column("id").Where("router_id = ? AND role = ?", at.RouterID, roleInterface).Limit(1))
		if err != nil {
			return fmt.Errorf("look for the interfaces of a router: %w", err)
		}
		if len(attached) == 0 {
			break
		}
		if _, err := s.RemoveInterface(ctx, by, at.RouterID, "", attached[0]); err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	var failures []error
	if at.RouterID != "" {
		failures = append(failures, s.DeleteRouter(ctx, by, at.RouterID, nil))
	}
	failures = append(failures, s.DeleteNetwork(ctx, by, at.NetworkID, nil))
	for i, err := range failures {
		if errs.Is(err, errs.NotFound) { // somebody else was faster
			failures[i] = nil
		}
	}
	return errors.Join(failures...)
}
