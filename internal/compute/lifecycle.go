package compute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// refuseState is Nova's answer to an action that the state forbids.
func refuseState(action string, server *Server, attribute string) error {
	value := server.VMState
	if attribute == "task_state" {
		value = server.TaskState
	}
	return errs.New(errs.Conflict, "Cannot '%s' instance %s while it is in %s %s", action, server.ID, attribute, value)
}

// demandState refuses an action unless the server is in one of the states and
// one of the tasks.
func demandState(action string, server *Server, states, tasks []string) error {
	if !slices.Contains(states, server.VMState) {
		return refuseState(action, server, "vm_state")
	}
	if !slices.Contains(tasks, server.TaskState) {
		return refuseState(action, server, "task_state")
	}
	if server.Host == "" {
		return errs.New(errs.Conflict, "Instance %s is not ready", server.ID)
	}
	return nil
}

// Migratable refuses the migration of a server whose state forbids it.
func (s *Server) Migratable(action string) error {
	states := []string{StateActive, StateStopped}
	if action == "os-migrateLive" {
		states = []string{StateActive, StatePaused}
	}
	return demandState(action, s, states, []string{TaskNone})
}

// PasswordSettable refuses a change of the password in a guest whose state
// forbids it.
func (s *Server) PasswordSettable() error {
	return demandState("changePassword", s, []string{StateActive}, []string{TaskNone})
}

// NotMigrating says that a server is not in the state of one that migrates
// alive, which none ever is.
func (s *Server) NotMigrating(action string) error {
	value := s.TaskState
	if value == "" {
		value = "None"
	}
	return errs.New(errs.Conflict, "Cannot '%s' instance %s while it is in task_state %s", action, s.ID, value)
}

var powerColumns = []string{"power", "task_state", "boot_generation", "reset_generation"}

// Start powers a stopped server on.
func (s *Service) Start(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("start", server, []string{StateStopped}, []string{TaskNone}); err != nil {
			return nil, err
		}
		server.Power, server.TaskState = nodeapi.PowerRunning, TaskPowerOn
		server.BootGeneration++ // tells a report from before from one after
		tx.Signal(HostTopic(server.Host))
		return powerColumns, s.act(ctx, tx, caller, "start", server)
	})
}

// Stop powers a running server off.
func (s *Service) Stop(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("stop", server, []string{StateActive, StateError}, []string{TaskNone}); err != nil {
			return nil, err
		}
		server.Power, server.TaskState = nodeapi.PowerStopped, TaskPowerOff
		tx.Signal(HostTopic(server.Host))
		return powerColumns, s.act(ctx, tx, caller, "stop", server)
	})
}

// Reboot starts a server anew: soft by its guest, hard as a new machine. A
// hard one also starts what is stopped or in ERROR.
func (s *Service) Reboot(ctx context.Context, caller *policy.Caller, id string, hard bool) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		states, tasks := []string{StateActive}, []string{TaskNone}
		if hard {
			states = []string{StateActive, StateStopped, StatePaused, StateSuspended, StateError}
			tasks = []string{TaskNone, TaskReboot, TaskRebootHard}
		}
		if err := demandState("reboot", server, states, tasks); err != nil {
			return nil, err
		}
		if hard && server.LaunchedAt.IsZero() {
			return nil, refuseState("reboot", server, "vm_state") // it never ran: there is nothing to start anew
		}
		server.Power = nodeapi.PowerRunning
		if hard {
			server.TaskState = TaskRebootHard
			server.BootGeneration++
		} else {
			server.TaskState = TaskReboot
			server.ResetGeneration++
		}
		tx.Signal(HostTopic(server.Host))
		return powerColumns, s.act(ctx, tx, caller, "reboot", server)
	})
}

// Lock keeps everybody but admins from changing a server.
func (s *Service) Lock(ctx context.Context, caller *policy.Caller, id string, reason *string) (Server, error) {
	return s.change(ctx, caller, id, true, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		by := "owner"
		if caller.ProjectID != server.ProjectID {
			by = "admin"
		}
		if server.LockedBy == "admin" && !caller.IsAdmin() {
			by = "admin" // an owner's lock does not weaken an admin's
		}
		server.LockedBy, server.LockedReason = by, reason
		return []string{"locked_by", "locked_reason"}, s.act(ctx, tx, caller, "lock", server)
	})
}

// Unlock undoes Lock. What an admin locked only an admin unlocks.
func (s *Service) Unlock(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, true, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if server.LockedBy == "admin" && !caller.IsAdmin() {
			return nil, errs.New(errs.Forbidden, "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.")
		}
		server.LockedBy, server.LockedReason = "", nil
		return []string{"locked_by", "locked_reason"}, s.act(ctx, tx, caller, "unlock", server)
	})
}

// ResetState says that a server is active or in error, whatever it is (admin).
// What it should be does not change.
func (s *Service) ResetState(ctx context.Context, caller *policy.Caller, id, state string) (Server, error) {
	return s.change(ctx, caller, id, true, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if !server.SoftDeletedAt.IsZero() {
			return nil, errs.New(errs.Conflict, "Cannot 'os-resetState' instance %s while it is in vm_state %s: restore it instead.", id, StateSoftDeleted)
		}
		server.VMState, server.TaskState = state, TaskNone
		return []string{"vm_state", "task_state"}, s.act(ctx, tx, caller, "os-resetState", server)
	})
}

// DeleteServer removes a server; where deleted servers are kept for a while
// (Config.Reclaim), what can be kept is powered off and waits.
func (s *Service) DeleteServer(ctx context.Context, caller *policy.Caller, id string) error {
	return s.deleteServer(ctx, caller, id, s.config.Reclaim > 0)
}

// ForceDeleteServer removes a server for good.
func (s *Service) ForceDeleteServer(ctx context.Context, caller *policy.Caller, id string) error {
	return s.deleteServer(ctx, caller, id, false)
}

// reclaimServer removes a server for good that was deleted by then and has not
// been restored since.
func (s *Service) reclaimServer(ctx context.Context, id string, by time.Time) error {
	_, err := s.change(ctx, keeper, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if server.SoftDeletedAt.IsZero() || server.SoftDeletedAt.After(by) {
			return nil, nil
		}
		return s.endServer(ctx, tx, keeper, server)
	})
	return err
}

// deleteServer removes a server; it wins over whatever is being done to it.
// Where a host has it, the row stays, and with it the addresses, until the
// host reports that nothing is left or is lost; else it goes at once, and a
// lost host removes the stranger when it comes back.
func (s *Service) deleteServer(ctx context.Context, caller *policy.Caller, id string, soft bool) error {
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if soft && server.softDeletable() {
			return s.softDelete(ctx, tx, caller, server)
		}
		return s.endServer(ctx, tx, caller, server)
	})
	return err
}

// endServer makes the end of a server what should be, and returns the columns
// that it changed.
func (s *Service) endServer(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server) ([]string, error) {
	ids := []string{server.ID}
	if server.Power != nodeapi.PowerDeleted {
		if err := s.finish(ctx, tx, ids, ResultError, "the server was deleted"); err != nil {
			return nil, err
		}
		if err := s.act(ctx, tx, caller, "delete", server); err != nil {
			return nil, err
		}
	}
	host, known, err := s.getHost(ctx, tx, server.Host)
	if err != nil {
		return nil, err
	}
	if !known || s.lost(&host, s.now()) {
		return nil, s.finalize(ctx, tx, ids)
	}
	if server.Power == nodeapi.PowerDeleted {
		return nil, nil
	}
	if err := s.dropSnapshots(ctx, tx, ids); err != nil {
		return nil, err
	}
	server.Power, server.TaskState = nodeapi.PowerDeleted, TaskDeleting
	tx.Signal(HostTopic(server.Host))
	return []string{"power", "task_state"}, nil
}

// finalize ends servers of which no host has anything left: ports, claims and
// rows go together.
func (s *Service) finalize(ctx context.Context, tx *store.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if err := s.network.UnplugTx(ctx, tx, id); err != nil {
			return fmt.Errorf("unplug ports: %w", err)
		}
		if err := s.placement.Release(ctx, tx, id); err != nil {
			return fmt.Errorf("release the claim: %w", err)
		}
	}
	if err := s.endResizes(ctx, tx, ids); err != nil {
		return err
	}
	if err := s.dropSnapshots(ctx, tx, ids); err != nil {
		return err
	}
	if err := dropConsoleTokens(ctx, tx, ids); err != nil {
		return err
	}
	if err := s.finish(ctx, tx, ids, ResultSuccess, ""); err != nil {
		return err
	}
	now := s.now()
	var gone []Server
	_, err := tx.NewUpdate().Model((*Server)(nil)).
		Set("vm_state = ?, task_state = '', power = ?, power_state = ?", StateDeleted, nodeapi.PowerDeleted, PowerNoState).
		Set("user_data = NULL, admin_pass = '', group_id = NULL").
		Set("deleted_at = ?, terminated_at = ?, updated_at = ?, soft_deleted_at = NULL", now, now, now).
		Where("id IN (?) AND deleted_at IS NULL", bun.List(ids)).Returning("id, project_id, host").Exec(ctx, &gone)
	if err != nil {
		return fmt.Errorf("mark servers deleted: %w", err)
	}
	for i := range gone {
		tx.Changed(gone[i].change(store.Delete))
		if gone[i].Host != "" {
			tx.Signal(HostTopic(gone[i].Host))
		}
	}
	return nil
}

// ConsoleLog returns the last lines of a server's serial console; 0 is all.
func (s *Service) ConsoleLog(ctx context.Context, caller *policy.Caller, id string, lines int) ([]byte, error) {
	server, err := getServer(ctx, s.db.Read(), caller, id)
	if err != nil {
		return nil, err
	}
	if server.Host == "" || server.VMState == StateBuilding || server.VMState == StateDeleted || server.Power == powerOffloaded {
		return nil, errs.New(errs.Conflict, "Instance %s is not ready", id)
	}
	var result nodeapi.ConsoleLogResult
	err = s.nodes.Call(ctx, server.Host, nodeapi.CallConsoleLog, nodeapi.ConsoleLogParams{InstanceID: id, Lines: lines}, &result)
	switch {
	case errs.Is(err, errs.NotFound):
		return nil, errs.Wrap(err, errs.NotFound, "Unable to get console")
	case errs.Is(err, errs.Unavailable), errs.Is(err, errs.Conflict):
		return nil, errs.Wrap(err, errs.Conflict, "Instance %s is not ready", id)
	case err != nil:
		return nil, fmt.Errorf("get the console log: %w", err)
	}
	return result.Output, nil
}
