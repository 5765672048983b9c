package server_test

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"wisp/internal/cloudtest"
	"wisp/internal/errs"
	"wisp/internal/server"
)

// Another process rotates the keys of a running cloud.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	cloud := cloudtest.New(t)
	c := &client{t: t, Cloud: cloud}
	const path = "/compute/v2.1/servers"
	rotate := func() {
		t.Helper()
		if err := server.RotateKeys(t.Context(), cloud.Database, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	old := c.login()
	rotate()
	if got := status(t, cloud, old, "GET", path); got != http.StatusOK {
		t.Errorf("a token of the former key: %d", got)
	}
	rotate()
	eventually(t, "a token of a dropped key is refused", func() bool { return status(t, cloud, old, "GET", path) == http.StatusUnauthorized })
	if got := status(t, cloud, c.login(), "GET", path); got != http.StatusOK {
		t.Errorf("a token of the new key: %d", got)
	}
	if err := server.RotateKeys(t.Context(), filepath.Join(t.TempDir(), "wisp.db"), slog.New(slog.DiscardHandler)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a database without a cloud: %v", err)
	}
}
