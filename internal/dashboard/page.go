package dashboard

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	indexFile   = "index.html"
	screenPage  = "console/vnc" // of a server's display
	assetFolder = "assets/"     // files in it have a digest in their names
	placeholder = "__CSP_NONCE__"
	notBuilt    = "The dashboard was not built: run make.\n"
)

// types are those of the files that a web build makes. The system's own table
// is not asked: it differs from machine to machine.
var types = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon",
	".jpg": "image/jpeg", ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json",
	".mjs": "text/javascript; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml", ".ttf": "font/ttf",
	".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
	".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2",
}

// encodings are those that a build may have written beside a file, the best
// one first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// file is one file of the build.
type file struct {
	kind string // media type
	etag string // "" for those whose name changes with their content
}

// pages serves the build: its files by their names, and index.html to a
// browser for all other paths, which are the dashboard's own routes.
type pages struct {
	files fs.FS
	known map[string]file
	index []byte           // index.html; nil when there was no build
	other http.HandlerFunc // GET / of clients that are no browser
}

func newPages(files fs.FS, other http.HandlerFunc) (*pages, error) {
	p := &pages{files: files, known: map[string]file{}, other: other}
	if files == nil {
		return p, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		kind := types[path.Ext(name)]
		if kind == "" {
			kind = "application/octet-stream"
		}
		f := file{kind: kind}
		if !strings.HasPrefix(name, assetFolder) {
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			f.etag = hex.EncodeToString(sum[:16])
		}
		p.known[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard's files: %w", err)
	}
	if p.index, err = fs.ReadFile(files, indexFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the dashboard's page: %w", err)
	}
	return p, nil
}

// ServeHTTP answers every path that nothing else took.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	known, found := p.known[name]
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.NotFound(w, r)
	case found && name != indexFile:
		p.serveFile(w, r, name, known)
	case strings.HasPrefix(name, assetFolder):
		// A page of an older build asks for what is gone. The index would be
		// taken for a script.
		http.NotFound(w, r)
	case p.files != nil && (browser(r) || name == screenPage):
		// The Compute API names the page of a display, which is a page whoever
		// asks.
		p.serveIndex(w, r)
	case name == "":
		w.Header().Add("Vary", "Accept")
		p.other(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *pages) serveIndex(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if p.index == nil {
		protect(h, r, "")
		h.Set("Content-Type", "text/plain; charset=utf-8")
		write(w, r, http.StatusServiceUnavailable, []byte(notBuilt))
		return
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails, as its documentation says
	nonce := base64.StdEncoding.EncodeToString(raw[:])
	protect(h, r, nonce)
	h.Set("Content-Type", types[".html"])
	write(w, r, http.StatusOK, bytes.ReplaceAll(p.index, []byte(placeholder), []byte(nonce)))
}

func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func (p *pages) serveFile(w http.ResponseWriter, r *http.Request, name string, f file) {
	h := w.Header()
	protect(h, r, "")
	h.Set("Content-Type", f.kind)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(name, assetFolder) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	etag := f.etag
	for _, e := range encodings {
		if _, there := p.known[name+e.suffix]; !there {
			continue
		}
		if h.Get("Vary") == "" {
			h.Set("Vary", "Accept-Encoding")
		}
		if accepts(r, e.name) {
			h.Set("Content-Encoding", e.name)
			name += e.suffix
			etag += "-" + e.name
			break
		}
	}
	if f.etag != "" {
		h.Set("ETag", `"`+etag+`"`)
	}
	content, err := p.open(name)
	if err != nil {
		for _, header := range []string{"Content-Encoding", "Cache-Control", "ETag"} {
			h.Del(header)
		}
		http.NotFound(w, r)
		return
	}
	defer func() { _ = content.Close() }()
	http.ServeContent(w, r, name, time.Time{}, content)
}

func (p *pages) open(name string) (io.ReadSeekCloser, error) {
	opened, err := p.files.Open(name)
	if err != nil {
		return nil, err
	}
	content, ok := opened.(io.ReadSeekCloser)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s cannot be read from any place", name), opened.Close())
	}
	return content, nil
}

// accepts tells whether the client takes a content coding that it names.
func accepts(r *http.Request, coding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			return !unwanted(parameters)
		}
	}
	return false
}

// plainHost is a host that means nothing else inside of a policy. Addresses of
// IPv6 cannot be written there.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// protect sets the headers of everything that a browser may render: nothing is
// loaded from elsewhere, nothing is framed, and styles that the page makes
// itself carry its nonce. WebAssembly is allowed because the digests of
// uploads are computed in it.
func protect(h http.Header, r *http.Request, nonce string) {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	connect := "'self'"
	if plainHost.MatchString(r.Host) {
		// Older browsers do not count WebSockets of the same host to 'self'.
		connect += " ws://" + r.Host + " wss://" + r.Host
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src "+style+
		"; img-src 'self' data: blob:; font-src 'self' data:; connect-src "+connect+
		"; worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "+
		"microphone=(), midi=(), payment=(), usb=(), clipboard-read=(self), clipboard-write=(self), fullscreen=(self)")
}
