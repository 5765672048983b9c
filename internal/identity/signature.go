package identity

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 5849 has no other that clients know
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/errs"
)

// signatureLife is how far the time of a signature may be from now.
const signatureLife = 10 * time.Minute

// SignedRequest is a request that a consumer has signed by OAuth 1.0a: what of
// it goes into the signature (RFC 5849, section 3.4), and the signature.
type SignedRequest struct {
	method string
	url    string     // scheme, host and path
	params url.Values // of the query, the form and the header, without the realm
	signed map[string]string
}

// ParseSigned reads the Authorization header of a request. target is the URL
// without its query; params are those of the query and of a form in the body.
func ParseSigned(method, target string, params url.Values, authorization string) (*SignedRequest, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, errs.New(errs.Invalid, "An Authorization header of the scheme OAuth is needed.")
	}
	at, err := url.Parse(target)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "The request's URL cannot be read.")
	}
	host := strings.ToLower(at.Host)
	if s, ok := map[string]string{"http": ":80", "https": ":443"}[at.Scheme]; ok {
		host = strings.TrimSuffix(host, s)
	}
	r := &SignedRequest{method: strings.ToUpper(method), url: strings.ToLower(at.Scheme) + "://" + host + at.EscapedPath(), params: url.Values{}, signed: map[string]string{}}
	for name, values := range params {
		r.params[name] = slices.Clone(values)
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			continue
		}
		value, err := url.PathUnescape(strings.Trim(value, `"`))
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "The Authorization header cannot be read.")
		}
		if _, twice := r.signed[name]; twice {
			return nil, errs.New(errs.Invalid, "The Authorization header has %s twice.", name)
		}
		if r.signed[name] = value; name != "realm" && name != "oauth_signature" {
			r.params.Add(name, value)
		}
	}
	return r, nil
}

func (r *SignedRequest) oauth(name string) string { return r.signed[name] }

// Consumer is the id of the consumer that the request says to be of.
func (r *SignedRequest) Consumer() string { return r.signed["oauth_consumer_key"] }

// id tells a signed request from every other.
func (r *SignedRequest) id() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.Consumer(), r.oauth("oauth_token"), r.oauth("oauth_timestamp"), r.oauth("oauth_nonce")}, "\n")))
	return hex.EncodeToString(sum[:])
}

var signatureHashes = map[string]func() hash.Hash{"HMAC-SHA1": sha1.New, "HMAC-SHA256": sha256.New, "HMAC-SHA512": sha512.New}

// verify checks the signature with the two secrets, and that it is of now.
func (r *SignedRequest) verify(consumerSecret, tokenSecret string, now time.Time) error {
	method, known := signatureHashes[r.oauth("oauth_signature_method")]
	if !known {
		return errs.New(errs.Invalid, "Validation failed with errors: invalid_signature_method, detail message is: Invalid signature method.")
	}
	if v := r.oauth("oauth_version"); v != "" && v != "1.0" {
		return errs.New(errs.Invalid, "Validation failed with errors: invalid_request, detail message is: Invalid OAuth version.")
	}
	seconds, err := strconv.ParseInt(r.oauth("oauth_timestamp"), 10, 64)
	if err != nil || r.oauth("oauth_nonce") == "" {
		return errs.New(errs.Invalid, "Validation failed with errors: invalid_request, detail message is: a timestamp and a nonce are needed.")
	}
	mac := hmac.New(method, []byte(percent(consumerSecret)+"&"+percent(tokenSecret)))
	mac.Write([]byte(r.base()))
	given, err := base64.StdEncoding.DecodeString(r.oauth("oauth_signature"))
	if err != nil || subtle.ConstantTimeCompare(given, mac.Sum(nil)) != 1 {
		return unauthenticated("the signature is wrong")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off.Abs() > signatureLife {
		return unauthenticated("the signature is not of now")
	}
	return nil
}

// base is the text that is signed: RFC 5849, section 3.4.1.
func (r *SignedRequest) base() string {
	var pairs []string
	for name, values := range r.params {
		for _, value := range values {
			pairs = append(pairs, percent(name)+"="+percent(value))
		}
	}
	// By name, then by value: '=' sorts after some characters of names.
	slices.SortFunc(pairs, func(a, b string) int {
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		if an != bn {
			return strings.Compare(an, bn)
		}
		return strings.Compare(av, bv)
	})
	return r.method + "&" + percent(r.url) + "&" + percent(strings.Join(pairs, "&"))
}

// percent encodes as RFC 5849, section 3.6: all but unreserved characters.
func percent(text string) string {
	return strings.NewReplacer("+", "%20", "%7E", "~").Replace(url.QueryEscape(text))
}
