package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

func TestImageFetchedOnceAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := append(bytes.Repeat([]byte("head"), 5000), make([]byte, 3<<20)...) // ends in a hole
	image := w.cloud.addImage(content)
	block := make(chan struct{})
	w.cloud.block[image.ID] = block
	var instances []nodeapi.Instance
	for range 5 {
		instances = append(instances, instance(image))
	}
	w.cloud.put(instances...)
	n, stop := w.start()
	eventually(t, "they wait for the image", func() bool {
		return strings.HasPrefix(w.cloud.status(instances[4].ID).Message, "Fetching the image")
	})
	close(block)
	for _, i := range instances {
		eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	}
	path := filepath.Join(w.dir, "images", fileName(*image))
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, %v, want %d as delivered", len(got), err, len(content))
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Blocks*512 > 1<<20 {
		t.Errorf("%d bytes on disk, %v: want holes where there are zeros", stat.Blocks*512, err)
	}
	stop()
	if err := os.WriteFile(filepath.Join(w.dir, "images", "x"+partSuffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	more := instance(image)
	w.cloud.put(more)
	w.start()
	eventually(t, "another one runs after a restart", w.cloud.is(more.ID, nodeapi.PhaseRunning))
	if parts, _ := filepath.Glob(filepath.Join(w.dir, "images", "*"+partSuffix)); len(parts) != 0 {
		t.Errorf("half images are left: %v", parts)
	}
	w.cloud.locked(func() bool {
		if w.cloud.opened[image.ID] != 1 {
			t.Errorf("fetched %d times, want once", w.cloud.opened[image.ID])
		}
		return true
	})()
	_ = n
}

func TestSlowImagesHoldNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var slow []nodeapi.Instance
	for range 2 * instancesAtOnce {
		image := w.cloud.addImage([]byte(uuid.NewString()))
		block := make(chan struct{})
		w.cloud.block[image.ID] = block
		t.Cleanup(func() { close(block) })
		slow = append(slow, instance(image))
	}
	w.cloud.put(slow...)
	w.start()
	eventually(t, "the slow ones wait", func() bool {
		return strings.HasPrefix(w.cloud.status(slow[len(slow)-1].ID).Message, "Fetching the image")
	})
	quick := instance(nil)
	w.cloud.put(quick)
	eventually(t, "another instance runs", w.cloud.is(quick.ID, nodeapi.PhaseRunning))
	slow[0].Power = nodeapi.PowerDeleted
	w.cloud.put(slow[0])
	eventually(t, "one that waits is deleted", w.cloud.is(slow[0].ID, nodeapi.PhaseGone))
}

func TestKernelImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.cloud.addImage([]byte("disk"))
	image.DiskFormat, image.Kernel, image.Ramdisk = "ami", w.cloud.addImage([]byte("kernel")), w.cloud.addImage([]byte("initrd"))
	i := instance(image)
	w.cloud.put(i)
	w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
}

func TestImageFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(w *world, image *nodeapi.Image)
		says  string
	}{
		"wrong checksum":         {func(_ *world, i *nodeapi.Image) { i.SHA512 = strings.Repeat("0", 128) }, "checksum differs"},
		"wrong size":             {func(_ *world, i *nodeapi.Image) { i.Size++ }, "should have 5 bytes"},
		"no checksum":            {func(_ *world, i *nodeapi.Image) { i.SHA512 = "" }, "no size or SHA-512"},
		"no size":                {func(_ *world, i *nodeapi.Image) { i.Size = 0 }, "no size or SHA-512"},
		"an id that is a path":   {func(_ *world, i *nodeapi.Image) { i.ID = "../../etc/passwd" }, "is none"},
		"a format not for disks": {func(_ *world, i *nodeapi.Image) { i.DiskFormat = "vmdk" }, "convert it"},
		"deleted meanwhile":      {func(w *world, i *nodeapi.Image) { delete(w.cloud.images, i.ID) }, "does not exist any more"},
		"the store is away":      {func(w *world, _ *nodeapi.Image) { w.cloud.openErr = errors.New("away") }, "could not be fetched"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			image := w.cloud.addImage([]byte("disk"))
			c.spoil(w, image)
			i := instance(image)
			w.cloud.put(i)
			w.start()
			eventually(t, "it failed", w.cloud.is(i.ID, nodeapi.PhaseFailed))
			if s := w.cloud.status(i.ID); !strings.Contains(s.Message, c.says) {
				t.Errorf("message %q, want %q in it", s.Message, c.says)
			}
			if entries, _ := os.ReadDir(filepath.Join(w.dir, "images")); len(entries) != 0 {
				t.Errorf("left in the cache: %v", entries)
			}
			// A failure stays, and delete wins.
			i.Power = nodeapi.PowerDeleted
			w.cloud.put(i)
			eventually(t, "it is gone", w.cloud.is(i.ID, nodeapi.PhaseGone))
		})
	}
}

func TestFailedInstanceThatIsToBeOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.cloud.addImage([]byte("disk"))
	image.SHA512 = strings.Repeat("0", 128)
	i := instance(image)
	w.cloud.put(i)
	w.start()
	eventually(t, "it failed", w.cloud.is(i.ID, nodeapi.PhaseFailed))
	i.Power = nodeapi.PowerStopped // what the server makes of it
	w.cloud.put(i)
	eventually(t, "it is off, without its image", w.cloud.is(i.ID, nodeapi.PhaseStopped))
}

// cache returns a cache of its own, whose images come from open.
func cache(t *testing.T, open opener) (*imageCache, chan string) {
	t.Helper()
	ready := make(chan string, 16)
	c, err := newImageCache(t.Context(), filepath.Join(t.TempDir(), "images"), open, func(ids ...string) {
		for _, id := range ids {
			ready <- id
		}
	}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.wait)
	return c, ready
}

func TestImageCutOnTheWay(t *testing.T) {
	t.Parallel()
	image := newCloud().addImage([]byte("disk"))
	bodies := []io.Reader{
		io.MultiReader(strings.NewReader("di"), errReader{}), // the connection breaks
		strings.NewReader("di"),                              // it ends early
		strings.NewReader("disk and more"),
		strings.NewReader("disk"),
	}
	tries := 0
	c, ready := cache(t, func(context.Context, string) (io.ReadCloser, int64, error) {
		tries++
		return io.NopCloser(bodies[tries-1]), -1, nil
	})
	for _, want := range []errs.Kind{errs.Unavailable, errs.Invalid, errs.Invalid} {
		if path, err := c.get(*image, "me"); path != "" || err != nil {
			t.Fatalf("get = %q, %v, want to wait", path, err)
		}
		<-ready
		if _, err := c.get(*image, "me"); !errs.Is(err, want) {
			t.Errorf("get = %v, want %v", err, want)
		}
		c.mu.Lock()
		c.fetches[fileName(*image)].retryAt = time.Now() // as if time had passed
		c.mu.Unlock()
	}
	if _, err := c.get(*image, "me"); err != nil {
		t.Fatal(err)
	}
	<-ready
	if path, err := c.get(*image, "me"); path == "" || err != nil {
		t.Errorf("get = %q, %v, want the path", path, err)
	}
	if entries, _ := os.ReadDir(c.dir); len(entries) != 1 {
		t.Errorf("in the cache: %v", entries)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestImageTooLargeForTheDisk(t *testing.T) {
	t.Parallel()
	image := newCloud().addImage([]byte("disk"))
	image.Size = 1 << 60
	c, ready := cache(t, func(context.Context, string) (io.ReadCloser, int64, error) {
		t.Error("fetched what has no room")
		return nil, 0, errors.New("no")
	})
	_, _ = c.get(*image, "me")
	<-ready
	if _, err := c.get(*image, "me"); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "are free") {
		t.Errorf("get = %v", err)
	}
}

func TestCacheFolderFails(t *testing.T) {
	t.Parallel()
	image := newCloud().addImage([]byte("disk"))
	c, ready := cache(t, func(context.Context, string) (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader("disk")), 4, nil
	})
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.evict(nil, 0); err == nil {
		t.Error("a missing folder was read")
	}
	_, _ = c.get(*image, "me")
	<-ready
	if _, err := c.get(*image, "me"); err == nil {
		t.Error("an image was stored nowhere")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newImageCache(t.Context(), file, nil, nil, quiet()); err == nil {
		t.Error("a cache was made in a file")
	}
}

func TestEvict(t *testing.T) {
	t.Parallel()
	c, _ := cache(t, nil)
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{"used", "unused", "fresh", "x" + partSuffix} {
		path := filepath.Join(c.dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "fresh" {
			continue
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.evict(map[string]bool{"used": true}, keepUnused); n != 1 || err != nil {
		t.Errorf("evicted %d, %v, want 1", n, err)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "unused")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the unused one is still there")
	}
}

func TestUseKeepsAnImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.cloud.addImage([]byte("disk"))
	i := instance(image)
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	path := filepath.Join(w.dir, "images", fileName(*image))
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := n.keepImages(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.images.get(*image, "me"); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.Stat(path); err != nil || time.Since(stat.ModTime()) > time.Minute {
		t.Errorf("%v: the use of an image is not marked", err)
	}
}

func TestFairListener(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &fairListener{Listener: inner, open: map[netip.Addr]int{}}
	accepted := make(chan net.Conn, guestConns+2)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	})
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var first net.Conn
	for range guestConns {
		dial()
		first = <-accepted
	}
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one connection too many was kept open")
	}
	_, _ = first.Close(), first.Close() // twice counts once
	dial()
	<-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("one connection too many was kept open after one was closed")
	}
	_ = l.Close()
	done.Wait()
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	u := measure(t.TempDir())
	if u.memoryMiB <= 0 || u.diskGiB < 0 {
		t.Errorf("usage %+v", u)
	}
	if u := measure(filepath.Join(t.TempDir(), "missing")); u.diskGiB != 0 {
		t.Errorf("usage of a missing folder %+v", u)
	}
	if n := field("MemFree: 5 kB\n", "MemTotal:"); n != 0 {
		t.Errorf("a missing field is %d", n)
	}
}

// An image that the host shall have at hand is fetched though nothing boots
// from it, and stays while it is asked for.
func TestImageAtHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image, kernel := w.cloud.addImage([]byte("disk")), w.cloud.addImage([]byte("kernel"))
	image.Kernel = kernel
	spoiled := *w.cloud.addImage([]byte("spoiled"))
	spoiled.SHA512 = ""
	w.cloud.set(func(s *nodeapi.State) { s.Images = map[string]nodeapi.Image{image.ID: *image, spoiled.ID: spoiled} })
	n, _ := w.start()
	there := func(i *nodeapi.Image) func() bool {
		return func() bool {
			stat, err := os.Stat(filepath.Join(w.dir, "images", fileName(*i)))
			return err == nil && stat.Size() == i.Size
		}
	}
	eventually(t, "the image is there", there(image))
	eventually(t, "its kernel is there", there(kernel))
	old := time.Now().Add(-2 * keepUnused)
	if err := os.Chtimes(filepath.Join(w.dir, "images", fileName(*image)), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := n.keepImages(); err != nil || !there(image)() {
		t.Errorf("it is removed while it is asked for (%v)", err)
	}
	if err := os.Chtimes(filepath.Join(w.dir, "images", fileName(*image)), old, old); err != nil {
		t.Fatal(err)
	}
	w.cloud.set(func(s *nodeapi.State) { s.Images = nil })
	eventually(t, "the node has heard", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.desired.Images) == 0
	})
	if _, err := n.keepImages(); err != nil || there(image)() {
		t.Errorf("it stays when nobody asks for it (%v)", err)
	}
}
