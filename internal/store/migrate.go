package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"wisp/internal/errs"
)

// The schema: numbered files, applied in order, written in the SQL that both
// engines understand. Ids and JSON are TEXT, times are TIMESTAMPTZ, counters
// BIGINT, flags BOOLEAN.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Newest is the number of the newest migration that this program has.
func Newest() int64 {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // they are in the program
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_") // in the order of names
	newest, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic(err)
	}
	return newest
}

// migrate brings the schema up to a version. A database that is beyond the
// newest version of this program is refused, of kind Conflict, and left alone:
// what a newer program made of it nobody here knows.
func migrate(ctx context.Context, db *sql.DB, engine string, version int64, log *slog.Logger) error {
	provider, err := migrator(db, engine)
	if err != nil {
		return err
	}
	has, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if err := known(has); err != nil {
		return err
	}
	results, err := provider.UpTo(ctx, version)
	if err != nil {
		return err
	}
	if len(results) > 0 {
		log.InfoContext(ctx, "database schema is current", "engine", engine, "applied", len(results))
	}
	return nil
}

// known refuses a schema that is newer than this program.
func known(version int64) error {
	if newest := Newest(); version > newest {
		return errs.New(errs.Conflict, "the database's schema is version %d and this wisp knows no more than %d: a newer wisp has used it; start that one, or restore a backup from before", version, newest)
	}
	return nil
}

func migrator(db *sql.DB, engine string) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	if engine == PostgreSQL {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("make migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, db, files, options...)
}
