package computeapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"wisp/internal/compute/computeapi"
)

// What Nova removed long ago says so, in every version and to everyone.
func TestRemovedAPIs(t *testing.T) {
	t.Parallel()
	b := open(t)
	parameter := regexp.MustCompile(`{[a-z_]+}`)
	seen := 0
	for _, route := range computeapi.New(nil, nil, "").Routes {
		if route.Status != http.StatusGone {
			continue
		}
		seen++
		path := parameter.ReplaceAllString(strings.Replace(route.Path, "{project_id}", "demo-id", 1), "x")
		r := b.Must(410, "member", route.Method, "/compute"+path, nil, "OpenStack-API-Version", "compute 2.96")
		if !strings.Contains(string(r.Body), `"code":410`) {
			t.Errorf("%s %s: %s", route.Method, path, r.Body)
		}
		b.Must(401, "", route.Method, "/compute"+path, nil)
	}
	if seen == 0 {
		t.Error("nothing is gone")
	}
}
