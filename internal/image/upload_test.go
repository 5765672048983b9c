package image_test

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/policy"
	"wisp/internal/store"
)

func TestUpload(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		data := strings.Repeat("wisp", 300_000)
		i := f.active(member, data)
		md, sha := md5.Sum([]byte(data)), sha512.Sum512([]byte(data))
		size := int64(len(data))
		got := []any{i.Status, *i.Size, *i.VirtualSize, i.Checksum, i.HashAlgo, i.HashValue}
		want := []any{"active", size, size, hex.EncodeToString(md[:]), "sha512", hex.EncodeToString(sha[:])}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		r, n, err := f.Open(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || string(content) != data || n != size {
			t.Errorf("%d of %d bytes, %v", len(content), n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		if files := f.files(); len(files) > 0 {
			t.Errorf("left: %v", files)
		}
		_, _, err = f.Open(t.Context(), i.ID)
		kind(t, "open what was deleted", err, errs.NotFound)
	})
}

// A reader that found the image before it was deleted finds no data after.
func TestDataDeletedMeanwhile(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.active(member, "data")
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		for _, length := range []int64{-1, 2} {
			_, err := f.Data(t.Context(), i, 0, length)
			kind(t, "read", err, errs.NotFound)
		}
	})
}

func TestOpenWithoutData(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		_, _, err := f.Open(t.Context(), f.create(member, nil).ID)
		kind(t, "open", err, errs.Conflict)
	})
}

type brokenReader struct{ data io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.data.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Whatever refuses an upload leaves the image as it was, and no bytes.
func TestUploadFails(t *testing.T) {
	tests := []struct {
		name       string
		attributes map[string]any
		caller     *policy.Caller
		data       io.Reader
		size       int64
		kind       errs.Kind
	}{
		{"reader's", nil, reader, strings.NewReader("x"), 1, errs.Forbidden},
		{"stranger's", nil, other, strings.NewReader("x"), 1, errs.NotFound},
		{"no disk format", map[string]any{"disk_format": nil}, member, strings.NewReader("x"), 1, errs.Invalid},
		{"no container format", map[string]any{"container_format": nil}, member, strings.NewReader("x"), 1, errs.Invalid},
		{"no format at all", map[string]any{"disk_format": nil, "container_format": nil}, member, strings.NewReader("x"), 1, errs.Invalid},
		{"fewer bytes than promised", nil, member, strings.NewReader("x"), 2, errs.Invalid},
		{"more bytes than promised", nil, member, strings.NewReader("xyz"), 2, errs.Invalid},
		{"client goes away", nil, member, brokenReader{strings.NewReader("xyz")}, -1, errs.Invalid},
		{"declared qcow2 and is not", map[string]any{"disk_format": "qcow2"}, member, strings.NewReader("xyz"), 3, errs.UnsupportedMedia},
		{"declared gpt and is not", map[string]any{"disk_format": "gpt"}, member, strings.NewReader("xyz"), 3, errs.UnsupportedMedia},
	}
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		for _, tt := range tests {
			i := f.create(member, tt.attributes)
			data := tt.data
			if s, ok := data.(*strings.Reader); ok { // each engine reads it from the start
				copied := *s
				data = &copied
			}
			kind(t, tt.name, f.Upload(t.Context(), tt.caller, i.ID, data, tt.size), tt.kind)
			after := f.get(i.ID)
			if after.Status != image.Queued || after.Size != nil || after.Reserved != 0 || after.UploadID != "" {
				t.Errorf("%s: left as %+v", tt.name, after)
			}
			if files := f.files(); len(files) > 0 {
				t.Errorf("%s: left %v", tt.name, files)
			}
		}
	})
}

func TestUploadWithoutStore(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		if err := os.RemoveAll(f.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1); err == nil {
			t.Error("no error")
		}
		if after := f.get(i.ID); after.Status != image.Queued {
			t.Errorf("status %s", after.Status)
		}
	})
}

func TestRecoverAfterKill(t *testing.T) {
	folders(t, image.Options{Server: "a", ProjectBytes: 1000}, func(t *testing.T, f *fixture) {
		kept := f.active(member, "kept")
		i := f.create(member, nil)
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result := make(chan error, 1)
		go func() { result <- f.Upload(ctx, member, i.ID, r, 900) }()
		if _, err := w.Write([]byte("half of it")); err != nil {
			t.Fatal(err)
		}
		wait(t, "the partial file is there", func() bool { return len(f.files()) == 2 })
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.get(i.ID).Status != image.Saving || len(f.files()) != 2 {
			t.Fatal("an upload that goes on was disturbed")
		}
		if err := f.open(image.Options{Server: "b"}).Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.get(i.ID).Status != image.Saving || len(f.files()) != 2 {
			t.Fatal("another server's upload was disturbed")
		}
		// The same server starts again: the upload above is of a process
		// that it takes for dead.
		again := f.open(image.Options{Server: "a", ProjectBytes: 1000})
		if err := again.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := f.get(i.ID); after.Status != image.Queued || after.UploadID != "" || after.Reserved != 0 {
			t.Errorf("after the start: %+v", after)
		}
		if files := f.files(); len(files) != 1 || !strings.HasPrefix(files[0], kept.ID) {
			t.Errorf("files %v", files)
		}
		if err := again.Upload(t.Context(), member, i.ID, strings.NewReader("all of it"), 9); err != nil {
			t.Errorf("upload again: %v", err)
		}
		// What was taken for dead and was not must not touch the new data.
		go func() { _, _ = w.Write(make([]byte, 890)); _ = w.Close() }()
		if err := <-result; err == nil {
			t.Error("the old upload succeeded")
		}
		if after := f.get(i.ID); after.Status != image.Active || *after.Size != 9 || len(f.files()) != 2 {
			t.Errorf("after the old upload: %+v, %v", after, f.files())
		}
	})
}

func TestRecoverOthersSilentUploads(t *testing.T) {
	folders(t, image.Options{Server: "a"}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		err := f.db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NewUpdate().Model((*image.Image)(nil)).Set("status = 'saving'").Set("upload_id = 'u'").Set("upload_server = 'gone'").
				Set("upload_seen_at = ?", time.Now().UTC().Add(-time.Hour)).Where("id = ?", i.ID).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{i.ID + "_u.17a.tmp": "partial", "stray": "garbage"} {
			if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx, time.Hour); close(done) }()
		wait(t, "the image is queued and the files are gone", func() bool { return f.get(i.ID).Status == image.Queued && len(f.files()) == 0 })
		stop()
		<-done
	})
}

func TestRecoverKeepsWhatLostItsData(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.active(member, "x")
		if err := os.Remove(filepath.Join(f.dir, f.files()[0])); err != nil {
			t.Fatal(err)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.get(i.ID).Status != image.Active {
			t.Error("the status was changed")
		}
		_, _, err := f.Open(t.Context(), i.ID)
		kind(t, "open what is lost", err, errs.NotFound)
		if err := f.Delete(t.Context(), member, i.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
}

// An upload learns by its next sign of life that another server deleted its
// image, although its client sends nothing.
func TestUploadLearnsOfDeleteElsewhere(t *testing.T) {
	each(t, image.Options{Server: "a"}, func(t *testing.T, f *fixture) {
		f.SignEvery(5 * time.Millisecond)
		i := f.create(member, nil)
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result := make(chan error, 1)
		go func() { result <- f.Upload(t.Context(), member, i.ID, r, -1) }()
		if _, err := w.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		seen := f.get(i.ID).UploadSeenAt
		wait(t, "the upload gives a sign of life", func() bool { return f.get(i.ID).UploadSeenAt.After(seen) })
		if err := f.open(image.Options{Server: "b"}).Delete(t.Context(), member, i.ID); err != nil {
			t.Fatal(err)
		}
		kind(t, "upload", <-result, errs.Gone)
		if files := f.files(); len(files) > 0 {
			t.Errorf("left: %v", files)
		}
	})
}

// A client that goes away ends its upload at once.
func TestUploadEndsWithItsRequest(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		ctx, leave := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- f.Upload(ctx, member, i.ID, r, -1) }()
		if _, err := w.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		leave()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if after := f.get(i.ID); after.Status != image.Queued || len(f.files()) > 0 {
			t.Errorf("left: %s, %v", after.Status, f.files())
		}
	})
}

// What an upload sets aside is set aside, too, when the engine wants the
// transaction again: others must not be given the same bytes.
func TestReservationIsRepeated(t *testing.T) {
	each(t, image.Options{ProjectBytes: 100}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		result, runs := make(chan error, 1), 0
		told := make(chan struct{}, 1)
		go func() {
			result <- f.UploadTelling(t.Context(), member, i.ID, r, func() error {
				if runs++; runs == 1 {
					return &pgconn.PgError{Code: "40001"} // could not serialize access
				}
				select {
				case told <- struct{}{}:
				default: // a sign of life after the one that is waited for
				}
				return nil
			})
		}()
		if _, err := w.Write(make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
		<-told
		next := f.create(member, nil)
		kind(t, "another upload", f.Upload(t.Context(), member, next.ID, strings.NewReader(letters), 26), errs.TooLarge)
		if got := f.get(i.ID).Reserved; got != 100 {
			t.Errorf("%d bytes are set aside", got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if got := f.get(i.ID); got.Status != image.Active || got.Reserved != 0 {
			t.Errorf("left as %+v", got)
		}
	})
}
