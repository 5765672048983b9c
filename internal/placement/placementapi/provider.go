package placementapi

import (
	"encoding/json"
	"time"
	"unicode/utf8"

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
	v.Root = &p.RootID
	nested := nestedProvider{wireProvider: v}
	if p.ParentID != "" {
		nested.Parent = &p.ParentID
	}
	return nested
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
	filter := placement.ProviderFilter{Name: q.Get("name")}
	for name, id := range map[string]*string{"uuid": &filter.ID, "in_tree": &filter.InTree} {
		if !q.Has(name) {
			continue
		}
		var ok bool
		if *id, ok = asUUID(q.Get(name)); !ok {
			return nil, errs.New(errs.Invalid, "Invalid query string parameters: '%s' is not a 'uuid'", q.Get(name))
		}
	}
	group, err := readGroup(r, "")
	if err != nil {
		return nil, err
	}
	filter.MemberOf, filter.NotIn, filter.Required, filter.Forbidden, filter.Resources = group.MemberOf, group.NotIn, group.Required, group.Forbidden, group.Resources
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

type providerBody struct {
	Name   *string         `json:"name"`
	UUID   *string         `json:"uuid"`
	Parent json.RawMessage `json:"parent_provider_uuid"` // null is none
}

// parent is the one that is asked for, "" for none; nil where nothing is.
func (b providerBody) parent() (*string, error) {
	var id *string
	if len(b.Parent) == 0 {
		return nil, nil //nolint:nilnil // nothing is asked for
	}
	if err := decode(b.Parent, &id); err != nil {
		return nil, err
	}
	if id == nil {
		return new(string), nil
	}
	normal, ok := asUUID(*id)
	if !ok {
		return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid' for 'parent_provider_uuid'", *id)
	}
	return &normal, nil
}

func (b providerBody) check(r *api.Request) error {
	switch {
	case b.Name == nil:
		return errs.New(errs.Invalid, "JSON does not validate: 'name' is a required property")
	case utf8.RuneCountInString(*b.Name) > 200:
		return errs.New(errs.Invalid, "JSON does not validate: '%s' is too long for 'name'", *b.Name)
	case len(b.Parent) > 0 && r.Version < 14:
		return errs.New(errs.Invalid, "JSON does not validate: Additional properties are not allowed ('parent_provider_uuid' was unexpected)")
	}
	return nil
}

func (f *face) createProvider(r *api.Request) (any, error) {
	var body providerBody
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if err := body.check(r); err != nil {
		return nil, err
	}
	id := ""
	if body.UUID != nil {
		var ok bool
		if id, ok = asUUID(*body.UUID); !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid'", *body.UUID)
		}
	}
	parent, err := body.parent()
	if err != nil {
		return nil, err
	}
	if parent == nil {
		parent = new(string)
	}
	p, err := f.svc.CreateProvider(r.Context(), id, *body.Name, *parent)
	if err != nil {
		return nil, err
	}
	locate(r, providersPath+p.ID)
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
	if err := body.check(r); err != nil {
		return nil, err
	}
	parent, err := body.parent()
	if err != nil {
		return nil, err
	}
	p, err := f.svc.UpdateProvider(r.Context(), r.Param("uuid"), placement.ProviderChange{Name: *body.Name, Parent: parent, Reparent: r.Version >= 37})
	if err != nil {
		return nil, err
	}
	fresh(r, p.UpdatedAt)
	return providerView(r.Version, p), nil
}

func (f *face) deleteProvider(r *api.Request) (any, error) {
	return nil, f.svc.DeleteProvider(r.Context(), r.Param("uuid"))
}
