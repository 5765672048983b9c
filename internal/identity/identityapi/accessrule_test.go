package identityapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccessRuleRoutes(t *testing.T) {
	t.Parallel()
	k := newTrusting(t) // for its user with a role in a project
	credentials, rules := v3+"/users/"+k.trustor+"/application_credentials", v3+"/users/"+k.trustor+"/access_rules"
	make := func(status int, name string, list any) object {
		t.Helper()
		r := k.Must(status, k.token, "POST", credentials, object{"application_credential": object{"name": name, "access_rules": list}})
		made, _ := field(t, r, "application_credential").(object)
		return made
	}
	rule := object{"service": "compute", "method": "GET", "path": "/v2.1/servers/*/ips"}
	first := make(201, "first", []object{rule})
	given := first["access_rules"].([]any)[0].(object)
	id := given["id"].(string)
	if diff := cmp.Diff(object{"id": id, "service": "compute", "method": "GET", "path": "/v2.1/servers/*/ips"}, given); diff != "" {
		t.Error(diff)
	}
	// A rule that the user has is not made again, nor twice in one credential.
	second := make(201, "second", []object{{"id": id}, rule, {"service": "image", "method": "GET", "path": "/v2/**"}})
	if got := second["access_rules"].([]any); len(got) != 2 || got[0].(object)["id"] != id {
		t.Errorf("rules %v", got)
	}
	if got := names(t, k.Must(200, k.token, "GET", rules, nil), "access_rules", "service"); len(got) != 2 {
		t.Errorf("rules of %v", got)
	}
	if got := names(t, k.Must(200, k.token, "GET", rules+"?service=image", nil), "access_rules", "path"); !slices.Equal(got, []string{"/v2/**"}) {
		t.Errorf("filtered %v", got)
	}
	k.Must(200, k.token, "GET", rules+"/"+id, nil)
	k.Must(200, k.token, "GET", credentials+"/"+first["id"].(string), nil)
	if bare := make(201, "bare", []object{}); bare["access_rules"] != nil {
		t.Errorf("no rules become %v", bare["access_rules"])
	}
	for name, list := range map[string]any{
		"not a list": "x", "null": nil, "no path": []object{{"service": "x", "method": "GET"}}, "odd path": []object{{"service": "x", "method": "GET", "path": "x"}},
		"odd method": []object{{"service": "x", "method": "TRACE", "path": "/"}}, "odd field": []object{{"id": id, "color": "red"}}, "number": []object{{"id": 1}},
	} {
		t.Run(name, func(t *testing.T) { make(400, name, list) })
	}
	make(404, "unknown", []object{{"id": "x"}})
	k.Must(403, k.login("trustee", "pw", nil), "GET", rules, nil)
	k.Must(404, k.token, "GET", rules+"/x", nil)
	k.Must(404, k.token, "DELETE", rules+"/x", nil)
	k.Must(403, k.token, "DELETE", rules+"/"+id, nil) // in use
	for _, made := range []object{first, second} {
		k.Must(204, k.token, "DELETE", credentials+"/"+made["id"].(string), nil)
	}
	k.Must(204, k.token, "DELETE", rules+"/"+id, nil)
	k.Must(404, k.token, "GET", rules+"/"+id, nil)
	k.Must(204, k.admin, "DELETE", v3+"/users/"+k.trustor, nil)
}

// A token of a credential with rules is good for what they say and for nothing
// else, and shown only to who says to keep to them.
func TestAccessRulesBind(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	issue := func(name string, rules ...object) string {
		t.Helper()
		r := k.Must(201, k.token, "POST", v3+"/users/"+k.trustor+"/application_credentials", object{"application_credential": object{"name": name, "access_rules": rules}})
		return k.issue(object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": object{
			"id": field(t, r, "application_credential", "id"), "secret": field(t, r, "application_credential", "secret"),
		}}}})
	}
	token := issue("one", object{"service": "identity", "method": "GET", "path": "/v3/projects/{project_id}"}, object{"service": "compute", "method": "GET", "path": "/**"})
	k.Must(200, token, "GET", v3+"/projects/"+k.project, nil)
	k.Must(401, token, "GET", v3+"/projects/"+k.project+"/tags", nil)
	k.Must(401, token, "GET", v3+"/auth/projects", nil)
	k.Must(401, token, "HEAD", v3+"/projects/"+k.project, nil)
	k.Must(401, token, "GET", v3+"/regions", nil)
	k.Must(200, issue("all", object{"service": "identity", "method": "GET", "path": "/**"}), "GET", v3+"/auth/projects", nil)
	k.Must(404, k.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token)
	k.Must(404, k.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token, "OpenStack-Identity-Access-Rules", "0.9")
	shown := k.Must(200, k.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", token, "OpenStack-Identity-Access-Rules", "1.0")
	if rules := field(t, shown, "token", "application_credential", "access_rules").([]any); len(rules) != 2 || !strings.HasPrefix(rules[0].(object)["path"].(string), "/") {
		t.Errorf("rules %v", rules)
	}
}
