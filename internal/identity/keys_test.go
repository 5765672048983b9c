package identity_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"golang.org/x/crypto/bcrypt"

	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/secrets"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func accepts(t *testing.T, s *identity.Service, token *identity.Token) bool {
	t.Helper()
	_, err := s.Authenticate(t.Context(), token.ID)
	if err != nil && !errs.Is(err, errs.Unauthenticated) {
		t.Fatal(err)
	}
	return err == nil
}

// What one server rotates, another seals and opens with, at once.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one, other := start(t, db, ""), start(t, db, "", identity.WithPoll(time.Hour))
		old := issue(t, one)
		if !accepts(t, other, old) {
			t.Fatal("another server refuses a token of the same cloud")
		}
		rotate := func() {
			t.Helper()
			if err := one.RotateKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rotate()
		// A former primary's tokens are accepted, and those of the new one.
		if fresh := issue(t, one); !accepts(t, other, old) || !accepts(t, one, old) || !accepts(t, other, fresh) {
			t.Error("a token is refused after one rotation")
		}
		fresh := issue(t, other)
		rotate()
		// Dropped keys open nothing, also not what is in the caches.
		if accepts(t, other, old) || accepts(t, one, old) {
			t.Error("a token is accepted whose key is no more")
		}
		if !accepts(t, one, fresh) || !accepts(t, other, fresh) {
			t.Error("the other server had not sealed with the new key")
		}
	})
}

// A server that has not heard of a rotation opens what the new primary seals:
// it was staged before.
func TestKeysAreStaged(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	one := start(t, db, "")
	text, found, err := secrets.Get(t.Context(), db.Read(), "token-keys")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	if err := one.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := issue(t, one)
	if opened, err := identity.Open(text, token.ID); err != nil || !opened {
		t.Errorf("with the keys before the rotation: %t, %v", opened, err)
	}
}

// Servers that start on an empty database at the same moment have the same keys.
func TestKeysOfServersThatStartTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		servers := make([]*identity.Service, 4)
		var starting sync.WaitGroup
		for i := range servers {
			starting.Go(func() {
				servers[i] = identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(bcrypt.MinCost))
				if err := servers[i].Bootstrap(t.Context(), config("")); err != nil {
					t.Error(err)
				}
			})
		}
		starting.Wait()
		for _, s := range servers {
			token := issue(t, s)
			for _, other := range servers {
				if !accepts(t, other, token) {
					t.Fatal("a token of one is refused by another")
				}
			}
		}
	})
}

// keyFolder is a repository of a former version: its primary and its text.
func keyFolder(t *testing.T, numbers ...string) (dir string, primary *fernet.Key) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, number := range numbers {
		var key fernet.Key
		if err := key.Generate(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, number), []byte(key.Encode()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		primary = &key
	}
	return dir, primary
}

func TestKeysOfAFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		numbers []string
	}{{"one key", []string{"1"}}, {"staged alone", []string{"0"}}, {"many", []string{"0", "3", "4", "5"}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storetest.SQLite(t)
			dir, last := keyFolder(t, c.numbers...)
			s := start(t, db, dir)
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the keys are still in their folder: %v", err)
			}
			token := issue(t, s)
			padded := token.ID + strings.Repeat("=", -len(token.ID)&3)
			if c.name != "staged alone" && fernet.VerifyAndDecrypt([]byte(padded), 0, []*fernet.Key{last}) == nil {
				t.Error("the highest key is not the primary")
			}
			// Another folder comes too late, and stays.
			late, _ := keyFolder(t, "0", "1")
			if again := start(t, db, late); !accepts(t, again, token) {
				t.Error("the cloud's own keys are not used")
			}
			if _, err := os.Stat(filepath.Join(late, "1")); err != nil {
				t.Errorf("keys that are nowhere else: %v", err)
			}
		})
	}
}

// A server that was killed between the commit and the removal cleans up.
func TestKeysAreRemovedLater(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	dir, _ := keyFolder(t, "0", "1")
	content, err := os.ReadFile(filepath.Join(dir, "1"))
	if err != nil {
		t.Fatal(err)
	}
	start(t, db, dir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"1": string(content), "README": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, db, dir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "README" {
		t.Errorf("what is left: %v, %v", entries, err)
	}
}

func TestBrokenKeys(t *testing.T) {
	t.Parallel()
	bootstrap := func(t *testing.T, db *store.DB, dir string) error {
		return identity.New(db, slog.New(slog.DiscardHandler), identity.WithHashCost(bcrypt.MinCost)).Bootstrap(t.Context(), config(dir))
	}
	dir, _ := keyFolder(t, "0", "1")
	if err := os.WriteFile(filepath.Join(dir, "1"), []byte("secret words"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap(t, storetest.SQLite(t), dir); err == nil || strings.Contains(err.Error(), "secret words") {
		t.Errorf("a key that is none: %v", err)
	}
	file := filepath.Join(dir, "0")
	if err := bootstrap(t, storetest.SQLite(t), file); err == nil {
		t.Error("a file is no folder")
	}
	for _, text := range []string{"", "{}", `{"staged":"secret words","primary":"x"}`} {
		db := storetest.SQLite(t)
		if _, err := db.Read().NewSelect().Table("secrets").Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := identity.PutKeys(t.Context(), db, text); err != nil {
			t.Fatal(err)
		}
		if err := bootstrap(t, db, ""); err == nil || strings.Contains(err.Error(), "secret words") {
			t.Errorf("keys %q: %v", text, err)
		}
	}
	s := identity.New(storetest.SQLite(t), slog.New(slog.DiscardHandler))
	if err := s.RotateKeys(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a cloud without keys: %v", err)
	}
}

// What one server takes away is gone at the other: at once where the database
// tells of it.
func TestTwoServersOnPostgreSQL(t *testing.T) {
	t.Parallel()
	a, b := storetest.Two(t)
	one, other := start(t, a, ""), start(t, b, "", identity.WithPoll(time.Hour)) // it knows by being told alone
	token := issue(t, one)
	caller, err := other.Authenticate(t.Context(), token.ID)
	if err != nil {
		t.Fatal(err)
	}
	off := false
	for _, c := range []struct {
		name   string
		change func(token *identity.Token) error
	}{
		{"revoked", func(token *identity.Token) error { return one.Revoke(t.Context(), token.ID) }},
		{"session revoked", func(token *identity.Token) error { return one.RevokeSession(t.Context(), token.ID) }},
		{"keys rotated", func(*identity.Token) error {
			for range 2 {
				if err := one.RotateKeys(t.Context()); err != nil {
					return err
				}
			}
			return nil
		}},
		{"user disabled", func(*identity.Token) error {
			_, err := one.UpdateUser(t.Context(), caller.UserID, identity.UserChange{Enabled: &off})
			return err
		}},
	} {
		token := issue(t, one)
		if !accepts(t, other, token) {
			t.Fatalf("%s: not accepted before", c.name)
		}
		if err := c.change(token); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		tick := time.NewTicker(time.Millisecond)
		for deadline := time.Now().Add(time.Minute); accepts(t, other, token); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("%s: still accepted by the other server", c.name)
			}
		}
		tick.Stop()
		t.Logf("%s: refused by the other server after %s", c.name, time.Since(began))
	}
}
