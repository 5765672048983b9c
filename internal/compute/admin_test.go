package compute_test

import (
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// What administrators look at without a server in mind, on both engines.
func TestWhatAdministratorsSee(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		ctx, admin := t.Context(), computetest.Admin()
		var ids []string
		for _, name := range []string{"one", "two"} {
			made, err := c.CreateServers(ctx, c.member, c.request(name))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, made.Servers[0].ID)
		}
		c.node.Step()

		host, projects, err := c.HostUse(ctx, c.node.Host)
		if err != nil || host.VCPUsUsed == 0 || len(projects) != 1 || projects[0].ProjectID != c.member.ProjectID || projects[0].VCPUs != host.VCPUsUsed {
			t.Errorf("the host is used by %v: %v (%v)", projects, host.VCPUsUsed, err)
		}
		_, _, err = c.HostUse(ctx, "mars")
		wantKind(t, err, errs.NotFound, "mars")

		span := compute.UsageSpan{Start: time.Now().Add(-time.Hour), End: time.Now().Add(time.Hour), Limit: 1}
		first, err := c.Usages(ctx, admin, span)
		if err != nil || len(first) != 1 {
			t.Fatalf("the first page of usage is %v (%v)", first, err)
		}
		span.Marker = first[0].Server.ID
		if second, err := c.Usages(ctx, c.member, span); err != nil || len(second) != 1 || second[0].Server.ID == span.Marker {
			t.Errorf("the second page is %v (%v)", second, err)
		}
		span.Marker = c.image
		_, err = c.Usages(ctx, admin, span)
		wantKind(t, err, errs.Invalid, "could not be found")

		if _, err := c.SetClassLimits(ctx, compute.DefaultClass, map[string]int64{compute.QuotaInstances: 2, compute.QuotaCores: -1}); err != nil {
			t.Fatal(err)
		}
		_, err = c.CreateServers(ctx, c.member, c.request("three"))
		wantKind(t, err, errs.OverQuota, "instances")
		if _, err := c.SetLimits(ctx, c.member.ProjectID, map[string]int64{compute.QuotaInstances: 3}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateServers(ctx, c.member, c.request("three")); err != nil {
			t.Errorf("within the project's own limit: %v", err)
		}

		known, err := c.Notice(ctx, []string{ids[0], c.image})
		if err != nil || len(known) != 1 || known[ids[0]] != c.node.Host {
			t.Errorf("noticed: %v (%v)", known, err)
		}
		if known, err = c.Notice(ctx, nil); err != nil || len(known) != 0 {
			t.Errorf("nothing noticed: %v (%v)", known, err)
		}

		down := true
		if _, err := c.UpdateHost(ctx, compute.HostFilter{Name: c.node.Host}, compute.HostUpdate{ForcedDown: &down}); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids { // there is no other host
			if _, err := c.Evacuate(ctx, admin, id, compute.EvacuateRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		all, err := c.ListMigrations(ctx, compute.MigrationFilter{Host: c.node.Host, Since: time.Now().Add(-time.Hour), Before: time.Now().Add(time.Hour)})
		if err != nil || len(all) != 2 || all[0].ServerID != ids[1] || all[0].Status != compute.MigrationError {
			t.Fatalf("migrations are %v (%v)", all, err)
		}
		rest, err := c.ListMigrations(ctx, compute.MigrationFilter{Marker: all[0].ID, Limit: 5})
		if err != nil || len(rest) != 1 || rest[0].ID != all[1].ID {
			t.Errorf("after the first: %v (%v)", rest, err)
		}
		_, err = c.ListMigrations(ctx, compute.MigrationFilter{Marker: ids[0]})
		wantKind(t, err, errs.Invalid, "could not be found")
	})
}
