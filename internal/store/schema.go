package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
)

// versionTable is where goose keeps which migrations were applied.
const versionTable = "goose_db_version"

// Type is what a column holds, on either engine.
type Type string

// The types of columns.
const (
	Text  Type = "text"
	Int   Type = "int"
	Bool  Type = "bool"
	Float Type = "float"
	Time  Type = "time" // to the microsecond
)

// types are the engines' names for them.
var types = map[string]Type{
	"TEXT": Text, "BIGINT": Int, "BOOLEAN": Bool, "DOUBLE PRECISION": Float, "TIMESTAMPTZ": Time, "TIMESTAMP WITH TIME ZONE": Time,
}

// Column is a column of a table.
type Column struct {
	Name string
	Type Type
	// Parent is the column of the same table that this one refers to, empty
	// when there is none: such a row must come after the one that it names.
	Parent string
}

// Table is a table of the schema.
type Table struct {
	Name    string
	Columns []Column // in the order of their names, which is the same on both engines

	refers []string // to these tables
}

// Tables lists what the schema has, each table after those that it refers to;
// the table of goose's versions is not among them. A column of a type that
// this package does not know is an error.
func (d *DB) Tables(ctx context.Context) ([]Table, error) {
	all, err := d.columns(ctx)
	if err != nil {
		return nil, fmt.Errorf("list columns: %w", err)
	}
	if err := d.references(ctx, all); err != nil {
		return nil, fmt.Errorf("list references: %w", err)
	}
	return order(all)
}

func (d *DB) columns(ctx context.Context) (map[string]*Table, error) {
	query := `SELECT m.name AS of_table, c.name AS name, upper(c.type) AS type FROM sqlite_master AS m, pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY 1, 2`
	if d.engine == PostgreSQL {
		query = `SELECT c.table_name AS of_table, c.column_name AS name, upper(c.data_type) AS type FROM information_schema.columns AS c
			JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
			WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY 1, 2`
	}
	var rows []struct{ OfTable, Name, Type string }
	if err := d.read.NewRaw(query).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	all := map[string]*Table{}
	for _, row := range rows {
		if row.OfTable == versionTable {
			continue
		}
		t := all[row.OfTable]
		if t == nil {
			t = &Table{Name: row.OfTable}
			all[row.OfTable] = t
		}
		kind, ok := types[row.Type]
		if !ok {
			return nil, fmt.Errorf("column %s of table %s has the type %s, which is none of the schema's", row.Name, row.OfTable, row.Type)
		}
		t.Columns = append(t.Columns, Column{Name: row.Name, Type: kind})
	}
	for _, t := range all {
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) }) // whatever the collation
	}
	return all, nil
}

func (d *DB) references(ctx context.Context, all map[string]*Table) error {
	query := `SELECT m.name AS child, f."from" AS child_column, f."table" AS parent, f."to" AS parent_column
		FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'`
	if d.engine == PostgreSQL {
		query = `SELECT child.relname AS child, ca.attname AS child_column, parent.relname AS parent, pa.attname AS parent_column
			FROM pg_constraint AS c CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (child, parent)
			JOIN pg_class AS child ON child.oid = c.conrelid JOIN pg_class AS parent ON parent.oid = c.confrelid
			JOIN pg_namespace AS n ON n.oid = child.relnamespace
			JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
			JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
			WHERE c.contype = 'f' AND n.nspname = current_schema()`
	}
	var rows []struct{ Child, ChildColumn, Parent, ParentColumn string }
	if err := d.read.NewRaw(query).Scan(ctx, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		t := all[row.Child]
		if t == nil {
			continue
		}
		if row.Parent != row.Child {
			t.refers = append(t.refers, row.Parent)
			continue
		}
		for i := range t.Columns {
			if t.Columns[i].Name == row.ChildColumn {
				t.Columns[i].Parent = row.ParentColumn
			}
		}
	}
	return nil
}

// order puts tables behind those that they refer to.
func order(all map[string]*Table) ([]Table, error) {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var sorted []Table
	placed := map[string]bool{}
	for len(sorted) < len(all) {
		before := len(sorted)
		for _, name := range names {
			t := all[name]
			if placed[name] || slices.ContainsFunc(t.refers, func(to string) bool { return !placed[to] }) {
				continue
			}
			placed[name] = true
			sorted = append(sorted, *t)
		}
		if len(sorted) == before {
			return nil, errors.New("tables refer to each other in a circle")
		}
	}
	return sorted, nil
}

// Version is the number of the newest migration that the database has; 0 when
// it is empty. A schema that is newer than this program is a Conflict.
func (d *DB) Version(ctx context.Context) (int64, error) {
	there := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if d.engine == PostgreSQL {
		there = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?"
	}
	var n int
	if err := d.read.NewRaw(there, versionTable).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("look for the schema's version: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	var version int64
	err := d.read.NewRaw("SELECT COALESCE(max(version_id), 0) FROM ? WHERE is_applied", bun.Ident(versionTable)).Scan(ctx, &version)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, known(version)
}

// OpenUnchanged opens a database that is there as it is: nothing is made or
// migrated. One that is not there is NotFound.
func OpenUnchanged(ctx context.Context, dsn string, log *slog.Logger) (*DB, error) {
	if !IsPostgreSQL(dsn) {
		path := strings.TrimPrefix(dsn, "sqlite:")
		if _, err := os.Stat(path); err != nil {
			return nil, errs.Wrap(err, errs.NotFound, "there is no database %s", path)
		}
	}
	db, err := connect(dsn, log)
	if err != nil {
		return nil, err
	}
	if err := db.read.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach the database: %w", err), db.Close())
	}
	return db, nil
}

// Snapshot runs fn in a transaction that only reads, and in which the whole
// database stands still while others write.
func (d *DB) Snapshot(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if d.engine == PostgreSQL {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := d.read.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin a snapshot: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return fn(ctx, tx)
}
