package dataplane

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

const (
	defaultTunnelPort = 4789 // RFC 7348
	tunnelMTU         = 65000
	serviceMTU        = 1500
	serviceInside     = "svc"
	kindTun           = "tuntap"
)

// metadataAddress is where guests look for the metadata service.
var metadataAddress = netip.AddrFrom4([4]byte{169, 254, 169, 254})

// serviceNet holds one address per port at the service end, RFC 2544.
var serviceNet = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, 0}), 15)

// devices makes and finds the network devices of one dataplane. All of it
// runs in the host's namespace.
type devices struct {
	cfg   Config
	nl    *netlinkx.Handle
	known map[string]netlinkx.Link // by name, as last seen
	// carries is what tunnelRoom told last.
	carries int
}

func (d *devices) tunnelName() string  { return d.cfg.Prefix + "vx" }
func (d *devices) serviceName() string { return d.cfg.Prefix + "svc0" }
func (d *devices) netnsName() string   { return d.cfg.Prefix + "svc" }

// refresh reads all devices.
func (d *devices) refresh() error {
	links, err := d.nl.Links()
	if err != nil {
		return err
	}
	d.known = make(map[string]netlinkx.Link, len(links))
	for _, l := range links {
		d.known[l.Name] = l
	}
	return nil
}

// get is a device by name, from memory when it is there.
func (d *devices) get(name string) (netlinkx.Link, error) {
	if l, ok := d.known[name]; ok {
		return l, nil
	}
	l, err := d.nl.Link(name)
	if err == nil {
		d.known[name] = l
	}
	return l, err
}

// quiet keeps the host's own stack off a device. Without IPv6 there is
// nothing to keep off.
func (d *devices) quiet(name string) error {
	path := filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6")
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("turning off IPv6 on %s: %w", name, err)
	}
	return nil
}

// port makes sure of a local port's device. A device which is there under
// the name is used as it is found.
func (d *devices) port(name string, mtu int) (l netlinkx.Link, made bool, err error) {
	l, err = d.get(name)
	if errs.Is(err, errs.NotFound) {
		if err := makeTap(name, d.cfg.OwnerUID, d.cfg.OwnerGID); err != nil {
			return l, false, err
		}
		made = true
		l, err = d.get(name)
	}
	if err != nil {
		return l, made, err
	}
	if mtu > 0 && l.MTU != mtu {
		if err := d.nl.SetMTU(l.Index, mtu); err != nil {
			return l, made, err
		}
		l.MTU, made = mtu, true
	}
	if !l.Up {
		if err := d.quiet(name); err != nil {
			return l, made, err
		}
		if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil {
			if err := d.nl.SetNoLinkLocal(l.Index); err != nil {
				return l, made, err
			}
		}
		if err := d.nl.SetUp(l.Index); err != nil {
			return l, made, err
		}
		l.Up, made = true, true
	}
	d.known[name] = l
	return l, made, nil
}

// tunnel makes sure of the tunnel device; index 0 when there are no tunnels.
func (d *devices) tunnel() (l netlinkx.Link, made bool, err error) {
	if !d.cfg.TunnelAddress.IsValid() {
		return l, false, nil
	}
	l, err = d.get(d.tunnelName())
	if errs.Is(err, errs.NotFound) {
		if err := d.nl.AddVXLAN(d.tunnelName(), d.cfg.TunnelAddress, d.cfg.tunnelPort(), tunnelMTU); err != nil {
			return l, false, err
		}
		made = true
		l, err = d.get(d.tunnelName())
	}
	if err != nil || l.Up {
		return l, made, err
	}
	return l, true, d.up(l)
}

func (d *devices) up(l netlinkx.Link) error {
	if err := d.quiet(l.Name); err != nil {
		return err
	}
	if err := d.nl.SetUp(l.Index); err != nil {
		return err
	}
	l.Up = true
	d.known[l.Name] = l
	return nil
}

// service makes sure of the namespace of the node's own services and of the
// pair of devices that joins it.
func (d *devices) service() (l netlinkx.Link, made bool, err error) {
	name := d.netnsName()
	if err := netlinkx.EnsureNetns(name); err != nil {
		return l, false, err
	}
	l, err = d.get(d.serviceName())
	if err == nil && l.Up && d.serviceInside() == nil {
		return l, false, nil
	}
	if err == nil {
		// Half made, or joined to a namespace that is gone.
		if err := d.nl.Delete(l.Index); err != nil {
			return l, false, err
		}
		delete(d.known, l.Name)
	} else if !errs.Is(err, errs.NotFound) {
		return l, false, err
	}
	ns, err := os.Open(netlinkx.NetnsPath(name))
	if err != nil {
		return l, true, fmt.Errorf("opening service namespace: %w", err)
	}
	defer ns.Close()
	if err := d.nl.AddVeth(d.serviceName(), serviceInside, serviceMTU, int(ns.Fd())); err != nil {
		return l, true, err
	}
	if err := netlinkx.In(netlinkx.NetnsPath(name), d.makeServiceInside); err != nil {
		return l, true, err
	}
	if l, err = d.get(d.serviceName()); err != nil {
		return l, true, err
	}
	return l, true, d.up(l)
}

// serviceInside tells whether the far end is there and up.
func (d *devices) serviceInside() error {
	return netlinkx.In(netlinkx.NetnsPath(d.netnsName()), func() error {
		nl, err := netlinkx.Open()
		if err != nil {
			return err
		}
		defer nl.Close()
		l, err := nl.Link(serviceInside)
		if err == nil && (!l.Up || !l.NoARP) {
			err = errs.New(errs.Unavailable, "service device is down")
		}
		return err
	})
}

// makeServiceInside sets up the far end: the metadata address, and all ports
// on the link, without ARP, since the programs know where each is.
func (d *devices) makeServiceInside() error {
	nl, err := netlinkx.Open()
	if err != nil {
		return err
	}
	defer nl.Close()
	lo, err := nl.Link("lo")
	if err != nil {
		return err
	}
	l, err := nl.Link(serviceInside)
	if err != nil {
		return err
	}
	for _, do := range []func() error{
		func() error { return d.quiet(serviceInside) },
		func() error { return nl.SetUp(lo.Index) },
		func() error { return nl.SetMAC(l.Index, serviceMAC(0)) },
		func() error { return nl.SetARP(l.Index, false) },
		func() error { return nl.SetUp(l.Index) },
		func() error { return nl.AddAddress(l.Index, netip.PrefixFrom(metadataAddress, 32)) },
		func() error { return nl.AddRoute(l.Index, serviceNet, netip.Addr{}) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// wires finds the physical interfaces and makes those that carry a network
// take in frames for the MACs of routers and ports. turned lists the
// interfaces that were not so before.
func (d *devices) wires(state intent.State) (found map[string]wire, turned []string, err error) {
	found = map[string]wire{}
	var failed []error
	for _, physical := range slices.Sorted(maps.Keys(d.cfg.PhysicalNetworks)) {
		if !usesWire(state, physical) {
			continue
		}
		l, err := d.get(d.cfg.PhysicalNetworks[physical])
		if err != nil {
			if !errs.Is(err, errs.NotFound) {
				failed = append(failed, err)
			}
			continue
		}
		if len(l.MAC) != 6 {
			continue
		}
		if !l.Promiscuous {
			if err := d.nl.SetPromiscuous(l.Index, true); err != nil {
				failed = append(failed, err)
				continue
			}
			l.Promiscuous = true
			d.known[l.Name] = l
			turned = append(turned, l.Name)
		}
		found[physical] = wire{index: uint32(l.Index), mac: [6]byte(l.MAC)}
	}
	return found, turned, errors.Join(failed...)
}

func usesWire(state intent.State, physical string) bool {
	for _, n := range state.Networks {
		if n.PhysicalNetwork == physical && (n.Type == intent.TypeFlat || n.Type == intent.TypeVLAN) {
			return true
		}
	}
	return false
}

// isPort tells whether a device has a name that intent.DeviceName gives.
func (d *devices) isPort(l netlinkx.Link) bool {
	rest, ok := strings.CutPrefix(l.Name, d.cfg.Prefix)
	return ok && len(rest) == 10
}

// leaves tells whether prune would remove a tap.
func (d *devices) leaves(keep map[string]bool) bool {
	for name, l := range d.known {
		if d.isPort(l) && l.Kind == kindTun && !keep[name] {
			return true
		}
	}
	return false
}

// prune removes the taps of ports that are no more. A device of another kind
// was adopted, and is left to whoever made it.
func (d *devices) prune(keep map[string]bool) (int, error) {
	var (
		removed int
		failed  []error
	)
	for name, l := range maps.Clone(d.known) {
		if !d.isPort(l) || keep[name] {
			continue
		}
		if l.Kind != kindTun {
			delete(d.known, name)
			continue
		}
		if err := d.nl.Delete(l.Index); err != nil {
			failed = append(failed, err)
			continue
		}
		delete(d.known, name)
		removed++
	}
	return removed, errors.Join(failed...)
}

// purge removes every device and the namespace.
func (d *devices) purge() error {
	failed := []error{d.refresh()}
	_, err := d.prune(nil)
	failed = append(failed, err)
	for _, name := range []string{d.serviceName(), d.tunnelName()} {
		if l, ok := d.known[name]; ok {
			failed = append(failed, d.nl.Delete(l.Index))
		}
	}
	return errors.Join(append(failed, netlinkx.DeleteNetns(d.netnsName()))...)
}

// serviceMAC is the MAC that stands for a port towards the node's services;
// 0 is the node itself.
func serviceMAC(port uint32) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0x57, byte(port >> 24), byte(port >> 16), byte(port >> 8), byte(port)}
}
