package image_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
	"wisp/internal/image"
)

// several is a cloud with the stores local, second and third; those that break
// take nothing. Their folders are in the answer.
func (f *fixture) several(options image.Options, broken ...string) (*image.Service, map[string]string) {
	f.t.Helper()
	dirs := map[string]string{"local": f.dir}
	for _, name := range []string{"second", "third"} {
		dirs[name] = f.t.TempDir()
		blobs, err := image.OpenFolder(dirs[name])
		if err != nil {
			f.t.Fatal(err)
		}
		if slices.Contains(broken, name) {
			blobs = image.OpenBucket(blob.NewBucket(&brokenBucket{step: "create", err: errors.New("away")}))
		}
		f.t.Cleanup(func() { _ = blobs.Close() })
		options.Stores = append(options.Stores, image.NamedStore{Name: name, Blobs: blobs})
	}
	f.Service = f.open(options)
	return f.Service, dirs
}

// blobsIn lists what a folder has.
func blobsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// in checks that the image is in these stores alone, whole and once in each.
func (f *fixture) in(id string, dirs map[string]string, want ...string) {
	f.t.Helper()
	i := f.get(id)
	if got := i.StoreNames(); !slices.Equal(got, want) {
		f.t.Errorf("stores %v, want %v", got, want)
	}
	for name, dir := range dirs {
		held := slices.Contains(want, name)
		wait(f.t, name+" has what it should", func() bool {
			has := blobsIn(f.t, dir)
			return !held && len(has) == 0 || held && len(has) == 1 && has[0] == i.Blob
		})
	}
}

func TestUploadIntoAStore(t *testing.T) {
	folders(t, image.Options{DefaultStore: "second"}, func(t *testing.T, f *fixture) {
		_, dirs := f.several(image.Options{DefaultStore: "second"})
		i := f.active(member, "0123456789")
		f.in(i.ID, dirs, "second")
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		i = f.create(member, nil)
		kind(t, "unknown", f.UploadTo(t.Context(), member, i.ID, "fourth", strings.NewReader("x"), 1), errs.Invalid)
		kind(t, "read-only", f.UploadTo(t.Context(), member, i.ID, image.WebStore, strings.NewReader("x"), 1), errs.Invalid)
		if err := f.UploadTo(t.Context(), member, i.ID, "third", strings.NewReader("abc"), 3); err != nil {
			t.Fatal(err)
		}
		f.in(i.ID, dirs, "third")
		if got, err := f.content(i.ID, 0, -1); err != nil || got != "abc" {
			t.Errorf("content %q, %v", got, err)
		}
		parts := f.create(member, nil)
		if _, err := f.UploadPartTo(t.Context(), member, parts.ID, "third", image.Part{First: 0, Last: 1, Total: 4}, strings.NewReader("ab")); err != nil {
			t.Fatal(err)
		}
		if _, err := f.UploadPartTo(t.Context(), member, parts.ID, "local", image.Part{First: 2, Last: 3, Total: 4}, strings.NewReader("cd")); err != nil {
			t.Fatal(err)
		}
		whole := f.get(parts.ID)
		if got := whole.StoreNames(); !slices.Equal(got, []string{"third"}) {
			t.Errorf("the parts are in %v", got)
		}
		if got, err := f.content(parts.ID, 1, 2); err != nil || got != "bc" {
			t.Errorf("content %q, %v", got, err)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Absent(t.Context()); err != nil || n != 0 {
			t.Errorf("%d are absent, %v", n, err)
		}
		if n, err := f.open(image.Options{}).Absent(t.Context()); err != nil || n != 2 {
			t.Errorf("%d are absent where there is one store, %v", n, err)
		}
	})
}

func request(method string, body map[string]any) image.ImportRequest {
	r := image.ImportRequest{Method: method, Body: body}
	r.All, _ = body["all_stores"].(bool)
	r.Stores, _ = body["stores"].([]string)
	if method == image.WebDownload {
		r.URI = "http://example.org/disk"
	}
	return r
}

func TestImportIntoStores(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		body         map[string]any
		broken       []string
		want, failed []string // nil: the import fails
	}{
		{"staged into all", image.GlanceDirect, map[string]any{"all_stores": true}, nil, []string{"local", "second", "third"}, nil},
		{"staged into some", image.GlanceDirect, map[string]any{"stores": []string{"third", "local"}}, nil, []string{"local", "third"}, nil},
		{"staged into another", image.GlanceDirect, map[string]any{"stores": []string{"second"}}, nil, []string{"second"}, nil},
		{"staged into others", image.GlanceDirect, map[string]any{"stores": []string{"second", "third"}, "all_stores_must_succeed": false}, nil, []string{"second", "third"}, nil},
		{"downloaded into all", image.WebDownload, map[string]any{"all_stores": true, "all_stores_must_succeed": false}, nil, []string{"local", "second", "third"}, nil},
		{"one of all fails", image.GlanceDirect, map[string]any{"all_stores": true}, []string{"third"}, nil, []string{"third"}},
		{"one may fail", image.GlanceDirect, map[string]any{"all_stores": true, "all_stores_must_succeed": false}, []string{"second"}, []string{"local", "third"}, []string{"second"}},
		{"the first may fail", image.WebDownload, map[string]any{"stores": []string{"second", "third"}, "all_stores_must_succeed": false}, []string{"second"}, []string{"third"}, []string{"second"}},
		{"the only one fails", image.WebDownload, map[string]any{"stores": []string{"second"}, "all_stores_must_succeed": false}, []string{"second"}, nil, []string{"second"}},
		{"all fail", image.GlanceDirect, map[string]any{"stores": []string{"second", "third"}, "all_stores_must_succeed": false}, []string{"second", "third"}, nil, []string{"second", "third"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folders(t, image.Options{}, func(t *testing.T, f *fixture) {
				_, dirs := f.several(image.Options{Source: &web{data: text("0123456789")}}, tt.broken...)
				i := f.create(member, nil)
				if tt.method == image.GlanceDirect {
					if err := f.Stage(t.Context(), member, i.ID, strings.NewReader("0123456789"), 10); err != nil {
						t.Fatal(err)
					}
				}
				task := f.imports(member, i.ID, request(tt.method, tt.body))
				if got := f.get(i.ID); got.ImportingStores == "" || got.FailedStores != "" {
					t.Errorf("before: importing %q, failed %q", got.ImportingStores, got.FailedStores)
				}
				working(t, f.Service)
				task = f.finished(task.ID)
				got := f.get(i.ID)
				if got.ImportingStores != "" || got.FailedStores != strings.Join(tt.failed, ",") {
					t.Errorf("importing %q, failed %q: %s", got.ImportingStores, got.FailedStores, task.Message)
				}
				if len(tt.want) == 0 {
					f.refusedImport(tt.name, task, "")
					f.in(i.ID, dirs)
					return
				}
				if task.Status != image.TaskSuccess || got.Status != image.Active || got.ImportTask != "" {
					t.Errorf("task %+v, image %+v", task, got)
				}
				f.in(i.ID, dirs, tt.want...)
				if err := f.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.in(i.ID, dirs, tt.want...)
			})
		})
	}
}

func TestCopyImage(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		_, dirs := f.several(image.Options{ProjectBytes: 25})
		copyTo := func(names ...string) image.ImportRequest {
			return request(image.CopyImage, map[string]any{"stores": names})
		}
		i := f.create(member, nil)
		_, err := f.Import(t.Context(), admin, i.ID, copyTo("second"))
		kind(t, "queued", err, errs.Conflict)
		i = f.active(member, "0123456789")
		_, err = f.Import(t.Context(), member, i.ID, copyTo("second"))
		kind(t, "by its owner", err, errs.Forbidden)
		_, err = f.Import(t.Context(), admin, i.ID, copyTo("local"))
		kind(t, "where it is", err, errs.Invalid)
		_, err = f.Import(t.Context(), admin, i.ID, copyTo("nowhere"))
		kind(t, "where no store is", err, errs.Conflict)
		task := f.imports(admin, i.ID, copyTo("second"))
		_, err = f.Import(t.Context(), admin, i.ID, copyTo("third"))
		kind(t, "twice at a time", err, errs.Conflict)
		if err := f.Recover(t.Context()); err != nil { // leaves alone what comes
			t.Fatal(err)
		}
		working(t, f.Service)
		if task = f.finished(task.ID); task.Status != image.TaskSuccess {
			t.Errorf("task %+v", task)
		}
		f.in(i.ID, dirs, "local", "second")
		// The third copy would be more than the project may have.
		task = f.finished(f.imports(admin, i.ID, request(image.CopyImage, map[string]any{"all_stores": true})).ID)
		if got := f.get(i.ID); task.Status != image.TaskFailure || got.Status != image.Active || got.FailedStores != "third" || got.ImportTask != "" {
			t.Errorf("task %+v, image %+v", task, got)
		}
		f.in(i.ID, dirs, "local", "second")

		kind(t, "stranger", f.DeleteFromStore(t.Context(), other, "local", i.ID), errs.NotFound)
		kind(t, "reader", f.DeleteFromStore(t.Context(), reader, "local", i.ID), errs.Forbidden)
		kind(t, "no store", f.DeleteFromStore(t.Context(), member, "nowhere", i.ID), errs.Conflict)
		kind(t, "where it is not", f.DeleteFromStore(t.Context(), member, "third", i.ID), errs.NotFound)
		if err := f.DeleteFromStore(t.Context(), member, "local", i.ID); err != nil {
			t.Fatal(err)
		}
		f.in(i.ID, dirs, "second")
		kind(t, "the last one", f.DeleteFromStore(t.Context(), member, "second", i.ID), errs.Forbidden)
		if got, err := f.content(i.ID, 0, -1); err != nil || got != "0123456789" {
			t.Errorf("content %q, %v", got, err)
		}
		if got := f.finished(f.imports(admin, i.ID, copyTo("local")).ID); got.Status != image.TaskSuccess {
			t.Errorf("task %+v", got)
		}
		f.in(i.ID, dirs, "second", "local")
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if has := append(blobsIn(t, dirs["local"]), blobsIn(t, dirs["second"])...); len(has) > 0 {
			t.Errorf("left %v", has)
		}
	})
}

// A copy that is not what the image is never becomes one, and what a broken copy
// left goes.
func TestBrokenCopy(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		_, dirs := f.several(image.Options{})
		i := f.active(member, "0123456789")
		if err := os.WriteFile(filepath.Join(dirs["third"], i.Blob), []byte("012"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.in(i.ID, dirs, "local")
		if err := os.WriteFile(filepath.Join(f.dir, i.Blob), []byte("0123456780"), 0o600); err != nil {
			t.Fatal(err)
		}
		working(t, f.Service)
		task := f.finished(f.imports(admin, i.ID, request(image.CopyImage, map[string]any{"all_stores": true, "all_stores_must_succeed": false})).ID)
		if got := f.get(i.ID); task.Status != image.TaskFailure || got.FailedStores != "second,third" || got.Status != image.Active {
			t.Errorf("task %+v, image %+v", task, got)
		}
		f.in(i.ID, dirs, "local")
	})
}

func TestArchive(t *testing.T) {
	t.Parallel()
	dirs := map[string]string{"second": t.TempDir()}
	local := t.TempDir()
	all, err := image.OpenStores(t.Context(), local, dirs)
	if err != nil {
		t.Fatal(err)
	}
	archive := image.OpenArchive(all...)
	defer func() {
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := all[1].Blobs.Put(t.Context(), "one", strings.NewReader("1")); err != nil {
		t.Fatal(err)
	}
	if err := archive.Put(t.Context(), "two", strings.NewReader("2")); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"one": "1", "two": "2"} {
		data, err := archive.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(data)
		if err := errors.Join(err, data.Close()); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	if _, err := archive.Open(t.Context(), "three"); gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("what is nowhere: %v", err)
	}
	if got := append(blobsIn(t, local), blobsIn(t, dirs["second"])...); !slices.Equal(got, []string{"two", "one", "two"}) {
		t.Errorf("blobs %v", got)
	}
	broken := image.OpenArchive(all[0], image.NamedStore{Name: "x", Blobs: image.OpenBucket(blob.NewBucket(&brokenBucket{step: "create", err: errors.New("away")}))})
	if err := broken.Put(t.Context(), "four", strings.NewReader("4")); err == nil {
		t.Error("a store that takes nothing, and no error")
	}
	if _, err := image.OpenStores(t.Context(), local, map[string]string{"x": "s3://"}); err == nil {
		t.Error("a store that is none, and no error")
	}
}

func TestCheckStores(t *testing.T) {
	t.Parallel()
	local := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(local, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		stores   map[string]string
		standard string
		ok       bool
	}{
		{nil, "", true}, {nil, "local", true}, {nil, "second", false}, {map[string]string{"second": "/x"}, "second", true},
		{map[string]string{"local": "/x"}, "", false}, {map[string]string{"web": "/x"}, "", false}, {map[string]string{"a,b": "/x"}, "", false},
		{map[string]string{"second": "s3://"}, "", false},
		{map[string]string{"second": local}, "", false}, {map[string]string{"second": filepath.Join(local, "within")}, "", false},
		{map[string]string{"second": filepath.Dir(local)}, "", false}, {map[string]string{"second": link}, "", false},
		{map[string]string{"second": local + "2"}, "", true}, {map[string]string{"second": "/x", "third": "/x/y"}, "", false},
		{map[string]string{"second": "s3://b?region=r", "third": "s3://b?endpoint=https://s3.r.amazonaws.com"}, "", false},
		{map[string]string{"second": "s3://b?region=r", "third": "s3://c?region=r"}, "", true},
	} {
		if _, err := image.CheckStores(local, tt.stores, tt.standard); (err == nil) != tt.ok {
			t.Errorf("%v %q: %v", tt.stores, tt.standard, err)
		}
	}
}

// A store that comes under another name has data that no image names there: they
// are all that is left, and stay.
func TestRenamedStore(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		_, dirs := f.several(image.Options{DefaultStore: "second"})
		i := f.active(member, "0123456789")
		f.in(i.ID, dirs, "second")
		blobs, err := image.OpenFolder(dirs["second"])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = blobs.Close() })
		renamed := f.open(image.Options{Stores: []image.NamedStore{{Name: "fast", Blobs: blobs}}})
		if err := renamed.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := blobsIn(t, dirs["second"]); len(got) != 1 || got[0] != i.Blob {
			t.Errorf("the store has %v left", got)
		}
	})
}
