package node

import (
	"context"
	"net"
	"net/netip"
	"os"

	"wisp/internal/dataplane"
	"wisp/internal/dataplane/intent"
	"wisp/internal/dhcp"
)

// Dataplane is what the node needs of the host's network.
type Dataplane interface {
	// Apply makes the network so, and tells what could not be.
	Apply(ctx context.Context, state intent.State) (dataplane.Report, error)
	// Resync compares the last state that was applied with the kernel.
	Resync(ctx context.Context) (dataplane.Report, error)
	// OpenTap opens the device of a local port.
	OpenTap(portID string) (*os.File, error)
	// Traffic counts a local port's packets, as its guest sees them.
	Traffic(portID string) (dataplane.Traffic, error)
	// Meters are what labels have counted.
	Meters() ([]dataplane.Metered, error)
	// PortByServiceAddr tells which port a connection to a service of the
	// node comes from.
	PortByServiceAddr(a netip.Addr) (portID string, ok bool)
	// ListenService listens where the guests' connections to the node come.
	ListenService(ctx context.Context, network, address string) (net.Listener, error)
	// Trace follows a packet from a local port, and sends nothing.
	Trace(ctx context.Context, portID string, probe dataplane.Probe) ([]dataplane.Step, error)
	// Frames opens the way of the guests' frames to the node.
	Frames() (dhcp.Conn, error)
}

// KernelDataplane is the eBPF dataplane as the node uses it.
type KernelDataplane struct{ *dataplane.Dataplane }

var _ Dataplane = KernelDataplane{}

// Frames implements Dataplane.
func (d KernelDataplane) Frames() (dhcp.Conn, error) { return d.ServicePacketConn() }
