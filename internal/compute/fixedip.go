package compute

import (
	"context"
	"fmt"
	"slices"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// AddFixedIP gives a server one more address in a network that it has a port
// in, from the first subnet there that has one (API ref: Add fixed IP, up to
// 2.43). Invalid is a network without a subnet or a port of the server, and
// one without free addresses.
func (s *Service) AddFixedIP(ctx context.Context, caller *policy.Caller, id, networkID string) error {
	subnets, err := s.network.Subnets(ctx, caller, store.List{Filters: map[string][]string{"network_id": {networkID}}})
	if err != nil {
		return fmt.Errorf("list subnets: %w", err)
	}
	if len(subnets) == 0 {
		subnets = []network.Subnet{{}} // the server's own refusals come first
	}
	for _, subnet := range subnets {
		if err = s.addAddress(ctx, caller, id, networkID, subnet.ID); !noAddress(err) {
			return err
		}
	}
	return errs.Wrap(err, errs.Invalid, "No fixed IP addresses available for network: %s", networkID)
}

// addAddress gives a server an address of a subnet.
func (s *Service) addAddress(ctx context.Context, caller *policy.Caller, id, networkID, subnetID string) error {
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		ports, err := s.network.DevicePorts(ctx, tx, []string{id})
		if err != nil {
			return nil, fmt.Errorf("list ports: %w", err)
		}
		at := slices.IndexFunc(ports[id], func(p network.PluggedPort) bool { return p.NetworkID == networkID })
		if at < 0 || subnetID == "" {
			return nil, errs.New(errs.Invalid, "Network could not be found for instance %s.", id)
		}
		return []string{"updated_at"}, s.setAddresses(ctx, tx, caller, server, ports[id][at].PortID, func(now []network.FixedIPSpec) []network.FixedIPSpec {
			return append(now, network.FixedIPSpec{SubnetID: subnetID})
		})
	})
	return err
}

// RemoveFixedIP takes an address from a server; one that it does not have is
// Invalid.
func (s *Service) RemoveFixedIP(ctx context.Context, caller *policy.Caller, id, address string) error {
	_, err := s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		ports, err := s.network.DevicePorts(ctx, tx, []string{id})
		if err != nil {
			return nil, fmt.Errorf("list ports: %w", err)
		}
		at := slices.IndexFunc(ports[id], func(p network.PluggedPort) bool {
			return slices.ContainsFunc(p.FixedIPs, func(ip network.PluggedIP) bool { return ip.Address.String() == canonical(address) })
		})
		if at < 0 {
			return nil, errs.New(errs.Invalid, "Instance %s doesn't have fixed IP '%s'.", id, address)
		}
		return []string{"updated_at"}, s.setAddresses(ctx, tx, caller, server, ports[id][at].PortID, func(now []network.FixedIPSpec) []network.FixedIPSpec {
			return slices.DeleteFunc(now, func(ip network.FixedIPSpec) bool { return ip.Address == canonical(address) })
		})
	})
	return err
}

// setAddresses gives a server's port other addresses, by those that it has.
func (s *Service) setAddresses(ctx context.Context, tx *store.Tx, caller *policy.Caller, server *Server, port string, fn func(now []network.FixedIPSpec) []network.FixedIPSpec) error {
	err := s.network.UpdatePortsTx(ctx, tx, caller, []string{port}, func(p *network.Port) network.PortSpec {
		var now []network.FixedIPSpec
		for _, ip := range p.FixedIPs {
			now = append(now, network.FixedIPSpec{SubnetID: ip.SubnetID, Address: ip.Address})
		}
		return network.PortSpec{FixedIPs: network.Some(fn(now))}
	})
	if err == nil && server.Host != "" {
		tx.Signal(HostTopic(server.Host))
	}
	return err
}

// noAddress tells whether a subnet had no address left.
func noAddress(err error) bool {
	public, ok := asPublic(err)
	return ok && public.Type == "IpAddressGenerationFailure"
}
