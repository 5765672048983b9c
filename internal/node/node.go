// Package node is the agent of one host: it makes the machines and the
// network of the host what the server says they should be, and says what
// they are. Node is the agent, Config what it is made of.
//
// The server's word is a whole state, kept on disk, so that a node which
// starts without its server still knows everything. Loops compare that state
// with what is, one object at a time, whenever something may have changed and
// on a timer. Nothing else is remembered: what runs is asked from the
// hypervisor, so a node that was killed goes on where it was. The guests'
// DHCP and metadata are answered from the same state, with or without a
// server.
//
// The package knows neither the database nor the services of the cloud.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
	"wisp/internal/reconcile"
)

// Config is what a node is made of. Host, StateDir, Server, Driver, Dataplane
// and Log must be given. The driver and the dataplane stay the caller's: Run
// does not close them.
type Config struct {
	Host     string // the name by which the cloud knows this host
	StateDir string // made when missing; the node keeps state.json and images/ in it
	Version  string // of wisp
	Address  netip.Addr
	Endpoint netip.Addr // of tunnels; invalid without
	API      netip.Addr // where the same process answers the APIs; invalid when it does not
	Physical []string   // names of the physical networks attached here
	// Mappings are the interfaces of the physical networks, by their names.
	Mappings map[string]string
	// Examine looks at the machine, at the start and every ExamineEvery; nil
	// looks at nothing.
	Examine      func(ctx context.Context) []nodeapi.Finding
	ExamineEvery time.Duration // 0 means 10 minutes

	Server    nodeapi.ClientConfig
	Driver    hypervisor.Driver
	Dataplane Dataplane
	Log       *slog.Logger

	// StopGrace is how long a guest may take to shut down; 0 means 60 s. An
	// image can ask for another time (os_shutdown_timeout, seconds).
	StopGrace time.Duration
	// StrangerGrace is how long a machine that the server does not name is
	// left alone before it is removed; 0 means 10 s.
	StrangerGrace time.Duration
	// FailAfter is how long what may be passing is tried again before the
	// instance is said to have failed; 0 means 10 s.
	FailAfter time.Duration
	// Resync is how often everything is compared although nothing happened;
	// 0 means 30 s.
	Resync time.Duration
	// MeterEvery is how often what is counted is read; 0 means 5 s.
	MeterEvery time.Duration
}

const (
	instancesAtOnce = 4
	wholeEvery      = 30 // heartbeats
)

// Node is the agent of a host. Make it with New and run it once.
type Node struct {
	cfg     Config
	log     *slog.Logger
	client  *nodeapi.Client
	images  *imageCache
	copies  *snapshots
	serials serialConsoles
	vms     *reconcile.Loop[string] // instance ids
	host    *reconcile.Loop[string] // tasks of the host as a whole
	started time.Time
	send    func(nodeapi.Report) // to the server
	telling sync.Mutex           // from reading a status to sending it; before mu
	tracing chan struct{}        // holds one for each packet that is followed now

	mu         sync.Mutex
	incoming   *update
	wake       chan struct{} // something is incoming
	advertise  chan struct{} // what routers say may be new
	desired    nodeapi.State
	revision   int64
	owner      owner             // whose the machines are; empty until a server said
	known      bool              // desired is the server's word, now or before a restart
	current    bool              // the server has said everything in this node's life
	byPort     map[string]string // port id to instance id
	plugged    map[string]bool   // local ports that the dataplane has made
	networkErr error             // why Apply failed as a whole
	crashes    map[string]crash
	strangers  map[string]time.Time // since when they are seen
	examined   []nodeapi.Finding    // what was found of the machine; nil before it was examined
	disputed   map[string]string    // routers of which others have what should be here, by id
	findings   []nodeapi.Finding    // both, as they were told; nil before the machine was examined
	meters     []nodeapi.Meter      // as they were read last
	book       book
	fence      fence
}

// update is the newest word of the server that nobody has looked at yet.
type update struct {
	session  uint64 // of the client, which brought it; 0 for what was saved
	cloud    string
	state    nodeapi.State
	revision int64
	full     bool
}

// New returns a node that does nothing yet.
func New(cfg Config) (*Node, error) {
	switch {
	case cfg.Host == "" || cfg.StateDir == "":
		return nil, errs.New(errs.Invalid, "A node needs a host name and a state directory.")
	case cfg.Driver == nil || cfg.Dataplane == nil || cfg.Log == nil:
		return nil, errs.New(errs.Invalid, "A node needs a hypervisor driver, a dataplane and a log.")
	}
	setDefault(&cfg.StopGrace, time.Minute)
	setDefault(&cfg.StrangerGrace, 10*time.Second)
	setDefault(&cfg.FailAfter, 10*time.Second)
	setDefault(&cfg.Resync, 30*time.Second)
	setDefault(&cfg.MeterEvery, 5*time.Second)
	setDefault(&cfg.ExamineEvery, 10*time.Minute)
	if cfg.Server.Log == nil {
		cfg.Server.Log = cfg.Log
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, started: time.Now().UTC().Truncate(time.Microsecond), wake: make(chan struct{}, 1), advertise: make(chan struct{}, 1),
		tracing: make(chan struct{}, nodeapi.TracesAtOnce),
		byPort:  map[string]string{}, plugged: map[string]bool{}, crashes: map[string]crash{}, strangers: map[string]time.Time{}, book: newBook(), fence: newFence(),
	}
	var err error
	if n.client, err = nodeapi.NewClient(cfg.Server, agent{n}); err != nil {
		return nil, err
	}
	n.send = n.client.Report
	n.vms = reconcile.New(reconcile.Config[string]{
		Reconcile: n.reconcileInstance, Workers: instancesAtOnce, Resync: cfg.Resync, RetryLast: 5 * time.Minute, Log: cfg.Log.With("loop", "instances"),
	})
	n.host = reconcile.New(reconcile.Config[string]{
		Reconcile: n.reconcileHost, Workers: 3, Resync: cfg.Resync, RetryLast: cfg.Resync, Log: cfg.Log.With("loop", "host"),
	})
	return n, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Run works until ctx ends. It returns early only when the state directory
// cannot be used. Machines and network stay as they are.
func (n *Node) Run(ctx context.Context) error {
	if err := os.MkdirAll(n.cfg.StateDir, 0o700); err != nil {
		return fmt.Errorf("making the node's state directory: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	n.images, err = newImageCache(ctx, filepath.Join(n.cfg.StateDir, "images"), n.client.OpenImage, n.vms.Signal, n.log)
	if err != nil {
		return err
	}
	n.copies, err = newSnapshots(ctx, filepath.Join(n.cfg.StateDir, "snapshots"), n.cfg.Driver, n.client.SaveImage, func(id string) { n.vms.Signal(id) }, n.log)
	if err != nil {
		return err
	}
	saved, found := n.load()
	n.owner = owner{cloud: saved.Cloud, host: saved.Host}
	n.adopt(ctx, saved.State)
	n.recallContact()
	if found {
		n.take(update{cloud: saved.Cloud, state: saved.State, revision: saved.Revision})
	}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context){
		n.vms.Run, n.host.Run, n.client.Run, n.takeUpdates, n.followEvents, n.beat, n.keepContact, n.examine, n.readMeters, n.serveDHCP, n.serveRouters, n.serveMetadata,
	} {
		parts.Go(func() { part(ctx) })
	}
	n.host.Signal(taskNetwork, taskStrangers, taskImages, taskFence)
	parts.Wait()
	n.images.wait()
	n.copies.wait()
	return nil
}

// adopt learns what runs already, before the server or a loop is told
// anything: a first report that left a running machine out would be a lie.
func (n *Node) adopt(ctx context.Context, saved nodeapi.State) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		machines, err := n.cfg.Driver.List(ctx)
		if err == nil {
			n.mu.Lock()
			defer n.mu.Unlock()
			for id := range saved.Instances {
				n.book.set(nodeapi.InstanceStatus{ID: id, Phase: nodeapi.PhasePreparing, BootGeneration: -1, ResetGeneration: -1})
			}
			for _, machine := range machines {
				n.book.set(adopted(machine))
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		n.log.ErrorContext(ctx, "listing the machines of this host failed", "error", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// takeUpdates takes what the server says, one word at a time.
func (n *Node) takeUpdates(ctx context.Context) {
	for {
		select {
		case <-n.wake:
		case <-ctx.Done():
			return
		}
		n.mu.Lock()
		u := n.incoming
		n.incoming = nil
		n.mu.Unlock()
		if u == nil {
			continue
		}
		if !n.accept(ctx, *u) {
			continue
		}
		// Copies of what runs elsewhere go first, and no other machine is
		// touched before.
		n.fenceOff(ctx, u.state.Fenced)
		// On disk first: a node that dies now must not bring back what the
		// server has just taken away.
		err := n.save(savedState{Cloud: u.cloud, Host: n.cfg.Host, Revision: u.revision, State: u.state})
		if err != nil {
			n.log.ErrorContext(ctx, "saving the state of this host failed; a restart without the server would use an older one", "error", err)
		}
		n.mu.Lock()
		n.fence.unsaved = err != nil
		n.mu.Unlock()
		n.take(*u)
		if err := n.noteContact(); err != nil {
			n.log.ErrorContext(ctx, "the last contact with a server could not be noted", "error", err)
		}
	}
}

// take makes a state the desired one, and signals what differs.
func (n *Node) take(u update) {
	n.mu.Lock()
	defer n.mu.Unlock()
	changes := nodeapi.Diff(n.desired, u.state)
	first := !n.known
	n.desired, n.revision, n.known = u.state, u.revision, true
	n.current = n.current || u.full
	n.heard(u)
	for id, instance := range changes.State.Instances {
		n.book.reconsider(instance)
		delete(n.crashes, id)
		n.vms.Signal(id)
	}
	for _, id := range changes.Removed.Instances {
		n.vms.Forget(id)
		n.book.drop(id)
		n.copies.drop(id)
		delete(n.crashes, id)
	}
	if u.full {
		n.vms.Signal(slices.Collect(maps.Keys(u.state.Instances))...)
	}
	n.byPort = map[string]string{}
	for id, instance := range u.state.Instances {
		for _, port := range instance.Ports {
			n.byPort[port.PortID] = id
		}
	}
	network := nodeapi.Update{State: nodeapi.State{Network: changes.State.Network}, Removed: changes.Removed}
	network.Removed.Instances, network.Removed.Leases, network.Removed.Images, network.Removed.Fenced = nil, nil, nil, nil
	if first || u.full || !network.Empty() {
		n.host.Signal(taskNetwork)
	}
	if u.full || len(changes.Removed.Instances) > 0 {
		n.host.Signal(taskStrangers)
	}
	if len(changes.State.Leases)+len(changes.Removed.Leases) > 0 {
		select {
		case n.advertise <- struct{}{}:
		default:
		}
	}
	if len(changes.State.Images) > 0 || u.full && len(u.state.Images) > 0 {
		n.host.Signal(taskImages)
	}
	if len(u.state.Fenced) > 0 {
		n.host.Signal(taskFence)
	}
}

// followEvents looks at a machine as soon as it did something by itself.
func (n *Node) followEvents(ctx context.Context) {
	events := n.cfg.Driver.Events()
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			n.log.InfoContext(ctx, "machine event", "instance", event.ID, "event", event.Kind, "detail", event.Detail)
			n.mu.Lock()
			_, ours := n.desired.Instances[event.ID]
			n.mu.Unlock()
			if ours {
				n.vms.Signal(event.ID)
			}
		case <-ctx.Done():
			return
		}
	}
}

// beat tells the server that this host lives and how it does.
func (n *Node) beat(ctx context.Context) {
	ticker := time.NewTicker(nodeapi.Heartbeat)
	defer ticker.Stop()
	for count := 1; ; count++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		n.beatOnce(count%wholeEvery == 0)
	}
}

func (n *Node) beatOnce(whole bool) {
	n.telling.Lock()
	defer n.telling.Unlock()
	report := n.report()
	if whole {
		report = agent{n}.Whole()
		report.Whole = true
	}
	n.send(report)
	if whole && n.client.Connected() {
		n.forgetStories(time.Now())
	}
}
