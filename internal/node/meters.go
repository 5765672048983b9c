package node

import (
	"context"
	"time"

	"wisp/internal/nodeapi"
)

// readMeters reads now and then what the dataplane counts, for the reports: a
// heartbeat must not wait for the dataplane.
func (n *Node) readMeters(ctx context.Context) {
	ticker := time.NewTicker(n.cfg.MeterEvery)
	defer ticker.Stop()
	for failed := false; ; {
		metered, err := n.cfg.Dataplane.Meters()
		if err != nil && !failed {
			n.log.Warn("what passes routers cannot be counted", "error", err)
		}
		if failed = err != nil; !failed {
			meters := make([]nodeapi.Meter, len(metered))
			for i, m := range metered {
				meters[i] = nodeapi.Meter{Label: m.Label, Direction: m.Direction, Packets: int64(m.Packets), Bytes: int64(m.Bytes)}
			}
			n.mu.Lock()
			n.meters = meters
			n.mu.Unlock()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
