package dashboard_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-chi/chi/v5"

	"wisp/internal/dashboard"
	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// identity knows callers by their tokens.
type identity struct {
	mu      sync.Mutex
	callers map[string]*policy.Caller
	revoked []string
}

func (i *identity) Authenticate(_ context.Context, token string) (*policy.Caller, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if token == "broken" {
		return nil, errors.New("the disk is on fire")
	}
	if caller := i.callers[token]; caller != nil && time.Now().Before(caller.ExpiresAt) {
		return caller, nil
	}
	return nil, errs.New(errs.Unauthenticated, "who?")
}

func (i *identity) RevokeSession(_ context.Context, token string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if token == "broken" {
		return errors.New("the disk is on fire")
	}
	if i.callers[token] == nil {
		return errs.New(errs.NotFound, "what?")
	}
	delete(i.callers, token)
	i.revoked = append(i.revoked, token)
	return nil
}

func (i *identity) set(token string, caller *policy.Caller) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.callers[token] = caller
}

func member(user, project string, roles ...string) *policy.Caller {
	return &policy.Caller{UserID: user, ProjectID: project, Roles: roles, Token: user, ExpiresAt: time.Now().Add(time.Hour)}
}

func people() *identity {
	return &identity{callers: map[string]*policy.Caller{
		"ann": member("ann", "apples", "member", "reader"), "bob": member("bob", "bananas", "member", "reader"),
		"root": member("root", "admin", "admin", "member", "reader"), "guest": {UserID: "guest", ExpiresAt: time.Now().Add(time.Hour)},
	}}
}

var built = fstest.MapFS{
	".gitkeep":           {Data: []byte("secret")},
	"index.html":         {Data: []byte(`<meta name="csp-nonce" content="__CSP_NONCE__"><style nonce="__CSP_NONCE__">`)},
	"icon.svg":           {Data: []byte("<svg/>")},
	"assets/a-1.js":      {Data: []byte("plain")},
	"assets/a-1.js.br":   {Data: []byte("brotli")},
	"assets/a-1.js.gz":   {Data: []byte("gzip")},
	"assets/b-2.css":     {Data: []byte("body{}")},
	"assets/c-3.unknown": {Data: []byte("x")},
	"assets/d-4.wasm":    {Data: []byte("x")},
}

// serve makes the handler of a dashboard, beside a route of an API.
func serve(t testing.TB, c dashboard.Config) http.Handler {
	t.Helper()
	_, handler := dashboardOf(t, c)
	return handler
}

func dashboardOf(t testing.TB, c dashboard.Config) (*dashboard.Dashboard, http.Handler) {
	t.Helper()
	if c.Identity == nil {
		c.Identity = people()
	}
	if c.URL == "" {
		c.URL = "http://cloud.test:5000"
	}
	c.Index = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"name":"wisp"}`)) }
	if c.Changes == nil {
		c.Changes = func(func([]store.Change)) func() { return func() {} }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d, err := dashboard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Get("/network/*", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	d.Mount(router)
	return d, router
}

// do sends a request with headers in pairs.
func do(handler http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://cloud.test:5000"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}
