package nodeapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi/nodeapitest"
)

// twoServers are servers of one cloud: the host h1 is connected to the second.
type twoServers struct {
	t         *testing.T
	authority *nodeapitest.Authority
	one, two  *Server
	url       string // of the second
	agent     *fakeAgent
	guests    chan net.Conn
	reason    string
	stop      func() // ends the node

	mu    sync.Mutex
	at    string // where the hosts are said to be
	fails error
}

func startTwo(t *testing.T) *twoServers {
	t.Helper()
	w := &twoServers{t: t, authority: nodeapitest.NewAuthority(t), guests: make(chan net.Conn, 8)}
	w.agent = &fakeAgent{host: "h1", console: func(_ context.Context, id, _ string) (Stream, error) {
		if id != "one" {
			return nil, errs.New(errs.Conflict, "The machine is not running.")
		}
		ours, theirs := memoryPipe()
		w.guests <- theirs
		return &pipeConsole{ours, w.reason}, nil
	}}
	w.one, _ = w.server("one")
	var dial func(ctx context.Context, network, address string) (net.Conn, error)
	w.two, dial = w.server("two")
	w.at = w.url
	_, w.stop = startClient(t, dial, w.agent)
	eventually(t, "the session", func() bool { return len(w.two.Hosts()) == 1 })
	return w
}

// server starts one with its listener for other servers.
func (w *twoServers) server(name string) (*Server, func(ctx context.Context, network, address string) (net.Conn, error)) {
	w.t.Helper()
	cloud := newFakeCloud()
	s, dial := startServer(w.t, cloud, cloud.subscribe)
	listener := httptest.NewUnstartedServer(s)
	listener.EnableHTTP2, listener.TLS = true, w.authority.Config(name, RoleServer)
	listener.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow}
	listener.Config.ErrorLog = nil
	listener.StartTLS()
	w.t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
	})
	w.url = listener.URL
	s.SetPeers(Peering{Name: name, TLS: w.authority.Config(name, RoleServer), Find: func(context.Context, string) (string, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.at, w.fails
	}})
	return s, dial
}

func (w *twoServers) say(at string, fails error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.fails = at, fails
}

func TestCallThroughAnotherServer(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	type text struct{ Text string }
	w.agent.call = func(_ context.Context, method string, params json.RawMessage) (any, error) {
		var p text
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, err
		}
		switch method {
		case "echo":
			return text{p.Text + " at h1"}, nil
		case "busy":
			return nil, errs.New(errs.Unavailable, "Too much.").WithType(TypeHostBusy)
		}
		return nil, errors.New("a secret of the node")
	}
	for name, server := range map[string]*Server{"the host's own": w.two, "another": w.one} {
		var got text
		if err := server.Call(t.Context(), "h1", "echo", text{"hello"}, &got); err != nil || got.Text != "hello at h1" {
			t.Errorf("%s server: %q, %v", name, got.Text, err)
		}
		err := server.Call(t.Context(), "h1", "busy", text{}, nil)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Unavailable || e.Type != TypeHostBusy || e.Message != "Too much." {
			t.Errorf("%s server: a busy host: %v", name, err)
		}
		if err := server.Call(t.Context(), "h1", "fail", text{}, nil); errs.Of(err) != errs.Internal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s server: a failing host: %v", name, err)
		}
	}
	// Much: states and traces of large hosts.
	var got text
	large := strings.Repeat("x", 5<<20)
	w.agent.call = func(context.Context, string, json.RawMessage) (any, error) { return text{large}, nil }
	if err := w.one.Call(t.Context(), "h1", "large", nil, &got); err != nil || got.Text != large {
		t.Errorf("a large answer: %d bytes, %v", len(got.Text), err)
	}
	// A caller that leaves takes its call along.
	began, ended := make(chan struct{}), make(chan struct{})
	w.agent.call = func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		close(began)
		<-ended
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if err := w.one.Call(ctx, "h1", "slow", nil, nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a call that was given up: %v", err)
	}
	close(ended)
}

func TestCallToNobody(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	unused, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "https://" + unused.Addr().String()
	_ = unused.Close()
	stranger := nodeapitest.NewAuthority(t)
	imposter := func(config *tls.Config) string {
		l := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"result":{}}`)
		}))
		config.ClientAuth = tls.NoClientCert
		l.EnableHTTP2, l.TLS = true, config
		l.Config.ErrorLog = nil
		l.StartTLS()
		t.Cleanup(l.Close)
		return l.URL
	}
	for _, c := range []struct {
		name, host, at string
		fails          error
		kind           errs.Kind
	}{
		{name: "no server has it", host: "h1", kind: errs.Unavailable},
		{name: "the server has it no more", host: "h2", at: w.url, kind: errs.Unavailable},
		{name: "the server is gone", host: "h1", at: gone, kind: errs.Unavailable},
		{name: "another cloud's server", host: "h1", at: imposter(stranger.Config("two", RoleServer)), kind: errs.Unavailable},
		{name: "a node that says it is a server", host: "h1", at: imposter(w.authority.Config("two", "node")), kind: errs.Unavailable},
		{name: "a server that is a node too", host: "h1", at: imposter(w.authority.Config("two", RoleServer, "node")), kind: errs.Unavailable},
		{name: "what is no server", host: "h1", at: imposter(w.authority.Config("two")), kind: errs.Unavailable},
		{name: "not even a URL", host: "h1", at: "::", kind: errs.Internal},
		{name: "the database is away", host: "h1", fails: errors.New("no"), kind: errs.Internal},
	} {
		w.say(c.at, c.fails)
		if err := w.one.Call(t.Context(), c.host, "echo", nil, nil); errs.Of(err) != c.kind {
			t.Errorf("%s: a call: %v", c.name, err)
		}
		if stream, err := w.one.OpenConsole(t.Context(), c.host, "one", ConsoleSerial); errs.Of(err) != c.kind {
			t.Errorf("%s: a console: %v, %v", c.name, stream, err)
		}
	}
	alone := NewServer(newFakeCloud(), newFakeCloud().subscribe, quiet())
	if err := alone.Call(t.Context(), "h1", "echo", nil, nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a server without others: %v", err)
	}
}

// Only servers may have calls passed on.
func TestPeersAreServers(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	w.agent.call = func(context.Context, string, json.RawMessage) (any, error) { return "done", nil }
	ask := func(config *tls.Config, path, body string) int {
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return 0
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	const call = `{"host":"h1","method":"x"}`
	for name, config := range map[string]*tls.Config{
		"a node": w.authority.Config("h1", "node"), "nobody": w.authority.Config("h1"), "a server without a name": w.authority.Config("", RoleServer),
		"a node that would be a server": w.authority.Config("h1", "node", RoleServer),
	} {
		for _, path := range []string{callsPath, consolesPath + "?host=h1&instance=one&kind=serial"} {
			if got := ask(config, path, call); got != http.StatusForbidden {
				t.Errorf("%s: %s answers %d", name, path, got)
			}
		}
	}
	if got := ask(nodeapitest.NewAuthority(t).Config("one", RoleServer), callsPath, call); got != 0 {
		t.Errorf("a server of another cloud: %d", got)
	}
	server := w.authority.Config("one", RoleServer)
	for _, c := range []struct {
		path, body string
		want       int
	}{{callsPath, call, http.StatusOK}, {callsPath, "{", http.StatusBadRequest}, {peersPath + "other", call, http.StatusNotFound}} {
		if got := ask(server, c.path, c.body); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.path, c.body, got, c.want)
		}
	}
	// A connection within the process is a node's.
	r := httptest.NewRequest(http.MethodPost, callsPath, strings.NewReader(call))
	r.RemoteAddr = memoryNetwork
	answer := httptest.NewRecorder()
	w.two.ServeHTTP(answer, r)
	if answer.Code != http.StatusForbidden {
		t.Errorf("in memory: %d", answer.Code)
	}
	_ = w.two.Close()
	if got := ask(server, callsPath, call); got != http.StatusServiceUnavailable {
		t.Errorf("a server that is closed: %d", got)
	}
}

func (w *twoServers) open() (viewer Stream, guest net.Conn) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel() // bounds the opening alone
	viewer, err := w.one.OpenConsole(ctx, "h1", "one", ConsoleSerial)
	if err != nil {
		w.t.Fatal(err)
	}
	return viewer, <-w.guests
}

func TestConsoleThroughAnotherServer(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	viewer, guest := w.open()
	write(t, guest, "login: ")
	read(t, viewer, "login: ")
	write(t, viewer, "root\r")
	read(t, guest, "root\r")
	const size = 3 << 20
	content := make([]byte, size)
	_, _ = rand.Read(content)
	sums := make(chan [32]byte, 2)
	for _, end := range []io.ReadWriter{viewer, guest} {
		go func() {
			h := sha256.New()
			_, _ = io.CopyN(h, end, size)
			sums <- [32]byte(h.Sum(nil))
		}()
		go func() { _, _ = io.Copy(end, bytes.NewReader(content)) }()
	}
	for range 2 {
		if <-sums != sha256.Sum256(content) {
			t.Error("bytes were lost or changed")
		}
	}
	write(t, viewer, "exit\r")
	for range 2 {
		if err := viewer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if rest, err := io.ReadAll(guest); err != nil || string(rest) != "exit\r" {
		t.Errorf("the guest's end after the viewer has left: %q, %v", rest, err)
	}
	if _, err := io.ReadAll(viewer); err != nil && !errors.Is(err, context.Canceled) {
		t.Logf("the viewer's own end: %v", err)
	}
	if _, err := viewer.Write([]byte("x")); err == nil {
		t.Error("a closed stream takes more")
	}
	if _, err := w.one.OpenConsole(t.Context(), "h1", "another", ConsoleSerial); errs.Of(err) != errs.Conflict || !strings.Contains(err.Error(), "not running") {
		t.Errorf("a machine that does not run: %v", err)
	}
}

// How a console ends is told as it is where the host is connected.
func TestConsoleThroughAnotherServerEnds(t *testing.T) {
	t.Parallel()
	t.Run("by itself", func(t *testing.T) {
		t.Parallel()
		w := startTwo(t)
		w.reason = ReasonTakenOver
		viewer, guest := w.open()
		last := strings.Repeat("the last words\r\n", 8<<10)
		go func() {
			_, _ = io.WriteString(guest, last)
			_ = guest.Close()
		}()
		got, err := io.ReadAll(viewer)
		if err != nil || string(got) != last || viewer.Reason() != ReasonTakenOver {
			t.Errorf("%d bytes, %v, reason %q", len(got), err, viewer.Reason())
		}
		_ = viewer.Close()
	})
	for name, end := range map[string]func(w *twoServers){
		"with its host":   func(w *twoServers) { w.stop() },
		"with its server": func(w *twoServers) { _ = w.two.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startTwo(t)
			viewer, guest := w.open()
			write(t, guest, "login: ")
			read(t, viewer, "login: ")
			end(w)
			if rest, err := io.ReadAll(viewer); err == nil {
				t.Errorf("read %q and a good end", rest)
			}
			_ = viewer.Close()
		})
	}
	t.Run("although the viewer does not read", func(t *testing.T) {
		t.Parallel()
		w := startTwo(t)
		viewer, guest := w.open()
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			for {
				if _, err := guest.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}()
		closed := make(chan struct{})
		go func() {
			_ = w.two.Close()
			close(closed)
		}()
		<-closed
		<-flood
		_ = viewer.Close()
	})
}

func TestSessionServer(t *testing.T) {
	t.Parallel()
	for session, want := range map[string]string{"": "", "1234": "", "one/1234": "one", "a/b/1234": "a/b"} {
		if got := SessionServer(session); got != want {
			t.Errorf("%q: %q", session, got)
		}
	}
	w := startTwo(t)
	w.two.mu.Lock()
	id := w.two.hosts["h1"].session.id
	w.two.mu.Unlock()
	if got := SessionServer(id); got != "two" {
		t.Errorf("the session %q is that of %q", id, got)
	}
}
