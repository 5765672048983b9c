package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// leases is what an administrator said of DHCP on a network: that a host
// answers, or that it does not. Where nothing is said, each host that can have
// ports of the network answers on those, when a subnet has DHCP.
type leases struct {
	bun.BaseModel `bun:"table:network_leases,alias:nl"`
	NetworkID     string `bun:",pk"`
	Host          string `bun:",pk"`
	Answered      bool
}

// answering joins networks n with hosts h to those on which the host answers
// DHCP.
func answering(q *bun.SelectQuery) *bun.SelectQuery {
	return q.Join("LEFT JOIN network_leases AS nl ON nl.network_id = n.id AND nl.host = h.host").
		WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("nl.answered").WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				return q.Where("nl.host IS NULL AND EXISTS (SELECT 1 FROM subnets AS s WHERE s.network_id = n.id AND s.enable_dhcp)").
					Where("(n.network_type NOT IN (?) OR EXISTS (SELECT 1 FROM network_host_physical AS hp WHERE hp.host = h.host AND hp.physical_network = n.physical_network))",
						bun.List([]string{TypeFlat, TypeVLAN}))
			})
		})
}

// LeaseAgents lists the DHCP agents that answer on a network. For admins.
func (s *Service) LeaseAgents(ctx context.Context, caller *policy.Caller, networkID string) ([]Agent, error) {
	if err := allow("get_dhcp-agents", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	if err := networks.find(ctx, s.db.Read(), caller, networkID, &Network{}); err != nil {
		return nil, err
	}
	return s.agentsOn(ctx, AgentDHCP, answering(s.db.Read().NewSelect().TableExpr("networks AS n").Join("CROSS JOIN network_hosts AS h").ColumnExpr("h.host").Where("n.id = ?", networkID)))
}

// AgentNetworks lists the networks on which a DHCP agent answers. An agent of
// another type answers on none. For admins.
func (s *Service) AgentNetworks(ctx context.Context, caller *policy.Caller, agentID string) ([]Network, error) {
	a, err := s.agentFor(ctx, caller, "get_dhcp-networks", agentID)
	if err != nil || a.AgentType != AgentDHCP {
		return nil, err
	}
	db := s.db.Read()
	var rows []Network
	err = answering(db.NewSelect().Model(&rows).Join("CROSS JOIN network_hosts AS h").Where("h.host = ?", a.Host)).Order("n.created_at", "n.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the networks of an agent: %w", err)
	}
	return rows, s.loadNetworks(ctx, db, pointers(rows))
}

// AddLeases makes the host of a DHCP agent answer on a network. For admins.
// Errors: NotFound (also another kind of agent, or a disabled one), Conflict
// (it answers there, or the host does not have the network).
func (s *Service) AddLeases(ctx context.Context, caller *policy.Caller, agentID, networkID string) error {
	return s.scheduleLeases(ctx, caller, "create_dhcp-network", agentID, networkID, func(ctx context.Context, tx *store.Tx, a *Agent, answers bool) error {
		if !a.AdminStateUp {
			return notADHCPAgent(a.ID)
		}
		if answers {
			return conflict("NetworkHostedByDHCPAgent", "The network %s has been already hosted by the DHCP Agent %s.", networkID, a.ID)
		}
		if err := bindable(ctx, tx, a.Host, []string{networkID}); err != nil {
			return err
		}
		return say(ctx, tx, &leases{NetworkID: networkID, Host: a.Host, Answered: true})
	})
}

// RemoveLeases makes the host of a DHCP agent silent on a network: its ports
// there get no leases. For admins. Errors: NotFound, Conflict (it does not
// answer there).
func (s *Service) RemoveLeases(ctx context.Context, caller *policy.Caller, agentID, networkID string) error {
	return s.scheduleLeases(ctx, caller, "delete_dhcp-network", agentID, networkID, func(ctx context.Context, tx *store.Tx, a *Agent, answers bool) error {
		if !answers {
			return conflict("NetworkNotHostedByDhcpAgent", "The network %s is not hosted by the DHCP agent %s.", networkID, a.ID)
		}
		return say(ctx, tx, &leases{NetworkID: networkID, Host: a.Host})
	})
}

func say(ctx context.Context, tx *store.Tx, row *leases) error {
	_, err := tx.NewInsert().Model(row).On("CONFLICT (network_id, host) DO UPDATE").Set("answered = EXCLUDED.answered").Exec(ctx)
	if err != nil {
		return fmt.Errorf("say where DHCP is answered: %w", err)
	}
	return nil
}

func (s *Service) scheduleLeases(ctx context.Context, caller *policy.Caller, rule, agentID, networkID string, change func(ctx context.Context, tx *store.Tx, a *Agent, answers bool) error) error {
	if err := allow(rule, caller, caller.ProjectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, n := &Agent{}, &Network{}
		if err := agents.find(ctx, tx, caller, agentID, a); err != nil {
			return err
		}
		if a.AgentType != AgentDHCP {
			return notADHCPAgent(agentID)
		}
		if err := networks.find(ctx, tx, caller, networkID, n); err != nil {
			return err
		}
		answers, err := answering(tx.NewSelect().TableExpr("networks AS n").Join("CROSS JOIN network_hosts AS h").Where("n.id = ? AND h.host = ?", networkID, a.Host)).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look whether a host answers DHCP: %w", err)
		}
		if err := change(ctx, tx, a, answers); err != nil {
			return err
		}
		tx.Changed(a.change(store.Update))
		tx.Changed(n.change(store.Update))
		hosts(tx)
		return nil
	})
}

func notADHCPAgent(id string) error {
	return errs.New(errs.NotFound, "Agent %s is not a valid DHCP Agent or has been disabled", id).WithType("InvalidDHCPAgent")
}
