package identity_test

import (
	"maps"
	"testing"

	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// What a project may have: its own limits before the registered ones, and those
// of the region before those of everywhere.
func TestProjectLimits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		p, other := project(t, s), identity.DefaultDomain
		services, err := s.CatalogServices(t.Context(), identity.Listing{})
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]string{}
		for _, v := range services {
			ids[v.Type] = v.ID
		}
		region := identity.DefaultRegion
		if _, err := s.CreateRegion(t.Context(), identity.Region{ID: "moon"}); err != nil {
			t.Fatal(err)
		}
		moon := "moon"
		_, err = s.CreateRegisteredLimits(t.Context(), []identity.RegisteredLimit{
			{ServiceID: ids["image"], ResourceName: "images", DefaultLimit: 10},
			{ServiceID: ids["image"], ResourceName: "images", RegionID: &region, DefaultLimit: 20},
			{ServiceID: ids["image"], ResourceName: "bytes", DefaultLimit: 30},
			{ServiceID: ids["image"], ResourceName: "stars", RegionID: &moon, DefaultLimit: 40},
			{ServiceID: ids["compute"], ResourceName: "cores", DefaultLimit: 50},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateLimits(t.Context(), []identity.Limit{{ServiceID: ids["image"], ResourceName: "bytes", ProjectID: &p, ResourceLimit: -1}}); err != nil {
			t.Fatal(err)
		}
		of, err := s.LimitsOf(t.Context(), []identity.Project{{ID: p}, {ID: other}})
		if err != nil || len(of) != 1 || len(of[p]) != 1 || of[p][0].ResourceName != "bytes" || of[p][0].ServiceID != ids["image"] {
			t.Errorf("limits of the projects: %v, %v", of, err)
		}
		if of, err := s.LimitsOf(t.Context(), nil); err != nil || of == nil {
			t.Errorf("limits of no project: %v, %v", of, err)
		}
		for _, tt := range []struct {
			kind, region, project string
			want                  map[string]int64
		}{
			{"image", region, p, map[string]int64{"images": 20, "bytes": -1}},
			{"image", region, other, map[string]int64{"images": 20, "bytes": 30}},
			{"image", moon, other, map[string]int64{"images": 10, "bytes": 30, "stars": 40}},
			{"network", region, p, map[string]int64{}},
		} {
			if got, err := s.ProjectLimits(t.Context(), db.Read(), tt.kind, tt.region, tt.project); err != nil || !maps.Equal(got, tt.want) {
				t.Errorf("%s of %s in %s: %v, %v", tt.kind, tt.project, tt.region, got, err)
			}
		}
	})
}
