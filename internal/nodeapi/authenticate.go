package nodeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"wisp/internal/errs"
)

// Members says which nodes are of the cloud. Admit checks a certificate that
// TLS has verified; for one that is not on record, the error is of kind
// Forbidden and says why. Changed wakes whoever should ask again.
type Members interface {
	Admit(ctx context.Context, cert *x509.Certificate) error
	Changed() (<-chan struct{}, func())
}

// SetMembers lets nodes come by TLS. It is called once, before anything is
// served.
func (s *Server) SetMembers(members Members) { s.members = members }

// headerRefused marks the answer to a node that is none, or no longer.
const headerRefused = "Wisp-Refused"

var errStranger = errs.New(errs.Forbidden, "The node API is for nodes with a certificate of this cloud.")

// authenticate is the one place that says which host a request comes from.
// With TLS it is the common name of the client's certificate, which the
// listener must have verified and the cloud must have on record. A connection
// within this process may speak for any host: the name is then empty, and what
// the node says of itself holds. Everything else is refused.
func (s *Server) authenticate(r *http.Request) (host string, cert *x509.Certificate, err error) {
	switch {
	case r.TLS != nil && s.members != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0]) > 0:
		cert := r.TLS.VerifiedChains[0][0]
		if err := s.members.Admit(r.Context(), cert); err != nil {
			return "", nil, err
		}
		if host := cert.Subject.CommonName; host != "" {
			return host, cert, nil
		}
	case r.TLS == nil && r.RemoteAddr == memoryNetwork:
		return "", nil, nil
	}
	return "", nil, errStranger
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if !errs.Is(err, errs.Forbidden) {
		s.log.ErrorContext(r.Context(), "looking at a node's certificate failed", "from", r.RemoteAddr, "error", err)
		http.Error(w, publicMessage(err), http.StatusServiceUnavailable)
		return
	}
	level := slog.LevelWarn
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		level = slog.LevelDebug // anybody can come so far, as often as they like
	}
	s.log.Log(r.Context(), level, "a node is refused", "from", r.RemoteAddr, "error", err)
	w.Header().Set(headerRefused, "1")
	http.Error(w, publicMessage(err), http.StatusForbidden)
}

// watch returns what ends a session when its certificate is not on record any
// more, or expires. Without a certificate it is nothing.
func (s *Server) watch(cert *x509.Certificate) func(context.Context) error {
	return func(ctx context.Context) error {
		if cert == nil {
			return nil
		}
		changed, cancel := s.members.Changed()
		defer cancel()
		refresh := time.NewTicker(refreshEvery)
		defer refresh.Stop()
		expired := time.NewTimer(time.Until(cert.NotAfter))
		defer expired.Stop()
		for {
			// Also at first: it may have been removed while it was welcomed.
			if err := s.members.Admit(ctx, cert); errs.Is(err, errs.Forbidden) {
				return err
			} else if err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "looking at a node's certificate failed", "host", cert.Subject.CommonName, "error", err)
			}
			select {
			case <-changed:
			case <-refresh.C:
			case <-expired.C:
				return fmt.Errorf("the node's certificate expired at %s", cert.NotAfter)
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// NewTLSServer returns a server for nodes on other machines: HTTP/2 over TLS
// 1.3. Who is asked for a certificate and shows none may only join: that is
// what joining answers, below its path. ServeTLS with empty names, and Close
// it.
func (s *Server) NewTLSServer(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), roots *x509.CertPool, path string, joining http.Handler) *http.Server {
	server := s.newHTTPServer()
	server.Protocols.SetHTTP2(true)
	mux := http.NewServeMux()
	mux.Handle(path, joining)
	mux.Handle("/", s)
	server.Handler = s.impatient(mux)
	server.IdleTimeout = idleTimeout
	server.TLSConfig = &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: certificate,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: roots,
		// A resumed session would not look at certificates again.
		SessionTicketsDisabled: true,
	}
	return server
}

const (
	idleTimeout = 2 * time.Minute
	// patience is how long a request without a certificate may take to come;
	// to be answered, and the answer to be read, it has twice as long. Who
	// sends or reads nothing holds nothing.
	patience = 10 * time.Second
)

// impatient bounds what strangers may hold.
func (s *Server) impatient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			control, until := http.NewResponseController(w), time.Now().Add(s.patience)
			if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until.Add(2*s.patience))); err != nil {
				s.log.ErrorContext(r.Context(), "a stranger's connection takes no deadline", "error", err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// newHTTPServer returns a server without protocols.
func (s *Server) newHTTPServer() *http.Server {
	return &http.Server{
		Handler: s, Protocols: new(http.Protocols), ReadHeaderTimeout: helloTimeout,
		HTTP2:    &http.HTTP2Config{MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
