package compute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// reclaimAtOnce is how many servers one look ends at most.
const reclaimAtOnce = 100

// softDeletable tells whether a server can be kept for a while after it is
// deleted. One that never ran has nothing to keep; a shelved one that is still
// on its host, an image that is being made, and a resize that goes on end with
// the server.
func (s *Server) softDeletable() bool {
	return !s.LaunchedAt.IsZero() && s.Power != nodeapi.PowerDeleted && s.Power != powerOffloaded && s.VMState != StateShelved &&
		!imaging[s.TaskState] && (s.Resize == nil || s.TaskState == TaskNone)
}

// softDelete powers a server off and keeps it: it can be restored until it is
// reclaimed. It has its host, its disks and its addresses meanwhile, and counts
// against no quota.
func (s *Service) softDelete(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server) ([]string, error) {
	if !server.SoftDeletedAt.IsZero() {
		return nil, nil // its time goes on
	}
	if err := s.finish(ctx, tx, []string{server.ID}, ResultError, "the server was deleted"); err != nil {
		return nil, err
	}
	if server.Resize != nil {
		if err := s.placement.Release(ctx, tx, server.Resize.ID); err != nil {
			return nil, fmt.Errorf("release the claim: %w", err)
		}
		if err := s.noteResizes(ctx, tx, []string{server.ID}, MigrationConfirmed); err != nil {
			return nil, err
		}
	}
	if err := dropConsoleTokens(ctx, tx, []string{server.ID}); err != nil {
		return nil, err
	}
	if err := s.act(ctx, tx, caller, "delete", server); err != nil {
		return nil, err
	}
	server.Resize, server.Rescue, server.Power = nil, nil, nodeapi.PowerStopped
	server.VMState, server.TaskState, server.SoftDeletedAt = StateSoftDeleted, TaskNone, s.now()
	if server.Host != "" {
		tx.Signal(HostTopic(server.Host))
	}
	return []string{"vm_state", "task_state", "soft_deleted_at", "power", "resize", "rescue"}, s.finish(ctx, tx, []string{server.ID}, ResultSuccess, "")
}

// RestoreServer brings a server back that was deleted and is not reclaimed yet:
// it is started, or is on the shelf again. It counts against the quotas of its
// owner as a new one does.
func (s *Service) RestoreServer(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	var project string
	if err := s.db.Read().NewSelect().TableExpr("servers").Column("project_id").Where("id = ?", id).Scan(ctx, &project); err != nil {
		return Server{}, one(err, "get server", "Instance %s could not be found.", id)
	}
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		switch {
		case server.VMState != StateSoftDeleted:
			return nil, refuseState("restore", server, "vm_state")
		case server.TaskState != TaskNone:
			return nil, refuseState("restore", server, "task_state")
		}
		if _, err := s.room(ctx, tx, server.ProjectID, server.UserID, server.VCPUs, server.MemoryMiB, 1, 1); err != nil {
			return nil, err
		}
		if err := s.act(ctx, tx, caller, "restore", server); err != nil {
			return nil, err
		}
		server.SoftDeletedAt = time.Time{}
		columns := append([]string{"vm_state", "soft_deleted_at"}, powerColumns...)
		if server.Host == "" {
			server.VMState = StateOffloaded
			return columns, s.finish(ctx, tx, []string{id}, ResultSuccess, "")
		}
		s.again(server, false)
		server.TaskState = TaskRestoring
		tx.Signal(HostTopic(server.Host))
		return columns, nil
	}, quotaLock(project))
}

// ReclaimServers ends servers whose time after their deletion is over.
func (s *Service) ReclaimServers(ctx context.Context) error {
	if s.config.Reclaim <= 0 {
		return nil
	}
	var ids []string
	by := s.now().Add(-s.config.Reclaim).UTC()
	err := s.db.Read().NewSelect().Model((*Server)(nil)).Column("id").
		Where("s.soft_deleted_at <= ? AND s.deleted_at IS NULL AND s.power <> ?", by, nodeapi.PowerDeleted).
		Order("soft_deleted_at").Limit(reclaimAtOnce).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("list servers to reclaim: %w", err)
	}
	var failed error // one that cannot be ended keeps none of the others
	for _, id := range ids {
		switch err := s.reclaimServer(ctx, id, by); {
		case err == nil:
			s.log.InfoContext(ctx, "reclaimed a deleted server", "server", id)
		case !errs.Is(err, errs.NotFound):
			failed = errors.Join(failed, fmt.Errorf("reclaim server %s: %w", id, err))
		}
	}
	return failed
}
