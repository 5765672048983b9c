package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// hostFacts is what of the network a host has, as its last heartbeat said.
type hostFacts struct {
	endpoint string          // of tunnels; empty: none
	physical map[string]bool // physical networks that it is on
}

// has tells whether a network exists on the host. The wire of a flat or VLAN
// network must be there; tunnels need an address; a local network is wherever
// somebody uses it.
func (f *hostFacts) has(n *Network) bool {
	switch n.NetworkType {
	case TypeFlat, TypeVLAN:
		return f != nil && f.physical[n.PhysicalNetwork]
	case TypeGRE, TypeVXLAN:
		return f != nil && f.endpoint != ""
	}
	return true
}

// factsOf reads what hosts have, by name, in one query. Hosts that were never
// heard of are not there.
func factsOf(ctx context.Context, db bun.IDB, names []string) (map[string]*hostFacts, error) {
	all := map[string]*hostFacts{}
	if len(names) == 0 {
		return all, nil
	}
	var rows []struct{ Host, Endpoint, Physical string }
	err := db.NewSelect().TableExpr("network_hosts AS h").Join("LEFT JOIN network_host_physical AS p ON p.host = h.host").
		ColumnExpr("h.host, h.endpoint, COALESCE(p.physical_network, '') AS physical").Where("h.host IN (?)", store.Set(names)).
		OrderExpr("h.host, p.physical_network").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read what hosts have: %w", err)
	}
	for _, row := range rows {
		f := all[row.Host]
		if f == nil {
			f = &hostFacts{endpoint: row.Endpoint, physical: map[string]bool{}}
			all[row.Host] = f
		}
		if row.Physical != "" {
			f.physical[row.Physical] = true
		}
	}
	return all, nil
}

// recordHost writes what a host has where that is not known already, and tells
// whether it was not. Ports whose binding failed for want of what the host has
// now are bound.
func recordHost(ctx context.Context, tx *store.Tx, host, endpoint string, physical []string) (bool, error) {
	known, err := factsOf(ctx, tx, []string{host})
	if err != nil {
		return false, err
	}
	if f := known[host]; f != nil && f.endpoint == endpoint && len(f.physical) == len(physical) &&
		!slices.ContainsFunc(physical, func(name string) bool { return !f.physical[name] }) {
		return false, nil
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO network_hosts (host, endpoint) VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET endpoint = EXCLUDED.endpoint", host, endpoint); err != nil {
		return false, fmt.Errorf("record the endpoint of %s: %w", host, err)
	}
	if _, err := tx.NewDelete().TableExpr("network_host_physical").Where("host = ?", host).Exec(ctx); err != nil {
		return false, fmt.Errorf("forget the physical networks of %s: %w", host, err)
	}
	for _, name := range physical {
		if _, err := tx.ExecContext(ctx, "INSERT INTO network_host_physical (host, physical_network) VALUES (?, ?)", host, name); err != nil {
			return false, fmt.Errorf("record the physical networks of %s: %w", host, err)
		}
	}
	var bound owned
	_, err = tx.NewUpdate().TableExpr("ports").Set("binding_failed = FALSE").Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("host = ? AND binding_failed", host).
		Where("network_id IN (SELECT id FROM networks WHERE network_type NOT IN ('flat', 'vlan') OR physical_network IN (?))", bun.List(append([]string{""}, physical...))).
		Returning(returning).Exec(ctx, &bound)
	if err != nil {
		return false, fmt.Errorf("bind the ports that wait for %s: %w", host, err)
	}
	bound.note(tx, "port", store.Update)
	return true, nil
}
