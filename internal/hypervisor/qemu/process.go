package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processID names a process for as long as the host is up: numbers are used
// again, a number with its start time is not.
type processID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the host's boot
}

// identity is what the command line of a machine's process contains, and no
// other process's does: the state directory's tag and the machine's id. It is
// the value of QEMU's option -name.
func identity(tag, id string) string { return "guest=wisp-" + tag + "-" + id + ",debug-threads=on" }

// startTime reads when a process started. The error is fs.ErrNotExist when
// there is none, or only its exit status is left.
func startTime(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if errors.Is(err, syscall.ESRCH) {
			err = fs.ErrNotExist
		}
		return 0, err
	}
	// The second field is the name in brackets, and may contain anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	if fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

// commandLine reads a process's arguments; none when it is gone.
func commandLine(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// owner reads whose process it is.
func owner(pid int) (uint32, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				id, err := strconv.ParseUint(fields[0], 10, 32)
				return uint32(id), err == nil
			}
		}
	}
	return 0, false
}

// alive tells whether p is there and is the machine's own process.
func (p processID) alive(name string) bool {
	if p.PID <= 0 {
		return false
	}
	start, err := startTime(p.PID)
	return err == nil && start == p.Start && slices.Contains(commandLine(p.PID), name)
}

// findProcesses looks through all processes for those of machines with this
// tag. It finds what was started but never recorded. Only processes of users
// that machines can have count: a stranger may write anything on his command
// line.
func findProcesses(tag string, users UserRange) (map[string]processID, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	prefix, suffix := "guest=wisp-"+tag+"-", ",debug-threads=on"
	found := map[string]processID{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		for _, arg := range commandLine(pid) {
			id, ok := strings.CutPrefix(arg, prefix)
			if !ok || !strings.HasSuffix(id, suffix) {
				continue
			}
			user, known := owner(pid)
			if !known || user < users.First || user-users.First >= users.Count {
				continue
			}
			if start, err := startTime(pid); err == nil {
				found[strings.TrimSuffix(id, suffix)] = processID{pid, start}
			}
		}
	}
	return found, nil
}

// kill ends the machine's process at once and waits until it is gone. That
// there is none, or that the number now belongs to another process, is
// success.
func (p processID) kill(ctx context.Context, name string) error {
	if p.PID <= 0 {
		return nil
	}
	// The file refers to this very process whatever becomes of its number, so
	// what is checked is what is killed.
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.alive(name) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", p.PID, err)
	}
	return waitExit(ctx, fd, p.PID)
}

// waitExit waits for the end of a process that is on its way out.
func waitExit(ctx context.Context, pidfd, pid int) error {
	const slice = 100 // milliseconds between two looks at ctx
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, slice)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for process %d: %w", pid, err)
		case n > 0:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for process %d to end: %w", pid, ctx.Err())
		}
	}
}

// gone waits a little for a process that seems to be ending by itself.
func (p processID) gone(ctx context.Context, name string, patience time.Duration) bool {
	if !p.alive(name) {
		return true
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return waitExit(ctx, fd, p.PID) == nil || !p.alive(name)
}

// hostBoot names this run of the host.
func hostBoot() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the host's boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
