package doctor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/dataplane/probe"
)

const (
	floorMajor, floorMinor = 6, 1 // Debian 12's kernel
	memoryFatal            = 256  // MiB: wisp itself and the smallest guest
	memoryWarning          = 1024
	diskFatal              = 512 // MiB: the database, one small image, one disk
	diskWarning            = 5 * 1024
	bpfMagic               = 0xcafe4a11 // BPF_FS_MAGIC, linux/magic.h
)

func checkRoot(context.Context, Config) []Finding {
	const name = "privileges"
	if os.Geteuid() != 0 {
		return []Finding{{name, Fatal, "not root", "network devices, eBPF programs and cgroups cannot be made", "run the command with sudo"}}
	}
	return ok(name, "root")
}

func checkKernel(_ context.Context, c Config) []Finding {
	const name = "kernel"
	release := c.read("/proc/sys/kernel/osrelease")
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return []Finding{{name, Warning, fmt.Sprintf("version %q is not understood", release), "nothing, if the features below are there", ""}}
	}
	if major < floorMajor || major == floorMajor && minor < floorMinor {
		return []Finding{{name, Fatal, fmt.Sprintf("%s is older than %d.%d", release, floorMajor, floorMinor), "the eBPF dataplane",
			"install a newer kernel: apt install linux-image-amd64, then reboot (Debian 12, Ubuntu 24.04 and later have one)"}}
	}
	return ok(name, "%s", release)
}

func checkFeatures(context.Context, Config) []Finding {
	if os.Geteuid() != 0 {
		return nil // all would fail for the one reason that is said already
	}
	var findings []Finding
	var working []string
	for _, feature := range probe.Run() {
		if feature.Err == nil {
			working = append(working, feature.Name)
			continue
		}
		level := Warning
		if feature.Required {
			level = Fatal
		}
		findings = append(findings, Finding{"kernel features", level, fmt.Sprintf("%s: %v", feature.Name, feature.Err), feature.Breaks,
			"use the distribution's own kernel (linux-image-amd64, linux-image-generic), and load its modules: modprobe -a tun veth vxlan nf_tables nft_masq"})
	}
	return append(findings, ok("kernel features", "tried and working: %s", strings.Join(working, ", "))...)
}

func checkBPFFS(_ context.Context, c Config) []Finding {
	const name = "bpf file system"
	var fs unix.Statfs_t
	if err := unix.Statfs(c.path("/sys/fs/bpf"), &fs); err != nil {
		return []Finding{{name, Fatal, fmt.Sprintf("/sys/fs/bpf: %v", err), "programs and connections would end with the wisp process", "mount -t sysfs sysfs /sys"}}
	}
	if fs.Type != bpfMagic {
		return ok(name, "not mounted yet; wisp mounts it at /sys/fs/bpf")
	}
	return ok(name, "mounted at /sys/fs/bpf")
}

func checkQEMU(ctx context.Context, _ Config) []Finding {
	const name = "QEMU"
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return []Finding{{name, Fatal, "qemu-system-x86_64 is not installed", "instances cannot boot", "apt-get install --no-install-recommends qemu-system-x86"}}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return []Finding{{name, Fatal, fmt.Sprintf("%s does not run: %v", path, err), "instances cannot boot", "apt-get install --reinstall qemu-system-x86"}}
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return ok(name, "%s", line)
}

func checkAccelerator(ctx context.Context, c Config) []Finding {
	const name = "acceleration"
	if c.Accelerator == nil {
		return nil
	}
	kind, reason := c.Accelerator(ctx)
	if kind != "kvm" {
		return []Finding{{name, Warning, reason, "speed only: instances run in software (TCG), about ten times slower",
			"turn on virtualization (VT-x, AMD-V) in the firmware, or nested virtualization of the machine that this one runs on"}}
	}
	return ok(name, "%s", reason)
}

func checkMemory(_ context.Context, c Config) []Finding {
	const name = "memory"
	values := map[string]int{}
	for line := range strings.Lines(c.read("/proc/meminfo")) {
		if key, rest, ok := strings.Cut(line, ":"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				if kib, err := strconv.Atoi(fields[0]); err == nil {
					values[key] = kib / 1024
				}
			}
		}
	}
	free, total := values["MemAvailable"], values["MemTotal"]
	text := fmt.Sprintf("%d MiB of %d MiB available", free, total)
	switch {
	case free < memoryFatal:
		return []Finding{{name, Fatal, text, "wisp takes about 100 MiB and each instance what its flavor says", "stop other programs, or give the machine more memory"}}
	case free < memoryWarning:
		return []Finding{{name, Warning, text, "only a few small instances fit", "stop other programs, or give the machine more memory"}}
	}
	return ok(name, "%s", text)
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == "/" || path == "." {
			return path
		}
		path = filepath.Dir(path)
	}
}

func checkDisk(_ context.Context, c Config) []Finding {
	const name = "disk"
	dir := existing(c.StateDir)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return []Finding{{name, Fatal, fmt.Sprintf("%s: %v", dir, err), "images and disks have no place", "choose another folder with --state-dir"}}
	}
	free := int(fs.Bavail * uint64(fs.Bsize) >> 20)
	text := fmt.Sprintf("%d MiB free for %s", free, c.StateDir)
	mend := "free some space, or choose another folder with --state-dir"
	switch {
	case free < diskFatal:
		return []Finding{{name, Fatal, text, "images cannot be stored and instances fail when their disks grow", mend}}
	case free < diskWarning:
		return []Finding{{name, Warning, text, "instances fail when their disks grow", mend}}
	}
	return ok(name, "%s", text)
}

func checkCgroups(_ context.Context, c Config) []Finding {
	const name = "cgroups"
	var roots []string
	mounts, err := os.Open(c.path("/proc/self/mountinfo"))
	if err == nil {
		defer func() { _ = mounts.Close() }()
		for scan := bufio.NewScanner(mounts); scan.Scan(); {
			if left, right, ok := strings.Cut(scan.Text(), " - "); ok && strings.HasPrefix(right, "cgroup") {
				if fields := strings.Fields(left); len(fields) > 4 {
					roots = append(roots, fields[4])
				}
			}
		}
	}
	if len(roots) == 0 {
		return []Finding{{name, Warning, "no cgroup hierarchy is mounted", "instances have no limits of their own on memory and processor time", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"}}
	}
	return ok(name, "%s", strings.Join(roots, ", "))
}

func checkClock(_ context.Context, _ Config) []Finding {
	const name = "clock"
	if now := time.Now(); now.Year() < 2025 {
		return []Finding{{name, Warning, fmt.Sprintf("it says %s", now.Format(time.RFC3339)), "tokens and certificates are issued for the wrong time", "apt-get install systemd-timesyncd, or set it with date -s"}}
	}
	return ok(name, "%s", time.Now().UTC().Format("2006-01-02 15:04 MST"))
}
