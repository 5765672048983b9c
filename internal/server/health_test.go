package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"wisp/internal/cloudtest"
	"wisp/internal/server"
)

// Every service is really asked, and answers; without a node the cloud is not
// whole, and says so.
func TestHealth(t *testing.T) {
	t.Parallel()
	cloud := cloudtest.New(t)
	answer, err := http.Get(cloud.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	var health server.Health
	if err := json.NewDecoder(answer.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusServiceUnavailable || health.OK {
		t.Errorf("without a node: %d %+v", answer.StatusCode, health)
	}
	for _, part := range []string{"database", "identity", "image", "placement", "network", "compute"} {
		if !health.Parts[part] {
			t.Errorf("%s does not work: %+v", part, health)
		}
	}
	if health.Parts["node"] {
		t.Error("there is a node")
	}
}
