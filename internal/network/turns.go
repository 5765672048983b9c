package network

import (
	"context"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// turnWait is how long somebody waits for a turn.
const turnWait = time.Second

const hostBusy = "Other packets are being followed on this host; try again."

// turns lets few follow packets on a host at once: each computes the state of
// the whole host, and keeps its dataplane busy. The others wait a moment. The
// zero value is ready.
type turns struct {
	mu    sync.Mutex
	hosts map[string]*hostTurns // those that somebody uses
}

type hostTurns struct {
	taken chan struct{} // holds one for each turn that is taken
	users int           // who have a turn or wait for one; guarded by turns.mu
}

// enter waits for a turn at a host; done ends it. An error is of kind
// Unavailable: others took too long, or ctx ended.
func (t *turns) enter(ctx context.Context, host string) (done func(), err error) {
	h := t.join(host)
	wait := time.NewTimer(turnWait)
	defer wait.Stop()
	select {
	case h.taken <- struct{}{}:
		return func() {
			<-h.taken
			t.leave(host)
		}, nil
	case <-wait.C:
		err = errs.New(errs.Unavailable, "%s", hostBusy).WithType(nodeapi.TypeHostBusy)
	case <-ctx.Done():
		err = errs.Wrap(ctx.Err(), errs.Unavailable, "%s", hostBusy).WithType(nodeapi.TypeHostBusy)
	}
	t.leave(host)
	return nil, err
}

func (t *turns) join(host string) *hostTurns {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[host]
	if h == nil {
		if t.hosts == nil {
			t.hosts = map[string]*hostTurns{}
		}
		h = &hostTurns{taken: make(chan struct{}, nodeapi.TracesAtOnce)}
		t.hosts[host] = h
	}
	h.users++
	return h
}

func (t *turns) leave(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.hosts[host]; h.users == 1 {
		delete(t.hosts, host)
	} else {
		h.users--
	}
}
