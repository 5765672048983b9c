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
	if f.DiskBus == "ide" && f.MachineType != "pc" {
		return spec, errs.New(errs.Invalid, "The machine cannot be made: hw_disk_bus ide needs hw_machine_type pc.")
	}
	disks := len(disksOf(spec))
	if f.DiskBus == "ide" && disks > maxIDEDisks || f.DiskBus == "sata" && disks > maxSATADisks {
		return spec, errs.New(errs.Invalid, "The machine cannot be made: hw_disk_bus %s takes fewer than %d disks.", f.DiskBus, disks)
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
