package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// PasswordRules are what holds for passwords. The zero value is nothing, as
// Keystone has it by default. All servers of a cloud should have the same.
type PasswordRules struct {
	// Failures is how many log-ins with a wrong password in a row lock a user
	// out, for Lockout from the last on; 0 is never.
	Failures int
	Lockout  time.Duration
	// History is how many passwords, the present one included, users may not
	// choose again for themselves. Administrators may for them.
	History int
	// LifeDays is for how many days a password holds that is set while the rule
	// is; 0 is for ever. MinDays is for how many users must keep one that they
	// chose themselves.
	LifeDays, MinDays int
	// Pattern is what new passwords must be like; nil is anything.
	Pattern *PasswordPattern
	// ChangeFirst makes users change a password that an administrator gave them
	// before it is good for anything else.
	ChangeFirst bool
	// InactiveDays is how many days without a log-in disable a user; 0 is any
	// number.
	InactiveDays int
}

type loginFailure struct {
	bun.BaseModel `bun:"table:login_failures,alias:lf"`
	Who           string `bun:",pk"`
	Attempts      int
	LastAt        time.Time
}

type formerPassword struct {
	bun.BaseModel `bun:"table:former_passwords,alias:fp"`
	ID            string `bun:",pk"`
	UserID        string
	PasswordHash  string
	Until         time.Time
}

// who is a digest of the user that was meant: its id where there is one.
func who(ref Ref, user User) string {
	text := "id " + user.ID
	if user.ID == "" {
		text = strings.Join([]string{"no", ref.ID, ref.Name, ref.DomainID, ref.DomainName}, "\n")
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checkPassword compares a password with the user's, and counts what fails
// where the rules say so. All that is wrong is the same error after the same
// work: who is locked out is not told so, nor who isn't there.
func (s *Service) checkPassword(ctx context.Context, ref Ref, user User, password string) error {
	ok, err := s.matches(ctx, user.PasswordHash, password)
	if err != nil {
		return err
	}
	wrong := unauthenticated("unknown user or wrong password")
	if s.rules.Failures <= 0 {
		if !ok {
			return wrong
		}
		return nil
	}
	failed := loginFailure{Who: who(ref, user)}
	err = s.db.Read().NewSelect().Model(&failed).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read failed log-ins: %w", err)
	}
	recent := failed.LastAt.Add(s.rules.Lockout).After(s.time())
	locked := !user.has(ignoreLockout) && recent && failed.Attempts >= s.rules.Failures
	if ok && failed.Attempts == 0 {
		return nil // nothing to forget
	}
	// What comes while it is locked prolongs nothing, and costs the same.
	if err := s.noteLogin(ctx, failed.Who, ok && !locked, !ok && !locked); err != nil {
		return err
	}
	if !ok || locked {
		return wrong
	}
	return nil
}

// noteLogin drops failures that are over. It forgets those of who has logged in
// at last, and counts one more of who has not.
func (s *Service) noteLogin(ctx context.Context, who string, forget, count bool) error {
	now := s.time()
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		q := tx.NewDelete().Model((*loginFailure)(nil)).Where("last_at < ?", now.Add(-s.rules.Lockout))
		if forget {
			q = q.WhereOr("who = ?", who)
		}
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("forget failed log-ins: %w", err)
		}
		if !count {
			return nil
		}
		row := loginFailure{Who: who, Attempts: 1, LastAt: now}
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (who) DO UPDATE").Set("attempts = lf.attempts + 1").Set("last_at = EXCLUDED.last_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("note a failed log-in: %w", err)
		}
		return nil
	})
}

// unlock forgets the failed log-ins of a user.
func (s *Service) unlock(ctx context.Context, tx *store.Tx, user User) error {
	if s.rules.Failures <= 0 {
		return nil
	}
	if _, err := tx.NewDelete().Model(&loginFailure{Who: who(Ref{}, user)}).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("forget failed log-ins: %w", err)
	}
	return nil
}

// notBefore refuses a password that the user has, or had among the last ones.
func (s *Service) notBefore(ctx context.Context, user User, password string) error {
	if s.rules.History <= 0 {
		return nil
	}
	var rows []formerPassword
	err := s.db.Read().NewSelect().Model(&rows).Where("user_id = ?", user.ID).Order("until DESC").Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read former passwords: %w", err)
	}
	hashes := []string{user.PasswordHash}
	for _, row := range rows[:min(len(rows), s.rules.History-1)] {
		hashes = append(hashes, row.PasswordHash)
	}
	for _, hash := range hashes {
		used, err := s.matches(ctx, hash, password)
		if err != nil {
			return err
		}
		if used {
			return errs.New(errs.Invalid, "The new password cannot be identical to a previous password. The total number which includes the new password must be unique is %d.", s.rules.History)
		}
	}
	return nil
}

// keepFormer keeps the hash of a password that is about to go, as long as it
// may not be used again.
func (s *Service) keepFormer(ctx context.Context, tx *store.Tx, user User) error {
	if s.rules.History <= 1 || user.PasswordHash == "" {
		return nil
	}
	row := &formerPassword{ID: newID(), UserID: user.ID, PasswordHash: user.PasswordHash, Until: s.time()}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("keep a former password: %w", err)
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM former_passwords WHERE user_id = ? AND id NOT IN (
		SELECT id FROM former_passwords WHERE user_id = ? ORDER BY until DESC, id LIMIT ?)`, user.ID, user.ID, s.rules.History-1)
	if err != nil {
		return fmt.Errorf("drop former passwords: %w", err)
	}
	return nil
}
