package image

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Query is which images are asked for, by the names and values that the API
// has.
type Query struct {
	// Filters are attributes and properties with the value to have, or an
	// operator before it: in:a,b for names and states, gt:, gte:, lt:, lte:,
	// eq: and neq: for times; size_min and size_max are bounds.
	Filters      map[string]string
	Tags         []string // all of them
	MemberStatus string   // of what is shared with the caller; "all" or "" for Accepted
	Sort         []store.Order
	Limit        int    // 0 is none at all
	Marker       string // id of the last image of the page before
}

// SortKeys are the attributes that a list can be ordered by.
var SortKeys = []string{"name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at"}

// List lists the images that the caller may see, without those of the
// community that others own unless it asks for them.
func (s *Service) List(ctx context.Context, c *policy.Caller, query Query) ([]Image, error) {
	if err := rules.Check("get_images", c, policy.Own(c)); err != nil {
		return nil, err
	}
	db := s.db.Read()
	found := []Image{}
	q := db.NewSelect().Model(&found)
	q, err := scope(db, q, c, query)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(query.Filters)) {
		if q, err = filter(db, q, name, query.Filters[name]); err != nil {
			return nil, err
		}
	}
	for _, t := range query.Tags {
		q = q.Where("EXISTS (?)", db.NewSelect().Model((*tag)(nil)).ColumnExpr("1").Where("t.image_id = i.id").Where("t.tag = ?", t))
	}
	if q, err = s.page(ctx, db, q, c, query); err != nil {
		return nil, err
	}
	if query.Limit == 0 {
		return found, nil
	}
	if err := q.Limit(int64(min(query.Limit, MaxPage))).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	return found, children(ctx, db, found)
}

// scope narrows to what the caller may see.
func scope(db bun.IDB, q *bun.SelectQuery, c *policy.Caller, query Query) (*bun.SelectQuery, error) {
	status := query.MemberStatus
	if status == "" {
		status = Accepted
	}
	if !slices.Contains([]string{Pending, Accepted, Rejected, "all"}, status) {
		return nil, errs.New(errs.Invalid, "Invalid status: %s", status)
	}
	if !c.IsAdmin() {
		members := db.NewSelect().Model((*Member)(nil)).ColumnExpr("1").Where("m.image_id = i.id").Where("m.member_id = ?", c.ProjectID)
		if status != "all" {
			members = members.Where("m.status = ?", status)
		}
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			q = q.Where("i.visibility IN (?, ?)", Public, Community).WhereOr("(i.visibility = ? AND EXISTS (?))", Shared, members)
			if c.ProjectID != "" {
				q = q.WhereOr("i.owner = ?", c.ProjectID)
			}
			return q
		})
	}
	switch visibility := query.Filters["visibility"]; {
	case visibility == "":
		return q.Where("(i.visibility <> ? OR i.owner = ?)", Community, c.ProjectID), nil
	case visibility == "all":
		return q, nil
	case slices.Contains(Visibilities, visibility):
		return q.Where("i.visibility = ?", visibility), nil
	default:
		return nil, errs.New(errs.Invalid, "Invalid visibility value: %s", visibility)
	}
}

// filter narrows by one attribute or property.
func filter(db bun.IDB, q *bun.SelectQuery, name, value string) (*bun.SelectQuery, error) {
	switch name {
	case "visibility":
		return q, nil
	case "changes-since":
		return nil, errs.New(errs.Invalid, `The "changes-since" filter is no longer available on v2.`)
	case "size_min", "size_max", "min_disk_min", "min_disk_max", "min_ram_min", "min_ram_max":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, errs.New(errs.Invalid, "Unable to filter on a range with a non-numeric value.")
		}
		column, bound := name[:len(name)-4], ">="
		if strings.HasSuffix(name, "_max") {
			bound = "<="
		}
		return q.Where("i.? "+bound+" ?", bun.Ident(column), n), nil
	case "created_at", "updated_at":
		return filterTime(q, name, value)
	case "name", "id", "status", "container_format", "disk_format":
		return filterText(q, name, value)
	case "owner", "checksum":
		return q.Where("i.? = ?", bun.Ident(name), value), nil
	case "os_hash_value":
		return q.Where("i.hash_value = ?", value), nil
	case "os_hash_algo":
		return q.Where("i.hash_algo = ?", value), nil
	case "size", "virtual_size", "min_disk", "min_ram":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, errs.New(errs.Invalid, "Invalid value '%s' for the '%s' filter: it must be a number.", value, name)
		}
		return q.Where("i.? = ?", bun.Ident(name), n), nil
	case "protected", "os_hidden":
		value = strings.ToLower(value)
		if value != "true" && value != "false" {
			return nil, errs.New(errs.Invalid, "Invalid value '%s' for '%s' filter. Valid values are 'true' or 'false'.", value, name)
		}
		column := "protected"
		if name == "os_hidden" {
			column = "hidden"
		}
		return q.Where("i.? = ?", bun.Ident(column), value == "true"), nil
	}
	return q.Where("EXISTS (?)", db.NewSelect().Model((*property)(nil)).ColumnExpr("1").
		Where("pr.image_id = i.id").Where("pr.name = ?", name).Where("pr.value = ?", value)), nil
}

func filterText(q *bun.SelectQuery, name, value string) (*bun.SelectQuery, error) {
	op, rest, has := strings.Cut(value, ":")
	switch {
	case !has:
		return q.Where("i.? = ?", bun.Ident(name), value), nil
	case op == "eq":
		return q.Where("i.? = ?", bun.Ident(name), rest), nil
	case op == "in":
		values, err := splitQuoted(rest)
		if err != nil {
			return nil, err
		}
		return q.Where("i.? IN (?)", bun.Ident(name), bun.List(values)), nil
	}
	return nil, errs.New(errs.Invalid, "Unable to filter by unknown operator '%s'.", op)
}

// splitQuoted splits at commas outside of double quotes; within quotes a
// backslash takes the next character as it is.
func splitQuoted(list string) ([]string, error) {
	bad := func(why string) error { return errs.New(errs.Invalid, "Invalid filter value %s. %s", list, why) }
	var out []string
	for rest := list; ; {
		if !strings.HasPrefix(rest, `"`) {
			value, after, more := strings.Cut(rest, ",")
			if strings.Contains(value, `"`) {
				return nil, bad("There is no comma before opening quotation mark.")
			}
			out = append(out, value)
			if !more {
				return out, nil
			}
			rest = after
			continue
		}
		var value strings.Builder
		n := 1
		for ; n < len(rest) && rest[n] != '"'; n++ {
			if rest[n] == '\\' && n+1 < len(rest) {
				n++
			}
			value.WriteByte(rest[n])
		}
		if n >= len(rest) {
			return nil, bad("The quote is not closed.")
		}
		out = append(out, value.String())
		rest = rest[n+1:]
		if rest == "" {
			return out, nil
		}
		if !strings.HasPrefix(rest, ",") {
			return nil, bad("There is no comma after closing quotation mark.")
		}
		rest = rest[1:]
	}
}

// filterTime compares whole seconds, which is what the API shows.
func filterTime(q *bun.SelectQuery, name, value string) (*bun.SelectQuery, error) {
	op := "eq"
	t, ok := parseTime(value)
	if !ok {
		var rest string
		op, rest, _ = strings.Cut(value, ":")
		if t, ok = parseTime(rest); !ok {
			return nil, errs.New(errs.Invalid, `Bad "%s" query filter format. Use ISO 8601 DateTime notation.`, name)
		}
	}
	column, next := bun.Ident(name), t.Add(time.Second)
	switch op {
	case "gt":
		return q.Where("i.? >= ?", column, next), nil
	case "gte":
		return q.Where("i.? >= ?", column, t), nil
	case "lt":
		return q.Where("i.? < ?", column, t), nil
	case "lte":
		return q.Where("i.? < ?", column, next), nil
	case "eq":
		return q.Where("(i.? >= ? AND i.? < ?)", column, t, column, next), nil
	case "neq":
		return q.Where("(i.? < ? OR i.? >= ?)", column, t, column, next), nil
	}
	return nil, errs.New(errs.Invalid, "Unable to filter by unknown operator '%s'.", op)
}

func parseTime(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

// page orders, and keeps what is behind the marker. Images without a size
// count as having none.
func (s *Service) page(ctx context.Context, db bun.IDB, q *bun.SelectQuery, c *policy.Caller, query Query) (*bun.SelectQuery, error) {
	order := slices.Clone(query.Sort)
	if len(order) == 0 {
		order = []store.Order{{Key: "created_at", Desc: true}}
	}
	for _, key := range []string{"created_at", "id"} {
		if !slices.ContainsFunc(order, func(o store.Order) bool { return o.Key == key }) {
			order = append(order, store.Order{Key: key, Desc: order[0].Desc})
		}
	}
	for _, o := range order {
		if !slices.Contains(SortKeys, o.Key) {
			return nil, errs.New(errs.Invalid, "Invalid sort key: %s. It must be one of the following: %s.", o.Key, strings.Join(SortKeys, ", "))
		}
		direction := "ASC"
		if o.Desc {
			direction = "DESC"
		}
		q = q.OrderExpr(sortColumn(o.Key) + " " + direction)
	}
	if query.Marker == "" {
		return q, nil
	}
	marker, err := s.GetTx(ctx, db, c, query.Marker)
	if errs.Is(err, errs.NotFound) {
		return nil, errs.Wrap(err, errs.Invalid, "No image found with ID %s", query.Marker)
	}
	if err != nil {
		return nil, err
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for n, o := range order {
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				for _, before := range order[:n] {
					q = q.Where(sortColumn(before.Key)+" = ?", marker.sortValue(before.Key))
				}
				op := ">"
				if o.Desc {
					op = "<"
				}
				return q.Where(sortColumn(o.Key)+" "+op+" ?", marker.sortValue(o.Key))
			})
		}
		return q
	}), nil
}

func sortColumn(key string) string {
	if key == "size" {
		return "COALESCE(i.size, 0)"
	}
	return "i." + key
}

func (i Image) sortValue(key string) any {
	switch key {
	case "name":
		return i.Name
	case "status":
		return i.Status
	case "container_format":
		return i.ContainerFormat
	case "disk_format":
		return i.DiskFormat
	case "size":
		if i.Size == nil {
			return 0
		}
		return *i.Size
	case "created_at":
		return i.CreatedAt
	case "updated_at":
		return i.UpdatedAt
	}
	return i.ID
}
