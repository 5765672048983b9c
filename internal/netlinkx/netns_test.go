package netlinkx_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"wisp/internal/netlinkx"
)

// alone, in the environment, says that this process has mounts of its own.
const alone = "WISP_NETLINKX_TEST_ALONE"

// On a machine where nobody has made a named namespace before, `ip netns add`
// turns the folder of names into a mount; namespaces that were there first
// could then not be removed.
func TestDeleteNetnsAfterTheIPCommand(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts")
	}
	if os.Getenv(alone) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		return
	}
	switch err := unix.Mount("", "/", "none", unix.MS_PRIVATE|unix.MS_REC, ""); {
	case errors.Is(err, unix.EINVAL):
		t.Skip("the root is no mount, so this process's mounts cannot be kept to itself")
	case err != nil:
		t.Fatal(err)
	}
	if err := unix.Mount("none", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	if err := netlinkx.EnsureNetns("first"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "netns", "add", "second").CombinedOutput(); err != nil {
		t.Fatalf("ip netns add: %v: %s", err, out)
	}
	for _, name := range []string{"first", "second"} {
		if err := netlinkx.DeleteNetns(name); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(netlinkx.NetnsPath(name)); !os.IsNotExist(err) {
			t.Errorf("the name %s is still there: %v", name, err)
		}
	}
}
