package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// ensureDHCP makes the network's DHCP port have an address in each subnet
// with DHCP and in no other: the address that leases come from. Hosts answer
// DHCP themselves; the port reserves the address and shows it. A subnet that
// is full is left out. Without such subnets there is no port.
func (s *Service) ensureDHCP(ctx context.Context, tx *store.Tx, n *Network, subs []*Subnet) error {
	p := &Port{}
	exists, err := one(ctx, tx.NewSelect().Model(p).Where("network_id = ? AND role = ?", n.ID, roleDHCP))
	if err != nil {
		return fmt.Errorf("read the DHCP port: %w", err)
	}
	if exists {
		if err := loadPorts(ctx, tx, []*Port{p}); err != nil {
			return err
		}
	} else {
		p = &Port{
			Standard: newStandard(n.ProjectID, ""), NetworkID: n.ID, AdminStateUp: true, Status: StatusActive, DeviceOwner: OwnerDHCP,
			DeviceID: "dhcp-" + n.ID, VNICType: "normal", Role: roleDHCP, IPAllocation: allocatedAtOnce,
		}
		p.AddressPairs.V, p.DHCPOpts.V = []AddressPair{}, []DHCPOption{}
		if err := s.chooseMAC(ctx, tx, p); err != nil {
			return err
		}
	}
	c := &chooser{tx: tx, network: n.ID, subnets: subs, mac: p.MAC, lowest: true}
	for _, sub := range subs {
		if !sub.EnableDHCP {
			continue
		}
		if i := slices.IndexFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.SubnetID == sub.ID }); i >= 0 {
			c.add(sub, netip.MustParseAddr(p.FixedIPs[i].Address))
		} else if sub.automatic() {
			c.add(sub, eui64(sub.prefix(), p.MAC))
		} else if _, err := c.allocate(ctx, sub); err != nil {
			return err
		}
	}
	if exists && len(c.chosen) == 0 {
		return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", p.ID))
	}
	if len(c.chosen) == 0 {
		return nil
	}
	if exists {
		tx.Changed(p.change(store.Update))
		if _, err := tx.NewDelete().Model((*FixedIP)(nil)).Where("port_id = ?", p.ID).Exec(ctx); err != nil {
			return fmt.Errorf("take the DHCP port's addresses: %w", err)
		}
	} else if err := insert(ctx, tx, p); err != nil {
		return fmt.Errorf("insert the DHCP port: %w", err)
	}
	for i := range c.chosen {
		c.chosen[i].PortID = p.ID
	}
	p.FixedIPs = c.chosen
	return writeAddresses(ctx, tx, p)
}

// dhcpServers returns the address that leases come from, by subnet.
func dhcpServers(ctx context.Context, db bun.IDB, networkIDs []string) (map[string]netip.Addr, error) {
	var rows []FixedIP
	if len(networkIDs) == 0 {
		return nil, nil
	}
	err := db.NewSelect().Model(&rows).Where("network_id IN (?)", bun.List(networkIDs)).
		Where("port_id IN (SELECT id FROM ports WHERE role = ?)", roleDHCP).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the addresses of DHCP ports: %w", err)
	}
	servers := map[string]netip.Addr{}
	for _, row := range rows {
		servers[row.SubnetID], _ = netip.ParseAddr(row.Address)
	}
	return servers, nil
}
