package dataplane

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// bench runs the programs on single packets, without sending any.
type bench struct {
	t    *testing.T
	dp   *Dataplane
	mark uint32 // of the packet as the last run left it
}

const (
	macA = "fa:16:3e:00:00:0a"
	macB = "fa:16:3e:00:00:0b"
	macV = "fa:16:3e:00:00:0e" // of an allowed pair
	macR = "fa:16:3e:00:00:01"
	macS = "fa:16:3e:00:00:02"
)

// benchState: a and b on one network behind a router, c on another one; a is
// secure and may use two pairs, b has no port security, off is disabled.
func benchState() intent.State {
	addr, pfx := netip.MustParseAddr, netip.MustParsePrefix
	local := func(id, network, mac string, addrs ...netip.Addr) intent.Port {
		return intent.Port{ID: id, NetworkID: network, MAC: mac, Addresses: addrs, Local: true, Enabled: true}
	}
	a := local("a", "n", macA, addr("10.0.0.10"), addr("fd00::10"))
	a.PortSecurity, a.SecurityGroups = true, []string{"g"}
	a.AllowedAddressPairs = []intent.AddressPair{{Prefix: pfx("10.0.0.64/28")}, {Prefix: pfx("10.0.0.99/32"), MAC: macV}}
	off := local("off", "n", "fa:16:3e:00:00:0f", addr("10.0.0.15"))
	off.Enabled = false
	return intent.State{
		Networks: map[string]intent.Network{
			"n": {ID: "n", Type: intent.TypeLocal, MTU: 1500}, "m": {ID: "m", Type: intent.TypeLocal, MTU: 1400},
		},
		Ports: map[string]intent.Port{
			"a": a, "b": local("b", "n", macB, addr("10.0.0.11"), addr("fd00::11")),
			"c": local("c", "m", "fa:16:3e:00:00:0c", addr("10.0.1.12")), "off": off,
		},
		SecurityGroups: map[string]intent.SecurityGroup{"g": {ID: "g", Rules: []intent.Rule{
			{ID: "o4", Direction: intent.Egress, RemotePrefix: pfx("10.0.0.0/8")}, {ID: "o6", Direction: intent.Egress, IPv6: true},
		}}},
		Routers: map[string]intent.Router{"r": {ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
			{PortID: "rn", NetworkID: "n", MAC: macR, Addresses: []netip.Prefix{pfx("10.0.0.1/24"), pfx("fd00::1/64")}},
			{PortID: "rm", NetworkID: "m", MAC: macS, Addresses: []netip.Prefix{pfx("10.0.1.1/24")}},
		}}},
	}
}

func newBench(t *testing.T, state intent.State, change ...func(host string, cfg *Config)) *bench {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: loads BPF programs")
	}
	prefix := "u" + strings.ToLower(rand.Text()[:4])
	host := prefix + "host"
	if err := netlinkx.EnsureNetns(host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlinkx.DeleteNetns(host); err != nil {
			t.Error(err)
		}
	})
	cfg := Config{
		Prefix: prefix, PinDir: "/sys/fs/bpf/wisp-test-" + prefix, Netns: netlinkx.NetnsPath(host), ConntrackEntries: 1024,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, f := range change {
		f(host, &cfg)
	}
	dp, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	dp.repeats = nil // what is sent is counted
	b := &bench{t: t, dp: dp}
	t.Cleanup(func() {
		if err := b.dp.Purge(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b.apply(state)
	return b
}

// restart is the end of the process, and the next one.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.dp.Close(); err != nil {
		b.t.Fatal(err)
	}
	dp, err := Open(b.t.Context(), b.dp.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	dp.repeats = nil // what is sent is counted
	b.dp = dp
}

func (b *bench) apply(state intent.State) {
	b.t.Helper()
	report, err := b.dp.Apply(b.t.Context(), state)
	if err != nil || len(report.Refused) > 0 {
		b.t.Fatalf("applying: %v, refused %v", err, report.Refused)
	}
}

// Verdicts, linux/pkt_cls.h.
const (
	actOK       = 0
	actShot     = 2
	actRedirect = 7
)

// run gives a frame to a program as if it passed the port's device.
func (b *bench) run(program, port string, mark uint32, frame []byte) (uint32, gopacket.Packet) {
	b.t.Helper()
	var (
		verdict uint32
		out     = make([]byte, 2048)
	)
	err := b.dp.inHost(func() error {
		l, err := b.dp.nl.Link(b.dp.DeviceName(port))
		if err != nil {
			return err
		}
		ctx := make([]byte, 192) // struct __sk_buff
		binary.NativeEndian.PutUint32(ctx[8:], mark)
		binary.NativeEndian.PutUint32(ctx[40:], uint32(l.Index))
		after := make([]byte, len(ctx))
		opts := &ebpf.RunOptions{Data: frame, DataOut: out, Context: ctx, ContextOut: after, Repeat: 1}
		verdict, err = b.dp.kernel.progs[program].Run(opts)
		out, b.mark = opts.DataOut, binary.NativeEndian.Uint32(after[8:])
		return err
	})
	if err != nil {
		b.t.Fatalf("running %s: %v", program, err)
	}
	return verdict, gopacket.NewPacket(out, layers.LayerTypeEthernet, gopacket.Default)
}

func (b *bench) drops(port, reason string) uint64 {
	b.t.Helper()
	all, err := b.dp.Counters()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range all {
		if c.PortID == port {
			return c.Drops[reason].Packets
		}
	}
	return 0
}

func hw(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

func frame(all ...gopacket.SerializableLayer) []byte {
	for i, l := range all {
		if i == 0 {
			continue
		}
		under, ok := all[i-1].(gopacket.NetworkLayer)
		if !ok {
			continue
		}
		switch l := l.(type) {
		case *layers.TCP:
			_ = l.SetNetworkLayerForChecksum(under)
		case *layers.UDP:
			_ = l.SetNetworkLayerForChecksum(under)
		case *layers.ICMPv6:
			_ = l.SetNetworkLayerForChecksum(under)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...)
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func eth(src, dst string, proto layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: hw(src), DstMAC: hw(dst), EthernetType: proto}
}

func ip4(src, dst string, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4()}
}

func ip6(src, dst string, proto layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: proto, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst)}
}

func ping4(smac, dmac, src, dst string) []byte {
	return frame(eth(smac, dmac, layers.EthernetTypeIPv4), ip4(src, dst, layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7, Seq: 1}, gopacket.Payload("0123456789abcdef"))
}

func udp4(smac, dmac, src, dst string, sport, dport uint16) []byte {
	return frame(eth(smac, dmac, layers.EthernetTypeIPv4), ip4(src, dst, layers.IPProtocolUDP),
		&layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}, gopacket.Payload("0123456789abcdef"))
}

func tcp4(smac, dmac, src, dst string, sport, dport uint16, change func(*layers.TCP)) []byte {
	tcp := &layers.TCP{SrcPort: layers.TCPPort(sport), DstPort: layers.TCPPort(dport), Window: 100}
	change(tcp)
	return frame(eth(smac, dmac, layers.EthernetTypeIPv4), ip4(src, dst, layers.IPProtocolTCP), tcp)
}

func arp(smac, dmac string, op uint16, sha, spa, tha, tpa string) []byte {
	return frame(eth(smac, dmac, layers.EthernetTypeARP), &layers.ARP{
		AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
		SourceHwAddress: hw(sha), SourceProtAddress: net.ParseIP(spa).To4(),
		DstHwAddress: hw(tha), DstProtAddress: net.ParseIP(tpa).To4(),
	})
}

func nd(smac, dmac, src, dst string, kind uint8, body ...byte) []byte {
	return frame(eth(smac, dmac, layers.EthernetTypeIPv6), ip6(src, dst, layers.IPProtocolICMPv6),
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}, gopacket.Payload(body))
}

// ndBody is flags, target and one link-layer option.
func ndBody(target string, option byte, mac string) []byte {
	b := append(make([]byte, 4), net.ParseIP(target).To16()...)
	return append(append(b, option, 1), hw(mac)...)
}

const (
	everyone = "ff:ff:ff:ff:ff:ff"
	nobody   = "00:00:00:00:00:00"
)

func TestS35_ForgedFramesAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	for _, c := range []struct {
		name, reason string // an empty reason: passes
		frame        []byte
	}{
		{"own addresses", "", udp4(macA, macB, "10.0.0.10", "10.0.0.11", 1, 2)},
		{"foreign source MAC", "spoofed-mac", udp4(macB, macB, "10.0.0.10", "10.0.0.11", 1, 2)},
		{"foreign source IPv4", "spoofed-ip", udp4(macA, macB, "10.0.0.12", "10.0.0.11", 1, 2)},
		{"no source IPv4", "spoofed-ip", udp4(macA, macB, "0.0.0.0", "10.0.0.11", 1, 2)},
		{"pair's prefix", "", udp4(macA, macB, "10.0.0.70", "10.0.0.11", 1, 2)},
		{"outside of pair's prefix", "spoofed-ip", udp4(macA, macB, "10.0.0.80", "10.0.0.11", 1, 2)},
		{"pair's MAC and address", "", udp4(macV, macB, "10.0.0.99", "10.0.0.11", 1, 2)},
		{"pair's MAC, other address", "spoofed-ip", udp4(macV, macB, "10.0.0.10", "10.0.0.11", 1, 2)},
		{"pair's address, other MAC", "spoofed-ip", udp4(macA, macB, "10.0.0.99", "10.0.0.11", 1, 2)},
		{"foreign source IPv6", "spoofed-ip", nd(macA, macB, "fd00::66", "fd00::11", 128, 0, 1, 0, 1)},
		{"ARP for itself", "", arp(macA, everyone, 1, macA, "10.0.0.10", nobody, "10.0.0.11")},
		{"ARP with foreign address", "spoofed-arp", arp(macA, everyone, 2, macA, "10.0.0.1", nobody, "10.0.0.1")},
		{"ARP with foreign MAC inside", "spoofed-arp", arp(macA, everyone, 2, macB, "10.0.0.10", nobody, "10.0.0.10")},
		{"ARP with foreign MAC outside", "spoofed-arp", arp(macB, everyone, 1, macA, "10.0.0.10", nobody, "10.0.0.11")},
		{"ARP reply of pair", "", arp(macV, macB, 2, macV, "10.0.0.99", macB, "10.0.0.11")},
		{"ARP reply from no address", "spoofed-arp", arp(macA, macB, 2, macA, "0.0.0.0", macB, "10.0.0.11")},
		{"advertisement of itself", "", nd(macA, macB, "fd00::10", "fd00::11", 136, ndBody("fd00::10", 2, macA)...)},
		{"advertisement of another", "spoofed-nd", nd(macA, macB, "fd00::10", "fd00::11", 136, ndBody("fd00::1", 2, macA)...)},
		{"advertisement with foreign MAC", "spoofed-nd", nd(macA, macB, "fd00::10", "fd00::11", 136, ndBody("fd00::10", 2, macB)...)},
		{"solicitation with foreign MAC", "spoofed-nd", nd(macA, macB, "fd00::10", "fd00::11", 135, ndBody("fd00::11", 1, macB)...)},
		{"router advertisement", "router-advert", nd(macA, "33:33:00:00:00:01", "fe80::f816:3eff:fe00:a", "ff02::1", 134, make([]byte, 12)...)},
		{"ICMPv6 redirect", "router-advert", nd(macA, macB, "fe80::f816:3eff:fe00:a", "fd00::11", 137, make([]byte, 36)...)},
		{"DHCP server", "dhcp-server", udp4(macA, everyone, "10.0.0.10", "255.255.255.255", 67, 68)},
		{"DHCP client", "", udp4(macA, everyone, "0.0.0.0", "255.255.255.255", 68, 67)},
		{"other ethertype", "ethertype", frame(eth(macA, macB, 0x88cc), gopacket.Payload(make([]byte, 46)))},
		{"cut short", "malformed", frame(eth(macA, macB, layers.EthernetTypeIPv4), gopacket.Payload([]byte{0x45, 0, 0xff, 0xff, 0, 0, 0, 0}))},
		{"bad header length", "malformed", func() []byte {
			f := udp4(macA, macB, "10.0.0.10", "10.0.0.11", 1, 2)
			f[14] = 0x41
			return f
		}()},
		{"IPv4 address in IPv6", "malformed", func() []byte {
			f := nd(macA, macB, "fd00::10", "fd00::11", 128, 0, 1, 0, 1)
			copy(f[22:38], net.ParseIP("10.0.0.10").To16())
			return f
		}()},
	} {
		before := b.drops("a", c.reason)
		verdict, _ := b.run("from_guest", "a", 0, c.frame)
		if c.reason == "" {
			if verdict != actRedirect {
				t.Errorf("%s: verdict %d, want a redirect", c.name, verdict)
			}
			continue
		}
		if verdict != actShot || b.drops("a", c.reason) != before+1 {
			t.Errorf("%s: verdict %d and %d drops for %s", c.name, verdict, b.drops("a", c.reason)-before, c.reason)
		}
	}
	// Without port security, none of this is looked at.
	if v, _ := b.run("from_guest", "b", 0, udp4(macV, macA, "192.0.2.9", "10.0.0.10", 1, 2)); v != actRedirect {
		t.Errorf("a port without port security: verdict %d", v)
	}
}

func TestDropReasons(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	fragment := func(offset uint16) []byte {
		ip := ip4("10.0.0.10", "10.0.0.11", layers.IPProtocolUDP)
		ip.FragOffset, ip.Id = offset, 77
		return frame(eth(macA, macB, layers.EthernetTypeIPv4), ip, gopacket.Payload(make([]byte, 32)))
	}
	ttl := func(ttl uint8) []byte {
		ip := ip4("10.0.0.10", "10.0.1.12", layers.IPProtocolUDP)
		ip.TTL = ttl
		return frame(eth(macA, macR, layers.EthernetTypeIPv4), ip, gopacket.Payload(make([]byte, 32)))
	}
	for _, c := range []struct {
		program, port, reason string
		mark                  uint32
		frame                 []byte
	}{
		{"from_guest", "off", "port-down", 0, udp4("fa:16:3e:00:00:0f", macB, "10.0.0.15", "10.0.0.11", 1, 2)},
		{"to_guest", "off", "port-down", markForwarded, udp4(macB, "fa:16:3e:00:00:0f", "10.0.0.11", "10.0.0.15", 1, 2)},
		{"from_guest", "a", "no-rule-out", 0, udp4(macA, macB, "10.0.0.10", "192.0.2.1", 1, 2)},
		{"to_guest", "a", "no-rule-in", markForwarded, udp4(macB, macA, "10.0.0.11", "10.0.0.10", 5, 6)},
		{"to_guest", "a", "invalid-state", markForwarded, frame(eth(macB, macA, layers.EthernetTypeIPv4),
			ip4("10.0.0.11", "10.0.0.10", layers.IPProtocolICMPv4), &layers.ICMPv4{Id: 9}, gopacket.Payload("0123456789"))},
		{"to_guest", "a", "stranger", 0, udp4(macB, macA, "10.0.0.11", "10.0.0.10", 5, 6)},
		{"to_guest", "a", "ethertype", markForwarded, frame(eth(macB, macA, 0x88cc), gopacket.Payload(make([]byte, 46)))},
		{"from_guest", "a", "unknown-mac", 0, udp4(macA, "fa:16:3e:99:99:99", "10.0.0.10", "10.0.0.55", 1, 2)},
		{"from_guest", "a", "fragment", 0, fragment(100)},
		{"from_guest", "a", "no-host", 0, udp4(macA, macR, "10.0.0.10", "10.0.1.99", 1, 2)},
		{"from_guest", "a", "no-route", 0, udp4(macA, macR, "10.0.0.10", "10.9.9.9", 1, 2)},
		{"from_guest", "a", "ttl", 0, ttl(1)},
		{"from_guest", "a", "router-local", 0, tcp4(macA, macR, "10.0.0.10", "10.0.0.1", 1, 22, func(t *layers.TCP) { t.SYN = true })},
	} {
		before := b.drops(c.port, c.reason)
		b.run(c.program, c.port, c.mark, c.frame)
		if got := b.drops(c.port, c.reason) - before; got != 1 {
			t.Errorf("%s: %d drops, want 1", c.reason, got)
		}
	}
	state := benchState()
	r := state.Routers["r"]
	r.Enabled = false
	state.Routers["r"] = r
	b.apply(state)
	if v, _ := b.run("from_guest", "a", 0, udp4(macA, macR, "10.0.0.10", "10.0.1.12", 1, 2)); v != actShot || b.drops("a", "router-down") != 1 {
		t.Errorf("a disabled router: verdict %d", v)
	}
	if len(Reasons()) != len(reasonNames)-1 || reasonName(bpfMax) != "tunnel" || reasonName(999) != "reason-999" {
		t.Error("the names of reasons do not fit the programs")
	}
}

const bpfMax = uint32(bpfReasonREASON_TUNNEL)

func TestAnswersAndRewrites(t *testing.T) {
	t.Parallel()
	b := newBench(t, benchState())
	layer := func(p gopacket.Packet, kind gopacket.LayerType) gopacket.Layer {
		t.Helper()
		l := p.Layer(kind)
		if l == nil {
			t.Fatalf("no %v in %v", kind, p)
		}
		return l
	}
	// ARP: neighbour, router, metadata service.
	for addr, mac := range map[string]string{"10.0.0.11": macB, "10.0.0.1": macR, "169.254.169.254": serviceMAC(0).String()} {
		v, p := b.run("from_guest", "a", 0, arp(macA, everyone, 1, macA, "10.0.0.10", nobody, addr))
		got := layer(p, layers.LayerTypeARP).(*layers.ARP)
		if v != actRedirect || got.Operation != 2 || net.HardwareAddr(got.SourceHwAddress).String() != mac ||
			net.IP(got.DstProtAddress).String() != "10.0.0.10" {
			t.Errorf("ARP for %s: verdict %d, %+v", addr, v, got)
		}
	}
	// ND.
	v, p := b.run("from_guest", "a", 0, nd(macA, "33:33:ff:00:00:01", "fd00::10", "ff02::1:ff00:1", 135, ndBody("fd00::1", 1, macA)...))
	na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	if v != actRedirect || !ok || !na.Router() || na.TargetAddress.String() != "fd00::1" {
		t.Errorf("ND: verdict %d, %v", v, p)
	}
	checkSums(t, p)
	// Routing.
	v, p = b.run("from_guest", "a", 0, udp4(macA, macR, "10.0.0.10", "10.0.1.12", 5, 6))
	e, ip := layer(p, layers.LayerTypeEthernet).(*layers.Ethernet), layer(p, layers.LayerTypeIPv4).(*layers.IPv4)
	if v != actRedirect || e.SrcMAC.String() != macS || e.DstMAC.String() != "fa:16:3e:00:00:0c" || ip.TTL != 63 {
		t.Errorf("routing: verdict %d, %v", v, p)
	}
	checkSums(t, p)
	// ICMP: echo of a router's far address, and an error that quotes.
	v, p = b.run("from_guest", "a", 0, ping4(macA, macR, "10.0.0.10", "10.0.1.1"))
	icmp := layer(p, layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if v != actRedirect || icmp.TypeCode.Type() != 0 || icmp.Id != 7 {
		t.Errorf("echo: verdict %d, %v", v, p)
	}
	checkSums(t, p)
	v, p = b.run("from_guest", "a", 0, udp4(macA, macR, "10.0.0.10", "10.0.1.99", 5, 6))
	icmp = layer(p, layers.LayerTypeICMPv4).(*layers.ICMPv4)
	quoted := gopacket.NewPacket(icmp.Payload, layers.LayerTypeIPv4, gopacket.Default)
	inner := layer(quoted, layers.LayerTypeIPv4).(*layers.IPv4)
	if v != actRedirect || icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 1) || inner.DstIP.String() != "10.0.1.99" || inner.TTL != 64 {
		t.Errorf("host unreachable: verdict %d, %v", v, p)
	}
	checkSums(t, p)
	// Replies and related errors come in without a rule, others do not.
	b.run("from_guest", "a", 0, udp4(macA, macB, "10.0.0.10", "10.0.0.11", 40, 50))
	if v, _ := b.run("to_guest", "a", markForwarded, udp4(macB, macA, "10.0.0.11", "10.0.0.10", 50, 40)); v != actOK {
		t.Errorf("a reply: verdict %d", v)
	}
	unreachable := func(sport uint16) []byte {
		in := udp4(macA, macB, "10.0.0.10", "10.0.0.11", sport, 50)[14:]
		return frame(eth(macB, macA, layers.EthernetTypeIPv4), ip4("10.0.0.11", "10.0.0.10", layers.IPProtocolICMPv4),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(in))
	}
	if v, _ := b.run("to_guest", "a", markForwarded, unreachable(40)); v != actOK {
		t.Errorf("a related error: verdict %d", v)
	}
	if v, _ := b.run("to_guest", "a", markForwarded, unreachable(41)); v != actShot {
		t.Errorf("an unrelated error: verdict %d", v)
	}
}

// checkSums serializes again and compares: all checksums must be right.
func checkSums(t *testing.T, p gopacket.Packet) {
	t.Helper()
	var all []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		s, ok := l.(gopacket.SerializableLayer)
		if !ok {
			t.Fatalf("cannot check %v", l.LayerType())
		}
		all = append(all, s)
	}
	was := append([]byte(nil), p.Data()...)
	if got := frame(all...); string(got) != string(was[:len(got)]) {
		t.Errorf("wrong checksum:\n%x\n%x", was, got)
	}
}
