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

// Names of the roles that rules know.
const (
	RoleAdmin   = "admin"
	RoleManager = "manager"
	RoleMember  = "member"
	RoleReader  = "reader"
	RoleService = "service"
)

// Role is a name for what someone may do. One with a DomainID is only a
// handle within that domain for the roles that it implies.
type Role struct {
	bun.BaseModel `bun:"table:roles,alias:r"`
	ID            string `bun:",pk"`
	Name          string
	DomainID      *string
	Description   *string
	Options       Extra `bun:"type:text"`
	Extra         Extra `bun:"type:text"`
}

type impliedRole struct {
	bun.BaseModel `bun:"table:implied_roles,alias:ir"`
	PriorID       string `bun:",pk"`
	ImpliedID     string `bun:",pk"`
}

// Inference says that who has Prior also has Implied.
type Inference struct {
	Prior   Role
	Implied []Role
}

// RoleChange is what changes of a role; nil leaves as it is.
type RoleChange struct {
	Name, Description *string
	Options, Extra    Extra
}

var roleColumns = columns{text: map[string]string{"id": "r.id", "name": "r.name", "domain_id": "r.domain_id", "description": "r.description"}}

// Roles lists roles: of a domain when the domain_id filter names one, else
// those of no domain, as Keystone does.
func (s *Service) Roles(ctx context.Context, l Listing) ([]Role, error) {
	list := []Role{}
	q := s.db.Read().NewSelect().Model(&list)
	if !slices.ContainsFunc(l.Filters, func(f Filter) bool { return f.Name == "domain_id" }) {
		q = q.Where("r.domain_id IS NULL")
	}
	return list, s.list(ctx, l, q, "roles", roleColumns)
}

// Role returns a role by id.
func (s *Service) Role(ctx context.Context, id string) (Role, error) {
	var r Role
	return r, one(ctx, s.db.Read().NewSelect().Model(&r).Where("id = ?", id), "role", id)
}

func (r *Role) duplicate() string {
	if r.DomainID != nil {
		return duplicateName(r.Name, *r.DomainID)
	}
	return "Duplicate entry found with name " + r.Name
}

// CreateRole makes a role.
func (s *Service) CreateRole(ctx context.Context, r Role) (Role, error) {
	r.ID, r.Name = newID(), strings.TrimSpace(r.Name)
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if r.DomainID != nil {
			if _, err := findProject(ctx, tx, *r.DomainID, "domain"); err != nil {
				return err
			}
		}
		tx.Changed(changeOf("role", r.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&r), "role", r.duplicate())
	})
	return r, err
}

// UpdateRole changes a role. The roles that rules know keep their names.
func (s *Service) UpdateRole(ctx context.Context, id string, c RoleChange) (Role, error) {
	var r Role
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		r = Role{}
		if err := one(ctx, tx.NewSelect().Model(&r).Where("id = ?", id), "role", id); err != nil {
			return err
		}
		if err := mayChange("role", id, r.Options, c.Options, c.Name != nil || c.Description != nil || len(c.Extra) > 0); err != nil {
			return err
		}
		if c.Name != nil {
			r.Name = strings.TrimSpace(*c.Name)
		}
		if c.Description != nil {
			r.Description = c.Description
		}
		r.Options, r.Extra = r.Options.merge(c.Options), r.Extra.merge(c.Extra)
		tx.Changed(changeOf("role", r.ID, store.Update))
		return write(ctx, tx.NewUpdate().Model(&r).WherePK(), "role", r.duplicate())
	})
	return r, err
}

// DeleteRole removes a role and all its assignments.
func (s *Service) DeleteRole(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var r Role
		if err := one(ctx, tx.NewSelect().Model(&r).Where("id = ?", id), "role", id); err != nil {
			return err
		}
		if err := mayDelete("role", id, r.Options); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete role: %w", err)
		}
		tx.Changed(changeOf("role", id, store.Delete))
		return nil
	})
}

// Gives lists the roles that a token shows for whoever is granted a role: it and
// all that it implies, without those of domains.
func (s *Service) Gives(ctx context.Context, id string) ([]Role, error) {
	f, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	return f.tokenRoles([]string{id}), nil
}

// Inferences lists what roles imply: of one prior role, or of all that imply
// any when priorID is empty.
func (s *Service) Inferences(ctx context.Context, priorID string) ([]Inference, error) {
	f, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	list := []Inference{}
	for id, prior := range f.roles {
		if priorID != "" && id != priorID || priorID == "" && len(f.implied[id]) == 0 {
			continue
		}
		inference := Inference{Prior: prior, Implied: []Role{}}
		for _, implied := range f.implied[id] {
			inference.Implied = append(inference.Implied, f.roles[implied])
		}
		slices.SortFunc(inference.Implied, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
		list = append(list, inference)
	}
	if priorID != "" && len(list) == 0 {
		return nil, notFound("role", priorID)
	}
	slices.SortFunc(list, func(a, b Inference) int { return strings.Compare(a.Prior.Name, b.Prior.Name) })
	return list, nil
}

// Inference returns one rule, or an error of kind NotFound.
func (s *Service) Inference(ctx context.Context, priorID, impliedID string) (prior, implied Role, err error) {
	list, err := s.Inferences(ctx, priorID)
	if err != nil {
		return prior, implied, err
	}
	if _, err := s.Role(ctx, impliedID); err != nil {
		return prior, implied, err
	}
	i := slices.IndexFunc(list[0].Implied, func(r Role) bool { return r.ID == impliedID })
	if i < 0 {
		return prior, implied, errs.New(errs.NotFound, "%s does not imply %s.", priorID, impliedID)
	}
	return list[0].Prior, list[0].Implied[i], nil
}

// Imply makes a role imply another. admin can't be implied: who may give
// roles could become admin by it. Roles of domains are implied only by such.
func (s *Service) Imply(ctx context.Context, priorID, impliedID string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var prior, implied Role
		if err := one(ctx, tx.NewSelect().Model(&prior).Where("id = ?", priorID), "role", priorID); err != nil {
			return err
		}
		if err := one(ctx, tx.NewSelect().Model(&implied).Where("id = ?", impliedID), "role", impliedID); err != nil {
			return err
		}
		if implied.Name == RoleAdmin {
			return errs.New(errs.Forbidden, "%s cannot be an implied roles.", impliedID)
		}
		if prior.DomainID == nil && implied.DomainID != nil {
			return errs.New(errs.Forbidden, "Global role cannot imply a domain-specific role")
		}
		tx.Changed(changeOf("role", priorID, store.Update))
		q := tx.NewInsert().Model(&impliedRole{PriorID: priorID, ImpliedID: impliedID}).On("CONFLICT (prior_id, implied_id) DO NOTHING")
		return write(ctx, q, "implied role", "Duplicate entry")
	})
}

// Unimply takes a rule away.
func (s *Service) Unimply(ctx context.Context, priorID, impliedID string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewDelete().Model((*impliedRole)(nil)).Where("prior_id = ? AND implied_id = ?", priorID, impliedID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete implied role: %w", err)
		}
		tx.Changed(changeOf("role", priorID, store.Update))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errs.New(errs.NotFound, "%s does not imply %s.", priorID, impliedID))
		}
		return nil
	})
}
