package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"wisp/internal/dataplane"
	"wisp/internal/doctor"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/hypervisor/qemu"
	"wisp/internal/join"
	"wisp/internal/node"
	"wisp/internal/nodeapi"
	"wisp/internal/server"
	"wisp/internal/underlay"
)

// noTunnel is the --tunnel of a host without tunnels.
const noTunnel = "none"

// choice is the operator's of this host's networks.
func (s *settings) choice() underlay.Choice {
	c := underlay.Choice{Management: s.Management, MTU: s.MTU, Default: s.defaultAddress()}
	if s.Role == roleServer {
		c.MTU = 0
		return c
	}
	c.Physical = map[string]string{}
	for name, device := range s.Physical {
		if device != "" {
			c.Physical[name] = device
		}
	}
	if s.Role == "" && s.PublicInterface != "" {
		c.Physical[publicNetwork] = s.PublicInterface
	}
	c.Tunnel = s.Tunnel
	if address := s.address(); c.Tunnel == "" && (s.Role == roleNode || s.NodeListen != "") && address.Is4() && !address.IsLoopback() && !address.IsUnspecified() {
		c.Tunnel = address.String()
	}
	if c.Tunnel == noTunnel {
		c.Tunnel = ""
	}
	if c.MTU == 0 {
		c.MTU = server.DefaultMTU
	}
	return c
}

// underlay is what this host stands on, as it is now.
func (s *settings) underlay() (underlay.Underlay, error) {
	u, err := underlay.Resolve(s.choice())
	if err != nil {
		return u, fmt.Errorf("this machine's networks are not as the settings say:\n%w", err)
	}
	return u, nil
}

// address is where the other machines of the cloud reach this one.
func (s *settings) address() netip.Addr {
	c := underlay.Choice{Management: s.Management, Default: s.defaultAddress()}
	if u, err := underlay.Resolve(c); err == nil {
		return u.Management
	}
	return c.Default
}

// defaultAddress is that where none was chosen: a node's on the way to its
// server, a server's own at its listener.
func (s *settings) defaultAddress() netip.Addr {
	if s.Role == roleNode {
		for _, text := range s.Servers {
			if at, err := url.Parse(text); err == nil {
				if own, ok := ownAddressTo(at.Host); ok {
					return own
				}
			}
		}
	}
	ip, err := netip.ParseAddr(s.publicHost())
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return ip
}

// ownAddressTo is this machine's address on the way to another, host:port.
// Nothing is sent.
func ownAddressTo(to string) (netip.Addr, bool) {
	conn, err := (&net.Dialer{Timeout: join.DialTimeout}).DialContext(context.Background(), "udp", to)
	if err != nil {
		return netip.Addr{}, false
	}
	defer func() { _ = conn.Close() }()
	own, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return own.Addr().Unmap(), err == nil
}

// runNode is a node until ctx ends.
func (s *settings) runNode(ctx context.Context, under underlay.Underlay, client nodeapi.ClientConfig, log *slog.Logger) error {
	devices := maps.Clone(under.Physical)
	if s.Role == "" && s.PublicInterface == "" {
		if err := s.physical().Ensure(); err != nil {
			return fmt.Errorf("make the physical network %s: %w", publicNetwork, err)
		}
		devices[publicNetwork] = s.physical().Device()
	}
	config := s.dataplane(devices, log)
	config.TunnelAddress = under.Tunnel
	plane, err := dataplane.Open(ctx, config)
	if err != nil {
		return fmt.Errorf("open the dataplane: %w", err)
	}
	driver, err := s.driver(log)
	if err != nil {
		return errors.Join(fmt.Errorf("open the hypervisor: %w", err), plane.Close())
	}
	var api netip.Addr
	if s.Role == "" {
		api = s.defaultAddress() // that of the listener
	}
	agent, err := node.New(node.Config{
		Host: s.Host, StateDir: s.path("node"), Version: buildVersion(), Address: under.Management, Endpoint: under.Tunnel, API: api,
		Physical: slices.Sorted(maps.Keys(devices)), Mappings: devices, Examine: s.examine(driver),
		Server:    client,
		Driver:    driver,
		Dataplane: node.KernelDataplane{Dataplane: plane},
		Log:       log,
	})
	if err == nil {
		err = agent.Run(ctx)
	}
	return errors.Join(err, driver.Close(), plane.Close())
}

// runApart is a node that speaks to servers elsewhere, until ctx ends.
func (s *settings) runApart(ctx context.Context, log *slog.Logger) error {
	credential, err := join.Open(s.path("tls"))
	if err != nil {
		return err
	}
	if host := credential.Host(); host != s.Host {
		return fmt.Errorf("the certificate is for host %s, and the settings are for %s; join again", host, s.Host)
	}
	lock, err := s.claim()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	under, err := s.underlay()
	if err != nil {
		return err
	}
	renewed := make(chan struct{}, 1)
	client := nodeapi.ClientConfig{
		URL: s.Servers[0], Others: s.Servers[1:], TLS: credential.TLS(), Usable: credential.Usable, Renewed: renewed, Log: log,
		Notify: func(status nodeapi.Status) {
			if err := s.tell(status); err != nil {
				log.WarnContext(ctx, "the node's status could not be written", "error", err)
			}
		},
	}
	log.InfoContext(ctx, "the node starts", "host", s.Host, "servers", s.Servers, "management", under.Management, "tunnel", under.Tunnel, "physical", under.Physical,
		"certificate_expires", credential.Expires())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		credential.Keep(ctx, s.Servers, func() {
			select {
			case renewed <- struct{}{}:
			default:
			}
		}, log)
	}()
	err = s.runNode(ctx, under, client, log)
	cancel()
	<-kept
	return err
}

const statusFile = "node-status.json"

// tell writes how the node is doing, for `wisp status`.
func (s *settings) tell(status nodeapi.Status) error {
	content, err := json.Marshal(status)
	if err != nil {
		return err
	}
	return replace(s.path(statusFile), append(content, '\n'), 0o600)
}

// told is how the node of the state directory was doing last.
func (s *settings) told() (status nodeapi.Status, err error) {
	content, err := os.ReadFile(s.path(statusFile))
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(content, &status)
}

// examine looks at this machine while its cloud runs. How machines run was
// found when the driver was opened, and is not tried again.
func (s *settings) examine(driver hypervisor.Driver) func(context.Context) []nodeapi.Finding {
	config := s.doctor(true)
	config.Accelerator = func(ctx context.Context) (name, reason string) {
		capabilities, err := driver.Capabilities(ctx)
		if err != nil {
			return "tcg", publicMessage(err)
		}
		return capabilities.Accelerator, capabilities.AcceleratorReason
	}
	return func(ctx context.Context) []nodeapi.Finding {
		var findings []nodeapi.Finding
		for _, f := range doctor.Examine(ctx, config) {
			findings = append(findings, nodeapi.Finding{Check: f.Check, Level: strings.ToLower(f.Level.String()), Detail: f.Detail, Breaks: f.Breaks, Mend: f.Mend})
		}
		return findings
	}
}

func (s *settings) dataplane(physical map[string]string, log *slog.Logger) dataplane.Config {
	return dataplane.Config{Prefix: s.prefix(), PinDir: s.pinDir(), PhysicalNetworks: physical, Log: log}
}

// The hypervisors. The fake one runs nothing; it is for measuring the rest.
const (
	hypervisorQEMU = "qemu"
	hypervisorFake = "fake"

	// fakeSnapshot is how long the fake one copies a disk: nothing that real
	// ones do in an instant may seem to be so.
	fakeSnapshot = 2 * time.Second
)

func (s *settings) driver(log *slog.Logger) (hypervisor.Driver, error) {
	if s.Hypervisor == hypervisorFake {
		return fake.NewHost(fake.Options{SnapshotTime: fakeSnapshot}).Driver(), nil
	}
	return qemu.New(qemu.Config{StateDir: s.path("node"), Accelerator: qemu.Accelerator(s.Accelerator)}, log)
}

// detectAccelerator tells how instances will run, and why.
func (s *settings) detectAccelerator(ctx context.Context) (name, reason string) {
	dir, err := os.MkdirTemp("", "wisp-detect-")
	if err != nil {
		return "tcg", err.Error()
	}
	defer func() { _ = os.RemoveAll(dir) }()
	driver, err := qemu.New(qemu.Config{StateDir: dir, Accelerator: qemu.Accelerator(s.Accelerator), NoCgroups: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return "tcg", err.Error()
	}
	defer func() { _ = driver.Close() }()
	capabilities, err := driver.Capabilities(ctx)
	if err != nil {
		return "tcg", publicMessage(err)
	}
	return capabilities.Accelerator, capabilities.AcceleratorReason
}

// ago is a time in people's units.
func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }
