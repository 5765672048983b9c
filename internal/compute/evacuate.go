package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// evacuation says that a server was moved off a host that was lost, which has
// not confirmed that nothing of it is left.
type evacuation struct {
	bun.BaseModel `bun:"table:server_evacuations,alias:ev"`

	ServerID  string    `bun:"server_id,pk"`
	Source    string    `bun:"source_host,pk"`
	Target    string    `bun:"target_host"`
	Held      bool      `bun:"held"` // the target waits until the source has confirmed
	CreatedAt time.Time `bun:"created_at"`
}

// EvacuateRequest asks for a server's move off a lost host (API ref: Evacuate
// Server).
type EvacuateRequest struct {
	Host      string // the target; "" is the scheduler's choice
	Force     bool   // the target's filters do not count, its room does
	AdminPass string // "" is generated
	Stop      bool   // the server is off afterwards, whatever it was (2.95)
}

// Evacuate builds a server again on another host, as its own is lost: room,
// ports and server move in one transaction, and the new host begins. It
// returns the administrator's password. Where no host is found, the server
// stays on its host, in ERROR with a fault that says why.
func (s *Service) Evacuate(ctx context.Context, caller *policy.Caller, id string, req EvacuateRequest) (pass string, err error) {
	if pass = req.AdminPass; pass == "" {
		pass = random(12)
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		server, err := getServer(ctx, tx, caller, id)
		if err != nil {
			return err
		}
		if err := s.evacuable(ctx, tx, &server, req.Host); err != nil {
			return err
		}
		image, err := s.images.GetTx(ctx, tx, caller, server.ImageID)
		if err != nil {
			return asInvalid(err, "The image %s, of which the server would be built again, does not exist any more.", server.ImageID)
		}
		// Its disk may have been made of another one, which may be gone: that of
		// a shelved server is.
		if server.Image, err = s.bootable(ctx, tx, caller, image); err != nil {
			return err
		}
		hosts, demand, err := s.destinations(ctx, tx, caller, &server, image, req)
		if err != nil {
			return err
		}
		story := creation{hostsAt: s.now()}
		verdict := Schedule(hosts, demand)
		story.scheduled(id, hosts, demand, verdict, s.now())
		if verdict.Chosen < 0 {
			return s.stay(ctx, tx, caller, &server, verdict, story.events)
		}
		server.Power = server.powerAfter(req.Stop)
		if server.ConfigDrive {
			server.AdminPass = pass
		}
		return s.move(ctx, tx, caller, &server, &hosts[verdict.Chosen], demand, &story)
	}, scheduleLock)
	if err != nil {
		return "", err
	}
	return pass, nil
}

// evacuable refuses what must not be evacuated, in Nova's words where it has
// some.
func (s *Service) evacuable(ctx context.Context, tx *store.Tx, server *Server, target string) error {
	if target != "" {
		_, known, err := s.getHost(ctx, tx, target)
		switch {
		case err != nil:
			return err
		case !known:
			return errs.New(errs.NotFound, "Compute host %s not found.", target)
		case target == server.Host:
			return errs.New(errs.Invalid, "The target host can't be the same one.")
		}
	}
	if err := demandState("evacuate", server, []string{StateActive, StateStopped, StateError}, []string{TaskNone}); err != nil {
		return err
	}
	if server.Power == nodeapi.PowerDeleted {
		return errs.New(errs.Conflict, "Instance %s is being deleted", server.ID)
	}
	source, known, err := s.getHost(ctx, tx, server.Host)
	if err != nil || !known {
		return err // a host that was forgotten is in nobody's use
	}
	now := s.now()
	switch {
	case source.Up:
		return errs.New(errs.Invalid, "Compute service of %s is still in use.", source.Name)
	case !s.lost(&source, now):
		return errs.New(errs.Invalid, "Compute service of %s is still in use: it was last heard of %d seconds ago, and counts as lost %d seconds after its last sign of life. "+
			"Force it down to evacuate now, when you know that it runs nothing.", source.Name, int(now.Sub(source.LastSeenAt).Seconds()), int(s.config.Lost.Seconds()))
	}
	return nil
}

// destinations are the hosts and what the server demands of them: the same as
// when it was made, and neither its own host nor one that may have a copy.
func (s *Service) destinations(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, image image.Image, req EvacuateRequest) ([]SchedulerHost, Demand, error) {
	demand := Demand{
		Resources: claimOf(Flavor{
			VCPUs: server.VCPUs, MemoryMiB: server.MemoryMiB, RootGiB: server.Size.RootGiB, EphemeralGiB: server.Size.EphemeralGiB, SwapMiB: server.Size.SwapMiB,
		}),
		Host: req.Host, Except: map[string]string{server.Host: "the server's own"},
	}
	var copies []string
	if err := tx.NewSelect().Model((*evacuation)(nil)).Column("source_host").Where("server_id = ?", server.ID).Scan(ctx, &copies); err != nil {
		return nil, demand, fmt.Errorf("list the hosts that have copies: %w", err)
	}
	for _, host := range copies {
		if host != server.Host {
			demand.Except[host] = "with an older copy of the server that is not confirmed gone"
		}
	}
	if demand.Arch = image.Properties["hw_architecture"]; demand.Arch == "" {
		demand.Arch = image.Properties["architecture"]
	}
	list := []Server{*server}
	if err := s.fill(ctx, tx, list, Load{Ports: true}); err != nil {
		return nil, demand, err
	}
	server.Ports = list[0].Ports
	var networks []string
	for _, port := range server.Ports {
		networks = append(networks, port.NetworkID)
	}
	var err error
	if demand.Physical, err = s.network.PhysicalOf(ctx, tx, networks); err != nil {
		return nil, demand, err
	}
	hosts, err := s.schedulerHosts(ctx, tx)
	if err != nil {
		return nil, demand, err
	}
	if req.Force {
		for i := range hosts {
			hosts[i].Enabled = true
		}
		return hosts, demand, nil
	}
	if server.PinnedZone != nil {
		demand.Zone = *server.PinnedZone
	}
	if server.GroupID == nil {
		return hosts, demand, nil
	}
	group, err := getGroup(ctx, tx, caller, *server.GroupID)
	if err != nil {
		return nil, demand, err
	}
	members := group.hosts
	if members[server.Host]--; members[server.Host] <= 0 {
		delete(members, server.Host)
	}
	return hosts, group.constrain(demand, members), nil
}

// powerAfter is what an evacuated server should be doing: what it should have
// been before, but what failed on its host is tried anew.
func (s *Server) powerAfter(stop bool) string {
	failed := s.VMState == StateError && (s.LaunchedAt.IsZero() || s.Fault != nil && !s.Fault.Since.IsZero())
	if stop || s.Power == nodeapi.PowerStopped && !failed {
		return nodeapi.PowerStopped
	}
	return nodeapi.PowerRunning
}

// stay records an evacuation for which there is no host.
func (s *Service) stay(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, v Verdict, events []Event) error {
	now := s.now()
	server.VMState, server.UpdatedAt = StateError, now // what it should be doing stays: its host may come back
	server.Fault = &Fault{Code: 500, Message: v.Message(), Details: v.Details(), Created: now}
	if err := save(ctx, tx, server, "vm_state", "fault"); err != nil {
		return err
	}
	if err := s.actWith(ctx, tx, caller, "evacuate", events, server); err != nil {
		return err
	}
	if err := s.recordMigration(ctx, tx, caller, Migration{Kind: MigrationEvacuation, Status: MigrationError, ServerID: server.ID, Source: server.Host}); err != nil {
		return err
	}
	return s.finish(ctx, tx, []string{server.ID}, ResultError, v.Message())
}

// move gives a server to another host, which builds it of its image.
func (s *Service) move(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, target *SchedulerHost, demand Demand, story *creation) error {
	now := s.now()
	source, known, err := s.getHost(ctx, tx, server.Host)
	if err != nil {
		return err
	}
	consumer := placement.Consumer{ID: server.ID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "INSTANCE"}
	if err := s.placement.Replace(ctx, tx, consumer, map[string]map[string]int64{target.Candidate.ProviderID: demand.Resources}); err != nil {
		return fmt.Errorf("claim the host's room: %w", err)
	}
	if err := s.network.RebindTx(ctx, tx, server.ID, target.Name); err != nil {
		return fmt.Errorf("rebind ports: %w", err)
	}
	// A host that was forced down and still has contact runs the server until
	// it learns of this; only when it has confirmed, the other may begin.
	held := known && s.contact(&source, now)
	row := evacuation{ServerID: server.ID, Source: server.Host, Target: target.Name, Held: held, CreatedAt: now}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("record the evacuation: %w", err)
	}
	record := Migration{Kind: MigrationEvacuation, Status: MigrationAccepted, ServerID: server.ID, Source: server.Host, Target: target.Name}
	if err := s.recordMigration(ctx, tx, caller, record); err != nil {
		return err
	}
	story.note(server.ID, EventDiskLost, target.Name, span{now, now}, ResultSuccess, fmt.Sprintf(
		"The disks of the server were on the host that is lost, and what was written to them is gone: it is built again of image %s.\nThe host was %s.", server.ImageID, server.Host))
	server.Host, server.Zone, server.TaskState, server.UpdatedAt = target.Name, target.Zone, TaskRebuilding, now
	server.BootGeneration++
	if err := save(ctx, tx, server, "host", "zone", "task_state", "power", "boot_generation", "admin_pass", "image"); err != nil {
		return err
	}
	tx.Signal(HostTopic(row.Source))
	tx.Signal(HostTopic(row.Target))
	return s.actWith(ctx, tx, caller, "evacuate", story.events, server)
}

// fenced fills what a host's state says of servers that were moved off it, and
// returns those of its own that must wait.
func (s *Service) fenced(ctx context.Context, db bun.IDB, host string, state *nodeapi.State) (held map[string]bool, err error) {
	state.FenceSeconds = max(1, int(s.config.Fence.Seconds()))
	var rows []evacuation
	err = db.NewSelect().Model(&rows).
		Where("ev.source_host = ? OR ev.held AND ev.server_id IN (SELECT id FROM servers WHERE host = ? AND deleted_at IS NULL)", host, host).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what was moved off the host: %w", err)
	}
	held = map[string]bool{}
	for _, row := range rows {
		if row.Source != host {
			held[row.ServerID] = true
			continue
		}
		if state.Fenced == nil {
			state.Fenced = map[string]nodeapi.Fence{}
		}
		state.Fenced[row.ServerID] = nodeapi.Fence{Since: row.CreatedAt.UTC()}
	}
	return held, nil
}

// pending tells whether a host's confirmations are news.
func pending(ctx context.Context, db bun.IDB, host string, gone []string) (bool, error) {
	if len(gone) == 0 {
		return false, nil
	}
	news, err := db.NewSelect().Model((*evacuation)(nil)).Where("source_host = ? AND server_id IN (?)", host, store.Set(gone)).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for evacuations: %w", err)
	}
	return news, nil
}

// confirm ends the evacuations of which a host has nothing left.
func (s *Service) confirm(ctx context.Context, tx *store.Tx, host string, gone []string) error {
	if err := s.completeEvacuations(ctx, tx, host, gone); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*evacuation)(nil)).Where("source_host = ? AND server_id IN (?)", host, store.Set(gone)).Exec(ctx); err != nil {
		return fmt.Errorf("end evacuations: %w", err)
	}
	tx.Signal(HostsTopic)
	return nil
}

// release lets the servers begin that waited for hosts which have lost contact.
func release(ctx context.Context, tx *store.Tx, gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	var released []string
	_, err := tx.NewUpdate().Model((*evacuation)(nil)).Set("held = ?", false).Where("held AND source_host IN (?)", store.Set(gone)).
		Returning("server_id").Exec(ctx, &released)
	if err != nil {
		return fmt.Errorf("release evacuated servers: %w", err)
	}
	if len(released) > 0 {
		tx.Signal(HostsTopic)
	}
	return nil
}
