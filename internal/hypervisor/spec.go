package hypervisor

import (
	"context"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"wisp/internal/errs"
)

// Power is the desired power state of a machine.
type Power string

// The power states that can be desired.
const (
	PowerRunning Power = "running"
	PowerStopped Power = "stopped"
	PowerPaused  Power = "paused"
	// PowerSuspended is off with the memory on the host's disk: a machine that
	// runs again with the same generations goes on where it was.
	PowerSuspended Power = "suspended"
)

// Spec is the desired state of one machine. What a change of it does to a
// machine that runs: Power, BootGeneration and ResetGeneration act at once, and
// so does NICs where the machine type can plug while it runs; everything else
// takes effect when the next process starts (raise BootGeneration, or
// ResetGeneration to let the guest shut down first). A disk grows with its size
// and never shrinks.
type Spec struct {
	ID   string `json:"id"`   // a UUID; the guest sees it in SMBIOS
	Name string `json:"name"` // for people; any text

	VCPUs        int `json:"vcpus"`
	MemoryMiB    int `json:"memory_mib"`
	RootGiB      int `json:"root_gib"`      // 0: as large as the image
	EphemeralGiB int `json:"ephemeral_gib"` // 0: none; a second disk with an empty file system (FAT) whose label is ephemeral0
	SwapMiB      int `json:"swap_mib"`      // 0: none; a disk made ready as swap space

	Image       *Image `json:"image,omitempty"`        // nil: the root disk is empty, or absent if RootGiB is 0
	Kernel      string `json:"kernel,omitempty"`       // path; boots this instead of the disk's own loader
	Initrd      string `json:"initrd,omitempty"`       // path; only with Kernel
	CommandLine string `json:"command_line,omitempty"` // only with Kernel; default "root=/dev/vda console=tty0 console=ttyS0"

	NICs []NIC `json:"nics,omitempty"`

	// ConfigDrive makes an ISO 9660 image: the guest's last disk, read-only (a
	// CD-ROM on every bus but virtio, which has none). Called when a process
	// is about to start; nil means no config drive.
	ConfigDrive func(ctx context.Context) ([]byte, error) `json:"-"`

	// Power: Paused and Suspended hold a machine that runs, and never start one.
	Power     Power         `json:"power"`
	StopGrace time.Duration `json:"stop_grace"` // how long a guest may take to shut down (Nova: 60 s); 0: power is cut at once

	// BootGeneration: when it differs from that of the process, the machine
	// is started afresh (hard reboot, start after a stop by the guest).
	// ResetGeneration: when it differs, the guest is asked to shut down and
	// is then started (soft reboot); after StopGrace power is cut.
	BootGeneration  int64 `json:"boot_generation"`
	ResetGeneration int64 `json:"reset_generation"`

	Features Features `json:"features"`

	// DiskGeneration: when it differs from that of the disks, they are made
	// anew before the next process starts, and what was on them is lost.
	DiskGeneration int64 `json:"disk_generation,omitempty"`
	// KeepDisks names a state of the disks that they may have to return to:
	// when no process runs, and before the next one starts, copies are set
	// aside under the name (Status.Kept). Empty lets go of them. RestoreDisks
	// makes the copies of that name the disks again, at the same times.
	KeepDisks    string `json:"keep_disks,omitempty"`
	RestoreDisks string `json:"restore_disks,omitempty"`
	// Rescue boots the machine from a disk of its own beside the others. The
	// disk is gone when a process starts without it.
	Rescue *Rescue `json:"rescue,omitempty"`
}

// Rescue is the disk that a machine in trouble boots from.
type Rescue struct {
	Image Image  `json:"image"`
	Last  bool   `json:"last,omitempty"`  // behind the other disks, so that they keep their names; else before them
	Bus   string `json:"bus,omitempty"`   // one of Capabilities.RescueBuses; empty is that of the others
	CDROM bool   `json:"cdrom,omitempty"` // read-only, where the bus has such drives
}

// Image is the base of a root disk: a file in the host's cache that was
// verified and never changes. The driver only ever reads it.
type Image struct {
	ID     string `json:"id,omitempty"` // for messages
	Path   string `json:"path"`
	Format string `json:"format"` // "raw" or "qcow2": what it really is
}

// NIC is one network interface.
type NIC struct {
	PortID string `json:"port_id"`
	MAC    string `json:"mac"`
	MTU    int    `json:"mtu,omitempty"`   // announced to the guest (virtio); 0: not
	Model  string `json:"model,omitempty"` // default Features.VIFModel

	// Tap opens the tap device of the port (IFF_TAP, IFF_NO_PI, IFF_VNET_HDR).
	// Called each time a process is about to start; the driver closes the file
	// once the process has it. nil: the interface has no cable.
	Tap func(ctx context.Context) (*os.File, error) `json:"-"`
}

// Features are the hardware choices that an image can make. Empty means the
// driver's default; a value that the driver does not offer is refused.
type Features struct {
	DiskBus     string `json:"disk_bus,omitempty"`     // hw_disk_bus
	VIFModel    string `json:"vif_model,omitempty"`    // hw_vif_model
	VideoModel  string `json:"video_model,omitempty"`  // hw_video_model
	MachineType string `json:"machine_type,omitempty"` // hw_machine_type
	Firmware    string `json:"firmware,omitempty"`     // hw_firmware_type
	GuestAgent  bool   `json:"guest_agent,omitempty"`  // hw_qemu_guest_agent
	RNGDisabled bool   `json:"rng_disabled,omitempty"` // hw_rng:allowed=False of the flavor
}

// Limits that no machine exceeds, whatever the driver.
const (
	maxVCPUs     = 255
	maxMemoryMiB = 4 << 20
	maxDiskGiB   = 64 << 10
	maxNICs      = 26
	minMTU       = 68
	maxMTU       = 65535
)

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// ValidID tells whether id can name a machine. It becomes a folder's name, so
// nothing but a lower-case UUID may pass.
func ValidID(id string) bool { return uuidForm.MatchString(id) }

func (i Image) usable() bool { return i.Path != "" && (i.Format == "raw" || i.Format == "qcow2") }

// Validate checks what holds for every driver. The error is of kind Invalid
// and names the field.
func (s Spec) Validate() error {
	for _, check := range []struct {
		bad  bool
		text string
	}{
		{!ValidID(s.ID), "id: must be a lower-case UUID"},
		{strings.ContainsRune(s.Name, 0), "name: must not contain a NUL character"},
		{s.VCPUs < 1 || s.VCPUs > maxVCPUs, "vcpus: must be from 1 to 255"},
		{s.MemoryMiB < 1 || s.MemoryMiB > maxMemoryMiB, "memory_mib: must be from 1 to 4194304"},
		{s.RootGiB < 0 || s.RootGiB > maxDiskGiB, "root_gib: must be from 0 to 65536"},
		{s.EphemeralGiB < 0 || s.EphemeralGiB > maxDiskGiB, "ephemeral_gib: must be from 0 to 65536"},
		{s.SwapMiB < 0 || s.SwapMiB > maxMemoryMiB, "swap_mib: must be from 0 to 4194304"},
		{s.Image != nil && !s.Image.usable(), "image: needs a path and the format raw or qcow2"},
		{s.Kernel == "" && s.Initrd != "", "initrd: needs a kernel"},
		{s.Kernel == "" && s.CommandLine != "", "command_line: needs a kernel"},
		{strings.ContainsRune(s.CommandLine, 0), "command_line: must not contain a NUL character"},
		{s.Rescue != nil && !s.Rescue.Image.usable(), "rescue: needs a path and the format raw or qcow2"},
		{s.Power != PowerRunning && s.Power != PowerStopped && s.Power != PowerPaused && s.Power != PowerSuspended, "power: must be running, stopped, paused or suspended"},
		{s.StopGrace < 0, "stop_grace: must not be negative"},
		{len(s.NICs) > maxNICs, "nics: at most 26"},
	} {
		if check.bad {
			return errs.New(errs.Invalid, "The machine cannot be made: %s.", check.text)
		}
	}
	seen := map[string]bool{}
	for i, nic := range s.NICs {
		mac, err := net.ParseMAC(nic.MAC)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			return errs.New(errs.Invalid, "The machine cannot be made: nics[%d].mac: %q is no unicast MAC address.", i, nic.MAC)
		}
		if nic.MTU != 0 && (nic.MTU < minMTU || nic.MTU > maxMTU) {
			return errs.New(errs.Invalid, "The machine cannot be made: nics[%d].mtu: must be from 68 to 65535.", i)
		}
		if nic.PortID == "" || seen[nic.PortID] {
			return errs.New(errs.Invalid, "The machine cannot be made: nics[%d].port_id: must be there and differ from the others.", i)
		}
		seen[nic.PortID] = true
	}
	return nil
}
