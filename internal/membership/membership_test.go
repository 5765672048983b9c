package membership_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/membership"
	"wisp/internal/pki"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

// cloud is a register whose clock and hosts a test sets.
type cloud struct {
	*membership.Service
	t    *testing.T
	mu   sync.Mutex
	now  time.Time
	live map[string]bool
}

func newCloud(t *testing.T, db *store.DB) *cloud {
	t.Helper()
	authority, err := membership.Authority(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{t: t, now: time.Now(), live: map[string]bool{}}
	c.Service = membership.New(db, authority, membership.Config{
		Life: 24 * time.Hour,
		Host: func(_ context.Context, host string) (known, works bool, err error) {
			works, known = c.live[host]
			return known, works, nil
		},
		Now: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.now
		},
	})
	return c
}

func (c *cloud) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *cloud) token(host string) join.Token {
	c.t.Helper()
	token, _, err := c.CreateToken(c.t.Context(), host, time.Hour)
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

func request(t *testing.T, token join.Token, host string) join.Request {
	t.Helper()
	_, csr, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	return join.Request{TokenID: token.ID, Secret: token.Secret, Host: host, CSR: csr}
}

func (c *cloud) join(r join.Request) *x509.Certificate {
	c.t.Helper()
	answer, err := c.Join(c.t.Context(), r)
	if err != nil {
		c.t.Fatal(err)
	}
	return parse(c.t, answer)
}

func parse(t *testing.T, answer join.Answer) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(answer.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// refused wants an error of a kind that says so.
func refused(t *testing.T, err error, kind errs.Kind, says string) {
	t.Helper()
	if !errs.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want kind %s with %q", err, kind, says)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		cert := c.join(request(t, c.token(""), "host-1"))
		if cert.Subject.CommonName != "host-1" {
			t.Errorf("the certificate is for %s", cert.Subject.CommonName)
		}
		if err := c.Admit(t.Context(), cert); err != nil {
			t.Error(err)
		}
		nodes, err := c.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || nodes[0].Host != "host-1" || !nodes[0].ExpiresAt.Equal(cert.NotAfter) {
			t.Errorf("nodes %+v, error %v", nodes, err)
		}
	})
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		attempt := func(r join.Request, kind errs.Kind, says string) {
			t.Helper()
			_, err := c.Join(t.Context(), r)
			refused(t, err, kind, says)
		}
		used := c.token("")
		c.join(request(t, used, "host-1"))
		attempt(request(t, used, "host-2"), errs.Forbidden, "was used by host host-1")
		attempt(request(t, used, "host-1"), errs.Forbidden, "was used by host host-1") // another key
		attempt(request(t, join.NewToken("x"), "host-2"), errs.Forbidden, "is not valid")
		guessed := c.token("")
		guessed.Secret = join.NewToken("x").Secret
		attempt(request(t, guessed, "host-2"), errs.Forbidden, "is not valid")
		attempt(request(t, c.token("host-3"), "host-2"), errs.Forbidden, "is for host host-3")
		attempt(request(t, c.token(""), "a b"), errs.Invalid, "not a name")
		bad := request(t, c.token(""), "host-2")
		bad.CSR = []byte("x")
		attempt(bad, errs.Invalid, "certificate request")

		revoked := c.token("")
		if err := c.RevokeToken(t.Context(), revoked.ID); err != nil {
			t.Fatal(err)
		}
		attempt(request(t, revoked, "host-2"), errs.Forbidden, "is not valid")
		refused(t, c.RevokeToken(t.Context(), revoked.ID), errs.NotFound, revoked.ID)

		expired := c.token("")
		c.later(2 * time.Hour)
		attempt(request(t, expired, "host-2"), errs.Forbidden, "expired")
		for _, life := range []time.Duration{0, -1, 8 * 24 * time.Hour} {
			_, _, err := c.CreateToken(t.Context(), "", life)
			refused(t, err, errs.Invalid, "holds for up to")
		}
		_, _, err := c.CreateToken(t.Context(), "a b", time.Hour)
		refused(t, err, errs.Invalid, "not a name")
		if nodes, err := c.Nodes(t.Context()); err != nil || len(nodes) != 1 {
			t.Errorf("nodes %+v, error %v", nodes, err)
		}
	})
}

// The answer may be lost on its way: the same machine asks again.
// Anybody can ask to join. Without a token nobody makes others wait: here for
// the turn of the host, which is taken.
func TestStrangersWaitForNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		stranger := request(t, join.NewToken("00"), "host-1")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var refusal error
		err := db.Tx(ctx, func(ctx context.Context, _ *store.Tx) error {
			_, refusal = c.Join(ctx, stranger)
			return nil
		}, store.Lock("node host-1"))
		if err != nil {
			t.Error(err)
		}
		refused(t, refusal, errs.Forbidden, "not valid")
	})
}

func TestJoinAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		r := request(t, c.token(""), "host-1")
		first := c.join(r)
		second := c.join(r)
		if err := c.Admit(t.Context(), second); err != nil {
			t.Error(err)
		}
		refused(t, c.Admit(t.Context(), first), errs.Forbidden, "not the one on record")
	})
}

// A machine that was removed, or replaced, does not come back with what it
// still has: its key and its token.
func TestUsedTokenOfARemovedNode(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		r := request(t, c.token(""), "host-1")
		c.join(r)
		if _, err := c.Remove(t.Context(), "host-1"); err != nil {
			t.Fatal(err)
		}
		_, err := c.Join(t.Context(), r)
		refused(t, err, errs.Forbidden, "was used by host host-1")

		other := request(t, c.token(""), "host-2")
		c.join(other)
		c.later(10 * time.Minute)
		replaced := c.join(request(t, c.token("host-2"), "host-2"))
		_, err = c.Join(t.Context(), other)
		refused(t, err, errs.Forbidden, "was used by host host-2")
		if err := c.Admit(t.Context(), replaced); err != nil {
			t.Error(err)
		}
	})
}

// Of many machines with one token one joins.
func TestOneMachinePerToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		token := c.token("")
		results := make(chan error)
		const machines = 8
		for i := range machines {
			r := request(t, token, "host-"+string(rune('a'+i)))
			go func() {
				_, err := c.Join(t.Context(), r)
				results <- err
			}()
		}
		joined := 0
		for range machines {
			if err := <-results; err == nil {
				joined++
			} else if !errs.Is(err, errs.Forbidden) {
				t.Error(err)
			}
		}
		if joined != 1 {
			t.Errorf("%d machines joined with one token", joined)
		}
	})
}

func TestNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		first := c.join(request(t, c.token(""), "host-1"))
		token := c.token("")
		_, err := c.Join(t.Context(), request(t, token, "host-1"))
		refused(t, err, errs.Conflict, "a moment ago")
		c.later(10 * time.Minute)
		c.live["host-1"] = true
		_, err = c.Join(t.Context(), request(t, token, "host-1"))
		refused(t, err, errs.Conflict, "a host that works")
		if err := c.Admit(t.Context(), first); err != nil {
			t.Errorf("an attempt took the host's certificate away: %v", err)
		}
		// The machine is dead, and another is called the same.
		c.live["host-1"] = false
		_, err = c.Join(t.Context(), request(t, token, "host-1"))
		refused(t, err, errs.Conflict, "token create --host host-1")
		if err := c.Admit(t.Context(), first); err != nil {
			t.Errorf("a namesake took the host's certificate away: %v", err)
		}
		// It takes the place of the dead one because somebody says so.
		second := c.join(request(t, c.token("host-1"), "host-1"))
		if err := c.Admit(t.Context(), second); err != nil {
			t.Error(err)
		}
		refused(t, c.Admit(t.Context(), first), errs.Forbidden, "not the one on record")
		// Nor is one taken that never joined: its node is in a server's process.
		c.live["host-2"] = false
		_, err = c.Join(t.Context(), request(t, token, "host-2"))
		refused(t, err, errs.Conflict, "token create --host host-2")
		// The token was not used up.
		c.join(request(t, token, "host-3"))
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		cert := c.join(request(t, c.token(""), "host-1"))
		woken, cancel := c.Changed()
		defer cancel()
		if known, err := c.Remove(t.Context(), "host-1"); err != nil || !known {
			t.Fatalf("known %t, error %v", known, err)
		}
		select {
		case <-woken:
		case <-time.After(30 * time.Second):
			t.Error("nobody is told")
		}
		refused(t, c.Admit(t.Context(), cert), errs.Forbidden, "was removed")
		_, csr, err := pki.NewRequest()
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Renew(t.Context(), cert, csr)
		refused(t, err, errs.Forbidden, "was removed")
		if nodes, err := c.Nodes(t.Context()); err != nil || len(nodes) != 0 {
			t.Errorf("nodes %+v, error %v", nodes, err)
		}
		if known, err := c.Remove(t.Context(), "host-2"); err != nil || known {
			t.Errorf("known %t, error %v", known, err)
		}
		back := c.join(request(t, c.token(""), "host-1"))
		if err := c.Admit(t.Context(), back); err != nil {
			t.Error(err)
		}
	})
}

func TestRenew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCloud(t, db)
		old := c.join(request(t, c.token(""), "host-1"))
		renew := func() *x509.Certificate {
			t.Helper()
			_, csr, err := pki.NewRequest()
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.Renew(t.Context(), old, csr)
			if err != nil {
				t.Fatal(err)
			}
			return parse(t, answer)
		}
		lost, renewed := renew(), renew()
		if err := c.Admit(t.Context(), old); err != nil {
			t.Errorf("before the new certificate is used: %v", err)
		}
		refused(t, c.Admit(t.Context(), lost), errs.Forbidden, "not the one on record")
		for range 2 {
			if err := c.Admit(t.Context(), renewed); err != nil {
				t.Error(err)
			}
		}
		refused(t, c.Admit(t.Context(), old), errs.Forbidden, "not the one on record")
		nodes, err := c.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || !nodes[0].ExpiresAt.Equal(renewed.NotAfter) {
			t.Errorf("nodes %+v, error %v", nodes, err)
		}
		c.later(48 * time.Hour)
		refused(t, c.Admit(t.Context(), renewed), errs.Forbidden, "does not hold now")
	})
}

// A cloud that was one machine's keeps its authority, also for servers that
// come later.
func TestAuthorityIsTakenOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		old, err := pki.New()
		if err != nil {
			t.Fatal(err)
		}
		text, err := old.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ca.pem", "ca-key.pem"} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, at := range []string{dir, t.TempDir()} {
			a, err := membership.Authority(t.Context(), db, at)
			if err != nil || a.Fingerprint() != old.Fingerprint() {
				t.Fatalf("the authority is another one, error %v", err)
			}
			if _, err := a.Store(at); err != nil {
				t.Fatal(err)
			}
			if content, err := os.ReadFile(pki.File(at)); err != nil || string(content) != string(old.PEM()) {
				t.Errorf("clients would be given %s (%v)", content, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "ca-key.pem")); err == nil {
			t.Error("the key is in two places")
		}
	})
}

func TestDamagedAuthorityIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca-key.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := membership.Authority(t.Context(), storetest.SQLite(t), dir); err == nil {
		t.Error("an authority was made in place of one that cannot be read")
	}
}
