package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Pair is a certificate and its key.
type Pair struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// ParsePair reads a certificate and its key, in PEM.
func ParsePair(text []byte) (Pair, error) {
	var p Pair
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		var err error
		switch block.Type {
		case kindCertificate:
			p.Cert, err = x509.ParseCertificate(block.Bytes)
		case kindKey:
			p.Key, err = x509.ParseECPrivateKey(block.Bytes)
		}
		if err != nil {
			return Pair{}, err
		}
	}
	switch {
	case p.Cert == nil || p.Key == nil:
		return Pair{}, errors.New("a certificate and its key are wanted, in PEM")
	case !p.Key.PublicKey.Equal(p.Cert.PublicKey):
		return Pair{}, errors.New("the key is not that of the certificate")
	}
	return p, nil
}

// ReadPair reads a file that WriteFile wrote.
func ReadPair(path string) (Pair, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Pair{}, err
	}
	p, err := ParsePair(text)
	if err != nil {
		return Pair{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Encode returns certificate and key, in PEM.
func (p Pair) Encode() ([]byte, error) {
	secret, err := x509.MarshalECPrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	return slices.Concat(encodeCertificate(p.Cert), pem.EncodeToMemory(&pem.Block{Type: kindKey, Bytes: secret})), nil
}

// WriteFile writes certificate and key into one file, so that they never
// differ, mode 0600.
func (p Pair) WriteFile(path string) error {
	text, err := p.Encode()
	if err != nil {
		return err
	}
	return replace(path, text, 0o600)
}

// TLS is the pair as TLS presents it, followed by the authorities given.
func (p Pair) TLS(chain ...*x509.Certificate) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key, Leaf: p.Cert}
	for _, a := range chain {
		c.Certificate = append(c.Certificate, a.Raw)
	}
	return c
}

// Due tells whether a certificate should be made anew: when less than a third
// of its life is left.
func Due(cert *x509.Certificate, now time.Time) bool {
	return cert.NotAfter.Sub(now) < cert.NotAfter.Sub(cert.NotBefore)/3
}

// NewRequest makes a key and the request (PKCS #10, DER) that it be signed.
// Whoever signs decides what it is for.
func NewRequest() (key *ecdsa.PrivateKey, request []byte, err error) {
	if key, err = newKey(); err != nil {
		return nil, nil, err
	}
	request, err = Request(key)
	return key, request, err
}

// Request is the request (PKCS #10, DER) that a key be signed.
func Request(key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
}

// EnsureKey returns the key of a file, and makes both where there is none that
// can be read; mode 0600.
func EnsureKey(path string) (*ecdsa.PrivateKey, error) {
	if text, err := os.ReadFile(path); err == nil {
		if block, _ := pem.Decode(text); block != nil {
			if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil && key.Curve == elliptic.P256() {
				return key, nil
			}
		}
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return key, replace(path, pem.EncodeToMemory(&pem.Block{Type: kindKey, Bytes: secret}), 0o600)
}

// RequestKey is the SHA-256 of the key in a certificate request; it tells
// whether two requests are of one machine.
func RequestKey(request []byte) (string, error) {
	asked, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return "", err
	}
	return hexSum(asked.RawSubjectPublicKeyInfo), nil
}
