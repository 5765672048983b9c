package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"wisp/internal/cloudtest"
)

// The dashboard is beside the APIs, and takes nothing from them: whether it was
// built or not, a browser gets a page and a client what it always got.
func TestDashboardIsServed(t *testing.T) {
	t.Parallel()
	cloud := cloudtest.New(t)
	for _, c := range []struct {
		name, path, accept, kind string
		statuses                 []int
	}{
		{"a browser", "/", "text/html", "text/", []int{200, 503}},
		{"a browser on a page", "/instances/1", "text/html", "text/", []int{200, 503}},
		{"a client", "/", "*/*", "application/json", []int{200}},
		{"a browser at an API", "/identity/v3", "text/html", "application/json", []int{200}},
		{"a browser at an API's end", "/network/nothing", "text/html", "application/json", []int{401}},
		{"a browser without a session", "/session", "text/html", "application/json", []int{403}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cloud.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", c.accept)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if !slices.Contains(c.statuses, answer.StatusCode) || !strings.HasPrefix(answer.Header.Get("Content-Type"), c.kind) || answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", c.name, answer.StatusCode, answer.Header)
		}
	}
}
