package dataplane

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// ServiceNetns is the file of the namespace in which the node's own services
// listen: the metadata service at 169.254.169.254. It exists after the first
// Apply.
func (d *Dataplane) ServiceNetns() string { return netlinkx.NetnsPath(d.cfg.Prefix + "svc") }

// ServiceAddr is the address as which a local port's guest appears to
// listeners of ListenService.
func (d *Dataplane) ServiceAddr(portID string) (netip.Addr, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids.find(kindPort, portID)
	if !ok {
		return netip.Addr{}, false
	}
	b := serviceNet.Addr().As4()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])+id))), true
}

// ServiceMAC is the MAC as which a local port's guest appears to
// ServicePacketConn.
func (d *Dataplane) ServiceMAC(portID string) (net.HardwareAddr, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids.find(kindPort, portID)
	if !ok {
		return nil, false
	}
	return serviceMAC(id), true
}

// PortByServiceAddr tells which local port a connection to ListenService
// comes from. No guest can choose that address.
func (d *Dataplane) PortByServiceAddr(a netip.Addr) (portID string, ok bool) {
	a = a.Unmap()
	if !a.Is4() || !serviceNet.Contains(a) {
		return "", false
	}
	b, base := a.As4(), serviceNet.Addr().As4()
	return d.portByID(binary.BigEndian.Uint32(b[:]) - binary.BigEndian.Uint32(base[:]))
}

// PortByServiceMAC tells which local port a frame comes from.
func (d *Dataplane) PortByServiceMAC(m net.HardwareAddr) (portID string, ok bool) {
	if len(m) != 6 || m[0] != 0x02 || m[1] != 0x57 {
		return "", false
	}
	return d.portByID(binary.BigEndian.Uint32(m[2:]))
}

func (d *Dataplane) portByID(id uint32) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.ids.name(kindPort, id)
	return name, name != ""
}

// ListenService listens inside the service namespace; network and addr are
// as for net.Listen. Connections come from the ports' service addresses.
func (d *Dataplane) ListenService(ctx context.Context, network, addr string) (net.Listener, error) {
	var l net.Listener
	err := netlinkx.In(d.ServiceNetns(), func() (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, network, addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening for guests on %s: %w", addr, err)
	}
	return l, nil
}

// ServiceConn sends and receives whole Ethernet frames of guests: DHCP,
// DHCPv6 and router solicitations. Read and write from different goroutines
// as you like.
type ServiceConn struct {
	d *Dataplane
	f *os.File
}

// ServicePacketConn opens the way to guests' frames. Each open ServiceConn
// receives every frame. When Resync had to make the service device anew,
// ReadFrame fails, and the caller opens another.
func (d *Dataplane) ServicePacketConn() (*ServiceConn, error) {
	var f *os.File
	err := netlinkx.In(d.ServiceNetns(), func() error {
		inside, err := net.InterfaceByName(serviceInside)
		if err != nil {
			return err
		}
		all := int(swap16(unix.ETH_P_ALL))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			unix.Close(fd)
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: inside.Index}); err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), "service frames")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("opening service frames: %w", err)
	}
	return &ServiceConn{d: d, f: f}, nil
}

const (
	etherLen  = 14
	ipv4Proto = etherLen + 9
)

// ReadFrame waits for a frame that a port's guest sent to the node and
// copies it into buf; 1514 bytes hold every frame. The source MAC in the
// frame is the port's service MAC.
func (c *ServiceConn) ReadFrame(buf []byte) (n int, portID string, err error) {
	for {
		n, err = c.f.Read(buf)
		if err != nil {
			return 0, "", fmt.Errorf("reading service frame: %w", err)
		}
		if n < etherLen {
			continue
		}
		// Connections to ListenService pass here as well.
		if binary.BigEndian.Uint16(buf[12:]) == unix.ETH_P_IP && n > ipv4Proto && buf[ipv4Proto] == protoTCP {
			continue
		}
		if id, ok := c.d.PortByServiceMAC(buf[6:12]); ok {
			return n, id, nil
		}
	}
}

// WriteFrame sends a whole Ethernet frame to the guest of a local port. The
// guest sees its own MAC as destination, whatever the frame has there, and
// the source MAC as it is in the frame. The frame is changed.
func (c *ServiceConn) WriteFrame(portID string, frame []byte) error {
	mac, ok := c.d.ServiceMAC(portID)
	if !ok {
		return errs.New(errs.NotFound, "port %s is not on this host", portID)
	}
	if len(frame) < etherLen {
		return errs.New(errs.Invalid, "a frame of %d bytes has no Ethernet header", len(frame))
	}
	copy(frame, mac)
	if _, err := c.f.Write(frame); err != nil {
		return fmt.Errorf("writing service frame: %w", err)
	}
	return nil
}

// SetReadDeadline bounds how long ReadFrame waits; the zero time is for ever.
func (c *ServiceConn) SetReadDeadline(t time.Time) error { return c.f.SetReadDeadline(t) }

// Close ends all waiting ReadFrames.
func (c *ServiceConn) Close() error { return c.f.Close() }
