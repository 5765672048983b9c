package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Scopes of an assignment.
const (
	ScopeProject = "project"
	ScopeDomain  = "domain"
	ScopeSystem  = "system"
)

// Assignment gives a role to a user or a group, on a project, a domain or the
// system. An inherited one is not for its target but for all projects below.
type Assignment struct {
	UserID, GroupID string // one of them
	Scope, TargetID string // TargetID is empty for the system
	RoleID          string
	Inherited       bool
}

// actor names who has the role, for messages.
func (a Assignment) actor() string { return a.UserID + a.GroupID }

type assignmentRow struct {
	bun.BaseModel `bun:"table:role_assignments,alias:a"`
	ID            string `bun:",pk"`
	UserID        *string
	GroupID       *string
	Scope         string
	ProjectID     *string
	RoleID        string
	Inherited     bool
}

func (a Assignment) row() *assignmentRow {
	r := &assignmentRow{
		UserID: nilIfEmpty(a.UserID), GroupID: nilIfEmpty(a.GroupID), Scope: a.Scope, ProjectID: nilIfEmpty(a.TargetID),
		RoleID: a.RoleID, Inherited: a.Inherited,
	}
	r.ID = strings.Join([]string{a.UserID, a.GroupID, a.Scope, a.TargetID, a.RoleID, fmt.Sprint(a.Inherited)}, "/")
	return r
}

func (r *assignmentRow) assignment() Assignment {
	a := Assignment{Scope: r.Scope, RoleID: r.RoleID, Inherited: r.Inherited}
	for _, field := range []struct {
		to   *string
		from *string
	}{{&a.UserID, r.UserID}, {&a.GroupID, r.GroupID}, {&a.TargetID, r.ProjectID}} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	return a
}

// exists checks that actor, target and role are there, and returns the role.
func (a Assignment) exists(ctx context.Context, db bun.IDB) (Role, error) {
	var role Role
	if a.RoleID != "" {
		if err := one(ctx, db.NewSelect().Model(&role).Where("id = ?", a.RoleID), "role", a.RoleID); err != nil {
			return role, err
		}
	}
	if a.UserID != "" {
		if err := one(ctx, db.NewSelect().Model(&User{}).Where("id = ?", a.UserID), "user", a.UserID); err != nil {
			return role, err
		}
	}
	if a.GroupID != "" {
		if err := one(ctx, db.NewSelect().Model(&Group{}).Where("id = ?", a.GroupID), "group", a.GroupID); err != nil {
			return role, err
		}
	}
	if a.Scope == ScopeSystem {
		return role, nil
	}
	target, err := findProject(ctx, db, a.TargetID, a.Scope)
	if err == nil && role.DomainID != nil && *role.DomainID != target.Home() {
		err = errs.New(errs.Forbidden, "Project %s must be in the same domain as the role %s being assigned.", a.TargetID, a.RoleID)
	}
	return role, err
}

// Grant makes an assignment; again is nothing new.
func (s *Service) Grant(ctx context.Context, a Assignment) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		role, err := a.exists(ctx, tx)
		if err != nil {
			return err
		}
		if a.Scope == ScopeSystem && role.DomainID != nil {
			return errs.New(errs.Invalid, "Role %s is a domain-specific role. Unable to use a domain-specific role in a system assignment.", a.RoleID)
		}
		tx.Changed(a.change(store.Create))
		return write(ctx, tx.NewInsert().Model(a.row()).On("CONFLICT (id) DO NOTHING"), "role grant", "Duplicate entry")
	})
}

func (a Assignment) missing() error {
	target := a.TargetID
	if a.Scope == ScopeSystem {
		target = "system"
	}
	return errs.New(errs.NotFound, "Could not find role assignment with role: %s, user or group: %s, project, domain, or system: %s.", a.RoleID, a.actor(), target)
}

// Granted returns nil when the assignment is there, else an error of kind
// NotFound.
func (s *Service) Granted(ctx context.Context, a Assignment) error {
	if _, err := a.exists(ctx, s.db.Read()); err != nil {
		return err
	}
	there, err := s.db.Read().NewSelect().Model((*assignmentRow)(nil)).Where("id = ?", a.row().ID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read assignment: %w", err)
	}
	if !there {
		return a.missing()
	}
	return nil
}

// Ungrant takes an assignment away.
func (s *Service) Ungrant(ctx context.Context, a Assignment) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := a.exists(ctx, tx); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*assignmentRow)(nil)).Where("id = ?", a.row().ID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete assignment: %w", err)
		}
		tx.Changed(a.change(store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, a.missing())
		}
		return nil
	})
}

// GrantedRoles lists the roles that an actor has directly on a target: those
// of all assignments that differ from a in the role only.
func (s *Service) GrantedRoles(ctx context.Context, a Assignment) ([]Role, error) {
	if _, err := a.exists(ctx, s.db.Read()); err != nil {
		return nil, err
	}
	list := []Role{}
	q := s.db.Read().NewSelect().Model(&list).Where("r.id IN (?)", s.db.Read().NewSelect().Model((*assignmentRow)(nil)).Column("role_id").
		Apply(func(q *bun.SelectQuery) *bun.SelectQuery {
			return AssignmentFilter{Assignment: a}.direct(q).Where("inherited = ?", a.Inherited)
		})).Order("r.name", "r.id")
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list granted roles: %w", err)
	}
	return list, nil
}

// HoldsAdmin tells whether a user, by itself or by a group, or a group has the
// role admin anywhere. Give one id and leave the other empty.
func (s *Service) HoldsAdmin(ctx context.Context, userID, groupID string) (bool, error) {
	holds, err := s.db.Read().NewSelect().Model((*assignmentRow)(nil)).
		Where("a.role_id IN (SELECT id FROM roles WHERE domain_id IS NULL AND name = ?)", RoleAdmin).
		Where("a.user_id = ? OR a.group_id = ? OR a.group_id IN (SELECT group_id FROM group_members WHERE user_id = ?)", userID, groupID, userID).
		Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the role admin: %w", err)
	}
	return holds, nil
}

// AssignmentFilter narrows a list of assignments: empty fields match all.
type AssignmentFilter struct {
	Assignment
	Inherited *bool
	Effective bool // resolve groups, inheritance and implied roles
	Subtree   bool // also on projects below the project TargetID
}

func (f AssignmentFilter) direct(q *bun.SelectQuery) *bun.SelectQuery {
	for _, field := range []struct{ column, value string }{
		{"user_id", f.UserID}, {"group_id", f.GroupID}, {"scope", f.Scope}, {"project_id", f.TargetID}, {"role_id", f.RoleID},
	} {
		if field.value != "" {
			q = q.Where("? = ?", bun.Ident(field.column), field.value)
		}
	}
	return q
}

// ListedAssignment is an assignment in a list. In an effective list, Via is
// the stored one that it comes from.
type ListedAssignment struct {
	Assignment
	Via Assignment
}

// Assignments lists assignments, as they are stored or as they work out.
func (s *Service) Assignments(ctx context.Context, f AssignmentFilter) ([]ListedAssignment, error) {
	targets := map[string]bool{}
	if f.Subtree {
		targets[f.TargetID] = true
		below, err := s.ProjectSubtree(ctx, f.TargetID)
		if err != nil {
			return nil, err
		}
		for _, p := range below {
			targets[p.ID] = true
		}
	} else if f.TargetID != "" {
		targets[f.TargetID] = true
	}
	var rows []assignmentRow
	q := s.db.Read().NewSelect().Model(&rows).OrderExpr("id")
	if !f.Effective {
		stored := f
		if f.Subtree {
			stored.TargetID = ""
		}
		q = stored.direct(q)
		if f.Inherited != nil {
			q = q.Where("inherited = ?", *f.Inherited)
		}
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list assignments: %w", err)
	}
	list := []ListedAssignment{}
	for _, row := range rows {
		a := row.assignment()
		list = append(list, ListedAssignment{Assignment: a, Via: a})
	}
	if f.Effective {
		var err error
		if list, err = s.workOut(ctx, list, f.Inherited); err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(a ListedAssignment) bool {
			return f.UserID != "" && a.UserID != f.UserID || f.RoleID != "" && a.RoleID != f.RoleID || f.Scope != "" && a.Scope != f.Scope
		})
	}
	return slices.DeleteFunc(list, func(a ListedAssignment) bool { return len(targets) > 0 && !targets[a.TargetID] }), nil
}

// workOut replaces groups by their users, inherited assignments by those on
// the projects below, and adds implied roles.
func (s *Service) workOut(ctx context.Context, stored []ListedAssignment, inherited *bool) ([]ListedAssignment, error) {
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	var members []groupMember
	if err := s.db.Read().NewSelect().Model(&members).Order("group_id", "user_id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	users := map[string][]string{}
	for _, m := range members {
		users[m.GroupID] = append(users[m.GroupID], m.UserID)
	}
	var projects []Project
	if err := s.db.Read().NewSelect().Model(&projects).Column("id", "parent_id").Order("id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read project tree: %w", err)
	}
	children := map[string][]string{}
	for _, p := range projects {
		if p.ParentID != nil {
			children[*p.ParentID] = append(children[*p.ParentID], p.ID)
		}
	}
	var list []ListedAssignment
	seen := map[Assignment]bool{}
	for _, from := range stored {
		if inherited != nil && from.Inherited != *inherited {
			continue
		}
		actors := []string{from.UserID}
		if from.GroupID != "" {
			actors = users[from.GroupID]
		}
		targets := []string{from.TargetID}
		scope := from.Scope
		if from.Inherited {
			scope = ScopeProject
			targets = slices.Clone(children[from.TargetID])
			for i := 0; i < len(targets); i++ {
				targets = append(targets, children[targets[i]]...)
			}
		}
		for _, role := range known.expand([]string{from.RoleID}) {
			for _, target := range targets {
				for _, user := range actors {
					a := ListedAssignment{Assignment: Assignment{UserID: user, Scope: scope, TargetID: target, RoleID: role}, Via: from.Via}
					if known.roles[role].DomainID == nil && !seen[a.Assignment] {
						seen[a.Assignment] = true
						list = append(list, a)
					}
				}
			}
		}
	}
	return list, nil
}

// Names are the names behind the ids of a list of assignments.
type Names struct {
	Users    map[string]User
	Groups   map[string]Group
	Projects map[string]Project // and domains, also those of users, groups and roles
	Roles    map[string]Role
}

// AssignmentNames reads the names for a list, one query per kind.
func (s *Service) AssignmentNames(ctx context.Context, list []ListedAssignment) (Names, error) {
	n := Names{Users: map[string]User{}, Groups: map[string]Group{}, Projects: map[string]Project{}, Roles: map[string]Role{}}
	ids := map[string][]string{}
	add := func(kind, id string) {
		if id != "" {
			ids[kind] = append(ids[kind], id)
		}
	}
	for _, a := range list {
		add("user", a.UserID)
		add("group", a.GroupID)
		add("project", a.TargetID)
		add("role", a.RoleID)
	}
	var users []User
	var groups []Group
	var roles []Role
	var projects, domains []Project
	load := func(kind string, into any) error {
		set := ids[kind]
		slices.Sort(set)
		if set = slices.Compact(set); len(set) == 0 {
			return nil
		}
		if err := s.db.Read().NewSelect().Model(into).Where("id IN (?)", bun.List(set)).Scan(ctx); err != nil {
			return fmt.Errorf("read names of %ss: %w", kind, err)
		}
		return nil
	}
	if err := errors.Join(load("user", &users), load("group", &groups), load("role", &roles), load("project", &projects)); err != nil {
		return n, err
	}
	for _, u := range users {
		n.Users[u.ID] = u
		add("domain", u.DomainID)
	}
	for _, g := range groups {
		n.Groups[g.ID] = g
		add("domain", g.DomainID)
	}
	for _, r := range roles {
		n.Roles[r.ID] = r
		if r.DomainID != nil {
			add("domain", *r.DomainID)
		}
	}
	for _, p := range projects {
		add("domain", p.Home())
	}
	if err := load("domain", &domains); err != nil {
		return n, err
	}
	for _, p := range slices.Concat(projects, domains) {
		n.Projects[p.ID] = p
	}
	return n, nil
}
