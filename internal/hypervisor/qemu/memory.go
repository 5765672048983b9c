package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

// memoryFile holds what a suspended machine has in its memory.
func (m *machine) memoryFile() string { return filepath.Join(m.folder, "memory") }

const (
	// memoryRate bounds how fast memory is written, in bytes per second: QEMU's
	// own default is made for networks.
	memoryRate = 16 << 30
	// memoryPoll is how often QEMU is asked how far it has come.
	memoryPoll = 50 * time.Millisecond
)

// ensureSuspended puts the memory of a machine that runs on disk, and ends its
// process.
func (m *machine) ensureSuspended(ctx context.Context, seen observation) (hypervisor.Status, error) {
	if !seen.alive || m.record.Phase == phaseStarting {
		return m.settled(observation{}), nil // there is no memory to keep
	}
	if !seen.paused {
		if err := m.ask(ctx, "stop", nil, nil); err != nil {
			return hypervisor.Status{}, err
		}
	}
	slots, err := m.slots(ctx)
	if err != nil {
		return hypervisor.Status{}, err
	}
	if err := m.saveMemory(ctx); err != nil {
		return hypervisor.Status{}, err
	}
	if err := m.driver.step("memory-saved"); err != nil {
		return hypervisor.Status{}, err
	}
	m.record.Memory, m.record.Slots = true, slots
	if err := m.end(ctx, offRequested, ""); err != nil {
		return hypervisor.Status{}, err
	}
	return m.settled(observation{}), nil
}

// saveMemory writes the memory beside its place and moves it there, so that
// what is there is whole.
func (m *machine) saveMemory(ctx context.Context) (err error) {
	if done, err := m.savedBefore(ctx); done || err != nil {
		return err
	}
	tmp := m.memoryFile() + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return hostError(err, "keep the machine's memory")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	defer f.Close()
	if err := m.ask(ctx, "migrate-set-parameters", object{"max-bandwidth": memoryRate}, nil); err != nil {
		return err
	}
	if err := m.giveMemory(ctx, f); err != nil {
		return err
	}
	if err := m.ask(ctx, "migrate", object{"uri": "fd:memory"}, nil); err != nil {
		return err
	}
	err = m.await(ctx, func() (bool, error) {
		var progress struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := m.ask(ctx, "query-migrate", nil, &progress); err != nil {
			return false, err
		}
		if progress.Status == "failed" || progress.Status == "cancelled" {
			return false, errs.New(errs.Unavailable, "The machine's memory could not be written to the host's disk: is it full? QEMU said: %s", progress.Error)
		}
		return progress.Status == "completed", nil
	})
	if err != nil {
		return err
	}
	if err := m.driver.step("memory-written"); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), os.Rename(tmp, m.memoryFile())); err != nil {
		return hostError(err, "keep the machine's memory")
	}
	return nil
}

// savedBefore tells whether a try that was cut off has saved the memory. After
// one that has not, QEMU writes it again only when it has gone on.
func (m *machine) savedBefore(ctx context.Context) (bool, error) {
	var status struct {
		Status string `json:"status"`
	}
	if err := m.ask(ctx, "query-status", nil, &status); err != nil || status.Status != "postmigrate" {
		return false, err
	}
	_, err := os.Stat(m.memoryFile())
	if !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	return false, errors.Join(m.ask(ctx, "cont", nil, nil), m.ask(ctx, "stop", nil, nil))
}

// loadMemory reads the memory into a process that waits for it.
func (m *machine) loadMemory(ctx context.Context) error {
	f, err := os.Open(m.memoryFile())
	if err != nil {
		return hostError(err, "read the machine's memory")
	}
	defer f.Close()
	if err := m.giveMemory(ctx, f); err != nil {
		return err
	}
	if err := m.ask(ctx, "migrate-incoming", object{"uri": "fd:memory"}, nil); err != nil {
		return err
	}
	return m.await(ctx, func() (bool, error) {
		var status struct {
			Status string `json:"status"`
		}
		err := m.ask(ctx, "query-status", nil, &status)
		return status.Status != "inmigrate", err
	})
}

// giveMemory hands QEMU the file by the name "memory".
func (m *machine) giveMemory(ctx context.Context, f *os.File) error {
	return m.askFile(ctx, "getfd", object{"fdname": "memory"}, f)
}

// askFile is ask for commands that take a file.
func (m *machine) askFile(ctx context.Context, command string, args any, f *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, m.driver.config.ReadyTimeout)
	defer cancel()
	return m.monitor.ExecuteFile(ctx, command, args, nil, f)
}

// await asks again and again until the answer is yes.
func (m *machine) await(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(memoryPoll)
	defer tick.Stop()
	for {
		if is, err := done(); is || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for QEMU: %w", ctx.Err())
		}
	}
}

// wakes tells whether a start goes on with the memory that is on disk. A new
// generation asks for a new boot.
func (m *machine) wakes(spec hypervisor.Spec) bool {
	r := m.record
	return r.Memory && spec.BootGeneration == r.Spec.BootGeneration && spec.ResetGeneration == r.Spec.ResetGeneration
}

// asleep is the machine as it was when its memory was saved, which is what can
// go on, with the means of the spec. What differs comes when it runs.
func (m *machine) asleep(spec hypervisor.Spec) hypervisor.Spec {
	was := m.record.Spec
	was.Power, was.StopGrace, was.ConfigDrive = spec.Power, spec.StopGrace, spec.ConfigDrive
	was.KeepDisks, was.RestoreDisks = spec.KeepDisks, spec.RestoreDisks
	taps := map[string]hypervisor.NIC{}
	for _, n := range spec.NICs {
		taps[n.PortID] = n
	}
	nics := make([]hypervisor.NIC, len(was.NICs))
	for i, n := range was.NICs {
		n.Tap = taps[n.PortID].Tap // nil: the port is gone, and its interface has no cable
		nics[i] = n
	}
	was.NICs = nics
	return was
}

// forgetMemory lets go of the memory on disk.
func (m *machine) forgetMemory() error {
	if m.record.Memory {
		m.record.Memory, m.record.Slots = false, nil
		if err := m.save(); err != nil {
			return err
		}
	}
	if err := os.Remove(m.memoryFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hostError(err, "let go of the machine's memory")
	}
	return nil
}

// slots reads where the devices that have ids are on the first PCI bus.
func (m *machine) slots(ctx context.Context) (map[string]int, error) {
	var buses []struct {
		Bus     int `json:"bus"`
		Devices []struct {
			ID   string `json:"qdev_id"`
			Slot int    `json:"slot"`
		} `json:"devices"`
	}
	if err := m.ask(ctx, "query-pci", nil, &buses); err != nil {
		return nil, err
	}
	slots := map[string]int{}
	for _, bus := range buses {
		for _, device := range bus.Devices {
			if bus.Bus == 0 && device.ID != "" {
				slots[device.ID] = device.Slot
			}
		}
	}
	return slots, nil
}
