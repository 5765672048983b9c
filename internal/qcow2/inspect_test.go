package qcow2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"wisp/internal/errs"
	"wisp/internal/qcow2"
)

// made creates a qcow2 image and returns its bytes.
func made(t testing.TB, backing string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	err := qcow2.Create(path, gib)
	if backing != "" {
		os.Remove(path)
		err = qcow2.CreateOverlay(path, backing, "raw", gib)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func patched(b []byte, at int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// at builds an image of size bytes with pieces in it.
func at(size int, pieces ...any) []byte {
	b := make([]byte, size)
	for i := 0; i < len(pieces); i += 2 {
		switch piece := pieces[i+1].(type) {
		case string:
			copy(b[pieces[i].(int):], piece)
		case []byte:
			copy(b[pieces[i].(int):], piece)
		}
	}
	return b
}

// vmdk builds a sparse extent with its description.
func vmdk(capacity uint64, description string) []byte {
	le := binary.LittleEndian
	return at(8192, 0, "KDMV", 12, le.AppendUint64(nil, capacity), 28, le.AppendUint64(nil, 1), 36, le.AppendUint64(nil, 4), 512, description)
}

const sparse = "# Disk DescriptorFile\nversion=1\ncreateType=\"monolithicSparse\"\nRW 2048 SPARSE \"a.vmdk\"\n"

// streamed builds a stream-optimized extent, with a footer that may differ.
func streamed(footerCapacity uint64) []byte {
	le := binary.LittleEndian
	head := vmdk(2048, strings.Replace(sparse, "monolithicSparse", "streamOptimized", 1))
	copy(head[56:], bytes.Repeat([]byte{0xff}, 8))
	footer := bytes.Clone(head[:512])
	copy(footer[12:], le.AppendUint64(nil, footerCapacity))
	return append(append(append(head, make([]byte, 512)...), footer...), make([]byte, 512)...)
}

// vhdx builds what is looked at of a VHDX image; flags are its parameters'.
func vhdx(flags uint32) []byte {
	le := binary.LittleEndian
	metadataRegion := []byte{0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e}
	fileParameters := []byte{0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b}
	virtualSize := []byte{0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8}
	const regions, metadata = 192 << 10, 2 << 20
	return at(4<<20, 0, "vhdxfile",
		regions, "regi", regions+8, le.AppendUint32(nil, 1), regions+16, metadataRegion, regions+32, le.AppendUint64(nil, metadata),
		metadata, "metadata", metadata+10, le.AppendUint16(nil, 2),
		metadata+32, fileParameters, metadata+48, le.AppendUint32(nil, 64<<10),
		metadata+64, virtualSize, metadata+80, le.AppendUint32(nil, 64<<10+8),
		metadata+64<<10+4, le.AppendUint32(nil, flags), metadata+64<<10+8, le.AppendUint64(nil, gib))
}

var images = []struct {
	name    string
	content func(testing.TB) []byte
	format  qcow2.Format
	sub     string
	size    int64
	problem string // part of the only one; empty: none
}{
	{"empty", func(testing.TB) []byte { return nil }, "raw", "", 0, ""},
	{"zeros", func(testing.TB) []byte { return at(1 << 20) }, "raw", "", 1 << 20, ""},
	{"MBR", func(testing.TB) []byte { return at(4096, 446, "\x80", 450, "\x83", 458, "\x08", 510, "\x55\xaa") }, "raw", "mbr", 4096, ""},
	{"boot sector", func(testing.TB) []byte { return at(4096, 446, "\x12", 510, "\x55\xaa") }, "raw", "", 4096, ""},
	{"GPT", func(testing.TB) []byte { return at(4096, 512, "EFI PART") }, "raw", "gpt", 4096, ""},
	{"ISO 9660", func(testing.TB) []byte { return at(1<<20, 0x8001, "CD001", 510, "\x55\xaa") }, "iso", "", 1 << 20, ""},
	{"qcow2", func(t testing.TB) []byte { return made(t, "") }, "qcow2", "", gib, ""},
	{"qcow2, version 2", func(t testing.TB) []byte { return patched(made(t, ""), 4, u32(2)...) }, "qcow2", "", gib, ""},
	{"S18 backing file", func(t testing.TB) []byte { return made(t, "/etc/passwd") }, "qcow2", "", gib, "backing file (/etc/passwd)"},
	{"S18 backing file without a name", func(t testing.TB) []byte { return patched(made(t, ""), 8, u64(112)...) }, "qcow2", "", gib, "backing file ()"},
	{"S18 external data file", func(t testing.TB) []byte { return patched(made(t, ""), 72, u64(4)...) }, "qcow2", "", gib, "data in another file"},
	{"S18 external data file by extension only", func(t testing.TB) []byte { return patched(made(t, ""), 112, append(u32(0x44415441), u32(0)...)...) }, "qcow2", "", gib, "data in another file"},
	{"qcow2, unknown feature", func(t testing.TB) []byte { return patched(made(t, ""), 72, u64(1<<40)...) }, "qcow2", "", gib, "not known"},
	{"qcow2, corrupt", func(t testing.TB) []byte { return patched(made(t, ""), 72, u64(2)...) }, "qcow2", "", gib, "corrupt"},
	{"qcow2, dirty", func(t testing.TB) []byte { return patched(made(t, ""), 72, u64(1)...) }, "qcow2", "", gib, ""},
	{"qcow2, zstd", func(t testing.TB) []byte { return patched(patched(made(t, ""), 72, u64(8)...), 104, 1) }, "qcow2", "", gib, ""},
	{"qcow2, compression 2", func(t testing.TB) []byte { return patched(patched(made(t, ""), 72, u64(8)...), 104, 2) }, "qcow2", "", gib, "compression 2"},
	{"qcow2, encrypted", func(t testing.TB) []byte { return patched(made(t, ""), 32, u32(2)...) }, "qcow2", "", gib, "encrypted"},
	{"qcow2, version 9", func(t testing.TB) []byte { return patched(made(t, ""), 4, u32(9)...) }, "qcow2", "", 0, "version 9"},
	{"qcow2, cut off", func(testing.TB) []byte { return []byte("QFI\xfb\x00\x00\x00\x03") }, "qcow2", "", 0, "damaged"},
	{"S22 larger than anything", func(t testing.TB) []byte { return patched(made(t, ""), 24, u64(1<<62)...) }, "qcow2", "", 1 << 60, "claims to hold"},
	{"S22 table too small", func(t testing.TB) []byte { return patched(made(t, ""), 24, u64(1<<41)...) }, "qcow2", "", 1 << 41, "first-level table"},
	{"S22 clusters of one byte", func(t testing.TB) []byte { return patched(made(t, ""), 20, u32(0)...) }, "qcow2", "", 0, "cluster size"},
	{"S22 endless extension", func(t testing.TB) []byte { return patched(made(t, ""), 112, append(u32(1), u32(1<<31)...)...) }, "qcow2", "", 0, "longer than"},
	{"S22 table behind the end", func(t testing.TB) []byte { return patched(made(t, ""), 40, u64(1<<30)...) }, "qcow2", "", gib, "cut off"},
	{"S22 no reference counts", func(t testing.TB) []byte { return patched(made(t, ""), 56, u32(0)...) }, "qcow2", "", gib, "reference count table"},
	{"qcow 1", func(testing.TB) []byte { return at(512, 0, "QFI\xfb\x00\x00\x00\x01", 24, u64(gib)) }, "qcow", "", gib, ""},
	{"S18 qcow 1 with a backing file", func(testing.TB) []byte { return at(512, 0, "QFI\xfb\x00\x00\x00\x01", 8, u64(48), 24, u64(gib)) }, "qcow", "", gib, "backing file"},
	{"VMDK", func(testing.TB) []byte { return vmdk(2048, sparse) }, "vmdk", "monolithicSparse", 1 << 20, ""},
	{"VMDK, streamed", func(testing.TB) []byte { return streamed(2048) }, "vmdk", "streamOptimized", 1 << 20, ""},
	{"S19 VMDK with another footer", func(testing.TB) []byte { return streamed(0) }, "vmdk", "streamOptimized", 1 << 20, "contradicts"},
	{"S19 VMDK, flat", func(testing.TB) []byte { return vmdk(2048, strings.Replace(sparse, "Sparse", "Flat", 1)) }, "vmdk", "monolithicFlat", 1 << 20, "not allowed"},
	{"S19 VMDK, flat extent", func(testing.TB) []byte { return vmdk(2048, strings.Replace(sparse, " SPARSE", " FLAT", 1)) }, "vmdk", "monolithicSparse", 1 << 20, "another file"},
	{"S19 VMDK, no capacity", func(testing.TB) []byte { return vmdk(0, sparse) }, "vmdk", "monolithicSparse", 0, "0 sectors"},
	{"S19 VMDK, parent", func(testing.TB) []byte { return vmdk(2048, sparse+"parentFileNameHint=\"/etc/passwd\"\n") }, "vmdk", "monolithicSparse", 1 << 20, "depends on another"},
	{"S19 VMDK of two types", func(testing.TB) []byte { return vmdk(2048, sparse+"createType=\"streamOptimized\"\n") }, "vmdk", "streamOptimized", 1 << 20, "two subformats"},
	{"S19 VMDK, only description", func(testing.TB) []byte { return []byte(sparse) }, "vmdk", "monolithicSparse", 0, "only a description"},
	{"S19 VMDK, description after comments", func(testing.TB) []byte { return []byte("# x\n\n" + sparse[22:]) }, "vmdk", "monolithicSparse", 0, "only a description"},
	{"S19 VMDK 3", func(testing.TB) []byte { return at(512, 0, "COWD") }, "vmdk", "vmfsSparse", 0, "not allowed"},
	{"VDI", func(testing.TB) []byte { return at(512, 64, "\x7f\x10\xda\xbe", 0x4c, "\x01", 0x170, "\x00\x00\x10") }, "vdi", "dynamic", 1 << 20, ""},
	{"VDI, part", func(testing.TB) []byte { return at(512, 64, "\x7f\x10\xda\xbe", 0x4c, "\x04", 0x170, "\x00\x00\x10") }, "vdi", "", 1 << 20, "several files"},
	{"VHD, dynamic", func(testing.TB) []byte { return at(2048, 0, "conectix", 48, u64(gib), 60, u32(3)) }, "vhd", "dynamic", gib, ""},
	{"VHD, fixed", func(testing.TB) []byte { return at(4096, 3584, "conectix", 3584+48, u64(3584), 3584+60, u32(2)) }, "vhd", "fixed", 3584, ""},
	{"S18 VHD, differencing", func(testing.TB) []byte { return at(2048, 0, "conectix", 48, u64(gib), 60, u32(4)) }, "vhd", "differencing", gib, "depends on another"},
	{"VHDX", func(testing.TB) []byte { return vhdx(0) }, "vhdx", "", gib, ""},
	{"S18 VHDX with a parent", func(testing.TB) []byte { return vhdx(2) }, "vhdx", "", gib, "depends on another"},
	{"VHDX, damaged", func(testing.TB) []byte { return at(1<<20, 0, "vhdxfile") }, "vhdx", "", 0, "damaged"},
	{"QED", func(testing.TB) []byte { return at(512, 0, "QED\x00", 48, "\x00\x00\x10") }, "qed", "", 1 << 20, ""},
	{"S18 QED with a backing file", func(testing.TB) []byte { return at(512, 0, "QED\x00", 16, "\x01", 48, "\x00\x00\x10") }, "qed", "", 1 << 20, "backing file"},
	{"LUKS", func(testing.TB) []byte { return at(512, 0, "LUKS\xba\xbe") }, "luks", "", 0, ""},
	{"Parallels", func(testing.TB) []byte { return at(512, 0, "WithoutFreeSpace") }, "ploop", "", 0, ""},
	{"Bochs", func(testing.TB) []byte { return at(512, 0, "Bochs Virtual HD Image") }, "bochs", "", 0, ""},
	{"cloop", func(testing.TB) []byte { return at(512, 0, "#!/bin/sh\n#V2.0 Format\n") }, "cloop", "", 0, ""},
	{"DMG", func(testing.TB) []byte { return at(2048, 1536, "koly") }, "dmg", "", 0, ""},
}

// TestInspect looks at each image in one piece, and as a stream in pieces of
// several sizes: all must tell the same.
func TestS18_S19_S22_Inspect(t *testing.T) {
	t.Parallel()
	for _, test := range images {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			content := test.content(t)
			info, err := qcow2.Inspect(bytes.NewReader(content), int64(len(content)))
			if err != nil {
				t.Fatal(err)
			}
			judge(t, "at once", info, test.format, test.sub, test.size, test.problem)
			for _, piece := range []int{7, 512, 4097, 1 << 20, 8 << 20} {
				if piece == 7 && len(content) > 1<<20 {
					continue
				}
				var i qcow2.Inspector
				for rest := content; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
					if n, err := i.Write(rest[:min(piece, len(rest))]); err != nil || n != min(piece, len(rest)) {
						t.Fatalf("wrote %d, %v", n, err)
					}
				}
				judge(t, "streamed", i.Info(), test.format, test.sub, test.size, test.problem)
				if i.Size() != int64(len(content)) {
					t.Errorf("%d bytes passed, not %d", i.Size(), len(content))
				}
			}
			if err := info.Check(string(test.format)); (err != nil) != (test.problem != "") || err != nil && !errs.Is(err, errs.Invalid) {
				t.Errorf("checked: %v", err)
			}
		})
	}
}

func judge(t *testing.T, how string, info qcow2.Info, format qcow2.Format, sub string, size int64, problem string) {
	t.Helper()
	if info.Format != format || info.Subformat != sub || info.VirtualSize != size {
		t.Errorf("%s: it is %s %q with %d bytes, want %s %q with %d", how, info.Format, info.Subformat, info.VirtualSize, format, sub, size)
	}
	if problem == "" && len(info.Problems) > 0 || problem != "" && !strings.Contains(strings.Join(info.Problems, "; "), problem) {
		t.Errorf("%s: the problems are %q, want %q", how, info.Problems, problem)
	}
}

// TestS20_DeclaredFormatMustBeTheRealOne holds every declaration against every
// format.
func TestS20_DeclaredFormatMustBeTheRealOne(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"raw": {"raw", "iso"}, "ami": {"raw"}, "aki": {"raw"}, "ari": {"raw"}, "iso": {"iso"}, "qcow2": {"qcow2"}, "vmdk": {"vmdk"},
		"vdi": {"vdi"}, "vhd": {"vhd"}, "vpc": {"vhd"}, "vhdx": {"vhdx"}, "ploop": {"ploop"}, "": nil,
	}
	for declared, real := range may {
		for _, test := range images {
			if test.problem != "" {
				continue
			}
			want := declared == ""
			for _, r := range real {
				want = want || r == string(test.format)
			}
			err := qcow2.Info{Format: test.format}.Check(declared)
			if (err == nil) != want {
				t.Errorf("%s declared as %s: %v", test.format, declared, err)
			}
		}
	}
}

func TestEarly(t *testing.T) {
	t.Parallel()
	var i qcow2.Inspector
	bad := made(t, "/etc/passwd")
	i.Write(bad[:1000])
	if err := i.Early(); err != nil {
		t.Errorf("judged after 1,000 bytes: %v", err)
	}
	i.Write(bad[1000:])
	i.Write(make([]byte, 1<<20))
	if err := i.Early(); !errs.Is(err, errs.Invalid) {
		t.Errorf("a backing file is found early: %v", err)
	}
	var good qcow2.Inspector
	good.Write(make([]byte, 1<<20))
	if err := good.Early(); err != nil {
		t.Errorf("zeros: %v", err)
	}
}

func TestInspectThatCannotRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	r := readerAt{iotest.ErrReader(broken)}
	if _, err := qcow2.Inspect(r, 1<<20); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

func FuzzInspect(f *testing.F) {
	for _, test := range images {
		if content := test.content(f); len(content) <= 1<<20 {
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		whole, err := qcow2.Inspect(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		if whole.VirtualSize < 0 {
			t.Errorf("the size is %d", whole.VirtualSize)
		}
		var i qcow2.Inspector
		i.Write(content[:len(content)/3])
		i.Write(content[len(content)/3:])
		streamed := i.Info()
		if whole.Format != streamed.Format || whole.VirtualSize != streamed.VirtualSize || len(whole.Problems) != len(streamed.Problems) {
			t.Errorf("at once %+v, streamed %+v", whole, streamed)
		}
	})
}
