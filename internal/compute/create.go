package compute

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/metadata"
	"wisp/internal/network"
	"wisp/internal/nodeapi"
	"wisp/internal/placement"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// CreateRequest asks for servers (API ref: Create Server).
type CreateRequest struct {
	Name        string
	Description *string
	Hostname    string // "" is made of the name
	ImageID     string
	FlavorID    string
	KeyName     string
	UserData    *string // base64
	AdminPass   string  // "" is generated
	ConfigDrive bool
	Metadata    map[string]string
	Tags        []string

	Networks       []network.PortRequest
	NetworkAuto    string // network.NetworkAuto, network.NetworkNone or ""
	SecurityGroups []string

	Zone string // "" is any
	Host string // "" is any; the caller's right to ask for it is checked before

	AccessIPv4, AccessIPv6 string
	DiskConfig             string // AUTO or MANUAL; "" is AUTO
	Least, Most            int    // how many; 0 is 1

	GroupID       string   // scheduler hint "group"
	SameHost      []string // server ids
	DifferentHost []string
	// ZeroDisk says that the caller may use a flavor without a root disk.
	ZeroDisk bool
}

// Created is what CreateServers made.
type Created struct {
	ReservationID string
	AdminPass     string
	Servers       []Server
}

// CreateServers makes servers in one transaction: quota, host, claim, ports,
// rows. Where no host is found, the server is made in ERROR with a fault that
// says why, and holds nothing.
func (s *Service) CreateServers(ctx context.Context, caller *policy.Caller, req CreateRequest) (Created, error) {
	if caller.ProjectID == "" {
		return Created{}, errs.New(errs.Forbidden, "Policy doesn't allow os_compute_api:servers:create to be performed.")
	}
	if err := req.normalize(); err != nil {
		return Created{}, err
	}
	made := Created{ReservationID: "r-" + random(8), AdminPass: req.AdminPass}
	began := s.now()
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		made.Servers = nil
		b, err := s.prepare(ctx, tx, caller, req)
		if err != nil {
			return err
		}
		b.story.began = began
		b.reservation, b.pass = made.ReservationID, made.AdminPass
		made.Servers, err = s.build(ctx, tx, caller, b)
		return err
	}, append([]store.Lock{quotaLock(caller.ProjectID), scheduleLock}, network.PlugLocks(network.PlugRequest{ProjectID: caller.ProjectID, Requests: req.Networks})...)...)
	if err != nil {
		return Created{}, err
	}
	return made, nil
}

// scheduleLock makes those who claim hosts' room wait for each other.
const scheduleLock store.Lock = "compute-schedule"

func (r *CreateRequest) normalize() error {
	r.Least = max(r.Least, 1)
	r.Most = max(r.Most, r.Least)
	if r.DiskConfig == "" {
		r.DiskConfig = "AUTO"
	}
	if r.AdminPass == "" {
		r.AdminPass = random(12)
	}
	if r.Most > 1 {
		if r.Hostname != "" {
			return errs.New(errs.Invalid, "Unable to allocate a single hostname to multiple instances")
		}
		for _, n := range r.Networks {
			if n.PortID != "" {
				return errs.New(errs.Invalid, "Failed to launch instances: a port can be given to one server only, and max_count is greater than 1.")
			}
			if n.FixedIP.IsValid() {
				return errs.New(errs.Invalid, "Invalid input received: max_count cannot be greater than 1 if an fixed_ip is specified.")
			}
		}
	}
	return nil
}

// batch is what the servers of one request share.
type batch struct {
	req         CreateRequest
	flavor      Flavor
	image       nodeapi.Image
	arch        string
	key         *metadata.Key
	count       int
	reservation string
	pass        string
	hosts       []SchedulerHost
	demand      Demand
	group       *Group
	members     map[string]int // of the group, by host
	story       creation
}

// prepare checks a request against everything but the hosts' room.
func (s *Service) prepare(ctx context.Context, tx *store.Tx, caller *policy.Caller, req CreateRequest) (*batch, error) {
	b := &batch{req: req}
	flavor, err := getFlavor(ctx, tx, caller, req.FlavorID)
	if err != nil {
		return nil, asInvalid(err, "Flavor %s could not be found.", req.FlavorID)
	}
	b.flavor = flavor
	b.story.image.start = s.now()
	img, err := s.images.GetTx(ctx, tx, caller, req.ImageID)
	if err != nil {
		return nil, asInvalid(err, "Can not find requested image")
	}
	if err := checkImage(img, flavor, req.ZeroDisk); err != nil {
		return nil, err
	}
	if b.image, err = s.bootable(ctx, tx, caller, img); err != nil {
		return nil, err
	}
	b.story.image.finish, b.story.imageDetails = s.now(), imageDetails(img)
	b.arch = img.Properties["hw_architecture"]
	if b.arch == "" {
		b.arch = img.Properties["architecture"]
	}
	if req.KeyName != "" {
		pair, err := getKeypair(ctx, tx, caller.UserID, req.KeyName)
		if err != nil {
			return nil, asInvalid(err, "Invalid key_name provided.")
		}
		b.key = &metadata.Key{Name: pair.Name, Type: pair.Type, Data: pair.PublicKey}
	}
	limits, err := s.bounds(ctx, tx, caller.ProjectID, caller.UserID)
	if err != nil {
		return nil, err
	}
	if err := checkMetadata(req.Metadata, limits); err != nil {
		return nil, err
	}
	if b.count, err = s.room(ctx, tx, caller.ProjectID, caller.UserID, flavor.VCPUs, flavor.MemoryMiB, req.Least, req.Most); err != nil {
		return nil, err
	}
	b.story.hostsAt = s.now()
	if b.hosts, err = s.schedulerHosts(ctx, tx); err != nil {
		return nil, err
	}
	b.demand = Demand{
		Resources: claimOf(flavor), Zone: req.Zone, Host: req.Host, Arch: b.arch,
	}
	wanted := network.PlugRequest{ProjectID: caller.ProjectID, Auto: req.NetworkAuto, Requests: req.Networks}
	if b.demand.Physical, err = s.network.PhysicalFor(ctx, tx, wanted); err != nil {
		return nil, err
	}
	if req.Host != "" && !slices.ContainsFunc(b.hosts, func(h SchedulerHost) bool { return h.Name == req.Host }) {
		return nil, errs.New(errs.Invalid, "Compute host %s could not be found.", req.Host)
	}
	if req.Zone != "" && req.Zone != s.config.Zone && !slices.ContainsFunc(b.hosts, func(h SchedulerHost) bool { return h.Zone == req.Zone }) {
		return nil, errs.New(errs.Invalid, "The requested availability zone is not available")
	}
	return b, s.hints(ctx, tx, caller, b, limits)
}

// asInvalid turns what the request names and is not there into a bad request,
// as Nova answers.
func asInvalid(err error, format string, args ...any) error {
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Forbidden) {
		return errs.Wrap(err, errs.Invalid, format, args...)
	}
	return err
}

const gib = int64(1) << 30

func checkImage(img image.Image, flavor Flavor, zeroDisk bool) error {
	switch {
	case img.Status != "active":
		return errs.New(errs.Invalid, "Image %s is not active.", img.ID)
	case img.MinRAM > flavor.MemoryMiB:
		return errs.New(errs.Invalid, "Flavor's memory is too small for requested image.")
	case flavor.RootGiB == 0 && !zeroDisk:
		return errs.New(errs.Forbidden, "Only volume-backed servers are allowed for flavors with zero disk.")
	case flavor.RootGiB == 0:
		return nil
	}
	disk := flavor.RootGiB * gib
	size := img.MinDisk * gib
	if size > disk {
		return errs.New(errs.Invalid, "The created instance's disk would be too small. Flavor's disk is %d bytes, the image's minimum is %d bytes.", disk, size)
	}
	for _, n := range []*int64{img.Size, img.VirtualSize} {
		if n != nil && *n > disk {
			return errs.New(errs.Invalid, "Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes.", disk, *n)
		}
	}
	return nil
}

// bootable is the image with its kernel and ramdisk, as nodes need it.
func (s *Service) bootable(ctx context.Context, tx *store.Tx, caller *policy.Caller, img image.Image) (nodeapi.Image, error) {
	result := nodeImage(img)
	if err := verified(img); err != nil {
		return result, err
	}
	for property, part := range map[string]**nodeapi.Image{"kernel_id": &result.Kernel, "ramdisk_id": &result.Ramdisk} {
		id := img.Properties[property]
		if id == "" {
			continue
		}
		other, err := s.images.GetTx(ctx, tx, caller, id)
		if err != nil {
			return result, asInvalid(err, "Image %s is unacceptable: its %s names image %s, which could not be found.", img.ID, property, id)
		}
		if other.Status != "active" {
			return result, errs.New(errs.Invalid, "Image %s is not active.", id)
		}
		if err := verified(other); err != nil {
			return result, err
		}
		converted := nodeImage(other)
		*part = &converted
	}
	return result, nil
}

// verified refuses an image of which nobody has seen yet which bytes it has:
// hosts take none without a digest.
func verified(img image.Image) error {
	if img.Size != nil && img.HashValue == "" {
		return errs.New(errs.Conflict, "The data of image %s, which are at a location elsewhere, are not verified. Its tasks tell whether they can be.", img.ID)
	}
	return nil
}

func nodeImage(img image.Image) nodeapi.Image {
	result := nodeapi.Image{ID: img.ID, DiskFormat: img.DiskFormat}
	if img.Size != nil {
		result.Size = *img.Size
	}
	if img.HashAlgo == "sha512" {
		result.SHA512 = img.HashValue
	}
	for name, value := range img.Properties {
		if strings.HasPrefix(name, "hw_") || strings.HasPrefix(name, "os_") {
			if result.Properties == nil {
				result.Properties = map[string]string{}
			}
			result.Properties[name] = value
		}
	}
	return result
}

// claimOf is what a server of the flavor holds of its host, by class.
func claimOf(f Flavor) map[string]int64 {
	claim := map[string]int64{"VCPU": f.VCPUs, "MEMORY_MB": f.MemoryMiB, "DISK_GB": diskOf(f)}
	maps.DeleteFunc(claim, func(_ string, amount int64) bool { return amount == 0 })
	return claim
}

// diskOf is all disk of a flavor in GiB; swap counts in whole GiB.
func diskOf(f Flavor) int64 { return f.RootGiB + f.EphemeralGiB + (f.SwapMiB+1023)/1024 }

// schedulerHosts joins hosts with the room that placement knows of.
func (s *Service) schedulerHosts(ctx context.Context, tx *store.Tx) ([]SchedulerHost, error) {
	var rows []Host
	if err := tx.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load hosts: %w", err)
	}
	candidates, err := s.placement.Candidates(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("load candidates: %w", err)
	}
	byID := make(map[string]placement.Candidate, len(candidates))
	for _, c := range candidates {
		byID[c.ProviderID] = c
	}
	now := s.now()
	hosts := make([]SchedulerHost, 0, len(rows))
	for i := range rows {
		h := &rows[i]
		hosts = append(hosts, SchedulerHost{
			Name: h.Name, Zone: h.Zone, Arch: h.Capacity.Arch, Up: s.up(h, now), Enabled: !h.Disabled, Physical: h.Physical, Candidate: byID[h.ID],
		})
	}
	return hosts, nil
}

// hints turns scheduler hints into what the scheduler understands.
func (s *Service) hints(ctx context.Context, tx *store.Tx, caller *policy.Caller, b *batch, limits map[string]int64) error {
	hostsOf := func(ids []string) (map[string]bool, error) {
		hosts := map[string]bool{}
		for _, id := range ids {
			server, err := getServer(ctx, tx, caller, id)
			if err != nil {
				return nil, asInvalid(err, "Instance %s could not be found.", id)
			}
			if server.Host != "" {
				hosts[server.Host] = true
			}
		}
		return hosts, nil
	}
	var err error
	b.demand.Avoid = map[string]bool{}
	if len(b.req.DifferentHost) > 0 {
		if b.demand.Avoid, err = hostsOf(b.req.DifferentHost); err != nil {
			return err
		}
	}
	if len(b.req.SameHost) > 0 {
		if b.demand.Near, err = hostsOf(b.req.SameHost); err != nil {
			return err
		}
	}
	if b.req.GroupID == "" {
		return nil
	}
	group, err := getGroup(ctx, tx, caller, b.req.GroupID)
	if err != nil {
		return asInvalid(err, "Instance group %s could not be found.", b.req.GroupID)
	}
	if limit := limits[QuotaGroupMembers]; limit >= 0 {
		own, err := tx.NewSelect().TableExpr("servers").Where("group_id = ? AND user_id = ? AND deleted_at IS NULL", group.ID, caller.UserID).Count(ctx)
		if err != nil {
			return fmt.Errorf("count a user's servers in the group: %w", err)
		}
		if own+int64(b.count) > limit {
			return errs.New(errs.OverQuota, "Quota exceeded, too many servers in group")
		}
	}
	b.group, b.members = &group, group.hosts
	return nil
}

// build schedules and writes the servers of a batch.
func (s *Service) build(ctx context.Context, tx *store.Tx, caller *policy.Caller, b *batch) ([]Server, error) {
	servers := make([]Server, b.count)
	placed := false
	pointers := make([]*Server, b.count)
	chosen := make([]int, b.count)
	for i := range servers {
		servers[i] = s.draft(caller, b, i)
		pointers[i] = &servers[i]
		demand := b.demand
		if b.group != nil {
			demand = b.group.constrain(demand, b.members)
		}
		verdict := Schedule(b.hosts, demand)
		chosen[i] = verdict.Chosen
		b.story.scheduled(servers[i].ID, b.hosts, demand, verdict, s.now())
		if verdict.Chosen < 0 {
			servers[i].refuse(verdict, servers[i].CreatedAt)
			continue
		}
		placed = true
		host := &b.hosts[verdict.Chosen]
		servers[i].Host, servers[i].Zone = host.Name, host.Zone
		if b.members != nil {
			b.members[host.Name]++
		}
		used := maps.Clone(host.Candidate.Used)
		if used == nil {
			used = map[string]int64{}
		}
		for class, amount := range demand.Resources {
			used[class] += amount
		}
		host.Candidate.Used = used
	}
	if !placed {
		if err := s.rehearse(ctx, tx, caller, b, &servers[0]); err != nil {
			return nil, err
		}
	}
	if _, err := tx.NewInsert().Model(&servers).Exec(ctx); err != nil {
		return nil, fmt.Errorf("insert servers: %w", err)
	}
	ids := make([]string, len(servers))
	for i := range servers {
		ids[i] = servers[i].ID
		tx.Changed(servers[i].change(store.Create))
		if chosen[i] < 0 {
			continue
		}
		if err := s.place(ctx, tx, caller, b, &servers[i], b.hosts[chosen[i]].Candidate.ProviderID); err != nil {
			return nil, err
		}
	}
	if err := insertTags(ctx, tx, ids, b.req.Tags); err != nil {
		return nil, err
	}
	if err := s.actWith(ctx, tx, caller, "create", b.story.told(caller, b, ids, s.now()), pointers...); err != nil {
		return nil, err
	}
	for i := range servers {
		if chosen[i] < 0 {
			if err := s.failAction(ctx, tx, &servers[i]); err != nil {
				return nil, err
			}
		}
	}
	for i := range servers {
		if chosen[i] >= 0 {
			tx.Signal(HostTopic(servers[i].Host)) // ports are told of by the network
		}
	}
	return servers, nil
}

// place claims the host's room and plugs the ports of one server.
func (s *Service) place(ctx context.Context, tx *store.Tx, caller *policy.Caller, b *batch, server *Server, providerID string) error {
	consumer := placement.Consumer{ID: server.ID, ProjectID: server.ProjectID, UserID: server.UserID, Type: "INSTANCE"}
	if err := s.placement.Claim(ctx, tx, consumer, providerID, b.demand.Resources); err != nil {
		return fmt.Errorf("claim the host's room: %w", err)
	}
	began := s.now()
	ports, err := s.plug(ctx, tx, caller, b, server)
	server.Ports = ports
	b.story.plugged(server.ID, ports, span{began, s.now()})
	return err
}

func (s *Service) plug(ctx context.Context, tx *store.Tx, caller *policy.Caller, b *batch, server *Server) ([]network.PluggedPort, error) {
	ports, err := s.network.PlugTx(ctx, tx, caller, network.PlugRequest{
		DeviceID: server.ID, DeviceOwner: "compute:" + server.Zone, Host: server.Host, AvailabilityZone: server.Zone, ProjectID: server.ProjectID,
		Auto: b.req.NetworkAuto, Requests: b.req.Networks, SecurityGroups: b.req.SecurityGroups, DNSName: server.Hostname,
	})
	if err != nil {
		return nil, asInvalidNetwork(err)
	}
	return ports, nil
}

// rehearse plugs the ports of a server for which there is no host and undoes
// it: a request that names what is not there, or is not the caller's, is
// refused for that, whether or not there is room.
func (s *Service) rehearse(ctx context.Context, tx *store.Tx, caller *policy.Caller, b *batch, server *Server) error {
	point, err := tx.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin the rehearsal: %w", err)
	}
	if _, err := s.plug(ctx, &store.Tx{Tx: point}, caller, b, server); err != nil {
		return err // all is undone
	}
	if err := point.Rollback(); err != nil {
		return fmt.Errorf("end the rehearsal: %w", err)
	}
	return nil
}

// asInvalidNetwork gives what the network slice refuses the status that Nova
// gives it: what the request names and is not there is a bad request.
func asInvalidNetwork(err error) error {
	if errs.Is(err, errs.NotFound) {
		if public, ok := asPublic(err); ok {
			return errs.Wrap(err, errs.Invalid, "%s", public.Message)
		}
	}
	if public, ok := asPublic(err); ok && public.Type == network.TypeAutoAllocationFailure {
		return errs.Wrap(err, errs.Invalid, "Unable to automatically allocate a network. %s", public.Message)
	}
	return fmt.Errorf("plug ports: %w", err)
}

// draft is the row of the i-th server of a batch, before it has a host.
func (s *Service) draft(caller *policy.Caller, b *batch, i int) Server {
	now := s.now()
	id := uuid.NewString()
	f := b.flavor
	server := Server{
		ID: id, ProjectID: caller.ProjectID, UserID: caller.UserID, Name: b.req.Name, Description: b.req.Description, Hostname: b.req.Hostname,
		VMState: StateBuilding, TaskState: TaskNetworking, PowerState: PowerNoState, Power: nodeapi.PowerRunning, BootGeneration: 1,
		FlavorID: f.ID, VCPUs: f.VCPUs, MemoryMiB: f.MemoryMiB, DiskGiB: diskOf(f),
		Size: Size{
			ID: f.ID, Name: f.Name, VCPUs: f.VCPUs, MemoryMiB: f.MemoryMiB, RootGiB: f.RootGiB,
			EphemeralGiB: f.EphemeralGiB, SwapMiB: f.SwapMiB, ExtraSpecs: f.ExtraSpecs,
		},
		ImageID: b.image.ID, Image: b.image, KeyPair: b.key, UserData: b.req.UserData, ConfigDrive: b.req.ConfigDrive, Metadata: b.req.Metadata,
		DiskConfig: b.req.DiskConfig, AccessIPv4: b.req.AccessIPv4, AccessIPv6: canonical(b.req.AccessIPv6),
		ReservationID: b.reservation, LaunchIndex: int64(i), CreatedAt: now, UpdatedAt: now, Tags: b.req.Tags,
	}
	if server.Metadata == nil {
		server.Metadata = map[string]string{}
	}
	if b.req.Most > 1 {
		server.Name = fmt.Sprintf("%s-%d", b.req.Name, i+1)
	}
	if server.Hostname == "" {
		server.Hostname = hostnameOf(server.Name, id)
	}
	if b.key != nil {
		server.KeyName = &b.key.Name
	}
	if b.req.ConfigDrive {
		server.AdminPass = b.pass // forgotten once the machine has it
	}
	if b.req.Zone != "" {
		server.PinnedZone = &b.req.Zone
	}
	if b.group != nil {
		server.GroupID = &b.group.ID
	}
	return server
}

var unfitHost = regexp.MustCompile(`[^a-z0-9.-]+`)

// hostnameOf makes a host name (RFC 1123 labels, at most 63 bytes) of a
// server's name.
func hostnameOf(name, id string) string {
	host := strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(name))
	host = unfitHost.ReplaceAllString(host, "")
	host = strings.ReplaceAll(host, ".", "-")
	host = strings.Trim(host[:min(len(host), 63)], "-")
	if host == "" {
		return "server-" + id
	}
	return host
}

func random(n int) string {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(bytes))[:n]
}
