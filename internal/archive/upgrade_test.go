package archive_test

import (
	"compress/gzip"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"wisp/internal/archive"
	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// make-old writes testdata/wisp-0008.db.gz again: the database of a cloud that
// ran with schema 8, as SQLite kept it then.
//
//	go test ./internal/archive -run TestUpgrade -make-old
var makeOld = flag.Bool("make-old", false, "write the stored old database again")

const stored = "testdata/wisp-0008.db.gz"

// upgraded checks that a database of schema 8 has come to the newest one with
// all that it had.
func upgraded(t *testing.T, db *store.DB, had map[string]string, before map[string]archive.Stat) {
	t.Helper()
	if v, err := db.Version(t.Context()); err != nil || v != store.Newest() {
		t.Errorf("version %d, %v", v, err)
	}
	has := stats(t, db)
	if len(before) < 50 {
		t.Errorf("there were only %d tables", len(before))
	}
	now := columns(t, db) // tables that have got more have other sums
	for name, stat := range before {
		if stat.Rows == 0 || has[name].Rows != stat.Rows || now[name] == had[name] && has[name] != stat {
			t.Errorf("table %s has %v, it had %v", name, has[name], stat)
		}
	}
	var row struct {
		Name, Steps, Findings string
		Load                  float64
	}
	err := db.Read().NewRaw("SELECT s.name, s.steps, h.findings, h.load_average AS load FROM servers AS s JOIN compute_hosts AS h ON h.host = s.host WHERE s.launched_at > s.created_at AND h.connected").Scan(t.Context(), &row)
	if err != nil || row.Name != "server" || row.Steps != "[]" || row.Findings != "[]" || row.Load != 0.30000000000000004 {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestUpgradeStored(t *testing.T) {
	t.Parallel()
	if *makeOld {
		storeOld(t)
	}
	path := t.TempDir() + "/wisp.db"
	unpack(t, path)
	old, err := store.OpenUnchanged(t.Context(), path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := old.Version(t.Context()); err != nil || v != oldSchema {
		t.Errorf("version %d, %v", v, err)
	}
	had, before := columns(t, old), stats(t, old)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	upgraded(t, open(t, path), had, before)
}

func storeOld(t *testing.T) {
	path := t.TempDir() + "/wisp.db"
	db := openAt(t, path, oldSchema)
	run(t, db, "rows-0008.sql")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(stored)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(packed, content(t, path)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, path string) {
	t.Helper()
	packed, err := gzip.NewReader(strings.NewReader(content(t, stored)))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(all))
}

// PostgreSQL's own files are not for storing: there the old migrations are run
// and the same rows inserted.
func TestUpgradeFromOldMigrations(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			if engine == store.PostgreSQL {
				postgres(t)
			}
			dsn := nowhere(t, engine)
			old := openAt(t, dsn, oldSchema)
			run(t, old, "rows-0008.sql")
			had, before := columns(t, old), stats(t, old)
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			upgraded(t, open(t, dsn), had, before)
		})
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		filled(t, db)
		before := stats(t, db)
		query(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		if _, err := db.Version(t.Context()); errs.Of(err) != errs.Conflict {
			t.Errorf("its version: %v", err)
		}
		if _, err := archive.Save(t.Context(), db, archive.SaveConfig{StateDir: t.TempDir()}, io.Discard); errs.Of(err) != errs.Conflict {
			t.Errorf("a backup: %v", err)
		}
		if db.Engine() == store.SQLite {
			if _, err := store.Open(t.Context(), path(t, db), quiet); errs.Of(err) != errs.Conflict || !strings.Contains(err.Error(), "version 9999") {
				t.Errorf("open: %v", err)
			}
		}
		same(t, db, before)
	})
}
