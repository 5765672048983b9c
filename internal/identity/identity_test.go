package identity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

const secret = "s3cret-of-admin"

func start(t testing.TB, db *store.DB, keys string, options ...identity.Option) *identity.Service {
	t.Helper()
	s := identity.New(db, slog.New(slog.DiscardHandler), append([]identity.Option{identity.WithHashCost(bcrypt.MinCost)}, options...)...)
	if err := s.Bootstrap(t.Context(), config(keys)); err != nil {
		t.Fatal(err)
	}
	return s
}

func config(keys string) identity.BootstrapConfig {
	return identity.BootstrapConfig{AdminPassword: secret, PublicURL: "http://127.0.0.1:5000", KeyDir: keys}
}

func admin(password string) identity.AuthRequest {
	return identity.AuthRequest{
		Methods:  []string{identity.MethodPassword},
		Password: &identity.PasswordProof{User: identity.Ref{Name: "admin", DomainID: identity.DefaultDomain}, Password: password},
		Scope:    identity.Scope{Project: &identity.Ref{Name: "admin", DomainName: "Default"}},
	}
}

func issue(t testing.TB, s *identity.Service) *identity.Token {
	t.Helper()
	token, err := s.Issue(t.Context(), admin(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, keys := t.Context(), filepath.Join(t.TempDir(), "keys")
		s := identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(bcrypt.MinCost))
		if _, err := s.Issue(ctx, admin(secret)); !errs.Is(err, errs.Unavailable) {
			t.Fatalf("issue before the start: %v", err)
		}
		if _, err := s.Authenticate(ctx, "x"); !errs.Is(err, errs.Unavailable) {
			t.Fatalf("authenticate before the start: %v", err)
		}
		if err := s.Bootstrap(ctx, identity.BootstrapConfig{KeyDir: keys}); !errs.Is(err, errs.Invalid) {
			t.Fatalf("a first start without a password: %v", err)
		}
		start(t, db, keys)
		again := config(keys)
		again.AdminPassword, again.PublicURL = "another", "https://cloud:5000"
		if err := s.Bootstrap(ctx, again); err != nil {
			t.Fatal(err)
		}
		caller, err := s.Authenticate(ctx, issue(t, s).ID)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(caller.Roles, []string{"admin", "manager", "member", "reader"}) || caller.ProjectName != "admin" || caller.UserDomainName != "Default" || caller.System {
			t.Errorf("caller %+v", caller)
		}
		request := admin(secret)
		request.Scope = identity.Scope{System: true}
		if token, err := s.Issue(ctx, request); err != nil || !token.System {
			t.Errorf("system scope: %+v, %v", token, err)
		}
		entries, err := s.Catalog(ctx, "u", "p")
		if err != nil || len(entries) != 5 {
			t.Fatalf("catalog %v, error %v", entries, err)
		}
		for _, entry := range entries {
			if len(entry.Endpoints) != 3 || entry.Endpoints[0].URL[:len("https://cloud:5000/")] != "https://cloud:5000/" {
				t.Errorf("%s: %+v", entry.Type, entry.Endpoints)
			}
		}
		if exists, err := s.ProjectExists(ctx, caller.ProjectID); err != nil || !exists {
			t.Errorf("the project admin: %t, %v", exists, err)
		}
		if exists, err := s.ProjectExists(ctx, "none"); err != nil || exists {
			t.Errorf("no project: %t, %v", exists, err)
		}
	})
}

// Two servers start at once on an empty database.
func TestBootstrapTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		keys := t.TempDir()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s := identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(bcrypt.MinCost))
				if err := s.Bootstrap(context.WithoutCancel(t.Context()), config(keys)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := start(t, db, keys)
		issue(t, s)
		list, err := s.Endpoints(t.Context(), identity.Listing{})
		if err != nil || len(list) != 15 {
			t.Fatalf("%d endpoints, %v", len(list), err)
		}
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	s := start(t, storetest.SQLite(t), t.TempDir(), identity.WithClock(func() time.Time { return now }), identity.WithTokenLifetime(time.Minute))
	token := issue(t, s)
	if got := identity.FormatTime(token.ExpiresAt); got != "2026-01-02T03:05:05.000006Z" {
		t.Errorf("ends %s", got)
	}
	check := func(want errs.Kind, allowExpired bool) {
		t.Helper()
		if _, err := s.Validate(t.Context(), token.ID, allowExpired); (err == nil) != (want == errs.Internal) || err != nil && !errs.Is(err, want) {
			t.Errorf("at %v: %v", now, err)
		}
	}
	check(errs.Internal, false)
	now = now.Add(time.Minute)
	check(errs.NotFound, false)
	check(errs.Internal, true)
	if _, err := s.Authenticate(t.Context(), token.ID); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("authenticate: %v", err)
	}
	now = now.Add(48 * time.Hour)
	check(errs.NotFound, true)
}

// What one server changes, another on the same database sees.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		keys := t.TempDir()
		one, other := start(t, db, keys), start(t, db, keys, identity.WithPoll(0))
		token := issue(t, one)
		caller, err := other.Authenticate(t.Context(), token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Revoke(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Authenticate(t.Context(), token.ID); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("after it was revoked: %v", err)
		}
		token = issue(t, one)
		if _, err := other.Authenticate(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
		off := false
		if _, err := one.UpdateUser(t.Context(), caller.UserID, identity.UserChange{Enabled: &off}); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Authenticate(t.Context(), token.ID); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("after the user was disabled: %v", err)
		}
	})
}

// The end of one token leaves those that it was made from; the end of a session
// leaves none.
func TestRevokeSession(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, t.TempDir())
		first := issue(t, s)
		again := identity.AuthRequest{Methods: []string{identity.MethodToken}, Token: first.ID, Scope: admin("").Scope}
		made := make([]*identity.Token, 3)
		for i := range made {
			token, err := s.Issue(t.Context(), again)
			if err != nil {
				t.Fatal(err)
			}
			made[i] = token
		}
		stranger := issue(t, s)
		valid := func(token *identity.Token) bool {
			_, err := s.Authenticate(t.Context(), token.ID)
			return err == nil
		}
		if err := s.Revoke(t.Context(), made[0].ID); err != nil || valid(made[0]) || !valid(first) || !valid(made[1]) {
			t.Errorf("after one token was revoked: %v", err)
		}
		if err := s.RevokeSession(t.Context(), made[1].ID); err != nil || valid(made[1]) || valid(first) || valid(made[2]) || !valid(stranger) {
			t.Errorf("after the session was revoked: %v", err)
		}
		if err := s.RevokeSession(t.Context(), made[2].ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("revoked again: %v", err)
		}
	})
}

// A database that does not answer lets nobody in.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "wisp.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, db, t.TempDir(), identity.WithPoll(0))
	token := issue(t, s)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), token.ID); err == nil || errs.Is(err, errs.Unauthenticated) {
		t.Errorf("authenticate: %v", err)
	}
	if _, err := s.Issue(t.Context(), admin(secret)); err == nil || errs.Is(err, errs.Unauthenticated) {
		t.Errorf("issue: %v", err)
	}
}

// A name is given once, whoever is faster.
func TestConcurrentNames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, t.TempDir())
		var wg sync.WaitGroup
		results := make(chan error, 20)
		for range cap(results) {
			wg.Go(func() {
				_, err := s.CreateUser(t.Context(), identity.User{Name: "same", DomainID: identity.DefaultDomain, Enabled: true}, "")
				results <- err
			})
		}
		wg.Wait()
		close(results)
		made := 0
		for err := range results {
			if err == nil {
				made++
			} else if !errs.Is(err, errs.Conflict) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d users have the name", made)
		}
	})
}

// Roles come from groups and from above, on both engines.
func TestInheritedRoles(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, s := t.Context(), start(t, db, t.TempDir())
		fail := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		domain := identity.DefaultDomain
		top, err := s.CreateProject(ctx, identity.Project{Name: "top", DomainID: &domain, Enabled: true})
		fail(err)
		low, err := s.CreateProject(ctx, identity.Project{Name: "low", ParentID: &top.ID, Enabled: true, Tags: []string{"b", "a"}})
		fail(err)
		user, err := s.CreateUser(ctx, identity.User{Name: "u", DomainID: domain, Enabled: true}, "pw")
		fail(err)
		group, err := s.CreateGroup(ctx, identity.Group{Name: "g", DomainID: domain})
		fail(err)
		fail(s.AddMember(ctx, group.ID, user.ID))
		roles, err := s.Roles(ctx, identity.Listing{Filters: []identity.Filter{{Name: "name", Value: "member"}}})
		fail(err)
		fail(s.Grant(ctx, identity.Assignment{GroupID: group.ID, Scope: identity.ScopeDomain, TargetID: domain, RoleID: roles[0].ID, Inherited: true}))
		for _, p := range []identity.Project{top, low} {
			token, err := s.Issue(ctx, identity.AuthRequest{
				Methods:  []string{"password"},
				Password: &identity.PasswordProof{User: identity.Ref{ID: user.ID}, Password: "pw"}, Scope: identity.Scope{Project: &identity.Ref{ID: p.ID}},
			})
			fail(err)
			if len(token.Roles) != 2 {
				t.Errorf("%s: roles %v", p.Name, token.Roles)
			}
		}
		list, err := s.UserProjects(ctx, user.ID, identity.Listing{})
		fail(err)
		if len(list) != 4 {
			t.Errorf("%d projects, want all of the domain", len(list))
		}
		found, err := s.Projects(ctx, identity.Listing{Filters: []identity.Filter{{Name: "enabled", Value: "True"}, {Name: "name", Op: "iendswith", Value: "OW"}}}, identity.TagFilter{All: []string{"a", "b"}})
		fail(err)
		if len(found) != 1 || !slices.Equal(found[0].Tags, []string{"a", "b"}) {
			t.Errorf("found %+v", found)
		}
		effective, err := s.Assignments(ctx, identity.AssignmentFilter{Effective: true, Assignment: identity.Assignment{UserID: user.ID}})
		fail(err)
		if len(effective) != 8 {
			t.Errorf("%d effective assignments, want 2 roles on 4 projects", len(effective))
		}
		_, err = s.UpdateProject(ctx, domain, true, identity.ProjectChange{Enabled: new(bool)})
		fail(err)
		fail(s.DeleteProject(ctx, domain, true))
	})
}

// A chain of tokens made from each other has an end.
func TestChainIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t, storetest.SQLite(t), t.TempDir())
	token := issue(t, s)
	for i := range 100 {
		next, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodToken}, Token: token.ID})
		if errs.Is(err, errs.Unauthenticated) && i > 50 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(next.AuditIDs) != 2 || len(next.ID) > 4096 {
			t.Fatalf("token %d: audit ids %v, %d bytes", i, next.AuditIDs, len(next.ID))
		}
		token = next
	}
	t.Fatal("a hundred tokens were made from each other")
}

func TestLongPasswords(t *testing.T) {
	t.Parallel()
	s := start(t, storetest.SQLite(t), t.TempDir())
	long := fmt.Sprintf("%0100d", 1)
	user, err := s.CreateUser(t.Context(), identity.User{Name: "u", DomainID: identity.DefaultDomain, Enabled: true}, long)
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long: true, long[:72]: false, long[:99] + "2": false} {
		_, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{"password"}, Password: &identity.PasswordProof{User: identity.Ref{ID: user.ID}, Password: password}})
		if (err == nil) != want {
			t.Errorf("%d bytes ending in %s: %v", len(password), password[len(password)-1:], err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.CreateUser(ctx, identity.User{Name: "v", DomainID: identity.DefaultDomain}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled request: %v", err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := start(b, storetest.SQLite(b), b.TempDir())
	token := issue(b, s).ID
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// The first use of a token.
func BenchmarkAuthenticateUncached(b *testing.B) {
	s := start(b, storetest.SQLite(b), b.TempDir())
	token := issue(b, s).ID
	for b.Loop() {
		s.Forget()
		if _, err := s.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// With bcrypt's lowest cost, to see the rest.
func BenchmarkIssue(b *testing.B) {
	s := start(b, storetest.SQLite(b), b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		issue(b, s)
	}
}
