package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/dashboard"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// source is where changes come from.
type source struct {
	mu sync.Mutex
	fn func([]store.Change)
}

func (s *source) subscribe(fn func([]store.Change)) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fn = fn
	return func() {}
}

func (s *source) publish(changes ...store.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fn(changes)
}

// reader reads one stream.
type reader struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

type streams struct {
	t      testing.TB
	url    string
	who    *identity
	source *source
	made   *dashboard.Dashboard
}

func newStreams(t testing.TB, limits dashboard.Limits) *streams {
	t.Helper()
	s := &streams{t: t, who: people(), source: &source{}}
	if limits.Heartbeat == 0 {
		limits.Heartbeat = time.Hour
	}
	var handler http.Handler
	s.made, handler = dashboardOf(t, dashboard.Config{Identity: s.who, Changes: s.source.subscribe, Limits: limits})
	server := httptest.NewServer(handler)
	s.url = server.URL
	t.Cleanup(func() {
		s.made.Close()
		server.Close()
	})
	return s
}

func (s *streams) get(token string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// open begins a stream and reads its first event.
func (s *streams) open(token string) *reader {
	s.t.Helper()
	answer := s.get(token)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	r := &reader{t: s.t, lines: bufio.NewScanner(answer.Body), close: func() { _ = answer.Body.Close() }}
	r.expect("event: hello", "id: 1", "data: {}", "")
	return r
}

func (r *reader) expect(lines ...string) {
	r.t.Helper()
	for _, want := range lines {
		if !r.lines.Scan() {
			r.t.Fatalf("the stream ended (%v), want %q", r.lines.Err(), want)
		}
		if got := r.lines.Text(); got != want {
			r.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// ids are those of the changes up to one with the id "end".
func (r *reader) ids() string {
	r.t.Helper()
	var ids []string
	for r.lines.Scan() {
		if data, ok := strings.CutPrefix(r.lines.Text(), "data: "); ok {
			var change struct{ ID string }
			if err := json.Unmarshal([]byte(data), &change); err != nil {
				r.t.Fatal(err)
			}
			if change.ID == "end" {
				return strings.Join(ids, " ")
			}
			ids = append(ids, change.ID)
		}
	}
	r.t.Fatalf("the stream ended after %v: %v", ids, r.lines.Err())
	return ""
}

func (r *reader) ended() {
	r.t.Helper()
	if r.lines.Scan() {
		r.t.Fatalf("got %q after the end", r.lines.Text())
	}
}

var end = store.Change{Resource: "flavor", ID: "end", Action: store.Update, Public: true}

func TestEventsAreScoped(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{})
	s.who.set("weak", member("weak", "apples", "load-balancer_observer"))
	s.who.set("domain", &policy.Caller{UserID: "domain", DomainID: "apples", Roles: []string{"reader"}, ExpiresAt: time.Now().Add(time.Hour)})
	readers := map[string]*reader{}
	for _, token := range []string{"ann", "bob", "root", "guest", "weak", "domain"} {
		readers[token] = s.open(token)
	}
	server := func(id, project string) store.Change {
		return store.Change{Resource: "server", ID: id, Action: store.Create, ProjectID: project}
	}
	s.source.publish(server("a", "apples"), server("b", "bananas"), server("nobody", ""))
	s.source.publish(
		store.Change{Resource: "keypair", ID: "key", Action: store.Delete, UserID: "guest"},
		store.Change{Resource: "image", ID: "shared", Action: store.Update, ProjectID: "cherries", Projects: []string{"bananas", "apples"}},
		store.Change{Resource: "image", ID: "public", Action: store.Update, ProjectID: "cherries", Public: true},
		end,
	)
	for token, want := range map[string]string{
		"ann": "a shared public", "bob": "b shared public", "root": "a b nobody key shared public", "guest": "key public", "weak": "public", "domain": "public",
	} {
		if got := readers[token].ids(); got != want {
			t.Errorf("%s hears of %q, want %q", token, got, want)
		}
	}
}

func TestEventForm(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{})
	r := s.open("ann")
	change := store.Change{Resource: "server", ID: "a\n\"b\"", Action: store.Update, ProjectID: "apples"}
	s.source.publish(change)
	r.expect("event: change", "id: 2", `data: {"resource":"server","id":"a\n\"b\"","project_id":"apples","action":"update"}`, "")
	s.source.publish(store.Change{Resource: "network", ID: "n", Action: store.Delete, ProjectID: "bananas", Public: true})
	r.expect("event: change", "id: 3", `data: {"resource":"network","id":"n","project_id":"","action":"delete"}`, "")
	// What waits in the queue more than once is told once.
	s.source.publish(change, change, change, end)
	if got := r.ids(); got != change.ID {
		t.Errorf("got %q", got)
	}
}

func TestEventsNeedAToken(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{})
	s.who.set("bound", &policy.Caller{UserID: "bound", ExpiresAt: time.Now().Add(time.Hour), AccessRules: []policy.AccessRule{{Service: "compute", Method: "GET", Path: "/**"}}})
	for token, status := range map[string]int{"": http.StatusUnauthorized, "unknown": http.StatusUnauthorized, "bound": http.StatusUnauthorized, "broken": http.StatusInternalServerError} {
		if answer := s.get(token); answer.StatusCode != status || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("token %q: %d %v", token, answer.StatusCode, answer.Header)
		}
	}
}

func TestEventsEndWithTheToken(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{Check: 5 * time.Millisecond})
	s.who.set("short", &policy.Caller{UserID: "short", ExpiresAt: time.Now().Add(50 * time.Millisecond)})
	short, ann := s.open("short"), s.open("ann")
	short.expect("event: session", "id: 2", `data: {"reason":"expired"}`, "")
	short.ended()
	if err := s.who.RevokeSession(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	ann.expect("event: session", "id: 2", `data: {"reason":"revoked"}`, "")
	ann.ended()
}

// Rights are those of the moment in which an event is written, not of the one
// in which the stream began.
func TestEventsFollowTheRights(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{Check: time.Hour})
	r := s.open("ann")
	a := store.Change{Resource: "server", ID: "a", Action: store.Update, ProjectID: "apples"}
	s.source.publish(a, end)
	if got := r.ids(); got != "a" {
		t.Fatalf("hears of %q", got)
	}
	s.who.set("ann", member("ann", "apples"))
	s.source.publish(a, end)
	if got := r.ids(); got != "" {
		t.Errorf("hears of %q without a role", got)
	}
	if err := s.who.RevokeSession(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	s.source.publish(a, end)
	r.expect("") // behind the data of the last event
	r.expect("event: session", "id: 5", `data: {"reason":"revoked"}`, "")
	r.ended()
}

func TestEventsWhenIdentityFails(t *testing.T) {
	t.Parallel()
	who := &failing{identity: people()}
	source := &source{}
	made, handler := dashboardOf(t, dashboard.Config{Identity: who, Changes: source.subscribe, Limits: dashboard.Limits{Check: time.Hour}})
	server := httptest.NewServer(handler)
	t.Cleanup(func() { made.Close(); server.Close() })
	s := &streams{t: t, url: server.URL}
	r := s.open("ann")
	who.fail()
	source.publish(end)
	r.ended()
}

type failing struct {
	*identity
	mu     sync.Mutex
	failed bool
}

func (f *failing) fail() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = true
}

func (f *failing) Authenticate(ctx context.Context, token string) (*policy.Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed {
		token = "broken"
	}
	return f.identity.Authenticate(ctx, token)
}

func TestEventsBeat(t *testing.T) {
	t.Parallel()
	r := newStreams(t, dashboard.Limits{Heartbeat: time.Millisecond}).open("ann")
	r.expect(":", "", ":", "")
}

// A reader that does not keep up is told to read all again.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{Queue: 3})
	slow, other := s.open("ann"), s.open("bob")
	many := make([]store.Change, 10)
	for i := range many {
		many[i] = store.Change{Resource: "server", ID: fmt.Sprint(i), Action: store.Update, ProjectID: "apples"}
	}
	s.source.publish(many...)
	slow.expect("event: reset", "id: 2", `data: {"reason":"slow"}`, "")
	slow.ended()
	s.source.publish(end)
	if got := other.ids(); got != "" {
		t.Errorf("another one heard of %q", got)
	}
}

// What the server itself may have missed, every reader reads again.
func TestMissedChanges(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{})
	for _, r := range []*reader{s.open("ann"), s.open("bob")} {
		s.source.publish()
		r.expect("event: reset", "id: 2", `data: {"reason":"missed"}`, "")
		r.ended()
	}
}

func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{PerUser: 2, Streams: 3})
	first, second := s.open("ann"), s.open("ann")
	answer := s.get("ann")
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
		t.Fatalf("a third stream: %d %v", answer.StatusCode, answer.Header)
	}
	s.open("bob")
	if answer := s.get("root"); answer.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("a fourth stream of all: %d", answer.StatusCode)
	}
	first.close()
	second.close()
	// The server learns of the end when it learns of it.
	for s.get("root").StatusCode == http.StatusTooManyRequests {
		if t.Context().Err() != nil {
			t.Fatal("a stream that ended counts on")
		}
	}
}

func TestEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	s := newStreams(t, dashboard.Limits{})
	r := s.open("ann")
	s.made.Close()
	r.ended()
	if answer := s.get("ann"); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stream of a server that stops: %d", answer.StatusCode)
	}
}

// A server that shuts down does not wait for its streams.
func TestShutdownWithStreams(t *testing.T) {
	t.Parallel()
	source := &source{}
	made, handler := dashboardOf(t, dashboard.Config{Changes: source.subscribe, Limits: dashboard.Limits{Heartbeat: time.Hour, Check: time.Hour}})
	server := httptest.NewServer(handler)
	server.Config.RegisterOnShutdown(made.Close)
	r := (&streams{t: t, url: server.URL}).open("ann")
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(patience); err != nil {
		t.Fatal(err)
	}
	r.ended()
}

// BenchmarkEvents is one change to 50 streams, each written and read.
func BenchmarkEvents(b *testing.B) {
	const count = 50
	s := newStreams(b, dashboard.Limits{PerUser: count, Queue: 1 << 20})
	var wg sync.WaitGroup
	for range count {
		r := s.open("ann")
		wg.Go(func() { r.ids() })
	}
	ids := 0
	for b.Loop() {
		ids++
		s.source.publish(store.Change{Resource: "server", ID: fmt.Sprint(ids), Action: store.Update, ProjectID: "apples"})
	}
	s.source.publish(end)
	wg.Wait()
	b.ReportMetric(float64(ids)/b.Elapsed().Seconds(), "changes/s")
}
