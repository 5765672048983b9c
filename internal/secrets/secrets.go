// Package secrets keeps what all servers of one cloud share and nobody else
// may know: the keys that seal tokens, the key of the certificate authority.
// They live in the cloud's database, so that a server needs nothing but the
// database to be one of several. It imports nothing of the project but store.
package secrets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

type secret struct {
	bun.BaseModel `bun:"table:secrets"`

	Name      string `bun:",pk"`
	Value     string
	UpdatedAt time.Time
}

// Get returns a secret; false when there is none of that name.
func Get(ctx context.Context, db bun.IDB, name string) (string, bool, error) {
	var value string
	err := db.NewSelect().Model((*secret)(nil)).Column("value").Where("name = ?", name).Scan(ctx, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read secret %s: %w", name, err)
	}
	return value, true, nil
}

// Put sets a secret.
func Put(ctx context.Context, tx *store.Tx, name, value string) error {
	row := secret{Name: name, Value: value, UpdatedAt: time.Now().UTC()}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (name) DO UPDATE").Set("value = EXCLUDED.value").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	return nil
}

// Ensure returns a secret, and makes it where there is none. Of servers that
// start at the same moment one makes it, and all return the same.
func Ensure(ctx context.Context, db *store.DB, name string, generate func() (string, error)) (string, error) {
	value, found, err := Get(ctx, db.Read(), name)
	if err != nil || found {
		return value, err
	}
	err = db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if value, found, err = Get(ctx, tx, name); err != nil || found {
			return err
		}
		if value, err = generate(); err != nil {
			return fmt.Errorf("make secret %s: %w", name, err)
		}
		return Put(ctx, tx, name, value)
	}, store.Lock("secret "+name))
	return value, err
}
