package networkapi

import (
	"fmt"
	"net/netip"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
)

type groupView struct {
	standard
	Name     string      `json:"name"`
	Stateful bool        `json:"stateful"`
	Shared   bool        `json:"shared"`
	Rules    []*ruleView `json:"security_group_rules"`
}

type ruleView struct {
	standard
	GroupID       string  `json:"security_group_id"`
	Direction     string  `json:"direction"`
	Ethertype     string  `json:"ethertype"`
	Protocol      *string `json:"protocol"`
	PortMin       *int    `json:"port_range_min"`
	PortMax       *int    `json:"port_range_max"`
	RemotePrefix  *string `json:"remote_ip_prefix"`
	Normalized    *string `json:"normalized_cidr"`
	RemoteGroupID *string `json:"remote_group_id"`
	Addresses     *string `json:"remote_address_group_id"`
}

func viewGroup(r *api.Request, g *network.SecurityGroup) any {
	v := &groupView{standard: standardOf(&g.Standard), Name: g.Name, Stateful: g.Stateful, Shared: g.SharedWith(r.Caller.ProjectID), Rules: make([]*ruleView, len(g.Rules))}
	for i := range g.Rules {
		v.Rules[i] = newRuleView(&g.Rules[i])
	}
	return v
}

func newRuleView(r *network.Rule) *ruleView {
	v := &ruleView{
		standard: standardOf(&r.Standard), GroupID: r.GroupID, Direction: r.Direction, Ethertype: r.Ethertype, Protocol: orNull(r.Protocol),
		PortMin: r.PortMin, PortMax: r.PortMax, RemotePrefix: orNull(r.RemotePrefix), RemoteGroupID: orNull(r.RemoteGroupID),
		Addresses: orNull(r.RemoteAddresses),
	}
	v.Tags = nonNil(v.Tags)
	if p, err := netip.ParsePrefix(r.RemotePrefix); err == nil {
		v.Normalized = orNull(p.Masked().String())
	}
	return v
}

func viewRule(_ *api.Request, r *network.Rule) any { return newRuleView(r) }

func (f *face) securityGroups() resource[network.SecurityGroupSpec, network.SecurityGroup] {
	type S = network.SecurityGroupSpec
	return resource[S, network.SecurityGroup]{
		single: "security_group", plural: "security_groups", path: "security-groups",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("stateful", boolean, func(s *S) *network.Opt[bool] { return &s.Stateful }),
		),
		readOnly: append([]string{"security_group_rules", "shared"}, standardReadOnly...),
		create:   f.svc.CreateSecurityGroups, list: f.svc.SecurityGroups, get: f.svc.SecurityGroup, update: f.svc.UpdateSecurityGroup,
		remove: f.svc.DeleteSecurityGroup, view: viewGroup, id: func(g *network.SecurityGroup) string { return g.ID },
	}
}

func (f *face) securityRules() resource[network.RuleSpec, network.Rule] {
	type S = network.RuleSpec
	return resource[S, network.Rule]{
		single: "security_group_rule", plural: "security_group_rules", path: "security-group-rules",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("security_group_id", id, func(s *S) *network.Opt[string] { return &s.GroupID }).must(),
			field("direction", text(maxName), func(s *S) *network.Opt[string] { return &s.Direction }).must(),
			field("ethertype", text(maxName), func(s *S) *network.Opt[string] { return &s.Ethertype }),
			field("protocol", protocol, func(s *S) *network.Opt[string] { return &s.Protocol }),
			field("port_range_min", optional(portNumber), func(s *S) *network.Opt[*int] { return &s.PortMin }),
			field("port_range_max", optional(portNumber), func(s *S) *network.Opt[*int] { return &s.PortMax }),
			field("remote_ip_prefix", textOrNull(64), func(s *S) *network.Opt[string] { return &s.RemotePrefix }),
			field("remote_address_group_id", idOrNull, func(s *S) *network.Opt[string] { return &s.RemoteAddresses }),
			field("remote_group_id", textOrNull(maxName), func(s *S) *network.Opt[string] { return &s.RemoteGroupID }),
		),
		readOnly: append([]string{"normalized_cidr"}, standardReadOnly...),
		create:   f.svc.CreateRules, list: f.svc.Rules, get: f.svc.Rule, remove: f.svc.DeleteRule, view: viewRule,
		id: func(r *network.Rule) string { return r.ID },
	}
}

// protocol reads a name or a number, as text or not; null is any.
func protocol(raw jsonValue) (string, error) {
	if string(raw) == "null" {
		return "", nil
	}
	s := show(raw)
	if strings.ContainsAny(s, "{}[]\n") {
		return "", fmt.Errorf("'%s' is not a protocol", s)
	}
	return s, nil
}

func portNumber(raw jsonValue) (int, error) {
	n, err := integer(-1<<31, 1<<31)(raw)
	if err != nil {
		return 0, errs.New(errs.Invalid, "Invalid input for operation: Invalid value for port %s.", show(raw)).WithType("InvalidInput")
	}
	return n, nil
}
