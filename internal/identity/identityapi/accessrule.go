package identityapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/identity"
)

func (f *face) accessRules() []api.Route {
	const all, one = "/users/{user_id}/access_rules", "/users/{user_id}/access_rules/{rule_id}"
	return []api.Route{
		route(http.MethodGet, all, "identity:list_access_rules", 0, f.ownUser, f.listAccessRules),
		route(http.MethodGet, one, "identity:get_access_rule", 0, f.ownUser, f.showAccessRule),
		route(http.MethodDelete, one, "identity:delete_access_rule", noContent, f.ownUser, f.deleteAccessRule),
	}
}

func renderRules(rules []identity.AccessRule) []any {
	list := make([]any, len(rules))
	for i, rule := range rules {
		list[i] = map[string]any{"id": rule.ID, "service": rule.Service, "path": rule.Path, "method": rule.Method}
	}
	return list
}

func renderAccessRule(r *api.Request, rule identity.AccessRule) map[string]any {
	return object(r, "access_rules", rule.ID, nil, map[string]any{"service": rule.Service, "path": rule.Path, "method": rule.Method})
}

// accessRuleRefs reads the rules of a new application credential: each by id,
// or in full.
func accessRuleRefs(w *fields) []identity.AccessRule {
	raw, ok := w.take("access_rules")
	if !ok {
		return nil
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		w.fail("access_rules", "%s is not of type 'array' of objects", show(raw))
		return nil
	}
	var rules []identity.AccessRule
	for _, one := range list {
		item := &fields{values: one}
		rule := identity.AccessRule{
			ID: value(item.name("id", 64), ""), Service: value(item.name("service", 64), ""),
			Path: value(item.text("path", 225), ""), Method: value(item.text("method", 0), ""),
		}
		switch {
		case item.err != nil:
			w.fail("access_rules", "%s", item.err)
		case len(item.values) > 0:
			w.fail("access_rules", "Additional properties are not allowed in %s", show(raw))
		case rule.Path != "" && !strings.HasPrefix(rule.Path, "/"):
			w.fail("access_rules", "'%s' does not match '^\\/.*'", rule.Path)
		case rule.Method != "" && !slices.Contains([]string{"POST", "GET", "HEAD", "PATCH", "PUT", "DELETE"}, rule.Method):
			w.fail("access_rules", "'%s' does not match '^(POST|GET|HEAD|PATCH|PUT|DELETE)$'", rule.Method)
		case rule.ID == "" && (rule.Service == "" || rule.Path == "" || rule.Method == ""):
			w.fail("access_rules", "a rule needs an id, or a service, a path and a method")
		}
		rules = append(rules, rule)
	}
	return rules
}

func (f *face) listAccessRules(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	if _, err := f.direct(r); err != nil {
		return nil, err
	}
	list, err := f.svc.AccessRules(r.Context(), r.Param("user_id"), l)
	return collection(r, "access_rules", l, list, renderAccessRule), err
}

func (f *face) showAccessRule(r *api.Request) (any, error) {
	if _, err := f.direct(r); err != nil {
		return nil, err
	}
	rule, err := f.svc.AccessRule(r.Context(), r.Param("user_id"), r.Param("rule_id"))
	return map[string]any{"access_rule": renderAccessRule(r, rule)}, err
}

func (f *face) deleteAccessRule(r *api.Request) (any, error) {
	if _, err := f.unrestricted(r); err != nil {
		return nil, err
	}
	return nil, f.svc.DeleteAccessRule(r.Context(), r.Param("user_id"), r.Param("rule_id"))
}
