package server_test

import (
	"context"
	"net/http"
	"testing"

	"wisp/internal/cloudtest"
)

// A cloud is a region too: it copies an image from itself as it would from
// another one, by its catalog and with the user's token.
func TestImportFromARegion(t *testing.T) {
	t.Parallel()
	c := &client{t: t, Cloud: cloudtest.New(t)}
	c.token = c.login()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.Server.Image.Work(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	create := func(more object) string {
		t.Helper()
		body := object{"disk_format": "raw", "container_format": "bare"}
		for name, value := range more {
			body[name] = value
		}
		_, made := c.ask(http.StatusCreated, "POST", "/image/v2/images", body)
		return made["id"].(string)
	}
	source := create(object{"os_distro": "plan9"})
	c.ask(http.StatusNoContent, "PUT", "/image/v2/images/"+source+"/file", []byte("0123456789"))
	copied := func(region, service string) object {
		t.Helper()
		id := create(nil)
		c.ask(http.StatusAccepted, "POST", "/image/v2/images/"+id+"/import", object{"method": object{
			"name": "glance-download", "glance_region": region, "glance_image_id": source, "glance_service_interface": service,
		}})
		var got object
		eventually(t, "the import has ended", func() bool {
			_, got = c.ask(http.StatusOK, "GET", "/image/v2/images/"+id, nil)
			return got["status"] != "importing"
		})
		return got
	}
	if got := copied("regionone", "public"); got["status"] != "active" || got["size"] != 10.0 || got["os_distro"] != "plan9" {
		t.Errorf("copied %v", got)
	}
	for region, service := range map[string]string{"moon": "public", "RegionOne": "secret"} {
		if got := copied(region, service); got["status"] != "queued" || got["os_distro"] != nil {
			t.Errorf("from %s by %s: %v", region, service, got)
		}
	}
}
