package join

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"wisp/internal/errs"
	"wisp/internal/pki"
)

const (
	// DialTimeout is how long a server may take to answer a connection before
	// the next one is tried.
	DialTimeout    = 5 * time.Second
	requestTimeout = 20 * time.Second
)

// CheckServer tells whether a URL is one that a server of the node API has:
// https://host:port and nothing else.
func CheckServer(text string) error {
	at, err := url.Parse(text)
	if err != nil || at.Scheme != "https" || at.Hostname() == "" || at.Port() == "" || at.User != nil || at.RawQuery != "" || at.Path != "" && at.Path != "/" {
		return errs.New(errs.Invalid, "The server's URL %q must be https://host:port; the port of the node API is 5001 where nobody chose another.", text)
	}
	return nil
}

// pinned verifies a server by the fingerprint of its authority, which must be
// in the chain that it presents.
func pinned(fingerprint string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: pki.ServersName,
		// The authority is not known yet but by its fingerprint: what follows
		// verifies all that the library would.
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			for _, cert := range state.PeerCertificates[1:] {
				if subtle.ConstantTimeCompare([]byte(pki.Fingerprint(cert)), []byte(fingerprint)) != 1 {
					continue
				}
				roots := x509.NewCertPool()
				roots.AddCert(cert)
				return verifyServer(state.PeerCertificates[0], roots)
			}
			return errOtherCloud
		},
	}
}

var errOtherCloud = errs.New(errs.Forbidden, "The server is not of the cloud that made this token: its authority is another one. "+
	"Look at the address; if it is right, make a new token on that server, and tell nobody the old one.")

func verifyServer(cert *x509.Certificate, roots *x509.CertPool) error {
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: pki.ServersName, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err == nil && !pki.Is(cert, pki.RoleServer) {
		err = errors.New("its certificate is not one of a server")
	}
	if err != nil {
		return errs.Wrap(err, errs.Forbidden, "What answers there is not a server of the cloud.")
	}
	return nil
}

// Enrol makes a key and buys a certificate for it with a token, at the first of
// the servers that answers, and keeps both in a folder. When the answer is lost,
// it may be called again: the key is kept until there is a certificate, and the
// cloud knows the machine by it.
func Enrol(ctx context.Context, servers []string, token Token, host, dir string) (*Credential, Terms, error) {
	kept := filepath.Join(dir, joiningFile)
	key, err := pki.EnsureKey(kept)
	if err != nil {
		return nil, Terms{}, fmt.Errorf("make the node's key: %w", err)
	}
	csr, err := pki.Request(key)
	if err != nil {
		return nil, Terms{}, fmt.Errorf("make the certificate request: %w", err)
	}
	client, done := newClient(pinned(token.Fingerprint))
	defer done()
	var answer Answer
	err = ask(ctx, client, servers, http.MethodPost, PathEnrol, Request{TokenID: token.ID, Secret: token.Secret, Host: host, CSR: csr}, &answer)
	if err != nil {
		return nil, Terms{}, err
	}
	authority, err := x509.ParseCertificate(answer.Authority)
	if err != nil || pki.Fingerprint(authority) != token.Fingerprint {
		return nil, Terms{}, errs.Wrap(err, errs.Forbidden, "The server names an authority that is not the token's.")
	}
	c := &Credential{dir: dir}
	if err := c.take(answer, key, authority); err != nil {
		return nil, Terms{}, err
	}
	if err := c.store(); err != nil {
		return nil, Terms{}, err
	}
	if err := os.Remove(kept); err != nil {
		return nil, Terms{}, fmt.Errorf("forget the key that is in use now: %w", err)
	}
	return c, answer.Terms, nil
}

func newClient(config *tls.Config) (client *http.Client, done func()) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		TLSClientConfig: config, Protocols: protocols, DialContext: (&net.Dialer{Timeout: DialTimeout}).DialContext, TLSHandshakeTimeout: DialTimeout,
	}
	return &http.Client{Transport: transport, Timeout: requestTimeout}, transport.CloseIdleConnections
}

// ask makes one request to the first server that can be reached. What that one
// says holds; an error of kind Unavailable is that none can be reached.
func ask(ctx context.Context, client *http.Client, servers []string, method, path string, body, into any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	var failed []error
	for _, server := range servers {
		at, err := url.Parse(server)
		if err != nil {
			return errs.Wrap(err, errs.Invalid, "The server's URL %q is not one.", server)
		}
		request, err := http.NewRequestWithContext(ctx, method, "https://"+at.Host+path, bytes.NewReader(content))
		if err != nil {
			return err
		}
		response, err := client.Do(request) //nolint:bodyclose // answered closes it
		if err == nil {
			err = answered(response, into)
		}
		if err == nil || !elsewhere(err) {
			return err
		}
		failed = append(failed, fmt.Errorf("%s: %w", server, err))
	}
	return errs.Wrap(errors.Join(failed...), errs.Unavailable, "No server can be reached")
}

// elsewhere tells whether another server may answer better: those of one cloud
// agree about everything but whether they can be reached.
func elsewhere(err error) bool {
	e, ok := errors.AsType[*errs.Error](err)
	return !ok || e.Kind == errs.Unavailable
}

func answered(response *http.Response, into any) error {
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return json.Unmarshal(content, into)
	}
	var said refusal
	if err := json.Unmarshal(content, &said); err != nil || said.Error == "" {
		return fmt.Errorf("the server said %s", response.Status)
	}
	if said.Kind == errs.Internal {
		return errors.New(said.Error)
	}
	return errs.New(said.Kind, "%s", said.Error)
}
