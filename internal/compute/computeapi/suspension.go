package computeapi

import (
	"context"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/policy"
)

// plainAction is an action whose body says nothing.
func plainAction(rule string, run func(f *face) func(ctx context.Context, caller *policy.Caller, id string) (compute.Server, error)) action {
	return action{base + rule, free, func(f *face, r *api.Request, _ []byte) (any, error) {
		_, err := run(f)(r.Context(), r.Caller, r.Param("id"))
		return nil, err
	}}
}

type plainRun = func(ctx context.Context, caller *policy.Caller, id string) (compute.Server, error)

var (
	pauseAction   = plainAction("os-pause-server:pause", func(f *face) plainRun { return f.svc.Pause })
	unpauseAction = plainAction("os-pause-server:unpause", func(f *face) plainRun { return f.svc.Unpause })
	suspendAction = plainAction("os-suspend-server:suspend", func(f *face) plainRun { return f.svc.Suspend })
	resumeAction  = plainAction("os-suspend-server:resume", func(f *face) plainRun { return f.svc.Resume })
)
