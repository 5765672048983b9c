package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// floor is the oldest kernel that the dataplane supports.
const floor = "6.1."

// What the environment can say.
const (
	runVariable     = "WISP_TEST_KERNEL_RUN"
	packageVariable = "WISP_TEST_KERNEL_PACKAGE"
)

// packages are the tested ones, as folders below the project.
var packages = []string{"internal/dataplane", "internal/netlinkx", "internal/physnet"}

func TestPackages(t *testing.T) {
	image, modules := kernelFiles(t)
	version := filepath.Base(modules)
	if !strings.HasPrefix(version, floor) {
		t.Logf("the kernel is %s: what is tested is not the oldest supported one, %sx", version, floor)
	}
	init := build(t, "build", "./init")
	ran := 0
	for _, folder := range packages {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			p := plan{
				Command: []string{"/test", "-test.v=test2json", "-test.short", "-test.timeout=20m", "-test.parallel=3"},
				Dir:     "/src/" + folder,
				Env:     []string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "WISP_TEST_FOREIGN=1"},
			}
			if run := os.Getenv(runVariable); run != "" {
				p.Command = append(p.Command, "-test.run="+run)
			}
			g, err := pack(t.TempDir(), image, modules, init, build(t, "test", "-c", "wisp/"+folder), "../../"+folder, p)
			if err != nil {
				t.Fatal(err)
			}
			ran += boot(t, g)
		})
	}
	if ran == 0 {
		t.Errorf("no test ran; %s is %q", runVariable, os.Getenv(runVariable))
	}
}

// kernelFiles gives the kernel to test with and the folder of its modules.
func kernelFiles(t *testing.T) (image, modules string) {
	t.Helper()
	if testing.Short() {
		t.Skip("emulates a machine")
	}
	for _, tool := range []string{"qemu-system-x86_64", "apt-get", "dpkg-deb", "ip", "ping", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: `make test-kernel` installs what is needed", err)
		}
	}
	debs, err := filepath.Abs("../../build/debs")
	if err != nil {
		t.Fatal(err)
	}
	image, modules, err = unpackKernel(os.Getenv(packageVariable), debs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return image, modules
}

// build makes a static program of Go.
func build(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	n := len(args) - 1
	cmd := exec.Command("go", append(args[:n:n], "-ldflags", "-s -w", "-o", out, args[n])...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, text)
	}
	return out
}

// boot runs a machine, shows its tests as subtests, and tells how many there
// were.
func boot(t *testing.T, g *guest) int {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 25*time.Minute)
	defer stop()
	if end, ok := t.Deadline(); ok {
		// Before the test is killed, there is still something to tell.
		ctx, stop = context.WithDeadline(ctx, end.Add(-20*time.Second))
		defer stop()
	}
	start := time.Now()
	var ready time.Duration
	r, err := g.run(ctx, func(line string) {
		if strings.HasPrefix(line, began) {
			ready = time.Since(start)
		}
		if line := strings.TrimPrefix(line, "\x16"); strings.HasPrefix(line, "--- ") {
			t.Logf("%4.0f s %s", time.Since(start).Seconds(), line)
		}
	})
	if err != nil {
		t.Error(err)
	}
	root, err := parse(r.output)
	if err != nil {
		t.Fatal(err)
	}
	root.show(t)
	t.Logf("the kernel %s; ready after %.1f s, off after %.1f s; tests %v", r.boot, ready.Seconds(), time.Since(start).Seconds(), root.count())
	if err := r.verdict(root); err != nil {
		t.Error(err)
	}
	return len(root.children)
}

// verdict is what went wrong beside single tests.
func (r *result) verdict(root *inner) error {
	status, why, _ := strings.Cut(r.status, " ")
	switch {
	case status == "":
		return fmt.Errorf("the machine ended before its tests did:\n%s\n%s", tail(r.output), tail(r.console))
	case status != "0":
		return fmt.Errorf("the tests ended with status %s (%s):\n%s", status, why, tail([]byte(root.output.String())))
	}
	return nil
}

// tail is the end of a text.
func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }
