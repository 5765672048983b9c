package image_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/image"
)

// cached opens a server with a cache of so many bytes in a folder, which works.
func (f *fixture) cached(dir string, most int64) (s *image.Service, stop func()) {
	f.t.Helper()
	s = f.open(image.Options{Cache: dir, CacheBytes: most})
	if err := s.OpenCache(); err != nil {
		f.t.Fatal(err)
	}
	s.CacheEvery(2 * time.Millisecond)
	return s, working(f.t, s)
}

// copies are the ids of the images that a server has copies of.
func copies(t *testing.T, s *image.Service) []string {
	t.Helper()
	found, _, err := s.CacheState(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, c := range found {
		ids = append(ids, c.ImageID)
	}
	return ids
}

func read(t *testing.T, s *image.Service, i image.Image, offset, length int64) string {
	t.Helper()
	data, err := s.Data(t.Context(), i, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func holds(t *testing.T, s *image.Service, want ...image.Image) {
	t.Helper()
	ids := []string{}
	for _, i := range want {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	wait(t, "the cache has what it should", func() bool { return slices.Equal(copies(t, s), ids) })
}

func TestCache(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, f *fixture) {
		dir := filepath.Join(t.TempDir(), "cache")
		s, stop := f.cached(dir, 25)
		one, two, three := f.active(member, "0123456789"), f.active(member, "abcdefghij"), f.active(member, "ABCDEFGHIJ")
		if err := s.QueueForCache(t.Context(), admin, one.ID); err != nil {
			t.Fatal(err)
		}
		holds(t, s, one)
		read(t, s, two, 0, -1) // what is read is kept
		holds(t, s, one, two)
		wait(t, "nothing is queued", func() bool { _, queued, _ := s.CacheState(t.Context(), admin); return len(queued) == 0 })
		state, _, err := s.CacheState(t.Context(), admin)
		if err != nil || state[0].Size != 10 || state[0].Hits != 0 || state[0].Accessed.IsZero() || state[0].Modified.IsZero() {
			t.Errorf("state %+v %v", state, err)
		}
		if got := read(t, s, one, 3, 4) + read(t, s, one, 8, -1); got != "345689" {
			t.Errorf("parts %q", got)
		}
		read(t, s, three, 0, -1) // two was not read for longest, and has to go
		holds(t, s, one, three)
		if i := f.active(member, strings.Repeat("x", 26)); read(t, s, i, 0, -1) == "" {
			t.Error("larger than the cache")
		}
		holds(t, s, one, three)

		// The copies are still there after a restart, and those of uploads that
		// did not end, or of deleted images, are not.
		stop()
		for _, name := range []string{three.Blob + ".part", "stranger"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Delete(t.Context(), member, three.ID); err != nil {
			t.Fatal(err)
		}
		s, _ = f.cached(dir, 25)
		if err := s.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		holds(t, s, one)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("left %v %v", entries, err)
		}
		if read(t, s, one, 0, -1) != "0123456789" {
			t.Error("another content")
		}
		// A copy that somebody took is read from the store.
		if err := os.Remove(filepath.Join(dir, one.Blob)); err != nil {
			t.Fatal(err)
		}
		if read(t, s, one, 0, -1) != "0123456789" {
			t.Error("another content")
		}
		holds(t, s, one)
		if err := s.Delete(t.Context(), member, one.ID); err != nil {
			t.Fatal(err)
		}
		holds(t, s)
	})
}

// The cache never has what the image is not.
func TestS24_CacheChecksTheData(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		s, _ := f.cached(t.TempDir(), 100)
		bad, good := f.active(member, "0123456789"), f.active(member, "abcdefghij")
		if err := os.WriteFile(filepath.Join(f.dir, bad.Blob), []byte("0123456780"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, i := range []image.Image{bad, good} {
			if err := s.QueueForCache(t.Context(), admin, i.ID); err != nil {
				t.Fatal(err)
			}
		}
		holds(t, s, good)
		// What is in the cache is read from there.
		if err := os.Remove(filepath.Join(f.dir, good.Blob)); err != nil {
			t.Fatal(err)
		}
		if read(t, s, good, 0, -1) != "abcdefghij" {
			t.Error("another content")
		}
	})
}

func TestCacheRefuses(t *testing.T) {
	folders(t, image.Options{}, func(t *testing.T, f *fixture) {
		without := f.open(image.Options{})
		if err := without.OpenCache(); err != nil || without.HasCache() {
			t.Errorf("a cache without a folder: %v", err)
		}
		s := f.open(image.Options{Cache: t.TempDir(), CacheBytes: 100})
		if err := s.OpenCache(); err != nil {
			t.Fatal(err)
		}
		i := f.active(member, "0123456789")
		_, _, err := without.CacheState(t.Context(), admin)
		kind(t, "state of none", err, errs.NotFound)
		for what, call := range map[string]func(s *image.Service) error{
			"queue": func(s *image.Service) error { return s.QueueForCache(t.Context(), member, i.ID) },
			"drop":  func(s *image.Service) error { return s.DropFromCache(t.Context(), member, i.ID) },
			"clear": func(s *image.Service) error { return s.ClearCache(t.Context(), member, "") },
			"list":  func(s *image.Service) error { _, _, err := s.CacheState(t.Context(), member); return err },
		} {
			kind(t, what, call(s), errs.Forbidden)
			kind(t, what+" of none", call(without), errs.Forbidden)
		}
		kind(t, "no image", s.QueueForCache(t.Context(), admin, "x"), errs.NotFound)
		kind(t, "no data", s.QueueForCache(t.Context(), admin, f.create(member, nil).ID), errs.Invalid)
		kind(t, "drop no image", s.DropFromCache(t.Context(), admin, "x"), errs.NotFound)
		kind(t, "clear what", s.ClearCache(t.Context(), admin, "all"), errs.Invalid)
		// Nobody works: what is queued stays so.
		for _, target := range []string{"cache", "queue", ""} {
			if err := s.QueueForCache(t.Context(), admin, i.ID); err != nil {
				t.Fatal(err)
			}
			if err := s.ClearCache(t.Context(), admin, target); err != nil {
				t.Fatal(err)
			}
			_, queued, err := s.CacheState(t.Context(), admin)
			if want := map[string]int{"cache": 1}[target]; err != nil || len(queued) != want {
				t.Errorf("after clearing %q: %v %v", target, queued, err)
			}
		}
		if err := s.DropFromCache(t.Context(), admin, i.ID); err != nil {
			t.Errorf("drop what is not there: %v", err)
		}
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.open(image.Options{Cache: filepath.Join(file, "cache")}).OpenCache(); err == nil {
			t.Error("a cache below a file")
		}
	})
}
