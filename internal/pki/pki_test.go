package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"wisp/internal/pki"
)

func TestServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Server("127.0.0.1", "cloud.example")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	defer server.Close()
	pem, err := os.ReadFile(authority.File())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func TestKeepsAndRenews(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serial := func(hosts ...string) string {
		t.Helper()
		authority, err := pki.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := authority.Server(hosts...)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.String()
	}
	first := serial("127.0.0.1")
	if again := serial("127.0.0.1"); again != first {
		t.Error("a certificate that fits was made again")
	}
	if wider := serial("127.0.0.1", "192.0.2.1"); wider == first {
		t.Error("a certificate without one of the addresses was kept")
	}
	if info, err := os.Stat(filepath.Join(dir, "ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key has mode %v, error %v", info.Mode(), err)
	}
}

func TestBroken(t *testing.T) {
	t.Parallel()
	cases := map[string]func(dir string) error{
		"no PEM": func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("x"), 0o600) },
		"no key": func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca-key.pem"), []byte("x"), 0o600) },
		"foreign key": func(dir string) error {
			return os.Rename(filepath.Join(dir, "server-key.pem"), filepath.Join(dir, "ca-key.pem"))
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			authority, err := pki.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := authority.Server("a.example"); err != nil {
				t.Fatal(err)
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := pki.Open(dir); err == nil {
				t.Error("a broken authority was opened")
			}
		})
	}
}
