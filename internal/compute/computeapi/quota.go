package computeapi

import (
	"maps"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) quotaRoutes() []api.Route {
	rule := base + "os-quota-sets:"
	return []api.Route{
		{Method: "GET", Path: "/limits", Policy: base + "limits", Handler: f.limits},
		{Method: "GET", Path: "/os-quota-sets/{id}", Policy: rule + "show", Target: ofProject, Handler: f.showQuota},
		{Method: "GET", Path: "/os-quota-sets/{id}/detail", Policy: rule + "detail", Target: ofProject, Handler: f.detailQuota},
		{Method: "GET", Path: "/os-quota-sets/{id}/defaults", Policy: rule + "defaults", Handler: f.defaultQuota},
		{Method: "PUT", Path: "/os-quota-sets/{id}", Policy: rule + "update", Handler: f.updateQuota},
		{Method: "DELETE", Path: "/os-quota-sets/{id}", Policy: rule + "delete", Status: http.StatusAccepted, Handler: f.deleteQuota},
	}
}

// networkQuotas are shown up to 2.35.
var networkQuotas = []string{compute.QuotaFixedIPs, compute.QuotaFloatingIPs, compute.QuotaSecRules, compute.QuotaSecGroups}

var fileQuotas = []string{compute.QuotaFiles, compute.QuotaFileBytes, compute.QuotaPathBytes}

// shown keeps the quotas that a version has.
func shown(version int, limits map[string]int64) map[string]int64 {
	limits = maps.Clone(limits)
	if version >= 36 {
		for _, name := range networkQuotas {
			delete(limits, name)
		}
	}
	if version >= 57 {
		for _, name := range fileQuotas {
			delete(limits, name)
		}
	}
	return limits
}

func quotaView(id string, limits map[string]int64) any { return limitsView("quota_set", id, limits) }

// limitsView shows limits as what a key names: whose they are, and each by its
// name.
func limitsView(key, id string, limits map[string]int64) any {
	view := map[string]any{}
	if id != "" {
		view["id"] = id
	}
	for name, limit := range limits {
		view[name] = limit
	}
	return map[string]any{key: view}
}

// quotaUser is the user whose limits are asked for; "" is the whole project's.
func quotaUser(r *api.Request) (string, error) {
	if err := noUnknown(r, "user_id"); err != nil {
		return "", err
	}
	return r.Query().Get("user_id"), nil
}

// quotaLimits are the limits that a request is about.
func (f *face) quotaLimits(r *api.Request) (limits map[string]int64, user string, err error) {
	if user, err = quotaUser(r); err != nil {
		return nil, "", err
	}
	if err := f.svc.CheckProject(r.Context(), r.Param("id")); err != nil {
		return nil, "", err
	}
	if user == "" {
		limits, err = f.svc.Limits(r.Context(), r.Param("id"))
	} else {
		limits, err = f.svc.UserLimits(r.Context(), r.Param("id"), user)
	}
	return limits, user, err
}

func (f *face) showQuota(r *api.Request) (any, error) {
	limits, _, err := f.quotaLimits(r)
	if err != nil {
		return nil, err
	}
	return quotaView(r.Param("id"), shown(r.Version, limits)), nil
}

func (f *face) detailQuota(r *api.Request) (any, error) {
	limits, user, err := f.quotaLimits(r)
	if err != nil {
		return nil, err
	}
	usage, err := f.svc.UserUsageOf(r.Context(), r.Param("id"), user)
	if err != nil {
		return nil, err
	}
	used := usage.Map()
	view := map[string]any{"id": r.Param("id")}
	for name, limit := range shown(r.Version, limits) {
		view[name] = map[string]int64{"limit": limit, "in_use": used[name], "reserved": 0}
	}
	return map[string]any{"quota_set": view}, nil
}

func (f *face) defaultQuota(r *api.Request) (any, error) {
	if err := f.svc.CheckProject(r.Context(), r.Param("id")); err != nil {
		return nil, err
	}
	limits, err := f.svc.ClassLimits(r.Context(), compute.DefaultClass)
	if err != nil {
		return nil, err
	}
	return quotaView(r.Param("id"), shown(r.Version, limits)), nil
}

func quotaBody() *schema {
	properties := map[string]*schema{"force": &booleans, "tenant_id": &anyString}
	for _, name := range []string{
		compute.QuotaInstances, compute.QuotaCores, compute.QuotaRAM, compute.QuotaMetadata, compute.QuotaKeypairs,
		compute.QuotaGroups, compute.QuotaGroupMembers,
	} {
		properties[name] = &limitNumber
	}
	for _, name := range fileQuotas {
		properties[name] = limitNumber.until(56)
	}
	for _, name := range networkQuotas {
		properties[name] = limitNumber.until(35)
	}
	return wrapped("quota_set", object(properties))
}

func (f *face) updateQuota(r *api.Request) (any, error) {
	user, err := quotaUser(r)
	if err != nil {
		return nil, err
	}
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	if err := quotaBody().check(content, r.Version); err != nil {
		return nil, err
	}
	var body struct {
		Set map[string]any `json:"quota_set"`
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	if err := f.svc.CheckProject(r.Context(), r.Param("id")); err != nil {
		return nil, err
	}
	changes, force := map[string]int64{}, false
	for name, value := range body.Set {
		switch name {
		case "force":
			force = value == true || isTrue(stringOf(value))
		case "tenant_id":
		default:
			changes[name] = intOf(value)
		}
	}
	var limits map[string]int64
	if user == "" {
		limits, err = f.svc.SetLimits(r.Context(), r.Param("id"), changes, force)
	} else {
		limits, err = f.svc.SetUserLimits(r.Context(), r.Param("id"), user, changes, force)
	}
	if err != nil {
		return nil, err
	}
	return quotaView("", shown(r.Version, limits)), nil
}

func (f *face) deleteQuota(r *api.Request) (any, error) {
	user, err := quotaUser(r)
	switch {
	case err != nil:
		return nil, err
	case user != "":
		return nil, f.svc.ResetUserLimits(r.Context(), r.Param("id"), user)
	}
	return nil, f.svc.ResetLimits(r.Context(), r.Param("id"))
}

// limits answers with the limits and usage of a project: the caller's, or for
// admins the one that tenant_id names.
func (f *face) limits(r *api.Request) (any, error) {
	if err := noUnknown(r, "tenant_id", "reserved"); err != nil {
		return nil, err
	}
	project := r.Caller.ProjectID
	if other := r.Query().Get("tenant_id"); other != "" && other != project {
		if !r.Caller.IsAdmin() {
			return nil, errs.New(errs.Forbidden, "Policy doesn't allow os_compute_api:limits:other_project to be performed.")
		}
		project = other
	}
	limits, err := f.svc.Limits(r.Context(), project)
	if err != nil {
		return nil, err
	}
	usage, err := f.svc.UsageOf(r.Context(), project)
	if err != nil {
		return nil, err
	}
	absolute := map[string]int64{
		"maxServerMeta": limits[compute.QuotaMetadata], "maxTotalCores": limits[compute.QuotaCores], "maxTotalInstances": limits[compute.QuotaInstances],
		"maxTotalKeypairs": limits[compute.QuotaKeypairs], "maxTotalRAMSize": limits[compute.QuotaRAM], "maxServerGroups": limits[compute.QuotaGroups],
		"maxServerGroupMembers": limits[compute.QuotaGroupMembers],
		"totalCoresUsed":        usage.Cores, "totalInstancesUsed": usage.Instances, "totalRAMUsed": usage.RAM, "totalServerGroupsUsed": usage.Groups,
	}
	if r.Version < 36 {
		absolute["maxSecurityGroups"], absolute["maxSecurityGroupRules"] = limits[compute.QuotaSecGroups], limits[compute.QuotaSecRules]
		absolute["maxTotalFloatingIps"] = limits[compute.QuotaFloatingIPs]
		absolute["totalSecurityGroupsUsed"], absolute["totalFloatingIpsUsed"] = 0, 0
	}
	if r.Version < 39 {
		absolute["maxImageMeta"] = limits[compute.QuotaMetadata]
	}
	if r.Version < 57 {
		absolute["maxPersonality"], absolute["maxPersonalitySize"] = limits[compute.QuotaFiles], limits[compute.QuotaFileBytes]
	}
	return map[string]any{"limits": map[string]any{"rate": []any{}, "absolute": absolute}}, nil
}
