package nodeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"wisp/internal/errs"
)

// Stream carries the bytes of one console both ways. Read gives io.EOF once
// the other end has ended its direction in good order; what it sent before is
// read first. Close ends both directions and may be called at any time, and
// more than once.
type Stream interface {
	io.ReadWriteCloser
	// Reason says why the node ended the stream; empty is no special reason.
	// It is known when Read has given io.EOF.
	Reason() string
}

// ReasonTakenOver is the Reason of a console that somebody has opened anew.
const ReasonTakenOver = "taken over"

const (
	// reasonTrailer is the trailer of a stream's request that holds its Reason.
	reasonTrailer = "Wisp-Reason"
	// linger is how long one direction of a stream goes on when the other has
	// ended.
	linger = 5 * time.Second
)

// expected is a stream that a node was asked for and has not opened yet.
type expected struct {
	host    string
	session *session
	arrived chan *serverStream // has room for the one that comes
}

// OpenConsole asks a host's node to open a console of an instance, through
// another server when the node is connected there. ctx bounds the opening
// alone; the stream lives until it is closed or the session of the host ends.
// Errors are those of Call.
func (s *Server) OpenConsole(ctx context.Context, host, instanceID, kind string) (Stream, error) {
	if s.has(host) {
		stream, _, err := s.openHere(ctx, host, instanceID, kind)
		if err != nil {
			return nil, err
		}
		return stream, nil
	}
	at, err := s.elsewhere(ctx, host)
	if err != nil {
		return nil, err
	}
	return s.peers.openConsole(ctx, at, host, instanceID, kind)
}

// openHere opens a console through a node that is connected to this server.
func (s *Server) openHere(ctx context.Context, host, instanceID, kind string) (*serverStream, *session, error) {
	id := uuid.NewString()
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	params, err := json.Marshal(OpenConsoleParams{InstanceID: instanceID, Kind: kind, StreamID: id})
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the parameters of %s: %w", CallOpenConsole, err)
	}
	s.mu.Lock()
	current := s.current(host)
	if current == nil {
		s.mu.Unlock()
		return nil, nil, notConnected(host)
	}
	coming := &expected{host: host, session: current, arrived: make(chan *serverStream, 1)}
	s.streams[id] = coming
	s.mu.Unlock()

	reply, err := current.call(ctx, CallOpenConsole, params)
	if err == nil {
		err = reply.failure()
	}

	s.mu.Lock()
	_, missing := s.streams[id]
	delete(s.streams, id)
	s.mu.Unlock()
	if missing {
		if err == nil {
			err = fmt.Errorf("host %s says that it opened a console, but its stream did not come", host)
		}
		return nil, nil, err
	}
	stream := <-coming.arrived
	if err != nil {
		return nil, nil, errors.Join(err, stream.Close())
	}
	return stream, current, nil
}

// serveStream is the life of a stream that a node opens because it was asked.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	from, _ := r.Context().Value(peerKey{}).(peer)
	id := r.PathValue("id")
	s.mu.Lock()
	coming := s.streams[id]
	if coming == nil || s.closed || from.host != "" && from.host != coming.host {
		s.mu.Unlock()
		http.Error(w, "nobody waits for this stream", http.StatusNotFound)
		return
	}
	delete(s.streams, id)
	s.sessions.Add(1)
	s.mu.Unlock()
	defer s.sessions.Done()

	stream := &serverStream{request: r, w: w, control: http.NewResponseController(w), over: make(chan struct{}), limitWrites: from.limitWrites}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	flushed := stream.control.Flush()
	coming.arrived <- stream
	if flushed == nil {
		select {
		case <-stream.over:
		case <-r.Context().Done():
		case <-coming.session.done:
		}
	}
	stream.end()
}

// serverStream is a node's request: its body is what the node says, the
// answer's body is what the node hears.
type serverStream struct {
	request     *http.Request
	control     *http.ResponseController
	limitWrites func(time.Time)
	closing     sync.Once
	over        chan struct{}

	writing sync.Mutex
	w       http.ResponseWriter // nil when the handler returns
}

func (s *serverStream) Read(p []byte) (int, error) { return s.request.Body.Read(p) }

func (s *serverStream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.w == nil {
		return 0, net.ErrClosed
	}
	n, err := s.w.Write(p)
	if err == nil {
		err = s.control.Flush()
	}
	return n, err
}

func (s *serverStream) Close() error {
	s.closing.Do(func() { close(s.over) })
	return nil
}

func (s *serverStream) Reason() string { return s.request.Trailer.Get(reasonTrailer) }

// end makes sure that nothing writes any more, so that the handler may return:
// a write that waits for the node is cut after a moment.
func (s *serverStream) end() {
	if !s.writing.TryLock() {
		s.limitWrites(time.Now().Add(lastWrite))
		s.writing.Lock()
	}
	s.w = nil
	s.writing.Unlock()
}

// openConsole opens a console on the node, and the stream to the server that
// carries it.
func (c *Client) openConsole(ctx context.Context, at *endpoint, params json.RawMessage) (*nodeStream, error) {
	var p OpenConsoleParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "The parameters of %s are wrong.", CallOpenConsole)
	}
	if _, err := uuid.Parse(p.StreamID); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "The stream's id is wrong.")
	}
	console, err := c.agent.OpenConsole(ctx, p.InstanceID, p.Kind)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &nodeStream{console: console, cancel: cancel}
	var body *io.PipeReader
	body, s.out = io.Pipe()
	s.request, err = http.NewRequestWithContext(ctx, http.MethodPost, at.url+streamsPath+p.StreamID, &hookedBody{body, s.lingerOn})
	if err != nil {
		return nil, errors.Join(err, s.abort())
	}
	s.request.Header.Set("Content-Type", "application/octet-stream")
	s.request.Trailer = http.Header{reasonTrailer: nil}
	s.response, err = at.http.Do(s.request) //nolint:bodyclose // carry closes it
	if err == nil && s.response.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("the server said %s", s.response.Status), s.response.Body.Close())
	}
	if err != nil {
		return nil, errors.Join(errs.Wrap(err, errs.Unavailable, "The stream to the server could not be opened."), s.abort())
	}
	return s, nil
}

// nodeStream is the node's end of a stream: a request of the node whose body
// is what the console says, and whose answer is what the console hears.
type nodeStream struct {
	console  Stream
	request  *http.Request
	response *http.Response
	out      *io.PipeWriter
	cancel   context.CancelFunc
}

// hookedBody tells when the transport needs no more of a request: it was read
// to its end, or the server wants no more of it.
type hookedBody struct {
	*io.PipeReader
	closed func()
}

func (b *hookedBody) Close() error {
	b.closed()
	return b.PipeReader.Close()
}

// abort gives both ends up.
func (s *nodeStream) abort() error {
	s.cancel()
	return s.console.Close()
}

// lingerOn gives the other direction a moment to end by itself, and then ends
// it: a console that takes no input would hold it for ever.
func (s *nodeStream) lingerOn() {
	time.AfterFunc(linger, func() { _ = s.abort() }) // there is nobody left to tell
}

// carry copies both ways until both have ended, or ctx ends.
func (s *nodeStream) carry(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = s.abort() })
	defer stop()
	var out sync.WaitGroup
	out.Go(func() {
		// The end of either end is the end of the copy; there is no more to it.
		_, _ = io.Copy(s.out, s.console)
		if reason := s.console.Reason(); reason != "" {
			s.request.Trailer.Set(reasonTrailer, reason)
		}
		// What was cut must not look like a console that has ended.
		_ = s.out.CloseWithError(s.request.Context().Err())
	})
	if _, err := io.Copy(s.console, s.response.Body); err != nil {
		// The console hears no more, but it may still have to say something.
		_, _ = io.Copy(io.Discard, s.response.Body)
	}
	_ = s.console.Close()
	out.Wait()
	_ = s.response.Body.Close()
	s.cancel()
}
