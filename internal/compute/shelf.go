package compute

import (
	"context"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Shelve puts a server away: it is shut down, an image is made of its disk, and
// unless the operator wants otherwise its host forgets it.
func (s *Service) Shelve(ctx context.Context, caller *policy.Caller, id string) error {
	server, err := getServer(ctx, s.db.Read(), caller, id)
	if err != nil {
		return err
	}
	_, err = s.image(ctx, caller, id, snapshot{Kind: snapshotShelved}, server.Name+"-shelved", nil, imageable, "shelve", func(server *Server) []string {
		server.Power, server.TaskState = nodeapi.PowerStopped, TaskShelving
		return powerColumns
	})
	return err
}

// shelved notes that the image of a server that is being shelved is there.
func (s *Service) shelved(ctx context.Context, tx *store.Tx, server *Server) error {
	server.VMState, server.TaskState, server.PowerState, server.UpdatedAt = StateShelved, TaskNone, PowerShutdown, s.now()
	tx.Signal(HostTopic(server.Host))
	if s.config.KeepShelved == 0 {
		if err := save(ctx, tx, server, "vm_state", "task_state", "power_state"); err != nil {
			return err
		}
		return s.offload(ctx, tx, server)
	}
	if err := save(ctx, tx, server, "vm_state", "task_state", "power_state"); err != nil {
		return err
	}
	return s.finish(ctx, tx, []string{server.ID}, ResultSuccess, "")
}

// offload lets the host of a shelved server destroy what it has of it. One that
// is lost destroys it when it comes back.
func (s *Service) offload(ctx context.Context, tx *store.Tx, server *Server) error {
	host, known, err := s.getHost(ctx, tx, server.Host)
	if err != nil {
		return err
	}
	if !known || s.lost(&host, s.now()) {
		return s.offloaded(ctx, tx, server)
	}
	server.Power, server.TaskState = powerOffloaded, TaskOffloading
	tx.Signal(HostTopic(server.Host))
	return save(ctx, tx, server, "power", "task_state")
}

// offloaded takes a shelved server off its host: it has no room there any more,
// and its ports keep their addresses.
func (s *Service) offloaded(ctx context.Context, tx *store.Tx, server *Server) error {
	if err := s.placement.Release(ctx, tx, server.ID); err != nil {
		return fmt.Errorf("release the claim: %w", err)
	}
	if err := s.network.UnbindTx(ctx, tx, server.ID); err != nil {
		return fmt.Errorf("unbind ports: %w", err)
	}
	tx.Signal(HostTopic(server.Host))
	server.Host, server.VMState, server.TaskState, server.PowerState = "", StateOffloaded, TaskNone, PowerShutdown
	server.Power, server.UpdatedAt = nodeapi.PowerStopped, s.now()
	if err := save(ctx, tx, server, "host", "vm_state", "task_state", "power_state", "power"); err != nil {
		return err
	}
	return s.finish(ctx, tx, []string{server.ID}, ResultSuccess, "")
}

// ShelveOffload takes a shelved server off its host (admin).
func (s *Service) ShelveOffload(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("shelveOffload", server, []string{StateShelved}, []string{TaskNone}); err != nil {
			return nil, err
		}
		if err := s.act(ctx, tx, caller, "shelveOffload", server); err != nil {
			return nil, err
		}
		return nil, s.offload(ctx, tx, server)
	})
}

// Unshelve starts a shelved server again: where it is, or on a host that the
// scheduler chooses, of the image that was made of it. zone and host (admin)
// narrow the choice; a zone pins the server to it, and nil leaves that as it is.
func (s *Service) Unshelve(ctx context.Context, caller *policy.Caller, id string, zone **string, host string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if server.VMState != StateShelved && server.VMState != StateOffloaded {
			return nil, refuseState("unshelve", server, "vm_state")
		}
		if server.TaskState != TaskNone {
			return nil, refuseState("unshelve", server, "task_state")
		}
		if server.VMState == StateShelved {
			if zone != nil || host != "" {
				return nil, errs.New(errs.Conflict, "Unshelving a server in %s to a zone or host is only possible when it is %s.", StateShelved, StateOffloaded)
			}
			s.again(server, false)
			server.TaskState = TaskUnshelving
			tx.Signal(HostTopic(server.Host))
			return powerColumns, s.act(ctx, tx, caller, "unshelve", server)
		}
		if zone != nil {
			server.PinnedZone = *zone
		}
		return s.rehome(ctx, tx, caller, server, host)
	}, scheduleLock)
}

// rehome finds a host for a server that is on none, and gives it to it.
func (s *Service) rehome(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, host string) ([]string, error) {
	var row snapshot
	err := tx.NewSelect().Model(&row).Where("server_id = ? AND kind = ? AND state = ?", server.ID, snapshotShelved, snapshotKept).Scan(ctx)
	if err := one(err, "get snapshot", "The image of shelved instance %s is gone.", server.ID); err != nil {
		return nil, err
	}
	if host != "" {
		if _, known, err := s.getHost(ctx, tx, host); err != nil {
			return nil, err
		} else if !known {
			return nil, errs.New(errs.NotFound, "Compute host %s not found.", host)
		}
	}
	img, err := s.images.GetTx(ctx, tx, keeper, row.ImageID)
	if err != nil {
		return nil, asInvalid(err, "Unshelve requested but the original image was not found or is gone.")
	}
	if server.Image, err = s.bootable(ctx, tx, keeper, img); err != nil {
		return nil, err
	}
	hosts, demand, err := s.destinations(ctx, tx, caller, server, img, EvacuateRequest{Host: host})
	if err != nil {
		return nil, err
	}
	if err := s.act(ctx, tx, caller, "unshelve", server); err != nil {
		return nil, err
	}
	story := creation{hostsAt: s.now()}
	verdict := Schedule(hosts, demand)
	story.scheduled(server.ID, hosts, demand, verdict, s.now())
	if verdict.Chosen < 0 {
		return nil, s.finish(ctx, tx, []string{server.ID}, ResultError, verdict.Message())
	}
	target := &hosts[verdict.Chosen]
	consumer := placement.Consumer{ID: server.ID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "INSTANCE"}
	if err := s.placement.Claim(ctx, tx, consumer, target.Candidate.ProviderID, demand.Resources); err != nil {
		return nil, fmt.Errorf("claim the host's room: %w", err)
	}
	if err := s.network.RebindTx(ctx, tx, server.ID, target.Name); err != nil {
		return nil, fmt.Errorf("rebind ports: %w", err)
	}
	server.Host, server.Zone, server.TaskState = target.Name, target.Zone, TaskUnshelving
	server.DiskGeneration++ // the host may still have what it had before
	s.again(server, false)
	tx.Signal(HostTopic(server.Host))
	return append([]string{"host", "zone", "pinned_zone", "image", "disk_generation"}, powerColumns...), nil
}
