package networkapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/network"
)

type meteringLabelView struct {
	ID          string `json:"id"`
	ProjectID   string `json:"project_id"`
	TenantID    string `json:"tenant_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Shared      bool   `json:"shared"`
}

func viewMeteringLabel(_ *api.Request, l *network.MeteringLabel) any {
	return &meteringLabelView{ID: l.ID, ProjectID: l.ProjectID, TenantID: l.ProjectID, Name: l.Name, Description: l.Description, Shared: l.Shared}
}

// maxLongDescription is that of the kinds of object whose descriptions are
// older than the attribute that all have.
const maxLongDescription = 1024

func (f *face) meteringLabels() resource[network.MeteringLabelSpec, network.MeteringLabel] {
	type S = network.MeteringLabelSpec
	return resource[S, network.MeteringLabel]{
		single: "metering_label", plural: "metering_labels", path: "metering/metering-labels",
		attributes: []attribute[S]{
			field("project_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("tenant_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }).postOnly(),
			field("description", text(maxLongDescription), func(s *S) *network.Opt[string] { return &s.Description }).postOnly(),
			field("shared", boolean, func(s *S) *network.Opt[bool] { return &s.Shared }).postOnly(),
		},
		readOnly: []string{"id"},
		create:   f.svc.CreateMeteringLabels, list: f.svc.MeteringLabels, get: f.svc.MeteringLabel, remove: f.svc.DeleteMeteringLabel,
		view: viewMeteringLabel, id: func(l *network.MeteringLabel) string { return l.ID },
	}
}

type meteringRuleView struct {
	ID          string  `json:"id"`
	LabelID     string  `json:"metering_label_id"`
	Direction   string  `json:"direction"`
	Excluded    bool    `json:"excluded"`
	Remote      *string `json:"remote_ip_prefix"`
	Source      *string `json:"source_ip_prefix"`
	Destination *string `json:"destination_ip_prefix"`
}

func viewMeteringRule(_ *api.Request, r *network.MeteringRule) any {
	return &meteringRuleView{
		ID: r.ID, LabelID: r.LabelID, Direction: r.Direction, Excluded: r.Excluded, Remote: orNull(r.Remote), Source: orNull(r.Source), Destination: orNull(r.Destination),
	}
}

func (f *face) meteringRules() resource[network.MeteringRuleSpec, network.MeteringRule] {
	type S = network.MeteringRuleSpec
	return resource[S, network.MeteringRule]{
		single: "metering_label_rule", plural: "metering_label_rules", path: "metering/metering-label-rules",
		attributes: []attribute[S]{
			field("project_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("tenant_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("metering_label_id", id, func(s *S) *network.Opt[string] { return &s.LabelID }).postOnly().must(),
			field("direction", oneOf(network.Ingress, network.Egress), func(s *S) *network.Opt[string] { return &s.Direction }).postOnly().must(),
			field("excluded", boolean, func(s *S) *network.Opt[bool] { return &s.Excluded }).postOnly(),
			field("remote_ip_prefix", textOrNull(64), func(s *S) *network.Opt[string] { return &s.Remote }).postOnly(),
			field("source_ip_prefix", textOrNull(64), func(s *S) *network.Opt[string] { return &s.Source }).postOnly(),
			field("destination_ip_prefix", textOrNull(64), func(s *S) *network.Opt[string] { return &s.Destination }).postOnly(),
		},
		readOnly: []string{"id"},
		create:   f.svc.CreateMeteringRules, list: f.svc.MeteringRules, get: f.svc.MeteringRule, remove: f.svc.DeleteMeteringRule,
		view: viewMeteringRule, id: func(r *network.MeteringRule) string { return r.ID },
	}
}

// oneOf reads one of some words.
func oneOf(words ...string) func(jsonValue) (string, error) {
	return func(raw jsonValue) (string, error) {
		if !slices.Contains(words, show(raw)) {
			return "", fmt.Errorf("'%s' is not in ['%s']", show(raw), strings.Join(words, "', '"))
		}
		return show(raw), nil
	}
}

type meterView struct {
	Packets   int64   `json:"packets"`
	Bytes     int64   `json:"bytes"`
	UpdatedAt *string `json:"updated_at"`
}

// meterRoutes show what labels have counted, which Neutron says in
// notifications only.
func (f *face) meterRoutes() []api.Route {
	return []api.Route{{
		Method: http.MethodGet, Path: "/v2.0/metering/metering-labels/{id}/counters", Policy: "get_metering_label_counters", Handler: func(r *api.Request) (any, error) {
			counts, err := f.svc.MeteringCounts(r.Context(), r.Caller, r.Param("id"))
			if err != nil {
				return nil, err
			}
			views := map[string]*meterView{network.Ingress: {}, network.Egress: {}}
			for _, c := range counts {
				at := stamp(c.UpdatedAt)
				views[c.Direction] = &meterView{Packets: c.Packets, Bytes: c.Bytes, UpdatedAt: &at}
			}
			return map[string]any{"counters": views}, nil
		},
	}}
}
