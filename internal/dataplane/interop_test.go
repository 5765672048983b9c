package dataplane_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

// TestVXLANWithPlainDevice: the kernel's own VXLAN device, without anything of
// this project, is a host of the network. The dataplane knows it as a port.
func TestVXLANWithPlainDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr("192.0.2.1") })
	l.state.Networks["red"] = intent.Network{ID: "red", Type: intent.TypeVXLAN, SegmentationID: 4242, MTU: 1450}
	peer := l.cfg.Prefix + "peer"
	l.netns(peer)
	l.run(l.name, "ip link add under type veth peer name under netns "+peer)
	for ns, a := range map[string]string{l.name: "192.0.2.1/24", peer: "192.0.2.9/24"} {
		l.run(ns, "ip addr add "+a+" dev under")
		l.run(ns, "ip link set under up")
	}
	l.run(peer, "ip link add vx0 address "+speakerMAC+" type vxlan id 4242 local 192.0.2.9 remote 192.0.2.1 dstport 4789")
	l.run(peer, "sysctl -qw net.ipv6.conf.vx0.accept_dad=0")
	l.run(peer, "ip link set vx0 up")
	l.run(peer, "ip addr add "+speakerAddr+"/24 dev vx0")
	l.run(peer, "ip addr add fd01::99/64 dev vx0")
	a := l.guest(l.port("a", "red", "fa:16:3e:00:00:01", "10.0.1.10", "fd01::10"), 24, "")
	n := l.guest(l.openPort("n", "red", "fa:16:3e:00:00:02", "10.0.1.12"), 24, "")
	far := l.port("far", "red", speakerMAC, speakerAddr, "fd01::99")
	far.Endpoint = netip.MustParseAddr("192.0.2.9")
	l.state.Ports["far"] = far
	l.applyClean()
	under := listen(t, peer, "under", nil)
	l.ping(a, speakerAddr)
	l.ping(peer, "10.0.1.10")
	l.ping(a, "fd01::99")
	l.download(a, peer, speakerAddr+":5001", 20<<20)
	l.download(peer, a, "[fd01::10]:5002", 20<<20)
	if got := under.count(arpRequest); got != 0 {
		t.Errorf("%d questions of ARP crossed the tunnel", got)
	}
	for _, p := range under.frames(tunnelled) {
		udp, vx := p.Layer(layers.LayerTypeUDP).(*layers.UDP), p.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
		if udp.DstPort != 4789 || vx.VNI != 4242 || !vx.ValidIDFlag {
			t.Fatalf("a frame on the wire: %v", p)
		}
	}
	// Connections take different ways on the underlay.
	ports := map[layers.UDPPort]bool{}
	for i := range 40 {
		c := l.dialUDP(a, "", fmt.Sprintf("%s:%d", speakerAddr, 6000+i))
		_, _ = c.Write([]byte("one of many"))
	}
	inside := func(p gopacket.Packet) bool {
		if !tunnelled(p) {
			return false
		}
		udp, ok := inner(p).Layer(layers.LayerTypeUDP).(*layers.UDP)
		return ok && udp.DstPort >= 6000 && udp.DstPort < 6040
	}
	l.eventually("the datagrams arrive", func() bool { return under.count(inside) >= 40 })
	for _, p := range under.frames(inside) {
		ports[p.Layer(layers.LayerTypeUDP).(*layers.UDP).SrcPort] = true
	}
	if len(ports) < 10 {
		t.Errorf("40 flows have %d outer source ports", len(ports))
	}

	// Only ports have MACs on a network. What another MAC behind the host
	// sends arrives, for the sender of a tunnel is checked as a host; nobody
	// answers it, for nobody learns where it is.
	far0, near := listen(t, peer, "vx0", nil), listen(t, n, "eth0", nil)
	odd := func(src, dst string, kind layers.EthernetType) []byte {
		return append(append(append([]byte{}, hw(dst)...), hw(src)...), append([]byte{byte(kind >> 8), byte(kind)}, make([]byte, 60)...)...)
	}
	is := func(kind layers.EthernetType) func(gopacket.Packet) bool {
		return func(p gopacket.Packet) bool {
			e, ok := p.LinkLayer().(*layers.Ethernet)
			return ok && e.EthernetType == kind
		}
	}
	const own, unknown = "fa:16:3e:00:00:02", "fa:16:3e:00:00:55"
	far0.send(odd(unknown, own, 0x88b5))
	l.eventually("an unknown MAC's frame arrives", func() bool { return near.count(is(0x88b5)) == 1 })
	near.send(odd(own, unknown, 0x88b6))
	near.send(odd(own, speakerMAC, 0x88b7))
	l.eventually("the answer to a port arrives", func() bool { return far0.count(is(0x88b7)) == 1 })
	if far0.count(is(0x88b6)) != 0 || l.drops("n", "unknown-mac") != 1 {
		t.Errorf("an answer to an unknown MAC went somewhere\n%s", l.counters())
	}
}

// TestNeighboursOfAnotherHostsGateway: the gateway's host asks for a neighbour
// because of a packet that came by a tunnel.
func TestNeighboursOfAnotherHostsGateway(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two := twoHosts(t, kind)
		a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.10"), 24, "10.0.1.1")
		remoteGateway(one, two)
		out := two.cfg.Prefix + "out"
		two.run(out, "ip addr add 203.0.113.77/24 dev eth0")
		one.eventually("a neighbour that nobody knew answers", func() bool {
			_, err := one.try(a, "ping -n -c 1 -W 1 203.0.113.77")
			return err == nil
		})
		if !one.refused(a, "203.0.113.77:9") {
			t.Error("no port unreachable from the outside")
		}
		one.download(a, out, "203.0.113.77:5001", 10<<20)
		// The first datagram becomes the question.
		two.run(out, "ip addr add 203.0.113.78/24 dev eth0")
		one.eventually("another one answers to UDP", func() bool { return one.refused(a, "203.0.113.78:9") })
	})
}
