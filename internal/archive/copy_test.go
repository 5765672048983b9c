package archive_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"wisp/internal/archive"
	"wisp/internal/errs"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func silent(string, int64) {}

func TestCopy(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, from, to string) {
		source, target := filled(t, open(t, from)), open(t, to)
		before := stats(t, source)
		told := map[string]bool{}
		copied, err := archive.Copy(t.Context(), source, target, func(table string, _ int64) { told[table] = true })
		if err != nil {
			t.Fatal(err)
		}
		if has := stats(t, target); !reflect.DeepEqual(has, before) || !reflect.DeepEqual(copied, before) || len(told) != len(before) {
			t.Errorf("copied %v, there are %v, want %v; told of %d tables", copied, has, before, len(told))
		}
		if !reflect.DeepEqual(stats(t, source), before) {
			t.Error("the source has changed")
		}
		// What the types are to the engine itself.
		var row struct {
			ID, Description string
			N               int
		}
		err = target.Read().NewRaw("SELECT id, description, (SELECT count(*) FROM projects WHERE is_domain AND created_at > ? AND domain_id IS NULL) AS n FROM projects WHERE name = 'grandchild'",
			"2026-01-02 03:04:05.123455+00:00").Scan(t.Context(), &row)
		if err != nil || row.ID != "0001" || row.Description != "" || row.N != 1 {
			t.Errorf("%+v, %v", row, err)
		}
	})
}

// Numbers arrive as they are, to the last digit.
func TestCopyNumbers(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, from, to string) {
		source, target := open(t, from), open(t, to)
		r := rand.New(rand.NewPCG(1, 2))
		err := source.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			for i := range 3000 {
				ratio := math.Float64frombits(r.Uint64())
				if math.IsNaN(ratio) || math.IsInf(ratio, 0) || ratio != 0 && (math.Abs(ratio) < 1e-200 || math.Abs(ratio) > 1e200) {
					ratio = r.ExpFloat64()
				}
				_, err := tx.ExecContext(ctx, "INSERT INTO flavors (id, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, disabled, created_at, updated_at) VALUES (?, ?, ?, 1, 1, 1, 1, ?, TRUE, FALSE, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00')",
					fmt.Sprint(i), fmt.Sprint("f", i), []int64{math.MinInt64, math.MaxInt64, -1, int64(r.Uint64())}[i%4], ratio)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Copy(t.Context(), source, target, silent); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCopyRefuses(t *testing.T) {
	t.Parallel()
	t.Run("rows that refer to none", func(t *testing.T) {
		t.Parallel()
		source, target := filled(t, storetest.SQLite(t)), filled(t, storetest.SQLite(t))
		before := stats(t, target)
		err := source.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON; PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'parent_id TEXT REFERENCES projects (id)', 'parent_id TEXT') WHERE name = 'projects'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		again := open(t, path(t, source))
		err = again.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE projects SET parent_id = 'nobody' WHERE id = 'aa'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Copy(t.Context(), again, target, silent); err == nil {
			t.Error("they were copied")
		}
		same(t, target, before)
	})
	t.Run("text that PostgreSQL refuses", func(t *testing.T) {
		t.Parallel()
		source, target := filled(t, storetest.SQLite(t)), filled(t, storetest.SQLite(t))
		before := stats(t, target)
		err := source.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE servers SET name = CAST(x'61ff62' AS TEXT)")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Copy(t.Context(), source, target, silent); err == nil || !strings.Contains(err.Error(), "table servers, column name") {
			t.Errorf("got %v", err)
		}
		same(t, target, before)
	})
}

func same(t *testing.T, db *store.DB, want map[string]archive.Stat) {
	t.Helper()
	if has := stats(t, db); !reflect.DeepEqual(has, want) {
		t.Errorf("the database has %v, want %v", has, want)
	}
}

func path(t *testing.T, db *store.DB) (file string) {
	t.Helper()
	if err := db.Read().NewRaw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMove(t *testing.T) {
	t.Parallel()
	postgres(t)
	for _, version := range []int64{oldSchema, store.Newest()} {
		t.Run(fmt.Sprint("from schema ", version), func(t *testing.T) {
			t.Parallel()
			source := openAt(t, nowhere(t, store.SQLite), version)
			run(t, source, "rows-0008.sql")
			before := stats(t, source)
			dsn := storetest.Empty(t)
			moving, err := archive.Move(t.Context(), source, dsn, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := moving.Copy(t.Context(), silent); err != nil {
				t.Fatal(err)
			}
			if occupied(t, dsn) != 0 {
				t.Error("there are tables before the commit")
			}
			if err := moving.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := moving.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, source, before)
			target := open(t, dsn)
			if v, err := target.Version(t.Context()); err != nil || v != store.Newest() {
				t.Errorf("version %d, %v", v, err)
			}
			has := stats(t, target)
			for name, stat := range before {
				if version == store.Newest() && has[name] != stat || has[name].Rows != stat.Rows {
					t.Errorf("table %s: %v, want %v", name, has[name], stat)
				}
			}
			if _, err := archive.Move(t.Context(), source, dsn, quiet); errs.Of(err) != errs.Conflict {
				t.Errorf("onto a cloud: %v", err)
			}
		})
	}
}

// occupied counts the tables of a PostgreSQL database.
func occupied(t *testing.T, dsn string) (n int) {
	t.Helper()
	db, err := store.OpenUnchanged(t.Context(), dsn, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Read().NewRaw("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	postgres(t)
	source := filled(t, storetest.SQLite(t))
	refused := func(t *testing.T, from *store.DB, dsn, why string) {
		t.Helper()
		before := stats(t, from)
		moving, err := archive.Move(t.Context(), from, dsn, quiet)
		if err == nil {
			_ = moving.Close(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %s", err, why)
		}
		same(t, from, before)
	}
	t.Run("a target that is away", func(t *testing.T) {
		t.Parallel()
		refused(t, source, "postgres://wisp:secret@127.0.0.1:1/wisp?sslmode=disable", "reach the database")
	})
	t.Run("a source without a cloud", func(t *testing.T) {
		t.Parallel()
		refused(t, storetest.SQLite(t), storetest.Empty(t), "holds no cloud")
	})
	t.Run("a target with something else", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Empty(t)
		db, err := store.OpenUnchanged(t.Context(), dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		query(t, db, "CREATE TABLE orders (id TEXT)")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, source, dsn, "table orders, which is none of wisp's")
	})
	t.Run("a target in use", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Empty(t)
		if _, err := open(t, dsn).Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused(t, source, dsn, "connections to the database are open")
	})
	t.Run("what another left that was killed", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Empty(t)
		db, err := store.OpenUnchanged(t.Context(), dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		query(t, db, "CREATE SCHEMA wisp_stage; CREATE TABLE wisp_stage.projects (id TEXT)")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		moving, err := archive.Move(t.Context(), source, dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		_, err = moving.Copy(t.Context(), silent)
		if err := errors.Join(err, moving.Commit(t.Context()), moving.Close(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("two at the same time", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Empty(t)
		first, err := archive.Move(t.Context(), source, dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, source, dsn, "another wisp")
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		second, err := archive.Move(t.Context(), source, dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Close(t.Context()); err != nil || occupied(t, dsn) != 0 {
			t.Errorf("%v, or something is left", err)
		}
	})
	t.Run("rows that the target does not take", func(t *testing.T) {
		t.Parallel()
		from, dsn := filled(t, storetest.SQLite(t)), storetest.Empty(t)
		query(t, from, "UPDATE servers SET name = CAST(x'61ff62' AS TEXT)")
		moving, err := archive.Move(t.Context(), from, dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := moving.Copy(t.Context(), silent); err == nil {
			t.Error("copied")
		}
		if err := moving.Close(t.Context()); err != nil || occupied(t, dsn) != 0 {
			t.Errorf("%v, or something is left", err)
		}
	})
}
