package dataplane_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/netlinkx"
)

const downloadBytes = 50 << 20

// fetchBytes lets a client fetch bytes from a server and compares them.
func (l *lab) fetchBytes(server, listen, client, dial string) {
	l.t.Helper()
	var listener net.Listener
	err := netlinkx.In(netlinkx.NetnsPath(server), func() (err error) {
		listener, err = new(net.ListenConfig).Listen(l.t.Context(), "tcp4", net.JoinHostPort(listen, "0"))
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer listener.Close()
	data := make([]byte, downloadBytes)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 11)
	}
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write(data)
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	c := l.dialTCP(client, net.JoinHostPort(dial, port))
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	sum := sha256.New()
	begin := time.Now()
	n, err := io.Copy(sum, c)
	if err != nil || n != downloadBytes || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		l.t.Fatalf("%d of %d bytes from %s: %v\n%s", n, downloadBytes, dial, err, l.counters())
	}
	l.t.Logf("%s from %s: %.0f MB/s", client, dial, float64(n)/1e6/time.Since(begin).Seconds())
}

// TestBigPacketsBetweenHosts: guests on networks of several MTUs are on host 1,
// which has no way to the outside; their addresses are on host 0 and 2.
func TestBigPacketsBetweenHosts(t *testing.T) {
	t.Parallel()
	h, all := carriers(t)
	ten := h.networks["ten"]
	plain := h.networks["plain"]
	plain.MTU = 1458
	h.networks["plain"] = plain
	if ten.MTU != 1500 {
		t.Fatal("the wire is to carry 1500 bytes")
	}
	h.apply()
	h.settle(all)
	l, byID := h.all[0], map[string]outward{}
	for _, o := range all {
		byID[o.id] = o
	}
	// Behind the outside, a link that carries less.
	far := h.switches + "f"
	l.netns(far)
	for _, c := range [][2]string{
		{h.out, "ip link add far type veth peer name eth0 netns " + far},
		{h.out, "ip link set far mtu 1300 up"}, {h.out, "ip addr add 192.0.2.129/25 dev far"}, {h.out, "sysctl -qw net.ipv4.ip_forward=1"},
		{far, "ip link set eth0 mtu 1300 up"}, {far, "ip addr add 192.0.2.130/25 dev eth0"}, {far, "ip route add default via 192.0.2.129"},
	} {
		l.run(c[0], c[1])
	}
	for _, x := range []struct{ what, from, to, size, says string }{
		{"outside to a floating IP at the gateway, in a tunnel", h.out, "203.0.113.42", "1472", "From 203.0.113.10 icmp_seq=1 Frag needed and DF set (mtu = 1450)"},
		{"outside to a floating IP at its own host", h.out, "203.0.113.43", "1472", "From 203.0.113.10 icmp_seq=1 Frag needed and DF set (mtu = 1450)"},
		{"outside to a floating IP on a smaller wire", h.out, "203.0.113.50", "1472", "From 203.0.113.10 icmp_seq=1 Frag needed and DF set (mtu = 1458)"},
		{"a wire to a tunnel", byID["v"].ns, "10.0.4.12", "1472", "From 10.0.2.1 icmp_seq=1 Frag needed and DF set (mtu = 1450)"},
		{"a wire to another wire", byID["v"].ns, "10.0.1.10", "1472", "From 10.0.2.1 icmp_seq=1 Frag needed and DF set (mtu = 1458)"},
		{"a wire to the outside by a tunnel", byID["v"].ns, "203.0.113.1", "1472", "From 10.0.2.1 icmp_seq=1 Frag needed and DF set (mtu = 1450)"},
		{"a shared address beyond the outside", byID["b"].ns, "192.0.2.130", "1400", "From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)"},
		{"a floating IP beyond the outside", byID["bf"].ns, "192.0.2.130", "1400", "From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)"},
		{"a floating IP on a wire beyond the outside", byID["vf"].ns, "192.0.2.130", "1400", "From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)"},
		{"a floating IP of its own host beyond the outside", byID["cf"].ns, "192.0.2.130", "1400", "From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)"},
	} {
		out, err := l.try(x.from, "ping -n -c 1 -W 3 -M do -s "+x.size+" "+x.to)
		if err == nil || !strings.Contains(out, x.says) {
			t.Errorf("%s: %v, %s\n%s", x.what, err, out, h.everyCounter())
		}
	}
	for _, o := range []string{"v", "vf", "b", "bf", "cf", "lf", "ef"} {
		l.fetchBytes(h.out, "203.0.113.1", byID[o].ns, "203.0.113.1")
	}
	for _, o := range []string{"vf", "bf", "cf", "ef"} {
		l.fetchBytes(byID[o].ns, byID[o].address, h.out, byID[o].floating)
	}
	l.fetchBytes(far, "192.0.2.130", byID["v"].ns, "192.0.2.130")
	l.fetchBytes(byID["vf"].ns, byID["vf"].address, far, byID["vf"].floating)
	l.fetchBytes(byID["b"].ns, byID["b"].address, byID["v"].ns, byID["b"].address)
	l.fetchBytes(byID["v"].ns, byID["v"].address, byID["cf"].ns, byID["v"].address)
	h.answerTooBig(byID["b"].ns)
}

// answerTooBig: an answer to the shared address that is too big makes its
// sender learn, although it has never heard of the network behind.
func (h *hosts) answerTooBig(guest string) {
	h.t.Helper()
	l := h.all[0]
	var server net.PacketConn
	err := netlinkx.In(netlinkx.NetnsPath(h.out), func() (err error) {
		c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			var set error
			err := raw.Control(func(fd uintptr) {
				set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
			})
			return errors.Join(err, set)
		}}
		server, err = c.ListenPacket(h.t.Context(), "udp4", "203.0.113.1:8")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer server.Close()
	// What the downloads taught is forgotten.
	l.run(h.out, "ip route flush cache")
	client := l.dialUDP(guest, "", "203.0.113.1:8")
	if _, err := client.Write([]byte("more")); err != nil {
		h.t.Fatal(err)
	}
	buf := make([]byte, 100)
	_ = server.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, from, err := server.ReadFrom(buf)
	if err != nil {
		h.t.Fatal(err)
	}
	l.eventually("the sender of a big answer learns", func() bool {
		_, err := server.WriteTo(make([]byte, 1472), from)
		return errors.Is(err, syscall.EMSGSIZE)
	})
	if _, err := server.WriteTo(make([]byte, 1422), from); err != nil {
		h.t.Errorf("an answer that fits: %v", err)
	}
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := client.Read(make([]byte, 2000)); err != nil || n != 1422 {
		h.t.Errorf("the answer that fits has %d bytes: %v", n, err)
	}
}
