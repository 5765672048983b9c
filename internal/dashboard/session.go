package dashboard

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/policy"
)

const (
	sessionPath   = "/session"
	sessionHeader = "X-Wisp-Session"
	// maxCookie is the longest token that is kept: browsers drop cookies of
	// more than 4096 bytes, with name and attributes.
	maxCookie = 3800
)

// sessions keep a token in a cookie that scripts cannot read and that goes to
// /session alone, so that a page that is loaded again needs no new login. The
// cookie proves nothing to the APIs: they take the token from its header.
type sessions struct {
	identity Identity
	public   *url.URL
	log      *slog.Logger
}

// create keeps the token of X-Auth-Token.
func (s *sessions) create(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	token := r.Header.Get("X-Auth-Token")
	if len(token) > maxCookie {
		refuse(w, r, http.StatusRequestEntityTooLarge, "The token is too long for a session.")
		return
	}
	caller, ok := s.authenticate(w, r, token)
	if !ok {
		return
	}
	s.set(w, token, caller.ExpiresAt)
	w.WriteHeader(http.StatusNoContent)
}

// show returns the token that is kept, as long as it is valid.
func (s *sessions) show(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	token := s.kept(r)
	if _, ok := s.authenticate(w, r, token); ok {
		api.WriteJSON(w, r, http.StatusOK, map[string]string{"token": token})
	}
}

// remove ends the sessions of the token that is kept and of X-Auth-Token, which
// are two when another tab has changed the project, and forgets the cookie. It
// succeeds when there is none.
func (s *sessions) remove(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	for _, token := range []string{s.kept(r), r.Header.Get("X-Auth-Token")} {
		if token == "" {
			continue
		}
		err := s.identity.RevokeSession(r.Context(), token)
		if err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Unauthenticated) {
			fail(w, r, s.log, err)
			return
		}
	}
	s.set(w, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
}

// cookieName has the port, which cookies otherwise do not know: clouds beside
// each other on one machine keep a session each. Over https browsers take the
// cookie from nobody else.
func (s *sessions) cookieName() string {
	if s.public.Scheme == "https" {
		return "__Secure-wisp_session_" + cmp.Or(s.public.Port(), "443")
	}
	return "wisp_session_" + cmp.Or(s.public.Port(), "80")
}

// kept is the token of the cookie; "" when there is none or it is no token.
func (s *sessions) kept(r *http.Request) string {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil || len(cookie.Value) > maxCookie {
		return ""
	}
	return cookie.Value
}

// authenticate answers 401 for a token that is not valid, and drops the cookie.
func (s *sessions) authenticate(w http.ResponseWriter, r *http.Request, token string) (*policy.Caller, bool) {
	if token != "" {
		caller, failed := s.identity.Authenticate(r.Context(), token)
		if failed == nil {
			return caller, true
		}
		if !errs.Is(failed, errs.Unauthenticated) {
			fail(w, r, s.log, failed)
			return nil, false
		}
	}
	if _, has := r.Cookie(s.cookieName()); has == nil {
		s.set(w, "", time.Time{})
	}
	refuse(w, r, http.StatusUnauthorized, unauthenticated)
	return nil, false
}

// set writes the cookie; an empty token removes it.
func (s *sessions) set(w http.ResponseWriter, token string, expires time.Time) {
	cookie := &http.Cookie{
		Name: s.cookieName(), Value: token, Path: sessionPath, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: s.public.Scheme == "https", Expires: expires, MaxAge: int(time.Until(expires).Seconds()),
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// admit refuses what a page of another site, a frame or a form could send. The
// header alone forces a preflight, which no route answers; the browser's own
// words about where the request comes from are believed besides.
func (s *sessions) admit(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	switch {
	case r.Header.Get(sessionHeader) != "1":
		refuse(w, r, http.StatusForbidden, "The header "+sessionHeader+" is missing.")
	case !s.own(r):
		refuse(w, r, http.StatusForbidden, "Sessions are for pages of this server alone.")
	case r.ContentLength != 0:
		refuse(w, r, http.StatusRequestEntityTooLarge, "The request has a body, and takes none.")
	default:
		return true
	}
	return false
}

// own tells whether a request comes from a page of this server, or from no
// page at all. Another port of the same host is another site's.
func (s *sessions) own(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return len(origins) == 1 && (strings.EqualFold(origins[0], s.public.Scheme+"://"+s.public.Host) || strings.EqualFold(origins[0], scheme+"://"+r.Host))
}
