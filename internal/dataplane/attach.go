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
	running, err := a.nl.ClsactProgram(index, at.ingress, name)
	if err != nil {
		return false, err
	}
	if running == int(id) {
		return false, nil
	}
	return true, a.nl.AttachClsact(index, at.ingress, prog.FD(), name)
}

// prune detaches from all devices that are not in keep. A device that is
// gone took its filters along.
func (a *attacher) prune(keep map[attachment]bool) (int, error) {
	var (
		removed int
		failed  []error
	)
	for at, was := range a.done {
		if keep[at] {
			continue
		}
		delete(a.done, at)
		if a.clsact {
			for _, name := range programNames {
				// A device that is gone took its filters along.
				_ = a.nl.DetachClsact(was.index, at.ingress, name)
			}
			removed++
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
	return removed, errors.Join(failed...)
}

// forget makes ensure look at the kernel again.
func (a *attacher) forget() { clear(a.done) }
