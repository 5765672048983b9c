package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		var heard, seen [][]store.Change
		cancel := db.Changes(func(changes []store.Change) {
			// The commit comes first: who asks at once reads what changed.
			if n, err := db.Read().NewSelect().Model((*thing)(nil)).Count(t.Context()); err != nil || n != 1 {
				t.Errorf("%d rows are there when the change is told: %v", n, err)
			}
			heard = append(heard, changes)
		})
		watched := store.Watch(t.Context(), func(changes []store.Change) { seen = append(seen, changes) })
		change := func(ctx context.Context, failure error, changes ...store.Change) {
			t.Helper()
			err := db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
				tx.Changed(changes...)
				if _, err := tx.NewInsert().Model(&thing{ID: "a"}).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
					return err
				}
				return failure
			})
			if !errors.Is(err, failure) {
				t.Fatal(err)
			}
		}
		one := store.Change{Resource: "thing", ID: "a", Action: store.Update, ProjectID: "p"}
		change(watched, errors.New("no"), one)
		change(watched, nil)
		if len(heard)+len(seen) > 0 {
			t.Fatalf("heard %v, seen %v: nothing was changed", heard, seen)
		}
		change(watched, nil, one, one)
		change(t.Context(), nil, one, store.Change{Resource: "thing", ID: "a", Action: store.Delete, Public: true},
			store.Change{Resource: "thing", ID: "a", Action: store.Update, ProjectID: "q", UserID: "u", Projects: []string{"r"}, Public: true},
			store.Change{Resource: "thing", ID: "b", Action: store.Update}, store.Change{Resource: "thing", ID: "b", Action: store.Update, ProjectID: "p"})
		want := [][]store.Change{{one}, {
			{Resource: "thing", ID: "a", Action: store.Update, ProjectID: "p", UserID: "u", Projects: []string{"r", "q"}, Public: true},
			{Resource: "thing", ID: "a", Action: store.Delete, Public: true},
			{Resource: "thing", ID: "b", Action: store.Update, ProjectID: "p"},
		}}
		if !reflect.DeepEqual(heard, want) || !reflect.DeepEqual(seen, want[:1]) {
			t.Errorf("heard %v and seen %v, want %v", heard, seen, want)
		}
		cancel()
		change(t.Context(), nil, one)
		if len(heard) != 2 {
			t.Errorf("heard %v after the end", heard[2:])
		}
	})
}
