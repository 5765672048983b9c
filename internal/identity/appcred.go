package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// ApplicationCredential lets a program act as a user in one project, with some
// of the user's roles there, without the user's password.
type ApplicationCredential struct {
	bun.BaseModel `bun:"table:application_credentials,alias:ac"`
	ID            string `bun:",pk"`
	UserID        string
	ProjectID     string
	Name          string
	Description   *string
	SecretHash    string
	Unrestricted  bool
	ExpiresAt     *time.Time
	Roles         []Role       `bun:"-"`
	Rules         []AccessRule `bun:"-"` // none is no bound
}

type credentialRole struct {
	bun.BaseModel `bun:"table:application_credential_roles,alias:acr"`
	CredentialID  string `bun:",pk"`
	RoleID        string `bun:",pk"`
}

var credentialColumns = columns{text: map[string]string{"id": "ac.id", "name": "ac.name"}}

// CreateCredential makes an application credential of the secret. Its roles,
// by id or name, must be among those of the token that asks, and are all of them
// when none are named: nobody gets by it what the token does not give. Its rules
// are by id those that the user has, or new. Errors: Invalid for a role that the
// token does not have, NotFound for a name that no role has, Conflict for the
// credential's own name.
func (s *Service) CreateCredential(ctx context.Context, by *Token, c ApplicationCredential, roles []Ref, secret string) (ApplicationCredential, error) {
	if by.Project == nil {
		return c, errs.New(errs.Invalid, "Invalid application credential: an application credential needs a project-scoped token.")
	}
	c.ID, c.UserID, c.ProjectID = newID(), by.User.ID, by.Project.ID
	c.Roles = by.Roles
	if len(roles) > 0 {
		c.Roles = nil
	}
	known, err := s.known(ctx)
	if err != nil {
		return c, err
	}
	for _, ref := range roles {
		i := slices.IndexFunc(by.Roles, func(r Role) bool { return ref.ID == r.ID || ref.ID == "" && ref.Name == r.Name })
		if i < 0 && ref.ID == "" && !known.named(ref.Name) {
			return c, errs.New(errs.NotFound, "Role %s is not defined", ref.Name)
		}
		if i < 0 {
			return c, errs.New(errs.Invalid, "Invalid application credential: Cannot create an application credential with unassigned role")
		}
		c.Roles = append(c.Roles, by.Roles[i])
	}
	if c.ExpiresAt != nil && !c.ExpiresAt.After(s.time()) {
		return c, errPastExpiry
	}
	if c.SecretHash, err = s.hash(ctx, secret); err != nil {
		return c, err
	}
	var rows []credentialRole
	for _, role := range c.Roles {
		rows = append(rows, credentialRole{CredentialID: c.ID, RoleID: role.ID})
	}
	rules := c.Rules
	err = s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := write(ctx, tx.NewInsert().Model(&c), "application_credential", "Duplicate entry found with name "+c.Name); err != nil {
			return err
		}
		tx.Changed(credentialChange(c.UserID, c.ID, store.Create))
		if err := c.writeRules(ctx, tx, rules); err != nil {
			return err
		}
		return write(ctx, tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING"), "application_credential", "Duplicate entry")
	})
	return c, err
}

// Credentials lists a user's application credentials.
func (s *Service) Credentials(ctx context.Context, userID string, l Listing) ([]ApplicationCredential, error) {
	list := []ApplicationCredential{}
	q := s.db.Read().NewSelect().Model(&list).Where("ac.user_id = ?", userID)
	if err := s.list(ctx, l, q, "application_credentials", credentialColumns); err != nil {
		return nil, err
	}
	return list, s.loadCredentialParts(ctx, list)
}

// Credential returns a user's application credential by id; another user's is
// not found.
func (s *Service) Credential(ctx context.Context, userID, id string) (ApplicationCredential, error) {
	list := make([]ApplicationCredential, 1)
	q := s.db.Read().NewSelect().Model(&list[0]).Where("id = ? AND user_id = ?", id, userID)
	if err := one(ctx, q, "Application Credential", id); err != nil {
		return ApplicationCredential{}, err
	}
	err := s.loadCredentialParts(ctx, list)
	return list[0], err
}

func (s *Service) loadCredentialParts(ctx context.Context, list []ApplicationCredential) error {
	if len(list) == 0 {
		return nil
	}
	known, err := s.known(ctx)
	if err != nil {
		return err
	}
	byID := map[string]*ApplicationCredential{}
	var ids []string
	for i := range list {
		byID[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	var rows []credentialRole
	if err := s.db.Read().NewSelect().Model(&rows).Where("credential_id IN (?)", bun.List(ids)).Order("role_id").Scan(ctx); err != nil {
		return fmt.Errorf("read roles of application credentials: %w", err)
	}
	for _, row := range rows {
		byID[row.CredentialID].Roles = append(byID[row.CredentialID].Roles, known.roles[row.RoleID])
	}
	return loadRules(ctx, s.db.Read(), byID, ids)
}

// DeleteCredential removes a user's application credential; its tokens end.
func (s *Service) DeleteCredential(ctx context.Context, userID, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewDelete().Model((*ApplicationCredential)(nil)).Where("id = ? AND user_id = ?", id, userID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete application credential: %w", err)
		}
		tx.Changed(credentialChange(userID, id, store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notFound("Application Credential", id))
		}
		return nil
	})
}

// proveCredential checks a secret. An unknown credential costs what a wrong
// secret costs.
func (s *Service) proveCredential(ctx context.Context, p *payload, proof *CredentialProof) (string, error) {
	if proof == nil {
		return "", expecting(MethodApplicationCredential, "identity")
	}
	var c ApplicationCredential
	q := s.db.Read().NewSelect().Model(&c)
	if proof.ID != "" {
		q = q.Where("id = ?", proof.ID)
	} else {
		if proof.Name == "" {
			return "", expecting("id or name", MethodApplicationCredential)
		}
		user, err := s.findUser(ctx, proof.User)
		if err != nil {
			return "", err
		}
		q = q.Where("name = ? AND user_id = ?", proof.Name, user.ID)
	}
	if err := q.Scan(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read application credential: %w", err)
	}
	ok, err := s.matches(ctx, c.SecretHash, proof.Secret)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", unauthenticated("unknown application credential or wrong secret")
	}
	p.credential, p.scope, p.scopeID = c.ID, scopeProject, c.ProjectID
	if p.expires.IsZero() {
		p.expires = s.time().Add(s.lifetime)
	}
	if c.ExpiresAt != nil && c.ExpiresAt.Before(p.expires) {
		p.expires = c.ExpiresAt.UTC()
	}
	return c.UserID, nil
}

// credentialRoles narrows the roles that a user has now to those of the
// payload's credential, which must still be there and valid. As in Keystone, one
// whose user lost some of its roles is good for the others.
func (s *Service) credentialRoles(ctx context.Context, known *facts, p *payload, assigned []string) (*ApplicationCredential, []string, error) {
	c, err := s.Credential(ctx, p.userID, p.credential)
	if errs.Is(err, errs.NotFound) {
		return nil, nil, unauthenticated("the application credential is gone")
	}
	if err != nil {
		return nil, nil, err
	}
	if c.ExpiresAt != nil && !c.ExpiresAt.After(s.time()) {
		return nil, nil, unauthenticated("the application credential is expired")
	}
	has := known.expand(assigned)
	var ids []string
	for _, role := range c.Roles {
		if slices.Contains(has, role.ID) {
			ids = append(ids, role.ID)
		}
	}
	return &c, ids, nil
}
