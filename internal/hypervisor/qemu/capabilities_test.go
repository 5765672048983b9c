package qemu

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

func TestCapabilities(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d := openDriver(t, Config{StateDir: stateDir(t)})
	c, err := d.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Arch != "x86_64" || c.HypervisorType != "QEMU" || c.VersionNumber() < 5_000_000 || c.VCPUs < 1 || c.MemoryMiB < 1 ||
		c.DiskGiB < 1 || c.AcceleratorReason == "" || c.Accelerator != "kvm" && c.Accelerator != "tcg" {
		t.Errorf("the capabilities are %+v", c)
	}
	d = openDriver(t, Config{StateDir: stateDir(t), Accelerator: AccelKVM, Binary: "/nonexistent"})
	if accel, reason, err := d.accelerator(t.Context()); accel != AccelKVM || !strings.Contains(reason, "configuration") || err != nil {
		t.Errorf("told to use KVM: %s, %s, %v", accel, reason, err)
	}
	if _, err := d.Capabilities(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without QEMU: %v", err)
	}
}

// TestTrialGuest runs the guest that KVM is tried with, under emulation: there
// it must run everywhere.
func TestTrialGuest(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	d := openDriver(t, Config{StateDir: stateDir(t)})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := d.tryGuest(ctx, "tcg"); err != nil {
		t.Error(err)
	}
	if err := d.tryGuest(ctx, "none"); err == nil {
		t.Error("an accelerator that does not exist works")
	}
	d.config.Binary = "/nonexistent"
	if err := d.tryGuest(ctx, "tcg"); err == nil {
		t.Error("it runs without QEMU")
	}
	d.config.Binary = program(t, "exec sleep 600\n")
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.tryGuest(ctx, "tcg"); err == nil || !strings.Contains(err.Error(), "hung") {
		t.Errorf("a guest that hangs: %v", err)
	}
}

func TestVersionNumber(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"7.2.22": 7002022, "10.0.0": 10000000, "8.1": 8001000, "9.1.2-rc1": 9001002, "": 0} {
		if got := (hypervisor.Capabilities{HypervisorVersion: version}).VersionNumber(); got != want {
			t.Errorf("%q is %d, want %d", version, got, want)
		}
	}
}

func TestParseCPU(t *testing.T) {
	t.Parallel()
	block := func(processor, socket, core string) string {
		return "processor\t: " + processor + "\nvendor_id\t: GenuineIntel\nmodel name\t: A CPU\nphysical id\t: " + socket + "\ncore id\t\t: " + core + "\nflags\t\t: fpu vmx\n\n"
	}
	c := parseCPU(strings.NewReader(block("0", "0", "0") + block("1", "0", "0") + block("2", "0", "1") + block("3", "0", "1") +
		block("4", "1", "0") + block("5", "1", "0") + block("6", "1", "1") + block("7", "1", "1")))
	if c.Vendor != "GenuineIntel" || c.Model != "A CPU" || len(c.Features) != 2 || c.Sockets != 2 || c.Cores != 2 || c.Threads != 2 {
		t.Errorf("it is %+v", c)
	}
	if c := parseCPU(strings.NewReader("")); c.Sockets != 1 || c.Cores != 1 || c.Threads != 1 {
		t.Errorf("without an answer it is %+v", c)
	}
}

// BenchmarkEnsure measures a new machine until QEMU runs its guest.
func BenchmarkEnsure(b *testing.B) {
	d, err := New(Config{StateDir: b.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	spec := smallSpec(b)
	for b.Loop() {
		if _, err := d.Ensure(b.Context(), spec); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Remove(b.Context(), spec.ID); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
