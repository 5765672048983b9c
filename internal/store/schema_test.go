package store

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wisp/internal/errs"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	all := map[string]*Table{"a": {Name: "a", refers: []string{"c"}}, "b": {Name: "b"}, "c": {Name: "c", refers: []string{"b"}}}
	sorted, err := order(all)
	var names []string
	for _, table := range sorted {
		names = append(names, table.Name)
	}
	if err != nil || !slices.Equal(names, []string{"b", "c", "a"}) {
		t.Errorf("%v, %v", names, err)
	}
	all["b"].refers = []string{"a"}
	if _, err := order(all); err == nil {
		t.Error("a circle has an order")
	}
}

func TestTablesOfOtherTypes(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "wisp.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tables, err := db.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range tables {
		for _, to := range table.refers {
			if !slices.ContainsFunc(tables[:i], func(before Table) bool { return before.Name == to }) {
				t.Errorf("table %s is before %s, to which it refers", table.Name, to)
			}
		}
	}
	err = db.Tx(t.Context(), func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE odd (picture BLOB)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Tables(t.Context()); err == nil || !strings.Contains(err.Error(), "picture") {
		t.Errorf("got %v", err)
	}
}

func TestOpenUnchanged(t *testing.T) {
	t.Parallel()
	quiet, path := slog.New(slog.DiscardHandler), filepath.Join(t.TempDir(), "wisp.db")
	if _, err := OpenUnchanged(t.Context(), path, quiet); errs.Of(err) != errs.NotFound {
		t.Errorf("none: %v", err)
	}
	old, err := OpenAt(t.Context(), path, 3, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := OpenUnchanged(t.Context(), "sqlite:"+path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if v, err := db.Version(t.Context()); err != nil || v != 3 {
		t.Errorf("version %d, %v", v, err)
	}
	if _, err := OpenUnchanged(t.Context(), "postgres://x:hidden@127.0.0.1:1/x?sslmode=disable", quiet); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a server that is away: %v", err)
	}
}

func TestStageOfUnreadableURL(t *testing.T) {
	t.Parallel()
	if _, err := OpenStage(t.Context(), "postgres://u:hidden@[::1/x", 1, slog.New(slog.DiscardHandler)); errs.Of(err) != errs.Invalid || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}
