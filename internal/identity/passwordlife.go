package identity

import (
	"context"
	"fmt"
	"time"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Options of users that exempt them from rules, as Keystone names them.
const (
	ignoreFirstUse   = "ignore_change_password_upon_first_use"
	ignoreExpiry     = "ignore_password_expiry"
	ignoreLockout    = "ignore_lockout_failure_attempts"
	ignoreInactivity = "ignore_user_inactivity"
	lockPassword     = "lock_password"
)

// has tells whether an option of the user is set.
func (u User) has(option string) bool {
	set, _ := u.Options[option].(bool)
	return set
}

// day is as long as the rules' days are: they are counted in UTC.
const day = 24 * time.Hour

func (s *Service) today() time.Time { return s.time().Truncate(day) }

// setBy is who sets a password, and when.
type setBy int

const (
	byAdmin    setBy = iota // resets it
	byCreation              // of the user, by an administrator
	byOwner                 // who proved the one before
)

// setPassword gives a user the hash of a new password, "" for none, and the time
// when that one expires. As with Keystone, exemption from expiry is looked at
// when a user is changed and when it logs in, not when it is made: the API
// reference's own example shows an exempt new user with a date. Exemption from
// the change upon first use counts at once, which is what it is for; Keystone's
// code sees it only when the user is changed.
func (s *Service) setPassword(u *User, hashed string, by setBy) {
	now := s.time()
	u.PasswordHash, u.PasswordOwn, u.PasswordCreatedAt, u.PasswordExpiresAt = hashed, by == byOwner, &now, nil
	if hashed == "" {
		u.PasswordCreatedAt = nil
		return
	}
	if s.rules.LifeDays > 0 && (by == byCreation || !u.has(ignoreExpiry)) {
		end := now.Add(time.Duration(s.rules.LifeDays) * day).Truncate(time.Second)
		u.PasswordExpiresAt = &end
	}
	if by != byOwner && s.rules.ChangeFirst && !u.has(ignoreFirstUse) {
		u.PasswordExpiresAt = &now
	}
}

// checkExpiry refuses a password that was right and has expired. Only who knows
// it is told, with the id that changing it takes.
func (s *Service) checkExpiry(u User) error {
	if u.PasswordExpiresAt == nil || u.has(ignoreExpiry) || s.now().Before(*u.PasswordExpiresAt) {
		return nil
	}
	return errs.New(errs.Unauthenticated, "The password is expired and needs to be changed for user: %s.", u.ID)
}

// checkAge refuses to let users change what they chose themselves a short while
// ago. What an administrator set can be changed at once.
func (s *Service) checkAge(u User) error {
	if s.rules.MinDays <= 0 || !u.PasswordOwn || u.PasswordCreatedAt == nil {
		return nil
	}
	left := u.PasswordCreatedAt.Add(time.Duration(s.rules.MinDays) * day).Sub(s.time())
	if left <= 0 {
		return nil
	}
	return errs.New(errs.Invalid, "You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for %d day(s) before it can be changed. Please try again in %d day(s) or contact your administrator to reset your password.", s.rules.MinDays, left/day)
}

// active tells whether a user is enabled and has not been away for too long. As
// with Keystone, that is seen when the user is looked at and written when it is
// changed; filters of lists look at what is written.
func (s *Service) active(u User) bool {
	if !u.Enabled || s.rules.InactiveDays <= 0 || u.has(ignoreInactivity) {
		return u.Enabled
	}
	last := u.CreatedAt
	if u.LastActiveAt != nil {
		last = *u.LastActiveAt
	}
	return s.today().Sub(last.UTC().Truncate(day)) < time.Duration(s.rules.InactiveDays)*day
}

// noteActive keeps the day on which a user has logged in, also while no rule
// asks for it, so that a rule that comes later disables only who is away.
func (s *Service) noteActive(ctx context.Context, u User) error {
	today := s.today()
	if u.LastActiveAt != nil && !u.LastActiveAt.Before(today) {
		return nil
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewUpdate().Model((*User)(nil)).Set("last_active_at = ?", today).Where("id = ?", u.ID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("note that a user is active: %w", err)
		}
		return nil
	})
}
