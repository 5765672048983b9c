package qemu

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/hypervisortest"
)

// built finds what the guest's build has made.
func built(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../../build", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the guest image is not built: %v", err)
	}
	return path
}

// TestLinuxGuest boots the real guest image, from its disk and from a kernel
// and a ramdisk that only root may read.
func TestLinuxGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	needQEMU(t)
	private := func(t *testing.T, name string) string {
		t.Helper()
		content, err := os.ReadFile(built(t, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, change := range map[string]func(*testing.T, *hypervisor.Spec){
		"disk": func(t *testing.T, s *hypervisor.Spec) {
			t.Helper()
			s.Image = &hypervisor.Image{Path: built(t, "guest.qcow2"), Format: "qcow2"}
		},
		"kernel and ramdisk": func(t *testing.T, s *hypervisor.Spec) {
			t.Helper()
			s.Image = nil
			s.Kernel, s.Initrd, s.CommandLine = private(t, "guest.vmlinuz"), private(t, "guest.initrd"), "console=ttyS0"
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
			spec.MemoryMiB = 128
			change(t, &spec)
			begin := time.Now()
			status, err := d.Ensure(t.Context(), spec)
			if err != nil || !status.Settled {
				t.Fatalf("%+v, %v", status, err)
			}
			t.Logf("QEMU runs after %s", time.Since(begin))
			talk(t, d, spec.ID, "", func() {
				hypervisortest.Until(t, "the kernel runs its first process", func() bool {
					said, err := d.ConsoleLog(t.Context(), spec.ID, 0)
					if err != nil && !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					return bytes.Contains(said, []byte("Run /init")) || bytes.Contains(said, []byte("login:")) || bytes.Contains(said, []byte("wisp"))
				})
			})
			t.Logf("its guest runs after %s", time.Since(begin))
		})
	}
}
