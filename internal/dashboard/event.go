package dashboard

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Limits are those of streams of events. Zeros are the defaults.
type Limits struct {
	PerUser   int           // streams that one user may have open: 16
	Streams   int           // streams in all: 1000
	Queue     int           // changes that wait for one reader: 4096
	Heartbeat time.Duration // between comments that keep a quiet stream open: 15 s
	Check     time.Duration // between looks at whether a token is still valid: 1 s
	Write     time.Duration // how long a reader may keep a write waiting: 10 s
}

func (l Limits) withDefaults() Limits {
	whole := func(value *int, or int) {
		if *value == 0 {
			*value = or
		}
	}
	span := func(value *time.Duration, or time.Duration) {
		if *value == 0 {
			*value = or
		}
	}
	whole(&l.PerUser, 16)
	whole(&l.Streams, 1000)
	whole(&l.Queue, 4096)
	span(&l.Heartbeat, 15*time.Second)
	span(&l.Check, time.Second)
	span(&l.Write, 10*time.Second)
	return l
}

// events streams changes to browsers, as server-sent events (HTML Living
// Standard, 9.2). The token comes in its header, so the page reads the stream
// by fetch: an EventSource cannot send one, and a token does not belong in a URL.
type events struct {
	identity Identity
	hub      *hub
	limits   Limits
	log      *slog.Logger
}

// Reasons for which the server ends a stream.
const (
	reasonExpired = "expired"
	reasonRevoked = "revoked"
	reasonSlow    = "slow"   // the reader
	reasonMissed  = "missed" // changes, by the server
)

func (e *events) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		refuse(w, r, http.StatusUnauthorized, unauthenticated)
		return
	}
	caller, err := e.identity.Authenticate(r.Context(), token)
	if err != nil {
		fail(w, r, e.log, err)
		return
	}
	if !caller.Reaches("", r.Method, r.URL.Path) { // a token for some requests to some services: this is none of them
		refuse(w, r, http.StatusUnauthorized, unauthenticated)
		return
	}
	s := newStream(caller, e.limits.Queue)
	if status, refused := e.hub.add(s, caller.UserID); status != http.StatusOK {
		h.Set("Retry-After", "10")
		refuse(w, r, status, refused)
		return
	}
	defer e.hub.remove(s)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy that waits for more delays the event
	out := &writer{to: w, control: http.NewResponseController(w), patience: e.limits.Write}
	// The connection may serve other requests, which have no such deadline.
	defer func() { _ = out.control.SetWriteDeadline(time.Time{}) }()
	e.pump(r, s, token, caller, out)
}

// pump writes until somebody has had enough. Before each write the token is
// looked at again: what its user may see can have changed since the last.
func (e *events) pump(r *http.Request, s *stream, token string, caller *policy.Caller, out *writer) {
	if out.event("hello", "{}") != nil {
		return
	}
	beat, check := time.NewTicker(e.limits.Heartbeat), time.NewTicker(e.limits.Check)
	defer beat.Stop()
	defer check.Stop()
	expiry := time.NewTimer(time.Until(caller.ExpiresAt))
	defer expiry.Stop()
	for {
		var queue []news
		lost, silent := "", false
		select {
		case <-r.Context().Done():
			return
		case <-e.hub.ended:
			return
		case <-expiry.C:
		case <-check.C:
		case <-beat.C:
			silent = true
		case <-s.wake:
			queue, lost = s.take()
		}
		current, err := e.identity.Authenticate(r.Context(), token)
		switch {
		case errs.Is(err, errs.Unauthenticated):
			reason := reasonRevoked
			if !time.Now().Before(caller.ExpiresAt) {
				reason = reasonExpired
			}
			_ = out.event("session", `{"reason":"`+reason+`"}`)
			return
		case err != nil:
			// The client comes back, and reads all again.
			if r.Context().Err() == nil {
				e.log.WarnContext(r.Context(), "a stream of events ended: its token cannot be checked", "error", err)
			}
			return
		}
		s.become(current)
		if lost != "" {
			_ = out.event("reset", `{"reason":"`+lost+`"}`)
			return
		}
		if silent {
			err = out.comment()
		} else {
			err = out.changes(queue, current)
		}
		if err != nil {
			return
		}
	}
}

// writer writes events, each with the number that it has in its own stream:
// a number that all streams share would tell how much goes on elsewhere.
type writer struct {
	to       http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	last     int
	buffer   bytes.Buffer
}

func (w *writer) add(event string, data []byte) {
	w.last++
	w.buffer.WriteString("event: " + event + "\nid: " + strconv.Itoa(w.last) + "\ndata: ")
	w.buffer.Write(data)
	w.buffer.WriteString("\n\n")
}

func (w *writer) event(name, data string) error {
	w.add(name, []byte(data))
	return w.flush()
}

// changes writes what the caller may see, the same one once.
func (w *writer) changes(queue []news, caller *policy.Caller) error {
	seen := make(map[string]bool, len(queue))
	for i := range queue {
		if data := string(queue[i].data); !seen[data] && visible(caller, &queue[i].Change) {
			seen[data] = true
			w.add("change", queue[i].data)
		}
	}
	return w.flush()
}

// comment shows proxies and the reader that the stream lives.
func (w *writer) comment() error {
	w.buffer.WriteString(":\n\n")
	return w.flush()
}

func (w *writer) flush() error {
	if w.buffer.Len() == 0 {
		return nil
	}
	defer w.buffer.Reset()
	// Some writers, those of tests, know no deadline.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.patience))
	if _, err := w.to.Write(w.buffer.Bytes()); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return w.control.Flush()
}
