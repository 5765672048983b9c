package imageapi

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/metadef"
	"wisp/internal/store"
)

const (
	namespaces   = "/v2/metadefs/namespaces"
	oneNamespace = namespaces + "/{namespace}"
)

// insideNamespace is the rule of routes that change a namespace or what is in
// one. Whoever doesn't see the namespace is told that it is not there, before
// anything else: the slice checks the rule of the change after that.
const insideNamespace = "get_metadef_namespace"

func (f *face) metadefRoutes() []api.Route {
	objects, properties, tags, kinds := oneNamespace+"/objects", oneNamespace+"/properties", oneNamespace+"/tags", oneNamespace+"/resource_types"
	routes := []api.Route{
		{Method: "GET", Path: namespaces, Policy: "get_metadef_namespaces", Handler: f.listNamespaces},
		{Method: "POST", Path: namespaces, Policy: "add_metadef_namespace", Status: 201, Handler: f.createNamespace},
		{Method: "GET", Path: oneNamespace, Policy: "get_metadef_namespace", Handler: f.showNamespace},
		{Method: "PUT", Path: oneNamespace, Policy: insideNamespace, Handler: f.updateNamespace},
		{Method: "DELETE", Path: oneNamespace, Policy: insideNamespace, Status: 204, Handler: f.deleteNamespace},
		{Method: "GET", Path: objects, Policy: "get_metadef_objects", Handler: f.listObjects},
		{Method: "POST", Path: objects, Policy: insideNamespace, Status: 201, Handler: f.addObject},
		{Method: "DELETE", Path: objects, Policy: insideNamespace, Status: 204, Handler: f.clearObjects},
		{Method: "GET", Path: objects + "/{name}", Policy: "get_metadef_object", Handler: f.showObject},
		{Method: "PUT", Path: objects + "/{name}", Policy: insideNamespace, Handler: f.updateObject},
		{Method: "DELETE", Path: objects + "/{name}", Policy: insideNamespace, Status: 204, Handler: f.removeObject},
		{Method: "GET", Path: properties, Policy: "get_metadef_properties", Handler: f.listProperties},
		{Method: "POST", Path: properties, Policy: insideNamespace, Status: 201, Handler: f.addProperty},
		{Method: "DELETE", Path: properties, Policy: insideNamespace, Status: 204, Handler: f.clearProperties},
		{Method: "GET", Path: properties + "/{name}", Policy: "get_metadef_property", Handler: f.showProperty},
		{Method: "PUT", Path: properties + "/{name}", Policy: insideNamespace, Handler: f.updateProperty},
		{Method: "DELETE", Path: properties + "/{name}", Policy: insideNamespace, Status: 204, Handler: f.removeProperty},
		{Method: "GET", Path: tags, Policy: "get_metadef_tags", Handler: f.listTagDefinitions},
		{Method: "POST", Path: tags, Policy: insideNamespace, Status: 201, Handler: f.addTagDefinitions},
		{Method: "DELETE", Path: tags, Policy: insideNamespace, Status: 204, Handler: f.clearTagDefinitions},
		{Method: "GET", Path: tags + "/{name}", Policy: "get_metadef_tag", Handler: f.showTagDefinition},
		{Method: "POST", Path: tags + "/{name}", Policy: insideNamespace, Status: 201, Handler: f.addTagDefinition},
		{Method: "PUT", Path: tags + "/{name}", Policy: insideNamespace, Handler: f.renameTagDefinition},
		{Method: "DELETE", Path: tags + "/{name}", Policy: insideNamespace, Status: 204, Handler: f.removeTagDefinition},
		{Method: "GET", Path: "/v2/metadefs/resource_types", Policy: "list_metadef_resource_types", Handler: f.listResourceTypes},
		{Method: "GET", Path: kinds, Policy: "get_metadef_resource_type", Handler: f.listAssociations},
		{Method: "POST", Path: kinds, Policy: insideNamespace, Status: 201, Handler: f.associate},
		{Method: "DELETE", Path: kinds + "/{name}", Policy: insideNamespace, Status: 204, Handler: f.dissociate},
	}
	for name, make := range map[string]func() object{
		"namespace": namespaceSchema, "namespaces": namespacesSchema, "object": objectSchema, "objects": objectsSchema, "property": propertySchema, "properties": propertiesSchema,
		"tag": tagSchema, "tags": tagsSchema, "resource_type": resourceTypeSchema, "resource_types": resourceTypesSchema,
	} {
		routes = append(routes, api.Route{Method: "GET", Path: "/v2/schemas/metadefs/" + name, Policy: "get_metadef_namespaces", Handler: f.schema(make)})
	}
	return routes
}

// wireNamespace is the API's form. What is nil is left out, as in Glance.
type wireNamespace struct {
	Namespace    string                   `json:"namespace"`
	DisplayName  *string                  `json:"display_name,omitempty"`
	Description  *string                  `json:"description,omitempty"`
	Visibility   string                   `json:"visibility"`
	Protected    bool                     `json:"protected"`
	Owner        string                   `json:"owner"`
	CreatedAt    string                   `json:"created_at"`
	UpdatedAt    string                   `json:"updated_at"`
	Associations []wireAssociation        `json:"resource_type_associations,omitempty"`
	Properties   map[string]*metadef.Type `json:"properties,omitempty"`
	Objects      []wireObject             `json:"objects,omitempty"`
	Tags         []wireTag                `json:"tags,omitempty"`
	Self         string                   `json:"self"`
	Schema       string                   `json:"schema"`
}

func namespaceView(n metadef.Namespace) wireNamespace {
	return wireNamespace{
		Namespace: n.Name, DisplayName: n.DisplayName, Description: n.Description, Visibility: n.Visibility, Protected: n.Protected, Owner: n.Owner,
		CreatedAt: stamp(n.CreatedAt), UpdatedAt: stamp(n.UpdatedAt), Self: namespacePath(n.Name), Schema: "/v2/schemas/metadefs/namespace",
	}
}

func namespacePath(name string) string { return namespaces + "/" + name }

func contentView(content metadef.Content) wireNamespace {
	v := namespaceView(content.Namespace)
	for _, a := range content.Associations {
		v.Associations = append(v.Associations, associationView(a))
	}
	for _, o := range content.Objects {
		v.Objects = append(v.Objects, objectView(content.Name, o))
	}
	for _, t := range content.Tags {
		v.Tags = append(v.Tags, wireTag{Name: t.Name})
	}
	v.Properties = propertyMap(content.Properties)
	return v
}

// asked reads a body that is checked against a schema into v, and refuses what
// is the service's own and what v does not know.
func asked(r *api.Request, schema object, own []string, v any) error {
	var body any
	if err := decode(r, &body); err != nil {
		return err
	}
	if given, ok := body.(object); ok {
		for _, name := range own {
			if _, has := given[name]; has {
				return errs.New(errs.Forbidden, "Attribute '%s' is read-only.", name)
			}
		}
	}
	if err := validate(schema, body); err != nil {
		return err
	}
	return into(body, v)
}

// into moves a JSON value into a Go value that has a place for all of it.
func into(value, v any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "Malformed JSON in request body.")
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(v)
	if public, ok := errors.AsType[*errs.Error](err); ok {
		return public
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return errs.Wrap(err, errs.Invalid, "Invalid input for '%s': %s is not a %s.", wrong.Field, wrong.Value, wrong.Type)
	}
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "Invalid input: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

var selfMade = []string{"self", "schema", "created_at", "updated_at"}

// namespaceBody is what a body can say of a namespace.
type namespaceBody struct {
	Namespace    string                  `json:"namespace"`
	DisplayName  *string                 `json:"display_name"`
	Description  *string                 `json:"description"`
	Visibility   string                  `json:"visibility"`
	Protected    bool                    `json:"protected"`
	Owner        string                  `json:"owner"`
	Associations []associationBody       `json:"resource_type_associations"`
	Properties   map[string]metadef.Type `json:"properties"`
	Objects      []objectBody            `json:"objects"`
	Tags         []tagBody               `json:"tags"`
}

func (b namespaceBody) namespace() metadef.Namespace {
	return metadef.Namespace{
		Name: b.Namespace, DisplayName: b.DisplayName, Description: b.Description, Visibility: b.Visibility, Protected: b.Protected, Owner: b.Owner,
	}
}

// content checks what the schema of namespaces leaves open: parts have a name
// of some length.
func (b namespaceBody) content() (metadef.Content, error) {
	content := metadef.Content{Namespace: b.namespace(), Properties: metadef.Properties(b.Properties)}
	for _, a := range b.Associations {
		if err := validate(resourceTypeSchema(), a.value()); err != nil {
			return content, err
		}
		content.Associations = append(content.Associations, a.association())
	}
	for _, o := range b.Objects {
		if err := validate(tagSchema(), object{"name": o.Name}); err != nil || o.Name == "" {
			return content, errs.Wrap(err, errs.Invalid, "An object must have a name of at most %d characters.", metadef.MaxName)
		}
		content.Objects = append(content.Objects, o.object())
	}
	for _, t := range b.Tags {
		if err := validate(tagSchema(), object{"name": t.Name}); err != nil || t.Name == "" {
			return content, errs.Wrap(err, errs.Invalid, "A tag must have a name of at most %d characters.", metadef.MaxName)
		}
		content.Tags = append(content.Tags, metadef.Tag{Name: t.Name})
	}
	return content, nil
}

func (f *face) createNamespace(r *api.Request) (any, error) {
	var body namespaceBody
	if err := asked(r, namespaceSchema(), selfMade, &body); err != nil {
		return nil, err
	}
	content, err := body.content()
	if err != nil {
		return nil, err
	}
	made, err := f.definitions.Create(r.Context(), r.Caller, content)
	if err != nil {
		return nil, err
	}
	r.Writer.Header().Set("Location", r.ServiceURL()+namespacePath(made.Name))
	// As Glance does, it answers with the parts as they were given.
	v := namespaceView(made.Namespace)
	for _, a := range made.Associations {
		v.Associations = append(v.Associations, wireAssociation{Name: a.Name, Prefix: a.Prefix, PropertiesTarget: a.PropertiesTarget})
	}
	for _, o := range made.Objects {
		v.Objects = append(v.Objects, wireObject{Name: o.Name, Description: o.Description, Required: o.Required, Properties: o.Properties})
	}
	for _, t := range made.Tags {
		v.Tags = append(v.Tags, wireTag{Name: t.Name})
	}
	v.Properties = propertyMap(made.Properties)
	return v, nil
}

func (f *face) showNamespace(r *api.Request) (any, error) {
	if err := checkVisibility(r.Query(), metadef.Visibilities); err != nil {
		return nil, err
	}
	content, err := f.definitions.Show(r.Context(), r.Caller, r.Param("namespace"), r.Query().Get("resource_type"))
	if err != nil {
		return nil, err
	}
	return contentView(content), nil
}

// updateNamespace leaves what is in the namespace as it is, whatever the body
// says of it: clients send back what they were shown.
func (f *face) updateNamespace(r *api.Request) (any, error) {
	var body namespaceBody
	if err := asked(r, namespaceSchema(), selfMade, &body); err != nil {
		return nil, err
	}
	n, err := f.definitions.Update(r.Context(), r.Caller, r.Param("namespace"), body.namespace())
	if err != nil {
		return nil, err
	}
	return namespaceView(n), nil
}

func (f *face) deleteNamespace(r *api.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	return nil, f.definitions.Delete(r.Context(), r.Caller, r.Param("namespace"))
}

func checkVisibility(q url.Values, all []string) error {
	if v := q.Get("visibility"); v != "" && !slices.Contains(all, v) {
		return errs.New(errs.Invalid, "Invalid visibility value: %s", v)
	}
	return nil
}

// pageOf reads limit, sort_key and sort_dir.
func pageOf(q url.Values, limit int) (int, store.Order, error) {
	order := store.Order{Key: q.Get("sort_key"), Desc: q.Get("sort_dir") != "asc"}
	if order.Key == "" {
		order.Key = "created_at"
	}
	if dir := q.Get("sort_dir"); q.Has("sort_dir") && dir != "asc" && dir != "desc" {
		return 0, order, errs.New(errs.Invalid, "Invalid sort direction: %s", dir)
	}
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return 0, order, errs.New(errs.Invalid, "limit param must be an integer")
		}
		if n < 0 {
			return 0, order, errs.New(errs.Invalid, "limit param must be positive")
		}
		limit = min(n, metadef.MaxPage)
	}
	return limit, order, nil
}

func (f *face) listNamespaces(r *api.Request) (any, error) {
	q := r.Query()
	limit, order, err := pageOf(q, metadef.DefaultPage)
	if err != nil {
		return nil, err
	}
	query := metadef.Query{Visibility: q.Get("visibility"), Sort: order, Limit: limit, Marker: q.Get("marker")}
	if types := q.Get("resource_types"); types != "" {
		query.ResourceTypes = strings.Split(types, ",")
	}
	found, err := f.definitions.List(r.Context(), r.Caller, query)
	if err != nil {
		return nil, err
	}
	all := make([]wireNamespace, len(found))
	for n, content := range found {
		all[n] = contentView(content)
	}
	link := func(marker string) string {
		rest := url.Values{}
		for name, values := range q {
			if name != "marker" {
				rest[name] = values
			}
		}
		if marker != "" {
			rest.Set("marker", marker)
		}
		if len(rest) == 0 {
			return namespaces
		}
		return namespaces + "?" + rest.Encode()
	}
	out := map[string]any{"namespaces": all, "first": link(""), "schema": "/v2/schemas/metadefs/namespaces"}
	if len(found) > 0 && len(found) == limit {
		out["next"] = link(found[len(found)-1].Name)
	}
	return out, nil
}
