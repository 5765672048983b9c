package policy_test

import (
	"testing"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

func TestRules(t *testing.T) {
	t.Parallel()
	member := &policy.Caller{UserID: "u", ProjectID: "p", Roles: []string{"member", "reader"}}
	admin := &policy.Caller{UserID: "a", ProjectID: "q", Roles: []string{"admin", "member"}}
	system := &policy.Caller{UserID: "s", System: true, Roles: []string{"reader"}}
	domain := &policy.Caller{UserID: "d", DomainID: "dom", Roles: []string{"manager"}}
	nobody := &policy.Caller{UserID: "n"}
	cases := []struct {
		name    string
		rule    policy.Rule
		caller  *policy.Caller
		target  policy.Target
		allowed bool
	}{
		{"anyone", policy.Anyone, nobody, policy.Target{}, true},
		{"nobody", policy.Nobody, admin, policy.Target{}, false},
		{"admin", policy.Admin, admin, policy.Target{ProjectID: "p"}, true},
		{"member is no admin", policy.Admin, member, policy.Target{}, false},
		{"own project", policy.Project("member"), member, policy.Target{ProjectID: "p"}, true},
		{"another project", policy.Project("member"), member, policy.Target{ProjectID: "q"}, false},
		{"unscoped and no target match nobody", policy.Project("member"), &policy.Caller{Roles: []string{"member"}}, policy.Target{}, false},
		{"role is missing", policy.Project("manager"), member, policy.Target{ProjectID: "p"}, false},
		{"domain", policy.Domain("manager"), domain, policy.Target{DomainID: "dom"}, true},
		{"another domain", policy.Domain("manager"), domain, policy.Target{DomainID: "other"}, false},
		{"system", policy.System("reader"), system, policy.Target{}, true},
		{"project is not system", policy.System("reader"), member, policy.Target{}, false},
		{"self", policy.Self, member, policy.Target{UserID: "u"}, true},
		{"unknown user is not self", policy.Self, &policy.Caller{}, policy.Target{}, false},
		{"or", policy.Or(policy.Admin, policy.Self), member, policy.Target{UserID: "u"}, true},
		{"and", policy.And(policy.Role("member"), policy.Self), admin, policy.Target{UserID: "u"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := policy.Rules{"r": c.rule}.Check("r", c.caller, c.target)
			if (err == nil) != c.allowed || err != nil && !errs.Is(err, errs.Forbidden) {
				t.Errorf("error %v, want allowed %t", err, c.allowed)
			}
		})
	}
}

// A name that no rule has denies, whoever asks: a misspelt name must never open a door.
func TestS38_UnknownRuleDenies(t *testing.T) {
	t.Parallel()
	admin := &policy.Caller{Roles: []string{"admin"}}
	if err := (policy.Rules{}).Check("update_tag", admin, policy.Target{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("error %v", err)
	}
	if err := (policy.Rules{"r": policy.Anyone}).Check("r", nil, policy.Target{}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("without a caller: %v", err)
	}
}

func TestMergeRefusesDoubles(t *testing.T) {
	t.Parallel()
	if got := policy.Merge(policy.Rules{"a": policy.Admin}, policy.Rules{"b": policy.Admin}); len(got) != 2 {
		t.Errorf("%d rules", len(got))
	}
	defer func() {
		if recover() == nil {
			t.Error("a rule was registered twice")
		}
	}()
	policy.Merge(policy.Rules{"a": policy.Admin}, policy.Rules{"a": policy.Nobody})
}

func TestAccessRules(t *testing.T) {
	t.Parallel()
	bound := func(path string) *policy.Caller {
		return &policy.Caller{AccessRules: []policy.AccessRule{{Service: "image", Method: "POST", Path: "/x"}, {Service: "compute", Method: "GET", Path: path}}}
	}
	cases := []struct {
		name, rule, service, method, path string
		reaches                           bool
	}{
		{"as it is", "/v2.1/servers", "compute", "GET", "/v2.1/servers", true},
		{"another method", "/v2.1/servers", "compute", "POST", "/v2.1/servers", false},
		{"another service", "/v2.1/servers", "image", "GET", "/v2.1/servers", false},
		{"longer", "/v2.1/servers", "compute", "GET", "/v2.1/servers/detail", false},
		{"shorter", "/v2.1/servers", "compute", "GET", "/v2.1/server", false},
		{"a dot is a dot", "/v2.1/servers", "compute", "GET", "/v2x1/servers", false},
		{"one part", "/servers/*/ips", "compute", "GET", "/servers/1/ips", true},
		{"a named part", "/servers/{id}/ips", "compute", "GET", "/servers/1/ips", true},
		{"two parts", "/servers/*/ips", "compute", "GET", "/servers/1/2/ips", false},
		{"no part", "/servers/*/ips", "compute", "GET", "/servers//ips", false},
		{"the rest", "/servers/**", "compute", "GET", "/servers/1/2/ips", true},
		{"not the rest of another", "/servers/**", "compute", "GET", "/flavors/servers/1", false},
		{"other signs are themselves", "/a+(b)|/servers", "compute", "GET", "/servers", false},
		{"the other rule", "/servers", "image", "POST", "/x", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if bound(c.rule).Reaches(c.service, c.method, c.path) != c.reaches {
				t.Errorf("reaches: %t", !c.reaches)
			}
		})
	}
	if free := (&policy.Caller{}); !free.Reaches("compute", "DELETE", "/") {
		t.Error("a caller without rules is bound")
	}
}
