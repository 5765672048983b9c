package compute

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// DefaultClass is the class of every project: its limits hold where nobody set
// a project's own.
const DefaultClass = "default"

// classRow is a limit of a class (API ref: Quota class sets).
type classRow struct {
	bun.BaseModel `bun:"table:compute_quota_classes,alias:qc"`
	Class         string `bun:"class,pk"`
	Resource      string `bun:"resource,pk"`
	Limit         int64  `bun:"hard_limit"`
}

// ClassLimits returns the limits of a class; what nobody set is as the
// operator configured it. A class that nobody ever named has those alone.
func (s *Service) ClassLimits(ctx context.Context, class string) (map[string]int64, error) {
	return s.classLimits(ctx, s.db.Read(), class)
}

func (s *Service) classLimits(ctx context.Context, db bun.IDB, class string) (map[string]int64, error) {
	limits := s.configuredLimits()
	var rows []classRow
	if err := db.NewSelect().Model(&rows).Where("class = ?", class).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the quotas of a class: %w", err)
	}
	for _, row := range rows {
		limits[row.Resource] = row.Limit
	}
	return limits, nil
}

// SetClassLimits changes some limits of a class and returns all of them. -1 is
// unlimited.
func (s *Service) SetClassLimits(ctx context.Context, class string, changes map[string]int64) (limits map[string]int64, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows := make([]classRow, 0, len(changes))
		for resource, limit := range changes {
			rows = append(rows, classRow{Class: class, Resource: resource, Limit: limit})
		}
		if len(rows) > 0 {
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (class, resource) DO UPDATE").Set("hard_limit = EXCLUDED.hard_limit").Exec(ctx); err != nil {
				return fmt.Errorf("set the quotas of a class: %w", err)
			}
		}
		tx.Changed(classChange(class))
		limits, err = s.classLimits(ctx, tx, class)
		return err
	})
	return limits, err
}
