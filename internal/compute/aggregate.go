package compute

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// ZoneKey is the metadata key that puts an aggregate's hosts into an
// availability zone.
const ZoneKey = "availability_zone"

// TypeZone is the type of errors about an aggregate's zone or hosts that are in
// the way of what was asked for.
const TypeZone = "InvalidAggregateAction"

// Aggregate is a named set of hosts (API ref: Host aggregates).
type Aggregate struct {
	bun.BaseModel `bun:"table:aggregates,alias:ag"`

	Number    int64             `bun:"number,pk"` // the id that the API uses
	ID        string            `bun:"id"`        // uuid, shown since 2.41
	Name      string            `bun:"name"`
	Metadata  map[string]string `bun:"metadata,type:text"`
	CreatedAt time.Time         `bun:"created_at"`
	UpdatedAt time.Time         `bun:"updated_at,nullzero"`
	Hosts     []string          `bun:"-"`
}

type aggregateHost struct {
	bun.BaseModel `bun:"table:aggregate_hosts,alias:ah"`
	Aggregate     int64  `bun:"aggregate,pk"`
	Host          string `bun:"host,pk"`
}

// ListAggregates lists all aggregates with their hosts.
func (s *Service) ListAggregates(ctx context.Context) ([]Aggregate, error) {
	return aggregates(ctx, s.db.Read(), "")
}

// GetAggregate returns an aggregate by its number, or NotFound.
func (s *Service) GetAggregate(ctx context.Context, number string) (Aggregate, error) {
	return aggregate(ctx, s.db.Read(), number)
}

func aggregate(ctx context.Context, db bun.IDB, number string) (Aggregate, error) {
	found, err := aggregates(ctx, db, number)
	if err == nil && len(found) == 0 {
		err = errs.New(errs.NotFound, "Aggregate %s could not be found.", number)
	}
	if err != nil {
		return Aggregate{}, err
	}
	return found[0], nil
}

func aggregates(ctx context.Context, db bun.IDB, number string) ([]Aggregate, error) {
	list := []Aggregate{}
	q := db.NewSelect().Model(&list).Order("number")
	if number != "" {
		q = q.Where("CAST(number AS TEXT) = ?", number)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	var hosts []aggregateHost
	if err := db.NewSelect().Model(&hosts).Order("host").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list hosts of aggregates: %w", err)
	}
	for i := range list {
		list[i].Hosts = []string{}
		for _, h := range hosts {
			if h.Aggregate == list[i].Number {
				list[i].Hosts = append(list[i].Hosts, h.Host)
			}
		}
	}
	return list, nil
}

// CreateAggregate adds an aggregate; a zone makes its hosts that zone's.
func (s *Service) CreateAggregate(ctx context.Context, name, zone string) (Aggregate, error) {
	made := Aggregate{ID: uuid.NewString(), Name: name, Metadata: map[string]string{}, CreatedAt: s.now(), Hosts: []string{}}
	if zone != "" {
		made.Metadata[ZoneKey] = zone
	}
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.NewSelect().TableExpr("aggregates").ColumnExpr("COALESCE(MAX(number), 0) + 1").Scan(ctx, &made.Number); err != nil {
			return fmt.Errorf("number the aggregate: %w", err)
		}
		if _, err := tx.NewInsert().Model(&made).Exec(ctx); err != nil {
			return fmt.Errorf("insert aggregate: %w", err)
		}
		tx.Changed(made.change(store.Create))
		return nil
	}, scheduleLock)
	if store.IsDuplicate(err) {
		err = errs.Wrap(err, errs.Conflict, "Aggregate %s already exists.", name)
	}
	return made, err
}

// ChangeAggregate changes name, metadata or hosts by fn, and moves hosts to
// the zones that follow from it. Servers follow a host that comes or goes,
// unless one asked for the zone, which is a Conflict. So are another zone of the
// aggregate itself while its hosts have servers, and a host in two zones.
func (s *Service) ChangeAggregate(ctx context.Context, number string, fn func(a *Aggregate) error) (Aggregate, error) {
	var changed Aggregate
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if changed, err = aggregate(ctx, tx, number); err != nil {
			return err
		}
		before, name, zone := slices.Clone(changed.Hosts), changed.Name, changed.Metadata[ZoneKey]
		if err := fn(&changed); err != nil {
			return err
		}
		if changed.Name != name { // hosts and metadata have rows of their own in Nova, and leave this time alone
			changed.UpdatedAt = s.now()
		}
		if _, err := tx.NewUpdate().Model(&changed).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("update aggregate: %w", err)
		}
		tx.Changed(changed.change(store.Update))
		if err := setAggregateHosts(ctx, tx, changed.Number, before, changed.Hosts); err != nil {
			return err
		}
		return s.rezone(ctx, tx, slices.Concat(before, changed.Hosts), changed.Metadata[ZoneKey] != zone)
	}, scheduleLock)
	if store.IsDuplicate(err) {
		err = errs.Wrap(err, errs.Conflict, "Aggregate %s already exists.", changed.Name)
	}
	return changed, err
}

func setAggregateHosts(ctx context.Context, tx *store.Tx, number int64, before, after []string) error {
	if slices.Equal(before, after) {
		return nil
	}
	if _, err := tx.NewDelete().Model((*aggregateHost)(nil)).Where("aggregate = ?", number).Exec(ctx); err != nil {
		return fmt.Errorf("clear hosts of aggregate: %w", err)
	}
	rows := make([]aggregateHost, len(after))
	for i, host := range after {
		rows[i] = aggregateHost{Aggregate: number, Host: host}
	}
	if len(rows) == 0 {
		return nil
	}
	var known []string
	if err := tx.NewSelect().TableExpr("compute_hosts").Column("host").Where("host IN (?)", bun.List(after)).Scan(ctx, &known); err != nil {
		return fmt.Errorf("find hosts: %w", err)
	}
	for _, host := range after {
		if !slices.Contains(known, host) {
			return errs.New(errs.NotFound, "Compute host %s could not be found.", host)
		}
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("insert hosts of aggregate: %w", err)
	}
	return nil
}

// rezone writes the zones that follow from all aggregates to hosts and to what
// is on them, which must be nothing where empty is asked for.
func (s *Service) rezone(ctx context.Context, tx *store.Tx, names []string, empty bool) error {
	if len(names) == 0 {
		return nil
	}
	all, err := aggregates(ctx, tx, "")
	if err != nil {
		return err
	}
	zones := map[string]string{}
	for _, a := range all {
		zone := a.Metadata[ZoneKey]
		for _, host := range a.Hosts {
			if other := zones[host]; zone != "" && other != "" && other != zone {
				return errs.New(errs.Conflict, "Host %s is already in availability zone %s: it cannot be in %s too.", host, other, zone).WithType(TypeZone)
			}
			if zone != "" {
				zones[host] = zone
			}
		}
	}
	var hosts []Host
	if err := tx.NewSelect().Model(&hosts).Where("host IN (?)", bun.List(names)).Scan(ctx); err != nil {
		return fmt.Errorf("load hosts: %w", err)
	}
	moved := map[string][]string{} // hosts, by their new zone
	for _, host := range hosts {
		zone := zones[host.Name]
		if zone == "" {
			zone = s.config.Zone
		}
		if zone != host.Zone {
			moved[zone] = append(moved[zone], host.Name)
			tx.Changed(host.change(store.Update))
		}
	}
	for zone, names := range moved { // two at most: an aggregate's own, and the default
		held := tx.NewSelect().TableExpr("servers").Where("host IN (?) AND deleted_at IS NULL", bun.List(names))
		if !empty {
			held.Where("pinned_zone <> ?", zone)
		}
		servers, err := held.Count(ctx)
		if err != nil {
			return fmt.Errorf("count servers of hosts: %w", err)
		}
		if servers > 0 {
			return errs.New(errs.Conflict, "One or more hosts contain instances in this zone: %s, with %d.", strings.Join(names, ", "), servers).WithType(TypeZone)
		}
		if _, err := tx.NewUpdate().Model((*Host)(nil)).Set("zone = ?", zone).Where("host IN (?)", bun.List(names)).Exec(ctx); err != nil {
			return fmt.Errorf("move hosts to zone: %w", err)
		}
		if _, err := tx.NewUpdate().TableExpr("servers").Set("zone = ?", zone).Where("host IN (?) AND deleted_at IS NULL", bun.List(names)).Exec(ctx); err != nil {
			return fmt.Errorf("move servers to zone: %w", err)
		}
	}
	return nil
}

// DeleteAggregate removes an aggregate without hosts; with hosts it is a
// Conflict.
func (s *Service) DeleteAggregate(ctx context.Context, number string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		found, err := aggregate(ctx, tx, number)
		if err != nil {
			return err
		}
		if len(found.Hosts) > 0 {
			return errs.New(errs.Conflict, "Cannot remove host aggregate %s: it has hosts. Remove them first.", found.Name).WithType(TypeZone)
		}
		if _, err := tx.NewDelete().Model(&found).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete aggregate: %w", err)
		}
		tx.Changed(found.change(store.Delete))
		return nil
	})
}
