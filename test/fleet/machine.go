package fleet

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

const (
	short     = 30 * time.Second
	startTime = time.Minute
	logTail   = 12 << 10
)

// Machine is a namespace in which one process of wisp runs.
type Machine struct {
	Netns string
	State string            // directory
	Ports map[string]string // at the bridges, by network

	f       *Fleet
	args    []string // of the process
	process *exec.Cmd
	ended   chan struct{}
}

// machine makes a machine and joins it to networks; an address may be empty.
func (f *Fleet) machine(name string, networks map[string]string) *Machine {
	f.t.Helper()
	m := &Machine{f: f, Netns: f.Netns(name), State: filepath.Join(f.dir, name), Ports: map[string]string{}}
	for _, network := range []string{Management, Tunnel, External, Physical} {
		if address, has := networks[network]; has {
			m.Ports[network] = f.Plug(m.Netns, network, address)
		}
	}
	f.t.Cleanup(m.destroy)
	return m
}

// destroy stops the process and removes every trace of it.
func (m *Machine) destroy() {
	m.Kill()
	if m.f.t.Failed() {
		if log, err := os.ReadFile(m.logPath()); err == nil {
			m.f.t.Logf("the end of the log of %s:\n%s", filepath.Base(m.State), log[max(0, len(log)-logTail):])
		}
	}
	if _, err := os.Stat(m.State); err != nil {
		return
	}
	if out, err := m.f.Try(m.Netns, m.f.Wisp, "purge", "--yes", "--state-dir", m.State); err != nil {
		m.f.t.Errorf("purge: %v\n%s", err, out)
	}
}

func (m *Machine) logPath() string { return m.State + ".log" }

// Wisp runs the binary on the machine, with its state directory.
func (m *Machine) Wisp(t testing.TB, args ...string) string {
	t.Helper()
	out, err := m.TryWisp(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryWisp is Wisp for what may fail.
func (m *Machine) TryWisp(args ...string) (string, error) {
	return m.f.Try(m.Netns, append([]string{m.f.Wisp}, append(args, "--state-dir", m.State)...)...)
}

// Start starts the machine's process, in the foreground.
func (m *Machine) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(m.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.process = Command(context.Background(), m.Netns, append([]string{m.f.Wisp}, append(m.args, "--state-dir", m.State)...)...)
	m.process.Stdout, m.process.Stderr = log, log
	m.process.Dir = "/"
	if err := m.process.Start(); err != nil {
		t.Fatal(err)
	}
	ended, process := make(chan struct{}), m.process
	m.ended = ended
	go func() {
		_ = process.Wait()
		close(ended)
	}()
}

// Running tells whether the process has not ended.
func (m *Machine) Running() bool {
	if m.ended == nil {
		return false
	}
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process without a chance to say goodbye.
func (m *Machine) Kill() { m.signal(syscall.SIGKILL) }

// Stop ends the process in good order.
func (m *Machine) Stop() { m.signal(syscall.SIGTERM) }

func (m *Machine) signal(s syscall.Signal) {
	if !m.Running() {
		return
	}
	_ = m.process.Process.Signal(s) // it may have ended meanwhile
	select {
	case <-m.ended:
	case <-time.After(short):
		m.f.t.Errorf("%s does not end", filepath.Base(m.State))
		_ = m.process.Process.Kill()
	}
}

// Server is a machine whose process answers the APIs.
type Server struct {
	*Machine
	Address string // management
	URL     string
}

// Server makes a machine with a server, and starts it. number begins at 1.
func (f *Fleet) Server(number int, args ...string) *Server {
	f.t.Helper()
	s := f.serverAt(number)
	s.args = append([]string{"server", "--listen", s.Address + ":5000", "--node-listen", s.Address + ":5001"}, args...)
	s.Start(f.t)
	s.Answers(f.t)
	return s
}

// AllInOne makes a machine with a server and a node in one process, and starts
// it. It is joined to the networks of tunnels and to the external one.
func (f *Fleet) AllInOne(number int, args ...string) *Server {
	f.t.Helper()
	tunnel := fmt.Sprintf("10.201.0.%d/24", number)
	s := f.serverAt(number, Tunnel, tunnel, External, "")
	s.args = append([]string{
		"up", "--foreground", "--listen", s.Address + ":5000", "--node-listen", s.Address + ":5001", "--host", fmt.Sprintf("server%d", number),
		"--tunnel", Tunnel, "--public-interface", External,
	}, args...)
	s.Start(f.t)
	s.Answers(f.t)
	return s
}

// serverAt makes a server's machine; more are networks and addresses besides
// that of management.
func (f *Fleet) serverAt(number int, more ...string) *Server {
	address := fmt.Sprintf("10.200.0.%d", number)
	networks := map[string]string{Management: address + "/24"}
	for i := 0; i+1 < len(more); i += 2 {
		networks[more[i]] = more[i+1]
	}
	return &Server{
		Machine: f.machine(fmt.Sprintf("server%d", number), networks),
		Address: address, URL: fmt.Sprintf("https://%s:5000", address),
	}
}

// Answers waits until the APIs answer.
func (s *Server) Answers(t testing.TB) {
	t.Helper()
	world.Eventually(t, startTime, func() error {
		if !s.Running() {
			return errors.New("the server has ended")
		}
		_, err := s.f.Try(s.Netns, "curl", "-ksSf", "-o", "/dev/null", s.URL+"/identity/v3")
		return err
	})
}

// Environment holds the administrator's credentials.
func (s *Server) Environment(t testing.TB) []string {
	t.Helper()
	return world.Exports(s.Wisp(t, "openrc"))
}

// Caller logs in as the administrator.
func (s *Server) Caller(t testing.TB) *world.Caller {
	t.Helper()
	return world.NewCaller(t, s.Netns, s.URL, s.roots(t), s.Environment(t))
}

// Node is a machine whose process runs instances.
type Node struct {
	*Machine
	Host    string
	Address string // management
	Tunnel  string // address of the tunnels' end
}

// Node makes a machine that joins the cloud of the servers, and starts it.
// Networks besides those of management and tunnels are External and Physical.
func (f *Fleet) Node(number int, servers []*Server, networks []string, args ...string) *Node {
	f.t.Helper()
	n := &Node{Host: fmt.Sprintf("node%d", number), Address: fmt.Sprintf("10.200.0.%d", 10+number), Tunnel: fmt.Sprintf("10.201.0.%d", 10+number)}
	at := map[string]string{Management: n.Address + "/24", Tunnel: n.Tunnel + "/24"}
	join := []string{"node", "join", "--no-start", "--host", n.Host, "--management", n.Address, "--tunnel", Tunnel}
	for _, network := range networks {
		at[network] = ""
		join = append(join, "--external", map[string]string{External: "public", Physical: "physnet1"}[network]+"="+network)
	}
	for _, server := range servers {
		join = append(join, "--server", "https://"+server.Address+":5001")
	}
	n.Machine = f.machine(n.Host, at)
	join = append(join, "--token", Token(f.t, servers[0].Machine, n.Host))
	n.Wisp(f.t, append(join, args...)...)
	n.args = []string{"node", "run"}
	n.Start(f.t)
	return n
}

// Prefix is that of the node's devices.
func (n *Node) Prefix() string { return world.Prefix(n.State) }

// Token makes a join token on a machine with the cloud's database.
func Token(t testing.TB, m *Machine, host string) string {
	t.Helper()
	out := m.Wisp(t, "node", "token", "create", "--host", host)
	fields := strings.Fields(out)
	for i, field := range fields {
		if field == "--token" && i+1 < len(fields) {
			return fields[i+1]
		}
	}
	t.Fatalf("no token in:\n%s", out)
	return ""
}
