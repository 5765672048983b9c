package dataplane

import (
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
)

// TestNodeAnswersPings pings the address that a network's leases come from,
// from beside it and through a router.
func TestNodeAnswersPings(t *testing.T) {
	t.Parallel()
	const macN, macM = "fa:16:3e:00:00:21", "fa:16:3e:00:00:22"
	state := benchState()
	for id, p := range map[string]intent.Port{
		"dn": {NetworkID: "n", MAC: macN, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")}},
		"dm": {NetworkID: "m", MAC: macM, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.2")}},
	} {
		p.ID, p.Service, p.Enabled = id, true, true
		state.Ports[id] = p
	}
	b := newBench(t, state)
	reply := func(what string, packet gopacket.Packet, verdict uint32, by, src, dst string) {
		t.Helper()
		e, _ := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		ip, _ := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		icmp, _ := packet.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if verdict != actRedirect || ip == nil || icmp == nil || icmp.TypeCode.Type() != layers.ICMPv4TypeEchoReply || icmp.Id != 7 ||
			e.SrcMAC.String() != by || ip.SrcIP.String() != src || ip.DstIP.String() != dst {
			t.Errorf("%s: verdict %d, %v", what, verdict, packet)
			return
		}
		checkSums(t, packet)
	}
	v, p := b.run("from_guest", "a", 0, ping4(macA, macN, "10.0.0.10", "10.0.0.2"))
	reply("on the network", p, v, macN, "10.0.0.2", "10.0.0.10")
	if v, _ := b.run("to_guest", "a", markForwarded, p.Data()); v != actOK {
		t.Errorf("the reply reaches its asker with verdict %d", v)
	}
	v, p = b.run("from_guest", "a", 0, ping4(macA, macR, "10.0.0.10", "10.0.1.2"))
	reply("through the router", p, v, macR, "10.0.1.2", "10.0.0.10")
	if e := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet); e.DstMAC.String() != macA {
		t.Errorf("the reply goes to %s", e.DstMAC)
	}
	echo6 := nd(macA, macN, "fd00::10", "fd00::2", layers.ICMPv6TypeEchoRequest, 0, 7, 0, 1)
	v, p = b.run("from_guest", "a", 0, echo6)
	ip6, _ := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	icmp6, _ := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if v != actRedirect || ip6 == nil || icmp6 == nil || icmp6.TypeCode.Type() != layers.ICMPv6TypeEchoReply || !ip6.SrcIP.Equal(net.ParseIP("fd00::2")) {
		t.Errorf("IPv6: verdict %d, %v", v, p)
	}
	checkSums(t, p)
	// It answers nothing else, and not as somebody whom it does not know.
	for what, f := range map[string][]byte{
		"not a ping":       udp4(macA, macN, "10.0.0.10", "10.0.0.2", 5, 53),
		"another's":        ping4(macA, macN, "10.0.0.10", "10.0.0.77"),
		"routed, no ping":  udp4(macA, macR, "10.0.0.10", "10.0.1.2", 5, 6),
		"to its neighbour": ping4(macA, macM, "10.0.0.10", "10.0.1.2"),
	} {
		if v, p := b.run("from_guest", "a", 0, f); v != actShot {
			t.Errorf("%s: verdict %d, %v", what, v, p)
		}
	}
}
