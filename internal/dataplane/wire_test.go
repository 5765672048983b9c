package dataplane_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"wisp/internal/netlinkx"
)

// wire is a packet socket on a device: it keeps all that comes in there, and
// writes frames as they are.
type wire struct {
	t    testing.TB
	fd   int
	file *os.File
	mac  net.HardwareAddr

	mu   sync.Mutex
	seen [][]byte
	each func(frame []byte) // called for each frame, before it is kept
}

const allProtocols = 0x0300 // ETH_P_ALL in network order

// listen opens a wire on a device of a namespace. each may be nil.
func listen(t testing.TB, ns, device string, each func(frame []byte)) *wire {
	t.Helper()
	w := &wire{t: t, each: each}
	err := netlinkx.In(netlinkx.NetnsPath(ns), func() error {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		w.mac = link.HardwareAddr
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		_ = unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
		if err := unix.SetsockoptInt(w.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return err
		}
		return unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: link.Index})
	})
	if err != nil {
		t.Fatalf("listening on %s in %s: %v", device, ns, err)
	}
	w.file = os.NewFile(uintptr(w.fd), "wire")
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<17)
		for {
			n, err := w.file.Read(buf)
			if errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return
			}
			if w.each != nil {
				w.each(buf[:n])
			}
			w.mu.Lock()
			if len(w.seen) < 20000 {
				w.seen = append(w.seen, append([]byte(nil), buf[:min(n, 256)]...))
			}
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		w.file.Close()
		<-done
	})
	return w
}

func (w *wire) send(frame []byte) {
	w.t.Helper()
	if _, err := w.file.Write(frame); err != nil {
		w.t.Errorf("writing %d bytes: %v", len(frame), err)
	}
}

// frames are those that came in so far, and pass.
func (w *wire) frames(pass func(gopacket.Packet) bool) []gopacket.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []gopacket.Packet
	for _, f := range w.seen {
		if p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default); pass(p) {
			out = append(out, p)
		}
	}
	return out
}

func (w *wire) count(pass func(gopacket.Packet) bool) int { return len(w.frames(pass)) }

// tunnelled tells a frame in VXLAN or GRE.
func tunnelled(p gopacket.Packet) bool {
	return p.Layer(layers.LayerTypeVXLAN) != nil || p.Layer(layers.LayerTypeGRE) != nil
}

// segment is the VNI or key of a frame in a tunnel; 0 is none.
func segment(p gopacket.Packet) uint32 {
	if vx, ok := p.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN); ok {
		return vx.VNI
	}
	if gre, ok := p.Layer(layers.LayerTypeGRE).(*layers.GRE); ok {
		return gre.Key
	}
	return 0
}

// inner is the frame inside of one in a tunnel.
func inner(p gopacket.Packet) gopacket.Packet {
	var body []byte
	if l := p.Layer(layers.LayerTypeVXLAN); l != nil {
		body = l.LayerPayload()
	} else if l := p.Layer(layers.LayerTypeGRE); l != nil {
		body = l.LayerPayload()
	}
	return gopacket.NewPacket(body, layers.LayerTypeEthernet, gopacket.Default)
}

// arpRequest tells a question of ARP in a tunnel.
func arpRequest(p gopacket.Packet) bool {
	if !tunnelled(p) {
		return false
	}
	arp, ok := inner(p).Layer(layers.LayerTypeARP).(*layers.ARP)
	return ok && arp.Operation == layers.ARPRequest
}

// solicitation tells a neighbour solicitation in a tunnel.
func solicitation(p gopacket.Packet) bool {
	return tunnelled(p) && inner(p).Layer(layers.LayerTypeICMPv6NeighborSolicitation) != nil
}

func hw(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

func serialize(all ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// greFrame is a frame of a network as RFC 2784 and 2890 put it on the wire.
func greFrame(src, dst net.HardwareAddr, from, to string, key uint32, payload []byte, change ...func(*layers.IPv4, *layers.GRE)) []byte {
	ip := &layers.IPv4{
		Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolGRE, Flags: layers.IPv4DontFragment,
		SrcIP: net.ParseIP(from).To4(), DstIP: net.ParseIP(to).To4(),
	}
	gre := &layers.GRE{Protocol: layers.EthernetTypeTransparentEthernetBridging, KeyPresent: true, Key: key}
	for _, f := range change {
		f(ip, gre)
	}
	return serialize(&layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}, ip, gre, gopacket.Payload(payload))
}

// checkGRE tells what is wrong with a frame in GRE; empty when nothing is.
func checkGRE(frame []byte, src, dst net.HardwareAddr, from, to string, key uint32) string {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	e, _ := p.LinkLayer().(*layers.Ethernet)
	ip, _ := p.NetworkLayer().(*layers.IPv4)
	gre, _ := p.Layer(layers.LayerTypeGRE).(*layers.GRE)
	if e == nil || ip == nil || gre == nil {
		return fmt.Sprintf("no GRE: %x", frame[:min(len(frame), 64)])
	}
	var wrong []string
	expect := func(what string, ok bool) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	expect("outer MACs "+e.SrcMAC.String()+" "+e.DstMAC.String(), e.SrcMAC.String() == src.String() && e.DstMAC.String() == dst.String())
	expect("outer type", e.EthernetType == layers.EthernetTypeIPv4)
	expect("outer addresses", ip.SrcIP.String() == from && ip.DstIP.String() == to)
	expect("outer header", ip.IHL == 5 && ip.TTL == 64 && ip.TOS == 0 && ip.Flags == layers.IPv4DontFragment && ip.FragOffset == 0)
	expect("outer length", int(ip.Length) == len(frame)-14)
	expect("outer checksum", sum16(frame[14:34]) == 0xffff)
	expect("key", gre.KeyPresent && gre.Key == key)
	expect("other parts of GRE", !gre.ChecksumPresent && !gre.RoutingPresent && !gre.SeqPresent && !gre.AckPresent && gre.Version == 0)
	expect("protocol", gre.Protocol == layers.EthernetTypeTransparentEthernetBridging)
	return strings.Join(wrong, ", ")
}

// sum16 is the ones' complement sum of RFC 1071; ffff over a right header.
func sum16(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
