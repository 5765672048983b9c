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

// A host of an aggregate has an image at hand for a day, and may fetch it;
// others may not.
func TestCacheImages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		c.Node("inside", 4, 4096, 40)
		c.Node("outside", 4, 4096, 40)
		ctx, admin := t.Context(), computetest.Admin()
		image, kernel := c.Image(nil), c.Image(nil)
		withKernel := c.Image(map[string]any{"kernel_id": kernel})
		made, err := c.CreateAggregate(ctx, "a", "")
		if err != nil || made.Number != 1 {
			t.Fatal(made, err)
		}
		if err := c.CacheImages(ctx, admin, "1", []string{image}); err != nil {
			t.Errorf("without hosts: %v", err)
		}
		if _, err := c.ChangeAggregate(ctx, "1", func(a *compute.Aggregate) error { a.Hosts = []string{"inside"}; return nil }); err != nil {
			t.Fatal(err)
		}
		wantKind(t, c.CacheImages(ctx, admin, "2", []string{image}), errs.NotFound, "could not be found")
		wantKind(t, c.CacheImages(ctx, admin, "1", []string{made.ID}), errs.Invalid, "could not be found")
		queued, err := c.Images.Create(ctx, admin, map[string]any{"name": "queued"})
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, c.CacheImages(ctx, admin, "1", []string{queued.ID}), errs.Invalid, "not active")
		for range 2 { // to ask again is fine
			if err := c.CacheImages(ctx, admin, "1", []string{image, withKernel}); err != nil {
				t.Fatal(err)
			}
		}
		has := func(host string) int {
			t.Helper()
			state, err := c.HostState(ctx, host)
			if err != nil {
				t.Fatal(err)
			}
			return len(state.Images)
		}
		if has("inside") != 2 || has("outside") != 0 {
			t.Errorf("%d images inside and %d outside", has("inside"), has("outside"))
		}
		for _, id := range []string{image, withKernel, kernel} {
			body, _, err := c.OpenImage(ctx, "inside", id)
			if err != nil {
				t.Fatal(err)
			}
			_ = body.Close()
		}
		_, _, err = c.OpenImage(ctx, "outside", image)
		wantKind(t, err, errs.NotFound, "boots from")
		c.Clock.Advance(25 * time.Hour)
		if has("inside") != 0 {
			t.Error("a day later it is still at hand")
		}
		_, _, err = c.OpenImage(ctx, "inside", image)
		wantKind(t, err, errs.NotFound, "boots from")
	})
}
