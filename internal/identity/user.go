package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// User is someone, or some program, that can authenticate.
type User struct {
	bun.BaseModel    `bun:"table:users,alias:u"`
	ID               string `bun:",pk"`
	Name             string
	DomainID         string
	Enabled          bool // as stored: false where an inactive user is looked at
	DefaultProjectID *string
	Description      *string
	PasswordHash     string    // bcrypt; "" is no password
	ValidAfter       time.Time // tokens issued before are void
	Options          Extra     `bun:"type:text"`
	Extra            Extra     `bun:"type:text"`
	CreatedAt        time.Time

	PasswordCreatedAt *time.Time // nil where that is not known
	PasswordExpiresAt *time.Time // nil is never
	PasswordOwn       bool       `bun:"password_self_service"` // the user chose it, no administrator
	LastActiveAt      *time.Time // the day of the last log-in, UTC; nil is none
}

// UserChange is what changes of a user; nil leaves as it is. An empty
// DefaultProjectID or Description removes it.
type UserChange struct {
	Name, Password                *string
	Enabled                       *bool
	DefaultProjectID, Description *string
	Options, Extra                Extra

	proved string // the hash of the password with which the user changes it, "" where an administrator does
}

var userColumns = columns{
	text: map[string]string{
		"id": "u.id", "name": "u.name", "domain_id": "u.domain_id", "default_project_id": "u.default_project_id", "description": "u.description",
	},
	flags: map[string]string{"enabled": "u.enabled"},
	times: map[string]string{"password_expires_at": "u.password_expires_at"},
}

// Users lists users.
func (s *Service) Users(ctx context.Context, l Listing) ([]User, error) {
	list := []User{}
	return list, s.listUsers(ctx, l, s.db.Read().NewSelect().Model(&list), &list)
}

// listUsers runs a listing into the query's model, the list.
func (s *Service) listUsers(ctx context.Context, l Listing, q *bun.SelectQuery, list *[]User) error {
	if err := s.list(ctx, l, q, "users", userColumns); err != nil {
		return err
	}
	for i, u := range *list {
		(*list)[i].Enabled = s.active(u)
	}
	return nil
}

// list runs a listing into the query's model.
func (s *Service) list(ctx context.Context, l Listing, q *bun.SelectQuery, table string, c columns) error {
	q, err := l.apply(ctx, s.db.Read(), q, table, c)
	if err != nil {
		return err
	}
	if err := q.Scan(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("list %s: %w", table, err)
	}
	return nil
}

// User returns a user by id.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	var u User
	err := one(ctx, s.db.Read().NewSelect().Model(&u).Where("id = ?", id), "user", id)
	u.Enabled = s.active(u)
	return u, err
}

// CreateUser makes a user from what is set in u, with a password or, when it
// is empty, without. Errors: NotFound for the domain, Conflict for the name,
// Invalid for a password that is not as the rules want it.
func (s *Service) CreateUser(ctx context.Context, u User, password string) (User, error) {
	if u.ID == "" {
		u.ID = newID()
	}
	u.Name, u.CreatedAt, u.ValidAfter = strings.TrimSpace(u.Name), s.time(), time.UnixMicro(0).UTC()
	if password != "" {
		if err := s.CheckPassword(password); err != nil {
			return u, err
		}
		hashed, err := s.hash(ctx, password)
		if err != nil {
			return u, err
		}
		s.setPassword(&u, hashed, byCreation)
	}
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := findProject(ctx, tx, u.DomainID, "domain"); err != nil {
			return err
		}
		if err := checkDefault(ctx, tx, u.DefaultProjectID); err != nil {
			return err
		}
		tx.Changed(changeOf("user", u.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&u), "user", duplicateName(u.Name, u.DomainID))
	})
	return u, err
}

// checkDefault refuses a domain as a default project. One that isn't there is
// accepted: it is only not used.
func checkDefault(ctx context.Context, tx *store.Tx, id *string) error {
	if id == nil {
		return nil
	}
	domain, err := tx.NewSelect().Model((*Project)(nil)).Where("id = ? AND is_domain", *id).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read default project: %w", err)
	}
	if domain {
		return errs.New(errs.Invalid, "User's default project ID cannot be a domain ID: %s", *id)
	}
	return nil
}

// UpdateUser changes a user. A new password, and being disabled, void the
// tokens that were issued before. As with Keystone, one who is enabled
// afterwards counts as active and is locked out no more. Invalid is a password
// that is not as the rules want it.
func (s *Service) UpdateUser(ctx context.Context, id string, c UserChange) (User, error) {
	hashed := ""
	if c.Password != nil {
		if err := s.CheckPassword(*c.Password); err != nil {
			return User{}, err
		}
	}
	if c.Password != nil && *c.Password != "" {
		var err error
		if hashed, err = s.hash(ctx, *c.Password); err != nil {
			return User{}, err
		}
	}
	var u User
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		u = User{}
		if err := one(ctx, tx.NewSelect().Model(&u).Where("id = ?", id), "user", id); err != nil {
			return err
		}
		if c.Name != nil {
			u.Name = strings.TrimSpace(*c.Name)
		}
		if c.DefaultProjectID != nil {
			if u.DefaultProjectID = nilIfEmpty(*c.DefaultProjectID); u.DefaultProjectID != nil {
				if err := checkDefault(ctx, tx, u.DefaultProjectID); err != nil {
					return err
				}
			}
		}
		if c.Description != nil {
			u.Description = nilIfEmpty(*c.Description)
		}
		u.Enabled = s.active(u)
		if c.Password != nil || (c.Enabled != nil && !*c.Enabled && u.Enabled) {
			u.ValidAfter = s.time()
		}
		if c.Enabled != nil {
			u.Enabled = *c.Enabled
		}
		u.Options, u.Extra = u.Options.merge(c.Options), u.Extra.merge(c.Extra)
		if c.Password != nil {
			if err := s.replacePassword(ctx, tx, &u, hashed, c.proved); err != nil {
				return err
			}
		}
		if u.Enabled {
			today := s.today()
			u.LastActiveAt = &today
			if err := s.unlock(ctx, tx, u); err != nil {
				return err
			}
		}
		tx.Changed(changeOf("user", u.ID, store.Update))
		return write(ctx, tx.NewUpdate().Model(&u).WherePK(), "user", duplicateName(u.Name, u.DomainID))
	})
	return u, err
}

// replacePassword gives a user another password, and keeps what must be kept of
// the one before. That is still the one that was proved, where it was: of two
// changes at one time, one finds it gone.
func (s *Service) replacePassword(ctx context.Context, tx *store.Tx, u *User, hashed, proved string) error {
	if proved != "" && proved != u.PasswordHash {
		return unauthenticated("the password was changed meanwhile")
	}
	if err := s.keepFormer(ctx, tx, *u); err != nil {
		return err
	}
	by := byAdmin
	if proved != "" {
		by = byOwner
	}
	s.setPassword(u, hashed, by)
	return nil
}

func nilIfEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// ChangePassword sets a user's own password, who proves the old one. It asks
// for no token, as Keystone doesn't, so that its errors tell nothing: an
// unknown user and a wrong password are the same error of kind Unauthenticated.
// An expired one can be changed: that is what this is for. Who may not change it,
// or not to that one, is told so: Invalid.
func (s *Service) ChangePassword(ctx context.Context, id, old, password string) error {
	u, err := s.findUser(ctx, Ref{ID: id})
	if err != nil {
		return err
	}
	if err := s.checkPassword(ctx, Ref{ID: id}, u, old); err != nil {
		return err
	}
	if !s.active(u) {
		return unauthenticated("the user is disabled")
	}
	if err := s.CheckPassword(password); err != nil {
		return err
	}
	if u.has(lockPassword) {
		return errs.New(errs.Invalid, "You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.")
	}
	if err := s.checkAge(u); err != nil {
		return err
	}
	if err := s.notBefore(ctx, u, password); err != nil {
		return err
	}
	_, err = s.UpdateUser(ctx, id, UserChange{Password: &password, proved: u.PasswordHash})
	return err
}

// DeleteUser removes a user and what belongs to it.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := removeRow(ctx, tx, (*User)(nil), "user", id); err != nil {
			return err
		}
		return dropCredentials(ctx, tx, "user_id = ?", id)
	})
}

// remove deletes a row by id; rows that refer to it go with it.
func (s *Service) remove(ctx context.Context, model any, what, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error { return removeRow(ctx, tx, model, what, id) })
}

func removeRow(ctx context.Context, tx *store.Tx, model any, what, id string) error {
	tx.Changed(changeOf(what, id, store.Delete))
	result, err := tx.NewDelete().Model(model).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("delete %s: %w", what, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, notFound(what, id))
	}
	return nil
}

// UserProjects lists the projects that a user has a role in, by whatever way.
func (s *Service) UserProjects(ctx context.Context, userID string, l Listing) ([]Project, error) {
	list := []Project{}
	q := s.db.Read().NewSelect().Model(&list).Where("NOT p.is_domain").Where(`p.id IN (
		WITH RECURSIVE mine (id, inherited) AS (
			SELECT a.project_id, a.inherited FROM role_assignments a
			WHERE a.scope <> 'system' AND (a.inherited OR a.scope = 'project')
				AND (a.user_id = ? OR a.group_id IN (SELECT group_id FROM group_members WHERE user_id = ?))
		), below (id) AS (
			SELECT c.id FROM projects c JOIN mine ON mine.inherited AND c.parent_id = mine.id
			UNION SELECT c.id FROM projects c JOIN below ON c.parent_id = below.id
		)
		SELECT id FROM mine WHERE NOT inherited UNION SELECT id FROM below)`, userID, userID)
	if err := s.list(ctx, l, q, "projects", projectColumns); err != nil {
		return nil, err
	}
	return list, loadTags(ctx, s.db.Read(), list)
}

// UserDomains lists the domains that a user has a role on.
func (s *Service) UserDomains(ctx context.Context, userID string, l Listing) ([]Project, error) {
	list := []Project{}
	q := s.db.Read().NewSelect().Model(&list).Where(`p.id IN (SELECT a.project_id FROM role_assignments a
		WHERE a.scope = 'domain' AND NOT a.inherited
			AND (a.user_id = ? OR a.group_id IN (SELECT group_id FROM group_members WHERE user_id = ?)))`, userID, userID)
	if err := s.list(ctx, l, q, "projects", projectColumns); err != nil {
		return nil, err
	}
	return list, loadTags(ctx, s.db.Read(), list)
}

// UserOnSystem tells whether a user has a role on the system.
func (s *Service) UserOnSystem(ctx context.Context, userID string) (bool, error) {
	roles, err := assignedRoles(ctx, s.db.Read(), userID, scopeSystem, "")
	return len(roles) > 0, err
}
