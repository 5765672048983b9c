package placementapi

import (
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type wireProvider struct {
	UUID       string  `json:"uuid"`
	Name       string  `json:"name"`
	Generation int64   `json:"generation"`
	Links      []link  `json:"links"`
	Root       *string `json:"root_provider_uuid,omitempty"`
}

// nested adds what providers show since 1.14.
type nestedProvider struct {
	wireProvider
	Parent *string `json:"parent_provider_uuid"`
}

const providersPath = "/placement/resource_providers/"

func providerView(version int, p placement.Provider) any {
	v := wireProvider{UUID: p.ID, Name: p.Name, Generation: p.Generation, Links: []link{{"self", providersPath + p.ID}}}
	for _, rel := range []struct {
		since int
		name  string
	}{{0, "inventories"}, {0, "usages"}, {1, "aggregates"}, {6, "traits"}, {11, "allocations"}} {
		if version >= rel.since {
			v.Links = append(v.Links, link{rel.name, providersPath + p.ID + "/" + rel.name})
		}
	}
	if version < 14 {
		return v
	}
	v.Root = &v.UUID
	return nestedProvider{wireProvider: v}
}

// provider finds the one in the path.
func (f *face) provider(r *api.Request) (placement.Provider, error) {
	return f.svc.ProviderByID(r.Context(), f.svc.DB().Read(), r.Param("uuid"))
}

func (f *face) listProviders(r *api.Request) (any, error) {
	names := []string{"name", "uuid"}
	for _, p := range []struct {
		since int
		name  string
	}{{3, "member_of"}, {4, "resources"}, {14, "in_tree"}, {18, "required"}} {
		if r.Version >= p.since {
			names = append(names, p.name)
		}
	}
	if err := only(r, names...); err != nil {
		return nil, err
	}
	q := r.Query()
	filter := placement.ProviderFilter{Name: q.Get("name"), ID: q.Get("uuid")}
	if tree := q.Get("in_tree"); tree != "" { // a tree is one provider here
		if filter.ID != "" && filter.ID != tree {
			return map[string]any{"resource_providers": []any{}}, nil
		}
		filter.ID = tree
	}
	if q.Has("uuid") || q.Has("in_tree") {
		if _, ok := asUUID(filter.ID); !ok {
			return nil, errs.New(errs.Invalid, "Invalid query string parameters: '%s' is not a 'uuid'", filter.ID)
		}
	}
	if err := readFilter(r, &filter); err != nil {
		return nil, err
	}
	found, err := f.svc.Providers(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	out, modified := make([]any, len(found)), time.Time{}
	for i, p := range found {
		out[i] = providerView(r.Version, p)
		if p.UpdatedAt.After(modified) {
			modified = p.UpdatedAt
		}
	}
	if modified.IsZero() {
		modified = time.Now()
	}
	fresh(r, modified)
	return map[string]any{"resource_providers": out}, nil
}

// readFilter reads member_of, required and resources, which providers and
// candidates share.
func readFilter(r *api.Request, filter *placement.ProviderFilter) error {
	q := r.Query()
	if r.Version < 24 && len(q["member_of"]) > 1 {
		return errs.New(errs.Invalid, "Multiple member_of parameters are not supported")
	}
	for _, value := range q["member_of"] {
		list, forbidden := strings.CutPrefix(value, "!")
		list, several := strings.CutPrefix(list, "in:")
		ids := strings.Split(list, ",")
		if len(ids) > 1 && !several {
			return errs.New(errs.Invalid, "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: %s", value)
		}
		for i, id := range ids {
			normal, ok := asUUID(id)
			if !ok {
				return errs.New(errs.Invalid, "Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %s", id)
			}
			ids[i] = normal
		}
		switch {
		case forbidden && r.Version < 32:
			return errs.New(errs.Invalid, "Forbidden member_of parameters are not supported in the specified microversion")
		case forbidden:
			filter.NotIn = append(filter.NotIn, ids...)
		default:
			filter.MemberOf = append(filter.MemberOf, ids)
		}
	}
	required := q["required"]
	if r.Version < 39 && len(required) > 1 {
		required = required[len(required)-1:]
	}
	for _, value := range required {
		if err := readTraits(r.Version, value, filter); err != nil {
			return err
		}
	}
	if q.Has("resources") {
		var err error
		if filter.Resources, err = readResources(q.Get("resources")); err != nil {
			return err
		}
	}
	return nil
}

func readTraits(version int, value string, filter *placement.ProviderFilter) error {
	list, anyOf := strings.CutPrefix(value, "in:")
	names := strings.Split(list, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		bare := strings.TrimLeft(names[i], "!")
		if bare == "" {
			return errs.New(errs.Invalid, "Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. "+
				"Got an empty trait in: %s", value)
		}
		if bare != names[i] && (anyOf || version < 22) {
			return errs.New(errs.Invalid, "Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: %s", value)
		}
	}
	if anyOf {
		if version < 39 {
			return errs.New(errs.Invalid, "Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: %s", value)
		}
		filter.Required = append(filter.Required, names)
		return nil
	}
	for _, name := range names {
		if bare := strings.TrimLeft(name, "!"); bare != name {
			filter.Forbidden = append(filter.Forbidden, bare)
		} else {
			filter.Required = append(filter.Required, []string{name})
		}
	}
	return nil
}

type providerBody struct {
	Name   string  `json:"name"`
	UUID   *string `json:"uuid"`
	Parent *string `json:"parent_provider_uuid"`
}

func (b providerBody) check(r *api.Request, verb string) error {
	switch {
	case b.Name == "" || len(b.Name) > 200:
		return errs.New(errs.Invalid, "JSON does not validate: 'name' is a required property of 1 to 200 characters")
	case b.Parent != nil && r.Version < 14:
		return errs.New(errs.Invalid, "JSON does not validate: Additional properties are not allowed ('parent_provider_uuid' was unexpected)")
	case b.Parent != nil:
		return errs.New(errs.Invalid, "Unable to %s resource provider \"%s\": Object action %s failed because: providers have no parents in this cloud", verb, b.Name, verb)
	}
	return nil
}

func (f *face) createProvider(r *api.Request) (any, error) {
	var body providerBody
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if err := body.check(r, "create"); err != nil {
		return nil, err
	}
	id := ""
	if body.UUID != nil {
		var ok bool
		if id, ok = asUUID(*body.UUID); !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid'", *body.UUID)
		}
	}
	p, err := f.svc.CreateProvider(r.Context(), id, body.Name)
	if err != nil {
		return nil, err
	}
	r.Writer.Header().Set("Location", providersPath+p.ID)
	if r.Version < 20 {
		r.SetStatus(201)
		return nil, nil
	}
	fresh(r, p.UpdatedAt)
	return providerView(r.Version, p), nil
}

func (f *face) showProvider(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	fresh(r, p.UpdatedAt)
	return providerView(r.Version, p), nil
}

func (f *face) updateProvider(r *api.Request) (any, error) {
	var body providerBody
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if body.UUID != nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: Additional properties are not allowed ('uuid' was unexpected)")
	}
	if err := body.check(r, "save"); err != nil {
		return nil, err
	}
	p, err := f.svc.RenameProvider(r.Context(), r.Param("uuid"), body.Name)
	if err != nil {
		return nil, err
	}
	fresh(r, p.UpdatedAt)
	return providerView(r.Version, p), nil
}

func (f *face) deleteProvider(r *api.Request) (any, error) {
	return nil, f.svc.DeleteProvider(r.Context(), r.Param("uuid"))
}
