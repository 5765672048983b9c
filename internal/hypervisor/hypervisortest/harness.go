package hypervisortest

import (
	"context"
	"strings"
	"testing"
	"time"

	"wisp/internal/hypervisor"
)

// Harness is a driver under test.
type Harness struct {
	// Open opens a driver on the one host of this harness. It is called again,
	// after Close, for what a restart must not break.
	Open func(t *testing.T) hypervisor.Driver

	// Spec makes a small machine with one interface, that runs and whose guest
	// says "ready" on its console when it listens, and "nmi" when it is
	// interrupted (Driver.Interrupt). The id is set by the suite.
	Spec func(t *testing.T) hypervisor.Spec

	// What happens in a machine, or to it.
	PowerOff func(t *testing.T, d hypervisor.Driver, id string) // the guest switches itself off
	Reset    func(t *testing.T, d hypervisor.Driver, id string) // the guest reboots itself
	Deafen   func(t *testing.T, d hypervisor.Driver, id string) // the guest ignores the power button
	Crash    func(t *testing.T, d hypervisor.Driver, id string) // the process dies
}

// patience is how long anything may take on a busy computer.
const patience = 60 * time.Second

// Until polls a condition, and fails the test when it stays false.
func Until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %s in vain until %s", patience, what)
		case <-t.Context().Done():
			t.Fatalf("the test ended before %s", what)
		}
	}
}

// Converge calls Ensure as a reconciler does, until the spec is settled.
func Converge(t *testing.T, d hypervisor.Driver, spec hypervisor.Spec) hypervisor.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		status, err := d.Ensure(ctx, spec)
		if err != nil {
			t.Fatalf("ensure: %v", err)
		}
		if status.Settled {
			return status
		}
		if status.RetryAfter <= 0 {
			t.Fatalf("not settled, and no time to retry: %+v", status)
		}
		again := time.NewTimer(status.RetryAfter)
		for waiting := true; waiting; {
			select {
			case e, ok := <-d.Events():
				if !ok {
					t.Fatal("the events ended")
				}
				waiting = e.ID != spec.ID
			case <-again.C:
				waiting = false
			case <-ctx.Done():
				t.Fatalf("not settled after %s: %+v", patience, status)
			}
		}
		again.Stop()
	}
}

// WaitReady waits until the guest has said "ready" so many times, over all
// its boots.
func WaitReady(t *testing.T, d hypervisor.Driver, id string, times int) {
	t.Helper()
	waitSaid(t, d, id, "ready\r\n", times)
}

// waitSaid waits until the guest has said something so many times.
func waitSaid(t *testing.T, d hypervisor.Driver, id, what string, times int) {
	t.Helper()
	Until(t, "the guest says "+strings.TrimSpace(what), func() bool {
		text, err := d.ConsoleLog(t.Context(), id, 0)
		if err != nil {
			t.Fatalf("read the console log: %v", err)
		}
		return strings.Count(string(text), what) >= times
	})
}

// waitEvent waits for an event of a kind.
func waitEvent(t *testing.T, d hypervisor.Driver, id string, kind hypervisor.EventKind) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case e, ok := <-d.Events():
			if !ok {
				t.Fatal("the events ended")
			}
			if e.ID == id && e.Kind == kind {
				return
			}
		case <-deadline.C:
			t.Fatalf("waited %s in vain for the event %s", patience, kind)
		}
	}
}
