package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// How long tokens of OAuth are valid, as Keystone has it.
const (
	requestTokenLife = 8 * time.Hour
	accessTokenLife  = 24 * time.Hour
)

// Consumer is an application that users can let act for them by OAuth 1.0a
// (RFC 5849). Its id is the client's key.
type Consumer struct {
	bun.BaseModel `bun:"table:oauth_consumers,alias:oc"`
	ID            string `bun:",pk"`
	Description   *string
	Secret        string // sealed in the database; given to who makes the consumer, once
	Extra         Extra  `bun:"type:text"`
}

// RequestToken is a consumer's wish for access to a project. A user grants it
// with some roles, and gives the consumer the verifier.
type RequestToken struct {
	bun.BaseModel `bun:"table:oauth_request_tokens,alias:ort"`
	ID            string `bun:",pk"`
	ConsumerID    string
	ProjectID     string
	UserID        *string // who has granted it
	Secret        string  // sealed in the database
	Verifier      string
	Roles         idList `bun:"type:text"`
	ExpiresAt     time.Time
}

// AccessToken lets a consumer have tokens of a user in a project, with some of
// the user's roles there.
type AccessToken struct {
	bun.BaseModel `bun:"table:oauth_access_tokens,alias:oat"`
	ID            string `bun:",pk"`
	ConsumerID    string
	ProjectID     string
	UserID        string
	Secret        string // sealed in the database
	Roles         idList `bun:"type:text"`
	ExpiresAt     time.Time
}

// nonce is a signed request that was accepted.
type nonce struct {
	bun.BaseModel `bun:"table:oauth_nonces,alias:n"`
	ID            string `bun:",pk"`
	ExpiresAt     time.Time
}

// ConsumerChange is what changes of a consumer; nil leaves as it is.
type ConsumerChange struct {
	Description *string
	Extra       Extra
}

var (
	consumerColumns    = columns{text: map[string]string{"id": "oc.id", "description": "oc.description"}}
	accessTokenColumns = columns{text: map[string]string{"id": "oat.id", "consumer_id": "oat.consumer_id", "project_id": "oat.project_id"}}
)

func accessTokenChange(t *AccessToken, action string) store.Change {
	return store.Change{Resource: "access_token", ID: t.ID, Action: action, UserID: t.UserID}
}

// Consumers lists consumers.
func (s *Service) Consumers(ctx context.Context, l Listing) ([]Consumer, error) {
	list := []Consumer{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "oauth_consumers", consumerColumns)
}

// Consumer returns a consumer by id, its secret sealed.
func (s *Service) Consumer(ctx context.Context, id string) (Consumer, error) {
	var c Consumer
	return c, one(ctx, s.db.Read().NewSelect().Model(&c).Where("id = ?", id), "consumer", id)
}

// CreateConsumer makes a consumer, and its secret.
func (s *Service) CreateConsumer(ctx context.Context, c Consumer) (Consumer, error) {
	c.ID = newID()
	secret := newID()
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, err := openVault(ctx, tx)
		if err != nil {
			return err
		}
		if c.Secret, err = v.seal(secret); err != nil {
			return err
		}
		tx.Changed(changeOf("consumer", c.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&c), "consumer", "Duplicate entry")
	})
	c.Secret = secret
	return c, err
}

// UpdateConsumer changes a consumer.
func (s *Service) UpdateConsumer(ctx context.Context, id string, change ConsumerChange) (Consumer, error) {
	var c Consumer
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		c = Consumer{}
		if err := one(ctx, tx.NewSelect().Model(&c).Where("id = ?", id), "consumer", id); err != nil {
			return err
		}
		if change.Description != nil {
			c.Description = nilIfEmpty(*change.Description)
		}
		c.Extra = c.Extra.merge(change.Extra)
		tx.Changed(changeOf("consumer", id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&c).WherePK(), "consumer", "Duplicate entry")
	})
	return c, err
}

// DeleteConsumer removes a consumer with all its tokens, and what came of them.
func (s *Service) DeleteConsumer(ctx context.Context, id string) error {
	return s.remove(ctx, (*Consumer)(nil), "consumer", id)
}

// RequestAccess makes a request token for the consumer who has signed, for a
// project.
func (s *Service) RequestAccess(ctx context.Context, signed *SignedRequest, projectID string) (RequestToken, error) {
	t := RequestToken{ID: newID(), ProjectID: projectID, Roles: idList{}, ExpiresAt: s.time().Add(requestTokenLife)}
	if signed.Consumer() == "" {
		return t, expecting("oauth_consumer_key", "request")
	}
	if projectID == "" {
		return t, expecting("Requested-Project-Id", "request")
	}
	secret := newID()
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, consumer, err := s.signer(ctx, tx, signed)
		if err != nil {
			return err
		}
		if err := s.checkSigned(ctx, tx, signed, consumer, ""); err != nil {
			return err
		}
		if _, err := findProject(ctx, tx, projectID, "project"); err != nil {
			return err
		}
		t.ConsumerID = signed.Consumer()
		if t.Secret, err = v.seal(secret); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*RequestToken)(nil)).Where("expires_at < ?", s.time()).Exec(ctx); err != nil {
			return fmt.Errorf("drop old request tokens: %w", err)
		}
		tx.Changed(changeOf("request_token", t.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&t), "request token", "Duplicate entry")
	})
	t.Secret = secret
	return t, err
}

// signer returns the vault and the secret of the consumer who signs. Who says
// to be none of them is as wrong as a signature can be.
func (s *Service) signer(ctx context.Context, db bun.IDB, signed *SignedRequest) (*vault, string, error) {
	var c Consumer
	err := one(ctx, db.NewSelect().Model(&c).Where("id = ?", signed.Consumer()), "consumer", signed.Consumer())
	if errs.Is(err, errs.NotFound) {
		return nil, "", unauthenticated("there is no such consumer")
	}
	if err != nil {
		return nil, "", err
	}
	v, err := openVault(ctx, db)
	if err != nil {
		return nil, "", err
	}
	secret, err := v.open(c.Secret)
	return v, secret, err
}

// checkSigned checks a signature and its time, and that it was not used before.
func (s *Service) checkSigned(ctx context.Context, tx *store.Tx, signed *SignedRequest, consumerSecret, tokenSecret string) error {
	if err := signed.verify(consumerSecret, tokenSecret, s.now()); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*nonce)(nil)).Where("expires_at < ?", s.time()).Exec(ctx); err != nil {
		return fmt.Errorf("drop old nonces: %w", err)
	}
	row := &nonce{ID: signed.id(), ExpiresAt: s.time().Add(2 * signatureLife)}
	result, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write nonce: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("write nonce: %w", err)
	}
	if n == 0 {
		return unauthenticated("the signed request was used before")
	}
	return nil
}

// findRequestToken returns a request token that is not expired.
func (s *Service) findRequestToken(ctx context.Context, db bun.IDB, id string) (RequestToken, error) {
	var t RequestToken
	if err := one(ctx, db.NewSelect().Model(&t).Where("id = ?", id), "request token", id); err != nil {
		return t, err
	}
	if !t.ExpiresAt.After(s.time()) {
		return t, unauthenticated("the request token is expired")
	}
	return t, nil
}

const verifierChars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func newVerifier() (string, error) {
	text := make([]byte, 8)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(verifierChars))))
		if err != nil {
			return "", fmt.Errorf("make a verifier: %w", err)
		}
		text[i] = verifierChars[n.Int64()]
	}
	return string(text), nil
}

// GrantAccess lets a consumer have a request token's wish, with some of the
// roles that the user has in its project, and returns the verifier. A delegated
// token grants nothing: Forbidden.
func (s *Service) GrantAccess(ctx context.Context, by *Token, id string, roles []Ref) (verifier string, err error) {
	if by.Delegated() {
		return "", errs.New(errs.Forbidden, "Cannot authorize a request token with a token issued via delegation.")
	}
	if verifier, err = newVerifier(); err != nil {
		return "", err
	}
	return verifier, s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		t, err := s.findRequestToken(ctx, tx, id)
		if err != nil {
			return err
		}
		known, err := s.known(ctx)
		if err != nil {
			return err
		}
		assigned, err := assignedRoles(ctx, tx, by.User.ID, scopeProject, t.ProjectID)
		if err != nil {
			return err
		}
		has := known.expand(assigned)
		t.Roles = idList{}
		for _, ref := range roles {
			id, err := known.roleID(ref)
			if err != nil {
				return err
			}
			if !slices.Contains(has, id) {
				return unauthenticated("the authorizing user does not have the role")
			}
			t.Roles = append(t.Roles, id)
		}
		t.UserID, t.Verifier = &by.User.ID, verifier
		tx.Changed(store.Change{Resource: "request_token", ID: t.ID, Action: store.Update, UserID: by.User.ID})
		return write(ctx, tx.NewUpdate().Model(&t).WherePK(), "request token", "Duplicate entry")
	})
}

// ObtainAccess makes an access token of a request token that a user has granted:
// once, for its consumer, who knows the verifier.
func (s *Service) ObtainAccess(ctx context.Context, signed *SignedRequest) (AccessToken, error) {
	var t AccessToken
	for _, name := range []string{"oauth_consumer_key", "oauth_token", "oauth_verifier"} {
		if signed.oauth(name) == "" {
			return t, expecting(name, "request")
		}
	}
	secret := newID()
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		asked, err := s.findRequestToken(ctx, tx, signed.oauth("oauth_token"))
		if err != nil {
			return err
		}
		v, consumer, err := s.signer(ctx, tx, signed)
		if err != nil {
			return err
		}
		own, err := v.open(asked.Secret)
		if err != nil {
			return err
		}
		if err := s.checkSigned(ctx, tx, signed, consumer, own); err != nil {
			return err
		}
		if asked.ConsumerID != signed.Consumer() {
			return unauthenticated("the request token is another consumer's")
		}
		if asked.UserID == nil || subtle.ConstantTimeCompare([]byte(asked.Verifier), []byte(signed.oauth("oauth_verifier"))) != 1 {
			return unauthenticated("nobody has granted the request token, or the verifier is wrong")
		}
		t = AccessToken{
			ID: newID(), ConsumerID: asked.ConsumerID, ProjectID: asked.ProjectID, UserID: *asked.UserID, Roles: asked.Roles, ExpiresAt: s.time().Add(accessTokenLife),
		}
		if t.Secret, err = v.seal(secret); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&asked).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("use up request token: %w", err)
		}
		tx.Changed(accessTokenChange(&t, store.Create))
		return write(ctx, tx.NewInsert().Model(&t), "access token", "Duplicate entry")
	})
	t.Secret = secret
	return t, err
}

// AccessTokens lists what a user has granted.
func (s *Service) AccessTokens(ctx context.Context, userID string, l Listing) ([]AccessToken, error) {
	list := []AccessToken{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list).Where("oat.user_id = ?", userID), "oauth_access_tokens", accessTokenColumns)
}

// AccessToken returns what a user has granted, by id; another user's is not
// found.
func (s *Service) AccessToken(ctx context.Context, userID, id string) (AccessToken, error) {
	var t AccessToken
	return t, one(ctx, s.db.Read().NewSelect().Model(&t).Where("id = ? AND user_id = ?", id, userID), "access token", id)
}

// AccessTokenRoles are the roles of an access token that are still there.
func (s *Service) AccessTokenRoles(ctx context.Context, t AccessToken) ([]Role, error) {
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	roles := []Role{}
	for _, id := range t.Roles {
		if role, ok := known.roles[id]; ok {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// DeleteAccessToken takes back what a user has granted, and ends its tokens.
func (s *Service) DeleteAccessToken(ctx context.Context, userID, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var t AccessToken
		if err := one(ctx, tx.NewSelect().Model(&t).Where("id = ? AND user_id = ?", id, userID), "access token", id); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&t).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete access token: %w", err)
		}
		tx.Changed(accessTokenChange(&t, store.Delete))
		return nil
	})
}

// proveAccess checks a request that is signed with an access token.
func (s *Service) proveAccess(ctx context.Context, p *payload, signed *SignedRequest) (string, error) {
	if signed == nil || signed.oauth("oauth_token") == "" {
		return "", expecting("oauth_token", "request")
	}
	var t AccessToken
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		t = AccessToken{}
		err := one(ctx, tx.NewSelect().Model(&t).Where("id = ?", signed.oauth("oauth_token")), "access token", signed.oauth("oauth_token"))
		if errs.Is(err, errs.NotFound) || err == nil && (!t.ExpiresAt.After(s.time()) || t.ConsumerID != signed.Consumer()) {
			return unauthenticated("there is no such access token")
		}
		if err != nil {
			return err
		}
		v, consumer, err := s.signer(ctx, tx, signed)
		if err != nil {
			return err
		}
		own, err := v.open(t.Secret)
		if err != nil {
			return err
		}
		return s.checkSigned(ctx, tx, signed, consumer, own)
	})
	if err != nil {
		return "", err
	}
	p.access, p.scope, p.scopeID = t.ID, scopeProject, t.ProjectID
	if p.expires.IsZero() {
		p.expires = s.time().Add(s.lifetime)
	}
	if t.ExpiresAt.Before(p.expires) {
		p.expires = t.ExpiresAt.UTC()
	}
	return t.UserID, nil
}

// accessRoles narrows the roles that a user has now to those of the payload's
// access token, which must still be there.
func (s *Service) accessRoles(ctx context.Context, known *facts, p *payload, assigned []string) (*AccessToken, []string, error) {
	t, err := s.AccessToken(ctx, p.userID, p.access)
	if errs.Is(err, errs.NotFound) {
		return nil, nil, unauthenticated("the access token is gone")
	}
	if err != nil {
		return nil, nil, err
	}
	if !t.ExpiresAt.After(s.time()) || t.ProjectID != p.scopeID {
		return nil, nil, unauthenticated("the access token is expired, or for another project")
	}
	has := known.expand(assigned)
	given := slices.DeleteFunc(known.expand(t.Roles), func(id string) bool { return !slices.Contains(has, id) })
	return &t, given, nil
}

// idList is stored as JSON.
type idList []string

// Value implements driver.Valuer.
func (l idList) Value() (driver.Value, error) {
	content, err := json.Marshal([]string(l))
	return string(content), err
}

// Scan implements sql.Scanner.
func (l *idList) Scan(from any) error {
	switch v := from.(type) {
	case string:
		return json.Unmarshal([]byte(v), (*[]string)(l))
	case []byte:
		return json.Unmarshal(v, (*[]string)(l))
	}
	return fmt.Errorf("ids are stored as %T", from)
}
