package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

// web is a source in memory.
type web struct {
	data  func() (io.Reader, int64, error)
	hits  atomic.Int32
	close atomic.Int32
}

func (w *web) Check(uri string) error {
	if strings.HasPrefix(uri, "http://") {
		return nil
	}
	return errs.New(errs.Invalid, "URI for web-download does not pass filtering: %s", uri)
}

func (w *web) Fetch(context.Context, string) (io.ReadCloser, int64, error) {
	w.hits.Add(1)
	data, size, err := w.data()
	if err != nil {
		return nil, 0, err
	}
	return closing{data, &w.close}, size, nil
}

type closing struct {
	io.Reader
	closed *atomic.Int32
}

func (c closing) Close() error { c.closed.Add(1); return nil }

func text(data string) func() (io.Reader, int64, error) {
	return func() (io.Reader, int64, error) { return strings.NewReader(data), int64(len(data)), nil }
}

var fromWeb = image.ImportRequest{Method: image.WebDownload, URI: "http://example.org/disk", Body: map[string]any{"method": map[string]any{"name": "web-download"}}}

var staged = image.ImportRequest{Method: image.GlanceDirect}

// working runs the work of a service until the test stops it.
func working(t *testing.T, s *image.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Work(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func (f *fixture) task(id string) image.Task {
	f.t.Helper()
	task, err := f.Task(context.Background(), admin, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return task
}

func (f *fixture) imports(c *policy.Caller, id string, r image.ImportRequest) image.Task {
	f.t.Helper()
	task, err := f.Import(f.t.Context(), c, id, r)
	if err != nil {
		f.t.Fatal(err)
	}
	return task
}

func (f *fixture) finished(id string) image.Task {
	f.t.Helper()
	wait(f.t, "the task is finished", func() bool { return f.task(id).ExpiresAt != nil })
	return f.task(id)
}

// refusedImport checks that the image is as before its import.
func (f *fixture) refusedImport(what string, task image.Task, message string) {
	f.t.Helper()
	if task.Status != image.TaskFailure || !strings.Contains(task.Message, message) {
		f.t.Errorf("%s: task %s: %q", what, task.Status, task.Message)
	}
	i := f.get(task.ImageID)
	if i.Status != image.Queued || i.Size != nil || i.Reserved != 0 || i.UploadID != "" || i.ImportTask != "" || i.ImportState != image.Failed {
		f.t.Errorf("%s: left as %+v", what, i)
	}
	wait(f.t, "the data are gone", func() bool { return len(f.files()) == 0 })
}

func TestImportFromTheWeb(t *testing.T) {
	source := &web{data: text("0123456789")}
	each(t, image.Options{Source: source, ProjectBytes: 10}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		task := f.imports(member, i.ID, fromWeb)
		if before := f.get(i.ID); before.Status != image.Importing || before.ImportTask != task.ID || before.ImportState != image.Running {
			t.Errorf("before: %+v", before)
		}
		if task = f.task(task.ID); task.Status != image.TaskPending || task.ExpiresAt != nil || task.Owner != "demo" || task.UserID != "demo-user" {
			t.Errorf("task %+v", task)
		}
		working(t, f.Service)
		if task = f.finished(task.ID); task.Status != image.TaskSuccess {
			t.Fatalf("task %+v", task)
		}
		after := f.get(i.ID)
		if after.Status != image.Active || *after.Size != 10 || after.Checksum != "781e5e245d69b566979b86e28d23f2c7" || after.ImportTask != "" || after.ImportState != image.Done || after.Reserved != 0 {
			t.Errorf("after: %+v", after)
		}
		_, err := f.Import(t.Context(), member, i.ID, fromWeb)
		kind(t, "again", err, errs.Conflict)
	})
}

func TestStageAndImport(t *testing.T) {
	each(t, image.Options{ProjectBytes: 2 << 20}, func(t *testing.T, f *fixture) {
		disk := file(t, func(path string) error { return qcow2.Create(path, 1<<20) })
		i := f.create(member, map[string]any{"disk_format": nil})
		kind(t, "stranger", f.Stage(t.Context(), other, i.ID, strings.NewReader("x"), 1), errs.NotFound)
		kind(t, "reader", f.Stage(t.Context(), reader, i.ID, strings.NewReader("x"), 1), errs.Forbidden)
		kind(t, "short", f.Stage(t.Context(), member, i.ID, strings.NewReader("x"), 2), errs.Invalid)
		_, err := f.Import(t.Context(), member, i.ID, staged)
		kind(t, "not staged", err, errs.Conflict)
		if _, err := f.Update(t.Context(), member, i.ID, []image.Change{{Op: "replace", Name: "disk_format", Value: "qcow2"}}); err != nil {
			t.Fatal(err)
		}
		if err := f.Stage(t.Context(), member, i.ID, bytes.NewReader(disk), -1); err != nil {
			t.Fatal(err)
		}
		got := f.get(i.ID)
		if got.Status != image.Uploading || *got.Size != int64(len(disk)) || got.Checksum != "" || got.Blob != "" {
			t.Errorf("staged: %+v", got)
		}
		kind(t, "stage again", f.Stage(t.Context(), member, i.ID, strings.NewReader("x"), 1), errs.Conflict)
		kind(t, "upload", f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1), errs.Conflict)
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		// What is staged survives a restart, and so does the wish to import it.
		task := f.imports(member, i.ID, staged)
		again := f.open(image.Options{})
		if err := again.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		working(t, again)
		if task = f.finished(task.ID); task.Status != image.TaskSuccess {
			t.Fatalf("task %+v", task)
		}
		got = f.get(i.ID)
		want := f.create(member, map[string]any{"disk_format": "qcow2"})
		if err := f.Upload(t.Context(), member, want.ID, bytes.NewReader(disk), -1); err != nil {
			t.Fatal(err)
		}
		want = f.get(want.ID)
		if got.Status != image.Active || *got.Size != *want.Size || *got.VirtualSize != 1<<20 || got.Checksum != want.Checksum || got.HashValue != want.HashValue {
			t.Errorf("imported %+v, uploaded %+v", got, want)
		}
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) != 1 {
			t.Errorf("left %v", files)
		}
	})
}

func TestStagedDataAreFreed(t *testing.T) {
	each(t, image.Options{ProjectBytes: 10}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		kind(t, "over quota", f.Stage(t.Context(), member, i.ID, strings.NewReader("0123456789a"), -1), errs.TooLarge)
		if err := f.Stage(t.Context(), member, i.ID, strings.NewReader("0123456789"), -1); err != nil {
			t.Fatal(err)
		}
		next := f.create(member, nil)
		kind(t, "what is staged counts", f.Upload(t.Context(), member, next.ID, strings.NewReader("x"), 1), errs.TooLarge)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) > 0 {
			t.Errorf("left %v", files)
		}
		if err := f.Upload(t.Context(), member, next.ID, strings.NewReader("x"), 1); err != nil {
			t.Error(err)
		}
	})
}

func TestImportIsRefused(t *testing.T) {
	source := &web{data: text("x")}
	each(t, image.Options{Source: source}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		with := func(change func(r *image.ImportRequest)) image.ImportRequest {
			r := fromWeb
			change(&r)
			return r
		}
		active := f.active(member, "x")
		for _, tt := range []struct {
			name    string
			caller  *policy.Caller
			id      string
			request image.ImportRequest
			kind    errs.Kind
		}{
			{"stranger", other, i.ID, fromWeb, errs.NotFound},
			{"reader", reader, i.ID, fromWeb, errs.Forbidden},
			{"method", member, i.ID, image.ImportRequest{Method: "copy-image"}, errs.Invalid},
			{"URI of a method without", member, i.ID, image.ImportRequest{Method: image.GlanceDirect, URI: "http://x"}, errs.Invalid},
			{"URI", member, i.ID, with(func(r *image.ImportRequest) { r.URI = "file:///etc/passwd" }), errs.Invalid},
			{"no URI", member, i.ID, with(func(r *image.ImportRequest) { r.URI = "" }), errs.Invalid},
			{"store", member, i.ID, with(func(r *image.ImportRequest) { r.Stores = []string{image.LocalStore, "moon"} }), errs.Conflict},
			{"active", member, active.ID, fromWeb, errs.Conflict},
			{"no disk format", member, f.create(member, map[string]any{"disk_format": nil}).ID, fromWeb, errs.Conflict},
			{"no container format", member, f.create(member, map[string]any{"container_format": nil}).ID, fromWeb, errs.Conflict},
		} {
			_, err := f.Import(t.Context(), tt.caller, tt.id, tt.request)
			kind(t, tt.name, err, tt.kind)
		}
		f.imports(member, i.ID, fromWeb)
		_, err := f.Import(t.Context(), member, i.ID, fromWeb)
		kind(t, "while one is to come", err, errs.Conflict)
		_, err = f.open(image.Options{}).Import(t.Context(), member, f.create(member, nil).ID, fromWeb)
		kind(t, "without a source", err, errs.Invalid)
	})
}

func TestImportFails(t *testing.T) {
	bad := vmdkText
	for _, tt := range []struct {
		name    string
		options image.Options
		data    func() (io.Reader, int64, error)
		message string
	}{
		{"dangerous", image.Options{}, text(bad), "cannot be accepted"},
		{"not there", image.Options{}, func() (io.Reader, int64, error) { return nil, 0, errs.New(errs.Unavailable, "answered HTTP 404") }, "answered HTTP 404"},
		{"secret cause", image.Options{}, func() (io.Reader, int64, error) { return nil, 0, errors.New("secret") }, "Internal Error"},
		{"short", image.Options{}, func() (io.Reader, int64, error) { return strings.NewReader("x"), 2, nil }, "2 bytes of image data were promised"},
		{"breaks off", image.Options{}, func() (io.Reader, int64, error) { return brokenReader{strings.NewReader("x")}, 2, nil }, "could not be read"},
		{"too large, as it says", image.Options{MaxSize: 3}, func() (io.Reader, int64, error) { return strings.NewReader(""), 4, nil }, "too large"},
		{"too large, as it is", image.Options{MaxSize: 3}, func() (io.Reader, int64, error) { return strings.NewReader("1234"), -1, nil }, "too large"},
		{"over quota", image.Options{ProjectBytes: 3}, func() (io.Reader, int64, error) { return strings.NewReader("1234"), -1, nil }, "storage quota"},
		{"no place", image.Options{KeepFree: 1 << 62}, text("1234"), "media is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := &web{data: tt.data}
			tt.options.Source = source
			each := each
			if tt.options.KeepFree > 0 {
				each = folders // an S3 store has no end
			}
			each(t, tt.options, func(t *testing.T, f *fixture) {
				i := f.create(member, nil)
				working(t, f.Service)
				f.refusedImport(tt.name, f.finished(f.imports(member, i.ID, fromWeb).ID), tt.message)
				// Nothing stands in the way of another try.
				if tt.options.MaxSize+tt.options.ProjectBytes+tt.options.KeepFree == 0 {
					if err := f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

func TestS18_S20_StagedContentIsInspected(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		working(t, f.Service)
		overlay := file(t, func(path string) error { return qcow2.CreateOverlay(path, "/etc/passwd", "raw", 1<<20) })
		for _, format := range []string{"qcow2", "raw"} {
			i := f.create(member, map[string]any{"disk_format": format})
			if err := f.Stage(t.Context(), member, i.ID, bytes.NewReader(overlay), -1); err != nil {
				t.Fatal(err)
			}
			f.refusedImport(format, f.finished(f.imports(member, i.ID, staged).ID), "cannot be accepted")
		}
	})
}

// endless sends a little and then nothing until it is let go.
type endless struct {
	first io.Reader
	stop  <-chan struct{}
}

func (e endless) Read(p []byte) (int, error) {
	if n, err := e.first.Read(p); err == nil {
		return n, nil
	}
	<-e.stop
	return 0, io.ErrUnexpectedEOF
}

// A server that ends in the middle leaves the import to the next, which begins
// again.
func TestImportSurvivesTheServer(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		stop := make(chan struct{})
		defer close(stop)
		source := &web{data: func() (io.Reader, int64, error) { return endless{strings.NewReader("half"), stop}, 8, nil }}
		first := f.open(image.Options{Server: "a", Source: source})
		i := f.create(member, nil)
		task, err := first.Import(t.Context(), member, i.ID, fromWeb)
		if err != nil {
			t.Fatal(err)
		}
		end := working(t, first)
		wait(t, "the first half is there", func() bool { return len(f.files()) == 1 })
		end()
		if task = f.task(task.ID); task.Status != image.TaskPending || task.Attempts != 0 || f.get(i.ID).Status != image.Importing {
			t.Errorf("between: %+v", task)
		}
		again := f.open(image.Options{Server: "a", Source: &web{data: text("complete")}})
		if err := again.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		working(t, again)
		if task = f.finished(task.ID); task.Status != image.TaskSuccess || *f.get(i.ID).Size != 8 || len(f.files()) != 1 {
			t.Errorf("after: %+v, %v", task, f.files())
		}
	})
}

// set writes to rows as a process that was killed left them.
func (f *fixture) set(table, set, id string) {
	f.t.Helper()
	err := f.db.Tx(f.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewRaw(fmt.Sprintf("UPDATE %s SET %s WHERE id = ?", table, set), id).Exec(ctx)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// What a killed server left is begun again, by itself or by another one when it
// was silent for a while; but not for ever.
func TestImportAfterKill(t *testing.T) {
	folders(t, image.Options{Server: "a", Source: &web{data: text("complete")}}, func(t *testing.T, f *fixture) {
		begin := func(server, seen string, attempts int) image.Task {
			i := f.create(member, nil)
			task := f.imports(member, i.ID, fromWeb)
			f.set("image_tasks", fmt.Sprintf("status = 'processing', server = '%s', seen_at = '%s', attempts = %d", server, seen, attempts), task.ID)
			f.set("images", fmt.Sprintf("upload_id = 'dead', upload_server = '%s'", server), i.ID)
			if err := os.WriteFile(filepath.Join(f.dir, i.ID+"_dead.17a.tmp"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			return task
		}
		old, recent := "2020-01-01 00:00:00", time.Now().UTC().Format("2006-01-02 15:04:05")
		own, others, alive, hopeless := begin("a", recent, 1), begin("b", old, 1), begin("b", recent, 1), begin("a", recent, 3)
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		working(t, f.Service)
		for _, task := range []image.Task{own, others} {
			if task = f.finished(task.ID); task.Status != image.TaskSuccess || f.get(task.ImageID).Status != image.Active {
				t.Errorf("task %+v", task)
			}
		}
		if task := f.finished(hopeless.ID); task.Status != image.TaskFailure || !strings.Contains(task.Message, "3 times") || f.get(task.ImageID).Status != image.Queued {
			t.Errorf("hopeless: %+v", task)
		}
		if task := f.task(alive.ID); task.Status != image.TaskProcessing || task.Server != "b" {
			t.Errorf("another server's: %+v", task)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) != 3 { // two images, and what the other server works on
			t.Errorf("files %v", files)
		}
	})
}

// S25: a delete in the middle breaks the import off and frees the bytes.
func TestS25_DeleteDuringImport(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		stop := make(chan struct{})
		defer close(stop)
		svc := f.open(image.Options{ProjectBytes: 8, Source: &web{data: func() (io.Reader, int64, error) { return endless{strings.NewReader("half"), stop}, 8, nil }}})
		i := f.create(member, nil)
		task, err := svc.Import(t.Context(), member, i.ID, fromWeb)
		if err != nil {
			t.Fatal(err)
		}
		working(t, svc)
		wait(t, "the first half is there", func() bool { return len(f.files()) == 1 })
		if err := svc.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if task = f.finished(task.ID); task.Status != image.TaskFailure || task.Message != "Image has been deleted, aborting import." {
			t.Errorf("task %+v", task)
		}
		wait(t, "the bytes are freed", func() bool { return len(f.files()) == 0 })
		next := f.create(member, nil)
		if err := svc.Upload(t.Context(), member, next.ID, strings.NewReader("12345678"), -1); err != nil {
			t.Error(err)
		}
	})
}

// An image that is gone before its import begins.
func TestImportOfDeleted(t *testing.T) {
	each(t, image.Options{Source: &web{data: text("x")}}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		task := f.imports(member, i.ID, fromWeb)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		working(t, f.Service)
		if task = f.finished(task.ID); task.Status != image.TaskFailure || !strings.Contains(task.Message, "deleted") {
			t.Errorf("task %+v", task)
		}
	})
}

// A task shows how far it is, also while its server does not answer yet.
func TestImportTellsHowFarItIs(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		answer, stop := make(chan struct{}), make(chan struct{})
		defer close(stop)
		svc := f.open(image.Options{Source: &web{data: func() (io.Reader, int64, error) {
			<-answer
			return endless{strings.NewReader(strings.Repeat("x", 3<<20)), stop}, -1, nil
		}}})
		svc.SignEvery(5 * time.Millisecond)
		i := f.create(member, nil)
		task, err := svc.Import(t.Context(), member, i.ID, fromWeb)
		if err != nil {
			t.Fatal(err)
		}
		working(t, svc)
		wait(t, "it is claimed", func() bool { return f.task(task.ID).Status == image.TaskProcessing })
		seen := f.task(task.ID).SeenAt
		wait(t, "it is seen at work", func() bool { return f.task(task.ID).SeenAt.After(seen) })
		close(answer)
		wait(t, "it tells", func() bool { return f.task(task.ID).Message == "Copied 3 MiB" })
		// Another server took it: this one lets go of it.
		f.set("image_tasks", "attempts = attempts + 1, server = 'b'", task.ID)
		wait(t, "the bytes are freed", func() bool { return len(f.files()) == 0 })
		if got := f.task(task.ID); got.Status != image.TaskProcessing || got.Server != "b" {
			t.Errorf("task %+v", got)
		}
	})
}

// A project has two imports at a time, whatever else it wants, and others do
// not wait for it.
func TestImportsWaitForPlace(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		stop := make(chan struct{})
		source := &web{data: func() (io.Reader, int64, error) { <-stop; return strings.NewReader("x"), 1, nil }}
		svc := f.open(image.Options{Source: source})
		var tasks []image.Task
		begin := func(c *policy.Caller, n int) {
			for range n {
				task, err := svc.Import(t.Context(), c, f.create(c, nil).ID, fromWeb)
				if err != nil {
					t.Fatal(err)
				}
				tasks = append(tasks, task)
			}
		}
		begin(member, 10)
		begin(other, 1)
		waiting := func() (n int) {
			for _, task := range tasks {
				if f.task(task.ID).Status == image.TaskPending {
					n++
				}
			}
			return n
		}
		working(t, svc)
		wait(t, "three are fetched", func() bool { return source.hits.Load() == 3 })
		if n := waiting(); n != 8 {
			t.Errorf("%d wait", n)
		}
		for n := range 6 { // more projects than there is place
			begin(caller(fmt.Sprint("p", n), "member"), 1)
		}
		wait(t, "eight are fetched", func() bool { return source.hits.Load() == 8 })
		if n := waiting(); n != 9 {
			t.Errorf("%d wait", n)
		}
		close(stop)
		for _, task := range tasks {
			if task = f.finished(task.ID); task.Status != image.TaskSuccess {
				t.Errorf("task %+v", task)
			}
		}
		wait(t, "all downloads are closed", func() bool { return source.close.Load() == 17 })
	})
}

func TestTasks(t *testing.T) {
	each(t, image.Options{Source: &web{data: text("x")}}, func(t *testing.T, f *fixture) {
		i := f.create(member, map[string]any{"visibility": "community"})
		first := f.imports(member, i.ID, fromWeb)
		second := f.imports(other, f.create(other, nil).ID, fromWeb)
		list := func(c *policy.Caller, q image.TaskQuery) string {
			t.Helper()
			if q.Limit == 0 {
				q.Limit = 10
			}
			found, err := f.Tasks(t.Context(), c, q)
			if err != nil {
				t.Fatal(err)
			}
			names := map[string]string{first.ID: "1", second.ID: "2"}
			out := ""
			for _, task := range found {
				out += names[task.ID]
			}
			return out
		}
		for want, q := range map[string]image.TaskQuery{
			"21": {}, "12": {Sort: store.Order{Key: "created_at"}}, "2": {Limit: 1}, "1": {Marker: second.ID}, "": {Status: "success"},
		} {
			if got := list(admin, q); got != want {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		for _, key := range image.TaskSortKeys {
			for _, desc := range []bool{false, true} {
				q := image.TaskQuery{Sort: store.Order{Key: key, Desc: desc}, Limit: 1}
				got := list(admin, q)
				q.Marker = map[string]string{"1": first.ID, "2": second.ID}[got]
				if got += list(admin, q); got != "12" && got != "21" {
					t.Errorf("%s: pages %s", key, got)
				}
			}
		}
		if got := list(admin, image.TaskQuery{Type: "import"}) + list(admin, image.TaskQuery{Type: image.TaskType, Marker: second.ID}); got != "1" {
			t.Errorf("by type: %s", got)
		}
		if found, err := f.Tasks(t.Context(), admin, image.TaskQuery{}); err != nil || len(found) != 0 {
			t.Errorf("no limit is none: %v, %v", found, err)
		}
		for name, q := range map[string]image.TaskQuery{"status": {Status: "x"}, "type": {Type: "x"}, "key": {Sort: store.Order{Key: "input"}}, "marker": {Marker: "x", Limit: 1}} {
			_, err := f.Tasks(t.Context(), admin, q)
			kind(t, name, err, errs.Invalid)
		}
		_, err := f.Tasks(t.Context(), member, image.TaskQuery{})
		kind(t, "a member's list", err, errs.Forbidden)
		_, err = f.Task(t.Context(), member, first.ID)
		kind(t, "a member's look", err, errs.Forbidden)
		_, err = f.Task(t.Context(), admin, "x")
		kind(t, "no task", err, errs.NotFound)
		for c, want := range map[*policy.Caller]int{member: 1, reader: 1, admin: 1, other: 0} {
			if found, err := f.ImageTasks(t.Context(), c, i.ID); err != nil || len(found) != want {
				t.Errorf("%s's: %v, %v", c.ProjectID, found, err)
			}
		}
		_, err = f.ImageTasks(t.Context(), member, second.ImageID)
		kind(t, "of a stranger's image", err, errs.NotFound)
		// A finished one goes when its time has come.
		f.set("image_tasks", "status = 'failure', expires_at = '2020-01-01 00:00:00'", first.ID)
		_, err = f.Task(t.Context(), admin, first.ID)
		kind(t, "expired", err, errs.NotFound)
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := f.db.Read().NewSelect().TableExpr("image_tasks").ColumnExpr("COUNT(*)").Scan(t.Context(), &rows); err != nil || rows != 1 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}
