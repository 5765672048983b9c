package netlinkx

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"wisp/internal/errs"
)

// dumpTries bounds how often an interrupted dump is repeated.
const dumpTries = 5

// Handle is a netlink socket in one network namespace. It may be used by
// several goroutines.
type Handle struct {
	nl *netlink.Handle
}

// Link is a network device.
type Link struct {
	Index       int
	Name        string
	Kind        string // "tuntap", "veth", "vxlan", "device", …
	MTU         int
	MAC         net.HardwareAddr
	Up          bool
	NoARP       bool
	Promiscuous bool
	Counters    Counters
}

// Counters are what a device has received and transmitted since it was made.
type Counters struct {
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Open makes a handle in the network namespace of the calling thread.
func Open() (*Handle, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	return &Handle{nl: nl}, nil
}

// Close frees the sockets.
func (h *Handle) Close() { h.nl.Close() }

// retry repeats a dump while the kernel says that it was interrupted.
func retry[T any](dump func() (T, error)) (T, error) {
	var (
		out T
		err error
	)
	for range dumpTries {
		out, err = dump()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return out, err
		}
	}
	return out, err
}

func linkOf(l netlink.Link) Link {
	a := l.Attrs()
	var counters Counters
	if s := a.Statistics; s != nil {
		counters = Counters{
			RxBytes: s.RxBytes, RxPackets: s.RxPackets, RxErrors: s.RxErrors, RxDropped: s.RxDropped,
			TxBytes: s.TxBytes, TxPackets: s.TxPackets, TxErrors: s.TxErrors, TxDropped: s.TxDropped,
		}
	}
	return Link{
		Counters: counters,
		Index:    a.Index, Name: a.Name, Kind: l.Type(), MTU: a.MTU, MAC: a.HardwareAddr,
		Up: a.Flags&net.FlagUp != 0, NoARP: a.RawFlags&unix.IFF_NOARP != 0, Promiscuous: a.RawFlags&unix.IFF_PROMISC != 0,
	}
}

// Link finds a device by name; its absence is errs.NotFound.
func (h *Handle) Link(name string) (Link, error) {
	l, err := retry(func() (netlink.Link, error) { return h.nl.LinkByName(name) })
	if err != nil {
		if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
			return Link{}, errs.Wrap(err, errs.NotFound, "network device %s does not exist", name)
		}
		return Link{}, fmt.Errorf("looking up device %s: %w", name, err)
	}
	return linkOf(l), nil
}

// Links lists all devices of the namespace.
func (h *Handle) Links() ([]Link, error) {
	all, err := retry(h.nl.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing devices: %w", err)
	}
	links := make([]Link, len(all))
	for i, l := range all {
		links[i] = linkOf(l)
	}
	return links, nil
}

func ref(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

// AddVeth makes a pair of devices; peer is born in the namespace of file
// descriptor peerNetns.
func (h *Handle) AddVeth(name, peer string, mtu int, peerNetns int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	err := h.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: peer, PeerNamespace: netlink.NsFd(peerNetns), PeerMTU: uint32(mtu),
	})
	if err != nil {
		return fmt.Errorf("adding veth %s: %w", name, err)
	}
	return nil
}

// AddVXLAN makes a VXLAN device whose network identifiers and remote ends
// come with each packet (collect metadata).
func (h *Handle) AddVXLAN(name string, local netip.Addr, port uint16, mtu int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	vx := &netlink.Vxlan{LinkAttrs: attrs, FlowBased: true, Port: int(port), Learning: false}
	if local.IsValid() {
		vx.SrcAddr = local.AsSlice()
	}
	if err := h.nl.LinkAdd(vx); err != nil {
		return fmt.Errorf("adding vxlan %s: %w", name, err)
	}
	return nil
}

// Delete removes a device.
func (h *Handle) Delete(index int) error {
	if err := h.nl.LinkDel(ref(index)); err != nil {
		return fmt.Errorf("deleting device %d: %w", index, err)
	}
	return nil
}

// SetUp brings a device up.
func (h *Handle) SetUp(index int) error {
	if err := h.nl.LinkSetUp(ref(index)); err != nil {
		return fmt.Errorf("setting device %d up: %w", index, err)
	}
	return nil
}

// SetMTU sets the bytes of IP that a device carries.
func (h *Handle) SetMTU(index, mtu int) error {
	if err := h.nl.LinkSetMTU(ref(index), mtu); err != nil {
		return fmt.Errorf("setting mtu %d of device %d: %w", mtu, index, err)
	}
	return nil
}

// SetMAC sets a device's hardware address.
func (h *Handle) SetMAC(index int, mac net.HardwareAddr) error {
	if err := h.nl.LinkSetHardwareAddr(ref(index), mac); err != nil {
		return fmt.Errorf("setting address %s of device %d: %w", mac, index, err)
	}
	return nil
}

// SetARP turns address resolution of a device on or off (IFF_NOARP).
func (h *Handle) SetARP(index int, on bool) error {
	set := h.nl.LinkSetARPOff
	if on {
		set = h.nl.LinkSetARPOn
	}
	if err := set(ref(index)); err != nil {
		return fmt.Errorf("setting arp=%t of device %d: %w", on, index, err)
	}
	return nil
}

// SetNoLinkLocal stops a device from making itself an IPv6 link-local
// address.
func (h *Handle) SetNoLinkLocal(index int) error {
	const addrGenModeNone = 1 // IN6_ADDR_GEN_MODE_NONE, linux/if_link.h
	if err := h.nl.LinkSetIP6AddrGenMode(ref(index), addrGenModeNone); err != nil {
		return fmt.Errorf("turning off link-local addresses of device %d: %w", index, err)
	}
	return nil
}

// AddAddress gives a device an address; one that is there already is no
// error.
func (h *Handle) AddAddress(index int, addr netip.Prefix) error {
	err := h.nl.AddrReplace(ref(index), &netlink.Addr{IPNet: ipNet(addr), Flags: unix.IFA_F_NODAD})
	if err != nil {
		return fmt.Errorf("adding address %s to device %d: %w", addr, index, err)
	}
	return nil
}

// AddRoute makes dst reachable through a device, with gateway when valid.
func (h *Handle) AddRoute(index int, dst netip.Prefix, gateway netip.Addr) error {
	r := &netlink.Route{LinkIndex: index, Dst: ipNet(dst)}
	if gateway.IsValid() {
		r.Gw = gateway.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := h.nl.RouteReplace(r); err != nil {
		return fmt.Errorf("adding route %s to device %d: %w", dst, index, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// SetPromiscuous makes a device take in frames for every MAC, or stops it.
func (h *Handle) SetPromiscuous(index int, on bool) error {
	set := h.nl.SetPromiscOff
	if on {
		set = h.nl.SetPromiscOn
	}
	if err := set(ref(index)); err != nil {
		return fmt.Errorf("setting promiscuous=%t of device %d: %w", on, index, err)
	}
	return nil
}
