package compute

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// HostsTopic is signalled when what some hosts should be has changed, and
// nobody knows which: the network of one is that of many.
const HostsTopic = "hosts"

// HostTopic is signalled when what one host should be has changed.
func HostTopic(host string) string { return HostsTopic + ":" + host }

// Projects is what compute needs of the identity slice.
type Projects interface {
	ProjectExists(ctx context.Context, id string) (bool, error)
}

// Images is what compute needs of the image slice.
type Images interface {
	ImageCatalog
	GetTx(ctx context.Context, tx bun.IDB, caller *policy.Caller, id string) (image.Image, error)
	Open(ctx context.Context, id string) (io.ReadCloser, int64, error)
	Create(ctx context.Context, caller *policy.Caller, attributes map[string]any) (image.Image, error)
	Upload(ctx context.Context, caller *policy.Caller, id string, data io.Reader, size int64) error
	Delete(ctx context.Context, caller *policy.Caller, id string) error
	List(ctx context.Context, caller *policy.Caller, query image.Query) ([]image.Image, error)
}

// Placement is what compute needs of the placement slice.
type Placement interface {
	EnsureProvider(ctx context.Context, tx *store.Tx, name string) (placement.Provider, error)
	SetInventory(ctx context.Context, tx *store.Tx, providerID string, inventories []placement.Inventory) error
	Candidates(ctx context.Context, tx bun.IDB) ([]placement.Candidate, error)
	Replace(ctx context.Context, tx *store.Tx, consumer placement.Consumer, wanted map[string]map[string]int64) error
	Claim(ctx context.Context, tx *store.Tx, consumer placement.Consumer, providerID string, resources map[string]int64) error
	Release(ctx context.Context, tx *store.Tx, consumerID string) error
}

// Network is what compute needs of the network slice.
type Network interface {
	Networking
	PlugTx(ctx context.Context, tx *store.Tx, caller *policy.Caller, req network.PlugRequest) ([]network.PluggedPort, error)
	UnplugTx(ctx context.Context, tx *store.Tx, deviceID string) error
	UnplugPortTx(ctx context.Context, tx *store.Tx, deviceID, portID string) error
	UpdatePortsTx(ctx context.Context, tx *store.Tx, caller *policy.Caller, ids []string, spec func(p *network.Port) network.PortSpec) error
	UnbindTx(ctx context.Context, tx *store.Tx, deviceID string) error
	DevicePorts(ctx context.Context, db bun.IDB, deviceIDs []string) (map[string][]network.PluggedPort, error)
	HostState(ctx context.Context, db bun.IDB, host string) (intent.State, map[string]nodeapi.Lease, error)
	PortsActive(ctx context.Context, tx *store.Tx, up, down []string) error
	AgentHeartbeat(ctx context.Context, tx *store.Tx, host string, info network.AgentInfo) error
	RecordMeters(ctx context.Context, tx *store.Tx, host string, meters []nodeapi.Meter) error
	MoveGateways(ctx context.Context, tx *store.Tx, lost []string) (moved int, err error)
	RebindTx(ctx context.Context, tx *store.Tx, deviceID, host string) error
	PhysicalOf(ctx context.Context, db bun.IDB, networkIDs []string) ([]string, error)
	PhysicalFor(ctx context.Context, db bun.IDB, req network.PlugRequest) ([]string, error)
}

// NodeCaller asks a node for something that is not state, or for a console. A host that is not
// connected is an error of kind Unavailable.
type NodeCaller interface {
	Call(ctx context.Context, host, method string, params, result any) error
	OpenConsole(ctx context.Context, host, instanceID, kind string) (nodeapi.Stream, error)
}

// Config is what an operator chooses.
type Config struct {
	// Zone is the availability zone of hosts; empty is "nova".
	Zone string
	// Down is how long after its last sign of life a host counts as down;
	// zero is 15 s. It gets no new servers then.
	Down time.Duration
	// Lost is how long after its last sign of life a host counts as one that
	// does not come back: what it was doing is given up, and its servers may
	// be evacuated. Zero is 60 s, as Nova's service_down_time.
	Lost time.Duration
	// Fence is how long a node without a server may go on starting machines.
	// It must be well below Lost, as node and server know of their last
	// contact some seconds apart. Zero is two thirds of Lost.
	Fence time.Duration
	// KeepShelved is how long a shelved server stays on its host; zero is not at
	// all, as Nova's shelved_offload_time, and less than zero is for ever.
	KeepShelved time.Duration
	// Projects tells which projects there are; nil takes each id for one.
	Projects Projects
	// Reclaim is how long a deleted server can be restored; zero is not at all,
	// as Nova's reclaim_instance_interval.
	Reclaim time.Duration
	// Ratios are the overcommit of VCPU, MEMORY_MB and DISK_GB; zeros are
	// 4, 1 and 1, Nova's initial ratios.
	CPURatio, MemoryRatio, DiskRatio float64
	// ReservedMemoryMiB is kept from instances on each host; zero is 512.
	ReservedMemoryMiB int
	// Quotas overrides default limits by resource; -1 is unlimited.
	Quotas map[string]int64
	// Servers names the servers of the cloud that are running; nil is none.
	Servers func(ctx context.Context) ([]string, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is the Compute service.
type Service struct {
	db        *store.DB
	log       *slog.Logger
	images    Images
	placement Placement
	network   Network
	nodes     NodeCaller
	config    Config
	watch     watch
}

// New makes the service on an open database.
func New(db *store.DB, log *slog.Logger, images Images, placements Placement, networks Network, config Config) *Service {
	if config.Zone == "" {
		config.Zone = "nova"
	}
	if config.Down == 0 {
		config.Down = 15 * time.Second
	}
	if config.Lost == 0 {
		config.Lost = time.Minute
	}
	if config.Fence == 0 {
		config.Fence = config.Lost * 2 / 3
	}
	if config.CPURatio == 0 {
		config.CPURatio = 4
	}
	if config.MemoryRatio == 0 {
		config.MemoryRatio = 1
	}
	if config.DiskRatio == 0 {
		config.DiskRatio = 1
	}
	if config.ReservedMemoryMiB == 0 {
		config.ReservedMemoryMiB = 512
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Service{db: db, log: log, images: images, placement: placements, network: networks, nodes: nobody{}, config: config}
	s.watch.awake = s.now()
	return s
}

// SetNodes says who carries calls to nodes: the server's end of their streams,
// which itself needs the Service. It is called once, before any request.
func (s *Service) SetNodes(nodes NodeCaller) { s.nodes = nodes }

// OpenImage returns the bytes of an image, for a node whose host has servers
// that boot from it; every other image is NotFound to it. An empty host may
// have any: it is a node of the server's own process.
func (s *Service) OpenImage(ctx context.Context, host, id string) (io.ReadCloser, int64, error) {
	if host != "" {
		wanted, err := s.bootsFrom(ctx, host, id)
		if err != nil {
			return nil, 0, err
		}
		if !wanted {
			return nil, 0, errs.New(errs.NotFound, "No server of host %s boots from image %s.", host, id)
		}
	}
	return s.images.Open(ctx, id)
}

// bootsFrom tells whether a host's servers need an image, or a kernel or
// ramdisk of that id, or whether the host shall have it at hand.
func (s *Service) bootsFrom(ctx context.Context, host, id string) (bool, error) {
	var servers []Server
	if err := s.db.Read().NewSelect().Model(&servers).Column("s.id", "s.image", "s.rescue").Where("s.host = ? AND s.deleted_at IS NULL", host).Scan(ctx); err != nil {
		return false, fmt.Errorf("look for servers that boot from an image: %w", err)
	}
	needs := func(image *nodeapi.Image) bool {
		return image.ID == id || image.Kernel != nil && image.Kernel.ID == id || image.Ramdisk != nil && image.Ramdisk.ID == id
	}
	if slices.ContainsFunc(servers, func(server Server) bool {
		return needs(&server.Image) || server.Rescue != nil && needs(&server.Rescue.Image)
	}) {
		return true, nil
	}
	atHand, err := s.imagesAtHand(ctx, s.db.Read(), host)
	for _, image := range atHand {
		if needs(&image) {
			return true, nil
		}
	}
	return false, err
}

// nobody is the NodeCaller of a service without nodes.
type nobody struct{}

func (nobody) Call(context.Context, string, string, any, any) error {
	return errs.New(errs.Unavailable, "No host is connected.")
}

func (nobody) OpenConsole(context.Context, string, string, string) (nodeapi.Stream, error) {
	return nil, errs.New(errs.Unavailable, "No host is connected.")
}

func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Microsecond) }

// snapshot runs fn on one consistent view of the database.
func (s *Service) snapshot(ctx context.Context, fn func(ctx context.Context, db bun.IDB) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if s.db.Engine() == store.PostgreSQL {
		options.Isolation = sql.LevelRepeatableRead
	}
	return s.db.Read().RunInTx(ctx, options, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) })
}

// one turns "no rows" into an error of kind NotFound.
func one(err error, doing, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.New(errs.NotFound, format, args...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// likeEscape makes text stand for itself in a LIKE pattern with ESCAPE '\'.
func likeEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text)
}
