package qemu

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
	"wisp/internal/qcow2"
)

// TestS32_DiskLivesAndDiesWithItsMachine writes to a disk from inside, and
// looks for it after a hard reboot, and after the machine was made anew.
func TestS32_DiskLivesAndDiesWithItsMachine(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	base, err := os.ReadFile(spec.Image.Path)
	if err != nil {
		t.Fatal(err)
	}
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	talk(t, d, spec.ID, hypervisortest.GuestProbe+hypervisortest.GuestWrite, func() {
		awaitText(t, d, spec.ID, "blank\r\nwritten\r\n", 1)
	})
	spec.BootGeneration++
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 2)
	tell(t, d, spec.ID, hypervisortest.GuestProbe)
	awaitText(t, d, spec.ID, "kept", 1)
	if err := d.Remove(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	tell(t, d, spec.ID, hypervisortest.GuestProbe)
	awaitText(t, d, spec.ID, "blank", 1)
	if after, err := os.ReadFile(spec.Image.Path); err != nil || !bytes.Equal(after, base) {
		t.Errorf("the base image was changed (%v)", err)
	}
}

func TestHardwareChoices(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	type choice = hypervisor.Features
	for name, features := range map[string]choice{
		"pc, virtio":          {MachineType: "pc", DiskBus: "virtio", VIFModel: "virtio", VideoModel: "virtio"},
		"pc, scsi":            {MachineType: "pc", DiskBus: "scsi", VIFModel: "e1000", VideoModel: "cirrus"},
		"pc, ide":             {MachineType: "pc", DiskBus: "ide", VIFModel: "rtl8139", VideoModel: "vga"},
		"pc, sata":            {MachineType: "pc", DiskBus: "sata", VIFModel: "e1000e", VideoModel: "none"},
		"q35, virtio":         {MachineType: "q35", DiskBus: "virtio", GuestAgent: true, RNGDisabled: true},
		"q35, scsi":           {MachineType: "q35", DiskBus: "scsi"},
		"q35, sata":           {MachineType: "q35", DiskBus: "sata"},
		"bios, said outright": {Firmware: "bios"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, spec := openDriver(t, Config{StateDir: stateDir(t)}), richSpec(t)
			spec.Features = features
			spec.VCPUs = 2
			hypervisortest.Converge(t, d, spec)
			hypervisortest.WaitReady(t, d, spec.ID, 1)
			stats, err := d.Stats(t.Context(), spec.ID)
			if err != nil || len(stats.Disks) != 4 || stats.Disks[0].ReadRequests == 0 || stats.Disks[0].SizeBytes != gib {
				t.Errorf("the disks are %+v, %v", stats.Disks, err)
			}
			if features.VideoModel == "none" {
				_, err := d.OpenConsole(t.Context(), spec.ID, hypervisor.ConsoleVNC)
				if !errs.Is(err, errs.Conflict) {
					t.Errorf("the display of a machine without one: %v", err)
				}
			}
		})
	}
}

func TestImpossibleHardware(t *testing.T) {
	t.Parallel()
	d := openDriver(t, Config{StateDir: stateDir(t)})
	spec := smallSpec(t)
	spec.Features = hypervisor.Features{MachineType: "q35", DiskBus: "ide"}
	if _, err := d.Ensure(t.Context(), spec); !errs.Is(err, errs.Invalid) {
		t.Errorf("IDE on q35: %v", err)
	}
}

// TestDiskSizes tells what sizes a root disk may have and become.
func TestDiskSizes(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	size := func() int64 {
		n, err := virtualSize(filepath.Join(d.root, spec.ID, "root.qcow2"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	spec.RootGiB = 0
	hypervisortest.Converge(t, d, spec)
	if got := size(); got != mib {
		t.Errorf("without a size the disk has %d bytes, want the image's", got)
	}
	spec.RootGiB = 2
	spec.BootGeneration++
	hypervisortest.Converge(t, d, spec)
	if got := size(); got != 2*gib {
		t.Errorf("grown, the disk has %d bytes", got)
	}
	spec.RootGiB = 1
	spec.BootGeneration++
	if _, err := d.Ensure(t.Context(), spec); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "cannot shrink") {
		t.Errorf("shrunk: %v", err)
	}
}

// TestImagesThatAreRefused: S18, S19, S20 and S21 before use.
func TestS18_S19_S20_S21_ImagesThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	overlay, huge := filepath.Join(dir, "overlay"), filepath.Join(dir, "huge")
	if err := qcow2.CreateOverlay(overlay, "/etc/passwd", "raw", gib); err != nil {
		t.Fatal(err)
	}
	if err := qcow2.Create(huge, 2*gib+512); err != nil {
		t.Fatal(err)
	}
	external, err := os.ReadFile(huge)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(external[72:], 4)
	for name, test := range map[string]struct {
		image hypervisor.Image
		kind  errs.Kind
		says  string
	}{
		"backing file":         {hypervisor.Image{Path: overlay, Format: "qcow2"}, errs.Invalid, "backing file"},
		"qcow2 said to be raw": {hypervisor.Image{Path: overlay, Format: "raw"}, errs.Invalid, "backing file"},
		"plain qcow2 as raw":   {hypervisor.Image{Path: huge, Format: "raw"}, errs.Invalid, "declared as raw"},
		"raw said to be qcow2": {hypervisor.Image{Path: file("raw", make([]byte, 1024)), Format: "qcow2"}, errs.Invalid, "declared as qcow2"},
		"external data file":   {hypervisor.Image{Path: file("external", external), Format: "qcow2"}, errs.Invalid, "another file"},
		"VMDK said to be raw":  {hypervisor.Image{Path: file("vmdk", []byte("# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\n")), Format: "raw"}, errs.Invalid, "not allowed"},
		"larger than its disk": {hypervisor.Image{Path: huge, Format: "qcow2"}, errs.Invalid, "larger disk"},
		"empty":                {hypervisor.Image{Path: file("empty", nil), Format: "raw"}, errs.Invalid, "empty"},
		"not there":            {hypervisor.Image{Path: filepath.Join(dir, "none"), Format: "raw"}, errs.Unavailable, "cache"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, spec := openDriver(t, Config{StateDir: stateDir(t), Accelerator: AccelTCG}), smallSpec(t)
			spec.Image = &test.image
			if test.says == "empty" {
				spec.RootGiB = 0
			}
			_, err := d.Ensure(t.Context(), spec)
			if !errs.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v (%s), want %s with %q", err, errs.Of(err), test.kind, test.says)
			}
		})
	}
}

// TestS21_ImageIsCheckedAtEachStart swaps the base image behind the back of a
// machine that ran.
func TestS21_ImageIsCheckedAtEachStart(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	hypervisortest.Converge(t, d, spec)
	other := filepath.Join(t.TempDir(), "other")
	if err := qcow2.CreateOverlay(other, "/etc/passwd", "raw", mib); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, spec.Image.Path); err != nil {
		t.Fatal(err)
	}
	spec.BootGeneration++
	if _, err := d.Ensure(t.Context(), spec); !errs.Is(err, errs.Invalid) {
		t.Errorf("started with %v", err)
	}
}

func TestSwapIsReady(t *testing.T) {
	t.Parallel()
	probe, err := exec.LookPath("blkid")
	if err != nil {
		t.Skip("blkid is not installed")
	}
	path := filepath.Join(t.TempDir(), "swap")
	if err := os.WriteFile(path, swapHead(8*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8*mib); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(probe, "-p", path).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`TYPE="swap"`)) {
		t.Errorf("blkid says %s, %v", out, err)
	}
}

// TestEphemeralIsReady looks at file systems of many sizes with the tools that
// others look with.
func TestEphemeralIsReady(t *testing.T) {
	t.Parallel()
	probe, err := exec.LookPath("blkid")
	if err != nil {
		t.Skip("blkid is not installed")
	}
	check, _ := exec.LookPath("fsck.fat")
	for _, size := range []int64{1, 2, 8, 9, 17, 33, 1024, 1025, 4096} {
		t.Run(fmt.Sprintf("%d GiB", size), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "disk")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range emptyFAT(size*gib, "ephemeral0", 7) {
				if _, err := f.WriteAt(p.Bytes, p.At); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(f.Truncate(size*gib), f.Close()); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(probe, "-p", path).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte(` LABEL="ephemeral0"`)) || !bytes.Contains(out, []byte(`TYPE="vfat"`)) || !bytes.Contains(out, []byte(`VERSION="FAT32"`)) {
				t.Errorf("blkid says %s, %v", out, err)
			}
			if check != "" && size < 100 { // it reads all of both tables
				if out, err := exec.Command(check, "-n", path).CombinedOutput(); err != nil {
					t.Errorf("fsck.fat says %s, %v", out, err)
				}
			}
			if err := qcow2.CreateWith(filepath.Join(t.TempDir(), "qcow2"), size*gib, emptyFAT(size*gib, "ephemeral0", 7)...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConfigDriveMustBeADisk(t *testing.T) {
	t.Parallel()
	d, spec := openDriver(t, Config{StateDir: stateDir(t), Accelerator: AccelTCG}), smallSpec(t)
	spec.ConfigDrive = func(context.Context) ([]byte, error) { return []byte("short"), nil }
	if _, err := d.Ensure(t.Context(), spec); !errs.Is(err, errs.Invalid) {
		t.Errorf("the error is %v", err)
	}
}

// TestConsoleLogIsBounded lets a guest write far more than is kept.
func TestConsoleLogIsBounded(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	const keep = 64 << 10
	d := openDriver(t, Config{StateDir: stateDir(t), ConsoleBytes: keep, Housekeeping: 10 * time.Millisecond})
	spec := smallSpec(t)
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	m, err := d.known(spec.ID)
	if err != nil {
		t.Fatal(err)
	}
	// The dot is answered last. QEMU loses or doubles a byte now and then when the
	// listener is slow, so lines are counted and not compared.
	const end = "."
	talk(t, d, spec.ID, strings.Repeat(hypervisortest.GuestFlood, 5)+end, func() {
		hypervisortest.Until(t, "the guest has written it all, and most is cut away", func() bool {
			var stat unix.Stat_t
			if err := unix.Stat(m.consoleLog(), &stat); err != nil {
				t.Fatal(err)
			}
			last, err := d.ConsoleLog(t.Context(), spec.ID, 1)
			return err == nil && stat.Size >= 5*64<<10-1<<10 && stat.Blocks*512 < 2*keep && string(last) == end
		})
	})
	text, err := d.ConsoleLog(t.Context(), spec.ID, 0)
	if err != nil || len(text) < keep || len(text) > 3*keep || bytes.IndexByte(text, 0) >= 0 || !bytes.HasSuffix(text, []byte("\r\n"+end)) {
		t.Errorf("%d bytes of the console are kept, %v", len(text), err)
	}
	if last, err := d.ConsoleLog(t.Context(), spec.ID, 4); err != nil || !bytes.HasSuffix(text, last) || bytes.Count(last, []byte("\n")) != 3 {
		t.Errorf("its last lines are %q, %v", last, err)
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc", 2, "b\nc"},
		{"a\nb\nc\n", 0, "a\nb\nc\n"},
		{"a\nb\nc\n", -1, "a\nb\nc\n"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"a\n\n", 1, "\n"},
		{"", 1, ""},
	} {
		if got := string(lastLines([]byte(test.text), test.n)); got != test.want {
			t.Errorf("the last %d lines of %q are %q, want %q", test.n, test.text, got, test.want)
		}
	}
}
