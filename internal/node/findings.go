package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/nodeapi"
)

// examine looks at the machine now and then, and reports what it found when
// that has changed.
func (n *Node) examine(ctx context.Context) {
	if n.cfg.Examine == nil {
		return
	}
	ticker := time.NewTicker(n.cfg.ExamineEvery)
	defer ticker.Stop()
	for {
		found := n.cfg.Examine(ctx)
		if ctx.Err() != nil {
			return // what was cut off says nothing
		}
		if found == nil {
			found = []nodeapi.Finding{}
		}
		n.mu.Lock()
		n.examined = found
		n.mu.Unlock()
		n.tellFindings()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// tellFindings reports what was found, of the machine and of its network, when
// it is news. Before the machine was examined nothing is known.
func (n *Node) tellFindings() {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.mu.Lock()
	if n.cfg.Examine != nil && n.examined == nil {
		n.mu.Unlock()
		return
	}
	findings := append([]nodeapi.Finding{}, n.examined...)
	for _, id := range slices.Sorted(maps.Keys(n.disputed)) {
		findings = append(findings, nodeapi.Finding{
			Check: "routers", Level: "warn", Detail: fmt.Sprintf("Router %s: %s", id, n.disputed[id]), Breaks: "what comes for the router may go elsewhere",
		})
	}
	news := !slices.Equal(n.findings, findings) || n.findings == nil && n.cfg.Examine != nil
	if news {
		n.findings = findings
	}
	n.mu.Unlock()
	if !news {
		return
	}
	report := n.report()
	report.Findings = findings
	n.send(report)
}

// bootedAt is when the machine was started; zero when the kernel does not say.
func bootedAt() time.Time {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(info.Uptime) * time.Second).UTC().Truncate(time.Second)
}
