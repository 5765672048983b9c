// Package world gives a test a machine of its own: a network namespace in
// which the project's binary runs a cloud, and another one that stands for the
// world outside, with the distribution's openstack client to speak to it. It
// needs root, the packages of `make deps-test`, the binary and the guest image.
package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	OutsideAddr = "203.0.113.2"
	HostAddr    = "203.0.113.1"
	BootLimit   = 4 * time.Minute // a guest in software emulation on a busy machine
	Short       = 30 * time.Second
)

// World is a machine, what is outside of it, and the cloud on it.
type World struct {
	t       testing.TB
	Host    string // network namespaces
	Outside string
	State   string
	Wisp    string // binary
	Guest   string // image
	env     []string
	KeyFile string
}

var worlds atomic.Int32

// New makes the namespaces; everything in it is gone when the test ends.
func New(t testing.TB) *World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the end-to-end tests need root")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	n := fmt.Sprintf("%d-%d", os.Getpid(), worlds.Add(1))
	w := &World{
		t: t, Host: "wisp-host-" + n, Outside: "wisp-out-" + n,
		Wisp: filepath.Join(root, "bin", "wisp"), Guest: filepath.Join(root, "build", "guest.qcow2"),
	}
	for _, file := range []string{w.Wisp, w.Guest} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("%v; `make test-e2e` builds it", err)
		}
	}
	if w.State, err = os.MkdirTemp("", "wisp-e2e-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.destroy)
	for _, name := range []string{w.Host, w.Outside} {
		w.must("ip", "netns", "add", name)
		w.must("ip", "-n", name, "link", "set", "lo", "up")
	}
	w.must("ip", "-n", w.Host, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.Outside)
	for name, address := range map[string]string{w.Host: HostAddr, w.Outside: OutsideAddr} {
		w.must("ip", "-n", name, "addr", "add", address+"/24", "dev", "eth0")
		w.must("ip", "-n", name, "link", "set", "eth0", "up")
	}
	w.must("ip", "-n", w.Host, "route", "add", "default", "via", OutsideAddr)
	return w
}

func (w *World) destroy() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if w.t.Failed() {
		if log, err := os.ReadFile(filepath.Join(w.State, "wisp.log")); err == nil {
			const tail = 12 << 10
			w.t.Logf("the end of the cloud's log:\n%s", log[max(0, len(log)-tail):])
		}
	}
	if out, err := w.Command(ctx, w.Wisp, "purge", "--yes", "--state-dir", w.State).CombinedOutput(); err != nil {
		w.t.Errorf("purge: %v\n%s", err, out)
	}
	for _, name := range []string{w.Host, w.Outside} {
		if out, err := exec.CommandContext(ctx, "ip", "netns", "del", name).CombinedOutput(); err != nil {
			w.t.Errorf("delete namespace %s: %v\n%s", name, err, out)
		}
	}
	if err := os.RemoveAll(w.State); err != nil {
		w.t.Error(err)
	}
}

// Command is one that runs on the machine.
func (w *World) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + w.Host, name}, args...)...)
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + w.State, "LANG=C.UTF-8"}, w.env...)
	return c
}

// Run runs a command on the machine and returns its standard output.
func (w *World) Run(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := w.Command(ctx, name, args...)
	var out, fail bytes.Buffer
	c.Stdout, c.Stderr = &out, &fail
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), fail.String())
	}
	return out.String(), nil
}

// must runs a command outside of any namespace.
func (w *World) must(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// Up starts the cloud and logs in as the administrator.
func (w *World) Up(t testing.TB, args ...string) string {
	t.Helper()
	out, err := w.Run(2*time.Minute, w.Wisp, append([]string{"up", "--state-dir", w.State}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.env = w.credentials(t)
	return out
}

// credentials are those of openrc, as environment.
func (w *World) credentials(t testing.TB) []string {
	t.Helper()
	rc, err := w.Run(Short, w.Wisp, "openrc", "--state-dir", w.State)
	if err != nil {
		t.Fatal(err)
	}
	return Exports(rc)
}

// Exports are the variables that an openrc file exports, as environment.
func Exports(rc string) (env []string) {
	for line := range strings.Lines(rc) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(rest, "=")
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}

// As returns the same world seen by another user of a project.
func (w *World) As(user, password, project string) *World {
	other := *w
	other.env = nil
	for _, line := range w.env {
		switch name, _, _ := strings.Cut(line, "="); name {
		case "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME":
		default:
			other.env = append(other.env, line)
		}
	}
	other.env = append(other.env, "OS_USERNAME="+user, "OS_PASSWORD="+password, "OS_PROJECT_NAME="+project)
	return &other
}

// Openstack runs the client and returns its trimmed output; a failure ends
// the test.
func (w *World) Openstack(t testing.TB, args ...string) string {
	t.Helper()
	out, err := w.Run(2*time.Minute, "openstack", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// Value is one column of what a client's command shows.
func (w *World) Value(t testing.TB, column string, args ...string) string {
	t.Helper()
	return w.Openstack(t, append(args, "-f", "value", "-c", column)...)
}

// Refused runs the client and wants it to fail with a text.
func (w *World) Refused(t testing.TB, text string, args ...string) {
	t.Helper()
	out, err := w.Run(2*time.Minute, "openstack", args...)
	if err == nil {
		t.Errorf("openstack %s succeeded: %s", strings.Join(args, " "), out)
	} else if !strings.Contains(err.Error(), text) {
		t.Errorf("openstack %s: %v, want %q", strings.Join(args, " "), err, text)
	}
}

// Eventually asks again until the answer is nil.
func Eventually(t testing.TB, limit time.Duration, ask func() error) {
	t.Helper()
	if err := Within(limit, ask); err != nil {
		t.Fatal(err)
	}
}

func Within(limit time.Duration, ask func() error) error {
	deadline := time.After(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-deadline:
			return fmt.Errorf("not Within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// Ping pings once from the machine.
func (w *World) Ping(address string) error {
	_, err := w.Run(Short, "ping", "-n", "-c", "1", "-W", "1", address)
	return err
}

// SSH runs a command in a guest at an address, through other guests.
func (w *World) SSH(address, command string, through ...string) (string, error) {
	options := []string{
		"-i", w.KeyFile, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
		"-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
	}
	args := options
	for _, hop := range through {
		args = append(args, "-o", "ProxyCommand=ssh "+strings.Join(options, " ")+" -W %h:%p cirros@"+hop)
	}
	return w.Run(time.Minute, "ssh", append(args, "cirros@"+address, command)...)
}

// SSHEventually waits until a guest lets us in.
func (w *World) SSHEventually(t testing.TB, address, command string, through ...string) string {
	t.Helper()
	var out string
	Eventually(t, BootLimit, func() (err error) {
		out, err = w.SSH(address, command, through...)
		return err
	})
	return out
}

// WaitStatus waits for a server's status; ERROR ends the test with its fault.
func (w *World) WaitStatus(t testing.TB, server, status string) {
	t.Helper()
	Eventually(t, time.Minute, func() error {
		now := w.Value(t, "status", "server", "show", server)
		if now == "ERROR" && status != now {
			t.Fatalf("server %s: %s", server, w.Value(t, "fault", "server", "show", server))
		}
		if now != status {
			return errors.New("its status is " + now)
		}
		return nil
	})
}

// Kill ends the cloud's process without a chance to say goodbye.
func (w *World) Kill() error {
	content, err := os.ReadFile(filepath.Join(w.State, "wisp.pid"))
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(string(content), &pid); err != nil || pid <= 1 {
		return fmt.Errorf("wisp.pid holds no process id: %q", content)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Env is the environment that holds the user's credentials.
func (w *World) Env() []string { return w.env }
