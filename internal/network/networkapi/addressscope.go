package networkapi

import (
	"wisp/internal/api"
	"wisp/internal/network"
)

type addressScopeView struct {
	ID        string `json:"id"`
	ProjectID string `json:"project_id"`
	TenantID  string `json:"tenant_id"`
	Name      string `json:"name"`
	IPVersion int    `json:"ip_version"`
	Shared    bool   `json:"shared"`
}

func viewAddressScope(r *api.Request, a *network.AddressScope) any {
	return &addressScopeView{
		ID: a.ID, ProjectID: a.ProjectID, TenantID: a.ProjectID, Name: a.Name, IPVersion: a.IPVersion, Shared: a.SharedWith(r.Caller.ProjectID),
	}
}

func (f *face) addressScopes() resource[network.AddressScopeSpec, network.AddressScope] {
	type S = network.AddressScopeSpec
	return resource[S, network.AddressScope]{
		single: "address_scope", plural: "address_scopes", path: "address-scopes",
		attributes: []attribute[S]{
			field("project_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("tenant_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("ip_version", integer(0, 255), func(s *S) *network.Opt[int] { return &s.IPVersion }).postOnly().must(),
			field("shared", boolean, func(s *S) *network.Opt[bool] { return &s.Shared }),
		},
		readOnly: []string{"id"},
		create:   f.svc.CreateAddressScopes, list: f.svc.AddressScopes, get: f.svc.AddressScope, update: f.svc.UpdateAddressScope,
		remove: f.svc.DeleteAddressScope, view: viewAddressScope, id: func(a *network.AddressScope) string { return a.ID },
	}
}
