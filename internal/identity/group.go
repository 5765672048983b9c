package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Group is a set of users of any domain; its roles are theirs.
type Group struct {
	bun.BaseModel `bun:"table:user_groups,alias:g"`
	ID            string `bun:",pk"`
	Name          string
	DomainID      string
	Description   string
	Extra         Extra `bun:"type:text"`
}

type groupMember struct {
	bun.BaseModel `bun:"table:group_members,alias:gm"`
	GroupID       string `bun:",pk"`
	UserID        string `bun:",pk"`
}

// GroupChange is what changes of a group; nil leaves as it is.
type GroupChange struct {
	Name, Description *string
	Extra             Extra
}

var groupColumns = columns{text: map[string]string{"id": "g.id", "name": "g.name", "domain_id": "g.domain_id", "description": "g.description"}}

// Groups lists groups; with a user id, those that the user is in.
func (s *Service) Groups(ctx context.Context, userID string, l Listing) ([]Group, error) {
	list := []Group{}
	q := s.db.Read().NewSelect().Model(&list)
	if userID != "" {
		q = q.Where("g.id IN (SELECT group_id FROM group_members WHERE user_id = ?)", userID)
	}
	return list, s.list(ctx, l, q, "user_groups", groupColumns)
}

// Group returns a group by id.
func (s *Service) Group(ctx context.Context, id string) (Group, error) {
	var g Group
	return g, one(ctx, s.db.Read().NewSelect().Model(&g).Where("id = ?", id), "group", id)
}

// CreateGroup makes a group.
func (s *Service) CreateGroup(ctx context.Context, g Group) (Group, error) {
	g.ID, g.Name = newID(), strings.TrimSpace(g.Name)
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := findProject(ctx, tx, g.DomainID, "domain"); err != nil {
			return err
		}
		tx.Changed(changeOf("group", g.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&g), "group", duplicateName(g.Name, g.DomainID))
	})
	return g, err
}

// UpdateGroup changes a group.
func (s *Service) UpdateGroup(ctx context.Context, id string, c GroupChange) (Group, error) {
	var g Group
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		g = Group{}
		if err := one(ctx, tx.NewSelect().Model(&g).Where("id = ?", id), "group", id); err != nil {
			return err
		}
		if c.Name != nil {
			g.Name = strings.TrimSpace(*c.Name)
		}
		if c.Description != nil {
			g.Description = *c.Description
		}
		g.Extra = g.Extra.merge(c.Extra)
		tx.Changed(changeOf("group", g.ID, store.Update))
		return write(ctx, tx.NewUpdate().Model(&g).WherePK(), "group", duplicateName(g.Name, g.DomainID))
	})
	return g, err
}

// DeleteGroup removes a group and its roles.
func (s *Service) DeleteGroup(ctx context.Context, id string) error {
	return s.remove(ctx, (*Group)(nil), "group", id)
}

// Members lists the users in a group.
func (s *Service) Members(ctx context.Context, groupID string, l Listing) ([]User, error) {
	if _, err := s.Group(ctx, groupID); err != nil {
		return nil, err
	}
	list := []User{}
	q := s.db.Read().NewSelect().Model(&list).Where("u.id IN (SELECT user_id FROM group_members WHERE group_id = ?)", groupID)
	return list, s.listUsers(ctx, l, q, &list)
}

// IsMember returns nil when the user is in the group, else an error of kind NotFound.
func (s *Service) IsMember(ctx context.Context, groupID, userID string) error {
	if err := s.both(ctx, s.db.Read(), groupID, userID); err != nil {
		return err
	}
	in, err := s.db.Read().NewSelect().Model((*groupMember)(nil)).Where("group_id = ? AND user_id = ?", groupID, userID).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read membership: %w", err)
	}
	if !in {
		return notMember(groupID, userID)
	}
	return nil
}

func notMember(groupID, userID string) error {
	return errs.New(errs.NotFound, "User '%s' not found in group '%s'", userID, groupID)
}

func (s *Service) both(ctx context.Context, db bun.IDB, groupID, userID string) error {
	if err := one(ctx, db.NewSelect().Model(&Group{}).Where("id = ?", groupID), "group", groupID); err != nil {
		return err
	}
	return one(ctx, db.NewSelect().Model(&User{}).Where("id = ?", userID), "user", userID)
}

// AddMember puts a user into a group; again is nothing new.
func (s *Service) AddMember(ctx context.Context, groupID, userID string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.both(ctx, tx, groupID, userID); err != nil {
			return err
		}
		tx.Changed(memberChange(groupID, userID))
		q := tx.NewInsert().Model(&groupMember{GroupID: groupID, UserID: userID}).On("CONFLICT (group_id, user_id) DO NOTHING")
		return write(ctx, q, "membership", "Duplicate entry")
	})
}

// RemoveMember takes a user out of a group.
func (s *Service) RemoveMember(ctx context.Context, groupID, userID string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.both(ctx, tx, groupID, userID); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*groupMember)(nil)).Where("group_id = ? AND user_id = ?", groupID, userID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete membership: %w", err)
		}
		tx.Changed(memberChange(groupID, userID))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notMember(groupID, userID))
		}
		return nil
	})
}
