package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"wisp/internal/errs"
)

// stageSchema is the PostgreSQL schema in which a stage is built.
const stageSchema = "wisp_stage"

// Stage is a cloud's tables in the making beside those of a PostgreSQL
// database: nobody sees them until they take the others' place, all at once.
// Whatever happens before leaves the database as it was.
type Stage struct {
	*DB   // the tables in the making
	dsn   string
	own   string // name of this program's connections
	home  *bun.DB
	guard *sql.Conn // holds the lock
	log   *slog.Logger
}

// OpenStage opens a stage with empty tables of a schema's version. Another
// stage on the same database is a Conflict; what one that died left is removed.
func OpenStage(ctx context.Context, dsn string, version int64, log *slog.Logger) (*Stage, error) {
	s := &Stage{own: "wisp stage " + rand.Text()[:10], log: log}
	home, err := with(dsn, map[string]string{"application_name": s.own})
	if err != nil {
		return nil, err
	}
	if s.dsn, err = with(home, map[string]string{"search_path": stageSchema}); err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", home)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.home = bun.NewDB(db, pgdialect.New())
	if err := s.open(ctx, version); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (s *Stage) open(ctx context.Context, version int64) (err error) {
	if s.guard, err = s.home.DB.Conn(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	var alone bool
	if err := s.guard.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", stageSchema).Scan(&alone); err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	if !alone {
		return errors.Join(errs.New(errs.Conflict, "another wisp moves data into this database now"), s.letGo())
	}
	if _, err := s.home.ExecContext(ctx, "DROP SCHEMA IF EXISTS ? CASCADE", bun.Ident(stageSchema)); err != nil {
		return fmt.Errorf("remove what was left of another stage: %w", err)
	}
	if _, err := s.home.ExecContext(ctx, "CREATE SCHEMA ?", bun.Ident(stageSchema)); err != nil {
		return fmt.Errorf("make a schema for the new tables, which the database's owner may: %w", err)
	}
	s.DB, err = OpenAt(ctx, s.dsn, version, s.log)
	return err
}

// letGo forgets the guard's connection, so that Close removes nothing that is
// another's.
func (s *Stage) letGo() error {
	err := s.guard.Close()
	s.guard = nil
	return err
}

// with sets parameters of a postgres:// URL.
func with(dsn string, parameters map[string]string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errs.New(errs.Invalid, "the database's URL cannot be read") // the error would show the password
	}
	query := u.Query()
	for name, value := range parameters {
		query.Set(name, value)
	}
	// pgx takes "+" for itself, as libpq does.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String(), nil
}

// Clients is how many connections others have to the database.
func (s *Stage) Clients(ctx context.Context) (n int, err error) {
	err = s.home.NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL
		AND application_name IS DISTINCT FROM ? AND COALESCE(backend_type, 'client backend') = 'client backend'`, s.own).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("look who uses the database: %w", err)
	}
	return n, nil
}

// Occupied tells, by table, how many rows there are in the place that the stage
// would take.
func (s *Stage) Occupied(ctx context.Context) (map[string]int64, error) {
	tables, err := s.occupants(ctx)
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, name := range tables {
		var n int64
		if err := s.home.NewRaw("SELECT count(*) FROM ?", bun.Ident(name)).Scan(ctx, &n); err != nil {
			return nil, fmt.Errorf("count rows of %s: %w", name, err)
		}
		rows[name] = n
	}
	return rows, nil
}

func (s *Stage) occupants(ctx context.Context) (tables []string, err error) {
	err = s.home.NewRaw("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> ? ORDER BY 1", versionTable).Scan(ctx, &tables)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return tables, nil
}

// Upgrade migrates the stage to the newest schema.
func (s *Stage) Upgrade(ctx context.Context) error {
	if err := migrate(ctx, s.write.DB, s.engine, Newest(), s.log); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// Take puts the stage's tables in the place of those that Occupied told of, in
// one transaction.
func (s *Stage) Take(ctx context.Context) error {
	tables, err := s.Tables(ctx)
	if err != nil {
		return err
	}
	old, err := s.occupants(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.Name)
	}
	for _, name := range old {
		if !slices.Contains(names, name) {
			return errs.New(errs.Conflict, "table %s is in the way, which is none of wisp's", name)
		}
	}
	tx, err := s.home.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var home string
	if err := tx.NewRaw("SELECT current_schema()").Scan(ctx, &home); err != nil {
		return fmt.Errorf("find the schema: %w", err)
	}
	for _, name := range append(old, versionTable) {
		if _, err := tx.ExecContext(ctx, "DROP TABLE IF EXISTS ?.? CASCADE", bun.Ident(home), bun.Ident(name)); err != nil {
			return fmt.Errorf("remove table %s: %w", name, err)
		}
	}
	for _, name := range append(names, versionTable) {
		if _, err := tx.ExecContext(ctx, "ALTER TABLE ?.? SET SCHEMA ?", bun.Ident(stageSchema), bun.Ident(name), bun.Ident(home)); err != nil {
			return fmt.Errorf("put table %s in place: %w", name, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "DROP SCHEMA ?", bun.Ident(stageSchema)); err != nil {
		return fmt.Errorf("remove the stage: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// Close removes what did not take its place, and closes the connections.
func (s *Stage) Close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if s.DB != nil {
		err = s.DB.Close()
	}
	if s.guard != nil {
		_, drop := s.guard.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+stageSchema+" CASCADE")
		err = errors.Join(err, drop, s.guard.Close())
	}
	return errors.Join(err, s.home.Close())
}
