// Package archive moves and saves what a cloud has in its database: from one
// engine to the other, into a file and back. It knows rows and no meanings: its
// tables are those that the schema has. It stands below the slices and imports
// nothing of the project but errs and store.
//
// A row is a list of values, one for each column in the order of their names:
// nil, string, int64, bool, float64 or time.Time (UTC, to the microsecond),
// whatever the engine makes of them. Its text is one line of JSON, equal for
// equal rows; the sum of a table is made of the texts of its rows in any order.
package archive

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// transient are tables of what servers tell each other while they run, in terms
// of the database that they are in: which transaction, which process. They are
// neither saved nor moved, and come to nothing in every sum.
var transient = []string{"notices", "cloud_servers"}

// Stat is how much a table has, and what it comes to.
type Stat struct {
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
}

// cloudID is the name of the cloud whose database it is, empty when no node has
// asked for it yet. A database on which no cloud was ever started is a Conflict.
func cloudID(ctx context.Context, db bun.IDB) (string, error) {
	var users int
	if err := db.NewRaw("SELECT count(*) FROM users").Scan(ctx, &users); err != nil {
		return "", fmt.Errorf("look for users: %w", err)
	}
	if users == 0 {
		return "", errs.New(errs.Conflict, "the database holds no cloud")
	}
	var ids []string
	if err := db.NewRaw("SELECT id FROM cloud").Scan(ctx, &ids); err != nil {
		return "", fmt.Errorf("read the cloud's id: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}

// Copy replaces all rows of a database, whose schema has the same version, by
// those of another, in one transaction of each. Before it commits it reads both
// again and compares every table. told is called with each table that is copied.
func Copy(ctx context.Context, from, to *store.DB, told func(table string, rows int64)) (map[string]Stat, error) {
	tables, err := from.Tables(ctx)
	if err != nil {
		return nil, err
	}
	stats := map[string]Stat{}
	err = from.Snapshot(ctx, func(ctx context.Context, source bun.Tx) error {
		return to.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			clear(stats)
			if err := empty(ctx, tx, tables); err != nil {
				return err
			}
			for _, t := range tables {
				stat, err := copyTable(ctx, source, tx, t)
				if err != nil {
					return err
				}
				stats[t.Name] = stat
				told(t.Name, stat.Rows)
			}
			return compare(ctx, tx, to, stats)
		})
	})
	return stats, err
}

func copyTable(ctx context.Context, source bun.IDB, tx *store.Tx, t store.Table) (Stat, error) {
	var sum sum
	w := newWriter(tx, t)
	err := read(ctx, source, t, func(row []any) error {
		text, err := encode(row)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		sum.add(text)
		return w.add(ctx, row)
	})
	if err == nil {
		err = w.finish(ctx)
	}
	return sum.stat(), err
}

// Stats are what the tables of a database come to.
func Stats(ctx context.Context, tx bun.IDB, db *store.DB) (map[string]Stat, error) {
	tables, err := db.Tables(ctx)
	if err != nil {
		return nil, err
	}
	stats := map[string]Stat{}
	for _, t := range tables {
		var sum sum
		err := read(ctx, tx, t, func(row []any) error {
			text, err := encode(row)
			sum.add(text)
			return err
		})
		if err != nil {
			return nil, err
		}
		stats[t.Name] = sum.stat()
	}
	return stats, nil
}

// compare refuses tables that have not come to the same as others.
func compare(ctx context.Context, tx bun.IDB, db *store.DB, want map[string]Stat) error {
	stats, err := Stats(ctx, tx, db)
	if err != nil {
		return err
	}
	if len(stats) != len(want) {
		return errs.New(errs.Conflict, "there are %d tables, and %d came", len(stats), len(want))
	}
	for name, has := range stats {
		if has != want[name] {
			return errs.New(errs.Conflict, "table %s did not arrive as it was sent: %d rows of %d, with the sum %s for %s", name, has.Rows, want[name].Rows, has.Sum, want[name].Sum)
		}
	}
	return nil
}
