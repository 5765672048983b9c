package dashboard_test

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"wisp/internal/dashboard"
)

const html = "text/html,application/xhtml+xml,*/*;q=0.8"

func TestPages(t *testing.T) {
	t.Parallel()
	handler := serve(t, dashboard.Config{Files: built})
	for _, c := range []struct {
		name, method, path, accept, encoding string
		status                               int
		body, kind                           string
	}{
		{"the start page", "GET", "/", html, "", 200, "<meta", "text/html; charset=utf-8"},
		{"a route of the dashboard", "GET", "/instances/4711", html, "", 200, "<meta", "text/html; charset=utf-8"},
		{"the page of a console", "GET", "/console/vnc", html, "", 200, "<meta", "text/html; charset=utf-8"},
		{"the page of a console, for who says nothing", "GET", "/console/vnc", "", "", 200, "<meta", "text/html; charset=utf-8"},
		{"the stream of a console", "GET", "/console/vnc/stream", "", "", 404, "404", "text/plain; charset=utf-8"},
		{"a route that looks like an API's", "GET", "/networks", html, "", 200, "<meta", "text/html; charset=utf-8"},
		{"the page by its file's name", "GET", "/index.html", html, "", 200, "<meta", "text/html; charset=utf-8"},
		{"only the head", "HEAD", "/instances", html, "", 200, "", "text/html; charset=utf-8"},
		{"an API", "GET", "/network/x", html, "", http.StatusTeapot, "", ""},
		{"the index of an API client", "GET", "/", "application/json", "", 200, `{"name":"wisp"}`, ""},
		{"the index of who takes anything", "GET", "/", "*/*", "", 200, `{"name":"wisp"}`, ""},
		{"the index of who says nothing", "GET", "/", "", "", 200, `{"name":"wisp"}`, ""},
		{"the index of who refuses pages", "GET", "/", "text/html;q=0.0, */*", "", 200, `{"name":"wisp"}`, ""},
		{"an API client that is lost", "GET", "/instances", "*/*", "", 404, "404", "text/plain; charset=utf-8"},
		{"a form", "POST", "/instances", html, "", 404, "404", "text/plain; charset=utf-8"},
		{"a script", "GET", "/assets/a-1.js", "*/*", "", 200, "plain", "text/javascript; charset=utf-8"},
		{"a script, compressed well", "GET", "/assets/a-1.js", "*/*", "gzip, deflate, br", 200, "brotli", "text/javascript; charset=utf-8"},
		{"a script, compressed", "GET", "/assets/a-1.js", "*/*", "gzip, br;q=0", 200, "gzip", "text/javascript; charset=utf-8"},
		{"a style that was not compressed", "GET", "/assets/b-2.css", "*/*", "gzip, br", 200, "body{}", "text/css; charset=utf-8"},
		{"a module", "GET", "/assets/d-4.wasm", "*/*", "", 200, "x", "application/wasm"},
		{"a file of a strange kind", "GET", "/assets/c-3.unknown", "*/*", "", 200, "x", "application/octet-stream"},
		{"a script of an older build", "GET", "/assets/a-0.js", html, "", 404, "404", "text/plain; charset=utf-8"},
		{"the folder", "GET", "/assets/", html, "", 404, "404", "text/plain; charset=utf-8"},
		{"an icon", "GET", "/icon.svg", "image/svg+xml", "", 200, "<svg/>", "image/svg+xml"},
		{"what is hidden", "GET", "/.gitkeep", "*/*", "", 404, "404", "text/plain; charset=utf-8"},
		{"a way out", "GET", "/assets/../../etc/passwd", "*/*", "", 404, "404", "text/plain; charset=utf-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := do(handler, c.method, c.path, "", "Accept", c.accept, "Accept-Encoding", c.encoding)
			if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.body) || (c.method == "HEAD" && w.Body.Len() > 0) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if got := w.Header().Get("Content-Type"); c.kind != "" && got != c.kind {
				t.Errorf("type %q, want %q", got, c.kind)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("header %s opens the API to other sites", name)
				}
			}
		})
	}
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	handler := serve(t, dashboard.Config{Files: built})
	seen := map[string]bool{}
	for range 3 {
		w := do(handler, "GET", "/", "", "Accept", html)
		h := w.Header()
		policy := h.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`style-src 'self' 'nonce-([A-Za-z0-9+/]{22}==)'`).FindStringSubmatch(policy)
		if nonce == nil || seen[nonce[1]] || strings.Count(w.Body.String(), nonce[1]) != 2 || strings.Contains(w.Body.String(), "__CSP") {
			t.Fatalf("policy %q with page %q", policy, w.Body)
		}
		seen[nonce[1]] = true
		for _, want := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "connect-src 'self' ws://cloud.test:5000 wss://cloud.test:5000;", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy %q lacks %q", policy, want)
			}
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "ETag": "", "Vary": "Accept",
		} {
			if h.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, h.Get(name), want)
			}
		}
		if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("permissions %q", h.Get("Permissions-Policy"))
		}
	}
	for _, host := range []string{"a;script-src *", "[::1]:5000", "a b", "x' 'unsafe-inline", "a,b", "*"} {
		policy := do(handler, "GET", "/", "", "Accept", html, "Host", host).Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "connect-src 'self';") || strings.Contains(policy, host) {
			t.Errorf("host %q makes the policy %q", host, policy)
		}
	}
}

func TestFileHeaders(t *testing.T) {
	t.Parallel()
	handler := serve(t, dashboard.Config{Files: built})
	h := do(handler, "GET", "/assets/a-1.js", "", "Accept-Encoding", "br").Header()
	if h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Encoding") != "br" || h.Get("Etag") != "" {
		t.Errorf("a file that never changes: %v", h)
	}
	if h := do(handler, "GET", "/assets/b-2.css", "", "Accept-Encoding", "br").Header(); h.Get("Vary") != "" || h.Get("Content-Encoding") != "" {
		t.Errorf("a file of one form: %v", h)
	}
	w := do(handler, "GET", "/icon.svg", "")
	etag := w.Header().Get("Etag")
	if etag == "" || w.Header().Get("Cache-Control") != "no-cache" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("a file that may change: %v", w.Header())
	}
	if w := do(handler, "GET", "/icon.svg", "", "If-None-Match", etag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("a file that the client has: %d %q", w.Code, w.Body)
	}
}

func TestNoBuild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		files  fs.FS
		status int
		body   string
	}{
		{"not built", fstest.MapFS{".gitkeep": {}}, http.StatusServiceUnavailable, "The dashboard was not built: run make.\n"},
		{"left out", nil, http.StatusOK, `{"name":"wisp"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			handler := serve(t, dashboard.Config{Files: c.files})
			if w := do(handler, "GET", "/", "", "Accept", html); w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q", w.Code, w.Body)
			}
			if w := do(handler, "GET", "/", "", "Accept", "*/*"); w.Code != http.StatusOK || w.Body.String() != `{"name":"wisp"}` {
				t.Errorf("to an API client: %d %q", w.Code, w.Body)
			}
		})
	}
}

type unreadable struct{ fs.FS }

func (unreadable) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if _, err := dashboard.New(dashboard.Config{Files: unreadable{}}); err == nil {
		t.Error("files that cannot be read make a dashboard")
	}
	if _, err := dashboard.New(dashboard.Config{URL: "http://a b"}); err == nil {
		t.Error("an address that is none makes a dashboard")
	}
	files := fstest.MapFS{"icon.svg": {Data: []byte("x")}}
	handler := serve(t, dashboard.Config{Files: files})
	delete(files, "icon.svg")
	if w := do(handler, "GET", "/icon.svg", ""); w.Code != http.StatusNotFound || w.Header().Get("Etag") != "" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("a file that went away: %d %v", w.Code, w.Header())
	}
}
