package nodeapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"wisp/internal/errs"
)

// Agent is what the stream serves on the node. Hello and Whole begin each
// session. Update gets the state of the host after an update, with the number
// of the session, the cloud that says so and what the update was: it must not
// change the state, may keep it, and must not block. Call
// answers a call of the server; calls run side by side. OpenConsole opens a
// console of an instance; ctx ends with the session.
type Agent interface {
	Hello(ctx context.Context) (Hello, error)
	Whole() Report
	Update(session uint64, cloud string, state State, revision int64, full bool)
	Call(ctx context.Context, method string, params json.RawMessage) (any, error)
	OpenConsole(ctx context.Context, instanceID, kind string) (Stream, error)
}

// ClientConfig says where the servers are.
type ClientConfig struct {
	// URL is a server's: https://host:port, or http://memory with Dial.
	URL string
	// Others are tried in turn when that one does not answer.
	Others []string
	// Dial, when set, makes the connections: that of Memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS holds the node's certificate and the cloud's authority.
	TLS *tls.Config
	// Usable, when set, is asked before each session; its error says why the
	// node cannot have one now.
	Usable func() error
	// Renewed, when set, has a value when TLS presents another certificate:
	// the session is opened anew with it.
	Renewed <-chan struct{}
	// Notify, when set, is told what changes about the session. It must not
	// block.
	Notify func(Status)
	Log    *slog.Logger
}

const (
	reconnectFirst = 100 * time.Millisecond
	reconnectLast  = 5 * time.Second
	// A cloud that does not take this node may take it again, when an operator
	// has changed his mind.
	refusedFirst = time.Minute
	refusedLast  = 10 * time.Minute
)

// Client is a node's end of the node API. Run keeps a stream open, and comes
// back after any failure; what the node knows stays meanwhile.
type Client struct {
	agent   Agent
	cfg     ClientConfig
	servers []string // in the order in which they are tried
	log     *slog.Logger

	mu        sync.Mutex
	at        *endpoint // the server in use
	connected bool
	sessions  uint64 // that were opened so far
	status    Status
	reports   mailbox
}

// NewClient returns a client that has not dialed yet.
func NewClient(cfg ClientConfig, agent Agent) (*Client, error) {
	c := &Client{agent: agent, cfg: cfg, servers: append([]string{cfg.URL}, cfg.Others...), log: cfg.Log, reports: newMailbox()}
	for i := len(c.servers) - 1; i >= 0; i-- { // all must be usable; the first is the one to begin with
		var err error
		if c.at, err = newEndpoint(&c.cfg, c.servers[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// endpoint is the server in use.
func (c *Client) endpoint() *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// turnTo makes a server the one in use, with new connections. What still goes
// on over those of before comes to its end.
func (c *Client) turnTo(server string) {
	next, err := newEndpoint(&c.cfg, server)
	if err != nil {
		return // it was usable when the client was made
	}
	c.mu.Lock()
	before := c.at
	c.at = next
	c.mu.Unlock()
	before.http.CloseIdleConnections()
}

// Connected tells whether a session is open.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected
}

// Session is the number of the session that is open, counted in this client's
// life from 1; 0 while there is none.
func (c *Client) Session() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.connected {
		return 0
	}
	return c.sessions
}

// Report sends a report. It does not wait: reports that the server has not
// taken yet become one. Without a session it does nothing, as every session
// begins with a whole report.
func (c *Client) Report(r Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connected {
		c.reports.put(r)
	}
}

// OpenImage fetches an image's bytes. The caller closes the body; size is -1
// when the server did not say. Errors: NotFound, or Unavailable for what may
// work later.
func (c *Client) OpenImage(ctx context.Context, id string) (body io.ReadCloser, size int64, err error) {
	at := c.endpoint()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url+imagesPath+url.PathEscape(id), nil)
	if err != nil {
		return nil, 0, fmt.Errorf("asking for image %s: %w", id, err)
	}
	request.Header.Set("Accept-Encoding", "identity") // the size and the checksum are of the bytes themselves
	response, err := at.http.Do(request)
	if err != nil {
		return nil, 0, errs.Wrap(err, errs.Unavailable, "The image %s could not be fetched: the server does not answer.", id)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, response.ContentLength, nil
	}
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only makes the error richer
	_ = response.Body.Close()
	cause := fmt.Errorf("the server said %s: %s", response.Status, said)
	if response.StatusCode == http.StatusNotFound {
		return nil, 0, errs.Wrap(cause, errs.NotFound, "The image %s does not exist any more.", id)
	}
	return nil, 0, errs.Wrap(cause, errs.Unavailable, "The image %s could not be fetched.", id)
}

// SaveImage sends the bytes of an image that was made of an instance. Errors:
// NotFound when nobody wants it any more, Unavailable for what may work later.
func (c *Client) SaveImage(ctx context.Context, id string, body io.Reader, size int64) error {
	at := c.endpoint()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, at.url+imagesPath+url.PathEscape(id), io.NopCloser(body))
	if err != nil {
		return fmt.Errorf("sending image %s: %w", id, err)
	}
	request.ContentLength = size
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := at.http.Do(request)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "The image %s could not be sent: the server does not answer.", id)
	}
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only makes the error richer
	_ = response.Body.Close()
	cause := fmt.Errorf("the server said %s: %s", response.Status, said)
	switch response.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusNotFound:
		return errs.Wrap(cause, errs.NotFound, "The image %s is not wanted any more.", id)
	}
	return errs.Wrap(cause, errs.Unavailable, "The image %s could not be sent.", id)
}

// SavePassword sends what an instance tells its owner. Errors: Conflict when it
// has told something already, NotFound, or Unavailable for what may work later.
func (c *Client) SavePassword(ctx context.Context, instanceID, password string) error {
	at := c.endpoint()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, at.url+passwordsPath+url.PathEscape(instanceID), strings.NewReader(password))
	if err != nil {
		return fmt.Errorf("sending a password: %w", err)
	}
	response, err := at.http.Do(request)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "The password could not be sent: the server does not answer.")
	}
	_ = response.Body.Close() // it says nothing more
	switch response.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusConflict:
		return errs.New(errs.Conflict, "The instance has told a password already.")
	case http.StatusNotFound:
		return errs.New(errs.NotFound, "The instance %s is not this host's.", instanceID)
	}
	return errs.New(errs.Unavailable, "The password could not be kept: the server said %s.", response.Status)
}

// Run keeps a session open until ctx ends, with the first server that takes
// it. It waits between attempts at all of them, longer each time, by random
// amounts so that a thousand nodes do not come back as one.
func (c *Client) Run(ctx context.Context) {
	defer func() { c.endpoint().http.CloseIdleConnections() }()
	wait, refusedWait, tried := reconnectFirst, refusedFirst, 0
	for current := 0; ctx.Err() == nil; {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRenewed) {
			c.turnTo(c.servers[current])
			continue
		}
		if time.Since(began) > reconnectLast {
			wait, tried = reconnectFirst, 0
		}
		var pause time.Duration
		refused := isRefusal(err)
		tried++
		switch {
		case refused:
			pause = refusedWait/2 + rand.N(refusedWait/2)
			refusedWait, tried = min(2*refusedWait, refusedLast), 0
		case tried%len(c.servers) == 0:
			pause = wait/2 + rand.N(wait/2)
			wait = min(2*wait, reconnectLast)
		}
		if !refused {
			refusedWait = refusedFirst
		}
		// A session that the cloud ended is tried again at once, as there may be
		// a newer certificate; the answer to that is what counts.
		c.tell(Status{Server: c.endpoint().url, Problem: err.Error(), Refused: refused || connect.CodeOf(err) == connect.CodePermissionDenied})
		if refused {
			c.log.ErrorContext(ctx, "the cloud does not take this node; what runs here goes on", "server", c.endpoint().url, "reason", err, "retry_in", pause)
		} else {
			c.log.WarnContext(ctx, "no session with the server", "server", c.endpoint().url, "error", err, "retry_in", pause)
		}
		if !c.rest(ctx, pause) {
			return
		}
		current = (current + 1) % len(c.servers)
		if len(c.servers) > 1 || refused {
			c.turnTo(c.servers[current])
		}
	}
}

// rest waits, unless there is a new certificate to try.
func (c *Client) rest(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(pause):
	case <-c.cfg.Renewed:
	case <-ctx.Done():
		return false
	}
	return true
}

// errRenewed ends a session so that it begins anew with another certificate.
var errRenewed = errors.New("the node's certificate was renewed")

// session opens a stream and serves it until it fails.
func (c *Client) session(ctx context.Context) error {
	if c.cfg.Usable != nil {
		if err := c.cfg.Usable(); err != nil {
			return &refusal{err.Error()}
		}
	}
	hello, err := c.agent.Hello(ctx)
	if err != nil {
		return fmt.Errorf("describing this host: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	at := c.endpoint()
	stream := at.stream.CallBidiStream(ctx)
	var workers sync.WaitGroup
	defer func() {
		c.mu.Lock()
		c.connected, c.reports = false, newMailbox()
		c.mu.Unlock()
		cancel(nil)
		workers.Wait()
		_ = stream.CloseRequest() // the stream is over; its cause is returned
		_ = stream.CloseResponse()
	}()
	var sending sync.Mutex // the sender of reports, and one per running call
	send := func(m *FromNode) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(m)
	}
	if err := send(&FromNode{Hello: &hello}); err != nil {
		return fmt.Errorf("sending hello: %w", streamError(stream, err))
	}
	// From here on reports are kept; one that changes while the whole one is
	// made is sent after it.
	c.mu.Lock()
	c.connected = true
	c.sessions++
	session := c.sessions
	ready := c.reports.ready
	c.mu.Unlock()
	whole := c.agent.Whole()
	whole.Whole = true
	if err := send(&FromNode{Report: &whole}); err != nil {
		return fmt.Errorf("sending the first report: %w", streamError(stream, err))
	}
	workers.Go(func() { c.sendReports(ctx, ready, send, cancel) })

	var state State
	var cloud string
	var revision int64
	incoming := receive(ctx, stream.Receive)
	for {
		select {
		case in := <-incoming:
			if in.err != nil {
				return fmt.Errorf("the stream ended: %w", in.err)
			}
			c.tell(Status{Connected: true, Server: at.url})
			if u := in.message.Update; u != nil {
				if !u.Full && (revision == 0 || u.Base != revision) {
					return fmt.Errorf("an update builds on revision %d, but this node has %d", u.Base, revision)
				}
				if u.Full {
					cloud = u.Cloud
				}
				state, revision = state.Apply(*u), u.Revision
				c.agent.Update(session, cloud, state, revision, u.Full)
			}
			if call := in.message.Call; call != nil {
				workers.Go(func() { c.answer(ctx, at, call, send, cancel) })
			}
		case <-c.cfg.Renewed:
			return errRenewed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// streamError gives the reason why sending failed: Send itself only says
// io.EOF, the answer says why.
func streamError(stream *connect.BidiStreamForClient[FromNode, ToNode], err error) error {
	if errors.Is(err, io.EOF) {
		if _, reason := stream.Receive(); reason != nil {
			return reason
		}
	}
	return err
}

func (c *Client) sendReports(ctx context.Context, ready <-chan struct{}, send func(*FromNode) error, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ready:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		report, any := c.reports.take()
		c.mu.Unlock()
		if !any {
			continue
		}
		if err := send(&FromNode{Report: &report}); err != nil {
			cancel(fmt.Errorf("sending a report: %w", err))
			return
		}
	}
}

// answer runs a call and replies; what failed is told with its kind. A stream
// that was opened is carried until it ends.
func (c *Client) answer(ctx context.Context, at *endpoint, call *Call, send func(*FromNode) error, cancel context.CancelCauseFunc) {
	reply := &Reply{ID: call.ID}
	var result any
	var err error
	var stream *nodeStream
	if call.Method == CallOpenConsole {
		stream, err = c.openConsole(ctx, at, call.Params)
	} else {
		result, err = c.agent.Call(ctx, call.Method, call.Params)
	}
	if err == nil {
		reply.Result, err = json.Marshal(result)
	}
	if err != nil {
		reply.Kind, reply.Error = int(errs.Of(err)), "The node failed; its log says why."
		if e, ok := errors.AsType[*errs.Error](err); ok {
			reply.Error, reply.Type = e.Message, e.Type
		}
		c.log.WarnContext(ctx, "a call of the server failed", "method", call.Method, "error", err)
	}
	if err := send(&FromNode{Reply: reply}); err != nil {
		cancel(fmt.Errorf("sending a reply: %w", err))
	}
	if stream != nil {
		stream.carry(ctx)
	}
}
