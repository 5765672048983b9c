package identity_test

import (
	"context"
	"slices"
	"testing"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// member makes a user with the role member in a project, and returns a request
// for its token there.
func member(t *testing.T, s *identity.Service, name, projectID string) (identity.User, identity.AuthRequest) {
	t.Helper()
	u, err := s.CreateUser(t.Context(), identity.User{Name: name, DomainID: identity.DefaultDomain, Enabled: true}, "pw")
	if err != nil {
		t.Fatal(err)
	}
	roles, err := s.Roles(t.Context(), identity.Listing{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(roles, func(r identity.Role) bool { return r.Name == identity.RoleMember })
	a := identity.Assignment{UserID: u.ID, Scope: identity.ScopeProject, TargetID: projectID, RoleID: roles[i].ID}
	if err := s.Grant(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return u, identity.AuthRequest{
		Methods:  []string{identity.MethodPassword},
		Password: &identity.PasswordProof{User: identity.Ref{ID: u.ID}, Password: "pw"},
		Scope:    identity.Scope{Project: &identity.Ref{ID: projectID}},
	}
}

func project(t *testing.T, s *identity.Service) string {
	t.Helper()
	domain := identity.DefaultDomain
	p, err := s.CreateProject(t.Context(), identity.Project{Name: "p", DomainID: &domain, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

// A trust is passed on as often as it may be, and the last in the chain acts
// with what the first may do.
func TestTrustChain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		p := project(t, s)
		first, request := member(t, s, "u0", p)
		token, err := s.Issue(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, name := range []string{"u1", "u2", "u3", "u4"} {
			next, request := member(t, s, name, p)
			trust, err := s.CreateTrust(t.Context(), token, identity.TrustRequest{
				Trust: identity.Trust{TrustorID: first.ID, TrusteeID: next.ID, ProjectID: &p, Impersonation: true},
				Roles: []identity.Ref{{Name: identity.RoleMember}}, AllowRedelegation: true,
			})
			if len(ids) == 4 {
				if !errs.Is(err, errs.Forbidden) {
					t.Errorf("passed on once too often: %v", err)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(3 - len(ids)); trust.RedelegationCount != want {
				t.Errorf("%s can pass it on %d times, want %d", name, trust.RedelegationCount, want)
			}
			ids = append(ids, trust.ID)
			request.Scope = identity.Scope{Trust: trust.ID}
			if token, err = s.Issue(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if token.User.ID != first.ID || len(token.Roles) != 2 {
				t.Errorf("%s acts as %s with %d roles", name, token.User.Name, len(token.Roles))
			}
		}
		list, err := s.Trusts(t.Context(), identity.Listing{Filters: []identity.Filter{{Name: "trustor_user_id", Value: first.ID}}})
		if err != nil || len(list) != 4 {
			t.Errorf("%d trusts, error %v", len(list), err)
		}
		if err := s.DeleteTrust(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Trust(t.Context(), ids[3]); !errs.Is(err, errs.NotFound) {
			t.Errorf("the end of a chain that was cut: %v", err)
		}
		if accepts(t, s, token) {
			t.Error("its token is still good")
		}
	})
}

// Access rules are shared by a user's credentials, and go with the user.
func TestAccessRulesAreShared(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		p := project(t, s)
		u, request := member(t, s, "u", p)
		token, err := s.Issue(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		rule := identity.AccessRule{Service: "compute", Method: "GET", Path: "/v2.1/servers"}
		for _, name := range []string{"a", "b"} {
			c := identity.ApplicationCredential{Name: name, Rules: []identity.AccessRule{rule, rule}}
			c, err := s.CreateCredential(t.Context(), token, c, nil, "secret")
			if err != nil {
				t.Fatal(err)
			}
			issued, err := s.Issue(t.Context(), identity.AuthRequest{
				Methods: []string{identity.MethodApplicationCredential}, Credential: &identity.CredentialProof{ID: c.ID, Secret: "secret"},
			})
			if err != nil {
				t.Fatal(err)
			}
			caller, err := s.Authenticate(t.Context(), issued.ID)
			if err != nil || !caller.Reaches("compute", "GET", "/v2.1/servers") || caller.Reaches("compute", "GET", "/v2.1/flavors") {
				t.Errorf("%s is not bound by its rule, error %v", name, err)
			}
		}
		rules, err := s.AccessRules(t.Context(), u.ID, identity.Listing{})
		if err != nil || len(rules) != 1 {
			t.Fatalf("%d rules, error %v", len(rules), err)
		}
		if err := s.DeleteAccessRule(t.Context(), u.ID, rules[0].ID); !errs.Is(err, errs.Forbidden) {
			t.Errorf("a rule in use: %v", err)
		}
		if err := s.DeleteUser(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AccessRule(t.Context(), u.ID, rules[0].ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("the rule of a user that is gone: %v", err)
		}
	})
}

// Of the policies for an endpoint the nearest counts, and a project sees the
// endpoints that it is associated with.
func TestEndpointsOnBothEngines(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		endpoints, err := s.Endpoints(t.Context(), identity.Listing{Filters: []identity.Filter{{Name: "interface", Value: "public"}}})
		if err != nil {
			t.Fatal(err)
		}
		e := endpoints[0]
		for name, a := range map[string][3]string{"service": {"", e.ServiceID, ""}, "region": {"", e.ServiceID, *e.RegionID}} {
			policy, err := s.CreatePolicy(t.Context(), identity.PolicyBlob{Type: name})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.AssociatePolicy(t.Context(), identity.NewPolicyAssociation(policy.ID, a[0], a[1], a[2])); err != nil {
				t.Fatal(err)
			}
			if of, err := s.PolicyEndpoints(t.Context(), policy.ID); err != nil || len(of) != 3 {
				t.Errorf("%s: %d endpoints, error %v", name, len(of), err)
			}
		}
		if policy, err := s.EndpointPolicy(t.Context(), e.ID); err != nil || policy.Type != "region" {
			t.Errorf("the policy is that of the %s, error %v", policy.Type, err)
		}
		p := project(t, s)
		g, err := s.CreateEndpointGroup(t.Context(), identity.EndpointGroup{Name: "g", Filters: identity.Extra{"service_id": e.ServiceID, "interface": "public"}})
		if err != nil {
			t.Fatal(err)
		}
		sees := func(want int) {
			t.Helper()
			entries, err := s.Catalog(t.Context(), "u", p)
			if err != nil || len(entries) != want {
				t.Errorf("%d services in the catalog, want %d, error %v", len(entries), want, err)
			}
		}
		group, endpoint := identity.Association{ProjectID: p, GroupID: g.ID}, identity.Association{ProjectID: p, EndpointID: endpoints[1].ID}
		sees(5)
		for i, a := range []identity.Association{group, endpoint} {
			if err := s.Associate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if err := s.Associate(t.Context(), a); !errs.Is(err, errs.Conflict) {
				t.Errorf("associated twice: %v", err)
			}
			sees(i + 1)
		}
		// What is associated with nothing that is there any more sees all again.
		for _, step := range []func(context.Context) error{
			func(ctx context.Context) error { return s.DeleteEndpoint(ctx, endpoints[1].ID) },
			func(ctx context.Context) error { return s.DeleteEndpointGroup(ctx, g.ID) },
		} {
			if err := step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sees(5)
	})
}

// A limit is of what is registered, once for a project.
func TestLimits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		p := project(t, s)
		services, err := s.CatalogServices(t.Context(), identity.Listing{})
		if err != nil {
			t.Fatal(err)
		}
		asked := []identity.Limit{{ServiceID: services[0].ID, ResourceName: "cores", ProjectID: &p, ResourceLimit: 5}}
		if _, err := s.CreateLimits(t.Context(), asked); !errs.Is(err, errs.Forbidden) {
			t.Errorf("of what is not registered: %v", err)
		}
		registered := []identity.RegisteredLimit{{ServiceID: services[0].ID, ResourceName: "cores", DefaultLimit: 10}}
		if registered, err = s.CreateRegisteredLimits(t.Context(), registered); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateRegisteredLimits(t.Context(), registered); !errs.Is(err, errs.Conflict) {
			t.Errorf("registered twice: %v", err)
		}
		made, err := s.CreateLimits(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateLimits(t.Context(), asked); !errs.Is(err, errs.Conflict) {
			t.Errorf("a project's second: %v", err)
		}
		more := int64(7)
		if l, err := s.UpdateLimit(t.Context(), made[0].ID, identity.LimitChange{ResourceLimit: &more}); err != nil || l.ResourceLimit != 7 || l.ResourceName != "cores" {
			t.Errorf("changed to %+v, error %v", l, err)
		}
		list, err := s.Limits(t.Context(), identity.LimitScope{DomainID: identity.DefaultDomain}, identity.Listing{Filters: []identity.Filter{{Name: "resource_name", Value: "cores"}}})
		if err != nil || len(list) != 1 || list[0].ResourceLimit != 7 {
			t.Errorf("listed %+v, error %v", list, err)
		}
		if err := s.DeleteProject(t.Context(), p, false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Limit(t.Context(), made[0].ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("the limit of a project that is gone: %v", err)
		}
		if err := s.DeleteRegisteredLimit(t.Context(), registered[0].ID); err != nil {
			t.Errorf("what nobody has a limit of any more: %v", err)
		}
	})
}

// Filters that ignore case do so for what has no case or another alphabet too,
// and the empty text is in every name.
func TestFoldedFilters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, t.TempDir())
		for _, name := range []string{"École", "tool-ÉA", "计算 One"} {
			if _, err := s.CreateGroup(t.Context(), identity.Group{Name: name, DomainID: identity.DefaultDomain}); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range []struct {
			op, value string
			want      int
		}{
			{"icontains", "ÉCO", 1}, {"istartswith", "École", 1}, {"iendswith", "Éa", 1}, {"i", "计算 oNE", 1}, {"icontains", "计算", 1},
			{"contains", "", 3}, {"icontains", "", 3}, {"startswith", "", 3}, {"iendswith", "", 3}, {"", "", 0}, {"contains", "éco", 0},
		} {
			found, err := s.Groups(t.Context(), "", identity.Listing{Filters: []identity.Filter{{Name: "name", Op: k.op, Value: k.value}}})
			if err != nil || len(found) != k.want {
				t.Errorf("%s %q: %d groups, want %d (%v)", k.op, k.value, len(found), k.want, err)
			}
		}
	})
}
