// Package pki is the cloud's own certificate authority and what it signs: the
// certificates of servers, towards clients and towards nodes, and those of
// nodes. Authority is the key and the certificate that sign; Kept is a server's
// certificate in a folder, made anew before it expires; Pair is a certificate
// with its key, as a node has it. It imports nothing of the project.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// ServerLife is how long a server's certificate holds: what clients accept
	// at most.
	ServerLife = 397 * 24 * time.Hour
	// NodeLife is how long a node's certificate holds, when nobody says
	// otherwise.
	NodeLife = 30 * 24 * time.Hour
	// early is how long before its making a certificate begins to hold, at
	// most: clocks differ.
	early = time.Hour
)

// The roles that a certificate can be for. The role is the organizational unit
// of its subject.
const (
	RoleNode   = "node"
	RoleServer = "server"
)

// ServersName is the name that all servers' certificates have at the node API.
// Nodes ask for it whatever the address is by which they reach a server: what
// counts is that a server of this cloud is there.
const ServersName = "servers.wisp.internal"

const (
	kindCertificate = "CERTIFICATE"
	kindKey         = "EC PRIVATE KEY"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority with a new key.
func New() (*Authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "wisp cloud authority", Organization: []string{"wisp"}},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	cert, err := sign(template, nil, key, &key.PublicKey, authorityLife)
	if err != nil {
		return nil, fmt.Errorf("make the authority: %w", err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// Parse reads what Encode wrote.
func Parse(text []byte) (*Authority, error) {
	pair, err := ParsePair(text)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	if !pair.Cert.IsCA {
		return nil, errors.New("read the authority: the certificate is not one of an authority")
	}
	return &Authority{cert: pair.Cert, key: pair.Key}, nil
}

// The files in which a cloud of one machine had its authority.
const (
	authorityFile    = "ca.pem"
	authorityKeyFile = "ca-key.pem"
)

// File is the path of the authority's certificate in a folder.
func File(dir string) string { return filepath.Join(dir, authorityFile) }

// Load reads an authority from the files ca.pem and ca-key.pem of a folder. It
// is an error of fs.ErrNotExist when there is no key.
func Load(dir string) (*Authority, error) {
	key, err := os.ReadFile(filepath.Join(dir, authorityKeyFile))
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(File(dir))
	if err != nil {
		// Not ErrNotExist: a key whose certificate was lost must not be
		// replaced by another authority behind the clients' backs.
		return nil, errors.New("the authority's key has no certificate beside it: " + err.Error())
	}
	return Parse(slices.Concat(cert, key))
}

// Store writes the authority's certificate into a folder, for clients' cacert,
// and removes a key that is there: it has another place.
func (a *Authority) Store(dir string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the authority's folder: %w", err)
	}
	if err := replace(File(dir), a.PEM(), 0o644); err != nil {
		return "", err
	}
	if err := os.Remove(filepath.Join(dir, authorityKeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return File(dir), nil
}

// Encode returns certificate and key, in PEM.
func (a *Authority) Encode() ([]byte, error) { return Pair{Cert: a.cert, Key: a.key}.Encode() }

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return encodeCertificate(a.cert) }

// DER is the authority's certificate.
func (a *Authority) DER() []byte { return a.cert.Raw }

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Fingerprint is that of the authority's certificate.
func (a *Authority) Fingerprint() string { return Fingerprint(a.cert) }

// Fingerprint is the SHA-256 of a certificate, in hexadecimal digits.
func Fingerprint(cert *x509.Certificate) string { return hexSum(cert.Raw) }

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Is tells whether a certificate is for a role: its organizational units are
// that role and nothing else.
func Is(cert *x509.Certificate, role string) bool {
	return slices.Equal(cert.Subject.OrganizationalUnit, []string{role})
}

// Node signs the key of a certificate request (PKCS #10, DER) for a host. All
// but the key of the request is ignored.
func (a *Authority) Node(request []byte, host string, life time.Duration) (*x509.Certificate, error) {
	asked, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, fmt.Errorf("read the certificate request: %w", err)
	}
	if err := asked.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check the certificate request: %w", err)
	}
	key, ok := asked.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the certificate request has a key of another kind than ECDSA P-256")
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: host, Organization: []string{"wisp"}, OrganizationalUnit: []string{RoleNode}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	return sign(template, a.cert, a.key, key, life)
}

// server signs the key of a server. With the role of servers the certificate
// is for the node API, and shows the server to the other servers too.
func (a *Authority) server(key *ecdsa.PublicKey, name, role string, hosts []string, life time.Duration) (*x509.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"wisp"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if role != "" {
		template.Subject.OrganizationalUnit = []string{role}
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(template, a.cert, a.key, key, life)
}

// sign makes a certificate; a nil parent is the certificate itself.
func sign(template, parent *x509.Certificate, signer *ecdsa.PrivateKey, key crypto.PublicKey, life time.Duration) (*x509.Certificate, error) {
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-min(early, life/10)), now.Add(life)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func encodeCertificate(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kindCertificate, Bytes: cert.Raw})
}

// replace writes a file so that it is old or new and never half.
func replace(path string, content []byte, mode fs.FileMode) error {
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
