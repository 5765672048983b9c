package radv

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"wisp/internal/nodeapi"
)

func advertisement() nodeapi.Advertisement {
	return nodeapi.Advertisement{
		MAC: "fa:16:3e:00:00:01", Default: true, Other: true, MTU: 1450, DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")},
		Prefixes: []nodeapi.LinkPrefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Autonomous: true}, {Prefix: netip.MustParsePrefix("2001:db8:2::/64")}},
	}
}

// decode reads a frame with a library that knows nothing of this package, and
// checks the checksum by computing it again.
func decode(t *testing.T, frame []byte) (*layers.IPv6, *layers.ICMPv6RouterAdvertisement) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LinkTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatal(e.Error())
	}
	ip, _ := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	icmp, _ := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	ra, _ := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
	if ip == nil || icmp == nil || ra == nil {
		t.Fatalf("no advertisement: %v", p)
	}
	was := icmp.Checksum
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{ComputeChecksums: true}, icmp, gopacket.Payload(icmp.LayerPayload())); err != nil {
		t.Fatal(err)
	}
	if icmp.Checksum != was {
		t.Errorf("the checksum is %x, want %x", was, icmp.Checksum)
	}
	return ip, ra
}

func TestFrame(t *testing.T) {
	t.Parallel()
	frame, err := Frame(advertisement(), false)
	if err != nil {
		t.Fatal(err)
	}
	ip, ra := decode(t, frame)
	if ip.HopLimit != 255 || ip.SrcIP.String() != "fe80::f816:3eff:fe00:1" || ip.DstIP.String() != "ff02::1" {
		t.Errorf("%v", ip)
	}
	if ra.ManagedAddressConfig() || !ra.OtherConfig() || ra.RouterLifetime != lifetimeRouter {
		t.Errorf("%+v", ra)
	}
	options := map[layers.ICMPv6Opt]int{}
	for _, o := range ra.Options {
		options[o.Type]++
		if o.Type == layers.ICMPv6OptMTU && net.IP(o.Data).String() == "" || o.Type == layers.ICMPv6OptMTU && (o.Data[4] != 1450>>8 || o.Data[5] != 1450&255) {
			t.Errorf("MTU %v", o.Data)
		}
	}
	if options[layers.ICMPv6OptPrefixInfo] != 2 || options[layers.ICMPv6OptMTU] != 1 || options[layers.ICMPv6OptSourceAddress] != 1 || options[optionDNS] != 1 {
		t.Errorf("options %v", options)
	}
	over, err := Frame(advertisement(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, ra := decode(t, over); ra.RouterLifetime != 0 {
		t.Errorf("a router that is over has %d seconds", ra.RouterLifetime)
	}
	if _, err := Frame(nodeapi.Advertisement{MAC: "nonsense"}, false); err == nil {
		t.Error("a router without a MAC advertises")
	}
}

// solicit is what a guest sends to find routers.
func solicit() []byte {
	source, destination := netip.MustParseAddr("fe80::2").As16(), netip.MustParseAddr("ff02::2").As16()
	b := append([]byte{0x33, 0x33, 0, 0, 0, 2, 2, 0x57, 0, 0, 0, 9, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, protocolICMPv6, 255}, source[:]...)
	b = append(b, destination[:]...)
	return append(b, routerSolicit, 0, 0, 0, 0, 0, 0, 0)
}

func TestSolicited(t *testing.T) {
	t.Parallel()
	if err := solicited(solicit()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"short":       func(b []byte) []byte { return b[:len(b)-1] },
		"forwarded":   func(b []byte) []byte { b[21] = 64; return b },
		"of IPv4":     func(b []byte) []byte { b[12], b[13] = 8, 0; return b },
		"another one": func(b []byte) []byte { b[54] = routerAdvert; return b },
		"empty":       func([]byte) []byte { return nil },
	} {
		if solicited(change(solicit())) == nil {
			t.Errorf("a frame that is %s counts", name)
		}
	}
}

func FuzzSolicited(f *testing.F) {
	f.Add(solicit())
	f.Fuzz(func(_ *testing.T, b []byte) { _ = solicited(b) })
}

// pipe is the dataplane's side of a connection.
type pipe struct {
	in     chan []byte
	closed chan struct{}
	broken bool

	mu  sync.Mutex
	out []string // port and lifetime
}

func (p *pipe) ReadFrame(buf []byte) (int, string, error) {
	select {
	case b, open := <-p.in:
		if !open {
			return 0, "", io.ErrUnexpectedEOF
		}
		return copy(buf, b), "p1", nil
	case <-p.closed:
		return 0, "", net.ErrClosed
	}
}

func (p *pipe) WriteFrame(port string, frame []byte) error {
	if p.broken {
		return errors.New("no such device")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	says := " there"
	if frame[ethernetHeader+ipv6Header+6]|frame[ethernetHeader+ipv6Header+7] == 0 {
		says = " over"
	}
	p.out = append(p.out, port+says)
	return nil
}

func (p *pipe) Close() error { close(p.closed); return nil }

func (p *pipe) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.out
	p.out = nil
	return out
}

func TestServe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{in: make(chan []byte), closed: make(chan struct{})}
		var mu sync.Mutex
		routers := map[string][]nodeapi.Advertisement{"p1": {advertisement()}}
		s := NewServer(p, func() map[string][]nodeapi.Advertisement {
			mu.Lock()
			defer mu.Unlock()
			copied := map[string][]nodeapi.Advertisement{}
			for port, of := range routers {
				copied[port] = of
			}
			return copied
		}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		changed, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- s.Serve(ctx, changed) }()
		want := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := p.sent(); len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		want("at the start", "p1 there")
		p.in <- solicit()
		want("asked", "p1 there")
		p.in <- []byte("nonsense")
		want("asked for nothing")
		changed <- struct{}{}
		want("something else changed")
		<-time.After(Interval)
		want("unasked", "p1 there")
		mu.Lock()
		delete(routers, "p1")
		mu.Unlock()
		changed <- struct{}{}
		want("the router has gone", "p1 over")
		p.in <- solicit()
		want("asked where no router is")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestServeFails(t *testing.T) {
	t.Parallel()
	p := &pipe{in: make(chan []byte, 1), closed: make(chan struct{}), broken: true}
	s := NewServer(p, func() map[string][]nodeapi.Advertisement {
		return map[string][]nodeapi.Advertisement{"p1": {advertisement()}}
	}, slog.New(slog.DiscardHandler))
	p.in <- solicit() // its answer cannot be written, and that is all
	close(p.in)
	if err := s.Serve(t.Context(), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}
