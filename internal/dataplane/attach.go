package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/netlinkx"
)

// attachment is a program at one side of one device.
type attachment struct {
	device  string
	ingress bool
}

// attacher keeps programs attached: with tcx links, pinned so that they stay
// when this process ends, or with clsact filters where the kernel has no tcx.
type attacher struct {
	dir    string
	nl     *netlinkx.Handle
	clsact bool
	done   map[attachment]attached // what this process made sure of
	ids    map[*ebpf.Program]ebpf.ProgramID
}

type attached struct {
	index int
	prog  ebpf.ProgramID
}

func (a attachment) pin() string {
	side := "out"
	if a.ingress {
		side = "in"
	}
	return strings.ReplaceAll(a.device, ".", ":") + "_" + side
}

// attachmentOf is what a pin is named after. No device's name has a colon.
func attachmentOf(pin string) attachment {
	device, ingress := strings.CutSuffix(pin, "_in")
	if !ingress {
		device = strings.TrimSuffix(pin, "_out")
	}
	return attachment{strings.ReplaceAll(device, ":", "."), ingress}
}

func (a *attacher) filter(at attachment) string { return filepath.Join(a.dir, filtersDir, at.pin()) }

func (a *attacher) path(at attachment) string { return filepath.Join(a.dir, linksDir, at.pin()) }

// ensure runs prog at the given place and nothing else of ours there. It
// tells whether something had to be done.
func (a *attacher) ensure(at attachment, index int, name string, prog *ebpf.Program) (bool, error) {
	id, err := a.id(prog)
	if err != nil {
		return false, fmt.Errorf("reading program %s: %w", name, err)
	}
	if a.done[at] == (attached{index, id}) {
		return false, nil
	}
	changed, err := a.attach(at, index, id, name, prog)
	if err != nil {
		return changed, fmt.Errorf("attaching %s to %s: %w", name, at.device, err)
	}
	a.done[at] = attached{index, id}
	return changed, nil
}

// id is the kernel's number of a program; asking for it is slow.
func (a *attacher) id(prog *ebpf.Program) (ebpf.ProgramID, error) {
	if id, ok := a.ids[prog]; ok {
		return id, nil
	}
	info, err := prog.Info()
	if err != nil {
		return 0, err
	}
	a.ids[prog], _ = info.ID()
	return a.ids[prog], nil
}

func (a *attacher) attach(at attachment, index int, id ebpf.ProgramID, name string, prog *ebpf.Program) (bool, error) {
	if a.clsact {
		return a.attachClsact(at, index, id, name, prog)
	}
	old, err := link.LoadPinnedLink(a.path(at), nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, fmt.Errorf("opening pinned link: %w", err)
	default:
		defer old.Close()
		info, err := old.Info()
		if err != nil {
			return false, fmt.Errorf("reading link: %w", err)
		}
		if tcx := info.TCX(); tcx != nil && int(tcx.Ifindex) == index {
			if info.Program == id {
				return false, nil
			}
			return true, old.Update(prog)
		}
		// Of a device that is gone, or was made anew.
		if err := os.Remove(a.path(at)); err != nil {
			return false, fmt.Errorf("unpinning stale link: %w", err)
		}
	}
	side := ebpf.AttachTCXEgress
	if at.ingress {
		side = ebpf.AttachTCXIngress
	}
	l, err := attachTCX(link.TCXOptions{Interface: index, Program: prog, Attach: side})
	if errors.Is(err, ebpf.ErrNotSupported) {
		a.clsact = true
		return a.attachClsact(at, index, id, name, prog)
	}
	if err != nil {
		return false, err
	}
	defer l.Close()
	if err := l.Pin(a.path(at)); err != nil {
		return true, fmt.Errorf("pinning link: %w", err)
	}
	return true, nil
}

// releaseTime is how long the kernel may take to detach a link that nothing
// holds any more; until then the program counts as attached.
const releaseTime = time.Second

func attachTCX(opts link.TCXOptions) (link.Link, error) {
	tick := time.NewTicker(releaseTime / 100)
	defer tick.Stop()
	deadline := time.Now().Add(releaseTime)
	for {
		l, err := link.AttachTCX(opts)
		if !errors.Is(err, unix.EEXIST) || time.Now().After(deadline) {
			return l, err
		}
		<-tick.C
	}
}

func (a *attacher) attachClsact(at attachment, index int, id ebpf.ProgramID, name string, prog *ebpf.Program) (bool, error) {
	// A filter has no pin: a folder of that name tells a later process of it.
	if err := os.Mkdir(a.filter(at), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("noting the filter: %w", err)
	}
	running, err := a.nl.ClsactProgram(index, at.ingress, name)
	if err != nil {
		return false, err
	}
	if running == int(id) {
		return false, nil
	}
	return true, a.nl.AttachClsact(index, at.ingress, prog.FD(), name)
}

// prune detaches from all devices that are not in keep, whoever attached.
func (a *attacher) prune(keep map[attachment]bool) (int, error) {
	var (
		removed int
		failed  []error
	)
	for at := range a.done {
		if !keep[at] {
			delete(a.done, at)
		}
	}
	wanted := map[string]bool{}
	for at := range keep {
		wanted[at.pin()] = true
	}
	pins, err := os.ReadDir(filepath.Join(a.dir, linksDir))
	if err != nil {
		return removed, fmt.Errorf("listing links: %w", err)
	}
	for _, e := range pins {
		if wanted[e.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(a.dir, linksDir, e.Name())); err != nil {
			failed = append(failed, fmt.Errorf("unpinning link: %w", err))
			continue
		}
		removed++
	}
	filters, err := os.ReadDir(filepath.Join(a.dir, filtersDir))
	if err != nil {
		return removed, errors.Join(append(failed, fmt.Errorf("listing filters: %w", err))...)
	}
	for _, e := range filters {
		if wanted[e.Name()] {
			continue
		}
		if err := a.detachClsact(attachmentOf(e.Name())); err != nil {
			failed = append(failed, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(failed...)
}

// detachClsact removes the filters at one side of a device. A device that is
// gone took them along.
func (a *attacher) detachClsact(at attachment) error {
	l, err := a.nl.Link(at.device)
	if err == nil {
		for _, name := range programNames {
			err = errors.Join(err, a.nl.DetachClsact(l.Index, at.ingress, name))
		}
	}
	if err != nil {
		if _, now := a.nl.Link(at.device); !errs.Is(now, errs.NotFound) {
			return err
		}
	}
	if err := os.Remove(a.filter(at)); err != nil {
		return fmt.Errorf("forgetting a filter: %w", err)
	}
	return nil
}

// forget makes ensure look at the kernel again.
func (a *attacher) forget() { clear(a.done) }
