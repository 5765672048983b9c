package store

import "context"

// ReadNotices reads the table now, as is done every few seconds.
func ReadNotices(d *DB) {
	if err := d.notices.look(context.Background()); err != nil {
		panic(err)
	}
}

// PruneNotices drops old notices, as is done every minute.
func PruneNotices(ctx context.Context, d *DB) error { return d.notices.prune(ctx) }

// ExpectTransaction makes the database believe that it has read everything up
// to a transaction.
func ExpectTransaction(d *DB, number int64) {
	d.notices.mu.Lock()
	defer d.notices.mu.Unlock()
	d.notices.low = number
}
