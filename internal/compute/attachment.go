package compute

import (
	"context"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// attachable are the states of servers whose interfaces can be changed.
var attachable = []string{StateActive, StatePaused, StateStopped}

// AttachInterface gives a server one more port, or with an empty request one on
// its project's only network. The guest sees it at once where its machine can
// be plugged while it runs, else from its next start on.
func (s *Service) AttachInterface(ctx context.Context, caller *policy.Caller, id string, request network.PortRequest) (network.PluggedPort, error) {
	var added network.PluggedPort
	var project string
	if err := s.db.Read().NewSelect().TableExpr("servers").Column("project_id").Where("id = ?", id).Scan(ctx, &project); err != nil {
		return added, one(err, "get server", "Instance %s could not be found.", id)
	}
	wanted := network.PlugRequest{DeviceID: id, ProjectID: project}
	if request != (network.PortRequest{}) {
		wanted.Requests = []network.PortRequest{request}
	}
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("attach_interface", server, attachable, []string{TaskNone}); err != nil {
			return nil, err
		}
		list := []Server{*server}
		if err := s.fill(ctx, tx, list, Load{Ports: true}); err != nil {
			return nil, err
		}
		had := map[string]bool{}
		for _, port := range list[0].Ports {
			had[port.PortID] = true
			wanted.FirstNIC = max(wanted.FirstNIC, port.Order+1)
		}
		wanted.DeviceOwner, wanted.Host, wanted.AvailabilityZone, wanted.DNSName = "compute:"+server.Zone, server.Host, server.Zone, server.Hostname
		ports, err := s.network.PlugTx(ctx, tx, caller, wanted)
		if err != nil {
			return nil, asAttachError(err)
		}
		for _, port := range ports {
			if !had[port.PortID] {
				added = port
			}
		}
		if added.PortID == "" {
			return nil, errs.New(errs.Invalid, "No network is available to attach to instance %s.", id)
		}
		if server.PowerState == PowerRunning || server.PowerState == PowerPaused {
			if err := s.network.PortsActive(ctx, tx, []string{added.PortID}, nil); err != nil {
				return nil, fmt.Errorf("record the port's status: %w", err)
			}
			added.Status = "ACTIVE"
		}
		if err := s.act(ctx, tx, caller, "attach_interface", server); err != nil {
			return nil, err
		}
		tx.Signal(HostTopic(server.Host))
		return []string{"updated_at"}, s.finish(ctx, tx, []string{id}, ResultSuccess, "")
	}, network.PlugLocks(wanted)...)
	return added, err
}

// asAttachError gives what the network slice refuses the status that Nova gives
// it: a port that is not there is 404, and several networks are a bad request.
func asAttachError(err error) error {
	if public, ok := asPublic(err); ok && public.Type == "NetworkAmbiguous" {
		return errs.Wrap(err, errs.Invalid, "%s", public.Message)
	}
	return fmt.Errorf("plug the port: %w", err)
}

// DetachInterface takes a port from a server; one that was made for it is
// deleted.
func (s *Service) DetachInterface(ctx context.Context, caller *policy.Caller, id, portID string) error {
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := demandState("detach_interface", server, attachable, []string{TaskNone}); err != nil {
			return nil, err
		}
		if err := s.network.UnplugPortTx(ctx, tx, id, portID); err != nil {
			if errs.Is(err, errs.NotFound) {
				return nil, errs.Wrap(err, errs.NotFound, "Port id %s could not be found.", portID)
			}
			return nil, fmt.Errorf("unplug the port: %w", err)
		}
		if err := s.act(ctx, tx, caller, "detach_interface", server); err != nil {
			return nil, err
		}
		tx.Signal(HostTopic(server.Host))
		return []string{"updated_at"}, s.finish(ctx, tx, []string{id}, ResultSuccess, "")
	})
	return err
}
