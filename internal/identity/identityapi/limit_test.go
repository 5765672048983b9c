package identityapi_test

import "testing"

func TestLimitRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	d := c.make("domains", "domain", object{"name": "d"})
	p := c.make("projects", "project", object{"name": "p", "domain_id": d})
	service := c.make("services", "service", object{"type": "x"})
	c.make("regions", "region", object{"id": "r"})
	list := func(key string, one object) object { return object{key: []object{one}} }
	register := func(status int, attributes object) string {
		t.Helper()
		r := c.Must(status, c.admin, "POST", v3+"/registered_limits", list("registered_limits", attributes))
		if status != 201 {
			return ""
		}
		return field(t, r, "registered_limits").([]any)[0].(object)["id"].(string)
	}
	cores := register(201, object{"service_id": service, "resource_name": "cores", "default_limit": 10, "description": "d"})
	there := register(201, object{"service_id": service, "resource_name": "cores", "default_limit": -1, "region_id": "r"})
	c.Must(200, c.admin, "PATCH", v3+"/registered_limits/"+cores, object{"registered_limit": object{"default_limit": 20, "description": nil, "region_id": nil, "resource_name": "cores", "service_id": service}})
	shown := field(t, c.Must(200, c.admin, "GET", v3+"/registered_limits/"+cores, nil), "registered_limit").(object)
	if shown["default_limit"] != 20.0 || shown["description"] != nil || shown["region_id"] != nil || shown["resource_name"] != "cores" {
		t.Errorf("registered limit %v", shown)
	}
	c.user("u")
	token := c.login("u", "pw", nil)
	if got := names(t, c.Must(200, token, "GET", v3+"/registered_limits?region_id=r", nil), "registered_limits", "id"); len(got) != 1 || got[0] != there {
		t.Errorf("registered limits %v", got)
	}
	for name, attributes := range map[string]object{
		"no service": {"resource_name": "x", "default_limit": 1}, "unknown service": {"service_id": "x", "resource_name": "x", "default_limit": 1},
		"unknown region": {"service_id": service, "region_id": "x", "resource_name": "x", "default_limit": 1}, "too low": {"service_id": service, "resource_name": "x", "default_limit": -2},
		"too high": {"service_id": service, "resource_name": "x", "default_limit": 1 << 31}, "null": {"service_id": service, "resource_name": "x", "default_limit": nil},
		"odd": {"service_id": service, "resource_name": "x", "default_limit": 1, "color": "red"},
	} {
		t.Run(name, func(*testing.T) { register(400, attributes) })
	}
	for _, body := range []any{object{}, object{"registered_limits": []object{}}, object{"registered_limits": 1}} {
		c.Must(400, c.admin, "POST", v3+"/registered_limits", body)
	}
	register(409, object{"service_id": service, "resource_name": "cores", "default_limit": 1})
	register(409, object{"service_id": service, "resource_name": "cores", "default_limit": 1, "region_id": "r"})

	limit := func(status int, attributes object) string {
		t.Helper()
		r := c.Must(status, c.admin, "POST", v3+"/limits", list("limits", attributes))
		if status != 201 {
			return ""
		}
		return field(t, r, "limits").([]any)[0].(object)["id"].(string)
	}
	of := limit(201, object{"service_id": service, "resource_name": "cores", "project_id": p, "resource_limit": 5})
	ofDomain := limit(201, object{"service_id": service, "resource_name": "cores", "region_id": "r", "project_id": d, "resource_limit": 6})
	limit(201, object{"service_id": service, "resource_name": "cores", "domain_id": d, "resource_limit": 7})
	limit(409, object{"service_id": service, "resource_name": "cores", "project_id": p, "resource_limit": 5})
	limit(403, object{"service_id": service, "resource_name": "disks", "project_id": p, "resource_limit": 5})
	for name, attributes := range map[string]object{
		"of nothing": {"service_id": service, "resource_name": "cores", "resource_limit": 5}, "of both": {"service_id": service, "resource_name": "cores", "resource_limit": 5, "project_id": p, "domain_id": d},
		"unknown project": {"service_id": service, "resource_name": "cores", "resource_limit": 5, "project_id": "x"}, "unknown domain": {"service_id": service, "resource_name": "cores", "resource_limit": 5, "domain_id": p},
		"unknown service": {"service_id": "x", "resource_name": "cores", "resource_limit": 5, "project_id": p},
	} {
		t.Run(name, func(*testing.T) { limit(400, attributes) })
	}
	got := field(t, c.Must(200, c.admin, "PATCH", v3+"/limits/"+of, object{"limit": object{"resource_limit": 8, "description": "more"}}), "limit").(object)
	if got["resource_limit"] != 8.0 || got["description"] != "more" || got["service_id"] != service || got["project_id"] != p || got["domain_id"] != nil {
		t.Errorf("limit %v", got)
	}
	if got := field(t, c.Must(200, c.admin, "GET", v3+"/limits/"+ofDomain, nil), "limit").(object); got["domain_id"] != d || got["project_id"] != nil || got["region_id"] != "r" {
		t.Errorf("a domain's limit %v", got)
	}
	c.Must(400, c.admin, "PATCH", v3+"/limits/"+of, object{"limit": object{"project_id": "x"}})
	c.Must(403, c.admin, "PATCH", v3+"/registered_limits/"+cores, object{"registered_limit": object{"default_limit": 1}})
	c.Must(403, c.admin, "DELETE", v3+"/registered_limits/"+cores, nil)

	// Who lists limits sees those of what the token is for.
	u := c.make("users", "user", object{"name": "v", "password": "pw", "domain_id": d})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["reader"])
	c.grant("domains/" + d + "/users/" + u + "/roles/" + c.roles["reader"])
	c.grant("system/users/" + u + "/roles/" + c.roles["reader"])
	other := c.make("projects", "project", object{"name": "of services"})
	c.grant("projects/" + other + "/users/" + u + "/roles/" + c.roles["service"])
	as := func(in any) string { return c.issue(passwordAuth(object{"id": u}, "pw", in)) }
	for _, k := range []struct {
		token string
		count int
	}{{c.admin, 3}, {as(scope{"project": object{"id": p}}), 1}, {as(scope{"domain": object{"id": d}}), 3}, {as(scope{"system": object{"all": true}}), 3}, {token, 0}} {
		r := c.Must(200, k.token, "GET", v3+"/limits", nil)
		if got := names(t, r, "limits", "id"); len(got) != k.count {
			t.Errorf("limits %v, want %d", got, k.count)
		}
		if k.count > 0 {
			c.Must(200, k.token, "GET", v3+"/limits/"+of, nil)
		}
	}
	enforcing := as(scope{"project": object{"id": other}})
	if got := names(t, c.Must(200, enforcing, "GET", v3+"/limits?project_id="+p, nil), "limits", "id"); len(got) != 1 || got[0] != of {
		t.Errorf("limits for a service %v", got)
	}
	c.Must(403, token, "GET", v3+"/limits/"+of, nil)
	c.Must(403, token, "GET", v3+"/limits/x", nil)
	c.Must(403, token, "POST", v3+"/limits", object{})
	c.Must(200, token, "GET", v3+"/limits/model", nil)
	c.Must(404, c.admin, "GET", v3+"/limits/x", nil)
	c.Must(404, c.admin, "DELETE", v3+"/limits/x", nil)
	c.Must(404, c.admin, "GET", v3+"/registered_limits/x", nil)
	c.Must(204, c.admin, "DELETE", v3+"/limits/"+of, nil)
	// A service goes with its limits.
	c.Must(204, c.admin, "DELETE", v3+"/registered_limits/"+register(201, object{"service_id": service, "resource_name": "free", "default_limit": 1}), nil)
	c.Must(204, c.admin, "DELETE", v3+"/services/"+service, nil)
	c.Must(404, c.admin, "GET", v3+"/limits/"+ofDomain, nil)
}
