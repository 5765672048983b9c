package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"wisp/internal/nodeapi"
)

// Conn carries whole Ethernet frames between guests and this host. Which
// port a frame came from is the kernel's word, not the frame's.
type Conn interface {
	ReadFrame(buf []byte) (n int, portID string, err error)
	WriteFrame(portID string, frame []byte) error
	Close() error
}

// Lookup returns what a port is told; false for a port without DHCP.
type Lookup func(portID string) (nodeapi.Lease, bool)

// Server answers on a connection.
type Server struct {
	conn   Conn
	lookup Lookup
	log    *slog.Logger

	// Answered, when set, is told of every address that was offered or, with
	// final, given.
	Answered func(portID string, address netip.Addr, final bool, lease nodeapi.Lease)
}

// NewServer returns a server for Serve; it closes conn at the end.
func NewServer(conn Conn, lookup Lookup, log *slog.Logger) *Server {
	return &Server{conn: conn, lookup: lookup, log: log}
}

// maxFrame is more than the largest packet that a tap takes.
const maxFrame = 64<<10 + ethernetHeader

// serverMAC is the sender of the answers: the dataplane's own address on
// every link. serverAddress is its link-local address.
var (
	serverMAC     = net.HardwareAddr{0x02, 0x57, 0, 0, 0, 0}
	serverAddress = netip.MustParseAddr("fe80::57:ff:fe00:0")
)

// Serve answers until ctx ends, which is no error, or reading fails.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // wakes ReadFrame
	defer func() {
		if stop() {
			_ = s.conn.Close()
		}
	}()
	buf := make([]byte, maxFrame)
	for {
		n, port, err := s.conn.ReadFrame(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading from the guests: %w", err)
		}
		answer := s.answer(ctx, port, buf[:n])
		if answer == nil {
			continue
		}
		if err := s.conn.WriteFrame(port, answer.frame); err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.WarnContext(ctx, "answering DHCP failed", "port", port, "error", err)
			}
			continue
		}
		if s.Answered != nil && answer.address.IsValid() {
			s.Answered(port, answer.address, answer.final, answer.lease)
		}
	}
}

// answer is what a port is told.
type answer struct {
	frame   []byte
	address netip.Addr // invalid when it gives none
	final   bool       // the guest has the address now
	lease   nodeapi.Lease
}

// answer returns the answer to a frame from a port, or nil.
func (s *Server) answer(ctx context.Context, port string, b []byte) *answer {
	in, err := ParseFrame(b)
	if err != nil {
		return nil
	}
	six := in.Src.Is6() && in.DstPort == serverPort6 && in.SrcPort == clientPort6
	if !six && (!in.Src.Is4() || in.DstPort != serverPort || in.SrcPort != clientPort) {
		return nil
	}
	lease, known := s.lookup(port)
	if !known {
		return nil
	}
	if six {
		return s.answer6(ctx, port, in, lease)
	}
	request, err := dhcpv4.FromBytes(in.Payload)
	if err != nil {
		s.log.DebugContext(ctx, "a guest sent no DHCP", "port", port, "error", err)
		return nil
	}
	if request.MessageType() == dhcpv4.MessageTypeDecline {
		s.log.WarnContext(ctx, "a guest declined its address: something else on its network answers for it", "port", port, "address", lease.Address)
	}
	reply := Answer(request, lease)
	if reply == nil {
		return nil
	}
	s.log.DebugContext(ctx, "DHCP", "port", port, "asked", request.MessageType(), "answered", reply.MessageType(), "address", lease.Address)
	frame := Frame{
		SrcMAC: serverMAC, DstMAC: request.ClientHWAddr, Src: lease.Server, Dst: destination(request, reply),
		SrcPort: serverPort, DstPort: clientPort, Payload: reply.ToBytes(),
	}.Bytes()
	out := &answer{frame: frame, lease: lease, final: reply.MessageType() == dhcpv4.MessageTypeAck}
	if reply.MessageType() != dhcpv4.MessageTypeNak {
		out.address = lease.Address.Addr()
	}
	return out
}

// answer6 is answer over IPv6.
func (s *Server) answer6(ctx context.Context, port string, in Frame, lease nodeapi.Lease) *answer {
	request, err := dhcpv6.MessageFromBytes(in.Payload)
	if err != nil {
		s.log.DebugContext(ctx, "a guest sent no DHCPv6", "port", port, "error", err)
		return nil
	}
	if request.MessageType == dhcpv6.MessageTypeDecline {
		s.log.WarnContext(ctx, "a guest declined its IPv6 address: something else on its network answers for it", "port", port)
	}
	reply := Answer6(request, lease)
	if reply == nil {
		return nil
	}
	s.log.DebugContext(ctx, "DHCPv6", "port", port, "asked", request.MessageType, "answered", reply.MessageType)
	frame := Frame{
		SrcMAC: serverMAC, DstMAC: in.SrcMAC, Src: serverAddress, Dst: in.Src, SrcPort: serverPort6, DstPort: clientPort6, Payload: reply.ToBytes(),
	}.Bytes()
	out := &answer{frame: frame, lease: lease, final: reply.MessageType == dhcpv6.MessageTypeReply}
	if ia := reply.Options.OneIANA(); ia != nil && ia.Options.OneAddress() != nil {
		out.address = lease.IPv6.Address
	}
	return out
}

// destination is where an answer goes, RFC 2131 4.1.
func destination(request, reply *dhcpv4.DHCPv4) netip.Addr {
	everyone := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	switch current := addr(request.ClientIPAddr); {
	case reply.MessageType() == dhcpv4.MessageTypeNak:
		return everyone
	case !current.IsUnspecified():
		return current
	case request.IsBroadcast():
		return everyone
	}
	return addr(reply.YourIPAddr)
}
