package compute

import (
	"context"

	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// hold asks for another power state of a server whose machine stays as it is.
func (s *Service) hold(ctx context.Context, caller *policy.Caller, id, action, from, task, power string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState(action, server, []string{from}, []string{TaskNone}); err != nil {
			return nil, err
		}
		server.Power, server.TaskState = power, task
		tx.Signal(HostTopic(server.Host))
		return powerColumns, s.act(ctx, tx, caller, action, server)
	})
}

// Pause stops the processors of a server; its memory stays in place.
func (s *Service) Pause(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.hold(ctx, caller, id, "pause", StateActive, TaskPausing, nodeapi.PowerPaused)
}

// Unpause lets a paused server go on.
func (s *Service) Unpause(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.hold(ctx, caller, id, "unpause", StatePaused, TaskUnpausing, nodeapi.PowerRunning)
}

// Suspend puts the memory of a server on its host's disk.
func (s *Service) Suspend(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.hold(ctx, caller, id, "suspend", StateActive, TaskSuspending, nodeapi.PowerSuspended)
}

// Resume lets a suspended server go on where it was.
func (s *Service) Resume(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.hold(ctx, caller, id, "resume", StateSuspended, TaskResuming, nodeapi.PowerRunning)
}
