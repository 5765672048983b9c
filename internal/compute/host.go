package compute

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/store"
)

// Binary is what the services list calls the part that runs servers.
const Binary = "nova-compute"

// Host is a machine that runs servers: the service of os-services and the
// hypervisor of os-hypervisors in one. Its name is what its node calls itself.
type Host struct {
	bun.BaseModel `bun:"table:compute_hosts,alias:h"`

	ID             string            `bun:"id,pk"` // of the hypervisor, and of its resource provider
	ServiceID      string            `bun:"service_id"`
	Number         int64             `bun:"number"` // both ids before 2.53
	Name           string            `bun:"host"`
	Zone           string            `bun:"zone"`
	Version        string            `bun:"version"` // of wisp there
	Address        string            `bun:"address"`
	Endpoint       string            `bun:"endpoint"` // of tunnels; may be empty
	API            string            `bun:"api"`      // where the host answers the APIs; empty when it does not
	Capacity       nodeapi.Capacity  `bun:"capacity,type:text"`
	Physical       []string          `bun:"physical,type:text"`
	Mappings       map[string]string `bun:"mappings,type:text"` // interfaces by physical network
	Findings       []nodeapi.Finding `bun:"findings,type:text"` // of the machine
	BootedAt       time.Time         `bun:"booted_at,nullzero"` // the machine
	Connected      bool              `bun:"connected"`
	Session        string            `bun:"session"` // of the newest hello
	DisconnectedAt time.Time         `bun:"disconnected_at,nullzero"`
	Disabled       bool              `bun:"disabled"`
	DisabledReason *string           `bun:"disabled_reason"`
	ForcedDown     bool              `bun:"forced_down"`
	MemoryUsedMiB  int64             `bun:"memory_used_mib"`
	DiskUsedGiB    int64             `bun:"disk_used_gib"`
	Load           float64           `bun:"load_average"`
	StartedAt      time.Time         `bun:"started_at,nullzero"`
	LastSeenAt     time.Time         `bun:"last_seen_at,nullzero"`
	CreatedAt      time.Time         `bun:"created_at"`
	UpdatedAt      time.Time         `bun:"updated_at"`

	// Up says that the node has been heard of lately, and that nobody forced
	// it down.
	Up bool `bun:"-"`
	// What the servers there hold, when asked for.
	VCPUsUsed, MemoryHeldMiB, DiskHeldGiB, Running int64        `bun:"-"`
	Servers                                        []HostServer `bun:"-"`
}

// HostServer is a server on a host, in short.
type HostServer struct {
	ID, Name string
}

// HostFilter narrows ListHosts; empty fields match all.
type HostFilter struct {
	Name    string // exact
	ID      string // of the hypervisor, or its number
	Service string // id of the service, or its number
	Pattern string // part of the name
	Marker  string // hypervisor id
	Limit   int
	Load    bool // fill what servers hold
	Servers bool // fill Servers
}

// up looks at the last sign of life alone: whatever died (the node, the
// machine, or the server that held the session), none comes any more. A node
// whose session has ended is up for a while: a server that is created meanwhile
// waits rather than fails.
func (s *Service) up(h *Host, now time.Time) bool {
	return !h.ForcedDown && now.Sub(h.LastSeenAt) < s.config.Down
}

// lost tells whether a host counts as one that does not come back: what runs
// there is given up. One that is only disconnected may still run everything,
// so nothing of its servers may be given to others. A service that has just
// started, or could not look for a while, has heard of nobody yet, and waits as
// long as for a silent host.
func (s *Service) lost(h *Host, now time.Time) bool {
	return h.ForcedDown || s.silent(h, now)
}

func (s *Service) silent(h *Host, now time.Time) bool {
	return now.Sub(h.LastSeenAt) >= s.config.Lost && now.Sub(s.watch.since()) >= s.config.Lost
}

// ListHosts lists hosts in the order in which they first came.
func (s *Service) ListHosts(ctx context.Context, filter HostFilter) ([]Host, error) {
	db := s.db.Read()
	var hosts []Host
	q := db.NewSelect().Model(&hosts).Order("number")
	if filter.Name != "" {
		q = q.Where("h.host = ?", filter.Name)
	}
	if filter.ID != "" {
		q = q.Where("(h.id = ? OR CAST(h.number AS TEXT) = ?)", filter.ID, filter.ID)
	}
	if filter.Service != "" {
		q = q.Where("(h.service_id = ? OR CAST(h.number AS TEXT) = ?)", filter.Service, filter.Service)
	}
	if filter.Pattern != "" {
		q = q.Where(`h.host LIKE ? ESCAPE '\'`, "%"+likeEscape(filter.Pattern)+"%")
	}
	if filter.Marker != "" {
		found, err := s.ListHosts(ctx, HostFilter{ID: filter.Marker})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, errs.New(errs.Invalid, "marker [%s] not found", filter.Marker)
		}
		q = q.Where("h.number > ?", found[0].Number)
	}
	if filter.Limit > 0 {
		q = q.Limit(int64(filter.Limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	now := s.now()
	index := map[string]*Host{}
	names := make([]string, len(hosts))
	for i := range hosts {
		hosts[i].Up = s.up(&hosts[i], now)
		names[i] = hosts[i].Name
		index[names[i]] = &hosts[i]
	}
	if len(hosts) == 0 {
		return hosts, nil
	}
	if filter.Load {
		if err := loadHeld(ctx, db, names, index); err != nil {
			return nil, err
		}
	}
	if filter.Servers {
		var rows []struct{ Host, ID, Name string }
		err := db.NewSelect().TableExpr("servers").Column("host", "id", "name").Where("host IN (?) AND deleted_at IS NULL", bun.List(names)).
			OrderExpr("created_at, id").Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("list servers of hosts: %w", err)
		}
		for _, row := range rows {
			index[row.Host].Servers = append(index[row.Host].Servers, HostServer{ID: row.ID, Name: row.Name})
		}
	}
	return hosts, nil
}

func loadHeld(ctx context.Context, db bun.IDB, names []string, index map[string]*Host) error {
	var rows []struct {
		Host     string `bun:"host"`
		VCPUs    int64  `bun:"vcpus"`
		Memory   int64  `bun:"memory"`
		Disk     int64  `bun:"disk"`
		Machines int64  `bun:"machines"`
	}
	err := db.NewSelect().TableExpr("servers").ColumnExpr("host").ColumnExpr("CAST(SUM(vcpus) AS BIGINT) AS vcpus").
		ColumnExpr("CAST(SUM(memory_mb) AS BIGINT) AS memory").ColumnExpr("CAST(SUM(disk_gb) AS BIGINT) AS disk").ColumnExpr("COUNT(*) AS machines").
		Where("host IN (?) AND deleted_at IS NULL", bun.List(names)).GroupExpr("host").Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("sum what servers hold: %w", err)
	}
	for _, row := range rows {
		h := index[row.Host]
		h.VCPUsUsed, h.MemoryHeldMiB, h.DiskHeldGiB, h.Running = row.VCPUs, row.Memory, row.Disk, row.Machines
	}
	return nil
}

// GetHypervisor returns a host by its hypervisor id (or number), or NotFound.
func (s *Service) GetHypervisor(ctx context.Context, id string, servers bool) (Host, error) {
	hosts, err := s.ListHosts(ctx, HostFilter{ID: id, Load: true, Servers: servers})
	if err != nil {
		return Host{}, err
	}
	if len(hosts) == 0 {
		return Host{}, hostNotFound(id)
	}
	return hosts[0], nil
}

func hostNotFound(name string) error {
	return errs.New(errs.NotFound, "Compute host %s could not be found.", name)
}

// HostUpdate changes a host's service; nil fields stay.
type HostUpdate struct {
	Disabled   *bool
	Reason     *string // with Disabled
	ForcedDown *bool
}

// UpdateHost changes the service of a host, found by the service's id or by
// the host's name.
func (s *Service) UpdateHost(ctx context.Context, filter HostFilter, change HostUpdate) (Host, error) {
	var host Host
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		host = Host{}
		q := tx.NewSelect().Model(&host)
		missing := "Service " + filter.Service + " not found."
		if filter.Service != "" {
			q = q.Where("(service_id = ? OR CAST(number AS TEXT) = ?)", filter.Service, filter.Service)
		} else {
			q = q.Where("host = ?", filter.Name)
			missing = "Could not find binary " + Binary + " on host " + filter.Name + "."
		}
		if err := one(q.Scan(ctx), "get host", "%s", missing); err != nil {
			return err
		}
		if change.Disabled != nil {
			host.Disabled, host.DisabledReason = *change.Disabled, nil
			if *change.Disabled {
				host.DisabledReason = change.Reason
			}
		}
		if change.ForcedDown != nil {
			host.ForcedDown = *change.ForcedDown
		}
		host.UpdatedAt = s.now()
		_, err := tx.NewUpdate().Model(&host).Column("disabled", "disabled_reason", "forced_down", "updated_at").WherePK().Exec(ctx)
		if err != nil {
			return fmt.Errorf("update host: %w", err)
		}
		tx.Changed(host.change(store.Update))
		return nil
	})
	host.Up = s.up(&host, s.now())
	return host, err
}

// DeleteHost forgets a host whose node is gone. One that has servers is a
// Conflict.
func (s *Service) DeleteHost(ctx context.Context, service string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var host Host
		err := tx.NewSelect().Model(&host).Where("service_id = ? OR CAST(number AS TEXT) = ?", service, service).Scan(ctx)
		if err := one(err, "get host", "Service %s not found.", service); err != nil {
			return err
		}
		servers, err := tx.NewSelect().TableExpr("servers").Where("host = ? AND deleted_at IS NULL", host.Name).Count(ctx)
		if err != nil {
			return fmt.Errorf("count servers of host: %w", err)
		}
		if servers > 0 {
			return errs.New(errs.Conflict, "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
		}
		if err := s.placement.SetInventory(ctx, tx, host.ID, nil); err != nil {
			return fmt.Errorf("empty the inventory: %w", err)
		}
		if _, err := tx.NewDelete().Model(&host).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete host: %w", err)
		}
		tx.Changed(host.change(store.Delete))
		return nil
	})
}

// Zones lists the availability zones with their hosts, by name.
func (s *Service) Zones(ctx context.Context) (map[string][]Host, error) {
	hosts, err := s.ListHosts(ctx, HostFilter{})
	if err != nil {
		return nil, err
	}
	zones := map[string][]Host{s.config.Zone: nil}
	for _, h := range hosts {
		zones[h.Zone] = append(zones[h.Zone], h)
	}
	return zones, nil
}

// DefaultZone is the availability zone of hosts that nobody put elsewhere.
func (s *Service) DefaultZone() string { return s.config.Zone }

func (s *Service) getHost(ctx context.Context, db bun.IDB, name string) (Host, bool, error) {
	var found []Host
	if err := db.NewSelect().Model(&found).Where("host = ?", name).Scan(ctx); err != nil {
		return Host{}, false, fmt.Errorf("get host %s: %w", name, err)
	}
	if len(found) == 0 {
		return Host{}, false, nil
	}
	found[0].Up = s.up(&found[0], s.now())
	return found[0], true, nil
}

// register writes what a node says of itself. The row is made at the first
// time, with the id of the host's resource provider.
func (s *Service) register(ctx context.Context, tx *store.Tx, hello nodeapi.Hello, providerID string) (Host, error) {
	now := s.now()
	host, known, err := s.getHost(ctx, tx, hello.Host)
	if err != nil {
		return host, err
	}
	host.Name, host.Version, host.Capacity, host.Physical = hello.Host, hello.Version, hello.Capacity, hello.Physical
	host.Address, host.Endpoint, host.API = addrText(hello.Address), addrText(hello.Endpoint), addrText(hello.API)
	host.Connected, host.Session, host.LastSeenAt, host.UpdatedAt = true, hello.Session, now, now
	host.StartedAt = hello.StartedAt.UTC().Truncate(time.Microsecond)
	host.BootedAt = hello.BootedAt.UTC()
	if host.Physical == nil {
		host.Physical = []string{}
	}
	if host.Mappings = hello.Mappings; host.Mappings == nil {
		host.Mappings = map[string]string{}
	}
	if host.Findings == nil {
		host.Findings = []nodeapi.Finding{}
	}
	if known {
		tx.Changed(host.change(store.Update))
		if _, err := tx.NewUpdate().Model(&host).WherePK().Exec(ctx); err != nil {
			return host, fmt.Errorf("update host: %w", err)
		}
		return host, nil
	}
	var last int64
	if err := tx.NewSelect().TableExpr("compute_hosts").ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &last); err != nil {
		return host, fmt.Errorf("number the host: %w", err)
	}
	host.ID, host.ServiceID, host.Number, host.Zone, host.CreatedAt = providerID, uuid.NewString(), last+1, s.config.Zone, now
	if _, err := tx.NewInsert().Model(&host).Exec(ctx); err != nil {
		return host, fmt.Errorf("insert host: %w", err)
	}
	tx.Changed(host.change(store.Create))
	return host, nil
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return strings.TrimSpace(a.String())
}
