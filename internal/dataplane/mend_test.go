package dataplane_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"wisp/internal/dataplane"
	"wisp/internal/netlinkx"
)

// echo answers connections in a namespace with what they say.
func (l *lab) echo(ns, listen string) {
	l.t.Helper()
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(l.t.Context(), "tcp4", listen)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// dialTCP opens a connection from a namespace, which lasts until the test ends.
func (l *lab) dialTCP(ns, to string) net.Conn {
	l.t.Helper()
	var c net.Conn
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		c, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(l.t.Context(), "tcp4", to)
		return err
	})
	if err != nil {
		l.t.Fatalf("dialing %s from %s: %v\n%s", to, ns, err, l.counters())
	}
	l.t.Cleanup(func() { c.Close() })
	return c
}

// says sends a word and waits for it. Nothing is on its way any more afterwards:
// an acknowledgement that comes while something is taken away would find a host
// that resets the connection.
func says(c net.Conn, word string) error {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != word {
		return errors.New("another word came back: " + string(got))
	}
	return acknowledge(c)
}

// acknowledge sends now what TCP would wait some 40 ms with.
func acknowledge(c net.Conn) error {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	return errors.Join(err, failed)
}

// emptyMap removes all entries of a pinned map, as a person could.
func (l *lab) emptyMap(path string) int {
	l.t.Helper()
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	defer m.Close()
	if m.Type() == ebpf.PerCPUArray {
		return 0 // room for one packet: nothing lasts in it
	}
	if m.Type() == ebpf.Array {
		if err := m.Put(uint32(0), make([]byte, m.ValueSize())); err != nil {
			l.t.Fatal(err)
		}
		return 1
	}
	for n := 0; ; n++ {
		key := make([]byte, m.KeySize())
		if err := m.NextKey(nil, &key); errors.Is(err, ebpf.ErrKeyNotExist) {
			return n
		} else if err != nil {
			l.t.Fatal(err)
		}
		if err := m.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			l.t.Fatal(err)
		}
	}
}

// files lists what is pinned in a folder.
func (l *lab) files(dirs ...string) []string {
	l.t.Helper()
	var out []string
	root := filepath.Join(append([]string{l.cfg.PinDir}, dirs...)...)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) removeAll(files ...string) {
	l.t.Helper()
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			l.t.Fatal(err)
		}
	}
}

// theirs are the maps that the programs write: their entries come back with
// the packets.
var theirs = map[string]bool{
	"cts": true, "nats": true, "frags": true, "dyns": true, "svcs": true, "counts": true, "scratch": true, "conflicts": true, "strays": true, "straymacs": true, "straylists": true, "yields": true,
}

// A host whose programs, maps and devices are taken away is whole again after
// Resync, and what ran goes on.
func TestHostIsWholeAgain(t *testing.T) {
	t.Parallel()
	h, b, v, _ := moving(t)
	h.gateway["r"] = 2
	l := h.all[2] // with the gateway, a wire and tunnels
	w := h.guest(2, "w", "ten", 5, "10.0.2.12")
	tap := l.port("tap", "blue", "fa:16:3e:00:07:07", "10.0.4.77")
	tap.Local, tap.Enabled = true, true
	l.state.Ports["tap"] = tap
	h.apply()
	l.echo(h.out, "203.0.113.1:7")
	l.echo(w, "10.0.2.12:7")
	for _, ns := range []string{b, v, w} {
		l.eventually("the outside answers", h.reach(ns, "198.51.100.1"))
	}
	running := map[string]net.Conn{
		"shared address": l.dialTCP(v, "203.0.113.1:7"), "floating IP": l.dialTCP(b, "203.0.113.1:7"), "routed": l.dialTCP(b, "10.0.2.12:7"),
		"on the wire": l.dialTCP(v, "10.0.2.12:7"),
	}
	resync := func() dataplane.Report {
		t.Helper()
		r, err := l.dp.Resync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := func(what string, counted bool) {
		t.Helper()
		first, second := resync(), resync()
		if first.Drift == 0 && counted {
			t.Errorf("%s: no drift seen", what)
		}
		if second.Drift != 0 {
			t.Errorf("%s: drift of %d remains", what, second.Drift)
		}
		for name, c := range running {
			if err := says(c, what); err != nil {
				t.Errorf("%s: the connection by the %s: %v\n%s", what, name, err, h.everyCounter())
			}
		}
	}
	whole("nothing", false)
	for _, path := range l.files("maps") {
		name := filepath.Base(path)
		n := l.emptyMap(path)
		whole("emptied "+name, n > 0 && !theirs[name])
	}
	for _, path := range l.files() {
		l.removeAll(path)
		whole("unpinned "+strings.TrimPrefix(path, l.cfg.PinDir), true)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it is not pinned again: %v", err)
		}
	}
	for _, path := range l.files("links") {
		at, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			t.Skip("without tcx, the filters of clsact have a test of their own")
		}
		if err := at.Detach(); err != nil {
			t.Fatal(err)
		}
		at.Close()
		whole("detached "+filepath.Base(path), true)
	}
	for _, command := range []string{
		"ip link del " + l.cfg.Prefix + "vx", "ip link set " + l.cfg.Prefix + "vx down", "ip link del " + l.cfg.Prefix + "svc0",
		"ip link set " + l.cfg.Prefix + "svc0 down", "ip link set tenant0 promisc off", "ip link del " + l.dp.DeviceName("tap"),
		"ip link set " + l.dp.DeviceName("w") + " down",
	} {
		l.run(l.name, command)
		whole(command, true)
	}
	if err := os.RemoveAll(l.cfg.PinDir); err != nil {
		t.Fatal(err)
	}
	whole("no pins at all", true)
	// The same while the process is dead.
	for what, damage := range map[string]func(){
		"all maps emptied": func() {
			for _, path := range l.files("maps") {
				l.emptyMap(path)
			}
		},
		"names emptied":    func() { l.emptyMap(filepath.Join(l.cfg.PinDir, "maps", "ids")) },
		"nothing pinned":   func() { _ = os.RemoveAll(l.cfg.PinDir) },
		"no programs":      func() { l.removeAll(l.files("progs")...) },
		"no maps":          func() { l.removeAll(l.files("maps")...) },
		"one map":          func() { l.removeAll(filepath.Join(l.cfg.PinDir, "maps", "fdb")) },
		"no links":         func() { l.removeAll(l.files("links")...) },
		"no tunnel device": func() { l.run(l.name, "ip link del "+l.cfg.Prefix+"vx") },
	} {
		if err := l.dp.Close(); err != nil {
			t.Fatal(err)
		}
		damage()
		l.dp = l.open()
		l.applyClean()
		whole("dead, "+what, false)
		l.ping(h.out, "203.0.113.41")
		l.ping(v, "198.51.100.1")
	}
}
