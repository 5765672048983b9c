package e2e

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"testing"
	"time"
)

// caller speaks to the APIs with curl, where many requests are made and the
// client's start would take longer than the request.
type caller struct {
	t     *testing.T
	w     *world
	token string
}

func (c *caller) request(method, path, body string) (string, error) {
	args := []string{"-sS", "-m", "20", "--fail-with-body", "-X", method, "-H", "X-Auth-Token: " + c.token}
	if body != "" {
		args = append(args, "-H", "Content-Type: application/json", "-d", body)
	}
	return c.w.run(30*time.Second, "curl", append(args, "http://127.0.0.1:5000"+path)...)
}

func (c *caller) get(path, key string) (map[string]any, error) {
	out, err := c.request("GET", path, "")
	if err != nil {
		return nil, err
	}
	var body map[string]map[string]any
	if err := json.Unmarshal([]byte(out), &body); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, out)
	}
	return body[key], nil
}

func (c *caller) list(path, key string) []map[string]any {
	c.t.Helper()
	out, err := c.request("GET", path, "")
	if err != nil {
		c.t.Fatal(err)
	}
	var body map[string]json.RawMessage
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &body); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(body[key], &rows); err != nil {
		c.t.Fatalf("%s: %v: %s", path, err, out)
	}
	return rows
}

func (c *caller) count(path, key string) int {
	c.t.Helper()
	return len(c.list(path, key))
}

// prefixOf is the prefix of the cloud's device names.
func prefixOf(w *world) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.state))
	return fmt.Sprintf("w%03x", h.Sum32()&0xfff)
}
