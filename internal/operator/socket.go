package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"wisp/internal/errs"
	"wisp/internal/membership"
)

// SocketName is the file of the socket in a server's state directory.
const SocketName = "admin.sock"

// inDir runs f with a short path of the socket: the name of a socket has 107
// bytes at most, that of a folder has no such bound.
func inDir(dir string, f func(path string) error) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return f(filepath.Join("/proc/self/fd", strconv.Itoa(int(folder.Fd())), SocketName))
}

// Listen opens the socket in a state directory. The caller holds the lock of
// the directory, so that a socket which is there is one of a process that is
// dead. Only the directory's owner can open it.
func Listen(ctx context.Context, dir string) (net.Listener, error) {
	var listener *net.UnixListener
	err := inDir(dir, func(path string) error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
		if err != nil {
			return err
		}
		listener = l.(*net.UnixListener)
		listener.SetUnlinkOnClose(false) // its path is that of this moment
		// Nobody has heard of it yet, as the server answers only after this.
		if err := os.Chmod(path, 0o600); err != nil {
			return errors.Join(err, l.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open the operator's socket: %w", err)
	}
	return listener, nil
}

// Made is a token as it is told once.
type Made struct {
	Token   string           `json:"token"`
	Row     membership.Token `json:"row"`
	NodeURL string           `json:"node_url"` // of the server that made it
}

// Drained is the answer to draining.
type Drained struct {
	Node  Node `json:"node"`
	Moved int  `json:"moved"` // gateways of routers
}

type drainRequest struct {
	Reason string `json:"reason"`
}

type removeRequest struct {
	Force bool `json:"force"`
}

type tokenRequest struct {
	Host string        `json:"host"`
	Life time.Duration `json:"life"`
}

// refusal is the body of an error.
type refusal struct {
	Error string    `json:"error"`
	Kind  errs.Kind `json:"kind"`
}

// Handler answers on the socket.
func (o *Operator) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			result, err := f(r)
			status := http.StatusOK
			if err != nil {
				// Who asks owns the cloud, and may read causes too.
				status, result = http.StatusBadRequest, refusal{Error: err.Error(), Kind: errs.Of(err)}
				o.Log.WarnContext(r.Context(), "an operator's request failed", "request", r.Method+" "+r.URL.Path, "error", err)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(result) // who asked may be gone
		})
	}
	handle("GET /nodes", func(r *http.Request) (any, error) { return o.Nodes(r.Context(), "") })
	handle("GET /nodes/{host}", func(r *http.Request) (any, error) { return o.Node(r.Context(), r.PathValue("host")) })
	handle("POST /nodes/{host}/drain", func(r *http.Request) (any, error) {
		var body drainRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		n, moved, err := o.Drain(r.Context(), r.PathValue("host"), body.Reason)
		return Drained{Node: n, Moved: moved}, err
	})
	handle("POST /nodes/{host}/undrain", func(r *http.Request) (any, error) { return o.Undrain(r.Context(), r.PathValue("host")) })
	handle("POST /nodes/{host}/remove", func(r *http.Request) (any, error) {
		var body removeRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		return o.Remove(r.Context(), r.PathValue("host"), body.Force)
	})
	handle("GET /tokens", func(r *http.Request) (any, error) { return o.Members.Tokens(r.Context()) })
	handle("POST /tokens", func(r *http.Request) (any, error) {
		var body tokenRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		if o.NodeURL == "" {
			return nil, errs.New(errs.Conflict, "This server answers no nodes: start it with --node-listen.")
		}
		token, row, err := o.Members.CreateToken(r.Context(), body.Host, body.Life)
		return Made{Token: token.String(), Row: row, NodeURL: o.NodeURL}, err
	})
	handle("DELETE /tokens/{id}", func(r *http.Request) (any, error) { return nil, o.Members.RevokeToken(r.Context(), r.PathValue("id")) })
	return mux
}

// Client speaks to the server of a state directory.
type Client struct {
	dir  string
	http *http.Client
}

// NewClient does not connect yet.
func NewClient(dir string) *Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = inDir(dir, func(path string) error {
			conn, err = new(net.Dialer).DialContext(ctx, "unix", path)
			return err
		})
		return conn, err
	}}
	return &Client{dir: dir, http: &http.Client{Transport: transport}}
}

// Close lets go of connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://server"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "No server runs on %s; this is to be said on a machine where one does", c.dir)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var said refusal
		if err := json.Unmarshal(answer, &said); err != nil {
			return fmt.Errorf("the server said %s: %s", response.Status, answer)
		}
		return errs.New(said.Kind, "%s", said.Error)
	}
	return json.Unmarshal(answer, into)
}

func at(host, action string) string { return "/nodes/" + url.PathEscape(host) + action }

// Nodes lists the hosts.
func (c *Client) Nodes(ctx context.Context) (nodes []Node, err error) {
	return nodes, c.do(ctx, http.MethodGet, "/nodes", nil, &nodes)
}

// Node returns one host.
func (c *Client) Node(ctx context.Context, host string) (n Node, err error) {
	return n, c.do(ctx, http.MethodGet, at(host, ""), nil, &n)
}

// Drain is Operator.Drain.
func (c *Client) Drain(ctx context.Context, host, reason string) (d Drained, err error) {
	return d, c.do(ctx, http.MethodPost, at(host, "/drain"), drainRequest{reason}, &d)
}

// Undrain is Operator.Undrain.
func (c *Client) Undrain(ctx context.Context, host string) (n Node, err error) {
	return n, c.do(ctx, http.MethodPost, at(host, "/undrain"), nil, &n)
}

// Remove is Operator.Remove.
func (c *Client) Remove(ctx context.Context, host string, force bool) (n Node, err error) {
	return n, c.do(ctx, http.MethodPost, at(host, "/remove"), removeRequest{force}, &n)
}

// Tokens lists the join tokens.
func (c *Client) Tokens(ctx context.Context) (tokens []membership.Token, err error) {
	return tokens, c.do(ctx, http.MethodGet, "/tokens", nil, &tokens)
}

// CreateToken makes a join token.
func (c *Client) CreateToken(ctx context.Context, host string, life time.Duration) (m Made, err error) {
	return m, c.do(ctx, http.MethodPost, "/tokens", tokenRequest{Host: host, Life: life}, &m)
}

// RevokeToken forgets a join token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	var none any
	return c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, &none)
}
