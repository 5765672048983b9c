package imageapi_test

import (
	"strings"
	"testing"

	"wisp/internal/image"
)

func TestUploadInParts(t *testing.T) {
	each(t, image.Options{MaxSize: 1000}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		path := "/image/v2/images/" + id + "/file"
		const data = "0123456789"
		for _, tt := range []struct {
			name, contentRange, body string
			status                   int
			held                     string
		}{
			{"ask before", "bytes */10", "", 202, ""},
			{"not from the start", "bytes 3-4/10", "34", 416, ""},
			{"first", "bytes 0-3/10", data[:4], 202, "bytes=0-3"},
			{"first again", "bytes 0-3/10", data[:4], 202, "bytes=0-3"},
			{"first with other bytes", "bytes 0-3/10", "abcd", 409, ""},
			{"ask", "bytes */10", "", 202, "bytes=0-3"},
			{"ask for another total", "bytes */11", "", 409, ""},
			{"a gap", "bytes 5-9/10", data[5:], 416, "bytes=0-3"},
			{"an overlap", "bytes 2-9/10", data[2:], 416, "bytes=0-3"},
			{"another total", "bytes 4-9/11", data[4:], 409, ""},
			{"fewer bytes than the range", "bytes 4-9/10", data[4:8], 400, ""},
			{"more bytes than the range", "bytes 4-5/10", data[4:8], 400, ""},
			{"second", "bytes 4-8/10", data[4:9], 202, "bytes=0-8"},
			{"last", "bytes 9-9/10", data[9:], 204, ""},
			{"last again", "bytes 9-9/10", data[9:], 204, ""},
			{"ask after", "bytes */10", "", 204, ""},
			{"last with other bytes", "bytes 9-9/10", "x", 409, ""},
		} {
			var body any
			if tt.body != "" {
				body = tt.body
			}
			r := c.Do("member", "PUT", path, body, "Content-Type", "application/octet-stream", "Content-Range", tt.contentRange)
			if r.Status != tt.status || r.Header.Get("Range") != tt.held {
				t.Errorf("%s: %d %q %s", tt.name, r.Status, r.Header.Get("Range"), r.Body)
			}
		}
		if r := c.Must(200, "member", "GET", path, nil); string(r.Body) != data || r.Header.Get("Content-Md5") != "781e5e245d69b566979b86e28d23f2c7" {
			t.Errorf("data %q, %v", r.Body, r.Header)
		}
		id = c.create("member", nil)
		path = "/image/v2/images/" + id + "/file"
		for _, text := range []string{
			"bytes", "bytes 0-3", "bytes 0-3/*", "bytes 3-0/10", "bytes 0-10/10", "bytes -3/10", "bytes 0-/10", "bytes */*", "bytes */0", "lines 0-3/10", "bytes=0-3/10", "bytes 0-3/x",
			"bytes 0-3/9999999999999999999", "bytes 0x0-3/10", "bytes 0-3/10, 4-5/10", "BYTES 0-3/10", "bytes  0-3/10", "bytes +0-3/10",
		} {
			if r := c.Do("member", "PUT", path, "0123", "Content-Type", "application/octet-stream", "Content-Range", text); r.Status != 400 {
				t.Errorf("%s: %d %s", text, r.Status, r.Body)
			}
		}
		put := func(status int, token, contentRange string, headers ...string) {
			t.Helper()
			c.Must(status, token, "PUT", path, "0123", append([]string{"Content-Range", contentRange, "Content-Type", "application/octet-stream"}, headers...)...)
		}
		put(403, "reader", "bytes 0-3/10")
		put(404, "other", "bytes 0-3/10")
		put(400, "member", "bytes */10") // a body where none is asked for
		put(400, "member", "bytes 0-3/10", "X-Openstack-Image-Size", "4")
		put(413, "member", "bytes 0-3/1001")
		put(202, "member", "bytes 0-3/10", "X-Openstack-Image-Size", "10")
		c.Must(415, "member", "PUT", path, "4567", "Content-Range", "bytes 4-7/10")
		c.Must(403, "reader", "PUT", path, nil, "Content-Range", "bytes */10")
		c.Must(404, "other", "PUT", path, nil, "Content-Range", "bytes */10")
		if got := c.json("member", 200, "GET", "/v2/images/"+id, nil); got["status"] != "saving" || got["size"] != nil || got["stores"] != nil {
			t.Errorf("between: %v", got)
		}
		gap := c.Must(416, "member", "PUT", path, "0123", "Content-Range", "bytes 5-8/10", "Content-Type", "application/octet-stream", "Accept", "application/json")
		if !strings.Contains(string(gap.Body), `"code":"416 Requested Range Not Satisfiable"`) {
			t.Errorf("gap: %s", gap.Body)
		}
		bad := "QFI\xfb" + strings.Repeat("\x00", 6)
		id = c.create("member", nil)
		path = "/image/v2/images/" + id + "/file"
		c.Must(202, "member", "PUT", path, bad[:2], "Content-Range", "bytes 0-1/10", "Content-Type", "application/octet-stream")
		c.Must(415, "member", "PUT", path, bad[2:], "Content-Range", "bytes 2-9/10", "Content-Type", "application/octet-stream")
		if got := c.json("member", 200, "GET", "/v2/images/"+id, nil); got["status"] != "queued" {
			t.Errorf("refused: %v", got)
		}
	})
}
