package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/qmp"
)

// machine is one machine in this process's memory. What is behind lock can be
// dropped at any time: it is read again from the folder and the process.
type machine struct {
	driver *Driver
	id     string
	folder string

	lock turn
	last atomic.Pointer[hypervisor.Instance] // as it was seen last

	// Only whoever holds lock touches these.
	removed bool
	record  *record // nil: nothing was decided yet, or not read
	monitor *qmp.Client
	timer   *time.Timer // wakes the reconciler for a stop

	mu         sync.Mutex
	cancelWork context.CancelFunc // cuts the work of lock's holder off
}

// errRemoved says that the machine was removed while a call waited for it.
var errRemoved = errors.New("the machine was removed")

func (d *Driver) newMachine(id string) *machine {
	return &machine{driver: d, id: id, folder: filepath.Join(d.root, id), lock: newTurn()}
}

// turn is a lock that one can stop waiting for.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) acquire(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the machine: %w", ctx.Err())
	}
}

func (t turn) tryAcquire() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) release() { <-t }

// work takes the machine's turn, for work that interrupt can cut off. The
// caller calls the function that it returns when it is done.
func (m *machine) work(ctx context.Context) (context.Context, func(), error) {
	if err := m.lock.acquire(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	m.cancelWork = cancel
	m.mu.Unlock()
	return ctx, func() {
		m.mu.Lock()
		m.cancelWork = nil
		m.mu.Unlock()
		cancel()
		m.lock.release()
	}, nil
}

// interrupt makes room for someone more important.
func (m *machine) interrupt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancelWork != nil {
		m.cancelWork()
	}
}

func (m *machine) name() string { return identity(m.driver.tag, m.id) }

func (m *machine) consoleLog() string { return filepath.Join(m.folder, "console.log") }

// read gets the record into memory, if there is one.
func (m *machine) read() error {
	if m.record != nil {
		return nil
	}
	r, err := readRecord(m.folder)
	if err == nil && r != nil {
		m.record = r
	}
	return err
}

func (m *machine) save() error {
	if err := m.record.write(m.folder); err != nil {
		// What is in memory is not what is recorded: read it again.
		m.record = nil
		return hostError(err, "record the machine")
	}
	return nil
}

// look tells how the machine is; not there means that there is no trace.
func (m *machine) look(ctx context.Context) (hypervisor.Instance, bool, error) {
	if m.removed {
		return hypervisor.Instance{}, false, nil
	}
	instance := hypervisor.Instance{ID: m.id, State: hypervisor.StateIncomplete}
	if err := m.read(); err != nil {
		// It can still be removed, so it must be seen.
		m.driver.log.Warn("a machine's record cannot be read", "machine", m.id, "error", err)
		return instance, true, nil
	}
	if m.record == nil {
		if _, err := os.Lstat(m.folder); errors.Is(err, os.ErrNotExist) {
			found, err := findProcesses(m.driver.tag, m.driver.config.Users)
			if _, alive := found[m.id]; err != nil || !alive {
				return instance, false, err
			}
		}
		return instance, true, nil
	}
	seen, err := m.observe(ctx)
	if err != nil && ctx.Err() != nil {
		return instance, false, err
	}
	instance = m.instance(seen)
	m.last.Store(&instance)
	return instance, true, nil
}

// instance puts together what is known of a machine.
func (m *machine) instance(seen observation) hypervisor.Instance {
	r := m.record
	i := hypervisor.Instance{
		ID: m.id, Name: r.Spec.Name, State: m.state(seen), StoppedByGuest: r.OffBecause == offByGuest && !seen.alive,
		BootGeneration: r.Spec.BootGeneration, ResetGeneration: r.Spec.ResetGeneration, Kept: r.Kept,
	}
	if seen.alive {
		i.PID, i.StartedAt = r.Process.PID, r.StartedAt
	}
	for _, n := range r.Spec.NICs {
		i.PortIDs = append(i.PortIDs, n.PortID)
	}
	return i
}

// state sums up what was recorded and seen.
func (m *machine) state(seen observation) hypervisor.State {
	r := m.record
	switch {
	case seen.alive && r.Phase == phaseStarting:
		return hypervisor.StateIncomplete
	case seen.alive && r.Stop != nil:
		return hypervisor.StateStopping
	case seen.alive && seen.paused:
		return hypervisor.StatePaused
	case seen.alive:
		return hypervisor.StateRunning
	case r.Memory:
		return hypervisor.StateSuspended
	case r.Phase == phaseStarting:
		return hypervisor.StateIncomplete
	case r.OffBecause == offByCrash:
		return hypervisor.StateCrashed
	}
	return hypervisor.StateStopped
}

// remove destroys the machine.
func (m *machine) remove(ctx context.Context) error {
	m.interrupt()
	ctx, done, err := m.work(ctx)
	if err != nil {
		return err
	}
	defer done()
	if m.removed {
		return nil
	}
	if err := m.read(); err != nil {
		m.driver.log.Warn("a machine is removed whose record cannot be read", "machine", m.id, "error", err)
	}
	if err := m.killAll(ctx); err != nil {
		return err
	}
	if err := m.driver.step("remove-group"); err != nil {
		return err
	}
	if err := m.leaveGroup(ctx); err != nil {
		return err
	}
	if err := m.driver.step("remove-folder"); err != nil {
		return err
	}
	gone := filepath.Join(m.driver.root, removedPrefix+m.id)
	// What an earlier removal of the same id left would be in the way.
	if err := os.RemoveAll(gone); err != nil {
		return hostError(err, "remove the machine's files")
	}
	if err := os.Rename(m.folder, gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return hostError(err, "remove the machine's files")
	}
	m.record = nil // what it tells of is gone, even if the rest fails
	if err := m.driver.step("remove-files"); err != nil {
		return err
	}
	if err := os.RemoveAll(gone); err != nil {
		return hostError(err, "remove the machine's files")
	}
	m.removed = true
	m.last.Store(nil)
	m.driver.forget(m)
	return nil
}

// killAll ends every process of the machine: the recorded one, and any that
// was started and never recorded.
func (m *machine) killAll(ctx context.Context) error {
	if m.record != nil {
		if err := m.record.Process.kill(ctx, m.name()); err != nil {
			return err
		}
	}
	m.detach()
	const most = 10 // a name has one process; more attempts than that mean that something starts them
	for range most {
		found, err := findProcesses(m.driver.tag, m.driver.config.Users)
		if err != nil {
			return err
		}
		stray, there := found[m.id]
		if !there {
			return nil
		}
		if err := stray.kill(ctx, m.name()); err != nil {
			return err
		}
	}
	return errs.New(errs.Internal, "The machine's process comes back each time that it is killed.")
}

// leaveGroup removes the machine's cgroup. The kernel takes a moment to let
// go of the tasks of a dead process.
func (m *machine) leaveGroup(ctx context.Context) error {
	if m.driver.groups == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, groupPatience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := m.driver.groups.Remove(m.id)
		if err == nil {
			return m.driver.groups.Prune()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

const groupPatience = 5 * time.Second

// detach lets go of the process without ending it.
func (m *machine) detach() {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	if m.monitor != nil {
		m.monitor.Close()
		m.monitor = nil
	}
}
