// Package pki is the cloud's own certificate authority: a key and a
// certificate in a folder, from which the servers' certificates are issued. It
// imports nothing of the project.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	serverLife    = 397 * 24 * time.Hour // what clients accept at most
	renewBefore   = 60 * 24 * time.Hour
)

// Authority signs certificates. Its files are ca.pem and, mode 0600,
// ca-key.pem.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open reads the authority in the folder, or makes a new one there.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the authority's folder: %w", err)
	}
	a := &Authority{dir: dir}
	var err error
	if a.cert, a.key, err = read(dir, "ca"); err == nil {
		return a, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "wisp cloud authority", Organization: []string{"wisp"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if a.cert, a.key, err = issue(dir, "ca", template, nil, nil); err != nil {
		return nil, fmt.Errorf("make the authority: %w", err)
	}
	return a, nil
}

// File is the path of the authority's certificate, for clients' cacert.
func (a *Authority) File() string { return filepath.Join(a.dir, "ca.pem") }

// Server returns a certificate for the names and addresses, made anew when the
// one at hand expires soon or lacks one of them.
func (a *Authority) Server(hosts ...string) (tls.Certificate, error) {
	cert, key, err := read(a.dir, "server")
	if err != nil || !fits(cert, hosts) || cert.CheckSignatureFrom(a.cert) != nil {
		now := time.Now()
		template := &x509.Certificate{
			Subject:     pkix.Name{CommonName: hosts[0], Organization: []string{"wisp"}},
			NotBefore:   now.Add(-time.Hour),
			NotAfter:    now.Add(serverLife),
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		for _, host := range hosts {
			if ip := net.ParseIP(host); ip != nil {
				template.IPAddresses = append(template.IPAddresses, ip)
			} else {
				template.DNSNames = append(template.DNSNames, host)
			}
		}
		if cert, key, err = issue(a.dir, "server", template, a.cert, a.key); err != nil {
			return tls.Certificate{}, fmt.Errorf("issue the server's certificate: %w", err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func fits(cert *x509.Certificate, hosts []string) bool {
	if time.Until(cert.NotAfter) < renewBefore {
		return false
	}
	for _, host := range hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}

func issue(dir, name string, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := write(dir, name+"-key.pem", "EC PRIVATE KEY", secret, 0o600); err != nil {
		return nil, nil, err
	}
	if err := write(dir, name+".pem", "CERTIFICATE", der, 0o644); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func write(dir, name, kind string, der []byte, mode fs.FileMode) error {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func read(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	der, err := block(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	secret, err := block(filepath.Join(dir, name+"-key.pem"))
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(secret)
	if err != nil {
		return nil, nil, err
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("%s-key.pem is not the key of %s.pem", name, name)
	}
	return cert, key, nil
}

func block(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(content)
	if b == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return b.Bytes, nil
}
