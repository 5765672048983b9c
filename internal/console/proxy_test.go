package console_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wisp/internal/console"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// stream is one end of a pipe.
type stream struct {
	net.Conn
	mu     sync.Mutex
	reason string
	err    error // that Read gives in place of io.EOF
}

func (s *stream) Reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err != nil {
		err = s.err
	}
	return n, err
}

// fakeConsoles knows one token.
type fakeConsoles struct {
	mu      sync.Mutex
	token   string
	kind    string
	takeErr error
	openErr error
	console *stream
	taken   int
}

func (f *fakeConsoles) Take(_ context.Context, token, kind string) (console.Target, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.takeErr != nil {
		return console.Target{}, f.takeErr
	}
	if token == "" || token != f.token || kind != f.kind {
		return console.Target{}, errs.New(errs.NotFound, "Token not found")
	}
	f.token = ""
	f.taken++
	return console.Target{InstanceID: "one", Open: func(context.Context) (nodeapi.Stream, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.openErr != nil {
			return nil, f.openErr
		}
		return f.console, nil
	}}, nil
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

type bench struct {
	*fakeConsoles
	proxy *console.Proxy
	url   string // ws://…
	guest net.Conn
	log   *logBuffer
}

const token = "hush-hush"

func open(t *testing.T) *bench {
	t.Helper()
	ours, guest := net.Pipe()
	b := &bench{fakeConsoles: &fakeConsoles{token: token, kind: nodeapi.ConsoleSerial, console: &stream{Conn: ours}}, guest: guest, log: &logBuffer{}}
	proxy, err := console.New(b.fakeConsoles, "https://cloud.example:5000", slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	b.proxy = proxy
	mux := http.NewServeMux()
	mux.Handle("/serial", proxy.Handler(nodeapi.ConsoleSerial))
	mux.Handle("/vnc", proxy.Handler(nodeapi.ConsoleVNC))
	mux.Handle("/websockify", proxy.Websockify())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = guest.Close() })
	b.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return b
}

func (b *bench) dial(t *testing.T, path string, header http.Header, protocols ...string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, b.url+path, &websocket.DialOptions{HTTPHeader: header, Subprotocols: protocols})
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws, response.StatusCode
}

func origin(values ...string) http.Header { return http.Header{"Origin": values} }

func TestBytesGoBothWays(t *testing.T) {
	t.Parallel()
	b := open(t)
	ws, _ := b.dial(t, "/serial?token="+token, nil, "chat", "binary")
	if ws == nil || ws.Subprotocol() != "binary" {
		t.Fatal("no WebSocket with the subprotocol binary")
	}
	go func() { _, _ = io.WriteString(b.guest, "\x00\xfflogin: ") }()
	if kind, said, err := ws.Read(t.Context()); err != nil || kind != websocket.MessageBinary || string(said) != "\x00\xfflogin: " {
		t.Errorf("the viewer heard %v %q, %v", kind, said, err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // more than the library's limit
	for kind, text := range map[websocket.MessageType][]byte{websocket.MessageBinary: big, websocket.MessageText: []byte("root\r")} {
		go func() { _ = ws.Write(t.Context(), kind, text) }()
		heard := make([]byte, len(text))
		if _, err := io.ReadFull(b.guest, heard); err != nil || !bytes.Equal(heard, text) {
			t.Errorf("the guest heard %d bytes, %v", len(heard), err)
		}
	}
	// The guest is let go when its viewer leaves.
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(b.guest); err != nil {
		t.Errorf("the guest's end: %v", err)
	}
}

// A viewer that takes nothing is given up, whatever the guest says meanwhile.
func TestViewersThatStall(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.proxy.SetPing(200 * time.Millisecond)
	if ws, _ := b.dial(t, "/serial?token="+token, nil); ws == nil {
		t.Fatal("no WebSocket")
	}
	go func() { // more than the sockets between hold
		for page := make([]byte, 1<<20); ; {
			if _, err := b.guest.Write(page); err != nil {
				return
			}
		}
	}()
	b.awaitOpen(t, 0)
}

func (b *bench) awaitOpen(t *testing.T, want int) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		all, one := b.proxy.Open("one")
		if all == want && one == want {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d consoles are open, %d of the instance, want %d", all, one, want)
		}
	}
}

func TestConsolesAreCounted(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.proxy.SetOpen(console.MaxOpen)
	if ws, status := b.dial(t, "/serial?token="+token, nil); ws != nil || status != http.StatusTooManyRequests || b.taken != 0 {
		t.Errorf("one too many of the server: status %d, %d tokens used", status, b.taken)
	}
	b.proxy.SetOpen(0)
	again := func() { // another token for the same console
		b.mu.Lock()
		defer b.mu.Unlock()
		b.token = token
	}
	var last *websocket.Conn
	for range console.MaxOpenOfOne {
		again()
		if last, _ = b.dial(t, "/serial?token="+token, nil); last == nil {
			t.Fatal("no WebSocket")
		}
	}
	again()
	if ws, status := b.dial(t, "/serial?token="+token, nil); ws != nil || status != http.StatusTooManyRequests {
		t.Errorf("one too many of the instance: status %d", status)
	}
	// The console ends, and with it all that look at it.
	_ = b.guest.Close()
	b.awaitOpen(t, 0)
}

func TestNoSubprotocol(t *testing.T) {
	t.Parallel()
	b := open(t)
	if ws, _ := b.dial(t, "/serial?token="+token, nil); ws == nil || ws.Subprotocol() != "" {
		t.Error("no WebSocket without a subprotocol")
	}
}

func TestS30ForeignOriginsAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	own := "http" + strings.TrimPrefix(b.url, "ws")
	for name, header := range map[string]http.Header{
		"another site":           origin("https://evil.example"),
		"another port":           origin("https://cloud.example:5001"),
		"another scheme":         origin("http://cloud.example:5000"),
		"a site named alike":     origin("https://cloud.example:5000.evil.example"),
		"our name as a user":     origin("https://cloud.example:5000@evil.example"),
		"a page without a site":  origin("null"),
		"a file":                 origin("file://"),
		"an empty one":           origin(""),
		"two":                    origin(own, "https://evil.example"),
		"no URL at all":          origin("https://%zz"),
		"another kind of scheme": origin(strings.Replace(own, "http", "ftp", 1)),
	} {
		if ws, status := b.dial(t, "/serial?token="+token, header); ws != nil || status != http.StatusForbidden {
			t.Errorf("%s: status %d", name, status)
		}
	}
	if b.taken != 0 {
		t.Fatal("a foreign page used the token up")
	}
	for name, header := range map[string]http.Header{
		"the public URL":     origin("https://cloud.example:5000"),
		"in other letters":   origin("https://Cloud.Example:5000"),
		"the request's host": origin(own),
		"not from a browser": nil,
	} {
		b.mu.Lock()
		b.token = token
		b.openErr = errs.New(errs.Unavailable, "The host is away.")
		b.mu.Unlock()
		if ws, status := b.dial(t, "/serial?token="+token, header); ws == nil {
			t.Errorf("%s: status %d", name, status)
		}
	}
}

func TestS30TokensAreUsedOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	if ws, status := b.dial(t, "/vnc?token="+token, nil); ws != nil || status != http.StatusForbidden {
		t.Errorf("a token of another kind: %d", status)
	}
	for _, path := range []string{"/serial", "/serial?token=", "/serial?token=x"} {
		if ws, status := b.dial(t, path, nil); ws != nil || status != http.StatusForbidden {
			t.Errorf("%s: %d", path, status)
		}
	}
	if ws, _ := b.dial(t, "/serial?token="+token, nil); ws == nil {
		t.Fatal("the token is refused")
	}
	if ws, status := b.dial(t, "/serial?token="+token, nil); ws != nil || status != http.StatusForbidden {
		t.Errorf("a used token: %d", status)
	}
	b.mu.Lock()
	b.takeErr = errs.New(errs.Conflict, "Instance one is not ready")
	b.mu.Unlock()
	if ws, status := b.dial(t, "/serial?token=y", nil); ws != nil || status != http.StatusConflict {
		t.Errorf("a machine that does not run: %d", status)
	}
	b.mu.Lock()
	b.takeErr = errors.New("the database is away")
	b.mu.Unlock()
	if ws, status := b.dial(t, "/serial?token=y", nil); ws != nil || status != http.StatusInternalServerError {
		t.Errorf("a server that fails: %d", status)
	}
	if text := b.log.String(); strings.Contains(text, token) || !strings.Contains(text, "the database is away") {
		t.Errorf("the log is\n%s", text)
	}
}

// What is no WebSocket never uses a token up and is never sent elsewhere,
// whatever the path or the query ask for.
// Where nova-novncproxy has displays, the token may come in a cookie, and a
// refusal is silence.
func TestWebsockify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, cookie string
		status       int
	}{
		"in the query":                   {"/websockify?token=" + token, "", http.StatusSwitchingProtocols},
		"in a cookie":                    {"/websockify", "token=" + token, http.StatusSwitchingProtocols},
		"the query's counts":             {"/websockify?token=bad", "token=" + token, http.StatusForbidden},
		"none":                           {"/websockify", "", http.StatusForbidden},
		"bad":                            {"/websockify", "token=bad" + token, http.StatusForbidden},
		"a cookie for the page's stream": {"/vnc", "token=" + token, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.kind = nodeapi.ConsoleVNC
			header := http.Header{}
			if c.cookie != "" {
				header.Set("Cookie", c.cookie)
			}
			if ws, status := b.dial(t, c.path, header, "binary"); status != c.status || (ws != nil) != (status == http.StatusSwitchingProtocols) {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
	b := open(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(b.url, "ws")+"/websockify?token=bad", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if content, err := io.ReadAll(response.Body); err != nil || len(content) > 0 || response.StatusCode != http.StatusForbidden || !response.Close {
		t.Errorf("refused with %d, %q, %v", response.StatusCode, content, err)
	}
}

func TestS30NoRedirects(t *testing.T) {
	t.Parallel()
	b := open(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/serial?token=" + token, "/serial?token=" + token + "&path=//evil.example", "/serial?next=https://evil.example"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(b.url, "ws")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUpgradeRequired || response.Header.Get("Location") != "" || response.Header.Get("Upgrade") != "websocket" {
			t.Errorf("%s: %d %v", path, response.StatusCode, response.Header)
		}
	}
	if b.taken != 0 {
		t.Error("the token was used up")
	}
}

func TestClosesSayWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *bench)
		code    websocket.StatusCode
		says    string
	}{
		"the machine ended": {func(*bench) {}, console.CodeEnded, "ended"},
		"taken over":        {func(b *bench) { b.console.reason = nodeapi.ReasonTakenOver }, console.CodeTakenOver, "somewhere else"},
		"the host is lost":  {func(b *bench) { b.console.err = errors.New("the stream was reset") }, console.CodeAway, "lost"},
		"the host is away":  {func(b *bench) { b.openErr = errs.New(errs.Unavailable, "The host h1 is not connected.") }, console.CodeAway, "not connected"},
		"a failure":         {func(b *bench) { b.openErr = errors.New("a secret cause") }, console.CodeAway, "could not be opened"},
		"a long sentence":   {func(b *bench) { b.openErr = errs.New(errs.Unavailable, "%s", strings.Repeat("ä", 100)) }, console.CodeAway, "ää"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			c.prepare(b)
			ws, _ := b.dial(t, "/serial?token="+token, nil)
			if ws == nil {
				t.Fatal("refused")
			}
			_ = b.guest.Close()
			_, _, err := ws.Read(t.Context())
			var closed websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != c.code || !strings.Contains(closed.Reason, c.says) {
				t.Errorf("closed by %v, want %d %q", err, c.code, c.says)
			}
		})
	}
}

func TestPublicURLMustBeOne(t *testing.T) {
	t.Parallel()
	if _, err := console.New(&fakeConsoles{}, "http://%zz", slog.New(slog.DiscardHandler)); !errs.Is(err, errs.Invalid) {
		t.Errorf("a broken URL: %v", err)
	}
}
