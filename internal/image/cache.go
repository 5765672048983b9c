package image

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Cached is an image whose data this server has a copy of.
type Cached struct {
	ImageID  string
	Size     int64     // bytes
	Hits     int64     // reads since the server started
	Accessed time.Time // the last one
	Modified time.Time // when the copy was made

	key string // of the blob
}

// cache keeps copies of images' data in a folder of this server, so that they
// are not read from a store elsewhere again and again. A copy has the name of
// its blob, which never changes what it has. What is read once is copied after
// that; the copies that were not read for longest make way.
type cache struct {
	dir   string
	most  int64 // bytes of all copies
	log   *slog.Logger
	every time.Duration // between two looks at the queue

	mu     sync.Mutex
	copies map[string]*Cached // by key of the blob
	queue  []string           // ids of images to be copied, the next one first
}

// cacheEvery is how often the queue is looked at. It is no hurry: a copy is not
// to take the store's time from the read that it is made because of.
const cacheEvery = 2 * time.Second

// part is the end of the name of a copy that is not whole.
const part = ".part"

// openCache takes the copies that are in the folder, which is made when it is
// not there.
func openCache(dir string, most int64, log *slog.Logger) (*cache, error) {
	c := &cache{dir: dir, most: most, log: log, every: cacheEvery, copies: map[string]*Cached{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the image cache: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the image cache: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("read the image cache: %w", err)
		}
		id, _, ok := strings.Cut(e.Name(), "_")
		if !ok || strings.HasSuffix(e.Name(), part) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("clear the image cache: %w", err)
			}
			continue
		}
		t := info.ModTime().UTC()
		c.copies[e.Name()] = &Cached{ImageID: id, Size: info.Size(), Accessed: t, Modified: t, key: e.Name()}
	}
	return c, nil
}

// open reads a copy; nil when there is none.
func (c *cache) open(key string, offset, length int64) io.ReadCloser {
	c.mu.Lock()
	kept := c.copies[key]
	if kept != nil {
		kept.Hits++
		kept.Accessed = now()
	}
	c.mu.Unlock()
	if kept == nil {
		return nil
	}
	file, err := os.Open(filepath.Join(c.dir, key))
	if err != nil { // somebody took it: the store has the data
		c.mu.Lock()
		delete(c.copies, key)
		c.mu.Unlock()
		return nil
	}
	if length < 0 {
		length = max(0, kept.Size-offset)
	}
	return section{io.NewSectionReader(file, offset, length), file}
}

type section struct {
	io.Reader
	io.Closer
}

// want queues an image to be copied; it is fine when it is.
func (c *cache) want(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.queue, id) || c.has(id) {
		return
	}
	c.queue = append(c.queue, id)
}

// has tells whether there is a copy of an image. The caller holds the lock.
func (c *cache) has(id string) bool {
	for _, kept := range c.copies {
		if kept.ImageID == id {
			return true
		}
	}
	return false
}

// next is the image to be copied next; it stays in the queue until it is there.
func (c *cache) next() (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return "", false
	}
	return c.queue[0], true
}

func (c *cache) unqueue(ids ...string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.queue)
	c.queue = slices.DeleteFunc(c.queue, func(id string) bool { return slices.Contains(ids, id) })
	return before - len(c.queue)
}

// drop removes the copies that which names.
func (c *cache) drop(which func(kept *Cached) bool) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, kept := range c.copies {
		if !which(kept) {
			continue
		}
		if failed := os.Remove(filepath.Join(c.dir, key)); failed != nil && !errors.Is(failed, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove a copy from the image cache: %w", failed))
			continue
		}
		delete(c.copies, key)
		n++
	}
	return n, err
}

// prune makes place for so many bytes.
func (c *cache) prune(need int64) error {
	c.mu.Lock()
	all := make([]*Cached, 0, len(c.copies))
	total := need
	for _, kept := range c.copies {
		all = append(all, kept)
		total += kept.Size
	}
	slices.SortFunc(all, func(a, b *Cached) int { return a.Accessed.Compare(b.Accessed) })
	var old []*Cached
	for _, kept := range all {
		if total <= c.most {
			break
		}
		old, total = append(old, kept), total-kept.Size
	}
	c.mu.Unlock()
	_, err := c.drop(func(kept *Cached) bool { return slices.Contains(old, kept) })
	return err
}

// keep copies an image's data, which must be what the image says of them.
func (c *cache) keep(i Image, data io.Reader) error {
	if *i.Size > c.most {
		return errs.New(errs.TooLarge, "The image has %d bytes, and the cache %d.", *i.Size, c.most)
	}
	if err := c.prune(*i.Size); err != nil {
		return err
	}
	path := filepath.Join(c.dir, i.Blob)
	file, err := os.OpenFile(path+part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make a copy for the image cache: %w", err)
	}
	digest := sha512.New()
	n, err := io.Copy(io.MultiWriter(file, digest), data)
	if err = errors.Join(err, file.Close()); err == nil && (n != *i.Size || hex.EncodeToString(digest.Sum(nil)) != i.HashValue) {
		err = errs.New(errs.Unavailable, "The store has not the data that image %s should have.", i.ID)
	}
	if err == nil {
		err = os.Rename(path+part, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy into the image cache: %w", err), os.Remove(path+part))
	}
	t := now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copies[i.Blob] = &Cached{ImageID: i.ID, Size: n, Accessed: t, Modified: t, key: i.Blob}
	return nil
}

// fillCache copies what is queued, until the context ends.
func (s *Service) fillCache(ctx context.Context) {
	tick := time.NewTicker(s.cache.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for id, ok := s.cache.next(); ok; id, ok = s.cache.next() {
			if err := s.copyToCache(ctx, id); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "an image could not be copied to the cache", "image", id, "error", err)
			}
			if ctx.Err() != nil {
				return
			}
			s.cache.unqueue(id)
		}
	}
}

func (s *Service) copyToCache(ctx context.Context, id string) error {
	i, err := s.whole(ctx, id)
	if err != nil {
		return err
	}
	if i.Blob == "" || i.Size == nil {
		return errs.New(errs.Conflict, "Image %s has no data in a store.", id)
	}
	free, err := statfs(s.cache.dir)
	if err != nil {
		return err
	}
	if free.free-*i.Size < free.floor() {
		return storageFull(errors.New("the image cache has no place"))
	}
	data, err := s.openStored(ctx, &i, 0, -1)
	if err != nil {
		return err
	}
	if err := errors.Join(s.cache.keep(i, data), data.Close()); err != nil {
		return err
	}
	// It may have been deleted while it was copied.
	if _, err := find(ctx, s.db.Read(), id); errs.Is(err, errs.NotFound) {
		_, err = s.cache.drop(func(kept *Cached) bool { return kept.ImageID == id })
		return err
	}
	return nil
}

// HasCache tells whether this server has an image cache.
func (s *Service) HasCache() bool { return s.cache != nil }

// withCache checks a rule of the cache; without one all is NotFound.
func (s *Service) withCache(rule string, c *policy.Caller) error {
	if err := rules.Check(rule, c, policy.Own(c)); err != nil {
		return err
	}
	if s.cache == nil {
		return errs.New(errs.NotFound, "Caching via API is not supported at this site.")
	}
	return nil
}

// CacheState lists the images that this server has copies of, in the order of
// their ids, and the ids of those that it is to copy.
func (s *Service) CacheState(_ context.Context, c *policy.Caller) (copies []Cached, queued []string, err error) {
	if err := s.withCache("cache_list", c); err != nil {
		return nil, nil, err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	copies = []Cached{}
	for _, kept := range s.cache.copies {
		copies = append(copies, *kept)
	}
	slices.SortFunc(copies, func(a, b Cached) int { return strings.Compare(a.ImageID, b.ImageID) })
	return copies, append([]string{}, s.cache.queue...), nil
}

// QueueForCache makes this server copy an active image. Another one is Invalid.
func (s *Service) QueueForCache(ctx context.Context, c *policy.Caller, id string) error {
	if err := s.withCache("cache_image", c); err != nil {
		return err
	}
	i, err := s.Get(ctx, c, id)
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.NotFound, "Image %s not found.", id)
	}
	if err != nil {
		return err
	}
	if i.Status != Active || i.Blob == "" {
		return errs.New(errs.Invalid, "Only images with status active can be targeted for queueing")
	}
	s.cache.want(id)
	return nil
}

// DropFromCache takes an image out of the cache and its queue. One that is
// neither there nor anywhere is NotFound.
func (s *Service) DropFromCache(ctx context.Context, c *policy.Caller, id string) error {
	if err := s.withCache("cache_delete", c); err != nil {
		return err
	}
	dropped, err := s.cache.drop(func(kept *Cached) bool { return kept.ImageID == id })
	if err != nil || dropped+s.cache.unqueue(id) > 0 {
		return err
	}
	if _, err := s.Get(ctx, c, id); err != nil {
		return errs.Wrap(err, errs.Of(err), "Image %s not found.", id)
	}
	return nil
}

// ClearCache removes all copies ("cache"), forgets what is to be copied
// ("queue"), or both ("").
func (s *Service) ClearCache(_ context.Context, c *policy.Caller, target string) error {
	if err := s.withCache("cache_delete", c); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "cache", "queue"}, target) {
		return errs.New(errs.Invalid, "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
	}
	if target != "cache" {
		s.cache.mu.Lock()
		s.cache.queue = nil
		s.cache.mu.Unlock()
	}
	if target == "queue" {
		return nil
	}
	_, err := s.cache.drop(func(*Cached) bool { return true })
	return err
}
