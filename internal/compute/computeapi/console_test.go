package computeapi_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

func (console) OpenConsole(context.Context, string, string, string) (nodeapi.Stream, error) {
	return nil, errs.New(errs.Unavailable, "no such node")
}

// stats is what the node of these tests counts.
func stats() nodeapi.Stats {
	return nodeapi.Stats{
		Accelerator: "tcg", UptimeSeconds: 60, CPUTimes: []time.Duration{2 * time.Second}, MemoryBytes: 600 << 20,
		Disks: []nodeapi.DiskStats{{Device: "vda", ReadBytes: 1, ReadRequests: 2, WriteBytes: 3, WriteRequests: 4, Errors: 5}},
		Ports: []nodeapi.PortStats{{Device: "tap0", RxBytes: 1, RxPackets: 2, RxErrors: 3, RxDropped: 4, TxBytes: 5, TxPackets: 6, TxErrors: 7, TxDropped: 8}},
	}
}

// tokenOf takes the token out of a console's URL, whose rest must be as given.
func tokenOf(t *testing.T, link any, scheme, path string) string {
	t.Helper()
	at, err := url.Parse(link.(string))
	if err != nil || at.Scheme != scheme || at.Path != path || len(at.Query()["token"]) != 1 || len(at.Query()) != 1 {
		t.Fatalf("the URL is %v, %v", link, err)
	}
	return at.Query().Get("token")
}

func TestRemoteConsoles(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		path := "/servers/" + id + "/remote-consoles"
		want := func(protocol, name string) object {
			return object{"remote_console": object{"protocol": protocol, "type": name}}
		}
		got := b.ask(409, "member", "2.6", "POST", path, want("vnc", "novnc"))
		if message := dig(t, got, "conflictingRequest", "message"); message != "Instance "+id+" is not ready" {
			t.Errorf("a server that is being built: %v", message)
		}
		b.node.Step()
		made := b.ask(200, "member", "2.6", "POST", path, want("vnc", "novnc"))
		console := dig(t, made, "remote_console").(object)
		if len(console) != 3 || console["protocol"] != "vnc" || console["type"] != "novnc" {
			t.Errorf("the console is %v", console)
		}
		token := tokenOf(t, console["url"], "http", "/console/vnc")
		made = b.ask(200, "member", "2.96", "POST", path, want("serial", "serial"))
		tokenOf(t, dig(t, made, "remote_console", "url"), "ws", "/console/serial/stream")

		shown := b.ask(200, "admin", "2.31", "GET", "/os-console-auth-tokens/"+token, nil)
		info := dig(t, shown, "console").(object)
		if len(info) != 4 || info["instance_uuid"] != id || info["host"] != "node-1" || info["port"] != 0.0 || info["internal_access_path"] != nil {
			t.Errorf("the token opens %v", info)
		}
		b.ask(400, "admin", "2.30", "GET", "/os-console-auth-tokens/"+token, nil)
		b.ask(403, "member", "2.31", "GET", "/os-console-auth-tokens/"+token, nil)
		b.ask(404, "admin", "2.31", "GET", "/os-console-auth-tokens/unknown", nil)

		for _, c := range []struct {
			version, protocol, name, says string
		}{
			{"2.6", "spice", "spice-html5", "Unavailable console type spice-html5."},
			{"2.6", "rdp", "rdp-html5", "Unavailable console type rdp-html5."},
			{"2.8", "mks", "webmks", "Unavailable console type webmks."},
			{"2.6", "vnc", "xvpvnc", "Invalid console type xvpvnc"},
			{"2.6", "vnc", "serial", "Invalid console type serial"},
			{"2.6", "mks", "webmks", "protocol"},
			{"2.6", "vnc", "x", "type"},
		} {
			got := b.ask(400, "member", c.version, "POST", path, want(c.protocol, c.name))
			if message := dig(t, got, "badRequest", "message").(string); !strings.Contains(message, c.says) {
				t.Errorf("%s/%s at %s: %s", c.protocol, c.name, c.version, message)
			}
		}
		b.ask(400, "member", "2.6", "POST", path, object{"remote_console": object{"protocol": "vnc"}})
		b.ask(400, "member", "2.6", "POST", path, object{"remote_console": object{"protocol": "vnc", "type": "novnc", "more": 1}})
		b.ask(404, "member", "2.5", "POST", path, want("vnc", "novnc"))
		b.ask(404, "other", "2.6", "POST", path, want("vnc", "novnc"))
		b.ask(403, "reader", "2.6", "POST", path, want("vnc", "novnc"))
		b.ask(404, "member", "2.6", "POST", "/servers/unknown/remote-consoles", want("vnc", "novnc"))
	})
}

func TestConsoleActions(t *testing.T) {
	t.Parallel()
	b := open(t)
	id := b.create("one")
	path := "/servers/" + id + "/action"
	want := func(name, kind string) object { return object{name: object{"type": kind}} }
	b.ask(409, "member", "2.1", "POST", path, want("os-getVNCConsole", "novnc"))
	b.node.Step()
	for _, c := range []struct{ name, kind, scheme, path string }{
		{"os-getVNCConsole", "novnc", "http", "/console/vnc"},
		{"os-getSerialConsole", "serial", "ws", "/console/serial/stream"},
	} {
		made := b.ask(200, "member", "2.5", "POST", path, want(c.name, c.kind))
		if got := dig(t, made, "console", "type"); got != c.kind {
			t.Errorf("the type is %v", got)
		}
		tokenOf(t, dig(t, made, "console", "url"), c.scheme, c.path)
		b.ask(404, "member", "2.6", "POST", path, want(c.name, c.kind))
		b.ask(400, "member", "2.1", "POST", path, want(c.name, "x"))
		b.ask(400, "member", "2.1", "POST", path, object{c.name: object{}})
		b.ask(403, "reader", "2.1", "POST", path, want(c.name, c.kind))
	}
	for name, kind := range map[string]string{"os-getSPICEConsole": "spice-html5", "os-getRDPConsole": "rdp-html5"} {
		got := b.ask(400, "member", "2.1", "POST", path, want(name, kind))
		if message := dig(t, got, "badRequest", "message"); message != "Unavailable console type "+kind+"." {
			t.Errorf("%s: %v", name, message)
		}
	}
	got := b.ask(400, "member", "2.1", "POST", path, want("os-getVNCConsole", "xvpvnc"))
	if message := dig(t, got, "badRequest", "message"); message != "Invalid console type xvpvnc" {
		t.Errorf("xvpvnc: %v", message)
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	forms(t, func(t *testing.T, b *bench) {
		id := b.create("one")
		path := "/servers/" + id + "/diagnostics"
		got := b.ask(409, "admin", "2.48", "GET", path, nil)
		if message := dig(t, got, "conflictingRequest", "message").(string); !strings.Contains(message, "power state pending") {
			t.Errorf("a server that is being built: %s", message)
		}
		b.node.Step()
		b.ask(403, "member", "2.48", "GET", path, nil)
		b.ask(404, "admin", "2.48", "GET", "/servers/unknown/diagnostics", nil)
		view := b.ask(200, "admin", "2.48", "GET", path, nil)
		for name, want := range map[string]any{
			"state": "running", "driver": "libvirt", "hypervisor": "qemu", "hypervisor_os": "linux", "uptime": 60.0, "config_drive": false,
			"num_cpus": 1.0, "num_nics": 1.0, "num_disks": 1.0,
		} {
			if view[name] != want {
				t.Errorf("%s is %v, want %v", name, view[name], want)
			}
		}
		if len(view) != 13 || dig(t, view, "cpu_details", 0, "time") != 2e9 || dig(t, view, "memory_details", "maximum") != 512.0 ||
			dig(t, view, "memory_details", "used") != 512.0 || dig(t, view, "nic_details", 0, "tx_drop") != 8.0 || dig(t, view, "disk_details", 0, "errors_count") != 5.0 {
			t.Errorf("diagnostics are %v", view)
		}
		old := b.ask(200, "admin", "2.47", "GET", path, nil)
		for name, want := range map[string]any{
			"cpu0_time": 2e9, "memory": 524288.0, "memory-actual": 524288.0, "memory-rss": 614400.0, "vda_read": 1.0, "vda_read_req": 2.0, "vda_write": 3.0,
			"vda_write_req": 4.0, "vda_errors": 5.0, "tap0_rx": 1.0, "tap0_rx_packets": 2.0, "tap0_rx_errors": 3.0, "tap0_rx_drop": 4.0,
			"tap0_tx": 5.0, "tap0_tx_packets": 6.0, "tap0_tx_errors": 7.0, "tap0_tx_drop": 8.0,
		} {
			if old[name] != want {
				t.Errorf("%s is %v, want %v", name, old[name], want)
			}
		}
	})
}
