package server

import (
	"context"
	"errors"
	"log/slog"

	"wisp/internal/identity"
	"wisp/internal/store"
)

// RotateKeys rotates the token keys of the cloud on a database, whose servers
// may be running. What the key before the last has sealed is refused from then
// on.
func RotateKeys(ctx context.Context, database string, log *slog.Logger) error {
	db, err := store.Open(ctx, database, log)
	if err != nil {
		return err
	}
	return errors.Join(identity.New(db, log).RotateKeys(ctx), db.Close())
}
