package nodeapi

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"wisp/internal/errs"
)

// Cloud is what the nodes need of the rest of the server. CloudID names the
// cloud, always the same for one database. HostState returns a state that the
// caller may keep; Hello and Report may be repeated with the same values.
// HostGone says that the session of that id, which a Hello brought, has ended.
// OpenImage returns the bytes and how many there are of an image that an
// instance of the host boots from; every other id is an error of kind
// NotFound. An empty host is this process's own node, which may have any.
type Cloud interface {
	CloudID(ctx context.Context) (string, error)
	HostState(ctx context.Context, host string) (State, error)
	Hello(ctx context.Context, hello Hello) error
	Report(ctx context.Context, host string, report Report) error
	HostGone(ctx context.Context, host, session string)
	OpenImage(ctx context.Context, host, id string) (io.ReadCloser, int64, error)
	// SaveImage takes the bytes of an image that the host was asked to make of
	// an instance; size is -1 when it is not known. NotFound: it is not wanted
	// (any more). Whatever else fails may be tried again.
	SaveImage(ctx context.Context, host, id string, body io.Reader, size int64) error
	// SavePassword keeps the password that an instance of the host tells its
	// owner. Conflict: it has told one already; NotFound: it is none of the host.
	SavePassword(ctx context.Context, host, instanceID, password string) error
}

const (
	refreshEvery = 30 * time.Second // states are computed again although nothing woke us
	callTimeout  = 30 * time.Second // of a Call whose context has no deadline
	helloTimeout = 10 * time.Second
)

// Server is the servers' end of the node API: an http.Handler for nodes, and
// the way to call them. At most one session per host is alive: a newer one
// takes the place of the older.
type Server struct {
	cloud     Cloud
	subscribe func(host string) (<-chan struct{}, func())
	log       *slog.Logger
	mux       *http.ServeMux
	peers     *peers  // nil when there are none
	members   Members // nil: no node comes by TLS
	patience  time.Duration

	mu       sync.Mutex
	hosts    map[string]*hostSlot
	streams  map[string]*expected // by id
	closed   bool
	sessions sync.WaitGroup
}

// hostSlot is the place of a host's session. Its mutex puts in a row what
// concerns the host's coming and going: a HostGone of the session before
// never comes after the Hello of the next.
type hostSlot struct {
	turn    sync.Mutex
	session *session // guarded by Server.mu
}

// NewServer returns the node API. subscribe returns a channel that has a
// value whenever the state of the host may have changed, and the function
// that ends the subscription.
func NewServer(cloud Cloud, subscribe func(host string) (<-chan struct{}, func()), log *slog.Logger) *Server {
	s := &Server{cloud: cloud, subscribe: subscribe, log: log, mux: http.NewServeMux(), patience: patience, hosts: map[string]*hostSlot{}, streams: map[string]*expected{}}
	s.mux.Handle(sessionPath, connect.NewBidiStreamHandler(sessionPath, s.serveSession,
		connect.WithCodec(jsonCodec{}), connect.WithReadMaxBytes(maxMessage), connect.WithCompressMinBytes(compressAbove)))
	s.mux.HandleFunc("GET "+imagesPath+"{id}", s.serveImage)
	s.mux.HandleFunc("PUT "+imagesPath+"{id}", s.takeImage)
	s.mux.HandleFunc("PUT "+passwordsPath+"{id}", s.takePassword)
	s.mux.HandleFunc("POST "+streamsPath+"{id}", s.serveStream)
	return s
}

// ServeHTTP serves nodes, and other servers of the cloud, and nobody else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, peersPath) {
		s.servePeer(w, r)
		return
	}
	host, cert, err := s.authenticate(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	from := peer{host: host, cert: cert, limitWrites: func(t time.Time) {
		if err := control.SetWriteDeadline(t); err != nil {
			s.log.WarnContext(r.Context(), "a node's connection takes no deadline", "error", err)
		}
	}}
	s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, from)))
}

// peer is what a session needs to know of its HTTP request, which Connect
// does not hand through.
type peer struct {
	host        string            // authenticated; empty when any host may be claimed
	cert        *x509.Certificate // of the node; nil without TLS
	limitWrites func(time.Time)
}

// peerKey is the key of the peer in a request's context.
type peerKey struct{}

// NewHTTPServer returns a server for a listener of Memory: HTTP/2 without
// TLS. Serve and Close it.
func (s *Server) NewHTTPServer() *http.Server {
	server := s.newHTTPServer()
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}

func (s *Server) serveImage(w http.ResponseWriter, r *http.Request) {
	from, _ := r.Context().Value(peerKey{}).(peer)
	id := r.PathValue("id")
	body, size, err := s.cloud.OpenImage(r.Context(), from.host, id)
	if err != nil {
		status := http.StatusInternalServerError
		if errs.Is(err, errs.NotFound) {
			status = http.StatusNotFound
		} else {
			s.log.ErrorContext(r.Context(), "opening an image for a node failed", "image", id, "error", err)
		}
		http.Error(w, publicMessage(err), status)
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if _, err := io.Copy(w, body); err != nil {
		s.log.WarnContext(r.Context(), "sending an image to a node ended early", "image", id, "error", err)
		panic(http.ErrAbortHandler) // the node must see that the body is cut
	}
}

func (s *Server) takeImage(w http.ResponseWriter, r *http.Request) {
	from, _ := r.Context().Value(peerKey{}).(peer)
	id := r.PathValue("id")
	err := s.cloud.SaveImage(r.Context(), from.host, id, r.Body, r.ContentLength)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errs.Is(err, errs.NotFound):
		http.Error(w, publicMessage(err), http.StatusNotFound)
	default:
		s.log.WarnContext(r.Context(), "taking an image from a node failed", "image", id, "error", err)
		http.Error(w, publicMessage(err), http.StatusServiceUnavailable)
	}
}

// maxPassword bounds what a node sends of a guest's password.
const maxPassword = 4 << 10

func (s *Server) takePassword(w http.ResponseWriter, r *http.Request) {
	from, _ := r.Context().Value(peerKey{}).(peer)
	password, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPassword))
	if err == nil {
		err = s.cloud.SavePassword(r.Context(), from.host, r.PathValue("id"), string(password))
	}
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errs.Is(err, errs.Conflict):
		http.Error(w, publicMessage(err), http.StatusConflict)
	case errs.Is(err, errs.NotFound):
		http.Error(w, publicMessage(err), http.StatusNotFound)
	default:
		s.log.WarnContext(r.Context(), "keeping a guest's password failed", "error", err)
		http.Error(w, publicMessage(err), http.StatusServiceUnavailable)
	}
}

// publicMessage is what the other end may read of an error.
func publicMessage(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e.Message
	}
	return "The server failed; its log says why."
}

// Hosts returns the names of the hosts that are connected to this server.
func (s *Server) Hosts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, slot := range s.hosts {
		if slot.session != nil {
			names = append(names, name)
		}
	}
	return names
}

// Call asks a host's node for something that is not state, through another
// server when the node is connected there, and decodes its answer into result
// unless that is nil. An error of the node keeps its kind; a host that is not
// connected, or that does not answer before ctx ends, is Unavailable.
func (s *Server) Call(ctx context.Context, host, method string, params, result any) error {
	encoded, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("encoding the parameters of %s: %w", method, err)
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	var reply Reply
	if s.has(host) {
		reply, err = s.callHere(ctx, host, method, encoded)
	} else {
		var at string
		if at, err = s.elsewhere(ctx, host); err == nil {
			reply, err = s.peers.call(ctx, at, host, method, encoded)
		}
	}
	if err == nil {
		err = reply.failure()
	}
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("decoding the answer of host %s to %s: %w", host, method, err)
	}
	return nil
}

// callHere asks a node that is connected to this server.
func (s *Server) callHere(ctx context.Context, host, method string, params json.RawMessage) (Reply, error) {
	s.mu.Lock()
	current := s.current(host)
	s.mu.Unlock()
	if current == nil {
		return Reply{}, notConnected(host)
	}
	return current.call(ctx, method, params)
}

// has tells whether a host is connected to this server.
func (s *Server) has(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(host) != nil
}

// current is the session of a host, or nil. The caller holds mu.
func (s *Server) current(host string) *session {
	if slot := s.hosts[host]; slot != nil {
		return slot.session
	}
	return nil
}

// serveSession is the life of one stream.
func (s *Server) serveSession(ctx context.Context, stream *connect.BidiStream[FromNode, ToNode]) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return connect.NewError(connect.CodeUnavailable, errClosing)
	}
	s.sessions.Add(1)
	s.mu.Unlock()
	defer s.sessions.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Receive cannot be cancelled but by the end of the request, so the
	// handler returns while it waits; that ends the request.
	incoming := receive(ctx, stream.Receive)
	hello, err := firstHello(ctx, incoming)
	if err != nil {
		return err
	}
	from, ok := ctx.Value(peerKey{}).(peer)
	if !ok {
		return connect.NewError(connect.CodeInternal, errors.New("the request came past ServeHTTP"))
	}
	if from.host != "" && from.host != hello.Host {
		return connect.NewError(connect.CodePermissionDenied, fmt.Errorf("the certificate is for host %q, not %q", from.host, hello.Host))
	}
	hello.Session = uuid.NewString()
	if s.peers != nil {
		hello.Session = s.peers.Name + "/" + hello.Session
	}
	current := newSession(s, hello, stream, cancel, from.limitWrites)
	slot, err := s.enter(ctx, current, hello)
	if err != nil {
		return connect.NewError(connect.CodeUnavailable, errors.New(publicMessage(err)))
	}
	defer s.leave(ctx, slot, current)
	s.log.InfoContext(ctx, "node connected", "host", hello.Host, "version", hello.Version)
	err = current.run(ctx, incoming, s.watch(from.cert))
	s.log.InfoContext(ctx, "node disconnected", "host", hello.Host, "cause", err)
	if errs.Is(err, errs.Forbidden) {
		return connect.NewError(connect.CodePermissionDenied, errors.New(publicMessage(err)))
	}
	return connect.NewError(connect.CodeUnavailable, err)
}

// Close ends all sessions, waits until the cloud has been told, and refuses
// new ones.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, slot := range s.hosts {
		if slot.session != nil {
			slot.session.end(errClosing)
		}
	}
	s.mu.Unlock()
	s.sessions.Wait()
	if s.peers != nil {
		s.peers.http.CloseIdleConnections()
	}
	return nil
}

// enter makes a session the one of its host, in place of an older one.
func (s *Server) enter(ctx context.Context, current *session, hello Hello) (*hostSlot, error) {
	s.mu.Lock()
	slot := s.hosts[current.host]
	if slot == nil {
		slot = &hostSlot{}
		s.hosts[current.host] = slot
	}
	s.mu.Unlock()
	slot.turn.Lock()
	defer slot.turn.Unlock()
	if err := s.cloud.Hello(ctx, hello); err != nil {
		s.log.ErrorContext(ctx, "welcoming a node failed", "host", current.host, "error", err)
		return nil, err
	}
	s.mu.Lock()
	before := slot.session
	slot.session = current
	if s.closed {
		current.end(errClosing)
	}
	s.mu.Unlock()
	if before != nil {
		before.end(errReplaced)
	}
	return slot, nil
}

var (
	errReplaced = errors.New("a newer session of the same host took over")
	errClosing  = errors.New("the server is stopping")
)

// leave says that a host is gone, unless a newer session has taken over.
func (s *Server) leave(ctx context.Context, slot *hostSlot, current *session) {
	slot.turn.Lock()
	defer slot.turn.Unlock()
	s.mu.Lock()
	last := slot.session == current
	if last {
		slot.session = nil
	}
	s.mu.Unlock()
	if last {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		s.cloud.HostGone(ctx, current.host, current.id)
	}
}

// received is a message of a stream, or the error that ended it.
type received[T any] struct {
	message *T
	err     error
}

// receive turns a stream's blocking Receive into a channel. It ends with ctx
// or with the first error, which is the last value.
func receive[T any](ctx context.Context, next func() (*T, error)) <-chan received[T] {
	out := make(chan received[T])
	go func() {
		for {
			message, err := next()
			select {
			case out <- received[T]{message, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func firstHello(ctx context.Context, incoming <-chan received[FromNode]) (Hello, error) {
	timeout := time.NewTimer(helloTimeout)
	defer timeout.Stop()
	select {
	case first := <-incoming:
		switch {
		case first.err != nil:
			return Hello{}, first.err
		case first.message.Hello == nil:
			return Hello{}, connect.NewError(connect.CodeInvalidArgument, errors.New("the first message must be a hello"))
		case first.message.Hello.Host == "" || len(first.message.Hello.Host) > 255 || strings.ContainsAny(first.message.Hello.Host, "\x00\r\n"):
			return Hello{}, connect.NewError(connect.CodeInvalidArgument, errors.New("the hello names no usable host"))
		}
		return *first.message.Hello, nil
	case <-timeout.C:
		return Hello{}, connect.NewError(connect.CodeDeadlineExceeded, errors.New("no hello came"))
	case <-ctx.Done():
		return Hello{}, ctx.Err()
	}
}
