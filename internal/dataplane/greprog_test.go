package dataplane

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

const macFar = "fa:16:3e:00:00:fa"

// greBench is a bench whose network n is GRE, with a port on another host and
// an underlay device.
func greBench(t *testing.T) (b *bench, under net.HardwareAddr) {
	t.Helper()
	state := benchState()
	state.Networks["n"] = intent.Network{ID: "n", Type: intent.TypeGRE, SegmentationID: 0x01020304, MTU: 1400}
	state.Ports["far"] = intent.Port{
		ID: "far", NetworkID: "n", MAC: macFar, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.77"), netip.MustParseAddr("fd00::77")},
		Endpoint: netip.MustParseAddr("192.0.2.2"),
	}
	b = newBench(t, state, func(host string, cfg *Config) {
		cfg.TunnelAddress = netip.MustParseAddr("192.0.2.1")
		err := netlinkx.In(netlinkx.NetnsPath(host), func() error {
			nl, err := netlinkx.Open()
			if err != nil {
				return err
			}
			defer nl.Close()
			ns, err := openSelf()
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := nl.AddVeth("under", "unseen", 1500, int(ns.Fd())); err != nil {
				return err
			}
			l, err := nl.Link("under")
			if err != nil {
				return err
			}
			under = l.MAC
			if err := nl.AddAddress(l.Index, netip.MustParsePrefix("192.0.2.1/24")); err != nil {
				return err
			}
			return nl.SetUp(l.Index)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return b, under
}

func openSelf() (*os.File, error) { return os.Open("/proc/thread-self/ns/net") }

func (b *bench) macOfDevice(port string) (mac net.HardwareAddr) {
	b.t.Helper()
	err := b.dp.inHost(func() error {
		l, err := b.dp.nl.Link(b.dp.DeviceName(port))
		mac = l.MAC
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return mac
}

// inGRE is a frame of the bench's network as another host sends it.
func inGRE(dst net.HardwareAddr, from string, key uint32, body []byte) []byte {
	ip := ip4(from, "192.0.2.1", layers.IPProtocolGRE)
	ip.Flags = layers.IPv4DontFragment
	return frame(&layers.Ethernet{SrcMAC: hw(macFar), DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}, ip,
		&layers.GRE{Protocol: layers.EthernetTypeTransparentEthernetBridging, KeyPresent: true, Key: key}, gopacket.Payload(body))
}

func TestGREHeaders(t *testing.T) {
	t.Parallel()
	b, under := greBench(t)
	for name, in := range map[string][]byte{
		"IPv4": udp4(macA, macFar, "10.0.0.10", "10.0.0.77", 1, 2),
		"IPv6": nd(macA, macFar, "fd00::10", "fd00::77", 128, 0, 1, 0, 1),
		"ARP":  arp(macA, macFar, 2, macA, "10.0.0.10", macFar, "10.0.0.77"),
	} {
		v, p := b.run("from_guest", "a", 0, in)
		gre, _ := p.Layer(layers.LayerTypeGRE).(*layers.GRE)
		ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if v != actRedirect || gre == nil || ip == nil || !gre.KeyPresent || gre.Key != 0x01020304 || ip.DstIP.String() != "192.0.2.2" ||
			ip.SrcIP.String() != "192.0.2.1" || ip.Flags != layers.IPv4DontFragment || int(ip.Length) != len(in)+28 {
			t.Errorf("%s: verdict %d, %v", name, v, p)
			continue
		}
		if !bytes.Equal(gre.Payload, in) {
			t.Errorf("%s: the inner frame changed:\n%x\n%x", name, gre.Payload, in)
		}
		header := p.Data()[14:34]
		if checksum(header) != 0 {
			t.Errorf("%s: the outer checksum is wrong: %x", name, header)
		}
	}
	back := udp4(macFar, macB, "10.0.0.77", "10.0.0.11", 2, 1)
	v, p := b.run("from_wire", "b", 0, inGRE(b.macOfDevice("b"), "192.0.2.2", 0x01020304, back))
	if v != actRedirect || !bytes.Equal(p.Data(), back) {
		t.Errorf("from another host: verdict %d, %v", v, p)
	}
	const unspec = 0xffffffff
	for name, f := range map[string][]byte{
		"no host":        inGRE(b.macOfDevice("b"), "192.0.2.3", 0x01020304, back),
		"no network":     inGRE(b.macOfDevice("b"), "192.0.2.2", 0x01020305, back),
		"not for us":     inGRE(under, "192.0.2.2", 0x01020304, back),
		"cut short":      inGRE(b.macOfDevice("b"), "192.0.2.2", 0x01020304, back)[:50],
		"something else": udp4(macFar, b.macOfDevice("b").String(), "192.0.2.2", "192.0.2.1", 1, 2),
	} {
		if v, p := b.run("from_wire", "b", 0, f); v != unspec || !bytes.Equal(p.Data(), f) {
			t.Errorf("%s: verdict %d, %v", name, v, p)
		}
	}
	if got := b.drops("", "stranger"); got != 1 {
		t.Errorf("%d strangers are counted, want 1", got)
	}
	// An inner frame that is none is lost, and counted.
	short := inGRE(b.macOfDevice("b"), "192.0.2.2", 0x01020304, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})
	short[17] = 30 // the outer length ends within the inner header
	if v, _ := b.run("from_wire", "b", 0, short); v != actShot || b.drops("", "tunnel") != 1 {
		t.Errorf("half a frame: verdict %d, %d counted", v, b.drops("", "tunnel"))
	}
}

func TestTraceAcrossGRE(t *testing.T) {
	t.Parallel()
	b, _ := greBench(t)
	steps, err := b.dp.Trace(t.Context(), "a", Probe{To: netip.MustParseAddr("10.0.0.77"), Protocol: protoUDP, DstPort: 53})
	if err != nil || len(steps) != 1 {
		t.Fatalf("%+v, %v", steps, err)
	}
	s := steps[0]
	if s.Verdict != Forwarded || s.Dst.Addr().String() != "10.0.0.77" || net.HardwareAddr(s.Frame[:6]).String() != macFar {
		t.Errorf("%+v", s)
	}
	dump, err := b.dp.Dump()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range dump.Places {
		found = found || p.Address.String() == "10.0.0.77" && p.Kind == "remote" && p.Host.String() == "192.0.2.2"
	}
	if !found {
		t.Errorf("the other host's port has no place in the dump: %+v", dump.Places)
	}
}

func TestGRENetworksThatCannotBe(t *testing.T) {
	t.Parallel()
	b, _ := greBench(t)
	state := benchState()
	for id, key := range map[string]uint32{"n": 5, "same": 5, "none": 0} {
		state.Networks[id] = intent.Network{ID: id, Type: intent.TypeGRE, SegmentationID: key, MTU: 1400}
	}
	state.Networks["other"] = intent.Network{ID: "other", Type: intent.TypeVXLAN, SegmentationID: 5, MTU: 1400}
	report, err := b.dp.Apply(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	if !errs.Is(report.Refused["same"], errs.Conflict) || !errs.Is(report.Refused["none"], errs.Invalid) || report.Refused["n"] != nil || report.Refused["other"] != nil {
		t.Errorf("refused: %v", report.Refused)
	}
	// Without an interface that has the tunnel address, it is said.
	b = newBench(t, benchState(), func(_ string, cfg *Config) { cfg.TunnelAddress = netip.MustParseAddr("192.0.2.1") })
	state = benchState()
	state.Networks["n"] = intent.Network{ID: "n", Type: intent.TypeGRE, SegmentationID: 5, MTU: 1400}
	if report, err = b.dp.Apply(context.Background(), state); err != nil || !errs.Is(report.Refused["n"], errs.Unavailable) {
		t.Errorf("refused: %v, %v", report.Refused, err)
	}
	if v, _ := b.run("from_guest", "b", 0, arp(macB, macA, 2, macB, "10.0.0.11", macA, "10.0.0.10")); v != actRedirect {
		t.Errorf("a port on this host is not reached: verdict %d", v)
	}
}

func TestTooBigForTheNetwork(t *testing.T) {
	t.Parallel()
	b, _ := greBench(t)
	big := func(dst string, flags layers.IPv4Flag) []byte {
		ip := ip4("10.0.0.10", dst, layers.IPProtocolUDP)
		ip.Flags = flags
		return frame(eth(macA, macFar, layers.EthernetTypeIPv4), ip, &layers.UDP{SrcPort: 1, DstPort: 2}, gopacket.Payload(make([]byte, 1400)))
	}
	for name, flags := range map[string]layers.IPv4Flag{"must not be cut": layers.IPv4DontFragment, "may be cut": 0} {
		before := b.drops("a", "too-big")
		v, p := b.run("from_guest", "a", 0, big("10.0.0.77", flags))
		icmp, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if v != actRedirect || icmp == nil || icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 4) || icmp.Seq != 1400 || ip.SrcIP.String() != "10.0.0.77" ||
			ip.DstIP.String() != "10.0.0.10" || b.drops("a", "too-big") != before+1 {
			t.Errorf("%s: verdict %d, %v", name, v, p)
			continue
		}
		checkSums(t, p)
	}
	for name, f := range map[string][]byte{
		"not IP":    frame(eth(macB, macFar, 0x88b5), gopacket.Payload(make([]byte, 1405))),
		"multicast": frame(eth(macB, everyone, 0x88b5), gopacket.Payload(make([]byte, 1405))),
	} {
		before := b.drops("b", "too-big")
		if v, _ := b.run("from_guest", "b", 0, f); v != actShot || b.drops("b", "too-big") != before+1 {
			t.Errorf("%s: verdict %d", name, v)
		}
	}
	// A router judges by the network that it sends to.
	toRouter := big("10.0.1.12", layers.IPv4DontFragment)
	copy(toRouter, hw(macR))
	if v, p := b.run("from_guest", "a", 0, toRouter); v != actRedirect || p.Layer(layers.LayerTypeICMPv4) == nil {
		t.Errorf("routed: verdict %d, %v", v, p)
	}
}
