package network

import (
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// createAll makes objects of one kind in one transaction, all or none: it
// finds whose each is, makes room in the quotas, creates, loads what belongs
// to them and wakes the hosts.
func createAll[S, T any](
	ctx context.Context, s *Service, caller *policy.Caller, specs []S, kind string,
	named func(S) Opt[string],
	create func(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec S) (*T, error),
	load func(ctx context.Context, db bun.IDB, rows []*T) error,
	locks ...store.Lock,
) ([]T, error) {
	projects := make([]string, len(specs))
	counts := map[string]int{}
	for i, spec := range specs {
		var err error
		if projects[i], err = owner(caller, named(spec)); err != nil {
			return nil, err
		}
		if err := allow("create_"+kind, caller, projects[i]); err != nil {
			return nil, err
		}
		counts[projects[i]]++
	}
	var all []store.Lock
	for _, projectID := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, quotaLock(projectID))
	}
	slices.Sort(locks)
	all = append(all, slices.Compact(locks)...)
	var rows []*T
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows = rows[:0]
		for projectID, count := range counts {
			if err := s.reserve(ctx, tx, projectID, kind, count); err != nil {
				return err
			}
		}
		for i, spec := range specs {
			row, err := create(ctx, tx, caller, projects[i], spec)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		hosts(tx)
		return load(ctx, tx, rows)
	}, all...)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = *row
	}
	return out, nil
}

func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

func keys[K comparable, V any](m map[K]V) []K { return slices.Collect(maps.Keys(m)) }

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
