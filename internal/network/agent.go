package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Agent types. The first is what really runs; the others are parts of it,
// shown under the names that users and dashboards look for.
const (
	AgentDataplane = "wisp dataplane agent"
	AgentDHCP      = "DHCP agent"
	AgentL3        = "L3 agent"
	AgentMetadata  = "Metadata agent"
)

// agentTypes are the rows of each host, with program and topic.
var agentTypes = []struct{ kind, program, topic string }{
	{AgentDataplane, "wisp-node", "N/A"}, {AgentDHCP, "wisp-dhcp", "dhcp_agent"}, {AgentL3, "wisp-router", "l3_agent"}, {AgentMetadata, "wisp-metadata", "N/A"},
}

// AgentDownAfter is how old a heartbeat of an agent that is alive may be.
const AgentDownAfter = 15 * time.Second

// Agent is a part of the network service on a host (API reference: Agents).
type Agent struct {
	bun.BaseModel `bun:"table:network_agents,alias:ag"`

	ID               string `bun:",pk"`
	Host             string
	AgentType        string
	Program          string // the API's "binary"
	Topic            string
	AvailabilityZone string
	Description      string
	AdminStateUp     bool
	Configurations   JSON[map[string]any] `bun:"type:text"`
	CreatedAt        time.Time
	StartedAt        time.Time
	HeartbeatAt      time.Time
}

// Alive tells whether the agent was heard of lately.
func (a *Agent) Alive(at time.Time) bool { return at.Sub(a.HeartbeatAt) < AgentDownAfter }

var agents = &resource{
	table: "network_agents", alias: "ag",
	notFound: agentNotFound,
	columns: map[string]column{
		"id": {sql: "ag.id"}, "host": {sql: "ag.host"}, "agent_type": {sql: "ag.agent_type"}, "binary": {sql: "ag.program"}, "topic": {sql: "ag.topic"},
		"availability_zone": {sql: "ag.availability_zone"}, "admin_state_up": {sql: "ag.admin_state_up", kind: flag}, "description": {sql: "ag.description"},
		"created_at": {sql: "ag.created_at"}, "started_at": {sql: "ag.started_at"}, "heartbeat_timestamp": {sql: "ag.heartbeat_at"},
	},
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"alive": func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
			for _, value := range values {
				alive, err := ParseBool(value)
				if err != nil {
					return nil, refuse("HTTPBadRequest", "Invalid input for alive. Reason: %s.", err)
				}
				if since := now().Add(-AgentDownAfter); alive {
					q = q.Where("ag.heartbeat_at > ?", since)
				} else {
					q = q.Where("ag.heartbeat_at <= ?", since)
				}
			}
			return q, nil
		},
	},
	visible: func(q *bun.SelectQuery, _ *policy.Caller) *bun.SelectQuery { return q.Where("1 = 0") },
}

func agentNotFound(id string) error {
	return missing("AgentNotFound", "Agent %s could not be found.", id)
}

// Agents lists the agents; others than administrators see none.
func (s *Service) Agents(ctx context.Context, caller *policy.Caller, l store.List) ([]Agent, error) {
	var rows []Agent
	if err := agents.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), countDevices(ctx, s.db.Read(), pointers(rows))
}

// Agent returns one agent; for others than administrators none is found.
func (s *Service) Agent(ctx context.Context, caller *policy.Caller, id string) (*Agent, error) {
	a := &Agent{}
	if err := agents.find(ctx, s.db.Read(), caller, id, a); err != nil {
		return nil, err
	}
	return a, countDevices(ctx, s.db.Read(), []*Agent{a})
}

// UpdateAgent changes description and admin_state_up. The gateways of an L3
// agent that is disabled move to others. For admins.
func (s *Service) UpdateAgent(ctx context.Context, caller *policy.Caller, id string, up Opt[bool], description Opt[string]) (*Agent, error) {
	if err := allow("update_agent", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	a := &Agent{}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := agents.find(ctx, tx, caller, id, a); err != nil {
			return err
		}
		up.into(&a.AdminStateUp)
		description.into(&a.Description)
		if err := update(ctx, tx, a); err != nil {
			return fmt.Errorf("update an agent: %w", err)
		}
		if a.AgentType == AgentL3 && up.Set {
			if _, err := s.MoveGateways(ctx, tx, nil); err != nil {
				return err
			}
		}
		return countDevices(ctx, tx, []*Agent{a})
	})
	return a, err
}

// DeleteAgent forgets an agent. One that is alive comes back with its next
// heartbeat; the gateways of an L3 agent move to others. For admins.
func (s *Service) DeleteAgent(ctx context.Context, caller *policy.Caller, id string) error {
	if err := allow("delete_agent", caller, caller.ProjectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a := &Agent{}
		if err := agents.find(ctx, tx, caller, id, a); err != nil {
			return err
		}
		if err := remove(ctx, tx, "network_agents", a); err != nil {
			return fmt.Errorf("delete an agent: %w", err)
		}
		if a.AgentType != AgentL3 {
			return nil
		}
		_, err := s.MoveGateways(ctx, tx, nil)
		return err
	})
}

// AgentInfo is what a node says of itself.
type AgentInfo struct {
	Version          string
	Endpoint         netip.Addr        // of tunnels; may be zero
	Management, API  netip.Addr        // where the host is managed, and answers the API; may be zero
	AvailabilityZone string            // empty is the configured one
	Physical         []string          // physical networks that the host is on
	Mappings         map[string]string // their interfaces
	Findings         []nodeapi.Finding // what examining the machine found
	StartedAt        int64             // Unix seconds; 0 is now
}

// physical are the names of all physical networks that the host is on.
func (i *AgentInfo) physical() []string {
	names := slices.AppendSeq(slices.Clone(i.Physical), maps.Keys(i.Mappings))
	slices.Sort(names)
	return nonNil(slices.Compact(names))
}

// AgentHeartbeat records that the agents of a host are alive and what the host
// has, and gives gateways without a host one.
func (s *Service) AgentHeartbeat(ctx context.Context, tx *store.Tx, host string, info AgentInfo) error {
	if host == "" {
		return errors.New("a heartbeat of a host without a name")
	}
	at := now()
	if info.AvailabilityZone == "" {
		info.AvailabilityZone = s.config.AvailabilityZone
	}
	started := at
	if info.StartedAt > 0 {
		started = time.Unix(info.StartedAt, 0).UTC()
	}
	heard, err := tx.NewSelect().Model((*Agent)(nil)).Where("host = ? AND agent_type = ? AND heartbeat_at > ?", host, AgentL3, at.Add(-AgentDownAfter)).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read the last heartbeat of %s: %w", host, err)
	}
	configurations := s.configurations(&info)
	rows := make([]Agent, len(agentTypes))
	for i, t := range agentTypes {
		rows[i] = Agent{
			ID: uuid.NewString(), Host: host, AgentType: t.kind, Program: t.program, Topic: t.topic, AvailabilityZone: info.AvailabilityZone,
			AdminStateUp: true, CreatedAt: at, StartedAt: started, HeartbeatAt: at,
			Configurations: JSON[map[string]any]{configurations[t.kind]},
		}
	}
	_, err = tx.NewInsert().Model(&rows).On("CONFLICT (host, agent_type) DO UPDATE").Set("heartbeat_at = EXCLUDED.heartbeat_at").
		Set("started_at = EXCLUDED.started_at").Set("configurations = EXCLUDED.configurations").Set("availability_zone = EXCLUDED.availability_zone").Exec(ctx)
	if err != nil {
		return fmt.Errorf("record the heartbeat of %s: %w", host, err)
	}
	changed, err := recordHost(ctx, tx, host, textOf(info.Endpoint), info.physical())
	if err != nil {
		return err
	}
	if changed {
		hosts(tx)
	}
	// A host that is new, was silent or has other networks than before may be
	// better than what gateways have; else only those that have none are looked
	// for, because there are many heartbeats.
	which := unplaced
	if changed || !heard {
		which = misplaced(nil)
	}
	_, err = s.moveGateways(ctx, tx, which, nil)
	return err
}

// configurations are what the agents say of themselves, by type: as Neutron's
// say it, as far as it is so here, and what the node found of its machine.
func (s *Service) configurations(info *AgentInfo) map[string]map[string]any {
	tunnels := []string{}
	for _, kind := range []string{TypeVXLAN, TypeGRE} {
		if len(s.config.Types) == 0 || slices.Contains(s.config.Types, kind) {
			tunnels = append(tunnels, kind)
		}
	}
	all := map[string]map[string]any{}
	for _, t := range agentTypes {
		c := map[string]any{"version": info.Version, "tunneling_ip": textOf(info.Endpoint), "physical_networks": info.physical(), "tunnel_types": tunnels}
		for name, address := range map[string]netip.Addr{"management_ip": info.Management, "api_ip": info.API} {
			if address.IsValid() {
				c[name] = address.String()
			}
		}
		all[t.kind] = c
	}
	dataplane := all[AgentDataplane]
	dataplane["bridge_mappings"], dataplane["findings"] = nonNilMap(info.Mappings), nonNil(info.Findings)
	dataplane["arp_responder_enabled"], dataplane["l2_population"], dataplane["enable_distributed_routing"] = true, true, true
	all[AgentL3]["agent_mode"] = "dvr_snat" // routes for its own ports, and carries gateways
	return all
}

func textOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// countDevices adds to agents how much is on their hosts, as Neutron's say it.
func countDevices(ctx context.Context, db bun.IDB, rows []*Agent) error {
	if len(rows) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, a := range rows {
		names[a.Host] = true
	}
	type count struct {
		Host            string
		Devices, Leased int64 // ports, and networks with DHCP
		Gateways        int64
	}
	var counts []count
	err := db.NewSelect().TableExpr("ports AS p").ColumnExpr("p.host").
		ColumnExpr("COUNT(CASE WHEN p.role <> ? THEN 1 END) AS devices", roleGateway).ColumnExpr("COUNT(CASE WHEN p.role = ? THEN 1 END) AS gateways", roleGateway).
		ColumnExpr("COUNT(DISTINCT CASE WHEN p.role <> ? AND EXISTS (SELECT 1 FROM subnets AS s WHERE s.network_id = p.network_id AND s.enable_dhcp) THEN p.network_id END) AS leased", roleGateway).
		Where("p.host IN (?) AND NOT p.binding_failed", store.Set(keys(names))).Group("p.host").Scan(ctx, &counts)
	if err != nil {
		return fmt.Errorf("count what is on hosts: %w", err)
	}
	by := map[string]count{}
	for _, c := range counts {
		by[c.Host] = c
	}
	for _, a := range rows {
		c := by[a.Host]
		if a.Configurations.V == nil {
			a.Configurations.V = map[string]any{}
		}
		switch a.AgentType {
		case AgentDataplane:
			a.Configurations.V["devices"] = c.Devices
		case AgentDHCP:
			a.Configurations.V["networks"], a.Configurations.V["ports"] = c.Leased, c.Devices
		case AgentL3:
			a.Configurations.V["routers"], a.Configurations.V["ex_gw_ports"] = c.Gateways, c.Gateways
		}
	}
	return nil
}

// agentZones are the availability zones of the agents of a type.
func (s *Service) agentZones(ctx context.Context, db bun.IDB, kind string) ([]string, error) {
	zones, err := columnOf[string](ctx, db.NewSelect().TableExpr("network_agents").ColumnExpr("DISTINCT availability_zone").
		Where("agent_type = ?", kind).OrderExpr("availability_zone"))
	if err != nil {
		return nil, fmt.Errorf("read the availability zones: %w", err)
	}
	return nonNil(zones), nil
}

// Zone is an availability zone of a kind of resource.
type Zone struct {
	Name, Resource string // Resource is "network" or "router"
	Available      bool
}

// Zones lists the availability zones.
func (s *Service) Zones(ctx context.Context) ([]Zone, error) {
	var rows []Agent
	if err := s.db.Read().NewSelect().Model(&rows).Where("agent_type IN (?)", bun.List([]string{AgentDHCP, AgentL3})).Order("availability_zone", "agent_type").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read agents: %w", err)
	}
	zones, at := []Zone{}, now()
	for _, a := range rows {
		z := Zone{Name: a.AvailabilityZone, Resource: "network", Available: a.AdminStateUp && a.Alive(at)}
		if a.AgentType == AgentL3 {
			z.Resource = "router"
		}
		i := slices.IndexFunc(zones, func(other Zone) bool { return other.Name == z.Name && other.Resource == z.Resource })
		if i < 0 {
			zones = append(zones, z)
		} else {
			zones[i].Available = zones[i].Available || z.Available
		}
	}
	return zones, nil
}

func nonNilMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
