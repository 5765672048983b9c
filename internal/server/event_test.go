package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"wisp/internal/cloudtest"
)

type conversation struct {
	t     *testing.T
	cloud *cloudtest.Cloud
}

func (c conversation) do(token, method, path string, body any, headers ...string) *http.Response {
	c.t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body == nil {
		content = nil
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.cloud.URL+path, bytes.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Auth-Token", token)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func (c conversation) login() string {
	c.t.Helper()
	domain := map[string]any{"id": "default"}
	answer := c.do("", http.MethodPost, "/identity/v3/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": "admin", "domain": domain, "password": cloudtest.Password},
		}},
		"scope": map[string]any{"project": map[string]any{"name": "admin", "domain": domain}},
	}})
	if answer.StatusCode != http.StatusCreated {
		c.t.Fatalf("logging in: %d", answer.StatusCode)
	}
	return answer.Header.Get("X-Subject-Token")
}

// A browser's whole way: a token, a session that keeps it, a stream that tells
// of a change made through an API, and the end of all three together.
func TestSessionAndEvents(t *testing.T) {
	t.Parallel()
	c := conversation{t, cloudtest.New(t)}
	token := c.login()
	kept := c.do(token, http.MethodPost, "/session", nil, "X-Wisp-Session", "1", "Origin", c.cloud.URL)
	if kept.StatusCode != http.StatusNoContent || len(kept.Cookies()) != 1 {
		t.Fatalf("%d %v", kept.StatusCode, kept.Header)
	}
	cookie := kept.Cookies()[0].Name + "=" + kept.Cookies()[0].Value
	var shown struct{ Token string }
	if err := json.NewDecoder(c.do("", http.MethodGet, "/session", nil, "X-Wisp-Session", "1", "Cookie", cookie).Body).Decode(&shown); err != nil || shown.Token != token {
		t.Fatalf("the session has another token: %v", err)
	}
	if answer := c.do("", http.MethodGet, "/compute/v2.1/servers", nil, "Cookie", cookie); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("an API takes the cookie: %d", answer.StatusCode)
	}
	lines := bufio.NewScanner(c.do(token, http.MethodGet, "/events", nil).Body)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", want, lines.Err())
	}
	until("event: hello")
	made := c.do(token, http.MethodPost, "/compute/v2.1/flavors", map[string]any{"flavor": map[string]any{"id": "small", "name": "small", "ram": 512, "vcpus": 1, "disk": 1}})
	if made.StatusCode != http.StatusOK {
		t.Fatalf("making a flavor: %d", made.StatusCode)
	}
	until(`data: {"resource":"flavor","id":"small","project_id":"","action":"create"}`)
	if answer := c.do("", http.MethodDelete, "/session", nil, "X-Wisp-Session", "1", "Cookie", cookie); answer.StatusCode != http.StatusNoContent {
		t.Fatalf("logging out: %d", answer.StatusCode)
	}
	until("event: session")
	until(`data: {"reason":"revoked"}`)
	if answer := c.do(token, http.MethodGet, "/compute/v2.1/servers", nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token outlives the session: %d", answer.StatusCode)
	}
}
