package node

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/dhcp"
	"wisp/internal/errs"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/nodeapi"
)

// fakeDataplane is a host's network in memory.
type fakeDataplane struct {
	mu        sync.Mutex
	applied   intent.State
	applies   int
	resyncs   int
	applyErr  error
	refused   map[string]error
	others    dataplane.Report // what others on the wire say
	drift     int
	metered   []dataplane.Metered
	metersErr error
	ports     map[netip.Addr]string
	listener  net.Listener
	frames    *frameConn
	taps      []string
	slow      *slowTrace // when set before the node starts
}

// slowTrace holds traces until they may go on.
type slowTrace struct{ in, out chan struct{} }

func newFakeDataplane(t *testing.T) *fakeDataplane {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &fakeDataplane{listener: l, ports: map[netip.Addr]string{}, frames: newFrameConn()}
}

func (d *fakeDataplane) Apply(_ context.Context, s intent.State) (dataplane.Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.applies++
	if d.applyErr != nil {
		return dataplane.Report{}, d.applyErr
	}
	d.applied = s
	return dataplane.Report{Refused: d.refused, Conflicts: d.others.Conflicts, Yielded: d.others.Yielded}, nil
}

func (d *fakeDataplane) Resync(context.Context) (dataplane.Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resyncs++
	drift := d.drift
	d.drift = 0
	return dataplane.Report{Drift: drift, Conflicts: d.others.Conflicts, Yielded: d.others.Yielded}, nil
}

func (d *fakeDataplane) OpenTap(port string) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taps = append(d.taps, port)
	if _, made := d.applied.Ports[port]; !made {
		return nil, errs.New(errs.Unavailable, "The port %s has no device.", port)
	}
	return os.Open(os.DevNull)
}

func (d *fakeDataplane) Traffic(port string) (dataplane.Traffic, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, made := d.applied.Ports[port]; !made {
		return dataplane.Traffic{}, errs.New(errs.NotFound, "The port %s has no device.", port)
	}
	return dataplane.Traffic{Device: "w000tap", RxBytes: 10, RxPackets: 1, RxErrors: 2, RxDropped: 3, TxBytes: 40, TxPackets: 4, TxErrors: 5, TxDropped: 6}, nil
}

func (d *fakeDataplane) Meters() ([]dataplane.Metered, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.metered, d.metersErr
}

func (d *fakeDataplane) PortByServiceAddr(a netip.Addr) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	port, ok := d.ports[a]
	return port, ok
}

func (d *fakeDataplane) ListenService(_ context.Context, network, address string) (net.Listener, error) {
	if network != "tcp" || address != metadataAddress {
		return nil, errors.New("listens elsewhere")
	}
	return d.listener, nil
}

func (d *fakeDataplane) Trace(_ context.Context, port string, probe dataplane.Probe) ([]dataplane.Step, error) {
	if d.slow != nil {
		d.slow.in <- struct{}{}
		<-d.slow.out
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, made := d.applied.Ports[port]; !made {
		return nil, errs.New(errs.NotFound, "port %s is not on this host", port)
	}
	src, dst := netip.AddrPortFrom(probe.From, probe.SrcPort), netip.AddrPortFrom(probe.To, probe.DstPort)
	return []dataplane.Step{{Program: "from_guest", Port: port, Verdict: dataplane.Dropped, Reason: "no-rule-out", Src: src, Dst: dst, Host: netip.MustParseAddr("192.0.2.2")}}, nil
}

func (d *fakeDataplane) Frames() (dhcp.Conn, error) { return d.frames, nil }

func (d *fakeDataplane) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// frameConn carries frames of one port.
type frameConn struct {
	in, out chan []byte
	closed  chan struct{}
	once    sync.Once
}

func newFrameConn() *frameConn {
	return &frameConn{in: make(chan []byte), out: make(chan []byte, 8), closed: make(chan struct{})}
}

func (c *frameConn) ReadFrame(buf []byte) (int, string, error) {
	select {
	case b := <-c.in:
		return copy(buf, b), portID, nil
	case <-c.closed:
		return 0, "", net.ErrClosed
	}
}

func (c *frameConn) WriteFrame(_ string, b []byte) error {
	c.out <- b
	return nil
}

func (c *frameConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// cloud is a server's insides.
type cloud struct {
	mu        sync.Mutex
	id        string
	state     nodeapi.State
	hellos    []nodeapi.Hello
	reports   []nodeapi.Report
	latest    map[string]nodeapi.InstanceStatus
	history   map[string][]nodeapi.InstanceStatus
	images    map[string][]byte
	opened    map[string]int
	block     map[string]chan struct{} // images that come late
	openErr   error
	saved     map[string][][]byte // images that came, by id
	saveErr   error
	passwords map[string]string // that instances told
	wakes     map[chan struct{}]bool
}

func newCloud() *cloud {
	return &cloud{
		id: "cloud-1", latest: map[string]nodeapi.InstanceStatus{}, history: map[string][]nodeapi.InstanceStatus{}, images: map[string][]byte{},
		opened: map[string]int{}, saved: map[string][][]byte{}, passwords: map[string]string{}, block: map[string]chan struct{}{}, wakes: map[chan struct{}]bool{},
	}
}

func (c *cloud) HostState(context.Context, string) (nodeapi.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, nil
}

func (c *cloud) Hello(_ context.Context, h nodeapi.Hello) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hellos = append(c.hellos, h)
	return nil
}

func (c *cloud) Report(_ context.Context, _ string, r nodeapi.Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports = append(c.reports, r)
	if r.Whole {
		clear(c.latest)
	}
	for _, s := range r.Instances {
		c.latest[s.ID] = s
		c.history[s.ID] = append(c.history[s.ID], s)
	}
	return nil
}

func (c *cloud) HostGone(context.Context, string, string) {}

func (c *cloud) CloudID(context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id, nil
}

func (c *cloud) OpenImage(ctx context.Context, _, id string) (io.ReadCloser, int64, error) {
	c.mu.Lock()
	c.opened[id]++
	block, err, b := c.block[id], c.openErr, c.images[id]
	c.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
		}
	}
	if err != nil {
		return nil, 0, err
	}
	if b == nil {
		return nil, 0, errs.New(errs.NotFound, "No image %s.", id)
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (c *cloud) SaveImage(_ context.Context, _, id string, body io.Reader, size int64) error {
	content, err := io.ReadAll(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.saveErr != nil:
		return c.saveErr
	case int64(len(content)) != size:
		return fmt.Errorf("%d bytes came, %d were promised", len(content), size)
	}
	c.saved[id] = append(c.saved[id], content)
	return nil
}

func (c *cloud) SavePassword(_ context.Context, _, id, password string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passwords[id] != "" {
		return errs.New(errs.Conflict, "There is one.")
	}
	c.passwords[id] = password
	return nil
}

func (c *cloud) subscribe(string) (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{}, 1)
	c.wakes[ch] = true
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.wakes, ch)
	}
}

// set changes the desired state.
func (c *cloud) set(change func(s *nodeapi.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A copy of all maps: states that were handed out must not change.
	next := nodeapi.State{}.Apply(nodeapi.Update{Full: true, State: c.state})
	if next.Instances == nil {
		next.Instances = map[string]nodeapi.Instance{}
	}
	if next.Network.Ports == nil {
		next.Network.Ports = map[string]intent.Port{}
	}
	if next.Leases == nil {
		next.Leases = map[string]nodeapi.Lease{}
	}
	change(&next)
	c.state = next
	for ch := range c.wakes {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *cloud) put(instances ...nodeapi.Instance) {
	c.set(func(s *nodeapi.State) {
		for _, i := range instances {
			s.Instances[i.ID] = i
			for _, p := range i.Ports {
				s.Network.Ports[p.PortID] = intent.Port{ID: p.PortID, Local: true, MAC: p.MAC}
			}
		}
	})
}

func (c *cloud) drop(id string) { c.set(func(s *nodeapi.State) { delete(s.Instances, id) }) }

func (c *cloud) status(id string) nodeapi.InstanceStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest[id]
}

func (c *cloud) is(id, phase string) func() bool {
	return func() bool { return c.status(id).Phase == phase }
}

func (c *cloud) locked(f func() bool) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return f()
	}
}

// addImage makes an image of the cloud.
func (c *cloud) addImage(content []byte) *nodeapi.Image {
	sum := sha512.Sum512(content)
	image := &nodeapi.Image{ID: uuid.NewString(), DiskFormat: "qcow2", Size: int64(len(content)), SHA512: hex.EncodeToString(sum[:])}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images[image.ID] = content
	return image
}

// world is a cloud with one host.
type world struct {
	t         *testing.T
	cloud     *cloud
	machines  *fake.Host
	dataplane *fakeDataplane
	dir       string
	fault     func(op, id string) error // of the hypervisor
	faultMu   sync.Mutex
	server    *nodeapi.Server
	dialMu    sync.Mutex
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	stopServe func()
	change    func(*Config)
}

const portID = "11111111-2222-4333-8444-555555555555"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cloud: newCloud(), dataplane: newFakeDataplane(t), dir: filepath.Join(t.TempDir(), "node")}
	w.machines = fake.NewHost(fake.Options{Fault: func(op, id string) error {
		w.faultMu.Lock()
		defer w.faultMu.Unlock()
		if w.fault == nil {
			return nil
		}
		return w.fault(op, id)
	}})
	w.serve()
	return w
}

func (w *world) setFault(f func(op, id string) error) {
	w.faultMu.Lock()
	defer w.faultMu.Unlock()
	w.fault = f
}

// serve starts a server.
func (w *world) serve() {
	l, dial := nodeapi.Memory()
	s := nodeapi.NewServer(w.cloud, w.cloud.subscribe, slog.New(slog.DiscardHandler))
	hs := s.NewHTTPServer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hs.Serve(l)
	}()
	w.dialMu.Lock()
	w.dial, w.server = dial, s
	w.dialMu.Unlock()
	w.stopServe = sync.OnceFunc(func() {
		_ = hs.Close()
		_ = s.Close()
		<-done
	})
	w.t.Cleanup(w.stopServe)
}

// start runs a node until stop or the end of the test.
func (w *world) start() (n *Node, stop func()) {
	w.t.Helper()
	driver := w.machines.Driver()
	cfg := Config{
		Host: "h1", StateDir: w.dir, Version: "1", Driver: driver, Dataplane: w.dataplane, Log: slog.New(slog.DiscardHandler),
		Server: nodeapi.ClientConfig{URL: "http://memory", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			w.dialMu.Lock()
			dial := w.dial
			w.dialMu.Unlock()
			return dial(ctx, network, address)
		}},
		StrangerGrace: 20 * time.Millisecond, FailAfter: 300 * time.Millisecond,
	}
	if w.change != nil {
		w.change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run: %v", err)
		}
		_ = driver.Close()
	})
	w.t.Cleanup(stop)
	return n, stop
}

// ids lists the machines; a failing hypervisor's are unknown.
func (w *world) ids() []string {
	list, err := w.machines.Driver().List(context.Background())
	if err != nil {
		return []string{"unknown"}
	}
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func instance(image *nodeapi.Image) nodeapi.Instance {
	return nodeapi.Instance{ID: uuid.NewString(), Name: "vm", Power: nodeapi.PowerRunning, BootGeneration: 1, VCPUs: 1, MemoryMiB: 64, Image: image}
}

// patience is how long anything may take on a busy machine.
const patience = time.Minute

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// stays fails when a condition stops to hold within a moment.
func stays(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(150 * time.Millisecond)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if !holds() {
			t.Fatalf("did not stay: %s", what)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		}
	}
}

func get(t *testing.T, url string, header http.Header) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
