package netlinkx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netnsDir is where `ip netns` keeps names.
const netnsDir = "/run/netns"

// NetnsPath is the file of a named network namespace.
func NetnsPath(name string) string { return filepath.Join(netnsDir, name) }

// EnsureNetns makes a named network namespace unless it is there.
func EnsureNetns(name string) error {
	var st unix.Statfs_t
	err := unix.Statfs(NetnsPath(name), &st)
	if err == nil && st.Type == unix.NSFS_MAGIC {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking up namespace %s: %w", name, err)
	}
	// A name without a namespace is what a crash between the two steps left.
	if err == nil {
		if err := os.Remove(NetnsPath(name)); err != nil {
			return fmt.Errorf("removing stale namespace name %s: %w", name, err)
		}
	}
	if err := shareNetnsDir(); err != nil {
		return err
	}
	return keepThread(func() error {
		h, err := netns.NewNamed(name)
		if err != nil {
			return fmt.Errorf("making namespace %s: %w", name, err)
		}
		return h.Close()
	})
}

// shareNetnsDir makes the folder of names a shared mount of its own, as `ip netns
// add` does where it is none. Left to that command, it would be laid over names
// that are there already, and what is mounted below could never be removed.
func shareNetnsDir() error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", netnsDir, err)
	}
	share := func() error { return unix.Mount("", netnsDir, "none", unix.MS_SHARED|unix.MS_REC, "") }
	err := share()
	if errors.Is(err, unix.EINVAL) { // it is no mount yet
		if err = unix.Mount(netnsDir, netnsDir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = share()
		}
	}
	if err != nil {
		return fmt.Errorf("sharing the mounts of %s: %w", netnsDir, err)
	}
	return nil
}

// DeleteNetns removes a named network namespace; its absence is no error.
func DeleteNetns(name string) error {
	if err := netns.DeleteNamed(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting namespace %s: %w", name, err)
	}
	return nil
}

// In runs f on a thread that is in the network namespace of a file, as
// NetnsPath names them; an empty path is the process's own. Sockets that f
// opens stay in that namespace; goroutines that f starts do not.
func In(path string, f func() error) error {
	if path == "" {
		return f()
	}
	target, err := netns.GetFromPath(path)
	if err != nil {
		return fmt.Errorf("opening namespace %s: %w", path, err)
	}
	defer target.Close()
	return keepThread(func() error {
		if err := netns.Set(target); err != nil {
			return fmt.Errorf("entering namespace %s: %w", path, err)
		}
		return f()
	})
}

// keepThread runs f on one thread and brings that thread back to the
// namespace it came from. A thread that cannot come back is never given to
// another goroutine: it stays locked and ends with this one.
func keepThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("reading the thread's namespace: %w", err)
			return
		}
		defer before.Close()
		err = f()
		if netns.Set(before) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
