package compute

import (
	"context"
	"fmt"
	"time"

	"wisp/internal/policy"
)

// ServerUsage is how long a server existed within a time span (API ref:
// os-simple-tenant-usage).
type ServerUsage struct {
	Server Server
	Hours  float64
}

// UsageSpan is which usage is asked for.
type UsageSpan struct {
	Start, End time.Time
	ProjectID  string // "" is all, for admins
	Limit      int    // servers; 0 is all of them
	Marker     string // id of the last server of the page before
}

// Usages returns the servers that existed between two times, by project and,
// of one, by id. A marker that was never a server is Invalid.
func (s *Service) Usages(ctx context.Context, caller *policy.Caller, span UsageSpan) ([]ServerUsage, error) {
	start, end, project := span.Start, span.End, span.ProjectID
	if !caller.IsAdmin() {
		project = caller.ProjectID
	}
	db := s.db.Read()
	var servers []Server
	q := db.NewSelect().Model(&servers).ExcludeColumn("user_data", "image", "key_pair", "metadata").
		Where("s.launched_at IS NOT NULL AND s.launched_at < ?", end.UTC()).
		Where("(s.terminated_at IS NULL OR s.terminated_at > ?)", start.UTC()).Order("s.project_id", "s.id")
	if project != "" {
		q = q.Where("s.project_id = ?", project)
	}
	if span.Marker != "" {
		var owner string
		err := db.NewSelect().TableExpr("servers").Column("project_id").Where("id = ? AND (? = '' OR project_id = ?)", span.Marker, project, project).Scan(ctx, &owner)
		if err := asInvalid(one(err, "find marker", "Marker not found."), "Marker %s could not be found.", span.Marker); err != nil {
			return nil, err
		}
		q = q.Where("(s.project_id > ? OR s.project_id = ? AND s.id > ?)", owner, owner, span.Marker)
	}
	if span.Limit > 0 {
		q = q.Limit(int64(span.Limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list servers of a time span: %w", err)
	}
	if now := s.now(); end.After(now) {
		end = now // nobody is charged for the future
	}
	usages := make([]ServerUsage, len(servers))
	for i, server := range servers {
		from, to := server.LaunchedAt, end
		if from.Before(start) {
			from = start
		}
		if !server.TerminatedAt.IsZero() && server.TerminatedAt.Before(to) {
			to = server.TerminatedAt
		}
		usages[i] = ServerUsage{Server: server, Hours: max(0, to.Sub(from).Hours())}
	}
	return usages, nil
}
