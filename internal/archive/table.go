package archive

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"wisp/internal/store"
)

// read calls fn with each row of a table, in no order. The row is fn's to keep.
// What is transient has none.
func read(ctx context.Context, db bun.IDB, t store.Table, fn func(row []any) error) error {
	if slices.Contains(transient, t.Name) {
		return nil
	}
	rows, err := db.QueryContext(ctx, "SELECT ? FROM ?", names(t), bun.Ident(t.Name))
	if err != nil {
		return fmt.Errorf("read table %s: %w", t.Name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row := make([]any, len(t.Columns))
		places := make([]any, len(row))
		for i := range row {
			places[i] = &row[i]
		}
		if err := rows.Scan(places...); err != nil {
			return fmt.Errorf("read table %s: %w", t.Name, err)
		}
		for i, c := range t.Columns {
			if row[i], err = normal(c.Type, row[i]); err != nil {
				return fmt.Errorf("table %s, column %s: %w", t.Name, c.Name, err)
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read table %s: %w", t.Name, err)
	}
	return nil
}

// names are a table's columns in a query.
type columns []store.Column

func names(t store.Table) columns { return t.Columns }

// AppendQuery implements schema.QueryAppender.
func (c columns) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, column := range c {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendName(b, column.Name)
	}
	return b, nil
}

// empty deletes all rows, those of tables that refer to others first.
func empty(ctx context.Context, tx *store.Tx, tables []store.Table) error {
	for _, t := range slices.Backward(tables) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM ?", bun.Ident(t.Name)); err != nil {
			return fmt.Errorf("empty table %s: %w", t.Name, err)
		}
	}
	return nil
}

// batch is how many values one statement inserts at most.
const batch = 4000

// writer inserts rows of one table, many at a time. Rows that refer to others
// of the same table wait until those have come.
type writer struct {
	tx      *store.Tx
	table   store.Table
	parents map[int]int // a column's place to that of the column it refers to
	came    map[int]map[any]bool
	full    [][]any
	waiting [][]any
}

func newWriter(tx *store.Tx, t store.Table) *writer {
	w := &writer{tx: tx, table: t, parents: map[int]int{}, came: map[int]map[any]bool{}}
	for i, c := range t.Columns {
		if c.Parent == "" {
			continue
		}
		to := slices.IndexFunc(t.Columns, func(other store.Column) bool { return other.Name == c.Parent })
		w.parents[i], w.came[to] = to, map[any]bool{}
	}
	return w
}

func (w *writer) add(ctx context.Context, row []any) error {
	for from, to := range w.parents {
		if value := row[from]; value != nil && value != row[to] && !w.came[to][value] {
			w.waiting = append(w.waiting, row)
			return nil
		}
	}
	for to, came := range w.came {
		came[row[to]] = true
	}
	w.full = append(w.full, row)
	if len(w.full)*len(row) < batch {
		return nil
	}
	return w.flush(ctx)
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.full) == 0 {
		return nil
	}
	if _, err := w.tx.ExecContext(ctx, "INSERT INTO ? (?) VALUES ?", bun.Ident(w.table.Name), names(w.table), values(w.full)); err != nil {
		return fmt.Errorf("write table %s: %w", w.table.Name, err)
	}
	w.full = w.full[:0]
	return nil
}

// finish inserts what waits.
func (w *writer) finish(ctx context.Context) error {
	for len(w.waiting) > 0 {
		again := w.waiting
		w.waiting = nil
		for _, row := range again {
			if err := w.add(ctx, row); err != nil {
				return err
			}
		}
		if len(w.waiting) == len(again) {
			return fmt.Errorf("write table %s: %d rows refer to others that did not come", w.table.Name, len(again))
		}
	}
	return w.flush(ctx)
}

// values are rows in a query.
type values [][]any

// AppendQuery implements schema.QueryAppender.
func (v values) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, row := range v {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '(')
		for j, value := range row {
			if j > 0 {
				b = append(b, ", "...)
			}
			b = gen.Append(b, value)
		}
		b = append(b, ')')
	}
	return b, nil
}
