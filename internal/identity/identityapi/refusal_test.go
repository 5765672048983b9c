package identityapi_test

import (
	"strings"
	"testing"
)

// What is wrong is refused in Keystone's words.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u := c.user("u")
	p := c.make("projects", "project", object{"name": "p"})
	service := c.make("services", "service", object{"type": "x"})
	long := strings.Repeat("é", 256)
	user := func(attributes object) object { return object{"user": attributes} }
	project := func(attributes object) object { return object{"project": attributes} }
	endpoint := func(attributes object) object { return object{"endpoint": attributes} }
	cases := []struct {
		name, method, path string
		body               any
		status             int
		says               string
	}{
		{"no such user", "GET", "users/x", nil, 404, "Could not find user: x."},
		{"no such project", "GET", "projects/x", nil, 404, "Could not find project: x."},
		{"no such domain", "GET", "domains/" + p, nil, 404, "Could not find domain: " + p + "."},
		{"no such group", "GET", "groups/x", nil, 404, "Could not find group: x."},
		{"no such role", "GET", "roles/x", nil, 404, "Could not find role: x."},
		{"no such region", "GET", "regions/x", nil, 404, "Could not find region: x."},
		{"no such service", "GET", "services/x", nil, 404, "Could not find service: x."},
		{"no such endpoint", "GET", "endpoints/x", nil, 404, "Could not find endpoint: x."},
		{"delete no such user", "DELETE", "users/x", nil, 404, "Could not find user: x."},
		{"change no such group", "PATCH", "groups/x", object{"group": object{}}, 404, "Could not find group: x."},
		{"no such route", "GET", "nonsense", nil, 404, "could not be found"},
		{"no such method", "PUT", "users", nil, 405, "method"},
		{"no object", "POST", "users", object{}, 400, "'user' is a required property"},
		{"not an object", "POST", "users", object{"user": 1}, 400, "not of type 'object'"},
		{"body not an object", "POST", "users", "[]", 400, "malformed"},
		{"no name", "POST", "users", user(object{}), 400, "'name' is a required property"},
		{"null name", "POST", "users", user(object{"name": nil}), 400, "Invalid input for field 'name': None is not of type 'string'"},
		{"empty name", "POST", "users", user(object{"name": ""}), 400, "too short"},
		{"blank name", "POST", "users", user(object{"name": " \t"}), 400, "does not match"},
		{"long name", "POST", "users", user(object{"name": long}), 400, "too long"},
		{"NUL in a name", "POST", "users", user(object{"name": "a\x00b"}), 400, "'name'"},
		{"number for a name", "PATCH", "users/" + u, user(object{"name": 1}), 400, "'name': 1 is not of type 'string'"},
		{"password not a string", "POST", "users", user(object{"name": "x", "password": object{"secret": 1}}), 400, "'password': it is not of type"},
		{"long password", "POST", "users", user(object{"name": "x", "password": strings.Repeat("x", 5000)}), 403, "password length"},
		{"name taken", "POST", "users", user(object{"name": "u"}), 409, "Conflict occurred attempting to store user - Duplicate entry found with name u at domain ID default."},
		{"name taken by a change", "PATCH", "users/" + u, user(object{"name": "admin"}), 409, "Duplicate entry found with name admin at domain ID default."},
		{"unknown domain", "POST", "users", user(object{"name": "x", "domain_id": "x"}), 404, "Could not find domain: x."},
		{"domain changed", "PATCH", "users/" + u, user(object{"domain_id": p}), 400, "Cannot change Domain ID"},
		{"id changed", "PATCH", "users/" + u, user(object{"id": "x"}), 400, "Cannot change user ID"},
		{"domain as default project", "POST", "users", user(object{"name": "x", "default_project_id": "default"}), 400, "cannot be a domain ID"},
		{"domain as default project later", "PATCH", "users/" + u, user(object{"default_project_id": "default"}), 400, "cannot be a domain ID"},
		{"unknown option", "PATCH", "users/" + u, user(object{"options": object{"x": true}}), 400, "'x' was unexpected"},
		{"wrong option", "PATCH", "users/" + u, user(object{"options": object{"lock_password": "no"}}), 400, "lock_password"},
		{"options not an object", "PATCH", "users/" + u, user(object{"options": 1}), 400, "'options'"},
		{"long project name", "POST", "projects", project(object{"name": strings.Repeat("x", 65)}), 400, "too long"},
		{"project name taken", "POST", "projects", project(object{"name": "p"}), 409, "Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name"},
		{"unknown parent", "POST", "projects", project(object{"name": "x", "parent_id": "x"}), 400, "Could not find project: x."},
		{"unknown domain of a project", "POST", "projects", project(object{"name": "x", "domain_id": "x"}), 400, "Could not find domain: x."},
		{"parent elsewhere", "POST", "projects", project(object{"name": "x", "parent_id": p, "domain_id": "x"}), 400, "specifies a parent in a different domain"},
		{"domain below a project", "POST", "projects", project(object{"name": "x", "parent_id": p, "is_domain": true}), 400, "only root projects"},
		{"domain in a domain", "POST", "projects", project(object{"name": "x", "domain_id": "default", "is_domain": true}), 400, "only root projects"},
		{"parent changed", "PATCH", "projects/" + p, project(object{"parent_id": "x"}), 403, "Update of `parent_id` is not allowed."},
		{"made a domain", "PATCH", "projects/" + p, project(object{"is_domain": true}), 400, "Update of `is_domain` is not allowed."},
		{"tag with a comma", "POST", "projects", project(object{"name": "x", "tags": []string{"a,b"}}), 400, "'tags'"},
		{"tag twice", "POST", "projects", project(object{"name": "x", "tags": []string{"a", "a"}}), 400, "non-unique"},
		{"too many tags", "PUT", "projects/" + p + "/tags", object{"tags": strings.Split(strings.Repeat("x", 81), "")}, 400, "'tags'"},
		{"no tags", "PUT", "projects/" + p + "/tags", object{}, 400, "'tags' is a required property"},
		{"long tag", "PUT", "projects/" + p + "/tags/" + strings.Repeat("x", 256), nil, 400, "'tag'"},
		{"role name taken", "POST", "roles", object{"role": object{"name": "member"}}, 409, "Duplicate entry found with name member"},
		{"group in no domain", "POST", "groups", object{"group": object{"name": "x", "domain_id": "x"}}, 404, "Could not find domain: x."},
		{"explicit id of a domain", "POST", "domains", object{"domain": object{"name": "x", "explicit_domain_id": "x"}}, 400, "explicit_domain_id"},
		{"service without a type", "POST", "services", object{"service": object{}}, 400, "'type' is a required property"},
		{"endpoint without an URL", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "public"}), 400, "'url' is a required property"},
		{"endpoint of no service", "POST", "endpoints", endpoint(object{"service_id": "x", "interface": "public", "url": "http://x"}), 400, "Could not find service: x."},
		{"endpoint in no region", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "public", "url": "http://x", "region_id": "x"}), 400, "Could not find region: x."},
		{"odd interface", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "odd", "url": "http://x"}), 400, "'odd' is not one of"},
		{"odd URL", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "public", "url": "x"}), 400, "'url'"},
		{"odd placeholder", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "public", "url": "http://$(x)s"}), 400, "invalid URL"},
		{"open placeholder", "POST", "endpoints", endpoint(object{"service_id": service, "interface": "public", "url": "http://$(user_id"}), 400, "invalid URL"},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			r := c.Must(k.status, c.admin, k.method, v3+"/"+k.path, k.body)
			if message, _ := field(t, r, "error", "message").(string); !strings.Contains(message, k.says) {
				t.Fatalf("%s, want %q", r.Body, k.says)
			}
		})
	}
	// Projects go five deep and no deeper.
	parent := p
	for range 3 {
		parent = c.make("projects", "project", object{"name": "below " + parent, "parent_id": parent})
	}
	last := c.make("projects", "project", object{"name": "last", "parent_id": parent})
	c.Must(403, c.admin, "POST", v3+"/projects", project(object{"name": "too deep", "parent_id": last}))
}

// Without a right, what is there and what isn't look the same.
func TestForbiddenTellsNothing(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.user("u")
	other := c.user("other")
	token := c.login("u", "pw", nil)
	for _, path := range []string{"users", "users/" + other, "users/x", "projects", "projects/x", "groups/x", "roles/x", "services", "role_assignments", "domains"} {
		c.Must(403, token, "GET", v3+"/"+path, nil)
		c.Must(401, "", "GET", v3+"/"+path, nil)
	}
	c.Must(200, token, "GET", v3+"/regions", nil)
}
