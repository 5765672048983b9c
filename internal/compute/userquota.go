package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// userQuotaRow is a limit of one user within a project (API ref: Quota sets,
// user_id).
type userQuotaRow struct {
	bun.BaseModel `bun:"table:compute_user_quotas,alias:uq"`
	ProjectID     string `bun:"project_id,pk"`
	UserID        string `bun:"user_id,pk"`
	Resource      string `bun:"resource,pk"`
	Limit         int64  `bun:"hard_limit"`
}

// ofProject tells whether a resource is a whole project's: a user has no limit
// of it.
func ofProject(resource string) bool {
	return resource == QuotaFixedIPs || resource == QuotaFloatingIPs
}

// UserLimits returns the limits of a user in a project: where nobody set one,
// the project's.
func (s *Service) UserLimits(ctx context.Context, project, user string) (map[string]int64, error) {
	_, own, err := s.bothLimits(ctx, s.db.Read(), project, user)
	return own, err
}

// bothLimits returns the limits of a project, and those of a user in it.
func (s *Service) bothLimits(ctx context.Context, db bun.IDB, project, user string) (whole, own map[string]int64, err error) {
	if whole, err = s.limits(ctx, db, project); err != nil {
		return nil, nil, err
	}
	var rows []userQuotaRow
	if err := db.NewSelect().Model(&rows).Where("project_id = ? AND user_id = ?", project, user).Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("load a user's quotas: %w", err)
	}
	own = maps.Clone(whole)
	for _, row := range rows {
		own[row.Resource] = row.Limit
	}
	return whole, own, nil
}

// bounds returns the tighter of a project's limits and those of a user in it:
// they hold for what each server or user has of its own.
func (s *Service) bounds(ctx context.Context, db bun.IDB, project, user string) (map[string]int64, error) {
	whole, own, err := s.bothLimits(ctx, db, project, user)
	if err != nil {
		return nil, err
	}
	for resource, limit := range whole {
		if limit >= 0 && (own[resource] < 0 || limit < own[resource]) {
			own[resource] = limit
		}
	}
	return own, nil
}

// UserUsageOf returns what a user has in a project, "" being all of them.
func (s *Service) UserUsageOf(ctx context.Context, project, user string) (Usage, error) {
	return usageOf(ctx, s.db.Read(), project, user)
}

// room is admit for a user in a project: both must leave room.
func (s *Service) room(ctx context.Context, tx *store.Tx, project, user string, vcpus, ram int64, least, most int, free ...string) (int, error) {
	whole, own, err := s.bothLimits(ctx, tx, project, user)
	if err != nil {
		return 0, err
	}
	for _, resource := range free {
		whole[resource], own[resource] = -1, -1
	}
	used, err := usageOf(ctx, tx, project, "")
	if err != nil {
		return 0, err
	}
	count, err := admit(whole, used, vcpus, ram, least, most)
	if err != nil || maps.Equal(whole, own) {
		return count, err
	}
	if used, err = usageOf(ctx, tx, project, user); err != nil {
		return 0, err
	}
	return admit(own, used, vcpus, ram, least, count)
}

// SetUserLimits changes limits of a user in a project. A limit below what the
// user uses, or that together with other users' is above the project's, is
// Invalid unless force is given; -1 is unlimited. What a project has as a
// whole is changed for the project.
func (s *Service) SetUserLimits(ctx context.Context, project, user string, changes map[string]int64, force bool) (limits map[string]int64, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		used, err := usageOf(ctx, tx, project, user)
		if err != nil {
			return err
		}
		whole, err := s.limits(ctx, tx, project)
		if err != nil {
			return err
		}
		others, err := sharedOut(ctx, tx, project, user)
		if err != nil {
			return err
		}
		var rows []userQuotaRow
		var ofAll []quotaRow
		for _, resource := range slices.Sorted(maps.Keys(changes)) {
			limit := changes[resource]
			if err := checkLimit(resource, limit, used.Map()[resource], whole[resource], others[resource], force); err != nil {
				return err
			}
			if ofProject(resource) {
				ofAll = append(ofAll, quotaRow{ProjectID: project, Resource: resource, Limit: limit})
			} else {
				rows = append(rows, userQuotaRow{ProjectID: project, UserID: user, Resource: resource, Limit: limit})
			}
		}
		if err := writeLimits(ctx, tx, ofAll); err != nil {
			return err
		}
		if len(rows) > 0 {
			_, err := tx.NewInsert().Model(&rows).On("CONFLICT (project_id, user_id, resource) DO UPDATE").Set("hard_limit = EXCLUDED.hard_limit").Exec(ctx)
			if err != nil {
				return fmt.Errorf("set a user's quotas: %w", err)
			}
		}
		tx.Changed(limitsChange(project, store.Update))
		_, limits, err = s.bothLimits(ctx, tx, project, user)
		return err
	}, quotaLock(project))
	return limits, err
}

// checkLimit refuses a user's limit that is below what is used, or above what
// the other users of the project leave of its limit.
func checkLimit(resource string, limit, used, whole, others int64, force bool) error {
	switch left := whole - others; {
	case limit < -1:
		return errs.New(errs.Invalid, "Quota limit %d for %s must be -1 or greater.", limit, resource)
	case force:
		return nil
	case limit >= 0 && limit < used:
		return tooLow(resource, limit, used)
	case whole >= 0 && (limit < 0 || limit > left):
		return errs.New(errs.Invalid, "Quota limit %d for %s must be less than or equal to %d.", limit, resource, left)
	}
	return nil
}

func tooLow(resource string, limit, least int64) error {
	return errs.New(errs.Invalid, "Quota limit %d for %s must be greater than or equal to already used and reserved %d.", limit, resource, least)
}

// sharedOut sums the limits of a project's users but one, by resource.
func sharedOut(ctx context.Context, tx *store.Tx, project, except string) (map[string]int64, error) {
	var rows []struct {
		Resource string
		Total    int64
	}
	err := tx.NewSelect().Model((*userQuotaRow)(nil)).Column("resource").ColumnExpr("CAST(SUM(hard_limit) AS BIGINT) AS total").
		Where("project_id = ? AND user_id <> ? AND hard_limit > 0", project, except).Group("resource").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("sum the quotas of users: %w", err)
	}
	sums := make(map[string]int64, len(rows))
	for _, row := range rows {
		sums[row.Resource] = row.Total
	}
	return sums, nil
}

// ResetUserLimits gives a user the project's limits again.
func (s *Service) ResetUserLimits(ctx context.Context, project, user string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.NewDelete().Model((*userQuotaRow)(nil)).Where("project_id = ? AND user_id = ?", project, user).Exec(ctx); err != nil {
			return fmt.Errorf("reset a user's quotas: %w", err)
		}
		tx.Changed(limitsChange(project, store.Delete))
		return nil
	}, quotaLock(project))
}
