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

// ClientConfig says where the server is.
type ClientConfig struct {
	// URL is the server's: https://host:port, or http://memory with Dial.
	URL string
	// Dial, when set, makes the connections: that of Memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS holds the node's certificate and the cloud's authority.
	TLS *tls.Config
	Log *slog.Logger
}

const (
	reconnectFirst = 100 * time.Millisecond
	reconnectLast  = 5 * time.Second
)

// Client is a node's end of the node API. Run keeps a stream open, and comes
// back after any failure; what the node knows stays meanwhile.
type Client struct {
	agent  Agent
	url    string
	log    *slog.Logger
	http   *http.Client
	stream *connect.Client[FromNode, ToNode]

	mu        sync.Mutex
	connected bool
	sessions  uint64 // that were opened so far
	reports   mailbox
}

// NewClient returns a client that has not dialed yet.
func NewClient(cfg ClientConfig, agent Agent) (*Client, error) {
	at, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("reading the server's URL: %w", err)
	}
	if at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || cfg.Dial == nil) {
		return nil, errs.New(errs.Invalid, "The server's URL %q must be https://host:port.", cfg.URL)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(at.Scheme == "http")
	transport := &http.Transport{
		DialContext: cfg.Dial, TLSClientConfig: cfg.TLS, Protocols: protocols,
		// A server that is gone without a word is noticed by pings.
		HTTP2: &http.HTTP2Config{SendPingTimeout: silence / 2, PingTimeout: silence / 2},
	}
	c := &Client{
		agent: agent, log: cfg.Log, reports: newMailbox(),
		url:  at.Scheme + "://" + at.Host,
		http: &http.Client{Transport: transport},
	}
	options := []connect.ClientOption{connect.WithCodec(jsonCodec{}), connect.WithReadMaxBytes(maxMessage), connect.WithSendMaxBytes(maxMessage)}
	if cfg.Dial != nil {
		options = append(options, connect.WithAcceptCompression("gzip", nil, nil)) // in memory it is only work
	}
	c.stream = connect.NewClient[FromNode, ToNode](c.http, c.url+sessionPath, options...)
	return c, nil
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+imagesPath+url.PathEscape(id), nil)
	if err != nil {
		return nil, 0, fmt.Errorf("asking for image %s: %w", id, err)
	}
	request.Header.Set("Accept-Encoding", "identity") // the size and the checksum are of the bytes themselves
	response, err := c.http.Do(request)
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

// Run keeps a session open until ctx ends. It waits between attempts, longer
// each time, by random amounts so that a thousand nodes do not come back as
// one.
func (c *Client) Run(ctx context.Context) {
	defer c.http.CloseIdleConnections()
	wait := reconnectFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > reconnectLast {
			wait = reconnectFirst
		}
		pause := wait/2 + rand.N(wait/2)
		c.log.WarnContext(ctx, "no session with the server", "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		wait = min(2*wait, reconnectLast)
	}
}

// session opens a stream and serves it until it fails.
func (c *Client) session(ctx context.Context) error {
	hello, err := c.agent.Hello(ctx)
	if err != nil {
		return fmt.Errorf("describing this host: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stream := c.stream.CallBidiStream(ctx)
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
				workers.Go(func() { c.answer(ctx, call, send, cancel) })
			}
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
func (c *Client) answer(ctx context.Context, call *Call, send func(*FromNode) error, cancel context.CancelCauseFunc) {
	reply := &Reply{ID: call.ID}
	var result any
	var err error
	var stream *nodeStream
	if call.Method == CallOpenConsole {
		stream, err = c.openConsole(ctx, call.Params)
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
