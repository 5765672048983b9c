package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/nodeapi"
	"wisp/internal/pki"
	"wisp/internal/server"
)

// remote is a cloud whose nodes come over TLS.
type remote struct {
	*server.Server
	t     *testing.T
	nodes string // URL
}

func newRemote(t *testing.T, life time.Duration) *remote {
	t.Helper()
	const cheap = 4 // bcrypt's least
	s, err := server.New(t.Context(), server.Config{
		Name: "server-1", StateDir: t.TempDir(), URL: "http://127.0.0.1:1", Region: "RegionOne", AdminPassword: "secret", HashCost: cheap,
		PhysicalNetworks: []string{"public"}, Nodes: server.Nodes{Life: life, Apart: true},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := s.NodeServer()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = nodes.ServeTLS(listener, "", "") // it ends by Close
	}()
	t.Cleanup(func() {
		if err := errors.Join(s.Nodes.Close(), nodes.Close()); err != nil {
			t.Error(err)
		}
		<-served
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &remote{s, t, "https://" + listener.Addr().String()}
}

func (r *remote) token(host string) join.Token {
	r.t.Helper()
	token, _, err := r.Members.CreateToken(r.t.Context(), host, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

func (r *remote) join(host string) *join.Credential {
	r.t.Helper()
	credential, terms, err := join.Enrol(r.t.Context(), []string{r.nodes}, r.token(""), host, r.t.TempDir())
	if err != nil {
		r.t.Fatal(err)
	}
	if terms.Server != "server-1" || terms.MTU != server.DefaultMTU {
		r.t.Errorf("the server told %+v", terms)
	}
	return credential
}

// agent is a node that has nothing and does nothing.
type agent struct{ host string }

func (a agent) Hello(context.Context) (nodeapi.Hello, error) {
	return nodeapi.Hello{Host: a.host, Version: "test", Address: netip.MustParseAddr("127.0.0.1"), Capacity: nodeapi.Capacity{VCPUs: 4, MemoryMiB: 4096, DiskGiB: 40}}, nil
}

func (agent) Whole() nodeapi.Report { return nodeapi.Report{} }

func (agent) Call(context.Context, string, json.RawMessage) (any, error) {
	return nil, errs.New(errs.NotImplemented, "Not here.")
}

func (agent) OpenConsole(context.Context, string, string) (nodeapi.Stream, error) {
	return nil, errs.New(errs.NotImplemented, "Not here.")
}

func (agent) Update(uint64, string, nodeapi.State, int64, bool) {}

// session keeps a session until the test ends, and tells its status.
type session struct {
	mu     sync.Mutex
	status nodeapi.Status
	client *nodeapi.Client
}

func (s *session) now() nodeapi.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (r *remote) session(credential *join.Credential, host string, renewed <-chan struct{}, servers ...string) *session {
	r.t.Helper()
	servers = append(servers, r.nodes)
	s := &session{}
	client, err := nodeapi.NewClient(nodeapi.ClientConfig{
		URL: servers[0], Others: servers[1:], TLS: credential.TLS(), Usable: credential.Usable, Renewed: renewed, Log: slog.New(slog.DiscardHandler),
		Notify: func(status nodeapi.Status) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.status = status
		},
	}, agent{host})
	if err != nil {
		r.t.Fatal(err)
	}
	s.client = client
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); client.Run(ctx) }()
	r.t.Cleanup(func() { cancel(); <-done })
	return s
}

func wantError(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want one that says %q", err, says)
	}
}

// pair makes a certificate that an authority signs for a node.
func pair(t *testing.T, a *pki.Authority, host string, life time.Duration) pki.Pair {
	t.Helper()
	key, csr, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Node(csr, host, life)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Pair{Cert: cert, Key: key}
}

// get asks a server of the node API with a certificate, or without.
func (r *remote) get(url string, presented *pki.Pair) (status int, body string, err error) {
	config := &tls.Config{RootCAs: r.Authority.Pool(), ServerName: pki.ServersName}
	if presented != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := presented.TLS()
			return &c, nil
		}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}
