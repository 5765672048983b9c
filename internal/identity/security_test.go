package identity_test

import (
	"slices"
	"strings"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store/storetest"
)

// Whoever fails, fails after one comparison with a hash of the same cost: time
// does not tell who exists.
func TestS13SameWork(t *testing.T) {
	t.Parallel()
	const cost = 5
	s := start(t, storetest.SQLite(t), t.TempDir(), identity.WithHashCost(cost))
	off, err := s.CreateUser(t.Context(), identity.User{Name: "off", DomainID: identity.DefaultDomain}, "pw")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := s.CreateUser(t.Context(), identity.User{Name: "bare", DomainID: identity.DefaultDomain, Enabled: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	costs := s.CountComparisons()
	cases := []struct {
		name     string
		user     identity.Ref
		password string
	}{
		{"wrong password", identity.Ref{Name: "admin", DomainID: identity.DefaultDomain}, "wrong"},
		{"unknown name", identity.Ref{Name: "nobody", DomainID: identity.DefaultDomain}, "wrong"},
		{"unknown domain", identity.Ref{Name: "admin", DomainName: "nowhere"}, "wrong"},
		{"unknown id", identity.Ref{ID: "0123"}, "wrong"},
		{"disabled", identity.Ref{ID: off.ID}, "pw"},
		{"without a password", identity.Ref{ID: bare.ID}, ""},
		{"too long a password", identity.Ref{ID: off.ID}, strings.Repeat("x", 5000)},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			_, err := s.Issue(t.Context(), identity.AuthRequest{
				Methods: []string{identity.MethodPassword}, Password: &identity.PasswordProof{User: k.user, Password: k.password},
			})
			if !errs.Is(err, errs.Unauthenticated) {
				t.Fatal(err)
			}
			if got := costs(); !slices.Equal(got, []int{cost}) {
				t.Fatalf("comparisons of costs %v, want one of %d", got, cost)
			}
		})
	}
	for name, proof := range map[string]identity.CredentialProof{
		"unknown credential": {ID: "x", Secret: "y"}, "unknown credential's user": {Name: "x", User: identity.Ref{ID: "x"}, Secret: "y"},
	} {
		_, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodApplicationCredential}, Credential: &proof})
		if got := costs(); !errs.Is(err, errs.Unauthenticated) || !slices.Equal(got, []int{cost}) {
			t.Errorf("%s: %v, comparisons %v", name, err, got)
		}
	}
}

// A method named a thousand times is worked on once.
func TestS16RepeatedMethods(t *testing.T) {
	t.Parallel()
	s := start(t, storetest.SQLite(t), t.TempDir())
	costs := s.CountComparisons()
	request := admin(secret)
	request.Methods = slices.Repeat([]string{identity.MethodPassword}, 1000)
	if _, err := s.Issue(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if got := costs(); len(got) != 1 {
		t.Fatalf("%d comparisons", len(got))
	}
	request.Methods = append(request.Methods, "magic")
	if _, err := s.Issue(t.Context(), request); !errs.Is(err, errs.Unauthenticated) {
		t.Fatal(err)
	}
}

// The work that a password costs is done where one is checked, and nowhere else.
func TestPasswordsAloneCost(t *testing.T) {
	t.Parallel()
	const cost = 5
	s := start(t, storetest.SQLite(t), t.TempDir(), identity.WithHashCost(cost))
	user, err := s.CreateUser(t.Context(), identity.User{Name: "user", DomainID: identity.DefaultDomain, Enabled: true}, "pw")
	if err != nil {
		t.Fatal(err)
	}
	costs := s.CountComparisons()
	var token *identity.Token
	again := func() {
		next, err := s.Issue(t.Context(), identity.AuthRequest{Methods: []string{identity.MethodToken}, Token: token.ID, Scope: admin(secret).Scope})
		if err != nil {
			t.Fatal(err)
		}
		token = next
	}
	for _, k := range []struct {
		name string
		do   func()
		want int
	}{
		{"a token for a password", func() { token = issue(t, s) }, 1},
		{"a token for a token", again, 0},
		{"who asks", func() {
			s.Forget()
			if _, err := s.Authenticate(t.Context(), token.ID); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"validation", func() {
			s.Forget()
			if _, err := s.Validate(t.Context(), token.ID, false); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"a user's other fields", func() {
			name := "other"
			if _, err := s.UpdateUser(t.Context(), user.ID, identity.UserChange{Name: &name}); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"an own new password", func() {
			if err := s.ChangePassword(t.Context(), user.ID, "pw", "new"); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"the end of a token", func() {
			if err := s.Revoke(t.Context(), token.ID); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"a token that has ended", func() {
			if _, err := s.Authenticate(t.Context(), token.ID); !errs.Is(err, errs.Unauthenticated) {
				t.Fatal(err)
			}
		}, 0},
	} {
		k.do()
		if got := costs(); len(got) != k.want {
			t.Errorf("%s: %d comparisons, want %d", k.name, len(got), k.want)
		}
	}
}
