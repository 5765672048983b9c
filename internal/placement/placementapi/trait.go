package placementapi

import (
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
)

func (f *face) listTraits(r *api.Request) (any, error) {
	if err := only(r, "name", "associated"); err != nil {
		return nil, err
	}
	q := r.Query()
	var names []string
	prefix := ""
	if q.Has("name") {
		op, value, ok := strings.Cut(q.Get("name"), ":")
		switch {
		case ok && op == "in":
			names = strings.Split(value, ",")
		case ok && op == "startswith":
			prefix = value
		default:
			return nil, errs.New(errs.Invalid, `Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "%s"`, q.Get("name"))
		}
	}
	var associated *bool
	if q.Has("associated") {
		text := strings.ToLower(q.Get("associated"))
		if text != "true" && text != "false" {
			return nil, errs.New(errs.Invalid, `The query parameter "associated" only accepts "true" or "false"`)
		}
		yes := text == "true"
		associated = &yes
	}
	found, err := f.svc.Traits(r.Context(), names, prefix, associated)
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	return map[string]any{"traits": append([]string{}, found...)}, nil
}

func (f *face) showTrait(r *api.Request) (any, error) {
	ok, err := f.svc.HasTrait(r.Context(), r.Param("name"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.New(errs.NotFound, "No such trait(s): %s.", r.Param("name"))
	}
	fresh(r, time.Now())
	return nil, nil
}

// made answers 201 for what is new and 204 for what was there.
func made(r *api.Request, isNew bool, location string) {
	locate(r, location)
	r.SetStatus(204)
	if isNew {
		r.SetStatus(201)
	}
}

func (f *face) ensureTrait(r *api.Request) (any, error) {
	isNew, err := f.svc.EnsureTrait(r.Context(), r.Param("name"))
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	made(r, isNew, "/placement/traits/"+r.Param("name"))
	return nil, nil
}

func (f *face) deleteTrait(r *api.Request) (any, error) {
	return nil, f.svc.DeleteTrait(r.Context(), r.Param("name"))
}

func (f *face) listProviderTraits(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	return f.providerTraits(r, p)
}

func (f *face) providerTraits(r *api.Request, p placement.Provider) (any, error) {
	names, err := f.svc.ProviderTraits(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	return map[string]any{"traits": names, "resource_provider_generation": p.Generation}, nil
}

func (f *face) setProviderTraits(r *api.Request) (any, error) {
	var body struct {
		Generation *int64   `json:"resource_provider_generation"`
		Traits     []string `json:"traits"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if body.Generation == nil || *body.Generation < 0 || body.Traits == nil {
		return nil, errs.New(errs.Invalid, "JSON does not validate: 'resource_provider_generation' and 'traits' are required properties")
	}
	p, err := f.svc.SetProviderTraits(r.Context(), r.Param("uuid"), *body.Generation, body.Traits)
	if err != nil {
		return nil, err
	}
	return f.providerTraits(r, p)
}

func (f *face) deleteProviderTraits(r *api.Request) (any, error) {
	_, err := f.svc.SetProviderTraits(r.Context(), r.Param("uuid"), -1, nil)
	return nil, err
}

func (f *face) listAggregates(r *api.Request) (any, error) {
	p, err := f.provider(r)
	if err != nil {
		return nil, err
	}
	return f.aggregates(r, p)
}

func (f *face) aggregates(r *api.Request, p placement.Provider) (any, error) {
	ids, err := f.svc.ProviderAggregates(r.Context(), f.svc.DB().Read(), p.ID)
	if err != nil {
		return nil, err
	}
	fresh(r, time.Now())
	out := map[string]any{"aggregates": ids}
	if r.Version >= 19 {
		out["resource_provider_generation"] = p.Generation
	}
	return out, nil
}

// setAggregates takes a list before 1.19, and an object with the provider's
// generation since.
func (f *face) setAggregates(r *api.Request) (any, error) {
	if _, err := f.provider(r); err != nil {
		return nil, err
	}
	var ids []string
	generation := int64(-1)
	if r.Version < 19 {
		if err := bind(r, &ids); err != nil {
			return nil, err
		}
	} else {
		var body struct {
			Generation *int64   `json:"resource_provider_generation"`
			Aggregates []string `json:"aggregates"`
		}
		if err := bind(r, &body); err != nil {
			return nil, err
		}
		if body.Generation == nil || *body.Generation < 0 || body.Aggregates == nil {
			return nil, errs.New(errs.Invalid, "JSON does not validate: 'resource_provider_generation' and 'aggregates' are required properties")
		}
		ids, generation = body.Aggregates, *body.Generation
	}
	seen := map[string]bool{}
	for i, id := range ids {
		if seen[id] {
			return nil, errs.New(errs.Invalid, "JSON does not validate: ['%s'] has non-unique elements", strings.Join(ids, "', '"))
		}
		seen[id] = true
		normal, ok := asUUID(id)
		if !ok {
			return nil, errs.New(errs.Invalid, "JSON does not validate: '%s' is not a 'uuid'", id)
		}
		ids[i] = normal
	}
	p, err := f.svc.SetProviderAggregates(r.Context(), r.Param("uuid"), generation, ids)
	if err != nil {
		return nil, err
	}
	return f.aggregates(r, p)
}

func classView(name string) map[string]any {
	return map[string]any{"name": name, "links": []link{{"self", "/placement/resource_classes/" + name}}}
}

func (f *face) listClasses(r *api.Request) (any, error) {
	names, err := f.svc.Classes(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = classView(name)
	}
	fresh(r, time.Now())
	return map[string]any{"resource_classes": out}, nil
}

func (f *face) createClass(r *api.Request) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	isNew, err := f.svc.EnsureClass(r.Context(), body.Name)
	if err != nil {
		return nil, err
	}
	if !isNew {
		return nil, errs.New(errs.Conflict, "Conflicting resource class already exists: %s", body.Name)
	}
	locate(r, "/placement/resource_classes/"+body.Name)
	return nil, nil
}

func (f *face) showClass(r *api.Request) (any, error) {
	ok, err := f.svc.HasClass(r.Context(), r.Param("name"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.New(errs.NotFound, "No such resource class %s.", r.Param("name"))
	}
	fresh(r, time.Now())
	return classView(r.Param("name")), nil
}

func (f *face) ensureClass(r *api.Request) (any, error) {
	isNew, err := f.svc.EnsureClass(r.Context(), r.Param("name"))
	if err != nil {
		return nil, err
	}
	made(r, isNew, "/placement/resource_classes/"+r.Param("name"))
	return nil, nil
}

// renameClass gives a class that users made another name, as was done before
// 1.7.
func (f *face) renameClass(r *api.Request) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := bind(r, &body); err != nil {
		return nil, err
	}
	if err := f.svc.RenameClass(r.Context(), r.Param("name"), body.Name); err != nil {
		return nil, err
	}
	return classView(body.Name), nil
}

func (f *face) deleteClass(r *api.Request) (any, error) {
	return nil, f.svc.DeleteClass(r.Context(), r.Param("name"))
}
