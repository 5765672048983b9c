package compute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Action is one thing that was done to a server (API ref: instance actions).
type Action struct {
	bun.BaseModel `bun:"table:server_actions,alias:a"`

	ServerID  string    `bun:"server_id,pk"`
	RequestID string    `bun:"request_id,pk"`
	Name      string    `bun:"action"`
	ProjectID string    `bun:"project_id"`
	UserID    string    `bun:"user_id"`
	Message   *string   `bun:"message"` // "Error" when it failed
	StartTime time.Time `bun:"start_time"`
	UpdatedAt time.Time `bun:"updated_at"`
	Events    []Event   `bun:"-"`
}

// Event is a step of an action on a host.
type Event struct {
	bun.BaseModel `bun:"table:server_action_events,alias:e"`

	ServerID   string    `bun:"server_id,pk"`
	RequestID  string    `bun:"request_id,pk"`
	Name       string    `bun:"event,pk"`
	Host       string    `bun:"host"`
	StartTime  time.Time `bun:"start_time"`
	FinishTime time.Time `bun:"finish_time,nullzero"`
	Result     *string   `bun:"result"`  // Success or Error
	Details    *string   `bun:"details"` // for administrators; see PublicDetails
}

// Results of events.
const (
	ResultSuccess = "Success"
	ResultError   = "Error"
)

// Names of events by action, as clients know them.
var eventNames = map[string]string{
	"create": "compute__do_build_and_run_instance",
	"delete": "compute_terminate_instance",
	"start":  "compute_start_instance",
	"stop":   "compute_stop_instance",
	"reboot": "compute_reboot_instance",

	"evacuate": "compute_rebuild_instance",

	"pause": "compute_pause_instance", "unpause": "compute_unpause_instance",
	"suspend": "compute_suspend_instance", "resume": "compute_resume_instance",
	"rescue": "compute_rescue_instance", "unrescue": "compute_unrescue_instance",
	"rebuild": "compute_rebuild_instance",
	"resize":  "compute_prep_resize", "confirmResize": "compute_confirm_resize", "revertResize": "compute_revert_resize",
	"createImage": "compute_snapshot_instance", "createBackup": "compute_backup_instance",
	"shelve": "compute_shelve_instance", "shelveOffload": "compute_shelve_offload_instance", "unshelve": "compute_unshelve_instance",
	"trigger_crash_dump": "compute_trigger_crash_dump",

	"attach_interface": "compute_attach_interface", "detach_interface": "compute_detach_interface",
}

// act records the beginning of an action on servers, with an event for each
// that has a host.
func (s *Service) act(ctx context.Context, tx *store.Tx, caller *policy.Caller, name string, servers ...*Server) error {
	return s.actWith(ctx, tx, caller, name, nil, servers...)
}

// actWith is act with further events of the action, whose request is filled in.
func (s *Service) actWith(ctx context.Context, tx *store.Tx, caller *policy.Caller, name string, events []Event, servers ...*Server) error {
	now := s.now()
	request := caller.RequestID
	if request == "" {
		request = "req-" + uuid.NewString()
	}
	actions := make([]Action, len(servers))
	for i := range events {
		events[i].RequestID = request
	}
	for i, server := range servers {
		actions[i] = Action{ServerID: server.ID, RequestID: request, Name: name, ProjectID: server.ProjectID, UserID: caller.UserID, StartTime: now, UpdatedAt: now}
		if event, ok := eventNames[name]; ok && server.Host != "" {
			events = append(events, Event{ServerID: server.ID, RequestID: request, Name: event, Host: server.Host, StartTime: now})
		}
	}
	if _, err := tx.NewInsert().Model(&actions).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("record the action: %w", err)
	}
	if len(events) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&events).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("record the action's event: %w", err)
	}
	return nil
}

// finish ends the open events of servers. A failure marks their actions too.
func (s *Service) finish(ctx context.Context, tx *store.Tx, ids []string, result, details string) error {
	if len(ids) == 0 {
		return nil
	}
	now := s.now()
	actions := tx.NewUpdate().Model((*Action)(nil)).Set("updated_at = ?", now).Where("server_id IN (?)", bun.List(ids)).
		Where("EXISTS (SELECT 1 FROM server_action_events e WHERE e.server_id = a.server_id AND e.request_id = a.request_id AND e.finish_time IS NULL)")
	if result == ResultError {
		actions = actions.Set("message = ?", "Error")
	}
	if _, err := actions.Exec(ctx); err != nil {
		return fmt.Errorf("date the action: %w", err)
	}
	q := tx.NewUpdate().Model((*Event)(nil)).Set("finish_time = ?, result = ?", now, result).
		Where("server_id IN (?) AND finish_time IS NULL", bun.List(ids))
	if details != "" {
		q = q.Set("details = ?", details)
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("finish events: %w", err)
	}
	return s.endEvacuations(ctx, tx, ids, result)
}

// finishRequest ends the open events of one action of a server, as finish does
// those of all.
func (s *Service) finishRequest(ctx context.Context, id, request, result, details string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now := s.now()
		action := tx.NewUpdate().Model((*Action)(nil)).Set("updated_at = ?", now).Where("server_id = ? AND request_id = ?", id, request)
		event := tx.NewUpdate().Model((*Event)(nil)).Set("finish_time = ?, result = ?", now, result).
			Where("server_id = ? AND request_id = ? AND finish_time IS NULL", id, request)
		if result == ResultError {
			action, event = action.Set("message = ?", "Error"), event.Set("details = ?", details)
		}
		if _, err := action.Exec(ctx); err != nil {
			return fmt.Errorf("date the action: %w", err)
		}
		if _, err := event.Exec(ctx); err != nil {
			return fmt.Errorf("finish the action's event: %w", err)
		}
		return nil
	})
}

// ActionFilter narrows ListActions.
type ActionFilter struct {
	Since, Before time.Time
	Marker        string // request id
	Limit         int
	Deleted       bool // those of deleted servers too
}

// ListActions lists what was done to a server, newest first, with events.
func (s *Service) ListActions(ctx context.Context, caller *policy.Caller, serverID string, f ActionFilter) ([]Action, error) {
	db := s.db.Read()
	if err := s.actionsOf(ctx, caller, serverID, f.Deleted); err != nil {
		return nil, err
	}
	var actions []Action
	q := db.NewSelect().Model(&actions).Where("a.server_id = ?", serverID).Order("a.start_time DESC", "a.request_id DESC")
	if !f.Since.IsZero() {
		q = q.Where("a.updated_at >= ?", f.Since.UTC())
	}
	if !f.Before.IsZero() {
		q = q.Where("a.updated_at <= ?", f.Before.UTC())
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	if f.Marker != "" {
		at := -1
		for i := range actions {
			if actions[i].RequestID == f.Marker {
				at = i
			}
		}
		if at < 0 {
			return nil, errs.New(errs.Invalid, "marker [%s] not found", f.Marker)
		}
		actions = actions[at+1:]
	}
	if f.Limit > 0 && len(actions) > f.Limit {
		actions = actions[:f.Limit]
	}
	return actions, nil
}

// GetAction returns one action with its events, by request id.
func (s *Service) GetAction(ctx context.Context, caller *policy.Caller, serverID, requestID string, deleted bool) (Action, error) {
	if err := s.actionsOf(ctx, caller, serverID, deleted); err != nil {
		return Action{}, err
	}
	var action Action
	err := s.db.Read().NewSelect().Model(&action).Where("a.server_id = ? AND a.request_id = ?", serverID, requestID).Scan(ctx)
	if err := one(err, "get action", "Action for request_id %s on instance %s not found", requestID, serverID); err != nil {
		return action, err
	}
	err = s.db.Read().NewSelect().Model(&action.Events).Where("e.server_id = ? AND e.request_id = ?", serverID, requestID).Order("e.start_time", "e.finish_time", "e.event").Scan(ctx)
	if err != nil {
		return action, fmt.Errorf("list events: %w", err)
	}
	return action, nil
}

// actionsOf tells whether the caller may see the actions of a server: its
// project's, of deleted servers too where the API says so.
func (s *Service) actionsOf(ctx context.Context, caller *policy.Caller, id string, deleted bool) error {
	var found string
	q := s.db.Read().NewSelect().TableExpr("servers").Column("id").Where("id = ?", id)
	if !caller.IsAdmin() {
		q = q.Where("project_id = ?", caller.ProjectID)
	}
	if !deleted {
		q = q.Where("deleted_at IS NULL")
	}
	return one(q.Scan(ctx, &found), "get server", "Instance %s could not be found.", id)
}

// HostID is a host as users see it: the same for one project, telling nothing.
func HostID(project, host string) string {
	if host == "" {
		return ""
	}
	sum := sha256.Sum224([]byte(project + host))
	return hex.EncodeToString(sum[:])
}
