package identityapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/api/apitest"
)

const v3 = "/identity/v3"

func TestVersions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for path, status := range map[string]int{"/identity": 300, "/identity/": 300, "/identity/v3": 200, "/identity/v3/": 200} {
		r := c.Must(status, "", "GET", path, nil)
		if !strings.Contains(string(r.Body), `"href":"`+c.URL+`/identity/v3/"`) {
			t.Errorf("%s: %s", path, r.Body)
		}
		if status == 300 && r.Header.Get("Location") != c.URL+"/identity/v3/" {
			t.Errorf("%s: location %s", path, r.Header.Get("Location"))
		}
	}
}

// A slash at the end of a path changes nothing.
func TestTrailingSlash(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.Must(200, c.admin, "GET", v3+"/users/", nil)
	c.Must(200, c.admin, "GET", v3+"/users/?name=u", nil)
	c.Must(200, c.admin, "GET", v3+"/users/"+u+"/", nil)
	c.Must(404, c.admin, "GET", v3+"/nonsense/", nil)
	c.grant("OS-INHERIT/projects/" + p + "/users/" + u + "/roles/" + c.roles["member"] + "/inherited_to_projects/")
	c.Must(404, c.admin, "GET", v3+"/projects/"+p+"/users/"+u+"/roles/"+c.roles["member"], nil)
}

func TestTokenRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	r := c.Must(201, "", "POST", v3+"/auth/tokens", passwordAuth(object{"name": "admin", "domain": object{"name": "Default"}}, adminPassword, inAdmin))
	token := r.Header.Get("X-Subject-Token")
	var answer struct {
		Token struct {
			IssuedAt string `json:"issued_at"`
			Roles    []struct{ Name string }
			Catalog  []struct {
				Type      string
				Endpoints []struct{ Interface, Region, URL string }
			}
		}
	}
	r.JSON(t, &answer)
	if len(answer.Token.Roles) != 4 || len(answer.Token.Catalog) != 5 || len(answer.Token.Catalog[0].Endpoints) != 3 {
		t.Fatalf("token %s", r.Body)
	}
	if at := answer.Token.IssuedAt; len(at) != len("2026-01-01T00:00:00.000000Z") || !strings.HasSuffix(at, "Z") {
		t.Errorf("issued_at %q", at)
	}
	shown := c.Must(200, token, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token)
	if diff := cmp.Diff(field(t, r), field(t, shown)); diff != "" {
		t.Errorf("shown otherwise than issued: %s", diff)
	}
	if r := c.Must(200, token, "HEAD", v3+"/auth/tokens", nil, "X-Subject-Token", token); len(r.Body) != 0 || r.Header.Get("X-Subject-Token") != token {
		t.Errorf("HEAD: %s, headers %v", r.Body, r.Header)
	}
	if r := c.Must(200, token, "GET", v3+"/auth/tokens?nocatalog", nil, "X-Subject-Token", token); strings.Contains(string(r.Body), "catalog") {
		t.Errorf("nocatalog: %s", r.Body)
	}
	c.Must(200, token, "GET", v3+"/auth/catalog", nil)
	c.Must(403, c.login("admin", adminPassword, "unscoped"), "GET", v3+"/auth/catalog", nil)
	c.Must(200, token, "GET", v3+"/auth/projects", nil)
	c.Must(200, token, "GET", v3+"/auth/domains", nil)
	if on := field(t, c.Must(200, token, "GET", v3+"/auth/system", nil), "system").([]any); len(on) != 1 {
		t.Errorf("system %v", on)
	}
	c.user("u")
	other := c.login("u", "pw", nil)
	c.Must(403, other, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token)
	c.Must(403, other, "DELETE", v3+"/auth/tokens", nil, "X-Subject-Token", token)
	c.Must(200, other, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", other)
	c.Must(204, token, "DELETE", v3+"/auth/tokens", nil, "X-Subject-Token", token)
}

func TestBadAuthRequests(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	id := func(identity object) object { return object{"auth": object{"identity": identity}} }
	scoped := func(in any) object {
		return passwordAuth(object{"name": "admin", "domain": object{"id": "default"}}, adminPassword, in)
	}
	cases := []struct {
		name   string
		body   any
		status int
		says   string
	}{
		{"no body", "", 400, "body"},
		{"not JSON", "{", 400, "malformed"},
		{"no auth", object{}, 400, "'auth' is a required property"},
		{"no identity", object{"auth": object{}}, 400, "'identity' is a required property"},
		{"no methods", id(object{}), 400, "'methods' is a required property"},
		{"methods not a list", id(object{"methods": "password"}), 400, "methods"},
		{"empty methods", id(object{"methods": []string{}}), 401, "requires authentication"},
		{"unknown method", id(object{"methods": []string{"magic"}}), 401, "unsupported method"},
		{"no payload", id(object{"methods": []string{"password"}}), 400, "Expecting to find password in identity"},
		{"no token", id(object{"methods": []string{"token"}}), 400, "Expecting to find token in identity"},
		{"no credential", id(object{"methods": []string{"application_credential"}}), 400, "Expecting to find application_credential"},
		{"no secret", id(object{"methods": []string{"application_credential"}, "application_credential": object{"id": "x"}}), 400, "'secret' is a required"},
		{"wrong secret", id(object{"methods": []string{"application_credential"}, "application_credential": object{"id": "x", "secret": "y"}}), 401, ""},
		{"credential without a name", id(object{"methods": []string{"application_credential"}, "application_credential": object{"secret": "y"}}), 400, "id or name"},
		{"user without a name", passwordAuth(object{}, "x", nil), 400, "id or name must be present"},
		{"name without a domain", passwordAuth(object{"name": "admin"}, "x", nil), 400, "Expecting to find domain in user"},
		{"password not a string", id(object{"methods": []string{"password"}, "password": object{"user": object{"id": "x", "password": 1}}}), 400, "password"},
		{"no password", id(object{"methods": []string{"password"}, "password": object{"user": object{"id": "x"}}}), 400, "'password' is a required"},
		{"no user", id(object{"methods": []string{"password"}, "password": object{}}), 400, "'user' is a required"},
		{"two scopes", scoped(scope{"project": object{"id": "x"}, "domain": object{"id": "x"}}), 400, "more than one"},
		{"empty scope", scoped(scope{}), 400, "scope"},
		{"unknown scope", scoped("all"), 400, "unscoped"},
		{"part of the system", scoped(scope{"system": object{"all": false}}), 400, "system"},
		{"unknown trust", scoped(scope{"OS-TRUST:trust": object{"id": "x"}}), 401, ""},
		{"nameless trust", scoped(scope{"OS-TRUST:trust": object{}}), 400, "Expecting to find trust_id in trust"},
		{"oauth1 unsigned", id(object{"methods": []string{"oauth1"}}), 400, "Authorization"},
		{"ec2 by itself", id(object{"methods": []string{"ec2credential"}}), 401, ""},
		{"unknown project", scoped(scope{"project": object{"id": "x"}}), 401, ""},
		{"unknown project's name", scoped(scope{"project": object{"name": "x", "domain": object{"name": "Default"}}}), 401, ""},
		{"project's name without a domain", scoped(scope{"project": object{"name": "admin"}}), 400, "Expecting to find domain in project"},
		{"nameless project", scoped(scope{"project": object{}}), 400, "id or name"},
		{"no role there", scoped(scope{"domain": object{"name": "Default"}}), 401, ""},
		{"garbage token", tokenAuth("gAAAA", nil), 404, "Failed to validate token"},
		{"too large", strings.Repeat(" ", 200_000), 413, ""},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			r := c.Must(k.status, "", "POST", v3+"/auth/tokens", k.body)
			message, _ := field(t, r, "error", "message").(string)
			if code := field(t, r, "error", "code"); code != float64(k.status) || !strings.Contains(message, k.says) || field(t, r, "error", "title") != http.StatusText(k.status) {
				t.Fatalf("%s, want %q", r.Body, k.says)
			}
		})
	}
}

func TestProjectRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	top := c.make("projects", "project", object{"name": "top", "description": nil, "tags": []string{"b", "a"}, "color": "red"})
	mid := c.make("projects", "project", object{"name": "mid", "parent_id": top})
	low := c.make("projects", "project", object{"name": "low", "parent_id": mid, "domain_id": "default"})
	p := v3 + "/projects/"
	shown := c.Must(200, c.admin, "GET", p+top, nil)
	want := object{
		"id": top, "name": "top", "description": "", "domain_id": "default", "parent_id": "default", "is_domain": false, "enabled": true,
		"tags": []any{"a", "b"}, "options": object{}, "color": "red", "links": object{"self": c.URL + p + top},
	}
	if diff := cmp.Diff(want, field(t, shown, "project")); diff != "" {
		t.Error(diff)
	}
	tree := c.Must(200, c.admin, "GET", p+mid+"?parents_as_ids&subtree_as_ids", nil)
	if diff := cmp.Diff([]any{object{top: object{"default": nil}}, object{low: nil}}, []any{field(t, tree, "project", "parents"), field(t, tree, "project", "subtree")}); diff != "" {
		t.Error(diff)
	}
	if lists := c.Must(200, c.admin, "GET", p+mid+"?parents_as_list&subtree_as_list", nil); len(field(t, lists, "project", "parents").([]any)) != 0 {
		t.Errorf("parents without a role in them: %s", lists.Body)
	}
	c.Must(200, c.admin, "PATCH", p+top, object{"project": object{"name": "top2", "color": nil, "size": 3, "id": top, "parent_id": "default", "domain_id": "default"}})
	if got := field(t, c.Must(200, c.admin, "GET", p+top, nil), "project").(object); got["name"] != "top2" || got["size"] != 3.0 || got["color"] != nil {
		t.Errorf("after the change: %v", got)
	}
	queries := map[string][]string{
		"": {"admin", "low", "mid", "service", "top2"}, "?name=mid": {"mid"}, "?parent_id=" + top: {"mid"}, "?enabled=false": {}, "?domain_id=default&name__contains=o": {"low", "top2"},
		"?name__icontains=O": {"low", "top2"}, "?name__startswith=t": {"top2"}, "?name__iendswith=W": {"low"}, "?name__contains=O": {}, "?tags=a,b": {"top2"}, "?tags=a,c": {},
		"?tags-any=a,c": {"top2"}, "?not-tags=a,b&name=top2": {}, "?not-tags-any=a": {"admin", "low", "mid", "service"}, "?is_domain=true": {"Default"}, "?unknown=1&name=mid": {"mid"},
	}
	for query, want := range queries {
		got := names(t, c.Must(200, c.admin, "GET", v3+"/projects"+query, nil), "projects", "name")
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("projects%s: %s", query, diff)
		}
	}
	c.Must(200, c.admin, "GET", p+top+"/tags", nil)
	c.Must(200, c.admin, "PUT", p+top+"/tags", object{"tags": []string{"x"}})
	c.Must(201, c.admin, "PUT", p+top+"/tags/y", nil)
	c.Must(204, c.admin, "GET", p+top+"/tags/y", nil)
	c.Must(204, c.admin, "DELETE", p+top+"/tags/y", nil)
	c.Must(404, c.admin, "GET", p+top+"/tags/y", nil)
	c.Must(404, c.admin, "DELETE", p+top+"/tags/y", nil)
	c.Must(204, c.admin, "DELETE", p+top+"/tags", nil)
	c.Must(403, c.admin, "PATCH", p+top, object{"project": object{"enabled": false}}) // children are enabled
	c.Must(200, c.admin, "PATCH", p+low, object{"project": object{"enabled": false}})
	c.Must(200, c.admin, "PATCH", p+mid, object{"project": object{"enabled": false}})
	c.Must(403, c.admin, "PATCH", p+low, object{"project": object{"enabled": true}}) // the parent is not
	c.Must(400, c.admin, "POST", v3+"/projects", object{"project": object{"name": "below", "parent_id": mid}})
	c.Must(403, c.admin, "DELETE", p+mid, nil)
	c.Must(204, c.admin, "DELETE", p+low, nil)
	c.Must(404, c.admin, "GET", p+low, nil)
}

// Pages of one never overlap and end.
func TestPaging(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, name := range []string{"a", "b", "c"} {
		c.user(name)
	}
	var got []string
	for next := c.URL + v3 + "/users?limit=3&sort_key=name"; next != ""; {
		r := c.Must(200, c.admin, "GET", strings.TrimPrefix(next, c.URL), nil)
		got = append(got, names(t, r, "users", "name")...)
		next, _ = field(t, r, "links", "next").(string)
	}
	if diff := cmp.Diff([]string{"a", "admin", "b", "c"}, got); diff != "" {
		t.Error(diff)
	}
	c.Must(400, c.admin, "GET", v3+"/users?limit=x", nil)
	c.Must(400, c.admin, "GET", v3+"/users?marker=unknown", nil)
}

func TestDomainRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	d := c.make("domains", "domain", object{"name": "d", "description": "one"})
	c.Must(409, c.admin, "POST", v3+"/domains", object{"domain": object{"name": "d"}})
	c.Must(201, c.admin, "POST", v3+"/projects", object{"project": object{"name": "dd", "is_domain": true}})
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/domains?name=d", nil), "domains", "id"); !slices.Equal(got, []string{d}) {
		t.Errorf("domains %v", got)
	}
	c.make("users", "user", object{"name": "u", "domain_id": d})
	c.make("projects", "project", object{"name": "p", "domain_id": d, "parent_id": c.make("projects", "project", object{"name": "pp", "domain_id": d})})
	c.make("roles", "role", object{"name": "r", "domain_id": d})
	c.make("groups", "group", object{"name": "g", "domain_id": d})
	c.Must(403, c.admin, "DELETE", v3+"/domains/"+d, nil)
	c.Must(200, c.admin, "PATCH", v3+"/domains/"+d, object{"domain": object{"enabled": false}})
	c.Must(200, c.admin, "GET", v3+"/domains/"+d, nil)
	c.Must(204, c.admin, "DELETE", v3+"/domains/"+d, nil)
	c.Must(404, c.admin, "GET", v3+"/domains/"+d, nil)
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/users?domain_id="+d, nil), "users", "id"); len(got) != 0 {
		t.Errorf("users outlive their domain: %v", got)
	}
}

func TestUserAndGroupRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u := c.make("users", "user", object{"name": "u", "password": "pw", "email": "u@example.com", "description": "d", "options": object{"ignore_lockout_failure_attempts": true}})
	g := c.make("groups", "group", object{"name": "g"})
	user, group := v3+"/users/"+u, v3+"/groups/"+g
	c.Must(200, c.admin, "PATCH", user, object{"user": object{"name": "v", "email": "v@example.com", "default_project_id": "none", "description": nil}})
	want := object{
		"id": u, "name": "v", "domain_id": "default", "enabled": true, "email": "v@example.com", "default_project_id": "none",
		"options": object{"ignore_lockout_failure_attempts": true}, "password_expires_at": nil, "links": object{"self": c.URL + user},
	}
	if diff := cmp.Diff(want, field(t, c.Must(200, c.admin, "GET", user, nil), "user")); diff != "" {
		t.Error(diff)
	}
	// A default project of no use leaves the token unscoped.
	token := c.login("v", "pw", nil)
	c.Must(200, token, "GET", user, nil)
	c.Must(403, token, "PATCH", user, object{"user": object{"name": "w"}})
	c.Must(204, "", "POST", user+"/password", object{"user": object{"original_password": "pw", "password": "pw2"}})
	c.Must(401, "", "POST", user+"/password", object{"user": object{"original_password": "pw", "password": "pw3"}})
	c.Must(400, "", "POST", user+"/password", object{"user": object{"original_password": "pw"}})
	c.Must(401, token, "GET", user, nil)
	c.Must(200, c.admin, "PATCH", user, object{"user": object{"options": object{"lock_password": true}}})
	c.Must(400, "", "POST", user+"/password", object{"user": object{"original_password": "pw2", "password": "pw3"}})
	token = c.login("v", "pw2", nil)
	c.Must(404, c.admin, "GET", group+"/users/"+u, nil)
	c.Must(404, c.admin, "DELETE", group+"/users/"+u, nil)
	c.Must(204, c.admin, "PUT", group+"/users/"+u, nil)
	c.Must(204, c.admin, "PUT", group+"/users/"+u, nil)
	c.Must(204, token, "GET", group+"/users/"+u, nil)
	c.Must(200, c.admin, "GET", v3+"/groups?name=g", nil)
	c.Must(200, c.admin, "PATCH", group, object{"group": object{"name": "h", "description": "x"}})
	c.Must(200, c.admin, "GET", group, nil)
	if got := names(t, c.Must(200, c.admin, "GET", group+"/users", nil), "users", "name"); !slices.Equal(got, []string{"v"}) {
		t.Errorf("members %v", got)
	}
	if got := names(t, c.Must(200, token, "GET", user+"/groups", nil), "groups", "name"); !slices.Equal(got, []string{"h"}) {
		t.Errorf("groups %v", got)
	}
	p := c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/groups/" + g + "/roles/" + c.roles["member"])
	if got := names(t, c.Must(200, token, "GET", user+"/projects", nil), "projects", "name"); !slices.Equal(got, []string{"p"}) {
		t.Errorf("projects %v", got)
	}
	scoped := c.login("v", "pw2", scope{"project": object{"id": p}})
	c.Must(200, scoped, "GET", v3+"/projects/"+p, nil)
	c.Must(204, c.admin, "DELETE", group+"/users/"+u, nil)
	c.Must(401, scoped, "GET", v3+"/projects/"+p, nil)
	c.Must(204, c.admin, "DELETE", group, nil)
	c.Must(204, c.admin, "DELETE", user, nil)
	c.Must(404, c.admin, "GET", user, nil)
}

func TestRoleRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	r := c.make("roles", "role", object{"name": "operator", "description": "runs it"})
	role, implies := v3+"/roles/"+r, v3+"/roles/"+r+"/implies/"
	c.Must(200, c.admin, "GET", v3+"/roles", nil)
	c.Must(200, c.admin, "GET", v3+"/roles?domain_id=default", nil)
	c.Must(200, c.admin, "PATCH", role, object{"role": object{"description": "does"}})
	c.Must(200, c.admin, "GET", role, nil)
	c.Must(404, c.admin, "GET", implies+c.roles["member"], nil)
	c.Must(201, c.admin, "PUT", implies+c.roles["member"], nil)
	c.Must(200, c.admin, "GET", implies+c.roles["member"], nil)
	c.Must(204, c.admin, "HEAD", implies+c.roles["member"], nil)
	c.Must(403, c.admin, "PUT", implies+c.roles["admin"], nil)
	if got := field(t, c.Must(200, c.admin, "GET", role+"/implies", nil), "role_inference", "implies").([]any); len(got) != 1 {
		t.Errorf("implies %v", got)
	}
	if got := field(t, c.Must(200, c.admin, "GET", v3+"/role_inferences", nil), "role_inferences").([]any); len(got) != 4 {
		t.Errorf("inferences %v", got)
	}
	// A role of a domain works by what it implies, and shows in no token.
	own := c.make("roles", "role", object{"name": "own", "domain_id": "default"})
	c.Must(201, c.admin, "PUT", v3+"/roles/"+own+"/implies/"+r, nil)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + own)
	issued := c.Must(201, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": u}, "pw", scope{"project": object{"id": p}}))
	var answer struct {
		Token struct{ Roles []struct{ Name string } }
	}
	issued.JSON(t, &answer)
	var has []string
	for _, one := range answer.Token.Roles {
		has = append(has, one.Name)
	}
	if diff := cmp.Diff([]string{"member", "operator", "reader"}, has); diff != "" {
		t.Error(diff)
	}
	c.Must(204, c.admin, "DELETE", implies+c.roles["member"], nil)
	c.Must(404, c.admin, "DELETE", implies+c.roles["member"], nil)
	c.Must(403, c.admin, "DELETE", v3+"/roles/"+c.roles["reader"], nil)
	c.Must(403, c.admin, "PATCH", v3+"/roles/"+c.roles["reader"], object{"role": object{"name": "x"}})
	c.Must(204, c.admin, "DELETE", role, nil)
	c.Must(404, c.admin, "GET", role, nil)
}

func TestGrantRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, g, p := c.user("u"), c.make("groups", "group", object{"name": "g"}), c.make("projects", "project", object{"name": "p"})
	role := c.roles["member"]
	actors := map[string]string{"users": u, "groups": g}
	targets := []string{"/projects/" + p, "/domains/default", "/system"}
	for kind, id := range actors {
		for _, target := range targets {
			for _, inherited := range []bool{false, true} {
				list, one := v3+target+"/"+kind+"/"+id+"/roles", v3+target+"/"+kind+"/"+id+"/roles/"+role
				if inherited {
					list, one = v3+"/OS-INHERIT"+list[len(v3):]+"/inherited_to_projects", v3+"/OS-INHERIT"+one[len(v3):]+"/inherited_to_projects"
					if target == "/system" {
						continue
					}
				}
				c.Must(404, c.admin, "GET", one, nil)
				c.Must(404, c.admin, "DELETE", one, nil)
				c.Must(204, c.admin, "PUT", one, nil)
				c.Must(204, c.admin, "PUT", one, nil)
				c.Must(204, c.admin, "GET", one, nil)
				c.Must(204, c.admin, "HEAD", one, nil)
				if got := names(t, c.Must(200, c.admin, "GET", list, nil), "roles", "name"); !slices.Equal(got, []string{"member"}) {
					t.Errorf("%s: %v", list, got)
				}
				c.Must(204, c.admin, "DELETE", one, nil)
				c.Must(404, c.admin, "PUT", strings.Replace(one, id, "unknown", 1), nil)
				c.Must(404, c.admin, "PUT", strings.Replace(one, role, "unknown", 1), nil)
			}
		}
	}
	c.Must(404, c.admin, "PUT", v3+"/projects/unknown/users/"+u+"/roles/"+role, nil)
	own := c.make("roles", "role", object{"name": "own", "domain_id": "default"})
	c.Must(400, c.admin, "PUT", v3+"/system/users/"+u+"/roles/"+own, nil)
	d := c.make("domains", "domain", object{"name": "d"})
	c.Must(403, c.admin, "PUT", v3+"/domains/"+d+"/users/"+u+"/roles/"+own, nil)
}

func TestRoleAssignments(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, g := c.user("u"), c.make("groups", "group", object{"name": "g"})
	top := c.make("projects", "project", object{"name": "top"})
	low := c.make("projects", "project", object{"name": "low", "parent_id": top})
	c.Must(204, c.admin, "PUT", v3+"/groups/"+g+"/users/"+u, nil)
	c.grant("OS-INHERIT/projects/" + top + "/groups/" + g + "/roles/" + c.roles["member"] + "/inherited_to_projects")
	c.grant("projects/" + top + "/users/" + u + "/roles/" + c.roles["reader"])
	cases := []struct {
		query string
		count int
	}{
		{"", 4},
		{"?user.id=" + u, 1},
		{"?group.id=" + g, 1},
		{"?role.id=" + c.roles["member"], 1},
		{"?scope.project.id=" + top, 2},
		{"?scope.project.id=" + low, 0},
		{"?scope.system=all", 1},
		{"?scope.domain.id=default", 0},
		{"?scope.OS-INHERIT:inherited_to=projects", 1},
		{"?effective&user.id=" + u, 3}, // reader on top; member and reader on low
		{"?effective=true&scope.project.id=" + low + "&user.id=" + u, 2},
		{"?effective=0&scope.project.id=" + low, 0},
		{"?include_subtree&scope.project.id=" + top, 2},
		{"?include_subtree&effective&scope.project.id=" + top + "&role.id=" + c.roles["member"], 1},
		{"?effective&scope.system=all", 4},
	}
	for _, k := range cases {
		r := c.Must(200, c.admin, "GET", v3+"/role_assignments"+k.query, nil)
		if got := field(t, r, "role_assignments").([]any); len(got) != k.count {
			t.Errorf("%s: %d, want %d: %s", k.query, len(got), k.count, r.Body)
		}
	}
	r := c.Must(200, c.admin, "GET", v3+"/role_assignments?include_names&effective&role.id="+c.roles["member"]+"&user.id="+u, nil)
	home := object{"id": "default", "name": "Default"}
	want := []any{object{
		"user": object{"id": u, "name": "u", "domain": home}, "role": object{"id": c.roles["member"], "name": "member"},
		"scope": object{"project": object{"id": low, "name": "low", "domain": home}, "OS-INHERIT:inherited_to": "projects"},
		"links": object{
			"assignment": c.URL + v3 + "/OS-INHERIT/projects/" + top + "/groups/" + g + "/roles/" + c.roles["member"] + "/inherited_to_projects",
			"membership": c.URL + v3 + "/groups/" + g + "/users/" + u,
		},
	}}
	if diff := cmp.Diff(want, field(t, r, "role_assignments")); diff != "" {
		t.Error(diff)
	}
	for _, query := range []string{
		"?user.id=a&group.id=b", "?scope.system=all&scope.domain.id=b", "?scope.project.id=a&scope.domain.id=b", "?effective&group.id=a", "?include_subtree",
		"?effective&scope.domain.id=a&scope.OS-INHERIT:inherited_to=projects",
	} {
		c.Must(400, c.admin, "GET", v3+"/role_assignments"+query, nil)
	}
}

func TestCatalogRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	region := c.make("regions", "region", object{"id": "west", "description": "x"})
	c.Must(201, c.admin, "PUT", v3+"/regions/east", object{"region": object{"parent_region_id": "west"}})
	c.Must(409, c.admin, "POST", v3+"/regions", object{"region": object{"id": "east"}})
	c.Must(400, c.admin, "PATCH", v3+"/regions/west", object{"region": object{"parent_region_id": "east"}})
	c.Must(404, c.admin, "PATCH", v3+"/regions/west", object{"region": object{"parent_region_id": "south"}})
	c.Must(200, c.admin, "PATCH", v3+"/regions/east", object{"region": object{"description": "y"}})
	c.Must(200, c.admin, "GET", v3+"/regions", nil)
	c.Must(200, c.admin, "GET", v3+"/regions/"+region, nil)
	if name := field(t, c.Must(201, c.admin, "POST", v3+"/services", object{"service": object{"type": "key-manager"}}), "service", "name"); name != "" {
		t.Errorf("a service without a name is called %v", name)
	}
	s := c.make("services", "service", object{"type": "dns", "name": "designate"})
	service := v3 + "/services/" + s
	c.Must(200, c.admin, "PATCH", service, object{"service": object{"description": "names"}})
	c.Must(200, c.admin, "GET", service, nil)
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/services?type=dns", nil), "services", "name"); !slices.Equal(got, []string{"designate"}) {
		t.Errorf("services %v", got)
	}
	e := c.make("endpoints", "endpoint", object{"service_id": s, "interface": "public", "url": "http://dns/$(project_id)s", "region": "new"})
	endpoint := v3 + "/endpoints/" + e
	c.Must(200, c.admin, "GET", v3+"/regions/new", nil)
	c.Must(200, c.admin, "PATCH", endpoint, object{"endpoint": object{"region_id": "west", "interface": "admin"}})
	c.Must(200, c.admin, "GET", endpoint, nil)
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/endpoints?region_id=west&interface=admin", nil), "endpoints", "id"); !slices.Equal(got, []string{e}) {
		t.Errorf("endpoints %v", got)
	}
	project := field(t, c.Must(200, c.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", c.admin), "token", "project", "id").(string)
	if body := string(c.Must(200, c.admin, "GET", v3+"/auth/catalog", nil).Body); !strings.Contains(body, `"http://dns/`+project+`"`) {
		t.Errorf("catalog %s", body)
	}
	system := c.login("admin", adminPassword, scope{"system": object{"all": true}})
	if body := string(c.Must(200, system, "GET", v3+"/auth/catalog", nil).Body); strings.Contains(body, "http://dns/") {
		t.Errorf("an endpoint that needs a project: %s", body)
	}
	c.Must(403, c.admin, "DELETE", v3+"/regions/west", nil)
	c.Must(200, c.admin, "PATCH", endpoint, object{"endpoint": object{"region_id": "east"}})
	c.Must(403, c.admin, "DELETE", v3+"/regions/west", nil) // for what is below it
	c.Must(204, c.admin, "DELETE", endpoint, nil)
	c.Must(204, c.admin, "DELETE", service, nil)
	c.Must(204, c.admin, "DELETE", v3+"/regions/west", nil)
	c.Must(404, c.admin, "GET", v3+"/regions/east", nil)
	c.Must(404, c.admin, "DELETE", v3+"/regions/west", nil)
}

func TestApplicationCredentialRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin := field(t, c.Must(200, c.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", c.admin), "token", "user", "id").(string)
	path := "/users/" + admin + "/application_credentials"
	make := func(status int, attributes object) *apitest.Response {
		return c.Must(status, c.admin, "POST", v3+path, object{"application_credential": attributes})
	}
	r := make(201, object{"name": "robot", "secret": "s", "unrestricted": true, "expires_at": "2099-01-01T00:00:00.000000", "access_rules": []any{}})
	id := field(t, r, "application_credential", "id").(string)
	if secret := field(t, r, "application_credential", "secret"); secret != "s" {
		t.Errorf("secret %v", secret)
	}
	role, _ := field(t, r, "application_credential", "roles").([]any)[0].(object)
	if options, ok := role["options"].(object); !ok || len(options) != 0 && options["immutable"] == nil || len(role) != 5 {
		t.Errorf("a role of the credential: %v", role)
	}
	make(409, object{"name": "robot"})
	make(400, object{"name": "late", "expires_at": "2001-01-01T00:00:00Z"})
	make(400, object{"name": "odd", "expires_at": "tomorrow"})
	make(400, object{"name": "odd", "roles": []object{{}}})
	make(400, object{"name": "odd", "access_rules": []object{{"path": "/"}}})
	c.Must(200, c.admin, "GET", v3+path, nil)
	shown := c.Must(200, c.admin, "GET", v3+path+"/"+id, nil)
	if strings.Contains(string(shown.Body), "secret") {
		t.Errorf("shows the secret: %s", shown.Body)
	}
	auth := func(by object) object {
		by["secret"] = "s"
		return object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": by}}}
	}
	token := c.issue(auth(object{"name": "robot", "user": object{"id": admin}}))
	c.Must(201, token, "POST", v3+path, object{"application_credential": object{"name": "unrestricted makes more"}})
	scoped := auth(object{"id": id})
	scoped["auth"].(object)["scope"] = inAdmin
	c.Must(401, "", "POST", v3+"/auth/tokens", scoped)
	c.Must(204, c.admin, "DELETE", v3+path+"/"+id, nil)
	c.Must(404, c.admin, "DELETE", v3+path+"/"+id, nil)
	c.Must(401, token, "GET", v3+"/auth/projects", nil)
}
