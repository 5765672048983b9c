package webfetch_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/webfetch"
)

func TestService(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	var elsewhere atomic.Int32
	_, other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/away":
			http.Redirect(w, r, other("127.0.0.1", "/"), http.StatusFound)
		case r.URL.Path == "/mute":
			<-stop
		case r.Header.Get("X-Auth-Token") != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			hello(w, r)
		}
	}
	_, at := serve(t, handler)
	t.Cleanup(func() { close(stop) })
	get := func(s *webfetch.Service, uri, token string) (string, error) {
		data, size, err := s.Get(t.Context(), uri, token)
		if err != nil {
			return "", err
		}
		content, err := io.ReadAll(data)
		if size != int64(len(content)) {
			t.Errorf("%d bytes were promised, and %d came", size, len(content))
		}
		return string(content), errors.Join(err, data.Close())
	}
	s := webfetch.NewService(webfetch.Config{Idle: 50 * time.Millisecond}, nil)
	if content, err := get(s, at("127.0.0.1", "/"), "secret"); err != nil || content != "hello" {
		t.Errorf("%q %v", content, err)
	}
	for _, uri := range []string{at("127.0.0.1", "/away"), at("127.0.0.1", "/mute"), "http://127.0.0.1:1/", "file:///etc/passwd", "http://", "http://user:pass@127.0.0.1/", ":"} {
		_, err := get(s, uri, "secret")
		kind(t, uri, err, errs.Unavailable)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	_, err := get(s, at("127.0.0.1", "/"), "wrong")
	kind(t, "wrong token", err, errs.Unavailable)
	if elsewhere.Load() > 0 {
		t.Error("the token was led elsewhere")
	}

	secure := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(secure.Close)
	_, err = get(s, secure.URL, "secret")
	kind(t, "strange authority", err, errs.Unavailable)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	if content, err := get(webfetch.NewService(webfetch.Config{}, roots), secure.URL, "secret"); err != nil || content != "hello" {
		t.Errorf("known authority: %q %v", content, err)
	}
}
