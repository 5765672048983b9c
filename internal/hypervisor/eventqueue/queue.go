// Package eventqueue passes the events of a hypervisor driver on. Queue is
// all there is; it imports the hypervisor's types and nothing else.
package eventqueue

import (
	"sync"

	"wisp/internal/hypervisor"
)

// Queue passes events on without ever making their source wait: those
// that nobody has read yet are kept, one for each machine and kind.
type Queue struct {
	out  chan hypervisor.Event
	wake chan struct{}
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	pending []hypervisor.Event
}

// New makes a queue. The caller calls Close.
func New() *Queue {
	q := &Queue{
		out: make(chan hypervisor.Event), wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go q.run()
	return q
}

// Put adds an event; it never waits. After Close it does nothing.
func (q *Queue) Put(e hypervisor.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, old := range q.pending {
		if old.ID == e.ID && old.Kind == e.Kind {
			q.pending[i] = e
			return
		}
	}
	q.pending = append(q.pending, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) take() (hypervisor.Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		return hypervisor.Event{}, false
	}
	e := q.pending[0]
	q.pending = q.pending[1:]
	return e, true
}

func (q *Queue) run() {
	defer close(q.done)
	defer close(q.out)
	for {
		e, ok := q.take()
		if !ok {
			select {
			case <-q.wake:
				continue
			case <-q.quit:
				return
			}
		}
		select {
		case q.out <- e:
		case <-q.quit:
			return
		}
	}
}

// Out is where the events come out, the oldest first; closed by Close.
func (q *Queue) Out() <-chan hypervisor.Event { return q.out }

// Close ends the queue; what nobody has read is dropped. It may be called once.
func (q *Queue) Close() {
	close(q.quit)
	<-q.done
}
