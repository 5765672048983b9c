package imageapi

import (
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/metadef"
)

// Objects.

type wireObject struct {
	Name        string                  `json:"name"`
	Description *string                 `json:"description,omitempty"`
	Required    []string                `json:"required,omitzero"`
	Properties  map[string]metadef.Type `json:"properties,omitzero"`
	CreatedAt   string                  `json:"created_at,omitempty"`
	UpdatedAt   string                  `json:"updated_at,omitempty"`
	Self        string                  `json:"self,omitempty"`
	Schema      string                  `json:"schema,omitempty"`
}

func objectView(namespace string, o metadef.Object) wireObject {
	return wireObject{
		o.Name, o.Description, o.Required, o.Properties, stamp(o.CreatedAt), stamp(o.UpdatedAt),
		namespacePath(namespace) + "/objects/" + o.Name, "/v2/schemas/metadefs/object",
	}
}

type objectBody struct {
	Name        string                  `json:"name"`
	Description *string                 `json:"description"`
	Required    []string                `json:"required"`
	Properties  map[string]metadef.Type `json:"properties"`
}

func (b objectBody) object() metadef.Object {
	return metadef.Object{Name: b.Name, Description: b.Description, Required: b.Required, Properties: b.Properties}
}

// askedObject reads an object, whose name can't be empty: nothing could find it.
func askedObject(r *api.Request) (metadef.Object, error) {
	var body objectBody
	if err := asked(r, objectSchema(), selfMade, &body); err != nil {
		return metadef.Object{}, err
	}
	return body.object(), hasName(body.Name)
}

func hasName(name string) error {
	if strings.TrimSpace(name) == "" {
		return errs.New(errs.Invalid, "The 'name' must not be empty.")
	}
	return nil
}

func (f *face) listObjects(r *api.Request) (any, error) {
	if err := checkVisibility(r.Query(), []string{"public", "private", "shared"}); err != nil {
		return nil, err
	}
	if _, _, err := pageOf(r.Query(), 0); err != nil {
		return nil, err
	}
	found, err := f.definitions.Objects(r.Context(), r.Caller, r.Param("namespace"))
	if err != nil {
		return nil, err
	}
	all := make([]wireObject, len(found))
	for n, o := range found {
		all[n] = objectView(r.Param("namespace"), o)
	}
	return map[string]any{"objects": all, "schema": "v2/schemas/metadefs/objects"}, nil
}

func (f *face) showObject(r *api.Request) (any, error) {
	o, err := f.definitions.Object(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
	if err != nil {
		return nil, err
	}
	return objectView(r.Param("namespace"), o), nil
}

func (f *face) addObject(r *api.Request) (any, error) {
	o, err := askedObject(r)
	if err != nil {
		return nil, err
	}
	if o, err = f.definitions.AddObject(r.Context(), r.Caller, r.Param("namespace"), o); err != nil {
		return nil, err
	}
	return objectView(r.Param("namespace"), o), nil
}

func (f *face) updateObject(r *api.Request) (any, error) {
	o, err := askedObject(r)
	if err != nil {
		return nil, err
	}
	if o, err = f.definitions.UpdateObject(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"), o); err != nil {
		return nil, err
	}
	return objectView(r.Param("namespace"), o), nil
}

func (f *face) removeObject(r *api.Request) (any, error) {
	return nil, f.definitions.RemoveObject(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
}

func (f *face) clearObjects(r *api.Request) (any, error) {
	return nil, f.definitions.ClearObjects(r.Context(), r.Caller, r.Param("namespace"))
}

// Properties.

// propertyMap is the form of several: types by name.
func propertyMap(all []metadef.Property) map[string]*metadef.Type {
	types := map[string]*metadef.Type{}
	for n := range all {
		types[all[n].Name] = &all[n].Type
	}
	return types
}

func propertyView(p metadef.Property) metadef.Type {
	p.Type.Name = p.Name
	return p.Type
}

func askedProperty(r *api.Request) (metadef.Property, error) {
	var body metadef.Type
	if err := asked(r, propertySchema(), []string{"created_at", "updated_at"}, &body); err != nil {
		return metadef.Property{}, err
	}
	return metadef.Property{Name: body.Name, Type: body}, hasName(body.Name)
}

func (f *face) listProperties(r *api.Request) (any, error) {
	found, err := f.definitions.Properties(r.Context(), r.Caller, r.Param("namespace"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"properties": propertyMap(found)}, nil
}

func (f *face) showProperty(r *api.Request) (any, error) {
	p, err := f.definitions.Property(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"), r.Query().Get("resource_type"))
	if err != nil {
		return nil, err
	}
	return propertyView(p), nil
}

func (f *face) addProperty(r *api.Request) (any, error) {
	p, err := askedProperty(r)
	if err != nil {
		return nil, err
	}
	if p, err = f.definitions.AddProperty(r.Context(), r.Caller, r.Param("namespace"), p); err != nil {
		return nil, err
	}
	return propertyView(p), nil
}

func (f *face) updateProperty(r *api.Request) (any, error) {
	p, err := askedProperty(r)
	if err != nil {
		return nil, err
	}
	if p, err = f.definitions.UpdateProperty(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"), p); err != nil {
		return nil, err
	}
	return propertyView(p), nil
}

func (f *face) removeProperty(r *api.Request) (any, error) {
	return nil, f.definitions.RemoveProperty(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
}

func (f *face) clearProperties(r *api.Request) (any, error) {
	return nil, f.definitions.ClearProperties(r.Context(), r.Caller, r.Param("namespace"))
}

// Tags.

type wireTag struct {
	Name      string `json:"name"`
	CreatedAt string `json:"created_at,omitempty"`
	UpdatedAt string `json:"updated_at,omitempty"`
}

type tagBody struct {
	Name string `json:"name"`
}

func tagView(t metadef.Tag) wireTag {
	return wireTag{t.Name, stamp(t.CreatedAt), stamp(t.UpdatedAt)}
}

func tagList(found []metadef.Tag) map[string]any {
	all := make([]wireTag, len(found))
	for n, t := range found {
		all[n] = wireTag{Name: t.Name}
	}
	return map[string]any{"tags": all}
}

func (f *face) listTagDefinitions(r *api.Request) (any, error) {
	q := r.Query()
	if err := checkVisibility(q, []string{"public", "private", "shared"}); err != nil {
		return nil, err
	}
	limit, order, err := pageOf(q, 0)
	if err != nil {
		return nil, err
	}
	if q.Has("limit") && limit == 0 {
		return tagList(nil), nil
	}
	found, err := f.definitions.Tags(r.Context(), r.Caller, r.Param("namespace"), metadef.TagQuery{Sort: order, Limit: limit, Marker: q.Get("marker")})
	if err != nil {
		return nil, err
	}
	return tagList(found), nil
}

func (f *face) showTagDefinition(r *api.Request) (any, error) {
	t, err := f.definitions.Tag(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
	if err != nil {
		return nil, err
	}
	return tagView(t), nil
}

// addTagDefinitions puts the tags of the body into the place of those that are
// there, unless a header says that they come beside them.
func (f *face) addTagDefinitions(r *api.Request) (any, error) {
	var body struct {
		Tags []tagBody `json:"tags"`
	}
	if err := asked(r, tagListSchema(), []string{"created_at", "updated_at"}, &body); err != nil {
		return nil, err
	}
	names := make([]string, len(body.Tags))
	for n, t := range body.Tags {
		if err := hasName(t.Name); err != nil {
			return nil, err
		}
		names[n] = t.Name
	}
	beside := slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(strings.TrimSpace(r.Header.Get("X-Openstack-Append"))))
	made, err := f.definitions.AddTags(r.Context(), r.Caller, r.Param("namespace"), names, beside)
	if err != nil {
		return nil, err
	}
	return tagList(made), nil
}

func (f *face) addTagDefinition(r *api.Request) (any, error) {
	if err := validate(tagSchema(), object{"name": r.Param("name")}); err != nil {
		return nil, err
	}
	t, err := f.definitions.AddTag(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
	if err != nil {
		return nil, err
	}
	return tagView(t), nil
}

func (f *face) renameTagDefinition(r *api.Request) (any, error) {
	var body tagBody
	if err := asked(r, tagSchema(), []string{"created_at", "updated_at"}, &body); err != nil {
		return nil, err
	}
	if err := hasName(body.Name); err != nil {
		return nil, err
	}
	t, err := f.definitions.RenameTag(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"), body.Name)
	if err != nil {
		return nil, err
	}
	return tagView(t), nil
}

func (f *face) removeTagDefinition(r *api.Request) (any, error) {
	return nil, f.definitions.RemoveTag(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
}

func (f *face) clearTagDefinitions(r *api.Request) (any, error) {
	return nil, f.definitions.ClearTags(r.Context(), r.Caller, r.Param("namespace"))
}

// Resource types.

type wireAssociation struct {
	Name             string  `json:"name"`
	Prefix           *string `json:"prefix,omitempty"`
	PropertiesTarget *string `json:"properties_target,omitempty"`
	CreatedAt        string  `json:"created_at,omitempty"`
	UpdatedAt        string  `json:"updated_at,omitempty"`
}

func associationView(a metadef.Association) wireAssociation {
	return wireAssociation{a.Name, a.Prefix, a.PropertiesTarget, stamp(a.CreatedAt), stamp(a.UpdatedAt)}
}

type associationBody struct {
	Name             string  `json:"name"`
	Prefix           *string `json:"prefix"`
	PropertiesTarget *string `json:"properties_target"`
}

func (b associationBody) association() metadef.Association {
	return metadef.Association{Name: b.Name, Prefix: b.Prefix, PropertiesTarget: b.PropertiesTarget}
}

// value is what a schema is asked about; without a name it has none.
func (b associationBody) value() object {
	v := object{}
	if b.Name != "" {
		v["name"] = b.Name
	}
	if b.Prefix != nil {
		v["prefix"] = *b.Prefix
	}
	if b.PropertiesTarget != nil {
		v["properties_target"] = *b.PropertiesTarget
	}
	return v
}

func (f *face) listResourceTypes(r *api.Request) (any, error) {
	found, err := f.definitions.ResourceTypes(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	all := make([]wireAssociation, len(found))
	for n, t := range found {
		all[n] = wireAssociation{Name: t.Name, CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt)}
	}
	return map[string]any{"resource_types": all}, nil
}

func (f *face) listAssociations(r *api.Request) (any, error) {
	found, err := f.definitions.Associations(r.Context(), r.Caller, r.Param("namespace"))
	if err != nil {
		return nil, err
	}
	all := make([]wireAssociation, len(found))
	for n, a := range found {
		all[n] = associationView(a)
	}
	return map[string]any{"resource_type_associations": all}, nil
}

func (f *face) associate(r *api.Request) (any, error) {
	var body associationBody
	if err := asked(r, resourceTypeSchema(), []string{"created_at", "updated_at"}, &body); err != nil {
		return nil, err
	}
	if err := hasName(body.Name); err != nil {
		return nil, err
	}
	a, err := f.definitions.Associate(r.Context(), r.Caller, r.Param("namespace"), body.association())
	if err != nil {
		return nil, err
	}
	return associationView(a), nil
}

func (f *face) dissociate(r *api.Request) (any, error) {
	return nil, f.definitions.Dissociate(r.Context(), r.Caller, r.Param("namespace"), r.Param("name"))
}
