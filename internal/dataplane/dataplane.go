package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// Config says where a dataplane lives. Two dataplanes on one machine differ
// in Prefix and PinDir.
type Config struct {
	// Prefix begins the names of all devices and namespaces, 1 to 5 bytes.
	Prefix string
	// PinDir is a folder below a BPF file system; it is made when missing,
	// and /sys/fs/bpf is mounted when it is not.
	PinDir string
	// Netns is the file of the network namespace that is "the host"; empty
	// is the process's own.
	Netns string
	// PhysicalNetworks maps the names of physical networks to interfaces.
	PhysicalNetworks map[string]string
	// TunnelAddress is this host's end of tunnels, IPv4; invalid means no
	// tunnels.
	TunnelAddress netip.Addr
	// TunnelPort is the UDP port of VXLAN; 0 means 4789.
	TunnelPort uint16
	// OwnerUID and OwnerGID may open the taps; 0 means root only.
	OwnerUID, OwnerGID int
	// ConntrackEntries bounds each table of connections; 0 means 262144.
	ConntrackEntries uint32
	// Log receives what Apply mends and refuses.
	Log *slog.Logger
}

const defaultConntrackEntries = 262144

// maxPrefix leaves room for ten digits of a port's id in a device's name.
const maxPrefix = 5

func (c *Config) check() error {
	if len(c.Prefix) < 1 || len(c.Prefix) > maxPrefix {
		return errs.New(errs.Invalid, "prefix %q must have 1 to %d bytes", c.Prefix, maxPrefix)
	}
	if c.PinDir == "" {
		return errs.New(errs.Invalid, "the dataplane needs a pin folder")
	}
	if c.TunnelAddress.IsValid() && !c.TunnelAddress.Is4() {
		return errs.New(errs.Invalid, "tunnel address %s is not IPv4", c.TunnelAddress)
	}
	if c.ConntrackEntries == 0 {
		c.ConntrackEntries = defaultConntrackEntries
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Report says what Apply did. Refused maps the id of an object to why it, or
// a part of it, could not be made; all others were made.
type Report struct {
	Changed int              // entries and devices written or removed because the state changed
	Drift   int              // entries and devices that were not as left, and were mended
	Refused map[string]error // by object id
	// Conflicts are addresses of routers here that somebody else on the wire
	// says to have. Yielded are the routers whose gateway another host has
	// taken over, as it said, although the state says that it is here.
	Conflicts []Conflict
	Yielded   []string
}

// Dataplane is the network of one host. Its methods may be called from
// several goroutines.
type Dataplane struct {
	cfg Config

	mu       sync.Mutex
	kernel   *kernel
	tables   *tables
	ids      *ids
	groups   *groupCompiler
	nl       *netlinkx.Handle
	devices  *devices
	under    underlay
	attacher *attacher
	hurry    hurry
	last     *intent.State
	ready    bool // devices were listed and base devices made
	closed   bool
	stop     chan struct{} // closed with the dataplane
	repeats  []time.Duration
}

// Open loads the programs, or adopts what an earlier process left: maps,
// programs, links and taps all outlive the process. Nothing is changed for
// packets before the first Apply.
func Open(ctx context.Context, cfg Config) (*Dataplane, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := &Dataplane{cfg: cfg, stop: make(chan struct{}), repeats: repeats}
	err := d.inHost(func() error {
		k, err := openKernel(cfg.PinDir, cfg.ConntrackEntries)
		if err != nil {
			return err
		}
		d.kernel, d.tables = k, newTables(k.maps)
		if d.nl, err = netlinkx.Open(); err != nil {
			return err
		}
		_, err = d.tables.load()
		return err
	})
	if err != nil {
		if d.kernel != nil {
			d.kernel.close()
		}
		if d.nl != nil {
			d.nl.Close()
		}
		return nil, fmt.Errorf("opening dataplane %s: %w", cfg.Prefix, err)
	}
	d.ids, d.groups = newIDs(d.tables.ids.held), newGroupCompiler(d.tables)
	if err := d.forgetStrangers(); err != nil {
		d.kernel.close()
		d.nl.Close()
		return nil, fmt.Errorf("opening dataplane %s: %w", cfg.Prefix, err)
	}
	d.devices = &devices{cfg: cfg, nl: d.nl, known: map[string]netlinkx.Link{}}
	d.attacher = &attacher{dir: cfg.PinDir, nl: d.nl, done: map[attachment]attached{}, ids: map[*ebpf.Program]ebpf.ProgramID{}}
	d.hurry = newHurry(cfg.PinDir)
	d.hurry.recover()
	return d, nil
}

func (d *Dataplane) inHost(f func() error) error { return netlinkx.In(d.cfg.Netns, f) }

func (d *Dataplane) lock() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errs.New(errs.Gone, "the dataplane is closed")
	}
	return nil
}

// Apply makes the kernel forward as state says. What cannot be made is in
// the report, and does not stop the rest; an error means that the kernel
// itself refused something, and the next Apply tries again.
func (d *Dataplane) Apply(ctx context.Context, state intent.State) (Report, error) {
	if err := d.lock(); err != nil {
		return Report{}, err
	}
	defer d.mu.Unlock()
	return d.converge(ctx, state, false)
}

// Resync compares everything in the kernel with the state that was applied
// last, and mends what differs.
func (d *Dataplane) Resync(ctx context.Context) (Report, error) {
	if err := d.lock(); err != nil {
		return Report{}, err
	}
	defer d.mu.Unlock()
	if d.last == nil {
		return Report{}, errs.New(errs.Conflict, "no state was applied yet")
	}
	return d.converge(ctx, *d.last, true)
}

func (d *Dataplane) converge(ctx context.Context, state intent.State, verify bool) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	report := Report{Refused: map[string]error{}}
	err := d.inHost(func() error { return d.convergeHere(ctx, state, verify, &report) })
	for id, why := range report.Refused {
		d.cfg.Log.WarnContext(ctx, "dataplane refused an object", "id", id, "error", why)
	}
	if report.Drift > 0 {
		d.cfg.Log.WarnContext(ctx, "dataplane mended drift", "count", report.Drift)
	}
	if err != nil {
		return report, fmt.Errorf("applying network state: %w", err)
	}
	return report, nil
}

func (d *Dataplane) convergeHere(ctx context.Context, state intent.State, verify bool, report *Report) error {
	// What the base devices and attachments needed is drift when they were
	// right before.
	mended := &report.Changed
	if verify {
		mended = &report.Drift
		drift, err := d.tables.load()
		if err != nil {
			return err
		}
		report.Drift += drift
		drift, err = d.kernel.mend()
		report.Drift += drift
		if err != nil {
			return err
		}
	}
	if verify || !d.ready {
		d.attacher.forget()
		if err := d.devices.refresh(); err != nil {
			return err
		}
	}
	around, err := d.surroundings(state, mended, report)
	if err != nil {
		return err
	}
	want, refused := compile(state, around, d.ids, d.groups)
	for id, why := range refused {
		report.Refused[id] = errors.Join(report.Refused[id], why)
	}
	news, moved := d.announcements(want), d.gateways(state, want, verify)
	routers := maps.Clone(d.tables.routers.held)

	var failed []error
	changed, err := d.tables.put(want)
	failed = append(failed, err)
	if !verify {
		report.Changed += changed
	}
	kept, err := d.attachAll(state, around, mended, report)
	failed = append(failed, err)
	if err := ctx.Err(); err != nil {
		return errors.Join(append(failed, err)...)
	}
	if errors.Join(failed...) == nil {
		failed = append(failed, d.kernel.commit())
	}
	changed, err = d.tables.prune(want)
	failed = append(failed, err)
	if !verify {
		report.Changed += changed
	}
	for _, prune := range []func() (int, error){
		func() (int, error) { return d.removeDevices(state) },
		func() (int, error) { return d.attacher.prune(kept) },
	} {
		n, err := prune()
		*mended += n
		failed = append(failed, err)
	}
	failed = append(failed, d.leave(routers, want), announce(news), d.tellHosts(moved), d.watch(ctx, report))
	if !verify {
		d.repeat(news, moved)
	}
	d.last = &state
	d.ready = errors.Join(failed...) == nil
	return errors.Join(failed...)
}

// removeDevices removes the devices of ports that are gone. They take their
// programs along, before those are detached: the kernel does that later, by
// itself, and has all other devices wait meanwhile.
func (d *Dataplane) removeDevices(state intent.State) (int, error) {
	keep := d.deviceNames(state)
	if d.devices.leaves(keep) {
		defer d.hurry.begin()()
	}
	return d.devices.prune(keep)
}

func (d *Dataplane) deviceNames(state intent.State) map[string]bool {
	keep := map[string]bool{}
	for id, p := range state.Ports {
		if p.Local {
			keep[d.DeviceName(id)] = true
		}
	}
	return keep
}

// surroundings makes the devices and tells compilation where they are.
func (d *Dataplane) surroundings(state intent.State, mended *int, report *Report) (surroundings, error) {
	s := surroundings{devices: map[string]uint32{}, local: d.cfg.TunnelAddress}
	if !d.ready || mended == &report.Drift {
		_, made, err := d.devices.service()
		if err != nil {
			return s, err
		}
		*mended += count(made)
		_, made, err = d.devices.tunnel()
		if err != nil {
			return s, err
		}
		*mended += count(made)
		if d.devices.carries, err = d.devices.tunnelRoom(); err != nil {
			return s, err
		}
	}
	s.mtu = d.devices.carries
	l, err := d.devices.get(d.devices.serviceName())
	if err != nil {
		return s, err
	}
	s.service = uint32(l.Index)
	if d.cfg.TunnelAddress.IsValid() {
		if l, err = d.devices.get(d.devices.tunnelName()); err != nil {
			return s, err
		}
		s.tunnel = uint32(l.Index)
	}
	if to := endpoints(state, s.local); !usesGRE(state) || !s.local.IsValid() {
		d.under = underlay{}
	} else if !d.ready || mended == &report.Drift || !d.under.leadsTo(to) {
		if d.under, err = d.devices.underlay(to); err != nil {
			return s, err
		}
	}
	s.under = d.under
	wires, turned, err := d.devices.wires(state)
	if err != nil {
		return s, err
	}
	s.wires = wires
	*mended += len(turned)
	for _, name := range turned {
		d.ids.keep(kindPromisc, name)
	}
	owner := map[string]string{}
	for id, p := range state.Ports {
		if !p.Local {
			continue
		}
		name := d.DeviceName(id)
		if other, taken := owner[name]; taken {
			report.Refused[id] = errs.New(errs.Conflict, "device %s belongs to port %s", name, other)
			continue
		}
		owner[name] = id
		l, made, err := d.devices.port(name, state.Networks[p.NetworkID].MTU)
		*mended += count(made)
		if err != nil {
			report.Refused[id] = err
			continue
		}
		s.devices[id] = uint32(l.Index)
	}
	return s, nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// attachAll attaches the programs to all devices. A port whose device fails
// is refused; the others go on.
func (d *Dataplane) attachAll(state intent.State, s surroundings, mended *int, report *Report) (map[attachment]bool, error) {
	kept := map[attachment]bool{}
	var failed []error
	attach := func(device string, index uint32, ingress bool, program string) error {
		at := attachment{device, ingress}
		kept[at] = true
		changed, err := d.attacher.ensure(at, int(index), program, d.kernel.progs[program])
		*mended += count(changed)
		return err
	}
	failed = append(failed, attach(d.devices.serviceName(), s.service, true, "from_service"))
	if s.tunnel != 0 {
		failed = append(failed, attach(d.devices.tunnelName(), s.tunnel, true, "from_tunnel"))
	}
	for physical, w := range s.wires {
		name := d.cfg.PhysicalNetworks[physical]
		failed = append(failed, attach(name, w.index, true, "from_wire"), attach(name, w.index, false, "from_host"))
	}
	for name, index := range s.under.devices {
		failed = append(failed, attach(name, index, true, "from_wire"))
	}
	if d.fresh(s) {
		defer d.hurry.begin()()
	}
	for id, index := range s.devices {
		name := d.DeviceName(id)
		err := errors.Join(attach(name, index, true, "from_guest"), attach(name, index, false, "to_guest"))
		if err != nil {
			// Perhaps a device that was made anew: the next pass looks again.
			delete(d.devices.known, name)
			report.Refused[id] = errors.Join(report.Refused[id], err)
		}
	}
	return kept, errors.Join(failed...)
}

// fresh tells whether this process has attached nothing yet to a side of a
// port's device.
func (d *Dataplane) fresh(s surroundings) bool {
	for id := range s.devices {
		for _, ingress := range []bool{true, false} {
			if _, there := d.attacher.done[attachment{d.DeviceName(id), ingress}]; !there {
				return true
			}
		}
	}
	return false
}

// DeviceName is the name of a local port's device.
func (d *Dataplane) DeviceName(portID string) string {
	return intent.DeviceName(d.cfg.Prefix, portID)
}

// OpenTap opens the tap of a local port for whoever runs its guest; the
// caller closes the file. The port must have been applied.
func (d *Dataplane) OpenTap(portID string) (*os.File, error) {
	if err := d.lock(); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	if _, ok := d.ids.find(kindPort, portID); !ok {
		return nil, errs.New(errs.NotFound, "port %s is not on this host", portID)
	}
	var f *os.File
	err := d.inHost(func() (err error) {
		f, err = openTap(d.DeviceName(portID))
		return err
	})
	return f, err
}

// Close lets go of everything and leaves it forwarding.
func (d *Dataplane) Close() error {
	if err := d.lock(); err != nil {
		return nil //nolint:nilerr // closing twice is no error
	}
	defer d.mu.Unlock()
	d.closed = true
	close(d.stop)
	d.kernel.close()
	d.nl.Close()
	return nil
}

// Purge removes every trace of this dataplane, and closes it: attachments,
// devices, the service namespace, maps and programs. Devices that were
// adopted stay.
func (d *Dataplane) Purge(ctx context.Context) error {
	if err := d.lock(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	var failed []error
	err := d.inHost(func() error {
		_, err := d.attacher.prune(nil)
		failed = append(failed, err, d.devices.purge(), d.restoreWires())
		return nil
	})
	failed = append(failed, err)
	d.closed = true
	close(d.stop)
	d.kernel.close()
	d.nl.Close()
	d.hurry.recover()
	if err := os.RemoveAll(d.cfg.PinDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		failed = append(failed, fmt.Errorf("unpinning: %w", err))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("purging dataplane %s: %w", d.cfg.Prefix, err)
	}
	return nil
}

// restoreWires turns off the promiscuous mode of the interfaces on which this
// dataplane turned it on.
func (d *Dataplane) restoreWires() error {
	var failed []error
	for _, name := range d.ids.names(kindPromisc) {
		l, err := d.nl.Link(name)
		if err == nil {
			err = d.nl.SetPromiscuous(l.Index, false)
		}
		// It may be gone, even since the line before.
		if _, now := d.nl.Link(name); err != nil && !errs.Is(now, errs.NotFound) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// mapNamed is for reading what the programs write.
func (d *Dataplane) mapNamed(name string) *ebpf.Map { return d.kernel.maps[name] }
