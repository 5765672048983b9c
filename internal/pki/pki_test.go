package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wisp/internal/pki"
)

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPublic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := authority(t)
	kept, err := a.Public(dir, "127.0.0.1", "cloud.example")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	server.Listener = tls.NewListener(server.Listener, &tls.Config{GetCertificate: kept.Get, NextProtos: []string{"http/1.1"}})
	server.Start()
	defer server.Close()
	path, err := a.Store(dir)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Get("https://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func TestKeptIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := authority(t)
	serial := func(a *pki.Authority, hosts ...string) string {
		t.Helper()
		kept, err := a.Public(dir, hosts...)
		if err != nil {
			t.Fatal(err)
		}
		c, err := kept.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.String()
	}
	first := serial(a, "127.0.0.1")
	if again := serial(a, "127.0.0.1"); again != first {
		t.Error("a certificate that fits was made again")
	}
	wider := serial(a, "127.0.0.1", "192.0.2.1")
	if wider == first {
		t.Error("a certificate without one of the addresses was kept")
	}
	if other := serial(authority(t), "127.0.0.1", "192.0.2.1"); other == wider {
		t.Error("a certificate of another authority was kept")
	}
	if info, err := os.Stat(filepath.Join(dir, "server.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key: %v, error %v", info.Mode(), err)
	}
}

func TestKeptIsRenewedInUse(t *testing.T) {
	t.Parallel()
	kept, err := authority(t).NodeServer(t.TempDir(), "server-1", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first, err := kept.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		now, err := kept.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if now.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) != 0 {
			return
		}
		if time.Now().After(first.Leaf.NotAfter) {
			t.Fatal("an expired certificate is presented")
		}
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	a := authority(t)
	_, request, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Node(request, "host-1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != "host-1" || !pki.Is(cert, pki.RoleNode) || pki.Is(cert, pki.RoleServer) || cert.IsCA {
		t.Errorf("the certificate is for %v, an authority: %t", cert.Subject, cert.IsCA)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a node's certificate is one of a server too")
	}
	request[len(request)-1] ^= 1
	if _, err := a.Node(request, "host-1", time.Hour); err == nil {
		t.Error("a request was signed whose sender has not shown the key")
	}
	if _, err := a.Node([]byte("x"), "host-1", time.Hour); err == nil {
		t.Error("nonsense was signed")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	a := authority(t)
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert, key []byte
		missing   bool // means: make a new one
		ok        bool
	}{
		"both":                {cert: text, key: text, ok: true},
		"nothing":             {missing: true},
		"a certificate alone": {cert: text, missing: true},
		"a key alone":         {key: text},
		"no PEM":              {cert: []byte("x"), key: []byte("x")},
		"the key of another":  {cert: a.PEM(), key: other[len(a.PEM()):]},
		"the key is no PEM":   {cert: a.PEM(), key: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range map[string][]byte{"ca.pem": c.cert, "ca-key.pem": c.key} {
				if content == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			loaded, err := pki.Load(dir)
			switch {
			case c.ok && (err != nil || loaded.Fingerprint() != a.Fingerprint()):
				t.Errorf("error %v", err)
			case !c.ok && err == nil:
				t.Error("was loaded")
			case errors.Is(err, fs.ErrNotExist) != c.missing:
				t.Errorf("error %v, want that it is missing: %t", err, c.missing)
			}
		})
	}
}

func TestParseRefusesWhatIsNoAuthority(t *testing.T) {
	t.Parallel()
	a := authority(t)
	key, request, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Node(request, "host-1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.Pair{Cert: cert, Key: key}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Parse(text); err == nil {
		t.Error("a node's certificate signs others")
	}
}
