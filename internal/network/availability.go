package network

import (
	"context"
	"fmt"
	"math/big"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Availability says how many addresses a network gives out and how many are
// in use (API reference: Network IP availability). A network of IPv6 has more
// than an int64 counts.
type Availability struct {
	Network *Network
	Total   *big.Int
	Used    int64
	Subnets []SubnetAvailability
}

// SubnetAvailability is that of one subnet.
type SubnetAvailability struct {
	Subnet *Subnet
	Total  *big.Int
	Used   int64
}

// Availabilities lists the networks that the list selects, of their subnets
// those of an IP version where it is not 0. For admins.
func (s *Service) Availabilities(ctx context.Context, caller *policy.Caller, l store.List, version int) ([]Availability, error) {
	if err := allow("get_network_ip_availability", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	var rows []*Network
	if err := networks.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return availabilityOf(ctx, s.db.Read(), rows, version)
}

// Availability is that of one network, or an error of kind NotFound.
func (s *Service) Availability(ctx context.Context, caller *policy.Caller, networkID string) (*Availability, error) {
	if err := allow("get_network_ip_availability", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	n := &Network{}
	if err := networks.find(ctx, s.db.Read(), caller, networkID, n); err != nil {
		return nil, err
	}
	all, err := availabilityOf(ctx, s.db.Read(), []*Network{n}, 0)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

func availabilityOf(ctx context.Context, db bun.IDB, rows []*Network, version int) ([]Availability, error) {
	ids, at := make([]string, len(rows)), map[string]int{}
	out := make([]Availability, len(rows))
	for i, n := range rows {
		ids[i], at[n.ID], out[i] = n.ID, i, Availability{Network: n, Total: new(big.Int)}
	}
	subs, err := subnetsOf(ctx, db, ids...)
	if err != nil || len(subs) == 0 {
		return out, err
	}
	var counts []struct {
		SubnetID string
		Used     int64
	}
	err = db.NewSelect().TableExpr("port_addresses").ColumnExpr("subnet_id, COUNT(*) AS used").Where("network_id IN (?)", bun.List(ids)).Group("subnet_id").Scan(ctx, &counts)
	if err != nil {
		return nil, fmt.Errorf("count used addresses: %w", err)
	}
	used := map[string]int64{}
	for _, c := range counts {
		used[c.SubnetID] = c.Used
	}
	for _, sub := range subs {
		if version != 0 && sub.IPVersion != version {
			continue
		}
		a := SubnetAvailability{Subnet: sub, Total: new(big.Int), Used: used[sub.ID]}
		for _, p := range sub.Pools.V {
			a.Total.Add(a.Total, p.count())
		}
		n := &out[at[sub.NetworkID]]
		n.Total.Add(n.Total, a.Total)
		n.Used += a.Used
		n.Subnets = append(n.Subnets, a)
	}
	return out, nil
}
