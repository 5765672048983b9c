package identityapi_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wisp/internal/api/apitest"
	"wisp/internal/identity"
)

// oauthClient signs as RFC 5849 says, in a test's own words.
type oauthClient struct {
	*cloud
	consumer, secret string
	nonces           atomic.Int64
}

func newOAuthClient(t *testing.T, options ...identity.Option) *oauthClient {
	t.Helper()
	c := newCloud(t, options...)
	made := field(t, c.Must(201, c.admin, "POST", v3+"/OS-OAUTH1/consumers", object{"consumer": object{"description": "a client"}}), "consumer").(object)
	return &oauthClient{cloud: c, consumer: made["id"].(string), secret: made["secret"].(string)}
}

func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// header is an Authorization header for a POST with the two secrets. Extra
// parameters of OAuth replace those that it would have.
func (k *oauthClient) header(path, tokenSecret string, extra map[string]string) string {
	params := map[string]string{
		"oauth_consumer_key": k.consumer, "oauth_nonce": fmt.Sprint(k.nonces.Add(1)), "oauth_signature_method": "HMAC-SHA1",
		"oauth_timestamp": fmt.Sprint(time.Now().Unix()), "oauth_version": "1.0",
	}
	for name, value := range extra {
		params[name] = value
	}
	var names, pairs, parts []string
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		pairs = append(pairs, escape(name)+"="+escape(params[name]))
		parts = append(parts, fmt.Sprintf("%s=%q", name, escape(params[name])))
	}
	base := "POST&" + escape(k.URL+path) + "&" + escape(strings.Join(pairs, "&"))
	mac := hmac.New(sha1.New, []byte(escape(k.secret)+"&"+escape(tokenSecret)))
	mac.Write([]byte(base))
	parts = append(parts, `realm=""`, fmt.Sprintf("oauth_signature=%q", escape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))))
	return "OAuth " + strings.Join(parts, ", ")
}

// post sends a signed request and reads the form of the answer.
func (k *oauthClient) post(status int, path, header string, headers ...string) url.Values {
	k.t.Helper()
	r := k.Must(status, "", "POST", path, nil, append([]string{"Authorization", header}, headers...)...)
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		k.t.Fatal(err)
	}
	if kind := r.Header.Get("Content-Type"); status == http.StatusCreated && kind != "application/x-www-form-urlencoded" {
		k.t.Errorf("the answer is %s", kind)
	}
	return form
}

const (
	requestPath = v3 + "/OS-OAUTH1/request_token"
	accessPath  = v3 + "/OS-OAUTH1/access_token"
	tokensPath  = v3 + "/auth/tokens"
)

// granted goes all the way to an access token of admin, with some roles in a project.
func (k *oauthClient) granted(project string, roles ...object) (id, secret string) {
	k.t.Helper()
	asked := k.post(201, requestPath, k.header(requestPath, "", nil), "Requested-Project-Id", project)
	id, secret = asked.Get("oauth_token"), asked.Get("oauth_token_secret")
	r := k.Must(200, k.admin, "PUT", v3+"/OS-OAUTH1/authorize/"+id, object{"roles": roles})
	verifier := field(k.t, r, "token", "oauth_verifier").(string)
	got := k.post(201, accessPath, k.header(accessPath, secret, map[string]string{"oauth_token": id, "oauth_verifier": verifier}))
	// It is used up.
	k.post(404, accessPath, k.header(accessPath, secret, map[string]string{"oauth_token": id, "oauth_verifier": verifier}))
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", got.Get("oauth_expires_at")); err != nil {
		k.t.Error(err)
	}
	return got.Get("oauth_token"), got.Get("oauth_token_secret")
}

func (k *oauthClient) authenticate(status int, id, secret string) *apitest.Response {
	k.t.Helper()
	body := object{"auth": object{"identity": object{"methods": []string{"oauth1"}, "oauth1": object{}}}}
	return k.Must(status, "", "POST", tokensPath, body, "Authorization", k.header(tokensPath, secret, map[string]string{"oauth_token": id}))
}

func TestConsumerRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	all := v3 + "/OS-OAUTH1/consumers"
	made := field(t, c.Must(201, c.admin, "POST", all, object{"consumer": object{"description": "one", "color": "red", "secret": "mine"}}), "consumer").(object)
	id := made["id"].(string)
	if len(made["secret"].(string)) != 32 {
		t.Errorf("consumer %v", made)
	}
	c.Must(200, c.admin, "PATCH", all+"/"+id, object{"consumer": object{"description": "two"}})
	shown := field(t, c.Must(200, c.admin, "GET", all+"/"+id, nil), "consumer").(object)
	if _, has := shown["secret"]; has || shown["description"] != "two" || shown["color"] != "red" || shown["links"].(object)["self"] != c.URL+all+"/"+id {
		t.Errorf("consumer %v", shown)
	}
	if got := names(t, c.Must(200, c.admin, "GET", all, nil), "consumers", "id"); !slices.Equal(got, []string{id}) {
		t.Errorf("consumers %v", got)
	}
	c.Must(400, c.admin, "PATCH", all+"/"+id, object{"consumer": object{"secret": "x"}})
	c.Must(400, c.admin, "PATCH", all+"/"+id, object{"consumer": object{"id": "x"}})
	c.Must(400, c.admin, "POST", all, object{"consumer": object{"description": 1}})
	c.Must(404, c.admin, "GET", all+"/x", nil)
	c.Must(404, c.admin, "PATCH", all+"/x", object{"consumer": object{}})
	c.user("u")
	token := c.login("u", "pw", nil)
	c.Must(403, token, "GET", all, nil)
	c.Must(403, token, "POST", all, object{"consumer": object{}})
	c.Must(204, c.admin, "DELETE", all+"/"+id, nil)
	c.Must(404, c.admin, "DELETE", all+"/"+id, nil)
}

func TestOAuthRoutes(t *testing.T) {
	t.Parallel()
	k := newOAuthClient(t)
	p := k.make("projects", "project", object{"name": "p"})
	self := field(t, k.Must(200, k.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", k.admin), "token", "user", "id").(string)
	k.grant("projects/" + p + "/users/" + self + "/roles/" + k.roles["member"])
	id, secret := k.granted(p, object{"name": "member"})
	own := v3 + "/users/" + self + "/OS-OAUTH1/access_tokens"
	if got := names(t, k.Must(200, k.admin, "GET", own, nil), "access_tokens", "consumer_id"); !slices.Equal(got, []string{k.consumer}) {
		t.Errorf("access tokens of %v", got)
	}
	shown := field(t, k.Must(200, k.admin, "GET", own+"/"+id, nil), "access_token").(object)
	if _, has := shown["access_secret"]; has || shown["project_id"] != p || shown["authorizing_user_id"] != self {
		t.Errorf("access token %v", shown)
	}
	if got := names(t, k.Must(200, k.admin, "GET", own+"/"+id+"/roles", nil), "roles", "name"); !slices.Equal(got, []string{"member"}) {
		t.Errorf("roles %v", got)
	}
	k.Must(200, k.admin, "GET", own+"/"+id+"/roles/"+k.roles["member"], nil)
	k.Must(404, k.admin, "GET", own+"/"+id+"/roles/"+k.roles["admin"], nil)
	k.Must(404, k.admin, "GET", own+"/x", nil)
	k.Must(404, k.admin, "GET", own+"/x/roles", nil)
	k.Must(404, k.admin, "GET", v3+"/users/x/OS-OAUTH1/access_tokens/"+id, nil)
	k.Must(404, k.admin, "DELETE", own+"/x", nil)

	r := k.authenticate(201, id, secret)
	token := r.Header.Get("X-Subject-Token")
	described := field(t, r, "token").(object)
	if described["project"].(object)["id"] != p || described["user"].(object)["id"] != self || described["OS-OAUTH1"].(object)["consumer_id"] != k.consumer || described["OS-OAUTH1"].(object)["access_token_id"] != id {
		t.Errorf("token %v", described)
	}
	k.Must(200, token, "GET", v3+"/projects/"+p, nil)
	// It becomes no other token and grants nothing.
	k.Must(403, "", "POST", tokensPath, tokenAuth(token, scope{"project": object{"id": p}}))
	k.Must(403, token, "POST", v3+"/OS-TRUST/trusts", object{"trust": object{"trustor_user_id": self, "trustee_user_id": self, "impersonation": true}})
	k.Must(403, token, "GET", v3+"/credentials", nil)
	k.Must(403, token, "POST", v3+"/users/"+self+"/application_credentials", object{"application_credential": object{"name": "x"}})
	k.Must(204, k.admin, "DELETE", own+"/"+id, nil)
	k.Must(401, token, "GET", v3+"/projects/"+p, nil)
	k.authenticate(401, id, secret)
}

// A token by OAuth has the roles that were granted, and of these those that the
// user still has.
func TestS11OAuthRoles(t *testing.T) {
	t.Parallel()
	k := newOAuthClient(t)
	p := k.make("projects", "project", object{"name": "p"})
	self := field(t, k.Must(200, k.admin, "GET", v3+"/auth/tokens", nil, "X-Subject-Token", k.admin), "token", "user", "id").(string)
	for _, role := range []string{"admin", "member"} {
		k.grant("projects/" + p + "/users/" + self + "/roles/" + k.roles[role])
	}
	id, secret := k.granted(p, object{"id": k.roles["reader"]})
	r := k.authenticate(201, id, secret)
	if roles := field(t, r, "token", "roles").([]any); len(roles) != 1 || roles[0].(object)["name"] != "reader" {
		t.Errorf("roles %v", roles)
	}
	token := r.Header.Get("X-Subject-Token")
	k.Must(403, token, "GET", v3+"/users", nil)
	own := v3 + "/users/" + self + "/OS-OAUTH1/access_tokens"
	k.Must(403, token, "GET", own, nil)
	// Even with admin it manages no access tokens.
	id, secret = k.granted(p, object{"name": "admin"})
	powerful := k.authenticate(201, id, secret).Header.Get("X-Subject-Token")
	k.Must(200, powerful, "GET", v3+"/users", nil)
	for _, method := range []string{"GET", "DELETE"} {
		k.Must(403, powerful, method, own+"/"+id, nil)
	}
	k.Must(403, powerful, "GET", own, nil)
	asked := k.post(201, requestPath, k.header(requestPath, "", nil), "Requested-Project-Id", p)
	k.Must(403, powerful, "PUT", v3+"/OS-OAUTH1/authorize/"+asked.Get("oauth_token"), object{"roles": []object{{"name": "admin"}}})
	for _, role := range []string{"admin", "member"} {
		k.Must(204, k.admin, "DELETE", v3+"/projects/"+p+"/users/"+self+"/roles/"+k.roles[role], nil)
	}
	k.Must(401, token, "GET", v3+"/projects/"+p, nil)
	k.authenticate(401, id, secret)
	// With the consumer goes all that it got.
	k.Must(204, k.admin, "DELETE", v3+"/OS-OAUTH1/consumers/"+k.consumer, nil)
	k.Must(404, k.admin, "GET", own+"/"+id, nil)
}

func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	k := newOAuthClient(t, identity.WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }))
	p := k.make("projects", "project", object{"name": "p"})
	with := func(extra map[string]string) string { return k.header(requestPath, "", extra) }
	good := with(nil)
	cases := []struct {
		name, header, project string
		status                int
	}{
		{"good", good, p, 201},
		{"the same again", good, p, 401},
		{"not signed", "", p, 400},
		{"another scheme", "Basic x", p, 400},
		{"no consumer", with(map[string]string{"oauth_consumer_key": ""}), p, 400},
		{"unknown consumer", with(map[string]string{"oauth_consumer_key": "x"}), p, 401},
		{"no project", with(nil), "", 400},
		{"unknown project", with(nil), "x", 404},
		{"plain text", with(map[string]string{"oauth_signature_method": "PLAINTEXT"}), p, 400},
		{"another version", with(map[string]string{"oauth_version": "2.0"}), p, 400},
		{"no nonce", with(map[string]string{"oauth_nonce": ""}), p, 400},
		{"no time", with(map[string]string{"oauth_timestamp": "now"}), p, 400},
		{"an old one", with(map[string]string{"oauth_timestamp": fmt.Sprint(time.Now().Add(-time.Hour).Unix())}), p, 401},
		{"one of tomorrow", with(map[string]string{"oauth_timestamp": fmt.Sprint(time.Now().Add(time.Hour).Unix())}), p, 401},
		{"the wrong secret", k.header(requestPath, "x", nil), p, 401},
		{"for another URL", k.header(accessPath, "", nil), p, 401},
		{"a parameter twice", with(nil) + `, oauth_version="1.0"`, p, 400},
		{"not encoded", with(nil) + `, x="%zz"`, p, 400},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			k.post(one.status, requestPath, one.header, "Requested-Project-Id", one.project)
		})
	}
	ask := func() (id, secret string) {
		asked := k.post(201, requestPath, with(nil), "Requested-Project-Id", p)
		return asked.Get("oauth_token"), asked.Get("oauth_token_secret")
	}
	id, secret := ask()
	authorize := v3 + "/OS-OAUTH1/authorize/"
	roles := object{"roles": []object{{"name": "reader"}}}
	k.Must(401, k.admin, "PUT", authorize+id, roles) // admin has no role in the project
	k.Must(404, k.admin, "PUT", authorize+"x", roles)
	k.Must(400, k.admin, "PUT", authorize+id, object{"roles": 1})
	k.Must(404, k.admin, "PUT", authorize+id, object{"roles": []object{{"name": "x"}}})
	u := k.user("u")
	k.grant("projects/" + p + "/users/" + u + "/roles/" + k.roles["admin"])
	k.Must(403, k.login("u", "pw", nil), "PUT", authorize+id, roles)
	token := k.login("u", "pw", scope{"project": object{"id": p}})
	access := func(status int, id, secret, verifier string) {
		t.Helper()
		k.post(status, accessPath, k.header(accessPath, secret, map[string]string{"oauth_token": id, "oauth_verifier": verifier}))
	}
	access(401, id, secret, "nobody's") // nobody has granted it
	verifier := field(t, k.Must(200, token, "PUT", authorize+id, roles), "token", "oauth_verifier").(string)
	access(401, id, secret, "12345678")
	access(401, id, "wrong", verifier)
	access(400, id, secret, "")
	access(400, "", secret, verifier)
	access(404, "x", secret, verifier)
	// Another consumer has no use for it.
	other := field(t, k.Must(201, k.admin, "POST", v3+"/OS-OAUTH1/consumers", object{"consumer": object{}}), "consumer").(object)
	thief := &oauthClient{cloud: k.cloud, consumer: other["id"].(string), secret: other["secret"].(string)}
	thief.post(401, accessPath, thief.header(accessPath, secret, map[string]string{"oauth_token": id, "oauth_verifier": verifier}))
	k.Must(400, "", "POST", tokensPath, object{"auth": object{"identity": object{"methods": []string{"oauth1"}}}}, "Authorization", k.header(tokensPath, "", nil))
	ahead.Store(int64(9 * time.Hour))
	k.post(401, accessPath, k.header(accessPath, secret, map[string]string{"oauth_token": id, "oauth_verifier": verifier, "oauth_timestamp": fmt.Sprint(time.Now().Add(9 * time.Hour).Unix())}))
}
