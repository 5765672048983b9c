package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
	"wisp/internal/reconcile"
)

const (
	// problemFence is the key, in the report's problems, of why nothing is
	// started.
	problemFence = "fence"
	// fenceDefault is State.FenceSeconds before a server has said it.
	fenceDefault = 40 * time.Second
	// fenceWait is how long the rest of a state waits for copies to be
	// destroyed. After it the network is taken from those that are left.
	fenceWait   = 10 * time.Second
	fenceAtOnce = 8
)

// fence keeps second copies of instances from running: those that were moved
// to other hosts while this one was lost are destroyed, and without a word of
// a server nothing is started that may have been moved. It is used under
// Node.mu.
type fence struct {
	ids  map[string]bool          // of the state's Fenced: true when nothing is left
	busy map[string]chan struct{} // by instance; closed when the hypervisor has done what it was asked
	// contact is when a server's word was last known to hold: the session
	// that brought it was open. It has the wall clock's time, which goes on
	// while the machine is off.
	contact time.Time
	session uint64 // that brought the newest word
	unsaved bool   // the newest word is not on disk: what is there says less than the contact
	limit   time.Duration
}

func newFence() fence {
	return fence{ids: map[string]bool{}, busy: map[string]chan struct{}{}, limit: fenceDefault}
}

// add makes instances known as fenced. What is known of them stays.
func (f *fence) add(fenced map[string]nodeapi.Fence) {
	for id := range fenced {
		if _, known := f.ids[id]; !known {
			f.ids[id] = false
		}
	}
}

// heard takes what an update says of the fence. The caller holds mu.
func (n *Node) heard(u update) {
	f := &n.fence
	if seconds := u.state.FenceSeconds; seconds > 0 {
		f.limit = time.Duration(seconds) * time.Second
	}
	maps.DeleteFunc(f.ids, func(id string, _ bool) bool {
		_, stays := u.state.Fenced[id]
		return !stays
	})
	f.add(u.state.Fenced)
	if u.session == 0 {
		return
	}
	f.session, f.contact = u.session, wallClock()
	if n.book.fence != "" {
		n.log.Info("a server has said what should be; machines are started again")
		n.book.fence = ""
	}
}

func wallClock() time.Time { return time.Now().Round(0) }

// fenceOff destroys what is left of instances that run elsewhere. It goes on
// after fenceWait; the task does the rest.
func (n *Node) fenceOff(ctx context.Context, fenced map[string]nodeapi.Fence) {
	if len(fenced) == 0 {
		return
	}
	n.mu.Lock()
	n.fence.add(fenced)
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, fenceWait)
	defer cancel()
	if err := n.fenceAll(ctx); err != nil {
		n.log.ErrorContext(ctx, "copies of instances that run elsewhere could not be destroyed; trying again", "error", err)
	}
}

// fenceAll destroys all that is fenced and not known to be gone.
func (n *Node) fenceAll(ctx context.Context) error {
	n.mu.Lock()
	var due []string
	for id, gone := range n.fence.ids {
		if !gone {
			due = append(due, id)
		}
	}
	n.mu.Unlock()
	slices.Sort(due)
	failed := make([]error, len(due))
	var working sync.WaitGroup
	turns := make(chan struct{}, fenceAtOnce)
	for i, id := range due {
		working.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			failed[i] = n.fenceOne(ctx, id)
		})
	}
	working.Wait()
	return errors.Join(failed...)
}

func (n *Node) fenceOne(ctx context.Context, id string) error {
	n.mu.Lock()
	busy := n.fence.busy[id]
	n.mu.Unlock()
	if busy != nil { // nobody begins anew: the id is fenced
		select {
		case <-busy:
		case <-ctx.Done():
			return fmt.Errorf("the instance %s is still being worked on: %w", id, ctx.Err())
		}
	}
	if err := n.cfg.Driver.Remove(ctx, id); err != nil {
		return errs.Wrap(err, errs.Of(err), "The instance %s runs elsewhere, and its copy here could not be removed.", id)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, fenced := n.fence.ids[id]; fenced {
		n.fence.ids[id] = true
	}
	n.log.WarnContext(ctx, "what was left of an instance that was moved to another host is destroyed", "instance", id)
	return nil
}

// reconcileFence destroys what fenceOff could not, and tells the server of
// what is gone, again and again until it does not ask any more.
func (n *Node) reconcileFence(ctx context.Context) (reconcile.Result, error) {
	err := n.fenceAll(ctx)
	n.telling.Lock()
	defer n.telling.Unlock()
	n.mu.Lock()
	gone := n.fencedGone()
	n.mu.Unlock()
	if len(gone) > 0 {
		report := n.report()
		report.Fenced = gone
		n.send(report)
	}
	return reconcile.Result{}, err
}

// fencedGone lists the fenced instances of which nothing is left. The caller
// holds mu.
func (n *Node) fencedGone() []string {
	var gone []string
	for id, is := range n.fence.ids {
		if is {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	return gone
}

// ensuring says that the hypervisor is about to work on an instance; false
// when the instance is not this host's any more. done must follow.
func (n *Node) ensuring(id string) (done func(), ours bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, wanted := n.desired.Instances[id]
	if _, fenced := n.fence.ids[id]; fenced || !wanted {
		return nil, false
	}
	busy := make(chan struct{})
	n.fence.busy[id] = busy
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.fence.busy, id)
		close(busy)
	}, true
}

// mayStart tells whether machines may be started: what the server said last is
// so new that nothing was moved since. A last contact in the future says that
// the clock was changed, and nothing of how old it is. The caller holds mu.
func (n *Node) mayStart() bool {
	age := wallClock().Sub(n.fence.contact)
	return age >= 0 && age < n.fence.limit
}

// waitForWord holds an instance that does not run as long as a server may have
// moved it. One that runs is left alone.
func (n *Node) waitForWord(ctx context.Context, instance nodeapi.Instance) (waits bool, err error) {
	n.mu.Lock()
	allowed, limit, contact := n.mayStart(), n.fence.limit, n.fence.contact
	n.mu.Unlock()
	if allowed {
		return false, nil
	}
	if n.runs(ctx, instance.ID) {
		return true, nil
	}
	since := "never since wisp keeps a note of it"
	if !contact.IsZero() {
		since = "last at " + contact.UTC().Format(time.RFC3339)
	}
	text := fmt.Sprintf("No server was heard of for more than %s (%s). Its instances may have been moved to other hosts, so this one starts none before a server says what should be. What runs goes on.", limit, since)
	n.mu.Lock()
	news := n.book.fence == "" && !n.mayStart()
	if news {
		n.book.fence = text
	}
	n.mu.Unlock()
	if news {
		n.log.WarnContext(ctx, "nothing is started before a server says what should be", "reason", text)
	}
	n.preparing(instance, "Waiting for a server's word: the instance may have been moved to another host.")
	return true, nil
}

func (n *Node) contactPath() string { return filepath.Join(n.cfg.StateDir, "contact") }

// recallContact reads when the last contact was. What cannot be read was long ago.
func (n *Node) recallContact() {
	text, err := os.ReadFile(n.contactPath())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var at time.Time
	if err == nil {
		err = at.UnmarshalText(text)
	}
	if err != nil {
		n.log.Error("when a server was last heard of cannot be read; starting nothing before one is", "file", n.contactPath(), "error", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fence.contact = at
}

// keepContact notes, in memory and on disk, that the server's word still
// holds: as long as the session is open that brought it.
func (n *Node) keepContact(ctx context.Context) {
	ticker := time.NewTicker(nodeapi.Heartbeat)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := n.noteContact()
		if err != nil && !failing {
			n.log.ErrorContext(ctx, "the last contact with a server could not be noted; after a restart without one nothing will be started", "error", err)
		}
		failing = err != nil
	}
}

// noteContact writes the last contact down, if there is one now.
func (n *Node) noteContact() error {
	session := n.client.Session()
	n.mu.Lock()
	holds := session != 0 && session == n.fence.session && n.incoming == nil
	if holds {
		n.fence.contact = wallClock()
	}
	at, unsaved := n.fence.contact, n.fence.unsaved
	n.mu.Unlock()
	if !holds || unsaved {
		return nil
	}
	text, err := at.MarshalText()
	if err != nil {
		return fmt.Errorf("encoding the last contact: %w", err)
	}
	next := n.contactPath() + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("writing the last contact: %w", err)
	}
	if err := os.Rename(next, n.contactPath()); err != nil {
		return fmt.Errorf("replacing the last contact: %w", err)
	}
	return nil
}
