package hypervisor

import (
	"context"
	"net"
	"time"
)

// Driver runs the machines of one host. All methods may be called from many
// goroutines; calls for one machine are put in a row. No method waits for a
// guest: what needs a guest's cooperation (a graceful stop, a soft reboot) is
// begun, Status.RetryAfter says when to look again, and an Event tells when
// there is something to see earlier.
//
// Errors carry an errs kind: Invalid for a spec that this driver cannot
// honour (it names the field), Conflict for what the machine's state forbids,
// NotFound for an unknown machine, Unavailable for what may work later (QEMU
// is missing, the disk is full), Internal else. Messages tell a person what
// to do.
type Driver interface {
	// Capabilities tells what this host offers, found by trying it. The
	// first call may take seconds; later ones are answered from memory, but
	// for the free disk space.
	Capabilities(ctx context.Context) (Capabilities, error)

	// List tells every machine of this driver on this host: running or not,
	// complete or half made, found from the state directory and from the
	// processes. It is what a reconciler compares with after a restart.
	List(ctx context.Context) ([]Instance, error)

	// Ensure brings one machine nearer to the spec and tells where it is. It
	// is idempotent: call it again after an error, after RetryAfter, after an
	// Event, and after a restart, until Status.Settled.
	//
	// A machine whose guest powered itself off, or whose process died, is NOT
	// started again by an Ensure with the same BootGeneration and Power
	// Running: the status says Stopped or Crashed. To start it again, ensure
	// Stopped first, or raise BootGeneration. After a reboot of the host,
	// machines that ran are started again.
	Ensure(ctx context.Context, spec Spec) (Status, error)

	// Remove destroys the machine's process and every trace of it (disks,
	// logs, sockets, cgroup). It wins over everything and is idempotent: an
	// unknown id is no error.
	Remove(ctx context.Context, id string) error

	// ConsoleLog returns the last lines that the guest wrote to its serial
	// port, over all its boots; tailLines ≤ 0 means all that is kept (the last
	// 1 MiB at least, if so much was written). NotFound for an unknown machine.
	ConsoleLog(ctx context.Context, id string, tailLines int) ([]byte, error)

	// OpenConsole connects to the live console of a running machine: its
	// serial port (raw bytes; one connection at a time, the next one waits)
	// or its display (RFB, without authentication). Who opened the serial
	// port must go on reading: a full connection makes the guest wait. Conflict
	// when it does not run.
	OpenConsole(ctx context.Context, id string, kind ConsoleKind) (net.Conn, error)

	// Snapshot writes the root disk as it is now, whole and without a backing
	// file, into a new qcow2 file. It takes as long as copying a disk does; a
	// machine that runs goes on, but other calls for it wait. Remove breaks it
	// off. What is left of the file after an error is the caller's to remove.
	// Conflict when there is no root disk.
	Snapshot(ctx context.Context, id, path string) error

	// Stats tells what a running machine has used. Conflict when it does not
	// run.
	Stats(ctx context.Context, id string) (Stats, error)

	// Interrupt sends a non-maskable interrupt to all processors of a machine,
	// which a guest that is set up so answers with a dump of its memory. It
	// returns when the interrupt is pending: a paused machine takes it when it
	// goes on, and what the guest makes of it is not known. Each call sends one
	// more. Conflict when the machine does not run, NotImplemented when it has
	// no such interrupts.
	Interrupt(ctx context.Context, id string) error

	// Events tells what machines do by themselves. Events of one machine and
	// kind that nobody has read yet are merged. It is a hint to call Ensure
	// or List at once; the truth is in those. Closed by Close.
	Events() <-chan Event

	// Close lets go of the machines, and leaves them running.
	Close() error
}

// Capabilities is what a host offers to machines.
type Capabilities struct {
	Arch              string // "x86_64"
	Accelerator       string // "kvm" or "tcg" ("fake" for the fake driver)
	AcceleratorReason string // why this one, for a person
	HypervisorType    string // as Nova shows it: "QEMU", "fake"
	HypervisorVersion string // "7.2.22"
	VCPUs             int    // logical processors of the host
	MemoryMiB         int
	DiskGiB           int // size of the file system that holds the machines
	DiskFreeGiB       int
	CPU               CPUInfo

	// What a Spec's Features may name; the first of each is the default.
	DiskBuses    []string
	VIFModels    []string
	VideoModels  []string
	MachineTypes []string
	Firmwares    []string
	RescueBuses  []string // of Rescue
}

// VersionNumber is the version as Nova's API shows it: 7.2.22 is 7002022.
func (c Capabilities) VersionNumber() int {
	total, part, parts := 0, 0, 0
	for i := 0; i <= len(c.HypervisorVersion) && parts < 3; i++ {
		if i < len(c.HypervisorVersion) && c.HypervisorVersion[i] >= '0' && c.HypervisorVersion[i] <= '9' {
			part = part*10 + int(c.HypervisorVersion[i]-'0')
			continue
		}
		total = total*1000 + part
		part = 0
		parts++
	}
	for ; parts < 3; parts++ {
		total *= 1000
	}
	return total
}

// CPUInfo describes the host's processor, the source of Nova's cpu_info.
type CPUInfo struct {
	Vendor   string // "GenuineIntel"
	Model    string // "Intel(R) Xeon(R) …", as the kernel names it
	Features []string
	Sockets  int
	Cores    int // per socket
	Threads  int // per core
}

// State is what a machine is doing.
type State string

// The states.
const (
	StateIncomplete State = "incomplete" // half made: Ensure completes it, Remove clears it away
	StateRunning    State = "running"
	StatePaused     State = "paused"
	StateStopping   State = "stopping" // was asked to shut down (to stop, or for a soft reboot), and has not yet
	StateStopped    State = "stopped"
	StateSuspended  State = "suspended" // off, with its memory on disk
	StateCrashed    State = "crashed"   // the process died by itself; Fault says more
)

// Instance is one machine that exists on this host.
type Instance struct {
	ID              string
	Name            string
	State           State
	StoppedByGuest  bool // State is Stopped because the guest wanted it
	BootGeneration  int64
	ResetGeneration int64
	PID             int       // 0 when no process lives
	StartedAt       time.Time // of the process; zero when none lives
	PortIDs         []string
	Kept            string // name of the copies of its disks that are set aside
}

// Status is where a machine is, seen from its spec.
type Status struct {
	State           State
	Settled         bool          // nothing is left to do for this spec (a machine that stopped or crashed by itself is settled too)
	RetryAfter      time.Duration // when not settled: look again after this
	StoppedByGuest  bool
	BootGeneration  int64 // of the process that runs, or ran last
	ResetGeneration int64
	PID             int
	StartedAt       time.Time
	Fault           string // what went wrong in the machine, for a person; empty if nothing
	Kept            string // name of the copies of the disks that are set aside; empty if there are none
	Started         bool   // this very call started a process
	// With Started: when the call began to make what the machine needs, and
	// when the disks were there.
	Began, Prepared time.Time
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventGuestShutdown EventKind = "guest-shutdown" // the guest powered itself off, asked or not
	EventGuestReset    EventKind = "guest-reset"    // the guest rebooted itself; the process goes on
	EventGuestPanic    EventKind = "guest-panic"    // the guest's kernel panicked, and said so
	EventExited        EventKind = "exited"         // the process ended, whoever ended it
	EventPaused        EventKind = "paused"         // the machine's processors stopped
	EventResumed       EventKind = "resumed"
	EventDiskError     EventKind = "disk-error"  // a disk of the guest failed on the host (full?)
	EventRetry         EventKind = "retry"       // Status.RetryAfter has passed
	EventMemory        EventKind = "memory-full" // the machine's cgroup ran out of memory
)

// Event is something that a machine did by itself.
type Event struct {
	ID     string
	Kind   EventKind
	At     time.Time
	Detail string // for a person and the log
}

// ConsoleKind selects one of a machine's consoles.
type ConsoleKind string

// The consoles.
const (
	ConsoleSerial ConsoleKind = "serial"
	ConsoleVNC    ConsoleKind = "vnc"
)

// Stats is what a machine has used since its process started.
type Stats struct {
	CPUTime     time.Duration   // of the whole process, all threads
	CPUTimes    []time.Duration // of each virtual processor
	MemoryBytes int64           // resident
	Uptime      time.Duration
	Disks       []DiskStats
	NICs        []NICStats
}

// DiskStats counts one disk, from the guest's point of view.
type DiskStats struct {
	Device                    string // "vda"
	ReadBytes, WriteBytes     int64
	ReadRequests              int64
	WriteRequests             int64
	Errors                    int64
	AllocatedBytes, SizeBytes int64
}

// NICStats counts one interface. Receive and transmit are the guest's.
type NICStats struct {
	PortID           string
	RxBytes, TxBytes int64
	RxPackets        int64
	TxPackets        int64
}
