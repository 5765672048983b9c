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

// Usages returns the servers that existed between two times, by project. An
// empty project is all of them, for admins.
func (s *Service) Usages(ctx context.Context, caller *policy.Caller, project string, start, end time.Time) (map[string][]ServerUsage, error) {
	if !caller.IsAdmin() {
		project = caller.ProjectID
	}
	var servers []Server
	q := s.db.Read().NewSelect().Model(&servers).ExcludeColumn("user_data", "image", "key_pair", "metadata").
		Where("s.launched_at IS NOT NULL AND s.launched_at < ?", end.UTC()).
		Where("(s.terminated_at IS NULL OR s.terminated_at > ?)", start.UTC()).Order("s.launched_at", "s.id")
	if project != "" {
		q = q.Where("s.project_id = ?", project)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list servers of a time span: %w", err)
	}
	if now := s.now(); end.After(now) {
		end = now // nobody is charged for the future
	}
	usages := map[string][]ServerUsage{}
	for _, server := range servers {
		from, to := server.LaunchedAt, end
		if from.Before(start) {
			from = start
		}
		if !server.TerminatedAt.IsZero() && server.TerminatedAt.Before(to) {
			to = server.TerminatedAt
		}
		usages[server.ProjectID] = append(usages[server.ProjectID], ServerUsage{Server: server, Hours: max(0, to.Sub(from).Hours())})
	}
	return usages, nil
}
