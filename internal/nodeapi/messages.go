// Package nodeapi is what server and node say to each other: the desired
// state of one host from the server, what really is from the node, and calls
// that the server makes through the node's own stream. A node dials; the
// server never does: for a console, the node is asked to open one more stream
// of bytes (Stream). Messages are plain values in JSON over one Connect
// stream, in memory for the all-in-one. It imports the intent and metadata
// values, never a slice and never the store.
package nodeapi

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"wisp/internal/dataplane/intent"
	"wisp/internal/errs"
	"wisp/internal/metadata"
)

// State is what one host should be: whole, never a change.
type State struct {
	Instances map[string]Instance `json:"instances,omitempty"`
	Network   intent.State        `json:"network"`
	// Leases are what DHCP answers on the local ports, by port id.
	Leases map[string]Lease `json:"leases,omitempty"`
	// Images are those that the host shall have at hand, by id, whether or not
	// an instance boots from them.
	Images map[string]Image `json:"images,omitempty"`
	// Fenced are the instances that were moved away while this host was lost,
	// by id, and that it has not confirmed gone. They run elsewhere: what is
	// left of them here is destroyed before anything else is done, and then
	// named in Report.Fenced. None of them is among the Instances.
	Fenced map[string]Fence `json:"fenced,omitempty"`
	// FenceSeconds is how long a node that hears of no server may go on
	// starting machines. After that, what it had may have been moved to other
	// hosts: what runs is left alone, and nothing is started before a server
	// has said what should be. 0 in an update says nothing new.
	FenceSeconds int `json:"fence_seconds,omitempty"`
}

// Fence says of an instance that it was moved away.
type Fence struct {
	Since time.Time `json:"since"`
}

// What an instance should be doing.
const (
	PowerRunning = "running"
	PowerStopped = "stopped"
	// Paused and suspended hold an instance that runs, with its memory in place
	// or on disk; they never start one.
	PowerPaused    = "paused"
	PowerSuspended = "suspended"
	PowerDeleted   = "deleted" // destroy it and every trace, then report it gone
)

// Instance is one virtual machine that this host should have. What is on the
// host and not in the State is a stranger, and removed.
type Instance struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	ProjectID string `json:"project_id"`
	UserID    string `json:"user_id"`
	Power     string `json:"power"`

	// A generation that differs from the one that the node has recorded asks
	// for a reboot: Boot for a new machine process, Reset for a clean one by
	// the guest, which becomes hard after the grace time.
	BootGeneration  int64 `json:"boot_generation"`
	ResetGeneration int64 `json:"reset_generation"`

	VCPUs        int `json:"vcpus"`
	MemoryMiB    int `json:"memory_mib"`
	RootGiB      int `json:"root_gib"` // 0: the image's own size
	EphemeralGiB int `json:"ephemeral_gib,omitempty"`
	SwapMiB      int `json:"swap_mib,omitempty"`

	Image       *Image            `json:"image,omitempty"`
	Ports       []InstancePort    `json:"ports,omitempty"` // in the order of the NICs
	ConfigDrive bool              `json:"config_drive,omitempty"`
	Metadata    metadata.Document `json:"metadata"`

	// DiskGeneration: one that differs from that of the disks asks for new ones
	// before the next start.
	DiskGeneration int64 `json:"disk_generation,omitempty"`
	// KeepDisks asks for copies of the disks under that name, made while no
	// machine writes them and before the next start, for as long as it is asked
	// for them; RestoreDisks asks to go back to them. See InstanceStatus.Kept.
	KeepDisks    string  `json:"keep_disks,omitempty"`
	RestoreDisks string  `json:"restore_disks,omitempty"`
	Rescue       *Rescue `json:"rescue,omitempty"`
	// Snapshots are the images that are to be made of the root disk now.
	Snapshots []Snapshot `json:"snapshots,omitempty"`
}

// Rescue is an image that an instance in trouble boots from, with its own
// disks beside it. The image's properties hw_rescue_device and hw_rescue_bus,
// when one is there, put the disk behind the others, on that bus.
type Rescue struct {
	Image Image `json:"image"`
}

// Snapshot is an image of an instance's root disk. The node makes it once, in
// qcow2, and sends it to the server (SaveImage).
type Snapshot struct {
	ImageID string `json:"image_id"`
	Off     bool   `json:"off,omitempty"` // when the instance is off, and not before
}

// Image is what an instance boots from. The node fetches it once per host by
// id and checks it.
type Image struct {
	ID         string            `json:"id"`
	DiskFormat string            `json:"disk_format"`
	Size       int64             `json:"size"` // bytes
	SHA512     string            `json:"sha512"`
	Kernel     *Image            `json:"kernel,omitempty"`
	Ramdisk    *Image            `json:"ramdisk,omitempty"`
	Properties map[string]string `json:"properties,omitempty"` // hw_*, os_*
}

// InstancePort is a network interface of the instance.
type InstancePort struct {
	PortID string `json:"port_id"`
	MAC    string `json:"mac"`
	MTU    int    `json:"mtu"`
}

// Lease is what a local port is told by DHCP, and by the routers of IPv6.
type Lease struct {
	PortID   string         `json:"port_id"`
	MAC      string         `json:"mac"`
	Address  netip.Prefix   `json:"address"` // with the subnet's length; zero without DHCPv4
	Server   netip.Addr     `json:"server"`  // the address that the answers come from
	Gateway  netip.Addr     `json:"gateway,omitzero"`
	DNS      []netip.Addr   `json:"dns,omitempty"`
	Routes   []intent.Route `json:"routes,omitempty"`
	MTU      int            `json:"mtu"`
	Hostname string         `json:"hostname,omitempty"`
	Domain   string         `json:"domain,omitempty"`
	Seconds  int            `json:"seconds"` // lease time
	Options  []Option       `json:"options,omitempty"`
	// NextServer is where a machine that boots by network goes on, when it is
	// not where the answers come from.
	NextServer netip.Addr `json:"next_server,omitzero"`
	IPv6       *IPv6      `json:"ipv6,omitempty"`
}

// Option is an extra DHCP option of a port (extra_dhcp_opts).
type Option struct {
	Code  uint8  `json:"code"`
	Value []byte `json:"value"`
}

// Phases of an instance on its host, as the node sees them.
const (
	PhasePreparing = "preparing" // image, disk, devices
	PhaseRunning   = "running"
	PhasePaused    = "paused"
	PhaseSuspended = "suspended"
	PhaseStopped   = "stopped" // as asked, or because the guest powered itself off
	PhaseFailed    = "failed"  // Message says why
	PhaseGone      = "gone"    // nothing of it is left on the host
)

// InstanceStatus is what one instance really is.
type InstanceStatus struct {
	ID    string `json:"id"`
	Phase string `json:"phase"`
	// Message is for people: what failed and what can be done.
	Message string `json:"message,omitempty"`
	// The generations that the running machine has.
	BootGeneration  int64     `json:"boot_generation"`
	ResetGeneration int64     `json:"reset_generation"`
	Since           time.Time `json:"since"` // of the phase
	// Guest says that the change came from inside: the guest shut down or
	// crashed, nobody asked through the API.
	Guest bool `json:"guest,omitempty"`
	// Steps are what the node has seen of the instance's creation so far, each
	// once. They come again with each status for a while; a node that was
	// restarted meanwhile tells only what it saw itself.
	Steps []Step `json:"steps,omitempty"`
	// Kept is the name of the copies of its disks that are set aside.
	Kept string `json:"kept,omitempty"`
	// FailedSnapshots are those of Instance.Snapshots that could not be made,
	// for as long as they are asked for.
	FailedSnapshots []FailedSnapshot `json:"failed_snapshots,omitempty"`
}

// FailedSnapshot is a snapshot that could not be made. Message is as that of
// InstanceStatus.
type FailedSnapshot struct {
	ImageID string `json:"image_id"`
	Message string `json:"message"`
}

// Same tells whether two statuses say the same.
func (s InstanceStatus) Same(other InstanceStatus) bool {
	steps := slices.Equal(s.Steps, other.Steps)
	s.Steps, other.Steps = nil, nil
	return steps && reflect.DeepEqual(s, other)
}

// Names of the steps of a creation on its host.
const (
	StepNetworkPlug = "network_plug_vif"        // the dataplane made the devices of the ports
	StepImageFetch  = "image_fetch"             // the image is in the host's cache
	StepPrepareDisk = "hypervisor_prepare_disk" // the disks are made
	StepStart       = "hypervisor_start"        // the machine's process runs
	StepLease       = "network_dhcp_lease"      // the guest took its address
)

// Step is something that happened while an instance was created. It is over
// when it is told.
type Step struct {
	Name   string    `json:"name"`
	Start  time.Time `json:"start"`
	Finish time.Time `json:"finish"`
	Failed bool      `json:"failed,omitempty"`
	// Details are for people: on the first line what the instance's owner may
	// read, on those below it what is for operators.
	Details string `json:"details,omitempty"`
}

// Hello opens a node's stream.
type Hello struct {
	Host     string     `json:"host"`
	Version  string     `json:"version"` // of wisp
	Address  netip.Addr `json:"address"` // management
	Endpoint netip.Addr `json:"endpoint,omitzero"`
	API      netip.Addr `json:"api,omitzero"` // where the same process answers the APIs
	Capacity Capacity   `json:"capacity"`
	Physical []string   `json:"physical,omitempty"` // names of physical networks attached here
	// Mappings are the interfaces that carry the physical networks, by name.
	Mappings  map[string]string `json:"mappings,omitempty"`
	StartedAt time.Time         `json:"started_at"`         // of the node
	BootedAt  time.Time         `json:"booted_at,omitzero"` // of the machine; zero when it is not known

	// Session is the id of the stream, given by the server that has it: with
	// several servers the end of an old session must not pass for that of a
	// newer one. SessionServer is the server's name.
	Session string `json:"-"`
}

// Capacity is what a host offers.
type Capacity struct {
	VCPUs             int    `json:"vcpus"`
	MemoryMiB         int    `json:"memory_mib"`
	DiskGiB           int    `json:"disk_gib"`
	Arch              string `json:"arch"`             // x86_64
	Hypervisor        string `json:"hypervisor"`       // QEMU
	HypervisorVersion int    `json:"version"`          // 7002013 for 7.2.13
	Accelerator       string `json:"accelerator"`      // kvm or tcg
	Reason            string `json:"reason,omitempty"` // why not kvm
	CPUModel          string `json:"cpu_model,omitempty"`
	CPUVendor         string `json:"cpu_vendor,omitempty"`
	// What the processors can do, and how they are arranged; zeros are unknown.
	CPUFeatures []string `json:"cpu_features,omitempty"`
	Sockets     int      `json:"sockets,omitempty"`
	Cores       int      `json:"cores,omitempty"`   // per socket
	Threads     int      `json:"threads,omitempty"` // per core
}

// Finding is the answer to one check of the machine that a node runs on.
type Finding struct {
	Check  string `json:"check"`
	Level  string `json:"level"` // ok, warn or fatal
	Detail string `json:"detail"`
	Breaks string `json:"breaks,omitempty"` // what does not work because of it
	Mend   string `json:"mend,omitempty"`   // a command, or a sentence where no command can
}

// Report is what really is, sent when something changed and as a heartbeat.
type Report struct {
	// Revision is the newest Update that has been applied.
	Revision  int64            `json:"revision"`
	Instances []InstanceStatus `json:"instances,omitempty"`
	// Whole says that Instances are all that the host has; otherwise only
	// those that changed.
	Whole bool `json:"whole,omitempty"`
	// Fenced names those of State.Fenced of which nothing is left here.
	Fenced []string `json:"fenced,omitempty"`
	// Problems are what the node could not make so, by object id, for people.
	Problems map[string]string `json:"problems,omitempty"`
	// Findings are all that examining the machine found; nil says nothing new.
	Findings []Finding `json:"findings,omitempty"`
	// Meters are all that this host counts; nil says nothing new.
	Meters []Meter `json:"meters,omitempty"`
	// Usage of the host now.
	MemoryUsedMiB int     `json:"memory_used_mib,omitempty"`
	DiskUsedGiB   int     `json:"disk_used_gib,omitempty"`
	Load          float64 `json:"load,omitempty"`
}

// Meter is what a host has counted of one label in one direction since its
// counters were made; bytes of IP packets.
type Meter struct {
	Label     string `json:"label"`
	Direction string `json:"direction"` // ingress or egress
	Packets   int64  `json:"packets"`
	Bytes     int64  `json:"bytes"`
}

// ToNode is a message from the server: one field is set.
type ToNode struct {
	Update *Update `json:"update,omitempty"`
	Call   *Call   `json:"call,omitempty"`
}

// FromNode is a message from the node: one field is set.
type FromNode struct {
	Hello  *Hello  `json:"hello,omitempty"`
	Report *Report `json:"report,omitempty"`
	Reply  *Reply  `json:"reply,omitempty"`
}

// Call asks the node for something that is not state, as a console log is not,
// or an interrupt.
type Call struct {
	ID     uint64          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// Methods of Call.
const (
	CallConsoleLog  = "console_log"
	CallOpenConsole = "open_console"
	CallStats       = "stats"
	CallPortTrace   = "port_trace"
	CallInterrupt   = "interrupt"
)

// ConsoleLogParams are those of CallConsoleLog; the result is
// ConsoleLogResult. Lines 0 is everything.
type ConsoleLogParams struct {
	InstanceID string `json:"instance_id"`
	Lines      int    `json:"lines,omitempty"`
}

// ConsoleLogResult is the tail of a serial console's log.
type ConsoleLogResult struct {
	Output []byte `json:"output"`
}

// OpenConsoleParams are those of CallOpenConsole, which has no result: when it
// has succeeded, the node has opened the stream of that id.
type OpenConsoleParams struct {
	InstanceID string `json:"instance_id"`
	Kind       string `json:"kind"` // ConsoleSerial or ConsoleVNC
	StreamID   string `json:"stream_id"`
}

// Kinds of consoles.
const (
	ConsoleSerial = "serial" // raw bytes
	ConsoleVNC    = "vnc"    // RFB, without authentication
)

// StatsParams are those of CallStats; the result is Stats.
type StatsParams struct {
	InstanceID string `json:"instance_id"`
}

// Stats is what a running instance has used since its machine started.
type Stats struct {
	Accelerator   string          `json:"accelerator"` // as in Capacity
	UptimeSeconds int64           `json:"uptime_seconds"`
	CPUTimes      []time.Duration `json:"cpu_times,omitempty"` // of each virtual processor
	MemoryBytes   int64           `json:"memory_bytes"`        // that the machine takes of its host
	Disks         []DiskStats     `json:"disks,omitempty"`
	Ports         []PortStats     `json:"ports,omitempty"`
}

// DiskStats counts one disk, as the guest sees it.
type DiskStats struct {
	Device        string `json:"device"` // vda
	ReadBytes     int64  `json:"read_bytes"`
	ReadRequests  int64  `json:"read_requests"`
	WriteBytes    int64  `json:"write_bytes"`
	WriteRequests int64  `json:"write_requests"`
	Errors        int64  `json:"errors"`
}

// PortStats counts one port, as the guest sees it: what it receives and what
// it transmits.
type PortStats struct {
	PortID    string `json:"port_id"`
	Device    string `json:"device"` // the name on the host
	RxBytes   int64  `json:"rx_bytes"`
	RxPackets int64  `json:"rx_packets"`
	RxErrors  int64  `json:"rx_errors"`
	RxDropped int64  `json:"rx_dropped"`
	TxBytes   int64  `json:"tx_bytes"`
	TxPackets int64  `json:"tx_packets"`
	TxErrors  int64  `json:"tx_errors"`
	TxDropped int64  `json:"tx_dropped"`
}

// InterruptParams are those of CallInterrupt, which has no result: when it has
// succeeded, the instance's guest has one more non-maskable interrupt to take.
type InterruptParams struct {
	InstanceID string `json:"instance_id"`
}

// PortTraceParams are those of CallPortTrace: the first packet of a connection
// from a local port; the result is PortTraceResult. Via is the next hop by the
// guest's routes, invalid when any router will do. Ports are for the protocols
// that have them; a SourcePort of 0 is one that is free.
type PortTraceParams struct {
	PortID          string     `json:"port_id"`
	Source          netip.Addr `json:"source"`
	Destination     netip.Addr `json:"destination"`
	Via             netip.Addr `json:"via,omitzero"`
	Protocol        uint8      `json:"protocol"`
	SourcePort      uint16     `json:"source_port,omitempty"`
	DestinationPort uint16     `json:"destination_port,omitempty"`
}

// TracesAtOnce is how many packets a host follows at once; it refuses others
// with an error of kind Unavailable and TypeHostBusy.
const TracesAtOnce = 2

// TypeHostBusy is the type of an error of a host that answers, but does too
// much of the kind already.
const TypeHostBusy = "HostBusy"

// PortTraceResult is what the dataplane's programs did with the packet, one
// after the other.
type PortTraceResult struct {
	Steps []PortTraceStep `json:"steps"`
}

// PortTraceStep is one program: from_guest of the sender's port, to_guest of
// the port that the packet, or an answer to it, arrives at. Source and
// Destination are those of the packet as it left the program, and Host is the
// tunnel address of the host that it was sent to; empty when it stayed here.
type PortTraceStep struct {
	Program     string         `json:"program"`
	PortID      string         `json:"port_id"`
	Verdict     string         `json:"verdict"`          // forwarded, accepted or dropped
	Reason      string         `json:"reason,omitempty"` // of a drop, or of an ICMP error that is the answer
	Source      netip.AddrPort `json:"source,omitzero"`
	Destination netip.AddrPort `json:"destination,omitzero"`
	Host        string         `json:"host,omitempty"`
}

// Reply answers a Call.
type Reply struct {
	ID     uint64          `json:"id"`
	Error  string          `json:"error,omitempty"`
	Kind   int             `json:"kind,omitempty"` // errs.Kind of the error
	Type   string          `json:"type,omitempty"` // errs.Error.Type, such as TypeHostBusy
	Result json.RawMessage `json:"result,omitempty"`
}

// failure is the error that a reply tells of, or nil.
func (r *Reply) failure() error {
	if r.Error == "" {
		return nil
	}
	return errs.New(errs.Kind(r.Kind), "%s", r.Error).WithType(r.Type)
}
