package dataplane_test

import (
	"testing"

	"wisp/internal/dataplane/intent"
)

// TestSpoofedMACNeedsPortSecurityOff gives a guest another MAC: with port
// security it is cut off, without it goes on as that, for neighbours that knew
// it before and for those behind a router.
func TestSpoofedMACNeedsPortSecurityOff(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.localNet("net")
	l.localNet("far")
	l.state.SecurityGroups["open"] = openGroup()
	a := l.guest(l.port("a", "net", "fa:16:3e:00:00:11", "10.0.0.11", "fd00::11"), 24, "10.0.0.1")
	b := l.guest(l.port("b", "net", "fa:16:3e:00:00:12", "10.0.0.12", "fd00::12"), 24, "10.0.0.1")
	c := l.guest(l.port("c", "far", "fa:16:3e:00:00:13", "10.0.1.13"), 24, "10.0.1.1")
	l.state.Routers["r"] = intent.Router{ID: "r", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "rn", NetworkID: "net", MAC: "fa:16:3e:00:00:01", Addresses: prefixes("10.0.0.1/24")},
		{PortID: "rf", NetworkID: "far", MAC: "fa:16:3e:00:00:02", Addresses: prefixes("10.0.1.1/24")},
	}}
	l.applyClean()
	l.ping(a, "10.0.0.12")
	l.ping(b, "fd00::11")
	l.ping(c, "10.0.0.11")

	l.run(a, "ip link set eth0 address 00:00:00:00:00:01")
	l.noPing(a, "10.0.0.12")

	loose := l.state.Ports["a"]
	loose.PortSecurity, loose.SecurityGroups = false, nil
	l.state.Ports["a"] = loose
	l.applyClean()
	l.ping(a, "10.0.0.12")
	l.ping(a, "fd00::12")
	l.ping(b, "10.0.0.11")
	l.ping(b, "fd00::11")
	l.ping(a, "10.0.1.13")
	l.ping(c, "10.0.0.11")

	l.run(a, "ip link set eth0 address fa:16:3e:00:00:11")
	l.ping(a, "10.0.0.12")
	l.ping(b, "10.0.0.11")
	l.ping(c, "10.0.0.11")

	// What is known of a port's guest ends with the port: the next one at its
	// address is reached before it has said a word.
	l.run(a, "ip link set eth0 address 00:00:00:00:00:01")
	l.ping(a, "10.0.0.12")
	delete(l.state.Ports, "a")
	next := l.port("next", "net", "fa:16:3e:00:00:21", "10.0.0.11")
	next.PortSecurity, next.SecurityGroups = false, nil
	l.guest(next, 24, "10.0.0.1")
	l.applyClean()
	l.ping(c, "10.0.0.11")
}
