package nodeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"wisp/internal/errs"
)

// What servers ask each other, on the listener that is for nodes: to pass a
// call on to a host whose session is there.
const (
	peersPath    = "/wisp.server/v1/"
	callsPath    = peersPath + "calls"    // POST forwardedCall; the answer is a Reply
	consolesPath = peersPath + "consoles" // POST ?host=&instance=&kind=; the bodies are the console's bytes, or the answer is a Reply

	// RoleServer is the Organizational Unit of servers' certificates.
	RoleServer = "server"

	maxForwarded = 1 << 20 // bytes of a call's parameters
)

// Peering is how this server reaches the others of its cloud.
type Peering struct {
	// Name is this server's, which no other has.
	Name string
	// TLS has this server's certificate, of RoleServer, and the cloud's
	// authority.
	TLS *tls.Config
	// Find returns the URL of the node API of the server that has a host's
	// session, by the session's id; empty when no other server has it.
	Find func(ctx context.Context, host string) (url string, err error)
}

// SessionServer is the name of the server that has a session of that id, or
// empty where it has no name.
func SessionServer(session string) string {
	return session[:max(0, strings.LastIndexByte(session, '/'))]
}

// peers are the other servers.
type peers struct {
	Peering
	http *http.Client
}

// SetPeers makes calls to hosts that are connected to other servers reach
// them. It is called once, before anything is served.
func (s *Server) SetPeers(p Peering) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	config := p.TLS.Clone()
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if _, err := serverName(&state); err != nil {
			return err
		}
		if verify != nil {
			return verify(state)
		}
		return nil
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	s.peers = &peers{Peering: p, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config, Protocols: protocols, TLSHandshakeTimeout: dialTimeout,
			HTTP2: &http.HTTP2Config{
				SendPingTimeout: silence / 2, PingTimeout: silence / 2,
				MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow,
			},
		},
	}}
}

// serverName returns the name of the server at the other end of a connection,
// whose certificate must have been verified and be of RoleServer alone.
func serverName(state *tls.ConnectionState) (string, error) {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return "", errors.New("the other end has no certificate of this cloud")
	}
	subject := state.VerifiedChains[0][0].Subject
	if subject.CommonName == "" || !slices.Equal(subject.OrganizationalUnit, []string{RoleServer}) {
		return "", errors.New("the other end's certificate is not that of a server")
	}
	return subject.CommonName, nil
}

// notConnected is the error of a host that has no session anywhere.
func notConnected(host string) error {
	return errs.New(errs.Unavailable, "The host %s is not connected.", host)
}

// elsewhere finds the server that has a host's session; it is another one.
func (s *Server) elsewhere(ctx context.Context, host string) (url string, err error) {
	if s.peers == nil {
		return "", notConnected(host)
	}
	url, err = s.peers.Find(ctx, host)
	if err != nil {
		return "", fmt.Errorf("find the server of host %s: %w", host, err)
	}
	if url == "" {
		return "", notConnected(host)
	}
	return strings.TrimSuffix(url, "/"), nil
}

// forwardedCall is a Call on its way through another server.
type forwardedCall struct {
	Host   string          `json:"host"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// unreachable says what is wrong between two servers.
func unreachable(host string, err error) error {
	return errs.Wrap(err, errs.Unavailable, "The host %s cannot be reached: the server that it is connected to does not answer.", host)
}

// call passes a call on to the server that has the host's session.
func (p *peers) call(ctx context.Context, at, host, method string, params json.RawMessage) (Reply, error) {
	body, err := json.Marshal(forwardedCall{host, method, params})
	if err != nil {
		return Reply{}, fmt.Errorf("encode a call for another server: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at+callsPath, bytes.NewReader(body))
	if err != nil {
		return Reply{}, fmt.Errorf("ask another server: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.http.Do(request)
	if err != nil {
		return Reply{}, unreachable(host, err)
	}
	defer func() { _ = response.Body.Close() }()
	return readReply(response, host)
}

func readReply(response *http.Response, host string) (reply Reply, err error) {
	if response.StatusCode != http.StatusOK && response.StatusCode != statusReply {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only makes the error richer
		return reply, unreachable(host, fmt.Errorf("it said %s: %s", response.Status, said))
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxMessage)).Decode(&reply); err != nil {
		return reply, unreachable(host, err)
	}
	return reply, nil
}

// statusReply is that of a Reply where the answer could have been a stream.
const statusReply = http.StatusConflict

// servePeer serves other servers, and nobody else. What they ask is done
// here or not at all: nothing is passed on twice.
func (s *Server) servePeer(w http.ResponseWriter, r *http.Request) {
	if _, err := serverName(r.TLS); err != nil {
		http.Error(w, "this is for servers of this cloud", http.StatusForbidden)
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		http.Error(w, errClosing.Error(), http.StatusServiceUnavailable)
		return
	}
	s.sessions.Add(1)
	s.mu.Unlock()
	defer s.sessions.Done()
	switch {
	case r.Method == http.MethodPost && r.URL.Path == callsPath:
		s.serveCall(w, r)
	case r.Method == http.MethodPost && r.URL.Path == consolesPath:
		s.serveConsole(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	var call forwardedCall
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxForwarded)).Decode(&call); err != nil {
		http.Error(w, "the call cannot be read", http.StatusBadRequest)
		return
	}
	reply, err := s.callHere(r.Context(), call.Host, call.Method, call.Params)
	if err != nil {
		reply = s.failed(r, call.Method, err)
	}
	writeReply(w, http.StatusOK, reply)
}

// failed is the reply that says what went wrong here.
func (s *Server) failed(r *http.Request, method string, err error) Reply {
	reply := Reply{Kind: int(errs.Of(err)), Error: publicMessage(err)}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		reply.Type = e.Type
	} else {
		s.log.ErrorContext(r.Context(), "a call for another server failed", "method", method, "error", err)
	}
	return reply
}

func writeReply(w http.ResponseWriter, status int, reply Reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(reply) // the other server sees that it was cut
}

// serveConsole is a console whose viewer is at another server: its stream and
// the request are joined until either ends.
func (s *Server) serveConsole(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	stream, current, err := s.openHere(r.Context(), query.Get("host"), query.Get("instance"), query.Get("kind"))
	if err != nil {
		writeReply(w, statusReply, s.failed(r, CallOpenConsole, err))
		return
	}
	defer func() { _ = stream.Close() }()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	if control.Flush() != nil {
		return
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-current.done: // a viewer that does not read must not hold the end up
			if err := control.SetWriteDeadline(time.Now().Add(lastWrite)); err != nil {
				s.log.WarnContext(r.Context(), "a server's connection takes no deadline", "error", err)
			}
		case <-over:
		}
	}()
	left := make(chan struct{})
	go func() { // the body's reading ends with the request at the latest
		_, _ = io.Copy(stream, r.Body)
		close(left)
		_ = stream.Close()
	}()
	_, err = io.Copy(flusher{w, control}, stream)
	select {
	case <-left: // the viewer has gone
		return
	default:
	}
	if err != nil {
		panic(http.ErrAbortHandler) // what is cut must not look like a console that has ended
	}
	w.Header().Set(http.TrailerPrefix+reasonTrailer, stream.Reason())
}

// flusher sends what is written at once.
type flusher struct {
	w       io.Writer
	control *http.ResponseController
}

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.control.Flush()
	}
	return n, err
}

// openConsole opens a console through the server that has the host's session.
// ctx bounds the opening alone.
func (p *peers) openConsole(ctx context.Context, at, host, instanceID, kind string) (Stream, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, cancel)
	body, out := io.Pipe()
	query := url.Values{"host": {host}, "instance": {instanceID}, "kind": {kind}}
	request, err := http.NewRequestWithContext(life, http.MethodPost, at+consolesPath+"?"+query.Encode(), body)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ask another server: %w", err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := p.http.Do(request) //nolint:bodyclose // the stream closes it
	if err != nil {
		cancel()
		return nil, unreachable(host, err)
	}
	stream := &peerStream{response: response, out: out, cancel: cancel}
	if response.StatusCode == http.StatusOK && opened() {
		return stream, nil
	}
	if response.StatusCode == http.StatusOK {
		stream.end()
		return nil, unreachable(host, ctx.Err())
	}
	reply, err := readReply(response, host)
	stream.end()
	if err == nil {
		err = reply.failure()
	}
	return nil, err
}

// peerStream is a console that another server has: a request of ours whose
// body is what the viewer says, and whose answer is what the viewer hears.
type peerStream struct {
	response *http.Response
	out      *io.PipeWriter
	cancel   context.CancelFunc
	closing  sync.Once
}

func (s *peerStream) Read(p []byte) (int, error) { return s.response.Body.Read(p) }

func (s *peerStream) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close lets what was written arrive, and then ends both directions.
func (s *peerStream) Close() error {
	s.closing.Do(func() {
		_ = s.out.Close()             // never fails
		time.AfterFunc(linger, s.end) // when the other server has not ended it by then
	})
	return nil
}

func (s *peerStream) end() {
	s.cancel()
	_ = s.out.Close()
	_ = s.response.Body.Close()
}

func (s *peerStream) Reason() string { return s.response.Trailer.Get(reasonTrailer) }
