package networkapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

type addressGroupView struct {
	ID          string         `json:"id"`
	ProjectID   string         `json:"project_id"`
	TenantID    string         `json:"tenant_id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Addresses   []netip.Prefix `json:"addresses"`
	Shared      bool           `json:"shared"`
	CreatedAt   string         `json:"created_at"`
	UpdatedAt   string         `json:"updated_at"`
	Revision    int64          `json:"revision_number"`
}

func viewAddressGroup(r *api.Request, g *network.AddressGroup) any {
	return &addressGroupView{
		ID: g.ID, ProjectID: g.ProjectID, TenantID: g.ProjectID, Name: g.Name, Description: g.Description, Addresses: nonNil(g.Addresses.V),
		Shared: g.SharedWith(r.Caller.ProjectID), CreatedAt: stamp(g.CreatedAt), UpdatedAt: stamp(g.UpdatedAt), Revision: g.Revision,
	}
}

func (f *face) addressGroups() resource[network.AddressGroupSpec, network.AddressGroup] {
	type S = network.AddressGroupSpec
	return resource[S, network.AddressGroup]{
		single: "address_group", plural: "address_groups", path: "address-groups",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }),
			field("addresses", listOf(addressOrPrefix), func(s *S) *network.Opt[[]netip.Prefix] { return &s.Addresses }).postOnly(),
		),
		readOnly: append([]string{"shared"}, standardReadOnly...),
		create:   f.svc.CreateAddressGroups, list: f.svc.AddressGroups, get: f.svc.AddressGroup, update: f.svc.UpdateAddressGroup,
		remove: f.svc.DeleteAddressGroup, view: viewAddressGroup, id: func(g *network.AddressGroup) string { return g.ID },
	}
}

// addressOrPrefix reads an IP prefix; an address is one of full length.
func addressOrPrefix(raw jsonValue) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(show(raw)); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return prefix(raw)
}

// addressRoutes add addresses to groups and take them away.
func (f *face) addressRoutes() []api.Route {
	base := "/v2.0/address-groups/{id}/"
	return []api.Route{
		{Method: http.MethodPut, Path: base + "add_addresses", Policy: "update_address_group", Handler: changeAddresses(f.svc.AddAddresses)},
		{Method: http.MethodPut, Path: base + "remove_addresses", Policy: "update_address_group", Handler: changeAddresses(f.svc.RemoveAddresses)},
	}
}

func changeAddresses(change func(ctx context.Context, caller *policy.Caller, id string, addresses []netip.Prefix) (*network.AddressGroup, error)) api.Handler {
	type S struct{ addresses network.Opt[[]netip.Prefix] }
	attributes := []attribute[S]{field("addresses", listOf(addressOrPrefix), func(s *S) *network.Opt[[]netip.Prefix] { return &s.addresses }).must()}
	return func(r *api.Request) (any, error) {
		body, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		// Neutron and its clients have the addresses at the top; its reference
		// has them in the envelope of the other requests.
		var envelope struct {
			Group json.RawMessage `json:"address_group"`
		}
		if json.Unmarshal(body, &envelope) == nil && envelope.Group != nil {
			body = envelope.Group
		}
		spec, err := decodeOne(body, attributes, nil, true)
		if err != nil {
			return nil, err
		}
		g, err := change(r.Context(), r.Caller, r.Param("id"), spec.addresses.Value)
		if err != nil {
			return nil, err
		}
		return map[string]any{"address_group": viewAddressGroup(r, g)}, nil
	}
}
