package image_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/store/storetest"
)

// fakeS3 is an S3 store in this process.
type fakeS3 struct {
	t        *testing.T
	backend  gofakes3.Backend
	location string
	away     atomic.Bool                              // it answers nothing
	fault    atomic.Pointer[func(*http.Request) bool] // requests that fail
}

func newFakeS3(t *testing.T) *fakeS3 {
	t.Helper()
	s := &fakeS3{t: t, backend: s3mem.New()}
	if err := s.backend.CreateBucket("images"); err != nil {
		t.Fatal(err)
	}
	inner := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := s.fault.Load()
		if s.away.Load() || fault != nil && (*fault)(r) {
			panic(http.ErrAbortHandler)
		}
		plain(r)
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	keys := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(keys, []byte("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.location = fmt.Sprintf("s3://images?endpoint=%s&region=us-east-1&credentials=%s", server.URL, keys)
	return s
}

// plain takes a body out of the chunks, each with its signature, in which it
// comes where there is no TLS: the store in this process knows them not.
func plain(r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return
	}
	length := r.Header.Get("X-Amz-Decoded-Content-Length")
	r.Header.Del("Content-Encoding")
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.Header.Set("Content-Length", length)
	r.ContentLength, _ = strconv.ParseInt(length, 10, 64)
	from, to := bufio.NewReader(r.Body), new(bytes.Buffer)
	for {
		head, err := from.ReadString('\n')
		size, _ := strconv.ParseInt(strings.TrimSpace(strings.Split(head, ";")[0]), 16, 64)
		if err != nil || size == 0 {
			break
		}
		if _, err := io.CopyN(to, from, size); err != nil {
			break
		}
		_, _ = from.Discard(2)
	}
	r.Body = io.NopCloser(to)
}

// keys lists all blobs.
func (s *fakeS3) keys() []string {
	s.t.Helper()
	found, err := s.backend.ListBucket("images", nil, gofakes3.ListBucketPage{})
	if err != nil {
		s.t.Fatal(err)
	}
	var keys []string
	for _, o := range found.Contents {
		keys = append(keys, o.Key)
	}
	return keys
}

// blobs lists them by what they belong to.
func (s *fakeS3) blobs() []string {
	var names []string
	for _, key := range s.keys() {
		name, _, _ := strings.Cut(key, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (s *fakeS3) remove(key string) {
	s.t.Helper()
	if _, err := s.backend.DeleteObject("images", key); err != nil {
		s.t.Fatal(err)
	}
}

// s3 runs a test with an S3 store.
func s3(t *testing.T, options image.Options, test func(t *testing.T, f *fixture)) {
	t.Parallel()
	f := &fixture{t: t, db: storetest.SQLite(t), s3: newFakeS3(t)}
	f.Service = f.open(options)
	test(t, f)
}

func (f *fixture) content(id string, offset, length int64) (string, error) {
	r, err := f.Data(context.Background(), f.get(id), offset, length)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

// Uploads that are larger than one part of S3's, and ranges of them.
func TestS3Large(t *testing.T) {
	s3(t, image.Options{}, func(t *testing.T, f *fixture) {
		random := rand.New(rand.NewPCG(1, 2))
		data := make([]byte, 40<<20)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		i := f.active(member, string(data))
		for _, r := range [][2]int64{{0, -1}, {0, 5}, {1, 0}, {16<<20 - 3, 6}, {39 << 20, -1}, {int64(len(data)) - 1, 1}} {
			end := r[0] + r[1]
			if r[1] < 0 {
				end = int64(len(data))
			}
			if got, err := f.content(i.ID, r[0], r[1]); err != nil || got != string(data[r[0]:end]) {
				t.Errorf("range %v: %d bytes, %v", r, len(got), err)
			}
		}
	})
}

// Any range of an image that came in parts is what it was.
func TestS3RangesOfParts(t *testing.T) {
	s3(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		f.mustPart(i.ID, letters, 0, 4, 5)
		f.mustPart(i.ID, letters, 5, 5, 6)
		f.mustPart(i.ID, letters, 6, 25, 26)
		for offset := range int64(27) {
			for length := int64(-1); offset+length <= 26; length++ {
				want := letters[offset:]
				if length >= 0 {
					want = letters[offset : offset+length]
				}
				if got, err := f.content(i.ID, offset, length); err != nil || got != want {
					t.Fatalf("%d from %d: %q, %v", length, offset, got, err)
				}
			}
		}
		if n := len(f.s3.keys()); n != 4 { // three parts and their index
			t.Errorf("keys %v", f.s3.keys())
		}
		if err := f.Recover(t.Context()); err != nil || len(f.s3.keys()) != 4 {
			t.Errorf("after recovering: %v, %v", f.s3.keys(), err)
		}
		f.s3.remove(f.s3.keys()[1])
		if got, err := f.content(i.ID, 0, -1); err == nil {
			t.Errorf("data of which a part is lost: %q", got)
		}
		if err := f.Delete(t.Context(), member, i.ID); err != nil || len(f.s3.keys()) != 0 {
			t.Errorf("deleted: %v, %v", f.s3.keys(), err)
		}
	})
}

// While the store is away, nothing is lost and clients are told so.
func TestS3Away(t *testing.T) {
	s3(t, image.Options{Server: "a"}, func(t *testing.T, f *fixture) {
		kept, dropped := f.active(member, "kept"), f.active(member, "dropped")
		parts, whole := f.create(member, nil), f.create(member, nil)
		f.mustPart(parts.ID, letters, 0, 9, 10)
		f.s3.away.Store(true)
		kind(t, "upload", f.Upload(t.Context(), member, whole.ID, strings.NewReader("x"), 1), errs.Unavailable)
		kind(t, "stage", f.Stage(t.Context(), member, whole.ID, strings.NewReader("x"), 1), errs.Unavailable)
		_, err := f.part(parts.ID, letters, 10, 19)
		kind(t, "part", err, errs.Unavailable)
		_, err = f.part(parts.ID, letters, 0, 9)
		kind(t, "a part again", err, errs.Unavailable)
		_, err = f.content(kept.ID, 0, -1)
		kind(t, "download", err, errs.Unavailable)
		kind(t, "recover", f.Recover(t.Context()), errs.Unavailable)
		if err := f.Delete(t.Context(), member, dropped.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
		if got := f.get(whole.ID); got.Status != image.Queued {
			t.Errorf("the upload that failed: %+v", got)
		}
		// A server that starts now is not kept from it.
		again := f.open(image.Options{Server: "a"})
		f.s3.away.Store(false)
		f.Service = again
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := f.content(kept.ID, 0, -1); err != nil || got != "kept" {
			t.Errorf("%q, %v", got, err)
		}
		f.mustPart(parts.ID, letters, 10, 25, 26)
		f.asUploaded(parts.ID, letters)
		if err := f.Upload(t.Context(), member, whole.ID, strings.NewReader("x"), 1); err != nil {
			t.Error(err)
		}
		if names := f.files(); len(names) != 3 {
			t.Errorf("blobs %v", names)
		}
	})
}

// A part whose client leaves is kept as far as it came; one that the store did
// not take whole is not counted, and comes again.
func TestS3PartIsCutOff(t *testing.T) {
	s3(t, image.Options{}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		ctx, leave := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan image.Progress)
		go func() {
			p, err := f.UploadPart(ctx, member, i.ID, image.Part{First: 0, Last: 9, Total: 26}, r)
			if err == nil {
				t.Error("no error")
			}
			done <- p
		}()
		if _, err := w.Write([]byte(letters[:7])); err != nil {
			t.Fatal(err)
		}
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
		leave()
		p := <-done
		if p.Held != 7 && p.Held != 0 { // the client left before or after the bytes were taken
			t.Fatalf("held %+v", p)
		}
		failing := func(r *http.Request) bool {
			return r.Method == http.MethodPut && !strings.Contains(r.URL.Path, ".index")
		}
		f.s3.fault.Store(&failing)
		_, err := f.part(i.ID, letters, p.Held, 19)
		kind(t, "a part that the store does not take", err, errs.Unavailable)
		indexing := func(r *http.Request) bool { return strings.Contains(r.URL.Path, ".index") }
		f.s3.fault.Store(&indexing)
		_, err = f.part(i.ID, letters, p.Held, 25)
		kind(t, "an index that the store does not take", err, errs.Unavailable)
		f.s3.fault.Store(nil)
		if got := f.get(i.ID); p.Held > 0 && got.Status != image.Saving {
			t.Errorf("between: %+v", got)
		}
		f.mustPart(i.ID, letters, p.Held, 25, 26)
		f.asUploaded(i.ID, letters)
		if n := len(f.s3.keys()); n > 3 {
			t.Errorf("parts that were given up are there: %v", f.s3.keys())
		}
	})
}

// What a killed server left is removed: blobs, parts and unfinished uploads that
// no image knows. What an image knows stays.
func TestS3RecoverAfterKill(t *testing.T) {
	s3(t, image.Options{Server: "a"}, func(t *testing.T, f *fixture) {
		kept, parts := f.active(member, "kept"), f.create(member, nil)
		f.mustPart(parts.ID, letters, 0, 9, 10)
		for _, key := range []string{"i_u", "i_u.v", "i_u.index"} {
			if _, err := f.s3.backend.PutObject("images", key, nil, strings.NewReader("x"), 1, nil); err != nil {
				t.Fatal(err)
			}
		}
		ctx, kill := context.WithCancel(t.Context())
		r, w := io.Pipe()
		i := f.create(member, nil)
		done := make(chan error)
		go func() { done <- f.Upload(ctx, member, i.ID, r, -1) }()
		if _, err := w.Write(make([]byte, 20<<20)); err != nil { // more than one of S3's parts
			t.Fatal(err)
		}
		again := f.open(image.Options{Server: "a"})
		if err := again.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := f.get(i.ID); after.Status != image.Queued {
			t.Errorf("after the start: %+v", after)
		}
		kill()
		_ = w.Close()
		if err := <-done; err == nil {
			t.Error("the old upload succeeded")
		}
		if names := f.files(); len(names) != 2 {
			t.Errorf("blobs %v", names)
		}
		if got, err := f.content(kept.ID, 0, -1); err != nil || got != "kept" {
			t.Errorf("%q, %v", got, err)
		}
		f.mustPart(parts.ID, letters, 10, 25, 26)
	})
}

func TestCheckStore(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"s3://bucket?region=eu-west-1", "s3://bucket?endpoint=http://127.0.0.1:9000", "s3://bucket/?endpoint=minio:9000&region=x&credentials=/etc/wisp/s3",
	} {
		if got, err := image.CheckStore(location); err != nil || got != location {
			t.Errorf("%s: %s, %v", location, got, err)
		}
	}
	if got, err := image.CheckStore("images"); err != nil || !filepath.IsAbs(got) {
		t.Errorf("%s, %v", got, err)
	}
	for _, location := range []string{
		"s3://", "s3://bucket", "s3://key:secret@bucket?region=x", "s3://bucket?region=x&secret=y", "s3://bucket/folder?region=x", "gs://bucket", "s3://bucket?endpoint=ftp://x",
		"s3://bucket?endpoint=http://u:p@x", "s3://bucket?endpoint=http://x/y",
	} {
		if _, err := image.CheckStore(location); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", location, err)
		}
		if strings.HasPrefix(location, "s3://") {
			if _, err := image.OpenStore(t.Context(), location); err == nil {
				t.Errorf("%s was opened", location)
			}
		}
	}
	if _, err := image.OpenStore(t.Context(), "s3://bucket?region=x&credentials=/nowhere"); errs.Of(err) != errs.Invalid {
		t.Errorf("without credentials: %v", err)
	}
}
