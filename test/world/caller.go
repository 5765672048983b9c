package world

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wisp/internal/netlinkx"
)

// Caller speaks to the APIs itself, where many requests are made and the
// client's start would take longer than the request.
type Caller struct {
	Token string
	Base  string // URL of the cloud, without a trailing slash

	t      testing.TB
	client *http.Client
}

const requestTimeout = 30 * time.Second

// NewCaller logs in as the world's user.
func (w *World) NewCaller(t testing.TB) *Caller {
	t.Helper()
	return NewCaller(t, w.Host, "http://127.0.0.1:5000", nil, w.env)
}

// NewCaller logs in to the cloud at a URL, from a network namespace, with the
// credentials of an environment. roots may be nil.
func NewCaller(t testing.TB, netns, base string, roots *x509.CertPool, env []string) *Caller {
	t.Helper()
	c := &Caller{t: t, Base: base, client: &http.Client{Transport: Transport(t, netns, roots), Timeout: requestTimeout}}
	c.Token = c.IssueToken(env)
	return c
}

// Transport makes connections from a network namespace. roots may be nil.
func Transport(t testing.TB, netns string, roots *x509.CertPool) *http.Transport {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = netlinkx.In(netlinkx.NetnsPath(netns), func() error {
				conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
				return err
			})
			return conn, err
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// In returns the same caller for another test.
func (c *Caller) In(t testing.TB) *Caller {
	other := *c
	other.t = t
	return &other
}

// At returns the same caller, who asks another server of the cloud.
func (c *Caller) At(base string) *Caller {
	other := *c
	other.Base = base
	return &other
}

// IssueToken logs in with the credentials of an environment.
func (c *Caller) IssueToken(env []string) string {
	c.t.Helper()
	values := map[string]string{}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	body := fmt.Sprintf(`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": %q, "domain": {"id": "default"}, "password": %q}}},
		"scope": {"project": {"name": %q, "domain": {"id": "default"}}}}}`, values["OS_USERNAME"], values["OS_PASSWORD"], values["OS_PROJECT_NAME"])
	header, _, err := c.send("POST", "/identity/v3/auth/tokens", body)
	if err != nil {
		c.t.Fatal(err)
	}
	return header.Get("X-Subject-Token")
}

// send makes one request and returns the answer's header and body. A status
// of failure is an error that shows the body.
func (c *Caller) send(method, path, body string, headers ...string) (http.Header, []byte, error) {
	request, err := http.NewRequest(method, c.Base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("X-Auth-Token", c.Token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = &StatusError{Status: response.StatusCode, Text: fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, content)}
	}
	return response.Header, content, err
}

// StatusError is an answer that says no.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string { return e.Text }

// Request makes one request and returns the answer's body. Headers come in
// pairs.
func (c *Caller) Request(method, path, body string, headers ...string) (string, error) {
	_, content, err := c.send(method, path, body, headers...)
	return string(content), err
}

// Get reads one object. Headers come in pairs.
func (c *Caller) Get(path, key string, headers ...string) (map[string]any, error) {
	_, content, err := c.send("GET", path, "", headers...)
	if err != nil {
		return nil, err
	}
	var body map[string]map[string]any
	if err := json.Unmarshal(content, &body); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, content)
	}
	return body[key], nil
}

// Create makes an object and returns its id.
func (c *Caller) Create(path, key, body string) string {
	c.t.Helper()
	_, content, err := c.send("POST", path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	var made map[string]struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(content, &made); err != nil || made[key].ID == "" {
		c.t.Fatalf("%s: %v: %s", path, err, content)
	}
	return made[key].ID
}

// Made makes an object whose answer has no envelope, and returns its id.
func (c *Caller) Made(path, body string) (string, error) {
	_, content, err := c.send("POST", path, body)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(content, &made)
	return made.ID, err
}

// List reads a list.
func (c *Caller) List(path, key string) []map[string]any {
	c.t.Helper()
	_, content, err := c.send("GET", path, "")
	if err != nil {
		c.t.Fatal(err)
	}
	var body map[string]json.RawMessage
	var rows []map[string]any
	if err := json.Unmarshal(content, &body); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(body[key], &rows); err != nil {
		c.t.Fatalf("%s: %v: %s", path, err, content)
	}
	return rows
}

// Count is the length of a list.
func (c *Caller) Count(path, key string) int {
	c.t.Helper()
	return len(c.List(path, key))
}

// Prefix is the prefix of the cloud's device names.
func (w *World) Prefix() string { return Prefix(w.State) }

// Prefix is that of the devices of a state directory.
func Prefix(stateDir string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stateDir))
	return fmt.Sprintf("w%03x", h.Sum32()&0xfff)
}
