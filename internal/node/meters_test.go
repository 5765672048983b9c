package node

import (
	"errors"
	"slices"
	"testing"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/nodeapi"
)

func TestMetersAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change = func(c *Config) { c.MeterEvery = 5 * time.Millisecond }
	n, _ := w.start()
	said := func(packets int64) func() bool {
		return w.cloud.locked(func() bool {
			return slices.ContainsFunc(w.cloud.reports, func(r nodeapi.Report) bool {
				return slices.Equal(r.Meters, []nodeapi.Meter{{Label: "l", Direction: "egress", Packets: packets, Bytes: 100 * packets}})
			})
		})
	}
	count := func(packets uint64, err error) {
		w.dataplane.set(func() {
			w.dataplane.metered = []dataplane.Metered{{Label: "l", Direction: "egress", Count: dataplane.Count{Packets: packets, Bytes: 100 * packets}}}
			w.dataplane.metersErr = err
		})
	}
	beat := func() bool { n.beatOnce(false); return true }
	count(2, nil)
	eventually(t, "what is counted is told", func() bool { return beat() && said(2)() })
	count(3, errors.New("no map"))
	count(4, nil)
	eventually(t, "it goes on after a failure", func() bool { return beat() && said(4)() })
}
