package dataplane_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// lab is one host in a network namespace of its own, with namespaces as
// guests.
type lab struct {
	t     *testing.T
	name  string // of the host's namespace
	cfg   dataplane.Config
	dp    *dataplane.Dataplane
	state intent.State
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces and loads BPF programs")
	}
	for _, tool := range []string{"ip", "ping"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs the %s command", tool)
		}
	}
}

func newLab(t *testing.T, change ...func(*dataplane.Config)) *lab {
	t.Helper()
	needRoot(t)
	prefix := "t" + strings.ToLower(rand.Text()[:4])
	l := &lab{t: t, name: prefix + "host", state: intent.State{
		Networks: map[string]intent.Network{}, Ports: map[string]intent.Port{}, Routers: map[string]intent.Router{},
		SecurityGroups: map[string]intent.SecurityGroup{"open": openGroup()},
	}}
	l.netns(l.name)
	l.cfg = dataplane.Config{
		Prefix: prefix, PinDir: "/sys/fs/bpf/wisp-test-" + prefix, Netns: netlinkx.NetnsPath(l.name),
		ConntrackEntries: 4096, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, f := range change {
		f(&l.cfg)
	}
	t.Cleanup(func() {
		dp := l.open()
		if err := dp.Purge(context.Background()); err != nil {
			t.Errorf("purging: %v", err)
		}
		if _, err := os.Stat(l.cfg.PinDir); err == nil {
			t.Errorf("%s is left after Purge", l.cfg.PinDir)
		}
	})
	l.dp = l.open()
	t.Cleanup(func() { l.dp.Close() })
	return l
}

func (l *lab) open() *dataplane.Dataplane {
	l.t.Helper()
	dp, err := dataplane.Open(context.Background(), l.cfg)
	if err != nil {
		l.t.Fatalf("opening: %v", err)
	}
	return dp
}

func (l *lab) netns(name string) {
	l.t.Helper()
	if err := netlinkx.EnsureNetns(name); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := netlinkx.DeleteNetns(name); err != nil {
			l.t.Error(err)
		}
	})
}

// run runs a command in a namespace and fails the test when it fails.
func (l *lab) run(ns, command string) string {
	l.t.Helper()
	out, err := l.try(ns, command)
	if err != nil {
		l.t.Fatalf("in %s: %s: %v\n%s\n%s", ns, command, err, out, l.counters())
	}
	return out
}

func (l *lab) try(ns, command string) (string, error) {
	l.t.Helper()
	args := append([]string{"netns", "exec", ns}, strings.Fields(command)...)
	out, err := exec.CommandContext(l.t.Context(), "ip", args...).CombinedOutput()
	return string(out), err
}

func (l *lab) counters() string {
	all, err := l.dp.Counters()
	if err != nil {
		return err.Error()
	}
	var b bytes.Buffer
	for _, c := range all {
		fmt.Fprintln(&b, c.PortID, c.Drops)
	}
	return b.String()
}

// drops is how many packets of a port were dropped for a reason.
func (l *lab) drops(port, reason string) uint64 {
	l.t.Helper()
	all, err := l.dp.Counters()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, c := range all {
		if c.PortID == port {
			return c.Drops[reason].Packets
		}
	}
	return 0
}

// guest makes a namespace with a device that is the port's, and puts the
// port into the state.
func (l *lab) guest(p intent.Port, prefixLen int, gateway string) string {
	l.t.Helper()
	p.Local, p.Enabled = true, true
	ns := l.cfg.Prefix + "g" + p.ID
	dev := intent.DeviceName(l.cfg.Prefix, p.ID)
	l.netns(ns)
	l.run(l.name, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %s", dev, ns))
	l.run(ns, "ip link set lo up")
	l.run(ns, "ip link set eth0 address "+p.MAC+" mtu "+fmt.Sprint(max(l.state.Networks[p.NetworkID].MTU, 1280)))
	l.run(ns, "sysctl -qw net.ipv6.conf.eth0.accept_dad=0")
	l.run(ns, "ip link set eth0 up")
	for _, a := range p.Addresses {
		bits := prefixLen
		if a.Is6() {
			bits = 64
		}
		l.run(ns, fmt.Sprintf("ip addr add %s/%d dev eth0", a, bits))
	}
	if gateway != "" {
		l.run(ns, "ip route add default via "+gateway)
	}
	l.state.Ports[p.ID] = p
	return ns
}

func (l *lab) apply() dataplane.Report {
	l.t.Helper()
	r, err := l.dp.Apply(l.t.Context(), l.state)
	if err != nil {
		l.t.Fatalf("applying: %v", err)
	}
	return r
}

// applyClean applies and demands that nothing was refused.
func (l *lab) applyClean() dataplane.Report {
	l.t.Helper()
	r := l.apply()
	for id, err := range r.Refused {
		l.t.Fatalf("%s was refused: %v", id, err)
	}
	return r
}

func (l *lab) ping(ns, addr string) { l.t.Helper(); l.run(ns, "ping -n -c 2 -i 0.2 -W 2 "+addr) }

func (l *lab) noPing(ns, addr string) {
	l.t.Helper()
	if out, err := l.try(ns, "ping -n -c 2 -i 0.2 -W 1 "+addr); err == nil {
		l.t.Fatalf("in %s: %s answers, and should not:\n%s", ns, addr, out)
	}
}

// eventually waits until f holds.
func (l *lab) eventually(what string, f func() bool) {
	l.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			l.t.Fatalf("not within 10 s: %s\n%s", what, l.counters())
		}
	}
}

func addrs(all ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func prefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range all {
		out = append(out, netip.MustParsePrefix(a))
	}
	return out
}

func openGroup() intent.SecurityGroup {
	var rules []intent.Rule
	for _, dir := range []string{intent.Ingress, intent.Egress} {
		for _, v6 := range []bool{false, true} {
			rules = append(rules, intent.Rule{ID: fmt.Sprint("open", dir, v6), Direction: dir, IPv6: v6})
		}
	}
	return intent.SecurityGroup{ID: "open", Rules: rules}
}

func (l *lab) localNet(id string) {
	l.state.Networks[id] = intent.Network{ID: id, Type: intent.TypeLocal, MTU: 1500}
}

func (l *lab) port(id, network, mac string, addresses ...string) intent.Port {
	return intent.Port{
		ID: id, NetworkID: network, MAC: mac, Addresses: addrs(addresses...), PortSecurity: true,
		SecurityGroups: []string{"open"},
	}
}

func macOf(i int) string { return fmt.Sprintf("fa:16:3e:01:%02x:%02x", i>>8, i&255) }

func ipOf(i int) string { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255) }
