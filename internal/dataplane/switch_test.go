package dataplane_test

import "testing"

func TestPortsOfOneNetworkReachEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.localNet("net")
	a := l.guest(l.port("a", "net", "fa:16:3e:00:00:01", "10.0.0.1", "fd00::1"), 24, "")
	b := l.guest(l.port("b", "net", "fa:16:3e:00:00:02", "10.0.0.2", "fd00::2"), 24, "")
	l.applyClean()
	l.ping(a, "10.0.0.2")
	l.ping(b, "10.0.0.1")
	l.ping(a, "fd00::2")
	l.run(a, "ping -n -c 1 -W 2 -s 4000 10.0.0.2") // fragments
}
