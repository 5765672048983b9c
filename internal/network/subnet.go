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

// IPv6 modes, of router advertisements and of addresses (API reference:
// Subnets).
const (
	ModeSLAAC     = "slaac"
	ModeStateful  = "dhcpv6-stateful"
	ModeStateless = "dhcpv6-stateless"
)

// Limits of Neutron on what a subnet names.
const maxDNS, maxHostRoutes = 5, 20

// Subnet is a range of addresses of a network.
type Subnet struct {
	bun.BaseModel `bun:"table:subnets,alias:s"`
	Standard

	NetworkID   string
	Name        string
	IPVersion   int    `bun:"ip_version"`
	CIDR        string `bun:"cidr"`
	GatewayIP   string `bun:"gateway_ip"` // empty: none
	EnableDHCP  bool   `bun:"enable_dhcp"`
	RAMode      string `bun:"ra_mode"` // empty: not set
	AddressMode string
	Pools       JSON[[]Pool]   `bun:"type:text"`
	DNS         JSON[[]string] `bun:"dns,type:text"`
	HostRoutes  JSON[[]Route]  `bun:"type:text"`
	PoolID      string         `bun:",nullzero"` // subnet pool; empty: none
	// ServiceTypes are the device owners whose ports have addresses of the
	// subnet; none: all.
	ServiceTypes JSON[[]string] `bun:"type:text"`
}

// Route is a destination and where to send what goes there, of a subnet's
// hosts or of a router.
type Route struct {
	Destination string `json:"destination"`
	NextHop     string `json:"nexthop"`
}

func (s *Subnet) prefix() netip.Prefix {
	p, _ := netip.ParsePrefix(s.CIDR)
	return p
}

// gateway is the address of the gateway; zero is none.
func (s *Subnet) gateway() netip.Addr {
	a, _ := netip.ParseAddr(s.GatewayIP)
	return a
}

// automatic tells whether hosts choose their own addresses in the subnet.
func (s *Subnet) automatic() bool {
	return s.AddressMode == ModeSLAAC || s.AddressMode == ModeStateless
}

// serves tells whether ports of the device owner have addresses of the subnet.
func (s *Subnet) serves(owner string) bool {
	return len(s.ServiceTypes.V) == 0 || slices.Contains(s.ServiceTypes.V, owner)
}

// SubnetSpec is what a request gives of a subnet. A GatewayIP of nil is no
// gateway; not given, it is the subnet's first address.
type SubnetSpec struct {
	ProjectID, Name, Description, NetworkID, CIDR Opt[string]
	PoolID                                        Opt[string]
	UseDefault                                    Opt[bool] // pool
	Length                                        Opt[*int] // of the prefix that is cut from a pool
	IPVersion                                     Opt[int]
	GatewayIP                                     Opt[*string]
	EnableDHCP                                    Opt[bool]
	RAMode, AddressMode                           Opt[string]
	Pools                                         Opt[[]Pool]
	DNS                                           Opt[[]string]
	HostRoutes                                    Opt[[]Route]
	ServiceTypes                                  Opt[[]string]
}

var subnets = &resource{
	table: "subnets", alias: "s",
	notFound: subnetNotFound,
	columns: standardColumns("s", true, map[string]column{
		"network_id": {sql: "network_id"}, "ip_version": {sql: "ip_version", kind: number}, "cidr": {sql: "cidr", kind: prefix},
		"gateway_ip": {sql: "gateway_ip", kind: address}, "enable_dhcp": {sql: "enable_dhcp", kind: flag},
		"ipv6_ra_mode": {sql: "ra_mode"}, "ipv6_address_mode": {sql: "address_mode"}, "subnetpool_id": {sql: "pool_id"},
	}),
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"router:external": func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
			accepted, err := column{kind: flag}.accept("router:external", values)
			if err != nil {
				return nil, err
			}
			return q.Where("s.network_id IN (SELECT id FROM networks WHERE external IN (?))", bun.List(flags(accepted))), nil
		},
	},
	sharedBy: "s.network_id",
	visible: func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
		// As in Neutron: whoever may put a router's gateway on an external network
		// does not see its subnets.
		return sharedWith("s.project_id", "s.network_id", AsShared)(q, caller).WhereOr("s.network_id IN (SELECT id FROM networks WHERE project_id = ?)", caller.ProjectID)
	},
}

func flags(accepted []string) []bool {
	out := make([]bool, len(accepted))
	for i, v := range accepted {
		out[i] = v == "1"
	}
	return out
}

func subnetNotFound(id string) error {
	return missing("SubnetNotFound", "Subnet %s could not be found.", id)
}

func networkLock(id string) store.Lock { return store.Lock("network-addresses:" + id) }

// CreateSubnets makes subnets, all or none, and with them the network's DHCP
// port. Errors: NotFound (the network), Forbidden, Invalid, OverQuota.
func (s *Service) CreateSubnets(ctx context.Context, caller *policy.Caller, specs []SubnetSpec) ([]Subnet, error) {
	var locks []store.Lock
	for _, spec := range specs {
		locks = append(locks, networkLock(spec.NetworkID.Value))
		if spec.PoolID.Value != "" || spec.UseDefault.Value {
			locks = append(locks, poolsLock)
		}
	}
	return createAll(ctx, s, caller, specs, "subnet", func(s SubnetSpec) Opt[string] { return s.ProjectID }, s.createSubnet, s.loadSubnets, locks...)
}

func (s *Service) createSubnet(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec SubnetSpec) (*Subnet, error) {
	n := &Network{}
	if err := networks.find(ctx, tx, caller, spec.NetworkID.Value, n); err != nil {
		return nil, err
	}
	if err := allow("create_subnet", caller, n.ProjectID); err != nil {
		return nil, err
	}
	sub := &Subnet{
		Standard: newStandard(projectID, spec.Description.Value), NetworkID: n.ID, Name: spec.Name.Value,
		IPVersion: spec.IPVersion.Value, CIDR: spec.CIDR.Value, EnableDHCP: spec.EnableDHCP.Or(true),
		RAMode: spec.RAMode.Value, AddressMode: spec.AddressMode.Value,
		DNS: JSON[[]string]{nonNil(spec.DNS.Value)}, HostRoutes: JSON[[]Route]{nonNil(spec.HostRoutes.Value)},
		ServiceTypes: JSON[[]string]{nonNil(spec.ServiceTypes.Value)},
	}
	pool, err := poolFor(ctx, tx, caller, spec)
	if err != nil {
		return nil, err
	}
	if sub.CIDR != "" {
		if err := sub.checkPrefix(); err != nil {
			return nil, err
		}
	}
	if pool != nil {
		if err := sub.fromPool(ctx, tx, pool, spec); err != nil {
			return nil, err
		}
	}
	switch {
	case !spec.GatewayIP.Set:
		sub.GatewayIP = hostsOf(sub.prefix()).Start.String()
	case spec.GatewayIP.Value != nil:
		sub.GatewayIP = *spec.GatewayIP.Value
	}
	if err := sub.checkDetails(); err != nil {
		return nil, err
	}
	if spec.Pools.Set {
		sub.Pools.V = spec.Pools.Value
	} else {
		sub.Pools.V = defaultPools(sub.prefix(), sub.gateway())
	}
	if err := sub.checkPools(); err != nil {
		return nil, err
	}
	others, err := subnetsOf(ctx, tx, n.ID)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if other.prefix().Overlaps(sub.prefix()) {
			return nil, invalid("Requested subnet with cidr: %s for network: %s overlaps with another subnet", sub.CIDR, n.ID)
		}
	}
	if err := n.carries(sub); err != nil {
		return nil, err
	}
	if err := sub.suits(ctx, tx, pool, others); err != nil {
		return nil, err
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return nil, err
	}
	tx.Changed(sub.changeOn(n, store.Create))
	if err := insert(ctx, tx, sub); err != nil {
		return nil, fmt.Errorf("insert a subnet: %w", err)
	}
	if err := touchRow(ctx, tx, "networks", n); err != nil {
		return nil, err
	}
	if sub.automatic() {
		if err := addAutomatic(ctx, tx, sub); err != nil {
			return nil, err
		}
	} else if n.External {
		if err := addToGateways(ctx, tx, sub, others); err != nil {
			return nil, err
		}
	}
	return sub, s.ensureDHCP(ctx, tx, n, append(others, sub))
}

// addAutomatic gives the ports that are on the network their own addresses
// in a new subnet whose hosts choose them.
func addAutomatic(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	var on []Port
	err := tx.NewSelect().Model(&on).Column("id", "mac").Where("network_id = ? AND role IN (?)", sub.NetworkID, bun.List([]string{roleNone, roleCompute, roleAttached})).
		Where("EXISTS (SELECT 1 FROM port_addresses WHERE port_id = p.id)").Scan(ctx)
	if err != nil || len(on) == 0 {
		return err
	}
	rows := make([]FixedIP, len(on))
	for i, p := range on {
		rows[i] = FixedIP{NetworkID: sub.NetworkID, SubnetID: sub.ID, PortID: p.ID, Address: eui64(sub.prefix(), p.MAC).String(), Position: 99}
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert automatic addresses: %w", err)
	}
	return nil
}

// addToGateways gives the routers whose gateways are on the network, and have
// no address of its version of IP there, one of a new subnet, as far as there
// are some. A router that has the addresses inside goes without.
func addToGateways(ctx context.Context, tx *store.Tx, sub *Subnet, others []*Subnet) error {
	if !sub.serves(OwnerGateway) {
		return nil
	}
	have := map[string]bool{} // ids of subnets
	for _, other := range others {
		have[other.ID] = other.IPVersion == sub.IPVersion && !other.automatic()
	}
	var gateways []*Port
	if err := tx.NewSelect().Model(&gateways).Where("network_id = ? AND role = ?", sub.NetworkID, roleGateway).Order("created_at", "id").Scan(ctx); err != nil {
		return fmt.Errorf("read the gateways on a network: %w", err)
	}
	if err := loadPorts(ctx, tx, gateways); err != nil || len(gateways) == 0 {
		return err
	}
	ids := make([]string, len(gateways))
	for i, p := range gateways {
		ids[i] = p.RouterID
	}
	legs, err := legsOf(ctx, tx, ids...)
	if err != nil {
		return err
	}
	taken, rows := map[netip.Addr]bool{}, []FixedIP{}
	for _, p := range gateways {
		inside := slices.ContainsFunc(legs, func(l leg) bool { return l.RouterID == p.RouterID && l.prefix().Overlaps(sub.prefix()) })
		if inside || slices.ContainsFunc(p.FixedIPs, func(ip FixedIP) bool { return have[ip.SubnetID] }) {
			continue
		}
		a := lowestFree(sub.Pools.V, taken)
		if !a.IsValid() {
			break
		}
		taken[a] = true
		rows = append(rows, FixedIP{NetworkID: sub.NetworkID, SubnetID: sub.ID, PortID: p.ID, Address: a.String(), Position: len(p.FixedIPs)})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert the addresses of gateways: %w", err)
	}
	ids = ids[:0]
	for _, row := range rows {
		ids = append(ids, row.PortID)
	}
	var on, of owned
	if _, err := tx.NewUpdate().TableExpr("ports").Set("revision = revision + 1").Set("updated_at = ?", now()).Where("id IN (?)", bun.List(ids)).Returning(returning).Exec(ctx, &on); err != nil {
		return fmt.Errorf("mark the change of gateways: %w", err)
	}
	on.note(tx, "port", store.Update)
	if _, err := tx.NewUpdate().TableExpr("routers").Set("revision = revision + 1").Set("updated_at = ?", now()).
		Where("id IN (SELECT router_id FROM ports WHERE id IN (?))", bun.List(ids)).Returning(returning).Exec(ctx, &of); err != nil {
		return fmt.Errorf("mark the change of routers: %w", err)
	}
	of.note(tx, "router", store.Update)
	return nil
}

// subnetsOf returns the subnets of a network, the oldest first.
func subnetsOf(ctx context.Context, db bun.IDB, networkIDs ...string) ([]*Subnet, error) {
	var rows []*Subnet
	if len(networkIDs) == 0 {
		return nil, nil
	}
	if err := db.NewSelect().Model(&rows).Where("network_id IN (?)", bun.List(networkIDs)).Order("created_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read subnets: %w", err)
	}
	return rows, nil
}

func (s *Service) loadSubnets(ctx context.Context, db bun.IDB, rows []*Subnet) error {
	return loadTags(ctx, db, rows)
}

// Subnets lists the subnets that the caller may see.
func (s *Service) Subnets(ctx context.Context, caller *policy.Caller, l store.List) ([]Subnet, error) {
	var rows []Subnet
	if err := subnets.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), s.loadSubnets(ctx, s.db.Read(), pointers(rows))
}

// Subnet returns one subnet, or an error of kind NotFound.
func (s *Service) Subnet(ctx context.Context, caller *policy.Caller, id string) (*Subnet, error) {
	var row Subnet
	if err := subnets.find(ctx, s.db.Read(), caller, id, &row); err != nil {
		return nil, err
	}
	return &row, s.loadSubnets(ctx, s.db.Read(), []*Subnet{&row})
}

// ownSubnet finds a subnet that the caller may change, with its network. The owner
// of the network may, and the owner of the subnet.
func (s *Service) ownSubnet(ctx context.Context, tx *store.Tx, caller *policy.Caller, rule, id string, e Expect) (*Subnet, *Network, error) {
	sub := &Subnet{}
	if err := subnets.find(ctx, tx, caller, id, sub); err != nil {
		return nil, nil, err
	}
	n, err := networkByID(ctx, tx, sub.NetworkID)
	if err != nil {
		return nil, nil, err
	}
	if err := loadTargets(ctx, tx, []*Network{n}); err != nil {
		return nil, nil, err
	}
	if !can(rule, caller, n.ProjectID) {
		if err := allow(rule, caller, sub.ProjectID); err != nil {
			return nil, nil, err
		}
	}
	return sub, n, expect(e, &sub.Standard)
}

// UpdateSubnet changes a subnet. Errors: NotFound, Forbidden, Invalid,
// Conflict, PreconditionFailed.
func (s *Service) UpdateSubnet(ctx context.Context, caller *policy.Caller, id string, spec SubnetSpec, e Expect) (*Subnet, error) {
	var sub *Subnet
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var n *Network
		var err error
		if sub, n, err = s.ownSubnet(ctx, tx, caller, "update_subnet", id, e); err != nil {
			return err
		}
		spec.Name.into(&sub.Name)
		spec.Description.into(&sub.Description)
		spec.EnableDHCP.into(&sub.EnableDHCP)
		spec.Pools.into(&sub.Pools.V)
		spec.DNS.into(&sub.DNS.V)
		spec.HostRoutes.into(&sub.HostRoutes.V)
		spec.ServiceTypes.into(&sub.ServiceTypes.V)
		if err := s.moveGateway(ctx, tx, sub, spec.GatewayIP); err != nil {
			return err
		}
		if err := sub.checkDetails(); err != nil {
			return err
		}
		if err := sub.checkPools(); err != nil {
			return err
		}
		sub.touch()
		tx.Changed(sub.changeOn(n, store.Update))
		if err := update(ctx, tx, sub); err != nil {
			return fmt.Errorf("update a subnet: %w", err)
		}
		if spec.EnableDHCP.Set {
			all, err := subnetsOf(ctx, tx, n.ID)
			if err != nil {
				return err
			}
			if err := s.ensureDHCP(ctx, tx, n, all); err != nil {
				return err
			}
		}
		hosts(tx)
		return s.loadSubnets(ctx, tx, []*Subnet{sub})
	})
	return sub, err
}

// moveGateway sets another gateway, unless a router has the present one.
func (s *Service) moveGateway(ctx context.Context, tx *store.Tx, sub *Subnet, to Opt[*string]) error {
	if !to.Set {
		return nil
	}
	next := ""
	if to.Value != nil {
		next = *to.Value
	}
	if next == sub.GatewayIP {
		return nil
	}
	if sub.GatewayIP != "" {
		holder := &Port{}
		found, err := one(ctx, tx.NewSelect().Model(holder).Column("id").Where("role = ?", roleInterface).
			Where("id IN (SELECT port_id FROM port_addresses WHERE subnet_id = ? AND address = ?)", sub.ID, sub.GatewayIP).Limit(1))
		if err != nil {
			return fmt.Errorf("look for the gateway's port: %w", err)
		}
		if found {
			return conflict("GatewayIpInUse", "Current gateway ip %s already in use by port %s. Unable to update.", sub.GatewayIP, holder.ID)
		}
	}
	sub.GatewayIP = next
	return nil
}

// DeleteSubnet deletes a subnet that no port of a user has an address of.
// Errors: NotFound, Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteSubnet(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		sub, n, err := s.ownSubnet(ctx, tx, caller, "delete_subnet", id, e)
		if err != nil {
			return err
		}
		if err := s.leaveSubnet(ctx, tx, sub); err != nil {
			return err
		}
		tx.Changed(sub.changeOn(n, store.Delete))
		if err := remove(ctx, tx, "subnets", sub); err != nil {
			return fmt.Errorf("delete a subnet: %w", err)
		}
		rest, err := subnetsOf(ctx, tx, n.ID)
		if err != nil {
			return err
		}
		if err := s.ensureDHCP(ctx, tx, n, rest); err != nil {
			return err
		}
		hosts(tx)
		return touchRow(ctx, tx, "networks", n)
	}, s.lockOfSubnet(ctx, id)...)
}

func (s *Service) lockOfSubnet(ctx context.Context, id string) []store.Lock {
	found, err := columnOf[string](ctx, s.db.Read().NewSelect().TableExpr("subnets").Column("network_id").Where("id = ?", id))
	if err != nil || len(found) == 0 {
		return nil // the lock is for speed; the transaction says what is wrong
	}
	return []store.Lock{networkLock(found[0])}
}

// leaveSubnet takes the subnet's addresses from ports that can do without:
// the DHCP port, and ports of users where hosts choose their own.
func (s *Service) leaveSubnet(ctx context.Context, tx *store.Tx, sub *Subnet) error {
	free := []string{roleDHCP}
	if sub.automatic() {
		free = append(free, roleNone, roleCompute, roleAttached)
	}
	used, err := tx.NewSelect().TableExpr("port_addresses AS a").Join("JOIN ports AS p ON p.id = a.port_id").
		Where("a.subnet_id = ? AND p.role NOT IN (?)", sub.ID, bun.List(free)).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for ports on a subnet: %w", err)
	}
	if used {
		return conflict("SubnetInUse", "Unable to complete operation on subnet %s: One or more ports have an IP allocation from this subnet.", sub.ID)
	}
	if _, err := tx.NewDelete().TableExpr("port_addresses").Where("subnet_id = ?", sub.ID).Exec(ctx); err != nil {
		return fmt.Errorf("take addresses from ports: %w", err)
	}
	return nil
}

// contains tells whether one of the pools has the address.
func contains(pools []Pool, a netip.Addr) bool {
	return slices.ContainsFunc(pools, func(p Pool) bool { return p.contains(a) })
}
