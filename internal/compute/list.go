package compute

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// ServerFilter narrows ListServers; zero fields match all.
type ServerFilter struct {
	store.List
	AllProjects bool   // admins only
	ProjectID   string // with AllProjects
	UserID      string
	// Patterns are regular expressions by column name: a row matches when the
	// pattern is found in it, whatever the case, as in Nova on MySQL.
	Patterns map[string]string
	// IP and IP6 are patterns of fixed addresses.
	IP, IP6       string
	Statuses      []string // ACTIVE, …; any of them
	ChangesSince  time.Time
	ChangesBefore time.Time
	Deleted       bool // only deleted ones, also those that can be restored still
	NotDeleted    bool // no deleted ones, whatever changed since
	// Kernel and Ramdisk are ids of images that servers boot with.
	Kernel, Ramdisk string
	// Moments are created_at, launched_at and terminated_at, to the second.
	Moments map[string]time.Time
	// SoftDeleted, for admins, shows those that can be restored among others, or
	// leaves them out of the deleted ones.
	SoftDeleted             *bool
	WithDeleted             bool // deleted ones too
	Locked                  *bool
	ConfigDrive             *bool
	Tags, TagsAny           []string
	NotTags, NotTagsAny     []string
	IDs                     []string
	States, Tasks, Powers   []string
	Images, Flavors, Hosts  []string
	Reservations, Keys      []string
	Zones                   []string
	AccessIPv4, AccessIPv6  []string
	LaunchIndex, DiskConfig []string
}

// ServerColumns are the sort keys of servers.
var ServerColumns = store.Columns{
	"id": "s.id", "uuid": "s.id", "created_at": "s.created_at", "updated_at": "s.updated_at", "display_name": "s.name",
	"display_description": "s.description", "host": "s.host", "node": "s.host", "hostname": "s.hostname", "image_ref": "s.image_id",
	"instance_type_id": "s.flavor_id", "key_name": "s.key_name", "launch_index": "s.launch_index", "launched_at": "s.launched_at",
	"locked_by": "s.locked_by", "locked": "s.locked_by", "power_state": "s.power_state", "project_id": "s.project_id",
	"task_state": "s.task_state", "terminated_at": "s.terminated_at", "user_id": "s.user_id", "vm_state": "s.vm_state",
	"access_ip_v4": "s.access_ipv4", "access_ip_v6": "s.access_ipv6", "auto_disk_config": "s.disk_config",
	"availability_zone": "s.zone", "config_drive": "s.config_drive",
}

// patternColumns are those that Patterns may name.
var patternColumns = map[string]string{
	"name": "s.name", "description": "s.description", "hostname": "s.hostname", "key_name": "s.key_name", "zone": "s.zone",
	"reservation_id": "s.reservation_id", "locked_by": "s.locked_by",
}

// timeColumns are those that Moments may name, and Patterns: of the time in UTC
// as "2006-01-02 15:04:05".
var timeColumns = map[string]string{"created_at": "s.created_at", "launched_at": "s.launched_at", "terminated_at": "s.terminated_at"}

// ListServers lists the servers that the caller may see, newest first unless
// sorted otherwise, on one consistent view. What no list shows is not loaded.
func (s *Service) ListServers(ctx context.Context, caller *policy.Caller, filter ServerFilter, load Load) ([]Server, error) {
	var servers []Server
	err := s.snapshot(ctx, func(ctx context.Context, db bun.IDB) error {
		read := &rows{data: load.Data}
		q := db.NewSelect().Model((*Server)(nil))
		if load.Brief {
			q = q.Column("id", "name")
		} else {
			for _, field := range read.fields() {
				q = q.Column(field.column)
			}
		}
		q, possible, err := s.narrow(ctx, db, q, caller, filter)
		if err != nil || !possible {
			return err
		}
		if len(filter.Sort) == 0 {
			filter.Sort = []store.Order{{Key: "created_at", Desc: true}}
		}
		if q, err = filter.Apply(ctx, db, q, "servers", ServerColumns); err != nil {
			return err
		}
		if load.Brief {
			err = q.Scan(ctx, &servers)
		} else {
			servers, err = read.read(ctx, q)
		}
		if err != nil {
			return fmt.Errorf("list servers: %w", err)
		}
		return s.fill(ctx, db, servers, load)
	})
	return servers, err
}

// narrow adds the filter's conditions. possible is false when nothing can match.
func (s *Service) narrow(ctx context.Context, db bun.IDB, q *bun.SelectQuery, caller *policy.Caller, f ServerFilter) (_ *bun.SelectQuery, possible bool, err error) {
	q = scope(q, caller, f)
	in := func(column string, values []string) {
		if len(values) > 0 {
			q = q.Where("? IN (?)", bun.Safe(column), bun.List(values))
		}
	}
	in("s.id", f.IDs)
	in("s.vm_state", f.States)
	in("s.task_state", f.Tasks)
	in("CAST(s.power_state AS TEXT)", f.Powers)
	in("s.image_id", f.Images)
	in("s.flavor_id", f.Flavors)
	in("s.host", f.Hosts)
	in("s.reservation_id", f.Reservations)
	in("s.key_name", f.Keys)
	in("s.zone", f.Zones)
	in("s.access_ipv4", f.AccessIPv4)
	in("s.access_ipv6", f.AccessIPv6)
	in("s.disk_config", f.DiskConfig)
	in("CAST(s.launch_index AS TEXT)", f.LaunchIndex)
	if len(f.Statuses) > 0 {
		vm, tasks := statesOf(f.Statuses)
		if len(vm) == 0 {
			return q, false, nil
		}
		in("s.vm_state", vm)
		if !slices.Contains(tasks, "") {
			in("s.task_state", tasks)
		}
	}
	if f.UserID != "" {
		q = q.Where("s.user_id = ?", f.UserID)
	}
	if f.Locked != nil {
		q = q.Where("(s.locked_by <> '') = ?", *f.Locked)
	}
	if f.ConfigDrive != nil {
		q = q.Where("s.config_drive = ?", *f.ConfigDrive)
	}
	if !f.ChangesSince.IsZero() {
		q = q.Where("s.updated_at >= ?", f.ChangesSince.UTC())
	}
	if !f.ChangesBefore.IsZero() {
		q = q.Where("s.updated_at <= ?", f.ChangesBefore.UTC())
	}
	for name, id := range map[string]string{"kernel": f.Kernel, "ramdisk": f.Ramdisk} {
		if id != "" {
			// The id is the first field of an image in JSON; in a text there, each
			// quotation mark has a backslash before it.
			q = q.Where(`s.image LIKE ? ESCAPE '\'`, `%"`+name+`":{"id":"`+likeEscape(id)+`"%`)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Moments)) {
		column, ok := timeColumns[name]
		if !ok {
			return nil, false, errs.New(errs.Invalid, "Invalid filter: '%s'.", name)
		}
		second := f.Moments[name].UTC().Truncate(time.Second)
		q = q.Where("? >= ? AND ? < ?", bun.Safe(column), second, bun.Safe(column), second.Add(time.Second))
	}
	q = tagged(q, f)
	for _, name := range slices.Sorted(maps.Keys(f.Patterns)) {
		candidates := scope(db.NewSelect().TableExpr("servers AS s"), caller, f)
		if column, ok := timeColumns[name]; ok {
			q, err = timed(ctx, q, candidates, column, f.Patterns[name])
		} else if column, ok := patternColumns[name]; ok {
			q, err = matching(ctx, db, q, candidates, column, f.Patterns[name])
		} else {
			return nil, false, errs.New(errs.Invalid, "Invalid filter: '%s'.", name)
		}
		if err != nil {
			return nil, false, err
		}
	}
	if f.IP != "" || f.IP6 != "" {
		return s.addressed(ctx, db, q, caller, f)
	}
	return q, true, nil
}

// scope keeps what the caller may see.
func scope(q *bun.SelectQuery, caller *policy.Caller, f ServerFilter) *bun.SelectQuery {
	admin := caller.IsAdmin()
	switch {
	case !admin || !f.AllProjects:
		q = q.Where("s.project_id = ?", caller.ProjectID)
	case f.ProjectID != "":
		q = q.Where("s.project_id = ?", f.ProjectID)
	}
	switch {
	case f.Deleted && admin && f.SoftDeleted != nil && !*f.SoftDeleted:
		q = q.Where("s.deleted_at IS NOT NULL")
	case f.Deleted && admin:
		q = q.Where("(s.deleted_at IS NOT NULL OR s.soft_deleted_at IS NOT NULL)")
	case !f.WithDeleted && (f.NotDeleted || f.ChangesSince.IsZero() && f.ChangesBefore.IsZero()):
		q = q.Where("s.deleted_at IS NULL")
		if !admin || f.SoftDeleted == nil || !*f.SoftDeleted {
			q = q.Where("s.soft_deleted_at IS NULL")
		}
	}
	return q
}

func tagged(q *bun.SelectQuery, f ServerFilter) *bun.SelectQuery {
	count := func(condition string, tags []string) {
		tags = slices.Compact(slices.Sorted(slices.Values(tags)))
		if len(tags) == 0 {
			return
		}
		n := len(tags)
		if strings.HasSuffix(condition, "> 0") || strings.HasSuffix(condition, "= 0") {
			q = q.Where("(SELECT COUNT(*) FROM server_tags WHERE server_id = s.id AND tag IN (?)) "+condition, bun.List(tags))
			return
		}
		q = q.Where("(SELECT COUNT(*) FROM server_tags WHERE server_id = s.id AND tag IN (?)) "+condition, bun.List(tags), n)
	}
	count("= ?", f.Tags)
	count("> 0", f.TagsAny)
	count("< ?", f.NotTags)
	count("= 0", f.NotTagsAny)
	return q
}

var literal = regexp.MustCompile(`^\^?[\w\s:@/-]*\$?$`)

// matching keeps rows in whose column the pattern is found. What is a plain
// text with optional anchors becomes LIKE; the rest is matched here, in
// linear time, and named by id.
func matching(ctx context.Context, db bun.IDB, q, candidates *bun.SelectQuery, column, pattern string) (*bun.SelectQuery, error) {
	if literal.MatchString(pattern) {
		text, start := strings.CutPrefix(pattern, "^")
		text, end := strings.CutSuffix(text, "$")
		like := likeEscape(strings.ToLower(text))
		if !start {
			like = "%" + like
		}
		if !end {
			like += "%"
		}
		return q.Where(`LOWER(?) LIKE ? ESCAPE '\'`, bun.Safe(column), like), nil
	}
	re, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	var rows []struct{ ID, Value string }
	if err := candidates.ColumnExpr("s.id AS id").ColumnExpr("COALESCE(?, '') AS value", bun.Safe(column)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("match a pattern: %w", err)
	}
	ids := []string{""}
	for _, row := range rows {
		if re.MatchString(row.Value) {
			ids = append(ids, row.ID)
		}
	}
	return q.Where("s.id IN (?)", bun.List(ids)), nil
}

// timed keeps rows in whose column of times the pattern is found.
func timed(ctx context.Context, q, candidates *bun.SelectQuery, column, pattern string) (*bun.SelectQuery, error) {
	re, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		ID   string
		Time time.Time
	}
	if err := candidates.ColumnExpr("s.id AS id").ColumnExpr("? AS time", bun.Safe(column)).Where("? IS NOT NULL", bun.Safe(column)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("match a time: %w", err)
	}
	ids := []string{""}
	for _, row := range rows {
		if re.MatchString(row.Time.UTC().Format(time.DateTime)) {
			ids = append(ids, row.ID)
		}
	}
	return q.Where("s.id IN (?)", store.Set(ids)), nil
}

func compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "Value: %s. it is not a valid regular expression.", pattern)
	}
	return re, nil
}

// addressed keeps servers that have a fixed address which a pattern matches.
func (s *Service) addressed(ctx context.Context, db bun.IDB, q *bun.SelectQuery, caller *policy.Caller, f ServerFilter) (*bun.SelectQuery, bool, error) {
	var patterns [2]*regexp.Regexp
	for i, text := range []string{f.IP, f.IP6} {
		if text == "" {
			continue
		}
		re, err := compile(text)
		if err != nil {
			return nil, false, err
		}
		patterns[i] = re
	}
	var ids []string
	if err := scope(db.NewSelect().TableExpr("servers AS s").Column("s.id"), caller, f).Scan(ctx, &ids); err != nil {
		return nil, false, fmt.Errorf("list candidates by address: %w", err)
	}
	if len(ids) == 0 {
		return q, false, nil
	}
	ports, err := s.network.DevicePorts(ctx, db, ids)
	if err != nil {
		return nil, false, fmt.Errorf("load ports: %w", err)
	}
	found := []string{""}
	for id, list := range ports {
		hit := [2]bool{patterns[0] == nil, patterns[1] == nil}
		for _, port := range list {
			for _, fixed := range port.FixedIPs {
				which := 0
				if isV6(fixed.Address) {
					which = 1
				}
				if re := patterns[which]; re != nil && re.MatchString(fixed.Address.String()) {
					hit[which] = true
				}
			}
		}
		if hit[0] && hit[1] {
			found = append(found, id)
		}
	}
	return q.Where("s.id IN (?)", bun.List(found)), true, nil
}

func isV6(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }

// statesOf gives the vm and task states that the statuses stand for; unknown
// statuses stand for none.
func statesOf(statuses []string) (vm, tasks []string) {
	for state, byTask := range states {
		for task, status := range byTask {
			if slices.ContainsFunc(statuses, func(s string) bool { return strings.EqualFold(s, status) }) {
				vm, tasks = append(vm, state), append(tasks, task)
			}
		}
	}
	slices.Sort(vm)
	slices.Sort(tasks)
	return slices.Compact(vm), slices.Compact(tasks)
}

// KnownStatus tells whether servers can have the status.
func KnownStatus(status string) bool {
	vm, _ := statesOf([]string{status})
	return len(vm) > 0
}
