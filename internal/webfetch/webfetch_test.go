package webfetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/webfetch"
)

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// serve starts a server on loopback and returns its port, and its URL below a
// name.
func serve(t *testing.T, handler http.HandlerFunc) (port int, at func(host, path string) string) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(u.Port()); err != nil {
		t.Fatal(err)
	}
	return port, func(host, path string) string { return "http://" + net.JoinHostPort(host, u.Port()) + path }
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func kind(t *testing.T, what string, err error, want errs.Kind) {
	t.Helper()
	if err == nil || errs.Of(err) != want {
		t.Errorf("%s: error %v, want kind %s", what, err, want)
	}
}

// resolver answers with one address after the other, the last one for ever.
func resolver(asked *atomic.Int32, answers ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		n := int(asked.Add(1)) - 1
		var list []netip.Addr
		for text := range strings.SplitSeq(answers[min(n, len(answers)-1)], " ") {
			list = append(list, netip.MustParseAddr(text))
		}
		return list, nil
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Referer") != "" {
			t.Errorf("headers %v", r.Header)
		}
		if r.URL.Path == "/from" {
			http.Redirect(w, r, "/to", http.StatusFound)
			return
		}
		hello(w, r)
	})
	f := webfetch.New(webfetch.Config{Allow: []netip.Prefix{loopback}, Ports: []int{port}})
	for _, path := range []string{"/", "/from", "/#part"} {
		data, size, err := f.Fetch(t.Context(), at("127.0.0.1", path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(data)
		if err != nil || string(got) != "hello" || size != 5 {
			t.Errorf("%s: %q, %d, %v", path, got, size, err)
		}
		if err := data.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestS23_URLsAreRefused(t *testing.T) {
	t.Parallel()
	f := webfetch.New(webfetch.Config{Ports: []int{8080}, Own: []netip.Addr{netip.MustParseAddr("9.9.9.9")}})
	f.OwnAddresses(netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("2600::1"))
	for _, uri := range []string{
		"", "x", "//example.org/x", "http:", "http://", "http:///x", "http:example.org", "file:///etc/passwd", "filesystem:///etc/passwd", "FILE:///etc/passwd",
		"ftp://example.org/x", "gopher://example.org/x", "data:,x", "unix:///run/x", "http+unix://x/y", "jar:http://example.org/x",
		"http://user@example.org/", "http://user:password@example.org/", "http://:p@example.org/", "http://@example.org/",
		"http://example.org:22/", "http://example.org:0/", "http://example.org:5000/", "http://example.org:/", "http://example.org:99999/", "http://example.org:-80/",
		"http://127.0.0.1/", "http://127.8.9.1/", "http://0.0.0.0/", "http://0.1.2.3/", "http://10.1.2.3/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/",
		"http://169.254.169.254/latest/meta-data/", "http://169.254.0.1/", "http://100.64.0.1/", "http://100.127.255.255/", "http://224.0.0.1/", "http://255.255.255.255/",
		"http://240.0.0.1/", "http://198.18.0.1/", "http://192.0.0.1/", "http://192.0.2.1/", "http://203.0.113.5/", "http://8.8.4.4/", "http://9.9.9.9/",
		"http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:10.0.0.1]:8080/",
		"http://[::ffff:8.8.4.4]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/", "http://[fe80::1]/", "http://[fe80::a9fe:a9fe]/",
		"http://[fe80::1%25eth0]/", "http://[2600::2%25eth0]/", "http://[fc00::1]/", "http://[fd12::1]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[2002:7f00:1::]/",
		"http://[2001:0:7f00:1::]/", "http://[2001:db8::1]/", "http://[100::1]/", "http://[2600::1]/", "http://[::1", "http://exa mple.org/", "http://example.org/\x00",
		"http://example.org/" + strings.Repeat("x", 2048),
	} {
		kind(t, uri, f.Check(uri), errs.Invalid)
		_, _, err := f.Fetch(t.Context(), uri)
		kind(t, "fetch "+uri, err, errs.Invalid)
	}
	for _, uri := range []string{"http://example.org", "https://example.org/x?y=z#w", "HTTP://EXAMPLE.ORG/", "http://example.org:8080/", "https://example.org:443/", "http://8.8.8.8/", "http://[2600::2]/", "http://[::ffff:8.8.8.8]/"} {
		if err := f.Check(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if err := f.Check("http://user:secret@example.org/"); strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is told: %v", err)
	}
}

// Forms of an address that only a lenient parser takes for one are names, and
// what they resolve to is what counts.
func TestS23_OddAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	f := webfetch.New(webfetch.Config{Lookup: resolver(&asked, "127.0.0.1")})
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "LOCALHOST.", "127.0.0.1.nip.io"} {
		_, _, err := f.Fetch(t.Context(), "http://"+host+"/")
		kind(t, host, err, errs.Invalid)
	}
}

func TestS23_ResolvedAddressesAreChecked(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1); hello(w, r) })
	for _, answer := range []string{
		"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fe80::a9fe:a9fe", "100.64.0.1", "0.0.0.0", "::", "224.0.0.1", "fd00::1", "64:ff9b::7f00:1",
		"8.8.8.8 127.0.0.1", "127.0.0.1 8.8.8.8",
	} {
		var asked atomic.Int32
		f := webfetch.New(webfetch.Config{Ports: []int{port}, Lookup: resolver(&asked, answer)})
		_, _, err := f.Fetch(t.Context(), at("evil.example", "/"))
		kind(t, answer, err, errs.Invalid)
	}
	if hits.Load() != 0 {
		t.Errorf("the server was reached %d times", hits.Load())
	}
}

// A name that is public at first and private a moment later is dialled where it
// was checked: there is no second look-up.
func TestS23_Rebinding(t *testing.T) {
	t.Parallel()
	var hits, asked atomic.Int32
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1); hello(w, r) })
	// 127.0.0.2 is where this test allows to go, and nobody answers there
	// but the same server, because it listens on 127.0.0.1 alone.
	f := webfetch.New(webfetch.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Ports: []int{port}, Lookup: resolver(&asked, "127.0.0.2", "127.0.0.1"),
	})
	_, _, err := f.Fetch(t.Context(), at("rebind.example", "/"))
	kind(t, "first", err, errs.Unavailable)
	if asked.Load() != 1 {
		t.Errorf("%d look-ups for one connection", asked.Load())
	}
	_, _, err = f.Fetch(t.Context(), at("rebind.example", "/"))
	kind(t, "second", err, errs.Invalid)
	if hits.Load() != 0 {
		t.Error("the server was reached")
	}
}

func TestS23_RedirectsAreChecked(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	innerPort, inner := serve(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1); hello(w, r) })
	target := ""
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", target)
		w.WriteHeader(http.StatusFound)
	})
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "inside.example" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return nil, errors.New("no such name")
	}
	f := webfetch.New(webfetch.Config{Hosts: []string{"outside.example"}, Ports: []int{port, innerPort}, Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		if host == "outside.example" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return lookup(ctx, host)
	}})
	for _, target = range []string{
		inner("127.0.0.1", "/"), inner("inside.example", "/"), inner("::ffff:127.0.0.1", "/"), "http://169.254.169.254/latest", "file:///etc/passwd", "http://u:p@example.org/",
		"http://example.org:22/", "gopher://127.0.0.1/", "//127.0.0.1/", "http://[::1]/",
	} {
		_, _, err := f.Fetch(t.Context(), at("outside.example", "/"))
		kind(t, target, err, errs.Invalid)
	}
	if hits.Load() != 0 {
		t.Errorf("the inner server was reached %d times", hits.Load())
	}
	target = at("outside.example", "/again")
	_, _, err := f.Fetch(t.Context(), at("outside.example", "/"))
	kind(t, "a ring", err, errs.Invalid)
}

// A name that the operator allows may be private; it does not open the
// metadata service.
func TestAllowedNames(t *testing.T) {
	t.Parallel()
	port, at := serve(t, hello)
	var asked atomic.Int32
	f := webfetch.New(webfetch.Config{Hosts: []string{"mirror.intranet"}, Ports: []int{port}, Lookup: resolver(&asked, "127.0.0.1")})
	data, _, err := f.Fetch(t.Context(), at("Mirror.Intranet", "/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Error(err)
	}
	_, _, err = f.Fetch(t.Context(), at("other.intranet", "/"))
	kind(t, "another name", err, errs.Invalid)
	f = webfetch.New(webfetch.Config{Hosts: []string{"mirror.intranet"}, Lookup: resolver(&asked, "169.254.169.254")})
	_, _, err = f.Fetch(t.Context(), "http://mirror.intranet/")
	kind(t, "metadata by an allowed name", err, errs.Invalid)
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
			hello(w, r)
		case "/short":
			w.Header().Set("Content-Length", "10")
			hello(w, r)
		case "/silent":
			w.Header().Set("Content-Length", "10")
			hello(w, r)
			_ = http.NewResponseController(w).Flush()
			<-stop
		case "/mute":
			<-stop
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 100<<10))
			hello(w, r)
		case "/trickle":
			for {
				if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
			}
		}
	})
	t.Cleanup(func() { close(stop) })
	config := webfetch.Config{Allow: []netip.Prefix{loopback}, Ports: []int{port, 1}, Idle: 50 * time.Millisecond}
	read := func(c webfetch.Config, uri string) error {
		data, _, err := webfetch.New(c).Fetch(t.Context(), uri)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, data)
		return errors.Join(err, data.Close())
	}
	for _, path := range []string{"/missing", "/packed", "/short", "/silent", "/mute", "/headers"} {
		kind(t, path, read(config, at("127.0.0.1", path)), errs.Unavailable)
	}
	kind(t, "nobody listens", read(config, "http://127.0.0.1:1/"), errs.Unavailable)
	config.Idle, config.Total = time.Minute, 50*time.Millisecond
	err := read(config, at("127.0.0.1", "/trickle"))
	kind(t, "too long", err, errs.Unavailable)
	if err == nil || !strings.Contains(err.Error(), "longer than 50ms") {
		t.Errorf("too long: %v", err)
	}
	config.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such name") }
	kind(t, "unknown name", read(config, "http://nowhere.example/"), errs.Unavailable)
	config.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	kind(t, "empty name", read(config, "http://nowhere.example/"), errs.Unavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := webfetch.New(config).Fetch(ctx, at("127.0.0.1", "/")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// The query of a URL may be what gives access, and errors are logged: neither
// they nor their causes tell it.
func TestErrorsTellNoSecrets(t *testing.T) {
	t.Parallel()
	port, at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		location := map[string]string{
			"/away": "http://127.0.0.1:1/?sign=secret#secret", "/inside": "http://user:secret@10.0.0.1/?sign=secret", "/odd": "http://exa mple.org/?sign=secret",
			"/ring": "/ring?sign=secret",
		}[r.URL.Path]
		switch r.URL.Path {
		case "/gone":
			http.NotFound(w, r)
		case "/garbage", "/cut":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if r.URL.Path == "/garbage" {
				_, _ = io.WriteString(conn, "garbage\r\n\r\n")
			}
			_ = conn.Close()
		default:
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}
	})
	f := webfetch.New(webfetch.Config{Allow: []netip.Prefix{loopback}, Ports: []int{port, 1}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return nil, errors.New("no such name")
	}})
	secret := "?sign=secret#secret"
	for uri, want := range map[string]errs.Kind{
		"http://127.0.0.1:1/x" + secret:                    errs.Unavailable,
		"http://nowhere.example/x" + secret:                errs.Unavailable,
		at("127.0.0.1", "/gone") + secret:                  errs.Unavailable,
		at("127.0.0.1", "/garbage") + secret:               errs.Unavailable,
		at("127.0.0.1", "/cut") + secret:                   errs.Unavailable,
		at("127.0.0.1", "/away") + secret:                  errs.Unavailable,
		at("127.0.0.1", "/inside") + secret:                errs.Invalid,
		at("127.0.0.1", "/odd") + secret:                   errs.Invalid,
		at("127.0.0.1", "/ring") + secret:                  errs.Invalid,
		"https" + at("127.0.0.1", "/x")[4:] + secret:       errs.Unavailable, // no TLS there
		"http://10.0.0.1/x" + secret:                       errs.Invalid,
		"http://user:secret@example.org/x" + secret:        errs.Invalid,
		"http://secret@example.org/x":                      errs.Invalid,
		"//user:secret@example.org/x" + secret:             errs.Invalid,
		"http:user:secret@example.org/x" + secret:          errs.Invalid,
		"user:secret@example.org/x" + secret:               errs.Invalid,
		"http://user:secret@exa mple.org/x" + secret:       errs.Invalid,
		"http://example.org:22/x" + secret:                 errs.Invalid,
		"ftp://example.org/x?sign=%zz&secret":              errs.Invalid,
		"http://example.org:80:secret/x?token=secret#\x7f": errs.Invalid,
	} {
		_, _, err := f.Fetch(t.Context(), uri)
		kind(t, uri, err, want)
		for ; err != nil; err = errors.Unwrap(err) {
			if text := err.Error(); strings.Contains(text, "secret") {
				t.Errorf("%s: it is told: %s", uri, text)
			}
		}
	}
	if err := f.Check("http://example.org:22/disk.img?sign=secret"); err == nil || !strings.Contains(err.Error(), "http://example.org:22/disk.img") {
		t.Errorf("what was refused is not told: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"http://example.org/", "http://127.0.0.1/", "http://[::ffff:127.0.0.1]:80/x", "file:///x", "http://u:p@h/"} {
		f.Add(seed)
	}
	fetcher := webfetch.New(webfetch.Config{})
	f.Fuzz(func(t *testing.T, uri string) {
		if fetcher.Check(uri) != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.User != nil || u.Hostname() == "" {
			t.Fatalf("%q passed", uri)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsPrivate() || ip.Unmap().IsLinkLocalUnicast()) {
			t.Fatalf("%q passed", uri)
		}
	})
}
