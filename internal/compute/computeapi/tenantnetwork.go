package computeapi

import (
	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/network"
	"wisp/internal/store"
)

func (f *face) networkRoutes() []api.Route {
	networks, tenant := base+"os-networks:", base+"os-tenant-networks:"
	return []api.Route{
		{Method: "GET", Path: "/os-networks", Policy: networks + "list", Max: lastProxy, Handler: f.listNetworks},
		{Method: "GET", Path: "/os-networks/{id}", Policy: networks + "show", Max: lastProxy, Handler: f.showNetwork},
		{Method: "GET", Path: "/os-tenant-networks", Policy: tenant + "list", Max: lastProxy, Handler: f.listTenantNetworks},
		{Method: "GET", Path: "/os-tenant-networks/{id}", Policy: tenant + "show", Max: lastProxy, Handler: f.showTenantNetwork},
	}
}

// Fields that the networks of Nova's own network service had. Those of the
// network service of today have none of them, and the API still shows the names.
var (
	networkFields      = []string{"cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6"}
	networkAdminFields = []string{
		"created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address", "vpn_public_port",
		"vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host", "priority", "rxtx_base", "mtu",
		"dhcp_server", "enable_dhcp", "share_address",
	}
)

func viewNetwork(r *api.Request, n *network.Network) map[string]any {
	view := map[string]any{}
	for _, name := range networkFields {
		view[name] = nil
	}
	if r.Caller.IsAdmin() {
		for _, name := range networkAdminFields {
			view[name] = nil
		}
	}
	view["id"], view["label"] = n.ID, n.Name
	return view
}

type tenantNetwork struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	CIDR  string `json:"cidr"` // always "None", as Nova shows it
}

func viewTenantNetwork(_ *api.Request, n *network.Network) tenantNetwork {
	return tenantNetwork{ID: n.ID, Label: n.Name, CIDR: "None"}
}

// networksAs lists the networks that the caller may see in one of the forms.
func networksAs[T any](f *face, r *api.Request, view func(*api.Request, *network.Network) T) (any, error) {
	list, err := f.svc.Networking().Networks(r.Context(), r.Caller, store.List{})
	if err != nil {
		return nil, err
	}
	views := make([]T, len(list))
	for i := range list {
		views[i] = view(r, &list[i])
	}
	return map[string]any{"networks": views}, nil
}

func networkAs[T any](f *face, r *api.Request, view func(*api.Request, *network.Network) T) (any, error) {
	n, err := f.svc.Networking().Network(r.Context(), r.Caller, r.Param("id"))
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.NotFound, "Network not found")
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"network": view(r, n)}, nil
}

func (f *face) listNetworks(r *api.Request) (any, error) { return networksAs(f, r, viewNetwork) }
func (f *face) showNetwork(r *api.Request) (any, error)  { return networkAs(f, r, viewNetwork) }
func (f *face) listTenantNetworks(r *api.Request) (any, error) {
	return networksAs(f, r, viewTenantNetwork)
}
func (f *face) showTenantNetwork(r *api.Request) (any, error) {
	return networkAs(f, r, viewTenantNetwork)
}
