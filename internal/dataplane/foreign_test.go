package dataplane_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// What is on the wire must be what others understand: in these tests a device
// of the kernel itself is at the other end. Not every kernel has them.

const (
	foreignMAC  = "fa:16:3e:00:00:09"
	foreignSize = 50 << 20
)

// foreign makes a device of the kernel's in a namespace; the command is that
// of ip link add. Without the kind of device the test is skipped, unless
// WISP_TEST_FOREIGN is 1: then it is known to be there.
func (l *lab) foreign(ns, command string) {
	l.t.Helper()
	out, err := l.try(ns, "ip link add "+command)
	switch {
	case err == nil:
	case strings.Contains(out, "Unknown device type") && os.Getenv("WISP_TEST_FOREIGN") != "1":
		l.t.Skipf("this kernel has no such device: %s: %s", command, strings.TrimSpace(out))
	default:
		l.t.Fatalf("ip link add %s: %v\n%s", command, err, out)
	}
}

// underlay joins the lab's host, 192.0.2.1, to a namespace with 192.0.2.2
// and returns that.
func (l *lab) underlay() string {
	l.t.Helper()
	ns := l.cfg.Prefix + "peer"
	l.netns(ns)
	l.run(l.name, "ip link add phys0 type veth peer name eth0 netns "+ns)
	for at, device := range map[string]string{l.name: "phys0", ns: "eth0"} {
		l.run(at, "ip link set lo up")
		l.run(at, "ip link set "+device+" up")
	}
	l.run(l.name, "ip addr add 192.0.2.1/24 dev phys0")
	l.run(ns, "ip addr add 192.0.2.2/24 dev eth0")
	return ns
}

func withTunnel(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr("192.0.2.1") }

// fragments is how many fragments a namespace's stack made of its packets.
func (l *lab) fragments(ns string) string {
	l.t.Helper()
	var text []byte
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Ip:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "FragCreates" {
				return fields[i]
			}
		}
	}
	l.t.Fatalf("in %s: no FragCreates in\n%s", ns, text)
	return ""
}

// talks lets guest a, 10.0.1.1 and fd01::1, and a foreign device, 10.0.1.9
// and fd01::9, try all that a network must carry.
func (l *lab) talks(a, peer, device string, mtu int) {
	l.t.Helper()
	l.run(peer, "sysctl -qw net.ipv6.conf."+device+".accept_dad=0")
	l.run(peer, fmt.Sprintf("ip link set %s address %s mtu %d up", device, foreignMAC, mtu))
	l.run(peer, "ip addr add 10.0.1.9/24 dev "+device)
	l.run(peer, "ip addr add fd01::9/64 dev "+device)

	l.ping(peer, "10.0.1.1") // the foreign side asks first
	known := l.run(peer, "ip neigh show dev "+device+" 10.0.1.1")
	if !strings.Contains(known, "lladdr "+l.state.Ports["a"].MAC) {
		l.t.Errorf("the foreign side's ARP was answered with %q", known)
	}
	l.run(a, "ip neigh flush dev eth0")
	l.ping(a, "10.0.1.9")
	if known := l.run(a, "ip neigh show dev eth0 10.0.1.9"); !strings.Contains(known, "lladdr "+foreignMAC) {
		l.t.Errorf("the guest's ARP was answered with %q", known)
	}
	l.ping(peer, "fd01::1")
	l.ping(a, "fd01::9")

	// The network's MTU, and no more, fits without fragments.
	whole := fmt.Sprintf("ping -n -c 2 -i 0.2 -W 2 -M do -s %d ", mtu-28)
	l.run(a, whole+"10.0.1.9")
	l.run(peer, whole+"10.0.1.1")
	for from, to := range map[string]string{a: "10.0.1.9", peer: "10.0.1.1"} {
		if out, err := l.try(from, fmt.Sprintf("ping -n -c 1 -W 1 -M do -s %d %s", mtu-27, to)); err == nil {
			l.t.Errorf("more than the MTU of %d passes:\n%s", mtu, out)
		}
	}

	l.transferBytes(foreignSize, a, peer, "10.0.1.9:5001", "10.0.1.9:5001")
	l.transferBytes(foreignSize, peer, a, "10.0.1.1:5002", "10.0.1.1:5002")
	for _, ns := range []string{l.name, peer} {
		if n := l.fragments(ns); n != "0" {
			l.t.Errorf("the stack of %s made %s fragments", ns, n)
		}
	}
	l.run(a, "ping -n -c 1 -W 2 -s 4000 10.0.1.9") // and fragments pass
	l.run(peer, "ping -n -c 1 -W 2 -s 4000 10.0.1.1")
}

func TestForeignVLANDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, physical)
	peer := l.underlay()
	l.foreign(peer, "link eth0 name eth0v10 type vlan id 10")
	l.foreign(peer, "link eth0 name eth0v20 type vlan id 20")
	l.state.Networks["ten"] = intent.Network{ID: "ten", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 10, MTU: 1500}
	l.state.Networks["twenty"] = intent.Network{ID: "twenty", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 20, MTU: 1500}
	a := l.guest(l.port("a", "ten", "fa:16:3e:00:00:01", "10.0.1.1", "fd01::1"), 24, "")
	other := l.guest(l.port("b", "twenty", "fa:16:3e:00:00:02", "10.0.1.2"), 24, "")
	l.applyClean()
	l.talks(a, peer, "eth0v10", 1500)

	l.noPing(other, "10.0.1.9") // another tag
	l.noPing(peer, "10.0.1.2")
	l.run(peer, "ip link set eth0v20 address fa:16:3e:00:00:0a up")
	l.run(peer, "ip addr add 10.0.1.10/32 dev eth0v20")
	l.run(peer, "ip route add 10.0.1.2/32 dev eth0v20 src 10.0.1.10")
	l.ping(other, "10.0.1.10")
	l.ping(peer, "10.0.1.2")
	l.ping(l.name, "192.0.2.2") // the host's own, untagged
}

// overlay makes a network of the type with a guest on it, and the foreign
// side as a port of another host. It returns the guest's namespace.
func (l *lab) overlay(kind string, segment uint32, mtu int) (a string) {
	l.state.Networks["over"] = intent.Network{ID: "over", Type: kind, SegmentationID: segment, MTU: mtu}
	a = l.guest(l.port("a", "over", "fa:16:3e:00:00:01", "10.0.1.1", "fd01::1"), 24, "")
	remote := l.port("f", "over", foreignMAC, "10.0.1.9", "fd01::9")
	remote.Enabled, remote.Endpoint = true, netip.MustParseAddr("192.0.2.2")
	l.state.Ports["f"] = remote
	return a
}

func TestForeignVXLANDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, withTunnel)
	peer := l.underlay()
	l.foreign(peer, "over0 type vxlan id 100 dstport 4789 local 192.0.2.2 remote 192.0.2.1")
	a := l.overlay(intent.TypeVXLAN, 100, 1450)
	l.applyClean()
	l.talks(a, peer, "over0", 1450)
}

func TestForeignGREDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, withTunnel)
	peer := l.underlay()
	l.foreign(peer, "over0 type gretap local 192.0.2.2 remote 192.0.2.1 key 77")
	const mtu = 1500 - 20 - 8 - 14 // outer IPv4, GRE with a key, inner Ethernet
	a := l.overlay(intent.TypeGRE, 77, mtu)
	l.applyClean()
	l.talks(a, peer, "over0", mtu)
}
