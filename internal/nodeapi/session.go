package nodeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect"

	"wisp/internal/errs"
)

// session is one node's stream, on the server. Three things run at a time:
// one sends (updates and calls), one stores reports, one receives.
type session struct {
	server *Server
	host   string
	id     string
	stream *connect.BidiStream[FromNode, ToNode]
	cancel context.CancelCauseFunc
	calls  chan *Call // to the sender
	// limitWrites sets the deadline of the response's writes.
	limitWrites func(time.Time)

	mu      sync.Mutex
	lastID  uint64
	pending map[uint64]chan Reply
	reports mailbox
	done    chan struct{} // closed when the session has ended
}

func newSession(server *Server, hello Hello, stream *connect.BidiStream[FromNode, ToNode], cancel context.CancelCauseFunc, limitWrites func(time.Time)) *session {
	return &session{
		server: server, host: hello.Host, id: hello.Session, stream: stream, cancel: cancel, limitWrites: limitWrites,
		calls: make(chan *Call), pending: map[uint64]chan Reply{}, reports: newMailbox(), done: make(chan struct{}),
	}
}

// end makes run return, with cause.
func (s *session) end(cause error) { s.cancel(cause) }

// run serves the session until it ends, and returns why.
func (s *session) run(ctx context.Context, incoming <-chan received[FromNode], watch func(context.Context) error) error {
	var workers sync.WaitGroup
	work := func(f func(context.Context) error) {
		workers.Go(func() {
			if err := f(ctx); err != nil {
				s.end(err)
			}
		})
	}
	work(s.send)
	work(s.storeReports)
	work(watch)
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for ctx.Err() == nil {
		select {
		case in := <-incoming:
			if in.err != nil {
				s.end(in.err)
				break
			}
			quiet.Reset(silence)
			s.take(in.message)
		case <-quiet.C:
			s.end(fmt.Errorf("nothing heard for %s", silence))
		case <-ctx.Done():
		}
	}
	close(s.done)
	// Nothing may write after the handler has returned, and the sender may
	// hang in a write to a node that does not read: it gets a second.
	s.limitWrites(time.Now().Add(lastWrite))
	workers.Wait()
	return context.Cause(ctx)
}

// lastWrite is how long an ending session may go on writing.
const lastWrite = time.Second

func (s *session) take(m *FromNode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.Report != nil:
		s.reports.put(*m.Report)
	case m.Reply != nil:
		// An answer that nobody waits for any more is dropped.
		if waiter, known := s.pending[m.Reply.ID]; known {
			delete(s.pending, m.Reply.ID)
			waiter <- *m.Reply
		}
	}
}

// send is the only one that writes to the stream. It never computes the
// host's state twice at a time: wakes that come meanwhile become one.
func (s *session) send(ctx context.Context) error {
	wake, unsubscribe := s.server.subscribe(s.host)
	defer unsubscribe()
	refresh := time.NewTicker(refreshEvery)
	defer refresh.Stop()
	retry := time.NewTimer(0) // the first computation is due now
	defer retry.Stop()
	var sent State
	var revision int64
	var cloud string
	wait := retryFirst
	for {
		select {
		case call := <-s.calls:
			if err := s.stream.Send(&ToNode{Call: call}); err != nil {
				return fmt.Errorf("sending a call: %w", err)
			}
			continue
		case _, open := <-wake:
			if !open {
				return errClosing
			}
		case <-refresh.C:
		case <-retry.C:
		case <-ctx.Done():
			return nil
		}
		state, err := s.server.cloud.HostState(ctx, s.host)
		if err == nil && cloud == "" {
			var id string
			if id, err = s.server.cloud.CloudID(ctx); err == nil {
				cloud = id
			}
		}
		if err != nil {
			if ctx.Err() == nil {
				s.server.log.ErrorContext(ctx, "computing a host's state failed", "host", s.host, "error", err, "retry_in", wait)
			}
			retry.Reset(wait)
			wait = min(2*wait, retryLast)
			continue
		}
		wait = retryFirst
		update := Diff(sent, state)
		if revision == 0 {
			update = Update{Full: true, Cloud: cloud, State: state}
		}
		if update.Empty() {
			continue
		}
		update.Base, revision = revision, max(revision+1, time.Now().UnixMicro())
		update.Revision = revision
		if err := s.stream.Send(&ToNode{Update: &update}); err != nil {
			return fmt.Errorf("sending an update: %w", err)
		}
		sent = state
	}
}

// The waits between attempts at what the database refused.
const (
	retryFirst  = 200 * time.Millisecond
	retryLast   = 10 * time.Second
	reportTries = 4
)

// storeReports hands reports to the cloud, one at a time. A report that
// cannot be stored ends the session: the node comes back and begins with a
// whole one, so nothing is lost.
func (s *session) storeReports(ctx context.Context) error {
	for {
		select {
		case <-s.reports.ready:
		case <-ctx.Done():
			return nil
		}
		wait := retryFirst
		for try := 1; ; try++ {
			s.mu.Lock()
			report, any := s.reports.take()
			s.mu.Unlock()
			if !any {
				break
			}
			err := s.server.cloud.Report(ctx, s.host, report)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the session's end is what failed it, and the node reports again
			}
			if try == reportTries {
				return fmt.Errorf("storing a report: %w", err)
			}
			s.server.log.WarnContext(ctx, "storing a node's report failed", "host", s.host, "error", err, "retry_in", wait)
			s.mu.Lock()
			s.reports.putBack(report)
			s.mu.Unlock()
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil
			}
			wait *= 3
		}
	}
}

func (s *session) call(ctx context.Context, method string, params json.RawMessage) (Reply, error) {
	answer := make(chan Reply, 1)
	s.mu.Lock()
	s.lastID++
	call := &Call{ID: s.lastID, Method: method, Params: params}
	s.pending[call.ID] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.pending, call.ID)
		s.mu.Unlock()
	}()
	calls := s.calls
	for {
		select {
		case calls <- call:
			calls = nil // sent
		case reply := <-answer:
			return reply, nil
		case <-s.done:
			return Reply{}, errs.New(errs.Unavailable, "The host %s was disconnected.", s.host)
		case <-ctx.Done():
			return Reply{}, errs.Wrap(ctx.Err(), errs.Unavailable, "The host %s does not answer.", s.host)
		}
	}
}
