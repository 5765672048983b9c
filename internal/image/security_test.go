package image_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/qcow2"
)

func TestS24_DataAreImmutable(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.active(member, "first")
		kind(t, "second upload", f.Upload(t.Context(), member, i.ID, strings.NewReader("other"), 5), errs.Conflict)
		if after := f.get(i.ID); after.Checksum != i.Checksum || after.Status != image.Active {
			t.Errorf("after it: %+v", after)
		}
		for _, name := range []string{"disk_format", "container_format"} {
			value := "qcow2"
			if name == "container_format" {
				value = "ovf"
			}
			_, err := f.Update(t.Context(), admin, i.ID, []image.Change{{Op: "replace", Name: name, Value: value}})
			kind(t, name, err, errs.Forbidden)
		}
	})
}

func TestS24_StatusChecksumOwnerLocationsNotSettable(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		values := map[string]any{
			"status": "active", "checksum": "0", "size": 1.0, "virtual_size": 1.0, "created_at": "x", "updated_at": "x", "os_hash_algo": "x", "os_hash_value": "x",
			"direct_url": "x", "self": "x", "file": "x", "schema": "x", "stores": "x", "locations": []any{}, "location": "x", "deleted": true, "deleted_at": "x",
			"os_glance_import_task": "x", "id": uuid.NewString(),
		}
		i := f.create(member, nil)
		for name, value := range values {
			if name != "id" {
				_, err := f.Create(t.Context(), admin, map[string]any{"name": "x", name: value})
				kind(t, "create with "+name, err, errs.Forbidden)
			}
			for _, op := range []string{"add", "replace", "remove"} {
				_, err := f.Update(t.Context(), admin, i.ID, []image.Change{{Op: op, Name: name, Value: value}})
				kind(t, op+" "+name, err, errs.Forbidden)
			}
		}
		_, err := f.Create(t.Context(), member, map[string]any{"owner": "foreign"})
		kind(t, "create for another", err, errs.Forbidden)
		_, err = f.Update(t.Context(), member, i.ID, []image.Change{{Op: "replace", Name: "owner", Value: "foreign"}})
		kind(t, "give away", err, errs.Forbidden)
		if i, err = f.Update(t.Context(), admin, i.ID, []image.Change{{Op: "replace", Name: "owner", Value: "foreign"}}); err != nil || i.Owner != "foreign" {
			t.Errorf("admin gives: %v, %v", i.Owner, err)
		}
	})
}

// vmdkText is a descriptor that maps a file of the host into the disk.
const vmdkText = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 20 FLAT \"/etc/passwd\" 0\n"

func file(t *testing.T, make func(path string) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := make(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func refusedAs(t *testing.T, f *fixture, name, format, container string, data []byte) {
	t.Helper()
	i := f.create(member, map[string]any{"disk_format": format, "container_format": container})
	kind(t, name, f.Upload(t.Context(), member, i.ID, bytes.NewReader(data), int64(len(data))), errs.UnsupportedMedia)
	if after := f.get(i.ID); after.Status != image.Queued {
		t.Errorf("%s: status %s", name, after.Status)
	}
	if files := f.files(); len(files) > 0 {
		t.Errorf("%s: left %v", name, files)
	}
}

func TestS18_BackingAndDataFilesAreRefused(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		overlay := file(t, func(path string) error { return qcow2.CreateOverlay(path, "/etc/passwd", "raw", 1<<20) })
		external := file(t, func(path string) error { return qcow2.Create(path, 1<<20) })
		external[79] |= 4 // incompatible feature: external data file
		for _, format := range []string{"qcow2", "raw"} {
			refusedAs(t, f, "backing file as "+format, format, "bare", overlay)
			refusedAs(t, f, "data file as "+format, format, "bare", external)
		}
	})
}

func TestS19_FlatVMDKIsRefused(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for _, format := range []string{"vmdk", "raw"} {
			refusedAs(t, f, format, format, "bare", []byte(vmdkText))
		}
	})
}

func TestS20_DeclaredFormatMustBeTheRealOne(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		disk := file(t, func(path string) error { return qcow2.Create(path, 1<<20) })
		for _, tt := range [][2]string{{"raw", "bare"}, {"vmdk", "bare"}, {"iso", "bare"}, {"aki", "aki"}, {"ari", "ari"}, {"ami", "ami"}, {"raw", "aki"}, {"raw", "ova"}} {
			refusedAs(t, f, strings.Join(tt[:], " in "), tt[0], tt[1], disk)
		}
		i := f.create(member, map[string]any{"disk_format": "qcow2"})
		if err := f.Upload(t.Context(), member, i.ID, bytes.NewReader(disk), -1); err != nil {
			t.Fatal(err)
		}
		if i = f.get(i.ID); *i.VirtualSize != 1<<20 || *i.Size != int64(len(disk)) {
			t.Errorf("virtual size %d, size %d", *i.VirtualSize, *i.Size)
		}
		for _, format := range []string{"aki", "ari", "ami"} {
			i := f.create(member, map[string]any{"disk_format": format, "container_format": format})
			if err := f.Upload(t.Context(), member, i.ID, strings.NewReader("MZ kernel"), -1); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		i = f.create(member, map[string]any{"disk_format": "vmdk", "container_format": "ova"})
		if err := f.Upload(t.Context(), member, i.ID, strings.NewReader("an archive"), -1); err != nil {
			t.Errorf("archive: %v", err)
		}
	})
}

// zeros is an endless reader that counts what was taken from it.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.n += int64(len(p))
	return len(p), nil
}

func TestS25_SizeCapOnTheStream(t *testing.T) {
	each(t, image.Options{MaxSize: 1 << 20}, func(t *testing.T, f *fixture) {
		i, endless := f.create(member, nil), &zeros{}
		kind(t, "endless", f.Upload(t.Context(), member, i.ID, endless, -1), errs.TooLarge)
		if endless.n > 4<<20 {
			t.Errorf("%d bytes were read", endless.n)
		}
		kind(t, "promised", f.Upload(t.Context(), member, i.ID, endless, 1<<20+1), errs.TooLarge)
		if after := f.get(i.ID); after.Status != image.Queued || len(f.files()) > 0 {
			t.Errorf("left: %s, %v", after.Status, f.files())
		}
		if err := f.Upload(t.Context(), member, i.ID, io.LimitReader(endless, 1<<20), -1); err != nil {
			t.Errorf("all that is allowed: %v", err)
		}
	})
}

func TestS25_QuotaIsExact(t *testing.T) {
	each(t, image.Options{ProjectBytes: 1000}, func(t *testing.T, f *fixture) {
		first := f.active(member, strings.Repeat("x", 600))
		i := f.create(member, nil)
		kind(t, "promised too much", f.Upload(t.Context(), member, i.ID, strings.NewReader(strings.Repeat("x", 401)), 401), errs.TooLarge)
		kind(t, "sent too much", f.Upload(t.Context(), member, i.ID, strings.NewReader(strings.Repeat("x", 401)), -1), errs.TooLarge)
		if err := f.Upload(t.Context(), other, f.create(other, nil).ID, strings.NewReader(strings.Repeat("x", 1000)), 1000); err != nil {
			t.Errorf("another project's: %v", err)
		}
		if err := f.Upload(t.Context(), member, i.ID, strings.NewReader(strings.Repeat("x", 400)), -1); err != nil {
			t.Errorf("what is left: %v", err)
		}
		kind(t, "one byte more", f.Upload(t.Context(), member, f.create(member, nil).ID, strings.NewReader("x"), 1), errs.TooLarge)
		if err := f.Delete(t.Context(), member, first.ID); err != nil {
			t.Fatal(err)
		}
		if err := f.Upload(t.Context(), member, f.create(member, nil).ID, strings.NewReader(strings.Repeat("x", 600)), 600); err != nil {
			t.Errorf("after a delete: %v", err)
		}
	})
}

func TestS25_ConcurrentUploadsKeepTheQuota(t *testing.T) {
	each(t, image.Options{ProjectBytes: 1000}, func(t *testing.T, f *fixture) {
		var group sync.WaitGroup
		for range 12 {
			i := f.create(member, nil)
			group.Go(func() {
				err := f.Upload(t.Context(), member, i.ID, strings.NewReader(strings.Repeat("x", 200)), 200)
				if err != nil && !errs.Is(err, errs.TooLarge) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := len(f.files()); n != 5 {
			t.Errorf("%d images of 200 bytes fit into 1000", n)
		}
	})
}

func TestS25_DeleteDuringUploadFreesTheBytes(t *testing.T) {
	each(t, image.Options{ProjectBytes: 1000}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result := make(chan error, 1)
		go func() { result <- f.Upload(t.Context(), member, i.ID, r, 1000) }()
		if _, err := w.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		kind(t, "a second upload meanwhile", f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1), errs.Conflict)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		kind(t, "upload", <-result, errs.Gone) // although its client sends nothing more
		if files := f.files(); len(files) > 0 {
			t.Errorf("left: %v", files)
		}
		f.active(member, strings.Repeat("x", 1000))
	})
}

func TestS26_IDsAreNeverReused(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		id := uuid.NewString()
		f.create(member, map[string]any{"id": id})
		_, err := f.Create(t.Context(), member, map[string]any{"id": id})
		kind(t, "used", err, errs.Conflict)
		if err := f.Delete(t.Context(), member, id); err != nil {
			t.Fatal(err)
		}
		for _, again := range []string{id, strings.ToUpper(id)} {
			_, err = f.Create(t.Context(), other, map[string]any{"id": again})
			kind(t, "once used", err, errs.Conflict)
		}
		for _, bad := range []any{"x", 7.0, nil, strings.ReplaceAll(id, "-", "")} {
			_, err = f.Create(t.Context(), member, map[string]any{"id": bad})
			kind(t, fmt.Sprint(bad), err, errs.Invalid)
		}
	})
}
