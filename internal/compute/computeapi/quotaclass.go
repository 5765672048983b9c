package computeapi

import (
	"maps"
	"unicode/utf8"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) quotaClassRoutes() []api.Route {
	rule := base + "os-quota-class-sets:"
	return []api.Route{
		{Method: "GET", Path: "/os-quota-class-sets/{class}", Policy: rule + "show", Handler: f.showQuotaClass},
		{Method: "PUT", Path: "/os-quota-class-sets/{class}", Policy: rule + "update", Handler: f.updateQuotaClass},
	}
}

// groupQuotas are shown of a class from 2.50 on, which no longer shows those of
// networks.
var groupQuotas = []string{compute.QuotaGroups, compute.QuotaGroupMembers}

// ofClass keeps the quotas of a class that a version has.
func ofClass(version int, limits map[string]int64) map[string]int64 {
	limits = maps.Clone(limits)
	hidden := networkQuotas
	if version < 50 {
		hidden = groupQuotas
	}
	for _, name := range hidden {
		delete(limits, name)
	}
	if version >= 57 {
		for _, name := range fileQuotas {
			delete(limits, name)
		}
	}
	return limits
}

func viewQuotaClass(class string, limits map[string]int64) any {
	return limitsView("quota_class_set", class, limits)
}

func (f *face) showQuotaClass(r *api.Request) (any, error) {
	limits, err := f.svc.ClassLimits(r.Context(), r.Param("class"))
	if err != nil {
		return nil, err
	}
	return viewQuotaClass(r.Param("class"), ofClass(r.Version, limits)), nil
}

func quotaClassBody() *schema {
	properties := map[string]*schema{}
	for _, name := range []string{
		compute.QuotaInstances, compute.QuotaCores, compute.QuotaRAM, compute.QuotaMetadata, compute.QuotaKeypairs,
	} {
		properties[name] = &limitNumber
	}
	for _, name := range groupQuotas {
		properties[name] = limitNumber.since(50)
	}
	for _, name := range fileQuotas {
		properties[name] = limitNumber.until(56)
	}
	for _, name := range networkQuotas {
		properties[name] = limitNumber.until(49)
	}
	return wrapped("quota_class_set", object(properties))
}

func (f *face) updateQuotaClass(r *api.Request) (any, error) {
	class := r.Param("class")
	if n := utf8.RuneCountInString(class); n == 0 || n > 255 {
		return nil, errs.New(errs.Invalid, "Invalid input received: quota_class_name has %d characters, more than 255.", n)
	}
	var body struct {
		Set map[string]number64 `json:"quota_class_set"`
	}
	if err := bind(r, quotaClassBody(), &body); err != nil {
		return nil, err
	}
	changes := map[string]int64{}
	for name, value := range body.Set {
		changes[name] = int64(value)
	}
	limits, err := f.svc.SetClassLimits(r.Context(), class, changes)
	if err != nil {
		return nil, err
	}
	return viewQuotaClass("", ofClass(r.Version, limits)), nil
}
