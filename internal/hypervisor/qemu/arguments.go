package qemu

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"wisp/internal/hypervisor"
)

// commandBuilder collects the arguments of a QEMU process and the files that
// it inherits. Nothing that a user chose becomes part of an argument with a
// syntax of its own (comma lists); such text is only in JSON, or an argument
// by itself.
type commandBuilder struct {
	args  []string
	files []*os.File
	slots map[string]int // where PCI devices must be, by id; others are placed in turn
	disks map[string]int // how many are on each bus
}

func (b *commandBuilder) add(args ...string) { b.args = append(b.args, args...) }

// inherit hands a file down and returns the number it has in QEMU.
func (b *commandBuilder) inherit(f *os.File) int {
	const first = 3 // behind the standard ones
	b.files = append(b.files, f)
	return first + len(b.files) - 1
}

// fdset hands a file down and returns the name that QEMU opens it by.
func (b *commandBuilder) fdset(f *os.File) string {
	n := b.inherit(f)
	b.add("-add-fd", fmt.Sprintf("fd=%d,set=%d", n, n))
	return fmt.Sprintf("/dev/fdset/%d", n)
}

func (b *commandBuilder) close() {
	for _, f := range b.files {
		f.Close()
	}
	b.files = nil
}

// object is what options that take JSON are given.
type object map[string]any

func (b *commandBuilder) json(option string, o object) {
	text, err := json.Marshal(o)
	if err != nil {
		// Only strings, numbers and booleans go in.
		panic(err)
	}
	b.add(option, string(text))
}

func (b *commandBuilder) device(driver string, o object) {
	o["driver"] = driver
	if id, named := o["id"].(string); named {
		if slot, known := b.slots[id]; known {
			o["addr"] = strconv.FormatInt(int64(slot), 16)
		}
	}
	b.json("-device", o)
}

// socketOption is a character device on a socket that listens already.
func (b *commandBuilder) socketOption(id string, listener *os.File, more string) {
	b.add("-chardev", fmt.Sprintf("socket,id=%s,fd=%d,server=on,wait=off%s", id, b.inherit(listener), more))
}

// tcgBufferMiB is what translated code may take. QEMU's own default is a
// share of the host's memory, far too much for many small machines.
const tcgBufferMiB = 128

// base is everything but disks and interfaces.
func (b *commandBuilder) base(name string, spec hypervisor.Spec, accel Accelerator) {
	b.add("-name", name, "-uuid", spec.ID)
	b.add("-no-user-config", "-nodefaults", "-msg", "timestamp=on")
	b.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	// The guest's first step waits until everything is recorded. A guest that
	// powers itself off leaves its process behind, so that this can be told
	// from a crash even when wisp was not there to see it.
	b.add("-S", "-action", "reboot=reset,shutdown=pause,panic=none")
	machine := spec.Features.MachineType + ",vmport=off,dump-guest-core=off,usb=off,hpet=off"
	if spec.Features.MachineType == "q35" {
		machine = "q35,vmport=off,dump-guest-core=off,hpet=off,smbus=off,sata=off"
	}
	b.add("-machine", machine)
	if accel == AccelKVM {
		b.add("-accel", "kvm", "-cpu", "host")
	} else {
		b.add("-accel", fmt.Sprintf("tcg,thread=multi,tb-size=%d", tcgBufferMiB))
		// Five levels of page tables only make each miss dearer.
		b.add("-cpu", "max,la57=off")
	}
	b.add("-smp", fmt.Sprintf("%d,sockets=%d,cores=1,threads=1", spec.VCPUs, spec.VCPUs))
	b.add("-m", strconv.Itoa(spec.MemoryMiB)+"M")
	b.add("-rtc", "base=utc,driftfix=slew")
	b.add("-boot", "strict=on,menu=off")
	// cloud-init recognizes OpenStack by these names, before it asks for
	// metadata.
	b.add("-smbios", "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,version=wisp,serial="+spec.ID+",uuid="+spec.ID+",family=Virtual Machine")
}

func (b *commandBuilder) video(model string) {
	b.add("-display", "none")
	switch model {
	case "none":
		b.add("-vga", "none")
		return
	case "vga":
		b.device("VGA", object{"id": "video0", "vgamem_mb": 16})
	case "virtio":
		b.device("virtio-vga", object{"id": "video0"})
	case "cirrus":
		b.device("cirrus-vga", object{"id": "video0"})
	}
	// No socket: viewers are handed over through QMP.
	b.add("-vnc", "none")
}

// helpers are the small devices that every machine has.
func (b *commandBuilder) helpers(spec hypervisor.Spec) {
	if !spec.Features.RNGDisabled {
		b.add("-object", "rng-builtin,id=rng0")
		b.device("virtio-rng-pci", object{"id": "rng", "rng": "rng0"})
	}
	b.device("virtio-balloon-pci", object{"id": "balloon0", "free-page-reporting": true, "deflate-on-oom": true})
	b.device("pvpanic", object{"id": "panic0"})
}

// diskBackend is a disk with its files open.
type diskBackend struct {
	disk
	file       *os.File
	base       *os.File // nil: no backing file
	baseFormat string
}

// backend adds the layers of a disk. Each has its driver named, and the chain
// an explicit end.
func (b *commandBuilder) backend(d diskBackend) {
	protocol := func(node string, f *os.File, readOnly bool) {
		b.json("-blockdev", object{"driver": "file", "node-name": node, "filename": b.fdset(f), "read-only": readOnly, "discard": "unmap"})
	}
	base := "base"
	if d.name != "root" {
		base = d.name + "-base"
	}
	if d.base != nil {
		protocol(base+"-file", d.base, true)
		layer := object{"driver": d.baseFormat, "node-name": base, "file": base + "-file", "read-only": true}
		if d.baseFormat == "qcow2" {
			layer["backing"] = nil
		}
		b.json("-blockdev", layer)
	}
	protocol(d.name+"-file", d.file, d.readOnly)
	layer := object{"driver": "qcow2", "node-name": d.name, "file": d.name + "-file", "discard": "unmap", "backing": nil}
	if d.base != nil {
		layer["backing"] = base
	}
	if d.readOnly {
		layer["read-only"] = true
	}
	if d.config {
		layer = object{"driver": "raw", "node-name": d.name, "file": d.name + "-file", "read-only": true}
	}
	b.json("-blockdev", layer)
}

// disk adds one disk at the next place on its bus.
func (b *commandBuilder) disk(d diskBackend) {
	b.backend(d)
	if b.disks == nil {
		b.disks = map[string]int{}
	}
	place := b.disks[d.bus]
	b.disks[d.bus]++
	device := object{"id": "disk-" + d.name, "drive": d.name}
	if d.boot {
		device["bootindex"] = 1
	}
	kind := "hd"
	if d.readOnly {
		kind = "cd"
	}
	switch d.bus {
	case "virtio":
		b.device("virtio-blk-pci", device)
	case "scsi":
		if place == 0 {
			b.device("virtio-scsi-pci", object{"id": "scsi0"})
		}
		device["bus"], device["scsi-id"], device["lun"] = "scsi0.0", place, 0
		b.device("scsi-"+kind, device)
	case "ide":
		device["bus"], device["unit"] = fmt.Sprintf("ide.%d", place/2), place%2
		b.device("ide-"+kind, device)
	case "sata":
		if place == 0 {
			b.device("ich9-ahci", object{"id": "ahci0"})
		}
		device["bus"] = fmt.Sprintf("ahci0.%d", place)
		b.device("ide-"+kind, device)
	case "usb":
		if place == 0 {
			b.device("qemu-xhci", object{"id": "usb0"})
		}
		device["bus"] = "usb0.0"
		b.device("usb-storage", device)
	}
}

var vifDrivers = map[string]string{"virtio": "virtio-net-pci", "e1000": "e1000", "e1000e": "e1000e", "rtl8139": "rtl8139"}

// nic adds one interface; tap is nil when it has no cable.
func (b *commandBuilder) nic(place int, n hypervisor.NIC, tap *os.File) {
	if tap != nil {
		b.add("-netdev", fmt.Sprintf("tap,id=host-%s,fd=%d,vhost=off", nicID(place), b.inherit(tap)))
	}
	b.device(vifDrivers[n.Model], nicDevice(place, n, tap != nil))
}

// nicID is the id of the interface at a place.
func nicID(place int) string { return fmt.Sprintf("net%d", place) }

// nicDevice is the interface itself.
func nicDevice(place int, n hypervisor.NIC, cable bool) object {
	// No boot ROM: nothing boots from the network, and reading it takes time.
	device := object{"id": nicID(place), "mac": n.MAC, "romfile": ""}
	if cable {
		device["netdev"] = "host-" + nicID(place)
	}
	if n.Model == "virtio" && n.MTU > 0 {
		device["host_mtu"] = n.MTU
	}
	return device
}
