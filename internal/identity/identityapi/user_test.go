package identityapi_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/identity"
)

// Filters by what no user has find none, and say what is wrong with them.
func TestUserFilters(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, g := c.user("u"), c.make("groups", "group", object{"name": "g"})
	c.grant("groups/" + g + "/users/" + u)
	for _, path := range []string{"users", "groups/" + g + "/users"} {
		for query, want := range map[string]string{
			"lt:2016-11-06T15:32:17Z": "", "neq:2016-11-06T15:32:17Z": "", "2016-11-06T15:32:17Z": "", "gte:2016-11-06": "",
			"xy:2016-11-06T15:32:17Z": "The given operator xy is not valid.", "lt:yesterday": "Timestamp not in expected format.", "": "Timestamp not in expected format.",
		} {
			status := 200
			if want != "" {
				status = 400
			}
			r := c.Must(status, c.admin, "GET", v3+"/"+path+"?password_expires_at="+query, nil)
			if status == 200 {
				if got := names(t, r, "users", "name"); len(got) != 0 {
					t.Errorf("%s, %s: %v", path, query, got)
				}
				continue
			}
			if got, _ := field(t, r, "error", "message").(string); !strings.Contains(got, want) {
				t.Errorf("%s, %s: %q, want %q", path, query, got, want)
			}
		}
	}
	for _, name := range []string{"idp_id", "protocol_id", "unique_id"} {
		if got := names(t, c.Must(200, c.admin, "GET", v3+"/users?"+name+"=x", nil), "users", "name"); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	r := c.Must(404, c.admin, "DELETE", v3+"/groups/"+g+"/users/"+c.user("other"), nil)
	if got, _ := field(t, r, "error", "message").(string); !strings.HasSuffix(got, "not found in group '"+g+"'") {
		t.Errorf("no member: %q", got)
	}
}

// A token that has ended can still be asked about, in each way of saying so.
func TestAllowExpired(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	c := newCloud(t, identity.WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }))
	c.user("u")
	old := c.login("u", "pw", nil)
	ahead.Store(int64(2 * time.Hour))
	admin := c.login("admin", adminPassword, inAdmin)
	for text, status := range map[string]int{"1": 200, "True": 200, "t": 200, "on": 200, "y": 200, "yes": 200, "0": 404, "": 404, "off": 404, "2": 404} {
		c.Must(status, admin, "GET", v3+"/auth/tokens?allow_expired="+text, nil, "X-Subject-Token", old)
	}
}

// An application credential whose user lost some of its roles is good for the
// others, and for nothing without any.
func TestCredentialLosesRoles(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p, r := c.user("u"), c.make("projects", "project", object{"name": "p"}), c.make("roles", "role", object{"name": "painter"})
	role := func(id string) string { return "projects/" + p + "/users/" + u + "/roles/" + id }
	c.grant(role(c.roles["reader"]))
	c.grant(role(r))
	token := c.login("u", "pw", scope{"project": object{"id": p}})
	made := c.Must(201, token, "POST", v3+"/users/"+u+"/application_credentials", object{"application_credential": object{"name": "a"}})
	auth := object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": object{
		"id": field(t, made, "application_credential", "id"), "secret": field(t, made, "application_credential", "secret"),
	}}}}
	old := c.issue(auth)
	roles := func(token string) []string {
		t.Helper()
		shown := c.Must(200, token, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token)
		var names []string
		for _, one := range field(t, shown, "token", "roles").([]any) {
			names = append(names, one.(object)["name"].(string))
		}
		return names
	}
	if got := roles(old); !slices.Equal(got, []string{"painter", "reader"}) {
		t.Errorf("roles %v", got)
	}
	c.Must(204, c.admin, "DELETE", v3+"/"+role(r), nil)
	for name, token := range map[string]string{"old": old, "new": c.issue(auth)} {
		if got := roles(token); !slices.Equal(got, []string{"reader"}) {
			t.Errorf("%s: roles %v", name, got)
		}
	}
	c.grant(role(c.roles["member"])) // which it never had
	if got := roles(old); !slices.Equal(got, []string{"reader"}) {
		t.Errorf("roles after another grant %v", got)
	}
	c.Must(204, c.admin, "DELETE", v3+"/"+role(c.roles["member"]), nil)
	c.Must(204, c.admin, "DELETE", v3+"/"+role(c.roles["reader"]), nil)
	c.Must(401, "", "POST", v3+"/auth/tokens", auth)
	c.Must(401, old, "GET", v3+"/auth/projects", nil)
}

// Roles of an application credential are those of the token, by id or name.
func TestCredentialRoles(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["member"])
	token := c.login("u", "pw", scope{"project": object{"id": p}})
	for name, k := range map[string]struct {
		role   object
		status int
		says   string
	}{
		"not there":      {object{"name": "painter"}, 404, "Role painter is not defined"},
		"not the user's": {object{"name": "admin"}, 400, "Invalid application credential: Cannot create an application credential with unassigned role"},
		"no such id":     {object{"id": "x"}, 400, "Invalid application credential: Cannot create an application credential with unassigned role"},
	} {
		r := c.Must(k.status, token, "POST", v3+"/users/"+u+"/application_credentials", object{"application_credential": object{"name": name, "roles": []any{k.role}}})
		if got := field(t, r, "error", "message"); got != k.says {
			t.Errorf("%s: %v", name, got)
		}
	}
}
