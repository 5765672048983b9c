// Package cloudtest is a whole cloud inside a test: the real server on a real
// SQLite database, and a real node where the test wants one. It constructs and
// decides nothing.
package cloudtest

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"wisp/internal/server"
)

// Cloud is a server that answers on loopback until the test ends.
type Cloud struct {
	Server *server.Server
	URL    string
}

// Password is the administrator's.
const Password = "secret of the test"

// New starts a cloud, whose log goes to a handler or nowhere.
func New(t testing.TB, log ...slog.Handler) *Cloud {
	t.Helper()
	log = append(log, slog.DiscardHandler)
	listener := httptest.NewUnstartedServer(nil)
	url := "http://" + listener.Listener.Addr().String()
	const cheap = 4 // bcrypt's least
	s, err := server.New(t.Context(), server.Config{
		StateDir: t.TempDir(), URL: url, Region: "RegionOne", AdminPassword: Password, PhysicalNetworks: []string{"public"}, HashCost: cheap,
	}, slog.New(log[0]))
	if err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = s.Handler()
	listener.Start()
	t.Cleanup(func() {
		s.EndStreams()
		listener.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Cloud{Server: s, URL: url}
}
