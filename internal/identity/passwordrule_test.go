package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// Who fails too often in a row is locked out for a time, with the right password
// too, and nobody is told.
func TestLockout(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s := start(t, db, "", identity.WithClock(clock), identity.WithPasswordRules(identity.PasswordRules{Failures: 2, Lockout: time.Minute}))
		try := func(name, password string, works bool) {
			t.Helper()
			_, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodPassword}, Password: &identity.PasswordProof{
				User: identity.Ref{Name: name, DomainID: identity.DefaultDomain}, Password: password,
			}})
			if works != (err == nil) || !works && !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("%s with %q: %v", name, password, err)
			}
		}
		try("admin", "wrong", false)
		try("admin", secret, true) // in a row: one that works forgets the others
		try("admin", "wrong", false)
		try("admin", "wrong", false)
		try("admin", secret, false)
		try("nobody", "wrong", false)
		ahead.Store(int64(59 * time.Second))
		try("admin", secret, false)
		ahead.Store(int64(61 * time.Second))
		try("admin", secret, true)
		// The count of failures that are over begins anew.
		try("admin", "wrong", false)
		ahead.Store(int64(130 * time.Second))
		try("admin", "wrong", false)
		try("admin", secret, true)
		// Old ones are dropped, also of users that are not there.
		n, err := db.Read().NewSelect().Table("login_failures").Count(t.Context())
		if err != nil || n != 0 {
			t.Errorf("%d failures are kept, error %v", n, err)
		}
		u, err := s.CreateUser(t.Context(), identity.User{Name: "robot", DomainID: identity.DefaultDomain, Enabled: true, Options: identity.Extra{"ignore_lockout_failure_attempts": true}}, "pw")
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			try("robot", "wrong", false)
		}
		try("robot", "pw", true)
		// The password's own page is no way around it.
		for range 3 {
			if err := s.ChangePassword(t.Context(), u.ID, "wrong", "new"); !errs.Is(err, errs.Unauthenticated) {
				t.Error(err)
			}
		}
	})
}

// Whether a user is there, is locked out, or has another password: the work is
// the same, one comparison.
func TestS13SameWorkWhenLocked(t *testing.T) {
	t.Parallel()
	s := start(t, storetest.SQLite(t), "", identity.WithPasswordRules(identity.PasswordRules{Failures: 1, Lockout: time.Minute}))
	costs := s.CountComparisons()
	for range 3 {
		for _, name := range []string{"admin", "nobody"} {
			_, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodPassword}, Password: &identity.PasswordProof{
				User: identity.Ref{Name: name, DomainID: identity.DefaultDomain}, Password: "wrong",
			}})
			if !errs.Is(err, errs.Unauthenticated) || err.Error() != "The request you have made requires authentication.: unknown user or wrong password" {
				t.Errorf("%s: %v", name, err)
			}
			if got := costs(); len(got) != 1 {
				t.Errorf("%s: %d comparisons", name, len(got))
			}
		}
	}
}

// Users choose none of their last passwords again. Administrators may for them.
func TestPasswordHistory(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Add(int64(time.Millisecond)))) }
		s := start(t, db, "", identity.WithClock(clock), identity.WithPasswordRules(identity.PasswordRules{History: 3}))
		u, err := s.CreateUser(t.Context(), identity.User{Name: "u", DomainID: identity.DefaultDomain, Enabled: true}, "p0")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := s.ChangePassword(t.Context(), u.ID, fmt.Sprintf("p%d", i), fmt.Sprintf("p%d", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		for _, again := range []string{"p1", "p2", "p3"} {
			if err := s.ChangePassword(t.Context(), u.ID, "p3", again); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "previous password") {
				t.Errorf("%s again: %v", again, err)
			}
		}
		if err := s.ChangePassword(t.Context(), u.ID, "p3", "p0"); err != nil {
			t.Errorf("one that was long ago: %v", err)
		}
		present := "p0"
		if _, err := s.UpdateUser(t.Context(), u.ID, identity.UserChange{Password: &present}); err != nil {
			t.Errorf("an administrator: %v", err)
		}
		var kept []string
		if err := db.Read().NewSelect().Table("former_passwords").Column("password_hash").Scan(t.Context(), &kept); err != nil || len(kept) != 2 || slices.Contains(kept, present) {
			t.Errorf("%d former passwords are kept, error %v", len(kept), err)
		}
		locked := identity.UserChange{Options: identity.Extra{"lock_password": true}}
		if _, err := s.UpdateUser(t.Context(), u.ID, locked); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangePassword(t.Context(), u.ID, "p0", "another"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "password policy") {
			t.Errorf("a password that is locked: %v", err)
		}
	})
}
