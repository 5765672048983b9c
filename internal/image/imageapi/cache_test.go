package imageapi_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/api/apitest"
	"wisp/internal/image"
	"wisp/internal/image/imageapi"
	"wisp/internal/metadef"
	"wisp/internal/store/storetest"
)

func TestCache(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	blobs, err := image.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	svc := image.New(db, blobs, slog.New(slog.DiscardHandler), image.Options{Cache: t.TempDir(), CacheBytes: 1 << 20})
	if err := svc.OpenCache(); err != nil {
		t.Fatal(err)
	}
	c := &cloud{apitest.Serve(t, apitest.Standard(), imageapi.New(svc, metadef.New(db))), t, svc}

	versions := c.json("", 200, "GET", "/versions", nil)["versions"].([]any)
	for n, want := range []string{"v2.16", "v2.15", "v2.14", "v2.13"} {
		if got := versions[n].(object)["id"]; got != want {
			t.Errorf("version %v, want %s", got, want)
		}
	}
	id := c.active("member", "0123456789")
	c.Must(404, "admin", "PUT", "/image/v2/cache/"+uuid.NewString(), nil)
	c.Must(400, "admin", "PUT", "/image/v2/cache/"+c.create("member", nil), nil)
	c.Must(202, "admin", "PUT", "/image/v2/cache/"+id, nil)
	if got := c.json("admin", 200, "GET", "/v2/cache", nil); len(got["cached_images"].([]any)) != 0 || got["queued_images"].([]any)[0] != id {
		t.Errorf("queued: %v", got)
	}
	c.work()
	var one object
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for one == nil {
		if list := c.json("admin", 200, "GET", "/v2/cache", nil)["cached_images"].([]any); len(list) > 0 {
			one = list[0].(object)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nothing is cached")
		}
	}
	if made, _ := one["last_modified"].(float64); one["image_id"] != id || one["hits"] != 0.0 || one["size"] != 10.0 || made < 1e9 || one["last_accessed"] != made {
		t.Errorf("cached: %v", one)
	}
	c.Must(204, "admin", "DELETE", "/image/v2/cache/"+id, nil)
	c.Must(404, "admin", "DELETE", "/image/v2/cache/"+uuid.NewString(), nil)
	c.Must(204, "admin", "DELETE", "/image/v2/cache", nil, "X-Image-Cache-Clear-Target", "Queue")
	c.Must(204, "admin", "DELETE", "/image/v2/cache", nil)
	c.Must(400, "admin", "DELETE", "/image/v2/cache", nil, "X-Image-Cache-Clear-Target", "invalid")
	for _, method := range []string{"GET", "DELETE"} {
		c.Must(403, "member", method, "/image/v2/cache", nil)
	}
	c.Must(403, "member", "PUT", "/image/v2/cache/"+id, nil)
	c.Must(403, "member", "DELETE", "/image/v2/cache/"+id, nil)
}

func TestNoCache(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		if got := c.json("admin", 404, "GET", "/v2/cache", nil)["message"]; got != "Caching via API is not supported at this site." {
			t.Errorf("message %v", got)
		}
		c.Must(403, "member", "GET", "/image/v2/cache", nil)
	})
}
