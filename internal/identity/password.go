package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"

	"wisp/internal/errs"
)

// maxPassword is the longest password, in bytes, as Keystone has it.
const maxPassword = 4096

// material is what bcrypt gets: it takes 72 bytes at most, so what is longer
// goes in as its digest, whole, instead of being cut.
func material(password string) []byte {
	if len(password) <= 72 {
		return []byte(password)
	}
	sum := sha256.Sum256([]byte(password))
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}

// hash returns the bcrypt hash of a password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if len(password) > maxPassword {
		return "", errs.New(errs.Forbidden, "The password length must be less than or equal to %d. The server could not comply with the request because the password is invalid.", maxPassword)
	}
	if err := s.enterHashing(ctx); err != nil {
		return "", err
	}
	defer s.leaveHashing()
	hashed, err := bcrypt.GenerateFromPassword(material(password), s.cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(hashed), nil
}

// matches tells whether the password has the hash. Without a hash the work is
// done all the same, so that time does not tell who exists.
func (s *Service) matches(ctx context.Context, hashed, password string) (bool, error) {
	if len(password) > maxPassword {
		password = ""
		hashed = ""
	}
	if err := s.enterHashing(ctx); err != nil {
		return false, err
	}
	defer s.leaveHashing()
	if hashed == "" {
		_ = s.compare(s.dummy(), material(password))
		return false, nil
	}
	err := s.compare([]byte(hashed), material(password))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return true, nil
}

func (s *Service) enterHashing(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for password hashing: %w", ctx.Err())
	}
}

func (s *Service) leaveHashing() { <-s.hashing }

// dummyHash is a hash of the cost that no password matches: its digest part
// belongs to no input that is known.
func dummyHash(cost int) []byte {
	hashed, err := bcrypt.GenerateFromPassword([]byte(newID()), cost)
	if err != nil {
		panic(fmt.Sprintf("identity: bcrypt cost %d: %v", cost, err)) // a wrong option, at start
	}
	return hashed
}
