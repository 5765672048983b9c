// Init is the first and only process that the emulated machine of package
// kernel starts: it mounts what tests want, loads the modules, runs the test
// binary with its output on the second serial port, writes how it ended there,
// and turns the machine off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// plan is what to do, from the file /plan; package kernel writes it.
type plan struct {
	Modules []string // files, each after those that it needs
	Command []string
	Dir     string
	Env     []string
}

// Words that package kernel looks for.
const (
	began = "=== wisp machine: kernel"
	ended = "=== wisp machine: ended"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	unix.Sync()
	// Without ACPI it cannot be turned off; QEMU ends at a restart, too.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	select {}
}

func run() error {
	if err := mount(); err != nil {
		return err
	}
	out, err := openSerial("/dev/ttyS1")
	if err != nil {
		return err
	}
	defer out.Close()
	// Nobody is left to tell of an error here: a machine that did not say how
	// it ended has failed.
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	var p plan
	text, err := os.ReadFile("/plan")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if err := load(p.Modules); err != nil {
		say("%s 1 %v\n", ended, err)
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	say("%s %s up after %.1f s\n", began, unix.ByteSliceToString(name.Release[:]), uptime())
	code, err := test(p, out)
	say("\n%s %d %v\n", ended, code, err)
	return err
}

func mount() error {
	for _, m := range []struct{ kind, at string }{
		{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
		{"bpf", "/sys/fs/bpf"}, {"cgroup2", "/sys/fs/cgroup"}, {"tracefs", "/sys/kernel/tracing"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounting %s at %s: %w", m.kind, m.at, err)
		}
	}
	// The tun module has a device of its own name, below a folder.
	return os.MkdirAll("/dev/net", 0o755)
}

// openSerial opens a serial port for bytes as they are: a terminal would put a
// carriage return before each end of a line.
func openSerial(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd())
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the settings of %s: %w", path, err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		f.Close()
		return nil, fmt.Errorf("setting %s: %w", path, err)
	}
	return f, nil
}

func load(modules []string) error {
	for _, path := range modules {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("loading %s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// test runs the test binary and gives its exit status.
func test(p plan, out *os.File) (int, error) {
	cmd := exec.Command(p.Command[0], p.Command[1:]...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return -1, err
	}
	return cmd.ProcessState.ExitCode(), err
}

// uptime gives the seconds since the kernel began.
func uptime() float64 {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.Fields(string(text))[0] + "s")
	if err != nil {
		return 0
	}
	return d.Seconds()
}
