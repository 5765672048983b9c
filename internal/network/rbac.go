package network

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// What a policy lets its target do.
const (
	AsShared   = "access_as_shared"
	AsExternal = "access_as_external"
)

// everyone is the target of policies for all projects.
const everyone = "*"

// RBACPolicy lets another project use an object (API reference: RBAC
// Policies).
type RBACPolicy struct {
	bun.BaseModel `bun:"table:network_rbac,alias:rb"`

	ID            string `bun:",pk"`
	ProjectID     string
	ObjectType    string
	ObjectID      string
	Action        string
	TargetProject string // "*" is all
}

// RBACSpec is what a request gives of a policy.
type RBACSpec struct {
	ProjectID, ObjectType, ObjectID, Action, Target Opt[string]
}

var rbacPolicies = &resource{
	table: "network_rbac", alias: "rb",
	notFound: func(id string) error {
		return missing("RbacPolicyNotFound", "RBAC policy of type unknown with ID %s not found", id)
	},
	columns: map[string]column{
		"id": {sql: "rb.id"}, "project_id": {sql: "rb.project_id"}, "tenant_id": {sql: "rb.project_id"}, "object_type": {sql: "rb.object_type"},
		"object_id": {sql: "rb.object_id"}, "action": {sql: "rb.action"}, "target_tenant": {sql: "rb.target_project"},
	},
	visible: ownOnly("rb"),
}

// sharable are the objects that policies can share, by object_type.
var sharable = map[string]struct {
	res     *resource
	row     func() taggedRow
	actions []string
	// users selects the projects other than the owner's that use the object by
	// an action.
	users func(db bun.IDB, id, action string) *bun.SelectQuery
}{
	"network": {networks, func() taggedRow { return new(Network) }, []string{AsShared, AsExternal}, func(db bun.IDB, id, action string) *bun.SelectQuery {
		if action == AsExternal {
			return db.NewSelect().TableExpr("ports AS p").Join("JOIN routers AS r ON r.id = p.router_id").ColumnExpr("r.project_id").Where("p.network_id = ? AND p.role = ?", id, roleGateway)
		}
		return db.NewSelect().TableExpr("ports AS p").ColumnExpr("p.project_id").Where("p.network_id = ? AND p.role NOT IN (?)", id, bun.List([]string{roleGateway, roleFloating, roleDHCP}))
	}},
	"security_group": {securityGroups, func() taggedRow { return new(SecurityGroup) }, []string{AsShared}, func(db bun.IDB, id, _ string) *bun.SelectQuery {
		return db.NewSelect().TableExpr("port_security_groups AS g").Join("JOIN ports AS p ON p.id = g.port_id").ColumnExpr("p.project_id").Where("g.group_id = ?", id)
	}},
	"subnetpool": {subnetPools, func() taggedRow { return new(SubnetPool) }, []string{AsShared}, func(db bun.IDB, id, _ string) *bun.SelectQuery {
		return db.NewSelect().TableExpr("subnets").Column("project_id").Where("pool_id = ?", id)
	}},
	"address_group": {addressGroups, func() taggedRow { return new(AddressGroup) }, []string{AsShared}, func(db bun.IDB, id, _ string) *bun.SelectQuery {
		return db.NewSelect().TableExpr("security_group_rules").Column("project_id").Where("remote_address_group_id = ?", id)
	}},
	"qos_policy": {qosPolicies, func() taggedRow { return new(QoSPolicy) }, []string{AsShared}, func(db bun.IDB, id, _ string) *bun.SelectQuery {
		return db.NewSelect().TableExpr(`(SELECT project_id FROM networks WHERE qos_policy_id = ?0 UNION SELECT project_id FROM ports WHERE qos_policy_id = ?0
			UNION SELECT project_id FROM floating_ips WHERE qos_policy_id = ?0 UNION SELECT project_id FROM routers WHERE qos_policy_id = ?0) AS q`, id).ColumnExpr("q.project_id")
	}},
	"address_scope": {addressScopes, func() taggedRow { return new(AddressScope) }, []string{AsShared}, func(db bun.IDB, id, _ string) *bun.SelectQuery {
		return db.NewSelect().TableExpr("subnet_pools").Column("project_id").Where("address_scope_id = ?", id)
	}},
}

// sharedWith shows a project what it owns and what a policy lets it use; id is
// the SQL of the object's id. No actions are all of them.
func sharedWith(project, id string, actions ...string) func(*bun.SelectQuery, *policy.Caller) *bun.SelectQuery {
	if len(actions) == 0 {
		actions = []string{AsShared, AsExternal}
	}
	return func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
		return q.Where("? = ?", bun.Safe(project), caller.ProjectID).
			WhereOr("? IN (SELECT object_id FROM network_rbac WHERE target_project IN (?, ?) AND action IN (?))", bun.Safe(id), caller.ProjectID, everyone, bun.List(actions))
	}
}

// sharedFilter is the filter "shared", which asks of what the caller may use
// because it is shared, not of what is shared with anybody.
func sharedFilter(q *bun.SelectQuery, id string, caller *policy.Caller, values []string) (*bun.SelectQuery, error) {
	accepted, err := column{kind: flag}.accept("shared", values)
	if err != nil {
		return nil, err
	}
	is := "? IN (SELECT object_id FROM network_rbac WHERE action = ? AND target_project IN (?, ?))"
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, on := range flags(accepted) {
			not := ""
			if !on {
				not = "NOT "
			}
			q = q.WhereOr(not+"("+is+")", bun.Safe(id), AsShared, caller.ProjectID, everyone)
		}
		return q
	}), nil
}

// Sharing is with whom an object is shared beside its owner: all projects, or
// some.
type Sharing struct {
	Shared  bool     `bun:"shared"` // with all
	Targets []string `bun:"-"`      // projects; loaded with the object
}

// SharedWith tells whether a project may use the object as a shared one.
func (s *Sharing) SharedWith(projectID string) bool {
	return s.Shared || projectID != "" && slices.Contains(s.Targets, projectID)
}

func (s *Sharing) sharing() *Sharing { return s }

// loadTargets fills the targets of rows in one query.
func loadTargets[T interface {
	standard() *Standard
	sharing() *Sharing
}](ctx context.Context, db bun.IDB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	byID := make(map[string]*Sharing, len(rows))
	for _, row := range rows {
		s := row.sharing()
		s.Targets = nil
		byID[row.standard().ID] = s
	}
	var found []RBACPolicy
	err := db.NewSelect().Model(&found).Where("object_id IN (?) AND action = ? AND target_project <> ?", bun.List(keys(byID)), AsShared, everyone).Order("target_project").Scan(ctx)
	if err != nil {
		return fmt.Errorf("load whom objects are shared with: %w", err)
	}
	for _, p := range found {
		byID[p.ObjectID].Targets = append(byID[p.ObjectID].Targets, p.TargetProject)
	}
	return nil
}

// share makes the policy that an object's own attribute, as "shared", stands
// for. One that is there already is left.
func share(ctx context.Context, tx *store.Tx, projectID, kind, id, action string) error {
	p := &RBACPolicy{ID: uuid.NewString(), ProjectID: projectID, ObjectType: kind, ObjectID: id, Action: action, TargetProject: everyone}
	result, err := tx.NewInsert().Model(p).On("CONFLICT (object_id, action, target_project) DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("share an object: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.Changed(p.change(store.Create))
	return nil
}

// unshare deletes policies of an object: those of an action ("" is all) for a
// target ("" is all).
func unshare(ctx context.Context, tx *store.Tx, id, action, target string) error {
	q := tx.NewDelete().TableExpr("network_rbac").Where("object_id = ?", id)
	if action != "" {
		q = q.Where("action = ?", action)
	}
	if target != "" {
		q = q.Where("target_project = ?", target)
	}
	var gone owned
	if _, err := q.Returning(returning).Exec(ctx, &gone); err != nil {
		return fmt.Errorf("share an object no more: %w", err)
	}
	gone.note(tx, "rbac_policy", store.Delete)
	return nil
}

// dependents are the projects that could not use an object any more without a
// policy, and do use it.
func dependents(ctx context.Context, db bun.IDB, kind, id, owner, action, target string) ([]string, error) {
	users, err := columnOf[string](ctx, db.NewSelect().TableExpr("(?) AS u", sharable[kind].users(db, id, action)).ColumnExpr("DISTINCT u.project_id"))
	if err != nil {
		return nil, fmt.Errorf("look who uses a shared object: %w", err)
	}
	others, err := columnOf[string](ctx, db.NewSelect().TableExpr("network_rbac").Column("target_project").Where("object_id = ? AND action = ? AND target_project <> ?", id, action, target))
	if err != nil {
		return nil, fmt.Errorf("look whom an object is shared with: %w", err)
	}
	if slices.Contains(others, everyone) {
		return nil, nil
	}
	return slices.DeleteFunc(users, func(project string) bool {
		return project == "" || project == owner || slices.Contains(others, project) || target != everyone && project != target
	}), nil
}

// unneededPolicy fails when projects depend on a policy.
func unneededPolicy(ctx context.Context, db bun.IDB, p *RBACPolicy, owner string) error {
	if p.TargetProject == owner {
		return nil
	}
	if p.Action == AsExternal && p.TargetProject == everyone {
		standard, err := db.NewSelect().Model((*Network)(nil)).Where("id = ? AND is_default", p.ObjectID).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for the default network: %w", err)
		}
		if standard {
			return p.inUse("Default external networks must be shared to everyone.")
		}
	}
	if p.TargetProject == everyone && (p.ObjectType == "qos_policy" || p.Action == AsExternal) {
		owner = "" // as Neutron: what the owner itself uses keeps it shared with all
	}
	left, err := dependents(ctx, db, p.ObjectType, p.ObjectID, owner, p.Action, p.TargetProject)
	if err != nil || len(left) == 0 {
		return err
	}
	details := fmt.Sprintf("project_id=%s", strings.Join(left, ", "))
	switch {
	case p.Action == AsExternal:
		details = "There are routers attached to this network that depend on this policy for access."
	case p.ObjectType == "network":
		details = fmt.Sprintf("Unable to reconfigure sharing settings for network %s. Multiple projects are using it.", p.ObjectID)
	}
	return p.inUse(details)
}

func (p *RBACPolicy) inUse(details string) error {
	return conflict("RbacPolicyInUse", "RBAC policy on object %s cannot be removed because other objects depend on it.\nDetails: %s", p.ObjectID, details)
}

// CreateRBACPolicies makes policies, all or none. Errors: Invalid, NotFound
// (the object), Forbidden, OverQuota, Conflict (there already).
func (s *Service) CreateRBACPolicies(ctx context.Context, caller *policy.Caller, specs []RBACSpec) ([]RBACPolicy, error) {
	load := func(context.Context, bun.IDB, []*RBACPolicy) error { return nil }
	return createAll(ctx, s, caller, specs, "rbac_policy", func(s RBACSpec) Opt[string] { return s.ProjectID }, s.createRBACPolicy, load)
}

func (s *Service) createRBACPolicy(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec RBACSpec) (*RBACPolicy, error) {
	p := &RBACPolicy{
		ID: uuid.NewString(), ProjectID: projectID, ObjectType: spec.ObjectType.Value, ObjectID: spec.ObjectID.Value, Action: spec.Action.Value, TargetProject: spec.Target.Value,
	}
	kind, ok := sharable[p.ObjectType]
	if !ok {
		return nil, invalid("'%s' is not a valid RBAC object type. Valid object types: %s", p.ObjectType, strings.Join(slices.Sorted(maps.Keys(sharable)), ", "))
	}
	if !slices.Contains(kind.actions, p.Action) {
		return nil, invalid("Invalid action '%s' for object type '%s'. Valid actions: %s", p.Action, p.ObjectType, strings.Join(kind.actions, ", "))
	}
	if err := allowTarget("create", caller, projectID, p.TargetProject); err != nil {
		return nil, err
	}
	object := kind.row()
	if err := kind.res.find(ctx, tx, caller, p.ObjectID, object); err != nil {
		return nil, err
	}
	if !caller.IsAdmin() && object.standard().ProjectID != caller.ProjectID {
		return nil, invalid("Only admins can manipulate policies on objects they do not own")
	}
	if err := insert(ctx, tx, p); err != nil {
		if store.IsDuplicate(err) {
			return nil, conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")
		}
		return nil, fmt.Errorf("insert a policy: %w", err)
	}
	return p, followPolicies(ctx, tx, kind.res.table, object, p)
}

// followPolicies brings the columns that policies decide in line with them,
// and marks the change of the object.
func followPolicies(ctx context.Context, tx *store.Tx, table string, object taggedRow, p *RBACPolicy) error {
	q := tx.NewUpdate().TableExpr("?", bun.Ident(table)).Where("id = ?", p.ObjectID).
		Set("shared = EXISTS (SELECT 1 FROM network_rbac WHERE object_id = ? AND action = ? AND target_project = ?)", p.ObjectID, AsShared, everyone)
	if p.Action == AsExternal {
		// As Neutron: a network is external by the policies that say so, and
		// stays it as long as something leads out of it.
		leads := bun.List([]string{roleGateway, roleFloating})
		q = q.Set("external = EXISTS (SELECT 1 FROM network_rbac WHERE object_id = ? AND action = ?) OR EXISTS (SELECT 1 FROM ports WHERE network_id = ? AND role IN (?))",
			p.ObjectID, AsExternal, p.ObjectID, leads)
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("follow the policies of an object: %w", err)
	}
	c := object.change(store.Update)
	if p.TargetProject == everyone {
		c.Public = true
	} else {
		c.Projects = append(c.Projects, p.TargetProject)
	}
	tx.Changed(c)
	return touchRow(ctx, tx, table, object)
}

// allowTarget checks who may share with whom: with all only administrators.
func allowTarget(verb string, caller *policy.Caller, projectID, target string) error {
	if target == "" {
		return refuse("HTTPBadRequest", "Invalid input for target_tenant. Reason: '' is not a valid project.")
	}
	if target == everyone {
		return allow(verb+"_rbac_policy:target_tenant", caller, projectID)
	}
	return nil
}

// RBACPolicies lists the policies that the caller may see: its own.
func (s *Service) RBACPolicies(ctx context.Context, caller *policy.Caller, l store.List) ([]RBACPolicy, error) {
	var rows []RBACPolicy
	if err := rbacPolicies.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), nil
}

// RBACPolicy returns one policy, or an error of kind NotFound.
func (s *Service) RBACPolicy(ctx context.Context, caller *policy.Caller, id string) (*RBACPolicy, error) {
	p := &RBACPolicy{}
	return p, rbacPolicies.find(ctx, s.db.Read(), caller, id, p)
}

// changePolicy runs a change of a policy that the caller may make under a
// rule, when it does not leave its target or nobody depends on it.
func (s *Service) changePolicy(ctx context.Context, caller *policy.Caller, verb, id string, leaves func(p *RBACPolicy) bool, change func(context.Context, *store.Tx, *RBACPolicy) error) (*RBACPolicy, error) {
	p := &RBACPolicy{}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		*p = RBACPolicy{}
		if err := rbacPolicies.find(ctx, tx, caller, id, p); err != nil {
			return err
		}
		if err := allow(verb+"_rbac_policy", caller, p.ProjectID); err != nil {
			return err
		}
		kind := sharable[p.ObjectType]
		object := kind.row()
		if _, err := one(ctx, tx.NewSelect().Model(object).Where("? = ?", bun.Safe(kind.res.alias+".id"), p.ObjectID)); err != nil {
			return fmt.Errorf("read a shared object: %w", err)
		}
		if leaves(p) {
			if err := unneededPolicy(ctx, tx, p, object.standard().ProjectID); err != nil {
				return err
			}
		}
		tx.Changed(p.change(store.Update))
		before := *p
		if err := change(ctx, tx, p); err != nil {
			return err
		}
		hosts(tx)
		if err := followPolicies(ctx, tx, kind.res.table, object, &before); err != nil {
			return err
		}
		return followPolicies(ctx, tx, kind.res.table, object, p)
	})
	return p, err
}

// UpdateRBACPolicy gives a policy another target. Errors: NotFound, Forbidden,
// Conflict (projects depend on it, or there already).
func (s *Service) UpdateRBACPolicy(ctx context.Context, caller *policy.Caller, id string, spec RBACSpec, e Expect) (*RBACPolicy, error) {
	if err := noRevision(e); err != nil {
		return nil, err
	}
	leaves := func(p *RBACPolicy) bool { return spec.Target.Or(p.TargetProject) != p.TargetProject }
	return s.changePolicy(ctx, caller, "update", id, leaves, func(ctx context.Context, tx *store.Tx, p *RBACPolicy) error {
		if err := allowTarget("update", caller, p.ProjectID, spec.Target.Or(p.TargetProject)); err != nil {
			return err
		}
		spec.Target.into(&p.TargetProject)
		if err := update(ctx, tx, p); err != nil {
			if store.IsDuplicate(err) {
				return conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")
			}
			return fmt.Errorf("update a policy: %w", err)
		}
		return nil
	})
}

// DeleteRBACPolicy takes the right away. Errors: NotFound, Forbidden, Conflict
// (projects depend on it).
func (s *Service) DeleteRBACPolicy(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	if err := noRevision(e); err != nil {
		return err
	}
	_, err := s.changePolicy(ctx, caller, "delete", id, func(*RBACPolicy) bool { return true }, func(ctx context.Context, tx *store.Tx, p *RBACPolicy) error {
		if err := remove(ctx, tx, "network_rbac", p); err != nil {
			return fmt.Errorf("delete a policy: %w", err)
		}
		return nil
	})
	return err
}

// noRevision refuses a condition on a revision of what has none.
func noRevision(e Expect) error {
	if e != nil {
		return errs.New(errs.Invalid, "This resource does not have revisions, so that If-Match cannot hold").WithType("HTTPBadRequest")
	}
	return nil
}
