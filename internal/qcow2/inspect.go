package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// How much of an image is looked at.
const (
	// headSize holds every signature (the last one, ISO 9660's, is at 32 KiB).
	headSize = 64 << 10
	// longHeadSize holds the tables and descriptors of the formats that have
	// some further back: VMDK's descriptor, VHDX's region tables, the header
	// of a qcow2 image with the largest clusters.
	longHeadSize = 1 << 20
	// tailSize holds the footers (VHD's, DMG's: 512 bytes; VMDK's: 1,536).
	tailSize = 2 << 10
	// windowSize is VHDX's metadata table with its items.
	windowSize = 128 << 10
)

// evidence is the parts of an image that judging needs.
type evidence struct {
	head   []byte
	tail   []byte // the last bytes; nil when the end was not seen
	window []byte // what lies where VHDX's region table points to
	size   int64
}

// Inspect tells what the size bytes of r are. The error is that of reading;
// what is wrong with the image is in Info.Problems.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	read := func(at, length int64) ([]byte, error) {
		length = min(length, size-at)
		if length <= 0 {
			return nil, nil
		}
		b := make([]byte, length)
		n, err := r.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the image: %w", err)
		}
		return b[:n], nil
	}
	e := evidence{size: size}
	var err error
	if e.head, err = read(0, headSize); err != nil {
		return Info{}, err
	}
	if wantsLongHead(e.head) {
		if e.head, err = read(0, longHeadSize); err != nil {
			return Info{}, err
		}
	}
	if at := vhdxMetadataOffset(e.head); at > 0 {
		if e.window, err = read(at, windowSize); err != nil {
			return Info{}, err
		}
	}
	if e.tail, err = read(max(0, size-tailSize), tailSize); err != nil {
		return Info{}, err
	}
	return e.judge(), nil
}

// Inspector looks at an image while it passes by in a stream: write all of it,
// then ask for Info. It holds at most about 1.2 MiB. The zero value is ready.
type Inspector struct {
	e       evidence
	settled bool // how much of the head is wanted has been decided
	limit   int
	window  int64 // where VHDX's metadata begin; 0 when there are none
	ring    []byte
}

// Write looks at the next bytes. It never fails.
func (i *Inspector) Write(p []byte) (int, error) {
	total := len(p)
	if i.limit == 0 {
		i.limit = headSize
	}
	i.keepTail(p)
	for len(p) > 0 {
		n := len(p)
		if room := i.limit - len(i.e.head); room > 0 {
			n = min(n, room)
			i.e.head = append(i.e.head, p[:n]...)
			if len(i.e.head) == i.limit {
				i.grow()
			}
		} else if i.window > 0 {
			i.keepWindow(p)
		}
		i.e.size += int64(n)
		p = p[n:]
	}
	return total, nil
}

// grow decides, with the head full, whether more of it is wanted.
func (i *Inspector) grow() {
	if !i.settled {
		i.settled = true
		if wantsLongHead(i.e.head) {
			i.limit = longHeadSize
			return
		}
	}
	// The specification keeps the metadata behind the first MiB.
	if at := vhdxMetadataOffset(i.e.head); at >= longHeadSize {
		i.window = at
	}
}

// keepWindow takes what of p lies in the window; p begins at i.e.size.
func (i *Inspector) keepWindow(p []byte) {
	from := i.window + int64(len(i.e.window)) - i.e.size
	room := windowSize - len(i.e.window)
	if from < 0 || from >= int64(len(p)) || room <= 0 {
		return
	}
	p = p[from:]
	i.e.window = append(i.e.window, p[:min(len(p), room)]...)
}

func (i *Inspector) keepTail(p []byte) {
	if len(p) >= tailSize {
		i.ring = append(i.ring[:0], p[len(p)-tailSize:]...)
		return
	}
	if over := len(i.ring) + len(p) - tailSize; over > 0 {
		i.ring = i.ring[:copy(i.ring, i.ring[over:])]
	}
	i.ring = append(i.ring, p...)
}

// Early tells whether what has passed so far already forbids the image, so
// that an upload can be broken off. It is only worth asking a few times.
func (i *Inspector) Early() error {
	e := i.e
	e.size, e.tail = -1, nil
	if len(e.head) < headSize {
		return nil
	}
	if wantsLongHead(e.head) && len(e.head) < longHeadSize || vhdxMetadataOffset(e.head) > 0 && len(e.window) < windowSize {
		return nil
	}
	return e.judge().Check("")
}

// Info tells what the bytes were, once all of them have passed.
func (i *Inspector) Info() Info {
	e := i.e
	e.tail = i.ring
	return e.judge()
}

// Size is the number of bytes that have passed.
func (i *Inspector) Size() int64 { return i.e.size }

func wantsLongHead(head []byte) bool {
	return bytes.HasPrefix(head, []byte("KDMV")) || bytes.HasPrefix(head, []byte("vhdxfile")) || bytes.HasPrefix(head, []byte("QFI\xfb"))
}

// judge decides by signature, in an order in which no format can hide behind
// another: those that a program would open by their first bytes come first.
func (e evidence) judge() Info {
	head := e.head
	has := func(at int, signature string) bool {
		return len(head) >= at+len(signature) && string(head[at:at+len(signature)]) == signature
	}
	switch {
	case has(0, "QFI\xfb"):
		return inspectQCOW2(head, e.size)
	case has(0, "KDMV"):
		return e.inspectVMDK()
	case has(0, "COWD"):
		return Info{Format: VMDK, Subformat: "vmfsSparse", Problems: []string{"is of a subformat that is not allowed (only monolithicSparse and streamOptimized are)"}}
	case isVMDKDescriptor(head):
		return inspectVMDKText(head)
	case has(0, "vhdxfile"):
		return e.inspectVHDX()
	case has(0, "conectix"):
		return inspectVHD(head)
	case has(64, "\x7f\x10\xda\xbe"):
		return inspectVDI(head)
	case has(0, "QED\x00"):
		return inspectQED(head)
	case has(0, "LUKS\xba\xbe"):
		return Info{Format: LUKS}
	case has(0, "WithoutFreeSpace"), has(0, "WithouFreSpacExt"):
		return Info{Format: Parallels}
	case has(0, "Bochs Virtual HD Image"):
		return Info{Format: Bochs}
	case has(0, "#!/bin/sh\n#V2.0 Format\n"):
		return Info{Format: CLoop}
	}
	if n := len(e.tail); n >= 512 {
		switch footer := e.tail[n-512:]; {
		case bytes.HasPrefix(footer, []byte("koly")):
			return Info{Format: DMG}
		case bytes.HasPrefix(footer, []byte("conectix")):
			return inspectVHD(footer)
		}
	}
	info := Info{Format: Raw, VirtualSize: max(0, e.size)}
	switch {
	case has(0x8001, "CD001"), has(0x8001, "BEA01"):
		info.Format = ISO
	case has(512, "EFI PART"), has(4096, "EFI PART"):
		info.Subformat = "gpt"
	case hasPartitions(head):
		info.Subformat = "mbr"
	}
	return info
}

// hasPartitions tells a master boot record from other boot sectors: it has
// at least one entry, and each is marked as bootable or not.
func hasPartitions(head []byte) bool {
	if len(head) < 512 || head[510] != 0x55 || head[511] != 0xaa {
		return false
	}
	used := false
	for at := 446; at < 510; at += 16 {
		if head[at] != 0 && head[at] != 0x80 {
			return false
		}
		used = used || head[at+4] != 0 && binary.LittleEndian.Uint32(head[at+12:]) != 0
	}
	return used
}
