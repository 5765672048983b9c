package dataplane_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// twins makes two guests with one address, on networks of their own.
func (l *lab) twins() (a, b string) {
	l.localNet("one")
	l.localNet("two")
	a = l.guest(l.port("a", "one", "fa:16:3e:00:00:01", "10.0.0.5"), 24, "")
	b = l.guest(l.port("b", "two", "fa:16:3e:00:00:01", "10.0.0.5"), 24, "")
	return a, b
}

func TestS46_MetadataKnowsPortNotHeaders(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.twins()
	l.applyClean()
	listener, err := l.dp.ListenService(t.Context(), "tcp4", "169.254.169.254:80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remote := netip.MustParseAddrPort(r.RemoteAddr)
			id, ok := l.dp.PortByServiceAddr(remote.Addr())
			fmt.Fprintf(w, "you are %s %t", id, ok)
		}),
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })

	for ns, want := range map[string]string{a: "you are a true", b: "you are b true"} {
		l.run(ns, "ip route add 169.254.169.254 dev eth0")
		client := guestClient(ns)
		for range 3 {
			got := fetch(t, client, "http://169.254.169.254/", "X-Forwarded-For", "10.0.0.6", "X-Instance-ID", "other")
			if got != want {
				t.Errorf("in %s: %q, want %q\n%s", ns, got, want, l.counters())
			}
		}
	}
	// The addresses that stand for ports cannot be used by a guest.
	other, _ := l.dp.ServiceAddr("b")
	l.run(a, fmt.Sprintf("ip addr add %s/32 dev lo", other))
	if out, err := l.try(a, fmt.Sprintf("ping -n -c 1 -W 1 -I %s 169.254.169.254", other)); err == nil {
		t.Errorf("a forged source passes: %s", out)
	}
	if l.drops("a", "spoofed-ip") == 0 {
		t.Error("a forged source is not counted")
	}
}

// A network without a router reaches the metadata service through the address
// of a port that the node itself answers for.
func TestMetadataThroughServicePort(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, _ := l.twins()
	port := l.state.Ports["a"]
	l.state.Ports["dhcp"] = intent.Port{
		ID: "dhcp", NetworkID: port.NetworkID, MAC: "fa:16:3e:00:00:fe", Enabled: true, Service: true,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")},
	}
	l.applyClean()
	listener, err := l.dp.ListenService(t.Context(), "tcp4", "169.254.169.254:80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metadata") })}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	l.run(a, "ip route add 169.254.169.254 via 10.0.0.2 dev eth0")
	if got := fetch(t, guestClient(a), "http://169.254.169.254/"); got != "metadata" {
		t.Errorf("%q\n%s", got, l.counters())
	}
	// It answers pings, and nothing else is there.
	l.ping(a, "10.0.0.2")
	short := guestClient(a)
	short.Timeout = time.Second
	if response, err := short.Get("http://10.0.0.2/"); err == nil {
		response.Body.Close()
		t.Error("the address of the leases serves HTTP")
	}
}

// guestClient is an HTTP client inside a namespace.
func guestClient(ns string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
			err = netlinkx.In(netlinkx.NetnsPath(ns), func() error {
				conn, err = new(net.Dialer).DialContext(ctx, network, addr)
				return err
			})
			return conn, err
		},
	}}
}

func fetch(t *testing.T, c *http.Client, url string, headers ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// guestUDP opens a UDP socket that may broadcast, inside a namespace.
func guestUDP(t *testing.T, ns, addr string) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() (err error) {
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
				_ = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "eth0")
			})
		}}
		conn, err = lc.ListenPacket(t.Context(), "udp4", addr)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestS46_FramesKnowTheirPort(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.twins()
	l.applyClean()
	frames, err := l.dp.ServicePacketConn()
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	if err := frames.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for ns, port := range map[string]string{a: "a", b: "b"} {
		conn := guestUDP(t, ns, "0.0.0.0:68")
		if _, err := conn.WriteTo([]byte("hello from "+port), &net.UDPAddr{IP: net.IPv4bcast, Port: 67}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1514)
		n, from, err := frames.ReadFrame(buf)
		if err != nil {
			t.Fatalf("%v\n%s", err, l.counters())
		}
		if from != port || !strings.HasSuffix(string(buf[:n]), "hello from "+port) {
			t.Errorf("a frame of %s came as %s: %q", port, from, buf[:n])
		}
		out := gopacket.NewSerializeBuffer()
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 2}, DstIP: net.IPv4bcast.To4()}
		udp := &layers.UDP{SrcPort: 67, DstPort: 68}
		_ = udp.SetNetworkLayerForChecksum(ip)
		err = gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, DstMAC: make(net.HardwareAddr, 6), EthernetType: 0x800},
			ip, udp, gopacket.Payload("answer to "+port))
		if err != nil {
			t.Fatal(err)
		}
		if err := frames.WriteFrame(from, out.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err = conn.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "answer to "+port {
			t.Errorf("%s received %q, %v\n%s", port, buf[:n], err, l.counters())
		}
	}
	if err := frames.WriteFrame("stranger", make([]byte, 60)); err == nil {
		t.Error("a frame for an unknown port was written")
	}
	if err := frames.WriteFrame("a", make([]byte, 10)); err == nil {
		t.Error("half a header was written")
	}
}

func TestEqualAddressesOfTwoProjectsNeverMeet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.twins()
	c := l.guest(l.port("c", "one", "fa:16:3e:00:00:03", "10.0.0.6"), 24, "")
	l.applyClean()
	l.ping(a, "10.0.0.6")
	l.ping(c, "10.0.0.5")
	l.noPing(b, "10.0.0.6")
	l.state.Ports["b"] = withAddress(l.state.Ports["b"], "10.0.0.5")
}

func withAddress(p intent.Port, a string) intent.Port {
	p.Addresses = addrs(a)
	return p
}
