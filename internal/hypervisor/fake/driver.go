package fake

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/eventqueue"
	"wisp/internal/qcow2"
)

// Driver is a host's hypervisor.
type Driver struct {
	host  *Host
	queue *eventqueue.Queue

	mu     sync.Mutex
	closed bool
}

var _ hypervisor.Driver = (*Driver)(nil)

// Driver opens a driver on the host. One at a time gets the host's events:
// the one that was opened last.
func (h *Host) Driver() *Driver {
	d := &Driver{host: h, queue: eventqueue.New()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = d.queue
	return d
}

// begin checks what all calls check.
func (d *Driver) begin(ctx context.Context, op, id string) error {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return errs.New(errs.Unavailable, "The hypervisor driver is closed.")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return d.host.fails(op, id)
}

// Capabilities implements hypervisor.Driver.
func (d *Driver) Capabilities(ctx context.Context) (hypervisor.Capabilities, error) {
	return d.host.options.Capabilities, d.begin(ctx, "capabilities", "")
}

// List implements hypervisor.Driver.
func (d *Driver) List(ctx context.Context) ([]hypervisor.Instance, error) {
	if err := d.begin(ctx, "list", ""); err != nil {
		return nil, err
	}
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]hypervisor.Instance, 0, len(h.machines))
	for _, id := range h.ids() {
		m := h.machines[id]
		i := hypervisor.Instance{
			ID: id, Name: m.spec.Name, State: m.seen(), StoppedByGuest: m.byGuest, PID: m.pid, StartedAt: m.started,
			BootGeneration: m.spec.BootGeneration, ResetGeneration: m.spec.ResetGeneration, Kept: m.kept,
		}
		for _, n := range m.spec.NICs {
			i.PortIDs = append(i.PortIDs, n.PortID)
		}
		list = append(list, i)
	}
	return list, nil
}

// seen is the state as the interface tells it. The caller holds Host.mu.
func (m *machine) seen() hypervisor.State {
	if m.pid != 0 && !m.asked.IsZero() {
		return hypervisor.StateStopping
	}
	return m.state
}

// choice is a feature that a spec names, and what the host offers.
type choice struct {
	property, value string
	offered         []string
}

// check refuses features that the host does not offer.
func (d *Driver) check(spec hypervisor.Spec) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	c, f := d.host.options.Capabilities, spec.Features
	choices := []choice{
		{"hw_disk_bus", f.DiskBus, c.DiskBuses},
		{"hw_vif_model", f.VIFModel, c.VIFModels},
		{"hw_video_model", f.VideoModel, c.VideoModels},
		{"hw_machine_type", f.MachineType, c.MachineTypes},
		{"hw_firmware_type", f.Firmware, c.Firmwares},
	}
	if spec.Rescue != nil {
		choices = append(choices, choice{"hw_rescue_bus", spec.Rescue.Bus, c.RescueBuses})
	}
	for _, n := range spec.NICs {
		choices = append(choices, choices[1])
		choices[len(choices)-1].value = n.Model
	}
	for _, one := range choices {
		if one.value != "" && !slices.Contains(one.offered, one.value) {
			return errs.New(errs.Invalid, "The machine cannot be made: %s %q is not offered; choose one of %v.", one.property, one.value, one.offered)
		}
	}
	return nil
}

// Ensure implements hypervisor.Driver.
func (d *Driver) Ensure(ctx context.Context, spec hypervisor.Spec) (hypervisor.Status, error) {
	if err := d.check(spec); err != nil {
		return hypervisor.Status{}, err
	}
	if err := d.begin(ctx, "ensure", spec.ID); err != nil {
		return hypervisor.Status{}, err
	}
	for {
		m := d.host.machine(spec)
		m.busy.Lock()
		if m.gone {
			m.busy.Unlock()
			continue
		}
		status, err := d.converge(ctx, m, spec)
		m.busy.Unlock()
		return status, err
	}
}

// machine returns the machine, or makes it.
func (h *Host) machine(spec hypervisor.Spec) *machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[spec.ID]
	if m == nil {
		m = &machine{state: hypervisor.StateStopped, spec: hypervisor.Spec{
			ID: spec.ID, Name: spec.Name, BootGeneration: spec.BootGeneration - 1, ResetGeneration: spec.ResetGeneration,
		}}
		h.machines[spec.ID] = m
	}
	return m
}

func (d *Driver) converge(ctx context.Context, m *machine, spec hypervisor.Spec) (hypervisor.Status, error) {
	h := d.host
	h.mu.Lock()
	newBoot, newReset := spec.BootGeneration != m.spec.BootGeneration, spec.ResetGeneration != m.spec.ResetGeneration
	alive := m.pid != 0
	byItself := m.byGuest || m.state == hypervisor.StateCrashed
	start, wake := false, false
	m.keep(spec)
	switch {
	case spec.Power == hypervisor.PowerStopped && alive:
		h.stop(spec, m)
	case spec.Power == hypervisor.PowerStopped:
		m.state, m.byGuest, m.fault = hypervisor.StateStopped, false, ""
	case spec.Power == hypervisor.PowerPaused && alive:
		if m.state != hypervisor.StatePaused {
			m.state = hypervisor.StatePaused
			h.emit(spec.ID, hypervisor.EventPaused, "")
		}
	case spec.Power == hypervisor.PowerSuspended && alive:
		h.off(m, hypervisor.StateSuspended)
		h.emit(spec.ID, hypervisor.EventExited, "")
	case spec.Power == hypervisor.PowerPaused, spec.Power == hypervisor.PowerSuspended:
	case !alive && m.state == hypervisor.StateSuspended && !newBoot && !newReset:
		start, wake = true, true
	case !alive:
		start = !byItself || newBoot || newReset
	case newBoot:
		h.off(m, hypervisor.StateStopped)
		start = true
	case newReset || !m.asked.IsZero():
		h.stop(spec, m)
		start = m.pid == 0
	case m.state == hypervisor.StatePaused:
		m.state = hypervisor.StateRunning
		h.emit(spec.ID, hypervisor.EventResumed, "")
	}
	if m.pid != 0 && !start && m.state == hypervisor.StateRunning && m.asked.IsZero() {
		m.plug(spec.NICs)
	}
	h.mu.Unlock()
	began := time.Now()
	if start {
		if err := d.start(ctx, m, spec, wake); err != nil {
			return hypervisor.Status{}, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := hypervisor.Status{
		State: m.seen(), Settled: true, StoppedByGuest: m.byGuest, BootGeneration: m.spec.BootGeneration, ResetGeneration: m.spec.ResetGeneration,
		PID: m.pid, StartedAt: m.started, Fault: m.fault, Started: start, Kept: m.kept,
	}
	if start {
		s.Began, s.Prepared = began, began // it has no disks
	}
	if s.State == hypervisor.StateStopping {
		s.Settled, s.RetryAfter = false, max(time.Millisecond, time.Until(m.asked.Add(spec.StopGrace)))
	}
	return s, nil
}

// stop asks a living machine's guest to shut down, or cuts its power when the
// time is up. The caller holds mu.
func (h *Host) stop(spec hypervisor.Spec, m *machine) {
	if m.state == hypervisor.StatePaused || spec.StopGrace == 0 || !m.asked.IsZero() && time.Since(m.asked) >= spec.StopGrace {
		h.off(m, hypervisor.StateStopped)
		h.emit(spec.ID, hypervisor.EventExited, "")
		return
	}
	if !m.asked.IsZero() {
		return
	}
	m.asked = time.Now()
	pid := m.pid
	wait, then := spec.StopGrace, func() { h.emit(spec.ID, hypervisor.EventRetry, "") }
	if !m.deaf && h.options.ShutdownTime < wait {
		wait, then = h.options.ShutdownTime, func() { h.powerOff(spec.ID, m) }
	}
	m.shutdown = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if m.pid == pid {
			then()
		}
	})
}

// start starts a process: it opens the taps and asks for the config drive, as
// a real one must.
func (d *Driver) start(ctx context.Context, m *machine, spec hypervisor.Spec, wake bool) error {
	if err := d.host.fails("start", spec.ID); err != nil {
		return err
	}
	if spec.ConfigDrive != nil {
		if _, err := spec.ConfigDrive(ctx); err != nil {
			return fmt.Errorf("make the config drive: %w", err)
		}
	}
	var taps []*os.File
	for _, n := range spec.NICs {
		if n.Tap == nil {
			continue
		}
		f, err := n.Tap(ctx)
		if err != nil {
			for _, f := range taps {
				f.Close()
			}
			return fmt.Errorf("open the tap device of port %s: %w", n.PortID, err)
		}
		taps = append(taps, f)
	}
	if d.host.options.StartTime > 0 {
		wait := time.NewTimer(d.host.options.StartTime)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			for _, f := range taps {
				f.Close()
			}
			return fmt.Errorf("start a machine: %w", ctx.Err())
		}
	}
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextPID++
	m.spec, m.state, m.pid, m.started, m.taps = spec, hypervisor.StateRunning, h.nextPID, time.Now(), taps
	m.byGuest, m.fault, m.deaf, m.asked = false, "", false, time.Time{}
	m.keep(spec)
	if !wake {
		m.print([]byte("This machine is fake.\r\nNo guest runs in it.\r\nIt has booted.\r\nready\r\n"))
	}
	return nil
}

// keep sets copies of the disks aside, takes them back or lets go of them. The
// caller holds mu.
func (m *machine) keep(spec hypervisor.Spec) {
	off := m.pid == 0
	switch {
	case spec.RestoreDisks != "" && m.kept == spec.RestoreDisks:
		if off {
			m.kept = spec.KeepDisks
		}
	case spec.KeepDisks == "" || off:
		m.kept = spec.KeepDisks
	}
}

// plug makes the interfaces of a running machine those of the spec. The caller
// holds mu.
func (m *machine) plug(nics []hypervisor.NIC) { m.spec.NICs = slices.Clone(nics) }

// Snapshot implements hypervisor.Driver.
func (d *Driver) Snapshot(ctx context.Context, id, path string) error {
	if err := d.begin(ctx, "snapshot", id); err != nil {
		return err
	}
	h := d.host
	h.mu.Lock()
	m := h.machines[id]
	var size int64
	if m != nil {
		size = int64(m.spec.RootGiB) << 30
	}
	h.mu.Unlock()
	if m == nil {
		return unknown(id)
	}
	if size == 0 {
		size = 1 << 20
	}
	wait := time.NewTimer(h.options.SnapshotTime)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return fmt.Errorf("copy a disk: %w", ctx.Err())
	}
	if err := qcow2.Create(path, size); err != nil {
		return fmt.Errorf("copy a disk: %w", err)
	}
	return nil
}

// Remove implements hypervisor.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error {
	if !hypervisor.ValidID(id) {
		return errs.New(errs.Invalid, "%q is no machine's id.", id)
	}
	if err := d.begin(ctx, "remove", id); err != nil {
		return err
	}
	h := d.host
	h.mu.Lock()
	m := h.machines[id]
	h.mu.Unlock()
	if m == nil {
		return nil
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !m.gone {
		h.off(m, hypervisor.StateStopped)
		m.gone = true
		delete(h.machines, id)
	}
	return nil
}

// ConsoleLog implements hypervisor.Driver.
func (d *Driver) ConsoleLog(ctx context.Context, id string, tailLines int) ([]byte, error) {
	if err := d.begin(ctx, "console", id); err != nil {
		return nil, err
	}
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.machines[id]
	if m == nil {
		return nil, unknown(id)
	}
	text := m.console.String()
	if tailLines > 0 {
		lines := slices.Collect(strings.Lines(text))
		text = strings.Join(lines[max(0, len(lines)-tailLines):], "")
	}
	return []byte(text), nil
}

func (d *Driver) running(ctx context.Context, id string) error {
	if err := d.begin(ctx, "console", id); err != nil {
		return err
	}
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m := h.machines[id]; {
	case m == nil:
		return unknown(id)
	case m.pid == 0:
		return errs.New(errs.Conflict, "The machine is not running.")
	}
	return nil
}

// Stats implements hypervisor.Driver.
func (d *Driver) Stats(ctx context.Context, id string) (hypervisor.Stats, error) {
	m := d.host.alive(id)
	if m == nil {
		return hypervisor.Stats{}, d.running(ctx, id)
	}
	defer d.host.mu.Unlock()
	stats := hypervisor.Stats{
		Uptime: time.Since(m.started), MemoryBytes: int64(m.spec.MemoryMiB) << 20, CPUTimes: make([]time.Duration, m.spec.VCPUs),
		Disks: []hypervisor.DiskStats{{Device: "vda", SizeBytes: int64(m.spec.RootGiB) << 30}},
	}
	for _, n := range m.spec.NICs {
		stats.NICs = append(stats.NICs, hypervisor.NICStats{PortID: n.PortID})
	}
	return stats, nil
}

// Interrupt implements hypervisor.Driver. The guest says that it was interrupted.
func (d *Driver) Interrupt(ctx context.Context, id string) error {
	if err := d.running(ctx, id); err != nil {
		return err
	}
	d.host.Write(id, "nmi\r\n")
	return nil
}

// Events implements hypervisor.Driver.
func (d *Driver) Events() <-chan hypervisor.Event { return d.queue.Out() }

// Close implements hypervisor.Driver.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed = true
		d.queue.Close()
	}
	return nil
}
