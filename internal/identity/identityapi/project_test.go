package identityapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whose option immutable is true is neither changed nor deleted, until that is
// taken away, and nothing else with it.
func TestImmutable(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	never := object{"options": object{"immutable": true}}
	project := object{"name": "p", "tags": []string{"a"}}
	for name, value := range never {
		project[name] = value
	}
	p := c.make("projects", "project", project)
	d := c.make("domains", "domain", object{"name": "d", "enabled": false, "options": object{"immutable": true}})
	r := c.make("roles", "role", object{"name": "r", "options": object{"immutable": true}})
	for _, k := range []struct{ kind, path, id string }{{"project", "projects/" + p, p}, {"domain", "domains/" + d, d}, {"domain", "projects/" + d, d}, {"role", "roles/" + r, r}} {
		key, _, _ := strings.Cut(k.path, "s/")
		refused := func(method string, body any, says string) {
			t.Helper()
			got := field(t, c.Must(403, c.admin, method, v3+"/"+k.path, body), "error", "message")
			if want := "Unable to " + says + " immutable " + k.kind + " resource: `" + k.id + ". Set resource option \"immutable\" to false first."; got != want {
				t.Errorf("%s %s: %q, want %q", method, k.path, got, want)
			}
		}
		refused("PATCH", object{key: object{"description": "x"}}, "update")
		refused("PATCH", object{key: object{"options": object{"immutable": true}}}, "update")
		refused("PATCH", object{key: object{"name": "x", "options": object{"immutable": false}}}, "update")
		if key != "role" {
			refused("PATCH", object{key: object{"enabled": true, "options": object{"immutable": false}}}, "update")
			refused("PATCH", object{key: object{"tags": []string{}, "options": object{"immutable": nil}}}, "update")
		}
		refused("DELETE", nil, "delete")
	}
	for _, call := range []struct {
		method, path string
		body         any
	}{{"PUT", "/tags/b", nil}, {"PUT", "/tags", object{"tags": []string{"b"}}}, {"DELETE", "/tags/a", nil}, {"DELETE", "/tags", nil}} {
		c.Must(403, c.admin, call.method, v3+"/projects/"+p+call.path, call.body)
	}
	for path, key := range map[string]string{"projects/" + p: "project", "domains/" + d: "domain", "roles/" + r: "role"} {
		c.Must(200, c.admin, "PATCH", v3+"/"+path, object{key: object{"options": object{"immutable": nil}}})
		c.Must(200, c.admin, "PATCH", v3+"/"+path, object{key: object{"description": "x"}})
		c.Must(204, c.admin, "DELETE", v3+"/"+path, nil)
	}
}

// What is above and below a project comes as ids or as lists, which may hold the
// limits of each project.
func TestProjectFamily(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	top := c.make("projects", "project", object{"name": "top"})
	low := c.make("projects", "project", object{"name": "low", "parent_id": top})
	admin := field(t, c.Must(200, c.admin, "GET", v3+"/users?name=admin", nil), "users").([]any)[0].(object)["id"].(string)
	for _, id := range []string{top, low} {
		c.grant("projects/" + id + "/users/" + admin + "/roles/" + c.roles["member"])
	}
	service := c.make("services", "service", object{"type": "x"})
	c.Must(201, c.admin, "POST", v3+"/registered_limits", object{"registered_limits": []any{object{"service_id": service, "resource_name": "things", "default_limit": 1}}})
	made := c.Must(201, c.admin, "POST", v3+"/limits", object{"limits": []any{object{"service_id": service, "resource_name": "things", "resource_limit": 7, "project_id": low}}})
	limit := field(t, made, "limits").([]any)[0].(object)
	delete(limit, "links")
	p := v3 + "/projects/"
	limits := func(query, family string) any {
		t.Helper()
		list := field(t, c.Must(200, c.admin, "GET", p+query, nil), "project", family).([]any)
		if len(list) != 1 {
			t.Fatalf("%s: %v", query, list)
		}
		return list[0].(object)["project"].(object)["limits"]
	}
	if diff := cmp.Diff([]any{limit}, limits(top+"?subtree_as_list&include_limits", "subtree")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{}, limits(low+"?parents_as_list&include_limits=1", "parents")); diff != "" {
		t.Error(diff)
	}
	if got := limits(top+"?subtree_as_list&include_limits=0", "subtree"); got != nil {
		t.Errorf("limits that nobody asked for: %v", got)
	}
	if got, there := field(t, c.Must(200, c.admin, "GET", p+top+"?subtree_as_list=0&subtree_as_ids=0", nil), "project").(object)["subtree"]; there {
		t.Errorf("a subtree that nobody asked for: %v", got)
	}
	if got := field(t, c.Must(200, c.admin, "GET", p+"default?parents_as_ids", nil), "project", "parents"); got != nil {
		t.Errorf("above a domain: %v", got)
	}
	for _, family := range []string{"parents", "subtree"} {
		r := c.Must(400, c.admin, "GET", p+top+"?"+family+"_as_list&"+family+"_as_ids", nil)
		if got := field(t, r, "error", "message"); got != "Cannot use "+family+"_as_list and "+family+"_as_ids query params at the same time." {
			t.Errorf("%s: %v", family, got)
		}
	}
	if got := c.Must(201, c.admin, "PUT", p+top+"/tags/a b", nil).Header.Get("Location"); got != c.URL+p+top+"/tags/a%20b" {
		t.Errorf("Location %q", got)
	}
	c.Must(400, c.admin, "PUT", p+top+"/tags/a b", nil) // a project has each once
	c.Must(201, c.admin, "PUT", p+top+"/tags/A b", nil)
}

// Who reads a domain sees that one in the list, and of a user's groups and of a
// group's members those in it.
func TestDomainReaderLists(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	d := c.make("domains", "domain", object{"name": "d"})
	u := c.make("users", "user", object{"name": "u", "password": "pw", "domain_id": d})
	c.grant("domains/" + d + "/users/" + u + "/roles/" + c.roles["reader"])
	own, other := c.make("groups", "group", object{"name": "own", "domain_id": d}), c.make("groups", "group", object{"name": "other"})
	for _, id := range []string{own, other} {
		c.grant("groups/" + id + "/users/" + u)
	}
	c.grant("groups/" + own + "/users/" + c.user("foreigner"))
	token := c.issue(passwordAuth(object{"id": u}, "pw", scope{"domain": object{"id": d}}))
	if got := names(t, c.Must(200, token, "GET", v3+"/groups/"+own+"/users", nil), "users", "name"); !slices.Equal(got, []string{"u"}) {
		t.Errorf("members %v", got)
	}
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/groups/"+own+"/users", nil), "users", "name"); len(got) != 2 {
		t.Errorf("members for an administrator %v", got)
	}
	if got := names(t, c.Must(200, token, "GET", v3+"/domains", nil), "domains", "id"); !slices.Equal(got, []string{d}) {
		t.Errorf("domains %v", got)
	}
	if got := names(t, c.Must(200, token, "GET", v3+"/users/"+u+"/groups", nil), "groups", "name"); !slices.Equal(got, []string{"own"}) {
		t.Errorf("groups %v", got)
	}
	if got := names(t, c.Must(200, c.issue(passwordAuth(object{"id": u}, "pw", "unscoped")), "GET", v3+"/users/"+u+"/groups", nil), "groups", "name"); len(got) != 2 {
		t.Errorf("groups of an unscoped token %v", got)
	}
}

// A flag of the query is true unless it is 0.
func TestQueryFlags(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, g := c.user("u"), c.make("groups", "group", object{"name": "g"})
	c.grant("groups/" + g + "/users/" + u)
	c.grant("domains/default/groups/" + g + "/roles/" + c.roles["reader"])
	for text, effective := range map[string]bool{"": true, "=": true, "=1": true, "=True": true, "=False": true, "=0": false} {
		list := field(t, c.Must(200, c.admin, "GET", v3+"/role_assignments?scope.domain.id=default&effective"+text, nil), "role_assignments").([]any)
		if _, worked := list[0].(object)["user"]; len(list) != 1 || worked != effective {
			t.Errorf("effective%s: %v", text, list)
		}
	}
}
