package image_test

import (
	"testing"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
)

func TestUsage(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		if _, err := f.Usage(t.Context(), &policy.Caller{Roles: []string{"reader"}}); !errs.Is(err, errs.Forbidden) {
			t.Errorf("of no project: %v", err)
		}
		usage, err := f.Usage(t.Context(), member)
		if err != nil || len(usage) != 4 || usage[image.CountTotal] != (image.Quota{Used: 0, Limit: -1}) {
			t.Errorf("usage %v %v", usage, err)
		}
		store := f.Stores()[0]
		if want := map[bool]string{true: "s3", false: "file"}[f.s3 != nil]; store.Type != want || len(store.Detail) == 0 || !store.Default || store.ReadOnly || store.Name != image.LocalStore {
			t.Errorf("store %v", store)
		}
	})
}
