package dataplane

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const tunDevice = "/dev/net/tun"

// openTap opens the tap of that name, making it when it is missing. Frames
// carry a virtio header, so that checksums and segmentation may be left to
// whoever needs them. Linux Documentation/networking/tuntap.rst.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", tunDevice, err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("naming tap %s: %w", name, err)
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("opening tap %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), tunDevice), nil
}

// makeTap makes a tap that stays when this process ends, and that the owner
// may open.
func makeTap(name string, uid, gid int) error {
	f, err := openTap(name)
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("using tap %s: %w", name, err)
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		if uid != 0 {
			if failed = unix.IoctlSetInt(int(fd), unix.TUNSETOWNER, uid); failed != nil {
				return
			}
		}
		if gid != 0 {
			if failed = unix.IoctlSetInt(int(fd), unix.TUNSETGROUP, gid); failed != nil {
				return
			}
		}
		failed = unix.IoctlSetInt(int(fd), unix.TUNSETPERSIST, 1)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("making tap %s stay: %w", name, err)
	}
	return nil
}
