package kernel

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// floor is the oldest kernel that the dataplane supports.
const floor = "6.1."

// packages are the tested ones, as folders below the project.
var packages = []string{"internal/dataplane", "internal/netlinkx"}

func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("emulates a machine for minutes")
	}
	for _, tool := range []string{"qemu-system-x86_64", "apt-get", "dpkg-deb", "ip", "ping"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: `make test-kernel` installs what is needed", err)
		}
	}
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	image, modules, err := unpackKernel(os.Getenv("WISP_TEST_KERNEL_PACKAGE"), filepath.Join(top, "build", "debs"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	version := filepath.Base(modules)
	if !strings.HasPrefix(version, floor) {
		t.Logf("the kernel is %s: what is tested is not the oldest supported one, %sx", version, floor)
	}
	init := build(t, "build", "./init")
	for _, folder := range packages {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			p := plan{
				Command: []string{"/test", "-test.v=test2json", "-test.timeout=20m", "-test.parallel=4"},
				Dir:     "/src/" + folder,
				Env:     []string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "WISP_TEST_FOREIGN=1"},
			}
			if run := os.Getenv("WISP_TEST_KERNEL_RUN"); run != "" {
				p.Command = append(p.Command, "-test.run="+run)
			}
			g, err := pack(t.TempDir(), image, modules, init, build(t, "test", "-c", "wisp/"+folder), filepath.Join(top, folder), p)
			if err != nil {
				t.Fatal(err)
			}
			boot(t, g)
		})
	}
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

// boot runs a machine and shows its tests as subtests.
func boot(t *testing.T, g *guest) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 25*time.Minute)
	defer stop()
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
		t.Fatalf("%v\n%s", err, r.console)
	}
	root, err := parse(r.output)
	if err != nil {
		t.Fatal(err)
	}
	root.show(t)
	t.Logf("kernel %s; ready after %.1f s, off after %.1f s; tests %v", r.boot, ready.Seconds(), time.Since(start).Seconds(), root.count())
	switch status, _, _ := strings.Cut(r.status, " "); {
	case status == "":
		t.Errorf("the machine ended before its tests did:\n%s\n%s", tail(r.output), tail(r.console))
	case status != "0":
		t.Errorf("the tests ended with %s:\n%s", r.status, tail([]byte(root.output.String())))
	case len(root.children) == 0:
		t.Error("no test ran")
	}
}

// tail is the end of a text.
func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }
