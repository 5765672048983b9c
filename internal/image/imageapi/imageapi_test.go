package imageapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"wisp/internal/api/apitest"
	"wisp/internal/image"
	"wisp/internal/image/imageapi"
	"wisp/internal/metadef"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestMain(m *testing.M) { apitest.Main(m, imageapi.New(nil, nil)) }

type cloud struct {
	*apitest.Server
	t   *testing.T
	svc *image.Service
}

func each(t *testing.T, options image.Options, test func(t *testing.T, c *cloud)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		blobs, err := image.OpenFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := blobs.Close(); err != nil {
				t.Error(err)
			}
		})
		svc := image.New(db, blobs, slog.New(slog.DiscardHandler), options)
		test(t, &cloud{apitest.Serve(t, apitest.Standard(), imageapi.New(svc, metadef.New(db))), t, svc})
	})
}

type object = map[string]any

func (c *cloud) json(token string, status int, method, path string, body any, headers ...string) object {
	c.t.Helper()
	r := c.Must(status, token, method, "/image"+path, body, append([]string{"Accept", "application/json"}, headers...)...)
	out := object{}
	if len(r.Body) > 0 {
		r.JSON(c.t, &out)
	}
	return out
}

func (c *cloud) create(token string, more object) string {
	c.t.Helper()
	body := object{"name": "i", "disk_format": "raw", "container_format": "bare"}
	for k, v := range more {
		body[k] = v
	}
	return c.json(token, 201, "POST", "/v2/images", body)["id"].(string)
}

func (c *cloud) active(token, data string) string {
	c.t.Helper()
	id := c.create(token, nil)
	c.Must(204, token, "PUT", "/image/v2/images/"+id+"/file", data, "Content-Type", "application/octet-stream")
	return id
}

const (
	v21 = "application/openstack-images-v2.1-json-patch"
	v20 = "application/openstack-images-v2.0-json-patch"
)

func TestVersions(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for path, status := range map[string]int{"/": 300, "": 300, "/versions": 200} {
			first := c.json("", status, "GET", path, nil)["versions"].([]any)[0].(object)
			href := first["links"].([]any)[0].(object)["href"]
			if first["id"] != "v2.15" || first["status"] != "CURRENT" || href != c.URL+"/image/v2/" {
				t.Errorf("%s: %v", path, first)
			}
		}
	})
}

func TestErrorForms(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		path := "/image/v2/images/" + uuid.NewString()
		r := c.Must(404, "member", "GET", path, nil)
		if kind := r.Header.Get("Content-Type"); kind != "text/html; charset=UTF-8" || !strings.Contains(string(r.Body), "<h1>404 Not Found</h1>") {
			t.Errorf("%s: %s", kind, r.Body)
		}
		got := c.json("member", 404, "GET", path[len("/image"):], nil)
		want := object{"code": "404 Not Found", "title": "Not Found", "message": "No image found with ID " + path[len("/image/v2/images/"):]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		r = c.Must(401, "", "GET", "/image/v2/images", nil)
		if r.Header.Get("WWW-Authenticate") == "" || !strings.Contains(string(r.Body), `"code":401`) {
			t.Errorf("401: %v %s", r.Header, r.Body)
		}
		c.Must(401, "nobody", "GET", "/image/v2/images", nil)
		for _, path := range []string{"/v2/teapots", "/v1/images", "/v2/info/teapots", "/v2/images/x/locations"} {
			if got := c.json("member", 404, "GET", path, nil)["message"]; got != "The resource could not be found." {
				t.Errorf("%s: %v", path, got)
			}
		}
		c.Must(405, "member", "PUT", "/image/v2/images", "{}")
		c.Must(413, "member", "POST", "/image/v2/images", `{"name":"`+strings.Repeat("x", 120000)+`"}`)
		page := c.Must(403, "member", "POST", "/image/v2/images", `{"owner":"<b>"}`).Body
		if strings.Contains(string(page), "<b>") {
			t.Errorf("not escaped: %s", page)
		}
	})
}

func TestImage(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id, kernel := uuid.NewString(), uuid.NewString()
		r := c.Must(201, "member", "POST", "/image/v2/images", object{
			"id": id, "name": "cirros", "disk_format": "raw", "container_format": "bare", "kernel_id": kernel, "hw_disk_bus": "virtio", "tags": []string{"t"}, "min_ram": 64,
		})
		if location := r.Header.Get("Location"); location != c.URL+"/image/v2/images/"+id {
			t.Errorf("location %q", location)
		}
		var got object
		r.JSON(t, &got)
		for _, name := range []string{"created_at", "updated_at"} {
			if s := got[name].(string); len(s) != len("2006-01-02T15:04:05Z") {
				t.Errorf("%s %s", name, s)
			}
			delete(got, name)
		}
		want := object{
			"id": id, "name": "cirros", "status": "queued", "visibility": "shared", "owner": "demo-id", "disk_format": "raw", "container_format": "bare",
			"size": nil, "virtual_size": nil, "checksum": nil, "os_hash_algo": nil, "os_hash_value": nil, "min_disk": 0.0, "min_ram": 64.0,
			"protected": false, "os_hidden": false, "tags": []any{"t"}, "self": "/v2/images/" + id, "file": "/v2/images/" + id + "/file", "schema": "/v2/schemas/image",
			"kernel_id": kernel, "hw_disk_bus": "virtio",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		c.Must(409, "member", "POST", "/image/v2/images", object{"id": id})
		for name, body := range map[string]string{"empty": "", "not JSON": "{", "two": "{}{}", "list": "[]", "number as name": `{"name":1}`, "half a disk": `{"min_disk":1.5}`} {
			r := c.Do("member", "POST", "/image/v2/images", body)
			if r.Status != 400 {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		if message := c.json("member", 400, "POST", "/v2/images", `{"min_disk":"x"}`)["message"].(string); !strings.Contains(message, "'min_disk'") {
			t.Errorf("the field is not named: %s", message)
		}
		c.Must(403, "member", "POST", "/image/v2/images", `{"visibility":"public"}`)
		c.Must(403, "member", "POST", "/image/v2/images", `{"status":"active"}`)
		c.Must(403, "reader", "POST", "/image/v2/images", `{}`)
		if got := c.json("reader", 200, "GET", "/v2/images/"+id, nil); got["id"] != id {
			t.Errorf("show %v", got)
		}
		c.Must(404, "other", "GET", "/image/v2/images/"+id, nil)
		c.Must(404, "other", "DELETE", "/image/v2/images/"+id, nil)
		c.Must(403, "reader", "DELETE", "/image/v2/images/"+id, nil)
		c.Must(400, "member", "DELETE", "/image/v2/images/"+id, "body")
		c.Must(204, "member", "DELETE", "/image/v2/images/"+id, nil)
		c.Must(404, "member", "DELETE", "/image/v2/images/"+id, nil)
		c.Must(409, "member", "POST", "/image/v2/images", object{"id": id})
	})
}

func TestPatch(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id := c.create("member", object{"a/b~c": "x"})
		path := "/v2/images/" + id
		got := c.json("member", 200, "PATCH", path, `[{"op":"replace","path":"/name","value":"n"},{"op":"add","path":"/hw_x","value":"1"},{"op":"remove","path":"/a~1b~0c"}]`, "Content-Type", v21)
		if got["name"] != "n" || got["hw_x"] != "1" || got["a/b~c"] != nil {
			t.Errorf("patched %v", got)
		}
		got = c.json("member", 200, "PATCH", path, `[{"replace":"/name","value":"o"},{"remove":"/hw_x"}]`, "Content-Type", v20)
		if got["name"] != "o" || got["hw_x"] != nil {
			t.Errorf("patched as of 2.0: %v", got)
		}
		c.json("member", 200, "PATCH", path, `[]`, "Content-Type", v21)
		for _, tt := range []struct {
			name, media, body string
			status            int
		}{
			{"media type", "application/json", `[]`, 415},
			{"no list", v21, `{}`, 400},
			{"no objects", v21, `[1]`, 400},
			{"no op", v21, `[{"path":"/name","value":"x"}]`, 400},
			{"unknown op", v21, `[{"op":"move","path":"/name","value":"x"}]`, 400},
			{"no path", v21, `[{"op":"add","value":"x"}]`, 400},
			{"path of a number", v21, `[{"op":"add","path":1,"value":"x"}]`, 400},
			{"no value", v21, `[{"op":"add","path":"/name"}]`, 400},
			{"no slash", v21, `[{"op":"add","path":"name","value":"x"}]`, 400},
			{"two slashes", v21, `[{"op":"add","path":"//name","value":"x"}]`, 400},
			{"inner slashes", v21, `[{"op":"add","path":"/a//b","value":"x"}]`, 400},
			{"slash at the end", v21, `[{"op":"add","path":"/name/","value":"x"}]`, 400},
			{"bad escape", v21, `[{"op":"add","path":"/na~2me","value":"x"}]`, 400},
			{"too deep", v21, `[{"op":"add","path":"/tags/-","value":"x"}]`, 400},
			{"two ops", v20, `[{"add":"/name","remove":"/x","value":"x"}]`, 400},
			{"no op of 2.0", v20, `[{"value":"x"}]`, 400},
			{"add what is there", v20, `[{"add":"/name","value":"x"}]`, 409},
			{"missing property", v21, `[{"op":"remove","path":"/nothing"}]`, 409},
			{"read-only", v21, `[{"op":"replace","path":"/status","value":"active"}]`, 403},
			{"location", v21, `[{"op":"add","path":"/locations/-","value":{"url":"file:///etc/passwd","metadata":{}}}]`, 403},
			{"locations", v21, `[{"op":"replace","path":"/locations","value":[]}]`, 403},
			{"owner", v21, `[{"op":"replace","path":"/owner","value":"x"}]`, 403},
			{"visibility", v21, `[{"op":"replace","path":"/visibility","value":"public"}]`, 403},
		} {
			if r := c.Do("member", "PATCH", "/image"+path, tt.body, "Content-Type", tt.media); r.Status != tt.status {
				t.Errorf("%s: status %d, want %d: %s", tt.name, r.Status, tt.status, r.Body)
			}
		}
		c.Must(403, "reader", "PATCH", "/image"+path, `[]`, "Content-Type", v21)
		c.Must(404, "other", "PATCH", "/image"+path, `[]`, "Content-Type", v21)
		c.json("admin", 200, "PATCH", path, `[{"op":"replace","path":"/visibility","value":"public"}]`, "Content-Type", v21)
		c.Must(403, "other", "PATCH", "/image"+path, `[{"op":"replace","path":"/name","value":"x"}]`, "Content-Type", v21)
	})
}

func TestData(t *testing.T) {
	each(t, image.Options{MaxSize: 1000}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/image/v2/images/" + id + "/file"
		if r := c.Must(204, "member", "GET", path, nil); len(r.Body) > 0 {
			t.Errorf("no data are %q", r.Body)
		}
		octets := []string{"Content-Type", "application/octet-stream"}
		c.Must(415, "member", "PUT", path, "data")
		c.Must(404, "other", "PUT", path, "data", octets...)
		c.Must(403, "reader", "PUT", path, "data", octets...)
		c.Must(400, "member", "PUT", path, "data", append(octets, "X-Openstack-Image-Size", "x")...)
		c.Must(400, "member", "PUT", path, "data", append(octets, "X-Openstack-Image-Size", "5")...)
		c.Must(413, "member", "PUT", path, strings.Repeat("x", 1001), octets...)
		r := c.Must(415, "member", "PUT", path, "QFI\xfb"+strings.Repeat("\x00", 600), append(octets, "Accept", "application/json")...)
		var fault object
		r.JSON(t, &fault)
		if message, _ := fault["message"].(string); !strings.Contains(message, "cannot be accepted") {
			t.Errorf("refusal: %s", r.Body)
		}
		if status := c.json("member", 200, "GET", "/v2/images/"+id, nil)["status"]; status != "queued" {
			t.Errorf("status after refusals: %v", status)
		}
		c.Must(204, "member", "PUT", path, "0123456789", octets...)
		c.Must(409, "member", "PUT", path, "other", octets...)
		for _, tt := range []struct {
			name, header, value, body, contentRange string
			status                                  int
		}{
			{"whole", "Accept", "*/*", "0123456789", "", 200},
			{"first", "Range", "bytes=0-3", "0123", "bytes 0-3/10", 206},
			{"rest", "Range", "bytes=7-", "789", "bytes 7-9/10", 206},
			{"beyond", "Range", "bytes=7-99", "789", "bytes 7-9/10", 206},
			{"last", "Range", "bytes=-2", "89", "bytes 8-9/10", 206},
			{"more than all", "Range", "bytes=-20", "0123456789", "bytes 0-9/10", 206},
			{"old header", "Content-Range", "bytes 2-4/10", "234", "bytes 2-4/10", 206},
			{"behind the end", "Range", "bytes=10-", "", "bytes */10", 416},
			{"backwards", "Range", "bytes=4-2", "", "bytes */10", 416},
			{"none of the last", "Range", "bytes=-0", "", "bytes */10", 416},
			{"words", "Range", "bytes=a-b", "", "bytes */10", 416},
			{"lines", "Range", "lines=1-2", "", "bytes */10", 416},
			{"several", "Range", "bytes=0-1,3-4", "", "", 400},
		} {
			r := c.Do("member", "GET", path, nil, tt.header, tt.value)
			if r.Status != tt.status || r.Header.Get("Content-Range") != tt.contentRange || tt.status < 300 && string(r.Body) != tt.body {
				t.Errorf("%s: %d %q %q", tt.name, r.Status, r.Header.Get("Content-Range"), r.Body)
			}
		}
		r = c.Must(200, "member", "GET", path, nil)
		if r.Header.Get("Content-Md5") != "781e5e245d69b566979b86e28d23f2c7" || r.Header.Get("Content-Length") != "10" || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("headers %v", r.Header)
		}
		if r := c.Must(200, "member", "HEAD", path, nil); r.Header.Get("Content-Length") != "10" {
			t.Errorf("HEAD: %v", r.Header)
		}
		c.Must(403, "reader", "GET", path, nil) // who downloads must be a member
		c.Must(404, "other", "GET", path, nil)
		action := "/image/v2/images/" + id + "/actions/"
		c.Must(400, "member", "POST", action+"deactivate", "{}")
		c.Must(204, "member", "POST", action+"deactivate", nil)
		c.Must(403, "member", "GET", path, nil)
		c.Must(200, "admin", "GET", path, nil)
		c.Must(204, "member", "POST", action+"reactivate", nil)
		c.Must(200, "member", "GET", path, nil)
		c.Must(400, "member", "POST", action+"reactivate", "{}")
		c.Must(403, "member", "POST", "/image/v2/images/"+c.create("member", nil)+"/actions/deactivate", nil)
	})
}

// A disk without place is answered as Glance does.
func TestFullDisk(t *testing.T) {
	each(t, image.Options{KeepFree: math.MaxInt64}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		got := c.json("member", 413, "PUT", "/v2/images/"+id+"/file", "data", "Content-Type", "application/octet-stream")
		if message := "Image storage media is full: There is not enough disk space on the image storage media."; got["message"] != message {
			t.Errorf("answer %v", got)
		}
	})
}

// A refused upload is answered although the client is still sending.
func TestRefusalIsReadByTheClient(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		big := "QFI\xfb" + strings.Repeat("\xff", 8<<20)
		c.Must(415, "member", "PUT", "/image/v2/images/"+id+"/file", big, "Content-Type", "application/octet-stream")
	})
}

func TestList(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for n := range 5 {
			c.create("member", object{"name": fmt.Sprint("i", n), "tags": []string{"t"}, "my_key": fmt.Sprint(n)})
		}
		c.create("member", object{"name": "hidden", "os_hidden": true})
		names := func(page object) (list []string) {
			for _, i := range page["images"].([]any) {
				list = append(list, i.(object)["name"].(string))
			}
			return list
		}
		page := c.json("member", 200, "GET", "/v2/images", nil)
		if diff := cmp.Diff([]string{"i4", "i3", "i2", "i1", "i0"}, names(page)); diff != "" || page["first"] != "/v2/images" || page["schema"] != "/v2/schemas/images" || page["next"] != nil {
			t.Errorf("%v %v", diff, page)
		}
		var all []string
		for next := "/v2/images?limit=2&sort=name:asc&tag=t"; ; {
			page := c.json("member", 200, "GET", next, nil)
			if first := page["first"]; first != "/v2/images?limit=2&sort=name%3Aasc&tag=t" {
				t.Errorf("first %v", first)
			}
			all = append(all, names(page)...)
			link, ok := page["next"].(string)
			if !ok {
				break
			}
			next = link
		}
		if diff := cmp.Diff([]string{"i0", "i1", "i2", "i3", "i4"}, all); diff != "" {
			t.Error(diff)
		}
		for query, want := range map[string]int{
			"limit=0": 0, "my_key=3": 1, "os_hidden=true": 1, "name=in:i1,i2": 2, "sort_key=name&sort_dir=asc": 5, "sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc": 5,
			"sort=name": 5, "visibility=public": 0, "status=active": 0, "member_status=all": 5, "limit=5000": 5,
		} {
			if got := names(c.json("member", 200, "GET", "/v2/images?"+query, nil)); len(got) != want {
				t.Errorf("%s: %v", query, got)
			}
		}
		for _, query := range []string{
			"limit=x", "limit=-1", "marker=x", "sort=owner", "sort=name:up", "sort=name&sort_key=size", "sort_key=name&sort_dir=asc&sort_dir=desc", "visibility=x", "size_min=x",
			"member_status=x", "os_hidden=x", "changes-since=x", "created_at=x",
		} {
			c.Must(400, "member", "GET", "/image/v2/images?"+query, nil)
		}
	})
}

func TestTags(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/image/v2/images/" + id + "/tags/"
		c.Must(204, "member", "PUT", path+"a%2Fb", nil)
		c.Must(204, "member", "PUT", path+"x", nil)
		c.Must(204, "member", "PUT", path+"x", nil)
		if tags := c.json("member", 200, "GET", "/v2/images/"+id, nil)["tags"]; cmp.Diff([]any{"a/b", "x"}, tags) != "" {
			t.Errorf("tags %v", tags)
		}
		c.Must(400, "member", "PUT", path+strings.Repeat("x", 256), nil)
		c.Must(400, "member", "PUT", path+"y", "{}")
		c.Must(403, "reader", "PUT", path+"y", nil)
		c.Must(404, "other", "PUT", path+"y", nil)
		c.Must(204, "member", "DELETE", path+"x", nil)
		c.Must(404, "member", "DELETE", path+"x", nil)
	})
}

func TestMembers(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/v2/images/" + id + "/members"
		got := c.json("member", 200, "POST", path, `{"member":"foreign-id"}`)
		if got["status"] != "pending" || got["member_id"] != "foreign-id" || got["image_id"] != id || got["schema"] != "/v2/schemas/member" {
			t.Errorf("member %v", got)
		}
		for body, status := range map[string]int{`{"member":"foreign-id"}`: 409, `{}`: 400, `[]`: 400, ``: 400, `{"member":""}`: 400} {
			c.Must(status, "member", "POST", "/image"+path, body)
		}
		c.Must(403, "member", "PUT", "/image"+path+"/foreign-id", `{"status":"accepted"}`)
		c.Must(400, "other", "PUT", "/image"+path+"/foreign-id", `{"status":"maybe"}`)
		c.Must(400, "other", "PUT", "/image"+path+"/foreign-id", `{}`)
		if got := c.json("other", 200, "PUT", path+"/foreign-id", `{"status":"accepted"}`); got["status"] != "accepted" {
			t.Errorf("answer %v", got)
		}
		if got := c.json("other", 200, "GET", path, nil); len(got["members"].([]any)) != 1 || got["schema"] != "/v2/schemas/members" {
			t.Errorf("list %v", got)
		}
		c.json("other", 200, "GET", path+"/foreign-id", nil)
		c.Must(404, "other", "GET", "/image"+path+"/third", nil)
		c.Must(404, "other", "GET", "/image/v2/images/"+uuid.NewString()+"/members", nil)
		if images := c.json("other", 200, "GET", "/v2/images", nil)["images"].([]any); len(images) != 1 {
			t.Errorf("images shared with the other: %v", images)
		}
		c.Must(403, "other", "DELETE", "/image"+path+"/foreign-id", nil)
		c.Must(204, "member", "DELETE", "/image"+path+"/foreign-id", nil)
		c.Must(404, "other", "GET", "/image"+path, nil)
		c.Must(403, "member", "GET", "/image/v2/images/"+c.create("member", object{"visibility": "private"})+"/members", nil)
	})
}

func TestSchemas(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for _, name := range []string{"image", "images", "member", "members", "task", "tasks"} {
			if got := c.json("reader", 200, "GET", "/v2/schemas/"+name, nil); got["name"] != name {
				t.Errorf("%s: %v", name, got)
			}
		}
		schema := c.json("reader", 200, "GET", "/v2/schemas/image", nil)["properties"].(object)
		var fields object
		if err := json.Unmarshal(c.Must(200, "member", "GET", "/image/v2/images/"+c.active("member", "x"), nil).Body, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if schema[name] == nil {
				t.Errorf("%s is not in the schema", name)
			}
		}
	})
}
