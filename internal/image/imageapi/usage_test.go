package imageapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/image"
)

func TestUsage(t *testing.T) {
	quota := func(used, limit float64) object { return object{"usage": used, "limit": limit} }
	for _, tt := range []struct {
		name  string
		bytes int64
		limit float64
	}{{"no limit", 0, -1}, {"limit", 8 << 20, 8}} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, image.Options{ProjectBytes: tt.bytes}, func(t *testing.T, c *cloud) {
				same := func(token string, want object) {
					t.Helper()
					if diff := cmp.Diff(object{"usage": want}, c.json(token, 200, "GET", "/v2/info/usage", nil)); diff != "" {
						t.Error(diff)
					}
				}
				nothing := object{"image_size_total": quota(0, tt.limit), "image_stage_total": quota(0, -1), "image_count_total": quota(0, -1), "image_count_uploading": quota(0, -1)}
				same("member", nothing)
				c.active("member", strings.Repeat("x", 5<<19))
				c.Must(204, "member", "PUT", "/image/v2/images/"+c.create("member", nil)+"/stage", strings.Repeat("x", 1<<20), "Content-Type", "application/octet-stream")
				c.create("member", nil)
				same("reader", object{"image_size_total": quota(2, tt.limit), "image_stage_total": quota(1, -1), "image_count_total": quota(3, -1), "image_count_uploading": quota(1, -1)})
				same("other", nothing)
				c.Must(401, "", "GET", "/image/v2/info/usage", nil)
			})
		})
	}
}

func TestStoresDetail(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		store := c.json("admin", 200, "GET", "/v2/info/stores/detail", nil)["stores"].([]any)[0].(object)
		properties := store["properties"].(object)
		dir, _ := properties["data_dir"].(string)
		if store["id"] != "local" || store["default"] != "true" || store["type"] != "file" || !strings.HasPrefix(dir, "/") || properties["thin_provisioning"] != false {
			t.Errorf("store %v", store)
		}
		c.Must(403, "member", "GET", "/image/v2/info/stores/detail", nil)
	})
}
