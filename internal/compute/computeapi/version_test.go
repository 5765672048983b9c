package computeapi_test

import (
	"strings"
	"testing"
)

// v2.0 is 2.1 for clients that know of no microversions: it overlooks what it
// does not know, and the headers.
func TestOldVersion(t *testing.T) {
	t.Parallel()
	b := open(t)
	flavor := object{"flavor": object{"name": "old", "ram": 64, "vcpus": 1, "disk": 0, "wings": 2, "description": "later"}, "more": true}
	b.Must(400, "admin", "POST", "/compute/v2.1/flavors", flavor)
	for _, prefix := range []string{"/compute/v2", "/compute/v2/admin-id"} {
		r := b.Must(200, "admin", "POST", prefix+"/flavors", flavor, "OpenStack-API-Version", "compute 2.96")
		if r.Header.Get("OpenStack-API-Version") != "" || r.Header.Get("X-OpenStack-Nova-API-Version") != "" {
			t.Errorf("versions in the headers: %v", r.Header)
		}
		var made struct{ Flavor object }
		r.JSON(t, &made)
		id, _ := made.Flavor["id"].(string)
		if _, later := made.Flavor["description"]; later || dig(t, made.Flavor, "links", 0, "href") != b.URL+"/compute/v2/flavors/"+id {
			t.Errorf("made: %v", made)
		}
		r = b.Must(200, "member", "GET", "/compute/v2/flavors?limit=1", nil, "X-OpenStack-Nova-API-Version", "7.0")
		if !strings.Contains(string(r.Body), b.URL+"/compute/v2/flavors?") {
			t.Errorf("the next page is elsewhere: %s", r.Body)
		}
		b.Must(404, "admin", "PUT", prefix+"/flavors/"+id, object{"flavor": object{"description": "later"}})
		b.Must(400, "admin", "POST", prefix+"/flavors", object{"flavor": object{"name": "old"}})
		b.Must(202, "admin", "DELETE", prefix+"/flavors/"+id, nil)
	}
	b.Must(400, "member", "GET", "/compute/v2/foreign-id/servers", nil)
	b.Must(401, "", "GET", "/compute/v2/servers", nil)
	b.Must(404, "member", "GET", "/compute/v2/wings", nil)
	b.Must(200, "member", "GET", "/compute/v2/extensions/os%2Dkeypairs", nil)
	b.Must(405, "member", "DELETE", "/compute/v2/flavors", nil)
}
