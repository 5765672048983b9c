// Package reconcile keeps a set of objects as they should be. A Loop calls
// one function per object, again and again, level-triggered: on a signal that
// something about the object may have changed, when the function asked to
// look again, and on a timer although nothing happened. The function takes
// nothing but the object's key: it compares what should be with what is, so
// any call may be lost, merged or repeated.
//
// It must not import anything of the project but errs.
package reconcile

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Result is what one call for an object found.
type Result struct {
	// Again asks for another call after this time; 0 means the loop's own.
	Again time.Duration
	// Drift counts what was not as it had been left, and was mended.
	Drift int
}

// Config says how a loop works. Reconcile must be given.
type Config[K comparable] struct {
	// Reconcile brings the object nearer to what it should be. It is never
	// called twice at a time for one key. An error is retried, later each
	// time.
	Reconcile func(ctx context.Context, key K) (Result, error)
	// Workers is how many objects are worked on at a time; 0 means 1.
	Workers int
	// Resync is how often each object is looked at although nothing
	// happened; 0 means 1 minute. It varies by up to a tenth.
	Resync time.Duration
	// RetryFirst and RetryLast bound the wait after errors, which doubles;
	// 0 means 500 ms and 1 minute.
	RetryFirst, RetryLast time.Duration
	Log                   *slog.Logger
}

// Loop is a running set of objects. Its methods may be called at any time
// from anywhere, also from Reconcile.
type Loop[K comparable] struct {
	cfg Config[K]

	mu      sync.Mutex
	objects map[K]*object
	due     []K // waiting for a worker, the longest first
	wake    chan struct{}
	drift   int64
	ran     bool
}

// object is what the loop knows of one key.
type object struct {
	queued   bool // in due
	running  bool
	again    bool // signalled while running
	forget   bool
	failures int
	lastErr  error
	timer    *time.Timer
	epoch    int // of the timer: one that fires late is not meant
}

// Status is what is known of one object.
type Status struct {
	Failures int   // in a row
	Err      error // of the last call
}

// New returns a loop without objects.
func New[K comparable](cfg Config[K]) *Loop[K] {
	cfg.Workers = max(cfg.Workers, 1)
	if cfg.Resync == 0 {
		cfg.Resync = time.Minute
	}
	if cfg.RetryFirst == 0 {
		cfg.RetryFirst = 500 * time.Millisecond
	}
	if cfg.RetryLast == 0 {
		cfg.RetryLast = time.Minute
	}
	return &Loop[K]{cfg: cfg, objects: map[K]*object{}, wake: make(chan struct{}, 1)}
}

// Signal asks for a call for each key soon, and makes those known that are
// not. A key whose call runs is called again after it.
func (l *Loop[K]) Signal(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		o := l.objects[key]
		if o == nil {
			o = &object{}
			l.objects[key] = o
		}
		o.forget = false
		l.enqueue(key, o)
	}
}

// Forget ends the calls for a key. One that runs ends by itself.
func (l *Loop[K]) Forget(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.objects[key]; o != nil {
		o.forget = true
		o.again = false
		o.stopTimer()
		if !o.running && !o.queued {
			delete(l.objects, key)
		}
	}
}

// Status tells how the calls for a key went; false when it is not known.
func (l *Loop[K]) Status(key K) (Status, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.objects[key]
	if o == nil || o.forget {
		return Status{}, false
	}
	return Status{Failures: o.failures, Err: o.lastErr}, true
}

// Drift returns how much was mended since the loop was made.
func (l *Loop[K]) Drift() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drift
}

// Run works until ctx ends, and returns when the last call has. It may be
// called once.
func (l *Loop[K]) Run(ctx context.Context) {
	l.mu.Lock()
	if l.ran {
		panic("reconcile: a loop was run twice")
	}
	l.ran = true
	l.mu.Unlock()
	var workers sync.WaitGroup
	for range l.cfg.Workers {
		workers.Go(func() { l.work(ctx) })
	}
	workers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.objects {
		o.stopTimer()
	}
}

// work is the life of one worker.
func (l *Loop[K]) work(ctx context.Context) {
	for {
		key, o, ok := l.next()
		if !ok {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		result, err := l.cfg.Reconcile(ctx, key)
		l.finish(ctx, key, o, result, err)
	}
}

// next takes the key that waits longest.
func (l *Loop[K]) next() (key K, o *object, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.due) > 0 {
		key, l.due = l.due[0], l.due[1:]
		o = l.objects[key]
		o.queued = false
		if o.forget {
			delete(l.objects, key)
			continue
		}
		o.running = true
		if len(l.due) > 0 {
			l.wakeOne()
		}
		return key, o, true
	}
	return key, nil, false
}

// finish records a call and plans the next.
func (l *Loop[K]) finish(ctx context.Context, key K, o *object, result Result, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.running = false
	l.drift += int64(result.Drift)
	if o.forget {
		delete(l.objects, key)
		return
	}
	o.lastErr = err
	wait := l.cfg.Resync - rand.N(l.cfg.Resync/10+1)
	switch {
	case err != nil:
		o.failures++
		wait = l.cfg.RetryLast
		if shift := o.failures - 1; shift < 30 && l.cfg.RetryFirst<<shift > 0 {
			wait = min(l.cfg.RetryFirst<<shift, l.cfg.RetryLast)
		}
		if ctx.Err() == nil {
			l.cfg.Log.WarnContext(ctx, "reconciling failed", "object", key, "failures", o.failures, "retry_in", wait, "error", err)
		}
	case result.Again > 0:
		o.failures = 0
		wait = min(wait, result.Again)
	default:
		o.failures = 0
	}
	if o.again {
		o.again = false
		l.enqueue(key, o)
		return
	}
	if ctx.Err() == nil {
		l.after(key, o, wait)
	}
}

// enqueue makes a key due now.
func (l *Loop[K]) enqueue(key K, o *object) {
	o.stopTimer()
	switch {
	case o.running:
		o.again = true
	case !o.queued:
		o.queued = true
		l.due = append(l.due, key)
		l.wakeOne()
	}
}

// after makes a key due in a while.
func (l *Loop[K]) after(key K, o *object, wait time.Duration) {
	o.stopTimer()
	mine := o.epoch
	o.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if o.epoch == mine && l.objects[key] == o {
			l.enqueue(key, o)
		}
	})
}

func (l *Loop[K]) wakeOne() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (o *object) stopTimer() {
	o.epoch++
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
}
