package dhcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"wisp/internal/nodeapi"
)

type portFrame struct {
	port  string
	frame []byte
}

// pipeConn is the dataplane's side of a connection.
type pipeConn struct {
	in, out chan portFrame
	closed  chan struct{}
	fail    error // of WriteFrame
}

func newPipe() *pipeConn {
	return &pipeConn{in: make(chan portFrame), out: make(chan portFrame, 1), closed: make(chan struct{})}
}

func (c *pipeConn) ReadFrame(buf []byte) (int, string, error) {
	select {
	case f, ok := <-c.in:
		if !ok {
			return 0, "", io.ErrUnexpectedEOF
		}
		return copy(buf, f.frame), f.port, nil
	case <-c.closed:
		return 0, "", net.ErrClosed
	}
}

func (c *pipeConn) WriteFrame(port string, frame []byte) error {
	if c.fail != nil {
		err := c.fail
		c.fail = nil
		return err
	}
	c.out <- portFrame{port, frame}
	return nil
}

func (c *pipeConn) Close() error {
	close(c.closed)
	return nil
}

func clientFrame(m *dhcpv4.DHCPv4) []byte {
	return Frame{
		SrcMAC: guestMAC, DstMAC: net.HardwareAddr{255, 255, 255, 255, 255, 255}, Src: netip.IPv4Unspecified(),
		Dst: netip.MustParseAddr("255.255.255.255"), SrcPort: clientPort, DstPort: serverPort, Payload: m.ToBytes(),
	}.Bytes()
}

func newServer(c Conn) *Server {
	return NewServer(c, func(port string) (nodeapi.Lease, bool) { return lease(), port == "p" }, slog.New(slog.DiscardHandler))
}

func TestServe(t *testing.T) {
	t.Parallel()
	c := newPipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- newServer(c).Serve(ctx) }()

	c.in <- portFrame{"unknown", clientFrame(request(t, dhcpv4.MessageTypeDiscover))}
	c.in <- portFrame{"p", []byte("garbage")}
	c.fail = errors.New("the tap is down") // read by the server's goroutine after the next receive
	c.in <- portFrame{"p", clientFrame(request(t, dhcpv4.MessageTypeDiscover))}
	c.in <- portFrame{"p", clientFrame(request(t, dhcpv4.MessageTypeRequest, wants("10.0.0.5")))}
	got := <-c.out
	packet := gopacket.NewPacket(got.frame, layers.LayerTypeEthernet, gopacket.Default)
	if failure := packet.ErrorLayer(); failure != nil {
		t.Fatal(failure.Error())
	}
	v4 := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if err := packet.Layer(layers.LayerTypeUDP).(*layers.UDP).SetNetworkLayerForChecksum(v4); err != nil {
		t.Fatal(err)
	}
	if err, mismatches := packet.VerifyChecksums(); err != nil || len(mismatches) != 0 {
		t.Errorf("checksums: %v, %v", err, mismatches)
	}
	eth := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if !bytes.Equal(eth.DstMAC, guestMAC) || v4.DstIP.String() != "10.0.0.5" || v4.SrcIP.String() != "10.0.0.2" || got.port != "p" {
		t.Errorf("answer %v to port %s", packet, got.port)
	}
	reply, err := dhcpv4.FromBytes(packet.Layer(layers.LayerTypeUDP).LayerPayload())
	if err != nil || reply.MessageType() != dhcpv4.MessageTypeAck {
		t.Errorf("reply %v, %v", reply, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("serve = %v after the end of its context", err)
	}
}

func TestServeReadFails(t *testing.T) {
	t.Parallel()
	c := newPipe()
	close(c.in)
	if err := newServer(c).Serve(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("serve = %v", err)
	}
	<-c.closed
}

func TestDestination(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   dhcpv4.MessageType
		change []dhcpv4.Modifier
		want   string
	}{
		"offer":                      {dhcpv4.MessageTypeDiscover, nil, "10.0.0.5"},
		"offer to who wants it loud": {dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{dhcpv4.WithBroadcast(true)}, "255.255.255.255"},
		"renewal":                    {dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{has("10.0.0.5")}, "10.0.0.5"},
		"NAK":                        {dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{has("10.0.0.6")}, "255.255.255.255"},
		"inform":                     {dhcpv4.MessageTypeInform, []dhcpv4.Modifier{has("10.0.0.50")}, "10.0.0.50"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered := newServer(nil).answer(t.Context(), "p", clientFrame(request(t, c.kind, c.change...)))
			if answered == nil {
				t.Fatal("no answer")
			}
			f, err := ParseFrame(answered.frame)
			if err != nil || f.Dst.String() != c.want || f.SrcPort != serverPort || f.DstPort != clientPort {
				t.Errorf("answer %+v, %v, want to %s", f, err, c.want)
			}
		})
	}
}

func TestAnswerIsSilent(t *testing.T) {
	t.Parallel()
	good := clientFrame(request(t, dhcpv4.MessageTypeDiscover))
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	for name, b := range map[string][]byte{
		"empty":             {},
		"IPv6":              change(func(b []byte) { b[12], b[13] = 0x86, 0xdd }),
		"version 6 inside":  change(func(b []byte) { b[14] = 0x65 }),
		"short header":      change(func(b []byte) { b[14] = 0x41 }),
		"long header":       change(func(b []byte) { b[14] = 0x4f; b[16], b[17] = 0, 60 }),
		"longer than it is": change(func(b []byte) { b[16], b[17] = 0xff, 0xff }),
		"TCP":               change(func(b []byte) { b[23] = 6 }),
		"a fragment":        change(func(b []byte) { b[20] = 0x20 }),
		"UDP too long":      change(func(b []byte) { b[38], b[39] = 0xff, 0xff }),
		"UDP too short":     change(func(b []byte) { b[38], b[39] = 0, 7 }),
		"other port":        change(func(b []byte) { b[37] = 53 }),
		"from other port":   change(func(b []byte) { b[35] = 67 }),
		"no magic":          change(func(b []byte) { clear(b[42+236 : 42+240]) }),
		"truncated":         good[:60],
		"decline":           clientFrame(request(t, dhcpv4.MessageTypeDecline, wants("10.0.0.5"))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if answer := newServer(nil).answer(t.Context(), "p", b); answer != nil {
				t.Errorf("answered %+v", answer)
			}
		})
	}
}

// Whatever a guest sends: no crash, and an answer is a sound frame to it.
func FuzzAnswer(f *testing.F) {
	f.Add(clientFrame(request(f, dhcpv4.MessageTypeDiscover)))
	f.Add(clientFrame(request(f, dhcpv4.MessageTypeRequest, wants("10.0.0.5"), chose("10.0.0.2"), dhcpv4.WithRequestedOptions(dhcpv4.OptionClasslessStaticRoute))))
	f.Add(clientFrame(request(f, dhcpv4.MessageTypeInform, has("10.0.0.5"))))
	f.Add([]byte{})
	s := newServer(nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		answer := s.answer(t.Context(), "p", b)
		if answer == nil {
			return
		}
		parsed, err := ParseFrame(answer.frame)
		if err != nil {
			t.Fatalf("the answer is no frame: %v", err)
		}
		if _, err := dhcpv4.FromBytes(parsed.Payload); err != nil {
			t.Fatalf("the answer is no DHCP: %v", err)
		}
	})
}
