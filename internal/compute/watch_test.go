package compute_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/network"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// gateways notes which hosts lose their gateways.
type gateways struct {
	*network.Service

	mu    sync.Mutex
	given [][]string
}

func (g *gateways) MoveGateways(_ context.Context, _ *store.Tx, lost []string) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.given = append(g.given, lost)
	return len(lost), nil
}

func (g *gateways) take() [][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	given := g.given
	g.given = nil
	return given
}

// watched is a service whose patrols are noted, on the same database and clock.
func watched(c *cloud) (*compute.Service, *gateways) {
	g := &gateways{Service: c.Network}
	return compute.New(c.DB, slog.New(slog.DiscardHandler), c.Images, c.Placement, g, compute.Config{Now: c.Clock.Now}), g
}

// seconds lets time pass, and services look each second.
func (c *cloud) seconds(t *testing.T, n int, services ...*compute.Service) {
	t.Helper()
	for range n {
		c.Clock.Advance(time.Second)
		for _, s := range services {
			if err := s.Patrol(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A machine that dies is noticed by its silence after 5 s, which ends its
// session; 3 s later its gateways have moved, whichever server looks.
func TestWatchMovesGateways(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		one, moved := watched(c)
		two, movedToo := watched(c)
		both := []*compute.Service{one, two}
		other := c.Node("node-2", 1, 1024, 10)
		alive := func() {
			other.Step()
			c.node.Step()
		}
		for range 5 {
			c.seconds(t, 4, both...)
			alive()
		}
		if got := moved.take(); len(got) != 0 {
			t.Fatalf("all is well, and gateways moved: %v", got)
		}
		for range 2 { // the host falls silent
			c.seconds(t, 2, both...)
			other.Step()
		}
		c.seconds(t, 1, both...)
		c.HostGone(t.Context(), "node-1", c.node.Session)
		c.seconds(t, 1, both...)
		if got := moved.take(); len(got) != 0 {
			t.Fatalf("moved at once: %v", got)
		}
		other.Step()
		c.seconds(t, 2, both...)
		for _, m := range []*gateways{moved, movedToo} {
			if got := m.take(); len(got) != 1 || !slices.Equal(got[0], []string{"node-1"}) {
				t.Fatalf("after 8 s, moved %v", got)
			}
		}
		other.Step()
		c.seconds(t, 3, both...)
		other.Step()
		if got := moved.take(); len(got) != 0 {
			t.Errorf("moved again and again: %v", got)
		}
		c.seconds(t, 3, both...)
		other.Step()
		if got := moved.take(); len(got) != 1 {
			t.Errorf("never tried again: %v", got)
		}
		c.node.Connect()
		c.seconds(t, 6, both...)
		if got := moved.take(); len(got) != 0 {
			t.Errorf("the host is back, and gateways moved: %v", got)
		}
	})
}

// The server that held a session died with it: the row says connected.
func TestWatchSeesSilence(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	s, moved := watched(c)
	for range 5 {
		c.seconds(t, 4, s)
		c.node.Step()
	}
	c.seconds(t, 6, s)
	if got := moved.take(); len(got) != 0 {
		t.Fatalf("moved too early: %v", got)
	}
	c.seconds(t, 2, s)
	if got := moved.take(); len(got) != 1 {
		t.Fatalf("after 8 s, moved %v", got)
	}
	c.seconds(t, 7, s)
	hosts, err := c.ListHosts(t.Context(), compute.HostFilter{})
	if err != nil || hosts[0].Up || !hosts[0].Connected {
		t.Errorf("15 s after the last sign of life the host is %+v: %v", hosts, err)
	}
}

// Who has just started, or could not look for a while, knows of nobody.
func TestWatchGivesTime(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	c.HostGone(t.Context(), "node-1", c.node.Session)
	c.Clock.Advance(time.Hour)
	s, moved := watched(c)
	c.seconds(t, 14, s)
	if got := moved.take(); len(got) != 0 {
		t.Fatalf("a server that started has moved %v", got)
	}
	c.seconds(t, 1, s)
	if got := moved.take(); len(got) != 1 {
		t.Fatalf("after its time, moved %v", got)
	}
	c.node.Connect()
	c.seconds(t, 1, s)
	c.Clock.Advance(time.Hour) // the machine slept
	c.seconds(t, 14, s)
	if got := moved.take(); len(got) != 0 {
		t.Fatalf("a server that slept has moved %v", got)
	}
	c.seconds(t, 2, s)
	if got := moved.take(); len(got) != 1 {
		t.Fatalf("after its time, moved %v", got)
	}
}

// What an administrator says needs no time.
func TestWatchObeys(t *testing.T) {
	t.Parallel()
	drained, broken := "draining for a new disk", "broken fan"
	for name, one := range map[string]struct {
		change compute.HostUpdate
		moves  bool
	}{
		"forced down": {compute.HostUpdate{ForcedDown: new(true)}, true},
		"drained":     {compute.HostUpdate{Disabled: new(true), Reason: &drained}, true},
		"disabled":    {compute.HostUpdate{Disabled: new(true), Reason: &broken}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, storetest.SQLite(t))
			s, moved := watched(c)
			if _, err := c.UpdateHost(t.Context(), compute.HostFilter{Name: "node-1"}, one.change); err != nil {
				t.Fatal(err)
			}
			c.seconds(t, 1, s)
			if got := moved.take(); (len(got) == 1) != one.moves {
				t.Errorf("moved %v", got)
			}
		})
	}
}

// Who shows a host is told when it goes down and comes back, which nobody
// writes.
func TestWatchTellsOfTurns(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	s, _ := watched(c)
	c.seconds(t, 1, s)
	var mu sync.Mutex
	told := 0
	cancel := c.DB.Changes(func(changes []store.Change) {
		mu.Lock()
		defer mu.Unlock()
		for _, change := range changes {
			if change.Resource == "service" && change.Action == store.Update {
				told++
			}
		}
	})
	defer cancel()
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		defer func() { told = 0 }()
		return told
	}
	c.seconds(t, 20, s)
	if n := count(); n != 1 {
		t.Errorf("of the host that went down, %d changes were told", n)
	}
	c.node.Step()
	c.seconds(t, 3, s)
	if n := count(); n != 1 {
		t.Errorf("of the host that came back, %d changes were told", n)
	}
}

// Watch itself looks.
func TestWatchRuns(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	s, moved := watched(c)
	c.forceDown(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx)
	}()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(moved.take()) == 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody looked")
		}
	}
	cancel()
	<-done
}
