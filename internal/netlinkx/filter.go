package netlinkx

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AttachClsact runs a BPF program for every packet that enters (ingress) or
// leaves a device, in the way of kernels before tcx: a filter of the clsact
// qdisc, in direct-action mode. Attaching again under the same name replaces
// the program without a gap.
func (h *Handle) AttachClsact(index int, ingress bool, progFD int, name string) error {
	err := h.nl.QdiscAdd(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding clsact to device %d: %w", index, err)
	}
	err = h.nl.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: index, Parent: clsactParent(ingress), Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1,
		},
		Fd: progFD, Name: name, DirectAction: true,
	})
	if err != nil {
		return fmt.Errorf("attaching %s to device %d: %w", name, index, err)
	}
	return nil
}

// ClsactProgram is the id of the program that AttachClsact put there, or 0.
func (h *Handle) ClsactProgram(index int, ingress bool, name string) (int, error) {
	filters, err := retry(func() ([]netlink.Filter, error) { return h.nl.FilterList(ref(index), clsactParent(ingress)) })
	if err != nil {
		return 0, fmt.Errorf("listing filters of device %d: %w", index, err)
	}
	for _, f := range filters {
		if b, ok := f.(*netlink.BpfFilter); ok && b.Name == name {
			return b.Id, nil
		}
	}
	return 0, nil
}

// DetachClsact removes the filters of the given name, and nothing else.
func (h *Handle) DetachClsact(index int, ingress bool, name string) error {
	filters, err := retry(func() ([]netlink.Filter, error) { return h.nl.FilterList(ref(index), clsactParent(ingress)) })
	if err != nil {
		return fmt.Errorf("listing filters of device %d: %w", index, err)
	}
	for _, f := range filters {
		if b, ok := f.(*netlink.BpfFilter); ok && b.Name == name {
			if err := h.nl.FilterDel(b); err != nil {
				return fmt.Errorf("detaching %s from device %d: %w", name, index, err)
			}
		}
	}
	return nil
}

func clsactParent(ingress bool) uint32 {
	if ingress {
		return netlink.HANDLE_MIN_INGRESS
	}
	return netlink.HANDLE_MIN_EGRESS
}
