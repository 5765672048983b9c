package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Quota is how much of something a project has, and how much it may have.
type Quota struct {
	Used, Limit int64 // a limit of -1 is none
}

// The things that are counted, by the names that Glance has for them.
const (
	SizeTotal      = "image_size_total"  // MiB of data
	StageTotal     = "image_stage_total" // MiB that are staged, or being imported
	CountTotal     = "image_count_total"
	CountUploading = "image_count_uploading" // images whose data are coming
)

// counted are the names, in the order in which they are looked at.
var counted = []string{SizeTotal, StageTotal, CountTotal, CountUploading}

// Usage tells what the caller's project has of everything that is counted.
func (s *Service) Usage(ctx context.Context, c *policy.Caller) (map[string]Quota, error) {
	if err := rules.Check("get_images", c, policy.Own(c)); err != nil {
		return nil, err
	}
	return s.usage(ctx, s.db.Read(), c.ProjectID)
}

func (s *Service) usage(ctx context.Context, db bun.IDB, projectID string) (map[string]Quota, error) {
	var sums struct{ Size, Stage, Count, Uploading int64 }
	staged := "i.status IN ('uploading', 'importing')"
	err := db.NewSelect().Model((*Image)(nil)).Where("i.owner = ?", projectID).
		ColumnExpr("CAST(COALESCE(SUM(CASE WHEN "+staged+" THEN 0 ELSE COALESCE(i.size, 0) * "+copies+" END), 0) AS BIGINT) AS size").
		ColumnExpr("CAST(COALESCE(SUM(CASE WHEN "+staged+" THEN COALESCE(i.size, 0) ELSE 0 END), 0) AS BIGINT) AS stage").
		ColumnExpr("COUNT(*) AS count").
		ColumnExpr("CAST(COALESCE(SUM(CASE WHEN i.status IN ('saving', 'uploading', 'importing') THEN 1 ELSE 0 END), 0) AS BIGINT) AS uploading").
		Scan(ctx, &sums)
	if err != nil {
		return nil, fmt.Errorf("sum the project's images: %w", err)
	}
	usage := map[string]Quota{
		SizeTotal: {sums.Size >> 20, -1}, StageTotal: {sums.Stage >> 20, -1}, CountTotal: {sums.Count, -1}, CountUploading: {sums.Uploading, -1},
	}
	if s.options.Limits != nil {
		limits, err := s.options.Limits(ctx, db, projectID)
		if err != nil {
			return nil, err
		}
		for name, q := range usage {
			if limit, registered := limits[name]; registered {
				usage[name] = Quota{q.Used, limit}
			}
		}
	}
	if most := s.options.ProjectBytes >> 20; s.options.ProjectBytes > 0 && (usage[SizeTotal].Limit < 0 || usage[SizeTotal].Limit > most) {
		usage[SizeTotal] = Quota{usage[SizeTotal].Used, most}
	}
	return usage, nil
}

// within refuses with TooLarge what takes the project over its unified limits:
// more is how much would be added to each thing that is looked at. As in Glance,
// nobody asks how large data are that only come: with nothing to add, the project
// must not be over its limit yet.
func (s *Service) within(ctx context.Context, db bun.IDB, projectID string, more map[string]int64) error {
	if s.options.Limits == nil {
		return nil
	}
	limits, err := s.options.Limits(ctx, db, projectID)
	if err != nil || len(limits) == 0 {
		return err
	}
	usage, err := s.usage(ctx, db, projectID)
	if err != nil {
		return err
	}
	var over []string
	for _, name := range counted {
		delta, looked := more[name]
		limit, registered := limits[name]
		if used := usage[name].Used; looked && registered && limit >= 0 && used+delta > limit {
			over = append(over, fmt.Sprintf("Resource %s is over limit of %d due to current usage %d and delta %d", name, limit, used, delta))
		}
	}
	if len(over) > 0 {
		return errs.New(errs.TooLarge, "Project %s is over a limit for [%s]", projectID, strings.Join(over, ", "))
	}
	return nil
}
