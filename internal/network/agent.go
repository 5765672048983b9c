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
const AgentDownAfter = 75 * time.Second

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

// Agents lists the agents. For admins.
func (s *Service) Agents(ctx context.Context, caller *policy.Caller, l store.List) ([]Agent, error) {
	if err := allow("get_agent", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	var rows []Agent
	err := agents.list(ctx, s.db.Read(), caller, l, &rows)
	return reversed(l, rows), err
}

// Agent returns one agent. For admins.
func (s *Service) Agent(ctx context.Context, caller *policy.Caller, id string) (*Agent, error) {
	if err := allow("get_agent", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	a := &Agent{}
	return a, agents.find(ctx, s.db.Read(), caller, id, a)
}

// UpdateAgent changes description and admin_state_up. For admins.
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
		return update(ctx, tx, a)
	})
	return a, err
}

// DeleteAgent forgets an agent. One that is alive comes back with its next
// heartbeat. For admins.
func (s *Service) DeleteAgent(ctx context.Context, caller *policy.Caller, id string) error {
	if err := allow("delete_agent", caller, caller.ProjectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a := &Agent{}
		if err := agents.find(ctx, tx, caller, id, a); err != nil {
			return err
		}
		return remove(ctx, tx, "network_agents", a)
	})
}

// AgentInfo is what a node says of itself.
type AgentInfo struct {
	Version          string
	Endpoint         netip.Addr        // of tunnels; may be zero
	AvailabilityZone string            // empty is the configured one
	Physical         []string          // physical networks that the host is on
	Mappings         map[string]string // their interfaces
	Findings         []nodeapi.Finding // what examining the machine found
	StartedAt        int64             // Unix seconds; 0 is now
}

// AgentHeartbeat records that the agents of a host are alive, and gives
// routers without a gateway host one.
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
	endpoint := ""
	if info.Endpoint.IsValid() {
		endpoint = info.Endpoint.String()
	}
	common := map[string]any{"version": info.Version, "tunneling_ip": endpoint, "physical_networks": nonNil(info.Physical), "tunnel_types": []string{TypeVXLAN}}
	// As the Open vSwitch agent of Neutron says it, as far as it is so here;
	// and what the node found of its machine.
	dataplane := maps.Clone(common)
	dataplane["bridge_mappings"], dataplane["findings"] = nonNilMap(info.Mappings), nonNil(info.Findings)
	dataplane["arp_responder_enabled"], dataplane["l2_population"], dataplane["enable_distributed_routing"] = true, true, true
	rows := make([]Agent, len(agentTypes))
	for i, t := range agentTypes {
		rows[i] = Agent{
			ID: uuid.NewString(), Host: host, AgentType: t.kind, Program: t.program, Topic: t.topic, AvailabilityZone: info.AvailabilityZone,
			AdminStateUp: true, CreatedAt: at, StartedAt: started, HeartbeatAt: at,
			Configurations: JSON[map[string]any]{common},
		}
		if t.kind == AgentDataplane {
			rows[i].Configurations.V = dataplane
		}
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (host, agent_type) DO UPDATE").Set("heartbeat_at = EXCLUDED.heartbeat_at").
		Set("started_at = EXCLUDED.started_at").Set("configurations = EXCLUDED.configurations").Set("availability_zone = EXCLUDED.availability_zone").Exec(ctx)
	if err != nil {
		return fmt.Errorf("record the heartbeat of %s: %w", host, err)
	}
	var taken owned
	_, err = tx.NewUpdate().TableExpr("routers").Set("gateway_host = ?", host).Where("gateway_host = ''").Returning(returning).Exec(ctx, &taken)
	if err != nil {
		return fmt.Errorf("give routers a gateway host: %w", err)
	}
	if len(taken) > 0 {
		taken.note(tx, "router", store.Update)
		hosts(tx)
	}
	return nil
}

// gatewayHost chooses the host that carries a router's shared address: the
// one that is alive with the fewest routers. None alive is "", and the next
// heartbeat takes it.
func (s *Service) gatewayHost(ctx context.Context, tx bun.IDB) (string, error) {
	found, err := columnOf[string](ctx, tx.NewSelect().TableExpr("network_agents AS ag").Column("ag.host").
		Where("ag.agent_type = ? AND ag.admin_state_up AND ag.heartbeat_at > ?", AgentL3, now().Add(-AgentDownAfter)).
		OrderExpr("(SELECT COUNT(*) FROM routers WHERE gateway_host = ag.host), ag.host").Limit(1))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
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
