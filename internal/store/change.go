package store

import (
	"context"
	"slices"
	"sync"
)

// Actions of changes.
const (
	Create = "create"
	Update = "update"
	Delete = "delete"
)

// Change says that a resource of the API was changed, and who may hear of it.
// It is a hint to read the resource again, and says nothing of what it is now.
type Change struct {
	Resource string `json:"resource"` // as the API names one: "server", "floatingip"
	ID       string `json:"id"`       // by which the API finds it: a keypair's is its name
	Action   string `json:"action"`   // Create, Update or Delete

	// ProjectID is whose it is, UserID whose it is where that is a person's.
	// Projects are others that it is shared with, and Public resources are
	// seen by everyone. With none of them it is for administrators, who hear
	// of all.
	ProjectID string   `json:"project,omitempty"`
	UserID    string   `json:"user,omitempty"`
	Projects  []string `json:"projects,omitempty"`
	Public    bool     `json:"public,omitempty"`
}

type changeKey struct{ resource, id, action string }

// merge widens c to who may hear of either: a resource that is shared no more
// is news to those who saw it.
func (c *Change) merge(other Change) {
	c.Public = c.Public || other.Public
	c.Projects = slices.Concat(c.Projects, other.Projects)
	if other.ProjectID != c.ProjectID && other.ProjectID != "" {
		if c.ProjectID == "" {
			c.ProjectID = other.ProjectID
		} else {
			c.Projects = append(c.Projects, other.ProjectID) // a copy, made above
		}
	}
	if c.UserID == "" {
		c.UserID = other.UserID
	}
}

// noted are the changes of one transaction, each once, in their order.
type noted struct {
	list []Change
	at   map[changeKey]int
}

func (n *noted) add(c Change) {
	key := changeKey{c.Resource, c.ID, c.Action}
	if i, again := n.at[key]; again {
		n.list[i].merge(c)
		return
	}
	if n.at == nil {
		n.at = map[changeKey]int{}
	}
	n.at[key] = len(n.list)
	n.list = append(n.list, c)
}

// Changed notes changes, of which the subscribers of Changes are told once
// the transaction is committed. The same change noted twice is told once, to
// everyone who may hear of either.
func (t *Tx) Changed(changes ...Change) {
	for _, c := range changes {
		t.noted.add(c)
	}
}

// feed carries changes to who subscribed.
type feed struct {
	mu          sync.RWMutex
	next        int
	subscribers map[int]func([]Change)
}

// Changes calls fn with the changes of every transaction after its commit, in
// the goroutine that committed or in one that hears what other servers commit:
// fn must not wait, nor change what it is given. With no changes it says that
// some may have been missed, after a long time without the database. Call
// cancel when done; fn may still be running then.
func (d *DB) Changes(fn func([]Change)) (cancel func()) {
	f := &d.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subscribers == nil {
		f.subscribers = map[int]func([]Change){}
	}
	id := f.next
	f.next++
	f.subscribers[id] = fn
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, id)
	}
}

// publish tells the subscribers in this process of what it or another server
// has committed.
func (f *feed) publish(changes []Change) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, fn := range f.subscribers {
		fn(changes)
	}
}

type watcher struct{}

// Watch returns a context under which transactions tell fn alone of their
// changes too, after each commit. It shows what one request has changed.
func Watch(ctx context.Context, fn func([]Change)) context.Context {
	return context.WithValue(ctx, watcher{}, fn)
}

// committed tells of the changes of a transaction.
func (d *DB) committed(ctx context.Context, changes []Change) {
	if len(changes) == 0 {
		return
	}
	d.feed.publish(changes)
	if fn, ok := ctx.Value(watcher{}).(func([]Change)); ok {
		fn(changes)
	}
}
