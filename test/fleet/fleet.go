// Package fleet gives a test several machines: network namespaces for servers
// and nodes, joined by the four networks that an operator would have
// (management, tunnels, external, and a physical one for VLANs), each of which
// is a bridge in a namespace of its own. The project's binary runs in them as
// separate processes. Guests are namespaces where packets are all that
// matters. It needs root, the packages of `make deps-test` and the binary.
package fleet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The networks that join the machines. Each is a bridge of that name.
const (
	Management = "mgmt"
	Tunnel     = "tun"
	External   = "ext"  // physical network "public"
	Physical   = "phys" // physical network "physnet1"
)

// Fleet is the machines of one test.
type Fleet struct {
	Wisp   string // binary
	Guest  string // image
	fabric string // namespace of the bridges
	name   string
	dir    string
	t      testing.TB
	cables *atomic.Int32
}

var fleets atomic.Int32

const cleanupLimit = 2 * time.Minute

// New makes the networks; everything in it is gone when the test ends.
func New(t testing.TB) *Fleet {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("tests with several machines need root")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	f := &Fleet{t: t, cables: new(atomic.Int32), name: fmt.Sprintf("wf%d-%d", os.Getpid(), fleets.Add(1)), Wisp: filepath.Join(root, "bin", "wisp"), Guest: filepath.Join(root, "build", "guest.qcow2")}
	if _, err := os.Stat(f.Wisp); err != nil {
		t.Fatalf("%v; `make test-hosts` builds it", err)
	}
	if f.dir, err = os.MkdirTemp("", "wisp-fleet-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(f.dir); err != nil {
			t.Error(err)
		}
	})
	// Machines' processes that run as other users reach their files in it.
	if err := os.Chmod(f.dir, 0o711); err != nil {
		t.Fatal(err)
	}
	f.fabric = f.Netns("fabric")
	for _, bridge := range []string{Management, Tunnel, External, Physical} {
		f.IP(f.fabric, "link add %s type bridge", bridge)
		f.IP(f.fabric, "link set %s up", bridge)
	}
	return f
}

// In returns the same fleet for a part of the test: what is made by it is gone
// when that part ends.
func (f *Fleet) In(t testing.TB) *Fleet {
	other := *f
	other.t = t
	return &other
}

// Named is the full name of a namespace that Netns made.
func (f *Fleet) Named(name string) string { return f.name + "-" + name }

// Netns makes a namespace with a name of its own and returns that.
func (f *Fleet) Netns(name string) string {
	f.t.Helper()
	full := f.Named(name)
	f.must("ip", "netns", "add", full)
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "ip", "netns", "del", full).CombinedOutput(); err != nil {
			f.t.Errorf("delete namespace %s: %v\n%s", full, err, out)
		}
	})
	f.IP(full, "link set lo up")
	return full
}

// Plug joins a namespace to one of the networks, with a device of the
// network's name there and an address when one is given. It returns the name
// of the port at the bridge, where packets can be seen.
func (f *Fleet) Plug(netns, network, address string) (port string) {
	f.t.Helper()
	port = fmt.Sprintf("p%d", f.cables.Add(1))
	f.IP(f.fabric, "link add %s type veth peer name %s netns %s", port, network, netns)
	f.IP(f.fabric, "link set %s master %s up", port, network)
	if address != "" {
		f.IP(netns, "addr add %s dev %s", address, network)
	}
	f.IP(netns, "link set %s up", network)
	return port
}

// Unplug pulls a cable, or puts it back.
func (f *Fleet) Unplug(port string, out bool) {
	f.t.Helper()
	state := "up"
	if out {
		state = "down"
	}
	f.IP(f.fabric, "link set %s %s", port, state)
}

// Outside is a machine on the external network, the gateway of its subnet,
// with the address of a world beyond. It returns its namespace.
func (f *Fleet) Outside(gateway, beyond string) string {
	f.t.Helper()
	ns := f.Netns("outside")
	f.Plug(ns, External, gateway)
	f.IP(ns, "addr add %s dev lo", beyond)
	f.run(ns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	return ns
}

// IP runs the ip command in a namespace.
func (f *Fleet) IP(netns, format string, args ...any) {
	f.t.Helper()
	f.must("ip", append([]string{"-n", netns}, strings.Fields(fmt.Sprintf(format, args...))...)...)
}

// run runs a command in a namespace; a failure ends the test.
func (f *Fleet) run(netns string, command ...string) string {
	f.t.Helper()
	out, err := f.Try(netns, command...)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// Try runs a command in a namespace, and returns all that it says.
func (f *Fleet) Try(netns string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	out, err := Command(ctx, netns, command...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("in %s: %s: %w\n%s", netns, strings.Join(command, " "), err, out)
	}
	return string(out), err
}

// Command is one that runs in a namespace; its process is the command's own.
func Command(ctx context.Context, netns string, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + netns}, command...)...)
}

func (f *Fleet) must(name string, args ...string) {
	f.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		f.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
