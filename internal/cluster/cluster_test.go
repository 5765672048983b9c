package cluster_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"wisp/internal/cluster"
	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func join(t *testing.T, db *store.DB, name, url string) (*cluster.Cluster, error) {
	t.Helper()
	return cluster.Join(t.Context(), db, cluster.Member{Name: name, URL: url, Version: "test"}, slog.New(slog.DiscardHandler))
}

func mustJoin(t *testing.T, db *store.DB, name, url string) *cluster.Cluster {
	t.Helper()
	c, err := join(t, db, name, url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func leave(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	members, err := c.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, m := range members {
		all += m.Name + " "
	}
	return all
}

func url(t *testing.T, c *cluster.Cluster, name string) string {
	t.Helper()
	found, err := c.URL(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMembers(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	one, other := mustJoin(t, a, "one", "https://192.0.2.1:5001"), mustJoin(t, b, "other", "https://192.0.2.2:5001")
	for _, c := range []*cluster.Cluster{one, other} {
		if got := names(t, c); got != "one other " {
			t.Errorf("members are %q", got)
		}
		if c.Displaced() || c.Skew().Abs() > 10*time.Second {
			t.Errorf("displaced %t, skew %s", c.Displaced(), c.Skew())
		}
	}
	for name, want := range map[string]string{"one": "", "other": "https://192.0.2.2:5001", "third": ""} {
		if got := url(t, one, name); got != want {
			t.Errorf("%s is at %q, want %q", name, got, want)
		}
	}
	leave(t, other)
	if got := names(t, one); got != "one " || url(t, one, "other") != "" {
		t.Errorf("members are %q after one has left", got)
	}
	leave(t, one)
}

// A name is one server's; one that was killed gives it up by its silence.
func TestNames(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	if _, err := join(t, a, "", ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a name: %v", err)
	}
	one := mustJoin(t, a, "one", "")
	if _, err := join(t, b, "one", ""); !errs.Is(err, errs.Conflict) {
		t.Fatalf("a second one of the name: %v", err)
	}
	if got := names(t, one); got != "one " {
		t.Errorf("members are %q", got)
	}
	leave(t, one)
	leave(t, mustJoin(t, b, "one", "")) // at once, as it was left
	exec(t, a, "INSERT INTO cloud_servers VALUES ('one', 'killed', '', '', now(), now())")
	began := time.Now()
	again := mustJoin(t, a, "one", "")
	t.Logf("the name of a server that was killed was free after %s", time.Since(began))
	leave(t, again)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	exec(t, a, "INSERT INTO cloud_servers VALUES ('one', 'killed', '', '', now(), now() + interval '1 hour')")
	if _, err := cluster.Join(ctx, a, cluster.Member{Name: "one"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("joined although nobody waits")
	}
}

// A server that slept finds that its name was given away, and says so; a row
// that was lost is written again.
func TestDisplaced(t *testing.T) {
	t.Parallel()
	a, _ := storetest.Two(t)
	c := mustJoin(t, a, "one", "")
	exec(t, a, "DELETE FROM cloud_servers")
	eventually(t, "the row is there again", func() bool { return names(t, c) == "one " })
	exec(t, a, "UPDATE cloud_servers SET run = 'another', seen_at = now() + interval '1 hour'")
	eventually(t, "it is noticed", c.Displaced)
	leave(t, c)
	if n, err := a.Read().NewSelect().Table("cloud_servers").Count(t.Context()); err != nil || n != 1 {
		t.Errorf("the other one's row is gone: %d, %v", n, err)
	}
}

func TestAlone(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	c := mustJoin(t, db, "one", "")
	if got := names(t, c); got != "one " || url(t, c, "other") != "" {
		t.Errorf("members are %q", got)
	}
	if n, err := db.Read().NewSelect().Table("cloud_servers").Count(t.Context()); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
	leave(t, c)
}

func exec(t *testing.T, db *store.DB, query string) {
	t.Helper()
	err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
