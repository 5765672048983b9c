package qcow2

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Bits of Header.Incompatible that are known.
const (
	bitDirty        = 1 << 0
	bitCorrupt      = 1 << 1
	bitExternalData = 1 << 2
	bitCompression  = 1 << 3
	bitExtendedL2   = 1 << 4
	bitsKnown       = bitDirty | bitCorrupt | bitExternalData | bitCompression | bitExtendedL2
)

// The types of header extensions that are looked at.
const (
	extensionEnd           = 0
	extensionBackingFormat = 0xe2792aca
	extensionDataFile      = 0x44415441
	extensionEncryption    = 0x0537be77
)

const (
	magicQCOW       = 0x514649fb
	headerV2        = 72
	headerV3        = 104
	minClusterBits  = 9
	maxClusterBits  = 21
	maxL1Bytes      = 32 << 20 // what QEMU takes
	maxRefcountTab  = 8 << 20
	maxNameLength   = 1023
	maxVirtualSize  = 1 << 60
	defaultClusters = 16 // 64 KiB
)

// Header is the header of a qcow2 image, versions 2 and 3.
type Header struct {
	Version       uint32
	ClusterBits   uint32
	VirtualSize   uint64 // bytes
	BackingFile   string // empty: none
	BackingFormat string
	DataFile      string // external data file's name
	Encryption    uint32 // 0 none, 1 AES, 2 LUKS
	Snapshots     uint32
	Incompatible  uint64
	Compatible    uint64
	Autoclear     uint64
	RefcountOrder uint32
	Compression   uint8 // 0 deflate, 1 zstd

	l1Entries, refcountClusters uint32
	l1Offset, refcountOffset    uint64
	hasBacking                  bool
}

// parseHeader reads the header from the first bytes of an image (one cluster
// of them, or as much as there is).
func parseHeader(head []byte) (Header, error) {
	be := binary.BigEndian
	if len(head) < headerV2 || be.Uint32(head) != magicQCOW {
		return Header{}, fmt.Errorf("no qcow2 header")
	}
	h := Header{
		Version: be.Uint32(head[4:]), ClusterBits: be.Uint32(head[20:]), VirtualSize: be.Uint64(head[24:]), Encryption: be.Uint32(head[32:]),
		l1Entries: be.Uint32(head[36:]), l1Offset: be.Uint64(head[40:]), refcountOffset: be.Uint64(head[48:]),
		refcountClusters: be.Uint32(head[56:]), Snapshots: be.Uint32(head[60:]), RefcountOrder: 4,
	}
	length := uint64(headerV2)
	switch h.Version {
	case 2:
	case 3:
		if len(head) < headerV3 {
			return h, fmt.Errorf("header is cut off")
		}
		h.Incompatible, h.Compatible, h.Autoclear = be.Uint64(head[72:]), be.Uint64(head[80:]), be.Uint64(head[88:])
		h.RefcountOrder = be.Uint32(head[96:])
		length = uint64(be.Uint32(head[100:]))
		if length < headerV3 || length%8 != 0 {
			return h, fmt.Errorf("header's length %d is wrong", length)
		}
		if length > headerV3 && len(head) > headerV3 {
			h.Compression = head[headerV3]
		}
	default:
		return h, fmt.Errorf("version %d is unknown", h.Version)
	}
	if h.ClusterBits < minClusterBits || h.ClusterBits > maxClusterBits {
		return h, fmt.Errorf("cluster size of 2^%d bytes is wrong", h.ClusterBits)
	}
	if err := h.parseExtensions(head, length); err != nil {
		return h, err
	}
	offset, size := be.Uint64(head[8:]), uint64(be.Uint32(head[16:]))
	if offset != 0 {
		h.hasBacking = true
		if size > maxNameLength || offset > uint64(len(head)) || offset+size > uint64(len(head)) {
			return h, fmt.Errorf("backing file's name lies outside of the header")
		}
		h.BackingFile = string(head[offset : offset+size])
	}
	return h, nil
}

func (h *Header) parseExtensions(head []byte, at uint64) error {
	end := min(uint64(len(head)), 1<<h.ClusterBits)
	for at+8 <= end {
		kind := binary.BigEndian.Uint32(head[at:])
		size := uint64(binary.BigEndian.Uint32(head[at+4:]))
		at += 8
		if kind == extensionEnd {
			return nil
		}
		if size > end-at {
			return fmt.Errorf("header extension %#x is longer than the header", kind)
		}
		data := string(head[at : at+size])
		switch kind {
		case extensionBackingFormat:
			h.BackingFormat = data
		case extensionDataFile:
			h.DataFile = data
			if data == "" {
				h.DataFile = "(unnamed)"
			}
		case extensionEncryption:
			if h.Encryption == 0 {
				h.Encryption = 2
			}
		}
		at += (size + 7) &^ 7
	}
	return nil
}

// inspectQCOW2 judges a qcow2 image by its head. size is the file's length,
// or negative when it is not known.
func inspectQCOW2(head []byte, size int64) Info {
	info := Info{Format: QCOW2}
	if len(head) >= 8 && binary.BigEndian.Uint32(head[4:]) == 1 {
		info.Format = QCOW
		if len(head) >= 32 {
			info.VirtualSize = clampSize(binary.BigEndian.Uint64(head[24:]))
			if binary.BigEndian.Uint64(head[8:]) != 0 {
				info.problem("depends on a backing file")
			}
		}
		return info
	}
	h, err := parseHeader(head)
	if err != nil {
		info.problem("is damaged: its %s", err)
		return info
	}
	info.QCOW2 = &h
	info.VirtualSize = clampSize(h.VirtualSize)
	if h.hasBacking {
		info.problem("depends on a backing file (%s)", printable(h.BackingFile))
	}
	if h.Incompatible&bitExternalData != 0 || h.DataFile != "" {
		info.problem("keeps its data in another file (%s)", printable(h.DataFile))
	}
	if h.Encryption != 0 {
		info.problem("is encrypted")
	}
	if unknown := h.Incompatible &^ bitsKnown; unknown != 0 {
		info.problem("needs features that are not known (bits %#x)", unknown)
	}
	if h.Incompatible&bitCorrupt != 0 {
		info.problem("is marked as corrupt")
	}
	if h.Compression > 1 || h.Compression != 0 && h.Incompatible&bitCompression == 0 {
		info.problem("uses compression %d, which is not known", h.Compression)
	}
	if h.RefcountOrder > 6 {
		info.problem("is damaged: its reference counts have 2^%d bits", h.RefcountOrder)
	}
	h.checkTables(&info, size)
	return info
}

// checkTables finds sizes that cannot be: the ways to make a program allocate
// or read without end.
func (h Header) checkTables(info *Info, size int64) {
	cluster := uint64(1) << h.ClusterBits
	if h.VirtualSize > maxVirtualSize {
		info.problem("claims to hold %d bytes", h.VirtualSize)
		return
	}
	entries := cluster / 8
	if h.Incompatible&bitExtendedL2 != 0 {
		entries = cluster / 16
	}
	covers := entries * cluster
	if needed := (h.VirtualSize + covers - 1) / covers; uint64(h.l1Entries) < needed {
		info.problem("is damaged: its first-level table has %d entries and needs %d", h.l1Entries, needed)
	}
	if l1 := uint64(h.l1Entries) * 8; l1 > maxL1Bytes {
		info.problem("is damaged: its first-level table takes %d bytes", l1)
	}
	if table := uint64(h.refcountClusters) * cluster; table == 0 || table > maxRefcountTab {
		info.problem("is damaged: its reference count table takes %d bytes", table)
	}
	if h.l1Offset%cluster != 0 || h.refcountOffset%cluster != 0 || h.refcountOffset == 0 {
		info.problem("is damaged: its tables are not where they can be")
	}
	if size < 0 {
		return
	}
	if h.l1Offset > uint64(size) || h.refcountOffset >= uint64(size) || h.l1Entries > 0 && h.l1Offset+uint64(h.l1Entries)*8 > uint64(size) {
		info.problem("is cut off: its tables lie behind its end")
	}
}

// clampSize makes a foreign number one that fits int64.
func clampSize(n uint64) int64 {
	if n > maxVirtualSize {
		return maxVirtualSize
	}
	return int64(n)
}

// printable makes a foreign name fit for a message.
func printable(name string) string {
	if len(name) > 80 {
		name = name[:80] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name), "?")
}
