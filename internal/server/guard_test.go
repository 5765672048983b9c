package server_test

import (
	"bufio"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wisp/internal/api"
	"wisp/internal/cloudtest"
	"wisp/internal/errs"
)

// descriptions holds the OpenAPI files of the real services, beside the
// project; without them the test has nothing to compare with.
var descriptions = filepath.Join("..", "..", "..", "shared", "openapi")

// Where the descriptions leave out what the real service has.
var undescribed = map[string]string{
	"GET /identity/":                   "version discovery",
	"GET /compute/":                    "version discovery",
	"GET /compute":                     "version discovery",
	"GET /compute/v2":                  "version discovery",
	"GET /compute/v2/":                 "version discovery",
	"GET /image/":                      "version discovery",
	"GET /image/versions":              "version discovery",
	"GET /network/":                    "version discovery",
	"GET /network/v2.0":                "version discovery",
	"GET /network/v2.0/":               "version discovery",
	"GET /placement/":                  "version discovery",
	"GET /placement":                   "version discovery",
	"GET /network/v2.0/ports/{}/trace": "extension port-trace, wisp's own",
	"GET /network/v2.0/metering/metering-labels/{}/counters":                        "extension metering-counters, wisp's own",
	"GET /network/v2.0/quotas/{}/details.json":                                      "extension quota_details, as the client writes it",
	"GET /identity/v3/OS-INHERIT/projects/{}/users/{}/roles/inherited_to_projects":  "extension OS-INHERIT",
	"GET /identity/v3/OS-INHERIT/projects/{}/groups/{}/roles/inherited_to_projects": "extension OS-INHERIT",
}

func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	for _, s := range cloudtest.New(t).Server.Services() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			described := operations(t, s.Type)
			for _, r := range s.Routes {
				path := normal(r.Path)
				operation := r.Method + " " + strings.TrimSuffix(path, "/")
				if described[operation] || described[r.Method+" "+legacy(path)] || undescribed[r.Method+" "+s.Prefix+path] != "" {
					continue
				}
				t.Errorf("%s %s%s is in no description of the real service", r.Method, s.Prefix, r.Path)
			}
		})
	}
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

func normal(path string) string { return parameter.ReplaceAllString(path, "{}") }

// legacy takes the project out of a path of the form /v2.1/{project_id}/servers.
func legacy(path string) string {
	return strings.TrimSuffix(strings.Replace(path, "/v2.1/{}/", "/v2.1/", 1), "/")
}

// operations reads "METHOD path" of a description: the lines of the paths and
// of the methods below them, by their indentation.
func operations(t *testing.T, service string) map[string]bool {
	t.Helper()
	f, err := os.Open(filepath.Join(descriptions, service+".yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no descriptions of the real services are here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	found := map[string]bool{}
	path := ""
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		line := scan.Text()
		if strings.HasPrefix(line, "  /") {
			path = normal(strings.TrimSuffix(strings.TrimSpace(line), ":"))
		} else if path != "" && strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "     ") {
			found[strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(line), ":"))+" "+strings.TrimSuffix(path, "/")] = true
		} else if len(line) > 0 && line[0] != ' ' {
			path = ""
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d operations were read", len(found))
	}
	return found
}

// Every kind of error has a body in every service's own form.
func TestErrorsAreRendered(t *testing.T) {
	t.Parallel()
	for _, s := range cloudtest.New(t).Server.Services() {
		for _, kind := range errs.Kinds() {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, s.Prefix+"/", nil)
			e := errs.New(kind, "the words of the error").WithType("SomeType")
			s.Errors(w, r, s.Status(kind), e)
			if w.Code != s.Status(kind) || !strings.Contains(w.Body.String(), "the words of the error") {
				t.Errorf("%s renders kind %s as %d %s", s.Name, kind, w.Code, w.Body)
			}
		}
	}
}

// A route without a rule would be open to everybody; only these are meant to.
func TestPublicRoutes(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^(GET|HEAD) [^{]*(/|/versions|/v2|/v2\.0|/v2\.1|/v3)$|^POST /identity/v3/(auth/tokens|users/\{user_id\}/password|OS-OAUTH1/(request|access)_token)$`)
	for _, s := range cloudtest.New(t).Server.Services() {
		for _, r := range s.Routes {
			if operation := r.Method + " " + s.Prefix + r.Path; r.Policy == api.Public && !allowed.MatchString(operation) {
				t.Errorf("%s needs no token", operation)
			}
		}
	}
}
