package identity_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

const day = 24 * time.Hour

// ruled is a service whose clock can be moved, with rules for passwords.
type ruled struct {
	*identity.Service
	t     *testing.T
	start time.Time
	ahead atomic.Int64
}

func underRules(t *testing.T, db *store.DB, rules identity.PasswordRules) *ruled {
	t.Helper()
	r := &ruled{t: t, start: time.Date(2030, 1, 2, 10, 0, 0, 0, time.UTC)}
	r.Service = start(t, db, "", identity.WithClock(r.clock), identity.WithPasswordRules(rules))
	return r
}

func (r *ruled) clock() time.Time {
	return r.start.Add(time.Duration(r.ahead.Add(int64(time.Millisecond))))
}

// at moves the clock to a time after its start.
func (r *ruled) at(after time.Duration) { r.ahead.Store(int64(after)) }

func (r *ruled) user(name, password string, options identity.Extra) identity.User {
	r.t.Helper()
	u, err := r.CreateUser(r.t.Context(), identity.User{Name: name, DomainID: identity.DefaultDomain, Enabled: true, Options: options}, password)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *ruled) login(u identity.User, password string) error {
	_, err := r.Issue(r.t.Context(), identity.AuthRequest{Methods: []string{identity.MethodPassword}, Password: &identity.PasswordProof{
		User: identity.Ref{ID: u.ID}, Password: password,
	}})
	return err
}

func (r *ruled) update(u identity.User, c identity.UserChange) identity.User {
	r.t.Helper()
	u, err := r.UpdateUser(r.t.Context(), u.ID, c)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *ruled) reset(u identity.User, password string) identity.User {
	r.t.Helper()
	return r.update(u, identity.UserChange{Password: &password})
}

// works wants no error, or one of the kind with the words in it.
func works(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func refused(t *testing.T, what string, err error, kind errs.Kind, words string) {
	t.Helper()
	if !errs.Is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want %q", what, err, words)
	}
}

const (
	expired = "The password is expired and needs to be changed for user: "
	generic = "The request you have made requires authentication."
)

func TestPasswordLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{LifeDays: 10, MinDays: 1})
		u := r.user("u", "one", nil)
		if got, want := u.PasswordExpiresAt, r.start.Add(10*day); got == nil || !got.Equal(want) {
			t.Fatalf("expires at %v, want %v", got, want)
		}
		exempt, none := r.user("exempt", "one", identity.Extra{"ignore_password_expiry": true}), r.user("none", "", nil)
		if none.PasswordExpiresAt != nil {
			t.Errorf("no password expires at %v", none.PasswordExpiresAt)
		}
		r.at(10*day - time.Second)
		works(t, "a second before", r.login(u, "one"))
		r.at(10 * day)
		refused(t, "in time", r.login(u, "one"), errs.Unauthenticated, expired+u.ID+".")
		refused(t, "a wrong one tells nothing", r.login(u, "two"), errs.Unauthenticated, generic)
		works(t, "exempt", r.login(exempt, "one"))
		admin, err := r.Users(t.Context(), identity.Listing{Filters: []identity.Filter{{Name: "name", Value: "admin"}}})
		if err != nil || len(admin) != 1 || admin[0].PasswordExpiresAt != nil {
			t.Errorf("the password that the cloud began with: %v, error %v", admin, err)
		}
		works(t, "as the cloud began", r.login(admin[0], secret))

		off := false
		r.update(u, identity.UserChange{Enabled: &off})
		refused(t, "who is disabled is not told", r.login(u, "one"), errs.Unauthenticated, generic)
		refused(t, "nor may change it", r.ChangePassword(t.Context(), u.ID, "one", "two"), errs.Unauthenticated, generic)
		on := true
		r.update(u, identity.UserChange{Enabled: &on})
		works(t, "change an expired one", r.ChangePassword(t.Context(), u.ID, "one", "two"))
		works(t, "the new one", r.login(u, "two"))
		r.at(20*day + time.Hour)
		refused(t, "the new one in time", r.login(u, "two"), errs.Unauthenticated, expired)
		reset := r.reset(u, "three")
		if got, want := reset.PasswordExpiresAt, r.start.Add(30*day+time.Hour); got == nil || !got.Equal(want) {
			t.Errorf("a reset one expires at %v, want %v", got, want)
		}
		works(t, "a reset one", r.login(u, "three"))
		if got := r.reset(exempt, "two").PasswordExpiresAt; got != nil {
			t.Errorf("of an exempt user, a reset one expires at %v", got)
		}
	})
}

func TestPasswordExpiryFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{LifeDays: 10})
		r.user("early", "p", nil)
		r.at(day)
		late := r.user("late", "p", nil)
		g, err := r.CreateGroup(t.Context(), identity.Group{Name: "g", DomainID: identity.DefaultDomain})
		works(t, "group", err)
		works(t, "member", r.AddMember(t.Context(), g.ID, late.ID))
		for query, want := range map[string][]string{
			"lt:2030-01-13T10:00:00Z": {"early"}, "lte:2030-01-13T10:00:00Z": {"early", "late"}, "gt:2030-01-12T10:00:00Z": {"late"}, "gte:2030-01-12": {"early", "late"},
			"2030-01-12T10:00:00Z": {"early"}, "eq:2030-01-12T11:00:00+01:00": {"early"}, "neq:2030-01-12T10:00:00": {"late"}, "gt:2031-01-01": {},
		} {
			l := identity.Listing{Filters: []identity.Filter{{Name: "password_expires_at", Value: query}}}
			list, err := r.Users(t.Context(), l)
			got := []string{}
			for _, u := range list {
				got = append(got, u.Name)
			}
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v, error %v", query, got, want, err)
			}
			members, err := r.Members(t.Context(), g.ID, l)
			if in := slices.Contains(want, "late"); err != nil || in != (len(members) == 1) {
				t.Errorf("members, %s: %d, error %v", query, len(members), err)
			}
		}
		between := []identity.Filter{{Name: "password_expires_at", Value: "gt:2030-01-01"}, {Name: "password_expires_at", Value: "lt:2030-01-13"}}
		if list, err := r.Users(t.Context(), identity.Listing{Filters: between}); err != nil || len(list) != 1 {
			t.Errorf("between: %v, error %v", list, err)
		}
	})
}

func TestPasswordFirstUse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{ChangeFirst: true})
		u, robot := r.user("u", "given", nil), r.user("robot", "given", identity.Extra{"ignore_change_password_upon_first_use": true})
		never := r.user("never", "given", identity.Extra{"ignore_password_expiry": true})
		refused(t, "the first", r.login(u, "given"), errs.Unauthenticated, expired+u.ID)
		works(t, "exempt", r.login(robot, "given"))
		works(t, "what never expires", r.login(never, "given"))
		works(t, "change it", r.ChangePassword(t.Context(), u.ID, "given", "own"))
		works(t, "one's own", r.login(u, "own"))
		r.reset(u, "reset")
		refused(t, "a reset one", r.login(u, "reset"), errs.Unauthenticated, expired)
		// An exemption that comes with the password holds for it, as its end does.
		again := "again"
		r.update(u, identity.UserChange{Password: &again, Options: identity.Extra{"ignore_change_password_upon_first_use": true}})
		works(t, "reset with an exemption", r.login(u, "again"))
		r.update(u, identity.UserChange{Password: &again, Options: identity.Extra{"ignore_change_password_upon_first_use": nil}})
		refused(t, "reset without", r.login(u, "again"), errs.Unauthenticated, expired)
	})
}

func TestPasswordMinimumAge(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{MinDays: 2})
		u := r.user("u", "p0", nil)
		works(t, "what an administrator gave", r.ChangePassword(t.Context(), u.ID, "p0", "p1"))
		refused(t, "at once", r.ChangePassword(t.Context(), u.ID, "p1", "p2"), errs.Invalid, "it must be used for 2 day(s) before it can be changed. Please try again in 1 day(s)")
		r.at(day + 23*time.Hour)
		refused(t, "an hour too early", r.ChangePassword(t.Context(), u.ID, "p1", "p2"), errs.Invalid, "in 0 day(s)")
		refused(t, "with a wrong one", r.ChangePassword(t.Context(), u.ID, "p0", "p2"), errs.Unauthenticated, generic)
		r.at(2*day + time.Minute)
		works(t, "in time", r.ChangePassword(t.Context(), u.ID, "p1", "p2"))
		r.reset(u, "p3")
		works(t, "a reset one", r.ChangePassword(t.Context(), u.ID, "p3", "p4"))
	})
}

// Of changes at one time that prove the same password, one is made.
func TestPasswordChangedAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{MinDays: 2})
		u := r.user("u", "p0", nil)
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				switch err := r.ChangePassword(t.Context(), u.ID, "p0", fmt.Sprint("new", i)); {
				case err == nil:
					made.Add(1)
				case !errs.Is(err, errs.Unauthenticated):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("%d changes of one password", made.Load())
		}
	})
}

func TestPasswordPattern(t *testing.T) {
	t.Parallel()
	pattern, err := identity.NewPasswordPattern(`(?=.*\d)(?=.*[a-z]).{7,}$`, "Seven characters, with a letter and a digit")
	if err != nil {
		t.Fatal(err)
	}
	r := underRules(t, storetest.SQLite(t), identity.PasswordRules{Pattern: pattern, History: 2})
	words := "The password does not match the requirements: Seven characters, with a letter and a digit."
	u := r.user("u", "letter7", nil)
	r.user("none", "", nil)
	for _, bad := range []string{"short1", "letters", "1234567", "\nletter7"} {
		_, err := r.CreateUser(t.Context(), identity.User{Name: "bad", DomainID: identity.DefaultDomain}, bad)
		refused(t, "create "+bad, err, errs.Invalid, words)
		_, err = r.UpdateUser(t.Context(), u.ID, identity.UserChange{Password: &bad})
		refused(t, "reset to "+bad, err, errs.Invalid, words)
		refused(t, "change to "+bad, r.ChangePassword(t.Context(), u.ID, "letter7", bad), errs.Invalid, words)
		refused(t, "who proves nothing learns nothing", r.ChangePassword(t.Context(), u.ID, "wrong", bad), errs.Unauthenticated, generic)
	}
	none, long := "", strings.Repeat("a1", 3000)
	_, err = r.UpdateUser(t.Context(), u.ID, identity.UserChange{Password: &none})
	refused(t, "no password", err, errs.Invalid, "must be a string type")
	_, err = r.UpdateUser(t.Context(), u.ID, identity.UserChange{Password: &long})
	refused(t, "too long", err, errs.Forbidden, "less than or equal to 4096")
	works(t, "a good one", r.ChangePassword(t.Context(), u.ID, "letter7", "letter8"))
	r.reset(u, "letter9")

	if _, err := identity.NewPasswordPattern("(", ""); err == nil {
		t.Error("an expression that is none is accepted")
	}
	// What takes for ever is given up, and no password is good.
	slow, err := identity.NewPasswordPattern(`(a+)+b$`, "")
	if err != nil {
		t.Fatal(err)
	}
	s := underRules(t, storetest.SQLite(t), identity.PasswordRules{Pattern: slow})
	refused(t, "for ever", s.CheckPassword(strings.Repeat("a", 60)), errs.Invalid, "invalid configuration")
	refused(t, "without a description", s.CheckPassword("c"), errs.Invalid, "requirements: (a+)+b$.")
	works(t, "fast", s.CheckPassword("ab"))
}

func TestInactiveUsers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{InactiveDays: 3})
		seen := func(u identity.User) bool {
			t.Helper()
			one, err := r.User(t.Context(), u.ID)
			if err != nil {
				t.Fatal(err)
			}
			list, err := r.Users(t.Context(), identity.Listing{Filters: []identity.Filter{{Name: "id", Value: u.ID}}})
			if err != nil || len(list) != 1 || list[0].Enabled != one.Enabled {
				t.Errorf("listed as %v, shown as %v, error %v", list, one.Enabled, err)
			}
			return one.Enabled
		}
		u, robot := r.user("u", "pw", nil), r.user("robot", "pw", identity.Extra{"ignore_user_inactivity": true})
		r.at(2*day + 13*time.Hour) // the third day has not begun
		works(t, "before", r.login(u, "pw"))
		r.at(4*day + 13*time.Hour)
		if !seen(u) {
			t.Error("who logged in is disabled")
		}
		r.at(4*day + 14*time.Hour) // the third day after the log-in
		if seen(u) || !seen(robot) {
			t.Error("who is away is enabled, or who may be is not")
		}
		refused(t, "who is away", r.login(u, "pw"), errs.Unauthenticated, generic)
		refused(t, "nor changes the password", r.ChangePassword(t.Context(), u.ID, "pw", "new"), errs.Unauthenticated, generic)
		works(t, "who may be", r.login(robot, "pw"))
		// What else is changed leaves it so; an administrator enables again.
		text := "d"
		if r.update(u, identity.UserChange{Description: &text}).Enabled {
			t.Error("a description enables")
		}
		refused(t, "still", r.login(u, "pw"), errs.Unauthenticated, generic)
		on := true
		r.update(u, identity.UserChange{Enabled: &on})
		works(t, "enabled again", r.login(u, "pw"))
	})
}

// A token ends with the day on which its user has been away for too long, also
// where it is known and nothing else has changed.
func TestInactiveUsersToken(t *testing.T) {
	t.Parallel()
	r := underRules(t, storetest.SQLite(t), identity.PasswordRules{InactiveDays: 1})
	r.at(13*time.Hour + 30*time.Minute)
	u := r.user("u", "pw", nil)
	token, err := r.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodPassword}, Password: &identity.PasswordProof{User: identity.Ref{ID: u.ID}, Password: "pw"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Authenticate(t.Context(), token.ID)
	works(t, "today", err)
	r.at(14*time.Hour + time.Minute)
	_, err = r.Authenticate(t.Context(), token.ID)
	refused(t, "tomorrow", err, errs.Unauthenticated, generic)
}

// Days of log-ins are kept although no rule asks for them.
func TestInactiveUsersLater(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	r := underRules(t, db, identity.PasswordRules{})
	u := r.user("u", "pw", nil)
	r.at(9 * day)
	works(t, "log-in", r.login(u, "pw"))
	later := identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(4), identity.WithClock(r.clock), identity.WithPasswordRules(identity.PasswordRules{InactiveDays: 2}))
	if got, err := later.User(t.Context(), u.ID); err != nil || !got.Enabled {
		t.Errorf("who was here today: %v, error %v", got.Enabled, err)
	}
}

// Who is locked out waits, or is enabled by an administrator.
func TestUnlock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := underRules(t, db, identity.PasswordRules{Failures: 1, Lockout: time.Hour})
		u, other := r.user("u", "pw", nil), r.user("other", "pw", nil)
		on := true
		for _, user := range []identity.User{u, other} {
			refused(t, "wrong", r.login(user, "wrong"), errs.Unauthenticated, generic)
			refused(t, "locked out", r.login(user, "pw"), errs.Unauthenticated, generic)
		}
		r.update(u, identity.UserChange{Enabled: &on})
		works(t, "unlocked", r.login(u, "pw"))
		refused(t, "another", r.login(other, "pw"), errs.Unauthenticated, generic)
	})
}
