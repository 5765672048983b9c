package membership

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/store"
)

// Token is a join token as the cloud keeps it.
type Token struct {
	bun.BaseModel `bun:"table:join_tokens,alias:t"`

	ID         string    `bun:",pk" json:"id"`
	SecretHash string    `json:"-"`
	Host       string    `json:"host,omitempty"` // whom it is for; empty is any host
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	UsedAt     time.Time `bun:",nullzero" json:"used_at,omitzero"`
	UsedBy     string    `json:"used_by,omitempty"` // host
	UsedKey    string    `json:"-"`                 // of the machine that used it
}

const (
	// tokenMost bounds a token's life: what is not used soon is forgotten in
	// some shell's history.
	tokenMost = 7 * 24 * time.Hour
	// tokenKept is how long a token stays in lists after its end.
	tokenKept = 24 * time.Hour
	// joinedLately is how long a name stays taken by a machine that joined and
	// has not shown itself yet.
	joinedLately = 2 * time.Minute
)

// CreateToken makes a token for one machine, which must be called host unless
// that is empty. The secret is not kept: this is the only time that it is told.
func (s *Service) CreateToken(ctx context.Context, host string, life time.Duration) (join.Token, Token, error) {
	if host != "" && !hostName.MatchString(host) {
		return join.Token{}, Token{}, badHost(host)
	}
	if life <= 0 || life > tokenMost {
		return join.Token{}, Token{}, errs.New(errs.Invalid, "A token holds for up to %s, not for %s.", tokenMost, life)
	}
	token, now := join.NewToken(s.authority.Fingerprint()), s.now()
	row := Token{ID: token.ID, SecretHash: token.Hash(), Host: host, CreatedAt: now, ExpiresAt: now.Add(life)}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.NewDelete().Model((*Token)(nil)).Where("expires_at < ?", now.Add(-tokenKept)).Exec(ctx); err != nil {
			return fmt.Errorf("forget old join tokens: %w", err)
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("keep a join token: %w", err)
		}
		return nil
	})
	return token, row, err
}

func badHost(host string) error {
	return errs.New(errs.Invalid, "%q is not a name for a host: up to 64 letters, digits, dots, dashes and underscores.", host)
}

// Tokens lists the tokens, newest first.
func (s *Service) Tokens(ctx context.Context) ([]Token, error) {
	tokens := []Token{}
	if err := s.db.Read().NewSelect().Model(&tokens).OrderExpr("created_at DESC, id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list join tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken forgets a token. A machine that used it stays a node.
func (s *Service) RevokeToken(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		gone, err := tx.NewDelete().Model((*Token)(nil)).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return fmt.Errorf("revoke a join token: %w", err)
		}
		if n, err := gone.RowsAffected(); err == nil && n == 0 {
			return errs.New(errs.NotFound, "There is no join token %s.", id)
		}
		return nil
	})
}

// Join gives a machine with a token a certificate. The token is used up in the
// same transaction. The machine that used it may ask again until it expires, as
// the answer may have been lost on its way.
func (s *Service) Join(ctx context.Context, request join.Request) (join.Answer, error) {
	if !hostName.MatchString(request.Host) {
		return join.Answer{}, badHost(request.Host)
	}
	key, err := pki.RequestKey(request.CSR)
	if err != nil {
		return join.Answer{}, errs.Wrap(err, errs.Invalid, "The certificate request is not understood.")
	}
	// Who has no token must not make those wait who write.
	if _, err := s.token(ctx, s.db.Read(), request); err != nil {
		return join.Answer{}, err
	}
	var cert *x509.Certificate
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		was, known, err := s.node(ctx, tx, request.Host)
		if err != nil {
			return err
		}
		used, err := s.useToken(ctx, tx, request, key, was)
		if err != nil {
			return err
		}
		if cert, err = s.authority.Node(request.CSR, request.Host, s.config.Life); err != nil {
			return errs.Wrap(err, errs.Invalid, "The certificate request is refused.")
		}
		n := Node{Host: request.Host, Certificate: pki.Fingerprint(cert), ExpiresAt: cert.NotAfter.UTC(), JoinedAt: used}
		if !known {
			_, err = tx.NewInsert().Model(&n).Exec(ctx)
		} else {
			_, err = tx.NewUpdate().Model(&n).WherePK().Exec(ctx)
			tx.Signal(Topic) // a certificate of before is not on record any more
		}
		if err != nil {
			return fmt.Errorf("record node %s: %w", request.Host, err)
		}
		return nil
	}, lockOf(request.Host), store.Lock("join token "+request.TokenID))
	if err != nil {
		return join.Answer{}, err
	}
	return s.answer(cert), nil
}

// errBadToken does not tell whether a token of that id is there.
var errBadToken = errs.New(errs.Forbidden, "This join token is not valid: it was never made here, was revoked, or is not copied whole.")

// token finds the token of a request, whose secret must be right.
func (s *Service) token(ctx context.Context, db bun.IDB, request join.Request) (*Token, error) {
	var found []Token
	if err := db.NewSelect().Model(&found).Where("id = ?", request.TokenID).Scan(ctx); err != nil {
		return nil, fmt.Errorf("look for a join token: %w", err)
	}
	given := join.Token{Secret: request.Secret}.Hash()
	if len(found) == 0 || subtle.ConstantTimeCompare([]byte(found[0].SecretHash), []byte(given)) != 1 {
		return nil, errBadToken
	}
	return &found[0], nil
}

// useToken uses a token up for a machine, and returns when that was. was is
// the node that has the name, or had it.
func (s *Service) useToken(ctx context.Context, tx *store.Tx, request join.Request, key string, was Node) (time.Time, error) {
	token, err := s.token(ctx, tx, request)
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	// Only while the node is the one that this token made: not when it was
	// removed, or another machine took its place.
	again := token.UsedKey == key && token.UsedBy == request.Host && !was.Removed() && was.JoinedAt.Equal(token.UsedAt)
	switch {
	case !now.Before(token.ExpiresAt):
		return now, errs.New(errs.Forbidden, "This join token expired at %s; make a new one with `wisp node token create`.", token.ExpiresAt.Format(time.RFC3339))
	case !token.UsedAt.IsZero() && !again:
		return now, errs.New(errs.Forbidden, "This join token was used by host %s at %s, and each is for one machine; make a new one with `wisp node token create`.",
			token.UsedBy, token.UsedAt.Format(time.RFC3339))
	case token.Host != "" && token.Host != request.Host:
		return now, errs.New(errs.Forbidden, "This join token is for host %s, not %s; say --host %s, or make another one.", token.Host, request.Host, token.Host)
	}
	if again {
		return token.UsedAt, nil
	}
	if err := s.free(ctx, request.Host, was, token.Host != ""); err != nil {
		return now, err
	}
	token.UsedAt, token.UsedBy, token.UsedKey = now, request.Host, key
	if _, err := tx.NewUpdate().Model(token).WherePK().Column("used_at", "used_by", "used_key").Exec(ctx); err != nil {
		return now, fmt.Errorf("use a join token up: %w", err)
	}
	return now, nil
}

// free refuses a name that another machine has. One whose machine is down may
// be taken by the machine that replaces it, when the token says so: two
// machines can be called the same by accident, and who takes the name takes
// over the instances.
func (s *Service) free(ctx context.Context, host string, was Node, named bool) error {
	known, live, err := s.config.Host(ctx, host)
	if err != nil {
		return fmt.Errorf("look at host %s: %w", host, err)
	}
	if live {
		return errs.New(errs.Conflict, "The name %s is taken by a host that works. Choose another one with --host, or remove that host first: wisp node remove %s.", host, host)
	}
	if !was.Removed() && s.now().Sub(was.JoinedAt) < joinedLately {
		return errs.New(errs.Conflict, "The name %s is taken by a machine that joined a moment ago. Choose another one with --host, or remove that host first: wisp node remove %s.", host, host)
	}
	if member := was.Host != "" && !was.Removed(); (known || member) && !named {
		return errs.New(errs.Conflict, "The name %s is that of a host which is down. If this is its machine, or replaces it, make a token for that name: wisp node token create --host %s. "+
			"Else choose another name with --host.", host, host)
	}
	return nil
}
