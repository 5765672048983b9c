package compute

import (
	"context"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
)

// powerStates are Nova's words for the power states.
var powerStates = map[int64]string{PowerNoState: "pending", PowerRunning: "running", PowerPaused: "paused", PowerShutdown: "shutdown", PowerCrashed: "crashed"}

// Diagnostics is what a running server has used, with the server, whose ports
// are loaded.
type Diagnostics struct {
	Server Server
	Stats  nodeapi.Stats
}

// Diagnose asks the host of a running server what the server has used. One
// that does not run is a Conflict.
func (s *Service) Diagnose(ctx context.Context, caller *policy.Caller, id string) (Diagnostics, error) {
	server, err := getServer(ctx, s.db.Read(), caller, id)
	if err != nil {
		return Diagnostics{}, err
	}
	if server.Host == "" {
		return Diagnostics{}, errs.New(errs.Conflict, "Instance %s is not ready", id)
	}
	if server.PowerState != PowerRunning {
		return Diagnostics{}, errs.New(errs.Conflict, "Cannot 'get_diagnostics' instance %s while it is in power state %s", id, powerStates[server.PowerState])
	}
	servers := []Server{server}
	if err := s.fill(ctx, s.db.Read(), servers, Load{Ports: true}); err != nil {
		return Diagnostics{}, err
	}
	found := Diagnostics{Server: servers[0]}
	err = s.nodes.Call(ctx, server.Host, nodeapi.CallStats, nodeapi.StatsParams{InstanceID: id}, &found.Stats)
	switch {
	case errs.Is(err, errs.NotFound), errs.Is(err, errs.Unavailable), errs.Is(err, errs.Conflict):
		return Diagnostics{}, errs.Wrap(err, errs.Conflict, "Instance %s is not ready", id)
	case errs.Is(err, errs.NotImplemented):
		return Diagnostics{}, errs.Wrap(err, errs.NotImplemented, "The requested functionality is not supported.")
	case err != nil:
		return Diagnostics{}, fmt.Errorf("get diagnostics: %w", err)
	}
	return found, nil
}
