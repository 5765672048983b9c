package nodeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"wisp/internal/errs"
)

// fakeCloud is a server's insides, with failures on demand.
type fakeCloud struct {
	mu        sync.Mutex
	state     State
	stateErrs int // HostState fails this often
	computing int
	overlap   bool // two computations of a host's state at once
	computed  int
	block     chan struct{} // HostState waits for it
	hellos    []Hello
	helloErr  error
	reports   []Report
	reportErr func(n int) error
	tries     int
	gone      []string
	ended     []string // sessions
	id        string
	idErr     error
	images    map[string][]byte
	passwords map[string]string
	imageErr  error
	subs      map[chan struct{}]bool
}

func newFakeCloud() *fakeCloud {
	return &fakeCloud{id: "cloud-1", images: map[string][]byte{}, passwords: map[string]string{}, subs: map[chan struct{}]bool{}}
}

func (c *fakeCloud) HostState(ctx context.Context, _ string) (State, error) {
	c.mu.Lock()
	c.computing++
	c.overlap = c.overlap || c.computing > 1
	c.computed++
	block := c.block
	c.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.computing--
	if c.stateErrs > 0 {
		c.stateErrs--
		return State{}, errors.New("the database is away")
	}
	return c.state.Apply(Update{State: State{}}), nil
}

func (c *fakeCloud) Hello(_ context.Context, h Hello) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hellos = append(c.hellos, h)
	return c.helloErr
}

func (c *fakeCloud) Report(_ context.Context, _ string, r Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.reportErr != nil {
		if err := c.reportErr(c.tries); err != nil {
			return err
		}
	}
	c.reports = append(c.reports, r)
	return nil
}

func (c *fakeCloud) CloudID(context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id, c.idErr
}

func (c *fakeCloud) HostGone(_ context.Context, host, session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = append(c.gone, host)
	c.ended = append(c.ended, session)
}

func (c *fakeCloud) OpenImage(_ context.Context, _, id string) (io.ReadCloser, int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.imageErr != nil {
		return nil, 0, c.imageErr
	}
	b, ok := c.images[id]
	if !ok {
		return nil, 0, errs.New(errs.NotFound, "No image %s.", id)
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (c *fakeCloud) SaveImage(_ context.Context, _, id string, body io.Reader, size int64) error {
	content, err := io.ReadAll(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.imageErr != nil:
		return c.imageErr
	case int64(len(content)) != size:
		return fmt.Errorf("%d bytes came, %d were promised", len(content), size)
	}
	c.images[id] = content
	return nil
}

func (c *fakeCloud) SavePassword(_ context.Context, _, id, password string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passwords[id] != "" {
		return errs.New(errs.Conflict, "There is one.")
	}
	c.passwords[id] = password
	return nil
}

func (c *fakeCloud) subscribe(string) (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{}, 1)
	c.subs[ch] = true
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, ch)
	}
}

// set changes the desired state and wakes the sessions.
func (c *fakeCloud) set(change func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := State{}.Apply(Update{Full: true, State: c.state})
	change(&next)
	c.state = next
	for ch := range c.subs {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *fakeCloud) locked(f func() bool) func() bool {
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return f()
	}
}

// fakeAgent is a node's insides.
type fakeAgent struct {
	host    string
	mu      sync.Mutex
	state   State
	clouds  []string // of each update
	updates []int64
	fulls   int
	call    func(ctx context.Context, method string, params json.RawMessage) (any, error)
	console func(ctx context.Context, instanceID, kind string) (Stream, error)
	helloes int
	fail    error
}

func (a *fakeAgent) Hello(context.Context) (Hello, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.helloes++
	return Hello{Host: a.host}, a.fail
}

func (a *fakeAgent) Whole() Report {
	return Report{Instances: []InstanceStatus{{ID: "first", Phase: PhaseRunning}}}
}

func (a *fakeAgent) Update(_ uint64, cloud string, s State, revision int64, full bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clouds = append(a.clouds, cloud)
	a.state = s
	a.updates = append(a.updates, revision)
	if full {
		a.fulls++
	}
}

func (a *fakeAgent) Call(ctx context.Context, method string, params json.RawMessage) (any, error) {
	return a.call(ctx, method, params)
}

func (a *fakeAgent) OpenConsole(ctx context.Context, instanceID, kind string) (Stream, error) {
	return a.console(ctx, instanceID, kind)
}

func (a *fakeAgent) has(id string) func() bool {
	return func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		_, ok := a.state.Instances[id]
		return ok
	}
}

// longest is how long anything may take on a busy machine.
const longest = time.Minute

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(longest)
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

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// startServer serves a cloud in memory.
func startServer(t *testing.T, cloud Cloud, subscribe func(string) (<-chan struct{}, func())) (*Server, func(ctx context.Context, network, address string) (net.Conn, error)) {
	t.Helper()
	s := NewServer(cloud, subscribe, quiet())
	l, dial := Memory()
	hs := s.NewHTTPServer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hs.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		_ = hs.Close()
		<-done
	})
	return s, dial
}

// startClient runs a node until the test, or stop, ends it.
func startClient(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error), agent Agent) (c *Client, stop func()) {
	t.Helper()
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, agent)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return c, stop
}

func withInstance(id string) func(*State) {
	return func(s *State) {
		if s.Instances == nil {
			s.Instances = map[string]Instance{}
		}
		s.Instances[id] = Instance{ID: id, Power: PowerRunning}
	}
}
