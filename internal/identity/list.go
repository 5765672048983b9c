package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// Filter narrows a listing by one attribute. Op is empty for equality, or one
// of contains, startswith, endswith, each also with an i before it to ignore
// case (the API's name__icontains=…). Times are compared: see comparison.
type Filter struct {
	Name, Op, Value string
}

// Listing is what a list shows: the rows that pass every filter, a page of
// them. Filters by names that a kind does not know are ignored, as Keystone does.
type Listing struct {
	Filters []Filter
	Page    store.List
}

// columns of each kind: those in the second set hold booleans, those in the
// third times, by which nothing is sorted.
type columns struct {
	text, flags, times map[string]string
}

// apply adds the filters and the page to a query on a table with alias t.
func (l Listing) apply(ctx context.Context, db bun.IDB, q *bun.SelectQuery, table string, c columns) (*bun.SelectQuery, error) {
	for _, f := range l.Filters {
		if column, ok := c.flags[f.Name]; ok && f.Op == "" {
			switch strings.ToLower(f.Value) {
			case "false", "0", "no", "off", "f", "n":
				q = q.Where("NOT ?", bun.Safe(column))
			default:
				q = q.Where("?", bun.Safe(column))
			}
		}
		if column, ok := c.text[f.Name]; ok {
			q = f.where(q, column)
		}
		if column, ok := c.times[f.Name]; ok && f.Op == "" {
			op, at, err := comparison(f.Value)
			if err != nil {
				return nil, err
			}
			q = q.Where("? ? ?", bun.Safe(column), bun.Safe(op), at)
		}
	}
	sortable := store.Columns{}
	for name, column := range c.text {
		sortable[name] = column
	}
	for name, column := range c.flags {
		sortable[name] = column
	}
	page := l.Page
	if len(page.Sort) == 0 {
		page.Sort = []store.Order{{Key: "id"}}
	}
	return page.Apply(ctx, db, q, table, sortable)
}

// comparison reads what a time is compared with, as in lt:2016-11-06T15:32:17Z;
// without an operator it is equality. What never comes, a null, is neither
// before nor after a time, nor another one. Invalid is anything else.
func comparison(text string) (op string, at time.Time, err error) {
	op, rest, has := strings.Cut(text, ":")
	if !has || len(op) < 2 || len(op) > 3 {
		op, rest = "eq", text
	}
	forms := []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"}
	if !slices.ContainsFunc(forms, func(form string) bool { at, err = time.Parse(form, rest); return err == nil }) {
		return "", at, errs.New(errs.Invalid, "Timestamp not in expected format. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
	}
	sql, known := map[string]string{"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[op]
	if !known {
		return "", at, errs.New(errs.Invalid, "The given operator %s is not valid. It must be one of the following: 'eq', 'neq', 'lt', 'lte', 'gt', or 'gte'.", op)
	}
	return sql, at.UTC(), nil
}

func (f Filter) where(q *bun.SelectQuery, column string) *bun.SelectQuery {
	op, subject := f.Op, column
	var value any = f.Value
	if rest, fold := strings.CutPrefix(op, "i"); fold {
		// The database folds both: SQLite knows the case of ASCII alone.
		op, subject, value = rest, "LOWER("+column+")", bun.SafeQuery("LOWER(?)", f.Value)
	}
	s := bun.Safe(subject)
	switch {
	case op == "":
		return q.Where("? = ?", s, value)
	case f.Value == "":
		return q // which everything contains, begins and ends with
	}
	switch op {
	case "contains":
		return q.Where("REPLACE(?, ?, '') <> ?", s, value, s)
	case "startswith":
		return q.Where("SUBSTR(?, 1, LENGTH(?)) = ?", s, value, value)
	case "endswith":
		return q.Where("LENGTH(?) >= LENGTH(?) AND SUBSTR(?, LENGTH(?) - LENGTH(?) + 1) = ?", s, value, s, s, value, value)
	}
	return q
}
