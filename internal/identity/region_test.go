package identity_test

import (
	"testing"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// A region goes with those below it, unless one of them has an endpoint.
func TestDeleteRegions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, ctx := start(t, db, t.TempDir()), t.Context()
		fail := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ids := []string{"a", "b", "c"}
		var above *string
		for i := range ids {
			_, err := s.CreateRegion(ctx, identity.Region{ID: ids[i], ParentID: above})
			fail(err)
			above = &ids[i]
		}
		service, err := s.CreateCatalogService(ctx, identity.CatalogService{Type: "x", Enabled: true})
		fail(err)
		endpoint, err := s.CreateEndpoint(ctx, identity.Endpoint{ServiceID: service.ID, RegionID: &ids[2], Interface: "public", URL: "http://x"}, false)
		fail(err)
		if err := s.DeleteRegion(ctx, "a"); !errs.Is(err, errs.Forbidden) {
			t.Fatalf("with an endpoint below: %v", err)
		}
		fail(s.DeleteEndpoint(ctx, endpoint.ID))
		fail(s.DeleteRegion(ctx, "a"))
		for _, id := range ids {
			if _, err := s.Region(ctx, id); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if err := s.DeleteRegion(ctx, "a"); !errs.Is(err, errs.NotFound) {
			t.Errorf("twice: %v", err)
		}
	})
}
