package computeapi_test

import (
	"context"
	"testing"

	"wisp/internal/compute"
)

// projects are those that there are.
type projects map[string]bool

func (p projects) ProjectExists(_ context.Context, id string) (bool, error) { return p[id], nil }

// TestProjectsThatAreNotThere wants limits and access of known projects alone,
// but lets what is left of others be taken away.
func TestProjectsThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *compute.Config) { c.Projects = projects{"demo-id": true, "admin-id": true} })
	const message = "Project ID mars is not a valid project."
	set := object{"quota_set": object{"cores": 5}}
	for _, ask := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/os-quota-sets/mars", nil},
		{"GET", "/os-quota-sets/mars?user_id=u", nil},
		{"GET", "/os-quota-sets/mars/detail", nil},
		{"GET", "/os-quota-sets/mars/defaults", nil},
		{"PUT", "/os-quota-sets/mars", set},
		{"PUT", "/os-quota-sets/mars?user_id=u", set},
		{"POST", "/flavors/" + b.flavor + "/action", object{"addTenantAccess": object{"tenant": "mars"}}},
	} {
		if got := dig(t, b.ask(400, "admin", "2.1", ask.method, ask.path, ask.body), "badRequest", "message"); got != message {
			t.Errorf("%s %s: %v", ask.method, ask.path, got)
		}
	}
	b.ask(200, "admin", "2.1", "GET", "/os-quota-sets/demo-id", nil)
	b.ask(200, "admin", "2.1", "PUT", "/os-quota-sets/demo-id", set)
	b.ask(202, "admin", "2.1", "DELETE", "/os-quota-sets/mars", nil)
	b.ask(404, "admin", "2.1", "POST", "/flavors/"+b.flavor+"/action", object{"removeTenantAccess": object{"tenant": "mars"}})
}
