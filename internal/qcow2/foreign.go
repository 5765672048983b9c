package qcow2

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// What of the formats of other products can be told from their heads. None of
// them is ever opened by QEMU here: the checks keep images out that another
// program, which a user hands a download to, would read foreign files for.

const sector = 512

var le = binary.LittleEndian

// inspectVMDK judges a hosted sparse extent (magic "KDMV").
func (e evidence) inspectVMDK() Info {
	info := Info{Format: VMDK}
	head := e.head
	if len(head) < sector {
		info.problem("is cut off")
		return info
	}
	capacity, at, length := le.Uint64(head[12:]), le.Uint64(head[28:]), le.Uint64(head[36:])
	if capacity < maxVirtualSize/sector {
		info.VirtualSize = int64(capacity) * sector
	}
	// With a capacity of zero, programs take the extents from the descriptor,
	// and these name files.
	if capacity == 0 || capacity >= maxVirtualSize/sector {
		info.problem("claims to hold %d sectors", capacity)
	}
	if at == 0 || length == 0 || at > longHeadSize/sector || length > longHeadSize/sector || (at+length)*sector > uint64(len(head)) {
		info.problem("has no description inside of it")
		return info
	}
	described(&info, head[at*sector:(at+length)*sector])
	// The grain directory's offset of all ones says that a second header, at
	// the end of the file, counts instead of this one.
	if gd := le.Uint64(head[56:]); gd == ^uint64(0) && e.tail != nil {
		if n := len(e.tail); n < 1536 || !bytes.HasPrefix(e.tail[n-1024:], []byte("KDMV")) {
			info.problem("is cut off: its footer is missing")
		} else if footer := e.tail[n-1024:]; !bytes.Equal(footer[12:44], head[12:44]) {
			info.problem("has a footer that contradicts its header")
		}
	}
	return info
}

// described reads a VMDK descriptor: the subformat, and files it names.
func described(info *Info, text []byte) {
	text, _, _ = bytes.Cut(text, []byte{0})
	extents := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, "=")
		switch {
		case strings.EqualFold(strings.TrimSpace(key), "createType"):
			subformat := strings.Trim(strings.TrimSpace(value), `"`)
			if info.Subformat != "" && info.Subformat != subformat {
				info.problem("names two subformats")
			}
			info.Subformat = subformat
		case strings.EqualFold(strings.TrimSpace(key), "parentFileNameHint"):
			info.problem("depends on another file (%s)", printable(value))
		case strings.HasPrefix(line, "RW "), strings.HasPrefix(line, "RDONLY "), strings.HasPrefix(line, "NOACCESS "):
			extents++
			if fields := strings.Fields(line); len(fields) < 3 || fields[2] != "SPARSE" {
				info.problem("has an extent in another file (%s)", printable(line))
			}
		}
	}
	if extents > 1 {
		info.problem("is one of several files")
	}
	if info.Subformat != "monolithicSparse" && info.Subformat != "streamOptimized" {
		info.problem("is of a subformat that is not allowed (%s; only monolithicSparse and streamOptimized are)", printable(info.Subformat))
	}
}

// isVMDKDescriptor finds a descriptor on its own: comments, then its version.
func isVMDKDescriptor(head []byte) bool {
	if bytes.HasPrefix(head, []byte("# Disk DescriptorFile")) {
		return true
	}
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		head = rest
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		return bytes.HasPrefix(line, []byte("version=")) && len(line) == len("version=1")
	}
	return false
}

func inspectVMDKText(head []byte) Info {
	info := Info{Format: VMDK}
	described(&info, head)
	info.problem("is only a description of other files")
	return info
}

// inspectVHD judges a VHD by its footer, or the copy of it at the beginning.
func inspectVHD(footer []byte) Info {
	info := Info{Format: VHD}
	if len(footer) < sector {
		info.problem("is cut off")
		return info
	}
	info.VirtualSize = clampSize(binary.BigEndian.Uint64(footer[48:]))
	switch kind := binary.BigEndian.Uint32(footer[60:]); kind {
	case 2:
		info.Subformat = "fixed"
	case 3:
		info.Subformat = "dynamic"
	case 4:
		info.Subformat = "differencing"
		info.problem("depends on another file")
	default:
		info.problem("is of the unknown disk type %d", kind)
	}
	return info
}

func inspectVDI(head []byte) Info {
	info := Info{Format: VDI}
	if len(head) < sector {
		info.problem("is cut off")
		return info
	}
	info.VirtualSize = clampSize(le.Uint64(head[0x170:]))
	switch kind := le.Uint32(head[0x4c:]); kind {
	case 1:
		info.Subformat = "dynamic"
	case 2:
		info.Subformat = "static"
	default:
		info.problem("is of the image type %d: part of several files, or unknown", kind)
	}
	return info
}

func inspectQED(head []byte) Info {
	info := Info{Format: QED}
	if len(head) < 64 {
		info.problem("is cut off")
		return info
	}
	info.VirtualSize = clampSize(le.Uint64(head[48:]))
	if le.Uint64(head[16:])&1 != 0 {
		info.problem("depends on a backing file")
	}
	return info
}

// Identifiers of [MS-VHDX], as their bytes are in a file.
var (
	vhdxMetadataRegion = guid("8b7ca206-4790-4b9a-b8fe-575f050f886e")
	vhdxFileParameters = guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
	vhdxVirtualSize    = guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
	vhdxParentLocator  = guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
)

// guid turns the text of a GUID into its bytes: the first three parts are
// little endian.
func guid(text string) []byte {
	var b []byte
	for i, part := range strings.Split(text, "-") {
		var raw []byte
		for at := 0; at < len(part); at += 2 {
			raw = append(raw, nibble(part[at])<<4|nibble(part[at+1]))
		}
		if i < 3 {
			for l, r := 0, len(raw)-1; l < r; l, r = l+1, r-1 {
				raw[l], raw[r] = raw[r], raw[l]
			}
		}
		b = append(b, raw...)
	}
	return b
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// vhdxMetadataOffset finds where a VHDX image keeps its metadata; 0 when the
// head is none of VHDX, or says nothing useful.
func vhdxMetadataOffset(head []byte) int64 {
	const table, entry, most = 192 << 10, 32, 2047
	if !bytes.HasPrefix(head, []byte("vhdxfile")) || len(head) < table+16 || string(head[table:table+4]) != "regi" {
		return 0
	}
	count := min(le.Uint32(head[table+8:]), most)
	for i := range int(count) {
		at := table + 16 + i*entry
		if at+entry > len(head) {
			return 0
		}
		if bytes.Equal(head[at:at+16], vhdxMetadataRegion) {
			if offset := le.Uint64(head[at+16:]); offset >= longHeadSize && offset < maxVirtualSize {
				return int64(offset)
			}
		}
	}
	return 0
}

func (e evidence) inspectVHDX() Info {
	info := Info{Format: VHDX}
	w := e.window
	if len(w) < 32 || string(w[:8]) != "metadata" {
		info.problem("is damaged: its metadata cannot be found")
		return info
	}
	item := func(id []byte, need int) []byte {
		for i := range int(min(le.Uint16(w[10:]), 2047)) {
			at := 32 + i*32
			if at+32 > len(w) {
				return nil
			}
			if bytes.Equal(w[at:at+16], id) {
				offset := uint64(le.Uint32(w[at+16:]))
				if offset+uint64(need) > uint64(len(w)) {
					return nil
				}
				return w[offset : offset+uint64(need)]
			}
		}
		return nil
	}
	if size := item(vhdxVirtualSize, 8); size != nil {
		info.VirtualSize = clampSize(le.Uint64(size))
	} else {
		info.problem("is damaged: its size cannot be found")
	}
	if item(vhdxParentLocator, 0) != nil {
		info.problem("depends on another file")
	} else if parameters := item(vhdxFileParameters, 8); parameters == nil {
		info.problem("is damaged: its parameters cannot be found")
	} else if le.Uint32(parameters[4:])&2 != 0 {
		info.problem("depends on another file")
	}
	return info
}
