// Package join is how a machine becomes a node of a cloud and stays one: a
// Token, handed from an operator of the cloud to one of the machine, buys a
// certificate; a Credential is that certificate with its key, on the machine's
// disk, and renews itself. Handler is the servers' end, which asks a Registry
// who may join.
//
// The node's key never leaves the node. Nothing is trusted at first sight:
// the token names the cloud's authority by its fingerprint, and a server that
// is not of that authority hears nothing.
//
// It knows neither the database nor the rest of the node API.
package join

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"wisp/internal/errs"
)

const (
	idBytes          = 6
	secretBytes      = 32
	fingerprintBytes = sha256.Size
)

// Token lets one machine join. As text it is its three parts with dots
// between them.
type Token struct {
	ID          string // names it in lists
	Secret      string // 256 random bits
	Fingerprint string // of the cloud's authority
}

// NewToken makes a token for the cloud of an authority.
func NewToken(fingerprint string) Token {
	random := make([]byte, idBytes+secretBytes)
	_, _ = rand.Read(random) // it never fails
	return Token{
		ID: hex.EncodeToString(random[:idBytes]), Secret: base64.RawURLEncoding.EncodeToString(random[idBytes:]), Fingerprint: fingerprint,
	}
}

// ParseToken reads a token's text.
func ParseToken(text string) (Token, error) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 3 || !isHex(parts[0], idBytes) || !isHex(parts[2], fingerprintBytes) {
		return Token{}, errNoToken
	}
	if secret, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || len(secret) != secretBytes {
		return Token{}, errNoToken
	}
	return Token{ID: parts[0], Secret: parts[1], Fingerprint: parts[2]}, nil
}

var errNoToken = errs.New(errs.Invalid, "That is not a join token, or not all of it. `wisp node token create`, on a server, makes one.")

func isHex(text string, bytes int) bool {
	decoded, err := hex.DecodeString(text)
	return err == nil && len(decoded) == bytes && text == strings.ToLower(text)
}

func (t Token) String() string { return t.ID + "." + t.Secret + "." + t.Fingerprint }

// Hash is how the cloud keeps the secret: SHA-256, in hexadecimal digits. The
// secret is random and long, so nothing slower is needed.
func (t Token) Hash() string {
	sum := sha256.Sum256([]byte(t.Secret))
	return hex.EncodeToString(sum[:])
}
