package qemu

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
)

// needQEMU skips a test on computers that cannot run machines.
func needQEMU(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("QEMU is not installed")
	}
}

// openDriver opens a driver that is closed when the test ends. Whatever
// machines are left then are removed.
func openDriver(t *testing.T, config Config) *Driver {
	t.Helper()
	d, err := New(config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// stateDir makes a state directory; machines that a test left in it are
// removed with it.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		d, err := New(Config{StateDir: dir}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("clean up: %v", err)
			return
		}
		defer d.Close()
		if _, err := d.List(withoutEnd(t)); err != nil {
			t.Errorf("clean up: %v", err)
		}
		for _, m := range d.all() {
			if err := m.remove(withoutEnd(t)); err != nil {
				t.Errorf("clean up: %v", err)
			}
		}
		found, err := findProcesses(d.tag, d.config.Users)
		if err != nil || len(found) != 0 {
			t.Errorf("processes are left: %v, %v", found, err)
		}
	})
	return dir
}

// guestImage is a raw image of 1 MiB with the test guest in it.
func guestImage(t testing.TB) *hypervisor.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base")
	content := append(hypervisortest.Sector(), make([]byte, 1<<20-512)...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return &hypervisor.Image{Path: path, Format: "raw"}
}

func smallSpec(t testing.TB) hypervisor.Spec {
	t.Helper()
	return hypervisor.Spec{
		ID: uuid.NewString(), Name: "small", VCPUs: 1, MemoryMiB: 32, RootGiB: 1, Power: hypervisor.PowerRunning, Image: guestImage(t),
		NICs: []hypervisor.NIC{{PortID: "port", MAC: "52:54:00:00:00:01", MTU: 1450}},
	}
}

// tell sends a letter to the guest's serial port. QEMU drops what the guest
// has not read when the connection closes, so it is one letter at a time.
func tell(t *testing.T, d hypervisor.Driver, id, letter string) {
	t.Helper()
	talk(t, d, id, letter, func() {})
}

// talk sends letters, and holds the connection until the function returns.
func talk(t *testing.T, d hypervisor.Driver, id, letters string, until func()) {
	t.Helper()
	conn, err := d.OpenConsole(t.Context(), id, hypervisor.ConsoleSerial)
	if err != nil {
		t.Fatalf("open the console: %v", err)
	}
	defer conn.Close()
	// Who does not listen makes the guest wait.
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	if _, err := io.WriteString(conn, letters); err != nil {
		t.Fatalf("speak to the guest: %v", err)
	}
	until()
}

// awaitText waits until the guest has said something so many times.
func awaitText(t *testing.T, d hypervisor.Driver, id, text string, times int) {
	t.Helper()
	hypervisortest.Until(t, "the guest says "+text, func() bool {
		said, err := d.ConsoleLog(t.Context(), id, 0)
		if err != nil {
			t.Fatalf("read the console log: %v", err)
		}
		return strings.Count(string(said), text) >= times
	})
}

func harness(t *testing.T) hypervisortest.Harness {
	dir := stateDir(t)
	teller := func(letter, answer string) func(*testing.T, hypervisor.Driver, string) {
		return func(t *testing.T, d hypervisor.Driver, id string) {
			t.Helper()
			tell(t, d, id, letter)
			if answer != "" {
				awaitText(t, d, id, answer, 1)
			}
		}
	}
	return hypervisortest.Harness{
		Open: func(t *testing.T) hypervisor.Driver {
			return openDriver(t, Config{StateDir: dir, StopRetry: time.Second})
		},
		Spec:     func(t *testing.T) hypervisor.Spec { return smallSpec(t) },
		PowerOff: teller(hypervisortest.GuestPowerOff, ""),
		Reset:    teller(hypervisortest.GuestReset, ""),
		Deafen:   teller(hypervisortest.GuestDeafen, "deaf\r\n"),
		Crash: func(t *testing.T, d hypervisor.Driver, id string) {
			t.Helper()
			m := d.(*Driver).newMachine(id)
			if err := m.read(); err != nil || m.record == nil || !m.record.Process.alive(m.name()) {
				t.Fatalf("no process to kill: %+v, %v", m.record, err)
			}
			if err := syscall.Kill(m.record.Process.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	hypervisortest.Run(t, harness)
}
