package dataplane_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

func fip(id, address, fixed, port string) intent.FloatingIP {
	return intent.FloatingIP{ID: id, Address: netip.MustParseAddr(address), Fixed: netip.MustParseAddr(fixed), PortID: port}
}

// dialUDP opens a connected UDP socket inside a namespace.
func (l *lab) dialUDP(ns, local, remote string) net.Conn {
	l.t.Helper()
	var conn net.Conn
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		d := net.Dialer{}
		if local != "" {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local))
		}
		conn, err = d.DialContext(l.t.Context(), "udp4", remote)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

// echoUDP answers each datagram to an address of a namespace with itself,
// until stop is called.
func (l *lab) echoUDP(ns, address string) (stop func()) {
	l.t.Helper()
	var conn net.PacketConn
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		conn, err = new(net.ListenConfig).ListenPacket(l.t.Context(), "udp", address)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}()
	return func() {
		conn.Close()
		<-done
	}
}

// refused tells whether a closed UDP port says so to the sender.
func (l *lab) refused(ns, remote string) bool {
	l.t.Helper()
	c := l.dialUDP(ns, "", remote)
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := c.Write([]byte("anybody?")); err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_, err := c.Read(make([]byte, 9))
	return errors.Is(err, syscall.ECONNREFUSED)
}

// transfer sends some megabytes by TCP and compares what arrives.
func (l *lab) transfer(from, to, listen, dial string) (remote net.Addr) {
	l.t.Helper()
	return l.transferBytes(bulk(16<<20), from, to, listen, dial)
}

// bulk is how much is transferred where a large amount is wanted: less of it
// where tests shall be short.
func bulk(size int) int {
	if testing.Short() {
		return size / 16
	}
	return size
}

func (l *lab) transferBytes(size int, from, to, listen, dial string) (remote net.Addr) {
	l.t.Helper()
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(to), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(l.t.Context(), "tcp4", listen)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer listener.Close()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 13)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- netlinkx.In(netlinkx.NetnsPath(from), func() error {
			c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(l.t.Context(), "tcp4", dial)
			if err != nil {
				listener.Close()
				return err
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(3 * time.Minute))
			_, err = c.Write(data)
			return err
		})
	}()
	c, err := listener.Accept()
	if err != nil {
		l.t.Fatalf("%v, %v\n%s", err, <-failed, l.counters())
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(3 * time.Minute))
	sum := sha256.New()
	n, err := io.Copy(sum, c)
	if err != nil || n != int64(size) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		l.t.Fatalf("%d of %d bytes from %s to %s: %v, sender %v\n%s", n, size, from, dial, err, <-failed, l.counters())
	}
	if err := <-failed; err != nil {
		l.t.Error(err)
	}
	return c.RemoteAddr()
}

// natLab: a without and b with a floating IP, behind one router; c with one,
// behind another.
func natLab(t *testing.T) (l *lab, out, a, b, c string) {
	l = newLab(t, physical)
	out = l.outside()
	a, b = l.twoNets()
	l.gateway("r", "203.0.113.10/24", fip("f", "203.0.113.20", "10.0.2.10", "b"))
	l.localNet("three")
	l.state.Routers["s"] = intent.Router{ID: "s", Enabled: true, Interfaces: []intent.RouterInterface{
		{PortID: "s1", NetworkID: "three", MAC: "fa:16:3e:00:02:01", Addresses: prefixes("10.0.1.1/24")},
	}}
	l.gateway("s", "203.0.113.11/24", fip("g", "203.0.113.30", "10.0.1.10", "c"))
	// The address that a has, in another project.
	c = l.guest(l.port("c", "three", "fa:16:3e:00:00:01", "10.0.1.10"), 24, "10.0.1.1")
	l.applyClean()
	for _, ns := range []string{a, b, c} {
		l.eventually("the outside is resolved", func() bool {
			_, err := l.try(ns, "ping -n -c 1 -W 1 203.0.113.1")
			return err == nil
		})
	}
	return l, out, a, b, c
}

func host(a net.Addr) string { return netip.MustParseAddrPort(a.String()).Addr().String() }

func TestTranslation(t *testing.T) {
	t.Parallel()
	l, out, a, b, c := natLab(t)
	for _, x := range []struct{ name, from, to, listen, dial, as string }{
		{"shared address", a, out, "203.0.113.1:5001", "203.0.113.1:5001", "203.0.113.10"},
		{"floating IP out", b, out, "203.0.113.1:5002", "203.0.113.1:5002", "203.0.113.20"},
		{"floating IP in", out, b, "10.0.2.10:5003", "203.0.113.20:5003", "203.0.113.1"},
		{"floating IP from the host", l.name, b, "10.0.2.10:5004", "203.0.113.20:5004", "203.0.113.2"},
		{"hairpin", a, b, "10.0.2.10:5005", "203.0.113.20:5005", "203.0.113.10"},
		{"other router, shared", a, c, "10.0.1.10:5006", "203.0.113.30:5006", "203.0.113.10"},
		{"other router, floating", b, c, "10.0.1.10:5007", "203.0.113.30:5007", "203.0.113.20"},
		{"plain routing", a, b, "10.0.2.10:5008", "10.0.2.10:5008", "10.0.1.10"},
		{"to the host", a, l.name, "203.0.113.2:5009", "203.0.113.2:5009", "203.0.113.10"},
	} {
		if got := host(l.transfer(x.from, x.to, x.listen, x.dial)); got != x.as {
			t.Errorf("%s: seen as %s, want %s", x.name, got, x.as)
		}
	}
	for name, x := range map[string][2]string{
		"shared address": {a, "203.0.113.1:9"}, "floating IP out": {b, "203.0.113.1:9"},
		"floating IP in": {out, "203.0.113.20:9"}, "hairpin": {a, "203.0.113.20:9"}, "other router": {a, "203.0.113.30:9"},
		"from the host": {l.name, "203.0.113.20:9"}, "a router itself": {a, "10.0.1.1:9"},
	} {
		if !l.refused(x[0], x[1]) {
			t.Errorf("%s: no port unreachable\n%s", name, l.counters())
		}
	}
}

func TestTracesThroughTranslation(t *testing.T) {
	t.Parallel()
	l, out, a, b, _ := natLab(t)
	l.run(out, "sysctl -qw net.ipv4.ip_forward=1")
	l.run(out, "ip route add 198.51.100.99 via 203.0.113.50")
	for _, x := range []struct{ ns, ttl, says string }{
		{a, "1", "From 10.0.1.1 "}, {a, "2", "From 203.0.113.1 "}, {b, "1", "From 10.0.2.1 "}, {b, "2", "From 203.0.113.1 "},
	} {
		got, err := l.try(x.ns, "ping -n -c 1 -W 2 -t "+x.ttl+" 198.51.100.99")
		if err == nil || !strings.Contains(got, x.says) || !strings.Contains(got, "Time to live exceeded") {
			t.Errorf("hop %s: %s\n%s", x.ttl, got, l.counters())
		}
	}
	// Two routers: the second one's answer comes back through the first.
	got, err := l.try(a, "ping -n -c 1 -W 2 -t 2 203.0.113.30")
	if err == nil || !strings.Contains(got, "From 203.0.113.11 ") {
		t.Errorf("second router: %s\n%s", got, l.counters())
	}
}

func TestSharedPortsNeverMix(t *testing.T) {
	t.Parallel()
	l, out, a, _, _ := natLab(t)
	a2 := l.guest(l.port("a2", "one", "fa:16:3e:00:00:12", "10.0.1.12"), 24, "10.0.1.1")
	l.applyClean()
	var echo net.PacketConn
	err := netlinkx.In(netlinkx.NetnsPath(out), func() (err error) {
		echo, err = new(net.ListenConfig).ListenPacket(t.Context(), "udp4", "203.0.113.1:7")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { echo.Close() })
	seen := make(chan string, 100)
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			seen <- from.String()
			_, _ = echo.WriteTo(buf[:n], from)
		}
	}()
	one := l.dialUDP(a, "10.0.1.10:5555", "203.0.113.1:7")
	two := l.dialUDP(a2, "10.0.1.12:5555", "203.0.113.1:7")
	from := map[string]bool{}
	for range 3 {
		for text, c := range map[string]net.Conn{"one": one, "two": two} {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) != text {
				t.Fatalf("%s received %q, %v\n%s", text, buf[:n], err, l.counters())
			}
			from[<-seen] = true
		}
	}
	if len(from) != 2 {
		t.Errorf("two connections came from %v", from)
	}
}

func TestNothingLeavesUntranslated(t *testing.T) {
	t.Parallel()
	l, out, a, _, _ := natLab(t)
	var raw net.PacketConn
	err := netlinkx.In(netlinkx.NetnsPath(a), func() (err error) {
		raw, err = new(net.ListenConfig).ListenPacket(t.Context(), "ip4:47", "0.0.0.0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.WriteTo([]byte("gre"), &net.IPAddr{IP: net.IPv4(203, 0, 113, 1)}); err != nil {
		t.Fatal(err)
	}
	l.eventually("a protocol without ports is dropped", func() bool { return l.drops("a", "not-translated") > 0 })
	// From the outside, inside addresses cannot be reached.
	l.run(out, "ip route add 10.0.1.0/24 via 203.0.113.10")
	l.noPing(out, "10.0.1.10")
	// Without translation, they can.
	l.state.Routers["r"].Gateway.SNAT = false
	l.applyClean()
	l.ping(out, "10.0.1.10")
	l.ping(a, "203.0.113.1")
}

func TestInstanceOnTheExternalNetwork(t *testing.T) {
	t.Parallel()
	l, out, a, _, _ := natLab(t)
	d := l.guest(l.port("d", "ext", "fa:16:3e:00:00:0d", "203.0.113.40"), 24, "203.0.113.1")
	l.applyClean()
	l.ping(d, "203.0.113.1")
	l.ping(d, "198.51.100.1")
	l.ping(out, "203.0.113.40")
	l.ping(l.name, "203.0.113.40")
	l.ping(d, "203.0.113.2")
	l.ping(d, "203.0.113.20") // a floating IP of this host
	l.ping(a, "203.0.113.40")
	if got := host(l.transfer(d, out, "203.0.113.1:5001", "203.0.113.1:5001")); got != "203.0.113.40" {
		t.Errorf("seen as %s", got)
	}
}
