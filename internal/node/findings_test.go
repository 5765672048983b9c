package node

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/nodeapi"
)

func TestFindingsAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var disk atomic.Bool
	var looks atomic.Int64
	w.change = func(c *Config) {
		c.Mappings, c.ExamineEvery = map[string]string{"public": "eth1"}, 5*time.Millisecond
		c.Examine = func(context.Context) []nodeapi.Finding {
			looks.Add(1)
			found := []nodeapi.Finding{{Check: "kernel", Level: "ok", Detail: "6.6"}}
			if disk.Load() {
				found = append(found, nodeapi.Finding{Check: "disk", Level: "warn", Detail: "full", Breaks: "new instances", Mend: "df -h"})
			}
			return found
		}
	}
	n, _ := w.start()
	said := func(n int) func() bool {
		return w.cloud.locked(func() bool {
			return slices.ContainsFunc(w.cloud.reports, func(r nodeapi.Report) bool { return len(r.Findings) == n })
		})
	}
	eventually(t, "the findings are told", said(1))
	disk.Store(true)
	eventually(t, "what is new is told", said(2))
	w.dataplane.set(func() { w.dataplane.others = dataplane.Report{Yielded: []string{"r1"}} })
	n.host.Signal(taskNetwork)
	eventually(t, "what others have is told", said(3))
	w.dataplane.set(func() { w.dataplane.others = dataplane.Report{} })
	n.host.Signal(taskNetwork)
	eventually(t, "that it is over is told", w.cloud.locked(func() bool {
		last := 0
		for _, r := range w.cloud.reports {
			if r.Findings != nil {
				last = len(r.Findings)
			}
		}
		return last == 2
	}))
	eventually(t, "it goes on looking", func() bool { return looks.Load() > 20 })
	w.cloud.locked(func() bool {
		if h := w.cloud.hellos[0]; h.Mappings["public"] != "eth1" || h.BootedAt.IsZero() || time.Since(h.BootedAt) < 0 {
			t.Errorf("hello %+v", h)
		}
		told := 0
		for _, r := range w.cloud.reports {
			if len(r.Findings) > 0 && !r.Whole {
				told++
			}
		}
		if told > 4 {
			t.Errorf("the findings were told %d times", told)
		}
		return true
	})()
}
