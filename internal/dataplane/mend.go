package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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

// forgetStrangers empties what the programs remember by number when numbers of
// that kind are in use and one has lost its name, or nobody knows any more which
// were given: the next object that gets the number must not inherit
// connections, what a label has counted, or what a rate has spent.
func (d *Dataplane) forgetStrangers() error {
	lost := d.strangers()
	by := func(kinds ...uint32) bool {
		return slices.ContainsFunc(kinds, func(kind uint32) bool { return lost[kind] })
	}
	var failed []error
	if by(kindPort, kindGeneration) {
		failed = append(failed, empty[bpfCtKey, bpfCt](d.mapNamed("cts")))
	}
	if by(kindPort) {
		failed = append(failed,
			empty[bpfSvcKey, bpfSvc](d.mapNamed("svcs")), empty[bpfFragKey, bpfFrag](d.mapNamed("frags")),
			empty[bpfCountKey, []bpfCount](d.mapNamed("counts")))
	}
	if by(kindPort, kindRouter, kindFloating) {
		failed = append(failed, empty[bpfRateKey, bpfBucket](d.tables.buckets))
	}
	if by(kindRouter) {
		failed = append(failed, empty[bpfNatKey, bpfNat](d.mapNamed("nats")), empty[uint32, bpfYield](d.mapNamed("yields")))
	}
	if by(kindNet) {
		failed = append(failed,
			empty[bpfNeighKey, bpfDyn](d.mapNamed("dyns")), empty[bpfNeighKey, bpfStray](d.mapNamed("strays")),
			empty[bpfFdbKey, bpfDest](d.mapNamed("straymacs")), empty[bpfFdbKey, bpfStrayList](d.mapNamed("straylists")),
			empty[bpfNeighKey, bpfDyn](d.mapNamed("conflicts")))
	}
	if by(kindLabel) {
		failed = append(failed, empty[bpfMeteredKey, []bpfCount](d.mapNamed("metered")))
	}
	return errors.Join(failed...)
}

// strangers are the kinds of numbers of which one in use has no name, or whose
// cursor is lost: that goes on from the highest in use.
func (d *Dataplane) strangers() map[uint32]bool {
	lost, highest := map[uint32]bool{}, map[uint32]uint32{}
	used := func(kind, id uint32) {
		highest[kind] = max(highest[kind], id)
		if kind != kindGeneration && d.ids.name(kind, id) == "" {
			lost[kind] = true
		}
	}
	for id := range d.tables.ports.held {
		used(kindPort, id)
	}
	for id := range d.tables.routers.held {
		used(kindRouter, id)
	}
	for id := range d.tables.nets.held {
		used(kindNet, id)
	}
	for _, m := range d.tables.meters.held {
		used(kindLabel, m.Label)
	}
	for key := range d.tables.rates.held {
		if key.Which&^(ratePackets|dirEgress) == rateFloating {
			used(kindFloating, key.Id)
		}
	}
	for _, rs := range d.tables.rulesets.held {
		used(kindGeneration, rs.Generation)
	}
	for kind, id := range highest {
		if _, counted := d.ids.cursor[kind]; !counted {
			d.ids.cursor[kind], lost[kind] = id, true
		}
	}
	if len(d.tables.ids.held) == 0 { // and with it all names
		for _, kind := range []uint32{kindPort, kindRouter, kindNet, kindLabel, kindFloating, kindGeneration} {
			lost[kind] = true
		}
	}
	return lost
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
