package computeapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/store"
)

func (f *face) securityGroupRoutes() []api.Route {
	rule := base + "os-security-groups:"
	return []api.Route{
		{Method: "GET", Path: "/os-security-groups", Policy: rule + "get", Max: lastProxy, Handler: f.listGroupsOfProject},
		{Method: "POST", Path: "/os-security-groups", Policy: rule + "create", Max: lastProxy, Handler: f.createSecurityGroup},
		{Method: "GET", Path: "/os-security-groups/{id}", Policy: rule + "show", Max: lastProxy, Handler: f.showSecurityGroup},
		{Method: "PUT", Path: "/os-security-groups/{id}", Policy: rule + "update", Max: lastProxy, Handler: f.updateSecurityGroup},
		{Method: "DELETE", Path: "/os-security-groups/{id}", Policy: rule + "delete", Max: lastProxy, Status: http.StatusAccepted, Handler: f.deleteSecurityGroup},
		{Method: "POST", Path: "/os-security-group-rules", Policy: rule + "rule:create", Max: lastProxy, Handler: f.createGroupRule},
		{Method: "DELETE", Path: "/os-security-group-rules/{id}", Policy: rule + "rule:delete", Max: lastProxy, Status: http.StatusAccepted, Handler: f.deleteGroupRule},
		{Method: "GET", Path: "/servers/{id}/os-security-groups", Policy: rule + "list", Handler: f.listSecurityGroups},
	}
}

type securityGroupView struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Description string              `json:"description"`
	TenantID    string              `json:"tenant_id"`
	Rules       []securityGroupRule `json:"rules"`
}

// securityGroupRule is a rule as Nova had them: inwards, with ports from and
// to, of which -1 is any.
type securityGroupRule struct {
	ID       string            `json:"id"`
	Parent   string            `json:"parent_group_id"`
	Protocol *string           `json:"ip_protocol"`
	From     *int              `json:"from_port"`
	To       *int              `json:"to_port"`
	Group    map[string]string `json:"group"`
	Range    map[string]string `json:"ip_range"`
}

func viewGroupRule(rule *network.Rule, remotes map[string]network.SecurityGroup) (securityGroupRule, bool) {
	view := securityGroupRule{ID: rule.ID, Parent: rule.GroupID, From: rule.PortMin, To: rule.PortMax, Group: map[string]string{}, Range: map[string]string{}}
	if rule.Protocol != "" {
		view.Protocol = &rule.Protocol
		if rule.PortMin == nil && rule.PortMax == nil {
			from, to := -1, -1
			if rule.Protocol == "tcp" || rule.Protocol == "udp" {
				from, to = 1, 65535
			}
			view.From, view.To = &from, &to
		}
	}
	switch {
	case rule.RemoteGroupID != "":
		remote, known := remotes[rule.RemoteGroupID]
		if !known {
			return view, false // of a group that the caller does not see
		}
		view.Group = map[string]string{"name": remote.Name, "tenant_id": remote.ProjectID}
	case rule.RemotePrefix == "":
		view.Range["cidr"] = "0.0.0.0/0"
	default:
		view.Range["cidr"] = rule.RemotePrefix
	}
	return view, true
}

// viewGroups shows groups with their rules inwards. The groups that rules name
// are read in one query.
func (f *face) viewGroups(r *api.Request, groups []network.SecurityGroup) ([]securityGroupView, error) {
	remotes := map[string]network.SecurityGroup{}
	for _, g := range groups {
		remotes[g.ID] = g
	}
	var missing []string
	for _, g := range groups {
		for _, rule := range g.Rules {
			if _, known := remotes[rule.RemoteGroupID]; !known && rule.RemoteGroupID != "" && rule.Direction == network.Ingress {
				missing = append(missing, rule.RemoteGroupID)
			}
		}
	}
	if len(missing) > 0 {
		others, err := f.svc.Networking().SecurityGroups(r.Context(), r.Caller, store.List{Filters: map[string][]string{"id": missing}})
		if err != nil {
			return nil, err
		}
		for _, g := range others {
			remotes[g.ID] = g
		}
	}
	views := make([]securityGroupView, len(groups))
	for i, g := range groups {
		views[i] = securityGroupView{ID: g.ID, Name: g.Name, Description: g.Description, TenantID: g.ProjectID, Rules: []securityGroupRule{}}
		for n := range g.Rules {
			if g.Rules[n].Direction != network.Ingress {
				continue
			}
			if view, seen := viewGroupRule(&g.Rules[n], remotes); seen {
				views[i].Rules = append(views[i].Rules, view)
			}
		}
	}
	slices.SortStableFunc(views, func(a, b securityGroupView) int {
		return cmp.Or(strings.Compare(a.TenantID, b.TenantID), strings.Compare(a.Name, b.Name))
	})
	return views, nil
}

func (f *face) answerGroup(r *api.Request, g *network.SecurityGroup, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	views, err := f.viewGroups(r, []network.SecurityGroup{*g})
	if err != nil {
		return nil, err
	}
	return map[string]any{"security_group": views[0]}, nil
}

func (f *face) listGroupsOfProject(r *api.Request) (any, error) {
	q := r.Query()
	limit, _, err := page(r)
	if err != nil {
		return nil, err
	}
	offset := 0
	if text := q.Get("offset"); text != "" {
		if offset, err = strconv.Atoi(text); err != nil || offset < 0 {
			return nil, errs.New(errs.Invalid, "Invalid input for query parameters offset. Value: %s. '%s' is not a non-negative integer", text, text)
		}
	}
	list := store.List{Filters: map[string][]string{"project_id": {r.Caller.ProjectID}}}
	if r.Caller.IsAdmin() && q.Has("all_tenants") {
		list.Filters = nil
	}
	groups, err := f.svc.Networking().SecurityGroups(r.Context(), r.Caller, list)
	if err != nil {
		return nil, err
	}
	groups = groups[min(offset, len(groups)):]
	if limit > 0 && limit < len(groups) {
		groups = groups[:limit]
	}
	views, err := f.viewGroups(r, groups)
	if err != nil {
		return nil, err
	}
	return map[string]any{"security_groups": views}, nil
}

// groupID checks the id of a group, or of a rule, as Nova does.
func groupID(id string) error {
	if len(id) > 36 || uuid.Validate(id) != nil {
		return errs.New(errs.Invalid, "Security group id should be uuid")
	}
	return nil
}

func (f *face) showSecurityGroup(r *api.Request) (any, error) {
	if err := groupID(r.Param("id")); err != nil {
		return nil, err
	}
	g, err := f.svc.Networking().SecurityGroup(r.Context(), r.Caller, r.Param("id"))
	return f.answerGroup(r, g, err)
}

// groupSpec reads what a request says of a group: this part of the API is
// older than schemas, and looks at the two names alone.
func groupSpec(r *api.Request) (network.SecurityGroupSpec, error) {
	var spec network.SecurityGroupSpec
	var body struct {
		Group map[string]any `json:"security_group"`
	}
	if err := r.Bind(&body); err != nil {
		return spec, err
	}
	if body.Group == nil {
		return spec, errs.New(errs.Invalid, "Missing parameter security_group")
	}
	for name, to := range map[string]*network.Opt[string]{"name": &spec.Name, "description": &spec.Description} {
		value, ok := body.Group[name].(string)
		switch {
		case !ok:
			return spec, errs.New(errs.Invalid, "Invalid input received: %s is not a string or unicode", name)
		case utf8.RuneCountInString(value) > 255:
			return spec, errs.New(errs.Invalid, "Invalid input received: %s has more than 255 characters.", name)
		}
		*to = network.Some(value)
	}
	return spec, nil
}

func (f *face) createSecurityGroup(r *api.Request) (any, error) {
	spec, err := groupSpec(r)
	if err != nil {
		return nil, err
	}
	made, err := f.svc.Networking().CreateSecurityGroups(r.Context(), r.Caller, []network.SecurityGroupSpec{spec})
	if errs.Is(err, errs.Conflict) {
		err = renamed(err, errs.Forbidden)
	}
	if err != nil {
		return nil, err
	}
	return f.answerGroup(r, &made[0], nil)
}

func (f *face) updateSecurityGroup(r *api.Request) (any, error) {
	if err := groupID(r.Param("id")); err != nil {
		return nil, err
	}
	spec, err := groupSpec(r)
	if err != nil {
		return nil, err
	}
	g, err := f.svc.Networking().UpdateSecurityGroup(r.Context(), r.Caller, r.Param("id"), spec, nil)
	if errs.Is(err, errs.Conflict) {
		err = renamed(err, errs.Invalid)
	}
	return f.answerGroup(r, g, err)
}

func (f *face) deleteSecurityGroup(r *api.Request) (any, error) {
	if err := groupID(r.Param("id")); err != nil {
		return nil, err
	}
	err := f.svc.Networking().DeleteSecurityGroup(r.Context(), r.Caller, r.Param("id"), nil)
	if errs.Is(err, errs.Conflict) {
		err = renamed(err, errs.Invalid)
	}
	return nil, err
}

// renamed gives an error of the network service the kind that Nova gives it.
func renamed(err error, kind errs.Kind) error {
	if public, ok := errors.AsType[*errs.Error](err); ok {
		return errs.Wrap(err, kind, "%s", public.Message)
	}
	return err
}

// ruleRequest is what a request says of a rule. Ports come as numbers or as
// strings of digits.
type ruleRequest struct {
	Parent   *string         `json:"parent_group_id"`
	Group    *string         `json:"group_id"`
	Protocol *string         `json:"ip_protocol"`
	CIDR     *string         `json:"cidr"`
	From     json.RawMessage `json:"from_port"`
	To       json.RawMessage `json:"to_port"`
}

// port reads a port; nil is none.
func (q *ruleRequest) port(raw json.RawMessage) (*int, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		if q.Protocol != nil && strings.EqualFold(*q.Protocol, "icmp") {
			return nil, errs.New(errs.Invalid, "Invalid input received: Type and Code must be integers for ICMP protocol type")
		}
		return nil, errs.New(errs.Invalid, "Invalid input received: To and From ports must be integers")
	}
	return &n, nil
}

// spec turns the request into the network service's rule.
func (q *ruleRequest) spec() (network.RuleSpec, error) {
	spec := network.RuleSpec{GroupID: network.Some(*q.Parent), Direction: network.Some(network.Ingress), Ethertype: network.Some(network.IPv4)}
	from, err := q.port(q.From)
	if err != nil {
		return spec, err
	}
	to, err := q.port(q.To)
	if err != nil {
		return spec, err
	}
	protocol := ""
	if q.Protocol != nil {
		protocol = strings.ToLower(*q.Protocol)
	}
	if q.Group != nil {
		spec.RemoteGroupID = network.Some(*q.Group)
		if from == nil && to == nil { // with a group alone, all of a protocol
			from, to = wholeRange(protocol)
		}
	} else {
		prefix, err := q.prefix()
		if err != nil {
			return spec, err
		}
		spec.RemotePrefix = network.Some(prefix.String())
		if prefix.Addr().Is6() {
			spec.Ethertype = network.Some(network.IPv6)
		}
	}
	if protocol == "" || from == nil || to == nil {
		if q.Group == nil {
			return spec, errs.New(errs.Invalid, "Not enough parameters to build a valid rule.")
		}
		return spec, nil
	}
	if err := checkPorts(protocol, *from, *to); err != nil {
		return spec, err
	}
	spec.Protocol = network.Some(protocol)
	if *from != -1 {
		spec.PortMin = network.Some(from)
	}
	if *to != -1 {
		spec.PortMax = network.Some(to)
	}
	return spec, nil
}

// wholeRange is the whole range of a protocol's ports.
func wholeRange(protocol string) (from, to *int) {
	lowest, highest := -1, -1
	switch protocol {
	case "icmp":
	case "tcp", "udp":
		lowest, highest = 1, 65535
	default:
		return nil, nil
	}
	return &lowest, &highest
}

// prefix is the range of addresses of a rule; none is all of IPv4. It may be
// escaped once more, as some clients did.
func (q *ruleRequest) prefix() (netip.Prefix, error) {
	if q.CIDR == nil || *q.CIDR == "" {
		return netip.MustParsePrefix("0.0.0.0/0"), nil
	}
	text := *q.CIDR
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, errs.Wrap(err, errs.Invalid, "Invalid cidr %s.", *q.CIDR)
	}
	if prefix.Bits() == 0 && !prefix.Addr().IsUnspecified() {
		return prefix, errs.New(errs.Invalid, "Bad prefix for network in cidr %s", *q.CIDR)
	}
	return prefix, nil
}

func checkPorts(protocol string, from, to int) error {
	ranged := func(why string) error {
		return errs.New(errs.Invalid, "Invalid port range %d:%d. %s", from, to, why)
	}
	switch protocol {
	case "tcp", "udp":
		if from > to {
			return ranged("Former value cannot be greater than the later")
		}
		if from < 1 || to > 65535 {
			return ranged("Valid " + strings.ToUpper(protocol) + " ports should be between 1-65535")
		}
	case "icmp":
		if from < -1 || from > 255 || to < -1 || to > 255 {
			return ranged("For ICMP, the type:code must be valid")
		}
	default:
		return errs.New(errs.Invalid, "Invalid IP protocol %s.", protocol)
	}
	return nil
}

func (f *face) createGroupRule(r *api.Request) (any, error) {
	var body struct {
		Rule *ruleRequest `json:"security_group_rule"`
	}
	if err := r.Bind(&body); err != nil {
		return nil, err
	}
	if body.Rule == nil {
		return nil, errs.New(errs.Invalid, "Missing parameter security_group_rule")
	}
	in := body.Rule
	for _, id := range []*string{in.Parent, in.Group} {
		if id == nil {
			continue
		}
		if err := groupID(*id); err != nil {
			return nil, err
		}
	}
	if in.Parent == nil {
		return nil, errs.New(errs.Invalid, "Security group id should be uuid")
	}
	ids := []string{*in.Parent}
	if in.Group != nil {
		ids = append(ids, *in.Group)
	}
	found, err := f.svc.Networking().SecurityGroups(r.Context(), r.Caller, store.List{Filters: map[string][]string{"id": ids}})
	if err != nil {
		return nil, err
	}
	groups := map[string]network.SecurityGroup{}
	for _, g := range found {
		groups[g.ID] = g
	}
	for _, id := range ids {
		if _, ok := groups[id]; !ok {
			return nil, errs.New(errs.NotFound, "Security group %s not found.", id)
		}
	}
	spec, err := in.spec()
	if err != nil {
		return nil, err
	}
	made, err := f.svc.Networking().CreateRules(r.Context(), r.Caller, []network.RuleSpec{spec})
	if errs.Is(err, errs.Conflict) {
		err = errs.Wrap(err, errs.Invalid, "This rule already exists in group %s", *in.Parent)
	}
	if err != nil {
		return nil, err
	}
	view, _ := viewGroupRule(&made[0], groups)
	return map[string]any{"security_group_rule": view}, nil
}

func (f *face) deleteGroupRule(r *api.Request) (any, error) {
	if err := groupID(r.Param("id")); err != nil {
		return nil, err
	}
	return nil, f.svc.Networking().DeleteRule(r.Context(), r.Caller, r.Param("id"), nil)
}

// listSecurityGroups shows the groups of a server's ports.
func (f *face) listSecurityGroups(r *api.Request) (any, error) {
	server, err := f.withPorts(r)
	if err != nil {
		return nil, err
	}
	ports, err := f.svc.Networking().Ports(r.Context(), r.Caller, store.List{Filters: map[string][]string{"device_id": {server.ID}}})
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range ports {
		ids = append(ids, ports[i].SecurityGroups...)
	}
	groups := []network.SecurityGroup{}
	if len(ids) > 0 {
		if groups, err = f.svc.Networking().SecurityGroups(r.Context(), r.Caller, store.List{Filters: map[string][]string{"id": ids}}); err != nil {
			return nil, err
		}
	}
	views, err := f.viewGroups(r, groups)
	if err != nil {
		return nil, err
	}
	return map[string]any{"security_groups": views}, nil
}

// memberAction is an action that puts a server into a security group or takes
// it out. It is older than schemas, and tells what is missing in its own words.
func memberAction(name, rule string, run func(f *face, r *api.Request, group string) error) action {
	return action{base + rule, func(int) *schema { return &schema{open: true} }, func(f *face, r *api.Request, content []byte) (any, error) {
		var body map[string]map[string]any
		if err := api.Decode(content, &body); err != nil || body[name] == nil {
			return nil, errs.New(errs.Invalid, "Missing parameter dict")
		}
		given, has := body[name]["name"]
		group, ok := given.(string)
		switch {
		case !has:
			return nil, errs.New(errs.Invalid, "Security group not specified")
		case !ok || strings.TrimSpace(group) == "":
			return nil, errs.New(errs.Invalid, "Security group name cannot be empty")
		}
		return nil, run(f, r, group)
	}}
}

var (
	addSecurityGroup = memberAction("addSecurityGroup", "os-security-groups:add", func(f *face, r *api.Request, group string) error {
		return f.svc.AddSecurityGroup(r.Context(), r.Caller, r.Param("id"), group)
	})
	removeSecurityGroup = memberAction("removeSecurityGroup", "os-security-groups:remove", func(f *face, r *api.Request, group string) error {
		return f.svc.RemoveSecurityGroup(r.Context(), r.Caller, r.Param("id"), group)
	})
)
