package qemu

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
)

// probe asks the guest, which has just booted so many times, what its disk has.
func probe(t *testing.T, d hypervisor.Driver, spec hypervisor.Spec, boots int) string {
	t.Helper()
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, boots)
	before := console(t, d, spec.ID)
	tell(t, d, spec.ID, hypervisortest.GuestProbe)
	var said string
	hypervisortest.Until(t, "the guest tells what its disk has", func() bool {
		said = strings.TrimPrefix(console(t, d, spec.ID), before)
		return strings.Contains(said, "kept") || strings.Contains(said, "blank")
	})
	return strings.TrimSpace(said)
}

func console(t *testing.T, d hypervisor.Driver, id string) string {
	t.Helper()
	said, err := d.ConsoleLog(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// write lets the guest write on its disk.
func write(t *testing.T, d hypervisor.Driver, id string) {
	t.Helper()
	times := strings.Count(console(t, d, id), "written")
	tell(t, d, id, hypervisortest.GuestWrite)
	awaitText(t, d, id, "written", times+1)
}

// TestDisksOfBefore writes on a disk whose state before is set aside, and goes
// back to it; a step that fails on the way is done again.
func TestDisksOfBefore(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	for _, broken := range []string{"", "keep-disks", "restore-root.qcow2"} {
		t.Run("broken at "+broken, func(t *testing.T) {
			t.Parallel()
			d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
			if got := probe(t, d, spec, 1); got != "blank" {
				t.Fatalf("the new disk has %q", got)
			}
			failed := 0
			d.fault = func(step string) error {
				if step == broken && failed == 0 {
					failed++
					return errors.New("broken")
				}
				return nil
			}
			change := func() {
				t.Helper()
				spec.BootGeneration++
				if _, err := d.Ensure(t.Context(), spec); err != nil && !strings.Contains(err.Error(), "broken") {
					t.Fatal(err)
				}
			}
			spec.KeepDisks = "before"
			change()
			if got := probe(t, d, spec, 2); got != "blank" {
				t.Fatalf("the disk has %q", got)
			}
			write(t, d, spec.ID)
			if got := probe(t, d, spec, 2); got != "kept" {
				t.Fatalf("what was written reads %q", got)
			}
			spec.KeepDisks, spec.RestoreDisks = "", "before"
			change()
			if got := probe(t, d, spec, 3); got != "blank" {
				t.Fatalf("the disk of before has %q", got)
			}
			if _, err := os.Stat(filepath.Join(d.root, spec.ID, "kept")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the copies are left: %v", err)
			}
			if broken != "" && failed != 1 {
				t.Error("nothing broke")
			}
		})
	}
}

// TestDisksAnew raises the generation of the disks: what was on them is gone.
func TestDisksAnew(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	probe(t, d, spec, 1)
	write(t, d, spec.ID)
	spec.BootGeneration++
	if got := probe(t, d, spec, 2); got != "kept" {
		t.Fatalf("after a reboot the disk has %q", got)
	}
	spec.BootGeneration++
	spec.DiskGeneration++
	d.fault = func(step string) error {
		if step == "clear-disks" {
			return errors.New("broken")
		}
		return nil
	}
	if _, err := d.Ensure(t.Context(), spec); err == nil {
		t.Fatal("nothing broke")
	}
	d.fault = nil
	if got := probe(t, d, spec, 3); got != "blank" {
		t.Fatalf("the disk that was made anew has %q", got)
	}
}

// TestSnapshotsHoldWhatWasWritten boots a machine from the snapshot of another:
// one that runs, and one that is off.
func TestSnapshotsHoldWhatWasWritten(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	probe(t, d, spec, 1)
	write(t, d, spec.ID)
	for _, power := range []hypervisor.Power{hypervisor.PowerRunning, hypervisor.PowerStopped} {
		spec.Power = power
		hypervisortest.Converge(t, d, spec)
		path := filepath.Join(t.TempDir(), "snapshot")
		if err := d.Snapshot(t.Context(), spec.ID, path); err != nil {
			t.Fatalf("%s: %v", power, err)
		}
		second := smallSpec(t)
		second.Image = &hypervisor.Image{Path: path, Format: "qcow2"}
		if got := probe(t, d, second, 1); got != "kept" {
			t.Errorf("%s: the snapshot has %q", power, got)
		}
	}
}

// TestSuspensionThatFails leaves the machine as it was, to be tried again.
func TestSuspensionThatFails(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	spec.Power = hypervisor.PowerSuspended
	for _, broken := range []string{"memory-written", "memory-saved"} {
		d.fault = func(step string) error {
			if step == broken {
				return errDeath
			}
			return nil
		}
		if _, err := d.Ensure(t.Context(), spec); !errors.Is(err, errDeath) {
			t.Fatalf("nothing broke: %v", err)
		}
	}
	d.fault = nil
	if status := hypervisortest.Converge(t, d, spec); status.State != hypervisor.StateSuspended {
		t.Fatalf("suspended: %+v", status)
	}
	memory := filepath.Join(d.root, spec.ID, "memory")
	if err := os.WriteFile(memory, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec.Power = hypervisor.PowerRunning
	if _, err := d.Ensure(t.Context(), spec); err == nil {
		t.Fatal("a machine went on with nonsense in its memory")
	}
	spec.BootGeneration++ // a hard reboot goes on without it
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 2)
	if _, err := os.Stat(memory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the memory is left: %v", err)
	}
}
