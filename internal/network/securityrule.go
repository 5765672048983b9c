package network

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/policy"
	"wisp/internal/store"
)

// Directions and ethertypes of rules.
const (
	Ingress = "ingress"
	Egress  = "egress"
	IPv4    = "IPv4"
	IPv6    = "IPv6"
)

// Rule allows one kind of traffic. Empty fields widen: no protocol is any.
type Rule struct {
	bun.BaseModel `bun:"table:security_group_rules,alias:r"`
	Standard

	GroupID       string
	Direction     string
	Ethertype     string
	Protocol      string // as it was given: a name or a number; empty is any
	PortMin       *int
	PortMax       *int
	RemotePrefix  string
	RemoteGroupID string `bun:",nullzero"`
	// RemoteAddresses is the id of an address group.
	RemoteAddresses string `bun:"remote_address_group_id,nullzero"`
	Fingerprint     string
}

// RuleSpec is what a request gives of a rule.
type RuleSpec struct {
	ProjectID, Description, GroupID Opt[string]
	Direction, Ethertype, Protocol  Opt[string]
	PortMin, PortMax                Opt[*int]
	RemotePrefix, RemoteGroupID     Opt[string]
	RemoteAddresses                 Opt[string]
}

var groupRules = &resource{
	table: "security_group_rules", alias: "r",
	notFound: func(id string) error {
		return missing("SecurityGroupRuleNotFound", "Security group rule %s does not exist", id)
	},
	columns: standardColumns("r", false, map[string]column{
		"security_group_id": {sql: "group_id"}, "direction": {sql: "direction"}, "ethertype": {sql: "ethertype", kind: ethertype}, "protocol": {sql: "protocol", kind: protocol},
		"port_range_min": {sql: "port_min", kind: number}, "port_range_max": {sql: "port_max", kind: number},
		"remote_ip_prefix": {sql: "remote_prefix", kind: prefix}, "remote_group_id": {sql: "remote_group_id"}, "remote_address_group_id": {sql: "remote_address_group_id"},
	}),
	filters: map[string]func(*bun.SelectQuery, []string) (*bun.SelectQuery, error){"normalized_cidr": withPrefix},
	visible: func(q *bun.SelectQuery, caller *policy.Caller) *bun.SelectQuery {
		return q.Where("r.project_id = ?", caller.ProjectID).WhereOr("r.group_id IN (SELECT id FROM security_groups WHERE project_id = ?)", caller.ProjectID)
	},
}

// withPrefix narrows rules to those whose remote prefix, without the bits of a
// host, is one of the values: the fingerprint has it so, but for that of all.
func withPrefix(q *bun.SelectQuery, values []string) (*bun.SelectQuery, error) {
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, value := range values {
			p, err := parsePrefix(value)
			switch {
			case err != nil || p != p.Masked():
				q = q.WhereOr("1 = 0")
			case p.Bits() == 0:
				q = q.WhereOr("r.remote_prefix LIKE '%/0' AND r.ethertype = ?", map[bool]string{true: IPv4, false: IPv6}[p.Addr().Is4()])
			default:
				q = q.WhereOr("r.fingerprint LIKE ? ESCAPE '!'", "%!_"+p.String()+"!_%")
			}
		}
		return q
	}), nil
}

// protocols are the names that a rule may use (RFC 5237 numbers).
var protocols = map[string]uint8{
	"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ip": 0, "ipip": 4, "ipv6-encap": 41,
	"ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46,
	"sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}

const protocolICMP, protocolICMPv6 = 1, 58

// portProtocols have ports.
var portProtocols = []uint8{33, 132, 6, 17, 136}

// protocolNumber is the number of a rule's protocol; any is 0 and false.
func protocolNumber(text string) (number uint8, some bool) {
	if text == "" || text == "any" {
		return 0, false
	}
	if n, ok := protocols[text]; ok {
		return n, n != 0
	}
	n, err := strconv.ParseUint(text, 10, 8)
	return uint8(n), err == nil && n != 0
}

// newRule checks a request and makes its rule.
func newRule(projectID string, spec RuleSpec) (*Rule, error) {
	r := &Rule{
		Standard: newStandard(projectID, spec.Description.Value), GroupID: spec.GroupID.Value, Direction: spec.Direction.Value,
		Ethertype: spec.Ethertype.Or(IPv4), Protocol: strings.ToLower(spec.Protocol.Value), PortMin: spec.PortMin.Value, PortMax: spec.PortMax.Value,
		RemotePrefix: spec.RemotePrefix.Value, RemoteGroupID: spec.RemoteGroupID.Value, RemoteAddresses: spec.RemoteAddresses.Value,
	}
	if r.Direction != Ingress && r.Direction != Egress {
		return nil, refuse("HTTPBadRequest", "Invalid input for direction. Reason: '%s' is not in ['ingress', 'egress'].", r.Direction)
	}
	switch {
	case strings.EqualFold(r.Ethertype, IPv4):
		r.Ethertype = IPv4
	case strings.EqualFold(r.Ethertype, IPv6):
		r.Ethertype = IPv6
	default:
		return nil, invalid("Security group rule for ethertype '%s' not supported. Allowed values are ['IPv4', 'IPv6']", r.Ethertype)
	}
	if r.Protocol == "any" || r.Protocol == "0" {
		r.Protocol = ""
	}
	if _, named := protocols[r.Protocol]; r.Protocol != "" && !named {
		if n, err := strconv.ParseUint(r.Protocol, 10, 8); err != nil || strconv.FormatUint(n, 10) != r.Protocol {
			names := slices.Sorted(maps.Keys(protocols))
			return nil, invalid("Security group rule protocol %s not supported. Only protocol values ['%s'] and integer representations [0 to 255] are supported", spec.Protocol.Value, strings.Join(names, "', '"))
		}
	}
	if r.Ethertype == IPv6 {
		switch r.Protocol {
		case "icmp", "icmpv6":
			r.Protocol = "ipv6-icmp"
		case "1":
			r.Protocol = "58"
		}
	}
	if err := r.checkRemote(); err != nil {
		return nil, err
	}
	if err := r.checkPorts(); err != nil {
		return nil, err
	}
	r.Fingerprint = r.fingerprint()
	return r, nil
}

func (r *Rule) checkRemote() error {
	given := 0
	for _, remote := range []string{r.RemotePrefix, r.RemoteGroupID, r.RemoteAddresses} {
		if remote != "" {
			given++
		}
	}
	if given > 1 {
		return invalid("Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided")
	}
	number, _ := protocolNumber(r.Protocol)
	if r.Ethertype == IPv4 && slices.Contains([]uint8{41, 43, 44, 58, 59, 60}, number) {
		return invalid("Invalid ethertype %s for protocol %s", r.Ethertype, r.Protocol)
	}
	if r.RemotePrefix == "" {
		return nil
	}
	prefix, err := parsePrefix(r.RemotePrefix)
	if err != nil || prefix.Addr().Is4In6() {
		return refuse("InvalidCIDR", "Invalid CIDR %s given as IP prefix.", r.RemotePrefix)
	}
	if prefix.Addr().Is4() != (r.Ethertype == IPv4) {
		return invalid("Conflicting value ethertype %s for CIDR %s", r.Ethertype, r.RemotePrefix)
	}
	r.RemotePrefix = prefix.String() // with host bits, as it was given
	return nil
}

func (r *Rule) checkPorts() error {
	lowest, highest := r.PortMin, r.PortMax
	if lowest == nil && highest == nil {
		return nil
	}
	for _, p := range []*int{lowest, highest} {
		if p != nil && (*p < 0 || *p > 65535) {
			return invalid("Invalid value for port %d", *p)
		}
	}
	number, some := protocolNumber(r.Protocol)
	switch {
	case !some:
		return invalid("Must also specify protocol if port range is given")
	case slices.Contains(portProtocols, number):
		if lowest != nil && *lowest == 0 || highest != nil && *highest == 0 {
			return invalid("Invalid value for port 0")
		}
		if lowest == nil || highest == nil || *lowest > *highest {
			return invalid("For TCP/UDP protocols, port_range_min must be <= port_range_max")
		}
		if *lowest == 1 && *highest == 65535 { // every port: no range, as Neutron shows it
			r.PortMin, r.PortMax = nil, nil
		}
	case number == protocolICMP || number == protocolICMPv6:
		for _, part := range []struct {
			field, attribute string
			value            *int
		}{{"type", "port_range_min", lowest}, {"code", "port_range_max", highest}} {
			if part.value != nil && *part.value > 255 {
				return invalid("Invalid value for ICMP %s (%s) %d. It must be 0 to 255", part.field, part.attribute, *part.value)
			}
		}
		if lowest == nil {
			return invalid("ICMP code (port-range-max) %d is provided but ICMP type (port-range-min) is missing", *highest)
		}
	default:
		return invalid("Ports cannot be specified for protocol %d. Ports are only supported for TCP, UDP, UDPLITE, SCTP, DCCP", number)
	}
	return nil
}

// fingerprint is the same for rules of one group that mean the same.
func (r *Rule) fingerprint() string {
	number := func(p *int) string {
		if p == nil {
			return "+"
		}
		return strconv.Itoa(*p)
	}
	protocol := "+"
	if n, some := protocolNumber(r.Protocol); some {
		protocol = strconv.Itoa(int(n))
	}
	remote := "+"
	if p, err := netip.ParsePrefix(r.RemotePrefix); err == nil && p.Bits() > 0 {
		remote = p.Masked().String()
	}
	parts := []string{r.Direction, r.Ethertype, protocol, number(r.PortMin), number(r.PortMax), remote, r.RemoteGroupID}
	if r.RemoteAddresses != "" {
		parts = append(parts, r.RemoteAddresses)
	}
	return strings.Join(parts, "_")
}

// CreateRules adds rules to security groups, all or none. Errors: NotFound (a
// group), Forbidden, Invalid, OverQuota, Conflict (the rule is there).
func (s *Service) CreateRules(ctx context.Context, caller *policy.Caller, specs []RuleSpec) ([]Rule, error) {
	for _, spec := range specs {
		if spec.GroupID.Value != specs[0].GroupID.Value {
			return nil, invalid("Only allowed to update rules for one security profile at a time")
		}
	}
	return createAll(ctx, s, caller, specs, "security_group_rule", func(s RuleSpec) Opt[string] { return s.ProjectID }, s.createRule,
		func(ctx context.Context, db bun.IDB, rows []*Rule) error { return loadTags(ctx, db, rows) })
}

func (s *Service) createRule(ctx context.Context, tx *store.Tx, caller *policy.Caller, projectID string, spec RuleSpec) (*Rule, error) {
	r, err := newRule(projectID, spec)
	if err != nil {
		return nil, err
	}
	g := &SecurityGroup{}
	if err := securityGroups.find(ctx, tx, caller, r.GroupID, g); err != nil {
		return nil, err
	}
	if err := allow("create_security_group_rule", caller, g.ProjectID); err != nil {
		return nil, err
	}
	if r.RemoteGroupID != "" {
		if err := securityGroups.find(ctx, tx, caller, r.RemoteGroupID, &SecurityGroup{}); err != nil {
			return nil, err
		}
	}
	if r.RemoteAddresses != "" {
		if err := addressGroups.find(ctx, tx, caller, r.RemoteAddresses, &AddressGroup{}); err != nil {
			return nil, err
		}
	}
	same, err := columnOf[string](ctx, tx.NewSelect().TableExpr("security_group_rules").Column("id").Where("group_id = ? AND fingerprint = ?", r.GroupID, r.Fingerprint))
	if err != nil {
		return nil, fmt.Errorf("look for the same rule: %w", err)
	}
	if len(same) > 0 {
		return nil, conflict("SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", same[0])
	}
	if err := insert(ctx, tx, r); err != nil {
		if store.IsDuplicate(err) {
			return nil, conflict("DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")
		}
		return nil, fmt.Errorf("insert a security group rule: %w", err)
	}
	return r, touchRow(ctx, tx, "security_groups", g)
}

// Rules lists the rules that the caller may see.
func (s *Service) Rules(ctx context.Context, caller *policy.Caller, l store.List) ([]Rule, error) {
	if err := s.ensureOwnDefault(ctx, caller); err != nil {
		return nil, err
	}
	var rows []Rule
	if err := groupRules.list(ctx, s.db.Read(), caller, l, &rows); err != nil {
		return nil, err
	}
	return reversed(l, rows), loadTags(ctx, s.db.Read(), pointers(rows))
}

// Rule returns one rule, or an error of kind NotFound.
func (s *Service) Rule(ctx context.Context, caller *policy.Caller, id string) (*Rule, error) {
	var r Rule
	if err := groupRules.find(ctx, s.db.Read(), caller, id, &r); err != nil {
		return nil, err
	}
	return &r, loadTags(ctx, s.db.Read(), []*Rule{&r})
}

// DeleteRule takes a rule away. Errors: NotFound, Forbidden,
// PreconditionFailed.
func (s *Service) DeleteRule(ctx context.Context, caller *policy.Caller, id string, e Expect) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var r Rule
		if err := groupRules.find(ctx, tx, caller, id, &r); err != nil {
			return err
		}
		if err := allow("delete_security_group_rule", caller, r.ProjectID); err != nil {
			g := &SecurityGroup{}
			if securityGroups.find(ctx, tx, caller, r.GroupID, g) != nil || !can("delete_security_group_rule", caller, g.ProjectID) {
				return err
			}
		}
		if err := expect(e, &r.Standard); err != nil {
			return err
		}
		if err := remove(ctx, tx, "security_group_rules", &r); err != nil {
			return fmt.Errorf("delete a security group rule: %w", err)
		}
		hosts(tx)
		return touchRow(ctx, tx, "security_groups", &SecurityGroup{Standard: Standard{ID: r.GroupID, ProjectID: r.ProjectID}})
	})
}
