package network

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	busy := func(err error) bool {
		e, ok := errors.AsType[*errs.Error](err)
		return ok && e.Kind == errs.Unavailable && e.Type == nodeapi.TypeHostBusy
	}
	synctest.Test(t, func(t *testing.T) {
		var turns turns
		var leave []func()
		for range nodeapi.TracesAtOnce {
			done, err := turns.enter(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, done)
		}
		began := time.Now()
		if _, err := turns.enter(t.Context(), "one"); !busy(err) || time.Since(began) != turnWait {
			t.Errorf("one too many: %v after %v", err, time.Since(began))
		}
		other, err := turns.enter(t.Context(), "two")
		if err != nil {
			t.Fatalf("another host: %v", err)
		}
		other()
		short, cancel := context.WithTimeout(t.Context(), turnWait/4)
		defer cancel()
		began = time.Now()
		if _, err := turns.enter(short, "one"); !busy(err) || time.Since(began) != turnWait/4 {
			t.Errorf("a request that ends: %v after %v", err, time.Since(began))
		}
		go func() {
			time.Sleep(turnWait / 2) //nolint:forbidigo // the clock is the bubble's
			leave[0]()
		}()
		began = time.Now()
		done, err := turns.enter(t.Context(), "one")
		if err != nil || time.Since(began) != turnWait/2 {
			t.Fatalf("one that waits: %v after %v", err, time.Since(began))
		}
		done()
		leave[1]()
		if len(turns.hosts) != 0 {
			t.Errorf("left: %v", turns.hosts)
		}
	})
}
