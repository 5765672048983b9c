// Package e2e proves the whole: a cloud started with its own binary in a
// network namespace that stands for a machine, spoken to by the distribution's
// openstack client, with real guests, and another namespace that stands for
// the world outside. It needs root, the packages of `make deps-test`, the
// binary and the guest image.
package e2e

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
	"testing"
	"time"
)

const (
	outsideAddr = "203.0.113.2"
	hostAddr    = "203.0.113.1"
	bootLimit   = 4 * time.Minute // a guest in software emulation on a busy machine
	short       = 30 * time.Second
)

// world is a machine, what is outside of it, and the cloud on it.
type world struct {
	t        *testing.T
	host     string // network namespaces
	outside  string
	state    string
	wisp     string // binary
	guest    string // image
	env      []string
	keyFile  string
	sequence int
}

var worlds atomic.Int32

// newWorld makes the namespaces; everything in it is gone when the test ends.
func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the end-to-end tests need root")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	n := fmt.Sprintf("%d-%d", os.Getpid(), worlds.Add(1))
	w := &world{
		t: t, host: "wisp-host-" + n, outside: "wisp-out-" + n,
		wisp: filepath.Join(root, "bin", "wisp"), guest: filepath.Join(root, "build", "guest.qcow2"),
	}
	for _, file := range []string{w.wisp, w.guest} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("%v; `make test-e2e` builds it", err)
		}
	}
	if w.state, err = os.MkdirTemp("", "wisp-e2e-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.destroy)
	for _, name := range []string{w.host, w.outside} {
		w.must("ip", "netns", "add", name)
		w.must("ip", "-n", name, "link", "set", "lo", "up")
	}
	w.must("ip", "-n", w.host, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.outside)
	for name, address := range map[string]string{w.host: hostAddr, w.outside: outsideAddr} {
		w.must("ip", "-n", name, "addr", "add", address+"/24", "dev", "eth0")
		w.must("ip", "-n", name, "link", "set", "eth0", "up")
	}
	w.must("ip", "-n", w.host, "route", "add", "default", "via", outsideAddr)
	return w
}

func (w *world) destroy() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if w.t.Failed() {
		if log, err := os.ReadFile(filepath.Join(w.state, "wisp.log")); err == nil {
			const tail = 12 << 10
			w.t.Logf("the end of the cloud's log:\n%s", log[max(0, len(log)-tail):])
		}
	}
	if out, err := w.command(ctx, w.wisp, "purge", "--yes", "--state-dir", w.state).CombinedOutput(); err != nil {
		w.t.Errorf("purge: %v\n%s", err, out)
	}
	for _, name := range []string{w.host, w.outside} {
		if out, err := exec.CommandContext(ctx, "ip", "netns", "del", name).CombinedOutput(); err != nil {
			w.t.Errorf("delete namespace %s: %v\n%s", name, err, out)
		}
	}
	if err := os.RemoveAll(w.state); err != nil {
		w.t.Error(err)
	}
}

// command is one that runs on the machine.
func (w *world) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + w.host, name}, args...)...)
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + w.state, "LANG=C.UTF-8"}, w.env...)
	return c
}

// run runs a command on the machine and returns its standard output.
func (w *world) run(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := w.command(ctx, name, args...)
	var out, fail bytes.Buffer
	c.Stdout, c.Stderr = &out, &fail
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), fail.String())
	}
	return out.String(), nil
}

// must runs a command outside of any namespace.
func (w *world) must(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// up starts the cloud and logs in as the administrator.
func (w *world) up(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(2*time.Minute, w.wisp, append([]string{"up", "--state-dir", w.state}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.env = w.credentials(t)
	return out
}

// credentials are those of openrc, as environment.
func (w *world) credentials(t *testing.T) []string {
	t.Helper()
	rc, err := w.run(short, w.wisp, "openrc", "--state-dir", w.state)
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for line := range strings.Lines(rc) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(rest, "=")
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}

// as returns the same world seen by another user of a project.
func (w *world) as(user, password, project string) *world {
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

// openstack runs the client and returns its trimmed output; a failure ends
// the test.
func (w *world) openstack(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(2*time.Minute, "openstack", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// value is one column of what a client's command shows.
func (w *world) value(t *testing.T, column string, args ...string) string {
	t.Helper()
	return w.openstack(t, append(args, "-f", "value", "-c", column)...)
}

// refused runs the client and wants it to fail with a text.
func (w *world) refused(t *testing.T, text string, args ...string) {
	t.Helper()
	out, err := w.run(2*time.Minute, "openstack", args...)
	if err == nil {
		t.Errorf("openstack %s succeeded: %s", strings.Join(args, " "), out)
	} else if !strings.Contains(err.Error(), text) {
		t.Errorf("openstack %s: %v, want %q", strings.Join(args, " "), err, text)
	}
}

// eventually asks again until the answer is nil.
func eventually(t *testing.T, limit time.Duration, ask func() error) {
	t.Helper()
	if err := within(limit, ask); err != nil {
		t.Fatal(err)
	}
}

func within(limit time.Duration, ask func() error) error {
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
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// ping pings once from the machine.
func (w *world) ping(address string) error {
	_, err := w.run(short, "ping", "-n", "-c", "1", "-W", "1", address)
	return err
}

// ssh runs a command in a guest at an address, through other guests.
func (w *world) ssh(address, command string, through ...string) (string, error) {
	options := []string{
		"-i", w.keyFile, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
		"-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
	}
	args := options
	for _, hop := range through {
		args = append(args, "-o", "ProxyCommand=ssh "+strings.Join(options, " ")+" -W %h:%p cirros@"+hop)
	}
	return w.run(time.Minute, "ssh", append(args, "cirros@"+address, command)...)
}

// sshEventually waits until a guest lets us in.
func (w *world) sshEventually(t *testing.T, address, command string, through ...string) string {
	t.Helper()
	var out string
	eventually(t, bootLimit, func() (err error) {
		out, err = w.ssh(address, command, through...)
		return err
	})
	return out
}

// waitStatus waits for a server's status; ERROR ends the test with its fault.
func (w *world) waitStatus(t *testing.T, server, status string) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		now := w.value(t, "status", "server", "show", server)
		if now == "ERROR" && status != now {
			t.Fatalf("server %s: %s", server, w.value(t, "fault", "server", "show", server))
		}
		if now != status {
			return errors.New("its status is " + now)
		}
		return nil
	})
}
