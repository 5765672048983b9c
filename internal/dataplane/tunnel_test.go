package dataplane_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// tunnelMTU is what a network of each type carries over an underlay of 1500.
var tunnelMTU = map[string]int{intent.TypeVXLAN: 1450, intent.TypeGRE: 1458}

// twoHosts makes two hosts with a cable between them, and the same networks
// of a type on both.
func twoHosts(t *testing.T, kind string) (one, two *lab) {
	t.Helper()
	at := func(a string) func(*dataplane.Config) {
		return func(c *dataplane.Config) {
			c.TunnelAddress = netip.MustParseAddr(a)
			physical(c)
		}
	}
	one, two = newLab(t, at("192.0.2.1")), newLab(t, at("192.0.2.2"))
	one.run(one.name, "ip link add under type veth peer name under netns "+two.name)
	for l, a := range map[*lab]string{one: "192.0.2.1/24", two: "192.0.2.2/24"} {
		l.run(l.name, "ip addr add "+a+" dev under")
		l.run(l.name, "ip link set under up")
		l.run(l.name, "ip link set lo up")
		l.state.Networks["blue"] = intent.Network{ID: "blue", Type: kind, SegmentationID: 100, MTU: tunnelMTU[kind]}
		l.state.Networks["red"] = intent.Network{ID: "red", Type: kind, SegmentationID: 200, MTU: tunnelMTU[kind]}
	}
	return one, two
}

// share tells each host about the other's ports.
func share(one, two *lab) {
	tell := func(from, to *lab, endpoint string) {
		for id, p := range from.state.Ports {
			if p.Local {
				p.Local = false
				p.Endpoint = netip.MustParseAddr(endpoint)
				to.state.Ports[id] = p
			}
		}
	}
	tell(one, two, "192.0.2.1")
	tell(two, one, "192.0.2.2")
}

// eachTunnel runs a test for each type of network that tunnels join.
func eachTunnel(t *testing.T, f func(t *testing.T, kind string)) {
	t.Helper()
	for _, kind := range []string{intent.TypeVXLAN, intent.TypeGRE} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, kind)
		})
	}
}

func TestTunnelJoinsHosts(t *testing.T) {
	t.Parallel()
	eachTunnel(t, tunnelJoinsHosts)
}

func tunnelJoinsHosts(t *testing.T, kind string) {
	one, two := twoHosts(t, kind)
	a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.10", "fd01::10"), 24, "10.0.1.1")
	b := two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.11", "fd01::11"), 24, "10.0.1.1")
	c := two.guest(two.port("c", "red", "fa:16:3e:00:00:03", "10.0.2.11"), 24, "10.0.2.1")
	share(one, two)
	router := intent.Router{ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "r1", NetworkID: "blue", MAC: routerMAC1, Addresses: prefixes("10.0.1.1/24")},
		{PortID: "r2", NetworkID: "red", MAC: routerMAC2, Addresses: prefixes("10.0.2.1/24")},
	}}
	one.state.Routers["r"], two.state.Routers["r"] = router, router
	one.applyClean()
	two.applyClean()
	one.ping(a, "10.0.1.11")
	two.ping(b, "10.0.1.10")
	one.ping(a, "10.0.2.11") // routed on the sender's host
	two.ping(c, "10.0.1.10")
	one.ping(a, "fd01::11")
	one.run(a, "ping -n -c 2 -i 0.2 -W 2 -s 1400 10.0.1.11")
	one.ping(a, "10.0.2.1")
}

// Flows of two networks with the same MACs, addresses and ports share a tunnel,
// and never meet.
func TestTunnelKeepsEqualFlowsApart(t *testing.T) {
	t.Parallel()
	eachTunnel(t, func(t *testing.T, kind string) {
		one, two := twoHosts(t, kind)
		var from, to []*net.UDPConn
		listen := func(netns, address string) *net.UDPConn {
			var conn *net.UDPConn
			err := netlinkx.In(netlinkx.NetnsPath(netns), func() (err error) {
				conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		networks := []string{"blue", "red"}
		for _, name := range networks {
			from = append(from, listen(one.guest(one.port("a"+name, name, "fa:16:3e:00:00:01", "10.0.1.10"), 24, ""), "10.0.1.10:4000"))
			to = append(to, listen(two.guest(two.port("b"+name, name, "fa:16:3e:00:00:02", "10.0.1.11"), 24, ""), "10.0.1.11:5000"))
		}
		share(one, two)
		one.applyClean()
		two.applyClean()
		// In turns, so that each finds what the other has left.
		buffer := make([]byte, 100)
		for range 100 {
			for i, name := range networks {
				if _, err := from[i].WriteToUDPAddrPort([]byte(name), netip.MustParseAddrPort("10.0.1.11:5000")); err != nil {
					t.Fatal(err)
				}
				_ = to[i].SetReadDeadline(time.Now().Add(5 * time.Second))
				n, peer, err := to[i].ReadFromUDPAddrPort(buffer)
				if err != nil || string(buffer[:n]) != name {
					t.Fatalf("%s received %q, %v", name, buffer[:n], err)
				}
				if _, err := to[i].WriteToUDPAddrPort([]byte(name), peer); err != nil {
					t.Fatal(err)
				}
				_ = from[i].SetReadDeadline(time.Now().Add(5 * time.Second))
				if n, err = from[i].Read(buffer); err != nil || string(buffer[:n]) != name {
					t.Fatalf("%s received the answer %q, %v", name, buffer[:n], err)
				}
			}
		}
	})
}

func TestGatewayOfAnotherHost(t *testing.T) {
	t.Parallel()
	eachTunnel(t, gatewayOfAnotherHost)
}

func gatewayOfAnotherHost(t *testing.T, kind string) {
	one, two := twoHosts(t, kind)
	a := one.guest(one.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.10"), 24, "10.0.1.1")
	remoteGateway(one, two)
	one.eventually("a reaches the outside by the other host", func() bool {
		_, err := one.try(a, "ping -n -c 1 -W 1 198.51.100.1")
		return err == nil
	})
	one.ping(a, "198.51.100.1")
}

// remoteGateway makes a router on blue whose gateway is on the second host,
// and applies.
func remoteGateway(one, two *lab) {
	one.t.Helper()
	two.guest(two.port("b", "blue", "fa:16:3e:00:00:02", "10.0.1.11"), 24, "10.0.1.1")
	two.outside()
	one.state.Networks["ext"] = two.state.Networks["ext"]
	share(one, two)
	for _, l := range []*lab{one, two} {
		l.state.Routers["r"] = intent.Router{ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
			{PortID: "r1", NetworkID: "blue", MAC: routerMAC1, Addresses: prefixes("10.0.1.1/24")},
		}}
		l.gateway("r", "203.0.113.10/24")
	}
	one.state.Routers["r"].Gateway.Local = false
	one.state.Ports["rgw"] = intent.Port{ID: "rgw", NetworkID: "ext", Endpoint: netip.MustParseAddr("192.0.2.2"), MAC: gatewayMAC}
	one.applyClean()
	two.applyClean()
}
