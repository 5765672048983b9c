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

// TestServersByTime filters by moments and by patterns of times, on both engines.
func TestServersByTime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		first := c.create(t, "first")
		c.node.Step()
		c.Clock.Advance(2 * time.Hour)
		second := c.create(t, "second")
		list := func(f compute.ServerFilter) string {
			t.Helper()
			f.AllProjects = true
			servers, err := c.ListServers(t.Context(), computetest.Admin(), f, compute.Load{})
			if err != nil {
				t.Fatal(err)
			}
			names := ""
			for i := range servers {
				names += servers[i].Name + " "
			}
			return names
		}
		at := func(name string, when time.Time) compute.ServerFilter {
			return compute.ServerFilter{Moments: map[string]time.Time{name: when}}
		}
		like := func(name, pattern string) compute.ServerFilter {
			return compute.ServerFilter{Patterns: map[string]string{name: pattern}}
		}
		for name, step := range map[string]struct {
			filter compute.ServerFilter
			want   string
		}{
			"the second of a creation":      {at("created_at", first.CreatedAt.Truncate(time.Second)), "first "},
			"another second":                {at("created_at", first.CreatedAt.Add(time.Minute)), ""},
			"the hour of a creation":        {like("created_at", second.CreatedAt.UTC().Format("^2006-01-02 15:")), "second "},
			"a pattern that needs no start": {like("created_at", "[0-9]{2}"), "second first "},
			"what was never launched":       {like("launched_at", "."), "first "},
			"what ended":                    {like("terminated_at", "."), ""},
			"who locked":                    {like("locked_by", "owner"), ""},
			"a kernel":                      {compute.ServerFilter{Kernel: "x"}, ""},
			"a wild card is none":           {compute.ServerFilter{Ramdisk: "%"}, ""},
		} {
			if got := list(step.filter); got != step.want {
				t.Errorf("%s: %q, want %q", name, got, step.want)
			}
		}
		_, err := c.ListServers(t.Context(), c.member, at("wings_at", time.Now()), compute.Load{})
		wantKind(t, err, errs.Invalid, "wings_at")
		_, err = c.ListServers(t.Context(), c.member, like("created_at", "("), compute.Load{})
		wantKind(t, err, errs.Invalid, "not a valid regular expression")
	})
}
