package archive_test

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"wisp/internal/archive"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// oldSchema is the version of testdata/rows-0008.sql.
const oldSchema = 8

var quiet = slog.New(slog.DiscardHandler)

func run(t *testing.T, db *store.DB, file string) {
	t.Helper()
	query(t, db, content(t, "testdata", file))
}

func query(t *testing.T, db *store.DB, text string) {
	t.Helper()
	err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	})
	if err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
}

// filled gives a database rows in every table.
func filled(t *testing.T, db *store.DB) *store.DB {
	t.Helper()
	run(t, db, "rows-0008.sql")
	there := columns(t, db)
	for line := range strings.Lines(content(t, "testdata", "rows-later.sql")) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == "INSERT" && there[words[2]] != "" {
			query(t, db, line)
		}
	}
	return db
}

// columns are the columns of each table, in one word.
func columns(t *testing.T, db *store.DB) map[string]string {
	t.Helper()
	tables, err := db.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, table := range tables {
		for _, c := range table.Columns {
			all[table.Name] += c.Name + " "
		}
	}
	return all
}

// transient are tables that no backup has.
var transient = []string{"notices", "cloud_servers"}

// open opens a database, and closes it when the test ends.
func open(t *testing.T, dsn string) *store.DB {
	t.Helper()
	return openAt(t, dsn, store.Newest())
}

func openAt(t *testing.T, dsn string, version int64) *store.DB {
	t.Helper()
	db, err := store.OpenAt(t.Context(), dsn, version, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// engines runs a test for each pair of engines at hand: from and to are URLs or
// paths of databases with no tables.
func engines(t *testing.T, test func(t *testing.T, from, to string)) {
	t.Helper()
	kinds := []string{store.SQLite}
	if os.Getenv(storetest.Postgres) != "" {
		kinds = append(kinds, store.PostgreSQL)
	}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run("from "+from+" to "+to, func(t *testing.T) {
				t.Parallel()
				test(t, nowhere(t, from), nowhere(t, to))
			})
		}
	}
}

// nowhere names a database that has no tables, or does not exist yet.
func nowhere(t *testing.T, engine string) string {
	t.Helper()
	if engine == store.SQLite {
		return t.TempDir() + "/wisp.db"
	}
	return storetest.Empty(t)
}

// postgres skips a test where there is none.
func postgres(t *testing.T) {
	t.Helper()
	if os.Getenv(storetest.Postgres) == "" {
		t.Skip("no PostgreSQL: " + storetest.Postgres)
	}
}

// stats are what a database comes to.
func stats(t *testing.T, db *store.DB) map[string]archive.Stat {
	t.Helper()
	var all map[string]archive.Stat
	err := db.Snapshot(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
		all, err = archive.Stats(ctx, tx, db)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every table has rows in the tests: a new one is missed here, before it can
// be missed in a backup.
func TestRowsOfEveryTable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		tables, err := db.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all := stats(t, filled(t, db))
		for _, table := range tables {
			if (all[table.Name].Rows == 0) != slices.Contains(transient, table.Name) {
				t.Errorf("table %s has %d rows to save: write some into testdata/rows-later.sql", table.Name, all[table.Name].Rows)
			}
		}
		if len(tables) < 50 {
			t.Errorf("there are only %d tables", len(tables))
		}
	})
}
