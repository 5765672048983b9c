package qemu

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"wisp/internal/hypervisor"
)

// Capabilities implements hypervisor.Driver.
func (d *Driver) Capabilities(ctx context.Context) (hypervisor.Capabilities, error) {
	version, err := d.version(ctx)
	if err != nil {
		return hypervisor.Capabilities{}, err
	}
	accel, reason, err := d.accelerator(ctx)
	if err != nil {
		return hypervisor.Capabilities{}, err
	}
	c := hypervisor.Capabilities{
		Arch: "x86_64", Accelerator: string(accel), AcceleratorReason: reason, HypervisorType: "QEMU", HypervisorVersion: version,
		VCPUs: runtime.NumCPU(), CPU: readCPU(),
		DiskBuses: diskBuses, VIFModels: vifModels, VideoModels: videoModels, MachineTypes: machineTypes, Firmwares: firmwares, RescueBuses: rescueBuses,
	}
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		return c, fmt.Errorf("read the host's memory: %w", err)
	}
	c.MemoryMiB = int(memory.Totalram * uint64(memory.Unit) / mib)
	var disk unix.Statfs_t
	if err := unix.Statfs(d.root, &disk); err != nil {
		return c, fmt.Errorf("read the size of the state directory's file system: %w", err)
	}
	c.DiskGiB = int(disk.Blocks * uint64(disk.Bsize) / gib)
	c.DiskFreeGiB = int(disk.Bavail * uint64(disk.Bsize) / gib)
	return c, nil
}

// readCPU describes the host's processor; what cannot be told is empty.
func readCPU() hypervisor.CPUInfo {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return hypervisor.CPUInfo{}
	}
	defer f.Close()
	return parseCPU(f)
}

// parseCPU reads x86's form of /proc/cpuinfo.
func parseCPU(r io.Reader) hypervisor.CPUInfo {
	var c hypervisor.CPUInfo
	sockets, cores, processors := map[string]bool{}, map[string]bool{}, 0
	socket := ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			processors++
		case "vendor_id":
			c.Vendor = value
		case "model name":
			c.Model = value
		case "flags":
			if c.Features == nil {
				c.Features = strings.Fields(value)
			}
		case "physical id":
			socket = value
			sockets[value] = true
		case "core id":
			cores[socket+"/"+value] = true
		}
	}
	c.Sockets = max(1, len(sockets))
	c.Cores = max(1, len(cores)/c.Sockets)
	c.Threads = max(1, processors/(c.Sockets*c.Cores))
	return c
}
