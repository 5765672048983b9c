package imageapi_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/errs"
	"wisp/internal/image"
)

// web is a source in memory: what a URI leads to is its path.
type web struct{}

func (web) Check(uri string) error {
	if !strings.HasPrefix(uri, "http://") {
		return errs.New(errs.Invalid, "URI for web-download does not pass filtering: %s", uri)
	}
	return nil
}

func (web) Fetch(_ context.Context, uri string) (io.ReadCloser, int64, error) {
	data := uri[strings.LastIndexByte(uri, '/')+1:]
	if data == "missing" {
		return nil, 0, errs.New(errs.Unavailable, "The server of the URI answered HTTP 404: Not Found")
	}
	return io.NopCloser(strings.NewReader(data)), int64(len(data)), nil
}

// work runs imports until the test ends.
func (c *cloud) work() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.svc.Work(ctx); close(done) }()
	c.t.Cleanup(func() { cancel(); <-done })
}

// becomes polls an image until it has the status.
func (c *cloud) becomes(id, status string) object {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		got := c.json("member", 200, "GET", "/v2/images/"+id, nil)
		if got["status"] == status {
			return got
		}
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("never %s: %v", status, got)
		}
	}
}

func TestImport(t *testing.T) {
	each(t, image.Options{Source: web{}}, func(t *testing.T, c *cloud) {
		r := c.Must(201, "member", "POST", "/image/v2/images", object{"name": "i", "disk_format": "raw", "container_format": "bare"})
		if r.Header.Get("OpenStack-image-import-methods") != "glance-direct,web-download" || r.Header.Get("OpenStack-image-store-ids") != "local" {
			t.Errorf("headers %v", r.Header)
		}
		var made object
		r.JSON(t, &made)
		id := made["id"].(string)
		if r := c.Must(202, "member", "POST", "/image/v2/images/"+id+"/import", `{"method":{"name":"web-download","uri":"http://example.org/0123456789"},"stores":["local"]}`); len(r.Body) > 0 {
			t.Errorf("body %q", r.Body)
		}
		got := c.json("member", 200, "GET", "/v2/images/"+id, nil)
		task, _ := got["os_glance_import_task"].(string)
		if got["status"] != "importing" || task == "" || got["os_glance_importing_to_stores"] != "local" || got["os_glance_failed_import"] != "" || got["stores"] != nil {
			t.Errorf("importing: %v", got)
		}
		c.work()
		got = c.becomes(id, "active")
		if got["os_glance_import_task"] != nil || got["os_glance_importing_to_stores"] != "" || got["os_glance_failed_import"] != "" || got["stores"] != "local" || got["size"] != 10.0 {
			t.Errorf("active: %v", got)
		}
		c.Must(409, "member", "POST", "/image/v2/images/"+id+"/import", `{"method":{"name":"glance-direct"}}`)

		got = c.json("admin", 200, "GET", "/v2/tasks/"+task, nil)
		for _, name := range []string{"created_at", "updated_at", "expires_at", "request_id"} {
			if s, _ := got[name].(string); s == "" {
				t.Errorf("%s of %v", name, got)
			}
			delete(got, name)
		}
		want := object{
			"id": task, "type": "api_image_import", "status": "success", "owner": "demo-id", "user_id": got["user_id"], "image_id": id, "message": "",
			"result": object{"image_id": id}, "self": "/v2/tasks/" + task, "schema": "/v2/schemas/task",
			"input": object{"image_id": id, "backend": []any{"local"}, "import_req": object{
				"method": object{"name": "web-download", "uri": "http://example.org/0123456789"}, "stores": []any{"local"},
			}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		list := c.json("reader", 200, "GET", "/v2/images/"+id+"/tasks", nil)["tasks"].([]any)
		one := list[0].(object)
		if len(list) != 1 || one["id"] != task || one["deleted"] != false || one["deleted_at"] != nil || len(one["created_at"].(string)) != len("2006-01-02T15:04:05.000000") || one["result"].(object)["image_id"] != id {
			t.Errorf("tasks of the image: %v", list)
		}
		c.Must(404, "other", "GET", "/image/v2/images/"+id+"/tasks", nil)
	})
}

func TestStage(t *testing.T) {
	each(t, image.Options{Source: web{}, MaxSize: 1000}, func(t *testing.T, c *cloud) {
		c.work()
		id := c.create("member", nil)
		path, octets := "/image/v2/images/"+id+"/stage", []string{"Content-Type", "application/octet-stream"}
		c.Must(415, "member", "PUT", path, "data")
		c.Must(404, "other", "PUT", path, "data", octets...)
		c.Must(403, "reader", "PUT", path, "data", octets...)
		c.Must(400, "member", "PUT", path, "data", append(octets, "X-Openstack-Image-Size", "5")...)
		c.Must(413, "member", "PUT", path, strings.Repeat("x", 1001), octets...)
		c.Must(204, "member", "PUT", path, "0123456789", octets...)
		got := c.json("member", 200, "GET", "/v2/images/"+id, nil)
		if got["status"] != "uploading" || got["size"] != 10.0 || got["checksum"] != nil || got["stores"] != nil {
			t.Errorf("staged: %v", got)
		}
		c.Must(409, "member", "PUT", path, "data", octets...)
		c.Must(204, "member", "GET", "/image/v2/images/"+id+"/file", nil)
		c.Must(409, "member", "POST", "/image/v2/images/"+id+"/import", `{"method":{"name":"web-download","uri":"http://example.org/x"}}`)
		c.Must(202, "member", "POST", "/image/v2/images/"+id+"/import", `{"method":{"name":"glance-direct"},"all_stores":true,"all_stores_must_succeed":false}`)
		if got := c.becomes(id, "active"); got["checksum"] != "781e5e245d69b566979b86e28d23f2c7" {
			t.Errorf("imported: %v", got)
		}
		if r := c.Must(200, "member", "GET", "/image/v2/images/"+id+"/file", nil); string(r.Body) != "0123456789" {
			t.Errorf("data %q", r.Body)
		}
		c.Must(400, "member", "PUT", "/image/v2/images/"+c.create("member", nil)+"/file", "data", append(octets, "X-Image-Meta-Store", "moon")...)
	})
}

func TestImportFailure(t *testing.T) {
	each(t, image.Options{Source: web{}}, func(t *testing.T, c *cloud) {
		c.work()
		id := c.create("member", nil)
		c.Must(202, "member", "POST", "/image/v2/images/"+id+"/import", `{"method":{"name":"web-download","uri":"http://example.org/missing"}}`)
		got := c.becomes(id, "queued")
		if got["os_glance_failed_import"] != "local" || got["os_glance_importing_to_stores"] != "" || got["size"] != nil {
			t.Errorf("failed: %v", got)
		}
		task := c.json("member", 200, "GET", "/v2/images/"+id+"/tasks", nil)["tasks"].([]any)[0].(object)
		if task["status"] != "failure" || task["message"] != "The server of the URI answered HTTP 404: Not Found" || task["result"] != nil || task["expires_at"] == nil {
			t.Errorf("task %v", task)
		}
	})
}

func TestImportRequests(t *testing.T) {
	each(t, image.Options{Source: web{}}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/image/v2/images/" + id + "/import"
		const method = `"method":{"name":"web-download","uri":"http://example.org/x"}`
		for body, status := range map[string]int{
			``: 400, `{`: 400, `[]`: 400, `{}`: 400, `{"method":1}`: 400, `{"method":{}}`: 400, `{"method":{"name":1}}`: 400, `{"method":{"name":"copy-image"}}`: 400,
			`{"method":{"name":"web-download"}}`: 400, `{"method":{"name":"web-download","uri":1}}`: 400, `{"method":{"name":"web-download","uri":"file:///etc/passwd"}}`: 400,
			`{"method":{"name":"glance-direct"}}`: 409, `{"method":{"name":"glance-direct","uri":"http://x"}}`: 400,
			`{` + method + `,"stores":["moon"]}`: 409, `{` + method + `,"stores":[]}`: 400, `{` + method + `,"stores":"local"}`: 400, `{` + method + `,"stores":[1]}`: 400,
			`{` + method + `,"all_stores":1}`: 400, `{` + method + `,"all_stores_must_succeed":"x"}`: 400, `{` + method + `,"all_stores":true,"stores":["local"]}`: 400,
		} {
			if r := c.Do("member", "POST", path, body); r.Status != status {
				t.Errorf("%s: %d %s", body, r.Status, r.Body)
			}
		}
		c.Must(400, "member", "POST", path, `{`+method+`,"stores":["local"]}`, "X-Image-Meta-Store", "local")
		c.Must(400, "member", "POST", path, `{`+method+`,"all_stores":true}`, "X-Image-Meta-Store", "local")
		c.Must(409, "member", "POST", path, `{`+method+`}`, "X-Image-Meta-Store", "moon")
		c.Must(403, "reader", "POST", path, `{`+method+`}`)
		c.Must(404, "other", "POST", path, `{`+method+`}`)
		c.Must(202, "member", "POST", path, `{`+method+`}`, "X-Image-Meta-Store", "local")
	})
}

// regions has one region, and its cloud one image.
type regions struct{}

const remoteID = "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c"

func (regions) Endpoint(_ context.Context, _, _, region, service string) (string, error) {
	return "http://" + region + "." + service, nil
}

func (regions) Get(_ context.Context, uri, token string) (io.ReadCloser, int64, error) {
	answers := map[string]string{
		"http://two.public/v2/images/" + remoteID:           `{"status":"active","size":10,"disk_format":"raw","container_format":"bare","os_distro":"x"}`,
		"http://two.public/v2/images/" + remoteID + "/file": "0123456789",
	}
	if answers[uri] == "" || token != "member" {
		return nil, 0, errs.New(errs.Unavailable, "The server of the URI answered HTTP 404: Not Found")
	}
	return io.NopCloser(strings.NewReader(answers[uri])), -1, nil
}

func TestGlanceDownload(t *testing.T) {
	each(t, image.Options{Remote: regions{}}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/image/v2/images/" + id + "/import"
		for body, names := range map[string]string{
			`{"method":{"name":"glance-download"}}`:                                                   "'glance_region'",
			`{"method":{"name":"glance-download","glance_region":"two"}}`:                             "'glance_image_id'",
			`{"method":{"name":"glance-download","glance_region":"two","glance_image_id":"foo"}}`:     "does not look like a UUID: foo",
			`{"method":{"name":"glance-download","glance_region":1}}`:                                 "'glance_region'",
			`{"method":{"name":"glance-download","glance_region":"two","glance_image_id":null}}`:      "'glance_image_id'",
			`{"method":{"name":"glance-download","glance_region":"x","glance_service_interface":[]}}`: "'glance_service_interface'",
		} {
			if message := c.json("member", 400, "POST", path[len("/image"):], body)["message"].(string); !strings.Contains(message, names) {
				t.Errorf("%s: %s", body, message)
			}
		}
		c.Must(202, "member", "POST", path, `{"method":{"name":"glance-download","glance_region":"two","glance_image_id":"`+remoteID+`"}}`)
		c.work()
		if got := c.becomes(id, "active"); got["size"] != 10.0 || got["os_distro"] != "x" {
			t.Errorf("copied %v", got)
		}
		task := c.json("member", 200, "GET", "/v2/images/"+id+"/tasks", nil)["tasks"].([]any)[0].(object)
		want := object{"name": "glance-download", "glance_region": "two", "glance_image_id": remoteID, "glance_service_interface": "public"}
		if diff := cmp.Diff(any(want), task["input"].(object)["import_req"].(object)["method"]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTaskList(t *testing.T) {
	each(t, image.Options{Source: web{}}, func(t *testing.T, c *cloud) {
		for range 3 {
			c.Must(202, "member", "POST", "/image/v2/images/"+c.create("member", nil)+"/import", `{"method":{"name":"web-download","uri":"http://example.org/x"}}`)
		}
		seen := map[any]bool{}
		pages := 0
		for next := "/v2/tasks?limit=2&status=pending"; next != ""; pages++ {
			page := c.json("admin", 200, "GET", next, nil)
			if page["first"] != "/v2/tasks?limit=2&status=pending" || page["schema"] != "/v2/schemas/tasks" {
				t.Errorf("page %v", page)
			}
			for _, one := range page["tasks"].([]any) {
				task := one.(object)
				seen[task["id"]] = true
				if task["input"] != nil || task["status"] != "pending" || task["type"] != "api_image_import" {
					t.Errorf("task %v", task)
				}
			}
			next, _ = page["next"].(string)
		}
		if len(seen) != 3 || pages != 2 {
			t.Errorf("%d tasks on %d pages", len(seen), pages)
		}
		if page := c.json("admin", 200, "GET", "/v2/tasks?sort_key=status&sort_dir=asc", nil); len(page["tasks"].([]any)) != 3 {
			t.Errorf("sorted: %v", page)
		}
		if page := c.json("admin", 200, "GET", "/v2/tasks?limit=0", nil); len(page["tasks"].([]any)) != 0 || page["next"] != nil {
			t.Errorf("none: %v", page)
		}
		for _, query := range []string{"limit=x", "limit=-1", "status=x", "type=x", "sort_key=x", "sort_dir=x", "marker=x", "color=x"} {
			c.Must(400, "admin", "GET", "/image/v2/tasks?"+query, nil)
		}
		c.Must(403, "member", "GET", "/image/v2/tasks", nil)
		c.Must(403, "member", "GET", "/image/v2/tasks/x", nil)
		c.Must(404, "admin", "GET", "/image/v2/tasks/x", nil)
		c.Must(405, "admin", "DELETE", "/image/v2/tasks/x", nil)
		c.Must(405, "admin", "POST", "/image/v2/tasks", `{}`)
	})
}

// What is told of the import is what there is.
func TestImportInfo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source image.Source
		remote image.Remote
		want   []any
	}{
		{"with the web", web{}, nil, []any{"glance-direct", "web-download"}}, {"without", nil, nil, []any{"glance-direct"}},
		{"with regions", nil, regions{}, []any{"glance-direct", "glance-download"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, image.Options{Source: tt.source, Remote: tt.remote}, func(t *testing.T, c *cloud) {
				got := c.json("reader", 200, "GET", "/v2/info/import", nil)
				want := object{"import-methods": object{"description": "Import methods available.", "type": "array", "value": tt.want}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				got = c.json("reader", 200, "GET", "/v2/info/stores", nil)
				if diff := cmp.Diff(object{"stores": []any{object{"id": "local", "default": "true"}}}, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
