package image_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
)

// region is another cloud in memory: images by id, with their data.
type region map[string]struct {
	attributes map[string]any
	data       string
}

func (region) Endpoint(_ context.Context, userID, projectID, name, service string) (string, error) {
	if userID != "demo-user" || projectID != "demo" || name != "Two" || service != "public" {
		return "", errs.New(errs.NotFound, "%s glance endpoint not found for region %s", service, name)
	}
	return "http://two.example/image/", nil
}

func (r region) Get(_ context.Context, uri, token string) (io.ReadCloser, int64, error) {
	id, file := strings.CutSuffix(strings.TrimPrefix(uri, "http://two.example/image/v2/images/"), "/file")
	found, ok := r[id]
	if token != "secret" || !ok {
		return nil, 0, errs.New(errs.Unavailable, "The server of the URI answered HTTP 404: Not Found")
	}
	if file {
		return io.NopCloser(strings.NewReader(found.data)), int64(len(found.data)), nil
	}
	text, err := json.Marshal(found.attributes)
	return io.NopCloser(strings.NewReader(string(text))), -1, err
}

// with puts an image into the region and returns its id.
func (r region) with(data string, more map[string]any) string {
	id := uuid.NewString()
	attributes := map[string]any{"status": "active", "size": len(data), "disk_format": "raw", "container_format": "bare", "id": id, "name": "theirs"}
	for name, value := range more {
		attributes[name] = value
	}
	r[id] = struct {
		attributes map[string]any
		data       string
	}{attributes, data}
	return id
}

func from(id string) image.ImportRequest {
	r := &image.RemoteImage{Region: "Two", ImageID: id}
	return image.ImportRequest{Method: image.GlanceDownload, Remote: r, Body: map[string]any{"method": r}}
}

func holder(token string) *policy.Caller {
	c := *member
	c.Token = token
	return &c
}

func TestImportFromAnotherRegion(t *testing.T) {
	two := region{}
	id := two.with("0123456789", map[string]any{
		"hw_cpu_cores": "5", "os_distro": "rhel", "trait:FAST": "required", "speed": "88mph", "os_hash_value": "x", "protected": true, "owner": "them",
	})
	each(t, image.Options{Remote: two, ProjectBytes: 10}, func(t *testing.T, f *fixture) {
		i := f.create(member, map[string]any{"disk_format": "iso", "container_format": "ovf", "hw_cpu_cores": "1", "mine": "kept"})
		task := f.imports(holder("secret"), i.ID, from(id))
		if strings.Contains(fmt.Sprintf("%+v", f.task(task.ID)), "secret") {
			t.Error("the token is in the database")
		}
		working(t, f.Service)
		if task = f.finished(task.ID); task.Status != image.TaskSuccess {
			t.Fatalf("task %+v", task)
		}
		got := f.get(i.ID)
		if got.Status != image.Active || *got.Size != 10 || got.DiskFormat != "raw" || got.ContainerFormat != "bare" || got.Name != "i" || got.Owner != "demo" || got.Protected {
			t.Errorf("image %+v", got)
		}
		want := map[string]string{"hw_cpu_cores": "5", "os_distro": "rhel", "trait:FAST": "required", "mine": "kept"}
		if fmt.Sprint(got.Properties) != fmt.Sprint(want) {
			t.Errorf("properties %v", got.Properties)
		}
		_, err := f.Import(t.Context(), holder("secret"), i.ID, from(id))
		kind(t, "again", err, errs.Conflict)
	})
}

func TestImportFromAnotherRegionFails(t *testing.T) {
	two := region{}
	good := two.with("0123456789", nil)
	cases := []struct {
		what, token string
		request     image.ImportRequest
		message     string
	}{
		{"no such image", "secret", from(uuid.NewString()), "404"},
		{"another token", "wrong", from(good), "404"},
		{"no token", "", from(good), "ask again"},
		{"no region", "secret", image.ImportRequest{
			Method: image.GlanceDownload, Remote: &image.RemoteImage{Region: "Three", ImageID: good, Interface: "internal"},
			Body: map[string]any{"method": map[string]any{"glance_region": "Three", "glance_image_id": good, "glance_service_interface": "internal"}},
		}, "internal glance endpoint not found for region Three"},
		{"not active", "secret", from(two.with("x", map[string]any{"status": "queued"})), "active instead of queued"},
		{"no size", "secret", from(two.with("x", map[string]any{"size": nil})), "size"},
		{"another size", "secret", from(two.with("x", map[string]any{"size": 2})), "2 bytes"},
		{"too large", "secret", from(two.with(strings.Repeat("x", 1001), nil)), "too large"},
		{"no format", "secret", from(two.with("x", map[string]any{"disk_format": nil, "container_format": nil})), "no formats"},
		{"strange format", "secret", from(two.with("x", map[string]any{"disk_format": "punched cards"})), "disk_format"},
		{"strange property", "secret", from(two.with("x", map[string]any{"hw_x": 1})), "hw_x"},
		{"no image at all", "secret", from(two.with("x", map[string]any{"status": nil})), "active"},
	}
	each(t, image.Options{Remote: two, MaxSize: 1000}, func(t *testing.T, f *fixture) {
		working(t, f.Service)
		for _, tt := range cases {
			i := f.create(member, map[string]any{"hw_cpu_cores": "1"})
			f.refusedImport(tt.what, f.finished(f.imports(holder(tt.token), i.ID, tt.request).ID), tt.message)
			if got := f.get(i.ID); got.DiskFormat != "raw" || got.Properties["hw_cpu_cores"] != "1" {
				t.Errorf("%s: left as %+v", tt.what, got)
			}
		}
		for what, request := range map[string]image.ImportRequest{
			"no uuid": from("foo"), "no id": from(""), "nothing": {Method: image.GlanceDownload}, "no region": {Method: image.GlanceDownload, Remote: &image.RemoteImage{ImageID: good}},
			"a URI": {Method: image.GlanceDownload, URI: "http://x", Remote: from(good).Remote},
		} {
			_, err := f.Import(t.Context(), holder("secret"), f.create(member, nil).ID, request)
			kind(t, what, err, errs.Invalid)
		}
		_, err := f.open(image.Options{}).Import(t.Context(), holder("secret"), f.create(member, nil).ID, from(good))
		kind(t, "not offered", err, errs.Invalid)
	})
}

// What another cloud says of an image is not believed: its data are judged as
// those of any other.
func TestS20_RemoteImagesAreJudged(t *testing.T) {
	two := region{}
	lie := two.with("QFI\xfb"+strings.Repeat("\x00", 600), nil)
	each(t, image.Options{Remote: two}, func(t *testing.T, f *fixture) {
		working(t, f.Service)
		i := f.create(member, nil)
		f.refusedImport("raw that is qcow2", f.finished(f.imports(holder("secret"), i.ID, from(lie)).ID), "cannot be accepted")
	})
}

// Only the server that was asked knows the token: another one leaves the import
// to it, and when it comes back without the token it says so.
func TestTokensOfImportsAreNotKept(t *testing.T) {
	two := region{}
	id := two.with("0123456789", nil)
	each(t, image.Options{Remote: two, Server: "one"}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		task := f.imports(holder("secret"), i.ID, from(id))
		other := f.open(image.Options{Remote: two, Server: "two"})
		stop := working(t, other)
		next, err := other.Import(t.Context(), holder("secret"), f.create(member, nil).ID, from(id))
		if err != nil {
			t.Fatal(err)
		}
		if f.finished(next.ID).Status != image.TaskSuccess || f.task(task.ID).Status != image.TaskPending {
			t.Errorf("own %+v, the other's %+v", f.task(next.ID), f.task(task.ID))
		}
		stop()
		if err := f.Delete(t.Context(), member, next.ImageID); err != nil {
			t.Fatal(err)
		}
		working(t, f.open(image.Options{Remote: two, Server: "one"}))
		f.refusedImport("restarted", f.finished(task.ID), "ask again")
	})
}
