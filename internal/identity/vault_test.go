package identity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// entrust puts something into every column that the vault has sealed but those
// of request and access tokens, which no one gets without a signed request.
func entrust(t *testing.T, s *identity.Service) (credential, consumer string) {
	t.Helper()
	c, err := s.CreateStoredCredential(t.Context(), identity.StoredCredential{UserID: "u", Type: "cert", Blob: "plain words"})
	if err != nil {
		t.Fatal(err)
	}
	oauth, err := s.CreateConsumer(t.Context(), identity.Consumer{})
	if err != nil {
		t.Fatal(err)
	}
	config := identity.DomainConfig{"ldap": {"password": "plain words", "url": "plain words"}}
	if _, _, err := s.SetDomainConfig(t.Context(), identity.DefaultDomain, config); err != nil {
		t.Fatal(err)
	}
	return c.ID, oauth.ID
}

// sealed reads a column as it is stored.
func sealed(t *testing.T, db *store.DB, table, column, where string) string {
	t.Helper()
	var text string
	if err := db.Read().NewSelect().Table(table).Column(column).Where(where).Scan(t.Context(), &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// What users entrust to the cloud is in the database sealed, and stays readable
// when the keys are rotated, after which no old key opens it.
func TestVault(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := start(t, db, "")
		id, _ := entrust(t, s)
		places := map[string]string{"credentials.blob": "TRUE", "oauth_consumers.secret": "TRUE", "domain_configs.value": "sensitive"}
		read := func() map[string]string {
			stored := map[string]string{}
			for place, where := range places {
				table, column, _ := strings.Cut(place, ".")
				if stored[place] = sealed(t, db, table, column, where); strings.Contains(stored[place], "words") {
					t.Errorf("%s is in the database as it is", place)
				}
			}
			return stored
		}
		before := read()
		first, err := identity.Vault(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.RotateKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
			for place, now := range read() {
				if now == before[place] {
					t.Errorf("%s is sealed as it was before", place)
				}
			}
		}
		if c, err := s.StoredCredential(t.Context(), id); err != nil || c.Blob != "plain words" {
			t.Errorf("after two rotations: %q, error %v", c.Blob, err)
		}
		if open := sealed(t, db, "domain_configs", "value", "NOT sensitive"); open != `"plain words"` {
			t.Errorf("an option that is not sensitive is %s", open)
		}
		if err := identity.PutVault(t.Context(), db, first); err != nil {
			t.Fatal(err)
		}
		if _, err := s.StoredCredential(t.Context(), id); err == nil {
			t.Error("the first key still opens it")
		}
		if err := s.RotateKeys(t.Context()); err == nil {
			t.Error("what no key opens was sealed anew")
		}
	})
}

// Columns named like those of secrets are known to the rotation.
func TestVaultKnowsItsColumns(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	tables, err := db.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, column := range table.Columns {
			name := table.Name + "." + column.Name
			secret := (strings.HasPrefix(table.Name, "oauth_") && column.Name == "secret") || name == "credentials.blob" || name == "domain_configs.value"
			if secret != slices.Contains(identity.SealedColumns(), name) {
				t.Errorf("%s: sealed %t", name, !secret)
			}
		}
	}
}

func TestBrokenVault(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := start(t, db, "")
	id, consumer := entrust(t, s)
	blob := "x"
	uses := map[string]func(ctx context.Context) error{
		"read":    func(ctx context.Context) error { _, err := s.StoredCredential(ctx, id); return err },
		"list":    func(ctx context.Context) error { _, err := s.StoredCredentials(ctx, identity.Listing{}); return err },
		"rotate":  s.RotateKeys,
		"consume": func(ctx context.Context) error { _, err := s.CreateConsumer(ctx, identity.Consumer{}); return err },
		"update": func(ctx context.Context) error {
			_, err := s.UpdateStoredCredential(ctx, id, identity.StoredCredentialChange{Blob: &blob})
			return err
		},
		"create": func(ctx context.Context) error {
			_, err := s.CreateStoredCredential(ctx, identity.StoredCredential{UserID: "u", Type: "cert", Blob: "x"})
			return err
		},
		"configure": func(ctx context.Context) error {
			_, err := s.UpdateDomainConfig(ctx, identity.DefaultDomain, "", "", identity.DomainConfig{"ldap": {"password": "x"}})
			return err
		},
		"ask": func(ctx context.Context) error {
			signed, err := identity.ParseSigned("POST", "http://x/", nil, fmt.Sprintf("OAuth oauth_consumer_key=%q", consumer))
			if err != nil {
				return err
			}
			_, err = s.RequestAccess(ctx, signed, "x")
			return err
		},
		"start": func(ctx context.Context) error {
			return identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(bcrypt.MinCost)).Bootstrap(ctx, config(""))
		},
	}
	for _, text := range []string{"secret words", "{}", `{"primary":"secret words"}`} {
		if err := identity.PutVault(t.Context(), db, text); err != nil {
			t.Fatal(err)
		}
		for name, use := range uses {
			if err := use(t.Context()); err == nil || errs.Is(err, errs.Unavailable) || strings.Contains(err.Error(), "secret words") {
				t.Errorf("keys %s, %s: %v", text, name, err)
			}
		}
	}
	// A cloud that has not started has no vault, and nothing to seal.
	empty := identity.New(storetest.SQLite(t), slog.New(slog.DiscardHandler))
	if _, err := empty.CreateConsumer(t.Context(), identity.Consumer{}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a vault: %v", err)
	}
}

// The vault's secret says nothing but keys.
func TestVaultSecret(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := start(t, db, "")
	keys := func() map[string]string {
		t.Helper()
		text, err := identity.Vault(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		var k map[string]string
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	first := keys()
	if first["primary"] == "" || len(first) != 1 {
		t.Fatalf("%d keys at the start", len(first))
	}
	for range 2 {
		before := keys()
		if err := s.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now := keys(); now["former"] != before["primary"] || now["primary"] == before["primary"] || len(now) != 2 {
			t.Error("a rotation keeps more or less than the former key")
		}
	}
}
