package nodeapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"wisp/internal/errs"
)

// dialTimeout is how long a server may take to answer a connection before the
// next one is tried.
const dialTimeout = 5 * time.Second

// endpoint is one server, as a client reaches it.
type endpoint struct {
	url    string
	http   *http.Client
	stream *connect.Client[FromNode, ToNode]
}

// newEndpoint does not dial yet.
func newEndpoint(cfg *ClientConfig, server string) (*endpoint, error) {
	at, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("reading the server's URL: %w", err)
	}
	if at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || cfg.Dial == nil) {
		return nil, errs.New(errs.Invalid, "The server's URL %q must be https://host:port.", server)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(at.Scheme == "http")
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	var config *tls.Config
	if cfg.TLS != nil {
		config = cfg.TLS.Clone() // the transport changes it
	}
	transport := &http.Transport{
		DialContext: dial, TLSClientConfig: config, TLSHandshakeTimeout: dialTimeout, Protocols: protocols,
		// A server that is gone without a word is noticed by pings.
		HTTP2: &http.HTTP2Config{SendPingTimeout: silence / 2, PingTimeout: silence / 2},
	}
	e := &endpoint{url: at.Scheme + "://" + at.Host, http: &http.Client{Transport: refusals{transport}}}
	options := []connect.ClientOption{connect.WithCodec(jsonCodec{}), connect.WithReadMaxBytes(maxMessage), connect.WithSendMaxBytes(maxMessage)}
	if cfg.Dial != nil {
		options = append(options, connect.WithAcceptCompression("gzip", nil, nil)) // in memory it is only work
	}
	e.stream = connect.NewClient[FromNode, ToNode](e.http, e.url+sessionPath, options...)
	return e, nil
}

// refusals turns the answer to a node that is none into an error, so that it
// is told apart from all that passes.
type refusals struct{ *http.Transport }

// refusal is why the cloud does not take this node.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

func isRefusal(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// RoundTrip implements http.RoundTripper.
func (t refusals) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(r)
	if err != nil || response.Header.Get(headerRefused) == "" {
		return response, err
	}
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only makes the error richer
	_ = response.Body.Close()
	return nil, &refusal{strings.TrimSpace(string(said))}
}

// Status is how a client is doing.
type Status struct {
	Connected bool      `json:"connected"`
	Server    string    `json:"server,omitempty"` // URL of the one that it is, or was last, connected to
	Since     time.Time `json:"since"`
	// Problem is why there is no session. Refused says that the cloud does not
	// take this node: it waits long before it asks again.
	Problem string `json:"problem,omitempty"`
	Refused bool   `json:"refused,omitempty"`
}

// tell keeps the status and hands it on when it says something new.
func (c *Client) tell(s Status) {
	c.mu.Lock()
	was := c.status
	s.Since = was.Since
	if s != was {
		s.Since = time.Now().UTC()
	}
	c.status = s
	c.mu.Unlock()
	if s != was && c.cfg.Notify != nil {
		c.cfg.Notify(s)
	}
}
