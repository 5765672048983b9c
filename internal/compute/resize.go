package compute

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Resize is a change of a server's flavor that was not confirmed yet. Until
// then its host keeps the disks as they were, and the server holds the room of
// both flavors, the old one's under the resize's own id.
type Resize struct {
	ID        string `json:"id"` // uuid: of the claim, and of the copies of the disks
	OldFlavor string `json:"old_flavor"`
	OldSize   Size   `json:"old_size"`
	Reverting bool   `json:"reverting,omitempty"`
}

// flavorOf is the flavor that a size was, as far as room is concerned.
func flavorOf(size Size) Flavor {
	return Flavor{VCPUs: size.VCPUs, MemoryMiB: size.MemoryMiB, RootGiB: size.RootGiB, EphemeralGiB: size.EphemeralGiB, SwapMiB: size.SwapMiB}
}

var sizeColumns = []string{"flavor_id", "flavor", "vcpus", "memory_mb", "disk_gb", "resize", "disk_config"}

// take gives the server a size.
func (s *Server) take(flavorID string, size Size) {
	f := flavorOf(size)
	s.FlavorID, s.Size, s.VCPUs, s.MemoryMiB, s.DiskGiB = flavorID, size, f.VCPUs, f.MemoryMiB, diskOf(f)
}

// ResizeServer gives a server another flavor, on its host; its guest is shut
// down for that. A smaller root disk fails the action, as in Nova. An empty
// diskConfig stays.
func (s *Service) ResizeServer(ctx context.Context, caller *policy.Caller, id, flavorID, diskConfig string) (Server, error) {
	var project string
	if err := s.db.Read().NewSelect().TableExpr("servers").Column("project_id").Where("id = ?", id).Scan(ctx, &project); err != nil {
		return Server{}, one(err, "get server", "Instance %s could not be found.", id)
	}
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("resize", server, []string{StateActive, StateStopped}, []string{TaskNone}); err != nil {
			return nil, err
		}
		flavor, err := getFlavor(ctx, tx, caller, flavorID)
		if err != nil {
			return nil, asInvalid(err, "Flavor %s could not be found.", flavorID)
		}
		if err := s.resizable(ctx, tx, server, flavor); err != nil {
			return nil, err
		}
		if flavor.RootGiB < server.Size.RootGiB || flavor.EphemeralGiB < server.Size.EphemeralGiB || flavor.SwapMiB < server.Size.SwapMiB && flavor.SwapMiB > 0 {
			if err := s.act(ctx, tx, caller, "resize", server); err != nil {
				return nil, err
			}
			return nil, s.finish(ctx, tx, []string{id}, ResultError, "Resize error: Unable to resize disk down.")
		}
		resize := &Resize{ID: uuid.NewString(), OldFlavor: server.FlavorID, OldSize: server.Size}
		if err := s.claimBoth(ctx, tx, server, flavor, resize.ID); err != nil {
			return nil, err
		}
		move := Migration{Kind: MigrationResize, Status: MigrationMigrating, ServerID: id, Source: server.Host, Target: server.Host}
		if err := s.recordMigration(ctx, tx, caller, move); err != nil {
			return nil, err
		}
		server.Resize = resize
		server.take(flavor.ID, Size{
			ID: flavor.ID, Name: flavor.Name, VCPUs: flavor.VCPUs, MemoryMiB: flavor.MemoryMiB, RootGiB: flavor.RootGiB,
			EphemeralGiB: flavor.EphemeralGiB, SwapMiB: flavor.SwapMiB, ExtraSpecs: flavor.ExtraSpecs,
		})
		if diskConfig != "" {
			server.DiskConfig = diskConfig
		}
		if server.VMState == StateActive {
			s.again(server, true)
		}
		server.TaskState = TaskResizing
		tx.Signal(HostTopic(server.Host))
		return append(slices.Clone(sizeColumns), powerColumns...), s.act(ctx, tx, caller, "resize", server)
	}, quotaLock(project), scheduleLock)
}

// resizable refuses flavors that a server cannot have.
func (s *Service) resizable(ctx context.Context, tx *store.Tx, server *Server, flavor Flavor) error {
	switch {
	case flavor.Disabled:
		return errs.New(errs.Invalid, "Flavor %s could not be found.", flavor.ID)
	case flavor.ID == server.FlavorID:
		return errs.New(errs.Invalid, "When resizing, instances must change flavor!")
	case flavor.RootGiB == 0 && server.Size.RootGiB != 0:
		return errs.New(errs.Invalid, "Resize to zero disk flavor is not allowed.")
	}
	// There is not one server more, and what gets smaller needs no room: what is
	// asked for is counted beside what is used.
	_, err := s.room(ctx, tx, server.ProjectID, server.UserID, max(0, flavor.VCPUs-server.VCPUs), max(0, flavor.MemoryMiB-server.MemoryMiB), 1, 1, QuotaInstances)
	return err
}

// providerOf is the id of a host's resource provider.
func (s *Service) providerOf(ctx context.Context, tx *store.Tx, host string) (string, error) {
	row, known, err := s.getHost(ctx, tx, host)
	if err != nil {
		return "", err
	}
	if !known {
		return "", errs.New(errs.Conflict, "Compute host %s could not be found.", host)
	}
	return row.ID, nil
}

// claimBoth claims the room of the new flavor, and under the resize's id that
// of the old one.
func (s *Service) claimBoth(ctx context.Context, tx *store.Tx, server *Server, flavor Flavor, resizeID string) error {
	provider, err := s.providerOf(ctx, tx, server.Host)
	if err != nil {
		return err
	}
	old := placement.Consumer{ID: resizeID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "MIGRATION"}
	own := placement.Consumer{ID: server.ID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "INSTANCE"}
	err = s.placement.Claim(ctx, tx, own, provider, claimOf(flavor))
	if err == nil {
		err = s.placement.Claim(ctx, tx, old, provider, claimOf(flavorOf(server.Size)))
	}
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(err, errs.Invalid, "No valid host was found. The host %s has no room for both flavors, and a server is resized where it is.", server.Host)
	}
	if err != nil {
		return fmt.Errorf("claim the host's room: %w", err)
	}
	return nil
}

// resizedServer checks that a server waits for the confirmation of its resize.
func resizedServer(action string, server *Server) error {
	if err := demandState(action, server, []string{StateResized}, []string{TaskNone}); err != nil {
		return err
	}
	if server.Resize == nil {
		return errs.New(errs.Invalid, "Instance has not been resized.")
	}
	return nil
}

// ConfirmResize makes the server's new flavor its only one.
func (s *Service) ConfirmResize(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := resizedServer("confirmResize", server); err != nil {
			return nil, err
		}
		if err := s.placement.Release(ctx, tx, server.Resize.ID); err != nil {
			return nil, fmt.Errorf("release the claim: %w", err)
		}
		if err := s.noteResizes(ctx, tx, []string{id}, MigrationConfirmed); err != nil {
			return nil, err
		}
		server.Resize, server.VMState = nil, StateActive
		if server.Power == nodeapi.PowerStopped {
			server.VMState = StateStopped
		}
		if err := s.act(ctx, tx, caller, "confirmResize", server); err != nil {
			return nil, err
		}
		tx.Signal(HostTopic(server.Host))
		return []string{"resize", "vm_state"}, s.finish(ctx, tx, []string{id}, ResultSuccess, "")
	})
}

// RevertResize gives a server its old flavor again, and its disks as they were:
// what was written to them since is lost.
func (s *Service) RevertResize(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := resizedServer("revertResize", server); err != nil {
			return nil, err
		}
		resize := *server.Resize
		resize.Reverting = true
		server.Resize, server.TaskState = &resize, TaskReverting
		server.take(resize.OldFlavor, resize.OldSize)
		if server.Power == nodeapi.PowerRunning {
			s.again(server, true)
		}
		tx.Signal(HostTopic(server.Host))
		return append(slices.Clone(sizeColumns), powerColumns...), s.act(ctx, tx, caller, "revertResize", server)
	})
}

// settle does what follows from what a host has said of a server, beside its
// row.
func (s *Service) settle(ctx context.Context, tx *store.Tx, server *Server, o outcome) error {
	if o.unshelved {
		if err := dropShelved(ctx, tx, server.ID); err != nil {
			return err
		}
	}
	if o.resized != nil {
		return s.noteResizes(ctx, tx, []string{server.ID}, MigrationFinished)
	}
	if o.reverted == nil {
		return nil
	}
	if err := s.noteResizes(ctx, tx, []string{server.ID}, MigrationReverted); err != nil {
		return err
	}
	provider, err := s.providerOf(ctx, tx, server.Host)
	if err != nil {
		return err
	}
	if err := s.placement.Release(ctx, tx, o.reverted.ID); err != nil {
		return fmt.Errorf("release the claim: %w", err)
	}
	own := placement.Consumer{ID: server.ID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "INSTANCE"}
	if err := s.placement.Claim(ctx, tx, own, provider, claimOf(flavorOf(server.Size))); err != nil {
		return fmt.Errorf("claim the host's room: %w", err)
	}
	return nil
}

// endResizes lets go of what resizes of servers hold that are deleted.
func (s *Service) endResizes(ctx context.Context, tx *store.Tx, ids []string) error {
	var servers []Server
	if err := tx.NewSelect().Model(&servers).Column("id", "resize").Where("id IN (?) AND resize IS NOT NULL", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("look for resizes: %w", err)
	}
	for i := range servers {
		if servers[i].Resize == nil {
			continue // a null of JSON
		}
		if err := s.placement.Release(ctx, tx, servers[i].Resize.ID); err != nil {
			return fmt.Errorf("release the claim: %w", err)
		}
	}
	return s.noteResizes(ctx, tx, ids, MigrationConfirmed)
}
