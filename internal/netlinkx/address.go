package netlinkx

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Address is an address of a device.
type Address struct {
	Device string
	Prefix netip.Prefix // the address, with the network's length
}

// Addresses lists the addresses of all devices of the namespace.
func (h *Handle) Addresses() ([]Address, error) {
	links, err := retry(h.nl.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing devices: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	found, err := retry(func() ([]netlink.Addr, error) { return h.nl.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	var addresses []Address
	for _, a := range found {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		addresses = append(addresses, Address{Device: names[a.LinkIndex], Prefix: netip.PrefixFrom(ip.Unmap(), bits)})
	}
	return addresses, nil
}

// Route is an entry of the main routing table.
type Route struct {
	Device      string
	Destination netip.Prefix // 0.0.0.0/0 or ::/0 is the default route
	Gateway     netip.Addr   // invalid when the destination is on the link
}

// Routes lists the main routing tables of the namespace, both families.
func (h *Handle) Routes() ([]Route, error) {
	links, err := retry(h.nl.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing devices: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var routes []Route
	for family, all := range map[int]netip.Prefix{
		netlink.FAMILY_V4: netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netlink.FAMILY_V6: netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	} {
		found, err := retry(func() ([]netlink.Route, error) { return h.nl.RouteList(nil, family) })
		if err != nil {
			return nil, fmt.Errorf("listing routes: %w", err)
		}
		for _, r := range found {
			route := Route{Device: names[r.LinkIndex], Destination: all}
			if r.Dst != nil {
				if ip, ok := netip.AddrFromSlice(r.Dst.IP); ok {
					bits, _ := r.Dst.Mask.Size()
					route.Destination = netip.PrefixFrom(ip.Unmap(), bits)
				}
			}
			if ip, ok := netip.AddrFromSlice(r.Gw); ok {
				route.Gateway = ip.Unmap()
			}
			routes = append(routes, route)
		}
	}
	return routes, nil
}

// RouteTo tells by which device the namespace sends from one of its own
// addresses to another address. Nowhere is an error.
func (h *Handle) RouteTo(src, dst netip.Addr) (index int, err error) {
	found, err := h.nl.RouteGetWithOptions(dst.AsSlice(), &netlink.RouteGetOptions{SrcAddr: src.AsSlice()})
	if err == nil && len(found) == 0 {
		err = unix.ENETUNREACH
	}
	if err != nil {
		return 0, fmt.Errorf("finding the route from %s to %s: %w", src, dst, err)
	}
	return found[0].LinkIndex, nil
}
