package qcow2

import (
	"fmt"
	"strings"

	"wisp/internal/errs"
)

// Format is the form of an image's bytes, by the names that Glance uses for
// disk formats where it has one.
type Format string

// The formats that are told apart. Everything else is Raw: bytes that a guest
// sees as they are.
const (
	Raw       Format = "raw"
	QCOW2     Format = "qcow2"
	QCOW      Format = "qcow" // version 1
	VMDK      Format = "vmdk"
	VDI       Format = "vdi"
	VHD       Format = "vhd"
	VHDX      Format = "vhdx"
	ISO       Format = "iso"
	QED       Format = "qed"
	LUKS      Format = "luks"
	Parallels Format = "ploop"
	Bochs     Format = "bochs"
	CLoop     Format = "cloop"
	DMG       Format = "dmg"
)

// Info is what an image really is.
type Info struct {
	Format      Format
	Subformat   string // of VMDK: "monolithicSparse"; of VHD: "fixed"; of Raw: "gpt", "mbr"; else empty
	VirtualSize int64  // bytes that a guest sees; 0 when the format does not say so in the parts that were read
	QCOW2       *Header

	// Problems forbid to use the image at all. Each is a phrase for a person.
	Problems []string
}

// Check returns why an image must not be used, as an error of kind Invalid:
// it has problems, or is not what it was declared to be ("raw", "qcow2", …,
// Glance's disk_format). An empty declaration is not compared.
func (i Info) Check(declared string) error {
	if len(i.Problems) > 0 {
		return errs.New(errs.Invalid, "The image cannot be accepted: it is a %s file and %s.", i.Format, strings.Join(i.Problems, "; it "))
	}
	if declared != "" && !i.Matches(declared) {
		return errs.New(errs.Invalid, "The image cannot be accepted: it was declared as %s, but its content is %s.", declared, i.Format)
	}
	return nil
}

// Matches tells whether content of this format may carry the declared
// disk_format. Kernels and ramdisks (aki, ari), machine images (ami) and ISO
// files are raw bytes too: no program interprets them before a guest does.
func (i Info) Matches(declared string) bool {
	switch declared {
	case "raw":
		return i.Format == Raw || i.Format == ISO
	case "ami", "ari", "aki":
		return i.Format == Raw
	case "vpc":
		return i.Format == VHD
	}
	return string(i.Format) == declared
}

func (i *Info) problem(format string, args ...any) {
	i.Problems = append(i.Problems, fmt.Sprintf(format, args...))
}
