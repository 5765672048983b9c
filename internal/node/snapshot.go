package node

import (
	"context"
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
	"wisp/internal/hypervisor"
	"wisp/internal/nodeapi"
)

const (
	snapshotsAtOnce   = 2
	snapshotRetry     = time.Second // after the first failure to send one; doubles
	snapshotRetryLast = 30 * time.Second
)

// sender is where images go.
type sender func(ctx context.Context, id string, body io.Reader, size int64) error

// snapshots makes images of instances' disks and sends them. What it does is
// asked for again by the desired state, so nothing of it outlives the process.
type snapshots struct {
	dir    string
	driver hypervisor.Driver
	send   sender
	told   func(instance string) // something is new
	log    *slog.Logger
	slots  chan struct{}
	ctx    context.Context // of the work
	finish sync.WaitGroup

	mu     sync.Mutex
	begun  map[string]*snapshot // by image id
	making map[string]int       // how many read an instance's disk now
}

// snapshot is one image on its way. It is kept until it is not asked for any
// more.
type snapshot struct {
	instance string
	cancel   context.CancelFunc
	failure  string
}

// newSnapshots clears what a node that died has left in the folder.
func newSnapshots(ctx context.Context, dir string, driver hypervisor.Driver, send sender, told func(instance string), log *slog.Logger) (*snapshots, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("removing half snapshots: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of snapshots: %w", err)
	}
	return &snapshots{
		dir: dir, driver: driver, send: send, told: told, log: log, slots: make(chan struct{}, snapshotsAtOnce), ctx: ctx,
		begun: map[string]*snapshot{}, making: map[string]int{},
	}, nil
}

// busy tells whether an instance's disk is being read: whatever else is asked
// of its machine would wait.
func (s *snapshots) busy(instance string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.making[instance] > 0
}

// want begins what is asked for and can begin, and breaks off what is not
// wanted any more.
func (s *snapshots) want(instance nodeapi.Instance, off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, one := range s.begun {
		asked := slices.ContainsFunc(instance.Snapshots, func(w nodeapi.Snapshot) bool { return w.ImageID == id })
		if one.instance == instance.ID && !asked {
			one.cancel()
			delete(s.begun, id)
		}
	}
	for _, wanted := range instance.Snapshots {
		if s.begun[wanted.ImageID] != nil || wanted.Off && !off || !hypervisor.ValidID(wanted.ImageID) {
			continue
		}
		ctx, cancel := context.WithCancel(s.ctx)
		s.begun[wanted.ImageID] = &snapshot{instance: instance.ID, cancel: cancel}
		s.finish.Go(func() {
			defer cancel()
			s.work(ctx, instance.ID, wanted.ImageID)
		})
	}
}

// drop breaks off all of an instance that is gone.
func (s *snapshots) drop(instance string) { s.want(nodeapi.Instance{ID: instance}, false) }

// failed are the snapshots of an instance that could not be made, sorted.
func (s *snapshots) failed(instance string) []nodeapi.FailedSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []nodeapi.FailedSnapshot
	for id, one := range s.begun {
		if one.instance == instance && one.failure != "" {
			list = append(list, nodeapi.FailedSnapshot{ImageID: id, Message: one.failure})
		}
	}
	slices.SortFunc(list, func(a, b nodeapi.FailedSnapshot) int { return strings.Compare(a.ImageID, b.ImageID) })
	return list
}

// work makes one image and sends it.
func (s *snapshots) work(ctx context.Context, instance, image string) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return
	}
	path := filepath.Join(s.dir, image)
	defer func() { _ = os.Remove(path) }() // the next start does it, if this does not
	began := time.Now()
	s.reading(instance, 1)
	err := s.driver.Snapshot(ctx, instance, path)
	s.reading(instance, -1)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.WarnContext(ctx, "making an image of an instance failed", "instance", instance, "image", image, "error", err)
		s.fail(image, err)
		s.told(instance)
		return
	}
	s.told(instance) // its machine can be looked at again
	for wait := snapshotRetry; ; wait = min(2*wait, snapshotRetryLast) {
		size, err := s.transfer(ctx, image, path)
		switch {
		case err == nil:
			s.log.InfoContext(ctx, "image of an instance sent", "instance", instance, "image", image, "bytes", size, "took", time.Since(began).Round(time.Millisecond))
			return
		case errs.Is(err, errs.NotFound), ctx.Err() != nil:
			return
		}
		s.log.WarnContext(ctx, "sending an image of an instance failed", "instance", instance, "image", image, "error", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (s *snapshots) reading(instance string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making[instance] += n; s.making[instance] == 0 {
		delete(s.making, instance)
	}
}

func (s *snapshots) fail(image string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.begun[image]; one != nil {
		one.failure = message(err)
	}
}

func (s *snapshots) transfer(ctx context.Context, image, path string) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("opening a snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stat, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("looking at a snapshot: %w", err)
	}
	return stat.Size(), s.send(ctx, image, f, stat.Size())
}

// wait returns when all work has ended.
func (s *snapshots) wait() { s.finish.Wait() }
