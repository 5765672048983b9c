package identityapi_test

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// trusting is a trustor with roles in a project, and a trustee without any.
type trusting struct {
	*cloud
	trustor, trustee, project string
	token                     string // the trustor's
}

func newTrusting(t *testing.T) *trusting {
	t.Helper()
	c := newCloud(t)
	k := &trusting{cloud: c, trustor: c.user("trustor"), trustee: c.user("trustee"), project: c.make("projects", "project", object{"name": "p"})}
	c.grant("projects/" + k.project + "/users/" + k.trustor + "/roles/" + c.roles["member"])
	k.token = c.login("trustor", "pw", scope{"project": object{"id": k.project}})
	return k
}

// body is a request for a trust of the role member, changed as given; nil
// takes an attribute away.
func (k *trusting) body(changes object) object {
	attributes := object{
		"trustor_user_id": k.trustor, "trustee_user_id": k.trustee, "project_id": k.project, "impersonation": true, "roles": []object{{"name": "member"}},
	}
	for name, value := range changes {
		if attributes[name] = value; value == nil {
			delete(attributes, name)
		}
	}
	return object{"trust": attributes}
}

func (k *trusting) trust(changes object) string {
	k.t.Helper()
	r := k.Must(http.StatusCreated, k.token, "POST", v3+"/OS-TRUST/trusts", k.body(changes))
	return field(k.t, r, "trust", "id").(string)
}

func byTrust(id string) scope { return scope{"OS-TRUST:trust": object{"id": id}} }

func TestTrustRoutes(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	trustee := k.login("trustee", "pw", nil)
	id := k.trust(object{"expires_at": "2100-01-02T03:04:05Z", "note": "kept"})
	one := v3 + "/OS-TRUST/trusts/" + id
	for _, token := range []string{k.token, trustee, k.admin} {
		r := k.Must(200, token, "GET", one, nil)
		trust := field(t, r, "trust").(object)
		if trust["expires_at"] != "2100-01-02T03:04:05.000000Z" || trust["note"] != "kept" || trust["remaining_uses"] != nil || trust["redelegation_count"] != 0.0 {
			t.Errorf("trust %v", trust)
		}
		if roles := names(t, k.Must(200, token, "GET", one+"/roles", nil), "roles", "name"); !slices.Equal(roles, []string{"member"}) {
			t.Errorf("roles %v", roles)
		}
		k.Must(200, token, "GET", one+"/roles/"+k.roles["member"], nil)
		k.Must(404, token, "GET", one+"/roles/"+k.roles["reader"], nil)
	}
	k.user("other")
	other := k.login("other", "pw", nil)
	k.Must(403, other, "GET", one, nil)
	k.Must(403, other, "DELETE", one, nil)
	k.Must(403, trustee, "DELETE", one, nil)
	k.Must(404, other, "GET", v3+"/OS-TRUST/trusts/x", nil)
	k.Must(404, other, "DELETE", v3+"/OS-TRUST/trusts/x", nil)
	for query, want := range map[string]int{"?trustor_user_id=" + k.trustor: 1, "?trustee_user_id=" + k.trustee: 1, "?trustor_user_id=" + k.trustee: 0, "": 1} {
		if got := names(t, k.Must(200, k.admin, "GET", v3+"/OS-TRUST/trusts"+query, nil), "trusts", "id"); len(got) != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	k.Must(200, k.token, "GET", v3+"/OS-TRUST/trusts?trustor_user_id="+k.trustor, nil)
	k.Must(200, trustee, "GET", v3+"/OS-TRUST/trusts?trustee_user_id="+k.trustee, nil)
	k.Must(403, trustee, "GET", v3+"/OS-TRUST/trusts?trustor_user_id="+k.trustor, nil)
	k.Must(403, trustee, "GET", v3+"/OS-TRUST/trusts", nil)
	k.Must(204, k.token, "DELETE", one, nil)
	k.Must(404, k.token, "GET", one, nil)
	k.Must(404, k.token, "DELETE", one, nil)
}

func TestTrustRefusals(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	cases := []struct {
		name    string
		changes object
		status  int
	}{
		{"no trustee", object{"trustee_user_id": nil}, 400},
		{"no impersonation", object{"impersonation": nil}, 400},
		{"impersonation not a flag", object{"impersonation": "yes"}, 400},
		{"no roles", object{"roles": nil}, 403},
		{"role without a name", object{"roles": []object{{}}}, 400},
		{"another trustor", object{"trustor_user_id": k.trustee}, 403},
		{"unknown trustee", object{"trustee_user_id": "x"}, 404},
		{"unknown project", object{"project_id": "x"}, 404},
		{"a role that the trustor has not", object{"roles": []object{{"name": "admin"}}}, 404},
		{"an unknown role", object{"roles": []object{{"id": "x"}}}, 404},
		{"roles in no project", object{"project_id": nil}, 404},
		{"a bad time", object{"expires_at": "bad.123Z"}, 400},
		{"a time that is over", object{"expires_at": "2001-01-01T00:00:00Z"}, 400},
		{"no uses", object{"remaining_uses": 0}, 400},
		{"uses not a number", object{"remaining_uses": "1"}, 400},
		{"uses of what can be passed on", object{"remaining_uses": 1, "allow_redelegation": true}, 400},
		{"passed on too often", object{"redelegation_count": 4, "allow_redelegation": true}, 403},
		{"passed on less than never", object{"redelegation_count": -1, "allow_redelegation": true}, 400},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			k.Must(one.status, k.token, "POST", v3+"/OS-TRUST/trusts", k.body(one.changes))
		})
	}
}

func TestTrustTokens(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	for _, impersonation := range []bool{true, false} {
		id := k.trust(object{"impersonation": impersonation, "roles": []object{{"id": k.roles["reader"]}}})
		r := k.Must(201, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(id)))
		token := r.Header.Get("X-Subject-Token")
		described := field(t, r, "token").(object)
		who := k.trustee
		if impersonation {
			who = k.trustor
		}
		trust := described["OS-TRUST:trust"].(object)
		if described["user"].(object)["id"] != who || described["project"].(object)["id"] != k.project || trust["id"] != id ||
			trust["trustor_user"].(object)["id"] != k.trustor || trust["trustee_user"].(object)["id"] != k.trustee || trust["impersonation"] != impersonation {
			t.Errorf("impersonation %t: %v", impersonation, described)
		}
		if roles := described["roles"].([]any); len(roles) != 1 || roles[0].(object)["name"] != "reader" {
			t.Errorf("roles %v", roles)
		}
		k.Must(200, token, "GET", v3+"/projects/"+k.project, nil)
		// It becomes no other token, and manages nothing that would outlive it.
		k.Must(403, "", "POST", v3+"/auth/tokens", tokenAuth(token, scope{"project": object{"id": k.project}}))
		k.Must(403, token, "POST", v3+"/users/"+who+"/application_credentials", object{"application_credential": object{"name": "x"}})
		for _, path := range []string{"/application_credentials", "/application_credentials/x", "/access_rules", "/access_rules/x"} {
			k.Must(403, token, "GET", v3+"/users/"+who+path, nil)
		}
		k.Must(204, k.token, "DELETE", v3+"/OS-TRUST/trusts/"+id, nil)
		k.Must(401, token, "GET", v3+"/projects/"+k.project, nil)
		k.Must(401, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(id)))
	}
	// Only the trustee has it, with the password or with a token of its own.
	id := k.trust(nil)
	k.Must(403, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustor}, "pw", byTrust(id)))
	token := k.issue(tokenAuth(k.login("trustee", "pw", nil), byTrust(id)))
	k.Must(200, token, "GET", v3+"/projects/"+k.project, nil)
	// A trust without a project is good for the name only.
	bare := k.login("trustee", "pw", byTrust(k.trust(object{"project_id": nil, "roles": nil})))
	k.Must(403, bare, "GET", v3+"/projects/"+k.project, nil)
	k.Must(200, bare, "GET", v3+"/users/"+k.trustor, nil)
	// With the roles of the trustor goes the trust.
	k.Must(204, k.admin, "DELETE", v3+"/projects/"+k.project+"/users/"+k.trustor+"/roles/"+k.roles["member"], nil)
	k.Must(401, token, "GET", v3+"/projects/"+k.project, nil)
	k.Must(403, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(id)))
	k.grant("projects/" + k.project + "/users/" + k.trustor + "/roles/" + k.roles["member"])
	k.Must(200, token, "GET", v3+"/projects/"+k.project, nil)
	// With the trustor's password go the tokens, with the trustor the trust.
	k.Must(200, k.admin, "PATCH", v3+"/users/"+k.trustor, object{"user": object{"password": "new"}})
	k.Must(401, token, "GET", v3+"/projects/"+k.project, nil)
	token = k.login("trustee", "pw", byTrust(id))
	k.Must(200, k.admin, "PATCH", v3+"/users/"+k.trustor, object{"user": object{"enabled": false}})
	k.Must(401, token, "GET", v3+"/projects/"+k.project, nil)
	k.Must(403, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(id)))
	k.Must(204, k.admin, "DELETE", v3+"/users/"+k.trustor, nil)
	k.Must(404, k.admin, "GET", v3+"/OS-TRUST/trusts/"+id, nil)
}

// A token never outlives its trust, and there are no more tokens than uses.
func TestTrustBounds(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	end := time.Now().UTC().Add(time.Minute).Format("2006-01-02T15:04:05.000000Z")
	r := k.Must(201, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(k.trust(object{"expires_at": end}))))
	if got := field(t, r, "token", "expires_at"); got != end {
		t.Errorf("the token ends at %v, its trust at %s", got, end)
	}
	id := k.trust(object{"remaining_uses": 2})
	first := k.login("trustee", "pw", byTrust(id))
	if left := field(t, k.Must(200, k.token, "GET", v3+"/OS-TRUST/trusts/"+id, nil), "trust", "remaining_uses"); left != 1.0 {
		t.Errorf("%v uses left, want 1", left)
	}
	second := k.login("trustee", "pw", byTrust(id))
	k.Must(401, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": k.trustee}, "pw", byTrust(id)))
	k.Must(404, k.token, "GET", v3+"/OS-TRUST/trusts/"+id, nil)
	for _, token := range []string{first, second} {
		k.Must(200, token, "GET", v3+"/projects/"+k.project, nil)
	}
}

// Who got a trust passes it on within its bounds, and not further than it may be.
func TestRedelegation(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	third := k.user("third")
	root := k.trust(object{"allow_redelegation": true, "redelegation_count": 1, "expires_at": "2100-01-01T00:00:00Z", "roles": []object{{"name": "member"}}})
	token := k.login("trustee", "pw", byTrust(root))
	pass := func(status int, token string, changes object) string {
		t.Helper()
		changes["trustee_user_id"] = third
		r := k.Must(status, token, "POST", v3+"/OS-TRUST/trusts", k.body(changes))
		if status != 201 {
			return ""
		}
		trust := field(t, r, "trust").(object)
		if trust["redelegated_trust_id"] != root || trust["redelegation_count"] != 0.0 || trust["expires_at"] != "2100-01-01T00:00:00.000000Z" {
			t.Errorf("redelegated trust %v", trust)
		}
		return trust["id"].(string)
	}
	pass(403, token, object{"expires_at": "2101-01-01T00:00:00Z"})
	pass(403, token, object{"roles": []object{{"name": "reader"}}}) // implied, but not of the trust
	pass(403, token, object{"remaining_uses": 1})
	pass(403, token, object{"allow_redelegation": true, "redelegation_count": 1})
	child := pass(201, token, object{})
	of := k.login("third", "pw", byTrust(child))
	k.Must(200, of, "GET", v3+"/projects/"+k.project, nil)
	pass(403, of, object{}) // it was passed on once
	// It ends with who passed it on, and with the trust that it comes from.
	k.Must(200, k.admin, "PATCH", v3+"/users/"+k.trustee, object{"user": object{"enabled": false}})
	k.Must(401, of, "GET", v3+"/projects/"+k.project, nil)
	k.Must(403, "", "POST", v3+"/auth/tokens", passwordAuth(object{"id": third}, "pw", byTrust(child)))
	k.Must(403, k.token, "GET", v3+"/OS-TRUST/trusts/"+child, nil)
	k.Must(200, k.admin, "PATCH", v3+"/users/"+k.trustee, object{"user": object{"enabled": true}})
	k.Must(200, of, "GET", v3+"/projects/"+k.project, nil)
	k.Must(204, k.token, "DELETE", v3+"/OS-TRUST/trusts/"+root, nil)
	k.Must(401, of, "GET", v3+"/projects/"+k.project, nil)
	k.Must(404, k.token, "GET", v3+"/OS-TRUST/trusts/"+child, nil)
	// Without impersonation nobody impersonates by it.
	root = k.trust(object{"allow_redelegation": true, "redelegation_count": 1, "expires_at": "2100-01-01T00:00:00Z", "impersonation": false})
	token = k.login("trustee", "pw", byTrust(root))
	pass(403, token, object{"trustor_user_id": k.trustee})
	pass(403, token, object{"impersonation": false}) // the trustor is who asks
	child = pass(201, token, object{"trustor_user_id": k.trustee, "impersonation": false})
	k.Must(200, k.login("third", "pw", byTrust(child)), "GET", v3+"/projects/"+k.project, nil)
}

// An application credential makes and sees no trusts, be it restricted or not.
func TestS02NoTrustsByCredentials(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	id := k.trust(nil)
	for _, unrestricted := range []bool{true, false} {
		r := k.Must(201, k.token, "POST", v3+"/users/"+k.trustor+"/application_credentials",
			object{"application_credential": object{"name": map[bool]string{true: "a", false: "b"}[unrestricted], "unrestricted": unrestricted}})
		token := k.issue(object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": object{
			"id": field(t, r, "application_credential", "id"), "secret": field(t, r, "application_credential", "secret"),
		}}}})
		k.Must(403, token, "POST", v3+"/OS-TRUST/trusts", k.body(nil))
		k.Must(403, token, "GET", v3+"/OS-TRUST/trusts?trustor_user_id="+k.trustor, nil)
		for _, path := range []string{"", "/roles", "/roles/" + k.roles["member"]} {
			k.Must(403, token, "GET", v3+"/OS-TRUST/trusts/"+id+path, nil)
		}
		k.Must(403, token, "DELETE", v3+"/OS-TRUST/trusts/"+id, nil)
	}
}
