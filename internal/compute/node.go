package compute

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/store"
)

// seenEvery is how old a sign of life that is written down may be when the
// next comes: with the nodes' heartbeats, one is written every 4 s.
const seenEvery = 3 * time.Second

// SubscribeHost returns a channel that has a value whenever what a host should
// be may have changed. Call cancel when done.
func (s *Service) SubscribeHost(host string) (wake <-chan struct{}, cancel func()) {
	all, cancelAll := s.db.Subscribe(HostsTopic)
	own, cancelOwn := s.db.Subscribe(HostTopic(host))
	done := make(chan struct{})
	either := make(chan struct{}, 1)
	go func() {
		for {
			var open bool
			select {
			case _, open = <-all:
			case _, open = <-own:
			case <-done:
				return
			}
			if !open {
				close(either)
				return
			}
			select {
			case either <- struct{}{}:
			default:
			}
		}
	}()
	return either, func() {
		close(done)
		cancelAll()
		cancelOwn()
	}
}

// HostState returns what a host should be: its servers, their metadata, and
// the network around them, on one consistent view and in a number of queries
// that does not depend on how many they are.
func (s *Service) HostState(ctx context.Context, host string) (nodeapi.State, error) {
	state := nodeapi.State{Instances: map[string]nodeapi.Instance{}}
	err := s.snapshot(ctx, func(ctx context.Context, db bun.IDB) error {
		var servers []Server
		if err := db.NewSelect().Model(&servers).Where("s.host = ? AND s.deleted_at IS NULL", host).Scan(ctx); err != nil {
			return fmt.Errorf("list the host's servers: %w", err)
		}
		var err error
		if err = s.fill(ctx, db, servers, Load{Ports: true}); err != nil {
			return err
		}
		if err = loadSnapshots(ctx, db, host, servers); err != nil {
			return err
		}
		held, err := s.fenced(ctx, db, host, &state)
		if err != nil {
			return err
		}
		for i := range servers {
			if held[servers[i].ID] && servers[i].Power == nodeapi.PowerRunning {
				continue // another copy may run where the server came from
			}
			state.Instances[servers[i].ID] = servers[i].instance()
		}
		if state.Images, err = s.imagesAtHand(ctx, db, host); err != nil {
			return err
		}
		if state.Network, state.Leases, err = s.network.HostState(ctx, db, host); err != nil {
			return fmt.Errorf("compute the host's network: %w", err)
		}
		return nil
	})
	return state, err
}

// Hello records a node that has connected: its host is up, with what it offers.
func (s *Service) Hello(ctx context.Context, hello nodeapi.Hello) error {
	if hello.Host == "" {
		return errs.New(errs.Invalid, "A node must name its host.")
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		provider, err := s.placement.EnsureProvider(ctx, tx, hello.Host)
		if err != nil {
			return fmt.Errorf("ensure the resource provider: %w", err)
		}
		if err := s.placement.SetInventory(ctx, tx, provider.ID, s.inventory(hello.Capacity)); err != nil {
			return fmt.Errorf("set the inventory: %w", err)
		}
		before, _, err := s.getHost(ctx, tx, hello.Host)
		if err != nil {
			return err
		}
		host, err := s.register(ctx, tx, hello, provider.ID)
		if err != nil {
			return err
		}
		if err := s.heartbeat(ctx, tx, &host); err != nil {
			return err
		}
		if host.Endpoint != before.Endpoint {
			tx.Signal(HostsTopic) // others reach it elsewhere now
		}
		return nil
	}, scheduleLock)
}

func (s *Service) heartbeat(ctx context.Context, tx *store.Tx, h *Host) error {
	endpoint, _ := netip.ParseAddr(h.Endpoint) // empty: none
	management, _ := netip.ParseAddr(h.Address)
	api, _ := netip.ParseAddr(h.API)
	info := network.AgentInfo{
		Management: management, API: api,
		Version: h.Version, Endpoint: endpoint, AvailabilityZone: s.config.Zone, Physical: h.Physical, Mappings: h.Mappings, Findings: h.Findings, StartedAt: h.StartedAt.Unix(),
	}
	if err := s.network.AgentHeartbeat(ctx, tx, h.Name, info); err != nil {
		return fmt.Errorf("record the network agents: %w", err)
	}
	return nil
}

func (s *Service) inventory(c nodeapi.Capacity) []placement.Inventory {
	var list []placement.Inventory
	for _, i := range []placement.Inventory{
		{Class: "VCPU", Total: int64(c.VCPUs), Ratio: s.config.CPURatio, Max: int64(c.VCPUs)},
		{Class: "MEMORY_MB", Total: int64(c.MemoryMiB), Reserved: int64(min(s.config.ReservedMemoryMiB, c.MemoryMiB)), Ratio: s.config.MemoryRatio, Max: int64(c.MemoryMiB)},
		{Class: "DISK_GB", Total: int64(c.DiskGiB), Ratio: s.config.DiskRatio, Max: int64(c.DiskGiB)},
	} {
		if i.Total > 0 {
			i.Min, i.Step = 1, 1
			list = append(list, i)
		}
	}
	return list
}

// Report records what a host says of its servers. What is known already costs
// two reads; only what differs is written.
func (s *Service) Report(ctx context.Context, host string, report nodeapi.Report) error {
	db := s.db.Read()
	row, known, err := s.getHost(ctx, db, host)
	if err != nil {
		return err
	}
	if !known {
		return errs.New(errs.NotFound, "Host %s is not known: it must say hello first.", host)
	}
	statuses := make(map[string]nodeapi.InstanceStatus, len(report.Instances))
	for _, st := range report.Instances {
		statuses[st.ID] = st
	}
	differs, err := s.differs(ctx, db, host, statuses, report.Whole)
	if err != nil {
		return err
	}
	seen := s.seen(&row, report)
	confirmed, err := pending(ctx, db, host, report.Fenced)
	if err != nil {
		return err
	}
	if !seen && len(differs) == 0 && !confirmed {
		return nil
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if seen {
			if err := s.recordSeen(ctx, tx, row, report); err != nil {
				return err
			}
			if err := s.network.RecordMeters(ctx, tx, host, report.Meters); err != nil {
				return err
			}
		}
		if confirmed {
			if err := s.confirm(ctx, tx, host, report.Fenced); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, host, differs, statuses)
	})
}

// differs returns the ids of the host's servers that a report changes. Only a
// whole report is worth loading all servers of the host.
func (s *Service) differs(ctx context.Context, db bun.IDB, host string, statuses map[string]nodeapi.InstanceStatus, whole bool) ([]string, error) {
	if len(statuses) == 0 {
		return nil, nil
	}
	var servers []Server
	q := db.NewSelect().Model(&servers).ExcludeColumn("user_data", "image", "flavor", "metadata", "key_pair").
		Where("s.host = ? AND s.deleted_at IS NULL", host)
	if !whole {
		q = q.Where("s.id IN (?)", store.Set(slices.Collect(maps.Keys(statuses))))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list the host's servers: %w", err)
	}
	now := s.now()
	var ids []string
	for i := range servers {
		if st, ok := statuses[servers[i].ID]; ok {
			if o := servers[i].observe(st, now); o.changed || o.gone || o.offloaded || len(st.FailedSnapshots) > 0 || len(servers[i].untold(st)) > 0 {
				ids = append(ids, servers[i].ID)
			}
		}
	}
	return ids, nil
}

// record applies the statuses to the servers named, as they are now.
func (s *Service) record(ctx context.Context, tx *store.Tx, host string, ids []string, statuses map[string]nodeapi.InstanceStatus) error {
	if len(ids) == 0 {
		return nil
	}
	var servers []Server
	if err := tx.NewSelect().Model(&servers).Where("s.id IN (?) AND s.host = ? AND s.deleted_at IS NULL", store.Set(ids), host).Scan(ctx); err != nil {
		return fmt.Errorf("load the servers that changed: %w", err)
	}
	now := s.now()
	var up, down, done, gone []string
	failed := map[string][]string{} // by what the host says
	told := map[string][]nodeapi.Step{}
	signal := false
	for i := range servers {
		server := &servers[i]
		power := server.Power
		o := server.observe(statuses[server.ID], now)
		if o.gone {
			gone = append(gone, server.ID)
			continue
		}
		if o.offloaded {
			if err := s.offloaded(ctx, tx, server); err != nil {
				return err
			}
			continue
		}
		if err := s.settle(ctx, tx, server, o); err != nil {
			return err
		}
		columns := server.hear(statuses[server.ID], told)
		if broken, err := s.failSnapshots(ctx, tx, server, statuses[server.ID].FailedSnapshots); err != nil {
			return err
		} else if broken {
			columns = append(columns, "task_state", "vm_state")
			server.UpdatedAt = now
		}
		if o.changed {
			columns = append(columns, "vm_state", "task_state", "power_state", "power", "fault", "launched_at", "admin_pass", "resize")
			server.UpdatedAt = now
		}
		if len(columns) == 0 {
			continue
		}
		if err := save(ctx, tx, server, columns...); err != nil {
			return err
		}
		signal = signal || server.Power != power
		switch {
		case o.up:
			up = append(up, server.ID)
		case o.down:
			down = append(down, server.ID)
		}
		switch o.result {
		case ResultSuccess:
			done = append(done, server.ID)
		case ResultError:
			failed[o.details] = append(failed[o.details], server.ID)
		}
	}
	if err := s.recordSteps(ctx, tx, host, told); err != nil {
		return err
	}
	for details, ids := range failed {
		if err := s.finish(ctx, tx, ids, ResultError, details); err != nil {
			return err
		}
	}
	if err := s.finish(ctx, tx, done, ResultSuccess, ""); err != nil {
		return err
	}
	if err := s.ports(ctx, tx, up, down); err != nil {
		return err
	}
	if signal {
		tx.Signal(HostTopic(host))
	}
	return s.finalize(ctx, tx, gone)
}

// ports says which servers' ports work now.
func (s *Service) ports(ctx context.Context, tx *store.Tx, up, down []string) error {
	if len(up)+len(down) == 0 {
		return nil
	}
	byServer, err := s.network.DevicePorts(ctx, tx, slices.Concat(up, down))
	if err != nil {
		return fmt.Errorf("load ports: %w", err)
	}
	of := func(servers []string) (ids []string) {
		for _, id := range servers {
			for _, port := range byServer[id] {
				ids = append(ids, port.PortID)
			}
		}
		return ids
	}
	if err := s.network.PortsActive(ctx, tx, of(up), of(down)); err != nil {
		return fmt.Errorf("record the ports' status: %w", err)
	}
	return nil
}

// seen tells whether a report's sign of life, usage and findings should be
// written.
func (s *Service) seen(h *Host, r nodeapi.Report) bool {
	if r.Findings != nil && !slices.Equal(r.Findings, h.Findings) {
		return true
	}
	return !h.Connected || s.now().Sub(h.LastSeenAt) >= seenEvery ||
		int64(r.DiskUsedGiB) != h.DiskUsedGiB && s.now().Sub(h.LastSeenAt) >= time.Second
}

func (s *Service) recordSeen(ctx context.Context, tx *store.Tx, row Host, r nodeapi.Report) error {
	now := s.now()
	if !row.Connected {
		tx.Changed(row.change(store.Update)) // signs of life change nothing else that is told
	}
	row.Connected, row.LastSeenAt, row.UpdatedAt = true, now, now
	row.MemoryUsedMiB, row.DiskUsedGiB, row.Load = int64(r.MemoryUsedMiB), int64(r.DiskUsedGiB), r.Load
	if r.Findings != nil {
		row.Findings = r.Findings
	}
	_, err := tx.NewUpdate().Model(&row).Column("findings", "connected", "last_seen_at", "updated_at", "memory_used_mib", "disk_used_gib", "load_average").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("record the host's sign of life: %w", err)
	}
	return s.heartbeat(ctx, tx, &row)
}
