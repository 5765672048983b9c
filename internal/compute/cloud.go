package compute

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// cloudRow is the only row of its table.
type cloudRow struct {
	bun.BaseModel `bun:"table:cloud"`

	Only int64  `bun:"only_row,pk"`
	ID   string `bun:"id"`
}

// CloudID is the id of the cloud whose database this is: a uuid that is made
// at the first question and never changes. A node that has machines of one
// cloud refuses the word of another, which would make all of them strangers.
func (s *Service) CloudID(ctx context.Context) (string, error) {
	var id string
	read := func(db bun.IDB) error {
		return db.NewSelect().Model((*cloudRow)(nil)).Column("id").Where("only_row = 1").Scan(ctx, &id)
	}
	err := read(s.db.Read())
	if errors.Is(err, sql.ErrNoRows) {
		err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.NewInsert().Model(&cloudRow{Only: 1, ID: uuid.NewString()}).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
				return err
			}
			return read(tx)
		}, "cloud")
	}
	if err != nil {
		return "", fmt.Errorf("read the cloud's id: %w", err)
	}
	return id, nil
}
