package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // S3's older signature has no other
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/errs"
)

// ec2Life is how old a signature of EC2 or S3 may be.
const ec2Life = 15 * time.Minute

// EC2Request is what a service saw of a request to it that was signed with an
// EC2 key: by version 2 or 4 of the signatures that clients of EC2 make.
type EC2Request struct {
	Access, Signature string
	Verb, Host, Path  string
	BodyHash          string // SHA-256 of the body, for version 4
	Params, Headers   map[string]string
}

// S3Request is what a service of S3 saw of a request to it: the text that was
// signed, and the signature.
type S3Request struct {
	Access, Signature string
	Text              string
}

// IssueEC2 returns a token for who has signed a request with an EC2 key: for
// the key's user and project. Every fault is the same Unauthenticated.
func (s *Service) IssueEC2(ctx context.Context, r EC2Request) (*Token, error) {
	return s.issueSigned(ctx, r.Access, func(secret string) error { return r.verify(secret, s.now()) })
}

// IssueS3 is IssueEC2 for requests to services of S3.
func (s *Service) IssueS3(ctx context.Context, r S3Request) (*Token, error) {
	return s.issueSigned(ctx, r.Access, func(secret string) error { return r.verify(secret, s.now()) })
}

func (s *Service) issueSigned(ctx context.Context, access string, verify func(secret string) error) (*Token, error) {
	c, err := s.StoredCredential(ctx, EC2CredentialID(access))
	if errs.Is(err, errs.NotFound) {
		return nil, unauthenticated("there is no such access key")
	}
	if err != nil {
		return nil, err
	}
	key, err := c.Key()
	if err != nil || !strings.EqualFold(c.Type, TypeEC2) || key.Access != access || key.Secret == "" || c.ProjectID == nil {
		return nil, unauthenticated("the credential is no EC2 key, or not one with this access key")
	}
	if err := verify(key.Secret); err != nil {
		return nil, err
	}
	p := &payload{methods: 1 << slices.Index(methodBits, MethodEC2), userID: c.UserID, scope: scopeProject, scopeID: *c.ProjectID, credential: c.ID, issued: s.time()}
	p.expires = p.issued.Add(s.lifetime)
	var own [16]byte
	if _, err := rand.Read(own[:]); err != nil {
		return nil, fmt.Errorf("make audit id: %w", err)
	}
	p.audit = [][16]byte{own}
	revision, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	resolved, err := s.look(ctx, "", p, revision)
	if err != nil {
		return nil, err
	}
	return s.hand(ctx, resolved)
}

// signed tells whether the token was had with an EC2 key. Its credential is
// that key's.
func (p *payload) signed() bool { return p.methods&(1<<slices.Index(methodBits, MethodEC2)) != 0 }

// lookKey refuses a token whose EC2 key is gone, or not one of its user and
// project any more.
func (s *Service) lookKey(ctx context.Context, p *payload) error {
	var c StoredCredential
	err := s.db.Read().NewSelect().Model(&c).Column("user_id", "project_id", "type").Where("id = ?", p.credential).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return unauthenticated("the EC2 key is gone")
	}
	if err != nil {
		return fmt.Errorf("read the EC2 key: %w", err)
	}
	if c.UserID != p.userID || c.ProjectID == nil || *c.ProjectID != p.scopeID || !strings.EqualFold(c.Type, TypeEC2) {
		return unauthenticated("the EC2 key is of another user or project")
	}
	return nil
}

func mac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func mac1(key []byte, text string) []byte {
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// fresh refuses a time that is no time, or not one of the last minutes.
func fresh(text string, now time.Time, layouts ...string) error {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			if now.Sub(at).Abs() > ec2Life {
				return unauthenticated("the signature is not of now")
			}
			return nil
		}
	}
	return unauthenticated("the signature's time cannot be read")
}

const (
	amzDate   = "20060102T150405Z"
	algorithm = "AWS4-HMAC-SHA256"
)

func (r *EC2Request) verify(secret string, now time.Time) error {
	if r.Params["SignatureVersion"] == "2" {
		if err := fresh(r.Params["Timestamp"], now, time.RFC3339Nano, "2006-01-02T15:04:05"); err != nil {
			return err
		}
		hosts := []string{r.Host}
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			hosts = append(hosts, name) // some clients sign without the port
		}
		for _, host := range hosts {
			if same(r.Signature, r.second(secret, host)) {
				return nil
			}
		}
		return unauthenticated("the EC2 signature is wrong")
	}
	if !strings.HasPrefix(r.Headers["Authorization"], algorithm) && r.Params["X-Amz-Algorithm"] != algorithm {
		return unauthenticated("the EC2 signature is of no version that is known")
	}
	return r.verifyFourth(secret, now)
}

// query is the canonical form of the parameters.
func (r *EC2Request) query(without ...string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		if !slices.Contains(without, name) {
			pairs = append(pairs, percent(name)+"="+percent(r.Params[name]))
		}
	}
	return strings.Join(pairs, "&")
}

// second is the signature of version 2, by HMAC-SHA256.
func (r *EC2Request) second(secret, host string) string {
	text := strings.Join([]string{r.Verb, host, r.Path, r.query("Signature")}, "\n")
	return base64.StdEncoding.EncodeToString(mac256([]byte(secret), text))
}

// part is one of the fields of version 4: of the Authorization header, or of
// the parameters.
func (r *EC2Request) part(name string) string {
	header, ok := r.Headers["Authorization"]
	if !ok {
		return r.Params["X-Amz-"+name]
	}
	for field := range strings.SplitSeq(strings.TrimPrefix(header, algorithm), ",") {
		if key, value, _ := strings.Cut(strings.TrimSpace(field), "="); key == name {
			return value
		}
	}
	return ""
}

func (r *EC2Request) verifyFourth(secret string, now time.Time) error {
	date, ok := r.Headers["X-Amz-Date"]
	if !ok {
		date = r.Params["X-Amz-Date"]
	}
	if err := fresh(date, now, amzDate); err != nil {
		return err
	}
	access, scope, _ := strings.Cut(r.part("Credential"), "/")
	parts := strings.Split(scope, "/")
	if access != r.Access || len(parts) != 4 || parts[3] != "aws4_request" || !strings.HasPrefix(date, parts[0]+"T") {
		return unauthenticated("the EC2 signature is of another key, or of another day")
	}
	headers := map[string]string{}
	for name, value := range r.Headers {
		headers[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	names := r.part("SignedHeaders")
	var signed strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		if value, ok := headers[name]; ok {
			signed.WriteString(name + ":" + value + "\n")
		}
	}
	query := ""
	if !strings.EqualFold(r.Verb, "POST") { // a form has them in the body
		query = r.query("X-Amz-Signature")
	}
	request := strings.Join([]string{strings.ToUpper(r.Verb), r.Path, query, signed.String(), names, r.BodyHash}, "\n")
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{algorithm, date, scope, hex.EncodeToString(sum[:])}, "\n")
	if !same(r.Signature, fourth(secret, parts, text)) {
		return unauthenticated("the EC2 signature is wrong")
	}
	return nil
}

// fourth is the signature of version 4 of a text, for a scope of day, region,
// service and a constant.
func fourth(secret string, scope []string, text string) string {
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac256(key, part)
	}
	return hex.EncodeToString(mac256(key, text))
}

func (r *S3Request) verify(secret string, now time.Time) error {
	lines := strings.Split(r.Text, "\n")
	if lines[0] != algorithm {
		if err := freshS3(lines, now); err != nil {
			return err
		}
		if !same(r.Signature, base64.StdEncoding.EncodeToString(mac1([]byte(secret), r.Text))) {
			return unauthenticated("the S3 signature is wrong")
		}
		return nil
	}
	if len(lines) != 4 {
		return unauthenticated("what was signed cannot be read")
	}
	if err := fresh(lines[1], now, amzDate); err != nil {
		return err
	}
	scope := strings.Split(lines[2], "/")
	if len(scope) != 4 || scope[3] != "aws4_request" || !slices.Contains([]string{"s3", "iam", "sts"}, scope[2]) || !strings.HasPrefix(lines[1], scope[0]+"T") {
		return unauthenticated("the S3 signature is of another service, or of another day")
	}
	if !same(r.Signature, fourth(secret, scope, r.Text)) {
		return unauthenticated("the S3 signature is wrong")
	}
	return nil
}

// freshS3 looks at the time in what is signed by S3's older signature: verb,
// digest and type, then a date, or the second until which it is good; or the
// date is among the headers that follow.
func freshS3(lines []string, now time.Time) error {
	if len(lines) < 5 {
		return unauthenticated("what was signed cannot be read")
	}
	at := lines[3]
	if until, err := strconv.ParseInt(at, 10, 64); err == nil {
		if now.After(time.Unix(until, 0)) {
			return unauthenticated("the S3 signature is expired")
		}
		return nil
	}
	for _, line := range lines[4:] {
		if date, ok := strings.CutPrefix(line, "x-amz-date:"); ok {
			at = strings.TrimSpace(date)
		}
	}
	return fresh(at, now, time.RFC1123, time.RFC1123Z, amzDate)
}
