package eventqueue

import (
	"testing"

	"wisp/internal/hypervisor"
)

func TestQueueMergesAndKeepsOrder(t *testing.T) {
	t.Parallel()
	q := &Queue{wake: make(chan struct{}, 1)} // nobody reads yet
	for _, e := range []hypervisor.Event{{ID: "a", Kind: "x"}, {ID: "b", Kind: "x"}, {ID: "a", Kind: "y"}, {ID: "a", Kind: "x", Detail: "newer"}} {
		q.Put(e)
	}
	for _, want := range []hypervisor.Event{{ID: "a", Kind: "x", Detail: "newer"}, {ID: "b", Kind: "x"}, {ID: "a", Kind: "y"}} {
		if got, ok := q.take(); !ok || got != want {
			t.Errorf("took %+v, want %+v", got, want)
		}
	}
	if e, ok := q.take(); ok {
		t.Errorf("took %+v from an empty queue", e)
	}
}

func TestQueueClose(t *testing.T) {
	t.Parallel()
	q := New()
	q.Put(hypervisor.Event{ID: "a"})
	if e := <-q.Out(); e.ID != "a" {
		t.Errorf("got %+v", e)
	}
	q.Put(hypervisor.Event{ID: "unread"})
	q.Close()
	q.Put(hypervisor.Event{ID: "late"})
	if e, open := <-q.Out(); open && e.ID != "unread" {
		t.Errorf("got %+v", e)
	}
}
