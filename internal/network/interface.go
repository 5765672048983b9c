package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Interface is a router's leg on a subnet, as add_router_interface answers.
type Interface struct {
	RouterID, ProjectID, PortID, NetworkID string
	SubnetIDs                              []string
}

// AddInterface attaches a router to a subnet, whose gateway address it takes,
// or to an existing port: exactly one of the ids is given. Errors: NotFound,
// Forbidden, Invalid (overlap, no gateway), Conflict (port in use).
func (s *Service) AddInterface(ctx context.Context, caller *policy.Caller, routerID, subnetID, portID string) (*Interface, error) {
	var made *Interface
	_, err := s.changeRouter(ctx, caller, "add_router_interface", routerID, nil, func(ctx context.Context, tx *store.Tx, r *Router) error {
		switch {
		case subnetID == "" && portID == "":
			return bad("router", "Either subnet_id or port_id must be specified")
		case subnetID != "" && portID != "":
			return bad("router", "Cannot specify both subnet-id and port-id")
		}
		legs, err := legsOf(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if portID != "" {
			made, err = s.attachPort(ctx, tx, caller, r, legs, portID)
		} else {
			made, err = s.attachSubnet(ctx, tx, caller, r, legs, subnetID)
		}
		if err != nil {
			return err
		}
		n, err := networkByID(ctx, tx, made.NetworkID)
		if err != nil {
			return err
		}
		return followInterface(ctx, tx, r, n)
	})
	return made, err
}

func (s *Service) attachSubnet(ctx context.Context, tx *store.Tx, caller *policy.Caller, r *Router, legs []leg, subnetID string) (*Interface, error) {
	sub := &Subnet{}
	if err := subnets.find(ctx, tx, caller, subnetID, sub); err != nil {
		return nil, err
	}
	n, err := networkByID(ctx, tx, sub.NetworkID)
	if err != nil {
		return nil, err
	}
	if sub.GatewayIP == "" {
		return nil, bad("router", "Subnet for router interface must have a gateway IP")
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return nil, err
	}
	// What is shared with all is not enough: any of them would take the address
	// that the others' hosts send to.
	if !caller.IsAdmin() && sub.ProjectID != caller.ProjectID && n.ProjectID != caller.ProjectID && !slices.Contains(n.Targets, caller.ProjectID) {
		return nil, bad("router", "Cannot add interface to router because subnet %s is not owned by project making the request", subnetID)
	}
	if err := sub.routable(); err != nil {
		return nil, err
	}
	if err := apart(legs, sub); err != nil {
		return nil, err
	}
	made := &Interface{RouterID: r.ID, ProjectID: r.ProjectID, NetworkID: n.ID, SubnetIDs: []string{sub.ID}}
	if sub.IPVersion == 6 {
		// IPv6 subnets of one network share one interface.
		for _, l := range legs {
			same := func(other leg) bool { return other.PortID == l.PortID && other.prefix().Addr().Is4() }
			if l.NetworkID != n.ID || l.Role != roleInterface || slices.ContainsFunc(legs, same) {
				continue
			}
			made.PortID = l.PortID
			p := &Port{Standard: Standard{ID: l.PortID}, NetworkID: n.ID, RouterID: r.ID, DeviceOwner: OwnerInterface}
			if err := chooseAddresses(ctx, tx, p, []*Subnet{sub}, Some([]FixedIPSpec{{SubnetID: sub.ID, Address: sub.GatewayIP}}), false); err != nil {
				return nil, err
			}
			p.FixedIPs[0].Position = len(legs)
			if err := writeAddresses(ctx, tx, p); err != nil {
				return nil, err
			}
			return made, touchRow(ctx, tx, "ports", &Port{Standard: Standard{ID: l.PortID, ProjectID: r.ProjectID}})
		}
	}
	if err := s.reserve(ctx, tx, r.ProjectID, "port", 1); err != nil {
		return nil, err
	}
	p := routerPort(r, n, roleInterface, OwnerInterface)
	if err := s.placePort(ctx, tx, n, p, Some([]FixedIPSpec{{SubnetID: sub.ID, Address: sub.GatewayIP}}), false); err != nil {
		return nil, err
	}
	made.PortID = p.ID
	return made, nil
}

// routable refuses a subnet whose hosts listen to a router that is not of the
// cloud.
func (s *Subnet) routable() error {
	if s.IPVersion == 6 && s.AddressMode != "" && s.RAMode == "" {
		return bad("router", "IPv6 subnet %s configured to receive RAs from an external router cannot be added to Neutron Router", s.ID)
	}
	return nil
}

func (s *Service) attachPort(ctx context.Context, tx *store.Tx, caller *policy.Caller, r *Router, legs []leg, portID string) (*Interface, error) {
	p, _, err := s.ownPort(ctx, tx, caller, "update_port", portID, nil)
	if err != nil {
		return nil, err
	}
	if p.DeviceID != "" || p.Role != roleNone {
		return nil, p.inUse()
	}
	if len(p.FixedIPs) == 0 {
		return nil, bad("router", "Router port must have at least one fixed IP")
	}
	made := &Interface{RouterID: r.ID, ProjectID: r.ProjectID, PortID: p.ID, NetworkID: p.NetworkID}
	subs, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return nil, err
	}
	fours := 0
	for _, ip := range p.FixedIPs {
		i := slices.IndexFunc(subs, func(sub *Subnet) bool { return sub.ID == ip.SubnetID })
		if err := subs[i].routable(); err != nil {
			return nil, err
		}
		if err := apart(legs, subs[i]); err != nil {
			return nil, err
		}
		if subs[i].IPVersion == 4 {
			fours++
		} else if other := slices.IndexFunc(legs, func(l leg) bool { return l.NetworkID == p.NetworkID && l.prefix().Addr().Is6() }); other >= 0 {
			return nil, bad("router", "Router already contains IPv6 port %s belonging to network id %s. Only one IPv6 port from the same network subnet can be connected to a router",
				legs[other].PortID, p.NetworkID)
		}
		made.SubnetIDs = append(made.SubnetIDs, ip.SubnetID)
	}
	if fours > 1 {
		return nil, bad("router", "Cannot have multiple IPv4 subnets on router port")
	}
	p.Role, p.RouterID, p.DeviceID, p.DeviceOwner, p.Status = roleInterface, r.ID, r.ID, OwnerInterface, StatusActive
	p.Host, p.BindingFailed = "", false                              // a router is on every host
	p.PortSecurityEnabled, p.AddressPairs.V = false, []AddressPair{} // a router forwards what is not its own
	if err := setGroups(ctx, tx, p.ID, nil); err != nil {
		return nil, err
	}
	p.touch()
	if err := update(ctx, tx, p); err != nil {
		return nil, fmt.Errorf("attach a port to a router: %w", err)
	}
	return made, nil
}

func (p *Port) inUse() error {
	return conflict("PortInUse", "Unable to complete operation on port %s for network %s. Port already has an attached device %s.", p.ID, p.NetworkID, p.DeviceID)
}

// RemoveInterface detaches a router from a subnet, a port, or a port that must
// have the subnet, and deletes the port. Errors: NotFound, Forbidden, Invalid,
// Conflict (needed by floating IPs or routes).
func (s *Service) RemoveInterface(ctx context.Context, caller *policy.Caller, routerID, subnetID, portID string) (*Interface, error) {
	var gone *Interface
	_, err := s.changeRouter(ctx, caller, "remove_router_interface", routerID, nil, func(ctx context.Context, tx *store.Tx, r *Router) error {
		if subnetID == "" && portID == "" {
			return bad("router", "Either subnet_id or port_id must be specified")
		}
		legs, err := legsOf(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		legs = slices.DeleteFunc(legs, func(l leg) bool { return l.Role != roleInterface })
		leaving, err := leavingLegs(r, legs, subnetID, portID)
		if err != nil {
			return err
		}
		for _, l := range leaving {
			if err := s.unneeded(ctx, tx, r, l); err != nil {
				return err
			}
		}
		first := leaving[0]
		gone = &Interface{RouterID: r.ID, ProjectID: r.ProjectID, PortID: first.PortID, NetworkID: first.NetworkID}
		for _, l := range leaving {
			gone.SubnetIDs = append(gone.SubnetIDs, l.SubnetID)
		}
		staying := slices.ContainsFunc(legs, func(l leg) bool { return l.PortID == first.PortID && !slices.Contains(leaving, l) })
		if !staying {
			return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", first.PortID))
		}
		if _, err := tx.NewDelete().Model((*FixedIP)(nil)).Where("port_id = ? AND subnet_id IN (?)", first.PortID, bun.List(gone.SubnetIDs)).Exec(ctx); err != nil {
			return fmt.Errorf("take addresses from a router: %w", err)
		}
		return touchRow(ctx, tx, "ports", &Port{Standard: Standard{ID: first.PortID, ProjectID: r.ProjectID}})
	})
	return gone, err
}

// leavingLegs are those of a router's interfaces that a request takes away.
func leavingLegs(r *Router, legs []leg, subnetID, portID string) ([]leg, error) {
	var leaving []leg
	if portID == "" {
		for _, l := range legs {
			if l.SubnetID == subnetID {
				return []leg{l}, nil
			}
		}
		return nil, missing("RouterInterfaceNotFoundForSubnet", "Router %s has no interface on subnet %s", r.ID, subnetID)
	}
	for _, l := range legs {
		if l.PortID == portID {
			leaving = append(leaving, l)
		}
	}
	if len(leaving) == 0 {
		return nil, missing("RouterInterfaceNotFound", "Router %s does not have an interface with id %s", r.ID, portID)
	}
	if subnetID != "" && !slices.ContainsFunc(leaving, func(l leg) bool { return l.SubnetID == subnetID }) {
		return nil, refuse("SubnetMismatchForPort", "Subnet on port %s does not match the requested subnet %s.", portID, subnetID)
	}
	return leaving, nil
}

// moveLegs checks other addresses of a router's interface: subnets that come
// must not overlap those that the router has, and nothing may need those that
// go.
func (s *Service) moveLegs(ctx context.Context, tx *store.Tx, p *Port, before []FixedIP, subs []*Subnet) error {
	r := &Router{}
	if err := tx.NewSelect().Model(r).Where("id = ?", p.RouterID).Scan(ctx); err != nil {
		return fmt.Errorf("read the router of an interface: %w", err)
	}
	legs, err := legsOf(ctx, tx, r.ID) // of the other interfaces: this one's addresses are taken away
	if err != nil {
		return err
	}
	if len(p.FixedIPs) == 0 {
		return bad("router", "Router port must have at least one fixed IP")
	}
	fours := 0
	for _, ip := range p.FixedIPs {
		i := slices.IndexFunc(subs, func(sub *Subnet) bool { return sub.ID == ip.SubnetID })
		if err := apart(legs, subs[i]); err != nil {
			return err
		}
		if subs[i].IPVersion == 4 {
			fours++
		}
	}
	if fours > 1 {
		return bad("router", "Cannot have multiple IPv4 subnets on router port")
	}
	for _, ip := range before {
		if p.hasSubnet(ip.SubnetID) {
			continue
		}
		i := slices.IndexFunc(subs, func(sub *Subnet) bool { return sub.ID == ip.SubnetID })
		if err := s.unneeded(ctx, tx, r, leg{PortID: p.ID, Role: p.Role, NetworkID: p.NetworkID, SubnetID: ip.SubnetID, Address: ip.Address, CIDR: subs[i].CIDR}); err != nil {
			return err
		}
	}
	return nil
}

// unneeded fails when floating IPs or routes need a router's leg.
func (s *Service) unneeded(ctx context.Context, tx *store.Tx, r *Router, l leg) error {
	used, err := tx.NewSelect().TableExpr("floating_ips AS f").Join("JOIN port_addresses AS a ON a.port_id = f.port_id AND a.address = f.fixed_address").
		Where("f.router_id = ? AND a.subnet_id = ?", r.ID, l.SubnetID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for floating IPs behind an interface: %w", err)
	}
	if used {
		return conflict("RouterInterfaceInUseByFloatingIP", "Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more floating IPs.", l.SubnetID, r.ID)
	}
	for _, route := range r.Routes.V {
		if hop, err := netip.ParseAddr(route.NextHop); err == nil && l.prefix().Contains(hop) {
			return conflict("RouterInterfaceInUseByRoute", "Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.", l.SubnetID, r.ID)
		}
	}
	return nil
}
