package compute_test

import (
	"slices"
	"testing"

	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// heard collects what is told since the last look: "resource action project".
func heard(t *testing.T, db *store.DB) (since func() []string) {
	t.Helper()
	var all []string
	t.Cleanup(db.Changes(func(changes []store.Change) {
		for _, c := range changes {
			all = append(all, c.Resource+" "+c.Action+" "+c.ProjectID)
		}
	}))
	return func() []string {
		got := slices.Compact(slices.Sorted(slices.Values(all)))
		all = nil
		return got
	}
}

// What nodes report, and what the server does by itself, is told like what is
// asked for.
func TestChangesOfReports(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		since := heard(t, db)
		expect := func(doing string, want ...string) {
			t.Helper()
			got := since()
			for _, change := range want {
				if !slices.Contains(got, change) {
					t.Errorf("%s: %q is not among %q", doing, change, got)
				}
			}
			if len(want) == 0 && len(got) > 0 {
				t.Errorf("%s tells of %q", doing, got)
			}
		}
		project := c.member.ProjectID
		server := c.create(t, "web")
		expect("a request", "server create "+project, "port create "+project, "resource_provider update ")
		c.node.Step()
		expect("a machine that runs", "server update "+project, "port update "+project)
		c.node.Step()
		expect("the same report again")
		c.node.Shutdown(server.ID)
		c.node.Step()
		expect("a guest that powers itself off", "server update "+project)
		c.HostGone(t.Context(), "node-1", "another session")
		expect("the end of an older session")
		c.HostGone(t.Context(), "node-1", c.node.Session)
		expect("a node that goes", "service update ")
		c.node.Step()
		expect("a node that comes back", "service update ")
		if err := c.DeleteServer(t.Context(), c.member, server.ID); err != nil {
			t.Fatal(err)
		}
		expect("a server that is to be deleted", "server update "+project)
		c.node.Step()
		expect("a machine that is gone", "server delete "+project, "port delete "+project, "resource_provider update ")
		doomed := c.create(t, "doomed")
		since()
		c.forceDown(t)
		expect("a host that is said to be down", "service update ")
		c.sweep(t)
		expect("a host that is lost", "server update "+project)
		if err := c.DeleteServer(t.Context(), c.member, doomed.ID); err != nil {
			t.Fatal(err)
		}
		expect("a server of a lost host", "server delete "+project)
	})
}
