package pki

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Kept is a server's own certificate, in a file of a folder. It is made when
// it is missing, does not fit, or soon expires, also while it is in use.
type Kept struct {
	authority *Authority
	path      string
	name      string
	role      string
	hosts     []string
	life      time.Duration

	mu      sync.Mutex
	current *tls.Certificate
}

// Public keeps the certificate that clients see, for the names and addresses
// by which they reach a server.
func (a *Authority) Public(dir string, hosts ...string) (*Kept, error) {
	return a.keep(filepath.Join(dir, "server.pem"), hosts[0], "", ServerLife, hosts)
}

// NodeServer keeps the certificate that nodes, and other servers, see of the
// server of that name.
func (a *Authority) NodeServer(dir, name string, life time.Duration) (*Kept, error) {
	return a.keep(filepath.Join(dir, "nodes.pem"), name, RoleServer, life, []string{ServersName})
}

func (a *Authority) keep(path, name, role string, life time.Duration, hosts []string) (*Kept, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	k := &Kept{authority: a, path: path, name: name, role: role, hosts: hosts, life: life}
	_, err := k.Get(nil)
	return k, err
}

// Client is a tls.Config's GetClientCertificate.
func (k *Kept) Client(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return k.Get(nil) }

// Get is a tls.Config's GetCertificate.
func (k *Kept) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && !Due(k.current.Leaf, time.Now()) {
		return k.current, nil
	}
	pair, err := ReadPair(k.path)
	if err != nil || !k.fits(pair) {
		if pair, err = k.renew(); err != nil {
			return nil, err
		}
	}
	c := pair.TLS(k.authority.cert)
	k.current = &c
	return k.current, nil
}

func (k *Kept) renew() (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, fmt.Errorf("make the server's key: %w", err)
	}
	cert, err := k.authority.server(&key.PublicKey, k.name, k.role, k.hosts, k.life)
	if err != nil {
		return Pair{}, fmt.Errorf("issue the server's certificate: %w", err)
	}
	pair := Pair{Cert: cert, Key: key}
	if err := pair.WriteFile(k.path); err != nil {
		return Pair{}, fmt.Errorf("keep the server's certificate: %w", err)
	}
	return pair, nil
}

func (k *Kept) fits(pair Pair) bool {
	if Due(pair.Cert, time.Now()) || pair.Cert.CheckSignatureFrom(k.authority.cert) != nil ||
		pair.Cert.Subject.CommonName != k.name || k.role != "" && !Is(pair.Cert, k.role) {
		return false
	}
	for _, host := range k.hosts {
		if pair.Cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}
