package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/cloudtest"
	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/server"
	"wisp/internal/store"
)

// simulated is a node whose machines do at once what they should, and echo on
// their consoles.
type simulated struct {
	host   string
	client *nodeapi.Client

	mu    sync.Mutex
	state nodeapi.State
	at    map[string]time.Time // when it last heard of a machine's power, by id and power
}

// simulate starts a node that connects to the first server that answers.
func simulate(t *testing.T, host string, dials ...cloudtest.Dial) *simulated {
	t.Helper()
	n := &simulated{host: host, at: map[string]time.Time{}}
	var err error
	n.client, err = nodeapi.NewClient(nodeapi.ClientConfig{URL: "http://memory", Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			for _, dial := range dials {
				if conn, err = dial(ctx, network, address); err == nil {
					return conn, nil
				}
			}
			return nil, err
		}}, n)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.client.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return n
}

// Hello implements nodeapi.Agent.
func (n *simulated) Hello(context.Context) (nodeapi.Hello, error) {
	return nodeapi.Hello{
		Host: n.host, Version: "test", Address: netip.MustParseAddr("127.0.0.1"), StartedAt: time.Now(),
		Capacity: nodeapi.Capacity{VCPUs: 64, MemoryMiB: 1 << 20, DiskGiB: 1 << 10, Arch: "x86_64"},
	}, nil
}

// Whole implements nodeapi.Agent.
func (n *simulated) Whole() nodeapi.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	var r nodeapi.Report
	for id, i := range n.state.Instances {
		phase := map[string]string{nodeapi.PowerRunning: nodeapi.PhaseRunning, nodeapi.PowerStopped: nodeapi.PhaseStopped, nodeapi.PowerDeleted: nodeapi.PhaseGone}[i.Power]
		r.Instances = append(r.Instances, nodeapi.InstanceStatus{
			ID: id, Phase: phase, BootGeneration: i.BootGeneration, ResetGeneration: i.ResetGeneration, Since: time.Now(),
		})
	}
	return r
}

// Update implements nodeapi.Agent.
func (n *simulated) Update(_ uint64, _ string, state nodeapi.State, _ int64, _ bool) {
	n.mu.Lock()
	for id, i := range state.Instances {
		if n.state.Instances[id].Power != i.Power {
			n.at[id+i.Power] = time.Now()
		}
	}
	n.state = state
	n.mu.Unlock()
	n.client.Report(n.Whole())
}

// Call implements nodeapi.Agent.
func (n *simulated) Call(_ context.Context, method string, _ json.RawMessage) (any, error) {
	if method != nodeapi.CallConsoleLog {
		return nil, errs.New(errs.Invalid, "no %s here", method)
	}
	return nodeapi.ConsoleLogResult{Output: []byte("the log of " + n.host)}, nil
}

type echo struct{ net.Conn }

func (echo) Reason() string { return "" }

// OpenConsole implements nodeapi.Agent.
func (n *simulated) OpenConsole(context.Context, string, string) (nodeapi.Stream, error) {
	ours, guest := net.Pipe()
	go func() {
		defer guest.Close()
		_, _ = io.WriteString(guest, "ready\r\n")
		_, _ = io.Copy(guest, guest)
	}()
	return echo{ours}, nil
}

// heard tells when the node heard that a machine should have a power.
func (n *simulated) heard(id, power string) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at[id+power]
}

// has are the machines that the node should have.
func (n *simulated) has() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.state.Instances)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// status is what a server answers to a request.
func status(t *testing.T, c *cloudtest.Cloud, token, method, path string, header ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", token)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// two are two servers of one cloud with a node at the second, and clients of
// both with a token of the first.
type two struct {
	one, other *client
	node       *simulated
	image      string
}

func startTwo(t *testing.T) *two {
	t.Helper()
	one, other, dials := cloudtest.Two(t)
	w := &two{one: &client{t: t, Cloud: one}, other: &client{t: t, Cloud: other}}
	w.one.token = w.one.login()
	w.other.token = w.one.token
	w.node = simulate(t, "host-1", dials[1], dials[0])
	w.other.untilHost()
	_, made := w.one.ask(http.StatusCreated, "POST", "/image/v2/images", object{"name": "guest", "disk_format": "raw", "container_format": "bare"})
	w.image = made["id"].(string)
	w.one.ask(http.StatusNoContent, "PUT", "/image/v2/images/"+w.image+"/file", make([]byte, 4096))
	w.one.ask(http.StatusOK, "POST", "/compute/v2.1/flavors", object{"flavor": object{"id": "tiny", "name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}})
	return w
}

func (c *client) login() string {
	c.t.Helper()
	header, _ := c.ask(http.StatusCreated, "POST", "/identity/v3/auth/tokens", object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": "admin", "domain": object{"id": "default"}, "password": cloudtest.Password,
		}}},
		"scope": object{"project": object{"name": "admin", "domain": object{"id": "default"}}},
	}})
	return header.Get("X-Subject-Token")
}

func (w *two) create(c *client, name string) string {
	c.t.Helper()
	_, made := c.ask(http.StatusAccepted, "POST", "/compute/v2.1/servers", object{"server": object{
		"name": name, "imageRef": w.image, "flavorRef": "tiny", "networks": "none",
	}})
	return made["server"].(object)["id"].(string)
}

// What is asked of one server is done by the node that is connected to the
// other, at once.
func TestTwoServersAreOneCloud(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	eventually(t, "LISTEN works", func() bool {
		return w.one.Server.DB.Notices() == store.NoticesListen && w.other.Server.DB.Notices() == store.NoticesListen
	})
	id := w.create(w.one, "first")
	w.other.until(id, "ACTIVE")

	events := w.events(t)
	const rounds = 10
	var took []time.Duration
	for range rounds {
		for _, step := range []struct{ action, power, status string }{
			{"os-stop", nodeapi.PowerStopped, "SHUTOFF"}, {"os-start", nodeapi.PowerRunning, "ACTIVE"},
		} {
			before := w.node.heard(id, step.power)
			began := time.Now()
			w.one.ask(http.StatusAccepted, "POST", "/compute/v2.1/servers/"+id+"/action", object{step.action: nil})
			eventually(t, "the node hears of "+step.action, func() bool { return w.node.heard(id, step.power).After(before) })
			took = append(took, w.node.heard(id, step.power).Sub(began))
			w.one.until(id, step.status) // the node's report came by the other server
		}
	}
	slices.Sort(took)
	t.Logf("from the request at one server to the node at the other: median %s, longest %s", took[rounds], took[2*rounds-1])
	if took[rounds] > 5*time.Second {
		t.Error("that takes longer than any poll")
	}
	events(id)

	for _, c := range []*client{w.one, w.other} {
		_, log := c.ask(http.StatusOK, "POST", "/compute/v2.1/servers/"+id+"/action", object{"os-getConsoleOutput": object{}})
		if log["output"] != "the log of host-1" {
			t.Errorf("the console's log is %v", log)
		}
		ws, code := c.dial(c.console(id, "serial", "serial"), nil)
		if ws == nil {
			t.Fatalf("no console: %d", code)
		}
		hear(t, ws, "ready\r\n")
		say(t, ws, "hello")
		hear(t, ws, "hello")
		_ = ws.CloseNow()
		// A console's token is good at either server, and once.
		at := w.one.console(id, "serial", "serial")
		at = strings.Replace(at, strings.TrimPrefix(w.one.URL, "http"), strings.TrimPrefix(w.other.URL, "http"), 1)
		if ws, code = c.dial(at, nil); ws == nil {
			t.Fatalf("a console of the other server: %d", code)
		}
		hear(t, ws, "ready\r\n")
		if again, code := c.dial(strings.Replace(at, w.other.URL[4:], w.one.URL[4:], 1), nil); again != nil || code != http.StatusForbidden {
			t.Errorf("used twice: %d", code)
		}
	}
	for _, c := range []*client{w.one, w.other} {
		if code, h := health(t, c.Server); code != http.StatusOK || *h.Details["servers"].Servers != 2 || h.Details["servers"].Notices != store.NoticesListen || !h.Parts["node"] {
			t.Errorf("health: %d %+v", code, h.Details)
		}
	}
}

// events reads the other server's stream; the function waits until it has told
// of an id.
func (w *two) events(t *testing.T) (until func(id string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.other.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", w.other.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // hello: it listens
	return func(id string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), id) {
				return
			}
		}
		t.Errorf("the other server's events never told of %s: %v", id, lines.Err())
	}
}

// Who may come in is the same at both servers, at every moment.
func TestTwoServersHaveOneDoor(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	const path = "/compute/v2.1/servers"
	token := w.one.login()
	if got := status(t, w.other.Cloud, token, "GET", path); got != http.StatusOK {
		t.Fatalf("a token of the other server: %d", got)
	}
	refused := func(what string, c *client, token string) {
		t.Helper()
		began := time.Now()
		eventually(t, what, func() bool { return status(t, c.Cloud, token, "GET", path) == http.StatusUnauthorized })
		t.Logf("%s: refused at the other server after %s", what, time.Since(began))
	}
	if got := status(t, w.one.Cloud, w.one.token, "DELETE", "/identity/v3/auth/tokens", "X-Subject-Token", token); got != http.StatusNoContent {
		t.Fatal(got)
	}
	refused("a revoked token", w.other, token)
	before := w.other.login()
	if err := errors.Join(w.one.Server.Identity.RotateKeys(t.Context()), w.one.Server.Identity.RotateKeys(t.Context())); err != nil {
		t.Fatal(err)
	}
	refused("a token whose key was rotated out", w.other, before)
	after := w.other.login()
	if got := status(t, w.one.Cloud, after, "GET", path); got != http.StatusOK {
		t.Errorf("a token of the new key: %d", got)
	}
}

// A server is closed while the other is asked for machines: the node comes to
// the other, and nothing is lost.
func TestOneOfTwoServersIsClosed(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	const before, during, after = 2, 5, 3 // the quota
	made := 0
	create := func(n int) {
		for range n {
			w.create(w.one, fmt.Sprint("machine-", made))
			made++
		}
	}
	create(before)
	eventually(t, "the node hears of the first", func() bool { return w.node.has() == before })
	var closing sync.WaitGroup
	closing.Go(w.other.Close)
	create(during)
	closing.Wait()
	began := time.Now()
	eventually(t, "the node is at the other server", func() bool { return len(w.one.Server.Nodes.Hosts()) == 1 })
	t.Logf("the node was at the other server %s after the close", time.Since(began))
	create(after)
	eventually(t, "the node hears of all", func() bool { return w.node.has() == made })
	_, list := w.one.ask(http.StatusOK, "GET", "/compute/v2.1/servers", nil)
	for _, s := range list["servers"].([]any) {
		w.one.until(s.(object)["id"].(string), "ACTIVE")
	}
	if code, h := health(t, w.one.Server); code != http.StatusOK || *h.Details["servers"].Servers != 1 {
		t.Errorf("health: %d %+v", code, h.Details)
	}
}

// A name is for one server, and what one does at its start is not done to the
// work of another.
func TestServersHaveNames(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	_, made := w.one.ask(http.StatusCreated, "POST", "/image/v2/images", object{"name": "slow", "disk_format": "raw", "container_format": "bare"})
	image := made["id"].(string)
	body, upload := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.one.URL+"/image/v2/images/"+image+"/file", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", w.one.token)
	request.Header.Set("Content-Type", "application/octet-stream")
	answered := make(chan int, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			answered <- 0
			return
		}
		_ = response.Body.Close()
		answered <- response.StatusCode
	}()
	if _, err := upload.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]errs.Kind{"one": errs.Conflict, "": errs.Invalid} {
		_, err := server.New(t.Context(), server.Config{
			Name: name, StateDir: t.TempDir(), Database: w.one.Database, URL: "http://127.0.0.1:1", AdminPassword: "x",
		}, slog.New(slog.DiscardHandler))
		if !errs.Is(err, kind) {
			t.Errorf("a server named %q: %v", name, err)
		}
	}
	if err := upload.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("the upload at the server of that name: %d", got)
	}
}

// A server whose image store is another than that of those that run would take
// every image for lost.
func TestServersHaveOneImageStore(t *testing.T) {
	t.Parallel()
	w := startTwo(t)
	_, made := w.one.ask(http.StatusCreated, "POST", "/image/v2/images", object{"name": "small", "disk_format": "raw", "container_format": "bare"})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.one.URL+"/image/v2/images/"+made["id"].(string)+"/file", strings.NewReader("data"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", w.one.token)
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("the upload: %s, %v", response.Status, err)
	}
	start := func(store string) error {
		third, err := server.New(t.Context(), server.Config{
			Name: "third", StateDir: t.TempDir(), Database: w.one.Database, URL: "http://127.0.0.1:1", AdminPassword: "x", ImageStore: store,
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return third.Close()
	}
	if err := start(""); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "--image-store") {
		t.Errorf("with a folder of its own: %v", err)
	}
	if err := start(w.one.Images); err != nil {
		t.Errorf("with the folder of the first: %v", err)
	}
}
