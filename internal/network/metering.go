package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/dataplane/intent"
	"wisp/internal/nodeapi"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// MeteringLabel counts what passes between the routers of a project, or when
// it is shared of all projects, and the outside (API reference: Metering
// labels and rules).
type MeteringLabel struct {
	bun.BaseModel `bun:"table:metering_labels,alias:ml"`

	ID          string `bun:",pk"`
	ProjectID   string
	Name        string
	Description string
	Shared      bool
}

// MeteringRule says what a label counts. Prefixes are as they were given; ""
// is none.
type MeteringRule struct {
	bun.BaseModel `bun:"table:metering_rules,alias:mr"`

	ID        string `bun:",pk"`
	LabelID   string
	Direction string
	// Excluded takes what matches out of what the label's other rules count.
	Excluded bool
	// Remote is, whatever its name says, the address inside: the source of
	// what leaves, the destination of what enters.
	Remote      string `bun:"remote_prefix"`
	Source      string `bun:"source_prefix"`
	Destination string `bun:"destination_prefix"`
}

// MeteringLabelSpec is what a request gives of a label.
type MeteringLabelSpec struct {
	ProjectID, Name, Description Opt[string]
	Shared                       Opt[bool]
}

// MeteringRuleSpec is what a request gives of a label's rule.
type MeteringRuleSpec struct {
	ProjectID, LabelID, Direction, Remote, Source, Destination Opt[string]
	Excluded                                                   Opt[bool]
}

var meteringLabels = &resource{
	table: "metering_labels", alias: "ml",
	notFound: meteringLabelNotFound,
	columns: map[string]column{
		"id": {sql: "ml.id"}, "project_id": {sql: "ml.project_id"}, "tenant_id": {sql: "ml.project_id"}, "name": {sql: "ml.name"}, "description": {sql: "ml.description"},
		"shared": {sql: "ml.shared", kind: flag},
	},
	visible: adminsOnly,
}

var meteringRules = &resource{
	table: "metering_rules", alias: "mr",
	notFound: func(id string) error {
		return missing("MeteringLabelRuleNotFound", "Metering label rule '%s' does not exist.", id)
	},
	columns: map[string]column{
		"id": {sql: "mr.id"}, "metering_label_id": {sql: "mr.label_id"}, "direction": {sql: "mr.direction"}, "excluded": {sql: "mr.excluded", kind: flag},
		"remote_ip_prefix": {sql: "mr.remote_prefix"}, "source_ip_prefix": {sql: "mr.source_prefix"}, "destination_ip_prefix": {sql: "mr.destination_prefix"},
	},
	visible: adminsOnly,
}

// adminsOnly shows nothing to others.
func adminsOnly(q *bun.SelectQuery, _ *policy.Caller) *bun.SelectQuery { return q.Where("1 = 0") }

func meteringLabelNotFound(id string) error {
	return missing("MeteringLabelNotFound", "Metering label '%s' does not exist.", id)
}

// CreateMeteringLabels makes labels, all or none. For admins.
func (s *Service) CreateMeteringLabels(ctx context.Context, caller *policy.Caller, specs []MeteringLabelSpec) ([]MeteringLabel, error) {
	create := func(ctx context.Context, tx *store.Tx, _ *policy.Caller, projectID string, spec MeteringLabelSpec) (*MeteringLabel, error) {
		l := &MeteringLabel{ID: uuid.NewString(), ProjectID: projectID, Name: spec.Name.Value, Description: spec.Description.Value, Shared: spec.Shared.Value}
		if err := insert(ctx, tx, l); err != nil {
			return nil, fmt.Errorf("insert a metering label: %w", err)
		}
		return l, nil
	}
	load := func(context.Context, bun.IDB, []*MeteringLabel) error { return nil }
	return createAll(ctx, s, caller, specs, "metering_label", func(s MeteringLabelSpec) Opt[string] { return s.ProjectID }, create, load)
}

// MeteringLabels lists the labels; others than administrators see none.
func (s *Service) MeteringLabels(ctx context.Context, caller *policy.Caller, l store.List) ([]MeteringLabel, error) {
	var rows []MeteringLabel
	err := meteringLabels.list(ctx, s.db.Read(), caller, l, &rows)
	return reversed(l, rows), err
}

// MeteringLabel returns one label; for others than administrators none is
// found.
func (s *Service) MeteringLabel(ctx context.Context, caller *policy.Caller, id string) (*MeteringLabel, error) {
	l := &MeteringLabel{}
	return l, meteringLabels.find(ctx, s.db.Read(), caller, id, l)
}

// DeleteMeteringLabel deletes a label with its rules and what it has counted.
// Errors: NotFound, Forbidden.
func (s *Service) DeleteMeteringLabel(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return deleteMetering(ctx, s, caller, meteringLabels, "delete_metering_label", id, e, &MeteringLabel{})
}

// CreateMeteringRules makes rules of labels, all or none. Errors: Forbidden,
// Invalid, NotFound (the label), Conflict (another rule has an address of
// this one's).
func (s *Service) CreateMeteringRules(ctx context.Context, caller *policy.Caller, specs []MeteringRuleSpec) ([]MeteringRule, error) {
	load := func(context.Context, bun.IDB, []*MeteringRule) error { return nil }
	return createAll(ctx, s, caller, specs, "metering_label_rule", func(s MeteringRuleSpec) Opt[string] { return s.ProjectID }, createMeteringRule, load)
}

func createMeteringRule(ctx context.Context, tx *store.Tx, caller *policy.Caller, _ string, spec MeteringRuleSpec) (*MeteringRule, error) {
	r := &MeteringRule{
		ID: uuid.NewString(), LabelID: spec.LabelID.Value, Direction: spec.Direction.Value, Excluded: spec.Excluded.Value,
		Remote: spec.Remote.Value, Source: spec.Source.Value, Destination: spec.Destination.Value,
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := meteringLabels.find(ctx, tx, caller, r.LabelID, &MeteringLabel{}); err != nil {
		return nil, err
	}
	var others []MeteringRule
	if err := tx.NewSelect().Model(&others).Where("label_id = ? AND direction = ? AND excluded = ?", r.LabelID, r.Direction, r.Excluded).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the rules of a metering label: %w", err)
	}
	if slices.ContainsFunc(others, r.overlaps) {
		return nil, conflict("MeteringLabelRuleOverlaps", "Metering label rule with remote_ip_prefix '%s' overlaps another.", r.Remote)
	}
	if err := insert(ctx, tx, r); err != nil {
		return nil, fmt.Errorf("insert a rule of a metering label: %w", err)
	}
	return r, nil
}

// check checks a rule's prefixes.
func (r *MeteringRule) check() error {
	for _, p := range []struct{ name, value string }{{"remote_ip_prefix", r.Remote}, {"source_ip_prefix", r.Source}, {"destination_ip_prefix", r.Destination}} {
		if p.value == "" {
			continue
		}
		if _, err := parsePrefix(p.value); err != nil {
			return refuse("Invalid", "%s: %s is invalid", p.name, p.value)
		}
	}
	if r.Remote != "" && (r.Source != "" || r.Destination != "") {
		return refuse("Invalid", "Cannot use 'remote-ip-prefix' in conjunction with 'source-ip-prefix' or 'destination-ip-prefix'.")
	}
	if r.Remote == "" && r.Source == "" && r.Destination == "" {
		return refuse("Invalid", "You must define at least one of the following parameters 'remote_ip_prefix', or 'source_ip_prefix' or 'destination_ip_prefix'.")
	}
	return nil
}

func (r *MeteringRule) overlaps(other MeteringRule) bool {
	if r.Remote == "" || other.Remote == "" {
		return false
	}
	return prefixOf(r.Remote).Overlaps(prefixOf(other.Remote))
}

// prefixOf is a prefix that was checked; the zero one for "".
func prefixOf(text string) netip.Prefix {
	p, err := parsePrefix(text)
	if err != nil {
		return netip.Prefix{}
	}
	return p.Masked()
}

// MeteringRules lists the rules of all labels; others than administrators see
// none.
func (s *Service) MeteringRules(ctx context.Context, caller *policy.Caller, l store.List) ([]MeteringRule, error) {
	var rows []MeteringRule
	err := meteringRules.list(ctx, s.db.Read(), caller, l, &rows)
	return reversed(l, rows), err
}

// MeteringRule returns one rule; for others than administrators none is found.
func (s *Service) MeteringRule(ctx context.Context, caller *policy.Caller, id string) (*MeteringRule, error) {
	r := &MeteringRule{}
	return r, meteringRules.find(ctx, s.db.Read(), caller, id, r)
}

// DeleteMeteringRule deletes a rule. Errors: NotFound, Forbidden.
func (s *Service) DeleteMeteringRule(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return deleteMetering(ctx, s, caller, meteringRules, "delete_metering_label_rule", id, e, &MeteringRule{})
}

func deleteMetering(ctx context.Context, s *Service, caller *policy.Caller, res *resource, rule, id string, e Expect, row changer) error {
	if err := noRevision(e); err != nil {
		return err
	}
	if err := allow(rule, caller, caller.ProjectID); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := res.find(ctx, tx, caller, id, row); err != nil {
			return err
		}
		if err := remove(ctx, tx, res.table, row); err != nil {
			return fmt.Errorf("delete from %s: %w", res.table, err)
		}
		hosts(tx)
		return nil
	})
}

// MeteringCount is what a label has counted in one direction on all hosts.
// Bytes are those of IP packets.
type MeteringCount struct {
	Direction      string
	Packets, Bytes int64
	UpdatedAt      time.Time // when it grew last
}

// MeteringCounts tells what a label has counted: to administrators, to the
// project whose label it is, and for a shared one to all, since when the label
// or the counting host was made. Errors: NotFound.
func (s *Service) MeteringCounts(ctx context.Context, caller *policy.Caller, id string) ([]MeteringCount, error) {
	l := &MeteringLabel{}
	found, err := one(ctx, s.db.Read().NewSelect().Model(l).Where("id = ?", id))
	if err != nil {
		return nil, fmt.Errorf("read a metering label: %w", err)
	}
	if !found || !l.Shared && !can("get_metering_label_counters", caller, l.ProjectID) {
		return nil, meteringLabelNotFound(id)
	}
	var rows []MeteringCount
	err = s.db.Read().NewSelect().TableExpr("metering_counts").Column("direction").ColumnExpr("SUM(packets) AS packets, SUM(bytes) AS bytes, MAX(updated_at) AS updated_at").
		Where("label_id = ?", id).Group("direction").Order("direction").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read what a metering label has counted: %w", err)
	}
	return rows, nil
}

type meteringCount struct {
	bun.BaseModel `bun:"table:metering_counts,alias:mc"`
	LabelID       string `bun:",pk"`
	Host          string `bun:",pk"`
	Direction     string `bun:",pk"`
	Packets       int64
	Bytes         int64
	SaidPackets   int64
	SaidBytes     int64
	UpdatedAt     time.Time
}

// hear adds what a host says now to what it said before. One that says less
// has begun anew.
func (c *meteringCount) hear(m nodeapi.Meter) {
	packets, bytes := m.Packets-c.SaidPackets, m.Bytes-c.SaidBytes
	if packets < 0 || bytes < 0 {
		packets, bytes = m.Packets, m.Bytes
	}
	c.Packets, c.Bytes = c.Packets+packets, c.Bytes+bytes
	c.SaidPackets, c.SaidBytes = m.Packets, m.Bytes
}

// RecordMeters adds what a host has counted; what it says of labels that are
// gone is nothing. It writes what is new only.
func (s *Service) RecordMeters(ctx context.Context, tx *store.Tx, host string, meters []nodeapi.Meter) error {
	if len(meters) == 0 {
		return nil
	}
	var known []meteringCount
	if err := tx.NewSelect().Model(&known).Where("host = ?", host).Scan(ctx); err != nil {
		return fmt.Errorf("read what %s has counted: %w", host, err)
	}
	labels, err := columnOf[string](ctx, tx.NewSelect().TableExpr("metering_labels").Column("id"))
	if err != nil {
		return fmt.Errorf("read the metering labels: %w", err)
	}
	var fresh []meteringCount
	for _, m := range meters {
		if !slices.Contains(labels, m.Label) || m.Direction != Ingress && m.Direction != Egress {
			continue
		}
		c := meteringCount{LabelID: m.Label, Host: host, Direction: m.Direction}
		if i := slices.IndexFunc(known, func(k meteringCount) bool { return k.LabelID == m.Label && k.Direction == m.Direction }); i >= 0 {
			c = known[i]
			if c.SaidPackets == m.Packets && c.SaidBytes == m.Bytes {
				continue
			}
		}
		c.hear(m)
		c.UpdatedAt = now()
		fresh = append(fresh, c)
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err = tx.NewInsert().Model(&fresh).On("CONFLICT (label_id, host, direction) DO UPDATE").Set("packets = EXCLUDED.packets").Set("bytes = EXCLUDED.bytes").
		Set("said_packets = EXCLUDED.said_packets").Set("said_bytes = EXCLUDED.said_bytes").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("record what %s has counted: %w", host, err)
	}
	return nil
}

// loadMeters adds the labels that count at the routers of the host's state:
// those that have a gateway.
func (h *hostView) loadMeters(ctx context.Context, routers map[string]*Router) error {
	projects := map[string][]string{} // with the routers that lead outside
	for id, r := range h.state.Routers {
		if r.Gateway != nil && routers[id] != nil {
			projects[routers[id].ProjectID] = append(projects[routers[id].ProjectID], id)
		}
	}
	if len(projects) == 0 {
		return nil
	}
	var labels []MeteringLabel
	if err := h.db.NewSelect().Model(&labels).Where("shared OR project_id IN (?)", bun.List(keys(projects))).Scan(ctx); err != nil {
		return fmt.Errorf("read the metering labels: %w", err)
	}
	if len(labels) == 0 {
		return nil
	}
	byID := make(map[string]intent.Meter, len(labels))
	for _, l := range labels {
		m := intent.Meter{ID: l.ID}
		for project, of := range projects {
			if l.Shared || project == l.ProjectID {
				m.Routers = append(m.Routers, of...)
			}
		}
		slices.Sort(m.Routers)
		byID[l.ID] = m
	}
	var rows []MeteringRule
	if err := h.db.NewSelect().Model(&rows).Where("label_id IN (?)", bun.List(keys(byID))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("read the rules of metering labels: %w", err)
	}
	for _, r := range rows {
		m := byID[r.LabelID]
		m.Rules = append(m.Rules, r.intent())
		byID[r.LabelID] = m
	}
	h.state.Meters = byID
	return nil
}

// intent is the rule in the dataplane's language.
func (r *MeteringRule) intent() intent.MeterRule {
	out := intent.MeterRule{Direction: r.Direction, Excluded: r.Excluded, Source: prefixOf(r.Source), Destination: prefixOf(r.Destination)}
	switch {
	case r.Remote == "":
	case r.Direction == Egress:
		out.Source = prefixOf(r.Remote)
	default:
		out.Destination = prefixOf(r.Remote)
	}
	return out
}
