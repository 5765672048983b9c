package identityapi

import (
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

func (f *face) domainConfigs() []api.Route {
	const all, group, option = "/domains/{domain_id}/config", "/domains/{domain_id}/config/{group}", "/domains/{domain_id}/config/{group}/{option}"
	// What everyone may read is in one of the groups: the handler knows.
	const readable = "identity:get_security_compliance_domain_config"
	routes := []api.Route{
		route(http.MethodPut, all, "identity:create_domain_config", created, nil, f.setConfig),
		route(http.MethodGet, all, "identity:get_domain_config", 0, nil, f.showConfig),
		route(http.MethodGet, group, readable, 0, nil, f.showConfig),
		route(http.MethodGet, option, readable, 0, nil, f.showConfig),
	}
	for _, path := range []string{all, group, option} {
		routes = append(routes,
			route(http.MethodPatch, path, "identity:update_domain_config", 0, nil, f.updateConfig),
			route(http.MethodDelete, path, "identity:delete_domain_config", noContent, nil, f.deleteConfig))
	}
	for _, path := range []string{"/domains/config/default", "/domains/config/{group}/default", "/domains/config/{group}/{option}/default"} {
		routes = append(routes, route(http.MethodGet, path, "identity:get_domain_config_default", 0, nil, f.showDefaultConfig))
	}
	return routes
}

// configBody is a configuration in an answer; one option alone is without its
// group.
func configBody(c identity.DomainConfig, group, option string) map[string]any {
	if option != "" {
		return map[string]any{"config": c[group]}
	}
	return map[string]any{"config": c}
}

// readConfig reads the configuration in a request.
func readConfig(r *api.Request) (identity.DomainConfig, error) {
	w, err := body(r, "config")
	if err != nil {
		return nil, err
	}
	group, option := r.Param("group"), r.Param("option")
	if option != "" {
		options := map[string]any{}
		for name, raw := range w.values {
			var value any
			if err := json.Unmarshal(raw, &value); err != nil {
				return nil, errs.Wrap(err, errs.Invalid, "Invalid input for field '%s'", name)
			}
			options[name] = value
		}
		return identity.DomainConfig{group: options}, nil
	}
	c := identity.DomainConfig{}
	for name, raw := range w.values {
		var options map[string]any
		if err := json.Unmarshal(raw, &options); err != nil {
			options = nil // which no group may be
		}
		c[name] = options
	}
	return c, nil
}

func (f *face) setConfig(r *api.Request) (any, error) {
	c, err := readConfig(r)
	if err != nil {
		return nil, err
	}
	c, made, err := f.svc.SetDomainConfig(r.Context(), r.Param("domain_id"), c)
	if !made {
		r.SetStatus(http.StatusOK)
	}
	return configBody(c, "", ""), err
}

func (f *face) showConfig(r *api.Request) (any, error) {
	domainID, group, option := r.Param("domain_id"), r.Param("group"), r.Param("option")
	if group == "security_compliance" {
		if _, err := f.svc.Domain(r.Context(), domainID); err != nil {
			return nil, err
		}
		c, err := f.svc.SecurityCompliance(domainID, option)
		return configBody(c, group, option), err
	}
	if err := r.Allow("identity:get_domain_config", policy.Own(r.Caller)); err != nil {
		return nil, err
	}
	c, err := f.svc.DomainConfig(r.Context(), domainID, group, option)
	return configBody(c, group, option), err
}

func (f *face) updateConfig(r *api.Request) (any, error) {
	c, err := readConfig(r)
	if err != nil {
		return nil, err
	}
	c, err = f.svc.UpdateDomainConfig(r.Context(), r.Param("domain_id"), r.Param("group"), r.Param("option"), c)
	return configBody(c, "", ""), err
}

func (f *face) deleteConfig(r *api.Request) (any, error) {
	return nil, f.svc.DeleteDomainConfig(r.Context(), r.Param("domain_id"), r.Param("group"), r.Param("option"))
}

func (f *face) showDefaultConfig(r *api.Request) (any, error) {
	group, option := r.Param("group"), r.Param("option")
	c, err := identity.DefaultConfig(group, option)
	return configBody(c, group, option), err
}
