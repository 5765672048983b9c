package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"wisp/internal/api"
	"wisp/internal/api/apitest"
	"wisp/internal/errs"
	"wisp/internal/policy"
)

func plainErrors(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	api.WriteJSON(w, r, status, map[string]any{"code": status, "message": e.Message, "type": e.Type})
}

func sample() *api.Service {
	return &api.Service{
		Name: "sample", Type: "sample", Prefix: "/sample", Errors: plainErrors,
		Versions: &api.Microversions{Major: 2, Min: 1, Max: 20, Legacy: "X-Sample-Version"},
		Rules:    policy.Rules{"read": policy.Project("reader"), "write": policy.Project("member"), "own": policy.Self},
		Statuses: map[errs.Kind]int{errs.OverQuota: http.StatusConflict},
		Routes: []api.Route{
			{Method: "GET", Path: "/", Policy: api.Public, Status: 300, Handler: func(*api.Request) (any, error) { return map[string]int{"v": 1}, nil }},
			{Method: "GET", Path: "/things", Policy: "read", Handler: func(r *api.Request) (any, error) {
				l, err := r.List(10, "name")
				return map[string]any{"limit": l.Limit, "marker": l.Marker, "sort": l.Sort, "filters": l.Filters, "version": r.Version, "next": r.Next("z")}, err
			}},
			{Method: "POST", Path: "/things", Policy: "write", Status: 201, Handler: func(r *api.Request) (any, error) {
				var body struct {
					Thing struct {
						Name string `json:"name"`
						Size int    `json:"size"`
					} `json:"thing"`
				}
				return body, r.Bind(&body)
			}},
			{Method: "GET", Path: "/things/{id}", Policy: "read", Handler: func(r *api.Request) (any, error) {
				switch id := r.Param("id"); id {
				case "panic":
					panic("boom")
				case "internal":
					return nil, errors.New("the secret cause")
				case "quota":
					return nil, errs.New(errs.OverQuota, "too many")
				case "unencodable":
					return func() {}, nil
				default:
					return map[string]string{"id": id, "user": r.Caller.UserID}, nil
				}
			}},
			{Method: "DELETE", Path: "/things/{id}", Policy: "write", Status: 204, Handler: func(*api.Request) (any, error) { return nil, nil }},
			{Method: "GET", Path: "/old", Policy: "read", Max: 9, Handler: func(*api.Request) (any, error) { return "old", nil }},
			{Method: "GET", Path: "/old", Policy: "read", Min: 15, Handler: func(*api.Request) (any, error) { return "new", nil }},
			{Method: "GET", Path: "/users/{id}", Policy: "own", Target: func(r *api.Request) policy.Target { return policy.Target{UserID: r.Param("id")} },
				Handler: func(*api.Request) (any, error) { return "me", nil }},
		},
	}
}

func TestMain(m *testing.M) { apitest.Main(m, sample()) }

func TestRoutes(t *testing.T) {
	t.Parallel()
	server := apitest.Serve(t, apitest.Standard(), sample())
	long := `{"thing": {"name": "` + strings.Repeat("x", api.MaxJSONBody) + `"}}`
	cases := []struct {
		name, token, method, path, body string
		headers                         []string
		status                          int
		contains                        string
	}{
		{name: "public", method: "GET", path: "/sample/", status: 300, contains: `"v":1`},
		{name: "no token", method: "GET", path: "/sample/things", status: 401, contains: "requires authentication"},
		{name: "bad token", token: "forged", method: "GET", path: "/sample/things", status: 401},
		{name: "allowed", token: "reader", method: "GET", path: "/sample/things/a", status: 200, contains: `"id":"a"`},
		{name: "identity headers are ignored", token: "reader", method: "GET", path: "/sample/things/a", status: 200, contains: `"user":"reader-id"`,
			headers: []string{"X-User-Id", "admin-id", "X-Roles", "admin"}},
		{name: "not allowed", token: "reader", method: "POST", path: "/sample/things", body: `{}`, status: 403, contains: "Policy doesn't allow write"},
		{name: "roles on the wire are ignored", token: "reader", method: "POST", path: "/sample/things", body: `{}`, status: 403, headers: []string{"X-Roles", "member"}},
		{name: "created", token: "member", method: "POST", path: "/sample/things", body: `{"thing": {"name": "n"}}`, status: 201, contains: `"name":"n"`},
		{name: "deleted", token: "member", method: "DELETE", path: "/sample/things/a", status: 204},
		{name: "an escape that was not needed", token: "reader", method: "GET", path: "/sample/things/me%40host", status: 200, contains: `"id":"me@host"`},
		{name: "an escaped slash", token: "reader", method: "GET", path: "/sample/things/a%2Fb", status: 200, contains: `"id":"a/b"`},
		{name: "an escaped escape", token: "reader", method: "GET", path: "/sample/things/a%2540", status: 200, contains: `"id":"a%40"`},
		{name: "head", token: "reader", method: "HEAD", path: "/sample/things/a", status: 200},
		{name: "another's", token: "reader", method: "GET", path: "/sample/users/other-id", status: 403},
		{name: "one's own", token: "reader", method: "GET", path: "/sample/users/reader-id", status: 200},
		{name: "unknown route", token: "reader", method: "GET", path: "/sample/nothing", status: 404, contains: `"code":404`},
		{name: "unknown route without a token", method: "GET", path: "/sample/nothing", status: 401},
		{name: "wrong method", token: "reader", method: "PATCH", path: "/sample/things", status: 405, contains: `"code":405`},
		{name: "no JSON", token: "member", method: "POST", path: "/sample/things", body: `{`, status: 400, contains: "malformed"},
		{name: "no body", token: "member", method: "POST", path: "/sample/things", status: 400, contains: "Missing request body"},
		{name: "wrong type names the field", token: "member", method: "POST", path: "/sample/things", body: `{"thing": {"size": "big"}}`, status: 400, contains: "field/attribute size"},
		{name: "a NUL in the path", token: "reader", method: "GET", path: "/sample/things/%00", status: 404},
		{name: "a NUL in the query", token: "reader", method: "GET", path: "/sample/things?name=a%00", status: 400, contains: "name"},
		{name: "a NUL in the body", token: "member", method: "POST", path: "/sample/things", body: `{"thing": {"name": "a\u0000"}}`, status: 400, contains: "NUL"},
		{name: "a backslash before u0000", token: "member", method: "POST", path: "/sample/things", body: `{"thing": {"name": "a\\u0000"}}`, status: 201},
		{name: "body too large", token: "member", method: "POST", path: "/sample/things", body: long, status: 413},
		{name: "internal", token: "reader", method: "GET", path: "/sample/things/internal", status: 500, contains: "req-"},
		{name: "panic", token: "reader", method: "GET", path: "/sample/things/panic", status: 500},
		{name: "unencodable", token: "reader", method: "GET", path: "/sample/things/unencodable", status: 500},
		{name: "a status of its own", token: "reader", method: "GET", path: "/sample/things/quota", status: 409, contains: "too many"},
		{name: "negative limit", token: "reader", method: "GET", path: "/sample/things?limit=-1", status: 400, contains: "limit"},
		{name: "unknown direction", token: "reader", method: "GET", path: "/sample/things?sort_key=name&sort_dir=up", status: 400, contains: "up"},
		{name: "limit is capped", token: "reader", method: "GET", path: "/sample/things?limit=1000", status: 200, contains: `"limit":10`},
		{name: "paging", token: "reader", method: "GET", path: "/sample/things?limit=3&marker=m&name=n&sort=name:desc", status: 200, contains: `"Desc":true`},
		{name: "oldest version by default", token: "reader", method: "GET", path: "/sample/things", status: 200, contains: `"version":1`},
		{name: "latest version", token: "reader", method: "GET", path: "/sample/things", status: 200, contains: `"version":20`, headers: []string{"OpenStack-API-Version", "sample latest"}},
		{name: "another service's version", token: "reader", method: "GET", path: "/sample/things", status: 200, contains: `"version":1`, headers: []string{"OpenStack-API-Version", "compute 2.5"}},
		{name: "legacy header", token: "reader", method: "GET", path: "/sample/things", status: 200, contains: `"version":7`, headers: []string{"X-Sample-Version", "2.7"}},
		{name: "version too new", token: "reader", method: "GET", path: "/sample/things", status: 406, headers: []string{"OpenStack-API-Version", "sample 2.21"}},
		{name: "version malformed", token: "reader", method: "GET", path: "/sample/things", status: 400, headers: []string{"OpenStack-API-Version", "sample two"}},
		{name: "route of an old version", token: "reader", method: "GET", path: "/sample/old", status: 200, contains: "old"},
		{name: "route of a new version", token: "reader", method: "GET", path: "/sample/old", status: 200, contains: "new", headers: []string{"OpenStack-API-Version", "sample 2.15"}},
		{name: "route between versions", token: "reader", method: "GET", path: "/sample/old", status: 404, headers: []string{"OpenStack-API-Version", "sample 2.12"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var body any
			if c.body != "" {
				body = c.body
			}
			r := server.Do(c.token, c.method, c.path, body, c.headers...)
			if r.Status != c.status || !strings.Contains(string(r.Body), c.contains) {
				t.Errorf("status %d (want %d), body %s (want %s)", r.Status, c.status, r.Body, c.contains)
			}
			if !strings.HasPrefix(r.Header.Get("X-Openstack-Request-Id"), "req-") {
				t.Error("no request id")
			}
			if strings.Contains(string(r.Body), "secret cause") {
				t.Error("an internal cause is shown")
			}
			if r.Status == 405 && r.Header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("allowed are %q", r.Header.Get("Allow"))
			}
			if r.Status == 401 && !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Keystone uri=") {
				t.Error("no WWW-Authenticate header")
			}
		})
	}
}

func TestMountRefusesUnknownRule(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a route without a rule was mounted")
		}
	}()
	s := sample()
	s.Routes = append(s.Routes, api.Route{Method: "GET", Path: "/more", Policy: "nowhere", Handler: s.Routes[0].Handler})
	apitest.Serve(t, apitest.Standard(), s)
}

func TestPartial(t *testing.T) {
	t.Parallel()
	whole := map[string]any{"id": "a", "name": "n", "size": 1}
	for _, fields := range [][]string{{"id"}, {"id", "nothing"}} {
		got, err := api.Partial(whole, fields)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := got.(map[string]any); ok && len(m) != 1 {
			t.Errorf("fields %v left %v", fields, m)
		}
	}
	if got, err := api.Partial(whole, nil); err != nil || len(got.(map[string]any)) != 3 {
		t.Errorf("without fields: %v, %v", got, err)
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	s := sample()
	for _, kind := range errs.Kinds() {
		if s.Status(kind) < 400 {
			t.Errorf("kind %s has status %d", kind, s.Status(kind))
		}
	}
}
