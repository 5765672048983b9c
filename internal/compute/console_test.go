package compute_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func (c *cloud) running(t *testing.T) string {
	t.Helper()
	id := c.create(t, "one").ID
	c.node.Step()
	c.want(t, id, "ACTIVE", "")
	return id
}

func (c *cloud) token(t *testing.T, id, protocol, name string) string {
	t.Helper()
	token, _, err := c.CreateConsole(t.Context(), c.member, id, protocol, name)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (c *cloud) tokens(t *testing.T) int {
	t.Helper()
	n, err := c.DB.Read().NewSelect().Table("console_tokens").Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func TestS30ConsoleTokensAreForOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.running(t)
		token := c.token(t, id, "vnc", "novnc")
		if len(token) < 40 || token == c.token(t, id, "vnc", "novnc") {
			t.Errorf("the token %q can be guessed", token)
		}
		var kept []string
		if err := db.Read().NewSelect().Table("console_tokens").Column("hash").Scan(t.Context(), &kept); err != nil {
			t.Fatal(err)
		}
		for _, hash := range kept {
			if strings.Contains(hash, token) {
				t.Error("the database has the token itself")
			}
		}
		// Asking what it opens, or opening what it does not open, uses it up
		// no more than a wrong one.
		if shown, err := c.ShowConsole(t.Context(), token); err != nil || shown != (compute.Console{ServerID: id, Host: "node-1", Kind: nodeapi.ConsoleVNC}) {
			t.Errorf("it opens %+v, %v", shown, err)
		}
		_, err := c.TakeConsole(t.Context(), token, nodeapi.ConsoleSerial)
		wantKind(t, err, errs.NotFound, "Token not found")
		for _, wrong := range []string{"", "x", token + "x", strings.ToUpper(token)} {
			_, err := c.TakeConsole(t.Context(), wrong, nodeapi.ConsoleVNC)
			wantKind(t, err, errs.NotFound, "Token not found")
		}
		// Of many who have it one gets in.
		var won atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				taken, err := c.TakeConsole(t.Context(), token, nodeapi.ConsoleVNC)
				switch {
				case err == nil && taken.ServerID == id:
					won.Add(1)
				case !errs.Is(err, errs.NotFound):
					t.Errorf("taken: %+v, %v", taken, err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d used the token", won.Load())
		}
		_, err = c.ShowConsole(t.Context(), token)
		wantKind(t, err, errs.NotFound, "Token not found")
	})
}

func TestS30ConsoleTokensExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.running(t)
		token := c.token(t, id, "serial", "serial")
		c.Clock.Advance(9 * time.Minute)
		c.sweep(t)
		if _, err := c.ShowConsole(t.Context(), token); err != nil {
			t.Errorf("after nine minutes: %v", err)
		}
		c.Clock.Advance(2 * time.Minute)
		_, err := c.TakeConsole(t.Context(), token, nodeapi.ConsoleSerial)
		wantKind(t, err, errs.NotFound, "Token not found")
		if n := c.tokens(t); n != 1 {
			t.Errorf("%d tokens before the sweep", n)
		}
		c.sweep(t)
		if n := c.tokens(t); n != 0 {
			t.Errorf("%d tokens after the sweep", n)
		}
	})
}

func TestS30ConsoleTokensOfServersThatDoNotRun(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.running(t)
		token, other := c.token(t, id, "vnc", "novnc"), c.token(t, id, "serial", "serial")
		if _, err := c.Stop(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		_, _, err := c.CreateConsole(t.Context(), c.member, id, "vnc", "novnc")
		wantKind(t, err, errs.Conflict, "Instance "+id+" is not ready")
		if _, err := c.ShowConsole(t.Context(), token); err != nil {
			t.Errorf("the token of a stopped server: %v", err)
		}
		_, err = c.TakeConsole(t.Context(), token, nodeapi.ConsoleVNC)
		wantKind(t, err, errs.Conflict, "is not ready")
		_, err = c.TakeConsole(t.Context(), token, nodeapi.ConsoleVNC)
		wantKind(t, err, errs.NotFound, "Token not found") // it was used all the same

		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		_, err = c.TakeConsole(t.Context(), other, nodeapi.ConsoleSerial)
		wantKind(t, err, errs.Conflict, "is not ready")
		c.node.Step()
		if n := c.tokens(t); n != 0 {
			t.Errorf("%d tokens of a server that is gone", n)
		}
	})
}

// Tokens go with their server.
func TestS30ConsoleTokensOfDeletedServers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		id := c.running(t)
		token := c.token(t, id, "vnc", "novnc")
		if err := c.DeleteServer(t.Context(), c.member, id); err != nil {
			t.Fatal(err)
		}
		c.node.Step()
		_, err := c.TakeConsole(t.Context(), token, nodeapi.ConsoleVNC)
		wantKind(t, err, errs.NotFound, "Token not found")
		if n := c.tokens(t); n != 0 {
			t.Errorf("%d tokens of a server that is gone", n)
		}
	})
}

func TestConsolesAreRefused(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	id := c.running(t)
	for _, k := range []struct{ protocol, name, says string }{
		{"vnc", "xvpvnc", "Invalid console type xvpvnc"},
		{"vnc", "serial", "Invalid console type serial"},
		{"serial", "novnc", "Invalid console type novnc"},
		{"spice", "spice-html5", "Unavailable console type spice-html5."},
		{"rdp", "rdp-html5", "Unavailable console type rdp-html5."},
		{"mks", "webmks", "Unavailable console type webmks."},
	} {
		_, _, err := c.CreateConsole(t.Context(), c.member, id, k.protocol, k.name)
		wantKind(t, err, errs.Invalid, k.says)
	}
	_, _, err := c.CreateConsole(t.Context(), computetest.Caller("other", "foreign"), id, "vnc", "novnc")
	wantKind(t, err, errs.NotFound, "could not be found")
	building := c.create(t, "two").ID
	_, _, err = c.CreateConsole(t.Context(), c.member, building, "vnc", "novnc")
	wantKind(t, err, errs.Conflict, "is not ready")
	if _, err := c.OpenConsole(t.Context(), compute.Console{ServerID: id, Host: "node-1", Kind: nodeapi.ConsoleVNC}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without nodes: %v", err)
	}
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	id := c.create(t, "one").ID
	_, err := c.Diagnose(t.Context(), c.member, id)
	wantKind(t, err, errs.Conflict, "Cannot 'get_diagnostics' instance "+id+" while it is in power state pending")
	c.node.Step()
	_, err = c.Diagnose(t.Context(), c.member, id)
	wantKind(t, err, errs.Conflict, "is not ready") // its host is not connected
	nodes := &answers{}
	c.SetNodes(nodes)
	got, err := c.Diagnose(t.Context(), c.member, id)
	if err != nil || got.Stats.MemoryBytes != 7 || len(got.Server.Ports) != 1 {
		t.Errorf("diagnostics are %+v, %v", got, err)
	}
	for kind, want := range map[errs.Kind]errs.Kind{
		errs.Conflict: errs.Conflict, errs.NotFound: errs.Conflict, errs.NotImplemented: errs.NotImplemented, errs.Internal: errs.Internal,
	} {
		nodes.err = errs.New(kind, "the node's words")
		if _, err := c.Diagnose(t.Context(), c.member, id); !errs.Is(err, want) {
			t.Errorf("a node that answers %s: %v", kind, err)
		}
	}
	if _, err := c.Stop(t.Context(), c.member, id); err != nil {
		t.Fatal(err)
	}
	c.node.Step()
	_, err = c.Diagnose(t.Context(), c.member, id)
	wantKind(t, err, errs.Conflict, "while it is in power state shutdown")
	_, err = c.Diagnose(t.Context(), computetest.Caller("other", "foreign"), id)
	wantKind(t, err, errs.NotFound, "could not be found")
}

// answers are nodes that say how much memory a server takes.
type answers struct {
	nodeapi.Stream
	err error
}

func (a *answers) Call(_ context.Context, _, method string, _, result any) error {
	stats, ok := result.(*nodeapi.Stats)
	if !ok || method != nodeapi.CallStats {
		return errors.New("an unexpected call")
	}
	stats.MemoryBytes = 7
	return a.err
}

func (a *answers) OpenConsole(context.Context, string, string, string) (nodeapi.Stream, error) {
	return a.Stream, a.err
}
