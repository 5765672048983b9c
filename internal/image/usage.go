package image

import (
	"context"
	"fmt"

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

// Usage tells what the caller's project has of everything that is counted.
func (s *Service) Usage(ctx context.Context, c *policy.Caller) (map[string]Quota, error) {
	if err := rules.Check("get_images", c, policy.Own(c)); err != nil {
		return nil, err
	}
	var sums struct{ Size, Stage, Count, Uploading int64 }
	staged := "i.status IN ('uploading', 'importing')"
	err := s.db.Read().NewSelect().Model((*Image)(nil)).Where("i.owner = ?", c.ProjectID).
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
	if s.options.ProjectBytes > 0 {
		usage[SizeTotal] = Quota{sums.Size >> 20, s.options.ProjectBytes >> 20}
	}
	return usage, nil
}
