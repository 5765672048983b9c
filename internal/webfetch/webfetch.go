// Package webfetch downloads what users point to, and is not led inside by
// them: whatever a URL, a name server or a redirect says, a connection is made
// only to addresses of the public Internet and to those that the operator
// allows. It is for downloads that the cloud makes in a user's name. It
// imports nothing of the project but errs.
//
// The address is checked when it is dialled, after the name is resolved and
// for each redirect again, and the address that was checked is the one that is
// dialled: a name that changes its mind in between changes nothing.
package webfetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/errs"
)

// Limits where the configuration has none.
const (
	DefaultRedirects = 5
	DefaultTotal     = 6 * time.Hour
	DefaultIdle      = time.Minute

	connectTimeout = 15 * time.Second
	maxURL         = 2048
	maxHeader      = 64 << 10
)

// Config is what an operator can choose. The zero value has the defaults.
type Config struct {
	// Allow are the ranges that may be reached besides the public Internet.
	Allow []netip.Prefix
	// Hosts are names (without a port) that may have private addresses. They
	// never lead to link-local ones, where metadata services are.
	Hosts []string
	// Ports may be dialled besides 80 and 443.
	Ports []int
	// Own are the cloud's addresses besides those of this machine's
	// interfaces, which are looked up. Only Allow opens them.
	Own []netip.Addr
	// Redirects are followed up to so many; 0 is DefaultRedirects, a negative
	// number none.
	Redirects int
	// Total is the longest that a download may take, Idle the longest that
	// its server may send nothing.
	Total, Idle time.Duration
	// Lookup resolves a name; nil asks the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Fetcher downloads.
type Fetcher struct {
	config Config
	own    func() ([]netip.Addr, error)
	client *http.Client
}

func (c Config) defaults() Config {
	if c.Redirects == 0 {
		c.Redirects = DefaultRedirects
	}
	if c.Total == 0 {
		c.Total = DefaultTotal
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return c
}

// transport makes connections of its own for each download; dial is nil for
// the usual way.
func transport(c Config, dial func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool) http.RoundTripper {
	t := &http.Transport{
		Proxy:       nil, // a proxy would resolve and dial in our place
		DialContext: dial, DisableKeepAlives: true, DisableCompression: true,
		TLSHandshakeTimeout: connectTimeout, ResponseHeaderTimeout: c.Idle, MaxResponseHeaderBytes: maxHeader,
	}
	if dial == nil {
		t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	}
	if roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return redirects{t}
}

// New returns a fetcher.
func New(c Config) *Fetcher {
	c = c.defaults()
	f := &Fetcher{config: c, own: interfaceAddresses}
	f.client = &http.Client{
		Transport: transport(c, f.dial, nil),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > max(0, c.Redirects) {
				return errs.New(errs.Invalid, "The server redirects more than %d times.", max(0, c.Redirects))
			}
			if err := f.check(r.URL); err != nil {
				return errs.Wrap(err, errs.Invalid, "The server redirects to a URL that does not pass filtering.")
			}
			r.Header.Del("Referer") // where else the data come from is nobody's business
			return nil
		},
	}
	return f
}

// Check refuses, as Invalid, a URL that can be refused by what it says: other
// schemes than http and https, credentials, ports and literal addresses that
// are not allowed. What its name resolves to is seen when it is fetched.
func (f *Fetcher) Check(uri string) error {
	_, err := f.parse(uri)
	return err
}

func (f *Fetcher) parse(uri string) (*url.URL, error) {
	refused := func(cause error) error {
		return errs.Wrap(cause, errs.Invalid, "URI for web-download does not pass filtering: %s", redacted(uri))
	}
	if len(uri) > maxURL {
		return nil, errs.New(errs.Invalid, "URI for web-download does not pass filtering: it is longer than %d characters", maxURL)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, refused(errors.New("it is no URL")) // the cause would repeat what may be a password
	}
	if err := f.check(u); err != nil {
		return nil, refused(err)
	}
	return u, nil
}

// redacted is a URI that may be shown and logged: without credentials, and
// without a query or a fragment, where signatures and tokens are.
func redacted(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "(malformed)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

func (f *Fetcher) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q", u.Scheme)
	case u.User != nil:
		return errors.New("credentials in the URL")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("no host")
	}
	port := u.Port()
	if port == "" && strings.HasSuffix(u.Host, ":") {
		return errors.New("an empty port")
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || !f.port(n) {
			return fmt.Errorf("port %s", port)
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return f.admit(u.Hostname(), ip)
	}
	return nil
}

func (f *Fetcher) port(n int) bool { return n == 80 || n == 443 || slices.Contains(f.config.Ports, n) }

// special are the ranges of IPv4 that are not of the public Internet (IANA's
// registry of special-purpose addresses, and multicast).
var special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")

// global is the only unicast range of IPv6 that is routed; within it are some
// that carry an IPv4 address, lead elsewhere, or are for documents.
var (
	global        = netip.MustParsePrefix("2000::/3")
	globalSpecial = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for n, text := range texts {
		list[n] = netip.MustParsePrefix(text)
	}
	return list
}

func within(list []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// admit refuses an address that must not be reached. An IPv4 address in the
// form of IPv6 is the IPv4 address that it is.
func (f *Fetcher) admit(host string, ip netip.Addr) error {
	if ip.Zone() != "" {
		return errors.New("an address with a zone")
	}
	ip = ip.Unmap()
	if within(f.config.Allow, ip) {
		return nil
	}
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("address %s", ip)
	}
	if slices.ContainsFunc(f.config.Hosts, func(h string) bool { return strings.EqualFold(h, strings.TrimSuffix(host, ".")) }) {
		return nil
	}
	if ip.Is4() && within(special, ip) || ip.Is6() && (!global.Contains(ip) || within(globalSpecial, ip)) {
		return fmt.Errorf("address %s", ip)
	}
	own, err := f.own()
	if err != nil {
		return fmt.Errorf("look up this machine's addresses: %w", err)
	}
	if slices.Contains(own, ip) || slices.Contains(f.config.Own, ip) {
		return fmt.Errorf("address %s is the cloud's own", ip)
	}
	return nil
}

func interfaceAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own, nil
}

// refusal is an address that the user must learn of.
func refusal(cause error) error {
	return errs.Wrap(cause, errs.Invalid, "The URI leads to an address that may not be reached from here.")
}

// dial resolves a name, checks what comes out, and dials that and nothing
// else. When one of the addresses is refused the name is: an honest name has
// no mixture.
func (f *Fetcher) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || !f.port(int(port)) {
		return nil, refusal(fmt.Errorf("port %s", service))
	}
	found := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		found = append(found, ip)
	} else if found, err = f.config.Lookup(ctx, host); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "The name of the URI's host could not be resolved.")
	}
	if len(found) == 0 {
		return nil, errs.New(errs.Unavailable, "The name of the URI's host could not be resolved.")
	}
	for _, ip := range found {
		if err := f.admit(host, ip); err != nil {
			return nil, refusal(err)
		}
	}
	dialer := net.Dialer{Timeout: connectTimeout}
	var failed error
	for _, ip := range found {
		conn, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(ip.Unmap(), uint16(port)).String())
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	// One answer for every reason: it is no scanner of ports.
	return nil, errs.Wrap(failed, errs.Unavailable, "The server of the URI could not be reached.")
}

// Fetch downloads. Size is how many bytes the server promises, negative when
// it does not say; the data are the bytes as they are, never decompressed. Read
// fails, with a public error, when the server is silent or the download takes
// too long. Errors are of kind Invalid (the URI or where it leads is refused),
// Unavailable (it could not be fetched).
func (f *Fetcher) Fetch(ctx context.Context, uri string) (data io.ReadCloser, size int64, err error) {
	u, err := f.parse(uri)
	if err != nil {
		return nil, 0, err
	}
	u.Fragment = ""
	return download(ctx, f.client, f.config, u, nil)
}

func download(ctx context.Context, client *http.Client, config Config, u *url.URL, header http.Header) (data io.ReadCloser, size int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	total := time.AfterFunc(config.Total, func() {
		cancel(errs.New(errs.Unavailable, "The download took longer than %s.", config.Total))
	})
	release := func() { total.Stop(); cancel(nil) }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		release()
		return nil, 0, errs.Wrap(unaddressed(err), errs.Invalid, "URI for web-download does not pass filtering: %s", redacted(u.String()))
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", "wisp")
	request.Header.Set("Accept-Encoding", "identity")
	response, err := client.Do(request)
	if err != nil {
		err = public(ctx, err)
		release()
		return nil, 0, err
	}
	switch encoding := response.Header.Get("Content-Encoding"); {
	case response.StatusCode != http.StatusOK:
		err = errs.New(errs.Unavailable, "The server of the URI answered HTTP %d: %s", response.StatusCode, http.StatusText(response.StatusCode))
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		err = errs.New(errs.Unavailable, "The server of the URI sends the data with a content encoding, which was not asked for.")
	}
	if err != nil {
		_ = response.Body.Close()
		release()
		return nil, 0, err
	}
	b := &body{ctx: ctx, from: response.Body, cancel: cancel, release: release, idle: config.Idle}
	b.silence = time.AfterFunc(b.idle, b.silent)
	return b, response.ContentLength, nil
}

// unaddressed is an error of the client without the URL that it begins with,
// whose query may be a secret.
func unaddressed(err error) error {
	for {
		e, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = e.Err
	}
}

// public finds the words for the user in what the client says.
func public(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*errs.Error](context.Cause(ctx)); ok {
		return e
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errs.Wrap(unaddressed(err), errs.Unavailable, "The server of the URI could not be reached.")
}

// redirects refuses a redirect to what is no URL. The client would, too, and
// repeat it whole in its error.
type redirects struct{ http.RoundTripper }

func (t redirects) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if _, err := response.Location(); response.StatusCode/100 == 3 && err != nil && !errors.Is(err, http.ErrNoLocation) {
		_ = response.Body.Close()
		return nil, errs.New(errs.Invalid, "The server redirects to a URL that does not pass filtering.")
	}
	return response, nil
}

// body is a download that gives up when its server is silent.
type body struct {
	ctx     context.Context
	from    io.ReadCloser
	cancel  context.CancelCauseFunc
	release func()
	silence *time.Timer
	idle    time.Duration
}

func (b *body) silent() {
	b.cancel(errs.New(errs.Unavailable, "The server of the URI sent nothing for %s.", b.idle))
}

func (b *body) Read(p []byte) (int, error) {
	b.silence.Reset(b.idle)
	n, err := b.from.Read(p)
	b.silence.Stop() // what happens between two reads is not the server's doing
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if cause := context.Cause(b.ctx); cause != nil {
		return n, cause
	}
	return n, errs.Wrap(err, errs.Unavailable, "The download broke off before the end of the data.")
}

func (b *body) Close() error {
	b.silence.Stop()
	err := b.from.Close()
	b.release()
	return err
}
