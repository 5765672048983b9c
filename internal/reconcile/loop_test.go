package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a Reconcile function that notes when it was called.
type recorder struct {
	mu    sync.Mutex
	began time.Time
	calls map[string][]time.Duration // since the beginning
	do    func(ctx context.Context, key string, n int) (Result, error)
}

func newRecorder(do func(ctx context.Context, key string, n int) (Result, error)) *recorder {
	return &recorder{began: time.Now(), calls: map[string][]time.Duration{}, do: do}
}

func (r *recorder) reconcile(ctx context.Context, key string) (Result, error) {
	r.mu.Lock()
	r.calls[key] = append(r.calls[key], time.Since(r.began))
	n := len(r.calls[key])
	r.mu.Unlock()
	if r.do == nil {
		return Result{}, nil
	}
	return r.do(ctx, key, n)
}

func (r *recorder) of(key string) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls[key])
}

// pass lets the clock of the test's bubble run.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble this moves the fake clock and takes no time
}

// run runs a loop in a bubble until test returns.
func run(t *testing.T, cfg Config[string], do func(context.Context, string, int) (Result, error), test func(l *Loop[string], r *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(do)
		cfg.Reconcile, cfg.Log = r.reconcile, slog.New(slog.DiscardHandler)
		l := New(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx)
		}()
		test(l, r)
		cancel()
		<-done
	})
}

func TestSignalAndResync(t *testing.T) {
	t.Parallel()
	run(t, Config[string]{Resync: time.Minute}, nil, func(l *Loop[string], r *recorder) {
		l.Signal("a")
		synctest.Wait()
		if n := len(r.of("a")); n != 1 {
			t.Fatalf("called %d times after a signal, want once", n)
		}
		pass(61 * time.Second)
		if calls := r.of("a"); len(calls) != 2 || calls[1] < 54*time.Second {
			t.Fatalf("calls at %v, want the second about a minute later", calls)
		}
		l.Forget("a")
		pass(10 * time.Minute)
		if n := len(r.of("a")); n != 2 {
			t.Fatalf("called %d times, also after Forget", n)
		}
		if _, known := l.Status("a"); known {
			t.Error("a forgotten key has a status")
		}
	})
}

func TestAgain(t *testing.T) {
	t.Parallel()
	again := func(_ context.Context, _ string, n int) (Result, error) {
		if n == 1 {
			return Result{Again: 3 * time.Second, Drift: 2}, nil
		}
		return Result{}, nil
	}
	run(t, Config[string]{}, again, func(l *Loop[string], r *recorder) {
		l.Signal("a")
		pass(10 * time.Second)
		if calls := r.of("a"); len(calls) != 2 || calls[1] != 3*time.Second {
			t.Fatalf("calls at %v, want 0 and 3 s", calls)
		}
		if l.Drift() != 2 {
			t.Errorf("drift = %d, want 2", l.Drift())
		}
	})
}

func TestBackoffAndRecovery(t *testing.T) {
	t.Parallel()
	fails := func(_ context.Context, _ string, n int) (Result, error) {
		if n <= 5 {
			return Result{}, errors.New("not yet")
		}
		return Result{}, nil
	}
	cfg := Config[string]{RetryFirst: time.Second, RetryLast: 5 * time.Second, Resync: time.Hour}
	run(t, cfg, fails, func(l *Loop[string], r *recorder) {
		l.Signal("a")
		synctest.Wait()
		if s, _ := l.Status("a"); s.Failures != 1 || s.Err == nil {
			t.Errorf("status after a failure = %+v", s)
		}
		pass(time.Minute)
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 12 * time.Second, 17 * time.Second}
		if calls := r.of("a"); !slices.Equal(calls, want) {
			t.Fatalf("calls at %v, want %v", calls, want)
		}
		if s, _ := l.Status("a"); s.Failures != 0 || s.Err != nil {
			t.Errorf("status after success = %+v", s)
		}
	})
}

func TestSignalCutsBackoffShort(t *testing.T) {
	t.Parallel()
	fails := func(context.Context, string, int) (Result, error) { return Result{}, errors.New("no") }
	run(t, Config[string]{RetryFirst: time.Hour, RetryLast: time.Hour}, fails, func(l *Loop[string], r *recorder) {
		l.Signal("a")
		pass(time.Second)
		l.Signal("a")
		synctest.Wait()
		if calls := r.of("a"); len(calls) != 2 || calls[1] != time.Second {
			t.Fatalf("calls at %v, want 0 and 1 s", calls)
		}
	})
}

func TestOneAtATimePerKey(t *testing.T) {
	t.Parallel()
	slow := func(context.Context, string, int) (Result, error) {
		pass(10 * time.Second)
		return Result{}, nil
	}
	run(t, Config[string]{Workers: 4, Resync: time.Hour}, slow, func(l *Loop[string], r *recorder) {
		l.Signal("a")
		for range 5 {
			pass(time.Second)
			l.Signal("a") // while it runs: one more call, after this one
		}
		pass(time.Minute)
		if calls := r.of("a"); !slices.Equal(calls, []time.Duration{0, 10 * time.Second}) {
			t.Fatalf("calls at %v, want 0 and 10 s", calls)
		}
	})
}

func TestWorkersBoundAndShare(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	running, most := 0, 0
	slow := func(_ context.Context, key string, _ int) (Result, error) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		if key == "slow" {
			pass(time.Hour)
		}
		pass(time.Second)
		mu.Lock()
		running--
		mu.Unlock()
		return Result{}, nil
	}
	run(t, Config[string]{Workers: 2, Resync: 100 * time.Hour}, slow, func(l *Loop[string], r *recorder) {
		l.Signal("slow", "a", "b", "c")
		pass(10 * time.Second)
		for i, key := range []string{"a", "b", "c"} {
			if calls := r.of(key); len(calls) != 1 || calls[0] != time.Duration(i)*time.Second {
				t.Errorf("%s called at %v, want once: a slow object holds up the others", key, calls)
			}
		}
		mu.Lock()
		if most != 2 {
			t.Errorf("%d ran at a time, want 2", most)
		}
		mu.Unlock()
		pass(time.Hour)
	})
}

func TestForgetWhileQueuedAndRunning(t *testing.T) {
	t.Parallel()
	slow := func(context.Context, string, int) (Result, error) {
		pass(5 * time.Second)
		return Result{}, nil
	}
	run(t, Config[string]{Workers: 1, Resync: time.Minute}, slow, func(l *Loop[string], r *recorder) {
		l.Signal("running", "queued")
		pass(time.Second)
		l.Signal("running")
		l.Forget("running")
		l.Forget("queued")
		l.Forget("never there")
		pass(time.Hour)
		if len(r.of("running")) != 1 || len(r.of("queued")) != 0 {
			t.Fatalf("running %v, queued %v: want one call and none", r.of("running"), r.of("queued"))
		}
		l.Signal("queued") // it may come back
		pass(10 * time.Second)
		if len(r.of("queued")) != 1 {
			t.Error("a key that came back was not called")
		}
	})
}

func TestCancelEndsWaitsForCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		l := New(Config[string]{Log: slog.New(slog.DiscardHandler), Reconcile: func(ctx context.Context, _ string) (Result, error) {
			<-ctx.Done()
			pass(time.Second)
			ended = true
			return Result{}, ctx.Err()
		}})
		ctx, cancel := context.WithCancel(t.Context())
		l.Signal("a", "b")
		time.AfterFunc(time.Second, cancel)
		l.Run(ctx)
		if !ended {
			t.Error("Run returned while a call ran")
		}
	})
}
