package metadata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// The part of ECMA-119 (ISO 9660), with Rock Ridge (RRIP 1991A over SUSP) and
// Joliet, that a config drive needs: one extent per file, everything
// readable by all, written once. Linux reads the Rock Ridge names, Windows
// the Joliet ones; "2012-08-10" is no name in plain ISO 9660.

const (
	sector      = 2048
	systemArea  = 16 // sectors before the first descriptor
	flagFolder  = 2
	pxLength    = 36
	maxRecord   = 254
	modeFolder  = 0o040555
	modeFile    = 0o100444
	volumeBlock = 1 // volume sequence number and set size
)

// isoNode is a file or a folder.
type isoNode struct {
	name     string // as the guest shall see it
	short    string // its identifier in the primary tree, without ";1"
	parent   *isoNode
	children []*isoNode // nil in a file
	content  []byte
	at       uint32    // first sector of a file
	dir      [2]extent // of a folder, in the primary and in the Joliet tree
	number   [2]int    // of a folder, in the path table
}

type extent struct{ at, size uint32 } // sector, bytes

// The two trees over the same files.
const (
	primary = 0
	joliet  = 1
)

func (n *isoNode) folder() bool { return n.children != nil }

// writeISO returns the image with files, by their slash-separated paths.
func writeISO(label string, files map[string][]byte, now time.Time) ([]byte, error) {
	root := &isoNode{children: []*isoNode{}}
	root.parent = root
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := root.add(name, files[name]); err != nil {
			return nil, err
		}
	}
	root.shorten()
	w := &isoWriter{label: label, root: root, now: now}
	return w.write()
}

// add puts a file below the root, making the folders on the way.
func (n *isoNode) add(name string, content []byte) error {
	if name != path.Clean(name) || name == "." || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") {
		return fmt.Errorf("%q is no path on a config drive", name)
	}
	at := n
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if len(part) > 64 {
			return fmt.Errorf("%q is too long a name for a config drive", part)
		}
		found := slices.IndexFunc(at.children, func(c *isoNode) bool { return c.name == part })
		last := i == len(parts)-1
		switch {
		case found < 0:
			child := &isoNode{name: part, parent: at}
			if last {
				child.content = content
			} else {
				child.children = []*isoNode{}
			}
			at.children = append(at.children, child)
			at = child
		case last || !at.children[found].folder():
			return fmt.Errorf("%q is both a file and a folder", name)
		default:
			at = at.children[found]
		}
	}
	return nil
}

// shorten gives everything below n an identifier that the standard's level 1
// allows, unique in its folder, and sorts by it.
func (n *isoNode) shorten() {
	taken := map[string]bool{}
	for i, c := range n.children {
		base, extension, _ := strings.Cut(c.name, ".")
		base, extension = plainChars(base, 8), plainChars(extension, 3)
		if c.folder() {
			base, extension = plainChars(c.name, 8), ""
		}
		short := joinShort(base, extension, c.folder())
		if taken[short] {
			number := fmt.Sprintf("%d", i)
			short = joinShort(base[:min(len(base), 8-len(number))]+number, extension, c.folder())
		}
		taken[short] = true
		c.short = short
		c.shorten()
	}
	slices.SortFunc(n.children, func(a, b *isoNode) int { return strings.Compare(a.short, b.short) })
}

func joinShort(base, extension string, folder bool) string {
	if folder {
		return base
	}
	return base + "." + extension
}

func plainChars(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(s))
	return s[:min(len(s), most)]
}

// isoWriter lays an image out and writes it.
type isoWriter struct {
	label   string
	root    *isoNode
	now     time.Time
	folders [2][]*isoNode // in the order of the path tables
	tables  [2][2]extent  // of the path tables, by tree and byte order
	end     uint32        // sectors in all
}

func (w *isoWriter) write() ([]byte, error) {
	w.end = systemArea + 3
	for tree := range 2 {
		w.number(tree)
		size := len(w.pathTable(tree, binary.LittleEndian))
		for order := range 2 {
			w.tables[tree][order] = w.take(size)
		}
	}
	for tree := range 2 {
		for _, f := range w.folders[tree] {
			f.dir[tree] = w.take(w.folderSize(f, tree))
		}
	}
	w.each(w.root, func(n *isoNode) { n.at = w.take(len(n.content)).at })

	image := make([]byte, int(w.end)*sector)
	put := func(at uint32, b []byte) { copy(image[int(at)*sector:], b) }
	put(systemArea, w.descriptor(primary))
	put(systemArea+1, w.descriptor(joliet))
	put(systemArea+2, []byte("\xffCD001\x01"))
	for tree := range 2 {
		put(w.tables[tree][0].at, w.pathTable(tree, binary.LittleEndian))
		put(w.tables[tree][1].at, w.pathTable(tree, binary.BigEndian))
		for _, f := range w.folders[tree] {
			b, err := w.folderBytes(f, tree)
			if err != nil {
				return nil, err
			}
			put(f.dir[tree].at, b)
		}
	}
	w.each(w.root, func(n *isoNode) { put(n.at, n.content) })
	return image, nil
}

// take reserves sectors for size bytes.
func (w *isoWriter) take(size int) extent {
	e := extent{w.end, uint32(size)}
	w.end += uint32((size + sector - 1) / sector)
	return e
}

// each calls f for every file below n.
func (w *isoWriter) each(n *isoNode, f func(*isoNode)) {
	for _, c := range n.children {
		if c.folder() {
			w.each(c, f)
		} else {
			f(c)
		}
	}
}

// number puts the folders of a tree in the order of its path table: level by
// level, in each by the parent's number and then by identifier.
func (w *isoWriter) number(tree int) {
	level := []*isoNode{w.root}
	for len(level) > 0 {
		var next []*isoNode
		for _, f := range level {
			w.folders[tree] = append(w.folders[tree], f)
			f.number[tree] = len(w.folders[tree])
			for _, c := range sorted(f, tree) {
				if c.folder() {
					next = append(next, c)
				}
			}
		}
		level = next
	}
}

func sorted(f *isoNode, tree int) []*isoNode {
	children := slices.Clone(f.children)
	slices.SortFunc(children, func(a, b *isoNode) int { return bytes.Compare(identifier(a, tree), identifier(b, tree)) })
	return children
}

// identifier is a node's name in a tree.
func identifier(n *isoNode, tree int) []byte {
	name := n.short
	if tree == joliet {
		name = n.name
	}
	if !n.folder() {
		name += ";1"
	}
	if tree == joliet {
		return ucs2(name)
	}
	return []byte(name)
}

func ucs2(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}

func (w *isoWriter) pathTable(tree int, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, f := range w.folders[tree] {
		name := identifier(f, tree)
		if f == w.root {
			name = []byte{0}
		}
		b = append(b, byte(len(name)), 0)
		b = order.AppendUint32(b, f.dir[tree].at)
		b = order.AppendUint16(b, uint16(f.parent.number[tree]))
		b = append(b, name...)
		if len(name)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

// folderSize is the size of a folder's extent: whole sectors.
func (w *isoWriter) folderSize(f *isoNode, tree int) int {
	used := 0
	for _, r := range w.records(f, tree) {
		if used%sector+len(r) > sector {
			used += sector - used%sector // a record never crosses sectors
		}
		used += len(r)
	}
	return (used + sector - 1) / sector * sector
}

func (w *isoWriter) folderBytes(f *isoNode, tree int) ([]byte, error) {
	b := make([]byte, 0, f.dir[tree].size)
	for _, r := range w.records(f, tree) {
		if len(r) > maxRecord {
			return nil, fmt.Errorf("a name in %q is too long for a config drive", f.name)
		}
		if len(b)%sector+len(r) > sector {
			b = append(b, make([]byte, sector-len(b)%sector)...)
		}
		b = append(b, r...)
	}
	return b, nil
}

// records are the directory records of a folder: itself, its parent, and
// what is in it.
func (w *isoWriter) records(f *isoNode, tree int) [][]byte {
	self, parent := posix(modeFolder, 2), posix(modeFolder, 2)
	if f == w.root {
		self = append(append([]byte("SP\x07\x01\xbe\xef\x00"), self...), rockRidge()...)
	}
	out := [][]byte{
		w.record([]byte{0}, f.dir[tree], true, tree, self),
		w.record([]byte{1}, f.parent.dir[tree], true, tree, parent),
	}
	for _, c := range sorted(f, tree) {
		where, mode, links := extent{c.at, uint32(len(c.content))}, uint32(modeFile), uint32(1)
		if c.folder() {
			where, mode, links = c.dir[tree], modeFolder, 2
		}
		name := append([]byte{'N', 'M', byte(5 + len(c.name)), 1, 0}, c.name...)
		out = append(out, w.record(identifier(c, tree), where, c.folder(), tree, append(posix(mode, links), name...)))
	}
	return out
}

// record is one directory record; only the primary tree has Rock Ridge.
func (w *isoWriter) record(name []byte, where extent, folder bool, tree int, system []byte) []byte {
	b := []byte{0, 0}
	b = both32(b, where.at)
	b = both32(b, where.size)
	_, offset := w.now.Zone()
	b = append(b, byte(w.now.Year()-1900), byte(w.now.Month()), byte(w.now.Day()), byte(w.now.Hour()), byte(w.now.Minute()), byte(w.now.Second()), byte(offset/900))
	flags := byte(0)
	if folder {
		flags = flagFolder
	}
	b = append(b, flags, 0, 0)
	b = both16(b, volumeBlock)
	b = append(b, byte(len(name)))
	b = append(b, name...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	if tree == primary {
		b = append(b, system...)
		if len(b)%2 == 1 {
			b = append(b, 0)
		}
	}
	b[0] = byte(len(b))
	return b
}

// posix is Rock Ridge's PX entry: mode, links, user and group.
func posix(mode, links uint32) []byte {
	b := []byte{'P', 'X', pxLength, 1}
	for _, v := range []uint32{mode, links, 0, 0} {
		b = both32(b, v)
	}
	return b
}

// rockRidge is SUSP's ER entry that says that Rock Ridge is used.
func rockRidge() []byte {
	id, description, source := "RRIP_1991A", "POSIX FILE SYSTEM SEMANTICS", "IEEE P1282"
	b := []byte{'E', 'R', byte(8 + len(id) + len(description) + len(source)), 1, byte(len(id)), byte(len(description)), byte(len(source)), 1}
	return append(b, id+description+source...)
}

// descriptor is a volume descriptor, ECMA-119 8.4 and 8.5.
func (w *isoWriter) descriptor(tree int) []byte {
	text := func(s string, length int) []byte {
		if tree == joliet {
			b := ucs2(s)
			for len(b)+1 < length {
				b = append(b, 0, ' ')
			}
			return append(b, make([]byte, length-len(b))...)
		}
		return []byte(fmt.Sprintf("%-*s", length, s))
	}
	b := []byte{1, 'C', 'D', '0', '0', '1', 1, 0}
	if tree == joliet {
		b[0] = 2
	}
	b = append(b, text("LINUX", 32)...)
	b = append(b, text(w.label, 32)...)
	b = append(b, make([]byte, 8)...)
	b = both32(b, w.end)
	escapes := make([]byte, 32)
	if tree == joliet {
		copy(escapes, "%/E") // UCS-2 level 3
	}
	b = append(b, escapes...)
	b = both16(b, volumeBlock)
	b = both16(b, volumeBlock)
	b = both16(b, sector)
	b = both32(b, w.tables[tree][0].size)
	b = binary.LittleEndian.AppendUint32(b, w.tables[tree][0].at)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, w.tables[tree][1].at)
	b = append(b, 0, 0, 0, 0)
	b = append(b, w.record([]byte{0}, w.root.dir[tree], true, joliet, nil)...) // 34 bytes, without system use
	b = append(b, text("", 128)...)                                            // volume set
	b = append(b, text("", 128)...)                                            // publisher
	b = append(b, text("", 128)...)                                            // preparer
	b = append(b, text("WISP", 128)...)                                        // application
	for range 3 {
		b = append(b, text("", 37)...) // copyright, abstract, bibliography
	}
	stamp := append([]byte(w.now.Format("20060102150405")+"00"), 0)
	never := append([]byte(strings.Repeat("0", 16)), 0)
	b = append(b, stamp...) // created
	b = append(b, stamp...) // modified
	b = append(b, never...) // expires
	b = append(b, never...) // effective
	return append(b, 1, 0)
}

func both16(b []byte, v uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, v), v)
}

func both32(b []byte, v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, v), v)
}
