package computeapi_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// TestPagesOfNothing asks for no rows at all, where there are pages.
func TestPagesOfNothing(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		b.ask(201, "admin", "2.2", "POST", "/os-keypairs", object{"keypair": object{"name": "k", "public_key": sshKey}})
		for _, c := range []struct{ path, name, before, since string }{
			{"/flavors", "flavors", "", "2.1"},
			{"/flavors/detail", "flavors", "", "2.1"},
			{"/os-keypairs", "keypairs", "2.34", "2.35"},
			{"/os-hypervisors", "hypervisors", "2.32", "2.33"},
			{"/os-simple-tenant-usage", "tenant_usages", "2.39", "2.40"},
			{"/servers/" + id + "/os-instance-actions", "instanceActions", "2.57", "2.58"},
		} {
			if c.before != "" {
				if got := dig(t, b.ask(200, "admin", c.before, "GET", c.path+"?limit=0", nil), c.name).([]any); len(got) == 0 {
					t.Errorf("%s at %s, which has no pages: nothing", c.path, c.before)
				}
			}
			if got := dig(t, b.ask(200, "admin", c.since, "GET", c.path+"?limit=0", nil), c.name).([]any); len(got) != 0 {
				t.Errorf("%s at %s: %v", c.path, c.since, got)
			}
		}
	})
}

// TestQueriesThatAreWrong wants what Nova's schemas refuse refused.
func TestQueriesThatAreWrong(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.active("web")
		number := fmt.Sprint(dig(t, b.ask(200, "admin", "2.52", "GET", "/os-hypervisors", nil), "hypervisors", 0, "id"))
		uuid := dig(t, b.ask(200, "admin", "2.53", "GET", "/os-hypervisors", nil), "hypervisors", 0, "id").(string)
		actions := "/servers/" + id + "/os-instance-actions"
		for _, c := range []struct {
			status                int
			version, method, path string
		}{
			{200, "2.52", "GET", "/os-hypervisors?wings=1"},
			{400, "2.53", "GET", "/os-hypervisors?wings=1"},
			{400, "2.53", "GET", "/os-hypervisors?with_servers=maybe"},
			{400, "2.53", "GET", "/os-hypervisors/" + uuid + "?with_servers=maybe"},
			{400, "2.53", "GET", "/os-hypervisors/" + uuid + "?wings=1"},
			{200, "2.52", "GET", "/os-hypervisors/" + number + "?wings=1"},
			{404, "2.52", "GET", "/os-hypervisors/" + uuid},
			{400, "2.53", "GET", "/os-hypervisors/" + number},
			{404, "2.52", "GET", "/os-hypervisors/" + uuid + "/uptime"},
			{400, "2.53", "GET", "/os-hypervisors/" + number + "/uptime"},
			{200, "2.33", "GET", "/os-hypervisors?limit=1&marker="},
			{400, "2.53", "DELETE", "/os-services/" + number},
			{400, "2.52", "DELETE", "/os-services/" + uuid},
			{404, "2.52", "DELETE", "/os-services/99"},
			{200, "2.57", "GET", actions + "?wings=1"},
			{400, "2.58", "GET", actions + "?wings=1"},
			{400, "2.58", "GET", actions + "?changes-before=2020-01-01T00:00:00Z"},
			{200, "2.66", "GET", actions + "?changes-before=2020-01-01T00:00:00Z"},
			{400, "2.66", "GET", actions + "?changes-since=2020-01-02T00:00:00Z&changes-before=2020-01-01T00:00:00Z"},
			{400, "2.59", "GET", "/os-migrations?wings=1"},
			{400, "2.1", "GET", "/os-server-groups?offset=x"},
			{400, "2.1", "GET", "/os-server-groups?offset=-1"},
			{200, "2.1", "GET", "/os-server-groups?offset=1"},
		} {
			b.ask(c.status, "admin", c.version, c.method, c.path, nil)
		}
		b.ask(400, "admin", "2.53", "PUT", "/os-services/"+number, object{"status": "enabled"})
		b.ask(400, "admin", "2.52", "PUT", "/os-services/enable", object{"host": "node-1", "binary": "nova-scheduler"})
	})
}

// TestHypervisorPages goes on from the id that the version shows.
func TestHypervisorPages(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.cloud.Node("node-2", 8, 1<<16, 100)
	for _, version := range []string{"2.33", "2.53"} {
		first := b.ask(200, "admin", version, "GET", "/os-hypervisors?limit=1", nil)
		href, err := url.Parse(dig(t, first, "hypervisors_links", 0, "href").(string))
		if err != nil {
			t.Fatal(err)
		}
		marker := href.Query().Get("marker")
		if want := fmt.Sprint(dig(t, first, "hypervisors", 0, "id")); marker != want {
			t.Errorf("at %s the next page begins after %s, want %s", version, marker, want)
		}
		if got := b.ask(200, "admin", version, "GET", "/os-hypervisors?limit=1&marker="+marker, nil); dig(t, got, "hypervisors", 0, "hypervisor_hostname") != "node-2" {
			t.Errorf("at %s the second page is %v", version, got)
		}
	}
}

func TestFlavorOrderAndAccess(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.cloud.Flavor("a.small", 1, 64, 1)
	b.ask(200, "admin", "2.1", "POST", "/flavors", object{"flavor": object{"name": "own", "id": "z.own", "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": false}})
	b.ask(200, "admin", "2.1", "POST", "/flavors/z.own/action", object{"addTenantAccess": object{"tenant": "admin-id"}})
	for query, want := range map[string]string{
		"":                                "[a.small m1.tiny z.own]",
		"sort_dir=desc":                   "[z.own m1.tiny a.small]",
		"sort_dir=asc":                    "[a.small m1.tiny z.own]",
		"sort_key=memory_mb&sort_dir=asc": "[a.small z.own m1.tiny]",
		"is_public=true":                  "[a.small m1.tiny z.own]", // and those of the own project
		"is_public=false":                 "[z.own]",
	} {
		ids := []any{}
		for _, one := range dig(t, b.ask(200, "admin", "2.1", "GET", "/flavors?"+query, nil), "flavors").([]any) {
			ids = append(ids, one.(object)["id"])
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("?%s: %v, want %s", query, ids, want)
		}
	}
}

// Before 2.7 a public flavor could have a list of projects too.
func TestAccessToPublicFlavors(t *testing.T) {
	t.Parallel()
	b := open(t)
	at, access := "/flavors/"+b.flavor, object{"addTenantAccess": object{"tenant": "demo-id"}}
	b.ask(409, "admin", "2.7", "POST", at+"/action", access)
	if got := b.ask(200, "admin", "2.6", "POST", at+"/action", access); dig(t, got, "flavor_access", 0, "tenant_id") != "demo-id" {
		t.Errorf("access at 2.6: %v", got)
	}
	b.ask(409, "admin", "2.6", "POST", at+"/action", access)
	b.ask(404, "admin", "2.6", "GET", at+"/os-flavor-access", nil)
	b.ask(200, "admin", "2.7", "POST", at+"/action", object{"removeTenantAccess": object{"tenant": "demo-id"}})
}

func TestAggregatesThatAreChangedWrongly(t *testing.T) {
	t.Parallel()
	b := open(t)
	at := fmt.Sprintf("/os-aggregates/%v", dig(t, b.ask(200, "admin", "2.1", "POST", "/os-aggregates", object{"aggregate": object{"name": "fast", "availability_zone": "east"}}), "aggregate", "id"))
	b.ask(400, "admin", "2.1", "PUT", at, object{"aggregate": object{}})
	b.ask(400, "admin", "2.1", "PUT", at, object{"aggregate": object{"availability_zone": nil}})
	if got := b.ask(200, "admin", "2.1", "PUT", at, object{"aggregate": object{"name": "faster"}}); dig(t, got, "aggregate", "availability_zone") != "east" {
		t.Errorf("renamed: %v", got)
	}
	for path, body := range map[string]any{
		"":        nil,
		"/action": object{"add_host": object{"host": "node-1"}},
		"/images": object{"cache": []any{object{"id": b.image}}},
	} {
		method := map[bool]string{true: "GET", false: "POST"}[body == nil]
		b.ask(400, "admin", "2.81", method, "/os-aggregates/fast"+path, body)
	}
	b.ask(400, "admin", "2.1", "PUT", "/os-aggregates/fast", object{"aggregate": object{"name": "x"}})
	b.ask(400, "admin", "2.1", "DELETE", "/os-aggregates/fast", nil)
}

// TestUsageOfTimes looks at what a span says of times that are over, or to come.
func TestUsageOfTimes(t *testing.T) {
	t.Parallel()
	b := open(t)
	flavor := dig(t, b.ask(200, "admin", "2.1", "POST", "/flavors", object{"flavor": object{
		"name": "wide", "ram": 64, "vcpus": 1, "disk": 2, "OS-FLV-EXT-DATA:ephemeral": 3, "swap": 4096,
	}}), "flavor", "id").(string)
	b.flavor = flavor
	b.active("web")
	format := func(when time.Time) string { return when.UTC().Format("2006-01-02T15:04:05") }
	usage := func(start, end time.Time) object {
		t.Helper()
		return dig(t, b.ask(200, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id?start="+format(start)+"&end="+format(end), nil), "tenant_usage").(object)
	}
	now := time.Now()
	got := usage(now.Add(-48*time.Hour), now.Add(48*time.Hour))
	if stop := got["stop"].(string); stop > format(now.Add(time.Hour)) {
		t.Errorf("a span that goes on stops at %s", stop)
	}
	server := dig(t, got, "server_usages", 0).(object)
	if server["local_gb"] != 5.0 {
		t.Errorf("a root disk of 2 GB and another of 3 are %v", server["local_gb"])
	}
	started, err := time.Parse("2006-01-02T15:04:05.000000", server["started_at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	past := dig(t, usage(started.Add(-time.Hour), started.Add(time.Second)), "server_usages", 0, "uptime").(float64)
	if age := now.Sub(started).Seconds(); past < age-1 {
		t.Errorf("the uptime is %v s, the server is %v s old", past, age)
	}
	b.ask(400, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id?start="+format(now)+"&end="+format(now), nil)
	if got := b.ask(200, "member", "2.1", "GET", "/os-simple-tenant-usage/demo-id", nil); dig(t, got, "tenant_usage", "total_hours").(float64) > 0.01 {
		t.Errorf("now is a span of %v", got)
	}
}
