package compute

import (
	"context"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// FloatingIP is a floating IP as the Compute API shows it (API ref: Floating
// IPs, up to 2.35).
type FloatingIP struct {
	network.FloatingIP

	Pool     string // the name of the external network, or its id where it has none
	ServerID string // of the device that has it; empty when there is none
}

// FloatingPools lists the networks that floating IPs come from.
func (s *Service) FloatingPools(ctx context.Context, caller *policy.Caller) ([]network.Network, error) {
	return s.network.Networks(ctx, caller, store.List{Filters: map[string][]string{"router:external": {"true"}}})
}

// poolName is what a pool is called.
func poolName(n *network.Network) string {
	if n.Name != "" {
		return n.Name
	}
	return n.ID
}

// floatingPool finds a pool by its id or name. Without either it is the default
// external network, or the only one.
func (s *Service) floatingPool(ctx context.Context, caller *policy.Caller, pool string) (network.Network, error) {
	all, err := s.FloatingPools(ctx, caller)
	if err != nil {
		return network.Network{}, err
	}
	var found []network.Network
	for _, n := range all {
		switch {
		case pool == "" && n.IsDefault:
			return n, nil
		case pool == "", uuid.Validate(pool) == nil && n.ID == pool, n.Name == pool:
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return network.Network{}, errs.New(errs.NotFound, "Floating IP pool not found.")
	case pool == "":
		return network.Network{}, errs.New(errs.Invalid, "There are %d floating IP pools, and none of them is the default: name one.", len(found))
	}
	return network.Network{}, errs.New(errs.Conflict, "Multiple floating IP pools matches found for name '%s'", pool)
}

// floating adds pools and servers to floating IPs, in one query.
func (s *Service) floating(ctx context.Context, caller *policy.Caller, list []network.FloatingIP) ([]FloatingIP, error) {
	views := make([]FloatingIP, len(list))
	if len(list) == 0 {
		return views, nil
	}
	pools, err := s.FloatingPools(ctx, caller)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i := range pools {
		names[pools[i].ID] = poolName(&pools[i])
	}
	for i, one := range list {
		views[i] = FloatingIP{FloatingIP: one, Pool: names[one.NetworkID]}
		if views[i].Pool == "" {
			views[i].Pool = one.NetworkID
		}
		if one.Port != nil {
			views[i].ServerID = one.Port.DeviceID
		}
	}
	return views, nil
}

// ListFloatingIPs lists the floating IPs of the caller's project.
func (s *Service) ListFloatingIPs(ctx context.Context, caller *policy.Caller) ([]FloatingIP, error) {
	list, err := s.network.FloatingIPs(ctx, caller, store.List{Filters: map[string][]string{"project_id": {caller.ProjectID}}})
	if err != nil {
		return nil, err
	}
	return s.floating(ctx, caller, list)
}

// GetFloatingIP returns a floating IP by its id, or NotFound.
func (s *Service) GetFloatingIP(ctx context.Context, caller *policy.Caller, id string) (FloatingIP, error) {
	found, err := s.network.FloatingIP(ctx, caller, id)
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.NotFound, "Floating IP not found for ID %s", id)
	}
	if err != nil {
		return FloatingIP{}, err
	}
	views, err := s.floating(ctx, caller, []network.FloatingIP{*found})
	if err != nil {
		return FloatingIP{}, err
	}
	return views[0], nil
}

// AllocateFloatingIP takes an address of a pool, named or by id; "" is the
// default pool. A pool that is not there or has no address left is NotFound.
func (s *Service) AllocateFloatingIP(ctx context.Context, caller *policy.Caller, pool string) (FloatingIP, error) {
	from, err := s.floatingPool(ctx, caller, pool)
	if err != nil {
		return FloatingIP{}, err
	}
	made, err := s.network.CreateFloatingIPs(ctx, caller, []network.FloatingIPSpec{{NetworkID: network.Some(from.ID)}})
	switch {
	case errs.Is(err, errs.OverQuota):
		err = errs.Wrap(err, errs.OverQuota, "IP allocation over quota in pool %s.", poolName(&from))
	case errs.Is(err, errs.Conflict):
		err = errs.Wrap(err, errs.NotFound, "No more floating IPs in pool %s.", poolName(&from))
	}
	if err != nil {
		return FloatingIP{}, err
	}
	views, err := s.floating(ctx, caller, made)
	if err != nil {
		return FloatingIP{}, err
	}
	return views[0], nil
}

// ReleaseFloatingIP gives an address back, whatever it stood for.
func (s *Service) ReleaseFloatingIP(ctx context.Context, caller *policy.Caller, id string) error {
	err := s.network.DeleteFloatingIP(ctx, caller, id, nil)
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.NotFound, "Floating IP not found for ID %s", id)
	}
	return err
}

// byAddress finds a floating IP that the caller sees by its address.
func (s *Service) byAddress(ctx context.Context, caller *policy.Caller, address string) (network.FloatingIP, error) {
	found, err := s.network.FloatingIPs(ctx, caller, store.List{Filters: map[string][]string{"floating_ip_address": {address}}})
	switch {
	case err != nil:
		return network.FloatingIP{}, err
	case len(found) == 0:
		return network.FloatingIP{}, errs.New(errs.NotFound, "floating IP not found")
	case len(found) > 1:
		return network.FloatingIP{}, errs.New(errs.Conflict, "Multiple floating IPs are found for address %s.", address)
	}
	return found[0], nil
}

// AddFloatingIP makes a floating IP stand for one of a server's IPv4
// addresses: the one that is given, or its first. One that stood for another
// moves. Addresses that do not fit are Invalid.
func (s *Service) AddFloatingIP(ctx context.Context, caller *policy.Caller, serverID, address, fixed string) error {
	server, err := s.GetServer(ctx, caller, serverID, Load{Ports: true})
	if err != nil {
		return err
	}
	port, chosen, err := server.fixedFor(address, fixed)
	if err != nil {
		return err
	}
	found, err := s.byAddress(ctx, caller, address)
	if err != nil {
		return err
	}
	_, err = s.network.UpdateFloatingIP(ctx, caller, found.ID, network.FloatingIPSpec{PortID: network.Some(port), FixedAddress: network.Some(chosen)}, nil)
	if public, ok := asPublic(err); ok && (public.Kind == errs.Conflict || public.Kind == errs.NotFound) {
		err = errs.Wrap(err, errs.Invalid, "Unable to associate floating IP %s to fixed IP %s for instance %s. Error: %s", address, chosen, server.ID, public.Message)
	}
	return err
}

// fixedFor finds the port and address of a server that a floating IP is for.
func (s *Server) fixedFor(floating, wanted string) (port, address string, err error) {
	some := false
	for i := range s.Ports {
		for _, fixed := range s.Ports[i].FixedIPs {
			some = true
			if wanted == fixed.Address.String() || wanted == "" && fixed.Address.Is4() {
				return s.Ports[i].PortID, fixed.Address.String(), nil
			}
		}
	}
	switch {
	case !some:
		return "", "", errs.New(errs.Invalid, "No fixed IPs associated to instance")
	case wanted != "":
		return "", "", errs.New(errs.Invalid, "Specified fixed address not assigned to instance")
	}
	return "", "", errs.New(errs.Invalid, "Unable to associate floating IP %s to any fixed IPs for instance %s. Instance has no fixed IPv4 addresses to associate.", floating, s.ID)
}

// RemoveFloatingIP takes a floating IP off a server; one that is not there is
// a Conflict.
func (s *Service) RemoveFloatingIP(ctx context.Context, caller *policy.Caller, serverID, address string) error {
	found, err := s.byAddress(ctx, caller, address)
	if err != nil {
		return err
	}
	server, err := s.GetServer(ctx, caller, serverID, Load{})
	if err != nil {
		return err
	}
	if found.Port == nil || found.Port.DeviceID != server.ID {
		return errs.New(errs.Conflict, "Floating IP %s is not associated with instance %s.", address, serverID)
	}
	_, err = s.network.UpdateFloatingIP(ctx, caller, found.ID, network.FloatingIPSpec{PortID: network.Some("")}, nil)
	return err
}
