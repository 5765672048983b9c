package identity

import (
	"bytes"
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"wisp/internal/secrets"
	"wisp/internal/store"
)

// CountComparisons makes the service note the cost of each comparison of a
// password with a hash; costs returns and forgets them.
func (s *Service) CountComparisons() (costs func() []int) {
	var mu sync.Mutex
	var noted []int
	s.compare = func(hashed, password []byte) error {
		cost, err := bcrypt.Cost(hashed)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		noted = append(noted, cost)
		return bcrypt.CompareHashAndPassword(hashed, password)
	}
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		was := noted
		noted = nil
		return was
	}
}

// Forget empties the cache of tokens.
func (s *Service) Forget() { s.resolved = cache{} }

// Payload round-trips a payload, for fuzzing.
func Payload(b []byte) (again []byte, ok bool) {
	p, err := decodePayload(b)
	if err != nil {
		return nil, false
	}
	return p.encode(), true
}

// SamplePayloads are one with everything that it can have, without and with a
// delegation, and one of a delegation that says not which.
func SamplePayloads() (plain, delegated, hollow []byte) {
	p := &payload{
		methods: 3, scope: scopeProject, userID: "0123456789abcdef0123456789abcdef", scopeID: "default", credential: "x",
		issued: time.UnixMicro(1), expires: time.UnixMicro(2), audit: make([][16]byte, 3),
	}
	plain = p.encode()
	p.trust = "t"
	delegated = p.encode()
	hollow = bytes.Replace(delegated, []byte{1, 't', 0}, []byte{0, 0}, 1)
	return plain, delegated, hollow
}

// PutVault writes the secret of the credential keys.
func PutVault(ctx context.Context, db *store.DB, secret string) error {
	return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return secrets.Put(ctx, tx, vaultSecret, secret) })
}

// Vault returns the secret of the credential keys.
func Vault(ctx context.Context, db *store.DB) (string, error) {
	text, _, err := secrets.Get(ctx, db.Read(), vaultSecret)
	return text, err
}

// SealedColumns are the columns that the vault has sealed, as table.column.
func SealedColumns() []string {
	var names []string
	for _, c := range sealedColumns {
		names = append(names, c.table+"."+c.column)
	}
	return names
}

// Open tells whether the keys of a secret open a token.
func Open(secret, token string) (bool, error) {
	k, err := parseKeys(secret)
	if err != nil {
		return false, err
	}
	return k.open(token) != nil, nil
}

// PutKeys writes the secret of the keys.
func PutKeys(ctx context.Context, db *store.DB, secret string) error {
	return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return secrets.Put(ctx, tx, keysSecret, secret) })
}

// Base is the text that a request's signature is of.
func (r *SignedRequest) Base() string { return r.base() }
