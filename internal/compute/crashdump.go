package compute

import (
	"context"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// TriggerCrashDump interrupts the guest of a server, which dumps its memory if
// it is set up to (API ref: trigger crash dump). The host is called: an
// interrupt that came late, when the host is back, would hit a guest that
// nobody meant. One that is not delivered is a Conflict, and the action of the
// server says why; Invalid where the machine has no such interrupts. Neither
// the state nor the task of the server changes: what the guest makes of it is
// its own affair.
func (s *Service) TriggerCrashDump(ctx context.Context, caller *policy.Caller, id string) error {
	const action = "trigger_crash_dump"
	asking := *caller
	if asking.RequestID == "" {
		asking.RequestID = "req-" + uuid.NewString()
	}
	server, err := s.change(ctx, &asking, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState(action, server, []string{StateActive, StatePaused, StateRescued, StateResized, StateError}, []string{TaskNone}); err != nil {
			return nil, err
		}
		if server.LaunchedAt.IsZero() {
			return nil, errs.New(errs.Conflict, "Cannot '%s' instance %s while it is in launched_at None", action, id)
		}
		return nil, s.act(ctx, tx, &asking, action, server)
	})
	if err != nil {
		return err
	}
	called := s.nodes.Call(ctx, server.Host, nodeapi.CallInterrupt, nodeapi.InterruptParams{InstanceID: id}, nil)
	ctx = context.WithoutCancel(ctx) // who asked may be gone; what was done is recorded all the same
	if called == nil {
		return s.finishRequest(ctx, id, asking.RequestID, ResultSuccess, "")
	}
	if err := s.finishRequest(ctx, id, asking.RequestID, ResultError, called.Error()); err != nil {
		return err
	}
	if errs.Is(called, errs.NotImplemented) {
		return errs.Wrap(called, errs.Invalid, "Triggering crash dump is not supported")
	}
	if errs.Is(called, errs.NotFound) || errs.Is(called, errs.Conflict) {
		return errs.Wrap(called, errs.Conflict, "Instance %s is not running.", id)
	}
	return errs.Wrap(called, errs.Conflict, "The interrupt could not be delivered to instance %s: its host does not answer. Try again when it does.", id)
}
