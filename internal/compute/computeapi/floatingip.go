package computeapi

import (
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/compute"
)

// lastAddressAction is the last microversion with actions on addresses.
const lastAddressAction = 43

func (f *face) floatingIPRoutes() []api.Route {
	rule := base + "os-floating-ips:"
	return []api.Route{
		{Method: "GET", Path: "/os-floating-ip-pools", Policy: base + "os-floating-ip-pools", Max: lastProxy, Handler: f.listFloatingPools},
		{Method: "GET", Path: "/os-floating-ips", Policy: rule + "list", Max: lastProxy, Handler: f.listFloatingIPs},
		{Method: "POST", Path: "/os-floating-ips", Policy: rule + "create", Max: lastProxy, Handler: f.createFloatingIP},
		{Method: "GET", Path: "/os-floating-ips/{id}", Policy: rule + "show", Max: lastProxy, Handler: f.showFloatingIP},
		{Method: "DELETE", Path: "/os-floating-ips/{id}", Policy: rule + "delete", Max: lastProxy, Status: http.StatusAccepted, Handler: f.deleteFloatingIP},
	}
}

type floatingIPView struct {
	ID       string  `json:"id"`
	IP       string  `json:"ip"`
	FixedIP  *string `json:"fixed_ip"`
	ServerID *string `json:"instance_id"`
	Pool     string  `json:"pool"`
}

func viewFloatingIP(one *compute.FloatingIP) floatingIPView {
	view := floatingIPView{ID: one.ID, IP: one.Address, Pool: one.Pool}
	if one.FixedAddress != "" {
		view.FixedIP = &one.FixedAddress
	}
	if one.PortID != "" {
		view.ServerID = &one.ServerID
	}
	return view
}

func answerFloatingIP(one compute.FloatingIP, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"floating_ip": viewFloatingIP(&one)}, nil
}

func (f *face) listFloatingPools(r *api.Request) (any, error) {
	pools, err := f.svc.FloatingPools(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	views := make([]map[string]string, len(pools))
	for i, pool := range pools {
		views[i] = map[string]string{"name": pool.Name}
		if pool.Name == "" {
			views[i]["name"] = pool.ID
		}
	}
	return map[string]any{"floating_ip_pools": views}, nil
}

func (f *face) listFloatingIPs(r *api.Request) (any, error) {
	list, err := f.svc.ListFloatingIPs(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	views := make([]floatingIPView, len(list))
	for i := range list {
		views[i] = viewFloatingIP(&list[i])
	}
	return map[string]any{"floating_ips": views}, nil
}

func (f *face) showFloatingIP(r *api.Request) (any, error) {
	return answerFloatingIP(f.svc.GetFloatingIP(r.Context(), r.Caller, r.Param("id")))
}

// createFloatingIP takes a body or none; only the pool counts in it.
func (f *face) createFloatingIP(r *api.Request) (any, error) {
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	var body struct{ Pool string }
	if len(content) > 0 {
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
	}
	return answerFloatingIP(f.svc.AllocateFloatingIP(r.Context(), r.Caller, body.Pool))
}

func (f *face) deleteFloatingIP(r *api.Request) (any, error) {
	return nil, f.svc.ReleaseFloatingIP(r.Context(), r.Caller, r.Param("id"))
}

var ipString = schema{types: []string{"string"}, format: "ip"}

// addressAction is an action that names addresses, which versions up to 2.43
// have.
func addressAction(name, rule string, properties map[string]*schema, run func(f *face, r *api.Request, address, fixed string) error) action {
	return action{base + rule, func(version int) *schema {
		if version > lastAddressAction {
			return nil
		}
		return object(properties, "address")
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body map[string]json.RawMessage
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
		var in struct {
			Address string
			Fixed   string `json:"fixed_address"`
		}
		if err := api.Decode(body[name], &in); err != nil {
			return nil, err
		}
		return nil, run(f, r, in.Address, in.Fixed)
	}}
}

var (
	addFloatingIP = addressAction("addFloatingIp", "os-floating-ips:add", map[string]*schema{"address": &ipString, "fixed_address": &ipString},
		func(f *face, r *api.Request, address, fixed string) error {
			return f.svc.AddFloatingIP(r.Context(), r.Caller, r.Param("id"), address, fixed)
		})
	removeFloatingIP = addressAction("removeFloatingIp", "os-floating-ips:remove", map[string]*schema{"address": &ipString},
		func(f *face, r *api.Request, address, _ string) error {
			return f.svc.RemoveFloatingIP(r.Context(), r.Caller, r.Param("id"), address)
		})
)
