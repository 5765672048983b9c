package identityapi_test

import (
	"slices"
	"testing"
)

func TestPolicyRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	p := c.make("policies", "policy", object{"type": "application/json", "blob": "{}", "color": "red"})
	other := c.make("policies", "policy", object{"type": "text", "blob": "x"})
	one := v3 + "/policies/" + p
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/policies?type=text", nil), "policies", "id"); !slices.Equal(got, []string{other}) {
		t.Errorf("policies %v", got)
	}
	c.Must(200, c.admin, "PATCH", one, object{"policy": object{"type": "text", "id": p}})
	if got := field(t, c.Must(200, c.admin, "GET", one, nil), "policy").(object); got["type"] != "text" || got["blob"] != "{}" || got["color"] != "red" {
		t.Errorf("policy %v", got)
	}
	c.Must(400, c.admin, "POST", v3+"/policies", object{"policy": object{"type": "text"}})
	c.Must(400, c.admin, "POST", v3+"/policies", object{"policy": object{"type": "text", "blob": 1}})
	c.Must(400, c.admin, "PATCH", one, object{"policy": object{"id": "x"}})
	c.Must(404, c.admin, "PATCH", v3+"/policies/x", object{"policy": object{}})
	c.Must(404, c.admin, "GET", v3+"/policies/x", nil)
	c.user("u")
	token := c.login("u", "pw", nil)
	c.Must(403, token, "GET", v3+"/policies", nil)
	c.Must(403, token, "GET", one, nil)
	c.Must(204, c.admin, "DELETE", one, nil)
	c.Must(404, c.admin, "DELETE", one, nil)
}

// The policy of an endpoint is its own, else that of its service in the nearest
// region, else that of its service.
func TestPolicyAssociations(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	outer := c.make("regions", "region", object{"id": "outer"})
	inner := c.make("regions", "region", object{"id": "inner", "parent_region_id": outer})
	service := c.make("services", "service", object{"type": "x"})
	endpoint := c.make("endpoints", "endpoint", object{"service_id": service, "interface": "public", "url": "http://x", "region_id": inner})
	bare := c.make("endpoints", "endpoint", object{"service_id": service, "interface": "admin", "url": "http://x"})
	policy := map[string]string{}
	for _, name := range []string{"of the service", "of the region", "of the endpoint"} {
		policy[name] = c.make("policies", "policy", object{"type": "text", "blob": name})
	}
	of := func(id string) string {
		t.Helper()
		return field(t, c.Must(200, c.admin, "GET", v3+"/endpoints/"+id+"/OS-ENDPOINT-POLICY/policy", nil), "policy", "blob").(string)
	}
	c.Must(404, c.admin, "GET", v3+"/endpoints/"+endpoint+"/OS-ENDPOINT-POLICY/policy", nil)
	c.Must(404, c.admin, "GET", v3+"/endpoints/x/OS-ENDPOINT-POLICY/policy", nil)
	steps := []struct{ name, path string }{
		{"of the service", "/services/" + service}, {"of the region", "/services/" + service + "/regions/" + outer}, {"of the endpoint", "/endpoints/" + endpoint},
	}
	for _, step := range steps {
		path := v3 + "/policies/" + policy[step.name] + "/OS-ENDPOINT-POLICY" + step.path
		c.Must(404, c.admin, "GET", path, nil)
		c.Must(404, c.admin, "DELETE", path, nil)
		c.Must(204, c.admin, "PUT", path, nil)
		c.Must(204, c.admin, "PUT", path, nil)
		c.Must(204, c.admin, "GET", path, nil)
		if got := of(endpoint); got != step.name {
			t.Errorf("the policy is that %q, want that %q", got, step.name)
		}
	}
	if got := of(bare); got != "of the service" {
		t.Errorf("without a region the policy is that %q", got)
	}
	for name, want := range map[string]int{"of the service": 2, "of the region": 1, "of the endpoint": 1} {
		if got := names(t, c.Must(200, c.admin, "GET", v3+"/policies/"+policy[name]+"/OS-ENDPOINT-POLICY/endpoints", nil), "endpoints", "id"); len(got) != want {
			t.Errorf("%s: endpoints %v, want %d", name, got, want)
		}
	}
	// Another policy takes its place.
	path := "/OS-ENDPOINT-POLICY/endpoints/" + endpoint
	c.Must(204, c.admin, "PUT", v3+"/policies/"+policy["of the service"]+path, nil)
	c.Must(404, c.admin, "GET", v3+"/policies/"+policy["of the endpoint"]+path, nil)
	c.Must(204, c.admin, "DELETE", v3+"/policies/"+policy["of the service"]+path, nil)
	for _, step := range steps[:2] {
		c.Must(204, c.admin, "DELETE", v3+"/policies/"+policy[step.name]+"/OS-ENDPOINT-POLICY"+step.path, nil)
	}
	for _, path := range []string{"/endpoints/x", "/services/x", "/services/" + service + "/regions/x"} {
		c.Must(404, c.admin, "PUT", v3+"/policies/"+policy["of the service"]+"/OS-ENDPOINT-POLICY"+path, nil)
	}
	c.Must(404, c.admin, "PUT", v3+"/policies/x"+path, nil)
	c.Must(404, c.admin, "GET", v3+"/policies/x/OS-ENDPOINT-POLICY/endpoints", nil)
}
