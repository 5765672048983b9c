package imageapi_test

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"wisp/internal/api/apitest"
	"wisp/internal/image"
	"wisp/internal/image/imageapi"
	"wisp/internal/metadef"
	"wisp/internal/store/storetest"
)

// several is a cloud with two stores, that shows where data are.
func several(t *testing.T) *cloud {
	t.Helper()
	stores, err := image.OpenStores(t.Context(), t.TempDir(), map[string]string{"second": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := image.OpenArchive(stores...).Close(); err != nil {
			t.Error(err)
		}
	})
	db := storetest.SQLite(t)
	options := image.Options{Source: web{}, Stores: stores[1:], Locations: true, DirectURL: true}
	svc := image.New(db, stores[0].Blobs, slog.New(slog.DiscardHandler), options)
	return &cloud{apitest.Serve(t, apitest.Standard(), imageapi.New(svc, metadef.New(db))), t, svc}
}

func TestStores(t *testing.T) {
	t.Parallel()
	c := several(t)
	c.work()
	want := object{"stores": []any{object{"id": "local", "default": "true"}, object{"id": "second"}, object{"id": "web", "read-only": "true"}}}
	if diff := cmp.Diff(want, c.json("reader", 200, "GET", "/v2/info/stores", nil)); diff != "" {
		t.Error(diff)
	}
	for n, kind := range []string{"file", "file", "http"} {
		one := c.json("admin", 200, "GET", "/v2/info/stores/detail", nil)["stores"].([]any)[n].(object)
		if one["type"] != kind || one["properties"] == nil {
			t.Errorf("store %v", one)
		}
	}
	methods := c.json("reader", 200, "GET", "/v2/info/import", nil)["import-methods"].(object)["value"]
	if diff := cmp.Diff([]any{"glance-direct", "web-download", "copy-image"}, methods); diff != "" {
		t.Error(diff)
	}
	r := c.Must(201, "member", "POST", "/image/v2/images", object{"name": "i", "disk_format": "raw", "container_format": "bare"})
	if got := r.Header.Get("OpenStack-image-store-ids"); got != "local,second" {
		t.Errorf("stores %q", got)
	}
	var made object
	r.JSON(t, &made)
	one := "/v2/images/" + made["id"].(string)
	octets := []string{"Content-Type", "application/octet-stream"}
	c.Must(400, "member", "PUT", "/image"+one+"/file", "x", append(octets, "X-Image-Meta-Store", "third")...)
	c.Must(400, "member", "PUT", "/image"+one+"/file", "x", append(octets, "X-Image-Meta-Store", "web")...)
	c.Must(204, "member", "PUT", "/image"+one+"/file", "x", append(octets, "X-Image-Meta-Store", "second")...)
	if got := c.json("member", 200, "GET", one, nil)["stores"]; got != "second" {
		t.Errorf("stores %v", got)
	}
	c.Must(403, "member", "POST", "/image"+one+"/import", `{"method":{"name":"copy-image"},"all_stores":true}`)
	c.Must(409, "admin", "POST", "/image"+one+"/import", `{"method":{"name":"copy-image"},"stores":["web"]}`)
	c.Must(202, "admin", "POST", "/image"+one+"/import", `{"method":{"name":"copy-image"},"all_stores":true,"all_stores_must_succeed":false}`)
	got := c.json("member", 200, "GET", one, nil)
	for got["os_glance_importing_to_stores"] != "" {
		got = c.json("member", 200, "GET", one, nil)
	}
	if got["stores"] != "second,local" || got["os_glance_failed_import"] != "" || got["status"] != "active" {
		t.Errorf("copied: %v", got)
	}
	c.Must(202, "admin", "POST", "/image"+one+"/import", `{"method":{"name":"copy-image"},"all_stores":true}`) // nothing is left to do

	id := made["id"].(string)
	c.Must(404, "other", "DELETE", "/image/v2/stores/second/"+id, nil)
	c.Must(403, "reader", "DELETE", "/image/v2/stores/second/"+id, nil)
	c.Must(404, "member", "DELETE", "/image/v2/stores/second/"+uuid.NewString(), nil)
	c.Must(409, "member", "DELETE", "/image/v2/stores/third/"+id, nil)
	c.Must(404, "member", "DELETE", "/image/v2/stores/web/"+id, nil)
	c.Must(204, "member", "DELETE", "/image/v2/stores/second/"+id, nil)
	c.Must(403, "member", "DELETE", "/image/v2/stores/local/"+id, nil)
	if got := c.json("member", 200, "GET", one, nil)["stores"]; got != "local" {
		t.Errorf("stores %v", got)
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	c := several(t)
	made := c.json("member", 201, "POST", "/v2/images", object{"name": "i", "disk_format": "raw", "container_format": "bare"})
	if diff := cmp.Diff([]any{}, made["locations"]); diff != "" || made["direct_url"] != nil {
		t.Errorf("made %v", made)
	}
	one := "/v2/images/" + made["id"].(string)
	uri := "http://example.org/0123456789"
	patch := func(status int, media, body string) object {
		t.Helper()
		return c.json("member", status, "PATCH", one, body, "Content-Type", media)
	}
	patch(400, v21, `[{"op":"add","path":"/locations","value":{"url":"`+uri+`","metadata":{}}}]`)
	patch(400, v21, `[{"op":"add","path":"/locations/0/1","value":{"url":"`+uri+`","metadata":{}}}]`)
	got := patch(200, v20, `[{"add":"/locations/-","value":{"url":"`+uri+`","metadata":{"foo":"bar"}}}]`)
	want := []any{object{"url": uri, "metadata": object{"foo": "bar", "store": "web"}}}
	if diff := cmp.Diff(want, got["locations"]); diff != "" || got["direct_url"] != uri || got["status"] != "active" || got["stores"] != "web" || got["size"] != 10.0 {
		t.Errorf("%s: %v", diff, got)
	}
	if r := c.Must(200, "member", "GET", "/image"+one+"/file", nil); string(r.Body) != "0123456789" {
		t.Errorf("data %q", r.Body)
	}
	patch(403, v21, `[{"op":"remove","path":"/locations/0"}]`)
	patch(403, v21, `[{"op":"replace","path":"/locations","value":[]}]`)
	patch(400, v21, `[{"op":"replace","path":"/locations","value":null}]`)
	c.json("admin", 200, "PATCH", one, `[{"op":"replace","path":"/visibility","value":"public"}]`, "Content-Type", v21)
	if got := c.json("other", 200, "GET", one, nil); got["direct_url"] != nil || len(got["locations"].([]any)) > 0 {
		t.Errorf("others see %v", got)
	}
	if r := c.Must(200, "other", "GET", "/image"+one+"/file", nil); string(r.Body) != "0123456789" {
		t.Errorf("data %q", r.Body)
	}
	stored := c.json("member", 200, "GET", "/v2/images/"+c.active("member", "abc"), nil)["locations"].([]any)[0].(object)
	if u, _ := stored["url"].(string); len(u) < 9 || u[:8] != "file:///" {
		t.Errorf("stored at %v", stored)
	}
}

func TestNoLocations(t *testing.T) {
	each(t, image.Options{Source: web{}}, func(t *testing.T, c *cloud) {
		made := c.json("member", 201, "POST", "/v2/images", object{"name": "i"})
		if _, has := made["locations"]; has {
			t.Errorf("made %v", made)
		}
		body := `[{"op":"add","path":"/locations/-","value":{"url":"http://example.org/0123456789","metadata":{}}}]`
		c.json("admin", 403, "PATCH", "/v2/images/"+made["id"].(string), body, "Content-Type", v21)
	})
}
