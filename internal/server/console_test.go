package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wisp/internal/cloudtest"
	"wisp/internal/console"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/hypervisor/hypervisortest"
	"wisp/internal/hypervisor/qemu"
)

type object = map[string]any

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

// client speaks to a cloud as its administrator.
type client struct {
	*cloudtest.Cloud
	t     *testing.T
	token string
	log   *syncBuffer
	stop  func() // ends the node
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start makes a cloud with one node, and an administrator's token.
func start(t *testing.T, driver hypervisor.Driver) *client {
	t.Helper()
	log := &syncBuffer{}
	c := &client{t: t, log: log, Cloud: cloudtest.New(t, slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	header, _ := c.ask(http.StatusCreated, "POST", "/identity/v3/auth/tokens", object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": "admin", "domain": object{"id": "default"}, "password": cloudtest.Password,
		}}},
		"scope": object{"project": object{"name": "admin", "domain": object{"id": "default"}}},
	}})
	c.token = header.Get("X-Subject-Token")
	c.stop = c.StartNode(t, driver)
	return c
}

// ask sends a request and returns the decoded answer, which must have the
// status.
func (c *client) ask(status int, method, path string, body any) (http.Header, object) {
	c.t.Helper()
	reader, kind := io.Reader(nil), "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		content, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("X-Auth-Token", c.token)
	request.Header.Set("OpenStack-API-Version", "compute 2.96, placement 1.39")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, %v; want %d", method, path, response.StatusCode, content, err, status)
	}
	var decoded object
	if len(content) > 0 {
		if err := json.Unmarshal(content, &decoded); err != nil {
			c.t.Fatal(err)
		}
	}
	return response.Header, decoded
}

// until asks for a server until it has a status.
func (c *client) until(id, status string) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, got := c.ask(http.StatusOK, "GET", "/compute/v2.1/servers/"+id, nil)
		server := got["server"].(object)
		if server["status"] == status {
			return
		}
		if server["status"] == "ERROR" {
			c.t.Fatalf("the server failed: %v", server["fault"])
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			c.t.Fatalf("the server is %v, and never became %s", server["status"], status)
		}
	}
}

// boot makes a running server of an image with the content.
func (c *client) boot(image []byte) string {
	c.t.Helper()
	_, made := c.ask(http.StatusCreated, "POST", "/image/v2/images", object{"name": "guest", "disk_format": "raw", "container_format": "bare"})
	imageID := made["id"].(string)
	c.ask(http.StatusNoContent, "PUT", "/image/v2/images/"+imageID+"/file", image)
	c.ask(http.StatusOK, "POST", "/compute/v2.1/flavors", object{"flavor": object{"id": "tiny", "name": "tiny", "ram": 64, "vcpus": 1, "disk": 1}})
	c.untilHost()
	_, made = c.ask(http.StatusAccepted, "POST", "/compute/v2.1/servers", object{"server": object{
		"name": "one", "imageRef": imageID, "flavorRef": "tiny", "networks": "none",
	}})
	id := made["server"].(object)["id"].(string)
	c.until(id, "ACTIVE")
	return id
}

// untilHost waits until the node is connected.
func (c *client) untilHost() {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(c.Server.Nodes.Hosts()) == 0 {
		select {
		case <-tick.C:
		case <-deadline.C:
			c.t.Fatal("the node never connected")
		}
	}
}

// console asks for a console and returns its URL.
func (c *client) console(id, protocol, kind string) string {
	c.t.Helper()
	_, made := c.ask(http.StatusOK, "POST", "/compute/v2.1/servers/"+id+"/remote-consoles", object{"remote_console": object{"protocol": protocol, "type": kind}})
	return made["remote_console"].(object)["url"].(string)
}

// dial opens a WebSocket, or returns the status of the refusal.
func (c *client) dial(at string, header http.Header) (*websocket.Conn, int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, at, &websocket.DialOptions{Subprotocols: []string{"binary"}, HTTPHeader: header})
	if err != nil {
		if response == nil {
			c.t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	ws.SetReadLimit(-1)
	c.t.Cleanup(func() { _ = ws.CloseNow() })
	return ws, response.StatusCode
}

// stream is where the page of a display opens its WebSocket.
func stream(t *testing.T, page string) string {
	t.Helper()
	at, err := url.Parse(page)
	if err != nil || at.Path != "/console/vnc" {
		t.Fatalf("the page is at %q, %v", page, err)
	}
	at.Scheme, at.Path = strings.Replace(at.Scheme, "http", "ws", 1), "/console/vnc/stream"
	return at.String()
}

// hear reads until a text has come.
func hear(t *testing.T, ws *websocket.Conn, want string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var heard []byte
	for !bytes.Contains(heard, []byte(want)) {
		_, said, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("heard %q, want %q: %v", heard, want, err)
		}
		heard = append(heard, said...)
	}
	return string(heard)
}

func say(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.Write(t.Context(), websocket.MessageBinary, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// closed reads until the server closes, and returns its code.
func closed(t *testing.T, ws *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestConsolesOfACloud(t *testing.T) {
	t.Parallel()
	machines := fake.NewHost(fake.Options{})
	c := start(t, machines.Driver())
	id := c.boot(make([]byte, 4096))
	at := c.console(id, "serial", "serial")
	if !strings.HasPrefix(at, "ws"+strings.TrimPrefix(c.URL, "http")+"/console/serial/stream?token=") {
		t.Errorf("the console is at %s", at)
	}
	serial, _ := c.dial(at, http.Header{"Origin": {c.URL}})
	if serial == nil || serial.Subprotocol() != "binary" {
		t.Fatal("no WebSocket with the subprotocol binary")
	}
	hear(t, serial, "ready\r\n") // from before
	say(t, serial, "hello")
	hear(t, serial, "hello")

	page := c.console(id, "vnc", "novnc")
	display, _ := c.dial(stream(t, page), nil)
	if display == nil {
		t.Fatal("the display is refused")
	}
	hear(t, display, "RFB 003.008\n")

	known := c.console(id, "vnc", "novnc") // a client that knows Nova's proxy
	other, _ := c.dial("ws"+strings.TrimPrefix(c.URL, "http")+"/websockify", http.Header{"Cookie": {known[strings.Index(known, "token="):]}})
	if other == nil {
		t.Fatal("websockify refuses the display")
	}
	hear(t, other, "RFB 003.008\n")

	again, _ := c.dial(c.console(id, "serial", "serial"), nil)
	if code := closed(t, serial); code != console.CodeTakenOver {
		t.Errorf("the first viewer was closed with %d", code)
	}
	hear(t, again, "hello")
	_, got := c.ask(http.StatusOK, "GET", "/compute/v2.1/servers/"+id+"/diagnostics", nil)
	if got["state"] != "running" || got["num_cpus"] != 1.0 || got["num_disks"] != 1.0 {
		t.Errorf("diagnostics are %v", got)
	}

	// The consoles end with the machine, and those of a machine that is off
	// are refused.
	unused := c.console(id, "serial", "serial")
	c.ask(http.StatusAccepted, "POST", "/compute/v2.1/servers/"+id+"/action", object{"os-stop": nil})
	for name, ws := range map[string]*websocket.Conn{"serial": again, "vnc": display} {
		if code := closed(t, ws); code != console.CodeEnded {
			t.Errorf("the console %s was closed with %d", name, code)
		}
	}
	c.until(id, "SHUTOFF")
	c.ask(http.StatusConflict, "POST", "/compute/v2.1/servers/"+id+"/remote-consoles", object{"remote_console": object{"protocol": "vnc", "type": "novnc"}})
	c.ask(http.StatusConflict, "GET", "/compute/v2.1/servers/"+id+"/diagnostics", nil)
	if ws, status := c.dial(unused, nil); ws != nil || status != http.StatusConflict {
		t.Errorf("a console of a stopped server: %d", status)
	}
}

func TestConsoleOfALostNode(t *testing.T) {
	t.Parallel()
	c := start(t, fake.NewHost(fake.Options{}).Driver())
	id := c.boot(make([]byte, 4096))
	serial, _ := c.dial(c.console(id, "serial", "serial"), nil)
	hear(t, serial, "ready\r\n")
	late := stream(t, c.console(id, "vnc", "novnc"))
	c.stop()
	if code := closed(t, serial); code != console.CodeAway {
		t.Errorf("the viewer was closed with %d", code)
	}
	ws, status := c.dial(late, nil)
	if ws == nil {
		t.Fatalf("refused with %d", status)
	}
	if code := closed(t, ws); code != console.CodeAway {
		t.Errorf("without the node: closed with %d", code)
	}
}

func TestS30ConsolesOfACloud(t *testing.T) {
	t.Parallel()
	c := start(t, fake.NewHost(fake.Options{}).Driver())
	id := c.boot(make([]byte, 4096))
	at := c.console(id, "serial", "serial")
	token := at[strings.Index(at, "token=")+len("token="):]
	if ws, status := c.dial(at, http.Header{"Origin": {"https://evil.example"}}); ws != nil || status != http.StatusForbidden {
		t.Errorf("a foreign page: %d", status)
	}
	if ws, status := c.dial(strings.Replace(at, "/serial/", "/vnc/", 1), nil); ws != nil || status != http.StatusForbidden {
		t.Errorf("the token of another console: %d", status)
	}
	_, shown := c.ask(http.StatusOK, "GET", "/compute/v2.1/os-console-auth-tokens/"+token, nil)
	if info := shown["console"].(object); info["instance_uuid"] != id || info["host"] != cloudtest.Host {
		t.Errorf("the token opens %v", info)
	}
	if ws, _ := c.dial(at, nil); ws == nil {
		t.Fatal("the token is refused")
	}
	if ws, status := c.dial(at, nil); ws != nil || status != http.StatusForbidden {
		t.Errorf("a token that was used: %d", status)
	}
	c.ask(http.StatusNotFound, "GET", "/compute/v2.1/os-console-auth-tokens/"+token, nil)

	unused := c.console(id, "vnc", "novnc")
	c.ask(http.StatusNoContent, "DELETE", "/compute/v2.1/servers/"+id, nil)
	if ws, status := c.dial(stream(t, unused), nil); ws != nil || status != http.StatusForbidden && status != http.StatusConflict {
		t.Errorf("a console of a deleted server: %d", status)
	}
	for _, secret := range []string{token, unused[strings.Index(unused, "token=")+len("token="):]} {
		if strings.Contains(c.log.String(), secret) {
			t.Error("a console's token is in the log")
		}
	}
	if !strings.Contains(c.log.String(), "console opened") {
		t.Error("the log does not tell of consoles")
	}
}

// A real machine: it prints on its serial port, obeys what comes from there,
// and has a display.
func TestConsolesOfQEMU(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("QEMU is not installed")
	}
	dir, err := os.MkdirTemp("", "wisp-console-")
	if err != nil {
		t.Fatal(err)
	}
	driver, err := qemu.New(qemu.Config{StateDir: dir, NoCgroups: true}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = driver.Close()
		_ = os.RemoveAll(dir)
	})
	c := start(t, driver)
	id := c.boot(append(hypervisortest.Sector(), make([]byte, 1<<20-512)...))
	t.Cleanup(func() {
		c.stop() // or it would start the machine again
		if err := driver.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Error(err)
		}
	})
	serial, _ := c.dial(c.console(id, "serial", "serial"), nil)
	hear(t, serial, "ready\r\n")
	say(t, serial, "x")
	hear(t, serial, "x")
	again, _ := c.dial(c.console(id, "serial", "serial"), nil)
	hear(t, again, "ready\r\n") // from the log
	say(t, again, hypervisortest.GuestDeafen)
	hear(t, again, "deaf")
	if code := closed(t, serial); code != console.CodeTakenOver {
		t.Errorf("the first viewer was closed with %d", code)
	}
	// Nobody reads what comes now, and the guest does not wait for it.
	say(t, again, hypervisortest.GuestFlood)
	display, _ := c.dial(stream(t, c.console(id, "vnc", "novnc")), nil)
	hear(t, display, "RFB 003.008\n")
	_, got := c.ask(http.StatusOK, "GET", "/compute/v2.1/servers/"+id+"/diagnostics", nil)
	if cpus := got["cpu_details"].([]any); len(cpus) != 1 || got["num_disks"] != 1.0 || got["memory_details"].(object)["maximum"] != 64.0 {
		t.Errorf("diagnostics are %v", got)
	}
	say(t, again, hypervisortest.GuestPowerOff)
	for name, ws := range map[string]*websocket.Conn{"serial": again, "vnc": display} {
		if code := closed(t, ws); code != console.CodeEnded {
			t.Errorf("the console %s was closed with %d", name, code)
		}
	}
	c.until(id, "SHUTOFF")
}
