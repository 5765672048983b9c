// Package fake is a hypervisor that keeps its machines in memory, for tests
// of thousands of them. It goes by the same rules as the real one: the suite
// in hypervisortest is run on both.
//
// Host is the machines and what tests do to them (switch a guest off from
// inside, let a process crash); Driver implements hypervisor.Driver on a
// host, and as many drivers as one likes can be opened on it one after the
// other, as after a restart of the node. The package must not be imported by
// anything that runs real machines.
package fake

import (
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/eventqueue"
)

// Options is how a host behaves. The zero value is a large and quick one.
type Options struct {
	Capabilities hypervisor.Capabilities // zero fields get values of a host for 1,000 machines
	StartTime    time.Duration           // that starting a process takes
	ShutdownTime time.Duration           // that a guest takes to shut down when it is asked to
	SnapshotTime time.Duration           // that copying a disk takes

	// Fault fails a call. op is "ensure", "start", "remove", "snapshot",
	// "list" or "capabilities"; id is empty for the latter two.
	Fault func(op, id string) error
}

// Host is a computer that only exists in memory.
type Host struct {
	options Options

	mu       sync.Mutex
	machines map[string]*machine
	queue    *eventqueue.Queue // of the driver that is open
	nextPID  int
}

// machine is one machine; Host.mu guards its fields.
type machine struct {
	spec     hypervisor.Spec // of the process that runs, or ran last
	state    hypervisor.State
	byGuest  bool
	fault    string
	pid      int
	started  time.Time
	asked    time.Time // when its guest was asked to shut down; zero if it was not
	deaf     bool      // its guest ignores that
	kept     string    // name of the copies of its disks
	console  strings.Builder
	viewers  map[net.Conn]bool // the guest's ends of open consoles
	terminal chan []byte       // to the one viewer that has the serial port; nil without
	taps     []*os.File
	shutdown *time.Timer

	busy sync.Mutex // one Ensure or Remove at a time; taken before Host.mu
	gone bool

	serial sync.Mutex // whose turn it is at the serial port; taken before Host.mu
}

// NewHost makes a host without machines.
func NewHost(options Options) *Host {
	c := &options.Capabilities
	setDefault(&c.Arch, "x86_64")
	setDefault(&c.Accelerator, "fake")
	setDefault(&c.AcceleratorReason, "no guest runs on a fake hypervisor")
	setDefault(&c.HypervisorType, "fake")
	setDefault(&c.HypervisorVersion, "1.0.0")
	setDefault(&c.VCPUs, 4096)
	setDefault(&c.MemoryMiB, 16<<20)
	setDefault(&c.DiskGiB, 1<<20)
	setDefault(&c.DiskFreeGiB, c.DiskGiB)
	setDefault(&c.CPU.Vendor, "Fake")
	setDefault(&c.CPU.Model, "Fake processor")
	setDefault(&c.CPU.Sockets, 1)
	setDefault(&c.CPU.Cores, c.VCPUs)
	setDefault(&c.CPU.Threads, 1)
	for _, list := range []*[]string{&c.DiskBuses, &c.VIFModels, &c.VideoModels, &c.MachineTypes, &c.Firmwares} {
		if *list == nil {
			*list = []string{"fake"}
		}
	}
	if c.RescueBuses == nil {
		c.RescueBuses = []string{"fake", "virtio", "scsi", "ide", "sata", "usb"}
	}
	return &Host{options: options, machines: map[string]*machine{}, nextPID: 1000}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (h *Host) emit(id string, kind hypervisor.EventKind, detail string) {
	if h.queue != nil {
		h.queue.Put(hypervisor.Event{ID: id, Kind: kind, At: time.Now(), Detail: detail})
	}
}

// off ends a machine's process. The caller holds mu.
func (h *Host) off(m *machine, state hypervisor.State) {
	if m.shutdown != nil {
		m.shutdown.Stop()
	}
	for _, f := range m.taps {
		f.Close()
	}
	for conn := range m.viewers {
		conn.Close()
	}
	m.state, m.pid, m.started, m.asked, m.shutdown, m.taps = state, 0, time.Time{}, time.Time{}, nil, nil
}

// alive returns a machine that has a process, and locks the host; nil, and
// nothing locked, if there is none.
func (h *Host) alive(id string) *machine {
	h.mu.Lock()
	if m := h.machines[id]; m != nil && m.pid != 0 {
		return m
	}
	h.mu.Unlock()
	return nil
}

// PowerOff lets the guest switch itself off. It tells whether there is one.
func (h *Host) PowerOff(id string) bool {
	m := h.alive(id)
	if m == nil {
		return false
	}
	defer h.mu.Unlock()
	h.powerOff(id, m)
	return true
}

func (h *Host) powerOff(id string, m *machine) {
	m.byGuest = m.asked.IsZero()
	h.off(m, hypervisor.StateStopped)
	h.emit(id, hypervisor.EventGuestShutdown, "guest-shutdown")
}

// Reset lets the guest reboot itself.
func (h *Host) Reset(id string) bool {
	m := h.alive(id)
	if m == nil {
		return false
	}
	defer h.mu.Unlock()
	m.print([]byte("ready\r\n"))
	h.emit(id, hypervisor.EventGuestReset, "guest-reset")
	return true
}

// Crash lets the process die.
func (h *Host) Crash(id, why string) bool {
	m := h.alive(id)
	if m == nil {
		return false
	}
	defer h.mu.Unlock()
	asked := !m.asked.IsZero()
	h.off(m, hypervisor.StateStopped)
	if !asked {
		m.state, m.fault = hypervisor.StateCrashed, why
	}
	h.emit(id, hypervisor.EventExited, why)
	return true
}

// Deafen makes the guest ignore that it is asked to shut down.
func (h *Host) Deafen(id string) bool {
	m := h.alive(id)
	if m == nil {
		return false
	}
	defer h.mu.Unlock()
	m.deaf = true
	return true
}

// Write lets the guest write to its console.
func (h *Host) Write(id, text string) bool {
	m := h.alive(id)
	if m == nil {
		return false
	}
	defer h.mu.Unlock()
	m.print([]byte(text))
	return true
}

// Reboot takes the host down and up again: no process is left, and every
// machine that ran is as if it had been stopped.
func (h *Host) Reboot() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.machines {
		if m.pid != 0 {
			h.off(m, hypervisor.StateStopped)
		}
	}
}

// ids lists the machines, in order. The caller holds mu.
func (h *Host) ids() []string { return slices.Sorted(maps.Keys(h.machines)) }

// fails asks for the fault of a call.
func (h *Host) fails(op, id string) error {
	if h.options.Fault == nil {
		return nil
	}
	return h.options.Fault(op, id)
}

func unknown(id string) error {
	return errs.New(errs.NotFound, "The machine %s is not on this host.", id)
}
