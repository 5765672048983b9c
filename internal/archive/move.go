package archive

import (
	"context"
	"errors"
	"log/slog"

	"wisp/internal/store"
)

// Moving is a move of a cloud to a PostgreSQL database under way. Until Commit
// nobody can see anything of it there, and the source is never changed.
type Moving struct {
	from  *store.DB
	stage *store.Stage
}

// Move begins to move the cloud in a database, which nobody uses meanwhile, to
// a PostgreSQL database. Errors are of kind Conflict when the source holds no
// cloud, or the target has one or anything else, or is in use. Close the result.
func Move(ctx context.Context, from *store.DB, dsn string, log *slog.Logger) (*Moving, error) {
	if _, err := cloudID(ctx, from.Read()); err != nil {
		return nil, err
	}
	version, err := from.Version(ctx)
	if err != nil {
		return nil, err
	}
	stage, err := free(ctx, dsn, version, false, log)
	if err != nil {
		return nil, err
	}
	return &Moving{from: from, stage: stage}, nil
}

// Copy copies all rows and compares what arrived, then migrates it to the
// newest schema.
func (m *Moving) Copy(ctx context.Context, told func(table string, rows int64)) (map[string]Stat, error) {
	stats, err := Copy(ctx, m.from, m.stage.DB, told)
	if err != nil {
		return nil, err
	}
	return stats, m.stage.Upgrade(ctx)
}

// Commit makes the target the cloud's database.
func (m *Moving) Commit(ctx context.Context) error { return m.stage.Take(ctx) }

// Close removes what was not committed.
func (m *Moving) Close(ctx context.Context) error { return errors.Join(m.stage.Close(ctx)) }
