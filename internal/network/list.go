package network

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// column says how an attribute of the API is found in the table.
type column struct {
	sql  string
	kind columnKind
}

type columnKind int

const (
	text columnKind = iota
	flag
	number
	address   // an IP address in canonical form
	prefix    // a prefix, with the length that an address alone has
	mac       // a MAC address in canonical form
	protocol  // of a rule: the name in small letters; any is ""
	ethertype // IPv4 or IPv6
)

// resource describes one kind of object to the queries that are the same for
// all: its table and alias, what of it may be filtered and sorted, and which
// rows a caller may see.
type resource struct {
	table, alias string
	columns      map[string]column
	notFound     func(id string) error
	// sharedBy is the SQL of the id of what is shared with the caller when the
	// filter "shared" says so; empty: there is no such filter.
	sharedBy string
	// visible narrows a query to what a caller that is no admin may see.
	visible func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery
	// filters are those that are more than a comparison with a column.
	filters map[string]func(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error)
}

// standardColumns adds the attributes that all objects of users have.
func standardColumns(alias string, named bool, more map[string]column) map[string]column {
	all := map[string]column{
		"id": {sql: alias + ".id"}, "project_id": {sql: alias + ".project_id"}, "tenant_id": {sql: alias + ".project_id"},
		"description": {sql: alias + ".description"}, "revision_number": {sql: alias + ".revision", kind: number},
		"created_at": {sql: alias + ".created_at"}, "updated_at": {sql: alias + ".updated_at"},
	}
	if named {
		all["name"] = column{sql: alias + ".name"}
	}
	for name, c := range more {
		if !strings.ContainsAny(c.sql, ".(") {
			c.sql = alias + "." + c.sql
		}
		all[name] = c
	}
	return all
}

// ownOnly shows a project what it owns.
func ownOnly(alias string) func(*bun.SelectQuery, *policy.Caller) *bun.SelectQuery {
	return func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
		return q.Where("? = ?", bun.Safe(alias+".project_id"), caller.ProjectID)
	}
}

// scope narrows a query to what the caller may see.
func (res *resource) scope(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
	if caller.IsAdmin() {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return res.visible(q, caller) })
}

// find reads one visible row into model, by id.
func (res *resource) find(ctx context.Context, db bun.IDB, caller *policy.Caller, id string, model any) error {
	q := db.NewSelect().Model(model).Where("? = ?", bun.Safe(res.alias+".id"), id)
	err := res.scope(q, caller).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return res.notFound(id)
	}
	if err != nil {
		return fmt.Errorf("read from %s: %w", res.table, err)
	}
	return nil
}

// list reads the visible rows that the list selects into models.
func (res *resource) list(ctx context.Context, db bun.IDB, caller *policy.Caller, l store.List, models any) error {
	q := res.scope(db.NewSelect().Model(models), caller)
	plain := map[string][]string{}
	for name, values := range l.Filters {
		var err error
		if name == "shared" && res.sharedBy != "" {
			q, err = sharedFilter(q, res.sharedBy, caller, values)
		} else if special, ok := res.filters[name]; ok {
			q, err = special(q, values)
		} else if special, ok := commonFilters[name]; ok {
			q, err = special(q, res.alias, values)
		} else if c, ok := res.columns[name]; ok {
			plain[name], err = c.accept(name, values)
		} else {
			err = errs.New(errs.Invalid, "['%s'] is invalid attribute for filtering", name).WithType("HTTPBadRequest")
		}
		if err != nil {
			return err
		}
	}
	l.Filters = plain
	if l.Marker != "" {
		found, err := db.NewSelect().TableExpr("?", bun.Ident(res.table)).Where("id = ?", l.Marker).Exists(ctx)
		if err != nil {
			return fmt.Errorf("find marker: %w", err)
		}
		if !found {
			return res.notFound(l.Marker)
		}
	}
	columns := store.Columns{}
	for name, c := range res.columns {
		columns[name] = c.sql
	}
	for _, o := range l.Sort {
		if _, ok := columns[o.Key]; !ok {
			return errs.New(errs.Invalid, "['%s'] is invalid attribute for sort_keys", o.Key).WithType("HTTPBadRequest")
		}
	}
	q, err := l.Apply(ctx, db, q, res.table, columns)
	if err != nil {
		return err
	}
	if err := q.Scan(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("list %s: %w", res.table, err)
	}
	return nil
}

// reversed puts a page that was read backwards in order.
func reversed[T any](l store.List, rows []T) []T {
	if l.Reverse {
		slices.Reverse(rows)
	}
	return rows
}

// accept converts the values of a filter to what the column holds, in a form
// that both engines compare.
func (c column) accept(name string, values []string) ([]string, error) {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = value
		switch c.kind {
		case text:
		case flag:
			on, err := ParseBool(value)
			if err != nil {
				return nil, errs.New(errs.Invalid, "Invalid input for %s. Reason: %s.", name, err).WithType("HTTPBadRequest")
			}
			out[i] = "0"
			if on {
				out[i] = "1"
			}
		case number:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n > math.MaxInt32*int64(4) || n < -1 {
				return nil, errs.New(errs.Invalid, "Invalid input for %s. Reason: '%s' is not an integer.", name, value).WithType("HTTPBadRequest")
			}
			out[i] = strconv.FormatInt(n, 10)
		case address:
			if addr, err := netip.ParseAddr(value); err == nil {
				out[i] = addr.String()
			}
		case prefix:
			if p, err := parsePrefix(value); err == nil {
				out[i] = p.String()
			}
		case mac:
			if hw, err := parseMAC(value); err == nil {
				out[i] = hw
			}
		case protocol:
			if out[i] = strings.ToLower(value); out[i] == "any" {
				out[i] = ""
			}
		case ethertype:
			for _, known := range []string{IPv4, IPv6} {
				if strings.EqualFold(value, known) {
					out[i] = known
				}
			}
		}
	}
	return out, nil
}

// ParseBool reads a flag as Neutron's converter does.
func ParseBool(value string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "1", "t", "y", "yes", "on":
		return true, nil
	case "false", "0", "f", "n", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("'%s' cannot be converted to boolean", value)
}

// commonFilters are those of all resources: tags and the time of a change.
var commonFilters = map[string]func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error){
	"tags": func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error) {
		for _, tag := range splitAll(values) {
			q = q.Where("EXISTS (SELECT 1 FROM network_tags WHERE object_id = ? AND tag = ?)", bun.Safe(alias+".id"), tag)
		}
		return q, nil
	},
	"tags-any": func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error) {
		return q.Where("EXISTS (SELECT 1 FROM network_tags WHERE object_id = ? AND tag IN (?))", bun.Safe(alias+".id"), bun.List(splitAll(values))), nil
	},
	"not-tags": func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error) {
		tags := splitAll(values)
		return q.Where("(SELECT COUNT(*) FROM network_tags WHERE object_id = ? AND tag IN (?)) < ?", bun.Safe(alias+".id"), bun.List(tags), len(tags)), nil
	},
	"not-tags-any": func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error) {
		return q.Where("NOT EXISTS (SELECT 1 FROM network_tags WHERE object_id = ? AND tag IN (?))", bun.Safe(alias+".id"), bun.List(splitAll(values))), nil
	},
	"changed_since": func(q *bun.SelectQuery, alias string, values []string) (*bun.SelectQuery, error) {
		for _, value := range values {
			at, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(value, "Z"))
			if err != nil {
				return nil, errs.New(errs.Invalid, "The input changed_since must be in the following format: YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS").WithType("InvalidInput")
			}
			q = q.Where("? >= ?", bun.Safe(alias+".updated_at"), at.UTC())
		}
		return q, nil
	},
}

func splitAll(values []string) []string {
	var all []string
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part != "" && !slices.Contains(all, part) {
				all = append(all, part)
			}
		}
	}
	if len(all) == 0 {
		all = []string{""}
	}
	return all
}

// columnOf reads one column of matching rows.
func columnOf[T any](ctx context.Context, q *bun.SelectQuery) ([]T, error) {
	var values []T
	err := q.Scan(ctx, &values)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return values, err
}

// one reads a single model row that may be absent.
func one(ctx context.Context, q *bun.SelectQuery) (bool, error) {
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Expect is a condition on an object's revision, from If-Match; nil is none.
type Expect *int64

func expect(e Expect, s *Standard) error {
	if e != nil && *e != s.Revision {
		return errs.New(errs.PreconditionFailed, "Constrained to %d, but current revision is %d", *e, s.Revision).WithType("RevisionNumberConstraintFailed")
	}
	return nil
}
