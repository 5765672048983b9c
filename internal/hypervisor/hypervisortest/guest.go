package hypervisortest

import (
	_ "embed"
	"slices"
)

//go:generate sh -c "as --32 -o guest.o testdata/guest.s && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.bin guest.o && rm guest.o && chmod 644 guest.bin"

//go:embed guest.bin
var sector []byte

// Sector is a boot sector of 512 bytes, testdata/guest.s: it says
// "ready" over the first serial port, shuts down when the power button is
// pressed, and obeys single letters that come in over the serial port.
func Sector() []byte { return slices.Clone(sector) }

// What the guest obeys.
const (
	GuestPowerOff = "o"
	GuestReset    = "r"
	GuestDeafen   = "d" // it says "deaf" when it no longer listens to the power button
	GuestFlood    = "f" // it says 64 KiB of lines
	GuestWrite    = "w" // it writes to its disk's second sector, and says "written"
	GuestProbe    = "p" // it says "kept" if it finds there what it wrote, else "blank"
)
