// Package storetest gives each test a database of its own: on SQLite always,
// and on PostgreSQL when WISP_TEST_POSTGRES holds the URL of a server whose
// user may create databases. The schema is made once per process and copied.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"wisp/internal/store"
)

// Postgres is the environment variable with the test server's URL.
const Postgres = "WISP_TEST_POSTGRES"

// Each runs the test on every engine at hand, as parallel subtests.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run(store.SQLite, func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	if os.Getenv(Postgres) != "" {
		t.Run(store.PostgreSQL, func(t *testing.T) {
			t.Parallel()
			test(t, PostgreSQL(t))
		})
	}
}

var liteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "wisp-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "template.db")
	db, err := store.Open(context.Background(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// SQLite opens an empty database with the current schema.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	content, err := liteTemplate()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	path := filepath.Join(t.TempDir(), "wisp.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

var pgTemplate = sync.OnceValues(func() (string, error) {
	name := "wisp_template_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := pgExec(context.Background(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	dsn, err := pgURL(name)
	if err != nil {
		return "", err
	}
	db, err := store.Open(context.Background(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	return name, db.Close()
})

var pgCreate sync.Mutex // a template can be copied by one at a time

// PostgreSQL opens an empty database with the current schema on the server
// that the environment names, and drops it when the test ends.
func PostgreSQL(t testing.TB) *store.DB {
	t.Helper()
	return open(t, PostgreSQLURL(t))
}

// Two opens one database twice, as two servers do, or skips the test where no
// PostgreSQL is at hand.
func Two(t testing.TB) (one, other *store.DB) {
	t.Helper()
	NeedPostgreSQL(t)
	dsn := PostgreSQLURL(t)
	return open(t, dsn), open(t, dsn)
}

// NeedPostgreSQL skips the test where no PostgreSQL is at hand.
func NeedPostgreSQL(t testing.TB) {
	t.Helper()
	if os.Getenv(Postgres) == "" {
		t.Skip(Postgres + " names no PostgreSQL")
	}
}

// PostgreSQLURL makes an empty database with the current schema on the server
// that the environment names, and drops it when the test ends.
func PostgreSQLURL(t testing.TB) string {
	t.Helper()
	template, err := pgTemplate()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	return create(t, " TEMPLATE "+template)
}

// Empty names a PostgreSQL database without any table, and drops it when the
// test ends.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

func create(t testing.TB, how string) (dsn string) {
	t.Helper()
	name := "wisp_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	pgCreate.Lock()
	err := pgExec(t.Context(), "CREATE DATABASE "+name+how)
	pgCreate.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pgExec(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	if dsn, err = pgURL(name); err != nil {
		t.Fatal(err)
	}
	return dsn
}

func open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func pgURL(database string) (string, error) {
	u, err := url.Parse(os.Getenv(Postgres))
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", Postgres, err)
	}
	u.Path = "/" + database
	return u.String(), nil
}

func pgExec(ctx context.Context, query string) error {
	db, err := sql.Open("pgx", os.Getenv(Postgres))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, query); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}
