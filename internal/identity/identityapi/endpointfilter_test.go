package identityapi_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndpointFilterRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	const base = v3 + "/OS-EP-FILTER"
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["member"])
	service := c.make("services", "service", object{"type": "x", "name": "x"})
	endpoint := c.make("endpoints", "endpoint", object{"service_id": service, "interface": "public", "url": "http://x"})
	catalog := func() []string {
		t.Helper()
		r := c.Must(200, c.login("u", "pw", scope{"project": object{"id": p}}), "GET", v3+"/auth/catalog", nil)
		return names(t, r, "catalog", "type")
	}
	everything := catalog()
	g := c.make("OS-EP-FILTER/endpoint_groups", "endpoint_group", object{"name": "images", "description": "d", "filters": object{"interface": "public", "region_id": "RegionOne"}})
	group := base + "/endpoint_groups/" + g
	shown := field(t, c.Must(200, c.admin, "GET", group, nil), "endpoint_group")
	want := object{
		"id": g, "name": "images", "description": "d", "filters": object{"interface": "public", "region_id": "RegionOne"},
		"links": object{"self": c.URL + group},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Error(diff)
	}
	if got := names(t, c.Must(200, c.admin, "GET", base+"/endpoint_groups?name=images", nil), "endpoint_groups", "id"); !slices.Equal(got, []string{g}) {
		t.Errorf("groups %v", got)
	}
	if got := names(t, c.Must(200, c.admin, "GET", group+"/endpoints", nil), "endpoints", "interface"); len(got) != 5 || slices.Contains(got, "admin") {
		t.Errorf("endpoints of the group %v", got)
	}
	image := names(t, c.Must(200, c.admin, "GET", v3+"/services?type=image", nil), "services", "id")[0]
	c.Must(200, c.admin, "PATCH", group, object{"endpoint_group": object{"filters": object{"service_id": image}, "description": nil}})

	// A project that is associated sees these endpoints and no others.
	member, one := group+"/projects/"+p, base+"/projects/"+p+"/endpoints/"+endpoint
	c.Must(404, c.admin, "GET", member, nil)
	c.Must(404, c.admin, "DELETE", member, nil)
	c.Must(204, c.admin, "PUT", member, nil)
	c.Must(409, c.admin, "PUT", member, nil)
	if got := catalog(); !slices.Equal(got, []string{"image"}) {
		t.Errorf("catalog %v", got)
	}
	c.Must(404, c.admin, "GET", one, nil)
	c.Must(404, c.admin, "DELETE", one, nil)
	c.Must(204, c.admin, "PUT", one, nil)
	c.Must(409, c.admin, "PUT", one, nil)
	c.Must(204, c.admin, "GET", one, nil)
	if got := catalog(); !slices.Equal(got, []string{"image", "x"}) {
		t.Errorf("catalog %v", got)
	}
	if got := field(t, c.Must(200, c.admin, "GET", member, nil), "project_endpoint_group").(object); got["project_id"] != p || got["endpoint_group_id"] != g {
		t.Errorf("association %v", got)
	}
	for path, collection := range map[string]string{group + "/projects": "projects", base + "/endpoints/" + endpoint + "/projects": "projects", base + "/projects/" + p + "/endpoint_groups": "endpoint_groups"} {
		if got := names(t, c.Must(200, c.admin, "GET", path, nil), collection, "id"); len(got) != 1 {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := names(t, c.Must(200, c.admin, "GET", base+"/projects/"+p+"/endpoints", nil), "endpoints", "id"); len(got) != 4 || !slices.Contains(got, endpoint) {
		t.Errorf("endpoints of the project %v", got)
	}
	c.Must(204, c.admin, "DELETE", member, nil)
	c.Must(204, c.admin, "DELETE", one, nil)
	if diff := cmp.Diff(everything, catalog()); diff != "" {
		t.Error(diff)
	}
	for _, k := range []struct {
		method, path string
		body         object
		status       int
	}{
		{"POST", "/endpoint_groups", object{"name": "x"}, 400},
		{"POST", "/endpoint_groups", object{"name": "x", "filters": object{}}, 400},
		{"POST", "/endpoint_groups", object{"name": "x", "filters": 1}, 400},
		{"POST", "/endpoint_groups", object{"name": "x", "filters": object{"color": "red"}}, 400},
		{"POST", "/endpoint_groups", object{"name": "x", "filters": object{"interface": 1}}, 400},
		{"PATCH", "/endpoint_groups/" + g, object{"id": "x"}, 400},
		{"PATCH", "/endpoint_groups/x", object{}, 404},
		{"GET", "/endpoint_groups/x", nil, 404},
		{"DELETE", "/endpoint_groups/x", nil, 404},
		{"GET", "/endpoint_groups/x/endpoints", nil, 404},
		{"GET", "/projects/x/endpoints", nil, 404},
		{"GET", "/projects/x/endpoint_groups", nil, 404},
		{"GET", "/endpoints/x/projects", nil, 404},
		{"PUT", "/projects/x/endpoints/" + endpoint, nil, 404},
		{"PUT", "/projects/" + p + "/endpoints/x", nil, 404},
		{"PUT", "/endpoint_groups/x/projects/" + p, nil, 404},
		{"PUT", "/endpoint_groups/" + g + "/projects/x", nil, 404},
	} {
		c.Must(k.status, c.admin, k.method, base+k.path, object{"endpoint_group": k.body})
	}
	token := c.login("u", "pw", nil)
	c.Must(403, token, "GET", base+"/endpoint_groups", nil)
	c.Must(403, token, "PUT", one, nil)
	c.Must(204, c.admin, "DELETE", group, nil)
}
