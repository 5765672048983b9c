package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/netlinkx"
	"wisp/internal/underlay"
)

// Node is what a node whose servers are elsewhere needs besides.
type Node struct {
	Servers    []string // URLs of their node API
	Credential *join.Credential
	// Underlay looks at the host's networks.
	Underlay func() (underlay.Underlay, error)
	// TunnelDevice is the name of this cloud's own VXLAN device.
	TunnelDevice string
}

const (
	tunnelPort  = 4789 // RFC 7348
	skewWarning = 30 * time.Second
	soon        = 3 * 24 * time.Hour
)

func checkUnderlay(_ context.Context, c Config) []Finding {
	const name = "networks of this host"
	u, err := c.Node.Underlay()
	if err != nil {
		return []Finding{{name, Fatal, strings.ReplaceAll(err.Error(), "\n", " "), "the node does not start", "do what it says, or join again with other networks"}}
	}
	tunnel := "no tunnels"
	if u.Tunnel.IsValid() {
		tunnel = fmt.Sprintf("tunnels at %s (%s, %d bytes)", u.Tunnel, u.TunnelDevice, u.TunnelMTU)
	}
	physical := "no physical networks"
	var carried []string
	for network, device := range u.Physical {
		carried = append(carried, network+" on "+device)
	}
	if slices.Sort(carried); len(carried) > 0 {
		physical = strings.Join(carried, ", ")
	}
	return ok(name, "managed at %s; %s; %s", u.Management, tunnel, physical)
}

// checkTunnelPort tries whether the port of tunnels can be had. The kernel
// itself holds it for a VXLAN device.
func checkTunnelPort(ctx context.Context, c Config) []Finding {
	const name = "tunnel port"
	u, err := c.Node.Underlay()
	if err != nil || !u.Tunnel.IsValid() {
		return nil // said already, or not needed
	}
	if h, err := netlinkx.Open(); err == nil {
		defer h.Close()
		if _, err := h.Link(c.Node.TunnelDevice); err == nil {
			return ok(name, "UDP port %d is this node's own", tunnelPort)
		}
	}
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", fmt.Sprintf("%s:%d", u.Tunnel, tunnelPort))
	switch {
	case err == nil:
		_ = conn.Close()
		return ok(name, "UDP port %d is free", tunnelPort)
	case errors.Is(err, unix.EADDRINUSE):
		return []Finding{{name, Fatal, fmt.Sprintf("UDP port %d is in use by another program or VXLAN device", tunnelPort), "traffic to instances on other hosts",
			fmt.Sprintf("ss -lunp 'sport = :%d' and ip -d link show type vxlan show which", tunnelPort)}}
	}
	return []Finding{{name, Warning, err.Error(), "traffic to instances on other hosts", ""}}
}

func checkCertificate(_ context.Context, c Config) []Finding {
	const name, breaks = "node certificate", "the cloud does not hear of this node, and changes nothing on it; instances go on"
	credential := c.Node.Credential
	if credential == nil {
		if !c.Running {
			return nil // about to join
		}
		return []Finding{{name, Fatal, "there is none", breaks, "join again: wisp node join"}}
	}
	if err := credential.Usable(); err != nil {
		return []Finding{{name, Fatal, err.Error(), breaks, "join again: wisp node join, with a new token"}}
	}
	left := time.Until(credential.Expires()).Round(time.Minute)
	text := fmt.Sprintf("for host %s, holds until %s", credential.Host(), credential.Expires().Format("2006-01-02 15:04 MST"))
	if left < soon && credential.Due(time.Now()) {
		return []Finding{{name, Warning, fmt.Sprintf("%s, %s from now, and was not renewed", text, left), breaks, "see that a server can be reached, and its log"}}
	}
	return ok(name, "%s", text)
}

// checkServers asks each server for this node's standing, and compares clocks.
func checkServers(ctx context.Context, c Config) []Finding {
	const name, breaks = "servers", "the cloud does not hear of this node, and changes nothing on it; instances go on"
	n := c.Node
	if n.Credential == nil || n.Credential.Usable() != nil {
		return nil
	}
	results := make([][]Finding, len(n.Servers))
	reached := make([]bool, len(n.Servers))
	var wg sync.WaitGroup
	for i, server := range n.Servers {
		wg.Go(func() {
			began := time.Now()
			standing, err := n.Credential.Standing(ctx, []string{server})
			took := time.Since(began)
			switch {
			case errs.Is(err, errs.Forbidden):
				results[i] = []Finding{{name, Fatal, fmt.Sprintf("%s does not take this node: %v", server, err), breaks, "join again: wisp node join, with a new token"}}
			case err != nil:
				results[i] = []Finding{{name, Warning, err.Error(), "the other servers have more to do", "see that it runs, and that no firewall is between"}}
			default:
				reached[i] = true
				results[i] = append(ok(name, "%s (%s) answers after %s", server, standing.Server, took.Round(time.Millisecond)), skew(standing, began.Add(took/2))...)
				results[i] = append(results[i], n.fits(standing)...)
			}
		})
	}
	wg.Wait()
	findings := slices.Concat(results...)
	if !slices.Contains(reached, true) {
		for i := range findings {
			findings[i].Level, findings[i].Breaks = Fatal, breaks
		}
	}
	return findings
}

// skew compares a server's clock with this machine's at the moment of its answer.
func skew(standing join.Standing, here time.Time) []Finding {
	off := here.Sub(standing.Now)
	if off.Abs() <= skewWarning {
		return nil
	}
	return []Finding{{"clock", Warning, fmt.Sprintf("it is %s off that of %s", off.Round(time.Second), standing.Server), "certificates may count as expired, and events have wrong times",
		"keep clocks right on all machines: apt-get install systemd-timesyncd"}}
}

// fits compares what the cloud counts on between tunnels' ends.
func (n *Node) fits(standing join.Standing) []Finding {
	u, err := n.Underlay()
	if err != nil || !u.Tunnel.IsValid() || u.TunnelMTU >= standing.MTU {
		return nil
	}
	return []Finding{{"tunnel MTU", Warning, fmt.Sprintf("%s carries packets of %d bytes, and %s counts on %d", u.TunnelDevice, u.TunnelMTU, standing.Server, standing.MTU),
		"large packets to instances on other hosts", fmt.Sprintf("ip link set %s mtu %d, also in the switches between, or start the servers with --mtu %d", u.TunnelDevice, standing.MTU, u.TunnelMTU)}}
}
