package qemu

import (
	"slices"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
)

// What an image's properties may ask for; the first of each is the default.
var (
	diskBuses    = []string{"virtio", "scsi", "ide", "sata"}
	vifModels    = []string{"virtio", "e1000", "e1000e", "rtl8139"}
	videoModels  = []string{"vga", "virtio", "cirrus", "none"}
	machineTypes = []string{"pc", "q35"}
	firmwares    = []string{"bios"}
	rescueBuses  = []string{"virtio", "scsi", "ide", "sata", "usb"}
)

// maxIDEDisks is what the two channels of a PC take; SATA has six ports.
const (
	maxIDEDisks  = 4
	maxSATADisks = 6
)

// resolve fills in the defaults, and refuses what is not offered.
func resolve(spec hypervisor.Spec) (hypervisor.Spec, error) {
	f := &spec.Features
	for _, choice := range []struct {
		property string
		value    *string
		offered  []string
	}{
		{"hw_disk_bus", &f.DiskBus, diskBuses},
		{"hw_vif_model", &f.VIFModel, vifModels},
		{"hw_video_model", &f.VideoModel, videoModels},
		{"hw_machine_type", &f.MachineType, machineTypes},
		{"hw_firmware_type", &f.Firmware, firmwares},
	} {
		if err := choose(choice.property, choice.value, choice.offered, choice.offered[0]); err != nil {
			return spec, err
		}
	}
	spec.NICs = slices.Clone(spec.NICs)
	for i := range spec.NICs {
		if err := choose("hw_vif_model", &spec.NICs[i].Model, vifModels, f.VIFModel); err != nil {
			return spec, err
		}
	}
	if spec.Rescue != nil {
		rescue := *spec.Rescue
		if err := choose("hw_rescue_bus", &rescue.Bus, rescueBuses, f.DiskBus); err != nil {
			return spec, err
		}
		if rescue.CDROM && rescue.Bus == "virtio" {
			return spec, errs.New(errs.Invalid, "The machine cannot be made: hw_rescue_bus virtio has no CD-ROMs.")
		}
		spec.Rescue = &rescue
	}
	disks := map[string]int{}
	for _, d := range disksOf(spec) {
		disks[d.bus]++
	}
	if disks["ide"] > 0 && f.MachineType != "pc" {
		return spec, errs.New(errs.Invalid, "The machine cannot be made: hw_disk_bus ide needs hw_machine_type pc.")
	}
	for bus, most := range map[string]int{"ide": maxIDEDisks, "sata": maxSATADisks} {
		if disks[bus] > most {
			return spec, errs.New(errs.Invalid, "The machine cannot be made: hw_disk_bus %s takes fewer than %d disks.", bus, disks[bus])
		}
	}
	if spec.Kernel != "" && spec.CommandLine == "" {
		spec.CommandLine = "root=/dev/vda console=tty0 console=ttyS0"
	}
	return spec, nil
}

func choose(property string, value *string, offered []string, otherwise string) error {
	if *value == "" {
		*value = otherwise
	}
	if !slices.Contains(offered, *value) {
		return errs.New(errs.Invalid, "The machine cannot be made: %s %q is not offered; choose one of %v.", property, *value, offered)
	}
	return nil
}
