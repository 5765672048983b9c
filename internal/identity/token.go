package identity

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// maxTokenLength bounds what is tried to be decrypted, in bytes. maxAncestors
// bounds how often a token can be made from one that was made from one: the
// payload carries every ancestor, so that revoking any of them is enough.
const (
	maxTokenLength = 4096
	maxAncestors   = 64
)

// Methods of authentication, as the API names them.
const (
	MethodPassword              = "password"
	MethodToken                 = "token"
	MethodApplicationCredential = "application_credential"
	MethodOAuth1                = "oauth1"
	MethodEC2                   = "ec2credential" // not for Issue: only IssueEC2 and IssueS3 prove it
)

// methodBits gives each method its bit in a payload; the order is that of
// lists in answers.
var methodBits = []string{MethodPassword, MethodToken, MethodApplicationCredential, MethodOAuth1, MethodEC2}

// scopeKind says what a token is good for; the numbers are on the wire.
type scopeKind byte

const (
	unscoped scopeKind = iota
	scopeProject
	scopeDomain
	scopeSystem
)

// payload is what a token holds. Everything else about its user and scope is
// read when it is used.
type payload struct {
	methods    byte
	scope      scopeKind
	userID     string
	scopeID    string // project or domain
	credential string // application credential, or EC2 key where that is the method, "" without
	trust      string // "" without; userID is the trustee's
	access     string // access token of OAuth1, "" without
	issued     time.Time
	expires    time.Time
	audit      [][16]byte // the token's own id, then its ancestors', the newest first
}

// Versions of the payload. Those of delegations have two ids more; the others
// are as they were before there were any, so that servers of both versions
// accept them.
const (
	payloadVersion   = 1
	payloadDelegated = 2
)

// ids are the payload's ids in their order.
func (p *payload) ids(version byte) []*string {
	ids := []*string{&p.userID, &p.scopeID, &p.credential}
	if version == payloadDelegated {
		ids = append(ids, &p.trust, &p.access)
	}
	return ids
}

// encode gives the compact form: version, methods, scope, then ids (16 bytes
// where they are 32 hexadecimal digits), times in microseconds, audit ids.
func (p *payload) encode() []byte {
	version := byte(payloadVersion)
	if p.trust != "" || p.access != "" {
		version = payloadDelegated
	}
	b := []byte{version, p.methods, byte(p.scope)}
	for _, id := range p.ids(version) {
		b = appendID(b, *id)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.issued.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(p.expires.UnixMicro()))
	b = append(b, byte(len(p.audit)))
	for _, id := range p.audit {
		b = append(b, id[:]...)
	}
	return b
}

// appendID writes a length byte and the id: length 255 announces 16 raw bytes.
func appendID(b []byte, id string) []byte {
	if raw, err := hex.DecodeString(id); err == nil && len(raw) == 16 && strings.ToLower(id) == id {
		return append(append(b, 255), raw...)
	}
	return append(append(b, byte(len(id))), id...)
}

var errPayload = errors.New("malformed token payload")

// decodePayload reads what encode wrote, and nothing else.
func decodePayload(b []byte) (*payload, error) {
	if len(b) < 3 || b[0] != payloadVersion && b[0] != payloadDelegated || b[2] > byte(scopeSystem) {
		return nil, errPayload
	}
	version := b[0]
	p := &payload{methods: b[1], scope: scopeKind(b[2])}
	b = b[3:]
	for _, id := range p.ids(version) {
		if len(b) == 0 {
			return nil, errPayload
		}
		n := int(b[0])
		raw := n == 255
		if raw {
			n = 16
		}
		if len(b) < 1+n {
			return nil, errPayload
		}
		if raw {
			*id = hex.EncodeToString(b[1 : 1+n])
		} else {
			*id = string(b[1 : 1+n])
		}
		b = b[1+n:]
	}
	if len(b) < 17 || version == payloadDelegated && p.trust == "" && p.access == "" {
		return nil, errPayload
	}
	p.issued = time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC()
	p.expires = time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:]))).UTC()
	n := int(b[16])
	b = b[17:]
	if n == 0 || n > maxAncestors+1 || len(b) != 16*n {
		return nil, errPayload
	}
	p.audit = make([][16]byte, n)
	for i := range p.audit {
		copy(p.audit[i][:], b[16*i:])
	}
	return p, nil
}

// methodNames lists the methods that made the token.
func (p *payload) methodNames() []string {
	var names []string
	for i, name := range methodBits {
		if p.methods&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// auditIDs are the token's own id and, when it was made from another, that of
// the first of the chain, as Keystone shows them.
func (p *payload) auditIDs() []string {
	ids := []string{auditID(p.audit[0])}
	if len(p.audit) > 1 {
		ids = append(ids, auditID(p.audit[len(p.audit)-1]))
	}
	return ids
}

func auditID(raw [16]byte) string { return base64.RawURLEncoding.EncodeToString(raw[:]) }

// canonical tells whether a token is the one spelling of its bytes: base64 has
// several for some, and a changed token must never be as good as the real one.
func canonical(token string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && base64.RawURLEncoding.EncodeToString(raw) == token
}

// FormatTime writes a time as Keystone does: 2026-01-02T03:04:05.000000Z.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
