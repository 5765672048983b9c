package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wisp/test/world"
)

// apart is machines that a bridge joins, one process of the binary in each.
type apart struct {
	t     *testing.T
	wisp  string
	name  string // of namespaces
	dir   string
	count int
}

func newApart(t *testing.T) *apart {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the end-to-end tests need root")
	}
	binary, err := filepath.Abs("../../bin/wisp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v; `make test-e2e` builds it", err)
	}
	dir, err := os.MkdirTemp("", "wisp-apart-")
	if err != nil {
		t.Fatal(err)
	}
	a := &apart{t: t, wisp: binary, name: filepath.Base(dir), dir: dir}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	a.netns("bridge")
	a.ip("-n %s-bridge link add name br0 type bridge", a.name)
	a.ip("-n %s-bridge link set br0 up", a.name)
	return a
}

func (a *apart) ip(format string, args ...any) {
	a.t.Helper()
	if out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(format, args...))...).CombinedOutput(); err != nil {
		a.t.Fatalf("ip "+format+": %v\n%s", append(args, err, out)...)
	}
}

func (a *apart) netns(name string) {
	a.t.Helper()
	a.ip("netns add %s-%s", a.name, name)
	a.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", a.name+"-"+name).CombinedOutput(); err != nil {
			a.t.Errorf("delete a namespace: %v\n%s", err, out)
		}
	})
	a.ip("-n %s-%s link set lo up", a.name, name)
}

// machine is one of them, with an address at the bridge.
type machine struct {
	*apart
	host, address string
}

func (a *apart) machine(host string) *machine {
	a.t.Helper()
	a.count++
	m := &machine{a, host, fmt.Sprintf("10.88.0.%d", a.count)}
	a.netns(host)
	a.ip("-n %s-bridge link add p%d type veth peer name eth0 netns %s-%s", a.name, a.count, a.name, host)
	a.ip("-n %s-bridge link set p%d master br0 up", a.name, a.count)
	a.ip("-n %s-%s addr add %s/24 dev eth0", a.name, host, m.address)
	a.ip("-n %s-%s link set eth0 up", a.name, host)
	a.t.Cleanup(func() {
		if log, err := os.ReadFile(m.state("wisp.log")); err == nil && a.t.Failed() {
			const tail = 8 << 10
			a.t.Logf("the end of the log of %s:\n%s", host, log[max(0, len(log)-tail):])
		}
		if _, err := os.Stat(m.state()); err == nil {
			if out, err := m.run("purge", "--yes"); err != nil {
				a.t.Errorf("purge: %v\n%s", err, out)
			}
		}
	})
	return m
}

func (m *machine) state(parts ...string) string {
	return filepath.Join(append([]string{m.dir, m.host}, parts...)...)
}

func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--net=/run/netns/" + m.name + "-" + m.host, m.wisp}, append(args, "--state-dir", m.state())...)
	return exec.CommandContext(ctx, "nsenter", all...)
}

// run runs the binary on the machine, and returns all that it says.
func (m *machine) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := m.command(ctx, args...).CombinedOutput()
	return string(out), err
}

func (m *machine) must(args ...string) string {
	m.t.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.t.Fatalf("on %s: wisp %s: %v\n%s", m.host, strings.Join(args, " "), err, out)
	}
	return out
}

// refused runs what must fail and say why.
func (m *machine) refused(says string, args ...string) {
	m.t.Helper()
	if out, err := m.run(args...); err == nil || !strings.Contains(out, says) {
		m.t.Errorf("on %s: wisp %s: error %v, want %q:\n%s", m.host, strings.Join(args, " "), err, says, out)
	}
}

// serve starts a process in the foreground until the test ends, or stop.
func (m *machine) serve(args ...string) (stop func()) {
	m.t.Helper()
	if err := os.MkdirAll(m.state(), 0o711); err != nil {
		m.t.Fatal(err)
	}
	log, err := os.OpenFile(m.state("wisp.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	c := m.command(context.Background(), args...)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = c.Process.Signal(syscall.SIGTERM) // it may have ended by itself
			if err := c.Wait(); err != nil {
				m.t.Errorf("%s ended: %v", m.host, err)
			}
		}
	}
	m.t.Cleanup(stop)
	return stop
}

// token is a fresh one, and the URL of the server that made it.
func (m *machine) token(args ...string) (token, url string) {
	m.t.Helper()
	words := strings.Fields(m.must(append([]string{"node", "token", "create"}, args...)...))
	for i, word := range words[:len(words)-1] {
		switch word {
		case "--token":
			token = words[i+1]
		case "--server":
			url = words[i+1]
		}
	}
	if token == "" || url == "" {
		m.t.Fatalf("no token in %v", words)
	}
	return token, url
}

func (m *machine) lists(want ...string) {
	m.t.Helper()
	world.Eventually(m.t, world.Short, func() error {
		out := m.must("node", "list")
		for _, line := range want {
			if !strings.Contains(out, line) {
				return fmt.Errorf("no %q in:\n%s", line, out)
			}
		}
		return nil
	})
}

// TestServerAndNodesApart runs a server and two nodes as three processes on
// three machines, from the first token to the removal of a node.
func TestServerAndNodesApart(t *testing.T) {
	a := newApart(t)
	server, one, two := a.machine("server"), a.machine("one"), a.machine("two")
	listen := []string{"server", "--listen", server.address + ":5000", "--node-certificate-life", "20s"}
	stop := server.serve(listen...)
	world.Eventually(t, world.Short, func() error {
		if out, err := server.run("status"); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	token, url := server.token("--host", "one")
	if url != "https://"+server.address+":5001" {
		t.Errorf("nodes are to come to %s", url)
	}
	join := func(token, host string, more ...string) []string {
		return append([]string{"node", "join", "--server", url, "--token", token, "--host", host, "--hypervisor", "fake"}, more...)
	}
	two.refused("is for host one", join(token, "two", "--no-start")...)
	two.refused("has no interface eth7", join(token, "two", "--tunnel", "eth7")...)
	one.must(join(token, "one", "--tunnel", "eth0")...) // in the background
	two.refused("was used by host one", join(token, "two", "--no-start")...)
	token, _ = server.token()
	two.refused("a host that works", join(token, "one", "--no-start")...)
	two.must(join(token, "two", "--no-start", "--management", two.address)...)
	stopTwo := two.serve("node", "run")
	server.lists("one   up", "two   up", one.address, two.address)
	if out := one.must("status"); !strings.Contains(out, "connected to "+url) {
		t.Errorf("the node says: %s", out)
	}
	if out, _ := one.run("doctor"); !strings.Contains(out, "node certificate       for host one") || !strings.Contains(out, "answers after") || strings.Contains(out, "FATAL") {
		t.Errorf("the doctor says:\n%s", out)
	}
	server.must("node", "drain", "two", "--wait")
	server.lists("two   up, drained")
	server.must("node", "undrain", "two")

	// A server that comes back has its nodes back, with certificates that were
	// renewed meanwhile.
	stop()
	world.Eventually(t, world.Short, func() error {
		if out, err := one.run("status"); err == nil {
			return errors.New(out)
		}
		return nil
	})
	stop = server.serve(listen...)
	world.Eventually(t, world.Short, func() error {
		if _, err := server.run("status"); err != nil {
			return err
		}
		return nil
	})
	server.lists("one   up", "two   up")
	world.Eventually(t, world.BootLimit, func() error {
		for _, m := range []*machine{one, two} {
			log, err := os.ReadFile(m.state("wisp.log"))
			if err != nil {
				return err
			}
			if !strings.Contains(string(log), "certificate is renewed") {
				return fmt.Errorf("%s has the certificate that it began with", m.host)
			}
		}
		return nil
	})
	server.lists("one   up", "two   up")

	server.must("node", "remove", "two")
	world.Eventually(t, world.Short, func() error {
		if out, err := two.run("status"); err == nil || !strings.Contains(out, "was removed") {
			return errors.New(out)
		}
		return nil
	})
	if out := server.must("node", "list"); strings.Contains(out, "two") {
		t.Errorf("a node that was removed is listed:\n%s", out)
	}
	stopTwo()
	token, _ = server.token()
	two.must(join(token, "two")...) // again, in the background
	server.lists("two   up")
	two.must("down")
	server.lists("two   down")
	server.refused("There is no host three", "node", "remove", "three")
	stop()
}

// TestNodeJoinsAnAllInOne grows a cloud that began on one machine.
func TestNodeJoinsAnAllInOne(t *testing.T) {
	a := newApart(t)
	first, second := a.machine("first"), a.machine("second")
	first.must("up", "--listen", first.address+":5000", "--host", "first", "--hypervisor", "fake")
	ca, err := os.ReadFile(first.state("tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	first.refused("--node-listen", "node", "token", "create")
	first.must("down")
	first.must("up", "--node-listen", first.address)
	if again, err := os.ReadFile(first.state("tls", "ca.pem")); err != nil || string(again) != string(ca) {
		t.Errorf("clients' authority is another one (%v)", err)
	}
	token, url := first.token()
	second.must("node", "join", "--server", url, "--token", token, "--host", "second", "--hypervisor", "fake")
	first.lists("first   up", "second  up", first.address, second.address)
	second.refused("wisp node run", "up")
	first.refused("in the process of a server", "node", "remove", "first")
}
