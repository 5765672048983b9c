package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Folders below the pin folder. Names in a BPF file system hold no dots.
const (
	mapsDir  = "maps"
	progsDir = "progs"
	linksDir = "links"
	// What clsact runs has no pin: folders in here stand for the filters.
	filtersDir = "filters"

	bpffsRoot = "/sys/fs/bpf"
)

// programNames are the programs of bpf/dataplane.c.
var programNames = [...]string{"from_guest", "to_guest", "from_wire", "from_host", "from_tunnel", "from_service"}

// kernel is the pinned maps and programs of one dataplane.
type kernel struct {
	dir     string
	version string
	maps    map[string]*ebpf.Map
	progs   map[string]*ebpf.Program
	// fresh tells that the programs were loaded by this process and are not
	// pinned yet: they take over once the maps are filled.
	fresh bool
}

// mountBPFFS mounts the BPF file system at its usual place when dir is to be
// below it and nothing is mounted there.
func mountBPFFS(dir string) error {
	if rel, err := filepath.Rel(bpffsRoot, dir); err == nil && filepath.IsLocal(rel) {
		var st unix.Statfs_t
		if err := unix.Statfs(bpffsRoot, &st); err != nil {
			return fmt.Errorf("looking at %s: %w", bpffsRoot, err)
		}
		if st.Type != unix.BPF_FS_MAGIC {
			if err := unix.Mount("bpf", bpffsRoot, "bpf", 0, ""); err != nil {
				return fmt.Errorf("mounting a BPF file system at %s: %w", bpffsRoot, err)
			}
		}
	}
	for _, sub := range []string{mapsDir, progsDir, linksDir, filtersDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("making pin folder: %w", err)
		}
	}
	return nil
}

// openKernel adopts what is pinned in dir, and loads what is missing or of
// another version.
func openKernel(dir string, ctEntries uint32) (*kernel, error) {
	if err := mountBPFFS(dir); err != nil {
		return nil, err
	}
	spec, err := loadBpf()
	if err != nil {
		return nil, fmt.Errorf("reading BPF object: %w", err)
	}
	for _, name := range []string{"cts", "nats"} {
		spec.Maps[name].MaxEntries = ctEntries
	}
	sum := sha256.New()
	sum.Write(_BpfBytes)
	_, _ = fmt.Fprint(sum, ctEntries) // a hash takes all
	k := &kernel{dir: dir, version: hex.EncodeToString(sum.Sum(nil)[:8]), maps: map[string]*ebpf.Map{}, progs: map[string]*ebpf.Program{}}
	if err := k.adopt(spec); err != nil {
		k.close()
		return nil, err
	}
	if len(k.maps) == len(spec.Maps) && k.adoptPrograms() {
		return k, nil
	}
	return k, k.load(spec)
}

// adopt opens the pinned maps which fit the object.
func (k *kernel) adopt(spec *ebpf.CollectionSpec) error {
	for name, ms := range spec.Maps {
		m, err := ebpf.LoadPinnedMap(k.mapPath(name), nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("opening pinned map %s: %w", name, err)
		}
		if err := ms.Compatible(m); err != nil {
			m.Close()
			continue
		}
		k.maps[name] = m
	}
	return nil
}

// adoptPrograms opens the pinned programs of this version; false when one is
// missing.
func (k *kernel) adoptPrograms() bool {
	for _, name := range programNames {
		p, err := ebpf.LoadPinnedProgram(filepath.Join(k.dir, progsDir, k.version, name), nil)
		if err != nil {
			for _, p := range k.progs {
				p.Close()
			}
			clear(k.progs)
			return false
		}
		k.progs[name] = p
	}
	return true
}

func (k *kernel) load(spec *ebpf.CollectionSpec) error {
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: k.maps})
	if err != nil {
		k.close()
		return fmt.Errorf("loading BPF programs: %w", err)
	}
	for _, m := range k.maps {
		m.Close()
	}
	k.maps, k.progs, k.fresh = coll.Maps, coll.Programs, true
	return nil
}

func (k *kernel) mapPath(name string) string { return filepath.Join(k.dir, mapsDir, name) }

// commit pins what load loaded; it is called when the maps are filled and
// the links run the new programs.
func (k *kernel) commit() error {
	if !k.fresh {
		return nil
	}
	for name, m := range k.maps {
		if m.IsPinned() {
			continue
		}
		if pinned, err := ebpf.LoadPinnedMap(k.mapPath(name), nil); err == nil {
			same, err := sameMap(m, pinned)
			pinned.Close()
			if err != nil {
				return err
			}
			if same {
				continue
			}
			if err := os.Remove(k.mapPath(name)); err != nil {
				return fmt.Errorf("unpinning old map %s: %w", name, err)
			}
		}
		if err := m.Pin(k.mapPath(name)); err != nil {
			return fmt.Errorf("pinning map %s: %w", name, err)
		}
	}
	dir := filepath.Join(k.dir, progsDir, k.version)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("unpinning half a version: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making program folder: %w", err)
	}
	for name, p := range k.progs {
		if err := p.Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pinning program %s: %w", name, err)
		}
	}
	old, err := os.ReadDir(filepath.Join(k.dir, progsDir))
	if err != nil {
		return fmt.Errorf("listing program versions: %w", err)
	}
	for _, e := range old {
		if e.Name() != k.version {
			if err := os.RemoveAll(filepath.Join(k.dir, progsDir, e.Name())); err != nil {
				return fmt.Errorf("unpinning old programs: %w", err)
			}
		}
	}
	k.fresh = false
	return nil
}

func sameMap(a, b *ebpf.Map) (bool, error) {
	ai, err := a.Info()
	if err != nil {
		return false, fmt.Errorf("reading map: %w", err)
	}
	bi, err := b.Info()
	if err != nil {
		return false, fmt.Errorf("reading map: %w", err)
	}
	aID, _ := ai.ID()
	bID, _ := bi.ID()
	return aID == bID, nil
}

func (k *kernel) close() {
	for _, m := range slices.Collect(maps.Values(k.maps)) {
		m.Close()
	}
	for _, p := range slices.Collect(maps.Values(k.progs)) {
		p.Close()
	}
}
