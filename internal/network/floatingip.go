package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// FloatingIP is an address of an external network that stands for one fixed
// address (API reference: Floating IPs).
type FloatingIP struct {
	bun.BaseModel `bun:"table:floating_ips,alias:f"`
	Standard

	NetworkID    string // external
	Address      string
	OwnPortID    string
	PortID       string `bun:",nullzero"` // empty: not associated
	FixedAddress string
	RouterID     string `bun:",nullzero"`
	DNSName      string `bun:"dns_name"`
	DNSDomain    string `bun:"dns_domain"`
	QoSPolicyID  string `bun:"qos_policy_id,nullzero"`

	Port *Port `bun:"-"` // of PortID
}

// Status is ACTIVE when a router carries the address.
func (f *FloatingIP) Status() string {
	if f.RouterID != "" {
		return StatusActive
	}
	return StatusDown
}

// FloatingIPSpec is what a request gives of a floating IP. A PortID of "" is
// none.
type FloatingIPSpec struct {
	ProjectID, Description, NetworkID, SubnetID, Address Opt[string]
	PortID, FixedAddress, DNSName, DNSDomain             Opt[string]
	QoSPolicyID                                          Opt[string]
}

var floatingIPs = &resource{
	table: "floating_ips", alias: "f",
	notFound: func(id string) error {
		return missing("FloatingIPNotFound", "Floating IP %s could not be found", id)
	},
	columns: standardColumns("f", false, map[string]column{
		"floating_network_id": {sql: "network_id"}, "floating_ip_address": {sql: "address", kind: address}, "port_id": {sql: "port_id"},
		"fixed_ip_address": {sql: "fixed_address", kind: address}, "router_id": {sql: "router_id"}, "qos_policy_id": {sql: "qos_policy_id"},
		"status": {sql: "(CASE WHEN router_id IS NULL THEN 'DOWN' ELSE 'ACTIVE' END)"},
	}),
	visible: ownOnly("f"),
}

// CreateFloatingIPs takes addresses of external networks, and associates them
// where a port is given. Errors: NotFound, Forbidden, Invalid, OverQuota,
// Conflict (no address left, the fixed address has one already).
func (s *Service) CreateFloatingIPs(ctx context.Context, caller *policy.Caller, specs []FloatingIPSpec) ([]FloatingIP, error) {
	var locks []store.Lock
	for _, spec := range specs {
		locks = append(locks, networkLock(spec.NetworkID.Value))
	}
	return createAll(ctx, s, caller, specs, "floatingip", func(s FloatingIPSpec) Opt[string] { return s.ProjectID }, s.createFloatingIP, loadFloatingIPs, locks...)
}

func (s *Service) createFloatingIP(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec FloatingIPSpec) (*FloatingIP, error) {
	n := &Network{}
	if err := networks.find(ctx, tx, caller, spec.NetworkID.Value, n); err != nil {
		return nil, err
	}
	if !n.External {
		return nil, bad("floatingip", "Network %s is not a valid external network", n.ID)
	}
	if spec.Address.Value != "" {
		if err := allow("create_floatingip:floating_ip_address", caller, projectID); err != nil {
			return nil, err
		}
	}
	f := &FloatingIP{
		Standard: newStandard(projectID, spec.Description.Value), NetworkID: n.ID,
		DNSName: strings.ToLower(spec.DNSName.Value), DNSDomain: strings.ToLower(spec.DNSDomain.Value),
	}
	if f.DNSName != "" && !dnsLabel.MatchString(f.DNSName) {
		return nil, refuse("HTTPBadRequest", "Invalid input for dns_name. Reason: '%s' is not a label of letters, digits and hyphens.", f.DNSName)
	}
	if err := checkDomain(f.DNSDomain); err != nil {
		return nil, err
	}
	var err error
	if f.QoSPolicyID, err = chooseQoS(ctx, tx, caller, "", spec.QoSPolicyID); err != nil {
		return nil, err
	}
	p := &Port{
		Standard: newStandard("", ""), NetworkID: n.ID, AdminStateUp: true, Status: StatusNone, DeviceID: f.ID, DeviceOwner: OwnerFloating,
		VNICType: "normal", Role: roleFloating,
	}
	p.AddressPairs.V, p.DHCPOpts.V = []AddressPair{}, []DHCPOption{}
	if err := s.placeFloating(ctx, tx, p, spec); err != nil {
		return nil, err
	}
	f.OwnPortID, f.Address = p.ID, p.FixedIPs[0].Address
	if err := s.associate(ctx, tx, caller, f, spec); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, f); err != nil {
		return nil, fmt.Errorf("insert a floating IP: %w", err)
	}
	return f, nil
}

// placeFloating gives the floating IP's port its one IPv4 address.
func (s *Service) placeFloating(ctx context.Context, tx *store.Tx, p *Port, spec FloatingIPSpec) error {
	if err := s.chooseMAC(ctx, tx, p); err != nil {
		return err
	}
	subs, err := subnetsOf(ctx, tx, p.NetworkID)
	if err != nil {
		return err
	}
	subs = slices.DeleteFunc(subs, func(sub *Subnet) bool { return sub.IPVersion != 4 })
	if len(subs) == 0 {
		return bad("floatingip", "Network %s does not contain any IPv4 subnet", p.NetworkID)
	}
	wanted := Opt[[]FixedIPSpec]{}
	if spec.SubnetID.Value != "" || spec.Address.Value != "" {
		wanted = Some([]FixedIPSpec{{SubnetID: spec.SubnetID.Value, Address: spec.Address.Value}})
	}
	if err := chooseAddresses(ctx, tx, p, subs, wanted, false); err != nil {
		return err
	}
	if err := insert(ctx, tx, p); err != nil {
		return fmt.Errorf("insert the port of a floating IP: %w", err)
	}
	return writeAddresses(ctx, tx, p)
}

// associate points the floating IP at what the spec gives.
func (s *Service) associate(ctx context.Context, tx *store.Tx, caller *policy.Caller, f *FloatingIP, spec FloatingIPSpec) error {
	if spec.FixedAddress.Value != "" && (spec.PortID.Set && spec.PortID.Value == "" || !spec.PortID.Set && f.PortID == "") {
		return bad("floatingip", "fixed_ip_address cannot be specified without a port_id")
	}
	if !spec.PortID.Set && !spec.FixedAddress.Set {
		return nil
	}
	portID := spec.PortID.Or(f.PortID)
	if portID == "" {
		f.PortID, f.FixedAddress, f.RouterID = "", "", ""
		return nil
	}
	p, err := portOf(ctx, tx, caller, portID)
	if err != nil {
		return err
	}
	if p.ProjectID != f.ProjectID && !caller.IsAdmin() {
		return bad("floatingip", "Cannot process floating IP association with Port %s, since that port is owned by a different project", portID)
	}
	switch p.Role {
	case roleNone, roleCompute, roleAttached:
	default:
		return bad("floatingip", "Port %s is unable to be assigned a floating IP", portID)
	}
	fixed, err := p.fixedFor(spec.FixedAddress.Value)
	if err != nil {
		return err
	}
	taken, err := columnOf[string](ctx, tx.NewSelect().TableExpr("floating_ips").Column("address").
		Where("port_id = ? AND fixed_address = ? AND network_id = ? AND id <> ?", p.ID, fixed.Address, f.NetworkID, f.ID))
	if err != nil {
		return fmt.Errorf("look for floating IPs of a port: %w", err)
	}
	if len(taken) > 0 {
		return conflict("FloatingIPPortAlreadyAssociated", "Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
			f.Address, f.ID, p.ID, fixed.Address, f.NetworkID)
	}
	router, err := routerBetween(ctx, tx, fixed.SubnetID, f.NetworkID)
	if err != nil {
		return err
	}
	if router == "" {
		return missing("ExternalGatewayForFloatingIPNotFound", "External network %s is not reachable from subnet %s.  Therefore, cannot associate Port %s with a Floating IP.", f.NetworkID, fixed.SubnetID, p.ID)
	}
	f.PortID, f.FixedAddress, f.RouterID = p.ID, fixed.Address, router
	return nil
}

// fixedFor is the port's address that a floating IP shall stand for: the one
// given, or the only IPv4 one.
func (p *Port) fixedFor(given string) (*FixedIP, error) {
	if given != "" {
		a, err := netip.ParseAddr(given)
		if err != nil || !a.Is4() {
			return nil, bad("floatingip", "Cannot process floating IP association with %s, since that is not an IPv4 address", given)
		}
		for i := range p.FixedIPs {
			if p.FixedIPs[i].Address == a.String() {
				return &p.FixedIPs[i], nil
			}
		}
		return nil, bad("floatingip", "Port %s does not have fixed ip %s", p.ID, given)
	}
	var only *FixedIP
	for i := range p.FixedIPs {
		if a, err := netip.ParseAddr(p.FixedIPs[i].Address); err != nil || !a.Is4() {
			continue
		}
		if only != nil {
			return nil, bad("floatingip", "Port %s has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP", p.ID)
		}
		only = &p.FixedIPs[i]
	}
	if only == nil {
		return nil, bad("floatingip", "Cannot add floating IP to port %s that has no fixed IPv4 addresses", p.ID)
	}
	return only, nil
}

// routerBetween finds the router that joins a subnet with an external
// network; of several the one that is the subnet's gateway. "" is none.
func routerBetween(ctx context.Context, db bun.IDB, subnetID, externalID string) (string, error) {
	found, err := columnOf[string](ctx, db.NewSelect().TableExpr("ports AS i").Column("i.router_id").
		Join("JOIN port_addresses AS a ON a.port_id = i.id").Join("JOIN subnets AS s ON s.id = a.subnet_id").
		Where("i.role = ? AND a.subnet_id = ?", roleInterface, subnetID).
		Where("EXISTS (SELECT 1 FROM ports AS e WHERE e.role = ? AND e.router_id = i.router_id AND e.network_id = ?)", roleGateway, externalID).
		OrderExpr("CASE WHEN a.address = s.gateway_ip THEN 0 ELSE 1 END, i.router_id").Limit(1))
	if err != nil {
		return "", fmt.Errorf("look for the router of a floating IP: %w", err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0], nil
}

// loadFloatingIPs fills the ports and tags.
func loadFloatingIPs(ctx context.Context, db bun.IDB, rows []*FloatingIP) error {
	ids := map[string]*Port{}
	for _, f := range rows {
		f.Port = nil
		if f.PortID != "" {
			ids[f.PortID] = nil
		}
	}
	if len(ids) > 0 {
		var found []*Port
		if err := db.NewSelect().Model(&found).Where("id IN (?)", bun.List(keys(ids))).Scan(ctx); err != nil {
			return fmt.Errorf("load the ports of floating IPs: %w", err)
		}
		for _, p := range found {
			ids[p.ID] = p
		}
		for _, f := range rows {
			f.Port = ids[f.PortID]
		}
	}
	return loadTags(ctx, db, rows)
}

// FloatingIPs lists the floating IPs that the caller may see.
func (s *Service) FloatingIPs(ctx context.Context, caller *policy.Caller, l store.List) ([]FloatingIP, error) {
	var rows []FloatingIP
	if err := floatingIPs.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadFloatingIPs(ctx, s.db.Read(), pointers(rows))
}

// FloatingIP returns one floating IP, or an error of kind NotFound.
func (s *Service) FloatingIP(ctx context.Context, caller *policy.Caller, id string) (*FloatingIP, error) {
	f := &FloatingIP{}
	if err := floatingIPs.find(ctx, s.db.Read(), caller, id, f); err != nil {
		return nil, err
	}
	return f, loadFloatingIPs(ctx, s.db.Read(), []*FloatingIP{f})
}

// UpdateFloatingIP associates a floating IP with another port, with none, or
// changes its description. Errors: as CreateFloatingIPs, PreconditionFailed.
func (s *Service) UpdateFloatingIP(ctx context.Context, caller *policy.Caller, id string, spec FloatingIPSpec, e Expect) (*FloatingIP, error) {
	var f *FloatingIP
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		f = &FloatingIP{}
		if err := floatingIPs.find(ctx, tx, caller, id, f); err != nil {
			return err
		}
		if err := allow("update_floatingip", caller, f.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &f.Standard); err != nil {
			return err
		}
		spec.Description.into(&f.Description)
		var err error
		if f.QoSPolicyID, err = chooseQoS(ctx, tx, caller, f.QoSPolicyID, spec.QoSPolicyID); err != nil {
			return err
		}
		if err := s.associate(ctx, tx, caller, f, spec); err != nil {
			return err
		}
		f.touch()
		if err := update(ctx, tx, f); err != nil {
			return fmt.Errorf("update a floating IP: %w", err)
		}
		hosts(tx)
		return loadFloatingIPs(ctx, tx, []*FloatingIP{f})
	})
	return f, err
}

// releaseFree gives back the floating IPs of a network that stand for nothing.
func releaseFree(ctx context.Context, tx *store.Tx, networkID string) error {
	var gone []FloatingIP
	if _, err := tx.NewDelete().Model(&gone).Where("network_id = ? AND port_id IS NULL", networkID).Returning("id, project_id, own_port_id").Exec(ctx); err != nil {
		return fmt.Errorf("delete the free floating IPs of a network: %w", err)
	}
	if len(gone) == 0 {
		return nil
	}
	ids, ports := make([]string, len(gone)), make([]string, len(gone))
	for i := range gone {
		ids[i], ports[i] = gone[i].ID, gone[i].OwnPortID
		tx.Changed(gone[i].change(store.Delete))
	}
	if _, err := tx.NewDelete().TableExpr("network_tags").Where("object_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("delete the tags of floating IPs: %w", err)
	}
	return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id IN (?)", bun.List(ports)))
}

// DeleteFloatingIP gives the address back. Errors: NotFound, Forbidden,
// PreconditionFailed.
func (s *Service) DeleteFloatingIP(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		f := &FloatingIP{}
		if err := floatingIPs.find(ctx, tx, caller, id, f); err != nil {
			return err
		}
		if err := allow("delete_floatingip", caller, f.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &f.Standard); err != nil {
			return err
		}
		if err := remove(ctx, tx, "floating_ips", f); err != nil {
			return fmt.Errorf("delete a floating IP: %w", err)
		}
		hosts(tx)
		return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", f.OwnPortID))
	})
}
