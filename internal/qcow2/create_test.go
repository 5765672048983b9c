package qcow2_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wisp/internal/qcow2"
)

const gib = 1 << 30

// qemuImg runs the real qemu-img on an image of our own making.
func qemuImg(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is not installed")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-img %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestPartsAreWhereTheyWereAskedFor(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	path, raw := filepath.Join(t.TempDir(), "disk.qcow2"), filepath.Join(t.TempDir(), "disk.raw")
	want := make([]byte, size)
	var parts []qcow2.Part
	for at, text := range map[int64]string{0: "first", 700: "beside it", 65534: "over a border", 3<<20 + 5: "far", size - 4: "last"} {
		parts = append(parts, qcow2.Part{At: at, Bytes: []byte(text)})
		copy(want[at:], text)
	}
	if err := qcow2.CreateWith(path, size, parts...); err != nil {
		t.Fatal(err)
	}
	qemuImg(t, "check", "-f", "qcow2", path)
	qemuImg(t, "convert", "-f", "qcow2", "-O", "raw", path, raw)
	if got, err := os.ReadFile(raw); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it does not read as what was given, %v", err)
	}
}

func TestCreateIsWhatQEMUReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		size int64
		head []byte
	}{
		{"one sector", 512, nil},
		{"odd size is rounded up", 1000, nil},
		{"one gibibyte", gib, nil},
		{"table of several clusters", 16 << 40, nil},
		{"with a head", 8 << 20, []byte(strings.Repeat("head", 1024))},
		{"head and a long table", 16 << 40, []byte("x")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "disk.qcow2")
			if err := qcow2.CreateWith(path, test.size, qcow2.Part{Bytes: test.head}); err != nil {
				t.Fatal(err)
			}
			qemuImg(t, "check", "-f", "qcow2", path)
			var info struct {
				Format      string `json:"format"`
				VirtualSize int64  `json:"virtual-size"`
				ActualSize  int64  `json:"actual-size"`
			}
			if err := json.Unmarshal(qemuImg(t, "info", "-f", "qcow2", "--output=json", path), &info); err != nil {
				t.Fatal(err)
			}
			if want := (test.size + 511) / 512 * 512; info.VirtualSize != want {
				t.Errorf("virtual size is %d, want %d", info.VirtualSize, want)
			}
			if info.ActualSize > 256<<10 {
				t.Errorf("an empty image takes %d bytes", info.ActualSize)
			}
			if test.size > 8<<20 {
				return
			}
			raw := filepath.Join(t.TempDir(), "disk.raw")
			qemuImg(t, "convert", "-f", "qcow2", "-O", "raw", path, raw)
			got, err := os.ReadFile(raw)
			if err != nil {
				t.Fatal(err)
			}
			if string(got[:len(test.head)]) != string(test.head) {
				t.Error("the head is not what was given")
			}
			if strings.Trim(string(got[len(test.head):]), "\x00") != "" {
				t.Error("the rest does not read as zeros")
			}
		})
	}
}

// TestS32_NewDisksReadZeros shows that what lay on the host's disk before
// cannot be read by a guest, behind the end of its image either.
func TestS32_NewDisksReadZeros(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			raw, base, overlay := filepath.Join(dir, "raw"), filepath.Join(dir, "base"), filepath.Join(dir, "overlay")
			content := strings.Repeat("base", 256<<10)
			if err := os.WriteFile(raw, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			qemuImg(t, "convert", "-f", "raw", "-O", format, raw, base)
			if err := qcow2.CreateOverlay(overlay, base, format, 8<<20); err != nil {
				t.Fatal(err)
			}
			qemuImg(t, "check", "-f", "qcow2", overlay)
			flat := filepath.Join(dir, "flat")
			qemuImg(t, "convert", "-f", "qcow2", "-O", "raw", overlay, flat)
			got, err := os.ReadFile(flat)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 8<<20 || string(got[:len(content)]) != content || strings.Trim(string(got[len(content):]), "\x00") != "" {
				t.Error("the overlay is not the base followed by zeros")
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, create := range map[string]func(path string) error{
		"no size":               func(p string) error { return qcow2.Create(p, 0) },
		"negative size":         func(p string) error { return qcow2.Create(p, -1) },
		"too large":             func(p string) error { return qcow2.Create(p, 1<<62) },
		"head behind the end":   func(p string) error { return qcow2.CreateWith(p, 512, qcow2.Part{Bytes: make([]byte, 513)}) },
		"part before the start": func(p string) error { return qcow2.CreateWith(p, gib, qcow2.Part{At: -1, Bytes: []byte{1}}) },
		"part behind a table": func(p string) error {
			return qcow2.CreateWith(p, gib, qcow2.Part{At: 512<<20 - 1, Bytes: []byte{1, 2}})
		},
		"parts of many bytes":  func(p string) error { return qcow2.CreateWith(p, gib, qcow2.Part{Bytes: make([]byte, 5<<20)}) },
		"no backing file":      func(p string) error { return qcow2.CreateOverlay(p, "", "raw", gib) },
		"long backing file":    func(p string) error { return qcow2.CreateOverlay(p, strings.Repeat("x", 1024), "raw", gib) },
		"backing format vmdk":  func(p string) error { return qcow2.CreateOverlay(p, "/base", "vmdk", gib) },
		"unknown format":       func(p string) error { return qcow2.CreateOverlay(p, "/base", "", gib) },
		"folder is not there":  func(p string) error { return qcow2.Create(filepath.Join(p, "x"), gib) },
		"file is there before": func(string) error { return qcow2.Create(taken, gib) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "disk")
			if err := create(path); err == nil {
				t.Error("was created")
			}
			if _, err := os.Lstat(path); err == nil {
				t.Error("left a file behind")
			}
			if b, _ := os.ReadFile(taken); string(b) != "mine" {
				t.Error("wrote over a file that was there")
			}
		})
	}
}
