package identityapi

import (
	"wisp/internal/api"
	"wisp/internal/identity"
	"wisp/internal/policy"
)

// Who acts for the whole cloud: admin of a project or of the system, but not
// of a domain only. Who is reader of the system sees it all.
var (
	cloud      = func(c *policy.Caller, _ policy.Target) bool { return c.IsAdmin() && c.DomainID == "" }
	cloudRead  = policy.Or(cloud, policy.System(identity.RoleReader))
	domain     = policy.Domain(identity.RoleManager) // admin implies it
	domainRead = policy.Domain(identity.RoleReader)
	change     = policy.Or(cloud, domain)
	read       = policy.Or(cloudRead, domainRead)
	readOwn    = policy.Or(read, policy.Self)
	// A token names the domain it is in, so whoever has one may read it.
	within = func(c *policy.Caller, t policy.Target) bool {
		return t.DomainID != "" && (c.DomainID == t.DomainID || c.ProjectDomainID == t.DomainID)
	}
	inDomain = func(c *policy.Caller, t policy.Target) bool { return t.DomainID != "" && c.DomainID == t.DomainID }
	project  = func(c *policy.Caller, t policy.Target) bool { return t.ProjectID != "" && c.ProjectID == t.ProjectID }
	// Who may only read makes no keys for itself.
	ownMember = func(c *policy.Caller, t policy.Target) bool {
		return c.HasRole(identity.RoleMember) && policy.Self(c, t)
	}
	subject = policy.Or(cloud, policy.Role(identity.RoleService), policy.Self)
)

// rules are Keystone's, by its names, without its deprecated ones.
var rules = policy.Rules{
	"identity:validate_token": policy.Or(subject, policy.System(identity.RoleReader)), "identity:check_token": policy.Or(subject, policy.System(identity.RoleReader)),
	"identity:revoke_token":      policy.Or(cloud, policy.Self),
	"identity:get_auth_projects": policy.Anyone, "identity:get_auth_domains": policy.Anyone,
	"identity:get_auth_catalog": policy.Anyone, "identity:get_auth_system": policy.Anyone,

	"identity:list_projects": read, "identity:get_project": policy.Or(read, project), "identity:create_project": change,
	"identity:update_project": change, "identity:delete_project": change,
	"identity:list_project_tags": policy.Or(read, project), "identity:get_project_tag": policy.Or(read, project),
	"identity:create_project_tag": change, "identity:update_project_tags": change,
	"identity:delete_project_tag": change, "identity:delete_project_tags": change,
	"identity:list_user_projects": readOwn,

	"identity:list_domains": read, "identity:get_domain": policy.Or(cloudRead, within),
	"identity:create_domain": cloud, "identity:update_domain": cloud, "identity:delete_domain": cloud,

	"identity:list_users": read, "identity:get_user": readOwn, "identity:create_user": change, "identity:update_user": change, "identity:delete_user": change,

	"identity:list_groups": read, "identity:list_groups_for_user": readOwn, "identity:get_group": read,
	"identity:create_group": change, "identity:update_group": change, "identity:delete_group": change,
	"identity:list_users_in_group": read, "identity:check_user_in_group": readOwn,
	"identity:add_user_to_group": change, "identity:remove_user_from_group": change,

	"identity:list_roles": policy.Or(cloudRead, domain), "identity:get_role": policy.Or(cloudRead, domain, policy.Domain(identity.RoleManager)),
	"identity:create_role": cloud, "identity:update_role": cloud, "identity:delete_role": cloud,
	"identity:list_domain_roles": read, "identity:get_domain_role": read,
	"identity:create_domain_role": change, "identity:update_domain_role": change, "identity:delete_domain_role": change,
	"identity:list_implied_roles": cloudRead, "identity:get_implied_role": cloudRead, "identity:check_implied_role": cloudRead,
	"identity:create_implied_role": cloud, "identity:delete_implied_role": cloud, "identity:list_role_inference_rules": cloudRead,

	"identity:check_grant": read, "identity:list_grants": read, "identity:create_grant": change, "identity:revoke_grant": change,
	"identity:list_role_assignments": read, "identity:list_role_assignments_for_tree": policy.Or(read, policy.Project(identity.RoleAdmin)),
	"identity:list_system_grants_for_user": cloudRead, "identity:check_system_grant_for_user": cloudRead,
	"identity:create_system_grant_for_user": cloud, "identity:revoke_system_grant_for_user": cloud,
	"identity:list_system_grants_for_group": cloudRead, "identity:check_system_grant_for_group": cloudRead,
	"identity:create_system_grant_for_group": cloud, "identity:revoke_system_grant_for_group": cloud,

	"identity:list_regions": policy.Anyone, "identity:get_region": policy.Anyone,
	"identity:create_region": cloud, "identity:update_region": cloud, "identity:delete_region": cloud,
	"identity:list_services": cloudRead, "identity:get_service": cloudRead,
	"identity:create_service": cloud, "identity:update_service": cloud, "identity:delete_service": cloud,
	"identity:list_endpoints": cloudRead, "identity:get_endpoint": cloudRead,
	"identity:create_endpoint": cloud, "identity:update_endpoint": cloud, "identity:delete_endpoint": cloud,

	"identity:list_application_credentials": policy.Or(cloudRead, policy.Self), "identity:get_application_credential": policy.Or(cloudRead, policy.Self),
	"identity:create_application_credential": policy.Self, "identity:delete_application_credential": policy.Or(cloud, policy.Self),
	"identity:list_access_rules": policy.Or(cloudRead, policy.Self), "identity:get_access_rule": policy.Or(cloudRead, policy.Self),
	"identity:delete_access_rule": policy.Or(cloud, policy.Self),

	"identity:list_credentials": policy.Or(cloudRead, policy.Self), "identity:get_credential": policy.Or(cloudRead, policy.Self),
	"identity:create_credential": policy.Or(cloud, policy.Self), "identity:update_credential": policy.Or(cloud, policy.Self), "identity:delete_credential": policy.Or(cloud, policy.Self),
	"identity:ec2_list_credentials": policy.Or(cloudRead, policy.Self), "identity:ec2_get_credential": policy.Or(cloudRead, policy.Self),
	"identity:ec2_create_credential": policy.Or(cloud, ownMember), "identity:ec2_delete_credential": policy.Or(cloud, ownMember),

	"identity:ec2tokens_validate": policy.Or(cloud, policy.Role(identity.RoleService)), "identity:s3tokens_validate": policy.Or(cloud, policy.Role(identity.RoleService)),

	// Whose trust may be made is not for a rule: the service asks the token.
	"identity:create_trust": policy.Anyone, "identity:delete_trust": policy.Or(cloud, policy.Self),
	"identity:list_trusts": cloudRead, "identity:list_trusts_for_trustor": policy.Or(cloudRead, policy.Self), "identity:list_trusts_for_trustee": policy.Or(cloudRead, policy.Self),
	"identity:get_trust": policy.Or(cloudRead, policy.Self), "identity:list_roles_for_trust": policy.Or(cloudRead, policy.Self), "identity:get_role_for_trust": policy.Or(cloudRead, policy.Self),

	"identity:get_security_compliance_domain_config": policy.Anyone,
	"identity:get_domain_config":                     cloudRead, "identity:get_domain_config_default": cloudRead,
	"identity:create_domain_config": cloud, "identity:update_domain_config": cloud, "identity:delete_domain_config": cloud,

	"identity:list_policies": cloudRead, "identity:get_policy": cloudRead,
	"identity:create_policy": cloud, "identity:update_policy": cloud, "identity:delete_policy": cloud,
	"identity:get_policy_for_endpoint": cloudRead, "identity:list_endpoints_for_policy": cloudRead,
	"identity:check_policy_association_for_endpoint": cloudRead, "identity:create_policy_association_for_endpoint": cloud, "identity:delete_policy_association_for_endpoint": cloud,
	"identity:check_policy_association_for_service": cloudRead, "identity:create_policy_association_for_service": cloud, "identity:delete_policy_association_for_service": cloud,
	"identity:check_policy_association_for_region_and_service": cloudRead, "identity:create_policy_association_for_region_and_service": cloud,
	"identity:delete_policy_association_for_region_and_service": cloud,

	"identity:list_endpoint_groups": cloudRead, "identity:get_endpoint_group": cloudRead,
	"identity:create_endpoint_group": cloud, "identity:update_endpoint_group": cloud, "identity:delete_endpoint_group": cloud,
	"identity:list_projects_associated_with_endpoint_group": cloudRead, "identity:list_endpoints_associated_with_endpoint_group": cloudRead,
	"identity:get_endpoint_group_in_project": cloudRead, "identity:list_endpoint_groups_for_project": cloudRead,
	"identity:add_endpoint_group_to_project": cloud, "identity:remove_endpoint_group_from_project": cloud,
	"identity:list_projects_for_endpoint": cloudRead, "identity:list_endpoints_for_project": cloudRead, "identity:check_endpoint_in_project": cloudRead,
	"identity:add_endpoint_to_project": cloud, "identity:remove_endpoint_from_project": cloud,

	"identity:list_registered_limits": policy.Anyone, "identity:get_registered_limit": policy.Anyone,
	"identity:create_registered_limits": cloud, "identity:update_registered_limit": cloud, "identity:delete_registered_limit": cloud,
	"identity:get_limit_model": policy.Anyone, "identity:list_limits": policy.Anyone, "identity:get_limit": policy.Or(cloudRead, inDomain, project),
	"identity:create_limits": cloud, "identity:update_limit": cloud, "identity:delete_limit": cloud,

	"identity:list_consumers": cloudRead, "identity:get_consumer": cloudRead,
	"identity:create_consumer": cloud, "identity:update_consumer": cloud, "identity:delete_consumer": cloud,
	"identity:authorize_request_token": policy.Admin, "identity:list_access_tokens": cloud, "identity:get_access_token": cloud,
	"identity:delete_access_token": cloud, "identity:list_access_token_roles": cloud, "identity:get_access_token_role": cloud,
}

// The targets below are read from the database by the ids in the path, never
// from what the request says of itself. What isn't there, or can't be read, is
// an empty target, which matches no domain: so an answer tells who has no
// right on something nothing about whether it exists.

func (f *face) userTarget(r *api.Request) policy.Target {
	u, err := f.svc.User(r.Context(), r.Param("user_id"))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{DomainID: u.DomainID, UserID: u.ID}
}

// userChangeTarget is a user whom the domain's managers may change: not one
// who is admin somewhere, whose password would make them that.
func (f *face) userChangeTarget(r *api.Request) policy.Target {
	t := f.userTarget(r)
	if admin, err := f.svc.HoldsAdmin(r.Context(), t.UserID, ""); err != nil || admin {
		t.DomainID = ""
	}
	return t
}

func (f *face) groupTarget(r *api.Request) policy.Target {
	g, err := f.svc.Group(r.Context(), r.Param("group_id"))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{DomainID: g.DomainID}
}

// memberTarget is a user and a group of one domain.
func (f *face) memberTarget(r *api.Request) policy.Target {
	t := f.userTarget(r)
	if f.groupTarget(r).DomainID != t.DomainID {
		t.DomainID = ""
	}
	return t
}

// memberChangeTarget keeps managers out of groups that are admin somewhere.
func (f *face) memberChangeTarget(r *api.Request) policy.Target {
	t := f.memberTarget(r)
	if admin, err := f.svc.HoldsAdmin(r.Context(), "", r.Param("group_id")); err != nil || admin {
		t.DomainID = ""
	}
	return t
}

func (f *face) projectTarget(r *api.Request) policy.Target {
	p, err := f.svc.Project(r.Context(), r.Param("project_id"))
	if err != nil {
		return policy.Target{}
	}
	return policy.Target{DomainID: p.Home(), ProjectID: p.ID}
}

func (f *face) domainTarget(r *api.Request) policy.Target {
	return policy.Target{DomainID: r.Param("domain_id")}
}

// ownUser is the user that the path names, whether there is one or not.
func (f *face) ownUser(r *api.Request) policy.Target {
	return policy.Target{UserID: r.Param("user_id")}
}
