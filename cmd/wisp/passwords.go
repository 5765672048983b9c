package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"wisp/internal/identity"
)

// maxDays bounds what is counted in days: a hundred years.
const maxDays = 36500

// addPasswordFlags adds the rules for passwords, which all servers of a cloud
// should have alike.
func (s *settings) addPasswordFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.IntVar(&s.LockoutFailures, "lockout-failures", 0, "log-ins with a wrong password in a row that lock a user out; 0 is any number")
	flags.DurationVar(&s.LockoutDuration, "lockout-duration", 30*time.Minute, "how long a user is locked out")
	flags.IntVar(&s.PasswordHistory, "password-history", 0, "passwords, the present one included, that users may not choose again; 0 is none")
	flags.IntVar(&s.HashRounds, "password-hash-rounds", 0, "power of two that new passwords are hashed with, from 4 (for tests) to 31; checking them takes as long (default: 12, Keystone's)")
	flags.IntVar(&s.PasswordLife, "password-life", 0, "days after which a password that is set from now on must be changed; 0 is never")
	flags.IntVar(&s.PasswordMinAge, "password-min-age", 0, "days for which users must keep a password that they chose themselves")
	flags.StringVar(&s.PasswordRegex, "password-regex", "", `regular expression that new passwords must match from their first character on, such as '^(?=.*\d)(?=.*[a-zA-Z]).{7,}$' (default: anything)`)
	flags.StringVar(&s.PasswordDescription, "password-regex-description", "", "what --password-regex asks for, in words for those whose password is refused")
	flags.BoolVar(&s.PasswordFirstUse, "password-first-use", false, "make users change a password that an administrator gave them before they use anything")
	flags.IntVar(&s.DisableInactive, "disable-inactive", 0, "days without a log-in by password after which a user is disabled; 0 is never")
}

func (s *settings) checkPasswordFlags() error {
	if s.LockoutFailures < 0 || s.PasswordHistory < 0 {
		return errors.New("--lockout-failures and --password-history count: want 0 or more")
	}
	if s.HashRounds != 0 && (s.HashRounds < 4 || s.HashRounds > 31) {
		return fmt.Errorf("--password-hash-rounds %d: want 4 to 31", s.HashRounds)
	}
	if s.LockoutFailures > 0 && s.LockoutDuration < time.Second {
		return fmt.Errorf("--lockout-duration %s: want at least a second", s.LockoutDuration)
	}
	for name, days := range map[string]int{"password-life": s.PasswordLife, "password-min-age": s.PasswordMinAge, "disable-inactive": s.DisableInactive} {
		if days < 0 || days > maxDays {
			return fmt.Errorf("--%s %d: want days from 0 to %d", name, days, maxDays)
		}
	}
	if s.PasswordLife > 0 && s.PasswordMinAge >= s.PasswordLife {
		return fmt.Errorf("--password-min-age %d: want less than the %d days of --password-life, else passwords expire before they can be changed", s.PasswordMinAge, s.PasswordLife)
	}
	if s.PasswordDescription != "" && s.PasswordRegex == "" {
		return errors.New("--password-regex-description describes --password-regex, which is missing")
	}
	_, err := s.passwordRules()
	return err
}

// passwordRules are the rules as the identity service takes them.
func (s *settings) passwordRules() (identity.PasswordRules, error) {
	rules := identity.PasswordRules{
		Failures: s.LockoutFailures, Lockout: s.LockoutDuration, History: s.PasswordHistory,
		LifeDays: s.PasswordLife, MinDays: s.PasswordMinAge, ChangeFirst: s.PasswordFirstUse, InactiveDays: s.DisableInactive,
	}
	if s.PasswordRegex == "" {
		return rules, nil
	}
	var err error
	if rules.Pattern, err = identity.NewPasswordPattern(s.PasswordRegex, s.PasswordDescription); err != nil {
		return rules, fmt.Errorf("--password-regex: %w", err)
	}
	return rules, nil
}
