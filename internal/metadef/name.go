package metadef

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// checkName refuses a name that is a key in the API's JSON, where no schema
// says how long it may be.
func checkName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > MaxName {
		return errs.New(errs.Invalid, "The name of a property must have from 1 to %d characters: '%s'.", MaxName, name)
	}
	return nil
}

// findIn finds the row of a namespace that has the name, else it is missing.
func findIn(ctx context.Context, q *bun.SelectQuery, n *Namespace, name string, missing error) error {
	err := q.Where("namespace_id = ?", n.ID).Where("name = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	if err != nil {
		return fmt.Errorf("find '%s' in namespace: %w", name, err)
	}
	return nil
}

// twice is the name that several have, or that of the first one: then it was
// there before.
func twice[T any](all []T, name func(T) string) string {
	seen := map[string]bool{}
	for _, one := range all {
		if seen[name(one)] {
			return name(one)
		}
		seen[name(one)] = true
	}
	return name(all[0])
}

// renamed says which name was taken, where an update failed because of that.
func renamed(err error, noun, name, namespace string) error {
	if !store.IsDuplicate(err) {
		return err
	}
	return errs.Wrap(err, errs.Conflict, "Invalid update. It would result in a duplicate metadata definition %s with the same name=%s in namespace=%s.", noun, name, namespace)
}

// remove deletes the row of a namespace that has the name, else it is missing.
func (s *Service) remove(ctx context.Context, c *policy.Caller, rule, namespace, noun, name string, model any, missing error) error {
	return s.edit(ctx, c, rule, namespace, func(ctx context.Context, tx *store.Tx, n *Namespace) error {
		result, err := tx.NewDelete().Model(model).Where("namespace_id = ?", n.ID).Where("name = ?", name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete %s: %w", noun, err)
		}
		rows, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("delete %s: %w", noun, err)
		}
		if rows == 0 {
			return missing
		}
		if n.Protected {
			return protected(noun, name)
		}
		return nil
	})
}
