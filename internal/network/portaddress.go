package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

func (p *Port) hasAddress(a string) bool {
	return slices.ContainsFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.Address == a })
}

func (p *Port) hasSubnet(id string) bool {
	return slices.ContainsFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.SubnetID == id })
}

// Of API reference: Ports, ip_allocation. Neutron has a third for networks of
// several segments.
const allocatedAtOnce, allocatedNone = "immediate", "none"

// eligible are the subnets that a port may have addresses of, by who owns its
// device, and those in which it has some: first the ones that are for such
// ports alone. Errors: Conflict (the network has none of them).
func eligible(p *Port, subs []*Subnet) ([]*Subnet, error) {
	var some, all []*Subnet
	for _, sub := range subs {
		switch {
		case !sub.serves(p.DeviceOwner) && !p.hasSubnet(sub.ID):
		case len(sub.ServiceTypes.V) > 0:
			some = append(some, sub)
		default:
			all = append(all, sub)
		}
	}
	if len(subs) > 0 && len(some)+len(all) == 0 {
		return nil, conflict("IpAddressGenerationFailureNoMatchingSubnet", "No valid service subnet for the given device owner, network %s, service type %s.", p.NetworkID, p.DeviceOwner)
	}
	return append(some, all...), nil
}

func chooseAddresses(ctx context.Context, tx bun.IDB, p *Port, subs []*Subnet, wanted Opt[[]FixedIPSpec], lowest bool) error {
	subs, err := eligible(p, subs)
	if err != nil {
		return err
	}
	if p.IPAllocation == "" {
		p.IPAllocation = allocatedAtOnce
		if wanted.Set && len(wanted.Value) == 0 {
			p.IPAllocation = allocatedNone
		}
	}
	c := &chooser{tx: tx, network: p.NetworkID, subnets: subs, mac: p.MAC, lowest: lowest, router: p.RouterID != ""}
	if wanted.Set {
		err = c.given(ctx, wanted.Value)
	} else {
		err = c.automatic(ctx)
	}
	if err != nil {
		return err
	}
	for i := range c.chosen {
		c.chosen[i].PortID = p.ID
	}
	p.FixedIPs = c.chosen
	return nil
}

func writeAddresses(ctx context.Context, tx bun.IDB, p *Port) error {
	if len(p.FixedIPs) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&p.FixedIPs).Exec(ctx); err != nil {
		if store.IsDuplicate(err) {
			return conflict("IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", p.FixedIPs[0].Address, p.FixedIPs[0].SubnetID)
		}
		return fmt.Errorf("insert the addresses of a port: %w", err)
	}
	return nil
}

// followMAC gives a port with another MAC the addresses that it gives itself
// now; the others stay.
func (s *Service) followMAC(ctx context.Context, tx *store.Tx, p *Port) error {
	subs, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return err
	}
	automatic := map[string]bool{}
	for _, sub := range subs {
		automatic[sub.ID] = sub.automatic() && p.RouterID == ""
	}
	keep := make([]FixedIPSpec, len(p.FixedIPs))
	moves := false
	for i, ip := range p.FixedIPs {
		keep[i] = FixedIPSpec{SubnetID: ip.SubnetID, Address: ip.Address}
		if automatic[ip.SubnetID] {
			keep[i].Address, moves = "", true
		}
	}
	if !moves {
		return nil
	}
	return s.moveAddresses(ctx, tx, p, keep)
}

// moveAddresses replaces the addresses of a port. What is asked for by subnet
// alone keeps the address that the port has there, unless that comes of the
// port's MAC.
func (s *Service) moveAddresses(ctx context.Context, tx *store.Tx, p *Port, wanted []FixedIPSpec) error {
	switch p.Role {
	case roleGateway, roleFloating, roleDHCP:
		return conflict("UnsupportedPortDeviceOwner", "Operation update of fixed_ips is not supported for device_owner %s on port %s.", p.DeviceOwner, p.ID)
	}
	subs, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return err
	}
	before := p.FixedIPs
	wanted = slices.Clone(wanted)
	for i, w := range wanted {
		own := p.RouterID == "" && slices.ContainsFunc(subs, func(sub *Subnet) bool { return sub.ID == w.SubnetID && sub.automatic() })
		if w.SubnetID == "" || w.Address != "" || own {
			continue
		}
		for _, ip := range before {
			used := slices.ContainsFunc(wanted, func(other FixedIPSpec) bool { return other.Address == ip.Address })
			if ip.SubnetID == w.SubnetID && !used {
				wanted[i].Address = ip.Address
				break
			}
		}
	}
	if _, err := tx.NewDelete().Model((*FixedIP)(nil)).Where("port_id = ?", p.ID).Exec(ctx); err != nil {
		return fmt.Errorf("take the addresses of a port: %w", err)
	}
	if err := chooseAddresses(ctx, tx, p, subs, Some(wanted), false); err != nil {
		return err
	}
	if p.Role == roleInterface {
		if err := s.moveLegs(ctx, tx, p, before, subs); err != nil {
			return err
		}
	}
	bound, err := columnOf[string](ctx, tx.NewSelect().TableExpr("floating_ips").Column("fixed_address").Where("port_id = ?", p.ID))
	if err != nil {
		return fmt.Errorf("look for floating IPs of a port: %w", err)
	}
	for _, fixed := range bound {
		if !p.hasAddress(fixed) {
			return bad("port", "Cannot update the fixed_ips of the port %s, because the fixed IP %s has a floating IP", p.ID, fixed)
		}
	}
	return writeAddresses(ctx, tx, p)
}
