package network

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Types of rules of QoS policies.
const (
	QoSBandwidthLimit   = "bandwidth_limit"
	QoSPacketRateLimit  = "packet_rate_limit"
	QoSDSCPMarking      = "dscp_marking"
	QoSMinimumBandwidth = "minimum_bandwidth"
)

// QoSKind is a type of rules.
type QoSKind struct {
	Type   string
	Amount string // the attribute of the rate or mark
	Burst  string // "" has none
	Marks  []int  // what the amount may be; nil is 0 to 2147483647
	// Enforced says that the dataplane does so. A policy with a rule of another
	// kind can be made, and holds for no port and no network.
	Enforced bool
}

// Directed tells whether the rules are of one direction.
func (k *QoSKind) Directed() bool { return k.Type != QoSDSCPMarking }

// QoSKinds are the types of rules that there are.
var QoSKinds = []*QoSKind{
	{Type: QoSBandwidthLimit, Amount: "max_kbps", Burst: "max_burst_kbps", Enforced: true},
	{Type: QoSDSCPMarking, Amount: "dscp_mark", Marks: []int{0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56}, Enforced: true},
	{Type: QoSMinimumBandwidth, Amount: "min_kbps"},
	{Type: QoSPacketRateLimit, Amount: "max_kpps", Burst: "max_burst_kpps", Enforced: true},
}

func qosKind(name string) *QoSKind {
	for _, k := range QoSKinds {
		if k.Type == name {
			return k
		}
	}
	return nil
}

// QoSRuleTypes lists the types of rules: those that are enforced, or with all
// those that can be made.
func (s *Service) QoSRuleTypes(all bool) []*QoSKind {
	if all {
		return QoSKinds
	}
	return slices.DeleteFunc(slices.Clone(QoSKinds), func(k *QoSKind) bool { return !k.Enforced })
}

// QoSRuleType returns one type that is enforced. For admins. Errors: Forbidden,
// NotFound.
func (s *Service) QoSRuleType(caller *policy.Caller, name string) (*QoSKind, error) {
	if !caller.IsAdmin() {
		return nil, errs.New(errs.Forbidden, "rule:get_rule_type is disallowed by policy").WithType("PolicyNotAuthorized")
	}
	k := qosKind(name)
	if k == nil || !k.Enforced {
		return nil, missing("HTTPNotFound", "QoS rule type %s could not be found.", name)
	}
	return k, nil
}

// QoSRule is a rule of a QoS policy. Amount and burst are in the units of its
// kind's attributes.
type QoSRule struct {
	bun.BaseModel `bun:"table:qos_rules,alias:qr"`

	ID        string `bun:",pk"`
	PolicyID  string
	Type      string
	Direction string // "" when the kind has none
	Amount    int64
	Burst     int64
}

// Kind is the type of the rule.
func (r *QoSRule) Kind() *QoSKind { return qosKind(r.Type) }

// QoSRuleSpec is what a request gives of a rule.
type QoSRuleSpec struct {
	Amount, Burst Opt[int]
	Direction     Opt[string]
}

// rules are the rules of a kind as a resource of the API, of one policy or,
// with "", of all.
func (k *QoSKind) rules(policyID string) *resource {
	columns := map[string]column{"id": {sql: "qr.id"}, k.Amount: {sql: "qr.amount", kind: number}}
	if k.Burst != "" {
		columns[k.Burst] = column{sql: "qr.burst", kind: number}
	}
	if k.Directed() {
		columns["direction"] = column{sql: "qr.direction"}
	}
	return &resource{
		table: "qos_rules", alias: "qr", columns: columns,
		notFound: func(id string) error {
			return missing("QosRuleNotFound", "QoS rule %s for policy %s could not be found.", id, policyID)
		},
		visible: func(q *bun.SelectQuery, _ *policy.Caller) *bun.SelectQuery { return q },
	}
}

// QoSRules lists the rules of a kind of a policy that the caller may see.
func (s *Service) QoSRules(ctx context.Context, caller *policy.Caller, k *QoSKind, policyID string, l store.List) ([]QoSRule, error) {
	if err := qosPolicies.find(ctx, s.db.Read(), caller, policyID, &QoSPolicy{}); err != nil {
		return nil, err
	}
	res := k.rules(policyID)
	res.filters = map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){
		"policy": func(q *bun.SelectQuery, _ []string) (*bun.SelectQuery, error) {
			return q.Where("qr.policy_id = ? AND qr.type = ?", policyID, k.Type), nil
		},
	}
	filters := map[string][]string{"policy": {policyID}}
	for name, values := range l.Filters {
		if name == "policy" {
			return nil, errs.New(errs.Invalid, "['%s'] is invalid attribute for filtering", name).WithType("HTTPBadRequest")
		}
		filters[name] = values
	}
	l.Filters = filters
	var rows []QoSRule
	err := res.list(ctx, s.db.Read(), caller, l, &rows)
	return reversed(l, rows), err
}

// QoSRule returns one rule of a kind, with "" of whichever policy, that the
// caller may see.
func (s *Service) QoSRule(ctx context.Context, caller *policy.Caller, k *QoSKind, policyID, id string) (*QoSRule, error) {
	r, _, err := qosRuleOf(ctx, s.db.Read(), caller, k, policyID, id)
	return r, err
}

func qosRuleOf(ctx context.Context, db bun.IDB, caller *policy.Caller, k *QoSKind, policyID, id string) (*QoSRule, *QoSPolicy, error) {
	r := &QoSRule{}
	if policyID != "" { // which is looked for first
		if err := qosPolicies.find(ctx, db, caller, policyID, &QoSPolicy{}); err != nil {
			return nil, nil, err
		}
	}
	found, err := one(ctx, db.NewSelect().Model(r).Where("id = ? AND type = ?", id, k.Type))
	if err != nil {
		return nil, nil, fmt.Errorf("read a QoS rule: %w", err)
	}
	if !found || policyID != "" && r.PolicyID != policyID {
		return nil, nil, k.rules(policyID).notFound(id)
	}
	p, err := qosPolicyOf(ctx, db, caller, r.PolicyID)
	if errs.Is(err, errs.NotFound) {
		return nil, nil, k.rules(policyID).notFound(id)
	}
	return r, p, err
}

// CreateQoSRule adds a rule to a policy. For admins. Errors: Forbidden,
// NotFound, Conflict (there is one of the kind and direction; another rule
// wants more; it holds for what cannot do so).
func (s *Service) CreateQoSRule(ctx context.Context, caller *policy.Caller, k *QoSKind, policyID string, spec QoSRuleSpec) (*QoSRule, error) {
	if err := allow("create_policy_"+k.Type+"_rule", caller, caller.ProjectID); err != nil {
		return nil, err
	}
	r := &QoSRule{ID: uuid.NewString(), PolicyID: policyID, Type: k.Type, Amount: int64(spec.Amount.Value), Burst: int64(spec.Burst.Value)}
	if k.Directed() {
		r.Direction = spec.Direction.Or(Egress)
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := qosPolicyOf(ctx, tx, caller, policyID)
		if err != nil {
			return err
		}
		if err := p.accepts(r); err != nil {
			return err
		}
		if !k.Enforced {
			kind, user, err := qosUser(ctx, tx, policyID, "port", "network")
			if err != nil {
				return err
			}
			if user != "" {
				return notSupported(kind, k.Type, user)
			}
		}
		if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
			return fmt.Errorf("insert a QoS rule: %w", err)
		}
		return p.rulesChanged(ctx, tx)
	})
	return r, err
}

// rulesChanged marks the change of a policy, and tells the hosts.
func (p *QoSPolicy) rulesChanged(ctx context.Context, tx *store.Tx) error {
	hosts(tx)
	return touchRow(ctx, tx, "qos_policies", p)
}

// accepts checks a new or changed rule against the policy's other ones.
func (p *QoSPolicy) accepts(r *QoSRule) error {
	for _, other := range p.Rules {
		if other.ID == r.ID {
			continue
		}
		if other.Type == r.Type && other.Direction == r.Direction {
			return conflict("QoSRulesConflict", "Rule %s conflicts with rule %s which already exists in QoS Policy %s.", r.Type, other.ID, p.ID)
		}
		if r.Type == QoSBandwidthLimit && other.Type == QoSMinimumBandwidth && other.Amount > r.Amount ||
			r.Type == QoSMinimumBandwidth && other.Type == QoSBandwidthLimit && other.Amount < r.Amount {
			return conflict("QoSRuleParameterConflict", "Unable to add the rule with value %s to the policy %s as the existing rule of type %s has value %s.",
				strconv.FormatInt(r.Amount, 10), p.ID, other.Type, strconv.FormatInt(other.Amount, 10))
		}
	}
	return nil
}

// UpdateQoSRule changes a rule. For admins. Errors: as CreateQoSRule.
func (s *Service) UpdateQoSRule(ctx context.Context, caller *policy.Caller, k *QoSKind, policyID, id string, spec QoSRuleSpec) (*QoSRule, error) {
	var r *QoSRule
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var p *QoSPolicy
		var err error
		if r, p, err = qosRuleOf(ctx, tx, caller, k, policyID, id); err != nil {
			return err
		}
		if err := allow("update_policy_"+k.Type+"_rule", caller, p.ProjectID); err != nil {
			return err
		}
		if spec.Amount.Set {
			r.Amount = int64(spec.Amount.Value)
		}
		if spec.Burst.Set {
			r.Burst = int64(spec.Burst.Value)
		}
		spec.Direction.into(&r.Direction)
		if err := p.accepts(r); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update a QoS rule: %w", err)
		}
		return p.rulesChanged(ctx, tx)
	})
	return r, err
}

// DeleteQoSRule takes a rule out of its policy. For admins. Errors: NotFound,
// Forbidden.
func (s *Service) DeleteQoSRule(ctx context.Context, caller *policy.Caller, k *QoSKind, policyID, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, p, err := qosRuleOf(ctx, tx, caller, k, policyID, id)
		if err != nil {
			return err
		}
		if err := allow("delete_policy_"+k.Type+"_rule", caller, p.ProjectID); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete a QoS rule: %w", err)
		}
		return p.rulesChanged(ctx, tx)
	})
}
