package identityapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/identity"
)

func (f *face) policies() []api.Route {
	const one = "/policies/{policy_id}"
	const extension = one + "/OS-ENDPOINT-POLICY"
	routes := []api.Route{
		route(http.MethodGet, "/policies", "identity:list_policies", 0, nil, f.listPolicies),
		route(http.MethodPost, "/policies", "identity:create_policy", created, nil, f.createPolicy),
		route(http.MethodGet, one, "identity:get_policy", 0, nil, f.showPolicy),
		route(http.MethodPatch, one, "identity:update_policy", 0, nil, f.updatePolicy),
		route(http.MethodDelete, one, "identity:delete_policy", noContent, nil, f.deletePolicy),
		route(http.MethodGet, extension+"/endpoints", "identity:list_endpoints_for_policy", 0, nil, f.listPolicyEndpoints),
		route(http.MethodGet, "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", "identity:get_policy_for_endpoint", 0, nil, f.showEndpointPolicy),
	}
	for path, what := range map[string]string{
		"/endpoints/{endpoint_id}": "endpoint", "/services/{service_id}": "service", "/services/{service_id}/regions/{region_id}": "region_and_service",
	} {
		routes = append(routes,
			route(http.MethodGet, extension+path, "identity:check_policy_association_for_"+what, noContent, nil, f.checkPolicyAssociation),
			route(http.MethodPut, extension+path, "identity:create_policy_association_for_"+what, noContent, nil, f.associatePolicy),
			route(http.MethodDelete, extension+path, "identity:delete_policy_association_for_"+what, noContent, nil, f.dissociatePolicy))
	}
	return routes
}

func renderPolicy(r *api.Request, p identity.PolicyBlob) map[string]any {
	return object(r, "policies", p.ID, p.Extra, map[string]any{"type": p.Type, "blob": p.Blob})
}

func (f *face) listPolicies(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Policies(r.Context(), l)
	return collection(r, "policies", l, list, renderPolicy), err
}

func (f *face) createPolicy(r *api.Request) (any, error) {
	w, err := body(r, "policy")
	if err != nil {
		return nil, err
	}
	w.require("blob", "type")
	p := identity.PolicyBlob{Type: value(w.text("type", 255), ""), Blob: value(w.text("blob", 0), "")}
	w.take("id")
	if p.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	p, err = f.svc.CreatePolicy(r.Context(), p)
	return map[string]any{"policy": renderPolicy(r, p)}, err
}

func (f *face) showPolicy(r *api.Request) (any, error) {
	p, err := f.svc.Policy(r.Context(), r.Param("policy_id"))
	return map[string]any{"policy": renderPolicy(r, p)}, err
}

func (f *face) updatePolicy(r *api.Request) (any, error) {
	w, err := body(r, "policy")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("policy_id"), notSameID("policy"))
	change := identity.PolicyBlobChange{Type: w.text("type", 255), Blob: w.text("blob", 0)}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	p, err := f.svc.UpdatePolicy(r.Context(), r.Param("policy_id"), change)
	return map[string]any{"policy": renderPolicy(r, p)}, err
}

func (f *face) deletePolicy(r *api.Request) (any, error) {
	return nil, f.svc.DeletePolicy(r.Context(), r.Param("policy_id"))
}

// policyAssociation is what the path names.
func policyAssociation(r *api.Request) identity.PolicyAssociation {
	return identity.NewPolicyAssociation(r.Param("policy_id"), r.Param("endpoint_id"), r.Param("service_id"), r.Param("region_id"))
}

func (f *face) checkPolicyAssociation(r *api.Request) (any, error) {
	return nil, f.svc.PolicyAssociated(r.Context(), policyAssociation(r))
}

func (f *face) associatePolicy(r *api.Request) (any, error) {
	return nil, f.svc.AssociatePolicy(r.Context(), policyAssociation(r))
}

func (f *face) dissociatePolicy(r *api.Request) (any, error) {
	return nil, f.svc.DissociatePolicy(r.Context(), policyAssociation(r))
}

func (f *face) listPolicyEndpoints(r *api.Request) (any, error) {
	list, err := f.svc.PolicyEndpoints(r.Context(), r.Param("policy_id"))
	return collection(r, "endpoints", identity.Listing{}, list, renderEndpoint), err
}

func (f *face) showEndpointPolicy(r *api.Request) (any, error) {
	p, err := f.svc.EndpointPolicy(r.Context(), r.Param("endpoint_id"))
	return map[string]any{"policy": renderPolicy(r, p)}, err
}
