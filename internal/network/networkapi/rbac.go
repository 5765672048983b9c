package networkapi

import (
	"wisp/internal/api"
	"wisp/internal/network"
)

type rbacView struct {
	ID         string `json:"id"`
	ProjectID  string `json:"project_id"`
	TenantID   string `json:"tenant_id"`
	ObjectType string `json:"object_type"`
	ObjectID   string `json:"object_id"`
	Action     string `json:"action"`
	Target     string `json:"target_tenant"`
}

func viewRBACPolicy(_ *api.Request, p *network.RBACPolicy) any {
	return &rbacView{
		ID: p.ID, ProjectID: p.ProjectID, TenantID: p.ProjectID, ObjectType: p.ObjectType, ObjectID: p.ObjectID, Action: p.Action, Target: p.TargetProject,
	}
}

func (f *face) rbacPolicies() resource[network.RBACSpec, network.RBACPolicy] {
	type S = network.RBACSpec
	return resource[S, network.RBACPolicy]{
		single: "rbac_policy", plural: "rbac_policies", path: "rbac-policies",
		attributes: []attribute[S]{
			field("project_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("tenant_id", text(maxName), func(s *S) *network.Opt[string] { return &s.ProjectID }).postOnly(),
			field("object_type", text(maxName), func(s *S) *network.Opt[string] { return &s.ObjectType }).postOnly().must(),
			field("object_id", id, func(s *S) *network.Opt[string] { return &s.ObjectID }).postOnly().must(),
			field("action", text(maxName), func(s *S) *network.Opt[string] { return &s.Action }).postOnly().must(),
			field("target_tenant", text(maxName), func(s *S) *network.Opt[string] { return &s.Target }).must(),
		},
		readOnly: []string{"id"},
		create:   f.svc.CreateRBACPolicies, list: f.svc.RBACPolicies, get: f.svc.RBACPolicy, update: f.svc.UpdateRBACPolicy,
		remove: f.svc.DeleteRBACPolicy, view: viewRBACPolicy, id: func(p *network.RBACPolicy) string { return p.ID },
	}
}
