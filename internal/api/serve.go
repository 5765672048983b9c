package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Authenticator turns a token into its caller. An unknown, expired or revoked
// token is an error of kind Unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (*policy.Caller, error)
}

// Mounter puts services on a router.
type Mounter struct {
	Auth Authenticator
	Log  *slog.Logger
	// Identity is the URL that the WWW-Authenticate header names.
	Identity string
	// Observe, when set, is told of every answered request.
	Observe func(r *http.Request, service *Service, route *Route, status int, took time.Duration)
}

// Mount adds a service's routes to a router, below its prefix. It panics on a
// route without a policy rule: that is a mistake in the table.
func (m *Mounter) Mount(router chi.Router, s *Service) {
	sub := chi.NewRouter()
	if s.Slashes {
		sub.Use(withoutSlash)
	}
	byPath := map[string]map[string][]*Route{} // path -> method -> by version
	var order []string
	for i := range s.Routes {
		route := &s.Routes[i]
		if _, known := s.Rules[route.Policy]; !known && route.Policy != Public {
			panic(fmt.Sprintf("api: %s %s%s: no policy rule %q", route.Method, s.Prefix, route.Path, route.Policy))
		}
		if byPath[route.Path] == nil {
			byPath[route.Path] = map[string][]*Route{}
			order = append(order, route.Path)
		}
		byPath[route.Path][route.Method] = append(byPath[route.Path][route.Method], route)
	}
	for _, path := range order {
		for method, routes := range byPath[path] {
			sub.Method(method, path, m.handler(s, routes))
			if method == http.MethodGet && byPath[path][http.MethodHead] == nil {
				sub.Method(http.MethodHead, path, m.handler(s, routes))
			}
		}
	}
	if s.Old != nil {
		sub.Handle(s.Old.From+"/*", s.Old.handler(sub))
	}
	unknown := func(kind errs.Kind, name, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id := requestID(w)
			// Who does not say who asks learns nothing of what is there.
			if _, err := m.authenticate(r); err != nil {
				m.fail(w, r, s, id, err)
				return
			}
			if kind == errs.MethodNotAllowed {
				w.Header().Set("Allow", strings.Join(methodsAt(sub, chi.RouteContext(r.Context()).RoutePath), ", "))
			}
			m.fail(w, r, s, id, errs.New(kind, "%s", text).WithType(name))
		}
	}
	sub.NotFound(unknown(errs.NotFound, "HTTPNotFound", "The resource could not be found."))
	sub.MethodNotAllowed(unknown(errs.MethodNotAllowed, "HTTPMethodNotAllowed", "The method is not allowed for this resource."))
	router.Mount(s.Prefix, sub)
}

// methodsAt are those that a path has routes for, as an answer of 405 must say
// (RFC 9110, 15.5.6).
func methodsAt(routes chi.Routes, path string) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), method, path) {
			methods = append(methods, method)
		}
	}
	return methods
}

// withoutSlash takes the slash from the end of a path, for the router and for
// all who look at the path later.
func withoutSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := chi.RouteContext(r.Context()); len(c.RoutePath) > 1 && strings.HasSuffix(c.RoutePath, "/") {
			c.RoutePath = strings.TrimSuffix(c.RoutePath, "/")
			at, bare := *r.URL, *r
			at.Path, at.RawPath = strings.TrimSuffix(at.Path, "/"), strings.TrimSuffix(at.RawPath, "/")
			bare.URL = &at
			r = &bare
		}
		next.ServeHTTP(w, r)
	})
}

// bodyTimeout is how long a body of limited size may take.
const bodyTimeout = 30 * time.Second

func requestID(w http.ResponseWriter) string {
	id := "req-" + uuid.NewString()
	w.Header().Set("X-Openstack-Request-Id", id)
	return id
}

func (m *Mounter) handler(s *Service, routes []*Route) http.HandlerFunc {
	return func(w http.ResponseWriter, hr *http.Request) {
		start := time.Now()
		id := requestID(w)
		rec := &recorder{ResponseWriter: w}
		route := routes[0]
		if route.Secret {
			hr = hr.WithContext(context.WithValue(hr.Context(), pathKey{}, s.Prefix+route.Path))
		}
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				m.Log.ErrorContext(hr.Context(), "handler panicked", "request", id, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if rec.status == 0 {
					m.fail(rec, hr, s, id, errs.New(errs.Internal, "internal"))
				}
			}
			took := time.Since(start)
			m.Log.InfoContext(hr.Context(), "request", "id", id, "service", s.Name, "method", hr.Method, "path", loggedPath(hr), "status", rec.status, "took", took)
			if m.Observe != nil {
				m.Observe(hr, s, route, rec.status, took)
			}
		}()
		if s.RequestIDHeader != "" {
			w.Header().Set(s.RequestIDHeader, id)
		}
		r := &Request{Request: hr, Writer: rec, ID: id, service: s}
		if old, _ := hr.Context().Value(oldKey{}).(bool); s.Versions != nil && !old {
			version, err := s.Versions.negotiate(s.Name, hr.Header)
			if err != nil {
				s.Versions.announce(s.Name, s.Versions.Min, w.Header())
				m.fail(rec, hr, s, id, err)
				return
			}
			r.Version = version
			s.Versions.announce(s.Name, version, w.Header())
		}
		chosen := false
		for _, candidate := range routes {
			if (candidate.Min == 0 || r.Version >= candidate.Min) && (candidate.Max == 0 || r.Version <= candidate.Max) {
				route, chosen = candidate, true
				break
			}
		}
		if err := m.admit(r, s, route, chosen, start); err != nil {
			m.fail(rec, hr, s, id, err)
			return
		}
		if err := r.printable(); err != nil {
			m.fail(rec, hr, s, id, err)
			return
		}
		limit := route.MaxBody
		if limit == 0 {
			limit = MaxJSONBody
		}
		if limit > 0 {
			if hr.ContentLength > limit {
				m.fail(rec, hr, s, id, errs.New(errs.TooLarge, "Request is too large."))
				return
			}
			hr.Body = http.MaxBytesReader(rec, hr.Body, limit)
			// A body that trickles must not hold a connection for ever. Some
			// writers, those of tests, know no deadline.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		body, err := route.Handler(r)
		if err != nil {
			m.fail(rec, hr, s, id, err)
			return
		}
		if rec.status != 0 {
			return // the handler wrote the answer itself
		}
		status := r.status
		if status == 0 {
			status = route.Status
		}
		if status == 0 {
			status = http.StatusOK
		}
		m.write(rec, hr, id, s, status, body)
	}
}

// oldKey marks the context of a request for the older version of an API.
type oldKey struct{}

// handler sends a request on to the route of today's version.
func (o *Old) handler(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := chi.RouteContext(r.Context())
		at.RoutePath = o.To + "/" + chi.URLParam(r, "*")
		if last := len(at.URLParams.Keys) - 1; last >= 0 && at.URLParams.Keys[last] == "*" {
			at.URLParams.Values[last] = "" // it is no parameter of that route
		}
		routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), oldKey{}, true)))
	})
}

// pathKey is the key of the path for the log in a request's context.
type pathKey struct{}

// loggedPath is the request's path without secrets. The query is never logged.
func loggedPath(r *http.Request) string {
	if path, ok := r.Context().Value(pathKey{}).(string); ok {
		return path
	}
	return r.URL.Path
}

// admit authenticates the caller of a request that came at a time, and checks
// the route's rule.
func (m *Mounter) admit(r *Request, s *Service, route *Route, chosen bool, came time.Time) error {
	if route.Policy != Public {
		caller, err := m.authenticate(r.Request)
		if err != nil {
			return err
		}
		if !caller.Reaches(s.Type, r.Method, strings.TrimPrefix(r.URL.Path, s.Prefix)) {
			return errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
		}
		caller.RequestID, caller.ReceivedAt, caller.AuthenticatedAt = r.ID, came, time.Now()
		r.Caller = caller
	}
	if !chosen {
		return errs.New(errs.NotFound, "The resource could not be found.").WithType("HTTPNotFound")
	}
	if route.Policy == Public {
		return nil
	}
	target := policy.Own(r.Caller)
	if route.Target != nil {
		target = route.Target(r)
	}
	return s.Rules.Check(route.Policy, r.Caller, target)
}

func (m *Mounter) authenticate(r *http.Request) (*policy.Caller, error) {
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		return nil, errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
	}
	caller, err := m.Auth.Authenticate(r.Context(), token)
	if err != nil {
		return nil, err
	}
	own := *caller // callers are cached; each request gets its own copy
	return &own, nil
}

func (m *Mounter) write(w http.ResponseWriter, r *http.Request, id string, s *Service, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		m.fail(w, r, s, id, fmt.Errorf("encode the response: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(buffer.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(buffer.Bytes())
	}
}

// fail renders an error. What is internal shows only the request id outside.
func (m *Mounter) fail(w http.ResponseWriter, r *http.Request, s *Service, id string, err error) {
	public, ok := errors.AsType[*errs.Error](err)
	if !ok || public.Kind == errs.Internal {
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			m.Log.InfoContext(r.Context(), "client went away", "id", id)
		} else {
			m.Log.ErrorContext(r.Context(), "request failed", "id", id, "service", s.Name, "method", r.Method, "path", loggedPath(r), "error", err)
		}
		public = errs.New(errs.Internal, "An unexpected error prevented the server from fulfilling your request. Look for %s in the server's log.", id)
	} else if public.Err != nil {
		m.Log.InfoContext(r.Context(), "request refused", "id", id, "service", s.Name, "error", err)
	}
	status := s.Status(public.Kind)
	if public.Kind == errs.Unauthenticated {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", m.Identity))
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag"} {
		h.Del(name)
	}
	s.Errors(w, r, status, public)
}

// WriteJSON writes a body outside of a Handler, for error forms.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	content, err := json.Marshal(body)
	if err != nil {
		status, content = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}

// recorder remembers the status, and keeps streaming possible.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 && code >= 200 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Title is the reason phrase of a status, as OpenStack's bodies show it.
func Title(status int) string { return strings.TrimSpace(http.StatusText(status)) }
