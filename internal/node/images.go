package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

const (
	fetchesAtOnce  = 2
	fetchRetry     = 2 * time.Second // after the first failure; doubles
	fetchRetryLast = time.Minute
	keepUnused     = 24 * time.Hour
	freeAfterFetch = 64 << 20 // bytes that must stay free on the disk
	partSuffix     = ".part"
	hashInName     = 16 // digits
)

var sha512Form = regexp.MustCompile(`^[0-9a-f]{128}$`)

// opener is where images come from.
type opener func(ctx context.Context, id string) (io.ReadCloser, int64, error)

// imageCache keeps the images that this host's instances boot from, as they
// were delivered: one file each, named by id and checksum, complete and
// checked or not there at all. Each is fetched once however many wait for it.
type imageCache struct {
	dir    string
	open   opener
	ready  func(waiting ...string) // tells those that wait
	log    *slog.Logger
	slots  chan struct{}
	ctx    context.Context // of the fetches
	finish sync.WaitGroup

	mu      sync.Mutex
	fetches map[string]*fetch // by file name
}

// fetch is one image on its way, or that failed to come.
type fetch struct {
	running  bool
	waiting  map[string]bool // instance ids
	failures int
	err      error
	retryAt  time.Time
}

// newImageCache opens the cache in a folder; what was half fetched when the
// node died is removed. Fetches end with ctx.
func newImageCache(ctx context.Context, dir string, open opener, ready func(...string), log *slog.Logger) (*imageCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the image cache: %w", err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*"+partSuffix))
	if err != nil {
		return nil, fmt.Errorf("looking for half images: %w", err)
	}
	for _, part := range parts {
		if err := os.Remove(part); err != nil {
			return nil, fmt.Errorf("removing a half image: %w", err)
		}
	}
	return &imageCache{dir: dir, open: open, ready: ready, log: log, slots: make(chan struct{}, fetchesAtOnce), ctx: ctx, fetches: map[string]*fetch{}}, nil
}

// fileName is the cache's name for an image.
func fileName(image nodeapi.Image) string { return image.ID + "." + image.SHA512[:hashInName] }

// checkImage refuses what cannot be cached safely.
func checkImage(image nodeapi.Image) error {
	switch {
	case !hypervisor.ValidID(image.ID):
		return errs.New(errs.Invalid, "The image id %q is none.", image.ID)
	case !sha512Form.MatchString(image.SHA512) || image.Size <= 0:
		return errs.New(errs.Invalid, "The image %s has no size or SHA-512 checksum, so this host cannot check it. Upload it again.", image.ID)
	}
	return nil
}

// get returns the path of an image that is there. When it is not, get sees to
// it that it is fetched, returns "", and the one who waits, if any, is told when
// it is worth asking again. The error of a fetch that failed is returned until
// the next try is due. Invalid: the image is not what it says; Unavailable:
// it may come later.
func (c *imageCache) get(image nodeapi.Image, waiting string) (path string, err error) {
	if err := checkImage(image); err != nil {
		return "", err
	}
	name := fileName(image)
	path = filepath.Join(c.dir, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if stat, err := os.Stat(path); err == nil && stat.Size() == image.Size {
		delete(c.fetches, name)
		now := time.Now()
		if now.Sub(stat.ModTime()) > time.Hour {
			if err := os.Chtimes(path, now, now); err != nil { // the time of the last use
				c.log.Warn("touching a cached image failed", "image", image.ID, "error", err)
			}
		}
		return path, nil
	}
	f := c.fetches[name]
	if f == nil {
		f = &fetch{waiting: map[string]bool{}}
		c.fetches[name] = f
	}
	if !f.running && f.err != nil && time.Now().Before(f.retryAt) {
		return "", f.err
	}
	if waiting != "" {
		f.waiting[waiting] = true
	}
	if !f.running {
		f.running = true
		c.finish.Go(func() { c.fetch(image, name, f) })
	}
	return "", nil
}

// fetch brings one image and tells those that wait.
func (c *imageCache) fetch(image nodeapi.Image, name string, f *fetch) {
	err := c.download(image, name)
	c.mu.Lock()
	f.running = false
	f.err = err
	if err != nil {
		f.retryAt = time.Now().Add(min(fetchRetry<<min(f.failures, 10), fetchRetryLast))
		f.failures++
	}
	var waiting []string
	for id := range f.waiting {
		waiting = append(waiting, id)
	}
	clear(f.waiting)
	c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	if err != nil {
		c.log.WarnContext(c.ctx, "fetching an image failed", "image", image.ID, "error", err)
	}
	c.ready(waiting...)
}

func (c *imageCache) download(image nodeapi.Image, name string) (err error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	began := time.Now()
	if free, err := freeBytes(c.dir); err != nil {
		return err
	} else if free < image.Size+freeAfterFetch {
		return errs.New(errs.Unavailable, "The image %s needs %s on this host's disk, and %s are free. Remove images or instances, or add a disk.",
			image.ID, sizeText(image.Size), sizeText(free))
	}
	body, size, err := c.open(c.ctx, image.ID)
	if err != nil {
		return err
	}
	defer body.Close()
	if size >= 0 && size != image.Size {
		return errs.New(errs.Invalid, "The image %s should have %d bytes, but the server sends %d. Upload it again.", image.ID, image.Size, size)
	}
	part, err := os.OpenFile(filepath.Join(c.dir, name+"."+rand.Text()+partSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return storeError(err, image.ID)
	}
	defer func() {
		_ = part.Close() // closed already when all went well
		if err != nil {
			_ = os.Remove(part.Name()) // the next start does it, if this does not
		}
	}()
	hash := sha512.New()
	file := &sparseWriter{file: part}
	n, err := io.Copy(io.MultiWriter(hash, file), io.LimitReader(body, image.Size+1))
	if err != nil {
		if file.err != nil {
			return storeError(file.err, image.ID)
		}
		return errs.Wrap(err, errs.Unavailable, "The image %s could not be fetched to its end.", image.ID)
	}
	if n != image.Size {
		return errs.New(errs.Invalid, "The image %s should have %d bytes, but %d came. Upload it again.", image.ID, image.Size, n)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != image.SHA512 {
		return errs.Wrap(fmt.Errorf("it is %s", got), errs.Invalid, "The image %s arrived damaged: its SHA-512 checksum differs. If that stays so, upload it again.", image.ID)
	}
	if err := errors.Join(part.Truncate(image.Size), part.Sync(), part.Close()); err != nil {
		return storeError(err, image.ID)
	}
	if err := os.Rename(part.Name(), filepath.Join(c.dir, name)); err != nil {
		return storeError(err, image.ID)
	}
	c.log.InfoContext(c.ctx, "image fetched", "image", image.ID, "bytes", image.Size, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func storeError(err error, id string) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return errs.Wrap(err, errs.Unavailable, "This host's disk became full while the image %s was fetched.", id)
	}
	return errs.Wrap(err, errs.Unavailable, "The image %s could not be stored on this host.", id)
}

// evict removes the images that nothing in use names and that were not used
// for a while. It returns how many.
func (c *imageCache) evict(inUse map[string]bool, unused time.Duration) (removed int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return 0, fmt.Errorf("reading the image cache: %w", err)
	}
	for _, entry := range entries {
		if inUse[entry.Name()] || strings.HasSuffix(entry.Name(), partSuffix) {
			continue
		}
		stat, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return removed, fmt.Errorf("looking at a cached image: %w", err)
		}
		if time.Since(stat.ModTime()) < unused {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, entry.Name())); err != nil {
			return removed, fmt.Errorf("removing an unused image: %w", err)
		}
		removed++
		c.log.Info("unused image removed", "file", entry.Name())
	}
	return removed, nil
}

// wait returns when the fetches have ended.
func (c *imageCache) wait() { c.finish.Wait() }

// sparseWriter leaves holes where there are only zeros. The file must be
// truncated to its size at the end, as the last bytes may be a hole.
type sparseWriter struct {
	file *os.File
	at   int64
	err  error // of the file
}

var zeros [32 << 10]byte

func (w *sparseWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		chunk := rest[:min(len(rest), len(zeros))]
		rest = rest[len(chunk):]
		if !bytes.Equal(chunk, zeros[:len(chunk)]) {
			if _, err := w.file.WriteAt(chunk, w.at); err != nil {
				w.err = err
				return 0, err
			}
		}
		w.at += int64(len(chunk))
	}
	return len(p), nil
}

func freeBytes(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("asking how much of the disk is free: %w", err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

func sizeText(bytes int64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
