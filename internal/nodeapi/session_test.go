package nodeapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

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

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
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

func TestSession(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cloud.set(withInstance("one"))
	server, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1"}
	client, stop := startClient(t, dial, agent)

	eventually(t, "the first state", agent.has("one"))
	cloud.set(withInstance("two"))
	eventually(t, "the second state", agent.has("two"))
	if !agent.has("one")() {
		t.Error("the unchanged instance is lost")
	}
	agent.mu.Lock()
	for _, id := range agent.clouds {
		if id != "cloud-1" {
			t.Errorf("an update came from the cloud %q", id)
		}
	}
	if agent.fulls != 1 || len(agent.updates) < 2 || agent.updates[1] <= agent.updates[0] {
		t.Errorf("fulls %d, revisions %v: want one full and rising revisions", agent.fulls, agent.updates)
	}
	agent.mu.Unlock()

	client.Report(Report{Revision: 7, Instances: []InstanceStatus{{ID: "one", Phase: PhaseRunning}}})
	eventually(t, "the reports", cloud.locked(func() bool {
		last := cloud.reports[len(cloud.reports)-1]
		return cloud.reports[0].Whole && last.Revision == 7
	}))
	if hosts := server.Hosts(); len(hosts) != 1 || hosts[0] != "h1" {
		t.Errorf("hosts = %v", hosts)
	}
	stop()
	eventually(t, "the host is gone", cloud.locked(func() bool { return len(cloud.gone) == 1 }))
	cloud.locked(func() bool {
		if id := cloud.hellos[0].Session; id == "" || cloud.ended[0] != id {
			t.Errorf("the session %q began, %q ended", id, cloud.ended[0])
		}
		return true
	})()
	eventually(t, "the subscription ends", cloud.locked(func() bool { return len(cloud.subs) == 0 }))
}

func TestReconnectStartsWithFull(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cloud.set(withInstance("one"))
	first := NewServer(cloud, cloud.subscribe, quiet())
	var mu sync.Mutex
	listener, dial := Memory()
	redial := func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		d := dial
		mu.Unlock()
		return d(ctx, network, address)
	}
	hs := first.NewHTTPServer()
	go func() { _ = hs.Serve(listener) }()
	agent := &fakeAgent{host: "h1"}
	startClient(t, redial, agent)
	eventually(t, "the first state", agent.has("one"))
	_ = hs.Close() // the server is killed

	cloud.set(func(s *State) { delete(s.Instances, "one") })
	cloud.set(withInstance("two"))
	_, newDial := startServer(t, cloud, cloud.subscribe)
	mu.Lock()
	dial = newDial
	mu.Unlock()
	eventually(t, "the new server's state", agent.has("two"))
	if agent.has("one")() {
		t.Error("the state of the old server is still there")
	}
	agent.mu.Lock()
	defer agent.mu.Unlock()
	if agent.fulls != 2 {
		t.Errorf("got %d full updates, want one per session", agent.fulls)
	}
	for i := 1; i < len(agent.updates); i++ {
		if agent.updates[i] <= agent.updates[i-1] {
			t.Errorf("revisions %v fall over a reconnection", agent.updates)
		}
	}
}

func TestHostStateFailsAndIsRetried(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cloud.stateErrs = 2
	cloud.set(withInstance("one"))
	_, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1"}
	startClient(t, dial, agent)
	eventually(t, "the state after two failures", agent.has("one"))
}

func TestWakesCoalesce(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	block := make(chan struct{})
	cloud.block = block
	_, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1"}
	startClient(t, dial, agent)
	eventually(t, "the first computation begins", cloud.locked(func() bool { return cloud.computed == 1 }))
	for i := range 100 {
		cloud.set(withInstance(fmt.Sprint(i)))
	}
	cloud.mu.Lock()
	cloud.block = nil
	cloud.mu.Unlock()
	close(block)
	eventually(t, "the newest state", agent.has("99"))
	cloud.mu.Lock()
	defer cloud.mu.Unlock()
	if cloud.overlap || cloud.computed > 3 {
		t.Errorf("computed %d times, overlapping %v: want at most 3, in a row", cloud.computed, cloud.overlap)
	}
}

func TestSecondSessionReplacesFirst(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	server, dial := startServer(t, cloud, cloud.subscribe)
	answer := func(name string) func(context.Context, string, json.RawMessage) (any, error) {
		return func(context.Context, string, json.RawMessage) (any, error) { return name, nil }
	}
	first := &fakeAgent{host: "h1", call: answer("first")}
	_, stopFirst := startClient(t, dial, first)
	eventually(t, "the first session", func() bool { return len(server.Hosts()) == 1 })
	server.mu.Lock()
	old := server.hosts["h1"].session
	server.mu.Unlock()
	second := &fakeAgent{host: "h1", call: answer("second")}
	startClient(t, dial, second)
	eventually(t, "the first session ends", func() bool {
		select {
		case <-old.done:
			return true
		default:
			return false
		}
	})
	stopFirst()
	eventually(t, "the second node answers", func() bool {
		var name string
		err := server.Call(t.Context(), "h1", "who", nil, &name)
		return err == nil && name == "second"
	})
}

func TestReportRetriedThenSessionEnds(t *testing.T) {
	t.Parallel()
	t.Run("stored at the second try", func(t *testing.T) {
		t.Parallel()
		cloud := newFakeCloud()
		cloud.reportErr = func(n int) error {
			if n == 1 {
				return errors.New("busy")
			}
			return nil
		}
		_, dial := startServer(t, cloud, cloud.subscribe)
		startClient(t, dial, &fakeAgent{host: "h1"})
		eventually(t, "the whole report", cloud.locked(func() bool { return len(cloud.reports) == 1 && cloud.reports[0].Whole }))
	})
	t.Run("a new session after the last try", func(t *testing.T) {
		t.Parallel()
		cloud := newFakeCloud()
		cloud.reportErr = func(n int) error {
			if n <= reportTries {
				return errors.New("busy")
			}
			return nil
		}
		_, dial := startServer(t, cloud, cloud.subscribe)
		agent := &fakeAgent{host: "h1"}
		startClient(t, dial, agent)
		eventually(t, "the whole report of the next session", cloud.locked(func() bool {
			return len(cloud.reports) == 1 && cloud.reports[0].Whole && len(cloud.hellos) == 2
		}))
	})
}

func TestHelloRefused(t *testing.T) {
	t.Parallel()
	t.Run("by the cloud, then taken", func(t *testing.T) {
		t.Parallel()
		cloud := newFakeCloud()
		cloud.helloErr = errors.New("no database")
		server, dial := startServer(t, cloud, cloud.subscribe)
		startClient(t, dial, &fakeAgent{host: "h1"})
		eventually(t, "two attempts", cloud.locked(func() bool { return len(cloud.hellos) >= 2 }))
		if len(server.Hosts()) != 0 {
			t.Error("a refused host is listed")
		}
		cloud.mu.Lock()
		cloud.helloErr = nil
		cloud.mu.Unlock()
		eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })
	})
	for name, host := range map[string]string{"no host": "", "a host with a line break": "a\nb", "a host too long": strings.Repeat("a", 256)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := newFakeCloud()
			_, dial := startServer(t, cloud, cloud.subscribe)
			c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{host: host})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.session(t.Context()); connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Fatalf("session = %v, want invalid argument", err)
			}
		})
	}
	t.Run("a report comes first", func(t *testing.T) {
		t.Parallel()
		cloud := newFakeCloud()
		_, dial := startServer(t, cloud, cloud.subscribe)
		c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{host: "h1"})
		if err != nil {
			t.Fatal(err)
		}
		stream := c.endpoint().stream.CallBidiStream(t.Context())
		defer stream.CloseResponse()
		if err := stream.Send(&FromNode{Report: &Report{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Fatalf("receive = %v, want invalid argument", err)
		}
	})
	t.Run("the node cannot describe its host", func(t *testing.T) {
		t.Parallel()
		c, err := NewClient(ClientConfig{URL: "https://127.0.0.1:1", Log: quiet()}, &fakeAgent{fail: errors.New("no hypervisor")})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.session(t.Context()); err == nil || !strings.Contains(err.Error(), "no hypervisor") {
			t.Fatalf("session = %v", err)
		}
	})
}

func TestCall(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	server, dial := startServer(t, cloud, cloud.subscribe)
	release := make(chan struct{})
	client, stop := startClient(t, dial, &fakeAgent{host: "h1", call: func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		switch method {
		case "echo":
			return params, nil
		case "missing":
			return nil, errs.New(errs.NotFound, "No such instance.")
		case "busy":
			return nil, errs.New(errs.Unavailable, "Others are at it.").WithType(TypeHostBusy)
		case "broken":
			return nil, errors.New("secret detail")
		case "unencodable":
			return make(chan int), nil
		}
		select { // "hang"
		case <-release:
		case <-ctx.Done():
		}
		return "late", nil
	}})
	eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })

	beat := time.NewTicker(Heartbeat)
	defer beat.Stop()
	go func() { // so that a slow machine does not lose the session
		for {
			select {
			case <-beat.C:
				client.Report(Report{})
			case <-t.Context().Done():
				return
			}
		}
	}()
	big := strings.Repeat("x", 1<<20)
	var got ConsoleLogParams
	if err := server.Call(t.Context(), "h1", "echo", ConsoleLogParams{InstanceID: big, Lines: 3}, &got); err != nil || got.InstanceID != big || got.Lines != 3 {
		t.Errorf("echo = %v (%d bytes back)", err, len(got.InstanceID))
	}
	if err := server.Call(t.Context(), "h1", "echo", nil, nil); err != nil {
		t.Errorf("a call without a result = %v", err)
	}
	for name, c := range map[string]struct {
		host, method string
		params       any
		kind         errs.Kind
		says         string
	}{
		"unknown host":          {"h2", "echo", nil, errs.Unavailable, "not connected"},
		"kind of the node":      {"h1", "missing", nil, errs.NotFound, "No such instance."},
		"unclassified failure":  {"h1", "broken", nil, errs.Internal, "failed"},
		"unencodable parameter": {"h1", "echo", make(chan int), errs.Internal, "encoding"},
		"unencodable result":    {"h1", "unencodable", nil, errs.Internal, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := server.Call(t.Context(), c.host, c.method, c.params, nil)
			if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("call = %v (%v), want %v with %q", err, errs.Of(err), c.kind, c.says)
			}
		})
	}
	t.Run("type of an error", func(t *testing.T) {
		err := server.Call(t.Context(), "h1", "busy", nil, nil)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Unavailable || e.Type != TypeHostBusy {
			t.Errorf("call = %v, want one of type %s", err, TypeHostBusy)
		}
	})
	t.Run("result of another shape", func(t *testing.T) {
		var number int
		if err := server.Call(t.Context(), "h1", "echo", "text", &number); err == nil {
			t.Error("a text was decoded into a number")
		}
	})
	t.Run("timeout leaves the session usable", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := server.Call(ctx, "h1", "hang", nil, nil); !errs.Is(err, errs.Unavailable) {
			t.Errorf("call = %v, want unavailable", err)
		}
		close(release) // the late answer comes now, and nobody waits
		if err := server.Call(t.Context(), "h1", "echo", 1, nil); err != nil {
			t.Errorf("the next call = %v", err)
		}
	})
	t.Run("node goes away during a call", func(t *testing.T) {
		release = make(chan struct{})
		failed := make(chan error, 1)
		go func() { failed <- server.Call(context.Background(), "h1", "hang", nil, nil) }()
		eventually(t, "the call is on its way", func() bool {
			server.mu.Lock()
			s := server.hosts["h1"].session
			server.mu.Unlock()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.pending) == 1
		})
		stop()
		if err := <-failed; !errs.Is(err, errs.Unavailable) {
			t.Errorf("call = %v, want unavailable", err)
		}
	})
}

func TestImages(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	content := bytes.Repeat([]byte("wisp"), 1<<20)
	cloud.images["good"] = content
	_, dial := startServer(t, cloud, cloud.subscribe)
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{})
	if err != nil {
		t.Fatal(err)
	}
	body, size, err := c.OpenImage(t.Context(), "good")
	if err != nil || size != int64(len(content)) {
		t.Fatalf("open = %d, %v", size, err)
	}
	got, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, _, err := c.OpenImage(t.Context(), "../etc/passwd"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a strange id = %v, want not found", err)
	}
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatalf("save = %v", err)
	}
	if err := c.SavePassword(t.Context(), "one", "secret"); err != nil || cloud.passwords["one"] != "secret" {
		t.Fatalf("a password = %v", err)
	}
	if err := c.SavePassword(t.Context(), "one", "another"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second password = %v, want conflict", err)
	}
	if err := c.SavePassword(t.Context(), "one", strings.Repeat("x", maxPassword+1)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a long password = %v, want unavailable", err)
	}
	cloud.mu.Lock()
	saved := cloud.images["made"]
	cloud.imageErr = errs.New(errs.NotFound, "Nobody wants it.")
	cloud.mu.Unlock()
	if !bytes.Equal(saved, content) {
		t.Errorf("%d bytes were saved", len(saved))
	}
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); !errs.Is(err, errs.NotFound) {
		t.Errorf("saving what nobody wants = %v, want not found", err)
	}
	cloud.mu.Lock()
	cloud.imageErr = errors.New("disk on fire")
	cloud.mu.Unlock()
	if err := c.SaveImage(t.Context(), "made", bytes.NewReader(content), int64(len(content))); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "fire") {
		t.Errorf("saving that fails = %v, want unavailable", err)
	}
	if _, _, err := c.OpenImage(t.Context(), "good"); !errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "fire") {
		t.Errorf("a failing store = %v, want unavailable without its inside", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.OpenImage(ctx, "good"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a server = %v, want unavailable", err)
	}
}

func TestCutImageIsNoticed(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cut := cutCloud{cloud}
	_, dial := startServer(t, cut, cloud.subscribe)
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{})
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := c.OpenImage(t.Context(), "cut")
	if err != nil {
		return // noticed at once
	}
	defer body.Close()
	if _, err := io.ReadAll(body); err == nil {
		t.Fatal("half an image was read without an error")
	}
}

// cutCloud has an image that cannot be read to its end.
type cutCloud struct{ *fakeCloud }

func (cutCloud) OpenImage(context.Context, string, string) (io.ReadCloser, int64, error) {
	half := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotestErrReader{})
	return io.NopCloser(half), 2 << 20, nil
}

type iotestErrReader struct{}

func (iotestErrReader) Read([]byte) (int, error) { return 0, errors.New("bad sector") }

// members are hosts whose certificates are on record, whatever they are.
type members map[string]bool

func (m members) Admit(_ context.Context, cert *x509.Certificate) error {
	if !m[cert.Subject.CommonName] {
		return errs.New(errs.Forbidden, "The host is not known.")
	}
	return nil
}

func (members) Changed() (<-chan struct{}, func()) { return nil, func() {} }

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	verified := func(name string) *tls.ConnectionState {
		return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Subject: pkix.Name{CommonName: name}}}}}
	}
	for name, c := range map[string]struct {
		remote string
		tls    *tls.ConnectionState
		host   string
		nobody bool // may come by TLS
		refuse bool
	}{
		"within the process":         {remote: memoryNetwork},
		"not on record":              {remote: "192.0.2.1:5", tls: verified("h2"), refuse: true},
		"before members are known":   {remote: "192.0.2.1:5", tls: verified("h1"), nobody: true, refuse: true},
		"a verified certificate":     {remote: "192.0.2.1:5", tls: verified("h1"), host: "h1"},
		"a certificate without name": {remote: "192.0.2.1:5", tls: verified(""), refuse: true},
		"TLS without certificate":    {remote: "192.0.2.1:5", tls: &tls.ConnectionState{}, refuse: true},
		"plain TCP":                  {remote: "127.0.0.1:5", refuse: true},
		"TLS that claims memory":     {remote: memoryNetwork, tls: &tls.ConnectionState{}, refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, sessionPath, nil)
			r.RemoteAddr, r.TLS = c.remote, c.tls
			s := NewServer(newFakeCloud(), newFakeCloud().subscribe, quiet())
			if !c.nobody {
				s.SetMembers(members{"h1": true, "": true})
			}
			host, _, err := s.authenticate(r)
			if host != c.host || (err != nil) != c.refuse {
				t.Errorf("authenticate = %q, %v", host, err)
			}
			if c.refuse {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusForbidden {
					t.Errorf("status %d, want 403", w.Code)
				}
			}
		})
	}
}

func TestClientRefusesPlainTCP(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"http://192.0.2.1:5000", "ftp://x", "://", "https://"} {
		if _, err := NewClient(ClientConfig{URL: at, Log: quiet()}, &fakeAgent{}); err == nil {
			t.Errorf("a client for %q was made", at)
		}
	}
}

func TestServerClosed(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	server, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1"}
	startClient(t, dial, agent)
	eventually(t, "the session", func() bool { return len(server.Hosts()) == 1 })
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	cloud.mu.Lock()
	if len(cloud.gone) != 1 {
		t.Errorf("gone = %v after Close", cloud.gone)
	}
	cloud.mu.Unlock()
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{host: "h2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.session(t.Context()); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("a session with a closed server = %v", err)
	}
}

// A server that lost its place must not make the node believe that it knows
// everything.
func TestUpdateOnAnotherBase(t *testing.T) {
	t.Parallel()
	for name, updates := range map[string][]Update{
		"a change first":              {{Revision: 2, Base: 1}},
		"a change on a missed update": {{Revision: 1, Full: true}, {Revision: 3, Base: 2, State: State{Instances: map[string]Instance{"x": {}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := connect.NewBidiStreamHandler(sessionPath, func(ctx context.Context, stream *connect.BidiStream[FromNode, ToNode]) error {
				for _, u := range updates {
					if err := stream.Send(&ToNode{Update: &u}); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return ctx.Err()
			}, connect.WithCodec(jsonCodec{}))
			l, dial := Memory()
			protocols := new(http.Protocols)
			protocols.SetUnencryptedHTTP2(true)
			hs := &http.Server{Handler: handler, Protocols: protocols}
			go func() { _ = hs.Serve(l) }()
			defer hs.Close()
			agent := &fakeAgent{host: "h1"}
			c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, agent)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.session(t.Context()); err == nil || !strings.Contains(err.Error(), "builds on revision") {
				t.Errorf("session = %v", err)
			}
			if agent.has("x")() {
				t.Error("the update was taken")
			}
		})
	}
}

func TestSilentNodeIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := newFakeCloud()
		s := NewServer(cloud, cloud.subscribe, quiet())
		l, dial := Memory()
		hs := s.NewHTTPServer()
		go func() { _ = hs.Serve(l) }()
		c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{host: "h1"})
		if err != nil {
			t.Fatal(err)
		}
		stream := c.endpoint().stream.CallBidiStream(t.Context())
		if err := stream.Send(&FromNode{Hello: &Hello{Host: "h1"}}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := stream.Receive(); err != nil { // the full update
			t.Fatal(err)
		}
		if _, err := stream.Receive(); err == nil {
			t.Error("the session goes on")
		}
		if took := time.Since(began); took < silence || took > silence+time.Minute {
			t.Errorf("given up after %v, want %v", took, silence)
		}
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
		synctest.Wait()
		if len(cloud.gone) != 1 {
			t.Errorf("gone: %v", cloud.gone)
		}
		_ = s.Close()
		_ = hs.Close()
		c.endpoint().http.CloseIdleConnections()
	})
}

// A node that does not read must not keep its successor out.
func TestStuckNodeIsReplaced(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cloud.set(func(s *State) {
		s.Instances = map[string]Instance{}
		for i := range 8 { // more than the flow control windows hold
			s.Instances[fmt.Sprint(i)] = Instance{Name: randomText(1 << 20)}
		}
	})
	server, dial := startServer(t, cloud, cloud.subscribe)
	c, err := NewClient(ClientConfig{URL: "http://memory", Dial: dial, Log: quiet()}, &fakeAgent{host: "h1"})
	if err != nil {
		t.Fatal(err)
	}
	stream := c.endpoint().stream.CallBidiStream(t.Context())
	if err := stream.Send(&FromNode{Hello: &Hello{Host: "h1"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stuck session", func() bool { return len(server.Hosts()) == 1 })
	server.mu.Lock()
	stuck := server.hosts["h1"].session
	server.mu.Unlock()
	agent := &fakeAgent{host: "h1"}
	startClient(t, dial, agent)
	eventually(t, "the successor's state", agent.has("7"))
	eventually(t, "the stuck session ends", func() bool {
		select {
		case <-stuck.done:
			return true
		default:
			return false
		}
	})
	_ = stream.CloseRequest()
	_ = stream.CloseResponse()
}

// randomText is text that does not compress well.
func randomText(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// Without the cloud's id nothing is sent: a node could not tell whose it is.
func TestCloudIDIsAway(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	cloud.idErr = errors.New("the database is away")
	cloud.set(withInstance("one"))
	_, dial := startServer(t, cloud, cloud.subscribe)
	agent := &fakeAgent{host: "h1"}
	startClient(t, dial, agent)
	eventually(t, "the state is computed", cloud.locked(func() bool { return cloud.computed > 1 }))
	if agent.has("one")() {
		t.Error("an update of nobody was sent")
	}
	cloud.locked(func() bool { cloud.idErr = nil; return true })()
	eventually(t, "the state comes", agent.has("one"))
	agent.mu.Lock()
	defer agent.mu.Unlock()
	if agent.clouds[0] != "cloud-1" {
		t.Errorf("clouds %v", agent.clouds)
	}
}
