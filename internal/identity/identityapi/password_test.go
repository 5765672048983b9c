package identityapi_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/identity"
)

// A user whose password an administrator gave, and what is said of it.
func TestExpiredPassword(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	clock := func() time.Time {
		return time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC).Add(time.Duration(ahead.Load()))
	}
	c := newCloud(t, identity.WithClock(clock), identity.WithPasswordRules(identity.PasswordRules{LifeDays: 30, ChangeFirst: true}))
	u := c.make("users", "user", object{"name": "u", "password": "given"})
	check := func(what string, want, got any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	const now, later = "2030-01-02T03:04:05.600000", "2030-02-01T03:04:05.000000"
	show := func() any {
		return field(t, c.Must(200, c.admin, "GET", v3+"/users/"+u, nil), "user", "password_expires_at")
	}
	check("shown", now, show())
	auth := func(password string) object { return passwordAuth(object{"id": u}, password, nil) }
	r := c.Must(401, "", "POST", v3+"/auth/tokens", auth("given"))
	check("expired", "The password is expired and needs to be changed for user: "+u+".", field(t, r, "error", "message"))
	r = c.Must(401, "", "POST", v3+"/auth/tokens", auth("wrong"))
	check("wrong", "The request you have made requires authentication.", field(t, r, "error", "message"))

	// Its change needs no token, and no other proof than the old one.
	change := v3 + "/users/" + u + "/password"
	c.Must(401, "", "POST", change, object{"user": object{"original_password": "wrong", "password": "own"}})
	c.Must(204, "", "POST", change, object{"user": object{"original_password": "given", "password": "own"}})
	check("changed", later, show())
	r = c.Must(201, "", "POST", v3+"/auth/tokens", auth("own"))
	token := r.Header.Get("X-Subject-Token")
	check("token", later, field(t, r, "token", "user", "password_expires_at"))
	r = c.Must(200, token, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token)
	check("token, shown", later, field(t, r, "token", "user", "password_expires_at"))
	for query, want := range map[string]int{"lt:2030-02-01T03:04:06Z": 1, "gte:2030-02-01T03:04:06Z": 0} {
		check(query, want, len(names(t, c.Must(200, c.admin, "GET", v3+"/users?password_expires_at="+query, nil), "users", "name")))
	}

	// A reset by an administrator is for the first use only.
	r = c.Must(200, c.admin, "PATCH", v3+"/users/"+u, object{"user": object{"password": "reset"}})
	check("reset", now, field(t, r, "user", "password_expires_at"))
	c.Must(401, "", "POST", v3+"/auth/tokens", auth("reset"))
	r = c.Must(200, c.admin, "PATCH", v3+"/users/"+u, object{"user": object{"options": object{"ignore_password_expiry": true, "ignore_user_inactivity": true}}})
	check("option", true, field(t, r, "user", "options", "ignore_user_inactivity"))
	c.Must(201, "", "POST", v3+"/auth/tokens", auth("reset"))
	c.Must(400, c.admin, "PATCH", v3+"/users/"+u, object{"user": object{"options": object{"ignore_user_inactivity": "yes"}}})
	c.Must(200, c.admin, "PATCH", v3+"/users/"+u, object{"user": object{"password_expires_at": nil}})
	check("nobody sets it", now, show())
}

// What passwords must be like is said to everyone, and to whose password is not.
func TestPasswordRegex(t *testing.T) {
	t.Parallel()
	pattern, err := identity.NewPasswordPattern(`^(?=.*\d)[a-z\d]+$`, "Small letters with a digit")
	if err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, identity.WithPasswordRules(identity.PasswordRules{Pattern: pattern}))
	u := c.make("users", "user", object{"name": "u", "password": "pw1"})
	c.make("users", "user", object{"name": "none"})
	token := c.login("u", "pw1", nil)
	compliance := v3 + "/domains/default/config/security_compliance"
	got := field(t, c.Must(200, token, "GET", compliance, nil), "config", "security_compliance").(object)
	if got["password_regex"] != `^(?=.*\d)[a-z\d]+$` || got["password_regex_description"] != "Small letters with a digit" {
		t.Errorf("config %v", got)
	}
	if got := field(t, c.Must(200, token, "GET", compliance+"/password_regex_description", nil), "config", "password_regex_description"); got != "Small letters with a digit" {
		t.Errorf("description %v", got)
	}
	for _, wrong := range []struct {
		name, method, path string
		user               object
	}{
		{"create", "POST", "/users", object{"name": "x", "password": "PW"}},
		{"create with none said", "POST", "/users", object{"name": "x", "password": nil}},
		{"reset", "PATCH", "/users/" + u, object{"password": "PW"}},
		{"reset to none", "PATCH", "/users/" + u, object{"password": nil}},
		{"change", "POST", "/users/" + u + "/password", object{"original_password": "pw1", "password": "PW"}},
	} {
		words := "The password does not match the requirements: Small letters with a digit."
		if wrong.user["password"] == nil {
			words = "Password validation error: Password must be a string type."
		}
		r := c.Must(400, c.admin, wrong.method, v3+wrong.path, object{"user": wrong.user})
		if got, _ := field(t, r, "error", "message").(string); !strings.HasPrefix(got, words) {
			t.Errorf("%s: %q", wrong.name, got)
		}
	}
	c.Must(204, "", "POST", v3+"/users/"+u+"/password", object{"user": object{"original_password": "pw1", "password": "pw2"}})
}
