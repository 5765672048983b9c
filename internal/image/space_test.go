package image_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"syscall"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

const (
	mib, gib = 1 << 20, 1 << 30
	fullText = "Image storage media is full: There is not enough disk space on the image storage media."
)

// refusedFull checks that an upload found no place and left nothing.
func refusedFull(t *testing.T, f *fixture, id string, err error) {
	t.Helper()
	public, ok := errors.AsType[*errs.Error](err)
	if !ok || public.Kind != errs.TooLarge || public.Message != fullText {
		t.Errorf("error %v, want that there is no place", err)
	}
	after := f.get(id)
	if after.Status != image.Queued || after.Size != nil || after.Reserved != 0 || after.UploadID != "" {
		t.Errorf("left as %+v", after)
	}
	if files := f.files(); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

func TestUploadKeepsSpaceFree(t *testing.T) {
	tests := []struct {
		name        string
		free, total int64
		keep        int64 // 0 is the default
		declared    int64
		full        bool
	}{
		{"plenty", 50 * gib, 100 * gib, 0, 5, false},
		{"just the floor stays", 5*gib + 5, 100 * gib, 0, 5, false},
		{"less than a twentieth would stay", 5*gib + 4, 100 * gib, 0, 5, true},
		{"what is promised counts", 50 * gib, 100 * gib, 0, 46 * gib, true},
		{"unknown length, at the floor", 5 * gib, 100 * gib, 0, -1, false},
		{"unknown length, below the floor", 5*gib - 1, 100 * gib, 0, -1, true},
		{"1 GiB of a middling one", gib + 5, 10 * gib, 0, 5, false},
		{"less than 1 GiB of a middling one", gib + 4, 10 * gib, 0, 5, true},
		{"256 MiB of a tiny one", 256*mib + 5, 2 * gib, 0, 5, false},
		{"less than 256 MiB of a tiny one", 256*mib + 4, 2 * gib, 0, 5, true},
		{"a twentieth of a small one", 400 * mib, 9 * gib, 0, 5, true},
		{"what the operator keeps", 15, 100 * gib, 10, 5, false},
		{"less than the operator keeps", 14, 100 * gib, 10, 5, true},
	}
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				svc := f.open(image.Options{KeepFree: tt.keep})
				svc.SpaceFrom(func() (int64, int64, error) { return tt.free, tt.total, nil })
				i := f.create(member, nil)
				err := svc.Upload(t.Context(), member, i.ID, strings.NewReader("12345"), tt.declared)
				if tt.full {
					refusedFull(t, f, i.ID, err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Delete(t.Context(), member, i.ID); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// The real file system is asked, and it has less than all of the bytes.
func TestUploadAsksTheFileSystem(t *testing.T) {
	folders(t, image.Options{KeepFree: math.MaxInt64}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		refusedFull(t, f, i.ID, f.Upload(t.Context(), member, i.ID, strings.NewReader("12345"), 5))
	})
}

// Nobody is told of the disk who may not use it.
func TestFullDiskIsNoOnesBusiness(t *testing.T) {
	folders(t, image.Options{KeepFree: math.MaxInt64}, func(t *testing.T, f *fixture) {
		i := f.create(member, nil)
		kind(t, "stranger", f.Upload(t.Context(), other, i.ID, strings.NewReader("x"), 1), errs.NotFound)
		kind(t, "reader", f.Upload(t.Context(), reader, i.ID, strings.NewReader("x"), 1), errs.Forbidden)
	})
}

// An upload stops when the disk fills up while its data come in, whoever
// fills it.
func TestUploadStopsWhenTheDiskFills(t *testing.T) {
	folders(t, image.Options{KeepFree: 10 * mib}, func(t *testing.T, f *fixture) {
		f.LookEvery(mib)
		for _, declared := range []int64{-1, 8 * mib} {
			looks, free := 0, int64(20*mib)
			f.SpaceFrom(func() (int64, int64, error) {
				looks++
				if looks > 1 {
					free -= 4 * mib
				}
				return free, 100 * gib, nil
			})
			i := f.create(member, nil)
			data := strings.NewReader(strings.Repeat("x", 8*mib))
			refusedFull(t, f, i.ID, f.Upload(t.Context(), member, i.ID, data, declared))
			if looks != 4 || data.Len() < 4*mib {
				t.Errorf("declared %d: %d looks, %d bytes were not read", declared, looks, data.Len())
			}
		}
	})
}

func TestUploadWithoutKnowingTheSpace(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		f.SpaceFrom(func() (int64, int64, error) { return 0, 0, syscall.EIO })
		i := f.create(member, nil)
		if err := f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1); !errors.Is(err, syscall.EIO) {
			t.Errorf("error %v", err)
		}
		if after := f.get(i.ID); after.Status != image.Queued || len(f.files()) > 0 {
			t.Errorf("left: %s, %v", after.Status, f.files())
		}
	})
}

// brokenBucket fails at one step of taking a blob.
type brokenBucket struct {
	driver.Bucket // nil: nothing else is called

	step string
	err  error
}

func (b *brokenBucket) at(step string) error {
	if step == b.step {
		return b.err
	}
	return nil
}

func (b *brokenBucket) NewTypedWriter(context.Context, string, string, *driver.WriterOptions) (driver.Writer, error) {
	return brokenWriter{b}, b.at("create")
}

func (b *brokenBucket) ListPaged(context.Context, *driver.ListOptions) (*driver.ListPage, error) {
	return &driver.ListPage{}, nil
}

func (b *brokenBucket) Delete(context.Context, string, *driver.DeleteOptions) error { return nil }
func (b *brokenBucket) ErrorCode(error) gcerrors.ErrorCode                          { return gcerrors.Unknown }
func (b *brokenBucket) Close() error                                                { return nil }

type brokenWriter struct{ b *brokenBucket }

func (w brokenWriter) Write(p []byte) (int, error) { return len(p), w.b.at("write") }
func (w brokenWriter) Close() error                { return w.b.at("close") }

func TestStoreFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, step := range []string{"create", "write", "close"} {
			for cause, want := range map[error]errs.Kind{syscall.ENOSPC: errs.TooLarge, syscall.EDQUOT: errs.TooLarge, syscall.EIO: errs.Unavailable} {
				t.Run(step+" "+cause.Error(), func(t *testing.T) {
					blobs := image.OpenBucket(blob.NewBucket(&brokenBucket{step: step, err: cause}))
					defer func() { _ = blobs.Close() }()
					f := &fixture{Service: image.New(db, blobs, slog.New(slog.DiscardHandler), image.Options{}), t: t, db: db, dir: t.TempDir()}
					i := f.create(member, nil)
					err := f.Upload(t.Context(), member, i.ID, strings.NewReader("x"), 1)
					if !errors.Is(err, cause) || errs.Of(err) != want {
						t.Errorf("error %v of kind %s, want kind %s", err, errs.Of(err), want)
					}
					if want == errs.TooLarge {
						refusedFull(t, f, i.ID, err)
					}
				})
			}
		}
	})
}
