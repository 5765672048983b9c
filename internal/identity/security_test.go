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
