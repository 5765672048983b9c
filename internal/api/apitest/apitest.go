// Package apitest runs a service's face in a test: a real listener, callers by
// name instead of tokens, and a check at the end that every route was answered
// with success at least once.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Callers are the tokens that a test's server knows. It is an
// api.Authenticator.
type Callers map[string]*policy.Caller

// Authenticate implements api.Authenticator.
func (c Callers) Authenticate(_ context.Context, token string) (*policy.Caller, error) {
	if caller, ok := c[token]; ok {
		return caller, nil
	}
	return nil, errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
}

// Standard returns an admin, a member and a reader of one project ("admin",
// "member", "reader"), and a member of another ("other").
func Standard() Callers {
	caller := func(user, project string, roles ...string) *policy.Caller {
		return &policy.Caller{
			UserID: user + "-id", UserName: user, UserDomainID: "default", UserDomainName: "Default",
			ProjectID: project + "-id", ProjectName: project, ProjectDomainID: "default", ProjectDomainName: "Default",
			Roles: roles, Token: user, ExpiresAt: time.Now().Add(time.Hour), AuditIDs: []string{"audit-" + user},
		}
	}
	return Callers{
		"admin":  caller("admin", "admin", "admin", "manager", "member", "reader"),
		"member": caller("member", "demo", "member", "reader"),
		"reader": caller("reader", "demo", "reader"),
		"other":  caller("other", "foreign", "member", "reader"),
	}
}

// Routes as "service METHOD path": those answered with success, and those that
// noted a change while they were.
var covered, changed sync.Map

// silent are routes with a changing method after which there is nothing to
// read again.
var silent = map[string]string{
	"identity POST /v3/auth/tokens":                                "a token is in no list",
	"identity DELETE /v3/auth/tokens":                              "a token is in no list; its streams of events end",
	"identity POST /v3/ec2tokens":                                  "a token is in no list",
	"identity POST /v3/s3tokens":                                   "a token is in no list",
	"compute POST /v2.1/servers/{id}/remote-consoles":              "a console's token is in no list",
	"compute POST /v2.1/{project_id}/servers/{id}/remote-consoles": "a console's token is in no list",
	"image DELETE /v2/cache":                                       "the cache is one server's, and no page shows it",
	"image PUT /v2/cache/{id}":                                     "the cache is one server's, and no page shows it",
	"image DELETE /v2/cache/{id}":                                  "the cache is one server's, and no page shows it",
	"compute POST /v2.1/os-aggregates/{id}/images":                 "images that hosts have at hand are in no list",
	"compute POST /v2.1/{project_id}/os-aggregates/{id}/images":    "images that hosts have at hand are in no list",
	"compute POST /v2.1/os-server-external-events":                 "hosts are told anew what they should be, which is as before",
	"compute POST /v2.1/{project_id}/os-server-external-events":    "hosts are told anew what they should be, which is as before",
	"sample POST /things":                                          "the sample of package api has no database",
	"sample DELETE /things/{id}":                                   "the sample of package api has no database",
}

// watched is the key of what is noted of a request in its context.
type watched struct{}

// noted is what a request did.
type noted struct {
	changed atomic.Bool
	service *api.Service // nil where no route answered with success
	route   *api.Route
	status  int
}

// watch puts a place for notes into a request's context, and compares what was
// answered with success with the description of the real service.
func watch(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := new(noted)
		ctx := store.Watch(context.WithValue(r.Context(), watched{}, n), func([]store.Change) { n.changed.Store(true) })
		tape := record(w, r)
		next.ServeHTTP(tape, r.WithContext(ctx))
		if n.service != nil {
			tape.compare(t, n)
		}
	})
}

// Server is a face that answers on loopback.
type Server struct {
	URL  string
	test testing.TB
}

// Serve mounts the service and serves it until the test ends.
func Serve(t testing.TB, auth api.Authenticator, services ...*api.Service) *Server {
	t.Helper()
	router := chi.NewRouter()
	mounter := &api.Mounter{
		Auth: auth, Log: slog.New(slog.DiscardHandler), Identity: "http://127.0.0.1/identity",
		Observe: func(hr *http.Request, s *api.Service, r *api.Route, status int, _ time.Duration) {
			if status >= 400 && status != r.Status {
				return
			}
			covered.Store(operation(s, r), true)
			n, ok := hr.Context().Value(watched{}).(*noted)
			if !ok {
				return
			}
			if n.changed.Load() {
				changed.Store(operation(s, r), true)
			}
			if status < 400 {
				n.service, n.route, n.status = s, r, status
			}
		},
	}
	for _, s := range services {
		mounter.Mount(router, s)
	}
	server := httptest.NewServer(watch(t, router))
	t.Cleanup(server.Close)
	return &Server{URL: server.URL, test: t}
}

// Response is an answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body into v, and fails the test when it can't.
func (r *Response) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		t.Fatalf("decode %q: %v", r.Body, err)
	}
}

// Do sends a request with a token. A body that is a string, []byte or
// io.Reader goes as it is, anything else as JSON. Headers come in pairs.
func (s *Server) Do(token, method, path string, body any, headers ...string) *Response {
	s.test.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	case io.Reader:
		reader = b
	default:
		content, err := json.Marshal(b)
		if err != nil {
			s.test.Fatal(err)
		}
		reader = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(s.test.Context(), method, s.URL+path, reader)
	if err != nil {
		s.test.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("X-Auth-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		s.test.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.test.Fatal(err)
	}
	return &Response{Status: response.StatusCode, Header: response.Header, Body: content}
}

// Must is Do, and fails the test unless the status is the one given.
func (s *Server) Must(status int, token, method, path string, body any, headers ...string) *Response {
	s.test.Helper()
	r := s.Do(token, method, path, body, headers...)
	if r.Status != status {
		s.test.Fatalf("%s %s as %s: status %d, want %d: %s", method, path, token, r.Status, status, r.Body)
	}
	return r
}

func operation(s *api.Service, r *api.Route) string { return s.Name + " " + r.Method + " " + r.Path }

// Main runs a face's tests and then fails when a route of its table was never
// answered with success, or one that changes something never noted a change,
// of which those who look at it would not hear; or when an exception from the
// descriptions was not needed. It does so only for a whole run: not with -run, -short
// or a list of tests. Call it from TestMain.
func Main(m *testing.M, services ...*api.Service) {
	code := m.Run()
	if code == 0 && !partial() {
		for _, s := range services {
			for i := range s.Routes {
				r := &s.Routes[i]
				if _, ok := covered.Load(operation(s, r)); !ok {
					fmt.Printf("no test was answered with success by %s %s%s\n", r.Method, s.Prefix, r.Path)
					code = 1
				}
				_, noted := changed.Load(operation(s, r))
				reads := r.Method == http.MethodGet || r.Method == http.MethodHead
				if !reads && !noted && r.Status < 400 && silent[operation(s, r)] == "" {
					fmt.Printf("no change was noted by %s %s%s\n", r.Method, s.Prefix, r.Path)
					code = 1
				}
			}
			if unused(s) {
				code = 1
			}
		}
	}
	os.Exit(code)
}

func partial() bool {
	for _, arg := range os.Args[1:] {
		for _, flag := range []string{"-test.run=", "-test.skip=", "-test.short", "-test.list=", "-test.bench=", "-test.fuzz="} {
			if strings.HasPrefix(arg, flag) {
				return true
			}
		}
	}
	return false
}
