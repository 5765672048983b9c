package computeapi

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/store"
)

func (f *face) flavorRoutes() []api.Route {
	manage, access, specs := base+"os-flavor-manage:", base+"os-flavor-access", base+"os-flavor-extra-specs:"
	return []api.Route{
		{Method: "GET", Path: "/flavors", Policy: base + "flavors", Handler: f.listFlavors},
		{Method: "GET", Path: "/flavors/detail", Policy: base + "flavors", Handler: f.detailFlavors},
		{Method: "POST", Path: "/flavors", Policy: manage + "create", Handler: f.createFlavor},
		{Method: "GET", Path: "/flavors/{id}", Policy: base + "flavors:show", Handler: f.showFlavor},
		{Method: "PUT", Path: "/flavors/{id}", Policy: manage + "update", Min: 55, Handler: f.updateFlavor},
		{Method: "DELETE", Path: "/flavors/{id}", Policy: manage + "delete", Status: http.StatusAccepted, Handler: f.deleteFlavor},
		{Method: "POST", Path: "/flavors/{id}/action", Policy: access, Handler: f.flavorAction},
		{Method: "GET", Path: "/flavors/{id}/os-flavor-access", Policy: access, Handler: f.listFlavorAccess},
		{Method: "GET", Path: "/flavors/{id}/os-extra_specs", Policy: specs + "index", Handler: f.listExtraSpecs},
		{Method: "POST", Path: "/flavors/{id}/os-extra_specs", Policy: specs + "create", Handler: f.createExtraSpecs},
		{Method: "GET", Path: "/flavors/{id}/os-extra_specs/{key}", Policy: specs + "show", Handler: f.showExtraSpec},
		{Method: "PUT", Path: "/flavors/{id}/os-extra_specs/{key}", Policy: specs + "update", Handler: f.updateExtraSpec},
		{Method: "DELETE", Path: "/flavors/{id}/os-extra_specs/{key}", Policy: specs + "delete", Handler: f.deleteExtraSpec},
	}
}

type flavorView struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	RAM         int64   `json:"ram"`
	Disk        int64   `json:"disk"`
	Ephemeral   int64   `json:"OS-FLV-EXT-DATA:ephemeral"`
	Swap        any     `json:"swap"` // "" for none before 2.75
	VCPUs       int64   `json:"vcpus"`
	Disabled    bool    `json:"OS-FLV-DISABLED:disabled"`
	Public      bool    `json:"os-flavor-access:is_public"`
	RxTx        float64 `json:"rxtx_factor"`
	Links       []link  `json:"links"`
	Description any     `json:"description,omitempty"` // 2.55
	ExtraSpecs  any     `json:"extra_specs,omitempty"` // 2.61
}

type flavorBrief struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Links       []link `json:"links"`
	Description any    `json:"description,omitempty"`
}

func viewFlavor(r *api.Request, flavor compute.Flavor) flavorView {
	v := flavorView{
		ID: flavor.ID, Name: flavor.Name, RAM: flavor.MemoryMiB, Disk: flavor.RootGiB, Ephemeral: flavor.EphemeralGiB, Swap: flavor.SwapMiB,
		VCPUs: flavor.VCPUs, Disabled: flavor.Disabled, Public: flavor.Public, RxTx: flavor.RxTxFactor, Links: links(r, "flavors", flavor.ID),
	}
	if flavor.SwapMiB == 0 && r.Version < 75 {
		v.Swap = ""
	}
	if r.Version >= 55 {
		v.Description = flavor.Description
	}
	if r.Version >= 61 {
		v.ExtraSpecs = flavor.ExtraSpecs
	}
	return v
}

func (f *face) readFlavors(r *api.Request) ([]compute.Flavor, int, error) {
	if err := noUnknown(r, "limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir"); err != nil {
		return nil, 0, err
	}
	list, err := r.List(pageLimit)
	if err != nil {
		return nil, 0, err
	}
	filter := compute.FlavorFilter{List: list}
	if len(list.Sort) == 0 && strings.EqualFold(r.Query().Get("sort_dir"), "desc") {
		filter.Sort = []store.Order{{Key: "flavorid", Desc: true}}
	}
	switch word := strings.ToLower(r.Query().Get("is_public")); word {
	case "":
	case "none":
		filter.All = true
	case "t", "true", "1", "on", "yes", "y", "f", "false", "0", "off", "no", "n":
		public := isTrue(word)
		filter.All, filter.Public = true, &public
	default:
		return nil, 0, errs.New(errs.Invalid, "Invalid is_public filter [%s]", word)
	}
	for name, to := range map[string]*int64{"minRam": &filter.MinRAM, "minDisk": &filter.MinGB} {
		if text := r.Query().Get(name); text != "" {
			if *to, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, 0, errs.New(errs.Invalid, "Invalid %s filter [%s]", name, text)
			}
		}
	}
	if none(r) {
		return nil, 0, nil
	}
	flavors, err := f.svc.ListFlavors(r.Context(), r.Caller, filter)
	return flavors, list.Limit, err
}

func (f *face) listFlavors(r *api.Request) (any, error) {
	flavors, limit, err := f.readFlavors(r)
	if err != nil {
		return nil, err
	}
	views := make([]flavorBrief, len(flavors))
	for i, flavor := range flavors {
		views[i] = flavorBrief{ID: flavor.ID, Name: flavor.Name, Links: links(r, "flavors", flavor.ID)}
		if r.Version >= 55 {
			views[i].Description = flavor.Description
		}
	}
	return flavorPage(r, views, flavors, limit), nil
}

func (f *face) detailFlavors(r *api.Request) (any, error) {
	flavors, limit, err := f.readFlavors(r)
	if err != nil {
		return nil, err
	}
	views := make([]flavorView, len(flavors))
	for i, flavor := range flavors {
		views[i] = viewFlavor(r, flavor)
	}
	return flavorPage(r, views, flavors, limit), nil
}

func flavorPage(r *api.Request, views any, flavors []compute.Flavor, limit int) any {
	body := map[string]any{"flavors": views}
	if len(flavors) > 0 {
		if more := next(r, len(flavors), limit, flavors[len(flavors)-1].ID); more != nil {
			body["flavors_links"] = more
		}
	}
	return body
}

func (f *face) showFlavor(r *api.Request) (any, error) {
	flavor, err := f.svc.GetFlavor(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"flavor": viewFlavor(r, flavor)}, nil
}

var (
	tooSmall          = 0.0
	flavorDescription = schema{types: []string{"string", "null"}, format: "printable", maxLength: 65535}
	createFlavorBody  = wrapped("flavor", object(map[string]*schema{
		"name": &nameString,
		"id":   {types: []string{"string", "number", "null"}, minLength: 1, maxLength: 255, pattern: regexp.MustCompile(`^[a-zA-Z0-9._-]([a-zA-Z0-9. _-]*[a-zA-Z0-9._-])?$`)},
		"ram":  &positive, "vcpus": &positive, "disk": &natural, "OS-FLV-EXT-DATA:ephemeral": &natural, "swap": &natural,
		"rxtx_factor":                {types: []string{"number", "string"}, pattern: regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`), minimum: &tooSmall, exclusive: true},
		"os-flavor-access:is_public": &booleans,
		"description":                flavorDescription.since(55),
	}, "name", "ram", "vcpus", "disk"))
	updateFlavorBody = wrapped("flavor", object(map[string]*schema{"description": &flavorDescription}, "description"))
	specKeys         = regexp.MustCompile(`^[a-zA-Z0-9\-_:. ]{1,255}$`)
	specValue        = schema{types: []string{"string", "number"}, maxLength: 255}
	specMap          = schema{types: []string{"object"}, open: true, keys: specKeys, values: &specValue}
	createSpecsBody  = wrapped("extra_specs", &specMap)
)

func (f *face) createFlavor(r *api.Request) (any, error) {
	var body struct {
		Flavor struct {
			Name        string
			ID          text
			RAM         number64
			VCPUs       number64
			Disk        number64
			Ephemeral   number64 `json:"OS-FLV-EXT-DATA:ephemeral"`
			Swap        number64
			RxTx        *real  `json:"rxtx_factor"`
			Public      *truth `json:"os-flavor-access:is_public"`
			Description *string
		}
	}
	if err := bind(r, createFlavorBody, &body); err != nil {
		return nil, err
	}
	in := body.Flavor
	flavor := compute.Flavor{
		ID: string(in.ID), Name: in.Name, Description: in.Description, MemoryMiB: int64(in.RAM), VCPUs: int64(in.VCPUs), RootGiB: int64(in.Disk),
		EphemeralGiB: int64(in.Ephemeral), SwapMiB: int64(in.Swap), RxTxFactor: 1, Public: in.Public == nil || bool(*in.Public),
	}
	if in.ID == "auto" {
		flavor.ID = "" // what older clients send for "give it one"
	}
	if in.RxTx != nil {
		flavor.RxTxFactor = float64(*in.RxTx)
	}
	made, err := f.svc.CreateFlavor(r.Context(), flavor)
	if err != nil {
		return nil, err
	}
	return map[string]any{"flavor": viewFlavor(r, made)}, nil
}

func (f *face) updateFlavor(r *api.Request) (any, error) {
	var body struct{ Flavor struct{ Description *string } }
	if err := bind(r, updateFlavorBody, &body); err != nil {
		return nil, err
	}
	flavor, err := f.svc.DescribeFlavor(r.Context(), r.Caller, r.Param("id"), body.Flavor.Description)
	if err != nil {
		return nil, err
	}
	return map[string]any{"flavor": viewFlavor(r, flavor)}, nil
}

func (f *face) deleteFlavor(r *api.Request) (any, error) {
	return nil, f.svc.DeleteFlavor(r.Context(), r.Caller, r.Param("id"))
}

type accessView struct {
	FlavorID string `json:"flavor_id"`
	TenantID string `json:"tenant_id"`
}

func viewAccess(id string, projects []string) any {
	views := make([]accessView, len(projects))
	for i, project := range projects {
		views[i] = accessView{id, project}
	}
	return map[string]any{"flavor_access": views}
}

func (f *face) listFlavorAccess(r *api.Request) (any, error) {
	projects, err := f.svc.FlavorAccess(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return viewAccess(r.Param("id"), projects), nil
}

var accessBody = object(map[string]*schema{
	"addTenantAccess":    object(map[string]*schema{"tenant": &projectIDs}, "tenant"),
	"removeTenantAccess": object(map[string]*schema{"tenant": &projectIDs}, "tenant"),
})

func (f *face) flavorAction(r *api.Request) (any, error) {
	var body struct {
		Add    *struct{ Tenant string } `json:"addTenantAccess"`
		Remove *struct{ Tenant string } `json:"removeTenantAccess"`
	}
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	if err := knownAction(content, "addTenantAccess", "removeTenantAccess"); err != nil {
		return nil, err
	}
	if err := accessBody.check(content, r.Version); err != nil {
		return nil, err
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	var projects []string
	if body.Add != nil {
		if err := f.svc.CheckProject(r.Context(), body.Add.Tenant); err != nil {
			return nil, err
		}
		projects, err = f.svc.AddFlavorAccess(r.Context(), r.Caller, r.Param("id"), body.Add.Tenant, r.Version < 7)
	} else {
		projects, err = f.svc.RemoveFlavorAccess(r.Context(), r.Caller, r.Param("id"), body.Remove.Tenant)
	}
	if err != nil {
		return nil, err
	}
	return viewAccess(r.Param("id"), projects), nil
}

func (f *face) listExtraSpecs(r *api.Request) (any, error) {
	flavor, err := f.svc.GetFlavor(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"extra_specs": flavor.ExtraSpecs}, nil
}

func (f *face) createExtraSpecs(r *api.Request) (any, error) {
	var body struct {
		Specs map[string]text `json:"extra_specs"`
	}
	if err := bind(r, createSpecsBody, &body); err != nil {
		return nil, err
	}
	specs := map[string]string{}
	for name, value := range body.Specs {
		specs[name] = string(value)
	}
	if err := checkSpecs(r, specs); err != nil {
		return nil, err
	}
	if err := f.svc.SetExtraSpecs(r.Context(), r.Caller, r.Param("id"), specs); err != nil {
		return nil, err
	}
	return map[string]any{"extra_specs": specs}, nil
}

// checkSpecs looks at what extra specs say, which 2.86 begins with.
func checkSpecs(r *api.Request, specs map[string]string) error {
	if r.Version < 86 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if err := compute.CheckExtraSpec(name, specs[name]); err != nil {
			return err
		}
	}
	return nil
}

func (f *face) showExtraSpec(r *api.Request) (any, error) {
	flavor, err := f.svc.GetFlavor(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	value, ok := flavor.ExtraSpecs[r.Param("key")]
	if !ok {
		return nil, errs.New(errs.NotFound, "Flavor %s has no extra specs with key %s.", flavor.ID, r.Param("key"))
	}
	return map[string]string{r.Param("key"): value}, nil
}

func (f *face) updateExtraSpec(r *api.Request) (any, error) {
	var body map[string]text
	if err := bind(r, &specMap, &body); err != nil {
		return nil, err
	}
	key := r.Param("key")
	value, ok := body[key]
	if !ok || len(body) != 1 {
		return nil, errs.New(errs.Invalid, "Request body and URI mismatch")
	}
	specs := map[string]string{key: string(value)}
	if err := checkSpecs(r, specs); err != nil {
		return nil, err
	}
	if err := f.svc.SetExtraSpecs(r.Context(), r.Caller, r.Param("id"), maps.Clone(specs)); err != nil {
		return nil, err
	}
	return specs, nil
}

func (f *face) deleteExtraSpec(r *api.Request) (any, error) {
	return nil, f.svc.DeleteExtraSpec(r.Context(), r.Caller, r.Param("id"), r.Param("key"))
}
