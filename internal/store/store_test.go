package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

type thing struct {
	bun.BaseModel `bun:"table:things,alias:t"`
	ID            string `bun:",pk"`
	Kind          string
	Rank          int
	Note          *string
	Score         *int64
}

func table(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE things (id TEXT PRIMARY KEY, kind TEXT NOT NULL, rank BIGINT NOT NULL, note TEXT, score BIGINT)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func insert(t *testing.T, db *store.DB, things ...thing) error {
	t.Helper()
	return db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewInsert().Model(&things).Exec(ctx)
		return err
	})
}

func TestTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		wake, cancel := db.Subscribe("things")
		defer cancel()
		ran := false
		failure := errors.New("no")
		err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Signal("things")
			tx.AfterCommit(func() { ran = true })
			if _, err := tx.NewInsert().Model(&thing{ID: "a"}).Exec(ctx); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatalf("error %v, want the function's own", err)
		}
		if n, err := db.Read().NewSelect().Model((*thing)(nil)).Count(t.Context()); err != nil || n != 0 || ran || len(wake) != 0 {
			t.Fatalf("a failed transaction left %d rows, ran %t, woke %d, error %v", n, ran, len(wake), err)
		}
		for range 2 {
			err = db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				tx.Signal("things")
				tx.AfterCommit(func() { ran = true })
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !ran || len(wake) != 1 {
			t.Fatalf("ran %t, woke %d times, want once for two commits", ran, len(wake))
		}
	})
}

// What follows a commit may take long, and may write itself: nobody waits for it.
func TestAfterCommitHoldsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		insert := func(id string, after func()) error {
			return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
				tx.AfterCommit(after)
				_, err := tx.NewInsert().Model(&thing{ID: id}).Exec(ctx)
				return err
			}, "things")
		}
		var inner error
		if err := insert("a", func() { inner = insert("b", func() {}) }); err != nil || inner != nil {
			t.Fatalf("%v, and after the commit %v", err, inner)
		}
	})
}

func TestDuplicate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		if err := insert(t, db, thing{ID: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := insert(t, db, thing{ID: "a"}); !store.IsDuplicate(err) || store.IsForeignKey(err) {
			t.Fatalf("error %v is not seen as a duplicate", err)
		}
	})
}

// Readers that decide by what they read must not decide on the same state.
func TestSerializable(t *testing.T) {
	t.Parallel()
	for _, locks := range [][]store.Lock{nil, {"things"}} {
		t.Run(fmt.Sprintf("%d locks", len(locks)), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				table(t, db)
				const limit = 5
				var wg sync.WaitGroup
				for i := range 20 {
					wg.Go(func() {
						err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
							n, err := tx.NewSelect().Model((*thing)(nil)).Count(ctx)
							if err != nil {
								return err
							}
							if n >= limit {
								return errs.New(errs.OverQuota, "full")
							}
							_, err = tx.NewInsert().Model(&thing{ID: fmt.Sprint(i)}).Exec(ctx)
							return err
						}, locks...)
						if err != nil && !errs.Is(err, errs.OverQuota) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n, err := db.Read().NewSelect().Model((*thing)(nil)).Count(t.Context()); err != nil || n != limit {
					t.Fatalf("%d rows, want %d (%v)", n, limit, err)
				}
			})
		})
	}
}

func TestReadRefusesWrites(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	if _, err := db.Read().ExecContext(t.Context(), "CREATE TABLE x (id TEXT)"); err == nil {
		t.Fatal("the pool of readers wrote")
	}
}

// A folder may have any name, and nobody else reads the database.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "100% #1? yes")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "wisp.db")
	db, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	table(t, db)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", name, info, err)
		}
	}
}

func TestOpenTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wisp.db")
	for range 2 {
		db, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Open(t.Context(), filepath.Join(path, "below", "a", "file"), slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("a path that cannot be was opened")
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	columns := store.Columns{"id": "t.id", "kind": "t.kind", "rank": "t.rank", "note": "t.note", "score": "t.score"}
	empty, word := "", "word"
	below, above := int64(-1), int64(1)
	rows := []thing{
		{ID: "a", Kind: "x", Rank: 2, Note: &word, Score: &below},
		{ID: "b", Kind: "y", Rank: 1, Score: &above},
		{ID: "c", Kind: "x", Rank: 1, Note: &empty},
		{ID: "d", Kind: "z", Rank: 3},
	}
	by := func(orders ...store.Order) store.List { return store.List{Sort: orders} }
	cases := []struct {
		name string
		list store.List
		want string
		kind errs.Kind
	}{
		{name: "all by id", want: "abcd"},
		{name: "one value", list: store.List{Filters: map[string][]string{"kind": {"x"}}}, want: "ac"},
		{name: "one of two values", list: store.List{Filters: map[string][]string{"kind": {"x", "z"}}}, want: "acd"},
		{name: "by rank, ties by id", list: store.List{Sort: []store.Order{{Key: "rank"}}}, want: "bcad"},
		{name: "by rank downwards", list: store.List{Sort: []store.Order{{Key: "rank", Desc: true}}}, want: "dacb"},
		{name: "page", list: store.List{Sort: []store.Order{{Key: "rank"}}, Limit: 2, Marker: "b"}, want: "ca"},
		{name: "page backwards", list: store.List{Limit: 2, Marker: "d", Reverse: true}, want: "cb"},
		{name: "page of mixed directions", list: store.List{Sort: []store.Order{{Key: "rank", Desc: true}, {Key: "id"}}, Marker: "a"}, want: "bc"},
		{name: "by text that may be missing", list: by(store.Order{Key: "note"}), want: "bdca"},
		{name: "by text that may be missing, downwards", list: by(store.Order{Key: "note", Desc: true}), want: "acdb"},
		{name: "by a number that may be missing", list: by(store.Order{Key: "score"}), want: "cdab"},
		{name: "by a number that may be missing, downwards", list: by(store.Order{Key: "score", Desc: true}), want: "badc"},
		{name: "by what may be missing, last", list: by(store.Order{Key: "kind"}, store.Order{Key: "score", Desc: true}), want: "acbd"},
		{name: "by two that may be missing", list: by(store.Order{Key: "note"}, store.Order{Key: "score", Desc: true}), want: "bdca"},
		{name: "by two that may be missing, otherwise", list: by(store.Order{Key: "score"}, store.Order{Key: "note", Desc: true}, store.Order{Key: "id"}), want: "cdab"},
		{name: "unknown marker", list: store.List{Marker: "q"}, kind: errs.Invalid},
		{name: "unknown filter", list: store.List{Filters: map[string][]string{"color": {"x"}}}, kind: errs.Invalid},
		{name: "unknown sort key", list: store.List{Sort: []store.Order{{Key: "color"}}}, kind: errs.Invalid},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		if err := insert(t, db, rows...); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got, err := ids(t, db, c.list, columns)
				if err != nil {
					if c.want != "" || errs.Of(err) != c.kind {
						t.Fatal(err)
					}
					return
				}
				if got != c.want {
					t.Fatalf("got %s, want %s", got, c.want)
				}
				if c.list.Limit > 0 || c.list.Marker != "" || c.list.Reverse {
					return
				}
				for limit := 1; limit <= len(c.want); limit++ {
					for _, reverse := range []bool{false, true} {
						if got := walk(t, db, c.list, columns, limit, reverse); got != c.want {
							t.Errorf("by pages of %d, backwards %t: got %s, want %s", limit, reverse, got, c.want)
						}
					}
				}
			})
		}
	})
}

// ids are those of the rows that a list has, in its order.
func ids(t *testing.T, db *store.DB, list store.List, columns store.Columns) (string, error) {
	t.Helper()
	var found []thing
	q, err := list.Apply(t.Context(), db.Read(), db.Read().NewSelect().Model(&found), "things", columns)
	if err != nil {
		return "", err
	}
	if err := q.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, row := range found {
		all += row.ID
	}
	return all, nil
}

// walk reads a list page by page, backwards from its end if so asked, and
// returns the ids in the list's own order.
func walk(t *testing.T, db *store.DB, list store.List, columns store.Columns, limit int, backwards bool) string {
	t.Helper()
	all := ""
	list.Limit, list.Reverse = limit, backwards
	for range len("abcd") + 1 {
		page, err := ids(t, db, list, columns)
		if err != nil {
			t.Fatal(err)
		}
		if page == "" {
			break
		}
		all += page
		list.Marker = page[len(page)-1:]
	}
	if backwards {
		reversed := []byte(all)
		slices.Reverse(reversed)
		return string(reversed)
	}
	return all
}
