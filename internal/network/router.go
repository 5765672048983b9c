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

const maxRoutes = 30

// Router joins networks (API reference: Routers). Each host routes for its own
// ports, and one host carries the shared address; floating IPs are served on
// the hosts of their ports when the router is distributed, else where the
// shared address is. It is not "ha": nothing stands by, the address moves when
// its host is lost.
type Router struct {
	bun.BaseModel `bun:"table:routers,alias:ro"`
	Standard

	Name         string
	AdminStateUp bool
	EnableSNAT   bool `bun:"enable_snat"`
	Distributed  bool
	GatewayHost  string
	// GatewayMoves counts how often the gateway was given another host,
	// GatewayFormer is the one before; empty: none.
	GatewayMoves  int64
	GatewayFormer string
	Routes        JSON[[]Route]  `bun:"type:text"`
	ZoneHints     JSON[[]string] `bun:"type:text"`
	QoSPolicyID   string         `bun:"qos_policy_id,nullzero"` // of the gateway's address

	Gateway *Port    `bun:"-"` // nil: no external gateway
	Zones   []string `bun:"-"`
}

// GatewaySpec is what a request gives of an external gateway.
type GatewaySpec struct {
	NetworkID  string
	EnableSNAT Opt[bool]
	FixedIPs   Opt[[]FixedIPSpec]
	// QoSPolicyID "" is none.
	QoSPolicyID Opt[string]
}

// RouterSpec is what a request gives of a router. A Gateway of nil takes the
// gateway away.
type RouterSpec struct {
	ProjectID, Name, Description  Opt[string]
	AdminStateUp, Distributed, HA Opt[bool]
	Gateway                       Opt[*GatewaySpec]
	Routes                        Opt[[]Route]
	ZoneHints                     Opt[[]string]
}

var routers = &resource{
	table: "routers", alias: "ro",
	notFound: routerNotFound,
	columns: standardColumns("ro", true, map[string]column{
		"admin_state_up": {sql: "admin_state_up", kind: flag}, "distributed": {sql: "distributed", kind: flag},
		"status": {sql: always(StatusActive)},
	}),
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"ha": constantFlag("ha", false),
	},
	visible: ownOnly("ro"),
}

// always is the SQL of an attribute that is the same everywhere. A constant
// alone would say to PostgreSQL which column to sort on.
func always(value string) string { return "(CASE WHEN id IS NULL THEN '' ELSE '" + value + "' END)" }

// constantFlag is the filter of a flag that is the same everywhere.
func constantFlag(name string, value bool) func(*bun.SelectQuery, []string) (*bun.SelectQuery, error) {
	return func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
		accepted, err := column{kind: flag}.accept(name, values)
		if err != nil {
			return nil, err
		}
		if slices.Contains(flags(accepted), value) {
			return q, nil
		}
		return q.Where("1 = 0"), nil
	}
}

func routerNotFound(id string) error {
	return missing("RouterNotFound", "Router %s could not be found", id)
}

// CreateRouters makes routers, all or none. Errors: NotFound (the external
// network), Forbidden, Invalid, OverQuota, Conflict (no address left).
func (s *Service) CreateRouters(ctx context.Context, caller *policy.Caller, specs []RouterSpec) ([]Router, error) {
	var locks []store.Lock
	for _, spec := range specs {
		if spec.Gateway.Value != nil {
			locks = append(locks, networkLock(spec.Gateway.Value.NetworkID))
		}
	}
	return createAll(ctx, s, caller, specs, "router", func(s RouterSpec) Opt[string] { return s.ProjectID }, s.createRouter, s.loadRouters, locks...)
}

func (s *Service) createRouter(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec RouterSpec) (*Router, error) {
	if err := checkKind(caller, "create", projectID, spec); err != nil {
		return nil, err
	}
	if err := s.checkZones("router", spec.ZoneHints.Value); err != nil {
		return nil, err
	}
	r := &Router{
		Standard: newStandard(projectID, spec.Description.Value), Name: spec.Name.Value, AdminStateUp: spec.AdminStateUp.Or(true), EnableSNAT: true, Distributed: spec.Distributed.Or(true),
		Routes: JSON[[]Route]{[]Route{}}, ZoneHints: JSON[[]string]{nonNil(spec.ZoneHints.Value)},
	}
	if spec.Gateway.Value != nil {
		r.EnableSNAT = spec.Gateway.Value.EnableSNAT.Or(true)
	}
	if err := insert(ctx, tx, r); err != nil {
		return nil, fmt.Errorf("insert a router: %w", err)
	}
	if err := s.setGateway(ctx, tx, caller, "create", r, spec.Gateway); err != nil {
		return nil, err
	}
	if _, err := tx.NewUpdate().Model(r).Column("gateway_host", "gateway_moves", "qos_policy_id").WherePK().Exec(ctx); err != nil {
		return nil, fmt.Errorf("record the gateway host of a router: %w", err)
	}
	return r, nil
}

// checkKind refuses a kind of router to who may not choose one, and those that
// this cloud does not have.
func checkKind(caller *policy.Caller, verb, projectID string, spec RouterSpec) error {
	for _, kind := range []struct {
		given bool
		name  string
	}{{spec.Distributed.Set, "distributed"}, {spec.HA.Set, "ha"}} {
		if !kind.given {
			continue
		}
		if err := allow(verb+"_router:"+kind.name, caller, projectID); err != nil {
			return err
		}
	}
	if spec.HA.Set && spec.HA.Value {
		return bad("router", "Gateways of this cloud move when their host is lost, a pair for high availability cannot be had")
	}
	return nil
}

func (s *Service) loadRouters(ctx context.Context, db bun.IDB, rows []*Router) error {
	if len(rows) == 0 {
		return nil
	}
	byID := map[string]*Router{}
	for _, r := range rows {
		r.Gateway, r.Zones = nil, []string{}
		byID[r.ID] = r
	}
	var gateways []*Port
	if err := db.NewSelect().Model(&gateways).Where("role = ? AND router_id IN (?)", roleGateway, bun.List(keys(byID))).Scan(ctx); err != nil {
		return fmt.Errorf("load the gateways of routers: %w", err)
	}
	if err := loadPorts(ctx, db, gateways); err != nil {
		return err
	}
	zones, err := s.agentZones(ctx, db, AgentL3)
	if err != nil {
		return err
	}
	for _, p := range gateways {
		byID[p.RouterID].Gateway = p
		byID[p.RouterID].Zones = zones
	}
	return loadTags(ctx, db, rows)
}

// Routers lists the routers that the caller may see.
func (s *Service) Routers(ctx context.Context, caller *policy.Caller, l store.List) ([]Router, error) {
	var rows []Router
	if err := routers.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), s.loadRouters(ctx, s.db.Read(), pointers(rows))
}

// Router returns one router, or an error of kind NotFound.
func (s *Service) Router(ctx context.Context, caller *policy.Caller, id string) (*Router, error) {
	return s.routerOf(ctx, s.db.Read(), caller, id)
}

func (s *Service) routerOf(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (*Router, error) {
	r := &Router{}
	if err := routers.find(ctx, db, caller, id, r); err != nil {
		return nil, err
	}
	return r, s.loadRouters(ctx, db, []*Router{r})
}

// changeRouter runs a change of a router that the caller may make under a
// rule, and writes it.
func (s *Service) changeRouter(ctx context.Context, caller *policy.Caller, rule, id string, e Expect, change func(ctx context.Context, tx *store.Tx, r *Router) error) (*Router, error) {
	var r *Router
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if r, err = s.routerOf(ctx, tx, caller, id); err != nil {
			return err
		}
		if err := allow(rule, caller, r.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &r.Standard); err != nil {
			return err
		}
		if err := change(ctx, tx, r); err != nil {
			return err
		}
		r.touch()
		if err := update(ctx, tx, r); err != nil {
			return fmt.Errorf("update a router: %w", err)
		}
		hosts(tx)
		return s.loadRouters(ctx, tx, []*Router{r})
	})
	return r, err
}

// UpdateRouter changes a router. Errors: NotFound, Forbidden, Invalid,
// Conflict (floating IPs need the gateway), PreconditionFailed.
func (s *Service) UpdateRouter(ctx context.Context, caller *policy.Caller, id string, spec RouterSpec, e Expect) (*Router, error) {
	return s.changeRouter(ctx, caller, "update_router", id, e, func(ctx context.Context, tx *store.Tx, r *Router) error {
		if err := checkKind(caller, "update", r.ProjectID, spec); err != nil {
			return err
		}
		spec.Name.into(&r.Name)
		spec.Description.into(&r.Description)
		spec.AdminStateUp.into(&r.AdminStateUp)
		if d := spec.Distributed; d.Set && d.Value != r.Distributed && r.AdminStateUp {
			// Connections by floating IPs would move to another host under way.
			change := "upgrade active router to distributed. Please set router admin_state_up to False prior to upgrade"
			if !d.Value {
				change = "change active router from distributed to centralized. Please set router admin_state_up to False prior to change"
			}
			return bad("router", "Cannot %s", change)
		}
		spec.Distributed.into(&r.Distributed)
		if err := s.setGateway(ctx, tx, caller, "update", r, spec.Gateway); err != nil {
			return err
		}
		if spec.Routes.Set {
			return s.setRoutes(ctx, tx, r, spec.Routes.Value)
		}
		return nil
	})
}

// ChangeRoutes adds routes to a router, or takes them away.
func (s *Service) ChangeRoutes(ctx context.Context, caller *policy.Caller, id string, add bool, routes []Route) (*Router, error) {
	rule := "remove_extraroutes"
	if add {
		rule = "add_extraroutes"
	}
	return s.changeRouter(ctx, caller, rule, id, nil, func(ctx context.Context, tx *store.Tx, r *Router) error {
		all := slices.Clone(r.Routes.V)
		for _, route := range routes {
			if err := route.canonical(&route); err != nil {
				return refuse("HTTPBadRequest", "Invalid input for routes. Reason: %s.", err)
			}
			all = slices.DeleteFunc(all, func(other Route) bool { return other == route })
			if add {
				all = append(all, route)
			}
		}
		return s.setRoutes(ctx, tx, r, all)
	})
}

// setRoutes checks the extra routes of a router and sets them.
func (s *Service) setRoutes(ctx context.Context, tx bun.IDB, r *Router, routes []Route) error {
	if len(routes) > maxRoutes {
		return refuse("RoutesExhausted", "Unable to complete operation for %s. The number of routes exceeds the maximum %d.", r.ID, maxRoutes)
	}
	legs, err := legsOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	out := []Route{}
	for _, route := range routes {
		if err := route.canonical(&route); err != nil {
			return refuse("HTTPBadRequest", "Invalid input for routes. Reason: %s.", err)
		}
		hop := netip.MustParseAddr(route.NextHop)
		if !slices.ContainsFunc(legs, func(l leg) bool { return l.prefix().Contains(hop) }) {
			return refuse("InvalidRoutes", "Invalid input for operation: Invalid format for routes: [%s via %s], the nexthop is not connected with router.", route.Destination, route.NextHop)
		}
		if slices.ContainsFunc(legs, func(l leg) bool { return l.Address == route.NextHop }) {
			return refuse("InvalidRoutes", "Invalid input for operation: Invalid format for routes: [%s via %s], the nexthop is used by router.", route.Destination, route.NextHop)
		}
		if slices.Contains(out, route) {
			return refuse("HTTPBadRequest", "Invalid input for routes. Reason: Duplicate hostroute '%s via %s'.", route.Destination, route.NextHop)
		}
		out = append(out, route)
	}
	r.Routes.V = out
	return nil
}

// leg is one address of a router, with its subnet.
type leg struct {
	PortID, Role, RouterID, NetworkID, SubnetID, Address, CIDR string
}

func (l leg) prefix() netip.Prefix {
	p, _ := netip.ParsePrefix(l.CIDR)
	return p
}

func legsOf(ctx context.Context, db bun.IDB, routerIDs ...string) ([]leg, error) {
	var legs []leg
	err := db.NewSelect().TableExpr("ports AS p").Join("JOIN port_addresses AS a ON a.port_id = p.id").Join("JOIN subnets AS s ON s.id = a.subnet_id").
		ColumnExpr("p.id AS port_id, p.role, p.router_id, p.network_id, a.subnet_id, a.address, s.cidr").Where("p.router_id IN (?)", store.Set(routerIDs)).Scan(ctx, &legs)
	if err != nil {
		return nil, fmt.Errorf("read the interfaces of a router: %w", err)
	}
	return legs, nil
}

// apart fails when a subnet cannot be behind a router because one that
// overlaps is already.
func apart(legs []leg, sub *Subnet) error {
	for _, l := range legs {
		if l.SubnetID == sub.ID {
			return bad("router", "Router already has a port on subnet %s", sub.ID)
		}
		if l.prefix().Overlaps(sub.prefix()) {
			return bad("router", "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", sub.CIDR, sub.ID, l.CIDR, l.SubnetID)
		}
	}
	return nil
}

// setGateway gives a router another external gateway, changes the one it has,
// or takes it away.
func (s *Service) setGateway(ctx context.Context, tx *store.Tx, caller *policy.Caller, verb string, r *Router, to Opt[*GatewaySpec]) error {
	if !to.Set {
		return nil
	}
	spec := to.Value
	rule := verb + "_router:external_gateway_info:"
	if spec != nil {
		if err := allowSet(spec.EnableSNAT, r.EnableSNAT && verb == "update" || verb == "create", rule+"enable_snat", caller, r.ProjectID); err != nil {
			return err
		}
		if spec.FixedIPs.Set && len(spec.FixedIPs.Value) > 0 {
			if err := allow(rule+"external_fixed_ips", caller, r.ProjectID); err != nil {
				return err
			}
		}
	}
	if old := r.Gateway; old != nil && (spec == nil || spec.NetworkID != old.NetworkID) {
		used, err := tx.NewSelect().TableExpr("floating_ips").Where("router_id = ?", r.ID).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for floating IPs of a router: %w", err)
		}
		if used {
			return conflict("RouterExternalGatewayInUseByFloatingIp", "Gateway cannot be updated for router %s, since a gateway to external network %s is required by one or more floating IPs.", r.ID, old.NetworkID)
		}
	}
	if spec == nil {
		r.EnableSNAT, r.QoSPolicyID = true, ""
		return s.dropGateway(ctx, tx, r)
	}
	if spec.NetworkID == "" {
		return refuse("HTTPBadRequest", "Invalid input for external_gateway_info. Reason: Validation of dictionary's keys failed. Expected keys: network_id.")
	}
	r.EnableSNAT = spec.EnableSNAT.Or(true) // as Neutron: what says nothing of it turns it on again
	var err error
	if r.QoSPolicyID, err = chooseQoS(ctx, tx, caller, r.QoSPolicyID, spec.QoSPolicyID); err != nil {
		return err
	}
	if r.Gateway != nil && r.Gateway.NetworkID == spec.NetworkID && (!spec.FixedIPs.Set || len(spec.FixedIPs.Value) == 0) {
		return nil
	}
	kept := "" // other addresses on the same network are no reason to move
	if r.Gateway != nil && r.Gateway.NetworkID == spec.NetworkID {
		kept = r.GatewayHost
	}
	if err := s.dropGateway(ctx, tx, r); err != nil {
		return err
	}
	n := &Network{}
	if err := networks.find(ctx, tx, caller, spec.NetworkID, n); err != nil {
		return err
	}
	if !n.External {
		return bad("router", "Network %s is not an external network", n.ID)
	}
	legs, err := legsOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	subs, err := subnetsOf(ctx, tx, n.ID)
	if err != nil {
		return err
	}
	for _, sub := range subs {
		if err := apart(legs, sub); err != nil {
			return err
		}
		for _, ip := range spec.FixedIPs.Value {
			if ip.Address != "" && ip.Address == sub.GatewayIP {
				return bad("router", "External IP %s is the same as the gateway IP", ip.Address)
			}
		}
	}
	if r.GatewayHost = kept; kept == "" {
		if r.GatewayHost, err = gatewayHost(ctx, tx, r, n); err != nil {
			return fmt.Errorf("choose a gateway host: %w", err)
		}
		r.GatewayFormer, r.GatewayMoves = "", r.GatewayMoves+1
	}
	p := routerPort(r, n, roleGateway, OwnerGateway)
	p.ProjectID = "" // as Neutron: the leg on the external network is not the project's
	if p.Host = r.GatewayHost; p.Host == "" {
		p.Status = StatusDown // until a host that can carry it comes
	}
	wanted := spec.FixedIPs
	if len(wanted.Value) == 0 {
		wanted = Opt[[]FixedIPSpec]{}
	}
	if err := s.placePort(ctx, tx, n, p, wanted, false); err != nil {
		return err
	}
	r.Gateway = p
	return nil
}

func (s *Service) dropGateway(ctx context.Context, tx *store.Tx, r *Router) error {
	if r.Gateway == nil {
		return nil
	}
	legs, err := legsOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	for _, l := range legs {
		if l.Role != roleGateway {
			continue
		}
		for _, route := range r.Routes.V {
			if hop, err := netip.ParseAddr(route.NextHop); err == nil && l.prefix().Contains(hop) {
				return conflict("RouterInterfaceInUseByRoute", "Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.", l.SubnetID, r.ID)
			}
		}
	}
	id := r.Gateway.ID
	r.Gateway, r.GatewayHost = nil, ""
	return deletePorts(ctx, tx, tx.NewSelect().TableExpr("ports").Column("id").Where("id = ?", id))
}

func routerPort(r *Router, n *Network, role, owner string) *Port {
	p := &Port{
		Standard: newStandard(r.ProjectID, ""), NetworkID: n.ID, AdminStateUp: true, Status: StatusActive, DeviceID: r.ID, DeviceOwner: owner,
		VNICType: "normal", Role: role, RouterID: r.ID,
	}
	p.AddressPairs.V, p.DHCPOpts.V = []AddressPair{}, []DHCPOption{}
	return p
}

// DeleteRouter deletes a router that has no interfaces. Errors: NotFound,
// Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteRouter(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := s.routerOf(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		if err := allow("delete_router", caller, r.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &r.Standard); err != nil {
			return err
		}
		attached, err := columnOf[string](ctx, tx.NewSelect().TableExpr("ports").Column("id").Where("router_id = ? AND role = ?", id, roleInterface).Order("id"))
		if err != nil {
			return fmt.Errorf("look for the interfaces of a router: %w", err)
		}
		if len(attached) > 0 {
			return conflict("RouterInUse", "Router %s has ports still attached: %s", id, strings.Join(attached, ", "))
		}
		r.Routes.V = nil
		if err := s.dropGateway(ctx, tx, r); err != nil {
			return err
		}
		if err := remove(ctx, tx, "routers", r); err != nil {
			return fmt.Errorf("delete a router: %w", err)
		}
		hosts(tx)
		return nil
	})
}
