package identityapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
)

// ec2Tokens are the routes by which services ask who has signed a request to
// them. Only services may: else a signature that was seen would be a token.
func (f *face) ec2Tokens() []api.Route {
	return []api.Route{
		route(http.MethodPost, "/ec2tokens", "identity:ec2tokens_validate", 0, nil, f.issueEC2),
		route(http.MethodPost, "/s3tokens", "identity:s3tokens_validate", 0, nil, f.issueS3),
	}
}

// wireSigned is what a service has seen: of EC2, or of S3 where Token is set.
type wireSigned struct {
	Access    string            `json:"access"`
	Signature string            `json:"signature"`
	Verb      string            `json:"verb"`
	Host      string            `json:"host"`
	Path      string            `json:"path"`
	BodyHash  string            `json:"body_hash"`
	Params    map[string]string `json:"params"`
	Headers   map[string]string `json:"headers"`
	Token     string            `json:"token"`
}

// signedBody reads the object, which has had three names.
func signedBody(r *api.Request) (wireSigned, error) {
	var w wireSigned
	var whole map[string]json.RawMessage
	if err := r.Bind(&whole); err != nil {
		return w, err
	}
	for _, name := range []string{"credentials", "credential", "ec2Credentials"} {
		if raw, ok := whole[name]; ok {
			if err := api.Decode(raw, &w); err != nil {
				return w, err
			}
			break
		}
	}
	if w.Access == "" || w.Signature == "" {
		return w, errs.New(errs.Unauthenticated, "EC2 Signature not supplied")
	}
	return w, nil
}

func (f *face) issueEC2(r *api.Request) (any, error) {
	w, err := signedBody(r)
	if err != nil {
		return nil, err
	}
	t, err := f.svc.IssueEC2(r.Context(), identity.EC2Request{
		Access: w.Access, Signature: w.Signature, Verb: w.Verb, Host: w.Host, Path: w.Path, BodyHash: w.BodyHash, Params: w.Params, Headers: w.Headers,
	})
	if err != nil {
		return nil, err
	}
	return f.tokenBody(r, t)
}

// issueS3 describes a token and does not give it: a service of S3 only asks who
// it is.
func (f *face) issueS3(r *api.Request) (any, error) {
	w, err := signedBody(r)
	if err != nil {
		return nil, err
	}
	text, err := base64.URLEncoding.DecodeString(w.Token)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "Invalid input for field 'token': it is not base64")
	}
	t, err := f.svc.IssueS3(r.Context(), identity.S3Request{Access: w.Access, Signature: w.Signature, Text: string(text)})
	if err != nil {
		return nil, err
	}
	body, err := f.tokenBody(r, t)
	r.Writer.Header().Del("X-Subject-Token")
	return body, err
}
