package network

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// DefaultGroup is the name of the group that every project has.
const DefaultGroup = "default"

// SecurityGroup is a set of rules that allow traffic (API reference: Security
// groups).
type SecurityGroup struct {
	bun.BaseModel `bun:"table:security_groups,alias:g"`
	Standard
	Sharing

	Name      string
	IsDefault bool
	Stateful  bool // answers to what the rules allow need no rule

	Rules []Rule `bun:"-"`
}

// SecurityGroupSpec is what a request gives of a security group.
type SecurityGroupSpec struct {
	ProjectID, Name, Description Opt[string]
	Stateful                     Opt[bool]
}

var securityGroups = &resource{
	table: "security_groups", alias: "g",
	notFound: groupNotFound,
	columns:  standardColumns("g", true, map[string]column{"stateful": {sql: "stateful", kind: flag}}),
	sharedBy: "g.id",
	visible:  sharedWith("g.project_id", "g.id"),
}

func groupNotFound(id string) error {
	return missing("SecurityGroupNotFound", "Security group %s does not exist", id)
}

// CreateSecurityGroups makes security groups that allow everything outwards
// and nothing inwards. Errors: Forbidden, Invalid, OverQuota, Conflict (the
// name "default").
func (s *Service) CreateSecurityGroups(ctx context.Context, caller *policy.Caller, specs []SecurityGroupSpec) ([]SecurityGroup, error) {
	return createAll(ctx, s, caller, specs, "security_group", func(s SecurityGroupSpec) Opt[string] { return s.ProjectID }, s.createGroup, loadGroups)
}

func (s *Service) createGroup(ctx context.Context, tx *store.Tx, _ *policy.Caller, projectID string, spec SecurityGroupSpec) (*SecurityGroup, error) {
	if strings.EqualFold(spec.Name.Value, DefaultGroup) {
		return nil, conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
	}
	if _, err := s.ensureDefaultGroup(ctx, tx, projectID); err != nil {
		return nil, err
	}
	// The default group counts too, and may have been made just now.
	if err := s.reserve(ctx, tx, projectID, "security_group", 1); err != nil {
		return nil, err
	}
	g := &SecurityGroup{Standard: newStandard(projectID, spec.Description.Value), Name: spec.Name.Value, Stateful: spec.Stateful.Or(true)}
	return g, writeGroup(ctx, tx, g)
}

// writeGroup inserts a group with the rules that it begins with.
func writeGroup(ctx context.Context, tx *store.Tx, g *SecurityGroup) error {
	if err := insert(ctx, tx, g); err != nil {
		return fmt.Errorf("insert a security group: %w", err)
	}
	var rows []Rule
	for _, ethertype := range []string{IPv4, IPv6} {
		rows = append(rows, Rule{Standard: newStandard(g.ProjectID, ""), GroupID: g.ID, Direction: Egress, Ethertype: ethertype})
		if g.IsDefault {
			rows = append(rows, Rule{Standard: newStandard(g.ProjectID, ""), GroupID: g.ID, Direction: Ingress, Ethertype: ethertype, RemoteGroupID: g.ID})
		}
	}
	for i := range rows {
		rows[i].Fingerprint = rows[i].fingerprint()
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert the rules of a security group: %w", err)
	}
	return nil
}

// ensureDefaultGroup returns the id of the project's default group, which it
// makes when it is not there.
func (s *Service) ensureDefaultGroup(ctx context.Context, tx *store.Tx, projectID string) (string, error) {
	if projectID == "" {
		return "", invalid("the default security group of no project was asked for")
	}
	id, err := defaultGroup(ctx, tx, projectID)
	if err != nil || id != "" {
		return id, err
	}
	g := &SecurityGroup{Standard: newStandard(projectID, "Default security group"), Name: DefaultGroup, IsDefault: true, Stateful: true}
	return g.ID, writeGroup(ctx, tx, g)
}

func defaultGroup(ctx context.Context, db bun.IDB, projectID string) (string, error) {
	found, err := columnOf[string](ctx, db.NewSelect().TableExpr("security_groups").Column("id").Where("project_id = ? AND is_default", projectID))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// ensureOwnDefault makes the default group of the caller's own project, which
// is there from the first look on. It never does so for another project, whoever
// asks and whatever the request names.
func (s *Service) ensureOwnDefault(ctx context.Context, caller *policy.Caller) error {
	if caller.ProjectID == "" {
		return nil
	}
	id, err := defaultGroup(ctx, s.db.Read(), caller.ProjectID)
	if err != nil || id != "" {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := s.ensureDefaultGroup(ctx, tx, caller.ProjectID)
		return err
	}, quotaLock(caller.ProjectID))
}

// loadGroups fills rules and tags.
func loadGroups(ctx context.Context, db bun.IDB, rows []*SecurityGroup) error {
	if len(rows) == 0 {
		return nil
	}
	byID := map[string]*SecurityGroup{}
	for _, g := range rows {
		g.Rules = []Rule{}
		byID[g.ID] = g
	}
	var all []Rule
	if err := db.NewSelect().Model(&all).Where("group_id IN (?)", bun.List(keys(byID))).Order("created_at", "id").Scan(ctx); err != nil {
		return fmt.Errorf("load the rules of security groups: %w", err)
	}
	for _, r := range all {
		g := byID[r.GroupID]
		g.Rules = append(g.Rules, r)
	}
	if err := loadTargets(ctx, db, rows); err != nil {
		return err
	}
	return loadTags(ctx, db, rows)
}

// SecurityGroups lists the groups that the caller may see.
func (s *Service) SecurityGroups(ctx context.Context, caller *policy.Caller, l store.List) ([]SecurityGroup, error) {
	if err := s.ensureOwnDefault(ctx, caller); err != nil {
		return nil, err
	}
	var rows []SecurityGroup
	if err := securityGroups.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadGroups(ctx, s.db.Read(), pointers(rows))
}

// SecurityGroup returns one group with its rules, or an error of kind NotFound.
func (s *Service) SecurityGroup(ctx context.Context, caller *policy.Caller, id string) (*SecurityGroup, error) {
	return groupOf(ctx, s.db.Read(), caller, id)
}

func groupOf(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (*SecurityGroup, error) {
	g := &SecurityGroup{}
	if err := securityGroups.find(ctx, db, caller, id, g); err != nil {
		return nil, err
	}
	return g, loadGroups(ctx, db, []*SecurityGroup{g})
}

// UpdateSecurityGroup changes name, description and whether the group is
// stateful. Errors: NotFound, Forbidden, Conflict (the default group's name;
// ports are in a group that would be of the other kind), PreconditionFailed.
func (s *Service) UpdateSecurityGroup(ctx context.Context, caller *policy.Caller, id string, spec SecurityGroupSpec, e Expect) (*SecurityGroup, error) {
	var g *SecurityGroup
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var err error
		if g, err = groupOf(ctx, tx, caller, id); err != nil {
			return err
		}
		if err := allow("update_security_group", caller, g.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &g.Standard); err != nil {
			return err
		}
		if spec.Name.Set && spec.Name.Value != g.Name {
			if g.IsDefault {
				return conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
			}
			if strings.EqualFold(spec.Name.Value, DefaultGroup) {
				return conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
			}
		}
		if spec.Stateful.Or(g.Stateful) != g.Stateful {
			if err := groupUnused(ctx, tx, id); err != nil {
				return err
			}
		}
		spec.Name.into(&g.Name)
		spec.Description.into(&g.Description)
		spec.Stateful.into(&g.Stateful)
		g.touch()
		if err := update(ctx, tx, g); err != nil {
			return fmt.Errorf("update a security group: %w", err)
		}
		return nil
	})
	return g, err
}

// groupUnused fails when ports are in a group.
func groupUnused(ctx context.Context, db bun.IDB, id string) error {
	used, err := db.NewSelect().Model((*portGroup)(nil)).Where("group_id = ?", id).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for ports in a security group: %w", err)
	}
	if used {
		return conflict("SecurityGroupInUse", "Security Group %s in use.", id)
	}
	return nil
}

// DeleteSecurityGroup deletes a group that no port is in. Errors: NotFound,
// Forbidden, Conflict, PreconditionFailed.
func (s *Service) DeleteSecurityGroup(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		g := &SecurityGroup{}
		if err := securityGroups.find(ctx, tx, caller, id, g); err != nil {
			return err
		}
		if err := allow("delete_security_group", caller, g.ProjectID); err != nil {
			return err
		}
		if err := expect(e, &g.Standard); err != nil {
			return err
		}
		if g.IsDefault && !caller.IsAdmin() {
			return conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
		}
		if err := groupUnused(ctx, tx, id); err != nil {
			return err
		}
		if err := unshare(ctx, tx, id, "", ""); err != nil {
			return err
		}
		if err := remove(ctx, tx, "security_groups", g); err != nil {
			return fmt.Errorf("delete a security group: %w", err)
		}
		hosts(tx)
		return nil
	})
}
