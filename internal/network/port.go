package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Who keeps a port. Decisions rest on these and never on device_owner.
const (
	roleNone      = ""
	roleCompute   = "compute"  // made for a device by PlugTx
	roleAttached  = "attached" // a user's, that a device has taken over
	roleDHCP      = "dhcp"
	roleInterface = "interface"
	roleGateway   = "gateway"
	roleFloating  = "floating"
)

// Owners that ports of roles show.
const (
	OwnerDHCP      = "network:dhcp"
	OwnerInterface = "network:router_interface"
	OwnerGateway   = "network:router_gateway"
	OwnerFloating  = "network:floatingip"
)

// AddressPair is one more address that a port may send from.
type AddressPair struct {
	IPAddress  string `json:"ip_address"` // an address or a prefix
	MACAddress string `json:"mac_address"`
}

// Port is an attachment to a network (API reference: Ports).
type Port struct {
	bun.BaseModel `bun:"table:ports,alias:p"`
	Standard

	NetworkID           string
	Name                string
	MAC                 string `bun:"mac"`
	AdminStateUp        bool
	Status              string
	DeviceID            string
	DeviceOwner         string
	Host                string // binding:host_id
	BindingFailed       bool   // Host does not have the network
	PortSecurityEnabled bool
	AddressPairs        JSON[[]AddressPair]              `bun:"type:text"`
	DHCPOpts            JSON[[]DHCPOption]               `bun:"dhcp_opts,type:text"`
	DNSName             string                           `bun:"dns_name"`
	VNICType            string                           `bun:"vnic_type"`
	Profile             JSON[map[string]json.RawMessage] `bun:"type:text"`
	QoSPolicyID         string                           `bun:"qos_policy_id,nullzero"`

	Role     string
	RouterID string `bun:",nullzero"`
	Tag      string // of the NIC, not of the API
	NIC      int    `bun:"nic"`

	// IPAllocation is how the port came by its addresses when it was made.
	IPAllocation string `bun:"ip_allocation"`

	FixedIPs       []FixedIP `bun:"-"`
	SecurityGroups []string  `bun:"-"` // ids
	NetworkQoS     string    `bun:"-"` // the network's policy; loaded with the port
}

// VIFType is how the port is plugged.
func (p *Port) VIFType() string {
	switch {
	case p.Host == "":
		return "unbound"
	case p.BindingFailed:
		return "binding_failed"
	}
	return "tap"
}

// PortSpec is what a request gives of a port.
type PortSpec struct {
	ProjectID, NetworkID, Name, Description Opt[string]
	MAC, DeviceID, DeviceOwner, DNSName     Opt[string]
	Host, VNICType, QoSPolicyID             Opt[string]
	AdminStateUp, PortSecurityEnabled       Opt[bool]
	FixedIPs                                Opt[[]FixedIPSpec]
	SecurityGroups                          Opt[[]string]
	AddressPairs                            Opt[[]AddressPair]
	DHCPOpts                                Opt[[]DHCPOption]
	Profile                                 Opt[map[string]json.RawMessage]
}

var ports = &resource{
	table: "ports", alias: "p",
	notFound: portNotFound,
	columns: standardColumns("p", true, map[string]column{
		"network_id": {sql: "network_id"}, "mac_address": {sql: "mac", kind: mac}, "admin_state_up": {sql: "admin_state_up", kind: flag},
		"status": {sql: "status"}, "device_id": {sql: "device_id"}, "device_owner": {sql: "device_owner"},
		"binding:host_id": {sql: "host"}, "binding:vnic_type": {sql: "vnic_type"}, "dns_name": {sql: "dns_name"},
		"port_security_enabled": {sql: "port_security_enabled", kind: flag}, "qos_policy_id": {sql: "qos_policy_id"},
		"ip_allocation": {sql: "ip_allocation"},
	}),
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"fixed_ips": withAddresses,
		"security_groups": func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
			return q.Where("p.id IN (SELECT port_id FROM port_security_groups WHERE group_id IN (?))", bun.List(values)), nil
		},
	},
	visible: func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
		return q.Where("p.project_id = ?", caller.ProjectID).WhereOr("p.network_id IN (SELECT id FROM networks WHERE project_id = ?)", caller.ProjectID)
	},
}

// withAddresses narrows ports to those that have one of the addresses, an
// address with one of the parts, and one in one of the subnets, as far as the
// values, "name=value", say so.
func withAddresses(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
	var addresses, subnetIDs, parts []string
	for _, value := range values {
		name, wanted, _ := strings.Cut(value, "=")
		switch name {
		case "ip_address":
			if a, err := netip.ParseAddr(wanted); err == nil {
				wanted = a.String()
			}
			addresses = append(addresses, wanted)
		case "subnet_id":
			subnetIDs = append(subnetIDs, wanted)
		case "ip_address_substr":
			parts = append(parts, "%"+strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`).Replace(wanted)+"%")
		default:
			return nil, refuse("HTTPBadRequest", "Invalid input for fixed_ips. Reason: '%s' is not ip_address, ip_address_substr or subnet_id.", name)
		}
	}
	const has = "EXISTS (SELECT 1 FROM port_addresses WHERE port_id = p.id AND "
	if len(addresses) > 0 {
		q = q.Where(has+"address IN (?))", bun.List(addresses))
	}
	if len(subnetIDs) > 0 {
		q = q.Where(has+"subnet_id IN (?))", bun.List(subnetIDs))
	}
	if len(parts) == 0 {
		return q, nil
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, part := range parts {
			q = q.WhereOr(has+"address LIKE ? ESCAPE '!')", part)
		}
		return q
	}), nil
}

func portNotFound(id string) error {
	return missing("PortNotFound", "Port %s could not be found.", id)
}

// CreatePorts makes ports, all or none. Errors: NotFound (network, security
// group), Forbidden, Invalid, OverQuota, Conflict (no address left, address
// or MAC in use).
func (s *Service) CreatePorts(ctx context.Context, caller *policy.Caller, specs []PortSpec) ([]Port, error) {
	var locks []store.Lock
	for _, spec := range specs {
		locks = append(locks, networkLock(spec.NetworkID.Value))
	}
	return createAll(ctx, s, caller, specs, "port", func(s PortSpec) Opt[string] { return s.ProjectID }, s.createPort, loadPorts, locks...)
}

func (s *Service) createPort(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec PortSpec) (*Port, error) {
	n := &Network{}
	if err := networks.find(ctx, tx, caller, spec.NetworkID.Value, n); err != nil {
		return nil, err
	}
	if err := allow("create_port", caller, projectID); err != nil {
		return nil, err
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return nil, err
	}
	if err := s.allowPort("create", caller, n, projectID, spec, &Port{}); err != nil {
		return nil, err
	}
	p := &Port{
		Standard: newStandard(projectID, spec.Description.Value), NetworkID: n.ID, Name: spec.Name.Value, MAC: spec.MAC.Value,
		AdminStateUp: spec.AdminStateUp.Or(true), Status: StatusDown, DeviceID: spec.DeviceID.Value, DeviceOwner: spec.DeviceOwner.Value,
		Host: spec.Host.Value, PortSecurityEnabled: spec.PortSecurityEnabled.Or(n.PortSecurityEnabled), DNSName: strings.ToLower(spec.DNSName.Value),
		VNICType: spec.VNICType.Or("normal"),
	}
	p.Profile.V = spec.Profile.Value
	p.AddressPairs.V = nonNil(spec.AddressPairs.Value)
	p.DHCPOpts.V = mergeOptions(nil, spec.DHCPOpts.Value)
	if err := s.checkDevice(ctx, tx, caller, p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := p.followQoS(ctx, tx, caller, spec.QoSPolicyID); err != nil {
		return nil, err
	}
	if err := bind(ctx, tx, n, p, p.Host); err != nil {
		return nil, err
	}
	if err := s.placePort(ctx, tx, n, p, spec.FixedIPs, false); err != nil {
		return nil, err
	}
	if err := p.checkOptions(); err != nil {
		return nil, err
	}
	if err := s.chooseGroups(ctx, tx, caller, p, spec.SecurityGroups); err != nil {
		return nil, err
	}
	return p, setGroups(ctx, tx, p.ID, p.SecurityGroups)
}

// allowPort checks the rules of the attributes that a request gives: most are
// for the owner of the network.
func (s *Service) allowPort(verb string, caller *policy.Caller, n *Network, projectID string, spec PortSpec, old *Port) error {
	prefix := verb + "_port:"
	owner := func(attribute string) error { return allow(prefix+attribute, caller, n.ProjectID) }
	if spec.DeviceOwner.Set && strings.HasPrefix(spec.DeviceOwner.Value, "network:") && spec.DeviceOwner.Value != old.DeviceOwner {
		if err := owner("device_owner"); err != nil {
			return err
		}
	}
	if spec.MAC.Set && (spec.MAC.Value != "" || verb == "update") && spec.MAC.Value != old.MAC { // "" makes a new one
		if err := owner("mac_address"); err != nil {
			return err
		}
	}
	for _, ip := range spec.FixedIPs.Value {
		if ip.Address != "" && !old.hasAddress(ip.Address) {
			if err := owner("fixed_ips:ip_address"); err != nil {
				return err
			}
		}
		if ip.SubnetID != "" && !n.SharedWith(caller.ProjectID) && !old.hasSubnet(ip.SubnetID) {
			if err := owner("fixed_ips:subnet_id"); err != nil {
				return err
			}
		}
	}
	if spec.PortSecurityEnabled.Set && (verb == "update" || spec.PortSecurityEnabled.Value != n.PortSecurityEnabled) {
		if err := owner("port_security_enabled"); err != nil {
			return err
		}
	}
	if spec.AddressPairs.Set && (verb == "update" || len(spec.AddressPairs.Value) > 0) {
		if err := owner("allowed_address_pairs"); err != nil {
			return err
		}
	}
	if spec.Host.Set && (verb == "update" || spec.Host.Value != "") {
		if err := owner("binding:host_id"); err != nil {
			return err
		}
	}
	if spec.Profile.Set && (verb == "update" || len(spec.Profile.Value) > 0) {
		return owner("binding:profile")
	}
	return nil
}

// placePort gives a new port its MAC and addresses, and writes it. The unique
// indexes have the last word on both.
func (s *Service) placePort(ctx context.Context, tx *store.Tx, n *Network, p *Port, wanted Opt[[]FixedIPSpec], lowest bool) error {
	if err := s.chooseMAC(ctx, tx, p); err != nil {
		return err
	}
	subs, err := subnetsOf(ctx, tx, n.ID)
	if err != nil {
		return err
	}
	if err := chooseAddresses(ctx, tx, p, subs, wanted, lowest); err != nil {
		return err
	}
	if err := insert(ctx, tx, p); err != nil {
		if store.IsDuplicate(err) {
			return p.macInUse()
		}
		return fmt.Errorf("insert a port: %w", err)
	}
	return writeAddresses(ctx, tx, p)
}

// loadPorts fills addresses, security groups and tags.
func loadPorts(ctx context.Context, db bun.IDB, rows []*Port) error {
	if len(rows) == 0 {
		return nil
	}
	byID := make(map[string]*Port, len(rows))
	for _, p := range rows {
		p.FixedIPs, p.SecurityGroups = []FixedIP{}, []string{}
		byID[p.ID] = p
	}
	ids := bun.List(keys(byID))
	var ips []FixedIP
	if err := db.NewSelect().Model(&ips).Where("port_id IN (?)", ids).Order("position", "address").Scan(ctx); err != nil {
		return fmt.Errorf("load the addresses of ports: %w", err)
	}
	for _, ip := range ips {
		p := byID[ip.PortID]
		p.FixedIPs = append(p.FixedIPs, ip)
	}
	var groups []portGroup
	if err := db.NewSelect().Model(&groups).Where("port_id IN (?)", ids).Order("group_id").Scan(ctx); err != nil {
		return fmt.Errorf("load the security groups of ports: %w", err)
	}
	for _, g := range groups {
		p := byID[g.PortID]
		p.SecurityGroups = append(p.SecurityGroups, g.GroupID)
	}
	if err := loadNetworkQoS(ctx, db, rows); err != nil {
		return err
	}
	return loadTags(ctx, db, rows)
}

// Ports lists the ports that the caller may see.
func (s *Service) Ports(ctx context.Context, caller *policy.Caller, l store.List) ([]Port, error) {
	var rows []Port
	if err := ports.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadPorts(ctx, s.db.Read(), pointers(rows))
}

// Port returns one port, or an error of kind NotFound.
func (s *Service) Port(ctx context.Context, caller *policy.Caller, id string) (*Port, error) {
	return portOf(ctx, s.db.Read(), caller, id)
}

func portOf(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (*Port, error) {
	p := &Port{}
	if err := ports.find(ctx, db, caller, id, p); err != nil {
		return nil, err
	}
	return p, loadPorts(ctx, db, []*Port{p})
}

// ownPort finds a port that the caller may change: the port's owner may, and
// the network's.
func (s *Service) ownPort(ctx context.Context, tx *store.Tx, caller *policy.Caller, rule, id string, e Expect) (*Port, *Network, error) {
	p, err := portOf(ctx, tx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	n, err := networkByID(ctx, tx, p.NetworkID)
	if err != nil {
		return nil, nil, err
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return nil, nil, err
	}
	if !can(rule, caller, n.ProjectID) {
		if err := allow(rule, caller, p.ProjectID); err != nil {
			return nil, nil, err
		}
	}
	return p, n, expect(e, &p.Standard)
}

// UpdatePort changes a port. Errors: NotFound, Forbidden, Invalid, Conflict,
// PreconditionFailed.
func (s *Service) UpdatePort(ctx context.Context, caller *policy.Caller, id string, spec PortSpec, e Expect) (*Port, error) {
	var p *Port
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		p, err = s.updatePort(ctx, tx, caller, id, func(*Port) PortSpec { return spec }, e)
		return err
	})
	return p, err
}

// UpdatePortsTx changes several ports in the caller's transaction, all or
// none, each by what it is now. Errors are those of UpdatePort.
func (s *Service) UpdatePortsTx(ctx context.Context, tx *store.Tx, caller *policy.Caller, ids []string, spec func(p *Port) PortSpec) error {
	for _, id := range ids {
		if _, err := s.updatePort(ctx, tx, caller, id, spec, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) updatePort(ctx context.Context, tx *store.Tx, caller *policy.Caller, id string, spec func(p *Port) PortSpec, e Expect) (*Port, error) {
	p, n, err := s.ownPort(ctx, tx, caller, "update_port", id, e)
	if err != nil {
		return nil, err
	}
	wanted := spec(p)
	if err := s.allowPort("update", caller, n, p.ProjectID, wanted, p); err != nil {
		return nil, err
	}
	if err := s.changePort(ctx, tx, caller, n, p, wanted); err != nil {
		return nil, err
	}
	hosts(tx)
	return p, loadPorts(ctx, tx, []*Port{p})
}

func (s *Service) changePort(ctx context.Context, tx *store.Tx, caller *policy.Caller, n *Network, p *Port, spec PortSpec) error {
	deviceChanges := spec.DeviceID.Set && spec.DeviceID.Value != p.DeviceID || spec.DeviceOwner.Set && spec.DeviceOwner.Value != p.DeviceOwner
	if deviceChanges && p.Role != roleNone {
		return conflict("UnsupportedPortDeviceOwner", "Operation update of the device is not supported for device_owner %s on port %s.", p.DeviceOwner, p.ID)
	}
	spec.Name.into(&p.Name)
	spec.Description.into(&p.Description)
	spec.AdminStateUp.into(&p.AdminStateUp)
	spec.DeviceID.into(&p.DeviceID)
	spec.DeviceOwner.into(&p.DeviceOwner)
	spec.PortSecurityEnabled.into(&p.PortSecurityEnabled)
	spec.AddressPairs.into(&p.AddressPairs.V)
	spec.VNICType.into(&p.VNICType)
	spec.Profile.into(&p.Profile.V)
	if spec.DNSName.Set {
		p.DNSName = strings.ToLower(spec.DNSName.Value)
	}
	p.DHCPOpts.V = mergeOptions(p.DHCPOpts.V, spec.DHCPOpts.Value)
	if err := p.followQoS(ctx, tx, caller, spec.QoSPolicyID); err != nil {
		return err
	}
	if deviceChanges {
		if err := s.checkDevice(ctx, tx, caller, p); err != nil {
			return err
		}
	}
	if spec.Host.Set && spec.Host.Value != p.Host {
		if p.Role != roleNone {
			return conflict("PortBound", "Unable to complete operation on port %s, port is already bound to host %s.", p.ID, p.Host)
		}
		p.Status = StatusDown
		if err := bind(ctx, tx, n, p, spec.Host.Value); err != nil {
			return err
		}
	}
	if spec.MAC.Set && spec.MAC.Value != p.MAC {
		if p.VIFType() == "tap" {
			return conflict("PortBound", "Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.", p.ID, p.VIFType(), p.MAC, spec.MAC.Value)
		}
		p.MAC = spec.MAC.Value
		if err := s.chooseMAC(ctx, tx, p); err != nil {
			return err
		}
		if !spec.FixedIPs.Set {
			if err := s.followMAC(ctx, tx, p); err != nil {
				return err
			}
		}
	}
	if err := p.check(); err != nil {
		return err
	}
	if spec.FixedIPs.Set {
		if err := s.moveAddresses(ctx, tx, p, spec.FixedIPs.Value); err != nil {
			return err
		}
	}
	if err := p.checkOptions(); err != nil {
		return err
	}
	if spec.SecurityGroups.Set || spec.PortSecurityEnabled.Set {
		if !spec.SecurityGroups.Set {
			spec.SecurityGroups = Some(p.SecurityGroups)
		}
		if err := s.chooseGroups(ctx, tx, caller, p, spec.SecurityGroups); err != nil {
			return err
		}
		if err := setGroups(ctx, tx, p.ID, p.SecurityGroups); err != nil {
			return err
		}
	}
	p.touch()
	if err := update(ctx, tx, p); err != nil {
		return fmt.Errorf("update a port: %w", err)
	}
	return nil
}

// DeletePort deletes a port; a floating IP that it has is set free. Errors:
// NotFound, Forbidden, Conflict (a port that a router or floating IP keeps),
// PreconditionFailed.
func (s *Service) DeletePort(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, n, err := s.ownPort(ctx, tx, caller, "delete_port", id, e)
		if err != nil {
			return err
		}
		switch p.Role {
		case roleInterface, roleGateway, roleFloating:
			return conflict("ServicePortInUse", "Port %s cannot be deleted directly via the port API: has device owner %s.", id, p.DeviceOwner)
		}
		if err := deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", id)); err != nil {
			return err
		}
		hosts(tx)
		if p.Role == roleDHCP { // it comes back, as it does from Neutron's DHCP agent
			subs, err := subnetsOf(ctx, tx, n.ID)
			if err != nil {
				return err
			}
			return s.ensureDHCP(ctx, tx, n, subs)
		}
		return nil
	})
}

// deletePorts deletes the ports whose ids a query selects, with all that
// hangs on them, and sets their floating IPs free.
func deletePorts(ctx context.Context, tx *store.Tx, which *bun.SelectQuery) error {
	ids, err := columnOf[string](ctx, which)
	if err != nil {
		return fmt.Errorf("select ports: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	var freed, gone owned
	if _, err := tx.NewUpdate().TableExpr("floating_ips").Set("port_id = NULL, router_id = NULL, fixed_address = ''").
		Set("revision = revision + 1").Set("updated_at = ?", now()).Where("port_id IN (?)", bun.List(ids)).Returning(returning).Exec(ctx, &freed); err != nil {
		return fmt.Errorf("set the floating IPs of ports free: %w", err)
	}
	for _, part := range []struct{ table, column string }{
		{"port_security_groups", "port_id"}, {"port_addresses", "port_id"}, {"network_tags", "object_id"},
	} {
		if _, err := tx.NewDelete().TableExpr(part.table).Where("? IN (?)", bun.Safe(part.column), bun.List(ids)).Exec(ctx); err != nil {
			return fmt.Errorf("delete from %s: %w", part.table, err)
		}
	}
	if _, err := tx.NewDelete().TableExpr("ports").Where("id IN (?)", bun.List(ids)).Returning(returning).Exec(ctx, &gone); err != nil {
		return fmt.Errorf("delete ports: %w", err)
	}
	freed.note(tx, "floatingip", store.Update)
	gone.note(tx, "port", store.Delete)
	return nil
}

// Hostname is the name of a port's address: the port's own, or one made of
// the address.
func (p *Port) Hostname(address string) string {
	if p.DNSName != "" {
		return p.DNSName
	}
	return "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(address)
}
