package compute

import (
	"context"
	"fmt"

	"wisp/internal/store"
)

// Notice takes word from outside that something of servers changed (API ref:
// os-server-external-events): their hosts are told anew what they should be,
// which is all that any event can ask for here. It returns the host of each
// server that there is, "" for one that has none yet.
func (s *Service) Notice(ctx context.Context, ids []string) (map[string]string, error) {
	known := map[string]string{}
	if len(ids) == 0 {
		return known, nil
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var rows []struct{ ID, Host string }
		if err := tx.NewSelect().TableExpr("servers").Column("id", "host").Where("id IN (?) AND deleted_at IS NULL", store.Set(ids)).Scan(ctx, &rows); err != nil {
			return fmt.Errorf("find the servers of events: %w", err)
		}
		for _, row := range rows {
			known[row.ID] = row.Host
			if row.Host != "" {
				tx.Signal(HostTopic(row.Host))
			}
		}
		return nil
	})
	return known, err
}
