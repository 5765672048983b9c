package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/underlay"
)

// registry takes all machines, and tells them what a test wants.
type registry struct {
	authority *pki.Authority
	life      time.Duration
	refuse    error
}

func (r *registry) Join(_ context.Context, request join.Request) (join.Answer, error) {
	cert, err := r.authority.Node(request.CSR, request.Host, r.life)
	if err != nil {
		return join.Answer{}, err
	}
	return join.Answer{Host: request.Host, Certificate: cert.Raw, Authority: r.authority.DER()}, nil
}

func (r *registry) Renew(context.Context, *x509.Certificate, []byte) (join.Answer, error) {
	return join.Answer{}, errs.New(errs.Forbidden, "Not here.")
}

func (r *registry) Admit(context.Context, *x509.Certificate) error { return r.refuse }

// serve answers as a server of the node API.
func serve(t *testing.T, authority *pki.Authority, handler http.Handler) (url string) {
	t.Helper()
	kept, err := authority.NodeServer(t.TempDir(), "server-1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, TLSConfig: &tls.Config{
		GetCertificate: kept.Get, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: authority.Pool(), MinVersion: tls.VersionTLS13,
	}}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ServeTLS(listener, "", "") }() // it ends by Close
	t.Cleanup(func() { _ = server.Close(); <-done })
	return "https://" + listener.Addr().String()
}

func newNode(t *testing.T, r *registry, wrap func(http.Handler) http.Handler) *Node {
	t.Helper()
	authority, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	r.authority = authority
	if r.life == 0 {
		r.life = time.Hour
	}
	handler := join.Handler(r, join.Terms{Server: "server-1", MTU: 9000}, slog.New(slog.DiscardHandler))
	if wrap != nil {
		handler = wrap(handler)
	}
	url := serve(t, authority, handler)
	credential, _, err := join.Enrol(t.Context(), []string{url}, join.NewToken(authority.Fingerprint()), "host-1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Node{Servers: []string{url}, Credential: credential, TunnelDevice: "wtest-none", Underlay: func() (underlay.Underlay, error) {
		return underlay.Underlay{Management: netip.MustParseAddr("127.0.0.1"), Tunnel: netip.MustParseAddr("127.0.0.1"), TunnelDevice: "lo", TunnelMTU: 65536}, nil
	}}
}

// found wants a finding of a level that says so.
func found(t *testing.T, findings []Finding, level Level, says string) {
	t.Helper()
	if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == level && strings.Contains(f.Detail, says) }) {
		t.Errorf("%+v, want %s with %q", findings, level, says)
	}
}

func TestServersOfANode(t *testing.T) {
	t.Parallel()
	t.Run("all is well", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{}, nil)
		findings := checkServers(t.Context(), Config{Node: n})
		if found(t, findings, OK, "server-1"); Worst(findings) != OK {
			t.Errorf("%+v", findings)
		}
	})
	t.Run("one of two is away", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{}, nil)
		n.Servers = append(n.Servers, "https://127.0.0.1:1")
		findings := checkServers(t.Context(), Config{Node: n})
		found(t, findings, OK, "server-1")
		found(t, findings, Warning, "127.0.0.1:1")
	})
	t.Run("all are away", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{}, nil)
		n.Servers = []string{"https://127.0.0.1:1"}
		found(t, checkServers(t.Context(), Config{Node: n}), Fatal, "127.0.0.1:1")
	})
	t.Run("it was removed", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{refuse: errs.New(errs.Forbidden, "It was removed.")}, nil)
		found(t, checkServers(t.Context(), Config{Node: n}), Fatal, "was removed")
	})
	t.Run("its tunnels are too narrow", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{}, nil)
		n.Underlay = func() (underlay.Underlay, error) {
			return underlay.Underlay{Tunnel: netip.MustParseAddr("127.0.0.1"), TunnelDevice: "eth0", TunnelMTU: 1500}, nil
		}
		found(t, checkServers(t.Context(), Config{Node: n}), Warning, "1500 bytes")
	})
	t.Run("its clock is off", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, &registry{}, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != join.PathStanding {
					next.ServeHTTP(w, r)
					return
				}
				_ = json.NewEncoder(w).Encode(join.Standing{Now: time.Now().Add(time.Minute), Terms: join.Terms{Server: "server-1"}})
			})
		})
		found(t, checkServers(t.Context(), Config{Node: n}), Warning, "off that of server-1")
	})
}

func TestCertificateOfANode(t *testing.T) {
	t.Parallel()
	n := newNode(t, &registry{}, nil)
	found(t, checkCertificate(t.Context(), Config{Node: n}), OK, "host-1")
	found(t, checkCertificate(t.Context(), Config{Node: &Node{}, Running: true}), Fatal, "there is none")
	if findings := checkCertificate(t.Context(), Config{Node: &Node{}}); len(findings) != 0 {
		t.Errorf("before joining: %+v", findings)
	}
	short := newNode(t, &registry{life: 2 * time.Second}, nil)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	levels := map[Level]bool{}
	for !levels[Fatal] {
		<-tick.C
		levels[Worst(checkCertificate(t.Context(), Config{Node: short}))] = true
		if time.Since(short.Credential.Expires()) > time.Minute {
			t.Fatal("an expired certificate is taken for a good one")
		}
	}
	if !levels[Warning] {
		t.Error("nothing was said before it expired")
	}
}

func TestUnderlayOfANode(t *testing.T) {
	t.Parallel()
	n := newNode(t, &registry{}, nil)
	found(t, checkUnderlay(t.Context(), Config{Node: n}), OK, "tunnels at 127.0.0.1 (lo, 65536 bytes)")
	n.Underlay = func() (underlay.Underlay, error) { return underlay.Underlay{}, errors.New("eth1 is down") }
	found(t, checkUnderlay(t.Context(), Config{Node: n}), Fatal, "eth1 is down")
	if findings := checkTunnelPort(t.Context(), Config{Node: n}); len(findings) != 0 {
		t.Errorf("without an underlay: %+v", findings)
	}
}

func TestTunnelPort(t *testing.T) {
	t.Parallel()
	n := newNode(t, &registry{}, nil)
	// An address of loopback that only this test has.
	address := netip.MustParseAddr("127.93.47.89")
	n.Underlay = func() (underlay.Underlay, error) { return underlay.Underlay{Tunnel: address}, nil }
	findings := checkTunnelPort(t.Context(), Config{Node: n})
	if Worst(findings) == Fatal {
		t.Skip("this machine has a VXLAN device already")
	}
	found(t, findings, OK, "is free")
	other, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, tunnelPort)))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	found(t, checkTunnelPort(t.Context(), Config{Node: n}), Fatal, "in use by another program")
	n.TunnelDevice = "lo" // one that is there
	found(t, checkTunnelPort(t.Context(), Config{Node: n}), OK, "own")
}
