package qemu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/cgroup"
	"wisp/internal/hypervisor/eventqueue"
)

// Driver runs machines with QEMU. It implements hypervisor.Driver.
type Driver struct {
	config Config
	log    *slog.Logger
	root   string // the folder of the machines' folders
	tag    string // tells this state directory's processes from others'
	bootID string
	groups *cgroup.Tree // nil: none are used
	events *eventqueue.Queue
	probe  capabilityProbe

	// fault fails a step, or cuts the work off there as the death of this
	// process would. Only tests set it.
	fault func(step string) error

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	machines map[string]*machine
	users    map[uint32]string // who has which user
}

var _ hypervisor.Driver = (*Driver)(nil)

// removedPrefix marks the folder of a machine that is being removed: nothing
// but the rest of the removal remains to be done with it.
const removedPrefix = ".removed-"

// New opens the state directory, or makes it. It starts nothing and looks for
// no process yet: List does. The caller calls Close.
func New(config Config, log *slog.Logger) (*Driver, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("set up QEMU: %w", err)
	}
	boot, err := hostBoot()
	if err != nil {
		return nil, err
	}
	root := filepath.Join(config.StateDir, "instances")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("make the machines' folder: %w", err)
	}
	// The same folder by another name is the same set of machines.
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("find the machines' folder: %w", err)
	}
	sum := sha256.Sum256([]byte(real))
	ctx, cancel := context.WithCancel(context.Background())
	d := &Driver{
		config: config, log: log, root: real, tag: hex.EncodeToString(sum[:6]), bootID: boot,
		ctx: ctx, cancel: cancel, machines: map[string]*machine{}, users: map[uint32]string{},
	}
	if !config.NoCgroups {
		if d.groups, err = cgroup.Open("wisp-" + d.tag); err != nil {
			d.groups = nil
			log.Warn("machines run without control groups: nothing limits their memory and share of the processors", "error", err)
		}
	}
	if err := d.load(); err != nil {
		cancel()
		return nil, err
	}
	d.events = eventqueue.New()
	d.tasks.Go(d.keepHouse)
	return d, nil
}

// load finds the machines' folders, and finishes removals.
func (d *Driver) load() error {
	entries, err := os.ReadDir(d.root)
	if err != nil {
		return fmt.Errorf("list the machines' folders: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, removedPrefix):
			if err := os.RemoveAll(filepath.Join(d.root, name)); err != nil {
				return fmt.Errorf("finish a removal: %w", err)
			}
		case hypervisor.ValidID(name):
			r, err := readRecord(filepath.Join(d.root, name))
			if err != nil {
				d.log.Warn("a machine's record cannot be read", "machine", name, "error", err)
			}
			if r != nil {
				d.users[r.User] = name
			}
			d.machines[name] = d.newMachine(name)
		}
	}
	return nil
}

// step is where tests fail things.
func (d *Driver) step(name string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(name)
}

// machine returns the one with this id; nil when it is not known and make is
// false.
func (d *Driver) machine(id string, make bool) (*machine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errs.New(errs.Unavailable, "The hypervisor driver is closed.")
	}
	m := d.machines[id]
	if m == nil && make {
		m = d.newMachine(id)
		d.machines[id] = m
	}
	return m, nil
}

// all lists the machines that are known.
func (d *Driver) all() []*machine {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*machine, 0, len(d.machines))
	for _, m := range d.machines {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *machine) int { return strings.Compare(a.id, b.id) })
	return all
}

// claimUser gives a machine the lowest user that is free.
func (d *Driver) claimUser(id string) (uint32, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := range d.config.Users.Count {
		user := d.config.Users.First + n
		if holder, taken := d.users[user]; !taken || holder == id || d.config.Users.Count == 1 {
			d.users[user] = id
			return user, nil
		}
	}
	return 0, errs.New(errs.Unavailable, "All %d users that machines may run as are taken: widen the range.", d.config.Users.Count)
}

func (d *Driver) releaseUser(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for user, holder := range d.users {
		if holder == id {
			delete(d.users, user)
		}
	}
}

// Events implements hypervisor.Driver.
func (d *Driver) Events() <-chan hypervisor.Event { return d.events.Out() }

// List implements hypervisor.Driver. A machine that another call is busy with
// is told as it was before that call.
func (d *Driver) List(ctx context.Context) ([]hypervisor.Instance, error) {
	found, err := findProcesses(d.tag, d.config.Users)
	if err != nil {
		return nil, err
	}
	for id := range found {
		// A process without a folder: Remove will find it.
		if hypervisor.ValidID(id) {
			if _, err := d.machine(id, true); err != nil {
				return nil, err
			}
		}
	}
	var list []hypervisor.Instance
	for _, m := range d.all() {
		if !m.lock.tryAcquire() {
			if last := m.last.Load(); last != nil {
				list = append(list, *last)
				continue
			}
			if err := m.lock.acquire(ctx); err != nil {
				return nil, err
			}
		}
		instance, there, err := m.look(ctx)
		m.lock.release()
		if err != nil {
			return nil, fmt.Errorf("look at machine %s: %w", m.id, err)
		}
		if there {
			list = append(list, instance)
		}
	}
	return list, nil
}

// Ensure implements hypervisor.Driver.
func (d *Driver) Ensure(ctx context.Context, spec hypervisor.Spec) (hypervisor.Status, error) {
	if err := spec.Validate(); err != nil {
		return hypervisor.Status{}, err
	}
	spec, err := resolve(spec)
	if err != nil {
		return hypervisor.Status{}, err
	}
	for {
		m, err := d.machine(spec.ID, true)
		if err != nil {
			return hypervisor.Status{}, err
		}
		status, err := m.ensure(ctx, spec)
		if !errors.Is(err, errRemoved) {
			return status, err
		}
		// It was removed while this call waited for its turn; the caller wants
		// it again.
	}
}

// Remove implements hypervisor.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error {
	if !hypervisor.ValidID(id) {
		return errs.New(errs.Invalid, "%q is no machine's id.", id)
	}
	m, err := d.machine(id, true)
	if err != nil {
		return err
	}
	return m.remove(ctx)
}

// forget drops a machine that is gone.
func (d *Driver) forget(m *machine) {
	d.releaseUser(m.id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machines[m.id] == m {
		delete(d.machines, m.id)
	}
}

// Close implements hypervisor.Driver.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	for _, m := range d.all() {
		m.interrupt()
		if err := m.lock.acquire(context.Background()); err == nil {
			m.detach()
			m.lock.release()
		}
	}
	d.tasks.Wait()
	d.events.Close()
	return nil
}

// keepHouse bounds the console logs until Close.
func (d *Driver) keepHouse() {
	tick := time.NewTicker(d.config.Housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		for _, m := range d.all() {
			if err := trimLog(m.consoleLog(), d.config.ConsoleBytes); err != nil && !errors.Is(err, fs.ErrNotExist) {
				d.log.Warn("a console log cannot be cut", "machine", m.id, "error", err)
			}
		}
	}
}

// hostError gives an error of the host's file system its kind and a text that
// says what to do.
func hostError(err error, doing string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errs.Wrap(err, errs.Unavailable, "The host's disk is full (could not %s): free some space below the state directory, or delete instances.", doing)
	case errors.Is(err, syscall.EROFS):
		return errs.Wrap(err, errs.Unavailable, "The host's disk is mounted read-only (could not %s): look into the host's kernel log.", doing)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
