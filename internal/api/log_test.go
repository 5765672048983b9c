package api_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"wisp/internal/api"
	"wisp/internal/api/apitest"
	"wisp/internal/policy"
)

// The log has no secrets of paths, and no queries: neither when all is well
// nor when the handler fails.
func TestS30SecretsOfPathsAreNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	service := &api.Service{
		Name: "sample", Type: "sample", Prefix: "/sample", Errors: plainErrors, Rules: policy.Rules{"read": policy.Anyone},
		Routes: []api.Route{{Method: "GET", Path: "/tokens/{token}", Policy: "read", Secret: true, Handler: func(r *api.Request) (any, error) {
			if r.Param("token") == "broken-hush" {
				return nil, errors.New("the database is away")
			}
			return r.Param("token"), nil
		}}},
	}
	router := chi.NewRouter()
	(&api.Mounter{Auth: apitest.Standard(), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}).Mount(router, service)
	for path, status := range map[string]int{"/sample/tokens/good-hush?token=query-hush": 200, "/sample/tokens/broken-hush": 500} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("X-Auth-Token", "member")
		w := httptest.NewRecorder()
		router.ServeHTTP(w, request)
		if w.Code != status {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if text := log.String(); strings.Contains(text, "hush") || strings.Count(text, "/sample/tokens/{token}") != 3 {
		t.Errorf("the log is\n%s", text)
	}
}
