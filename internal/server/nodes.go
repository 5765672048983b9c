package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"wisp/internal/compute"
	"wisp/internal/join"
	"wisp/internal/membership"
	"wisp/internal/operator"
	"wisp/internal/pki"
	"wisp/internal/secrets"
)

// Nodes is how the cloud's nodes reach this server.
type Nodes struct {
	URL string // of this server's node API, https://host:port; empty when it has none
	// Life is how long their certificates hold; zero is pki.NodeLife.
	Life time.Duration
	// Own is the host whose node runs in this process; empty is none.
	Own string
	// Apart says that the nodes are elsewhere, so that the server is healthy
	// without any that is connected to it.
	Apart bool
}

// passwordSecret is the password with which the cloud began: servers that come
// later write the same credentials.
const passwordSecret = "admin-password"

// share gets what all servers of the cloud have in common.
func (s *Server) share(ctx context.Context) (err error) {
	dir := s.tlsDir()
	if s.Authority, err = membership.Authority(ctx, s.DB, dir); err != nil {
		return err
	}
	if _, err := s.Authority.Store(dir); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	s.AdminPassword, err = secrets.Ensure(ctx, s.DB, passwordSecret, func() (string, error) { return s.config.AdminPassword, nil })
	return err
}

func (s *Server) tlsDir() string { return filepath.Join(s.config.StateDir, "tls") }

// admit lets nodes come.
func (s *Server) admit() {
	s.Members = membership.New(s.DB, s.Authority, membership.Config{Life: s.config.Nodes.Life, Host: s.host})
	s.Nodes.SetMembers(s.Members)
	s.Operator = operator.New(operator.Config{
		DB: s.DB, Members: s.Members, Compute: s.Compute, Network: s.Network, Gateways: s.Network, Server: s.config.Name, NodeURL: s.config.Nodes.URL, Log: s.log,
	})
}

// host tells whether there is a host of that name, and whether it works.
func (s *Server) host(ctx context.Context, host string) (known, works bool, err error) {
	if host == s.config.Nodes.Own {
		return true, true, nil
	}
	hosts, err := s.Compute.ListHosts(ctx, compute.HostFilter{Name: host})
	return len(hosts) > 0, len(hosts) > 0 && hosts[0].Up, err
}

// NodeServer answers nodes on other machines: ServeTLS it, and Close it.
func (s *Server) NodeServer() (*http.Server, error) {
	kept, err := s.nodeCertificate()
	if err != nil {
		return nil, err
	}
	mtu := s.config.Types.MTU
	if mtu == 0 {
		mtu = DefaultMTU
	}
	joining := join.Handler(s.Members, join.Terms{Server: s.config.Name, MTU: mtu}, s.log)
	return s.Nodes.NewTLSServer(kept.Get, s.Authority.Pool(), join.Path, joining), nil
}

func (s *Server) nodeCertificate() (*pki.Kept, error) {
	return s.Authority.NodeServer(s.tlsDir(), s.config.Name, pki.ServerLife)
}

// PeerTLS is how this server speaks to the node API of other servers.
func (s *Server) PeerTLS() (*tls.Config, error) {
	kept, err := s.nodeCertificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: pki.ServersName, RootCAs: s.Authority.Pool(), GetClientCertificate: kept.Client}, nil
}

// Public is the TLS of the APIs' listener, for the names and addresses by which
// clients reach it.
func (s *Server) Public(hosts ...string) (*tls.Config, error) {
	kept, err := s.Authority.Public(s.tlsDir(), hosts...)
	if err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: kept.Get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}
