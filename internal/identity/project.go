package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// maxDepth is how many levels of projects a domain can have, as Keystone has it.
const maxDepth = 5

// Project is a project, or a domain where IsDomain is set: then it has neither
// DomainID nor ParentID.
type Project struct {
	bun.BaseModel `bun:"table:projects,alias:p"`
	ID            string `bun:",pk"`
	Name          string
	DomainID      *string
	ParentID      *string
	IsDomain      bool
	Enabled       bool
	Description   string
	Options       Extra `bun:"type:text"`
	Extra         Extra `bun:"type:text"`
	CreatedAt     time.Time
	Tags          []string `bun:"-"` // sorted
}

// Home is the id of the domain that the project is in, or is.
func (p *Project) Home() string {
	if p.DomainID != nil {
		return *p.DomainID
	}
	return p.ID
}

type projectTag struct {
	bun.BaseModel `bun:"table:project_tags,alias:pt"`
	ProjectID     string `bun:",pk"`
	Name          string `bun:",pk"`
}

// ProjectChange is what changes of a project; nil leaves as it is.
type ProjectChange struct {
	Name, Description *string
	Enabled           *bool
	Tags              *[]string
	Options, Extra    Extra
}

// others tells whether something else than options changes.
func (c ProjectChange) others() bool {
	return c.Name != nil || c.Description != nil || c.Enabled != nil || c.Tags != nil || len(c.Extra) > 0
}

var projectColumns = columns{
	text:  map[string]string{"id": "p.id", "name": "p.name", "domain_id": "p.domain_id", "parent_id": "p.parent_id", "description": "p.description"},
	flags: map[string]string{"enabled": "p.enabled", "is_domain": "p.is_domain"},
}

// TagFilter narrows projects by tags: those that have all of All, one of Any,
// not all of NotAll, none of NotAny.
type TagFilter struct {
	All, Any, NotAll, NotAny []string
}

func (f TagFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	const count = "(SELECT COUNT(*) FROM project_tags t WHERE t.project_id = p.id AND t.name IN (?))"
	if len(f.All) > 0 {
		q = q.Where(count+" = ?", bun.List(f.All), len(f.All))
	}
	if len(f.Any) > 0 {
		q = q.Where(count+" > 0", bun.List(f.Any))
	}
	if len(f.NotAll) > 0 {
		q = q.Where(count+" < ?", bun.List(f.NotAll), len(f.NotAll))
	}
	if len(f.NotAny) > 0 {
		q = q.Where(count+" = 0", bun.List(f.NotAny))
	}
	return q
}

// ProjectExists tells whether there is a project with the id.
func (s *Service) ProjectExists(ctx context.Context, projectID string) (bool, error) {
	return s.db.Read().NewSelect().Model((*Project)(nil)).Where("id = ?", projectID).Exists(ctx)
}

// Projects lists projects, domains only when the is_domain filter asks for
// them, as Keystone does.
func (s *Service) Projects(ctx context.Context, l Listing, tags TagFilter) ([]Project, error) {
	if !slices.ContainsFunc(l.Filters, func(f Filter) bool { return f.Name == "is_domain" }) {
		l.Filters = append(slices.Clone(l.Filters), Filter{Name: "is_domain", Value: "false"})
	}
	list := []Project{}
	q, err := l.apply(ctx, s.db.Read(), tags.apply(s.db.Read().NewSelect().Model(&list)), "projects", projectColumns)
	if err != nil {
		return nil, err
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	return list, loadTags(ctx, s.db.Read(), list)
}

func loadTags(ctx context.Context, db bun.IDB, list []Project) error {
	if len(list) == 0 {
		return nil
	}
	byID := make(map[string]*Project, len(list))
	ids := make([]string, len(list))
	for i := range list {
		byID[list[i].ID], ids[i] = &list[i], list[i].ID
	}
	var rows []projectTag
	if err := db.NewSelect().Model(&rows).Where("project_id IN (?)", bun.List(ids)).Order("name").Scan(ctx); err != nil {
		return fmt.Errorf("read project tags: %w", err)
	}
	for _, row := range rows {
		byID[row.ProjectID].Tags = append(byID[row.ProjectID].Tags, row.Name)
	}
	return nil
}

// Project returns a project, or a domain, by id.
func (s *Service) Project(ctx context.Context, id string) (Project, error) {
	return findProject(ctx, s.db.Read(), id, "project")
}

// Domain returns a domain by id.
func (s *Service) Domain(ctx context.Context, id string) (Project, error) {
	return findProject(ctx, s.db.Read(), id, "domain")
}

func findProject(ctx context.Context, db bun.IDB, id, what string) (Project, error) {
	list := make([]Project, 1)
	q := db.NewSelect().Model(&list[0]).Where("id = ?", id)
	if what == "domain" {
		q = q.Where("is_domain")
	}
	if err := one(ctx, q, what, id); err != nil {
		return Project{}, err
	}
	err := loadTags(ctx, db, list)
	return list[0], err
}

// ProjectParents lists what is above a project, the nearest first, the domain
// last.
func (s *Service) ProjectParents(ctx context.Context, id string) ([]Project, error) {
	return projectsAbove(ctx, s.db.Read(), id)
}

// projectsAbove lists the ancestors of a project, nearest first, the domain last.
func projectsAbove(ctx context.Context, db bun.IDB, id string) ([]Project, error) {
	var rows []Project
	if err := db.NewRaw(ancestors+"SELECT * FROM projects WHERE id IN (SELECT id FROM up)", id).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read parents: %w", err)
	}
	byID := map[string]Project{}
	for _, row := range rows {
		byID[row.ID] = row
	}
	start, err := findProject(ctx, db, id, "project")
	if err != nil {
		return nil, err
	}
	list := []Project{}
	for at := start; at.ParentID != nil; {
		at = byID[*at.ParentID]
		list = append(list, at)
	}
	return list, loadTags(ctx, db, list)
}

// ProjectSubtree lists all that is below a project.
func (s *Service) ProjectSubtree(ctx context.Context, id string) ([]Project, error) {
	return projectsBelow(ctx, s.db.Read(), id)
}

func projectsBelow(ctx context.Context, db bun.IDB, id string) ([]Project, error) {
	list := []Project{}
	err := db.NewRaw(`WITH RECURSIVE down (id) AS (
		SELECT id FROM projects WHERE parent_id = ?
		UNION SELECT p.id FROM projects p JOIN down ON p.parent_id = down.id)
		SELECT * FROM projects WHERE id IN (SELECT id FROM down) ORDER BY id`, id).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("read subtree: %w", err)
	}
	return list, loadTags(ctx, db, list)
}

// CreateProject makes a project or a domain from what is set in p; ID, where
// empty, is made, and ParentID defaults to the domain. Errors: Invalid for a
// parent that doesn't fit, and for a domain or parent that isn't there, Conflict
// for a name that is taken, Forbidden below the deepest level.
func (s *Service) CreateProject(ctx context.Context, p Project) (Project, error) {
	if p.ID == "" {
		p.ID = newID()
	}
	p.Name, p.CreatedAt = strings.TrimSpace(p.Name), s.time()
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p.IsDomain {
			if p.ParentID != nil || p.DomainID != nil {
				return errs.New(errs.Invalid, "only root projects are allowed to act as domains.")
			}
		} else if err := p.fit(ctx, tx); err != nil {
			return err
		}
		tx.Changed(changeOf(p.kind(), p.ID, store.Create))
		if err := write(ctx, tx.NewInsert().Model(&p), p.kind(), p.duplicate()); err != nil {
			return err
		}
		return p.writeTags(ctx, tx)
	})
	return p, err
}

func (p *Project) kind() string {
	if p.IsDomain {
		return "domain"
	}
	return "project"
}

func (p *Project) duplicate() string {
	if p.IsDomain {
		return "it is not permitted to have two projects acting as domains with the same name: " + p.Name
	}
	return fmt.Sprintf("it is not permitted to have two projects with either the same name or same id in the same domain: name is %s, project id %s", p.Name, p.ID)
}

// fit checks a new project against its parent, and completes its parent and
// domain.
func (p *Project) fit(ctx context.Context, tx *store.Tx) error {
	if p.ParentID == nil {
		if p.DomainID == nil {
			return errs.New(errs.Invalid, "A project must have a domain or a parent.")
		}
		if _, err := findProject(ctx, tx, *p.DomainID, "domain"); err != nil {
			return missingIsInvalid(err)
		}
		p.ParentID = p.DomainID
	}
	parent, err := findProject(ctx, tx, *p.ParentID, "project")
	if err != nil {
		return missingIsInvalid(err)
	}
	home := parent.Home()
	if p.DomainID != nil && *p.DomainID != home {
		return errs.New(errs.Invalid, "Cannot create project, since it specifies its domain_id %s, but specifies a parent in a different domain (%s).", *p.DomainID, home)
	}
	p.DomainID = &home
	above, err := projectsAbove(ctx, tx, parent.ID)
	if err != nil {
		return err
	}
	for _, one := range append(above, parent) {
		if !one.Enabled {
			return errs.New(errs.Invalid, "cannot create a project in a branch containing a disabled project: %s", one.ID)
		}
	}
	if len(above)+1 > maxDepth {
		return errs.New(errs.Forbidden, "Max hierarchy depth reached for %s branch.", parent.ID)
	}
	return nil
}

func (p *Project) writeTags(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.NewDelete().Model((*projectTag)(nil)).Where("project_id = ?", p.ID).Exec(ctx); err != nil {
		return fmt.Errorf("clear project tags: %w", err)
	}
	slices.Sort(p.Tags)
	p.Tags = slices.Compact(p.Tags)
	rows := make([]projectTag, len(p.Tags))
	for i, name := range p.Tags {
		rows[i] = projectTag{ProjectID: p.ID, Name: name}
	}
	if len(rows) == 0 {
		return nil
	}
	return write(ctx, tx.NewInsert().Model(&rows), "project tag", "Duplicate entry")
}

// UpdateProject changes a project, or a domain where domain is set. One that is
// immutable is Forbidden, but for taking that away.
func (s *Service) UpdateProject(ctx context.Context, id string, domain bool, c ProjectChange) (Project, error) {
	what := "project"
	if domain {
		what = "domain"
	}
	var p Project
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = findProject(ctx, tx, id, what); err != nil {
			return err
		}
		if err := mayChange(p.kind(), p.ID, p.Options, c.Options, c.others()); err != nil {
			return err
		}
		if err := p.switchOn(ctx, tx, c.Enabled); err != nil {
			return err
		}
		if c.Name != nil {
			p.Name = strings.TrimSpace(*c.Name)
		}
		if c.Description != nil {
			p.Description = *c.Description
		}
		p.Options, p.Extra = p.Options.merge(c.Options), p.Extra.merge(c.Extra)
		tx.Changed(changeOf(p.kind(), p.ID, store.Update))
		if err := write(ctx, tx.NewUpdate().Model(&p).WherePK(), p.kind(), p.duplicate()); err != nil {
			return err
		}
		if c.Tags == nil {
			return nil
		}
		p.Tags = slices.Clone(*c.Tags)
		return p.writeTags(ctx, tx)
	})
	return p, err
}

// switchOn enables or disables: never below a disabled parent, nor above an
// enabled child.
func (p *Project) switchOn(ctx context.Context, tx *store.Tx, enabled *bool) error {
	if enabled == nil || *enabled == p.Enabled {
		return nil
	}
	p.Enabled = *enabled
	if p.IsDomain {
		return nil
	}
	related := projectsBelow
	message := "Cannot disable project %s since its subtree contains enabled projects."
	if *enabled {
		related = projectsAbove
		message = "Cannot enable project %s since it has disabled parents"
	}
	list, err := related(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(other Project) bool { return other.Enabled != *enabled }) {
		return errs.New(errs.Forbidden, message, p.ID)
	}
	return nil
}

// SetTags replaces a project's tags by what change makes of them. Those of one
// that is immutable stay: Forbidden.
func (s *Service) SetTags(ctx context.Context, id string, change func(tags []string) ([]string, error)) (Project, error) {
	var p Project
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if p, err = findProject(ctx, tx, id, "project"); err != nil {
			return err
		}
		if immutable(p.Options) {
			return errs.New(errs.Forbidden, "Cannot update project tags for %s, project is immutable. Set \"immutable\" option to false before creating project tags.", id)
		}
		if p.Tags, err = change(slices.Clone(p.Tags)); err != nil {
			return err
		}
		tx.Changed(changeOf("project", id, store.Update))
		return p.writeTags(ctx, tx)
	})
	return p, err
}

// DeleteProject removes a project without children, and what refers to it. Or
// a domain that was disabled, with all users, groups, roles and projects in it.
// One that is immutable is Forbidden.
func (s *Service) DeleteProject(ctx context.Context, id string, domain bool) error {
	what := "project"
	if domain {
		what = "domain"
	}
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := findProject(ctx, tx, id, what)
		if err != nil {
			return err
		}
		if err := mayDelete(p.kind(), p.ID, p.Options); err != nil {
			return err
		}
		tx.Changed(changeOf(p.kind(), p.ID, store.Delete))
		if p.IsDomain {
			return dropDomain(ctx, tx, p)
		}
		children, err := tx.NewSelect().Model((*Project)(nil)).Where("parent_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("read children: %w", err)
		}
		if children {
			return errs.New(errs.Forbidden, "Cannot delete the project %s since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.", id)
		}
		if _, err := tx.NewUpdate().Model((*User)(nil)).Set("default_project_id = NULL").Where("default_project_id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("clear default projects: %w", err)
		}
		if _, err := tx.NewDelete().Model(&p).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete project: %w", err)
		}
		return dropCredentials(ctx, tx, "project_id = ?", id)
	})
}

func dropDomain(ctx context.Context, tx *store.Tx, p Project) error {
	if p.Enabled {
		return errs.New(errs.Forbidden, "Cannot delete a domain that is enabled, please disable it first.")
	}
	for _, statement := range []string{
		"UPDATE users SET default_project_id = NULL WHERE default_project_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM credentials WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM credentials WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM users WHERE domain_id = ?", "DELETE FROM user_groups WHERE domain_id = ?",
		"DELETE FROM roles WHERE domain_id = ?", "DELETE FROM projects WHERE domain_id = ?", "DELETE FROM projects WHERE id = ?",
	} {
		if _, err := tx.ExecContext(ctx, statement, p.ID); err != nil {
			return fmt.Errorf("delete domain: %w", err)
		}
	}
	return nil
}
