package networkapi

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/network"
	"wisp/internal/policy"
)

type subnetPoolView struct {
	standard
	Name      string         `json:"name"`
	IPVersion int            `json:"ip_version"`
	Prefixes  []netip.Prefix `json:"prefixes"`
	// Neutron writes these three as text.
	DefaultLength string  `json:"default_prefixlen"`
	MinLength     string  `json:"min_prefixlen"`
	MaxLength     string  `json:"max_prefixlen"`
	Quota         *int64  `json:"default_quota"`
	IsDefault     bool    `json:"is_default"`
	Shared        bool    `json:"shared"`
	ScopeID       *string `json:"address_scope_id"`
}

func viewSubnetPool(r *api.Request, p *network.SubnetPool) any {
	return &subnetPoolView{
		standard: standardOf(&p.Standard), Name: p.Name, IPVersion: p.IPVersion, Prefixes: nonNil(p.Prefixes.V), DefaultLength: strconv.Itoa(p.DefaultLength),
		MinLength: strconv.Itoa(p.MinLength), MaxLength: strconv.Itoa(p.MaxLength), Quota: p.Quota, IsDefault: p.IsDefault,
		Shared: p.SharedWith(r.Caller.ProjectID), ScopeID: orNull(p.ScopeID),
	}
}

func (f *face) subnetPools() resource[network.SubnetPoolSpec, network.SubnetPool] {
	type S = network.SubnetPoolSpec
	length := integer(0, 1<<31-1) // a wrong one is refused with both bounds
	return resource[S, network.SubnetPool]{
		single: "subnetpool", plural: "subnetpools", path: "subnetpools",
		attributes: append(standardFields(func(s *S) *network.Opt[string] { return &s.ProjectID }, func(s *S) *network.Opt[string] { return &s.Description }),
			field("name", text(maxName), func(s *S) *network.Opt[string] { return &s.Name }).must(),
			field("prefixes", listOf(prefix), func(s *S) *network.Opt[[]netip.Prefix] { return &s.Prefixes }).must(),
			field("default_prefixlen", length, func(s *S) *network.Opt[int] { return &s.DefaultLength }),
			field("min_prefixlen", length, func(s *S) *network.Opt[int] { return &s.MinLength }),
			field("max_prefixlen", length, func(s *S) *network.Opt[int] { return &s.MaxLength }),
			field("default_quota", optional(number), func(s *S) *network.Opt[*int64] { return &s.Quota }),
			field("shared", boolean, func(s *S) *network.Opt[bool] { return &s.Shared }).postOnly(),
			field("is_default", boolean, func(s *S) *network.Opt[bool] { return &s.IsDefault }),
			field("address_scope_id", idOrNull, func(s *S) *network.Opt[string] { return &s.ScopeID }),
		),
		readOnly: append([]string{"ip_version"}, standardReadOnly...),
		create:   f.svc.CreateSubnetPools, list: f.svc.SubnetPools, get: f.svc.SubnetPool, update: f.svc.UpdateSubnetPool, remove: f.svc.DeleteSubnetPool,
		view: viewSubnetPool, id: func(p *network.SubnetPool) string { return p.ID },
	}
}

func number(raw jsonValue) (int64, error) {
	n, err := integer(0, 1<<62)(raw)
	return int64(n), err
}

// prefix reads an IP prefix without host bits.
func prefix(raw jsonValue) (netip.Prefix, error) {
	s, err := text(64)(raw)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("'%s' is not a valid IP subnet", show(raw))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("'%s' is not a valid IP subnet", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("'%s' isn't a recognized IP subnet cidr, '%s' is recommended", s, p.Masked())
	}
	return p, nil
}

// prefixRoutes add prefixes to pools and take them away, and put the subnets of
// networks into pools.
func (f *face) prefixRoutes() []api.Route {
	base := "/v2.0/subnetpools/{id}/"
	return []api.Route{
		{Method: http.MethodPut, Path: base + "add_prefixes", Policy: "add_prefixes", Handler: changePrefixes(f.svc.AddPrefixes)},
		{Method: http.MethodPut, Path: base + "remove_prefixes", Policy: "remove_prefixes", Handler: changePrefixes(f.svc.RemovePrefixes)},
		{Method: http.MethodPut, Path: base + "onboard_network_subnets", Policy: "onboard_network_subnets", Handler: f.onboard},
	}
}

func changePrefixes(change func(ctx context.Context, caller *policy.Caller, id string, prefixes []netip.Prefix) (*network.SubnetPool, error)) api.Handler {
	type S struct{ prefixes network.Opt[[]netip.Prefix] }
	attributes := []attribute[S]{field("prefixes", listOf(prefix), func(s *S) *network.Opt[[]netip.Prefix] { return &s.prefixes }).must()}
	return func(r *api.Request) (any, error) {
		body, err := r.Bytes()
		if err != nil {
			return nil, err
		}
		spec, err := decodeOne(body, attributes, nil, true)
		if err != nil {
			return nil, err
		}
		p, err := change(r.Context(), r.Caller, r.Param("id"), spec.prefixes.Value)
		if err != nil {
			return nil, err
		}
		return map[string]any{"prefixes": p.Prefixes.V}, nil
	}
}

type onboardedView struct {
	ID   string `json:"id"`
	CIDR string `json:"cidr"`
}

// onboard answers as Neutron does: a list without a name.
func (f *face) onboard(r *api.Request) (any, error) {
	type S struct{ network network.Opt[string] }
	body, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	spec, err := decodeOne(body, []attribute[S]{field("network_id", id, func(s *S) *network.Opt[string] { return &s.network }).must()}, nil, true)
	if err != nil {
		return nil, err
	}
	subs, err := f.svc.Onboard(r.Context(), r.Caller, r.Param("id"), spec.network.Value)
	if err != nil {
		return nil, err
	}
	views := make([]onboardedView, len(subs))
	for i, sub := range subs {
		views[i] = onboardedView{ID: sub.ID, CIDR: sub.CIDR}
	}
	return views, nil
}
