package image_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/store"
)

func TestListFilters(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		f.active(member, "12345")
		f.create(member, map[string]any{"name": "b", "disk_format": "qcow2", "tags": []any{"x", "y"}, "os_distro": "debian", "protected": true, "min_disk": 1.0})
		f.create(member, map[string]any{"name": `c,"d`, "os_hidden": true, "tags": []any{"x"}})
		year := time.Now().UTC().Year()
		for _, tt := range []struct {
			filters map[string]string
			tags    []string
			want    int
		}{
			{nil, nil, 3},
			{map[string]string{"name": "b"}, nil, 1},
			{map[string]string{"name": "eq:b"}, nil, 1},
			{map[string]string{"name": `in:b,"c,\"d"`}, nil, 2},
			{map[string]string{"status": "queued"}, nil, 2},
			{map[string]string{"status": "in:queued,active"}, nil, 3},
			{map[string]string{"size_min": "5"}, nil, 1},
			{map[string]string{"size_min": "6"}, nil, 0},
			{map[string]string{"size_max": "5"}, nil, 1},
			{map[string]string{"size": "5"}, nil, 1},
			{map[string]string{"min_disk": "1"}, nil, 1},
			{map[string]string{"disk_format": "qcow2"}, nil, 1},
			{map[string]string{"container_format": "ova"}, nil, 0},
			{map[string]string{"owner": "demo"}, nil, 3},
			{map[string]string{"owner": "foreign"}, nil, 0},
			{map[string]string{"protected": "true"}, nil, 1},
			{map[string]string{"os_hidden": "true"}, nil, 1},
			{map[string]string{"os_distro": "debian"}, nil, 1},
			{map[string]string{"os_distro": "fedora"}, nil, 0},
			{map[string]string{"checksum": "827ccb0eea8a706c4c34a16891f84e7b"}, nil, 1},
			{map[string]string{"os_hash_value": "x"}, nil, 0},
			{map[string]string{"os_hash_algo": "sha512"}, nil, 1},
			{map[string]string{"created_at": fmt.Sprintf("gt:%d-01-01T00:00:00Z", year+1)}, nil, 0},
			{map[string]string{"created_at": fmt.Sprintf("gte:%d-01-01T00:00:00Z", year)}, nil, 3},
			{map[string]string{"updated_at": fmt.Sprintf("lt:%d-01-01T00:00:00Z", year)}, nil, 0},
			{map[string]string{"updated_at": fmt.Sprintf("lte:%d-01-01T00:00:00Z", year+1)}, nil, 3},
			{map[string]string{"created_at": "2001-01-01T00:00:00Z"}, nil, 0},
			{map[string]string{"created_at": "neq:2001-01-01T00:00:00Z"}, nil, 3},
			{nil, []string{"x"}, 2},
			{nil, []string{"x", "y"}, 1},
		} {
			found, err := f.List(t.Context(), member, image.Query{Filters: tt.filters, Tags: tt.tags, Limit: 10})
			if err != nil || len(found) != tt.want {
				t.Errorf("%v %v: %d images, want %d, %v", tt.filters, tt.tags, len(found), tt.want, err)
			}
		}
		for name, value := range map[string]string{
			"visibility": "x", "size_min": "x", "size": "x", "created_at": "yesterday", "updated_at": "after:2001-01-01T00:00:00Z", "name": "like:b", "status": `in:"x`,
			"id": `in:"x"y`, "disk_format": `in:x"y"`, "protected": "yes", "changes-since": "x",
		} {
			_, err := f.List(t.Context(), member, image.Query{Filters: map[string]string{name: value}, Limit: 10})
			kind(t, name+"="+value, err, errs.Invalid)
		}
		for what, q := range map[string]image.Query{
			"member status": {MemberStatus: "x"}, "sort key": {Sort: []store.Order{{Key: "owner"}}}, "marker": {Marker: "x"},
		} {
			_, err := f.List(t.Context(), member, q)
			kind(t, what, err, errs.Invalid)
		}
	})
}

func TestListPages(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for n := range 7 {
			i := f.create(member, map[string]any{"name": fmt.Sprint("n", n%3)})
			if n%2 == 0 {
				data := strings.Repeat("x", n+1)
				if err := f.Upload(t.Context(), member, i.ID, strings.NewReader(data), -1); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, key := range image.SortKeys {
			for _, desc := range []bool{false, true} {
				order := []store.Order{{Key: key, Desc: desc}}
				all, err := f.List(t.Context(), member, image.Query{Sort: order, Limit: 100})
				if err != nil || len(all) != 7 {
					t.Fatal(len(all), err)
				}
				var paged []string
				for marker := ""; ; {
					page, err := f.List(t.Context(), member, image.Query{Sort: order, Limit: 2, Marker: marker})
					if err != nil {
						t.Fatal(err)
					}
					if len(page) == 0 {
						break
					}
					for _, i := range page {
						paged = append(paged, i.ID)
					}
					marker = paged[len(paged)-1]
				}
				var whole []string
				for _, i := range all {
					whole = append(whole, i.ID)
				}
				if !slices.Equal(whole, paged) {
					t.Errorf("%s: pages %v, want %v", key, paged, whole)
				}
			}
		}
	})
}
