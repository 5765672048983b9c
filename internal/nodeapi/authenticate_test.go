package nodeapi

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

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
