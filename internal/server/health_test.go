package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"wisp/internal/cloudtest"
	"wisp/internal/nodeapi"
	"wisp/internal/server"
	"wisp/internal/store"
)

func health(t *testing.T, s *server.Server) (int, server.Health) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	var h server.Health
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil {
		t.Fatal(err)
	}
	return w.Code, h
}

func TestHealthSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := cloudtest.New(t)
	status, h := health(t, c.Server)
	node := h.Details["node"]
	if status != http.StatusServiceUnavailable || h.OK || h.Parts["node"] || node.Reason == "" || node.Mend == "" || *node.Hosts != 0 || node.Heartbeat != nil {
		t.Errorf("without a node: %d %+v", status, h)
	}
	for _, part := range []string{"database", "identity", "compute", "image", "network", "placement"} {
		if d := h.Details[part]; !d.OK || !h.Parts[part] || d.Milliseconds <= 0 || d.Reason != "" || d.Mend != "" {
			t.Errorf("%s: %+v", part, d)
		}
	}
	if err := c.Server.Compute.Hello(t.Context(), nodeapi.Hello{Host: "h1", StartedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, h = health(t, c.Server); h.Details["node"].Heartbeat == nil || *h.Details["node"].Heartbeat > 60 {
		t.Errorf("after a sign of life: %+v", h.Details["node"])
	}
}

func TestHealthWithoutDatabase(t *testing.T) {
	t.Parallel()
	s := cloudtest.New(t).Server
	err := s.DB.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "ALTER TABLE compute_hosts RENAME TO lost")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	status, h := health(t, s)
	if status != http.StatusServiceUnavailable || h.OK || h.Parts["database"] || h.Details["database"].Mend == "" || h.Parts["compute"] || h.Details["compute"].Reason == "" {
		t.Errorf("without its tables: %d %+v", status, h)
	}
}
