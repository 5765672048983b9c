package cloudtest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/network"
	"wisp/internal/node"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// fleet is a compute service with real nodes on machines that exist in memory,
// which die and come back. It notices whenever two copies of a server run on
// hosts that have contact.
type fleet struct {
	t       *testing.T
	cloud   *computetest.Cloud
	member  *policy.Caller
	request compute.CreateRequest

	mu     sync.Mutex
	listen func(ctx context.Context, network, address string) (net.Conn, error)
	serve  *http.Server
	nodes  *nodeapi.Server
	hosts  []*machine
	double []string // what was seen
}

// machine is a host of a fleet.
type machine struct {
	fleet *fleet
	name  string
	dir   string
	fake  *fake.Host
	stop  func() // of its node; nil while none runs

	cut     bool // from the servers; guarded by fleet.mu
	contact bool // it has taken a server's word; guarded by fleet.mu
}

func newFleet(t *testing.T, db *store.DB, size int) *fleet {
	t.Helper()
	f := &fleet{t: t, cloud: computetest.New(t, db), member: computetest.Caller("member", "demo")}
	f.request = compute.CreateRequest{
		Name: "vm", ImageID: f.cloud.Image(nil), FlavorID: f.cloud.Flavor("m1.tiny", 1, 512, 1),
		Networks: []network.PortRequest{{NetworkID: f.cloud.Subnetwork(f.member, "private", "10.1.0.0/24")}},
	}
	f.startServer()
	t.Cleanup(func() { f.stopServer() })
	for i := range size {
		m := &machine{fleet: f, name: fmt.Sprintf("host-%d", i+1), dir: filepath.Join(t.TempDir(), "node")}
		m.fake = fake.NewHost(fake.Options{
			Capabilities: hypervisor.Capabilities{VCPUs: 64, MemoryMiB: 64 << 10, DiskGiB: 1000},
			Fault: func(op, id string) error {
				if op == "start" {
					f.starts(m, id)
				}
				return nil
			},
		})
		f.hosts = append(f.hosts, m)
		m.start()
		t.Cleanup(m.kill)
	}
	return f
}

// startServer begins a server process on the database.
func (f *fleet) startServer() {
	f.t.Helper()
	log := slog.New(slog.DiscardHandler)
	listener, dial := nodeapi.Memory()
	nodes := nodeapi.NewServer(f.cloud.Service, f.cloud.SubscribeHost, log)
	serve := nodes.NewHTTPServer()
	go func() { _ = serve.Serve(listener) }()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listen, f.serve, f.nodes = dial, serve, nodes
}

// stopServer ends it: all hosts lose contact.
func (f *fleet) stopServer() {
	f.mu.Lock()
	for _, m := range f.hosts {
		m.contact = false
	}
	serve, nodes := f.serve, f.nodes
	f.mu.Unlock()
	_ = serve.Close()
	_ = nodes.Close()
}

// starts is called when a machine is about to run.
func (f *fleet) starts(at *machine, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.hosts {
		if m != at && m.contact && at.contact && m.runs(id) {
			f.double = append(f.double, fmt.Sprintf("%s starts on %s and runs on %s", id, at.name, m.name))
		}
	}
}

// runs tells whether a process of the server lives here.
func (m *machine) runs(id string) bool {
	driver := m.fake.Driver()
	list, err := driver.List(context.Background())
	if err != nil {
		m.fleet.t.Error(err)
	}
	for _, one := range list {
		if one.ID == id && one.PID != 0 {
			return true
		}
	}
	return false
}

// start runs the host's node, if none runs.
func (m *machine) start() {
	m.fleet.t.Helper()
	if m.stop != nil {
		return
	}
	log := slog.New(slog.DiscardHandler)
	driver := m.fake.Driver()
	agent, err := node.New(node.Config{
		Host: m.name, StateDir: m.dir, Version: "test", Driver: driver, Dataplane: &memoryDataplane{ports: map[string]bool{}}, Log: log,
		StrangerGrace: time.Hour, // the fence has to do it
		Server:        nodeapi.ClientConfig{URL: "http://memory", Log: log, Dial: m.dial},
	})
	if err != nil {
		m.fleet.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-done; err != nil {
			m.fleet.t.Errorf("the node: %v", err)
		}
		_ = driver.Close()
	}
}

func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m.fleet.mu.Lock()
	cut, dial := m.cut, m.fleet.listen
	m.fleet.mu.Unlock()
	if cut {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: net.ErrClosed}
	}
	return dial(ctx, network, address)
}

func (m *machine) lose() {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	m.contact = false
}

// kill ends the node; the machines run on.
func (m *machine) kill() {
	m.lose()
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

// crash is a power failure.
func (m *machine) crash() {
	m.kill()
	m.fake.Reboot()
}

// come waits until the host has taken a server's word.
func (m *machine) come() {
	f := m.fleet
	f.t.Helper()
	m.start()
	f.eventually("the host "+m.name+" has taken the server's word", func() bool {
		hosts, err := f.cloud.ListHosts(context.Background(), compute.HostFilter{Name: m.name})
		if err != nil || len(hosts) != 1 || !hosts[0].Connected {
			return false
		}
		state, err := f.cloud.HostState(context.Background(), m.name)
		return err == nil && len(state.Fenced) == 0
	})
	f.mu.Lock()
	m.contact = true
	f.mu.Unlock()
	f.check()
}

func (f *fleet) force(m *machine, down bool) {
	f.t.Helper()
	if _, err := f.cloud.UpdateHost(context.Background(), compute.HostFilter{Name: m.name}, compute.HostUpdate{ForcedDown: &down}); err != nil {
		f.t.Fatal(err)
	}
}

// check counts copies on hosts that have contact.
func (f *fleet) check() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, problem := range f.double {
		f.t.Fatal(problem)
	}
	for _, id := range f.ids() {
		copies := 0
		for _, m := range f.hosts {
			if m.contact && m.runs(id) {
				copies++
			}
		}
		if copies > 1 {
			f.t.Fatalf("%d copies of %s run", copies, id)
		}
	}
}

// servers are those that are not deleted.
func (f *fleet) servers() []compute.Server {
	f.t.Helper()
	list, err := f.cloud.ListServers(context.Background(), computetest.Admin(), compute.ServerFilter{AllProjects: true}, compute.Load{})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

func (f *fleet) ids() []string {
	var ids []string
	for _, s := range f.servers() {
		ids = append(ids, s.ID)
	}
	return ids
}

// settled waits until each server runs once, where it should.
func (f *fleet) settled() {
	f.t.Helper()
	f.eventually("each server runs once, where it should", func() bool {
		for _, s := range f.servers() {
			if s.Status() != "ACTIVE" || s.TaskState != "" {
				return false
			}
			for _, m := range f.hosts {
				if m.runs(s.ID) != (m.name == s.Host) {
					return false
				}
			}
		}
		return true
	})
	f.check()
}

func (f *fleet) eventually(what string, holds func() bool) {
	f.t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			for _, s := range f.servers() {
				f.t.Logf("%s is %s %q on %s", s.ID, s.Status(), s.TaskState, s.Host)
			}
			f.t.Fatalf("never happened: %s", what)
		}
	}
}

func (f *fleet) create() string {
	f.t.Helper()
	made, err := f.cloud.CreateServers(context.Background(), f.member, f.request)
	if err != nil {
		f.t.Fatal(err)
	}
	return made.Servers[0].ID
}

// evacuate moves all servers off a host; it may have room nowhere.
func (f *fleet) evacuate(m *machine) {
	f.t.Helper()
	for _, s := range f.servers() {
		if s.Host != m.name {
			continue
		}
		_, err := f.cloud.Evacuate(context.Background(), computetest.Admin(), s.ID, compute.EvacuateRequest{})
		if err != nil && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound) { // it is being built, say, or its end has come
			f.t.Fatal(err)
		}
	}
}

// The servers of a host that dies run elsewhere, and once only when it is back:
// whether its node was killed, its machine lost its power, or it was only cut
// off and its machines run on, or an administrator was mistaken.
func TestEvacuation(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(m *machine){
		"the node is killed": (*machine).kill,
		"power failure":      (*machine).crash,
		"cut off": func(m *machine) {
			m.lose()
			m.fleet.mu.Lock()
			m.cut = true
			m.fleet.mu.Unlock()
			m.fleet.stopServer()
			m.fleet.startServer()
			for _, other := range m.fleet.hosts {
				if other != m {
					other.come()
				}
			}
		},
		"it lives": func(*machine) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, storetest.SQLite(t), 3)
			for _, m := range f.hosts {
				m.come()
			}
			for range 6 {
				f.create()
			}
			f.settled()
			dead := f.hosts[0]
			die(dead)
			f.force(dead, true)
			f.evacuate(dead)
			f.eventually("all run elsewhere", func() bool {
				for _, s := range f.servers() {
					if s.Host == dead.name || s.Status() != "ACTIVE" {
						return false
					}
				}
				return true
			})
			f.mu.Lock()
			dead.cut = false
			f.mu.Unlock()
			dead.come()
			f.force(dead, false)
			f.settled()
		})
	}
}

// The old node comes back while its servers are being moved.
func TestReturnDuringEvacuation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFleet(t, db, 3)
		for _, m := range f.hosts {
			m.come()
		}
		for range 9 {
			f.create()
		}
		f.settled()
		dead := f.hosts[0]
		dead.kill()
		f.force(dead, true)
		var moving sync.WaitGroup
		moving.Go(func() { f.evacuate(dead) })
		dead.start()
		moving.Wait()
		dead.come()
		f.force(dead, false)
		f.settled()
	})
}

// Hosts come and go in any order, with servers that are made, deleted and
// moved: at no time do two copies run on hosts that have contact, and in the end
// each server runs once.
func TestFleet(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	f := newFleet(t, storetest.SQLite(t), 3)
	for _, m := range f.hosts {
		m.come()
	}
	steps := 40
	if testing.Short() {
		steps = 10
	}
	for range steps {
		m := f.hosts[random.IntN(len(f.hosts))]
		servers := f.servers()
		action := random.IntN(8)
		t.Logf("action %d on %s", action, m.name)
		switch action {
		case 0, 1:
			if len(servers) < 8 {
				f.create()
			}
		case 2:
			if len(servers) > 0 {
				id := servers[random.IntN(len(servers))].ID
				if err := f.cloud.DeleteServer(t.Context(), computetest.Admin(), id); err != nil && !errs.Is(err, errs.NotFound) {
					t.Fatal(err)
				}
			}
		case 3:
			m.kill()
		case 4:
			m.crash()
		case 5:
			f.force(m, true)
			f.evacuate(m)
		case 6:
			m.start()
		case 7:
			m.come()
			f.force(m, false)
		}
		f.check()
	}
	for _, m := range f.hosts {
		m.come()
		f.force(m, false)
	}
	// What failed for want of a host, or was given up, is tried no more.
	f.eventually("nothing is being done", func() bool {
		for _, s := range f.servers() {
			if s.Status() == "ERROR" {
				if err := f.cloud.DeleteServer(t.Context(), computetest.Admin(), s.ID); err != nil && !errs.Is(err, errs.NotFound) {
					t.Fatal(err)
				}
			}
		}
		for _, s := range f.servers() {
			if s.Status() == "ERROR" || s.TaskState != "" {
				return false
			}
		}
		return true
	})
	f.settled()
}
