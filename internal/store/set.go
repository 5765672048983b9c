package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"
)

// Set is the values of a condition such as
//
//	Where("id IN (?)", store.Set(ids))
//
// for sets that can be large. No values match nothing.
//
// SQLite parses and compiles every literal of a list, which costs more than
// finding the rows when there are a thousand of them; there a large set is
// one JSON text that the engine takes apart. PostgreSQL makes an array of the
// list by itself.
type Set []string

// few is how many literals cost less than a table of them.
const few = 8

// AppendQuery implements schema.QueryAppender.
func (s Set) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if len(s) <= few || gen.Dialect().Name() != dialect.SQLite {
		return bun.List([]string(s)).AppendQuery(gen, b)
	}
	text, err := json.Marshal([]string(s))
	if err != nil {
		return nil, fmt.Errorf("encode a set: %w", err)
	}
	b = append(b, "SELECT value FROM json_each("...)
	b = gen.Dialect().AppendString(b, string(text))
	return append(b, ')'), nil
}

// Row is one row of a result.
type Row interface {
	// Scan copies the columns to where dest points, in the query's order.
	Scan(dest ...any) error
}

// Each runs a query and calls fn on every row of its result, until an error.
// It is for results of thousands of rows, which cost less without a model.
func Each(ctx context.Context, q *bun.SelectQuery, fn func(row Row) error) (err error) {
	rows, err := q.Rows(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
