package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"wisp/internal/errs"
)

// List is how a listing is narrowed, ordered and cut into pages. The names in
// it are those that the API shows; Columns translates them.
type List struct {
	// Filters are names with accepted values: a row must match one value of
	// each name. Names that are not in Columns are refused by Apply.
	Filters map[string][]string
	Sort    []Order
	Limit   int    // 0 is no limit
	Marker  string // id of the last row of the page before, "" for the first page
	Reverse bool   // the page before the marker
}

// Order is one sort key.
type Order struct {
	Key  string
	Desc bool
}

// Columns maps API names to SQL columns that can be filtered and sorted on.
type Columns map[string]string

// Apply adds filters, order, marker and limit to a query. Ties are broken by
// the id column so that pages never overlap, and NULL comes before all values
// on both engines. The table is the model's; marker is an id in it, and one
// that is not there gives an error of kind Invalid.
func (l List) Apply(ctx context.Context, db bun.IDB, q *bun.SelectQuery, table string, columns Columns) (*bun.SelectQuery, error) {
	for name, values := range l.Filters {
		column, ok := columns[name]
		if !ok {
			return nil, errs.New(errs.Invalid, "Invalid filter: '%s'.", name)
		}
		if len(values) == 1 {
			q = q.Where("? = ?", bun.Safe(column), values[0])
		} else {
			q = q.Where("? IN (?)", bun.Safe(column), bun.List(values))
		}
	}
	order := slices.Clone(l.Sort)
	if !slices.ContainsFunc(order, func(o Order) bool { return o.Key == "id" }) {
		order = append(order, Order{Key: "id", Desc: len(order) > 0 && order[len(order)-1].Desc})
	}
	names := make([]string, len(order))
	for i, o := range order {
		column, ok := columns[o.Key]
		if o.Key == "id" && !ok {
			column, ok = "id", true
		}
		if !ok {
			return nil, errs.New(errs.Invalid, "Sort key '%s' is not valid.", o.Key)
		}
		names[i] = column
		direction := " ASC"
		if o.Desc != l.Reverse {
			direction = " DESC"
		}
		if nullable(q, column) {
			direction += nullsLow[direction]
		}
		q = q.OrderExpr("? "+direction, bun.Safe(column))
	}
	if l.Marker != "" {
		var err error
		if q, err = l.after(ctx, db, q, table, order, names); err != nil {
			return nil, err
		}
	}
	if l.Limit > 0 {
		q = q.Limit(int64(l.Limit))
	}
	return q, nil
}

// after keeps the rows behind the marker: lexicographic comparison over the
// sort keys, whose values are read from the marker's own row by subquery.
func (l List) after(ctx context.Context, db bun.IDB, q *bun.SelectQuery, table string, order []Order, names []string) (*bun.SelectQuery, error) {
	var one int
	err := db.NewSelect().ColumnExpr("1").TableExpr("?", bun.Ident(table)).Where("id = ?", l.Marker).Scan(ctx, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.New(errs.Invalid, "marker [%s] not found", l.Marker)
	}
	if err != nil {
		return nil, fmt.Errorf("find marker: %w", err)
	}
	nullables := make([]bool, len(names))
	for i, column := range names {
		nullables[i] = nullable(q, column)
	}
	value := func(i int) (string, []any) {
		return "(SELECT ? FROM ? WHERE id = ?)", []any{bun.Safe(bare(names[i])), bun.Ident(table), l.Marker}
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for i := range order {
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				for j := range i {
					sub, args := value(j)
					op := "="
					if nullables[j] {
						op = "IS NOT DISTINCT FROM"
					}
					q = q.Where("? "+op+" "+sub, append([]any{bun.Safe(names[j])}, args...)...)
				}
				sub, args := value(i)
				args = append([]any{bun.Safe(names[i])}, args...)
				behind, null := "? > "+sub, "(? IS NOT NULL AND "+sub+" IS NULL)"
				if order[i].Desc != l.Reverse {
					behind, null = "? < "+sub, "(? IS NULL AND "+sub+" IS NOT NULL)"
				}
				if !nullables[i] {
					return q.Where(behind, args...)
				}
				return q.Where("("+behind+" OR "+null+")", slices.Concat(args, args)...)
			})
		}
		return q
	}), nil
}

// nullsLow is what makes an order the same on both engines: NULL is the least
// value, as it is for SQLite and for the MySQL that most clouds have.
var nullsLow = map[string]string{" ASC": " NULLS FIRST", " DESC": " NULLS LAST"}

// nullable tells whether a column can be NULL, by the field that the query's
// model has for it. The others keep the plain order, which an index of
// PostgreSQL can serve.
func nullable(q *bun.SelectQuery, column string) bool {
	model, ok := q.GetModel().(interface{ Table() *schema.Table })
	if !ok {
		return true
	}
	field, ok := model.Table().FieldMap[bare(column)]
	if !ok {
		return true
	}
	return field.IsPtr || field.NullZero || field.IndirectType.Implements(reflect.TypeFor[driver.Valuer]())
}

// bare strips the table alias of a column.
func bare(column string) string {
	if i := strings.LastIndexByte(column, '.'); i >= 0 {
		return column[i+1:]
	}
	return column
}
