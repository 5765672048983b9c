package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// QoSPolicy says how much may pass a port, a network's ports, a floating IP or
// a router's gateway, and how it is marked (API reference: QoS policies).
type QoSPolicy struct {
	bun.BaseModel `bun:"table:qos_policies,alias:qp"`
	Standard
	Sharing

	Name      string
	IsDefault bool // of the project's networks that name none

	Rules []QoSRule `bun:"-"`
}

// QoSPolicySpec is what a request gives of a policy.
type QoSPolicySpec struct {
	ProjectID, Name, Description Opt[string]
	Shared, IsDefault            Opt[bool]
}

var qosPolicies = &resource{
	table: "qos_policies", alias: "qp",
	notFound: qosPolicyNotFound,
	columns:  standardColumns("qp", true, map[string]column{"is_default": {sql: "is_default", kind: flag}}),
	sharedBy: "qp.id",
	visible:  sharedWith("qp.project_id", "qp.id"),
}

func qosPolicyNotFound(id string) error {
	return missing("QosPolicyNotFound", "QoS policy %s could not be found.", id)
}

// CreateQoSPolicies makes policies, all or none. For admins. Errors: Conflict
// (the project has a default).
func (s *Service) CreateQoSPolicies(ctx context.Context, caller *policy.Caller, specs []QoSPolicySpec) ([]QoSPolicy, error) {
	return createAll(ctx, s, caller, specs, "policy", func(s QoSPolicySpec) Opt[string] { return s.ProjectID }, createQoSPolicy, loadQoSPolicies)
}

func createQoSPolicy(ctx context.Context, tx *store.Tx, _ *policy.Caller, projectID string, spec QoSPolicySpec) (*QoSPolicy, error) {
	p := &QoSPolicy{Standard: newStandard(projectID, spec.Description.Value), Sharing: Sharing{Shared: spec.Shared.Value}, Name: spec.Name.Value, IsDefault: spec.IsDefault.Value}
	if err := p.onlyDefault(ctx, tx); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, p); err != nil {
		return nil, fmt.Errorf("insert a QoS policy: %w", err)
	}
	if p.Shared {
		return p, share(ctx, tx, projectID, "qos_policy", p.ID, AsShared)
	}
	return p, nil
}

// onlyDefault refuses a second default policy of a project.
func (p *QoSPolicy) onlyDefault(ctx context.Context, db bun.IDB) error {
	if !p.IsDefault {
		return nil
	}
	taken, err := db.NewSelect().Model((*QoSPolicy)(nil)).Where("is_default AND project_id = ? AND id <> ?", p.ProjectID, p.ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for the default QoS policy: %w", err)
	}
	if taken {
		return conflict("QoSPolicyDefaultAlreadyExists", "A default QoS policy exists for project %s.", p.ProjectID)
	}
	return nil
}

// loadQoSPolicies fills rules, tags and with whom policies are shared.
func loadQoSPolicies(ctx context.Context, db bun.IDB, rows []*QoSPolicy) error {
	if len(rows) == 0 {
		return nil
	}
	byID := make(map[string]*QoSPolicy, len(rows))
	for _, p := range rows {
		p.Rules = []QoSRule{}
		byID[p.ID] = p
	}
	var rules []QoSRule
	if err := db.NewSelect().Model(&rules).Where("policy_id IN (?)", bun.List(keys(byID))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("load the rules of QoS policies: %w", err)
	}
	for _, r := range rules {
		byID[r.PolicyID].Rules = append(byID[r.PolicyID].Rules, r)
	}
	if err := loadTags(ctx, db, rows); err != nil {
		return err
	}
	return loadTargets(ctx, db, rows)
}

// QoSPolicies lists the policies that the caller may see.
func (s *Service) QoSPolicies(ctx context.Context, caller *policy.Caller, l store.List) ([]QoSPolicy, error) {
	var rows []QoSPolicy
	if err := qosPolicies.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadQoSPolicies(ctx, s.db.Read(), pointers(rows))
}

// QoSPolicy returns one policy, or an error of kind NotFound.
func (s *Service) QoSPolicy(ctx context.Context, caller *policy.Caller, id string) (*QoSPolicy, error) {
	return qosPolicyOf(ctx, s.db.Read(), caller, id)
}

func qosPolicyOf(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (*QoSPolicy, error) {
	p := &QoSPolicy{}
	if err := qosPolicies.find(ctx, db, caller, id, p); err != nil {
		return nil, err
	}
	return p, loadQoSPolicies(ctx, db, []*QoSPolicy{p})
}

// UpdateQoSPolicy changes a policy. For admins. Errors: NotFound, Forbidden,
// Conflict (the project has a default; others use it as a shared one),
// PreconditionFailed.
func (s *Service) UpdateQoSPolicy(ctx context.Context, caller *policy.Caller, id string, spec QoSPolicySpec, e Expect) (*QoSPolicy, error) {
	var p *QoSPolicy
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if p, err = qosPolicyOf(ctx, tx, caller, id); err != nil {
			return err
		}
		if err := allow("update_policy", caller, p.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &p.Standard); err != nil {
			return err
		}
		tx.Changed(p.change(store.Update)) // to those too who see it no more
		if err := p.reshare(ctx, tx, spec.Shared); err != nil {
			return err
		}
		spec.Name.into(&p.Name)
		spec.Description.into(&p.Description)
		spec.IsDefault.into(&p.IsDefault)
		if err := p.onlyDefault(ctx, tx); err != nil {
			return err
		}
		p.touch()
		if err := update(ctx, tx, p); err != nil {
			return fmt.Errorf("update a QoS policy: %w", err)
		}
		return loadQoSPolicies(ctx, tx, []*QoSPolicy{p})
	})
	return p, err
}

// reshare brings the RBAC policy for all projects in line with the attribute.
func (p *QoSPolicy) reshare(ctx context.Context, tx *store.Tx, shared Opt[bool]) error {
	if !shared.Set || shared.Value == p.Shared {
		return nil
	}
	p.Shared = shared.Value
	if p.Shared {
		return share(ctx, tx, p.ProjectID, "qos_policy", p.ID, AsShared)
	}
	if err := unneededPolicy(ctx, tx, &RBACPolicy{ObjectType: "qos_policy", ObjectID: p.ID, Action: AsShared, TargetProject: everyone}, p.ProjectID); err != nil {
		return err
	}
	return unshare(ctx, tx, p.ID, AsShared, everyone)
}

// qosUsers are what a policy can hold for, with the table and its alias as
// errors name it.
var qosUsers = []struct{ kind, table string }{{"port", "ports"}, {"network", "networks"}, {"fip", "floating_ips"}, {"router", "routers"}}

// DeleteQoSPolicy deletes a policy that holds for nothing, with its rules. For
// admins. Errors: NotFound, Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteQoSPolicy(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := qosPolicyOf(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		if err := allow("delete_policy", caller, p.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &p.Standard); err != nil {
			return err
		}
		kind, user, err := qosUser(ctx, tx, id, "port", "network", "fip", "router")
		if err != nil {
			return err
		}
		if user != "" {
			return conflict("QosPolicyInUse", "QoS Policy %s is used by %s %s.", id, kind, user)
		}
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "qos_policies", p); err != nil {
			return fmt.Errorf("delete a QoS policy: %w", err)
		}
		return nil
	})
}

// qosUser finds something of some kinds that a policy holds for; "" is nothing.
func qosUser(ctx context.Context, db bun.IDB, policyID string, kinds ...string) (kind, id string, err error) {
	for _, u := range qosUsers {
		for _, k := range kinds {
			if u.kind != k {
				continue
			}
			found, err := columnOf[string](ctx, db.NewSelect().TableExpr("?", bun.Ident(u.table)).Column("id").Where("qos_policy_id = ?", policyID).Order("id").Limit(1))
			if err != nil {
				return "", "", fmt.Errorf("look what a QoS policy holds for: %w", err)
			}
			if len(found) > 0 {
				return u.kind, found[0], nil
			}
		}
	}
	return "", "", nil
}
