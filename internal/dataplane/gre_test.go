package dataplane_test

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/netlinkx"
)

// speaker is another implementation of GRE: a program that moves frames
// between a tap in a namespace of its own and a packet socket. It demands
// that each frame in GRE is exactly as the documents say.
type speaker struct {
	ns    string
	wire  *wire
	tap   *os.File
	host  net.HardwareAddr // MAC of the dataplane's host
	key   uint32
	mu    sync.Mutex
	wrong []string
}

const speakerMAC, speakerAddr = "fa:16:3e:00:00:99", "10.0.1.99"

// newSpeaker joins the lab by a cable: the host is 192.0.2.1, the speaker
// 192.0.2.9 outside and 10.0.1.99 inside.
func newSpeaker(l *lab, key uint32, mtu int) *speaker {
	l.t.Helper()
	s := &speaker{ns: l.cfg.Prefix + "gre", key: key}
	l.netns(s.ns)
	l.run(l.name, "ip link add under type veth peer name under netns "+s.ns)
	for ns, a := range map[string]string{l.name: "192.0.2.1/24", s.ns: "192.0.2.9/24"} {
		l.run(ns, "ip addr add "+a+" dev under")
		l.run(ns, "ip link set under up mtu "+itoa(mtu+42))
		// What a plain interface does: each frame as it is on a cable.
		l.run(ns, "ethtool -K under tso off gso off gro off tx off tx-gre-segmentation off")
	}
	l.run(s.ns, "ip link set lo up")
	err := netlinkx.In(netlinkx.NetnsPath(s.ns), func() error {
		tap, err := openPlainTap("far0")
		s.tap = tap
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.run(s.ns, "ip link set far0 address "+speakerMAC+" mtu "+itoa(mtu))
	l.run(s.ns, "sysctl -qw net.ipv6.conf.far0.accept_dad=0")
	l.run(s.ns, "ip link set far0 up")
	l.run(s.ns, "ip addr add "+speakerAddr+"/24 dev far0")
	l.run(s.ns, "ip addr add fd01::99/64 dev far0")
	err = netlinkx.In(netlinkx.NetnsPath(l.name), func() error {
		link, err := net.InterfaceByName("under")
		if err == nil {
			s.host = link.HardwareAddr
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var own net.HardwareAddr
	ready := make(chan struct{})
	s.wire = listen(l.t, s.ns, "under", func(frame []byte) {
		<-ready
		if len(frame) < 24 || frame[12] != 8 || frame[13] != 0 || frame[23] != 47 {
			return
		}
		if bad := checkGRE(frame, s.host, own, "192.0.2.1", "192.0.2.9", s.key); bad != "" {
			s.mu.Lock()
			s.wrong = append(s.wrong, bad)
			s.mu.Unlock()
			return
		}
		_, _ = s.tap.Write(frame[42:])
	})
	own = s.wire.mac
	close(ready)
	go func() {
		buf := make([]byte, 1<<17)
		for {
			n, err := s.tap.Read(buf)
			if err != nil {
				return
			}
			s.wire.send(greFrame(own, s.host, "192.0.2.9", "192.0.2.1", s.key, buf[:n]))
		}
	}()
	l.t.Cleanup(func() { s.tap.Close() })
	return s
}

// check fails the test when a frame was not as it should be.
func (s *speaker) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) > 0 {
		t.Errorf("%d frames in GRE are wrong, the first: %s", len(s.wrong), s.wrong[0])
	}
}

// openPlainTap makes a tap whose frames come without a header before them.
func openPlainTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// greLab is a host with the GRE network blue: a secure port, an open one, and
// the speaker's.
func greLab(t *testing.T, key uint32, mtu int) (l *lab, s *speaker, secure, open string) {
	t.Helper()
	l = newLab(t, func(c *dataplane.Config) { c.TunnelAddress = netip.MustParseAddr("192.0.2.1") })
	l.state.Networks["blue"] = intent.Network{ID: "blue", Type: intent.TypeGRE, SegmentationID: key, MTU: mtu}
	s = newSpeaker(l, key, mtu)
	secure = l.guest(l.port("a", "blue", "fa:16:3e:00:00:01", "10.0.1.10", "fd01::10"), 24, "")
	p := l.port("n", "blue", "fa:16:3e:00:00:02", "10.0.1.12", "fd01::12")
	p.PortSecurity, p.SecurityGroups = false, nil
	open = l.guest(p, 24, "")
	far := l.port("far", "blue", speakerMAC, speakerAddr, "fd01::99")
	far.Endpoint = netip.MustParseAddr("192.0.2.9")
	l.state.Ports["far"] = far
	l.applyClean()
	return l, s, secure, open
}

func TestGREWithAnotherSpeaker(t *testing.T) {
	t.Parallel()
	needTool(t, "ethtool")
	l, s, a, n := greLab(t, 0xfedcba98, 1458)
	l.ping(a, speakerAddr)
	l.ping(s.ns, "10.0.1.10")
	l.ping(a, "fd01::99")
	l.ping(s.ns, "fd01::10")
	l.run(a, "ping -n -c 1 -W 2 -s 4000 "+speakerAddr) // fragments inside
	l.run(s.ns, "ping -n -c 1 -W 2 -s 4000 10.0.1.10")
	l.run(a, "ping -n -c 1 -W 2 -s 4000 fd01::99")
	l.run(a, "ping -n -c 1 -W 2 -M do -s 1430 "+speakerAddr) // as big as the network
	l.download(a, s.ns, speakerAddr+":5001", 50<<20)
	l.download(s.ns, a, "10.0.1.10:5002", 50<<20)
	l.download(s.ns, n, "[fd01::12]:5003", 5<<20)
	l.download(n, s.ns, "[fd01::99]:5004", 5<<20)
	if !l.refused(a, speakerAddr+":9") || !l.refused(s.ns, "10.0.1.10:9") {
		t.Error("no port unreachable by UDP")
	}
	s.check(t)
	// The speaker asks, and is answered; the host does not ask.
	if got := s.wire.count(arpRequest); got != 0 {
		t.Errorf("%d questions of ARP crossed the tunnel", got)
	}
}

func TestGRECarriesAnyFrame(t *testing.T) {
	t.Parallel()
	needTool(t, "ethtool")
	l, s, _, n := greLab(t, 7, 1458)
	far, near := listen(t, s.ns, "far0", nil), listen(t, n, "eth0", nil)
	own := "fa:16:3e:00:00:02"
	odd := func(src, dst string, kind layers.EthernetType, payload []byte) []byte {
		return append(append(append(append([]byte{}, hw(dst)...), hw(src)...), byte(kind>>8), byte(kind)), payload...)
	}
	arp := func(src, target string) []byte {
		return serialize(&layers.Ethernet{SrcMAC: hw(src), DstMAC: hw("ff:ff:ff:ff:ff:ff"), EthernetType: layers.EthernetTypeARP}, &layers.ARP{
			AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1, SourceHwAddress: hw(src),
			SourceProtAddress: net.IPv4(10, 0, 1, 200).To4(), DstHwAddress: make([]byte, 6), DstProtAddress: net.ParseIP(target).To4(),
		})
	}
	payload := []byte("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz")
	for name, c := range map[string]struct{ out, in []byte }{
		"local experimental": {odd(own, speakerMAC, 0x88b5, payload), odd(speakerMAC, own, 0x88b5, payload)},
		"two bytes":          {odd(own, speakerMAC, 0x88b6, payload[:2]), odd(speakerMAC, own, 0x88b6, payload[:2])},
		"LLDP":               {odd(own, "01:80:c2:00:00:0e", 0x88cc, payload), odd(speakerMAC, "01:80:c2:00:00:0e", 0x88cc, payload)},
		"802.3 length":       {odd(own, speakerMAC, 60, payload[:60]), odd(speakerMAC, own, 60, payload[:60])},
		"unknown ARP":        {arp(own, "10.0.1.201"), arp(speakerMAC, "10.0.1.202")},
		"multicast IPv4": {odd(own, "01:00:5e:00:00:fb", 0x0800, multicast4("224.0.0.251")),
			odd(speakerMAC, "01:00:5e:00:00:fb", 0x0800, multicast4("224.0.0.251"))},
	} {
		arrives := func(w *wire, frame []byte) func() bool {
			return func() bool {
				return w.count(func(p gopacket.Packet) bool {
					got := p.Data()
					return len(got) >= len(frame) && hex.EncodeToString(got[:len(frame)]) == hex.EncodeToString(frame)
				}) == 1
			}
		}
		near.send(c.out)
		l.eventually(name+" leaves", arrives(far, c.out))
		far.send(c.in)
		l.eventually(name+" enters", arrives(near, c.in))
	}
	s.check(t)
}

// multicast4 is an IPv4 packet with UDP inside.
func multicast4(dst string) []byte {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 1, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(10, 0, 1, 77).To4(), DstIP: net.ParseIP(dst).To4()}
	udp := &layers.UDP{SrcPort: 5353, DstPort: 5353}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return serialize(ip, udp, gopacket.Payload("what is there?"))
}
