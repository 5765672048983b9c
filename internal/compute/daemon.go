package compute

import (
	"context"
	"fmt"
)

// InternalZone is the availability zone of what is not a host for servers.
const InternalZone = "internal"

// Daemon is one of the services that Nova would run on a host. A server of the
// cloud is conductor and scheduler in one, a host is the compute service.
type Daemon struct {
	Host, Binary, Zone string
	Disabled           bool
}

// ListDaemons lists what runs where: the servers of the cloud first, by name.
func (s *Service) ListDaemons(ctx context.Context) ([]Daemon, error) {
	list := []Daemon{}
	if s.config.Servers != nil {
		names, err := s.config.Servers(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the cloud's servers: %w", err)
		}
		for _, name := range names {
			for _, binary := range []string{"nova-conductor", "nova-scheduler"} {
				list = append(list, Daemon{Host: name, Binary: binary, Zone: InternalZone})
			}
		}
	}
	hosts, err := s.ListHosts(ctx, HostFilter{})
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		list = append(list, Daemon{Host: h.Name, Binary: Binary, Zone: h.Zone, Disabled: h.Disabled})
	}
	return list, nil
}

// ProjectUse is what the servers of a project on one host are.
type ProjectUse struct {
	ProjectID string `bun:"project_id"`
	VCPUs     int64  `bun:"vcpus"`
	MemoryMiB int64  `bun:"memory"`
	DiskGiB   int64  `bun:"disk"`
}

// HostUse returns a host by its name with what its servers are, by project, or
// NotFound.
func (s *Service) HostUse(ctx context.Context, name string) (Host, []ProjectUse, error) {
	hosts, err := s.ListHosts(ctx, HostFilter{Name: name, Load: true})
	if err != nil {
		return Host{}, nil, err
	}
	if len(hosts) == 0 {
		return Host{}, nil, hostNotFound(name)
	}
	var projects []ProjectUse
	err = s.db.Read().NewSelect().TableExpr("servers").Column("project_id").ColumnExpr("CAST(SUM(vcpus) AS BIGINT) AS vcpus").
		ColumnExpr("CAST(SUM(memory_mb) AS BIGINT) AS memory").ColumnExpr("CAST(SUM(disk_gb) AS BIGINT) AS disk").
		Where("host = ? AND deleted_at IS NULL", name).GroupExpr("project_id").OrderExpr("project_id").Scan(ctx, &projects)
	if err != nil {
		return Host{}, nil, fmt.Errorf("sum what projects hold on a host: %w", err)
	}
	return hosts[0], projects, nil
}
