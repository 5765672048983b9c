package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/hypervisor"
)

// Stats implements hypervisor.Driver. The counters of interfaces are those of
// their tap devices, which this driver does not know; they are left out.
func (d *Driver) Stats(ctx context.Context, id string) (hypervisor.Stats, error) {
	var stats hypervisor.Stats
	err := d.running(ctx, id, func(ctx context.Context, m *machine) (err error) {
		stats.Uptime = time.Since(m.record.StartedAt)
		process := "/proc/" + strconv.Itoa(m.record.Process.PID)
		if stats.CPUTime, stats.MemoryBytes, err = usage(process); err != nil {
			return err
		}
		if stats.CPUTimes, err = m.processorTimes(ctx, process); err != nil {
			return err
		}
		stats.Disks, err = m.diskStats(ctx)
		return err
	})
	return stats, err
}

// processorTimes reads what each virtual processor has used: QEMU runs each on
// a thread of its own, or, where it emulates them all in turn, on the same.
func (m *machine) processorTimes(ctx context.Context, process string) ([]time.Duration, error) {
	var processors []struct {
		Thread int `json:"thread-id"`
	}
	if err := m.ask(ctx, "query-cpus-fast", nil, &processors); err != nil {
		return nil, err
	}
	times := make([]time.Duration, len(processors))
	for i, p := range processors {
		var err error
		if times[i], _, err = usage(process + "/task/" + strconv.Itoa(p.Thread)); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// usage reads what a process or a thread, by its directory in /proc, has used:
// see proc_pid_stat(5).
func usage(directory string) (time.Duration, int64, error) {
	b, err := os.ReadFile(directory + "/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("read the process's times: %w", err)
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const user, system, resident = 11, 12, 21 // counted from the state
	if len(fields) <= resident {
		return 0, 0, fmt.Errorf("read the process's times: %s/stat is too short", directory)
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(string(fields[field]), 10, 64)
		return n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(number(user)+number(system)) * tick, number(resident) * int64(os.Getpagesize()), nil
}

func (m *machine) diskStats(ctx context.Context) ([]hypervisor.DiskStats, error) {
	var blocks []struct {
		Device string `json:"device"`
		QDev   string `json:"qdev"`
		Stats  struct {
			ReadBytes  int64 `json:"rd_bytes"`
			WriteBytes int64 `json:"wr_bytes"`
			Reads      int64 `json:"rd_operations"`
			Writes     int64 `json:"wr_operations"`
			ReadFails  int64 `json:"failed_rd_operations"`
			WriteFails int64 `json:"failed_wr_operations"`
			Highest    int64 `json:"wr_highest_offset"`
		} `json:"stats"`
	}
	if err := m.ask(ctx, "query-blockstats", nil, &blocks); err != nil {
		return nil, err
	}
	var all []hypervisor.DiskStats
	for place, d := range disksOf(m.record.Spec) {
		for _, b := range blocks {
			if !strings.Contains(b.QDev, "disk-"+d.name) {
				continue
			}
			s := hypervisor.DiskStats{
				Device: "vd" + string(rune('a'+place)), ReadBytes: b.Stats.ReadBytes, WriteBytes: b.Stats.WriteBytes,
				ReadRequests: b.Stats.Reads, WriteRequests: b.Stats.Writes, Errors: b.Stats.ReadFails + b.Stats.WriteFails,
			}
			s.SizeBytes, s.AllocatedBytes = m.diskUse(d)
			all = append(all, s)
		}
	}
	return all, nil
}

// diskUse reads how large a disk is, and how much of the host's it takes; 0
// when that cannot be told.
func (m *machine) diskUse(d disk) (size, allocated int64) {
	path := filepath.Join(m.folder, d.file)
	size, err := virtualSize(path)
	if err != nil {
		return 0, 0
	}
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil {
		return size, 0
	}
	const block = 512 // the unit of Blocks
	return size, stat.Blocks * block
}
