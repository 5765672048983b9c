// Package probe finds out what the dataplane needs of a kernel by trying it:
// in a network namespace that is gone afterwards, so that nothing of the host
// is touched. It imports netlinkx alone.
package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"wisp/internal/netlinkx"
)

// Feature is one thing that was tried.
type Feature struct {
	Name     string
	Required bool
	Breaks   string // what does not work without it
	Err      error  // nil: it works
}

// Run tries everything. It needs root; without it each attempt fails with the
// kernel's own error.
func Run() []Feature {
	scratch := fmt.Sprintf("wispprobe%d", os.Getpid())
	in := func(try func(h *netlinkx.Handle) error) error {
		if err := netlinkx.EnsureNetns(scratch); err != nil {
			return err
		}
		return netlinkx.In(netlinkx.NetnsPath(scratch), func() error {
			h, err := netlinkx.Open()
			if err != nil {
				return err
			}
			defer h.Close()
			return try(h)
		})
	}
	defer func() { _ = netlinkx.DeleteNetns(scratch) }()
	return []Feature{
		{Name: "eBPF programs", Required: true, Breaks: "every packet of every instance", Err: program()},
		{Name: "eBPF maps and bpf_loop", Required: true, Breaks: "every packet of every instance", Err: helpers()},
		{Name: "BTF", Required: false, Breaks: "readable dumps of the dataplane's maps", Err: types()},
		{Name: "tap devices", Required: true, Breaks: "the network interfaces of instances", Err: in(func(*netlinkx.Handle) error { return tap() })},
		{Name: "veth devices", Required: true, Breaks: "the external network that wisp makes, DHCP and metadata", Err: in(veth)},
		{Name: "tcx", Required: false, Breaks: "nothing: programs are attached with clsact instead", Err: in(tcx)},
		{Name: "VXLAN devices", Required: true, Breaks: "networks of type vxlan between hosts", Err: in(vxlan)},
		{Name: "nftables masquerading", Required: true, Breaks: "the way from instances to the outside of this machine", Err: in(func(*netlinkx.Handle) error { return masquerade() })},
	}
}

func program() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return err
	}
	return p.Close()
}

func helpers() error {
	var failed []error
	for _, kind := range []ebpf.MapType{ebpf.Hash, ebpf.LRUHash, ebpf.LPMTrie, ebpf.Array, ebpf.PerCPUArray} {
		if err := features.HaveMapType(kind); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", kind, err))
		}
	}
	for _, helper := range []asm.BuiltinFunc{asm.FnLoop, asm.FnRedirect, asm.FnCloneRedirect, asm.FnSkbSetTunnelKey, asm.FnSkbChangeTail} {
		if err := features.HaveProgramHelper(ebpf.SchedCLS, helper); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", helper, err))
		}
	}
	return errors.Join(failed...)
}

func types() error {
	_, err := btf.LoadKernelSpec()
	return err
}

func tap() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	request, err := unix.NewIfreq("wprobe0")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	return unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, request)
}

func veth(h *netlinkx.Handle) error {
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer func() { _ = here.Close() }()
	return h.AddVeth("wprobe1", "wprobe2", 1500, int(here.Fd()))
}

func tcx(h *netlinkx.Handle) error {
	if _, err := h.Link("wprobe1"); err != nil {
		if err := veth(h); err != nil {
			return err
		}
	}
	device, err := h.Link("wprobe1")
	if err != nil {
		return err
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, AttachType: ebpf.AttachTCXIngress, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	l, err := link.AttachTCX(link.TCXOptions{Interface: device.Index, Program: p, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		return err
	}
	return l.Close()
}

func vxlan(h *netlinkx.Handle) error {
	const port = 4789
	return h.AddVXLAN("wprobe3", netip.Addr{}, port, 1450)
}

func masquerade() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "wisp_probe"})
	chain := c.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Masq{}}})
	return c.Flush()
}
