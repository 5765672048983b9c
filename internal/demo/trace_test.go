package demo

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
)

func TestTraceIsPrinted(t *testing.T) {
	t.Parallel()
	var trace PortTrace
	err := json.Unmarshal([]byte(`{"source": "10.0.0.5", "destination": "10.0.0.6", "reached": false, "disagreement": "The host lags behind.", "steps": [
		{"hop": "port", "verdict": "forwarded", "reason": "The guest sends.", "resource_id": "p", "rule": null},
		{"hop": "security_group", "verdict": "dropped", "reason": "No rule.", "resource_id": null, "rule": {"id": "r"}}]}`), &trace)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := trace.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{" 1  port", "The guest sends.\n", " 2  security_group  dropped", "rule r", "The host lags behind.", "10.0.0.5 does not reach 10.0.0.6"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in\n%s", part, &out)
		}
	}
	trace.Reached = true
	if err := trace.Print(&out); err != nil || !strings.Contains(out.String(), "10.0.0.5 reaches") {
		t.Errorf("reached: %v\n%s", err, &out)
	}
	if err := trace.Print(failing{}); err == nil {
		t.Error("writing to what is closed succeeds")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestFindPort(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list := `{"ports": []}`
		switch q := r.URL.Query(); {
		case q.Get("name") == "web", q.Get("fixed_ips") == "ip_address=10.0.0.5":
			list = `{"ports": [{"id": "one"}]}`
		case q.Get("name") == "many":
			list = `{"ports": [{"id": "one"}, {"id": "two"}]}`
		case q.Get("name") == "broken":
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(list))
	}))
	t.Cleanup(server.Close)
	client := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/", ResourceBase: server.URL + "/"}
	for what, want := range map[string]string{"web": "one", "10.0.0.5": "one"} {
		if got, err := findPort(t.Context(), client, what); err != nil || got != want {
			t.Errorf("%s is %q, %v", what, got, err)
		}
	}
	for what, part := range map[string]string{"many": "2 ports", "nobody": "no port has", "broken": "418"} {
		if _, err := findPort(t.Context(), client, what); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want %q", what, err, part)
		}
	}
}
