package join

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wisp/internal/errs"
)

// nobody lets nobody join.
type nobody struct{}

func (nobody) Join(_ context.Context, r Request) (Answer, error) {
	return Answer{}, errs.New(errs.Forbidden, "%q may not join.", r.Host)
}

func (nobody) Renew(context.Context, *x509.Certificate, []byte) (Answer, error) {
	return Answer{}, errs.New(errs.Forbidden, "No.")
}

func (nobody) Admit(context.Context, *x509.Certificate) error {
	return errs.New(errs.Forbidden, "No.")
}

// What strangers send must not fill the log.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := Handler(nobody{}, Terms{}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 1000 {
		body := `{"token_id": "` + strings.Repeat("t", 20<<10) + `", "host": "` + strings.Repeat("h", 20<<10) + `"}`
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, PathEnrol, strings.NewReader(body)))
		if w.Code != http.StatusForbidden {
			t.Fatalf("the answer is %d %s", w.Code, w.Body)
		}
	}
	if log.Len() == 0 || log.Len() > 100<<10 {
		t.Errorf("a thousand strangers wrote %d bytes into the log", log.Len())
	}
}
