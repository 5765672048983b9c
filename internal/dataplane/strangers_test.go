package dataplane_test

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

// vxlanFrame is a frame of a network as RFC 7348 puts it on the wire.
func vxlanFrame(src, dst net.HardwareAddr, from, to string, vni uint32, payload []byte) []byte {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(from).To4(), DstIP: net.ParseIP(to).To4()}
	udp := &layers.UDP{SrcPort: 50000, DstPort: 4789}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return serialize(&layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}, ip, udp,
		&layers.VXLAN{ValidIDFlag: true, VNI: vni}, gopacket.Payload(payload))
}

// TestStrangersPutNothingIntoTunnels: whoever is on the underlay and is no
// host of the cloud cannot send to ports.
func TestStrangersPutNothingIntoTunnels(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr("192.0.2.1") })
	l.state.Networks["blue"] = intent.Network{ID: "blue", Type: intent.TypeGRE, SegmentationID: 100, MTU: 1450}
	l.state.Networks["red"] = intent.Network{ID: "red", Type: intent.TypeVXLAN, SegmentationID: 100, MTU: 1450}
	peer := l.cfg.Prefix + "peer"
	l.netns(peer)
	l.run(l.name, "ip link add under type veth peer name under netns "+peer)
	l.run(l.name, "ip addr add 192.0.2.1/24 dev under")
	l.run(l.name, "ip addr add 192.0.2.66/24 dev under")
	l.run(l.name, "ip link set under up")
	l.run(peer, "ip link set under up")
	l.run(peer, "ip addr add 192.0.2.9/24 dev under")
	a := l.guest(l.openPort("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1"), 24, "")
	b := l.guest(l.openPort("b", "red", "fa:16:3e:00:00:01", "10.0.1.1"), 24, "")
	for id, network := range map[string]string{"fa": "blue", "fb": "red"} {
		far := l.openPort(id, network, "fa:16:3e:00:00:99", "10.0.1.99")
		far.Endpoint = netip.MustParseAddr("192.0.2.9")
		l.state.Ports[id] = far
	}
	l.applyClean()
	w, host := listen(t, peer, "under", nil), listen(t, l.name, "under", nil)
	at := map[string]*wire{"a": listen(t, a, "eth0", nil), "b": listen(t, b, "eth0", nil)}
	body := append(append(append([]byte{}, hw("fa:16:3e:00:00:01")...), hw("fa:16:3e:00:00:99")...),
		append([]byte{0x88, 0xb5}, make([]byte, 60)...)...)
	arrived := func(p gopacket.Packet) bool {
		e, ok := p.LinkLayer().(*layers.Ethernet)
		return ok && e.EthernetType == 0x88b5
	}
	gre := func(from, to string, key uint32, change ...func(*layers.IPv4, *layers.GRE)) []byte {
		return greFrame(w.mac, host.mac, from, to, key, body, change...)
	}
	const sender, here = "192.0.2.9", "192.0.2.1"
	bad := [][]byte{
		gre("192.0.2.8", here, 100),    // no host
		gre("192.0.2.1", here, 100),    // this host's own address
		gre(sender, "192.0.2.66", 100), // another address of this host
		gre(sender, here, 101),         // no network
		gre(sender, here, 100, func(_ *layers.IPv4, g *layers.GRE) { g.KeyPresent = false }),
		gre(sender, here, 100, func(_ *layers.IPv4, g *layers.GRE) { g.Protocol = layers.EthernetTypeIPv4 }),
		gre(sender, here, 100, func(_ *layers.IPv4, g *layers.GRE) { g.SeqPresent = true }),
		gre(sender, here, 100, func(ip *layers.IPv4, _ *layers.GRE) { ip.Flags, ip.Id = layers.IPv4MoreFragments, 9 }),
		gre(sender, here, 100, func(ip *layers.IPv4, _ *layers.GRE) { ip.Flags, ip.FragOffset = 0, 100 }),
		vxlanFrame(w.mac, host.mac, "192.0.2.8", here, 100, body),
		vxlanFrame(w.mac, host.mac, sender, here, 101, body),
	}
	for _, f := range bad {
		w.send(f)
	}
	w.send(gre(sender, here, 100, func(ip *layers.IPv4, _ *layers.GRE) {
		ip.Options, ip.IHL = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}, 6
	}))
	w.send(gre(sender, here, 100))
	w.send(vxlanFrame(w.mac, host.mac, sender, here, 100, body))
	l.eventually("the host's frames arrive", func() bool { return at["a"].count(arrived) >= 2 && at["b"].count(arrived) >= 1 })
	if a, b := at["a"].count(arrived), at["b"].count(arrived); a != 2 || b != 1 {
		t.Errorf("%d and %d frames arrived, want 2 and 1", a, b)
	}
	if got := l.drops("", "stranger"); got != 3 {
		t.Errorf("%d strangers are counted, want 3\n%s", got, l.counters())
	}
	// What is not taken reaches the host's own stack as it came: where nobody
	// there speaks GRE, it says so.
	if _, err := os.Stat("/sys/module/gre"); err == nil {
		return
	}
	unreachable := func(p gopacket.Packet) bool {
		icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		return ok && icmp.TypeCode == layers.CreateICMPv4TypeCode(3, 2)
	}
	l.eventually("the host's own stack answers", func() bool { return w.count(unreachable) > 0 })
}
