package cloudtest

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/dhcp"
	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/node"
	"wisp/internal/nodeapi"
)

// Host is the name of the host that StartNode makes.
const Host = "host-1"

// StartNode runs a node of the cloud on a hypervisor, with a network that only
// exists in memory, until stop or the end of the test.
func (c *Cloud) StartNode(t testing.TB, driver hypervisor.Driver) (stop func()) {
	t.Helper()
	listener, dial := nodeapi.Memory()
	server := c.Server.Nodes.NewHTTPServer()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends by Close
	}()
	log := slog.New(slog.DiscardHandler)
	agent, err := node.New(node.Config{
		Host: Host, StateDir: t.TempDir(), Version: "test", Address: netip.MustParseAddr("127.0.0.1"), Physical: []string{"public"},
		Server: nodeapi.ClientConfig{URL: "http://memory", Dial: dial, Log: log}, Driver: driver, Dataplane: &memoryDataplane{ports: map[string]bool{}}, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- agent.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("the node: %v", err)
		}
		if err := server.Close(); err != nil {
			t.Errorf("the node's server: %v", err)
		}
		<-served
	})
	t.Cleanup(stop)
	return stop
}

// memoryDataplane is a host's network that carries nothing.
type memoryDataplane struct {
	mu    sync.Mutex
	ports map[string]bool
}

var _ node.Dataplane = (*memoryDataplane)(nil)

// Apply implements node.Dataplane.
func (d *memoryDataplane) Apply(_ context.Context, state intent.State) (dataplane.Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.ports)
	for id, port := range state.Ports {
		d.ports[id] = port.Local
	}
	return dataplane.Report{}, nil
}

// Resync implements node.Dataplane.
func (d *memoryDataplane) Resync(context.Context) (dataplane.Report, error) {
	return dataplane.Report{}, nil
}

func (d *memoryDataplane) has(port string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ports[port] {
		return errs.New(errs.NotFound, "The port %s has no device.", port)
	}
	return nil
}

// OpenTap implements node.Dataplane.
func (d *memoryDataplane) OpenTap(port string) (*os.File, error) {
	if err := d.has(port); err != nil {
		return nil, err
	}
	return os.Open(os.DevNull)
}

// Traffic implements node.Dataplane.
func (d *memoryDataplane) Traffic(port string) (dataplane.Traffic, error) {
	return dataplane.Traffic{Device: intent.DeviceName("w000", port)}, d.has(port)
}

// Meters implements node.Dataplane: no packets, no counts.
func (d *memoryDataplane) Meters() ([]dataplane.Metered, error) { return nil, nil }

// Trace implements node.Dataplane: the packet is at its end at once.
func (d *memoryDataplane) Trace(_ context.Context, port string, _ dataplane.Probe) ([]dataplane.Step, error) {
	return nil, d.has(port)
}

// PortByServiceAddr implements node.Dataplane.
func (d *memoryDataplane) PortByServiceAddr(netip.Addr) (string, bool) { return "", false }

// ListenService implements node.Dataplane.
func (d *memoryDataplane) ListenService(context.Context, string, string) (net.Listener, error) {
	listener, _ := nodeapi.Memory()
	return listener, nil
}

// Frames implements node.Dataplane.
func (d *memoryDataplane) Frames() (dhcp.Conn, error) {
	return &silence{closed: make(chan struct{})}, nil
}

// silence is a connection on which no frame comes.
type silence struct {
	once   sync.Once
	closed chan struct{}
}

// ReadFrame implements dhcp.Conn.
func (s *silence) ReadFrame([]byte) (int, string, error) {
	<-s.closed
	return 0, "", net.ErrClosed
}

// WriteFrame implements dhcp.Conn.
func (s *silence) WriteFrame(string, []byte) error { return net.ErrClosed }

// Close implements dhcp.Conn.
func (s *silence) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
