package imageapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wisp/internal/image"
)

// send begins a request, and returns the connection in the middle of its body.
func (c *cloud) send(path, body string, headers ...string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\nContent-Type: application/octet-stream\r\nContent-Length: 26\r\n%s\r\n%s",
		path, strings.Join(headers, ""), body)
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// answered reads the answer, after which the server must close the connection.
func (c *cloud) answered(what string, conn net.Conn, status int, text string) {
	c.t.Helper()
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		c.t.Fatalf("%s: no answer: %v", what, err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(content), text) {
		c.t.Errorf("%s: status %d, %s, %v", what, response.StatusCode, content, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		c.t.Errorf("%s: the connection is not closed: %v", what, err)
	}
}

// A client that sends nothing any more gets its answer, and loses its
// connection.
func TestSilentClient(t *testing.T) {
	each(t, image.Options{Silence: 50 * time.Millisecond}, func(t *testing.T, c *cloud) {
		const text = "The client sent nothing for 50ms."
		for _, folder := range []string{"file", "stage"} {
			id := c.create("member", nil)
			c.answered(folder, c.send("/image/v2/images/"+id+"/"+folder, "0123456789"), 400, text)
			if got := c.json("member", 200, "GET", "/v2/images/"+id, nil); got["status"] != "queued" {
				t.Errorf("%s: left %v", folder, got)
			}
		}
		path := "/image/v2/images/" + c.create("member", nil) + "/file"
		c.answered("part", c.send(path, "0123456789", "Content-Range: bytes 0-25/100\r\n"), 400, text)
		if r := c.Must(202, "member", "PUT", path, nil, "Content-Range", "bytes */100"); r.Header.Get("Range") != "bytes=0-9" {
			t.Errorf("kept %q", r.Header.Get("Range"))
		}
	})
}

// So does one whose image is deleted while it is silent.
func TestSilentClientOfDeleted(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		id := c.create("member", nil)
		conn := c.send("/image/v2/images/"+id+"/file", "0123456789")
		c.becomes(id, "saving")
		c.Must(204, "member", "DELETE", "/image/v2/images/"+id, nil)
		c.answered("deleted", conn, 410, "deleted during the upload")
	})
}
