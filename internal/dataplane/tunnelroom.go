package dataplane

import "wisp/internal/netlinkx"

// vxlanOverhead is what a VXLAN tunnel over IPv4 adds to a packet: the inner
// Ethernet header, VXLAN, UDP and IPv4, in bytes.
const vxlanOverhead = 14 + 8 + 8 + 20

// tunnelRoom is how long a packet may be that a tunnel carries in one piece, 0
// when the device with the tunnel address is not known. Longer ones arrive
// too, cut by the kernel.
func (d *devices) tunnelRoom() (int, error) {
	if !d.cfg.TunnelAddress.IsValid() {
		return 0, nil
	}
	all, err := d.nl.Addresses()
	if err != nil {
		return 0, err
	}
	for _, a := range all {
		if a.Prefix.Addr() != d.cfg.TunnelAddress {
			continue
		}
		var l netlinkx.Link
		if l, err = d.get(a.Device); err != nil {
			return 0, err
		}
		if l.Name == "lo" || l.MTU <= vxlanOverhead {
			return 0, nil
		}
		return l.MTU - vxlanOverhead, nil
	}
	return 0, nil
}
