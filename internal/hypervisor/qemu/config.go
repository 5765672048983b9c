package qemu

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"
)

// Accelerator is the choice between hardware virtualization and emulation.
type Accelerator string

// The choices.
const (
	AccelAuto Accelerator = ""    // by what works
	AccelKVM  Accelerator = "kvm" // whatever is found
	AccelTCG  Accelerator = "tcg"
)

// Config is what the driver must be told. Only StateDir is needed.
type Config struct {
	StateDir    string      // absolute path; machines are kept in its folder instances
	Binary      string      // default "qemu-system-x86_64", found in PATH
	Accelerator Accelerator // default: by what works
	Users       UserRange   // default: DefaultUsers
	NoCgroups   bool        // do not use control groups, even if they are there

	ConsoleBytes int64         // how much of a console log is kept at least, default 1 MiB
	ReadyTimeout time.Duration // how long QEMU may take to answer after its start, default 30 s
	StopRetry    time.Duration // after this a guest is asked to shut down again, default 10 s
	Housekeeping time.Duration // how often console logs are cut, default 2 s
}

// UserRange is a range of numeric user ids, which need no entry in the
// system's user table. Each machine gets the lowest one that is free, as user
// and as group; if there is only one, all share it.
type UserRange struct {
	First, Count uint32
}

// DefaultUsers is the range that machines get when wisp runs as root. It lies
// where systemd's allocation (docs: UIDS-GIDS) leaves ids unused, above those
// of containers.
var DefaultUsers = UserRange{First: 1_900_000_000, Count: 60_000}

// withDefaults fills in what was not given.
func (c Config) withDefaults() (Config, error) {
	if !strings.HasPrefix(c.StateDir, "/") {
		return c, fmt.Errorf("the state directory %q must be an absolute path", c.StateDir)
	}
	if c.Binary == "" {
		c.Binary = "qemu-system-x86_64"
	}
	switch c.Accelerator {
	case AccelAuto, AccelKVM, AccelTCG:
	default:
		return c, fmt.Errorf("the accelerator %q is neither kvm nor tcg", c.Accelerator)
	}
	if c.ConsoleBytes == 0 {
		c.ConsoleBytes = 1 << 20
	}
	if c.ReadyTimeout == 0 {
		c.ReadyTimeout = 30 * time.Second
	}
	if c.StopRetry == 0 {
		c.StopRetry = 10 * time.Second
	}
	if c.Housekeeping == 0 {
		c.Housekeeping = 2 * time.Second
	}
	if os.Geteuid() != 0 {
		// Without root there is only one user to be.
		c.Users = UserRange{First: uint32(os.Geteuid()), Count: 1}
		return c, nil
	}
	if c.Users == (UserRange{}) {
		c.Users = DefaultUsers
		if !mapped(c.Users) {
			c.Users = fallbackUser()
		}
	}
	if c.Users.Count == 0 || c.Users.First == 0 {
		return c, fmt.Errorf("machines cannot run as the users from %d, %d of them", c.Users.First, c.Users.Count)
	}
	return c, nil
}

// mapped tells whether the users exist in this user namespace: in a container
// often only 65,536 do.
func mapped(r UserRange) bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(b)) {
		var inside, outside, count uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err == nil &&
			inside <= uint64(r.First) && uint64(r.First)+uint64(r.Count) <= inside+count {
			return true
		}
	}
	return false
}

// fallbackUser is the one user that all machines share in a small namespace.
func fallbackUser() UserRange {
	for _, name := range []string{"wisp-qemu", "libvirt-qemu", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			if id, err := strconv.ParseUint(u.Uid, 10, 32); err == nil && id > 0 {
				return UserRange{First: uint32(id), Count: 1}
			}
		}
	}
	return UserRange{First: 65534, Count: 1}
}
