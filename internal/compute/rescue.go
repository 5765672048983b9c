package compute

import (
	"context"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Rescue boots a server from another image, or anew from its own when none is
// named, with its disks beside it. It returns the administrator's password,
// made where none is given.
func (s *Service) Rescue(ctx context.Context, caller *policy.Caller, id, imageID, pass string) (string, error) {
	if pass == "" {
		pass = random(12)
	}
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("rescue", server, []string{StateActive, StateStopped, StateError}, []string{TaskNone}); err != nil {
			return nil, err
		}
		if server.LaunchedAt.IsZero() || server.Rescue != nil {
			return nil, refuseState("rescue", server, "vm_state") // it has no disks to look at, or is at it
		}
		rescue := server.Image
		if imageID != "" {
			img, err := s.images.GetTx(ctx, tx, caller, imageID)
			if err != nil {
				return nil, asInvalid(err, "Image %s could not be found.", imageID)
			}
			flavor := Flavor{RootGiB: server.Size.RootGiB, MemoryMiB: server.Size.MemoryMiB}
			if err := checkImage(img, flavor, true); err != nil {
				return nil, err
			}
			if err := verified(img); err != nil {
				return nil, err
			}
			rescue = nodeImage(img)
		}
		// A machine with a kernel of its own goes on booting that.
		rescue.Kernel, rescue.Ramdisk = nil, nil
		server.Rescue = &nodeapi.Rescue{Image: rescue}
		server.TaskState = TaskRescuing
		if server.ConfigDrive {
			server.AdminPass = pass
		}
		s.again(server, server.VMState == StateActive)
		tx.Signal(HostTopic(server.Host))
		return append([]string{"rescue", "admin_pass"}, powerColumns...), s.act(ctx, tx, caller, "rescue", server)
	})
	return pass, err
}

// again asks for a new process of the server's machine, gently when a guest
// runs that can shut down.
func (s *Service) again(server *Server, gently bool) {
	server.Power = nodeapi.PowerRunning
	if gently {
		server.ResetGeneration++
	} else {
		server.BootGeneration++
	}
}

// Unrescue boots a rescued server from its own disk again; also one whose
// rescue failed.
func (s *Service) Unrescue(ctx context.Context, caller *policy.Caller, id string) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		states := []string{StateRescued}
		if server.Rescue != nil {
			states = append(states, StateError)
		}
		if err := demandState("unrescue", server, states, []string{TaskNone}); err != nil {
			return nil, err
		}
		if server.Rescue == nil {
			return nil, errs.New(errs.Conflict, "Instance %s is not in rescue mode", id)
		}
		server.Rescue, server.TaskState = nil, TaskUnrescuing
		s.again(server, false) // what runs is the rescue, which nobody needs any more
		tx.Signal(HostTopic(server.Host))
		return append([]string{"rescue"}, powerColumns...), s.act(ctx, tx, caller, "unrescue", server)
	})
}
