package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"wisp/internal/secrets"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestEnsureMakesOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const servers = 8
		var all sync.WaitGroup
		got := make([]string, servers)
		for i := range servers {
			all.Go(func() {
				var err error
				if got[i], err = secrets.Ensure(t.Context(), db, "key", func() (string, error) { return fmt.Sprint("made by ", i), nil }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range got {
			if got[i] == "" || got[i] != got[0] {
				t.Errorf("server %d has %q, another %q", i, got[i], got[0])
			}
		}
	})
}

func TestPutReplaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if _, found, err := secrets.Get(t.Context(), db.Read(), "key"); err != nil || found {
			t.Fatalf("a secret that nobody made: %t, %v", found, err)
		}
		for _, value := range []string{"one", "two"} {
			err := db.Tx(t.Context(), func(ctx context.Context, tx *store.Tx) error { return secrets.Put(ctx, tx, "key", value) })
			if err != nil {
				t.Fatal(err)
			}
			if got, found, err := secrets.Get(t.Context(), db.Read(), "key"); err != nil || !found || got != value {
				t.Errorf("got %q, %t, %v, want %q", got, found, err, value)
			}
		}
	})
}

func TestEnsureFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		broken := errors.New("no randomness")
		if _, err := secrets.Ensure(t.Context(), db, "key", func() (string, error) { return "", broken }); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if _, found, _ := secrets.Get(t.Context(), db.Read(), "key"); found {
			t.Error("a secret that could not be made is there")
		}
	})
}
