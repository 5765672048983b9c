package computeapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"wisp/internal/compute/computetest"
)

// Images under Compute's own names, up to 2.35, and their metadata up to 2.38.
func TestImageProxy(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		made, err := b.cloud.Images.Create(t.Context(), computetest.Caller("member", "demo"), object{
			"name": "mine", "disk_format": "raw", "container_format": "bare", "visibility": "private", "min_ram": json.Number("64"), "os_distro": "debian",
			"instance_uuid": "9d1c2a3b-0000-4000-8000-000000000000", "auto_disk_config": "true",
		})
		if err != nil {
			t.Fatal(err)
		}
		path := "/images/" + made.ID
		list := b.ask(200, "member", "2.1", "GET", "/images", nil)
		if len(list["images"].([]any)) != 2 || dig(t, list, "images", 0, "links", 2, "rel") != "alternate" || dig(t, list, "images", 0, "status") != nil {
			t.Errorf("images are %v", list)
		}
		list = b.ask(200, "member", "2.1", "GET", "/images/detail?limit=1", nil)
		if dig(t, list, "images", 0, "name") != "mine" || dig(t, list, "images", 0, "status") != "SAVING" || dig(t, list, "images_links", 0, "rel") != "next" {
			t.Errorf("a page of images is %v", list)
		}
		for query, want := range map[string]int{
			"status=ACTIVE": 1, "name=mine": 1, "minRam=64": 1, "property-os_distro=debian": 1, "server=http://cloud/servers/9d1c2a3b-0000-4000-8000-000000000000": 1,
			"changes-since=2030-01-01T00:00:00": 0, "type=snapshot": 0, "unknown=x": 2,
		} {
			if got := b.ask(200, "member", "2.1", "GET", "/images/detail?"+query, nil); len(got["images"].([]any)) != want {
				t.Errorf("%s lists %v", query, got)
			}
		}
		b.ask(400, "member", "2.1", "GET", "/images?minDisk=much", nil)
		shown := b.ask(200, "member", "2.35", "GET", path, nil)
		if dig(t, shown, "image", "minRam") != 64.0 || dig(t, shown, "image", "OS-DCF:diskConfig") != "AUTO" || dig(t, shown, "image", "progress") != 25.0 ||
			!strings.HasPrefix(dig(t, shown, "image", "server", "links", 0, "href").(string), b.URL) {
			t.Errorf("the image is %v", shown)
		}
		if got := b.ask(200, "member", "2.1", "GET", "/images/"+b.image, nil); dig(t, got, "image", "status") != "ACTIVE" || dig(t, got, "image", "OS-EXT-IMG-SIZE:size") != 4096.0 {
			t.Errorf("the public image is %v", got)
		}
		b.ask(404, "other", "2.1", "GET", path, nil)
		b.ask(404, "member", "2.36", "GET", path, nil)
		b.ask(404, "member", "2.36", "GET", "/images", nil)

		set := b.ask(200, "member", "2.36", "PUT", path+"/metadata", object{"metadata": object{"a": "1", "b": "2"}})
		if fmt.Sprint(set["metadata"]) != "map[a:1 b:2]" {
			t.Errorf("set: %v", set)
		}
		if got := b.ask(200, "member", "2.38", "POST", path+"/metadata", object{"metadata": object{"b": "3", "c": "4"}}); fmt.Sprint(got["metadata"]) != "map[a:1 b:3 c:4]" {
			t.Errorf("added: %v", got)
		}
		if got := b.ask(200, "member", "2.1", "PUT", path+"/metadata/a", object{"meta": object{"a": "5"}}); dig(t, got, "meta", "a") != "5" {
			t.Errorf("one set: %v", got)
		}
		b.ask(400, "member", "2.1", "PUT", path+"/metadata/a", object{"meta": object{"b": "5"}})
		b.ask(400, "member", "2.1", "PUT", path+"/metadata/a", object{"meta": object{"a": "5", "b": "6"}})
		b.ask(400, "member", "2.1", "POST", path+"/metadata", object{"metadata": object{"a": 5}})
		if got := b.ask(200, "member", "2.1", "GET", path+"/metadata/a", nil); dig(t, got, "meta", "a") != "5" {
			t.Errorf("one shown: %v", got)
		}
		b.ask(204, "member", "2.1", "DELETE", path+"/metadata/a", nil)
		b.ask(404, "member", "2.1", "DELETE", path+"/metadata/a", nil)
		b.ask(404, "member", "2.1", "GET", path+"/metadata/a", nil)
		if got := b.ask(200, "reader", "2.1", "GET", path+"/metadata", nil); fmt.Sprint(got["metadata"]) != "map[b:3 c:4]" {
			t.Errorf("metadata is %v", got)
		}
		many := object{}
		for i := range 129 {
			many[fmt.Sprint("key", i)] = "x"
		}
		b.ask(403, "member", "2.1", "PUT", path+"/metadata", object{"metadata": many})
		b.ask(403, "reader", "2.1", "PUT", path+"/metadata", object{"metadata": object{}})
		b.ask(403, "member", "2.1", "PUT", "/images/"+b.image+"/metadata", object{"metadata": object{"x": "y"}})
		b.ask(404, "member", "2.39", "GET", path+"/metadata", nil)
		b.ask(404, "member", "2.1", "PUT", "/images/9d1c2a3b-0000-4000-8000-000000000000/metadata", object{"metadata": object{}})

		b.ask(403, "member", "2.1", "DELETE", "/images/"+b.image, nil)
		b.ask(204, "member", "2.1", "DELETE", path, nil)
		b.ask(404, "member", "2.1", "DELETE", path, nil)
		b.ask(404, "member", "2.1", "DELETE", "/images/-1", nil)
	})
}
