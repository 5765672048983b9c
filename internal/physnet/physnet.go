// Package physnet makes a physical network on a host that has none to spare: a
// veth pair whose one end carries the gateway's address on the host and whose
// other end the dataplane treats as a physical interface, with masquerading
// behind it. What it makes carries the cloud's prefix in its name, and Remove
// takes all of it away. It imports netlinkx and errs.
package physnet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// Network is the physical network to make.
type Network struct {
	Prefix  string       // of the cloud's device names
	Gateway netip.Prefix // the host's address on it, with the network's length
	MTU     int          // bytes
	// StateDir keeps what was changed on the host, so that Remove can put it
	// back.
	StateDir string
}

const (
	forwarding   = "/proc/sys/net/ipv4/ip_forward"
	changedLabel = "ip_forward.was"
)

// HostDevice is the end that the host uses.
func (n Network) HostDevice() string { return n.Prefix + "ext" }

// Device is the end that the dataplane attaches to.
func (n Network) Device() string { return n.Prefix + "phy" }

func (n Network) table() string { return "wisp_" + n.Prefix }

// Ensure makes the pair, the address, forwarding and masquerading, as far as
// they are missing. An address range that the host already uses elsewhere is an
// error of kind Conflict.
func (n Network) Ensure() error {
	h, err := netlinkx.Open()
	if err != nil {
		return err
	}
	defer h.Close()
	if err := n.clash(h); err != nil {
		return err
	}
	if _, err := h.Link(n.HostDevice()); errs.Is(err, errs.NotFound) {
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return fmt.Errorf("open the network namespace: %w", err)
		}
		err = h.AddVeth(n.HostDevice(), n.Device(), n.MTU, int(here.Fd()))
		_ = here.Close()
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for _, name := range []string{n.HostDevice(), n.Device()} {
		link, err := h.Link(name)
		if err != nil {
			return err
		}
		if err := h.SetNoLinkLocal(link.Index); err != nil {
			return err
		}
		if link.MTU != n.MTU {
			if err := h.SetMTU(link.Index, n.MTU); err != nil {
				return err
			}
		}
		if err := h.SetUp(link.Index); err != nil {
			return err
		}
		if name == n.HostDevice() {
			if err := h.AddAddress(link.Index, n.Gateway); err != nil {
				return err
			}
		}
	}
	if err := n.forward(); err != nil {
		return err
	}
	return n.masquerade()
}

// clash refuses a range that another device of the host has an address in.
func (n Network) clash(h *netlinkx.Handle) error {
	addresses, err := h.Addresses()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if a.Device != n.HostDevice() && a.Prefix.Overlaps(n.Gateway.Masked()) {
			return errs.New(errs.Conflict, "The address range %s of the external network is in use on this machine: %s has %s. Choose another one with --public-cidr.",
				n.Gateway.Masked(), a.Device, a.Prefix)
		}
	}
	return nil
}

// forward turns IPv4 forwarding on and remembers that it was off.
func (n Network) forward() error {
	now, err := os.ReadFile(forwarding)
	if err != nil {
		return fmt.Errorf("read whether the host forwards: %w", err)
	}
	if strings.TrimSpace(string(now)) == "1" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(n.StateDir, changedLabel), now, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(forwarding, []byte("1\n"), 0o644); err != nil {
		return fmt.Errorf("turn forwarding on: %w", err)
	}
	return nil
}

// masquerade writes one nftables table, whole, in one transaction.
func (n Network) masquerade() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: n.table()}
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
	chain := c.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	network := n.Gateway.Masked()
	mask := make([]byte, 4)
	for bit := range network.Bits() {
		mask[bit/8] |= 1 << (7 - bit%8)
	}
	name := make([]byte, 16)
	copy(name, n.HostDevice())
	const sourceOffset, addressLength = 12, 4 // of the IPv4 header
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: sourceOffset, Len: addressLength},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: addressLength, Mask: mask, Xor: binaryutil.NativeEndian.PutUint32(0)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: network.Addr().AsSlice()},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: name},
		&expr.Masq{},
	}})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("masquerade %s: %w", network, err)
	}
	return nil
}

// others tells whether another cloud masquerades on this machine. What cannot
// be found out counts as yes: forwarding then stays as it is.
func (n Network) others() bool {
	c, err := nftables.New()
	if err != nil {
		return true
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	return err != nil || slices.ContainsFunc(tables, func(t *nftables.Table) bool {
		return strings.HasPrefix(t.Name, "wisp_") && t.Name != n.table()
	})
}

// Remove takes away what Ensure made; what is not there is no error.
func (n Network) Remove() error {
	var failed []error
	c, err := nftables.New()
	if err == nil {
		table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: n.table()}
		c.AddTable(table) // so that deleting cannot miss it
		c.DelTable(table)
		err = c.Flush()
	}
	if err != nil {
		failed = append(failed, fmt.Errorf("remove masquerading: %w", err))
	}
	h, err := netlinkx.Open()
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	defer h.Close()
	if link, err := h.Link(n.HostDevice()); err == nil {
		failed = append(failed, h.Delete(link.Index))
	} else if !errs.Is(err, errs.NotFound) {
		failed = append(failed, err)
	}
	before, err := os.ReadFile(filepath.Join(n.StateDir, changedLabel))
	switch {
	case err == nil && n.others():
		// Another cloud of this machine forwards too: it stays on.
		failed = append(failed, os.Remove(filepath.Join(n.StateDir, changedLabel)))
	case err == nil:
		failed = append(failed, os.WriteFile(forwarding, before, 0o644), os.Remove(filepath.Join(n.StateDir, changedLabel)))
	case !errors.Is(err, fs.ErrNotExist):
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
