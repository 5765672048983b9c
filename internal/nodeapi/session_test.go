package nodeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
)

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
