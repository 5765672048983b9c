// Package cloudtest is a whole cloud inside a test: the real server on a real
// SQLite database, or two on one PostgreSQL, and a real node where the test
// wants one. It constructs and decides nothing.
package cloudtest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"wisp/internal/nodeapi"
	"wisp/internal/server"
	"wisp/internal/store/storetest"
)

// Cloud is a server that answers on loopback until Close, or the test's end.
type Cloud struct {
	Server   *server.Server
	URL      string
	Database string // where it is, for other servers
	Images   string // the folder of the images' data
	Close    func() // what is answered now is answered first
}

// Password is the administrator's.
const Password = "secret of the test"

// New starts a cloud, whose log goes to a handler or nowhere.
func New(t testing.TB, log ...slog.Handler) *Cloud {
	t.Helper()
	return start(t, server.Config{}, append(log, slog.DiscardHandler)[0])
}

// Dial connects a node to a server, as nodeapi.ClientConfig wants it.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Two starts a cloud of two servers on one PostgreSQL, which reach each other
// by TLS, and nodes them by a function of each. It skips the test where no
// PostgreSQL is at hand.
func Two(t testing.TB) (one, other *Cloud, dials [2]Dial) {
	t.Helper()
	storetest.NeedPostgreSQL(t)
	database := storetest.PostgreSQLURL(t)
	clouds := [2]*Cloud{}
	for i, name := range []string{"one", "other"} {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		clouds[i] = start(t, server.Config{
			Name: name, Database: database, Nodes: server.Nodes{URL: "https://" + listener.Addr().String()},
		}, slog.DiscardHandler)
		peers, err := clouds[i].Server.NodeServer()
		if err != nil {
			t.Fatal(err)
		}
		memory, dial := nodeapi.Memory()
		nodes := clouds[i].Server.Nodes.NewHTTPServer()
		var served sync.WaitGroup
		served.Go(func() { _ = peers.ServeTLS(listener, "", "") }) // both end by Close
		served.Go(func() { _ = nodes.Serve(memory) })
		dials[i] = dial
		closeAPI := clouds[i].Close
		clouds[i].Close = sync.OnceFunc(func() {
			closeAPI() // it ends the nodes' sessions
			if err := errors.Join(peers.Close(), nodes.Close()); err != nil {
				t.Error(err)
			}
			served.Wait()
		})
		t.Cleanup(clouds[i].Close)
	}
	return clouds[0], clouds[1], dials
}

func start(t testing.TB, c server.Config, log slog.Handler) *Cloud {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	const cheap = 4 // bcrypt's least
	c.StateDir, c.URL, c.Region, c.AdminPassword = t.TempDir(), "http://"+listener.Listener.Addr().String(), "RegionOne", Password
	c.PhysicalNetworks, c.HashCost = []string{"public"}, cheap
	if c.Database == "" {
		c.Database = filepath.Join(c.StateDir, "wisp.db")
	}
	s, err := server.New(t.Context(), c, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = s.Handler()
	listener.Start()
	cloud := &Cloud{Server: s, URL: c.URL, Database: c.Database, Images: filepath.Join(c.StateDir, "images"), Close: sync.OnceFunc(func() {
		s.EndStreams()
		listener.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(func() { cloud.Close() })
	return cloud
}
