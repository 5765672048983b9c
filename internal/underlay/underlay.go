// Package underlay is what a host stands on: the address at which it is
// managed, the one where its tunnels end, and the interfaces that carry
// physical networks. Resolve turns an operator's choice into addresses and
// interfaces of this machine, or says what to do about it. It imports netlinkx
// alone.
package underlay

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"wisp/internal/netlinkx"
)

// Choice is an operator's.
type Choice struct {
	Management string            // address or interface; empty is the one on the way to the world
	Tunnel     string            // address or interface; empty is no tunnels
	Physical   map[string]string // interfaces by physical network
	// MTU that the cloud counts on between tunnels' ends, in bytes; 0 is not known.
	MTU int
	// Default is the management address where none was chosen.
	Default netip.Addr
}

// Underlay is a Choice as this machine has it.
type Underlay struct {
	Management   netip.Addr
	Tunnel       netip.Addr // IPv4; invalid without tunnels
	TunnelDevice string
	TunnelMTU    int
	Physical     map[string]string
}

// Resolve looks at this machine's interfaces. The error names all that is
// wrong.
func Resolve(c Choice) (Underlay, error) {
	h, err := netlinkx.Open()
	if err != nil {
		return Underlay{}, err
	}
	defer h.Close()
	links, err := h.Links()
	if err != nil {
		return Underlay{}, err
	}
	addresses, err := h.Addresses()
	if err != nil {
		return Underlay{}, err
	}
	return resolve(c, links, addresses)
}

// machine is what there is.
type machine struct {
	links     []netlinkx.Link
	addresses []netlinkx.Address
}

func resolve(c Choice, links []netlinkx.Link, addresses []netlinkx.Address) (Underlay, error) {
	m := machine{links, addresses}
	u := Underlay{Management: c.Default, Physical: c.Physical}
	var wrong []error
	if c.Management != "" {
		var err error
		u.Management, _, err = m.address("management", c.Management)
		wrong = append(wrong, err)
	}
	if c.Tunnel != "" {
		address, link, err := m.address("tunnel", c.Tunnel)
		if err == nil && !address.Is4() {
			err = fmt.Errorf("--tunnel %s: tunnels end at IPv4 addresses", c.Tunnel)
		}
		if err == nil && link.MTU < c.MTU {
			err = fmt.Errorf("--tunnel %s: %s carries packets of %d bytes, and the cloud counts on %d: `ip link set %s mtu %d`, also in the switches between, or start the servers with --mtu %d",
				c.Tunnel, link.Name, link.MTU, c.MTU, link.Name, c.MTU, link.MTU)
		}
		u.Tunnel, u.TunnelDevice, u.TunnelMTU = address, link.Name, link.MTU
		wrong = append(wrong, err)
	}
	used := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Physical)) {
		device := c.Physical[name]
		if _, err := m.link(device); err != nil {
			wrong = append(wrong, fmt.Errorf("physical network %s: %w", name, err))
		}
		if other, twice := used[device]; twice {
			wrong = append(wrong, fmt.Errorf("%s cannot carry both of the physical networks %s and %s: choose another interface for one", device, other, name))
		}
		used[device] = name
		if device == u.TunnelDevice {
			wrong = append(wrong, fmt.Errorf("%s cannot carry the physical network %s and the tunnels: choose another interface for one", device, name))
		}
	}
	return u, errors.Join(wrong...)
}

// link is an interface that is there and up.
func (m *machine) link(name string) (netlinkx.Link, error) {
	at := slices.IndexFunc(m.links, func(l netlinkx.Link) bool { return l.Name == name })
	if at < 0 {
		var names []string
		for _, l := range m.links {
			if l.Name != "lo" {
				names = append(names, l.Name)
			}
		}
		return netlinkx.Link{}, fmt.Errorf("this machine has no interface %s; it has %s", name, strings.Join(names, ", "))
	}
	if !m.links[at].Up {
		return m.links[at], fmt.Errorf("%s is down: `ip link set %s up`", name, name)
	}
	return m.links[at], nil
}

// address is an address of this machine, given as itself or by the interface
// that has it.
func (m *machine) address(flag, text string) (netip.Addr, netlinkx.Link, error) {
	if wanted, err := netip.ParseAddr(text); err == nil {
		at := slices.IndexFunc(m.addresses, func(a netlinkx.Address) bool { return a.Prefix.Addr() == wanted })
		if at < 0 {
			return wanted, netlinkx.Link{}, fmt.Errorf("--%s %s: no interface of this machine has that address; `ip address` shows those that there are", flag, text)
		}
		link, err := m.link(m.addresses[at].Device)
		if err != nil {
			err = fmt.Errorf("--%s %s: %w", flag, text, err)
		}
		return wanted, link, err
	}
	link, err := m.link(text)
	if err != nil {
		return netip.Addr{}, link, fmt.Errorf("--%s %s: %w", flag, text, err)
	}
	var found []netip.Addr
	for _, a := range m.addresses {
		if ip := a.Prefix.Addr(); a.Device == link.Name && !ip.IsLinkLocalUnicast() {
			found = append(found, ip)
		}
	}
	// IPv4 first, in the order in which the kernel has them: the first is the primary one.
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	if len(found) == 0 {
		return netip.Addr{}, link, fmt.Errorf("--%s %s: the interface has no address: `ip address add … dev %s`, or name an address", flag, text, text)
	}
	return found[0], link, nil
}
