package qemu

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"wisp/internal/hypervisor/hypervisortest"
)

// openTap makes a tap device in a network namespace of its own, which is gone
// with the last file of it.
func openTap() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result)
	go func() {
		// The thread ends with this goroutine: its namespace is no one else's.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{err: err}
			return
		}
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			done <- result{err: err}
			return
		}
		request, err := unix.NewIfreq("tap0")
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		done <- result{os.NewFile(uintptr(fd), "tap"), err}
	}()
	r := <-done
	return r.file, r.err
}

// TestTapIsHandedOver starts a machine on a tap device, which it must hold and
// we must let go of.
func TestTapIsHandedOver(t *testing.T) {
	t.Parallel()
	needQEMU(t)
	probe, err := openTap()
	if err != nil {
		t.Skipf("no tap device can be made: %v", err)
	}
	probe.Close()
	d, spec := openDriver(t, Config{StateDir: stateDir(t)}), smallSpec(t)
	var given *os.File
	spec.NICs[0].Tap = func(context.Context) (*os.File, error) {
		given, err = openTap()
		return given, err
	}
	hypervisortest.Converge(t, d, spec)
	hypervisortest.WaitReady(t, d, spec.ID, 1)
	if given == nil {
		t.Fatal("no tap device was asked for")
	}
	if err := given.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the tap's file was left open: %v", err)
	}
	m, err := d.known(spec.ID)
	if err != nil {
		t.Fatal(err)
	}
	var links []struct{ Name string }
	if err := m.ask(t.Context(), "query-rx-filter", object{"name": "net0"}, &links); err != nil || len(links) != 1 {
		t.Errorf("the interface is %v, %v", links, err)
	}
}
