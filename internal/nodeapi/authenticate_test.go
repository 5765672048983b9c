package nodeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/nodeapi/nodeapitest"
)

// A machine that wants to join and does not say what holds nothing for ever.
func TestStrangersAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	cloud := newFakeCloud()
	s := NewServer(cloud, cloud.subscribe, slog.New(slog.DiscardHandler))
	s.patience = 100 * time.Millisecond
	config := nodeapitest.NewAuthority(t).Config("one", RoleServer)
	ended := make(chan error, 1)
	server := s.NewTLSServer(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &config.Certificates[0], nil }, config.RootCAs, "/join",
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			ended <- err
			w.WriteHeader(http.StatusBadRequest)
		}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ServeTLS(listener, "", "") // it ends by Close
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})

	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // who is at the other end is not the question
	t.Cleanup(transport.CloseIdleConnections)
	body, never := io.Pipe()
	t.Cleanup(func() { _ = never.Close() })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+listener.Addr().String()+"/join", body)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		if response, err := transport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the request ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the request is waited for")
		_ = never.Close()
	}
	<-said
}

// members are hosts whose certificates are on record, whatever they are.
type members map[string]bool

func (m members) Admit(_ context.Context, cert *x509.Certificate) error {
	if !m[cert.Subject.CommonName] {
		return errs.New(errs.Forbidden, "The host is not known.")
	}
	return nil
}

func (members) Changed() (<-chan struct{}, func()) { return nil, func() {} }

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	verified := func(name string) *tls.ConnectionState {
		return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Subject: pkix.Name{CommonName: name}}}}}
	}
	for name, c := range map[string]struct {
		remote string
		tls    *tls.ConnectionState
		host   string
		nobody bool // may come by TLS
		refuse bool
	}{
		"within the process":         {remote: memoryNetwork},
		"not on record":              {remote: "192.0.2.1:5", tls: verified("h2"), refuse: true},
		"before members are known":   {remote: "192.0.2.1:5", tls: verified("h1"), nobody: true, refuse: true},
		"a verified certificate":     {remote: "192.0.2.1:5", tls: verified("h1"), host: "h1"},
		"a certificate without name": {remote: "192.0.2.1:5", tls: verified(""), refuse: true},
		"TLS without certificate":    {remote: "192.0.2.1:5", tls: &tls.ConnectionState{}, refuse: true},
		"plain TCP":                  {remote: "127.0.0.1:5", refuse: true},
		"TLS that claims memory":     {remote: memoryNetwork, tls: &tls.ConnectionState{}, refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, sessionPath, nil)
			r.RemoteAddr, r.TLS = c.remote, c.tls
			s := NewServer(newFakeCloud(), newFakeCloud().subscribe, quiet())
			if !c.nobody {
				s.SetMembers(members{"h1": true, "": true})
			}
			host, _, err := s.authenticate(r)
			if host != c.host || (err != nil) != c.refuse {
				t.Errorf("authenticate = %q, %v", host, err)
			}
			if c.refuse {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusForbidden {
					t.Errorf("status %d, want 403", w.Code)
				}
			}
		})
	}
}

func TestClientRefusesPlainTCP(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"http://192.0.2.1:5000", "ftp://x", "://", "https://"} {
		if _, err := NewClient(ClientConfig{URL: at, Log: quiet()}, &fakeAgent{}); err == nil {
			t.Errorf("a client for %q was made", at)
		}
	}
}
