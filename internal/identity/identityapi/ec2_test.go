package identityapi_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// ec2Key makes a key of a user who is a member of a project.
func ec2Key(t *testing.T, c *cloud) (user, project, access, secret string) {
	t.Helper()
	user, project = c.user("u"), c.make("projects", "project", object{"name": "p"})
	c.grant("projects/" + project + "/users/" + user + "/roles/" + c.roles["member"])
	r := c.Must(201, c.admin, "POST", v3+"/users/"+user+"/credentials/OS-EC2", object{"tenant_id": project})
	key := field(t, r, "credential").(object)
	return user, project, key["access"].(string), key["secret"].(string)
}

// signedEC2 is what a service saw of a request that was signed by version 2.
func signedEC2(access, secret string) object {
	params := map[string]string{
		"AWSAccessKeyId": access, "Action": "DescribeInstances", "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
		"Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z"),
	}
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, name+"="+url.QueryEscape(value))
	}
	slices.Sort(pairs)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("GET\nx\n/\n" + strings.Join(pairs, "&")))
	return object{"access": access, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "verb": "GET", "host": "x", "path": "/", "params": params}
}

func TestEC2TokenRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	user, project, access, secret := ec2Key(t, c)
	for _, name := range []string{"credentials", "credential", "ec2Credentials"} {
		r := c.Must(200, c.admin, "POST", v3+"/ec2tokens", object{name: signedEC2(access, secret)})
		token := r.Header.Get("X-Subject-Token")
		described := field(t, r, "token").(object)
		if described["user"].(object)["id"] != user || described["project"].(object)["id"] != project || described["methods"].([]any)[0] != "ec2credential" {
			t.Errorf("token %v", described)
		}
		c.Must(200, token, "GET", v3+"/projects/"+project, nil)
		// It becomes no other token, and manages nothing that would outlive it.
		c.Must(401, "", "POST", v3+"/auth/tokens", tokenAuth(token, scope{"project": object{"id": project}}))
		c.Must(403, token, "GET", v3+"/credentials", nil)
		c.Must(403, token, "POST", v3+"/users/"+user+"/application_credentials", object{"application_credential": object{"name": "x"}})
		c.Must(403, token, "POST", v3+"/OS-TRUST/trusts", object{"trust": object{"trustor_user_id": user, "trustee_user_id": user, "impersonation": true}})
	}
	r := c.Must(200, c.admin, "POST", v3+"/ec2tokens", object{"credentials": signedEC2(access, secret)})
	ends := r.Header.Get("X-Subject-Token")
	text := "GET\n\n\n" + time.Now().UTC().Format(time.RFC1123) + "\n/bucket"
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	s3 := object{"access": access, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "token": base64.URLEncoding.EncodeToString([]byte(text))}
	r = c.Must(200, c.admin, "POST", v3+"/s3tokens", object{"credentials": s3})
	if field(t, r, "token", "user", "id") != user || r.Header.Get("X-Subject-Token") != "" {
		t.Errorf("%s, headers %v", r.Body, r.Header)
	}
	for _, body := range []object{{}, {"credentials": object{}}, {"credentials": object{"access": access}}, {"credentials": signedEC2(access, "wrong")}, {"credentials": signedEC2("x", secret)}} {
		c.Must(401, c.admin, "POST", v3+"/ec2tokens", body)
	}
	c.Must(400, c.admin, "POST", v3+"/ec2tokens", object{"credentials": object{"access": 1}})
	c.Must(400, c.admin, "POST", v3+"/s3tokens", object{"credentials": object{"access": access, "signature": "x", "token": "é"}})
	c.Must(401, c.admin, "POST", v3+"/s3tokens", object{"credentials": object{}})
	// What was had with a key ends with it, and only that.
	other := c.Must(201, c.admin, "POST", v3+"/users/"+user+"/credentials/OS-EC2", object{"tenant_id": project})
	kept := field(t, other, "credential").(object)
	stays := c.Must(200, c.admin, "POST", v3+"/ec2tokens", object{"credentials": signedEC2(kept["access"].(string), kept["secret"].(string))}).Header.Get("X-Subject-Token")
	c.Must(200, ends, "GET", v3+"/projects/"+project, nil)
	c.Must(204, c.admin, "DELETE", v3+"/users/"+user+"/credentials/OS-EC2/"+access, nil)
	c.Must(401, ends, "GET", v3+"/projects/"+project, nil)
	c.Must(200, stays, "GET", v3+"/projects/"+project, nil)
}

// Only services may ask who has signed a request: nobody gets a token for a
// signature that was seen.
func TestS06SignedTokensAreForServices(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	_, project, access, secret := ec2Key(t, c)
	service := c.user("service")
	c.grant("projects/" + project + "/users/" + service + "/roles/" + c.roles["service"])
	body := object{"credentials": signedEC2(access, secret)}
	for _, path := range []string{"/ec2tokens", "/s3tokens"} {
		c.Must(401, "", "POST", v3+path, body)
		c.Must(403, c.login("u", "pw", scope{"project": object{"id": project}}), "POST", v3+path, body)
	}
	c.Must(200, c.login("service", "pw", scope{"project": object{"id": project}}), "POST", v3+"/ec2tokens", body)
}
