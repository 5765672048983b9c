package node

import (
	"context"
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
		n.found(found)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// found records findings and reports them when they are news.
func (n *Node) found(findings []nodeapi.Finding) {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.mu.Lock()
	news := n.findings == nil || !slices.Equal(n.findings, findings)
	n.findings = findings
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
