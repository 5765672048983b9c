package qemu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/qcow2"
)

// disk is one disk of a machine, in the order in which its guest finds them.
type disk struct {
	name     string // "root": of the file, and of QEMU's block node
	file     string // in the machine's folder
	size     int64  // bytes that it should have; 0: whatever it has
	readOnly bool   // its guest cannot write it
	config   bool   // the config drive, which is no qcow2 file
	swap     bool   // made ready as swap space
	label    string // of the empty file system that is made on it
	boot     bool   // what the machine boots from
	bus      string // resolved
	image    *hypervisor.Image
}

const rescueDisk = "rescue"

const (
	mib = 1 << 20
	gib = 1 << 30
)

// disksOf lists the disks that a spec asks for.
func disksOf(spec hypervisor.Spec) []disk {
	var all []disk
	rescue := spec.Rescue
	add := func(d disk) {
		if d.bus == "" {
			d.bus = spec.Features.DiskBus
		}
		all = append(all, d)
	}
	addRescue := func() {
		add(disk{
			name: rescueDisk, file: rescueDisk + ".qcow2", size: int64(spec.RootGiB) * gib, readOnly: rescue.CDROM, boot: true, bus: rescue.Bus, image: &rescue.Image,
		})
	}
	if rescue != nil && !rescue.Last {
		addRescue()
	}
	if spec.Image != nil || spec.RootGiB > 0 {
		add(disk{name: "root", file: "root.qcow2", size: int64(spec.RootGiB) * gib, boot: rescue == nil, image: spec.Image})
	}
	if spec.EphemeralGiB > 0 {
		add(disk{name: "ephemeral", file: "ephemeral.qcow2", size: int64(spec.EphemeralGiB) * gib, label: "ephemeral0"})
	}
	if spec.SwapMiB > 0 {
		add(disk{name: "swap", file: "swap.qcow2", size: int64(spec.SwapMiB) * mib, swap: true})
	}
	if spec.ConfigDrive != nil {
		add(disk{name: "config", file: "config.iso", readOnly: true, config: true})
	}
	if rescue != nil && rescue.Last {
		addRescue()
	}
	return all
}

// openImage opens a base image and looks at what it really is, each time
// that it is about to be used: a cache may have been tampered with, and a raw
// image may pretend to be something else only later.
func openImage(image *hypervisor.Image) (*os.File, qcow2.Info, error) {
	f, err := os.Open(image.Path)
	if err != nil {
		return nil, qcow2.Info{}, errs.Wrap(err, errs.Unavailable, "The image is not in this host's cache, or cannot be read.")
	}
	info, err := func() (qcow2.Info, error) {
		stat, err := f.Stat()
		if err != nil {
			return qcow2.Info{}, fmt.Errorf("look at the image: %w", err)
		}
		info, err := qcow2.Inspect(f, stat.Size())
		if err != nil {
			return info, err
		}
		return info, info.Check(image.Format)
	}()
	if err != nil {
		f.Close()
		return nil, info, err
	}
	return f, info, nil
}

// prepareDisk makes a disk that is not there yet, and refuses one that is
// larger than it should be. One that is smaller grows when QEMU runs.
func (m *machine) prepareDisk(d disk) error {
	path := filepath.Join(m.folder, d.file)
	have, err := virtualSize(path)
	switch {
	case err == nil && d.size > 0 && have > d.size:
		return errs.New(errs.Conflict, "The %s disk has %s and cannot shrink to %s.", d.name, inGiB(have), inGiB(d.size))
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// Made beside its place and moved there, so that what is there is whole.
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear away half a disk: %w", err)
	}
	if err := m.createDisk(tmp, d); err != nil {
		return err
	}
	if err := m.driver.step("place-" + d.name); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("put the %s disk in its place: %w", d.name, err)
	}
	return nil
}

func (m *machine) createDisk(path string, d disk) error {
	if d.image != nil {
		f, info, err := openImage(d.image)
		if err != nil {
			return err
		}
		defer f.Close()
		// QEMU reads raw files in whole sectors.
		needed := (info.VirtualSize + 511) &^ 511
		size := d.size
		if size == 0 {
			size = needed
		}
		if needed > size {
			return errs.New(errs.Invalid, "The image needs a disk of %s, but the flavor's has %s: choose a flavor with a larger disk.", inGiB(needed), inGiB(size))
		}
		if size == 0 {
			return errs.New(errs.Invalid, "The image is empty: upload it again.")
		}
		return created(qcow2.CreateOverlay(path, d.image.Path, d.image.Format, size))
	}
	if d.swap {
		return created(qcow2.CreateWith(path, d.size, qcow2.Part{Bytes: swapHead(d.size)}))
	}
	if d.label != "" {
		return created(qcow2.CreateWith(path, d.size, emptyFAT(d.size, d.label, rand.Uint32())...))
	}
	return created(qcow2.Create(path, d.size))
}

func created(err error) error {
	if err != nil {
		return hostError(err, "make a disk")
	}
	return nil
}

// swapHead is the first page of a swap area of size bytes, as mkswap(8) writes
// it (union swap_header in Linux's include/linux/swap.h), for 4 KiB pages.
func swapHead(size int64) []byte {
	const page = 4096
	b := make([]byte, page)
	binary.LittleEndian.PutUint32(b[1024:], 1)
	binary.LittleEndian.PutUint32(b[1028:], uint32(size/page-1))
	copy(b[1052:], "swap") // the label
	copy(b[page-10:], "SWAPSPACE2")
	return b
}

// virtualSize reads the size of a disk of our own.
func virtualSize(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return 0, err
	}
	info, err := qcow2.Inspect(f, stat.Size())
	if err != nil {
		return 0, err
	}
	if info.Format != qcow2.QCOW2 || info.VirtualSize == 0 {
		return 0, errs.New(errs.Internal, "The disk %s is damaged: it is %s, not qcow2.", path, info.Format)
	}
	return info.VirtualSize, nil
}

// writeConfigDrive asks for the config drive's content and keeps it.
func (m *machine) writeConfigDrive(ctx context.Context, spec hypervisor.Spec) error {
	content, err := spec.ConfigDrive(ctx)
	if err != nil {
		return fmt.Errorf("make the config drive: %w", err)
	}
	if len(content) == 0 || len(content)%512 != 0 {
		return errs.New(errs.Invalid, "The config drive has %d bytes, which is no disk.", len(content))
	}
	path := filepath.Join(m.folder, "config.iso")
	if err := replaceFile(path, content, 0o400); err != nil {
		return hostError(err, "keep the config drive")
	}
	return nil
}

func inGiB(bytes int64) string {
	switch {
	case bytes%gib == 0:
		return fmt.Sprintf("%d GiB", bytes/gib)
	case bytes >= gib:
		return fmt.Sprintf("%.2f GiB", float64(bytes)/gib)
	}
	return fmt.Sprintf("%.2f MiB", float64(bytes)/mib)
}
