package image

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// The answers of a member.
const (
	Pending  = "pending"
	Accepted = "accepted"
	Rejected = "rejected"
)

// Member is a project that a shared image is shared with.
type Member struct {
	bun.BaseModel `bun:"table:image_members,alias:m"`

	ImageID   string `bun:",pk"`
	MemberID  string `bun:",pk"` // project id
	Status    string
	CreatedAt time.Time
	UpdatedAt time.Time
}

func noMember(imageID, memberID string) error {
	return errs.New(errs.NotFound, "%s not found in the member list of the image %s.", memberID, imageID)
}

// sharedImage finds an image that has members.
func (s *Service) sharedImage(ctx context.Context, db bun.IDB, c *policy.Caller, id, doing string) (Image, error) {
	i, err := s.GetTx(ctx, db, c, id)
	if errs.Is(err, errs.NotFound) {
		return i, errs.Wrap(err, errs.NotFound, "Image %s not found.", id)
	}
	if err == nil && i.Visibility != Shared {
		err = errs.New(errs.Forbidden, "Not allowed to %s members for image %s: Only shared images have members.", doing, id)
	}
	return i, err
}

func (s *Service) mayChange(rule, doing string, c *policy.Caller, i *Image) error {
	if err := allow(rule, c, i); err != nil {
		return errs.Wrap(err, errs.Forbidden, "Not allowed to %s members for image %s.", doing, i.ID)
	}
	return nil
}

// AddMember shares an image with a project, which has yet to accept. One that
// is a member already is a Conflict.
func (s *Service) AddMember(ctx context.Context, c *policy.Caller, id, memberID string) (Member, error) {
	m := Member{ImageID: id, MemberID: memberID, Status: Pending, CreatedAt: now()}
	m.UpdatedAt = m.CreatedAt
	if memberID == "" || len(memberID) > 255 {
		return m, errs.New(errs.Invalid, "Member can't be empty, nor longer than 255 characters")
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.sharedImage(ctx, tx, c, id, "create")
		if err != nil {
			return err
		}
		if err := s.mayChange("add_member", "create", c, &i); err != nil {
			return err
		}
		n, err := tx.NewSelect().Model((*Member)(nil)).Where("m.image_id = ?", id).Count(ctx)
		if err != nil {
			return fmt.Errorf("count members: %w", err)
		}
		if n >= MaxProperties {
			return errs.New(errs.TooLarge, "Image member limit exceeded for image %s: The limit has been exceeded on the number of allowed image members for this image. "+
				"Attempted: %d, Maximum: %d", id, n+1, MaxProperties)
		}
		tx.Changed(i.memberChange(memberID))
		_, err = tx.NewInsert().Model(&m).Exec(ctx)
		return err
	})
	if store.IsDuplicate(err) {
		return m, errs.Wrap(err, errs.Conflict, "Member %s is duplicated for image %s", memberID, id)
	}
	return m, err
}

// Members lists an image's members: all for its owner, and itself for a member.
func (s *Service) Members(ctx context.Context, c *policy.Caller, id string) ([]Member, error) {
	db := s.db.Read()
	i, err := s.sharedImage(ctx, db, c, id, "list")
	if err != nil {
		return nil, err
	}
	found := []Member{}
	q := db.NewSelect().Model(&found).Where("m.image_id = ?", id).OrderExpr("m.created_at, m.member_id")
	if !c.IsAdmin() && c.ProjectID != i.Owner {
		q = q.Where("m.member_id = ?", c.ProjectID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return found, nil
}

// Member finds one member, as Members shows it.
func (s *Service) Member(ctx context.Context, c *policy.Caller, id, memberID string) (Member, error) {
	members, err := s.Members(ctx, c, id)
	if errs.Is(err, errs.Forbidden) {
		return Member{}, errs.Wrap(err, errs.NotFound, "Only shared images have members.")
	}
	if err != nil {
		return Member{}, err
	}
	n := slices.IndexFunc(members, func(m Member) bool { return m.MemberID == memberID })
	if n < 0 {
		return Member{}, noMember(id, memberID)
	}
	return members[n], nil
}

// SetMemberStatus is a member's answer; the owner can't give it.
func (s *Service) SetMemberStatus(ctx context.Context, c *policy.Caller, id, memberID, status string) (Member, error) {
	if !slices.Contains([]string{Pending, Accepted, Rejected}, status) {
		return Member{}, errs.New(errs.Invalid, `Incorrect request: Status must be "pending", "accepted" or "rejected".`)
	}
	var m Member
	err := s.changeMember(ctx, c, id, memberID, "update", func(ctx context.Context, tx *store.Tx, i *Image) error {
		if err := rules.Check("modify_member", c, policy.Target{ProjectID: memberID}); err != nil {
			return errs.Wrap(err, errs.Forbidden, "Not allowed to update members for image %s.", id)
		}
		if _, err := tx.NewUpdate().Model((*Member)(nil)).Set("status = ?", status).Set("updated_at = ?", now()).
			Where("image_id = ?", id).Where("member_id = ?", memberID).Exec(ctx); err != nil {
			return fmt.Errorf("update member: %w", err)
		}
		return tx.NewSelect().Model(&m).Where("m.image_id = ?", id).Where("m.member_id = ?", memberID).Scan(ctx)
	})
	return m, err
}

// RemoveMember ends the sharing with a project; only the owner can.
func (s *Service) RemoveMember(ctx context.Context, c *policy.Caller, id, memberID string) error {
	return s.changeMember(ctx, c, id, memberID, "delete", func(ctx context.Context, tx *store.Tx, i *Image) error {
		if err := s.mayChange("delete_member", "delete", c, i); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*Member)(nil)).Where("image_id = ?", id).Where("member_id = ?", memberID).Exec(ctx); err != nil {
			return fmt.Errorf("delete member: %w", err)
		}
		return nil
	})
}

// changeMember runs change on a member that the caller may see.
func (s *Service) changeMember(ctx context.Context, c *policy.Caller, id, memberID, doing string, change func(context.Context, *store.Tx, *Image) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.sharedImage(ctx, tx, c, id, doing)
		if err != nil {
			return err
		}
		if !c.IsAdmin() && c.ProjectID != i.Owner && c.ProjectID != memberID {
			return noMember(id, memberID)
		}
		is, err := tx.NewSelect().Model((*Member)(nil)).Where("m.image_id = ?", id).Where("m.member_id = ?", memberID).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for member: %w", err)
		}
		if !is {
			return noMember(id, memberID)
		}
		tx.Changed(i.memberChange(memberID))
		return change(ctx, tx, &i)
	})
}
