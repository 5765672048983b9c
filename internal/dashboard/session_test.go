package dashboard_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wisp/internal/dashboard"
)

func TestSession(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	who := people()
	handler := serve(t, dashboard.Config{Identity: who, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	w := do(handler, "POST", "/session", "", "X-Wisp-Session", "1", "X-Auth-Token", "ann", "Origin", "http://cloud.test:5000", "Sec-Fetch-Site", "same-origin")
	cookie := only(t, w.Result())
	if w.Code != http.StatusNoContent || cookie.Name != "wisp_session_5000" || cookie.Value != "ann" || !cookie.HttpOnly || cookie.Secure ||
		cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/session" || cookie.MaxAge < 3590 || cookie.MaxAge > 3600 || cookie.Expires.IsZero() {
		t.Fatalf("%d, cookie %v", w.Code, cookie)
	}
	w = do(handler, "GET", "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000=ann")
	if w.Code != http.StatusOK || w.Body.String() != `{"token":"ann"}` || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %v", w.Code, w.Body, w.Header())
	}
	w = do(handler, "DELETE", "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000=ann")
	if cookie := only(t, w.Result()); w.Code != http.StatusNoContent || cookie.MaxAge >= 0 || cookie.Value != "" || cookie.Path != "/session" || !slices.Equal(who.revoked, []string{"ann"}) {
		t.Fatalf("%d, cookie %v, revoked %v", w.Code, cookie, who.revoked)
	}
	for _, value := range []string{"ann", "unknown", "", strings.Repeat("x", 5000)} {
		w = do(handler, "GET", "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000="+value)
		if cookie := only(t, w.Result()); w.Code != http.StatusUnauthorized || cookie.MaxAge >= 0 || strings.Contains(w.Body.String(), "token\":") {
			t.Errorf("with %q: %d %s, cookie %v", value, w.Code, w.Body, cookie)
		}
		if w = do(handler, "DELETE", "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000="+value); w.Code != http.StatusNoContent {
			t.Errorf("ending %q: %d %s", value, w.Code, w.Body)
		}
	}
	if w = do(handler, "GET", "/session", "", "X-Wisp-Session", "1", "X-Auth-Token", "bob"); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) != 0 {
		t.Errorf("without a cookie: %d %s", w.Code, w.Body)
	}
	if w = do(handler, "DELETE", "/session", "", "X-Wisp-Session", "1"); w.Code != http.StatusNoContent {
		t.Errorf("ending none: %d %s", w.Code, w.Body)
	}
	for _, secret := range []string{"ann", "bob", "unknown"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q: %s", secret, log.String())
		}
	}
}

func only(t *testing.T, r *http.Response) *http.Cookie {
	t.Helper()
	cookies := r.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", r.Header)
	}
	return cookies[0]
}

func TestSessionIsSecure(t *testing.T) {
	t.Parallel()
	handler := serve(t, dashboard.Config{URL: "https://cloud.example"})
	w := do(handler, "POST", "/session", "", "X-Wisp-Session", "1", "X-Auth-Token", "ann", "Origin", "https://cloud.example")
	if cookie := only(t, w.Result()); w.Code != http.StatusNoContent || !cookie.Secure || cookie.Name != "__Secure-wisp_session_443" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// Two tabs in two projects have a token each, and one cookie.
func TestSessionEndsBoth(t *testing.T) {
	t.Parallel()
	who := people()
	handler := serve(t, dashboard.Config{Identity: who})
	w := do(handler, "DELETE", "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000=ann", "X-Auth-Token", "bob")
	if w.Code != http.StatusNoContent || !slices.Equal(who.revoked, []string{"ann", "bob"}) {
		t.Errorf("%d, revoked %v", w.Code, who.revoked)
	}
}

func TestSessionRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		status  int
	}{
		{"without the header", nil, "", http.StatusForbidden},
		{"with another header", []string{"X-Wisp-Session", "true"}, "", http.StatusForbidden},
		{"from another site", []string{"X-Wisp-Session", "1", "Sec-Fetch-Site", "cross-site"}, "", http.StatusForbidden},
		{"from another port", []string{"X-Wisp-Session", "1", "Sec-Fetch-Site", "same-site"}, "", http.StatusForbidden},
		{"of another origin", []string{"X-Wisp-Session", "1", "Origin", "http://evil.test"}, "", http.StatusForbidden},
		{"of another port's origin", []string{"X-Wisp-Session", "1", "Origin", "http://cloud.test:81"}, "", http.StatusForbidden},
		{"of another scheme's origin", []string{"X-Wisp-Session", "1", "Origin", "https://cloud.test:5000"}, "", http.StatusForbidden},
		{"of no origin", []string{"X-Wisp-Session", "1", "Origin", "null"}, "", http.StatusForbidden},
		{"of two origins", []string{"X-Wisp-Session", "1", "Origin", "http://cloud.test:5000", "Origin", "http://evil.test"}, "", http.StatusForbidden},
		{"with a body", []string{"X-Wisp-Session", "1"}, "token=ann", http.StatusRequestEntityTooLarge},
		{"from the address bar", []string{"X-Wisp-Session", "1", "Sec-Fetch-Site", "none"}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"POST", "GET", "DELETE"} {
				who := people()
				w := do(serve(t, dashboard.Config{Identity: who}), method, "/session", c.body, append(c.headers, "X-Auth-Token", "ann", "Cookie", "wisp_session_5000=ann")...)
				if c.status == 0 {
					if w.Code >= 300 {
						t.Errorf("%s: %d %s", method, w.Code, w.Body)
					}
					continue
				}
				if w.Code != c.status || len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "ann") || len(who.revoked) > 0 {
					t.Errorf("%s: %d %s %v, revoked %v", method, w.Code, w.Body, w.Header(), who.revoked)
				}
			}
		})
	}
	handler := serve(t, dashboard.Config{})
	for token, status := range map[string]int{
		"": http.StatusUnauthorized, "unknown": http.StatusUnauthorized, strings.Repeat("x", 4000): http.StatusRequestEntityTooLarge, "broken": http.StatusInternalServerError,
	} {
		w := do(handler, "POST", "/session", "", "X-Wisp-Session", "1", "X-Auth-Token", token)
		if w.Code != status || len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("a token of %d letters: %d %s", len(token), w.Code, w.Body)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		w := do(handler, method, "/session", "", "X-Wisp-Session", "1", "Cookie", "wisp_session_5000=broken")
		if w.Code != http.StatusInternalServerError || len(w.Result().Cookies()) > 0 {
			t.Errorf("%s when identity fails: %d %v", method, w.Code, w.Header())
		}
	}
	if w := do(handler, "OPTIONS", "/session", "", "Origin", "http://evil.test", "Access-Control-Request-Method", "POST"); w.Code < 400 {
		t.Errorf("a preflight is answered with %d", w.Code)
	}
}
