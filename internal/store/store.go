// Package store opens the database and runs transactions on it: SQLite for
// one machine, PostgreSQL for many, one schema for both. Slices write their
// SQL with bun beside their types; what differs between the engines is here.
// It imports nothing of the project but errs.
//
// A transaction is serializable on both engines: on SQLite because there is
// one writer, on PostgreSQL by its isolation level, repeated here when the
// engine refuses it. So the function given to Tx can run more than once and
// must have no effect but on the transaction.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver, "pgx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Engine names.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgresql"
)

// DB is an open database whose schema is current.
type DB struct {
	engine string
	read   *bun.DB
	write  *bun.DB
	log    *slog.Logger

	notices *notices // nil on SQLite

	mu     sync.Mutex
	topics map[string]map[chan struct{}]bool
	counts map[string]*atomic.Int64 // of signals, by topic

	feed feed
}

// Open opens the database that dsn names and migrates it to the newest
// schema, under a lock that concurrent starts respect. A dsn is a path (or
// "sqlite:" and a path) for SQLite, or a postgres:// URL. A database with a
// schema that is newer than this program is a Conflict.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*DB, error) {
	db, err := OpenAt(ctx, dsn, Newest(), log)
	if err != nil {
		return nil, err
	}
	if db.engine == PostgreSQL {
		if err := db.beginNotices(ctx, dsn); err != nil {
			return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
		}
	}
	return db, nil
}

// OpenAt is Open with the schema of a version, or what the database has if
// that is newer. It is for rows from elsewhere, which come in as they were
// before they are migrated; nothing is heard there of other servers.
func OpenAt(ctx context.Context, dsn string, version int64, log *slog.Logger) (*DB, error) {
	db, err := connect(dsn, log)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db.write.DB, db.engine, version, log); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("migrate database: %w", err)
	}
	return db, nil
}

func connect(dsn string, log *slog.Logger) (*DB, error) {
	db := &DB{log: log, topics: map[string]map[chan struct{}]bool{}, counts: map[string]*atomic.Int64{}}
	var err error
	if IsPostgreSQL(dsn) {
		err = db.openPostgres(dsn)
	} else {
		err = db.openSQLite(strings.TrimPrefix(dsn, "sqlite:"))
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// IsPostgreSQL tells which engine a dsn is of.
func IsPostgreSQL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func (d *DB) openSQLite(path string) error {
	d.engine = SQLite
	if err := private(path); err != nil {
		return err
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(ON)", "temp_store(MEMORY)"}}
	name := func(extra string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode() + extra
	}
	w, err := sql.Open("sqlite", name("&_txlock=immediate"))
	if err != nil {
		return err
	}
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite", name("&_pragma=query_only(1)"))
	if err != nil {
		_ = w.Close()
		return err
	}
	r.SetMaxOpenConns(max(4, runtime.NumCPU()))
	r.SetMaxIdleConns(max(4, runtime.NumCPU()))
	d.write = bun.NewDB(w, sqlitedialect.New())
	d.read = bun.NewDB(r, sqlitedialect.New())
	return nil
}

// private makes the database's files readable by their owner alone: they hold
// password hashes. SQLite gives the files beside it the database's own mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *DB) openPostgres(dsn string) error {
	d.engine = PostgreSQL
	p, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	p.SetMaxOpenConns(16)
	p.SetMaxIdleConns(8)
	d.write = bun.NewDB(p, pgdialect.New())
	d.read = d.write
	return nil
}

// Close closes the database.
func (d *DB) Close() error {
	if d.notices != nil {
		d.notices.close()
	}
	err := d.write.Close()
	if d.read != d.write {
		err = errors.Join(err, d.read.Close())
	}
	return err
}

// Engine returns SQLite or PostgreSQL.
func (d *DB) Engine() string { return d.engine }

// Read returns where to run queries that change nothing, outside of any
// transaction.
func (d *DB) Read() bun.IDB { return d.read }

// Tx is a running transaction. It is a bun.IDB: queries run on it.
type Tx struct {
	bun.Tx
	engine string
	topics []string
	after  []func()
	noted  noted
}

// Signal wakes the subscribers of a topic once the transaction is committed,
// on every server that has the database open.
func (t *Tx) Signal(topic string) {
	if !slices.Contains(t.topics, topic) {
		t.topics = append(t.topics, topic)
	}
}

// AfterCommit runs fn once the transaction is committed, and not otherwise.
func (t *Tx) AfterCommit(fn func()) { t.after = append(t.after, fn) }

// Lock makes transactions that lock the same name run one after another on
// PostgreSQL, where they would otherwise fail and be repeated; on SQLite, where
// there is one writer, it is nothing to do. It is for speed: correctness rests
// on the isolation level. So it is left out behind a pooler whose connections
// do not keep their locks, which would then be held for ever.
type Lock string

// Tx runs fn in a serializable transaction, and again when the engine asks
// for it. When fn fails, everything is undone and its error is returned.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, locks ...Lock) error {
	const attempts = 40
	for attempt := 1; ; attempt++ {
		tx, err := d.try(ctx, fn, locks)
		if err == nil {
			d.follow(ctx, tx)
			return nil
		}
		if attempt == attempts || !repeatable(err) {
			return err
		}
		d.log.DebugContext(ctx, "transaction is repeated", "attempt", attempt, "error", err)
		pause := time.Duration(rand.Int64N(int64(min(attempt, 10)) * int64(4*time.Millisecond)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// try runs a transaction once, and commits it.
func (d *DB) try(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, locks []Lock) (*Tx, error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a database connection: %w", err)
	}
	defer func() { _ = conn.Close() }()
	options := &sql.TxOptions{}
	if d.engine == PostgreSQL {
		options.Isolation = sql.LevelSerializable
		if len(locks) > 0 && !d.notices.keepsSessions(ctx) {
			locks = nil
		}
		for _, lock := range locks {
			// Taken before the transaction begins, so that its snapshot is
			// newer than what the holder before it wrote.
			if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtextextended(?, 0))", string(lock)); err != nil {
				return nil, fmt.Errorf("lock %s: %w", lock, err)
			}
			defer func() {
				_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtextextended(?, 0))", string(lock))
			}()
		}
	}
	btx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	tx := &Tx{Tx: btx, engine: d.engine}
	committed := false
	defer func() {
		if !committed {
			_ = btx.Rollback()
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return nil, err
	}
	if d.notices != nil {
		if err := tx.notify(ctx, d.notices.origin); err != nil {
			return nil, err
		}
	}
	if err := btx.Commit(); err != nil {
		return nil, fmt.Errorf("commit transaction: %w", err)
	}
	committed = true
	return tx, nil
}

// follow does what waited for the commit. The connection and its locks are
// given back by then: on SQLite nothing else in the cloud could write as long
// as a file is deleted here.
func (d *DB) follow(ctx context.Context, tx *Tx) {
	for _, topic := range tx.topics {
		d.signal(topic)
	}
	for _, f := range tx.after {
		f()
	}
	d.committed(ctx, tx.noted.list)
}

func repeatable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// IsDuplicate tells whether the engine refused a row because of a unique or
// primary key. Inside a PostgreSQL transaction nothing more can be done after it:
// return, and let the transaction end. Where more must be done, insert with
// ON CONFLICT DO NOTHING and look at the number of rows.
func IsDuplicate(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// IsForeignKey tells whether the engine refused a change because a row refers
// to another that is not there, or is still referred to.
func IsForeignKey(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23503"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
	}
	return false
}
