package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func TestSet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		odd := []string{"quote'", `double"`, `back\slash`, "null", "größe", "a,b", "{c}", "?", "$1"}
		var rows []thing
		var all []string
		for i, id := range odd {
			rows, all = append(rows, thing{ID: id, Rank: i}), append(all, id)
		}
		for i := range 1000 {
			id := fmt.Sprintf("id-%04d", i)
			rows, all = append(rows, thing{ID: id, Rank: i}), append(all, id)
		}
		if err := insert(t, db, rows...); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all)
		many := make([]string, 100)
		for i := range many {
			many[i] = fmt.Sprintf("no-%d", i)
		}
		for _, test := range []struct {
			name   string
			values []string
			want   []string
		}{
			{"none", nil, nil},
			{"one", []string{"quote'"}, []string{"quote'"}},
			{"few", []string{`double"`, "x", "?"}, []string{`double"`, "?"}},
			{"odd ones", odd, odd},
			{"all, and others", slices.Concat(many, all), all},
			{"twice the same", slices.Concat(odd, odd), odd},
			{"many that are not there", many, nil},
		} {
			var got []string
			err := db.Read().NewSelect().Model((*thing)(nil)).Column("id").Where("id IN (?)", store.Set(test.values)).Scan(t.Context(), &got)
			want := slices.Sorted(slices.Values(test.want))
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d rows, %v; want %d", test.name, len(got), err, len(want))
			}
		}
	})
}

func TestEach(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		if err := insert(t, db, thing{ID: "a", Rank: 1}, thing{ID: "b", Rank: 2}, thing{ID: "c", Rank: 3}); err != nil {
			t.Fatal(err)
		}
		query := func() *bun.SelectQuery {
			return db.Read().NewSelect().Model((*thing)(nil)).Column("id", "rank").Order("id")
		}
		seen := ""
		err := store.Each(t.Context(), query(), func(row store.Row) error {
			var id string
			var rank int
			err := row.Scan(&id, &rank)
			seen += fmt.Sprint(id, rank)
			return err
		})
		if err != nil || seen != "a1b2c3" {
			t.Errorf("rows are %s, %v", seen, err)
		}
		failure, calls := errors.New("enough"), 0
		err = store.Each(t.Context(), query(), func(store.Row) error { calls++; return failure })
		if !errors.Is(err, failure) || calls != 1 {
			t.Errorf("a function that fails is called %d times: %v", calls, err)
		}
		if err := store.Each(t.Context(), query(), func(row store.Row) error { return row.Scan(new(string)) }); err == nil {
			t.Error("a row fits fewer variables than it has columns")
		}
		if err := store.Each(t.Context(), db.Read().NewSelect().TableExpr("nothing"), func(store.Row) error { return nil }); err == nil {
			t.Error("a query of no table succeeds")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := store.Each(ended, query(), func(store.Row) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a query that was called off: %v", err)
		}
	})
}
