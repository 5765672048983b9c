package metadata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/kdomanski/iso9660"
)

func TestTree(t *testing.T) {
	t.Parallel()
	tree, err := Tree(document())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"openstack/latest/meta_data.json": true, "openstack/2012-08-10/meta_data.json": true, "openstack/2020-10-14/network_data.json": true,
		"openstack/latest/user_data": true, "openstack/2013-10-17/vendor_data.json": true, "openstack/2013-04-04/vendor_data.json": false,
		"openstack/latest/password": false, "ec2/latest/meta-data.json": true, "ec2/2009-04-04/user-data": true, "ec2/1.0/meta-data.json": true,
	} {
		if _, there := tree[path]; there != want {
			t.Errorf("%s there: %v, want %v", path, there, want)
		}
	}
	if got := string(tree["ec2/latest/meta-data.json"]); !strings.Contains(got, `"public-keys":{"0":{"openssh-key":"ssh-ed25519 AAAA me"}}`) ||
		!strings.Contains(got, `"security-groups":["default","web"]`) {
		t.Errorf("ec2/latest/meta-data.json = %s", got)
	}
}

// readRockRidge reads an image back with another implementation.
func readRockRidge(t *testing.T, image []byte) map[string][]byte {
	t.Helper()
	opened, err := iso9660.OpenImage(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	root, err := opened.RootDir()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	var walk func(f *iso9660.File, at string)
	walk = func(f *iso9660.File, at string) {
		children, err := f.GetChildren()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			if c.IsDir() {
				walk(c, at+c.Name()+"/")
				continue
			}
			content, err := io.ReadAll(c.Reader())
			if err != nil {
				t.Fatal(err)
			}
			files[at+c.Name()] = content
		}
	}
	walk(root, "")
	return files
}

// readJoliet walks the supplementary tree by hand.
func readJoliet(t *testing.T, image []byte) map[string][]byte {
	t.Helper()
	decode := func(b []byte) string {
		var units []uint16
		for ; len(b) > 1; b = b[2:] {
			units = append(units, binary.BigEndian.Uint16(b))
		}
		return string(utf16.Decode(units))
	}
	svd := image[17*sector : 18*sector]
	if svd[0] != 2 || string(svd[88:91]) != "%/E" || strings.TrimSpace(decode(svd[40:72])) != DriveLabel {
		t.Fatalf("no Joliet descriptor: % x", svd[:100])
	}
	files := map[string][]byte{}
	var walk func(at, size uint32, path string)
	walk = func(at, size uint32, path string) {
		folder := image[at*sector : at*sector+size]
		for i := 0; i < len(folder); {
			length := int(folder[i])
			if length == 0 {
				i = (i/sector + 1) * sector
				continue
			}
			r := folder[i : i+length]
			i += length
			name := r[33 : 33+int(r[32])]
			at, size := binary.LittleEndian.Uint32(r[2:]), binary.LittleEndian.Uint32(r[10:])
			switch {
			case len(name) == 1: // itself and its parent
			case r[25]&flagFolder != 0:
				walk(at, size, path+decode(name)+"/")
			default:
				files[path+strings.TrimSuffix(decode(name), ";1")] = image[at*sector : at*sector+size]
			}
		}
	}
	walk(binary.LittleEndian.Uint32(svd[158:]), binary.LittleEndian.Uint32(svd[166:]), "")
	return files
}

func TestConfigDriveReadsBack(t *testing.T) {
	t.Parallel()
	image, err := ConfigDrive(document())
	if err != nil {
		t.Fatal(err)
	}
	if len(image)%sector != 0 {
		t.Errorf("%d bytes are not whole sectors", len(image))
	}
	if label := strings.TrimSpace(string(image[16*sector+40 : 16*sector+72])); label != DriveLabel {
		t.Errorf("label %q, want %q", label, DriveLabel)
	}
	tree, err := Tree(document())
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{"Rock Ridge": readRockRidge(t, image), "Joliet": readJoliet(t, image)} {
		if len(files) != len(tree) {
			t.Errorf("%s: %d files, want %d", name, len(files), len(tree))
		}
		for path, want := range tree {
			got, there := files[path]
			if !there || !strings.HasSuffix(path, "meta_data.json") && !bytes.Equal(got, want) { // that has a random seed
				t.Errorf("%s: %s is %q, want %q", name, path, got, want)
			}
		}
	}
}

// A folder with more records than a sector holds, names that are alike in
// plain ISO 9660, empty files and files that end with a sector.
func TestWriteISO(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"empty": {}, "whole": bytes.Repeat([]byte("x"), sector), "deep/er/and/deeper/file.tar.gz": []byte("deep")}
	for i := range 120 {
		files[fmt.Sprintf("many/a-rather-long-name-%03d.json", i)] = fmt.Append(nil, i)
	}
	image, err := writeISO(DriveLabel, files, time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, readJoliet(t, image)); diff != "" {
		t.Errorf("Joliet (-want +got):\n%s", diff)
	}
	// That reader knows Rock Ridge names in the last sector of a folder only.
	if got := readRockRidge(t, image); string(got["deep/er/and/deeper/file.tar.gz"]) != "deep" {
		t.Errorf("Rock Ridge: the deep file is %q", got["deep/er/and/deeper/file.tar.gz"])
	}
}

func TestWriteISORefuses(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string][]byte{
		"an absolute path":  {"/etc/passwd": nil},
		"a path upwards":    {"../x": nil},
		"an unclean path":   {"a//b": nil},
		"a name too long":   {strings.Repeat("a", 65): nil},
		"a file and folder": {"a": nil, "a/b": nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := writeISO("x", files, time.Now()); err == nil {
				t.Error("no error")
			}
		})
	}
}
