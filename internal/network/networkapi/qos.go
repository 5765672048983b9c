package networkapi

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/store"
)

type qosPolicyView struct {
	standard
	Name      string           `json:"name"`
	Shared    bool             `json:"shared"`
	IsDefault bool             `json:"is_default"`
	Rules     []map[string]any `json:"rules"`
}

func viewQoSPolicy(r *api.Request, p *network.QoSPolicy) any {
	v := &qosPolicyView{standard: standardOf(&p.Standard), Name: p.Name, Shared: p.SharedWith(r.Caller.ProjectID), IsDefault: p.IsDefault, Rules: []map[string]any{}}
	for i := range p.Rules {
		rule := viewQoSRule(&p.Rules[i])
		rule["qos_policy_id"], rule["type"] = p.ID, p.Rules[i].Type
		v.Rules = append(v.Rules, rule)
	}
	return v
}

func (f *face) qosPolicies() resource[network.QoSPolicySpec, network.QoSPolicy] {
	type S = network.QoSPolicySpec
	return resource[S, network.QoSPolicy]{
		single: "policy", plural: "policies", path: "qos/policies", looks: true,
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("shared", boolean, func(s *S) *network.Opt[bool] { return &s.Shared }),
			field("is_default", boolean, func(s *S) *network.Opt[bool] { return &s.IsDefault }),
		),
		readOnly: append([]string{"rules"}, standardReadOnly...),
		create:   f.svc.CreateQoSPolicies, list: f.svc.QoSPolicies, get: f.svc.QoSPolicy, update: f.svc.UpdateQoSPolicy, remove: f.svc.DeleteQoSPolicy,
		view: viewQoSPolicy, id: func(p *network.QoSPolicy) string { return p.ID },
	}
}

func viewQoSRule(r *network.QoSRule) map[string]any {
	k := r.Kind()
	v := map[string]any{"id": r.ID, k.Amount: r.Amount}
	if k.Burst != "" {
		v[k.Burst] = r.Burst
	}
	if k.Directed() {
		v["direction"] = r.Direction
	}
	return v
}

// qosAttributes are what requests give of rules of a kind.
func qosAttributes(k *network.QoSKind) []attribute[network.QoSRuleSpec] {
	type S = network.QoSRuleSpec
	amount := integer(0, math.MaxInt32)
	if k.Marks != nil {
		amount = func(raw jsonValue) (int, error) {
			n, err := integer(0, math.MaxInt32)(raw)
			if err == nil && !slices.Contains(k.Marks, n) {
				err = fmt.Errorf("'%d' is not in %s", n, strings.ReplaceAll(fmt.Sprint(k.Marks), " ", ", "))
			}
			return n, err
		}
	}
	all := []attribute[S]{field(k.Amount, amount, func(s *S) *network.Opt[int] { return &s.Amount }).must()}
	if k.Burst != "" {
		all = append(all, field(k.Burst, integer(0, math.MaxInt32), func(s *S) *network.Opt[int] { return &s.Burst }))
	}
	if k.Directed() {
		direction := oneOf(network.Egress, network.Ingress)
		if k.Type == network.QoSMinimumBandwidth {
			direction = oneOf(network.Egress) // the other one is an extension of its own
		}
		all = append(all, field("direction", direction, func(s *S) *network.Opt[string] { return &s.Direction }))
	}
	return all
}

// qosRuleRoutes are the rules of policies, by policy and by themselves, and
// the types of rules.
func (f *face) qosRuleRoutes() []api.Route {
	routes := []api.Route{
		{Method: http.MethodGet, Path: "/v2.0/qos/rule-types", Policy: "get_rule_type", Handler: f.qosRuleTypes},
		{Method: http.MethodGet, Path: "/v2.0/qos/rule-types/{type}", Policy: "get_rule_type", Handler: f.qosRuleType},
	}
	for _, k := range network.QoSKinds {
		rules := qosRules{svc: f.svc, kind: k}
		single := k.Type + "_rule"
		base := "/v2.0/qos/policies/{policy_id}/" + single + "s"
		routes = append(routes,
			api.Route{Method: http.MethodGet, Path: base, Policy: "get_policy_" + single, Handler: rules.list},
			api.Route{Method: http.MethodPost, Path: base, Policy: "create_policy_" + single, Status: http.StatusCreated, Handler: rules.create},
		)
		alias := "/v2.0/qos/alias-" + strings.ReplaceAll(single, "_", "-") + "s/{id}"
		for path, of := range map[string]string{base + "/{id}": "policy_", alias: "alias_"} {
			if of == "alias_" && k.Type == network.QoSPacketRateLimit {
				continue // which the extension does not name
			}
			rules := qosRules{svc: f.svc, kind: k, alias: of == "alias_"}
			// Who sees the policy and may not change it is refused by the
			// slice; to others there is no such rule.
			routes = append(routes,
				api.Route{Method: http.MethodGet, Path: path, Policy: "get_" + of + single, Handler: rules.get},
				api.Route{Method: http.MethodPut, Path: path, Policy: "get_" + of + single, Handler: rules.update},
				api.Route{Method: http.MethodDelete, Path: path, Policy: "get_" + of + single, Status: http.StatusNoContent, Handler: rules.remove},
			)
		}
	}
	return routes
}

// qosRules is the face of the rules of one kind.
type qosRules struct {
	svc   *network.Service
	kind  *network.QoSKind
	alias bool // rules by themselves, whose bodies are named so
}

func (q qosRules) single() string {
	if q.alias {
		return "alias_" + q.kind.Type + "_rule"
	}
	return q.kind.Type + "_rule"
}

func (q qosRules) read(r *api.Request, post bool) (network.QoSRuleSpec, error) {
	body, err := r.Bytes()
	if err != nil {
		return network.QoSRuleSpec{}, err
	}
	specs, _, err := decode(body, q.single(), "", qosAttributes(q.kind), []string{"id", "tenant_id", "project_id"}, post)
	if err != nil {
		return network.QoSRuleSpec{}, err
	}
	return specs[0], nil
}

func (q qosRules) list(r *api.Request) (any, error) {
	list := func(l store.List) ([]network.QoSRule, error) {
		return q.svc.QoSRules(r.Context(), r.Caller, q.kind, r.Param("policy_id"), l)
	}
	return listedIn(r, q.single()+"s", list, func(_ *api.Request, rule *network.QoSRule) any { return viewQoSRule(rule) }, func(rule *network.QoSRule) string { return rule.ID })
}

func (q qosRules) create(r *api.Request) (any, error) {
	spec, err := q.read(r, true)
	if err != nil {
		return nil, err
	}
	rule, err := q.svc.CreateQoSRule(r.Context(), r.Caller, q.kind, r.Param("policy_id"), spec)
	if err != nil {
		return nil, err
	}
	return map[string]any{q.single(): viewQoSRule(rule)}, nil
}

func (q qosRules) get(r *api.Request) (any, error) {
	rule, err := q.svc.QoSRule(r.Context(), r.Caller, q.kind, r.Param("policy_id"), r.Param("id"))
	if err != nil {
		return nil, err
	}
	view, err := api.Partial(viewQoSRule(rule), r.Query()["fields"])
	return map[string]any{q.single(): view}, err
}

func (q qosRules) update(r *api.Request) (any, error) {
	spec, err := q.read(r, false)
	if err != nil {
		return nil, err
	}
	rule, err := q.svc.UpdateQoSRule(r.Context(), r.Caller, q.kind, r.Param("policy_id"), r.Param("id"), spec)
	if err != nil {
		return nil, err
	}
	return map[string]any{q.single(): viewQoSRule(rule)}, nil
}

func (q qosRules) remove(r *api.Request) (any, error) {
	return nil, q.svc.DeleteQoSRule(r.Context(), r.Caller, q.kind, r.Param("policy_id"), r.Param("id"))
}

func (f *face) qosRuleTypes(r *api.Request) (any, error) {
	all := false
	for name, values := range r.Query() {
		for _, value := range values {
			on, err := network.ParseBool(value)
			switch {
			case name == "fields" || name == "type":
			case name != "all_rules" && name != "all_supported":
				return nil, badRequest("['%s'] is invalid attribute for filtering", name)
			case err != nil:
				return nil, badRequest("Invalid input for %s. Reason: %s.", name, err)
			case name == "all_rules":
				all = on
			}
		}
	}
	wanted := r.Query()["type"]
	views := []any{}
	for _, k := range f.svc.QoSRuleTypes(all) {
		if len(wanted) == 0 || slices.Contains(wanted, k.Type) {
			views = append(views, map[string]any{"type": k.Type})
		}
	}
	return map[string]any{"rule_types": views}, nil
}

type qosParameter struct {
	Name   string `json:"parameter_name"`
	Type   string `json:"parameter_type"` // range or choices
	Values any    `json:"parameter_values"`
}

func (f *face) qosRuleType(r *api.Request) (any, error) {
	k, err := f.svc.QoSRuleType(r.Caller, r.Param("type"))
	if err != nil {
		return nil, err
	}
	whole := func(name string) qosParameter {
		return qosParameter{name, "range", map[string]int{"start": 0, "end": math.MaxInt32}}
	}
	parameters := []qosParameter{whole(k.Amount)}
	if k.Marks != nil {
		parameters = []qosParameter{{k.Amount, "choices", k.Marks}}
	}
	if k.Burst != "" {
		parameters = append(parameters, whole(k.Burst))
	}
	if k.Directed() {
		parameters = append(parameters, qosParameter{"direction", "choices", []string{network.Egress, network.Ingress}})
	}
	return map[string]any{"rule_type": map[string]any{"type": k.Type, "drivers": []any{map[string]any{"name": "wisp", "supported_parameters": parameters}}}}, nil
}
