package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"wisp/internal/hypervisor"
)

// keptFolder holds copies of the disks, to which a machine may have to return.
func (m *machine) keptFolder() string { return filepath.Join(m.folder, "kept") }

// keptFiles are the disks that are copied: all that a guest writes.
var keptFiles = []string{"root.qcow2", "ephemeral.qcow2", "swap.qcow2"}

// settleDisks sets copies of the disks aside, or takes them back. No process
// may run.
func (m *machine) settleDisks(ctx context.Context, spec hypervisor.Spec) error {
	r := m.record
	if spec.RestoreDisks != "" && r.Kept == spec.RestoreDisks {
		if err := m.restoreDisks(); err != nil {
			return err
		}
	}
	if spec.KeepDisks == "" || r.Kept == spec.KeepDisks {
		return nil
	}
	whole, part := m.keptFolder(), m.keptFolder()+".new"
	if err := errors.Join(os.RemoveAll(whole), os.RemoveAll(part), os.Mkdir(part, 0o700)); err != nil {
		return hostError(err, "copy the disks")
	}
	for _, name := range keptFiles {
		err := copySparse(ctx, filepath.Join(m.folder, name), filepath.Join(part, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return hostError(errors.Join(err, os.RemoveAll(part)), "copy the disks")
		}
	}
	if err := m.driver.step("keep-disks"); err != nil {
		return err
	}
	if err := os.Rename(part, whole); err != nil {
		return hostError(err, "copy the disks")
	}
	r.Kept = spec.KeepDisks
	return m.save()
}

// restoreDisks moves the copies back. What an earlier try has moved is in its
// place already.
func (m *machine) restoreDisks() error {
	for _, name := range keptFiles {
		err := os.Rename(filepath.Join(m.keptFolder(), name), filepath.Join(m.folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return hostError(err, "take the disks back")
		}
		if err := m.driver.step("restore-" + name); err != nil {
			return err
		}
	}
	m.record.Kept = ""
	if err := m.save(); err != nil {
		return err
	}
	return os.RemoveAll(m.keptFolder())
}

// dropDisks lets go of copies that nobody will want back.
func (m *machine) dropDisks(spec hypervisor.Spec) error {
	r := m.record
	if r.Kept == "" || r.Kept == spec.KeepDisks || r.Kept == spec.RestoreDisks {
		return nil
	}
	r.Kept = ""
	if err := m.save(); err != nil {
		return err
	}
	if err := os.RemoveAll(m.keptFolder()); err != nil {
		return hostError(err, "let go of the disks' copies")
	}
	return nil
}

// clearDisks removes the disks of an older generation, and that of a rescue
// which is over.
func (m *machine) clearDisks(spec hypervisor.Spec) error {
	r := m.record
	var old []string
	if spec.Rescue == nil {
		old = append(old, rescueDisk+".qcow2")
	}
	if r.DiskGeneration != spec.DiskGeneration {
		old = append(old, keptFiles...)
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(m.folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return hostError(err, "remove an old disk")
		}
	}
	if r.DiskGeneration == spec.DiskGeneration {
		return nil
	}
	if err := m.driver.step("clear-disks"); err != nil {
		return err
	}
	r.DiskGeneration = spec.DiskGeneration
	return m.save()
}

// copySparse copies a file, and leaves holes where it has some. Where the file
// system can share blocks, nothing is copied.
func copySparse(ctx context.Context, from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if unix.IoctlFileClone(int(target.Fd()), int(source.Fd())) == nil {
		return target.Sync()
	}
	stat, err := source.Stat()
	if err != nil {
		return err
	}
	if err := target.Truncate(stat.Size()); err != nil {
		return err
	}
	for at := int64(0); at < stat.Size(); {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("copy a disk: %w", err)
		}
		data, err := unix.Seek(int(source.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // only a hole is left
		}
		if err != nil {
			return fmt.Errorf("look for data: %w", err)
		}
		hole, err := unix.Seek(int(source.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("look for a hole: %w", err)
		}
		const step = 64 << 20 // between two looks at the context
		end := min(hole, data+step)
		if _, err := source.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if _, err := target.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(target, source, end-data); err != nil {
			return err
		}
		at = end
	}
	return target.Sync()
}
