package node

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// moveAway makes the cloud build instances elsewhere.
func (c *cloud) moveAway(ids ...string) {
	c.set(func(s *nodeapi.State) {
		if s.Fenced == nil {
			s.Fenced = map[string]nodeapi.Fence{}
		}
		for _, id := range ids {
			delete(s.Instances, id)
			s.Fenced[id] = nodeapi.Fence{Since: time.Now().UTC()}
		}
	})
}

// confirmed tells whether the node has said that nothing of an instance is left.
func (c *cloud) confirmed(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.reports, func(r nodeapi.Report) bool { return slices.Contains(r.Fenced, id) })
}

// calls notes what the hypervisor is asked for.
type calls struct {
	mu   sync.Mutex
	list []string
}

func (c *calls) note(op, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, op+" "+id)
}

func (c *calls) index(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Index(c.list, call)
}

// A host that comes back destroys its copies of what runs elsewhere at once,
// before it does anything else.
func TestFenced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change = func(c *Config) { c.StrangerGrace = time.Hour }
	moved, stays := instance(nil), instance(nil)
	w.cloud.put(moved, stays)
	w.start()
	eventually(t, "both run", func() bool {
		return w.cloud.is(moved.ID, nodeapi.PhaseRunning)() && w.cloud.is(stays.ID, nodeapi.PhaseRunning)()
	})
	w.stopServe()
	next := instance(nil)
	w.cloud.put(next)
	w.cloud.moveAway(moved.ID)
	seen := &calls{}
	w.setFault(func(op, id string) error {
		seen.note(op, id)
		return nil
	})
	w.serve()
	eventually(t, "the copy is gone", func() bool { return !slices.Contains(w.ids(), moved.ID) })
	eventually(t, "the cloud is told", func() bool { return w.cloud.confirmed(moved.ID) })
	eventually(t, "the new one runs", w.cloud.is(next.ID, nodeapi.PhaseRunning))
	if removed, started := seen.index("remove "+moved.ID), seen.index("start "+next.ID); removed > started {
		t.Errorf("the copy was removed after something else was done: %v", seen.list)
	}
	if !slices.Contains(w.ids(), stays.ID) {
		t.Error("an instance that was not moved is gone")
	}
	// The cloud asks until it has heard, and the node does not tell again what
	// nobody asks.
	w.cloud.set(func(s *nodeapi.State) { s.Fenced = nil })
	w.cloud.put(moved) // it may even come back, after that
	eventually(t, "it runs here again", w.cloud.is(moved.ID, nodeapi.PhaseRunning))
}

// What cannot be destroyed is not said to be gone, and holds nobody up for ever.
func TestFencedFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	moved := instance(nil)
	w.cloud.put(moved)
	w.start()
	eventually(t, "it runs", w.cloud.is(moved.ID, nodeapi.PhaseRunning))
	w.setFault(func(op, id string) error {
		if op == "remove" && id == moved.ID {
			return errs.New(errs.Unavailable, "The disk does not answer.")
		}
		return nil
	})
	w.cloud.moveAway(moved.ID)
	next := instance(nil)
	w.cloud.put(next)
	eventually(t, "the other runs", w.cloud.is(next.ID, nodeapi.PhaseRunning))
	stays(t, "nothing is said to be gone", func() bool { return !w.cloud.confirmed(moved.ID) })
	w.setFault(nil)
	eventually(t, "the copy is gone", func() bool { return !slices.Contains(w.ids(), moved.ID) })
	eventually(t, "the cloud is told", func() bool { return w.cloud.confirmed(moved.ID) })
}

// A copy that is just being made goes too, and is not made after it was
// removed.
func TestFencedWhileItStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	moved := instance(nil)
	starting, goOn := make(chan struct{}, 8), make(chan struct{})
	w.setFault(func(op, id string) error {
		if op == "start" && id == moved.ID {
			starting <- struct{}{}
			<-goOn
		}
		return nil
	})
	w.cloud.put(moved)
	n, _ := w.start()
	<-starting
	w.cloud.moveAway(moved.ID)
	eventually(t, "the node knows of it", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		_, fenced := n.fence.ids[moved.ID]
		return fenced
	})
	if done, ours := n.ensuring(moved.ID); ours {
		done()
		t.Fatal("it would be made again")
	}
	stays(t, "nothing is said to be gone", func() bool { return !w.cloud.confirmed(moved.ID) })
	close(goOn)
	eventually(t, "the cloud is told", func() bool { return w.cloud.confirmed(moved.ID) })
	if slices.Contains(w.ids(), moved.ID) {
		t.Fatal("the copy is still there")
	}
	n.vms.Signal(moved.ID)
	stays(t, "it is not made again", func() bool { return !slices.Contains(w.ids(), moved.ID) })
}

// A node that was killed while it destroyed a copy goes on without a server.
func TestFencedAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	moved := instance(nil)
	w.cloud.put(moved)
	_, stop := w.start()
	eventually(t, "it runs", w.cloud.is(moved.ID, nodeapi.PhaseRunning))
	w.setFault(func(op, _ string) error {
		if op == "remove" {
			return errs.New(errs.Unavailable, "The disk does not answer.")
		}
		return nil
	})
	w.cloud.moveAway(moved.ID)
	eventually(t, "the word is on disk", func() bool {
		text, err := os.ReadFile(filepath.Join(w.dir, "state.json"))
		return err == nil && strings.Contains(string(text), `"fenced":{"`+moved.ID)
	})
	stop()
	w.stopServe()
	w.setFault(nil)
	w.start()
	eventually(t, "the copy is gone", func() bool { return !slices.Contains(w.ids(), moved.ID) })
}

// setContact says when a server was last heard of.
func (w *world) setContact(at time.Time) {
	w.t.Helper()
	text, err := at.MarshalText()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "contact"), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A host that went down, and comes up long after a server was heard of, starts
// nothing; what runs is left alone.
func TestStartsNothingUnasked(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world){
		"long ago":      func(w *world) { w.setContact(time.Now().Add(-41 * time.Second)) },
		"in the future": func(w *world) { w.setContact(time.Now().Add(time.Hour)) },
		"unknown": func(w *world) {
			if err := os.Remove(filepath.Join(w.dir, "contact")); err != nil {
				w.t.Fatal(err)
			}
		},
		"unreadable": func(w *world) {
			if err := os.WriteFile(filepath.Join(w.dir, "contact"), []byte("noon"), 0o600); err != nil {
				w.t.Fatal(err)
			}
		},
		"as the server says": func(w *world) { w.setContact(time.Now().Add(-30 * time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if name == "as the server says" {
				w.cloud.set(func(s *nodeapi.State) { s.FenceSeconds = 20 })
			}
			off, on := instance(nil), instance(nil)
			w.cloud.put(off, on)
			_, stop := w.start()
			eventually(t, "both run", func() bool {
				return w.cloud.is(off.ID, nodeapi.PhaseRunning)() && w.cloud.is(on.ID, nodeapi.PhaseRunning)()
			})
			eventually(t, "the contact is noted", func() bool {
				_, err := os.Stat(filepath.Join(w.dir, "contact"))
				return err == nil
			})
			stop()
			w.stopServe()
			w.machines.Crash(off.ID, "power failure")
			spoil(w)
			n, _ := w.start()
			status := func(id string) nodeapi.InstanceStatus {
				n.mu.Lock()
				defer n.mu.Unlock()
				return n.book.statuses[id]
			}
			problem := func() string {
				n.mu.Lock()
				defer n.mu.Unlock()
				return n.book.problemsNow()[problemFence]
			}
			eventually(t, "it waits", func() bool { return strings.Contains(status(off.ID).Message, "Waiting for a server's word") })
			if !strings.Contains(problem(), "starts none before a server says what should be") {
				t.Errorf("the problem is %q", problem())
			}
			stays(t, "nothing is started, and what runs goes on", func() bool { return !n.runs(t.Context(), off.ID) && n.runs(t.Context(), on.ID) })
			// The guest that runs and switches itself off is not started again.
			w.machines.Crash(on.ID, "killed")
			stays(t, "nothing is started again", func() bool { return !n.runs(t.Context(), on.ID) })
			w.cloud.moveAway(on.ID)
			w.serve()
			eventually(t, "the server's word starts what is this host's", w.cloud.is(off.ID, nodeapi.PhaseRunning))
			eventually(t, "and ends what is not", func() bool { return w.cloud.confirmed(on.ID) && !slices.Contains(w.ids(), on.ID) })
			if problem() != "" {
				t.Errorf("the problem is still %q", problem())
			}
		})
	}
}

// A session that is open, but has brought no word yet, says nothing.
func TestContactNeedsAWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	n.mu.Lock()
	n.fence.contact, n.fence.session = time.Time{}, 1<<40 // another session brought the word
	n.mu.Unlock()
	if err := n.noteContact(); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	if n.mayStart() {
		t.Error("a session without a word counts as contact")
	}
	n.fence.session = n.client.Session()
	n.mu.Unlock()
	if err := n.noteContact(); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	if !n.mayStart() {
		t.Error("the word of this session does not count")
	}
	n.mu.Unlock()
	if err := os.RemoveAll(w.dir); err != nil {
		t.Fatal(err)
	}
	if err := n.noteContact(); err == nil {
		t.Error("a contact that cannot be noted is no error")
	}
}

// What ends while a copy is waited for ends the waiting.
func TestFenceEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := instance(nil)
	w.cloud.put(i)
	n, _ := w.start()
	eventually(t, "it runs", w.cloud.is(i.ID, nodeapi.PhaseRunning))
	done, ours := n.ensuring(i.ID)
	if !ours {
		t.Fatal("the instance is not ours")
	}
	defer done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.fenceOne(ctx, i.ID); err == nil {
		t.Error("a copy that is being worked on counts as gone")
	}
}
