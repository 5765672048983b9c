package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/policy"
	"wisp/internal/server"
)

// A machine joins, works, is listed, is drained and removed; its session ends
// at once, it is told why, and its name is free again.
func TestNodesLife(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	credential := r.join("host-1")
	// A dead server costs a retry only.
	s := r.session(credential, "host-1", nil, "https://127.0.0.1:1")
	eventually(t, "a session", func() bool { return s.now().Connected })
	if s.now().Server != r.nodes {
		t.Errorf("the session is with %s", s.now().Server)
	}
	nodes, err := r.Operator.Nodes(t.Context(), "")
	if err != nil || len(nodes) != 1 || nodes[0].State != "up" || nodes[0].Server != "server-1" || !nodes[0].Certificate.Equal(credential.Expires()) {
		t.Fatalf("nodes %+v, error %v", nodes, err)
	}
	_, _, err = join.Enrol(t.Context(), []string{r.nodes}, r.token(""), "host-1", t.TempDir())
	wantError(t, err, "a host that works")
	if n, _, err := r.Operator.Drain(t.Context(), "host-1", ""); err != nil || !n.Disabled || n.Reason == "" {
		t.Errorf("drained %+v, error %v", n, err)
	}
	if n, err := r.Operator.Undrain(t.Context(), "host-1"); err != nil || n.Disabled {
		t.Errorf("undrained %+v, error %v", n, err)
	}
	if _, err := r.Operator.Remove(t.Context(), "host-1", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the session", func() bool {
		now := s.now()
		return now.Refused && strings.Contains(now.Problem, "was removed")
	})
	_, err = credential.Standing(t.Context(), []string{r.nodes})
	wantError(t, err, "was removed")
	if err := credential.Renew(t.Context(), []string{r.nodes}); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a removed node renews: %v", err)
	}
	if nodes, err := r.Operator.Nodes(t.Context(), ""); err != nil || len(nodes) != 0 {
		t.Errorf("nodes %+v, error %v", nodes, err)
	}
	back := r.session(r.join("host-1"), "host-1", nil)
	eventually(t, "a session of the host that came back", func() bool { return back.now().Connected })
}

// Certificates renew by themselves while a session lasts, and the one before
// is refused.
func TestCertificatesRenewThemselves(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 6*time.Second)
	dir := t.TempDir()
	credential, _, err := join.Enrol(t.Context(), []string{r.nodes}, r.token(""), "host-1", dir)
	if err != nil {
		t.Fatal(err)
	}
	old, err := pki.ReadPair(filepath.Join(dir, "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	renewed := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		credential.Keep(ctx, []string{r.nodes}, func() {
			select {
			case renewed <- struct{}{}:
			default:
			}
		}, slog.New(slog.DiscardHandler))
	}()
	defer func() { cancel(); <-kept }()
	s := r.session(credential, "host-1", renewed)
	eventually(t, "a session", func() bool { return s.now().Connected })
	for range 2 {
		before := credential.Expires()
		eventually(t, "another certificate", func() bool { return credential.Expires().After(before) })
	}
	eventually(t, "that the new one is on record", func() bool {
		nodes, err := r.Members.Nodes(t.Context())
		return err == nil && len(nodes) == 1 && nodes[0].ExpiresAt.After(old.Cert.NotAfter)
	})
	eventually(t, "a session with it", func() bool { return s.now().Connected })
	if err := r.Members.Admit(t.Context(), old.Cert); !errs.Is(err, errs.Forbidden) {
		t.Errorf("the first certificate is still good: %v", err)
	}
	again, err := join.Open(dir)
	if err != nil || again.Expires().Before(old.Cert.NotAfter) {
		t.Errorf("the certificate on disk is an old one (%v)", err)
	}
}

func TestAttackersWithCertificates(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	r.join("host-1") // whose name they use
	other, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	expired := pair(t, r.Authority, "host-1", time.Millisecond)
	eventually(t, "that a certificate expires", func() bool { return time.Now().After(expired.Cert.NotAfter) })
	dir := t.TempDir()
	if _, err := r.Authority.NodeServer(dir, "host-1", time.Hour); err != nil {
		t.Fatal(err)
	}
	stolen, err := pki.ReadPair(filepath.Join(dir, "nodes.pem"))
	if err != nil {
		t.Fatal(err)
	}
	foreign, forged, never := pair(t, other, "host-1", time.Hour), pair(t, r.Authority, "host-1", time.Hour), pair(t, r.Authority, "host-9", time.Hour)
	for name, c := range map[string]struct {
		pair *pki.Pair
		says string // of a refusal; otherwise TLS itself fails
	}{
		"no certificate":                           {says: "nodes with a certificate"},
		"a certificate of another authority":       {pair: &foreign},
		"an expired certificate":                   {pair: &expired},
		"one that was signed and never recorded":   {pair: &forged, says: "not the one on record"},
		"one for a host that never joined":         {pair: &never, says: "has not joined"},
		"a server's certificate, used as a node's": {pair: &stolen, says: "not one of a node"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{join.PathStanding, "/wisp.node/v1/images/x", "/wisp.node.v1.Node/Session"} {
				status, body, err := r.get(r.nodes+path, c.pair)
				if c.says == "" {
					if err == nil {
						t.Errorf("%s: status %d: %s", path, status, body)
					}
					continue
				}
				if err != nil || status != http.StatusForbidden || !strings.Contains(body, c.says) {
					t.Errorf("%s: status %d, error %v: %s", path, status, err, body)
				}
			}
		})
	}
}

// A removed node's certificate opens nothing, although it still holds.
func TestRemovedNodesCertificate(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	dir := t.TempDir()
	if _, _, err := join.Enrol(t.Context(), []string{r.nodes}, r.token(""), "host-1", dir); err != nil {
		t.Fatal(err)
	}
	stolen, err := pki.ReadPair(filepath.Join(dir, "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if status, body, err := r.get(r.nodes+join.PathStanding, &stolen); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, error %v: %s", status, err, body)
	}
	if _, err := r.Operator.Remove(t.Context(), "host-1", false); err != nil {
		t.Fatal(err)
	}
	if status, body, err := r.get(r.nodes+join.PathStanding, &stolen); err != nil || status != http.StatusForbidden || !strings.Contains(body, "was removed") {
		t.Errorf("status %d, error %v: %s", status, err, body)
	}
}

// A node is nobody to the APIs of users.
func TestNodeCertificateAgainstThePublicAPI(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	dir := t.TempDir()
	if _, _, err := join.Enrol(t.Context(), []string{r.nodes}, r.token(""), "host-1", dir); err != nil {
		t.Fatal(err)
	}
	stolen, err := pki.ReadPair(filepath.Join(dir, "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := r.Public("127.0.0.1", pki.ServersName)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	apis := &http.Server{Handler: r.Handler()}
	done := make(chan struct{})
	go func() { defer close(done); _ = apis.Serve(listener) }() // it ends by Close
	defer func() { _ = apis.Close(); <-done }()
	for _, path := range []string{"/compute/v2.1/servers", "/network/v2.0/agents", "/identity/v3/users"} {
		if status, body, err := r.get("https://"+listener.Addr().String()+path, &stolen); err != nil || status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, error %v: %s", path, status, err, body)
		}
	}
	if status, _, err := r.get("https://"+listener.Addr().String()+join.PathStanding, &stolen); err != nil || status != http.StatusNotFound {
		t.Errorf("the node API on the public port: status %d, error %v", status, err)
	}
	// And users' APIs are not at the node API.
	if status, _, err := r.get(r.nodes+"/identity/v3", &stolen); err != nil || status != http.StatusNotFound {
		t.Errorf("identity at the node API: status %d, error %v", status, err)
	}
}

func TestClaimingAnotherHostsName(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	s := r.session(r.join("host-1"), "host-2", nil)
	eventually(t, "a refusal", func() bool { return strings.Contains(s.now().Problem, `for host "host-1", not "host-2"`) })
	if hosts := r.Nodes.Hosts(); len(hosts) != 0 {
		t.Errorf("connected are %v", hosts)
	}
}

// The images of others are not told from those that do not exist.
func TestFetchingAForeignImage(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	made, err := r.Image.Create(t.Context(), admin, map[string]any{"name": "secret", "disk_format": "raw", "container_format": "bare"})
	if err == nil {
		err = r.Image.Upload(t.Context(), admin, made.ID, strings.NewReader("data"), 4)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := r.session(r.join("host-1"), "host-1", nil)
	eventually(t, "a session", func() bool { return s.now().Connected })
	for _, id := range []string{made.ID, "00000000-0000-0000-0000-000000000000"} {
		if _, _, err := s.client.OpenImage(t.Context(), id); !errs.Is(err, errs.NotFound) {
			t.Errorf("image %s: %v", id, err)
		}
	}
}

var admin = &policy.Caller{ProjectID: "p", UserID: "u", Roles: []string{"admin", "member", "reader"}}

// pretend listens as a server of the node API with a certificate.
func pretend(t *testing.T, certificate tls.Certificate) (url string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came to the wrong server") })}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }() // it ends by Close
	t.Cleanup(func() { _ = server.Close(); <-done })
	return "https://" + listener.Addr().String()
}

// Nothing is told to whoever pretends to be a server.
func TestPretendingToBeAServer(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	credential := r.join("host-1")
	authority, err := x509.ParseCertificate(r.Authority.DER())
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	otherAuthority, err := x509.ParseCertificate(other.DER())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := other.NodeServer(t.TempDir(), "server-1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := kept.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	// Of another authority, with this cloud's put after it.
	mixed := *foreign
	mixed.Certificate = append(append([][]byte{}, foreign.Certificate...), authority.Raw)
	public, err := r.Authority.Public(t.TempDir(), pki.ServersName) // of this cloud, for clients
	if err != nil {
		t.Fatal(err)
	}
	forClients, err := public.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, certificate := range map[string]tls.Certificate{
		"a server of another cloud":                 *foreign,
		"another cloud's, that shows our authority": mixed,
		"a node":                      pair(t, r.Authority, "host-2", time.Hour).TLS(authority),
		"a node of another authority": pair(t, other, "host-2", time.Hour).TLS(otherAuthority, authority),
		"a certificate for clients":   *forClients,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pretend(t, certificate)
			_, _, err := join.Enrol(t.Context(), []string{url, r.nodes}, r.token(""), "host-3", t.TempDir())
			if !errs.Is(err, errs.Forbidden) {
				t.Errorf("joining: %v", err)
			}
			if _, err := credential.Standing(t.Context(), []string{url}); err == nil {
				t.Error("a node trusts it")
			}
			if err := credential.Renew(t.Context(), []string{url}); err == nil {
				t.Error("a node renews with it")
			}
		})
	}
}

func TestJoiningAgainstTheRules(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	enrol := func(token join.Token, host string, servers ...string) error {
		_, _, err := join.Enrol(t.Context(), append(servers, r.nodes), token, host, t.TempDir())
		return err
	}
	other := r.token("")
	other.Fingerprint = strings.Repeat("0", 64)
	wantError(t, enrol(other, "host-1"), "its authority is another one")
	wantError(t, enrol(r.token("host-2"), "host-1"), "is for host host-2")
	used := r.token("")
	if err := enrol(used, "host-1", "https://127.0.0.1:1"); err != nil {
		t.Error(err)
	}
	wantError(t, enrol(used, "host-3"), "was used by host host-1")
	_, _, err := join.Enrol(t.Context(), []string{"https://127.0.0.1:1"}, r.token(""), "host-1", t.TempDir())
	if !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a server: %v", err)
	}
}

// A machine whose answer was lost asks again, with the same token, and has its
// certificate; nobody else has one for the token.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	r := newRemote(t, 0)
	kept, err := r.Authority.NodeServer(t.TempDir(), "server-2", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	joining := join.Handler(r.Members, join.Terms{Server: "server-2", MTU: 1500}, slog.New(slog.DiscardHandler))
	lossy := r.Nodes.NewTLSServer(kept.Get, r.Authority.Pool(), join.Path, http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		joining.ServeHTTP(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	}))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = lossy.ServeTLS(listener, "", "") // it ends by Close
	}()
	t.Cleanup(func() {
		if err := lossy.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	token, dir := r.token(""), t.TempDir()
	if _, _, err := join.Enrol(t.Context(), []string{"https://" + listener.Addr().String()}, token, "host-1", dir); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("the answer was not lost: %v", err)
	}
	_, _, err = join.Enrol(t.Context(), []string{r.nodes}, token, "host-1", t.TempDir())
	wantError(t, err, "was used by host host-1")
	credential, _, err := join.Enrol(t.Context(), []string{r.nodes}, token, "host-1", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.Standing(t.Context(), []string{r.nodes}); err != nil {
		t.Error(err)
	}
	_, _, err = join.Enrol(t.Context(), []string{r.nodes}, token, "host-1", dir)
	wantError(t, err, "was used by host host-1")
}

// Servers of one database are one cloud to machines and to people.
func TestServersShareTheCloud(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "wisp.db")
	open := func(name, password string) *server.Server {
		t.Helper()
		const cheap = 4
		s, err := server.New(t.Context(), server.Config{
			Name: name, StateDir: t.TempDir(), Database: database, URL: "http://127.0.0.1:1", Region: "RegionOne", AdminPassword: password, HashCost: cheap,
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	first, second := open("one", "first"), open("two", "second")
	if first.AdminPassword != "first" || second.AdminPassword != "first" {
		t.Errorf("passwords %q and %q", first.AdminPassword, second.AdminPassword)
	}
	if first.Authority.Fingerprint() != second.Authority.Fingerprint() {
		t.Error("two authorities")
	}
	token, _, err := first.Members.CreateToken(t.Context(), "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, csr, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := second.Members.Join(t.Context(), join.Request{TokenID: token.ID, Secret: token.Secret, Host: "host-1", CSR: csr})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(answer.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Members.Admit(t.Context(), cert); err != nil {
		t.Error(err)
	}
	// One server is a server to the other, and no node.
	config, err := second.PeerTLS()
	if err != nil {
		t.Fatal(err)
	}
	presented, err := config.GetClientCertificate(nil)
	if err != nil || !pki.Is(presented.Leaf, pki.RoleServer) || presented.Leaf.Subject.CommonName != "two" {
		t.Errorf("it shows %v, error %v", presented.Leaf.Subject, err)
	}
	if err := first.Members.Admit(t.Context(), presented.Leaf); !errs.Is(err, errs.Forbidden) {
		t.Errorf("a server is taken for a node: %v", err)
	}
}
