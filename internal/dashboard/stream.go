package dashboard

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// news is a change as it goes to every stream that may see it, encoded once.
type news struct {
	store.Change
	data []byte
}

func newNews(c store.Change) news {
	project := c.ProjectID
	if c.Public {
		project = "" // everyone's: whose it is besides is not everyone's business
	}
	data, err := json.Marshal(struct {
		Resource  string `json:"resource"`
		ID        string `json:"id"`
		ProjectID string `json:"project_id"`
		Action    string `json:"action"`
	}{c.Resource, c.ID, project, c.Action})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return news{Change: c, data: data}
}

// visible tells whether a caller may hear of a change: administrators of all,
// others of what everyone sees, of what is theirs, and of what belongs to the
// project of their token or is shared with it, if they may read there.
func visible(c *policy.Caller, change *store.Change) bool {
	if change.Public || c.IsAdmin() || (change.UserID != "" && change.UserID == c.UserID) {
		return true
	}
	return c.ProjectID != "" && c.HasRole("reader") && (change.ProjectID == c.ProjectID || slices.Contains(change.Projects, c.ProjectID))
}

// stream is one reader's queue. What does not fit any more is lost, and the
// reader is told so.
type stream struct {
	wake chan struct{} // holds one

	mu     sync.Mutex
	caller *policy.Caller // as of the last look
	queue  []news
	size   int    // largest queue
	lost   string // why something was; empty is nothing
}

func newStream(caller *policy.Caller, size int) *stream {
	return &stream{wake: make(chan struct{}, 1), caller: caller, size: size}
}

// offer queues what the caller may see of the changes. It never waits.
func (s *stream) offer(changes []news) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		if s.lost != "" {
			return
		}
		if !visible(s.caller, &changes[i].Change) {
			continue
		}
		if len(s.queue) >= s.size {
			s.lost, s.queue = reasonSlow, nil
		} else {
			s.queue = append(s.queue, changes[i])
		}
		s.rouse()
	}
}

// miss says that changes were lost on the way here.
func (s *stream) miss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost, s.queue = reasonMissed, nil
	s.rouse()
}

func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue, and tells why something was lost.
func (s *stream) take() (queue []news, lost string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue, s.queue = s.queue, nil
	return queue, s.lost
}

// become says what the caller may see from now on.
func (s *stream) become(caller *policy.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caller = caller
}

// hub gives changes to streams.
type hub struct {
	perUser, all int // limits of streams

	mu      sync.RWMutex
	streams map[*stream]string // and whose they are
	users   map[string]int     // streams of each user
	ended   chan struct{}      // closed when the server stops
	over    bool
}

func newHub(perUser, all int) *hub {
	return &hub{perUser: perUser, all: all, streams: map[*stream]string{}, users: map[string]int{}, ended: make(chan struct{})}
}

// publish gives changes to every stream; none are changes that were missed.
func (h *hub) publish(changes []store.Change) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.streams) == 0 {
		return
	}
	if len(changes) == 0 {
		for s := range h.streams {
			s.miss()
		}
		return
	}
	all := make([]news, len(changes))
	for i, c := range changes {
		all[i] = newNews(c)
	}
	for s := range h.streams {
		s.offer(all)
	}
}

// add begins a stream, unless the user or the server has too many. It returns
// the status and the words of a refusal.
func (h *hub) add(s *stream, user string) (status int, refused string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
		return http.StatusServiceUnavailable, "The server is being stopped."
	case h.users[user] >= h.perUser:
		return http.StatusTooManyRequests, "The user has too many event streams open."
	case len(h.streams) >= h.all:
		return http.StatusTooManyRequests, "The server has too many event streams open."
	}
	h.streams[s] = user
	h.users[user]++
	return http.StatusOK, ""
}

func (h *hub) remove(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	user, there := h.streams[s]
	if !there {
		return
	}
	delete(h.streams, s)
	if h.users[user]--; h.users[user] == 0 {
		delete(h.users, user)
	}
}

// end ends all streams, and lets none begin.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.over = true
		close(h.ended)
	}
}
