package identityapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"wisp/internal/identity"
)

func TestStoredCredentialRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["member"])
	own := c.login("u", "pw", nil)
	all := v3 + "/credentials"
	make := func(token string, attributes object) string {
		t.Helper()
		return field(t, c.Must(201, token, "POST", all, object{"credential": attributes}), "credential", "id").(string)
	}
	id := make(own, object{"user_id": u, "type": "cert", "blob": "a secret", "color": "red"})
	shown := field(t, c.Must(200, own, "GET", all+"/"+id, nil), "credential").(object)
	if shown["blob"] != "a secret" || shown["project_id"] != nil || shown["type"] != "cert" || shown["color"] != "red" {
		t.Errorf("credential %v", shown)
	}
	key := make(c.admin, object{"user_id": u, "type": "ec2", "project_id": p, "blob": `{"access": "A", "secret": "S"}`})
	if key != identity.EC2CredentialID("A") {
		t.Errorf("id %s does not follow from the access key", key)
	}
	make(c.admin, object{"user_id": "nobody", "type": "cert", "blob": "x"})
	for query, want := range map[string]int{"": 3, "?type=ec2": 1, "?user_id=" + u: 2, "?user_id=" + u + "&type=cert": 1} {
		if got := names(t, c.Must(200, c.admin, "GET", all+query, nil), "credentials", "id"); len(got) != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	c.Must(200, own, "PATCH", all+"/"+id, object{"credential": object{"blob": "another", "color": "blue", "user_id": u, "type": "cert", "project_id": nil}})
	if got := field(t, c.Must(200, c.admin, "GET", all+"/"+id, nil), "credential").(object); got["blob"] != "another" || got["color"] != "blue" {
		t.Errorf("after the change: %v", got)
	}
	cases := []struct {
		name, method, path string
		attributes         object
		status             int
	}{
		{"no blob", "POST", "", object{"user_id": u, "type": "cert"}, 400},
		{"blob not a string", "POST", "", object{"user_id": u, "type": "cert", "blob": object{"secret": 1}}, 400},
		{"no object for a key", "POST", "", object{"user_id": u, "type": "ec2", "project_id": p, "blob": "x"}, 400},
		{"no access key", "POST", "", object{"user_id": u, "type": "EC2", "project_id": p, "blob": "{}"}, 400},
		{"key without a project", "POST", "", object{"user_id": u, "type": "ec2", "blob": `{"access": "B"}`}, 400},
		{"access key taken", "POST", "", object{"user_id": u, "type": "ec2", "project_id": p, "blob": `{"access": "A"}`}, 409},
		{"blob that is no key any more", "PATCH", "/" + key, object{"blob": "x"}, 400},
		{"another owner", "PATCH", "/" + id, object{"user_id": "x"}, 403},
		{"another project", "PATCH", "/" + key, object{"project_id": "x"}, 403},
		{"another type", "PATCH", "/" + id, object{"type": "ec2"}, 403},
		{"another id", "PATCH", "/" + id, object{"id": "x"}, 400},
		{"no such credential", "PATCH", "/x", object{}, 404},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			r := c.Must(k.status, c.admin, k.method, all+k.path, object{"credential": k.attributes})
			if strings.Contains(string(r.Body), "secret") {
				t.Errorf("the blob is in the error: %s", r.Body)
			}
		})
	}
	c.Must(404, c.admin, "GET", all+"/x", nil)
	c.Must(404, c.admin, "DELETE", all+"/x", nil)
	c.Must(204, own, "DELETE", all+"/"+id, nil)
	c.Must(404, c.admin, "GET", all+"/"+id, nil)
	// Credentials end with their project and with their user.
	c.Must(204, c.admin, "DELETE", v3+"/projects/"+p, nil)
	c.Must(404, c.admin, "GET", all+"/"+key, nil)
	last := make(c.admin, object{"user_id": u, "type": "cert", "blob": "x"})
	c.Must(204, c.admin, "DELETE", v3+"/users/"+u, nil)
	c.Must(404, c.admin, "GET", all+"/"+last, nil)
}

func TestCredentialsEndWithTheDomain(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	d := c.make("domains", "domain", object{"name": "d"})
	u := c.make("users", "user", object{"name": "u", "domain_id": d})
	p := c.make("projects", "project", object{"name": "p", "domain_id": d})
	for _, attributes := range []object{{"user_id": u, "type": "cert", "blob": "x"}, {"user_id": "x", "project_id": p, "type": "cert", "blob": "x"}} {
		c.make("credentials", "credential", attributes)
	}
	c.Must(200, c.admin, "PATCH", v3+"/domains/"+d, object{"domain": object{"enabled": false}})
	c.Must(204, c.admin, "DELETE", v3+"/domains/"+d, nil)
	if got := names(t, c.Must(200, c.admin, "GET", v3+"/credentials", nil), "credentials", "id"); len(got) != 0 {
		t.Errorf("credentials outlive their domain: %v", got)
	}
}

func TestEC2CredentialRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + p + "/users/" + u + "/roles/" + c.roles["member"])
	own := c.login("u", "pw", scope{"project": object{"id": p}})
	all := v3 + "/users/" + u + "/credentials/OS-EC2"
	r := c.Must(201, own, "POST", all, object{"tenant_id": p})
	key := field(t, r, "credential").(object)
	access := key["access"].(string)
	if access == "" || key["secret"] == "" || key["user_id"] != u || key["tenant_id"] != p || key["trust_id"] != nil {
		t.Errorf("credential %v", key)
	}
	shown := field(t, c.Must(200, own, "GET", all+"/"+access, nil), "credential").(object)
	if shown["secret"] != key["secret"] {
		t.Errorf("shown otherwise than made: %v", shown)
	}
	// What a client stored without a key is not among the keys.
	c.make("credentials", "credential", object{"user_id": u, "type": "cert", "blob": "x"})
	if got := names(t, c.Must(200, c.admin, "GET", all, nil), "credentials", "access"); !slices.Equal(got, []string{access}) {
		t.Errorf("keys %v", got)
	}
	c.Must(400, own, "POST", all, object{})
	c.Must(404, own, "POST", all, object{"tenant_id": "x"})
	c.Must(404, c.admin, "POST", v3+"/users/x/credentials/OS-EC2", object{"tenant_id": p})
	c.Must(404, c.admin, "GET", v3+"/users/x/credentials/OS-EC2", nil)
	c.Must(404, own, "GET", all+"/x", nil)
	c.user("v")
	other := c.login("v", "pw", nil)
	c.Must(403, other, "GET", all, nil)
	c.Must(403, other, "POST", all, object{"tenant_id": p})
	c.Must(403, other, "GET", all+"/"+access, nil)
	c.Must(403, other, "DELETE", all+"/"+access, nil)
	c.Must(404, c.admin, "GET", v3+"/users/x/credentials/OS-EC2/"+access, nil)
	// Who has no role to change something with, reads them.
	q := c.make("projects", "project", object{"name": "q"})
	c.grant("projects/" + q + "/users/" + u + "/roles/" + c.roles["reader"])
	for _, in := range []any{"unscoped", scope{"project": object{"id": q}}} {
		reader := c.login("u", "pw", in)
		c.Must(403, reader, "POST", all, object{"tenant_id": p})
		c.Must(403, reader, "DELETE", all+"/"+access, nil)
		c.Must(200, reader, "GET", all+"/"+access, nil)
		c.Must(200, reader, "GET", all, nil)
	}
	c.Must(204, own, "DELETE", all+"/"+access, nil)
	c.Must(404, own, "DELETE", all+"/"+access, nil)
}

// Nobody makes a key for a project that it has no role in, except for others.
func TestS03ForeignProject(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, p := c.user("u"), c.make("projects", "project", object{"name": "p"})
	own := c.login("u", "pw", nil)
	key := object{"credential": object{"user_id": u, "type": "ec2", "project_id": p, "blob": `{"access": "A", "secret": "S"}`}}
	c.Must(403, own, "POST", v3+"/credentials", key)
	c.Must(403, own, "POST", v3+"/users/"+u+"/credentials/OS-EC2", object{"tenant_id": p})
	c.Must(201, c.admin, "POST", v3+"/credentials", key)
	c.Must(201, c.admin, "POST", v3+"/users/"+u+"/credentials/OS-EC2", object{"tenant_id": p})
}

// A delegated token, by a trust or an application credential, neither reads nor
// changes credentials, whatever its roles.
func TestS04DelegatedTokens(t *testing.T) {
	t.Parallel()
	k := newTrusting(t)
	r := k.Must(201, k.token, "POST", v3+"/users/"+k.trustor+"/application_credentials", object{"application_credential": object{"name": "x", "unrestricted": true}})
	tokens := map[string]string{
		"trust": k.login("trustee", "pw", byTrust(k.trust(nil))),
		"application credential": k.issue(object{"auth": object{"identity": object{"methods": []string{"application_credential"}, "application_credential": object{
			"id": field(t, r, "application_credential", "id"), "secret": field(t, r, "application_credential", "secret"),
		}}}}),
	}
	id := field(t, k.Must(201, k.token, "POST", v3+"/credentials", object{"credential": object{"user_id": k.trustor, "type": "totp", "blob": "seed"}}), "credential", "id").(string)
	ec2 := v3 + "/users/" + k.trustor + "/credentials/OS-EC2"
	access := field(t, k.Must(201, k.token, "POST", ec2, object{"tenant_id": k.project}), "credential", "access").(string)
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			k.Must(403, token, "GET", v3+"/credentials", nil)
			k.Must(403, token, "POST", v3+"/credentials", object{"credential": object{"user_id": k.trustor, "type": "cert", "blob": "x"}})
			for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
				k.Must(403, token, method, v3+"/credentials/"+id, object{"credential": object{"blob": "x"}})
			}
			k.Must(403, token, "GET", ec2, nil)
			k.Must(403, token, "POST", ec2, object{"tenant_id": k.project})
			k.Must(403, token, "GET", ec2+"/"+access, nil)
			k.Must(403, token, "DELETE", ec2+"/"+access, nil)
		})
	}
}

// The owner of a credential stays who it is, and others have none of it.
func TestS09CredentialOwner(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, v := c.user("u"), c.user("v")
	own, other := c.login("u", "pw", nil), c.login("v", "pw", nil)
	id := field(t, c.Must(201, own, "POST", v3+"/credentials", object{"credential": object{"user_id": u, "type": "cert", "blob": "x"}}), "credential", "id").(string)
	one := v3 + "/credentials/" + id
	c.Must(403, own, "PATCH", one, object{"credential": object{"user_id": v}})
	c.Must(403, own, "POST", v3+"/credentials", object{"credential": object{"user_id": v, "type": "cert", "blob": "x"}})
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
		c.Must(403, other, method, one, object{"credential": object{"blob": "y", "user_id": v}})
		c.Must(403, other, method, v3+"/credentials/x", object{"credential": object{}})
	}
}

// Who lists credentials sees its own.
func TestS12OwnCredentials(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	u, v := c.user("u"), c.user("v")
	for _, id := range []string{u, v} {
		c.make("credentials", "credential", object{"user_id": id, "type": "totp", "blob": "seed"})
	}
	own := c.login("u", "pw", nil)
	for query, want := range map[string][]string{"": {u}, "?user_id=" + v: {}, "?type=totp": {u}} {
		if got := names(t, c.Must(200, own, "GET", v3+"/credentials"+query, nil), "credentials", "user_id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}
