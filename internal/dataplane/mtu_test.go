package dataplane_test

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
)

// joined makes two hosts with the network blue of a type, and a port on each.
func joined(t *testing.T, kind string) (one, two *lab, a, b string) {
	t.Helper()
	switch kind {
	case intent.TypeVXLAN, intent.TypeGRE:
		labs := cable(t, 2, kind)
		one, two = labs[0], labs[1]
	default:
		one, two = newLab(t, physical), newLab(t, physical)
		one.run(one.name, "ip link add phys0 type veth peer name phys0 netns "+two.name)
		for _, l := range []*lab{one, two} {
			l.run(l.name, "ip link set phys0 up")
			l.state.Networks["blue"] = intent.Network{ID: "blue", Type: kind, PhysicalNetwork: "public", MTU: 1500}
			if kind == intent.TypeVLAN {
				n := l.state.Networks["blue"]
				n.SegmentationID = 10
				l.state.Networks["blue"] = n
			}
		}
	}
	a = one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1", "fd01::1"), 24, "")
	b = two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.2", "fd01::2"), 24, "")
	shareAll([]*lab{one, two})
	one.applyClean()
	two.applyClean()
	return one, two, a, b
}

// eachType runs a test for each type of network that joins hosts.
func eachType(t *testing.T, f func(t *testing.T, kind string)) {
	t.Helper()
	for _, kind := range []string{intent.TypeVXLAN, intent.TypeGRE, intent.TypeVLAN, intent.TypeFlat} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, kind)
		})
	}
}

func TestDownloadsBetweenHosts(t *testing.T) {
	t.Parallel()
	eachType(t, func(t *testing.T, kind string) {
		one, _, a, b := joined(t, kind)
		one.download(a, b, "10.0.1.2:5001", 50<<20)
		one.download(b, a, "10.0.1.1:5002", 50<<20)
		one.download(a, b, "[fd01::2]:5003", 50<<20)
	})
}

// TestDownloadsWithoutOffloads: devices of guests that cut and check nothing
// get each packet whole and with its checksum.
func TestDownloadsWithoutOffloads(t *testing.T) {
	t.Parallel()
	needTool(t, "ethtool")
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two, a, b := joined(t, kind)
		for ns, device := range map[string]string{a: "eth0", b: "eth0", one.name: one.dp.DeviceName("a"), two.name: two.dp.DeviceName("b")} {
			one.run(ns, "ethtool -K "+device+" tso off gso off gro off tx off tx-gre-segmentation off tx-udp_tnl-segmentation off")
		}
		one.download(a, b, "10.0.1.2:5001", 10<<20)
		one.download(b, a, "[fd01::1]:5002", 10<<20)
		// Only the receiver's: the dataplane hands over what came in one
		// piece, and the kernel cuts it for the device.
		one.run(a, "ethtool -K eth0 tso on gso on tx on")
		one.run(one.name, "ethtool -K "+one.dp.DeviceName("a")+" tso on gso on tx on tx-gre-segmentation on")
		one.download(b, a, "10.0.1.1:5003", 10<<20)
		one.download(b, a, "[fd01::1]:5004", 10<<20)
	})
}

// careless makes a guest send as if its network's MTU were 1500. The host's
// end of a cable looks at the size of what comes in; a tap does not.
func (l *lab) careless(port, ns string) {
	l.t.Helper()
	l.run(ns, "ip link set eth0 mtu 1500")
	l.run(l.name, "ip link set "+l.dp.DeviceName(port)+" mtu 1500")
}

// TestGuestWithTooBigMTU: a guest that does not heed its network's MTU is
// told, by every kind of packet, and its connections go on.
func TestGuestWithTooBigMTU(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two, a, b := joined(t, kind)
		one.careless("a", a)
		two.careless("b", b)
		mtu := itoa(tunnelMTU[kind])
		for _, x := range []struct{ ping, says string }{
			{"-M do -s 1472 10.0.1.2", "Frag needed and DF set (mtu = " + mtu + ")"},
			{"-M do -s 1452 fd01::2", "Packet too big: mtu=" + mtu},
		} {
			out, err := one.try(a, "ping -n -c 1 -W 2 "+x.ping)
			if err == nil || !strings.Contains(out, x.says) {
				t.Errorf("%s does not say %q: %v\n%s\n%s", x.ping, x.says, err, out, one.counters())
			}
		}
		if got := one.drops("a", "too-big"); got != 2 {
			t.Errorf("%d packets are counted as too big, want 2", got)
		}
		for _, ns := range []string{a, b} {
			one.run(ns, "ip route flush cache")
			one.run(ns, "ip -6 route flush cache")
		}
		one.download(a, b, "10.0.1.2:5001", 50<<20)
		one.download(b, a, "10.0.1.1:5002", 50<<20)
		one.download(a, b, "[fd01::2]:5003", 50<<20)
		// A datagram that may be cut is, once the sender knows.
		one.run(a, "ping -n -c 3 -i 0.2 -W 2 -M dont -s 1472 10.0.1.2")
		if two.drops("", "tunnel") != 0 || one.drops("a", "tunnel") != 0 {
			t.Errorf("a tunnel lost something\n%s%s", one.counters(), two.counters())
		}
	})
}

// TestTooBigToAnotherHostsGateway: what a guest sends to the outside crosses
// the tunnel first.
func TestTooBigToAnotherHostsGateway(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two := twoHosts(t, kind)
		a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.10"), 24, "10.0.1.1")
		remoteGateway(one, two)
		out := two.cfg.Prefix + "out"
		one.careless("a", a)
		one.eventually("a reaches the outside by the other host", func() bool {
			_, err := one.try(a, "ping -n -c 1 -W 1 198.51.100.1")
			return err == nil
		})
		got, err := one.try(a, "ping -n -c 1 -W 2 -M do -s 1472 198.51.100.1")
		// Hosts hand packets of routers over by VXLAN, whatever the network's own tunnel is.
		room := min(tunnelMTU[kind], tunnelMTU[intent.TypeVXLAN])
		if says := "From 10.0.1.1 icmp_seq=1 Frag needed and DF set (mtu = " + itoa(room) + ")"; err == nil || !strings.Contains(got, says) {
			t.Errorf("%v\n%s\n%s", err, got, one.counters())
		}
		one.run(a, "ip route flush cache")
		one.download(a, out, "198.51.100.1:5001", 50<<20)
	})
}

// TestNarrowUnderlay: what carries GRE must not cut it, so the network gets
// as narrow as it has to be, and guests are told.
func TestNarrowUnderlay(t *testing.T) {
	t.Parallel()
	one, two, a, b := joined(t, intent.TypeGRE)
	for _, l := range []*lab{one, two} {
		l.run(l.name, "ip link set under mtu 1400")
		if _, err := l.dp.Resync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	out, err := one.try(a, "ping -n -c 1 -W 2 -M do -s 1400 10.0.1.2")
	if err == nil || !strings.Contains(out, "mtu = 1358") {
		t.Errorf("%v\n%s", err, out)
	}
	one.download(a, b, "10.0.1.2:5001", 10<<20)
}

func TestJumboUnderlay(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two := twoHosts(t, kind)
		for _, l := range []*lab{one, two} {
			l.run(l.name, "ip link set under mtu 9000")
			n := l.state.Networks["blue"]
			n.MTU = 9000 - 1500 + tunnelMTU[kind]
			l.state.Networks["blue"] = n
		}
		a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1"), 24, "")
		b := two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.2"), 24, "")
		share(one, two)
		one.applyClean()
		two.applyClean()
		one.run(a, "ping -n -c 1 -W 2 -M do -s "+itoa(9000-1500+tunnelMTU[kind]-28)+" 10.0.1.2")
		one.download(a, b, "10.0.1.2:5001", 50<<20)
	})
}

// TestUDPBetweenHosts sends datagrams of all sizes and wants each back.
func TestUDPBetweenHosts(t *testing.T) {
	t.Parallel()
	eachType(t, func(t *testing.T, kind string) {
		one, _, a, b := joined(t, kind)
		server := one.echoUDP(b, "10.0.1.2:7777")
		defer server()
		c := one.dialUDP(a, "", "10.0.1.2:7777")
		for _, size := range []int{1, 100, 1400, 1472, 3000, 9000, 30000} {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i * size)
			}
			one.eventually("a datagram of "+itoa(size)+" bytes comes back", func() bool {
				_ = c.SetDeadline(time.Now().Add(time.Second))
				if _, err := c.Write(data); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
					return false
				}
				got := make([]byte, 1<<16)
				n, err := c.Read(got)
				return err == nil && string(got[:n]) == string(data)
			})
		}
	})
}

// TestTunnelOverPhysicalNetwork: one interface has the tunnel address and
// carries a flat network and VLANs.
func TestTunnelOverPhysicalNetwork(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		var labs []*lab
		for i := range 2 {
			labs = append(labs, newLab(t, physical, func(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr(underAddr(i)) }))
		}
		one, two := labs[0], labs[1]
		one.run(one.name, "ip link add phys0 type veth peer name phys0 netns "+two.name)
		for i, l := range labs {
			l.run(l.name, "ip link set phys0 up")
			l.run(l.name, "ip addr add "+underAddr(i)+"/24 dev phys0")
			l.state.Networks["blue"] = intent.Network{ID: "blue", Type: kind, SegmentationID: 100, MTU: tunnelMTU[kind]}
			l.state.Networks["ext"] = intent.Network{ID: "ext", Type: intent.TypeFlat, PhysicalNetwork: "public", MTU: 1500}
			l.state.Networks["ten"] = intent.Network{ID: "ten", Type: intent.TypeVLAN, PhysicalNetwork: "public", SegmentationID: 10, MTU: 1500}
		}
		guests := map[string][2]string{}
		for i, network := range []string{"blue", "ext", "ten"} {
			var pair [2]string
			for j, l := range labs {
				id, mac := network+itoa(j), "fa:16:3e:00:0"+itoa(i)+":0"+itoa(j)
				pair[j] = l.guest(l.port(id, network, mac, "10.0."+itoa(i)+"."+itoa(j+1)), 24, "")
			}
			guests[network] = pair
		}
		shareAll(labs)
		one.applyClean()
		two.applyClean()
		for i, network := range []string{"blue", "ext", "ten"} {
			one.ping(guests[network][0], "10.0."+itoa(i)+".2")
			two.ping(guests[network][1], "10.0."+itoa(i)+".1")
			one.download(guests[network][0], guests[network][1], "10.0."+itoa(i)+".2:5001", 10<<20)
		}
		one.ping(one.name, "192.0.2.2") // the hosts themselves
		one.download(one.name, two.name, "192.0.2.2:5002", 10<<20)
	})
}

// TestTunnelFollowsItsAddress: the tunnel address moves to another interface.
func TestTunnelFollowsItsAddress(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two := twoHosts(t, kind)
		a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.1"), 24, "")
		two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.2"), 24, "")
		share(one, two)
		one.applyClean()
		two.applyClean()
		one.ping(a, "10.0.1.2")
		one.run(one.name, "ip link add other type veth peer name other netns "+two.name)
		for l, addr := range map[*lab]string{one: "192.0.2.1/24", two: "192.0.2.2/24"} {
			l.run(l.name, "ip link set under down")
			l.run(l.name, "ip addr del "+addr+" dev under")
			l.run(l.name, "ip addr add "+addr+" dev other")
			l.run(l.name, "ip link set other up")
			report, err := l.dp.Resync(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if kind == intent.TypeGRE && report.Drift == 0 {
				t.Error("nothing was mended")
			}
		}
		one.ping(a, "10.0.1.2")
		// By a router between the hosts, with the addresses on no Ethernet.
		middle := one.cfg.Prefix + "mid"
		one.netns(middle)
		one.run(middle, "sysctl -qw net.ipv4.ip_forward=1")
		for i, l := range []*lab{one, two} {
			_, _ = l.try(l.name, "ip link del other") // both ends are gone with the first
			l.routed(middle, itoa(i+1), underAddr(i))
		}
		one.ping(a, "10.0.1.2")
	})
}

// routed joins the lab to a router in a namespace by a network of its own, and
// gives its loopback device the tunnel address.
func (l *lab) routed(middle, n, own string) {
	l.t.Helper()
	l.run(middle, "ip link add m"+n+" type veth peer name uplink netns "+l.name)
	l.run(middle, "ip addr add 198.51.10"+n+".254/24 dev m"+n)
	l.run(middle, "ip link set m"+n+" up")
	l.run(middle, "ip route add "+own+"/32 via 198.51.10"+n+".1")
	l.run(l.name, "ip addr add 198.51.10"+n+".1/24 dev uplink")
	l.run(l.name, "ip link set uplink up")
	l.run(l.name, "ip route add default via 198.51.10"+n+".254")
	l.run(l.name, "ip addr add "+own+"/32 dev lo")
	if _, err := l.dp.Resync(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}
