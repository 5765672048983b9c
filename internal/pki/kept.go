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
	role      string
	hosts     []string
	life      time.Duration

	mu      sync.Mutex
	current *tls.Certificate
}

// Public keeps the certificate that clients see, for the names and addresses
// by which they reach a server.
func (a *Authority) Public(dir string, hosts ...string) (*Kept, error) {
	return a.keep(dir, "server.pem", "", ServerLife, hosts)
}

// NodeServer keeps the certificate that nodes see.
func (a *Authority) NodeServer(dir string, life time.Duration) (*Kept, error) {
	return a.keep(dir, "nodes.pem", RoleServer, life, []string{ServersName})
}

func (a *Authority) keep(dir, name, role string, life time.Duration, hosts []string) (*Kept, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	k := &Kept{authority: a, path: filepath.Join(dir, name), role: role, hosts: hosts, life: life}
	_, err := k.Get(nil)
	return k, err
}

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
	cert, err := k.authority.server(&key.PublicKey, k.role, k.hosts, k.life)
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
	if Due(pair.Cert, time.Now()) || pair.Cert.CheckSignatureFrom(k.authority.cert) != nil || k.role != "" && !Is(pair.Cert, k.role) {
		return false
	}
	for _, host := range k.hosts {
		if pair.Cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}
