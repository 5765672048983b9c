package identityapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/identity"
)

var inAdmin = scope{"project": object{"name": "admin", "domain": object{"id": "default"}}}

// What a request says of itself never decides whom it is about.
func TestS01TargetFromBody(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	mallory, victim := c.user("mallory"), c.user("victim")
	project := c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + project + "/users/" + mallory + "/roles/" + c.roles["member"])
	token := c.login("mallory", "pw", scope{"project": object{"id": project}})
	body := object{
		"user": object{"id": mallory, "user_id": mallory, "password": "mine"}, "user_id": mallory, "target": object{"user": object{"id": mallory}},
		"project": object{"domain_id": "default", "id": project}, "domain_id": "default",
	}
	other := c.make("projects", "project", object{"name": "other"})
	for _, path := range []string{"users/" + victim, "projects/" + other, "domains/default", "roles/" + c.roles["member"]} {
		for _, method := range []string{http.MethodPatch, http.MethodDelete} {
			c.Must(http.StatusForbidden, token, method, "/identity/v3/"+path+"?user_id="+mallory+"&project_id="+project, body, "X-User-Id", mallory)
		}
	}
	c.login("victim", "pw", nil) // the password is still what it was
}

// A restricted application credential makes no other one, and none gets more
// roles than the token that asks has.
func TestS02CredentialDelegation(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u := c.user("u")
	project := c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + project + "/users/" + u + "/roles/" + c.roles["member"])
	token := c.login("u", "pw", scope{"project": object{"id": project}})
	path := "/identity/v3/users/" + u + "/application_credentials"
	make := func(status int, token string, attributes object) (id, secret string) {
		t.Helper()
		r := c.Must(status, token, "POST", path, object{"application_credential": attributes})
		if status == http.StatusCreated {
			id, _ = field(t, r, "application_credential", "id").(string)
			secret, _ = field(t, r, "application_credential", "secret").(string)
		}
		return id, secret
	}
	make(http.StatusBadRequest, token, object{"name": "more", "roles": []object{{"id": c.roles["admin"]}}})
	id, secret := make(http.StatusCreated, token, object{"name": "reader", "roles": []object{{"name": "reader"}}})
	auth := object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": object{"id": id, "secret": secret}}}}
	restricted := c.issue(auth)
	shown := c.Must(http.StatusOK, restricted, "GET", "/identity/v3/auth/tokens", nil, "X-Subject-Token", restricted)
	if roles := field(t, shown, "token", "roles").([]any); len(roles) != 1 || roles[0].(object)["name"] != "reader" {
		t.Fatalf("roles %v, want reader only", roles)
	}
	make(http.StatusForbidden, restricted, object{"name": "another"})
	c.Must(http.StatusForbidden, restricted, "DELETE", path+"/"+id, nil)
	// It cannot shed its bounds by becoming another token.
	c.grant("system/users/" + u + "/roles/" + c.roles["member"])
	for _, in := range []any{scope{"project": object{"id": project}}, scope{"system": object{"all": true}}, "unscoped"} {
		c.Must(http.StatusForbidden, "", "POST", "/identity/v3/auth/tokens", tokenAuth(restricted, in))
	}
	again := c.Must(http.StatusCreated, "", "POST", "/identity/v3/auth/tokens", tokenAuth(restricted, nil))
	for _, part := range []string{"roles", "project", "application_credential", "expires_at"} {
		if diff := cmp.Diff(field(t, shown, "token", part), field(t, again, "token", part)); diff != "" {
			t.Errorf("a token of it differs in %s: %s", part, diff)
		}
	}
	second := again.Header.Get("X-Subject-Token")
	make(http.StatusForbidden, second, object{"name": "another"})
	c.Must(http.StatusForbidden, c.admin, "POST", path, object{"application_credential": object{"name": "for another"}})
	// Once the user lost the role, so has the credential; and it ends when deleted.
	c.Must(http.StatusNoContent, token, "DELETE", path+"/"+id, nil)
	c.Must(http.StatusUnauthorized, restricted, "GET", "/identity/v3/auth/projects", nil)
	c.Must(http.StatusUnauthorized, second, "GET", "/identity/v3/auth/projects", nil)
	c.Must(http.StatusUnauthorized, "", "POST", "/identity/v3/auth/tokens", auth)
}

// However often a token is made from another, it ends when the first one does.
func TestS07RescopingNeverExtends(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	c := newCloud(t, identity.WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }))
	r := c.Must(http.StatusCreated, "", "POST", "/identity/v3/auth/tokens", passwordAuth(object{"name": "admin", "domain": object{"id": "default"}}, adminPassword, nil))
	end, token := field(t, r, "token", "expires_at"), r.Header.Get("X-Subject-Token")
	scopes := []any{nil, inAdmin, scope{"system": object{"all": true}}, "unscoped"}
	for i := range 10 {
		ahead.Add(int64(time.Minute))
		body := tokenAuth(token, scopes[i%len(scopes)])
		if i == 5 {
			// Together with the password it is no better.
			identity := body["auth"].(object)["identity"].(object)
			identity["methods"] = []string{"password", "token"}
			identity["password"] = object{"user": object{"name": "admin", "domain": object{"id": "default"}, "password": adminPassword}}
		}
		r = c.Must(http.StatusCreated, "", "POST", "/identity/v3/auth/tokens", body)
		token = r.Header.Get("X-Subject-Token")
		if got := field(t, r, "token", "expires_at"); got != end {
			t.Fatalf("token %d ends %v, the first one %v", i, got, end)
		}
	}
	ahead.Store(int64(time.Hour + time.Minute))
	c.Must(http.StatusNotFound, "", "POST", "/identity/v3/auth/tokens", tokenAuth(token, nil))
	c.Must(http.StatusUnauthorized, token, "GET", "/identity/v3/auth/projects", nil)
}

// A token for the system stays one, or becomes one for nothing: who has it has not
// shown that they may work in a project.
func TestSystemTokensAreForNoProject(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	system := c.login("admin", adminPassword, scope{"system": object{"all": true}})
	for _, asked := range []any{inAdmin, scope{"domain": object{"id": "default"}}} {
		c.Must(http.StatusForbidden, "", "POST", "/identity/v3/auth/tokens", tokenAuth(system, asked))
	}
	for _, asked := range []any{scope{"system": object{"all": true}}, "unscoped", nil} {
		c.Must(http.StatusCreated, "", "POST", "/identity/v3/auth/tokens", tokenAuth(system, asked))
	}
	// The way round is open, as with Keystone.
	c.issue(tokenAuth(c.issue(tokenAuth(system, "unscoped")), inAdmin))
}

// Headers that a proxy would set in front of the real services mean nothing.
func TestS08IdentityHeadersIgnored(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.user("u")
	forged := []string{
		"X-Identity-Status", "Confirmed", "X-Service-Identity-Status", "Confirmed", "X-User-Id", "admin", "X-User-Name", "admin", "X-Roles", "admin", "X-Role", "admin",
		"X-Project-Id", "admin", "X-Tenant-Id", "admin", "X-Is-Admin-Project", "True", "X-System-Scope", "all", "OpenStack-System-Scope", "all", "X-Domain-Id", "default",
	}
	c.Must(http.StatusUnauthorized, "", "GET", "/identity/v3/users", nil, forged...)
	c.Must(http.StatusForbidden, c.login("u", "pw", nil), "GET", "/identity/v3/users", nil, forged...)
}

// Nothing tells an unknown user from a wrong password.
func TestS13UnknownUser(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	off := c.user("off")
	c.Must(http.StatusOK, c.admin, "PATCH", "/identity/v3/users/"+off, object{"user": object{"enabled": false}})
	cases := []struct {
		name string
		user object
		pw   string
	}{
		{"wrong password", object{"name": "admin", "domain": object{"id": "default"}}, "wrong"},
		{"unknown name", object{"name": "nobody", "domain": object{"id": "default"}}, "wrong"},
		{"unknown domain", object{"name": "admin", "domain": object{"name": "nowhere"}}, "wrong"},
		{"unknown id", object{"id": "0123"}, "wrong"},
		{"disabled, wrong password", object{"id": off}, "wrong"},
		{"disabled, right password", object{"id": off}, "pw"},
		{"too long a password", object{"name": "admin", "domain": object{"id": "default"}}, strings.Repeat("x", 5000)},
	}
	var first []byte
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			r := c.Do("", "POST", "/identity/v3/auth/tokens", passwordAuth(k.user, k.pw, nil))
			if first == nil {
				first = r.Body
			}
			if r.Status != http.StatusUnauthorized || !bytes.Equal(r.Body, first) {
				t.Fatalf("status %d, body %s, want %s", r.Status, r.Body, first)
			}
		})
	}
}

// Only what someone has a role in is listed for them.
func TestS14AuthLists(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u := c.user("u")
	mine := c.make("projects", "project", object{"name": "mine"})
	c.make("projects", "project", object{"name": "foreign"})
	c.grant("projects/" + mine + "/users/" + u + "/roles/" + c.roles["reader"])
	token := c.login("u", "pw", nil)
	for path, want := range map[string]int{"projects": 1, "domains": 0, "system": 0} {
		for _, query := range []string{"", "?name=foreign&user.id=admin", "?domain_id=default&is_domain=true"} {
			r := c.Must(http.StatusOK, token, "GET", "/identity/v3/auth/"+path+query, nil)
			if list := field(t, r, path).([]any); len(list) > want || query == "" && len(list) != want {
				t.Errorf("%s%s shows %d, want %d", path, query, len(list), want)
			}
		}
	}
}

func TestS15Revocation(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	first := c.login("admin", adminPassword, nil)
	second := c.issue(tokenAuth(first, inAdmin))
	third := c.issue(tokenAuth(second, scope{"system": object{"all": true}}))
	stranger := c.login("admin", adminPassword, inAdmin)
	alive := func(token string, want bool) {
		t.Helper()
		status := http.StatusUnauthorized
		if want {
			status = http.StatusOK
		}
		c.Must(status, token, "GET", "/identity/v3/auth/projects", nil)
		if !want {
			c.Must(http.StatusNotFound, c.admin, "GET", "/identity/v3/auth/tokens", nil, "X-Subject-Token", token)
			c.Must(http.StatusNotFound, "", "POST", "/identity/v3/auth/tokens", tokenAuth(token, nil))
		}
	}
	// What was made from the second goes with it, what it was made from stays.
	c.Must(http.StatusNoContent, c.admin, "DELETE", "/identity/v3/auth/tokens", nil, "X-Subject-Token", second)
	alive(second, false)
	alive(third, false)
	alive(first, true)
	fourth := c.issue(tokenAuth(first, inAdmin))
	// The chain's root takes all of it along.
	c.Must(http.StatusNoContent, first, "DELETE", "/identity/v3/auth/tokens", nil, "X-Subject-Token", first)
	alive(first, false)
	alive(fourth, false)
	alive(stranger, true)
	c.Must(http.StatusNotFound, c.admin, "DELETE", "/identity/v3/auth/tokens", nil, "X-Subject-Token", first)
}

// No token with any bit changed is valid.
func TestS15BitFlips(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for i := range len(c.admin) {
		for bit := range 8 {
			changed := []byte(c.admin)
			changed[i] ^= 1 << bit
			if _, err := c.svc.Authenticate(t.Context(), string(changed)); err == nil {
				t.Fatalf("the token is valid with bit %d of byte %d changed", bit, i)
			}
		}
	}
	for _, changed := range []string{c.admin + "=", c.admin + "A", c.admin[1:], c.admin[:len(c.admin)-1], " " + c.admin, c.admin + "\n", ""} {
		if _, err := c.svc.Authenticate(t.Context(), changed); err == nil {
			t.Fatalf("valid: %q", changed)
		}
	}
}

// A password change, a disabled or deleted user, project or domain, and a role
// taken away end tokens at once.
func TestS15RevokedByChange(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, method, path string
		body               object
	}{
		{"password changed", "PATCH", "users/{user}", object{"user": object{"password": "new"}}},
		{"user disabled", "PATCH", "users/{user}", object{"user": object{"enabled": false}}},
		{"user deleted", "DELETE", "users/{user}", nil},
		{"project disabled", "PATCH", "projects/{project}", object{"project": object{"enabled": false}}},
		{"project deleted", "DELETE", "projects/{project}", nil},
		{"role revoked", "DELETE", "projects/{project}/users/{user}/roles/{role}", nil},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
			c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["member"])
			token := c.login("u", "pw", scope{"project": object{"id": p}})
			c.Must(http.StatusOK, token, "GET", "/identity/v3/auth/projects", nil)
			path := strings.NewReplacer("{user}", u, "{project}", p, "{role}", c.roles["member"]).Replace(k.path)
			r := c.Do(c.admin, k.method, "/identity/v3/"+path, k.body)
			if r.Status >= 300 {
				t.Fatalf("status %d: %s", r.Status, r.Body)
			}
			c.Must(http.StatusUnauthorized, token, "GET", "/identity/v3/auth/projects", nil)
		})
	}
}

// What is to be a boolean is one.
func TestS17EnabledIsBoolean(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u := c.user("u")
	for _, value := range []any{"False", "false", "true", "", 0, 1, nil, []any{}, object{}} {
		for _, k := range []struct{ method, path, key string }{
			{"POST", "users", "user"}, {"PATCH", "users/" + u, "user"}, {"POST", "projects", "project"}, {"POST", "domains", "domain"},
			{"PATCH", "domains/default", "domain"},
		} {
			r := c.Must(http.StatusBadRequest, c.admin, k.method, "/identity/v3/"+k.path, object{k.key: object{"name": "x", "enabled": value}})
			if !strings.Contains(string(r.Body), "'enabled'") {
				t.Errorf("the field is not named: %s", r.Body)
			}
		}
	}
	r := c.Must(http.StatusCreated, c.admin, "POST", "/identity/v3/users", object{"user": object{"name": "x", "enabled": false, "password": "pw"}})
	c.Must(http.StatusUnauthorized, "", "POST", "/identity/v3/auth/tokens", passwordAuth(object{"id": field(t, r, "user", "id")}, "pw", nil))
	if strings.Contains(string(r.Body), "pw") || strings.Contains(string(r.Body), "$2a$") {
		t.Errorf("the answer shows the password: %s", r.Body)
	}
}

// A domain's manager rules the domain, and can't become more than that.
func TestDomainManagerStaysInDomain(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	domain := c.make("domains", "domain", object{"name": "d"})
	boss := c.make("users", "user", object{"name": "boss", "domain_id": domain, "password": "pw"})
	peer := c.make("users", "user", object{"name": "peer", "domain_id": domain, "password": "pw"})
	root := c.make("users", "user", object{"name": "root", "domain_id": domain, "password": "pw"})
	roots := c.make("groups", "group", object{"name": "roots", "domain_id": domain})
	stranger := c.user("stranger")
	project := c.make("projects", "project", object{"name": "p", "domain_id": domain})
	foreign := c.make("projects", "project", object{"name": "foreign"})
	c.grant("domains/" + domain + "/users/" + boss + "/roles/" + c.roles["manager"])
	c.grant("system/users/" + root + "/roles/" + c.roles["admin"])
	c.grant("system/groups/" + roots + "/roles/" + c.roles["admin"])
	token := c.issue(passwordAuth(object{"id": boss}, "pw", scope{"domain": object{"id": domain}}))
	member, admin := c.roles["member"], c.roles["admin"]
	humble := c.make("roles", "role", object{"name": "humble", "domain_id": domain})
	mighty := c.make("roles", "role", object{"name": "mighty", "domain_id": domain})
	for role, implied := range map[string]string{humble: "member", mighty: "service"} {
		c.Must(201, c.admin, "PUT", "/identity/v3/roles/"+role+"/implies/"+c.roles[implied], nil)
	}
	cases := []struct {
		name, method, path string
		body               object
		status             int
	}{
		{"gives a role of the domain", "PUT", "projects/" + project + "/users/" + peer + "/roles/" + humble, nil, 204},
		{"and takes it", "DELETE", "projects/" + project + "/users/" + peer + "/roles/" + humble, nil, 204},
		{"gives none that implies more", "PUT", "projects/" + project + "/users/" + boss + "/roles/" + mighty, nil, 403},
		{"makes users in it", "POST", "users", object{"user": object{"name": "new", "domain_id": domain}}, 201},
		{"makes users in it without saying so", "POST", "users", object{"user": object{"name": "new2"}}, 201},
		{"makes none elsewhere", "POST", "users", object{"user": object{"name": "new3", "domain_id": "default"}}, 403},
		{"makes projects in it", "POST", "projects", object{"project": object{"name": "sub", "parent_id": project}}, 201},
		{"makes none elsewhere", "POST", "projects", object{"project": object{"name": "sub", "parent_id": foreign}}, 403},
		{"makes no domains", "POST", "projects", object{"project": object{"name": "dd", "is_domain": true}}, 403},
		{"gives member", "PUT", "projects/" + project + "/users/" + peer + "/roles/" + member, nil, 204},
		{"gives no admin", "PUT", "projects/" + project + "/users/" + peer + "/roles/" + admin, nil, 403},
		{"gives nothing to strangers", "PUT", "projects/" + project + "/users/" + stranger + "/roles/" + member, nil, 403},
		{"gives nothing elsewhere", "PUT", "projects/" + foreign + "/users/" + peer + "/roles/" + member, nil, 403},
		{"gives nothing on the system", "PUT", "system/users/" + peer + "/roles/" + member, nil, 403},
		{"sees its users", "GET", "users/" + peer, nil, 200},
		{"sees no others", "GET", "users/" + stranger, nil, 403},
		{"sets a password", "PATCH", "users/" + peer, object{"user": object{"password": "x"}}, 200},
		{"not that of an admin", "PATCH", "users/" + root, object{"user": object{"password": "x"}}, 403},
		{"joins no group of admins", "PUT", "groups/" + roots + "/users/" + boss, nil, 403},
		{"makes roles of the domain", "POST", "roles", object{"role": object{"name": "own", "domain_id": domain}}, 201},
		{"makes no others", "POST", "roles", object{"role": object{"name": "own"}}, 403},
		{"reads the domain", "GET", "domains/" + domain, nil, 200},
		{"reads no other", "GET", "domains/default", nil, 403},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) { c.Must(k.status, token, k.method, "/identity/v3/"+k.path, k.body) })
	}
	for collection, want := range map[string]int{"users": 5, "projects": 2, "groups": 1} {
		if got := names(t, c.Must(200, token, "GET", "/identity/v3/"+collection, nil), collection, "name"); len(got) != want {
			t.Errorf("%s: %v, want %d", collection, got, want)
		}
	}
	if got := field(t, c.Must(200, token, "GET", "/identity/v3/role_assignments?include_names", nil), "role_assignments").([]any); len(got) != 2 {
		t.Errorf("assignments %v, want those in the domain", got)
	}
}
