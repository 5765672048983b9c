package dataplane

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"wisp/internal/dataplane/intent"
)

// Config says where a dataplane lives. Two dataplanes on one machine differ
// in Prefix and PinDir.
type Config struct {
	// Prefix begins the names of all devices and namespaces, 1 to 5 bytes.
	Prefix string
	// PinDir is a folder below a BPF file system; it is made when missing,
	// and /sys/fs/bpf is mounted when it is not.
	PinDir string
	// Netns is the file of the network namespace that is "the host"; empty
	// is the process's own.
	Netns string
	// PhysicalNetworks maps the names of physical networks to interfaces.
	PhysicalNetworks map[string]string
	// TunnelAddress is this host's end of tunnels; invalid means no tunnels.
	TunnelAddress netip.Addr
	// TunnelPort is the UDP port of VXLAN; 0 means 4789.
	TunnelPort uint16
	// OwnerUID and OwnerGID may open the taps; both 0 means root only.
	OwnerUID, OwnerGID int
	// ConntrackEntries bounds each table of connections; 0 means 262144.
	ConntrackEntries uint32
	// Log receives what Apply mends and refuses.
	Log *slog.Logger
}

// Report says what Apply did. Refused maps the id of an object to why it, or
// a part of it, could not be made; all others were made.
type Report struct {
	Changed int              // entries and devices written or removed because the state changed
	Drift   int              // entries and devices that were not as left, and were mended
	Refused map[string]error // by object id
}

// DeviceName is the name of a local port's device.
func (d *Dataplane) DeviceName(portID string) string { return intent.DeviceName(d.cfg.Prefix, portID) }

type Dataplane struct{ cfg Config }

func Open(ctx context.Context, cfg Config) (*Dataplane, error)                     { panic("x") }
func (d *Dataplane) Apply(ctx context.Context, state intent.State) (Report, error) { panic("x") }
func (d *Dataplane) Resync(ctx context.Context) (Report, error)                    { panic("x") }
func (d *Dataplane) Close() error                                                  { panic("x") }
func (d *Dataplane) Purge(ctx context.Context) error                               { panic("x") }
func (d *Dataplane) OpenTap(portID string) (*os.File, error)                       { panic("x") }
func (d *Dataplane) Counters() ([]PortCounters, error)                             { panic("x") }
func (d *Dataplane) ServiceNetns() string                                          { panic("x") }
func (d *Dataplane) ServiceAddr(portID string) (netip.Addr, bool)                  { panic("x") }
func (d *Dataplane) ServiceMAC(portID string) (net.HardwareAddr, bool)             { panic("x") }
func (d *Dataplane) PortByServiceAddr(a netip.Addr) (string, bool)                 { panic("x") }
func (d *Dataplane) PortByServiceMAC(m net.HardwareAddr) (string, bool)            { panic("x") }
func (d *Dataplane) ListenService(ctx context.Context, network, addr string) (net.Listener, error) {
	panic("x")
}
func (d *Dataplane) ServicePacketConn() (*ServiceConn, error) { panic("x") }

// PortCounters are what one port's packets met.
type PortCounters struct {
	PortID string
	Counts map[string]Count // by verdict: "rx", "tx" or the reason of a drop
}

type Count struct{ Packets, Bytes uint64 }

// ServiceConn sends and receives whole Ethernet frames of ports.
type ServiceConn struct{}

// ReadFrame waits for a frame that a port's guest sent to the node.
func (c *ServiceConn) ReadFrame(buf []byte) (n int, portID string, err error) { panic("x") }

// WriteFrame sends a frame to a port's guest. The destination address in it is replaced.
func (c *ServiceConn) WriteFrame(portID string, frame []byte) error { panic("x") }
func (c *ServiceConn) Close() error                                 { panic("x") }
