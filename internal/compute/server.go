package compute

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/metadata"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// What a server is (vm_state), as Nova names it.
const (
	StateBuilding = "building"
	StateActive   = "active"
	StateStopped  = "stopped"
	StateError    = "error"
	StateDeleted  = "deleted"

	// StateSoftDeleted is deleted, and not reclaimed yet.
	StateSoftDeleted = "soft-delete"

	StatePaused    = "paused"
	StateSuspended = "suspended"
	StateRescued   = "rescued"
	StateResized   = "resized" // and not confirmed yet
	StateShelved   = "shelved"
	StateOffloaded = "shelved_offloaded" // shelved, and on no host
)

// What is being done to a server (task_state); TaskNone is nothing.
const (
	TaskNone       = ""
	TaskScheduling = "scheduling"
	TaskNetworking = "networking"
	TaskSpawning   = "spawning"
	TaskPowerOff   = "powering-off"
	TaskPowerOn    = "powering-on"
	TaskReboot     = "rebooting"
	TaskRebootHard = "rebooting_hard"
	TaskDeleting   = "deleting"
	TaskRestoring  = "restoring"
	TaskRebuilding = "rebuilding"

	TaskPausing     = "pausing"
	TaskUnpausing   = "unpausing"
	TaskSuspending  = "suspending"
	TaskResuming    = "resuming"
	TaskRescuing    = "rescuing"
	TaskUnrescuing  = "unrescuing"
	TaskResizing    = "resize_prep"
	TaskReverting   = "resize_reverting"
	TaskShelving    = "shelving"
	TaskOffloading  = "shelving_offloading"
	TaskUnshelving  = "unshelving"
	TaskSnapshot    = "image_snapshot"
	TaskBackup      = "image_backup"
	TaskImageUpload = "image_uploading"
)

// powerOffloaded is the Power of a server that leaves its host: what is there
// of it is destroyed, and the server stays.
const powerOffloaded = "offloaded"

// Power states, as Nova numbers them.
const (
	PowerNoState  = 0
	PowerRunning  = 1
	PowerPaused   = 3
	PowerShutdown = 4
	PowerCrashed  = 6
)

// Size is the flavor that a server was made with; it outlives the flavor.
type Size struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	VCPUs        int64             `json:"vcpus"`
	MemoryMiB    int64             `json:"ram"`
	RootGiB      int64             `json:"disk"`
	EphemeralGiB int64             `json:"ephemeral"`
	SwapMiB      int64             `json:"swap"`
	ExtraSpecs   map[string]string `json:"extra_specs"`
}

// Fault says why a server is in ERROR.
type Fault struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`           // for everyone
	Details string    `json:"details,omitempty"` // for administrators
	Created time.Time `json:"created"`
	// Since is the time of the failed phase on the host: it tells a new
	// failure from one that is reported again.
	Since time.Time `json:"since,omitzero"`
}

// Server is a virtual machine (API ref: Servers). Power and the generations
// are what should be; the states are what users see.
type Server struct {
	bun.BaseModel `bun:"table:servers,alias:s"`

	ID              string            `bun:"id,pk"`
	ProjectID       string            `bun:"project_id"`
	UserID          string            `bun:"user_id"`
	Name            string            `bun:"name"`
	Description     *string           `bun:"description"`
	Hostname        string            `bun:"hostname"`
	VMState         string            `bun:"vm_state"`
	TaskState       string            `bun:"task_state"`
	PowerState      int64             `bun:"power_state"`
	Power           string            `bun:"power"` // nodeapi.Power…
	BootGeneration  int64             `bun:"boot_generation"`
	ResetGeneration int64             `bun:"reset_generation"`
	Host            string            `bun:"host"` // "" while there is none
	Zone            string            `bun:"zone"` // of the host
	PinnedZone      *string           `bun:"pinned_zone"`
	FlavorID        string            `bun:"flavor_id"`
	Size            Size              `bun:"flavor,type:text"`
	VCPUs           int64             `bun:"vcpus"`
	MemoryMiB       int64             `bun:"memory_mb"`
	DiskGiB         int64             `bun:"disk_gb"` // all disks
	ImageID         string            `bun:"image_id"`
	Image           nodeapi.Image     `bun:"image,type:text"`
	KeyName         *string           `bun:"key_name"`
	KeyPair         *metadata.Key     `bun:"key_pair,type:text"`
	UserData        *string           `bun:"user_data"` // base64, as given
	AdminPass       string            `bun:"admin_pass"`
	ConfigDrive     bool              `bun:"config_drive"`
	Metadata        map[string]string `bun:"metadata,type:text"`
	LockedBy        string            `bun:"locked_by"` // "", "owner" or "admin"
	LockedReason    *string           `bun:"locked_reason"`
	DiskConfig      string            `bun:"disk_config"` // AUTO or MANUAL
	AccessIPv4      string            `bun:"access_ipv4"`
	AccessIPv6      string            `bun:"access_ipv6"`
	ReservationID   string            `bun:"reservation_id"`
	LaunchIndex     int64             `bun:"launch_index"`
	GroupID         *string           `bun:"group_id"`
	Fault           *Fault            `bun:"fault,type:text"`
	Steps           []string          `bun:"steps,type:text"` // of the creation, that its host has told
	DiskGeneration  int64             `bun:"disk_generation"`
	Rescue          *nodeapi.Rescue   `bun:"rescue,type:text"`
	Resize          *Resize           `bun:"resize,type:text"`
	Password        string            `bun:"password"` // that its guest has told, encrypted
	CreatedAt       time.Time         `bun:"created_at"`
	UpdatedAt       time.Time         `bun:"updated_at"`
	LaunchedAt      time.Time         `bun:"launched_at,nullzero"`
	TerminatedAt    time.Time         `bun:"terminated_at,nullzero"`
	DeletedAt       time.Time         `bun:"deleted_at,nullzero"`
	SoftDeletedAt   time.Time         `bun:"soft_deleted_at,nullzero"` // it can be restored still

	Ports  []network.PluggedPort `bun:"-"`
	Tags   []string              `bun:"-"`
	HostUp string                `bun:"-"` // UP, DOWN, MAINTENANCE, UNKNOWN or ""

	snapshots []snapshot // that its host is to make; only for HostState
}

type serverTag struct {
	bun.BaseModel `bun:"table:server_tags,alias:st"`
	ServerID      string `bun:"server_id,pk"`
	Tag           string `bun:"tag,pk"`
}

// states maps vm_state and task_state to the status that users see.
var states = map[string]map[string]string{
	StateActive:   {"": "ACTIVE", TaskReboot: "REBOOT", TaskRebootHard: "HARD_REBOOT", TaskRebuilding: "REBUILD", TaskResizing: "RESIZE"},
	StateBuilding: {"": "BUILD"},
	StateStopped:  {"": "SHUTOFF", TaskRebuilding: "REBUILD", TaskResizing: "RESIZE"},
	StateError:    {"": "ERROR", TaskRebuilding: "REBUILD"},
	StateDeleted:  {"": "DELETED"},

	StateSoftDeleted: {"": "SOFT_DELETED"},
	StatePaused:      {"": "PAUSED"},
	StateSuspended:   {"": "SUSPENDED"},
	StateRescued:     {"": "RESCUE"},
	StateResized:     {"": "VERIFY_RESIZE", TaskReverting: "REVERT_RESIZE"},
	StateShelved:     {"": "SHELVED"},
	StateOffloaded:   {"": "SHELVED_OFFLOADED"},
}

// Status is what users see: ACTIVE, BUILD, …
func (s *Server) Status() string {
	if status, ok := states[s.VMState][s.TaskState]; ok {
		return status
	}
	if status, ok := states[s.VMState][""]; ok {
		return status
	}
	return "UNKNOWN"
}

// InstanceName is what the host calls the machine: as Nova's, unique in the cloud.
func (s *Server) InstanceName() string {
	return "instance-" + strings.ReplaceAll(s.ID, "-", "")[:8]
}

// Load says what ListServers and GetServer fill besides the row.
type Load struct {
	Ports, Tags, HostStatus bool
	// Data loads what lists show to admins only, user_data above all, which
	// can be large.
	Data bool
	// Brief loads ids and names alone, in lists.
	Brief bool
}

// GetServer returns a server that the caller may see: of the own project, or
// any for admins. Others are NotFound, and deleted ones for everyone: clients
// wait for that. Admins find deleted ones in lists.
func (s *Service) GetServer(ctx context.Context, caller *policy.Caller, id string, load Load) (Server, error) {
	var server Server
	err := s.snapshot(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		if server, err = getServer(ctx, db, caller, id); err != nil {
			return err
		}
		list := []Server{server}
		err = s.fill(ctx, db, list, load)
		server = list[0]
		return err
	})
	return server, err
}

func getServer(ctx context.Context, db bun.IDB, caller *policy.Caller, id string) (Server, error) {
	var server Server
	q := db.NewSelect().Model(&server).Where("s.id = ? AND s.deleted_at IS NULL", id)
	if !caller.IsAdmin() {
		q = q.Where("s.project_id = ?", caller.ProjectID)
	}
	return server, one(q.Scan(ctx), "get server", "Instance %s could not be found.", id)
}

// change runs fn on a server that the caller may change, in a transaction,
// and writes the columns that fn names. A locked server is a Conflict for
// whoever is not admin, unless free.
func (s *Service) change(ctx context.Context, caller *policy.Caller, id string, free bool, fn changing, locks ...store.Lock) (Server, error) {
	var server Server
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if server, err = getServer(ctx, tx, caller, id); err != nil {
			return err
		}
		if server.LockedBy != "" && !free && !caller.IsAdmin() {
			return errs.New(errs.Conflict, "Instance %s is locked", id)
		}
		columns, err := fn(ctx, tx, &server)
		if err != nil || len(columns) == 0 {
			return err
		}
		server.UpdatedAt = s.now()
		return save(ctx, tx, &server, columns...)
	}, locks...)
	return server, err
}

// changing changes a server and names the columns that it changed.
type changing func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error)

func save(ctx context.Context, tx *store.Tx, server *Server, columns ...string) error {
	tx.Changed(server.change(store.Update))
	columns = append(slices.Clone(columns), "updated_at")
	slices.Sort(columns)
	if _, err := tx.NewUpdate().Model(server).Column(slices.Compact(columns)...).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("update server: %w", err)
	}
	return nil
}

// fill loads what belongs to servers, with one query set per kind.
func (s *Service) fill(ctx context.Context, db bun.IDB, servers []Server, load Load) error {
	if len(servers) == 0 {
		return nil
	}
	ids := make([]string, len(servers))
	index := make(map[string]*Server, len(servers))
	for i := range servers {
		ids[i] = servers[i].ID
		index[ids[i]] = &servers[i]
	}
	if load.Ports {
		ports, err := s.network.DevicePorts(ctx, db, ids)
		if err != nil {
			return fmt.Errorf("load ports: %w", err)
		}
		for id, list := range ports {
			index[id].Ports = list
		}
	}
	if load.Tags {
		var tags []serverTag
		if err := db.NewSelect().Model(&tags).Where("server_id IN (?)", store.Set(ids)).Order("tag").Scan(ctx); err != nil {
			return fmt.Errorf("load tags: %w", err)
		}
		for _, tag := range tags {
			index[tag.ServerID].Tags = append(index[tag.ServerID].Tags, tag.Tag)
		}
	}
	if load.HostStatus {
		return s.fillHostStatus(ctx, db, servers)
	}
	return nil
}

func (s *Service) fillHostStatus(ctx context.Context, db bun.IDB, servers []Server) error {
	var hosts []Host
	if err := db.NewSelect().Model(&hosts).Scan(ctx); err != nil {
		return fmt.Errorf("load hosts: %w", err)
	}
	now := s.now()
	status := map[string]string{}
	for i := range hosts {
		switch {
		case hosts[i].ForcedDown:
			status[hosts[i].Name] = "DOWN"
		case !s.up(&hosts[i], now):
			status[hosts[i].Name] = "UNKNOWN"
		case hosts[i].Disabled:
			status[hosts[i].Name] = "MAINTENANCE"
		default:
			status[hosts[i].Name] = "UP"
		}
	}
	for i := range servers {
		servers[i].HostUp = status[servers[i].Host]
	}
	return nil
}

// canonical is the text form of an address that RFC 5952 recommends; what is
// none, as the empty text, stays.
func canonical(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		return a.String()
	}
	return address
}

// ServerUpdate changes what a server says of itself; nil fields stay.
type ServerUpdate struct {
	Name                   *string
	Description            **string
	Hostname               *string
	AccessIPv4, AccessIPv6 *string
	DiskConfig             *string
}

// UpdateServer changes names and the like. The guest learns of them from the
// metadata service.
func (s *Service) UpdateServer(ctx context.Context, caller *policy.Caller, id string, u ServerUpdate) (Server, error) {
	if u.AccessIPv6 != nil {
		address := canonical(*u.AccessIPv6)
		u.AccessIPv6 = &address
	}
	return s.change(ctx, caller, id, true, func(_ context.Context, tx *store.Tx, server *Server) (columns []string, err error) {
		set := func(column string, to *string, value *string) {
			if value != nil && *to != *value {
				*to = *value
				columns = append(columns, column)
			}
		}
		set("name", &server.Name, u.Name)
		set("hostname", &server.Hostname, u.Hostname)
		set("access_ipv4", &server.AccessIPv4, u.AccessIPv4)
		set("access_ipv6", &server.AccessIPv6, u.AccessIPv6)
		set("disk_config", &server.DiskConfig, u.DiskConfig)
		if u.Description != nil {
			server.Description = *u.Description
			columns = append(columns, "description")
		}
		if server.Host != "" && len(columns) > 0 {
			tx.Signal(HostTopic(server.Host))
		}
		return columns, nil
	})
}

// labeled refuses to change metadata or tags unless the server is in one of the
// states in which Nova does, whatever is being done to it. action is in its words.
func (s *Server) labeled(action string) error {
	if !slices.Contains([]string{StateActive, StatePaused, StateSuspended, StateStopped}, s.VMState) {
		return refuseState(action, s, "vm_state")
	}
	return nil
}

// ChangeMetadata replaces a server's metadata by what fn returns of a copy;
// action says what that is, for the refusal.
func (s *Service) ChangeMetadata(ctx context.Context, caller *policy.Caller, id, action string, fn func(now map[string]string) (map[string]string, error)) (Server, error) {
	return s.change(ctx, caller, id, false, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := server.labeled(action); err != nil {
			return nil, err
		}
		wanted := map[string]string{}
		for name, value := range server.Metadata {
			wanted[name] = value
		}
		wanted, err := fn(wanted)
		if err != nil {
			return nil, err
		}
		limits, err := s.bounds(ctx, tx, server.ProjectID, server.UserID)
		if err != nil {
			return nil, err
		}
		if err := checkMetadata(wanted, limits); err != nil {
			return nil, err
		}
		server.Metadata = wanted
		if server.Host != "" {
			tx.Signal(HostTopic(server.Host))
		}
		return []string{"metadata"}, nil
	})
}

func checkMetadata(meta map[string]string, limits map[string]int64) error {
	if limit := limits[QuotaMetadata]; limit >= 0 && int64(len(meta)) > limit {
		return errs.New(errs.OverQuota, "Maximum number of metadata items exceeds %d", limit)
	}
	return nil
}

// MaxTags is how many tags a server can have.
const MaxTags = 50

// SetTags replaces a server's tags by what fn returns of them; action is as that
// of ChangeMetadata.
func (s *Service) SetTags(ctx context.Context, caller *policy.Caller, id, action string, fn func(now []string) ([]string, error)) ([]string, error) {
	var wanted []string
	_, err := s.change(ctx, caller, id, true, func(ctx context.Context, tx *store.Tx, server *Server) ([]string, error) {
		if err := server.labeled(action); err != nil {
			return nil, err
		}
		list := []Server{*server}
		if err := s.fill(ctx, tx, list, Load{Tags: true}); err != nil {
			return nil, err
		}
		var err error
		if wanted, err = fn(slices.Clone(list[0].Tags)); err != nil {
			return nil, err
		}
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
		if len(wanted) > MaxTags {
			return nil, errs.New(errs.Invalid, "The number of tags exceeded the per-server limit %d", MaxTags)
		}
		if _, err := tx.NewDelete().Model((*serverTag)(nil)).Where("server_id = ?", id).Exec(ctx); err != nil {
			return nil, fmt.Errorf("clear tags: %w", err)
		}
		return []string{"updated_at"}, insertTags(ctx, tx, []string{id}, wanted)
	})
	return wanted, err
}

func insertTags(ctx context.Context, tx *store.Tx, ids, tags []string) error {
	var rows []serverTag
	for _, id := range ids {
		for _, tag := range tags {
			rows = append(rows, serverTag{ServerID: id, Tag: tag})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert tags: %w", err)
	}
	return nil
}
