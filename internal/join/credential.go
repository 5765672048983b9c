package join

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"wisp/internal/errs"
	"wisp/internal/pki"
)

// The files of a credential.
const (
	pairFile      = "node.pem" // certificate and key
	authorityFile = "cloud.pem"
	joiningFile   = "joining.pem" // the key of a machine that has asked to join
)

// Credential is a node's certificate, its key and the authority that it
// trusts, in a folder.
type Credential struct {
	dir string

	mu        sync.Mutex
	pair      pki.Pair
	authority *x509.Certificate
}

// Open reads a credential. A folder without one is an error of kind NotFound.
func Open(dir string) (*Credential, error) {
	c := &Credential{dir: dir}
	var err error
	if c.pair, err = pki.ReadPair(filepath.Join(dir, pairFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errs.New(errs.NotFound, "This machine has not joined a cloud; `wisp node join` does that.")
		}
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, fmt.Errorf("read the cloud's authority: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(dir, authorityFile))
	}
	if c.authority, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("read the cloud's authority: %w", err)
	}
	return c, nil
}

// Host is the name by which the cloud knows this node.
func (c *Credential) Host() string { return c.cert().Subject.CommonName }

// Expires is when the certificate does.
func (c *Credential) Expires() time.Time { return c.cert().NotAfter }

// Usable says why the certificate cannot be used now, or nil.
func (c *Credential) Usable() error {
	if cert := c.cert(); time.Now().After(cert.NotAfter) {
		return errs.New(errs.Forbidden, "The certificate of this node expired at %s: the node was off, or reached no server, for too long. "+
			"Join again with a new token, in the same state directory: `wisp node token create --host %s` on a server, then `wisp node join`.", cert.NotAfter.Format(time.RFC3339), cert.Subject.CommonName)
	}
	return nil
}

func (c *Credential) cert() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair.Cert
}

// Due tells whether the certificate should have been renewed by now.
func (c *Credential) Due(now time.Time) bool { return pki.Due(c.cert(), now) }

// TLS is how a node speaks to servers. Connections that are made after a
// renewal have the new certificate.
func (c *Credential) TLS() *tls.Config {
	c.mu.Lock()
	roots := x509.NewCertPool()
	roots.AddCert(c.authority)
	c.mu.Unlock()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: pki.ServersName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			presented := c.pair.TLS()
			return &presented, nil
		},
		VerifyConnection: func(state tls.ConnectionState) error { return verifyServer(state.PeerCertificates[0], roots) },
	}
}

// Standing asks a server what it knows of this node. Errors are Forbidden when
// the cloud does not know the node any more, Unavailable when no server
// answers.
func (c *Credential) Standing(ctx context.Context, servers []string) (Standing, error) {
	client, done := newClient(c.TLS())
	defer done()
	var standing Standing
	err := ask(ctx, client, servers, http.MethodGet, PathStanding, nil, &standing)
	return standing, err
}

// Renew buys a new certificate, for a new key, with the one at hand.
func (c *Credential) Renew(ctx context.Context, servers []string) error {
	key, csr, err := pki.NewRequest()
	if err != nil {
		return fmt.Errorf("make the node's key: %w", err)
	}
	client, done := newClient(c.TLS())
	defer done()
	var answer Answer
	if err := ask(ctx, client, servers, http.MethodPost, PathRenew, Renewal{CSR: csr}, &answer); err != nil {
		return err
	}
	if err := c.take(answer, key, c.authority); err != nil {
		return err
	}
	return c.store()
}

// take makes what a server answered the credential.
func (c *Credential) take(answer Answer, key *ecdsa.PrivateKey, authority *x509.Certificate) error {
	cert, err := x509.ParseCertificate(answer.Certificate)
	if err == nil {
		err = cert.CheckSignatureFrom(authority)
	}
	if err == nil && !key.PublicKey.Equal(cert.PublicKey) {
		err = errors.New("it is for another key")
	}
	if err != nil {
		return errs.Wrap(err, errs.Forbidden, "The certificate that the server made is not usable.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pair, c.authority = pki.Pair{Cert: cert, Key: key}, authority
	return nil
}

func (c *Credential) store() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the node's certificate: %w", err)
	}
	path := filepath.Join(c.dir, authorityFile)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.authority.Raw})
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return fmt.Errorf("keep the cloud's authority: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keep the cloud's authority: %w", err)
	}
	if err := c.pair.WriteFile(filepath.Join(c.dir, pairFile)); err != nil {
		return fmt.Errorf("keep the node's certificate: %w", err)
	}
	return nil
}

// Renewals are looked for as often as a small part of the certificate's life.
const (
	lookAtLeast = 200 * time.Millisecond
	lookAtMost  = time.Hour
	lookPart    = 50
)

// Keep renews the certificate before it expires, until ctx ends. renewed is
// called after each renewal.
func (c *Credential) Keep(ctx context.Context, servers []string, renewed func(), log *slog.Logger) {
	for {
		cert := c.cert()
		life := cert.NotAfter.Sub(cert.NotBefore)
		select {
		case <-time.After(max(lookAtLeast, min(life/lookPart, lookAtMost))):
		case <-ctx.Done():
			return
		}
		if !pki.Due(cert, time.Now()) {
			continue
		}
		if err := c.Renew(ctx, servers); err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "the node's certificate could not be renewed", "expires", cert.NotAfter, "error", err)
			}
			continue
		}
		log.InfoContext(ctx, "the node's certificate is renewed", "expires", c.Expires())
		renewed()
	}
}
