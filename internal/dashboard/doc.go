// Package dashboard is what the server gives to a person's browser beside the
// APIs: the built dashboard's files, a session that outlives a page, and the
// stream of changes. A Dashboard routes to them. The rest of the dashboard
// speaks the public APIs like every other client. It imports api, errs,
// policy and store, never a slice.
package dashboard

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Identity is what the dashboard needs of the identity service.
type Identity interface {
	// Authenticate returns who presents the token; an unknown, expired or
	// revoked one is an error of kind Unauthenticated.
	Authenticate(ctx context.Context, token string) (*policy.Caller, error)
	// RevokeSession ends a token and all that have come of the same log-in; one
	// that is not valid is an error of kind NotFound.
	RevokeSession(ctx context.Context, token string) error
}

// Config is what a Dashboard is made of.
type Config struct {
	Files    fs.FS  // the built dashboard; nil when it was left out
	URL      string // where clients reach the server
	Identity Identity
	Index    http.HandlerFunc // GET / for clients that are no browser
	// Changes calls fn with every committed transaction's changes, until cancel;
	// with none when some were missed.
	Changes func(fn func([]store.Change)) (cancel func())
	Limits  Limits
	Log     *slog.Logger
}

// Dashboard answers the paths that no API owns.
type Dashboard struct {
	pages    *pages
	sessions *sessions
	events   *events
	cancel   func()
}

// New reads the names and digests of the files. A Files that cannot be read is
// an error.
func New(c Config) (*Dashboard, error) {
	pages, err := newPages(c.Files, c.Index)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	limits := c.Limits.withDefaults()
	hub := newHub(limits.PerUser, limits.Streams)
	return &Dashboard{
		pages:    pages,
		sessions: &sessions{identity: c.Identity, public: at, log: c.Log},
		events:   &events{identity: c.Identity, hub: hub, limits: limits, log: c.Log},
		cancel:   c.Changes(hub.publish),
	}, nil
}

// Close ends the streams of events, which else last as long as their readers
// want, and lets no new one begin.
func (d *Dashboard) Close() {
	d.cancel()
	d.events.hub.end()
}

// Mount adds the routes to the server's router, and takes what no other route
// takes.
func (d *Dashboard) Mount(router chi.Router) {
	router.Post("/session", d.sessions.create)
	router.Get("/session", d.sessions.show)
	router.Delete("/session", d.sessions.remove)
	router.Get("/events", d.events.serve)
	router.Get("/", d.pages.ServeHTTP)
	router.Head("/", d.pages.ServeHTTP)
	router.NotFound(d.pages.ServeHTTP)
}

const unauthenticated = "The request you have made requires authentication."

// refuse writes an error in the identity service's form, which the dashboard
// knows from logging in.
func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	api.WriteJSON(w, r, status, map[string]any{
		"error": map[string]any{"code": status, "title": api.Title(status), "message": message},
	})
}

// fail writes an error that another part returned.
func fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	switch errs.Of(err) {
	case errs.Unauthenticated, errs.NotFound:
		refuse(w, r, http.StatusUnauthorized, unauthenticated)
	case errs.Unavailable:
		refuse(w, r, http.StatusServiceUnavailable, "The identity service has not started yet.")
	default:
		if r.Context().Err() == nil {
			log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		refuse(w, r, http.StatusInternalServerError, "An unexpected error prevented the server from fulfilling your request.")
	}
}

// browser tells whether the client asks for a page: text/html is among the
// types it names. A client that takes anything names none.
func browser(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "text/html") && !unwanted(parameters) {
			return true
		}
	}
	return false
}

// unwanted tells whether the parameters of a media range or a coding hold a
// quality of zero.
func unwanted(parameters string) bool {
	for part := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			return strings.Trim(strings.TrimSpace(value), "0") == "" || strings.Trim(strings.TrimSpace(value), "0") == "."
		}
	}
	return false
}
