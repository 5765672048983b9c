package compute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

const (
	watchEvery = time.Second
	// A gateway is moved off a host whose session ended so long ago, or of
	// which nothing was heard for so long although its session is open: the
	// server that had it died too. A false alarm costs little, a late one the
	// traffic of all behind the gateway.
	awayFor   = 2 * time.Second
	silentFor = 7 * time.Second
	// settle is how long nodes have to come back to a server that starts.
	settle = 15 * time.Second
	// blind is how long may lie between two looks; after a longer time (the
	// database or the whole machine stood still) nothing is known of anybody.
	blind = 5 * time.Second
	// moveAgain is when what stayed where it was is tried again.
	moveAgain = 5 * time.Second
)

// DrainReason begins the disabled reason of a host that is being emptied: its
// gateways move away.
const DrainReason = "drain"

// watch is what Watch remembers.
type watch struct {
	mu      sync.Mutex
	awake   time.Time // since when this service has looked without a gap
	looked  time.Time // last
	given   []string  // the hosts whose gateways were last to be moved…
	givenAt time.Time // …and when
	hosts   map[string]seenHost
}

// seenHost is what a look saw of a host.
type seenHost struct{ up, contact bool }

func (w *watch) since() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.awake
}

// look notes that somebody looks, and tells whether all hosts had the time to
// be heard of.
func (w *watch) look(now time.Time) (settled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.looked.IsZero() && now.Sub(w.looked) > blind {
		w.awake = now
	}
	w.looked = now
	return now.Sub(w.awake) >= settle
}

// Watch looks after the hosts until ctx ends: gateways leave those that are
// lost within seconds. Any number of servers may watch at once.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := errors.Join(s.Patrol(ctx), s.SweepImages(ctx), s.ReclaimServers(ctx))
		if err != nil && ctx.Err() == nil && !failing {
			s.log.ErrorContext(ctx, "watching the hosts failed", "error", err)
		}
		failing = err != nil
	}
}

// Patrol is one look at the hosts: one query, and nothing more when all is well.
func (s *Service) Patrol(ctx context.Context) error {
	hosts, err := watched(ctx, s.db.Read())
	if err != nil {
		return err // not a look: what is not known cannot be acted on
	}
	now := s.now()
	settled := s.watch.look(now)
	turned, gone := s.turned(hosts, now)
	stranded := s.stranded(hosts, now, settled)
	due := s.watch.due(stranded, now)
	if len(turned)+len(gone) == 0 && !due {
		return nil
	}
	moved := 0
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		noteHosts(tx, turned)
		if err := release(ctx, tx, gone); err != nil {
			return err
		}
		if !due {
			return nil
		}
		hosts, err := watched(ctx, tx) // some may have come back
		if err != nil {
			return err
		}
		stranded := s.stranded(hosts, now, settled)
		if len(stranded) == 0 {
			return nil
		}
		if moved, err = s.network.MoveGateways(ctx, tx, stranded); err != nil {
			return fmt.Errorf("move gateways: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.watch.gave(stranded, due, now)
	if moved > 0 {
		s.log.WarnContext(ctx, "gateways were moved", "routers", moved, "off", strings.Join(stranded, " "))
	}
	return nil
}

func watched(ctx context.Context, db bun.IDB) ([]Host, error) {
	var hosts []Host
	err := db.NewSelect().Model(&hosts).Column("service_id", "host", "connected", "disconnected_at", "disabled", "disabled_reason", "forced_down", "last_seen_at").
		Order("host").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the hosts: %w", err)
	}
	return hosts, nil
}

// stranded names the hosts that should carry no gateways. Before all hosts had
// the time to be heard of, only one that was heard of since can be away.
func (s *Service) stranded(hosts []Host, now time.Time, settled bool) []string {
	var names []string
	for i := range hosts {
		h := &hosts[i]
		draining := h.Disabled && h.DisabledReason != nil && strings.HasPrefix(*h.DisabledReason, DrainReason)
		away := !h.Connected && now.Sub(h.DisconnectedAt) > awayFor || now.Sub(h.LastSeenAt) > silentFor
		if h.ForcedDown || draining || away && (settled || h.LastSeenAt.After(s.watch.since())) {
			names = append(names, h.Name)
		}
	}
	return names
}

// turned are the hosts that came up or went down since the last look: who
// shows them is told. gone names those that have lost contact since: nobody
// waits for their confirmations any more.
func (s *Service) turned(hosts []Host, now time.Time) (turned []Host, gone []string) {
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.hosts
	w.hosts = make(map[string]seenHost, len(hosts))
	for i := range hosts {
		h := &hosts[i]
		is := seenHost{s.up(h, now), s.contact(h, now)}
		w.hosts[h.Name] = is
		was, known := before[h.Name]
		if known && was.up != is.up {
			turned = append(turned, *h)
		}
		if known && was.contact && !is.contact {
			gone = append(gone, h.Name)
		}
	}
	return turned, gone
}

// contact tells whether a host hears what a server says, as far as is known.
func (s *Service) contact(h *Host, now time.Time) bool {
	return h.Connected && now.Sub(h.LastSeenAt) < s.config.Down
}

// due tells whether the gateways of hosts must be moved now: not again and
// again while the same hosts are away.
func (w *watch) due(stranded []string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(stranded) == 0 {
		w.given = nil
		return false
	}
	return !slices.Equal(stranded, w.given) || now.Sub(w.givenAt) >= moveAgain
}

func (w *watch) gave(stranded []string, due bool, now time.Time) {
	if !due {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given, w.givenAt = stranded, now
}
