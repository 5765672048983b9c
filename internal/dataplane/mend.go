package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
)

// mend pins again what was unpinned by hand, so that the next process finds
// it. It returns how many pins were missing or were of something else.
func (k *kernel) mend() (int, error) {
	if k.fresh {
		return 0, nil // commit does it
	}
	if err := mountBPFFS(k.dir); err != nil {
		return 0, err
	}
	mended := 0
	for name, m := range k.maps {
		at := k.mapPath(name)
		pinned, err := ebpf.LoadPinnedMap(at, nil)
		if err == nil {
			same, err := sameMap(m, pinned)
			pinned.Close()
			if err != nil {
				return mended, err
			}
			if same {
				continue
			}
		}
		if err := repin(at, m.Unpin, m.Pin); err != nil {
			return mended, fmt.Errorf("pinning map %s again: %w", name, err)
		}
		mended++
	}
	dir := filepath.Join(k.dir, progsDir, k.version)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mended, fmt.Errorf("making program folder: %w", err)
	}
	for name, p := range k.progs {
		at := filepath.Join(dir, name)
		pinned, err := ebpf.LoadPinnedProgram(at, nil)
		if err == nil {
			same, err := sameProgram(p, pinned)
			pinned.Close()
			if err != nil {
				return mended, err
			}
			if same {
				continue
			}
		}
		if err := repin(at, p.Unpin, p.Pin); err != nil {
			return mended, fmt.Errorf("pinning program %s again: %w", name, err)
		}
		mended++
	}
	return mended, nil
}

// repin pins an object that believes to be pinned already.
func repin(at string, unpin func() error, pin func(string) error) error {
	if err := unpin(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return pin(at)
}

func sameProgram(a, b *ebpf.Program) (bool, error) {
	ai, err := a.Info()
	if err != nil {
		return false, fmt.Errorf("reading program: %w", err)
	}
	bi, err := b.Info()
	if err != nil {
		return false, fmt.Errorf("reading program: %w", err)
	}
	aID, _ := ai.ID()
	bID, _ := bi.ID()
	return aID == bID, nil
}

// forgetStrangers empties what the programs remember by number when a number
// in use has lost its name: the next object that gets the number must not
// inherit connections.
func (d *Dataplane) forgetStrangers() error {
	lost := len(d.tables.ids.held) == 0 // and with it all names
	for id := range d.tables.ports.held {
		lost = lost || d.ids.name(kindPort, id) == ""
	}
	for id := range d.tables.routers.held {
		lost = lost || d.ids.name(kindRouter, id) == ""
	}
	for id := range d.tables.nets.held {
		lost = lost || d.ids.name(kindNet, id) == ""
	}
	if !lost {
		return nil
	}
	return errors.Join(
		empty[bpfCtKey, bpfCt](d.mapNamed("cts")), empty[bpfNatKey, bpfNat](d.mapNamed("nats")), empty[bpfSvcKey, bpfSvc](d.mapNamed("svcs")),
		empty[bpfNeighKey, bpfDyn](d.mapNamed("dyns")), empty[bpfNeighKey, bpfStray](d.mapNamed("strays")), empty[bpfFdbKey, bpfDest](d.mapNamed("straymacs")),
		empty[bpfNeighKey, bpfDyn](d.mapNamed("conflicts")), empty[uint32, bpfYield](d.mapNamed("yields")),
		empty[bpfMeteredKey, []bpfCount](d.mapNamed("metered")),
	)
}

func empty[K comparable, V any](m *ebpf.Map) error {
	var keys []K
	err := each(m, func(k K, _ V) { keys = append(keys, k) })
	failed := []error{err}
	for _, k := range keys {
		failed = append(failed, forget(m, k))
	}
	return errors.Join(failed...)
}
