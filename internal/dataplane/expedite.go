package dataplane

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Each first program at one side of a device has the kernel wait until no CPU
// looks at what was there before (tcx_entry_sync, kernel/bpf/tcx.c): some 10 ms,
// one after the other. The kernel is asked to hurry such waits, as it does by
// itself in most that it has when devices come and go (synchronize_net,
// net/core/dev.c), by a setting of the whole host (Linux
// Documentation/RCU/whatisRCU.rst, rcu_expedited), for as long as that takes.
const expeditedFile = "/sys/kernel/rcu_expedited"

// hurry is the kernel's setting. While it is ours a folder says so, so that who
// comes after a crash knows to put it back.
type hurry struct {
	file string
	note string
}

func newHurry(dir string) hurry { return hurry{expeditedFile, filepath.Join(dir, "hurried")} }

// begin asks the kernel to hurry; end has it as before. What does not allow it,
// a container or a kernel that always hurries, goes on without.
func (h hurry) begin() (end func()) {
	none := func() {}
	if now, err := os.ReadFile(h.file); err != nil || !bytes.Equal(bytes.TrimSpace(now), []byte("0")) {
		return none
	}
	if err := os.Mkdir(h.note, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return none
	}
	if err := os.WriteFile(h.file, []byte("1"), 0); err != nil {
		_ = os.Remove(h.note)
		return none
	}
	return h.recover
}

// recover puts back what another process of this host's dataplane has left.
func (h hurry) recover() {
	if _, err := os.Stat(h.note); err != nil {
		return
	}
	if err := os.WriteFile(h.file, []byte("0"), 0); err == nil {
		_ = os.Remove(h.note)
	}
}
