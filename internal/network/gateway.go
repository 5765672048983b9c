package network

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// A router has one gateway host: the host that carries the address that its
// networks share outside, and the floating IPs of ports whose own host does
// not have the external network.

// gateway is a router's leg outside, as the choice of its host sees it.
type gateway struct {
	RouterID, Host                          string // Host is the one it has; may be empty
	NetworkID, NetworkType, PhysicalNetwork string // the external network

	// inner are the physical networks of the networks behind the router. A
	// host that is not on one of them cannot hand to it what comes back.
	inner []string
}

func (g *gateway) network() *Network {
	return &Network{Standard: Standard{ID: g.NetworkID}, NetworkType: g.NetworkType, PhysicalNetwork: g.PhysicalNetwork}
}

// candidate is a host that has an L3 agent.
type candidate struct {
	hostFacts
	host  string
	ready bool // alive and enabled: may be given gateways
	load  int  // gateways that it carries
	// locals are the networks of type local that exist there.
	locals map[string]bool
}

// lacks is how many of the networks behind a router the host is not on.
func (c *candidate) lacks(g *gateway) int {
	n := 0
	for _, name := range g.inner {
		if !c.physical[name] {
			n++
		}
	}
	return n
}

// choose returns the candidate that shall carry a gateway, of those that are
// ready, are not refused and have its network: the one that lacks the fewest of
// the networks behind the router, of several the one with the fewest gateways,
// then the first by name. nil: there is none. The candidates are in the order
// of their names.
func choose(all []*candidate, g *gateway, not func(host string) bool) *candidate {
	// A cloud of one host needs no tunnels, and so no address for them. A
	// local network is where its ports are, or nowhere yet.
	homeless := !slices.ContainsFunc(all, func(c *candidate) bool { return c.locals[g.NetworkID] })
	n := g.network()
	able := func(c *candidate) bool {
		switch g.NetworkType {
		case TypeLocal:
			return homeless || c.locals[g.NetworkID]
		case TypeGRE, TypeVXLAN:
			return len(all) == 1 || c.has(n)
		}
		return c.has(n)
	}
	var best *candidate
	for _, c := range all {
		if c.ready && !not(c.host) && able(c) && (best == nil || cmp.Or(cmp.Compare(c.lacks(g), best.lacks(g)), cmp.Compare(c.load, best.load)) < 0) {
			best = c
		}
	}
	return best
}

// place chooses hosts for gateways that need another one than they have. What
// it returns is by router: no entry where there is no candidate.
func place(all []*candidate, gateways []gateway, lost map[string]bool) map[string]string {
	moves := map[string]string{}
	slices.SortFunc(gateways, func(a, b gateway) int { return cmp.Compare(a.RouterID, b.RouterID) })
	for i := range gateways {
		g := &gateways[i]
		to := choose(all, g, func(host string) bool { return lost[host] || host == g.Host })
		if to == nil {
			continue
		}
		moves[g.RouterID] = to.host
		to.load++
	}
	return moves
}

// candidates reads the hosts that have an L3 agent, in the order of their
// names, in a constant number of queries.
func candidates(ctx context.Context, db bun.IDB) ([]*candidate, error) {
	var rows []struct {
		Host         string
		AdminStateUp bool
		HeartbeatAt  time.Time
		Endpoint     string
		Physical     string
		Load         int
	}
	err := db.NewSelect().TableExpr("network_agents AS ag").Join("LEFT JOIN network_hosts AS h ON h.host = ag.host").
		Join("LEFT JOIN network_host_physical AS p ON p.host = ag.host").
		ColumnExpr("ag.host, ag.admin_state_up, ag.heartbeat_at, COALESCE(h.endpoint, '') AS endpoint, COALESCE(p.physical_network, '') AS physical").
		ColumnExpr("(SELECT COUNT(*) FROM ports AS g WHERE g.role = ? AND g.host = ag.host) AS load", roleGateway).
		Where("ag.agent_type = ?", AgentL3).OrderExpr("ag.host").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the hosts for gateways: %w", err)
	}
	var locals []struct{ Host, NetworkID string }
	err = db.NewSelect().TableExpr("ports AS p").Join("JOIN networks AS n ON n.id = p.network_id").ColumnExpr("DISTINCT p.host, p.network_id").
		Where("n.network_type = ? AND n.external AND p.host <> '' AND p.role <> ?", TypeLocal, roleGateway).Scan(ctx, &locals)
	if err != nil {
		return nil, fmt.Errorf("read where local networks are: %w", err)
	}
	at := now()
	var all []*candidate
	for _, row := range rows {
		if len(all) == 0 || all[len(all)-1].host != row.Host {
			all = append(all, &candidate{
				host: row.Host, ready: row.AdminStateUp && at.Sub(row.HeartbeatAt) < AgentDownAfter, load: row.Load,
				hostFacts: hostFacts{endpoint: row.Endpoint, physical: map[string]bool{}}, locals: map[string]bool{},
			})
		}
		c := all[len(all)-1]
		if row.Physical != "" {
			c.physical[row.Physical] = true
		}
	}
	for _, l := range locals {
		if i := slices.IndexFunc(all, func(c *candidate) bool { return c.host == l.Host }); i >= 0 {
			all[i].locals[l.NetworkID] = true
		}
	}
	return all, nil
}

// gatewayHost chooses the host of a new gateway of a router on an external
// network; "" is that there is none yet, and a heartbeat finds one.
func gatewayHost(ctx context.Context, db bun.IDB, r *Router, n *Network) (string, error) {
	g, all, err := choices(ctx, db, r, n)
	if err != nil {
		return "", err
	}
	if c := choose(all, &g, anywhere); c != nil {
		return c.host, nil
	}
	return "", nil
}

// choices are the gateway of a router, and the hosts that there are for it.
func choices(ctx context.Context, db bun.IDB, r *Router, n *Network) (gateway, []*candidate, error) {
	one := []gateway{{RouterID: r.ID, Host: r.GatewayHost, NetworkID: n.ID, NetworkType: n.NetworkType, PhysicalNetwork: n.PhysicalNetwork}}
	if err := loadInner(ctx, db, one); err != nil {
		return gateway{}, nil, err
	}
	all, err := candidates(ctx, db)
	return one[0], all, err
}

// loadInner fills the physical networks behind routers.
func loadInner(ctx context.Context, db bun.IDB, gateways []gateway) error {
	at := make(map[string]int, len(gateways))
	for i := range gateways {
		at[gateways[i].RouterID] = i
	}
	var rows []struct{ RouterID, PhysicalNetwork string }
	err := db.NewSelect().TableExpr("ports AS p").Join("JOIN networks AS n ON n.id = p.network_id").ColumnExpr("DISTINCT p.router_id, n.physical_network").
		Where("p.router_id IN (?) AND p.role = ? AND n.network_type IN (?)", store.Set(keys(at)), roleInterface, bun.List([]string{TypeFlat, TypeVLAN})).
		OrderExpr("p.router_id, n.physical_network").Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("read the physical networks behind routers: %w", err)
	}
	for _, row := range rows {
		g := &gateways[at[row.RouterID]]
		g.inner = append(g.inner, row.PhysicalNetwork)
	}
	return nil
}

// followInterface moves the gateway of a router that was given an interface on
// a network which the gateway's host is not on, when another host is on more of
// them.
func followInterface(ctx context.Context, tx *store.Tx, r *Router, inner *Network) error {
	if r.GatewayHost == "" || inner.PhysicalNetwork == "" {
		return nil
	}
	n, err := networkByID(ctx, tx, r.Gateway.NetworkID)
	if err != nil {
		return err
	}
	g, all, err := choices(ctx, tx, r, n)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c *candidate) bool { return c.host == r.GatewayHost })
	best := choose(all, &g, anywhere)
	if i < 0 || best == nil || best.lacks(&g) >= all[i].lacks(&g) {
		return nil
	}
	r.GatewayFormer, r.GatewayHost, r.GatewayMoves = r.GatewayHost, best.host, r.GatewayMoves+1
	return setGatewayHosts(ctx, tx, map[string]string{r.ID: best.host})
}

func anywhere(string) bool { return false }

// gatewaysOf reads the gateways that a condition selects: r is the router, n
// the external network.
func gatewaysOf(ctx context.Context, db bun.IDB, condition func(q *bun.SelectQuery) *bun.SelectQuery) ([]gateway, error) {
	var rows []gateway
	err := db.NewSelect().TableExpr("routers AS r").Join("JOIN ports AS g ON g.router_id = r.id AND g.role = ?", roleGateway).Join("JOIN networks AS n ON n.id = g.network_id").
		ColumnExpr("r.id AS router_id, r.gateway_host AS host, n.id AS network_id, n.network_type, n.physical_network").
		WhereGroup(" AND ", condition).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("look for gateways without a host that can carry them: %w", err)
	}
	return rows, nil
}

func unplaced(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("r.gateway_host = ''") }

// misplaced selects the gateways that have no host, or one that is lost, that
// has no L3 agent or one that is disabled, or that says it is not on the
// external network. A host that is only silent, or that was not heard of since
// hosts say what they have, keeps its gateways: whoever watches hosts knows
// which of them are lost.
func misplaced(lost []string) func(q *bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("NOT EXISTS (SELECT 1 FROM network_agents AS ag WHERE ag.host = r.gateway_host AND ag.agent_type = ? AND ag.admin_state_up)", AgentL3).
			WhereOr("n.network_type IN (?) AND EXISTS (SELECT 1 FROM network_hosts AS h WHERE h.host = r.gateway_host) "+
				"AND NOT EXISTS (SELECT 1 FROM network_host_physical AS p WHERE p.host = r.gateway_host AND p.physical_network = n.physical_network)", bun.List([]string{TypeFlat, TypeVLAN}))
		if len(lost) > 0 {
			q = q.WhereOr("r.gateway_host IN (?)", store.Set(lost))
		}
		return q
	}
}

// MoveGateways gives other hosts to the gateways of hosts that are lost or
// shall be emptied, of hosts that cannot carry them any more, and of none, and
// tells how many it moved. Where no other host can carry a gateway, it stays.
// Nothing moves back when a host returns. It takes a constant number of
// queries, and changes nothing when there is nothing to move.
func (s *Service) MoveGateways(ctx context.Context, tx *store.Tx, lost []string) (moved int, err error) {
	return s.moveGateways(ctx, tx, misplaced(lost), lost)
}

func (s *Service) moveGateways(ctx context.Context, tx *store.Tx, which func(q *bun.SelectQuery) *bun.SelectQuery, lost []string) (moved int, err error) {
	gateways, err := gatewaysOf(ctx, tx, which)
	if err != nil || len(gateways) == 0 {
		return 0, err
	}
	if err := loadInner(ctx, tx, gateways); err != nil {
		return 0, err
	}
	all, err := candidates(ctx, tx)
	if err != nil {
		return 0, err
	}
	gone := make(map[string]bool, len(lost))
	for _, host := range lost {
		gone[host] = true
	}
	moves := place(all, gateways, gone)
	var left []gateway
	for _, g := range gateways {
		if _, ok := moves[g.RouterID]; !ok {
			left = append(left, g)
		}
	}
	if err := setGatewayHosts(ctx, tx, moves); err != nil {
		return 0, err
	}
	tx.AfterCommit(func() {
		s.stuck.note(ctx, s.log, left)
		if len(moves) > 0 {
			s.log.InfoContext(ctx, "gateways of routers have other hosts", "gateways", len(moves), "lost", lost)
		}
	})
	return len(moves), nil
}

// setGatewayHosts writes the gateway hosts of routers, and binds their legs
// outside there.
func setGatewayHosts(ctx context.Context, tx *store.Tx, moves map[string]string) error {
	if len(moves) == 0 {
		return nil
	}
	pairs := make([]bun.TupleValues, 0, len(moves))
	for _, id := range slices.Sorted(maps.Keys(moves)) {
		pairs = append(pairs, bun.Tuple([]string{id, moves[id]}))
	}
	var changed owned
	err := tx.NewRaw(`WITH moved (id, host) AS (VALUES ?) UPDATE routers SET gateway_host = (SELECT moved.host FROM moved WHERE moved.id = routers.id),
		gateway_former = gateway_host, gateway_moves = gateway_moves + 1,
		revision = revision + 1, updated_at = ? WHERE id IN (SELECT moved.id FROM moved) RETURNING `+returning, bun.List(pairs), now()).Scan(ctx, &changed)
	if err != nil {
		return fmt.Errorf("give gateways another host: %w", err)
	}
	changed.note(tx, "router", store.Update)
	var bound owned
	err = tx.NewRaw(`WITH moved (id, host) AS (VALUES ?) UPDATE ports SET host = (SELECT moved.host FROM moved WHERE moved.id = ports.router_id),
		status = ?, revision = revision + 1, updated_at = ? WHERE role = ? AND router_id IN (SELECT moved.id FROM moved) RETURNING `+returning,
		bun.List(pairs), StatusActive, now(), roleGateway).Scan(ctx, &bound)
	if err != nil {
		return fmt.Errorf("bind the ports of gateways: %w", err)
	}
	bound.note(tx, "port", store.Update)
	hosts(tx)
	return nil
}

// stuck remembers the gateways for which there was no host lately, so that
// each is told of once and not with every look.
type stuck struct {
	mu    sync.Mutex
	known map[stay]time.Time
}

type stay struct{ router, host string }

// forgetStuck is how long after the last look in vain the next is told of again.
const forgetStuck = time.Minute

func (s *stuck) note(ctx context.Context, log *slog.Logger, left []gateway) {
	if len(left) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := now()
	maps.DeleteFunc(s.known, func(_ stay, last time.Time) bool { return now.Sub(last) > forgetStuck })
	if s.known == nil {
		s.known = map[stay]time.Time{}
	}
	for _, g := range left {
		at := stay{g.RouterID, g.Host}
		if _, known := s.known[at]; !known {
			log.WarnContext(ctx, "no host can carry the gateway of a router", "router", g.RouterID, "host", g.Host, "external_network", g.NetworkID, "physical_network", g.PhysicalNetwork)
		}
		s.known[at] = now
	}
}

// AddGateway gives the gateway of a router to the host of an L3 agent, from
// whichever host carries it. One that the agent has already stays. For admins.
// Errors: NotFound (also an agent that cannot carry it), Invalid.
func (s *Service) AddGateway(ctx context.Context, caller *policy.Caller, agentID, routerID string) error {
	return s.scheduleGateway(ctx, caller, "create_l3-router", agentID, routerID, func(ctx context.Context, tx *store.Tx, a *Agent, r *Router) error {
		if r.Gateway == nil {
			return bad("router", "Router %s has no external gateway that an agent could host", r.ID)
		}
		n, err := networkByID(ctx, tx, r.Gateway.NetworkID)
		if err != nil {
			return err
		}
		g, all, err := choices(ctx, tx, r, n)
		if err != nil {
			return err
		}
		if choose(all, &g, func(host string) bool { return host != a.Host }) == nil {
			return notAnL3Agent(a.ID)
		}
		if r.GatewayHost == a.Host {
			return nil
		}
		return setGatewayHosts(ctx, tx, map[string]string{r.ID: a.Host})
	})
}

// RemoveGateway takes the gateway of a router away from the host of an L3
// agent: another one carries it from now on. Where there is no other, it stays,
// as it would be given back at once. For admins. Errors: NotFound, Conflict (it
// is not there).
func (s *Service) RemoveGateway(ctx context.Context, caller *policy.Caller, agentID, routerID string) error {
	return s.scheduleGateway(ctx, caller, "delete_l3-router", agentID, routerID, func(ctx context.Context, tx *store.Tx, a *Agent, r *Router) error {
		if r.Gateway == nil || r.GatewayHost != a.Host {
			return conflict("RouterNotHostedByL3Agent", "The router %s is not hosted by L3 agent %s.", r.ID, a.ID)
		}
		n, err := networkByID(ctx, tx, r.Gateway.NetworkID)
		if err != nil {
			return err
		}
		g, all, err := choices(ctx, tx, r, n)
		if err != nil {
			return err
		}
		return setGatewayHosts(ctx, tx, place(all, []gateway{g}, nil))
	})
}

func (s *Service) scheduleGateway(ctx context.Context, caller *policy.Caller, rule, agentID, routerID string, change func(context.Context, *store.Tx, *Agent, *Router) error) error {
	if err := allow(rule, caller, caller.ProjectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a := &Agent{}
		if err := agents.find(ctx, tx, caller, agentID, a); err != nil {
			return err
		}
		if a.AgentType != AgentL3 {
			return notAnL3Agent(agentID)
		}
		r, err := s.routerOf(ctx, tx, caller, routerID)
		if err != nil {
			return err
		}
		return change(ctx, tx, a, r)
	})
}

func notAnL3Agent(id string) error {
	return errs.New(errs.NotFound, "Agent %s is not a L3 Agent or has been disabled", id).WithType("InvalidL3Agent")
}

// GatewayAgents lists the L3 agents that carry the gateway of a router: one,
// or none while no host can. For admins.
func (s *Service) GatewayAgents(ctx context.Context, caller *policy.Caller, routerID string) ([]Agent, error) {
	if err := allow("get_l3-agents", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	r, err := s.routerOf(ctx, s.db.Read(), caller, routerID)
	if err != nil || r.Gateway == nil {
		return nil, err
	}
	return s.agentsOn(ctx, AgentL3, s.db.Read().NewSelect().TableExpr("routers").Column("gateway_host").Where("id = ?", routerID))
}

// agentsOn lists the agents of a type on the hosts that a query selects.
func (s *Service) agentsOn(ctx context.Context, kind string, on *bun.SelectQuery) ([]Agent, error) {
	var rows []Agent
	if err := s.db.Read().NewSelect().Model(&rows).Where("agent_type = ? AND host IN (?)", kind, on).Order("host").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the agents on hosts: %w", err)
	}
	return rows, countDevices(ctx, s.db.Read(), pointers(rows))
}

// AgentRouters lists the routers whose gateways an L3 agent carries. An agent
// of another type carries none. For admins.
func (s *Service) AgentRouters(ctx context.Context, caller *policy.Caller, agentID string) ([]Router, error) {
	a, err := s.agentFor(ctx, caller, "get_l3-routers", agentID)
	if err != nil || a.AgentType != AgentL3 {
		return nil, err
	}
	var rows []Router
	err = s.db.Read().NewSelect().Model(&rows).Where("id IN (SELECT router_id FROM ports WHERE role = ? AND host = ?)", roleGateway, a.Host).
		Order("created_at", "id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the routers of an agent: %w", err)
	}
	return rows, s.loadRouters(ctx, s.db.Read(), pointers(rows))
}

func (s *Service) agentFor(ctx context.Context, caller *policy.Caller, rule, id string) (*Agent, error) {
	if err := allow(rule, caller, caller.ProjectID); err != nil {
		return nil, err
	}
	a := &Agent{}
	return a, agents.find(ctx, s.db.Read(), caller, id, a)
}
