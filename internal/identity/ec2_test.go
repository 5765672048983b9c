package identity_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store/storetest"
)

// awsSecret is that of the examples in Amazon's documentation.
const awsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// signing is a cloud at a moment, with a key of a user who is a member of a
// project.
func signing(t *testing.T, at time.Time, access, secret string) *identity.Service {
	t.Helper()
	s := start(t, storetest.SQLite(t), "", identity.WithClock(func() time.Time { return at }))
	p := project(t, s)
	u, _ := member(t, s, "u", p)
	c := identity.StoredCredential{UserID: u.ID, ProjectID: &p, Type: identity.TypeEC2, Blob: `{"access": "` + access + `", "secret": "` + secret + `"}`}
	if _, err := s.CreateStoredCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return s
}

// fourth is the example of signature version 4: a request to IAM for its users.
func fourth() identity.EC2Request {
	return identity.EC2Request{
		Access: "AKIDEXAMPLE", Signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		Verb: "GET", Host: "iam.amazonaws.com", Path: "/", BodyHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Params: map[string]string{"Action": "ListUsers", "Version": "2010-05-08"},
		Headers: map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=x",
			"Content-Type":  "application/x-www-form-urlencoded; charset=utf-8", "Host": "iam.amazonaws.com", "X-Amz-Date": "20150830T123600Z",
		},
	}
}

// second is the example of signature version 2: a request for job flows.
func second() identity.EC2Request {
	return identity.EC2Request{
		Access: "AKIAIOSFODNN7EXAMPLE", Signature: "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=", Verb: "GET", Host: "elasticmapreduce.amazonaws.com", Path: "/",
		Params: map[string]string{
			"AWSAccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Action": "DescribeJobFlows", "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
			"Timestamp": "2011-10-03T15:19:30", "Version": "2009-03-31",
		},
	}
}

// The examples that Amazon gives are accepted at their time, and no others.
func TestEC2Signatures(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		request func() identity.EC2Request
		at      time.Time
		secret  string
		wrong   map[string]func(r *identity.EC2Request)
	}{
		"version 4": {fourth, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), awsSecret, map[string]func(r *identity.EC2Request){
			"verb":      func(r *identity.EC2Request) { r.Verb = "PUT" },
			"path":      func(r *identity.EC2Request) { r.Path = "/x" },
			"parameter": func(r *identity.EC2Request) { r.Params["Action"] = "DeleteUsers" },
			"header":    func(r *identity.EC2Request) { r.Headers["Host"] = "x" },
			"body":      func(r *identity.EC2Request) { r.BodyHash = "x" },
			"date":      func(r *identity.EC2Request) { r.Headers["X-Amz-Date"] = "20150830T123700Z" },
			"no date":   func(r *identity.EC2Request) { delete(r.Headers, "X-Amz-Date") },
			"key":       func(r *identity.EC2Request) { r.Access = "x" },
			"scope": func(r *identity.EC2Request) {
				r.Headers["Authorization"] = strings.Replace(r.Headers["Authorization"], "/iam/", "/", 1)
			},
			"another's": func(r *identity.EC2Request) {
				r.Headers["Authorization"] = strings.Replace(r.Headers["Authorization"], "AKIDEXAMPLE", "x", 1)
			},
			"no version": func(r *identity.EC2Request) { delete(r.Headers, "Authorization") },
			"signature":  func(r *identity.EC2Request) { r.Signature = "" },
		}},
		"version 2": {second, time.Date(2011, 10, 3, 15, 19, 30, 0, time.UTC), strings.Replace(awsSecret, "+", "/", 1), map[string]func(r *identity.EC2Request){
			"verb":    func(r *identity.EC2Request) { r.Verb = "POST" },
			"host":    func(r *identity.EC2Request) { r.Host = "x" },
			"time":    func(r *identity.EC2Request) { r.Params["Timestamp"] = "2011-10-03T15:19:31" },
			"no time": func(r *identity.EC2Request) { delete(r.Params, "Timestamp") },
			"version": func(r *identity.EC2Request) { r.Params["SignatureVersion"] = "1" },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signing(t, k.at, k.request().Access, k.secret)
			token, err := s.IssueEC2(t.Context(), k.request())
			if err != nil {
				t.Fatal(err)
			}
			if token.User.Name != "u" || token.Project == nil || len(token.Roles) != 2 || token.Methods[0] != identity.MethodEC2 || !accepts(t, s, token) {
				t.Errorf("token %+v", token)
			}
			for name, change := range k.wrong {
				r := k.request()
				change(&r)
				if _, err := s.IssueEC2(t.Context(), r); !errs.Is(err, errs.Unauthenticated) {
					t.Errorf("another %s: %v", name, err)
				}
			}
		})
	}
	// With the port in the host the signature may be without it.
	s := signing(t, time.Date(2011, 10, 3, 15, 19, 30, 0, time.UTC), "AKIAIOSFODNN7EXAMPLE", strings.Replace(awsSecret, "+", "/", 1))
	r := second()
	r.Host += ":8773"
	if _, err := s.IssueEC2(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// The example of the older S3 signature, and one of the newer.
func TestS3Signatures(t *testing.T) {
	t.Parallel()
	const text = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg"
	secret := strings.Replace(awsSecret, "+", "/", 1)
	s := signing(t, time.Date(2007, 3, 27, 19, 36, 42, 0, time.UTC), "A", secret)
	good := identity.S3Request{Access: "A", Signature: "bWq2s1WEIj+Ydj0vQ697zp+IXMU=", Text: text}
	if token, err := s.IssueS3(t.Context(), good); err != nil || token.User.Name != "u" {
		t.Errorf("token %+v, error %v", token, err)
	}
	for name, r := range map[string]identity.S3Request{
		"another text":  {Access: "A", Signature: good.Signature, Text: text + "x"},
		"short":         {Access: "A", Signature: good.Signature, Text: "GET"},
		"no time":       {Access: "A", Signature: good.Signature, Text: "GET\n\n\n\n/x"},
		"expired":       {Access: "A", Signature: good.Signature, Text: "GET\n\n\n1\n/x"},
		"wrong expiry":  {Access: "A", Signature: good.Signature, Text: "GET\n\n\n1175030202\n/x"},
		"wrong header":  {Access: "A", Signature: good.Signature, Text: "GET\n\n\n\nx-amz-date:Tue, 27 Mar 2007 19:36:42 +0000\n/x"},
		"short newer":   {Access: "A", Signature: good.Signature, Text: "AWS4-HMAC-SHA256\nx"},
		"newer, old":    {Access: "A", Signature: good.Signature, Text: "AWS4-HMAC-SHA256\n20060327T193642Z\n20060327/r/s3/aws4_request\nx"},
		"another thing": {Access: "A", Signature: good.Signature, Text: "AWS4-HMAC-SHA256\n20070327T193642Z\n20070327/r/ec2/aws4_request\nx"},
		"newer":         {Access: "A", Signature: good.Signature, Text: "AWS4-HMAC-SHA256\n20070327T193642Z\n20070327/r/s3/aws4_request\nx"},
		"unknown key":   {Access: "B", Signature: good.Signature, Text: text},
	} {
		if _, err := s.IssueS3(t.Context(), r); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What IAM's example signs is as good for S3's way of asking.
	s = signing(t, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), "AKIDEXAMPLE", awsSecret)
	newer := identity.S3Request{
		Access: "AKIDEXAMPLE", Signature: fourth().Signature,
		Text: "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\nf536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59",
	}
	if _, err := s.IssueS3(t.Context(), newer); err != nil {
		t.Error(err)
	}
}

// A signature is good for a quarter of an hour.
func TestS10OldSignatures(t *testing.T) {
	t.Parallel()
	signed := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for after, accepted := range map[time.Duration]bool{14 * time.Minute: true, 16 * time.Minute: false, -16 * time.Minute: false} {
		s := signing(t, signed.Add(after), "AKIDEXAMPLE", awsSecret)
		if _, err := s.IssueEC2(t.Context(), fourth()); (err == nil) != accepted {
			t.Errorf("%s after it was signed: %v", after, err)
		}
	}
}

// A key that is none, or whose user has lost the project, is good for nothing.
func TestKeysOfNoUse(t *testing.T) {
	t.Parallel()
	s := start(t, storetest.SQLite(t), "", identity.WithClock(func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) }))
	p := project(t, s)
	for name, c := range map[string]identity.StoredCredential{
		"no secret":      {UserID: "u", ProjectID: &p, Type: identity.TypeEC2, Blob: `{"access": "AKIDEXAMPLE"}`},
		"unknown user":   {UserID: "u", ProjectID: &p, Type: identity.TypeEC2, Blob: `{"access": "AKIDEXAMPLE", "secret": "` + awsSecret + `"}`},
		"not of the key": {UserID: "u", ProjectID: &p, Type: identity.TypeEC2, Blob: `{"access": "AKIDEXAMPLE", "secret": "x"}`},
	} {
		made, err := s.CreateStoredCredential(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.IssueEC2(t.Context(), fourth()); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.DeleteStoredCredential(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.IssueS3(t.Context(), identity.S3Request{Access: "x", Text: base64.StdEncoding.EncodeToString(nil)}); !errs.Is(err, errs.Unauthenticated) {
		t.Error(err)
	}
}
