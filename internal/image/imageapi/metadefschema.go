package imageapi

import (
	"wisp/internal/metadef"
)

// The schemas of metadata definitions, as they are published and as bodies are
// checked against them.

var (
	named    = object{"maxLength": metadef.MaxName}
	plain    = object{"type": "string"}
	jsonType = []string{"array", "boolean", "integer", "number", "object", "string"}
)

func when(noun, event string) object {
	return attribute("string", "When the "+noun+" was "+event, readOnly, object{"format": "date-time"})
}

func stringArray() object { return object{"$ref": "#/definitions/stringArray"} }

// definitions are what the schemas refer to.
func definitions() object {
	return object{
		"positiveInteger":         object{"type": "integer", "minimum": 0},
		"positiveIntegerDefault0": object{"allOf": []object{{"$ref": "#/definitions/positiveInteger"}, {"default": 0}}},
		"stringArray":             object{"type": "array", "items": plain, "uniqueItems": true},
		"property":                object{"type": "object", "additionalProperties": object{"type": "object", "required": []string{"title", "type"}, "properties": typeProperties()}},
	}
}

// typeProperties are those of a type.
func typeProperties() object {
	count := object{"$ref": "#/definitions/positiveInteger"}
	from0 := object{"$ref": "#/definitions/positiveIntegerDefault0"}
	return object{
		"name": object{"type": "string", "maxLength": metadef.MaxName}, "title": plain, "description": plain,
		"type": object{"type": "string", "enum": jsonType}, "operators": object{"type": "array", "items": plain}, "required": stringArray(),
		"minimum": object{"type": "number"}, "maximum": object{"type": "number"}, "minLength": from0, "maxLength": count,
		"pattern": object{"type": "string", "format": "regex"}, "enum": object{"type": "array"}, "readonly": object{"type": "boolean"}, "default": object{},
		"items":    object{"type": "object", "properties": object{"type": object{"type": "string", "enum": jsonType}, "enum": object{"type": "array"}}},
		"minItems": from0, "maxItems": count, "uniqueItems": object{"type": "boolean", "default": false}, "additionalItems": object{"type": "boolean"},
	}
}

func closed(name string, properties object, required ...string) object {
	return object{"name": name, "properties": properties, "required": required, "additionalProperties": false, "type": "object"}
}

// collection is the schema of a list of what item is, or of a map of them.
func collection(name string, item object, kind string) object {
	of := object{"type": "array", "items": item}
	if kind == "object" {
		of = object{"type": "object", "additionalProperties": item}
	}
	all := object{
		"name": name,
		"properties": object{
			name: of, "first": plain, "next": plain, "schema": plain,
		},
		"links": []object{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, {"rel": "describedby", "href": "{schema}"}},
	}
	if shared, has := item["definitions"]; has {
		all["definitions"] = shared
		delete(item, "definitions")
	}
	return all
}

func namespaceSchema() object {
	s := closed("namespace", object{
		"namespace":    attribute("string", "The name of the namespace, of which there is one in the cloud", named),
		"display_name": attribute("string", "The name that people are shown, if there is one", named),
		"description":  attribute("string", "What the namespace is about", object{"maxLength": 500}),
		"visibility":   attribute("string", "Who sees the namespace", object{"enum": metadef.Visibilities}),
		"protected":    attribute("boolean", "Whether the namespace and what is in it can't be deleted"),
		"owner":        attribute("string", "The project that owns the namespace", object{"maxLength": 255}),
		"created_at":   when("namespace", "created"), "updated_at": when("namespace", "changed last"),
		"schema": object{"readOnly": true, "type": "string"}, "self": object{"readOnly": true, "type": "string"},
		"resource_type_associations": object{"type": "array", "items": object{
			"type": "object", "properties": object{"name": plain, "prefix": plain, "properties_target": plain},
		}},
		"properties": object{"$ref": "#/definitions/property"},
		"objects": object{"type": "array", "items": object{
			"type": "object", "properties": object{"name": plain, "description": plain, "required": stringArray(), "properties": object{"$ref": "#/definitions/property"}},
		}},
		"tags": object{"type": "array", "items": object{"type": "object", "properties": object{"name": plain}}},
	}, "namespace")
	s["definitions"] = definitions()
	return s
}

func namespacesSchema() object { return collection("namespaces", namespaceSchema(), "array") }

func objectSchema() object {
	s := closed("object", object{
		"name": object{"type": "string", "maxLength": metadef.MaxName}, "description": plain, "required": stringArray(),
		"properties": object{"$ref": "#/definitions/property"},
		"schema":     object{"readOnly": true, "type": "string"}, "self": object{"readOnly": true, "type": "string"},
		"created_at": when("object", "created"), "updated_at": when("object", "changed last"),
	}, "name")
	s["definitions"] = definitions()
	return s
}

func objectsSchema() object { return collection("objects", objectSchema(), "array") }

// propertySchema is that of one property; in a map its name is the key.
func propertySchema() object {
	s := unnamedPropertySchema()
	s["required"] = []string{"type", "title", "name"}
	return s
}

func unnamedPropertySchema() object {
	s := closed("property", typeProperties(), "type", "title")
	s["definitions"] = definitions()
	return s
}

func propertiesSchema() object { return collection("properties", unnamedPropertySchema(), "object") }

func tagSchema() object {
	return closed("tag", object{
		"name": object{"type": "string", "maxLength": metadef.MaxName}, "created_at": when("tag", "created"), "updated_at": when("tag", "changed last"),
	}, "name")
}

func tagsSchema() object { return collection("tags", tagSchema(), "array") }

// tagListSchema is that of a body with tags to make.
func tagListSchema() object {
	return closed("tags", object{"tags": object{"type": "array", "items": object{
		"type": "object", "properties": object{"name": object{"type": "string", "maxLength": metadef.MaxName}}, "required": []string{"name"}, "additionalProperties": false,
	}}})
}

func resourceTypeSchema() object {
	return closed("resource_type_association", object{
		"name":              attribute("string", "The kind of resource, by the name that Heat has for it", named),
		"prefix":            attribute("string", "What comes before the names of the namespace's properties on such a resource, with its separator", named),
		"properties_target": attribute("string", "Which of the resource's several sets of metadata is meant", named),
		"created_at":        when("association", "made"), "updated_at": when("association", "changed last"),
	}, "name")
}

func resourceTypesSchema() object {
	return collection("resource_type_associations", resourceTypeSchema(), "array")
}
