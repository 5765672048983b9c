package server_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"wisp/internal/api"
	"wisp/internal/api/contract"
	"wisp/internal/cloudtest"
	"wisp/internal/errs"
)

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
	"GET /network/v2.0/qos/policies/{}/packet_rate_limit_rules":                     "extension qos-pps",
	"POST /network/v2.0/qos/policies/{}/packet_rate_limit_rules":                    "extension qos-pps",
	"GET /network/v2.0/qos/policies/{}/packet_rate_limit_rules/{}":                  "extension qos-pps",
	"PUT /network/v2.0/qos/policies/{}/packet_rate_limit_rules/{}":                  "extension qos-pps",
	"DELETE /network/v2.0/qos/policies/{}/packet_rate_limit_rules/{}":               "extension qos-pps",
	"GET /network/v2.0/quotas/{}/details.json":                                      "extension quota_details, as the client writes it",
	"GET /identity/v3/OS-INHERIT/projects/{}/users/{}/roles/inherited_to_projects":  "extension OS-INHERIT",
	"GET /identity/v3/OS-INHERIT/projects/{}/groups/{}/roles/inherited_to_projects": "extension OS-INHERIT",
}

func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	for _, s := range cloudtest.New(t).Server.Services() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			d, err := contract.Open(s.Type)
			if errors.Is(err, contract.ErrAbsent) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range s.Routes {
				if undescribed[r.Method+" "+s.Prefix+parameter.ReplaceAllString(r.Path, "{}")] != "" {
					continue
				}
				is, err := d.Has(r.Method, r.Path)
				if err == nil && !is {
					is, err = d.Has(r.Method, legacy(contract.Normal(r.Path)))
				}
				if err != nil || !is {
					t.Errorf("%s %s%s is in no description of the real service, %v", r.Method, s.Prefix, r.Path, err)
				}
			}
		})
	}
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// legacy takes the project out of a path of the form /v2.1/{}/servers.
func legacy(path string) string { return strings.Replace(path, "/v2.1/{}/", "/v2.1/", 1) }

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
