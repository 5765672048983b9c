package compute

import (
	"context"
	"slices"

	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// groupNamed finds a security group of the caller's project by name or id:
// NotFound, or Conflict where several have the name.
func (s *Service) groupNamed(ctx context.Context, caller *policy.Caller, name string) (string, error) {
	groups, err := s.network.SecurityGroups(ctx, caller, store.List{Filters: map[string][]string{"project_id": {caller.ProjectID}}})
	if err != nil {
		return "", err
	}
	var found []string
	for _, g := range groups {
		if g.ID == name {
			return g.ID, nil
		}
		if g.Name == name {
			found = append(found, g.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", errs.New(errs.NotFound, "Security group %s is not found for project %s", name, caller.ProjectID)
	case 1:
		return found[0], nil
	}
	return "", errs.New(errs.Conflict, "Multiple security_group matches found for name '%s', use an ID to be more specific.", name)
}

// memberPorts returns the id of a group and the ports of a server.
func (s *Service) memberPorts(ctx context.Context, caller *policy.Caller, serverID, name string) (group string, ports []network.Port, err error) {
	server, err := s.GetServer(ctx, caller, serverID, Load{})
	if err != nil {
		return "", nil, err
	}
	if group, err = s.groupNamed(ctx, caller, name); err != nil {
		return "", nil, err
	}
	ports, err = s.network.Ports(ctx, caller, store.List{Filters: map[string][]string{"device_id": {server.ID}}})
	if err == nil && len(ports) == 0 {
		err = errs.New(errs.NotFound, "instance_id %s could not be found as device id on any ports", server.ID)
	}
	return group, ports, err
}

// AddSecurityGroup puts all ports of a server into a group, named or by id. A
// port that cannot be in one is Invalid, and none is changed then.
func (s *Service) AddSecurityGroup(ctx context.Context, caller *policy.Caller, serverID, name string) error {
	group, ports, err := s.memberPorts(ctx, caller, serverID, name)
	if err != nil {
		return err
	}
	for i := range ports {
		if !ports[i].PortSecurityEnabled || len(ports[i].FixedIPs) == 0 {
			return errs.New(errs.Invalid, "Network requires port_security_enabled and subnet associated in order to apply security groups.")
		}
	}
	var others []string
	for i := range ports {
		if !slices.Contains(ports[i].SecurityGroups, group) {
			others = append(others, ports[i].ID)
		}
	}
	return s.setPortGroups(ctx, caller, others, func(groups []string) []string {
		return append(slices.DeleteFunc(groups, func(id string) bool { return id == group }), group)
	})
}

// RemoveSecurityGroup takes the ports of a server out of a group; when none is
// in it, that is NotFound.
func (s *Service) RemoveSecurityGroup(ctx context.Context, caller *policy.Caller, serverID, name string) error {
	group, ports, err := s.memberPorts(ctx, caller, serverID, name)
	if err != nil {
		return err
	}
	var members []string
	for i := range ports {
		if slices.Contains(ports[i].SecurityGroups, group) {
			members = append(members, ports[i].ID)
		}
	}
	if len(members) == 0 {
		return errs.New(errs.NotFound, "Security group %s not associated with the instance %s", name, serverID)
	}
	return s.setPortGroups(ctx, caller, members, func(groups []string) []string {
		return slices.DeleteFunc(groups, func(id string) bool { return id == group })
	})
}

// setPortGroups gives ports other groups, by those that they are in; all or
// none of them.
func (s *Service) setPortGroups(ctx context.Context, caller *policy.Caller, ports []string, groups func(now []string) []string) error {
	if len(ports) == 0 {
		return nil
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return s.network.UpdatePortsTx(ctx, tx, caller, ports, func(p *network.Port) network.PortSpec {
			return network.PortSpec{SecurityGroups: network.Some(groups(slices.Clone(p.SecurityGroups)))}
		})
	})
}
