package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// chooseQoS tells the policy that holds from now on: the one that is wanted,
// which the caller must see, or the old one. A policy that the caller does not
// see was put there by somebody else, and stays.
func chooseQoS(ctx context.Context, tx *store.Tx, caller *policy.Caller, old string, wanted Opt[string]) (string, error) {
	if !wanted.Set || wanted.Value == old {
		return old, nil
	}
	if old != "" {
		err := qosPolicies.find(ctx, tx, caller, old, &QoSPolicy{})
		if errs.Is(err, errs.NotFound) {
			err = errs.New(errs.Forbidden, "Failed to remove provided policy %s because you are not authorized.", old).WithType("PolicyRemoveAuthorizationError")
		}
		if err != nil {
			return "", err
		}
	}
	if wanted.Value == "" {
		return "", nil
	}
	return wanted.Value, qosPolicies.find(ctx, tx, caller, wanted.Value, &QoSPolicy{})
}

// followQoS gives the port the policy that is wanted.
func (p *Port) followQoS(ctx context.Context, tx *store.Tx, caller *policy.Caller, wanted Opt[string]) error {
	var err error
	if p.QoSPolicyID, err = chooseQoS(ctx, tx, caller, p.QoSPolicyID, wanted); err != nil || !wanted.Set {
		return err
	}
	return checkQoS(ctx, tx, "port", p.ID, p.QoSPolicyID)
}

// checkQoS refuses a policy with a rule that ports cannot follow. Floating IPs
// and gateways follow those of rates, whatever else the policy has.
func checkQoS(ctx context.Context, db bun.IDB, kind, id, policyID string) error {
	if policyID == "" {
		return nil
	}
	var rules []QoSRule
	if err := db.NewSelect().Model(&rules).Where("policy_id = ?", policyID).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the rules of a QoS policy: %w", err)
	}
	for _, r := range rules {
		if !r.Kind().Enforced {
			return notSupported(kind, r.Type, id)
		}
	}
	return nil
}

func notSupported(kind, rule, id string) error {
	if kind == "network" {
		return conflict("QosRuleNotSupportedByNetwork", "Rule %s is not supported by network %s", rule, id)
	}
	return conflict("QosRuleNotSupported", "Rule %s is not supported by port %s", rule, id)
}

// defaultQoS is the policy of a project's networks that name none.
func defaultQoS(ctx context.Context, db bun.IDB, projectID string) (string, error) {
	found, err := columnOf[string](ctx, db.NewSelect().TableExpr("qos_policies").Column("id").Where("is_default AND project_id = ?", projectID))
	if err != nil {
		return "", fmt.Errorf("look for the default QoS policy: %w", err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0], nil
}

// loadNetworkQoS fills the policies of the ports' networks.
func loadNetworkQoS(ctx context.Context, db bun.IDB, rows []*Port) error {
	networkIDs := map[string]string{}
	for _, p := range rows {
		networkIDs[p.NetworkID] = ""
	}
	var found []struct{ ID, QosPolicyID string }
	err := db.NewSelect().TableExpr("networks").Column("id", "qos_policy_id").Where("id IN (?) AND qos_policy_id IS NOT NULL", bun.List(keys(networkIDs))).Scan(ctx, &found)
	if err != nil {
		return fmt.Errorf("load the QoS policies of networks: %w", err)
	}
	for _, n := range found {
		networkIDs[n.ID] = n.QosPolicyID
	}
	for _, p := range rows {
		p.NetworkQoS = networkIDs[p.NetworkID]
	}
	return nil
}

// loadQoS adds what holds for the ports of this host and for the addresses of
// routers: a port's own policy, or that of its network.
func (h *hostView) loadQoS(ctx context.Context) error {
	policies := map[string]*intent.QoS{}
	note := func(id string) {
		if id != "" {
			policies[id] = nil
		}
	}
	for id, p := range h.state.Ports {
		if p.Local {
			note(h.qosOf(id))
		}
	}
	for _, r := range h.routers {
		note(r.QoSPolicyID)
	}
	for _, f := range h.floating {
		note(f.QoSPolicyID)
	}
	if len(policies) == 0 {
		return nil
	}
	var rules []QoSRule
	if err := h.db.NewSelect().Model(&rules).Where("policy_id IN (?)", bun.List(keys(policies))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the rules of QoS policies: %w", err)
	}
	for _, r := range rules {
		if policies[r.PolicyID] == nil {
			policies[r.PolicyID] = &intent.QoS{}
		}
		r.addTo(policies[r.PolicyID])
	}
	for id, p := range h.state.Ports {
		if p.Local {
			p.QoS = policies[h.qosOf(id)]
			h.state.Ports[id] = p
		}
	}
	byID := map[string]string{}
	for _, f := range h.floating {
		byID[f.ID] = f.QoSPolicyID
	}
	for id, r := range h.state.Routers {
		if row := h.routers[id]; row != nil && r.Gateway != nil {
			r.Gateway.QoS = ratesOf(policies[row.QoSPolicyID])
		}
		for i, f := range r.FloatingIPs {
			r.FloatingIPs[i].QoS = ratesOf(policies[byID[f.ID]])
		}
	}
	return nil
}

// ratesOf is the part of a policy that holds for addresses.
func ratesOf(q *intent.QoS) *intent.QoS {
	if q == nil || len(q.Limits) == 0 {
		return nil
	}
	return &intent.QoS{Limits: q.Limits}
}

// qosOf is the policy that holds for a port.
func (h *hostView) qosOf(portID string) string {
	p := h.byID[portID]
	if p.QoSPolicyID != "" {
		return p.QoSPolicyID
	}
	return h.networks[p.NetworkID].QoSPolicyID
}

// defaultBurst is how much of a second's worth may pass at once when a rule
// does not say: what TCP needs to reach the rate.
const defaultBurst = 0.8

// addTo adds the rule to what the dataplane is told.
func (r *QoSRule) addTo(q *intent.QoS) {
	switch r.Type {
	case QoSDSCPMarking:
		mark := uint8(r.Amount)
		q.DSCP = &mark
	case QoSBandwidthLimit, QoSPacketRateLimit:
		burst := r.Burst
		if burst == 0 {
			burst = int64(float64(r.Amount) * defaultBurst)
		}
		q.Limits = append(q.Limits, intent.Limit{Direction: r.Direction, Packets: r.Type == QoSPacketRateLimit, Rate: uint32(r.Amount), Burst: uint32(burst)})
	}
}
