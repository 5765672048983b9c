package imageapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"wisp/internal/errs"
)

// validate checks a JSON value, with its numbers as they were written, against
// a schema that the API publishes. It knows the words that those schemas use.
func validate(schema object, value any) error {
	v := violation{root: schema}
	if v.find(schema, value, "") {
		return nil
	}
	where := ""
	if v.path != "" {
		where = fmt.Sprintf(" (in '%s')", v.path)
	}
	return errs.New(errs.Invalid, "Provided object does not match schema '%s': %s%s", schema["name"], v.message, where)
}

// violation is the first thing that is wrong, and the way to it.
type violation struct {
	root          object
	message, path string
}

func (v *violation) is(path, format string, args ...any) bool {
	v.message, v.path = fmt.Sprintf(format, args...), path
	return false
}

// shown is a value as a message has it.
func shown(value any) string {
	switch value := value.(type) {
	case string:
		return "'" + value + "'"
	case nil:
		return "null"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// find tells whether a value is as the schema has it.
func (v *violation) find(schema object, value any, path string) bool {
	if ref, ok := schema["$ref"].(string); ok {
		definitions, _ := v.root["definitions"].(object)
		named, _ := definitions[strings.TrimPrefix(ref, "#/definitions/")].(object)
		return v.find(named, value, path)
	}
	for _, part := range list[object](schema["allOf"]) {
		if !v.find(part, value, path) {
			return false
		}
	}
	types := list[string](schema["type"])
	if one, ok := schema["type"].(string); ok {
		types = []string{one}
	}
	if len(types) > 0 && !slices.ContainsFunc(types, func(name string) bool { return hasType(name, value) }) {
		return v.is(path, "%s is not of type '%s'", shown(value), strings.Join(types, "', '"))
	}
	if enum, ok := schema["enum"].([]string); ok {
		if text, ok := value.(string); !ok || !slices.Contains(enum, text) {
			return v.is(path, "%s is not one of ['%s']", shown(value), strings.Join(enum, "', '"))
		}
	}
	switch value := value.(type) {
	case string:
		if most, ok := schema["maxLength"].(int); ok && utf8.RuneCountInString(value) > most {
			return v.is(path, "%s is too long", shown(value))
		}
	case json.Number:
		least, ok := schema["minimum"].(int)
		if n, err := value.Float64(); ok && (err != nil || n < float64(least)) {
			return v.is(path, "%s is less than the minimum of %d", value, least)
		}
	case []any:
		return v.findList(schema, value, path)
	case object:
		return v.findObject(schema, value, path)
	}
	return true
}

func (v *violation) findList(schema object, values []any, path string) bool {
	items, _ := schema["items"].(object)
	seen := map[string]bool{}
	for n, value := range values {
		if items != nil && !v.find(items, value, below(path, strconv.Itoa(n))) {
			return false
		}
		if schema["uniqueItems"] == true && seen[shown(value)] {
			return v.is(path, "%s has non-unique elements", shown(values))
		}
		seen[shown(value)] = true
	}
	return true
}

func (v *violation) findObject(schema, value object, path string) bool {
	for _, name := range list[string](schema["required"]) {
		if _, has := value[name]; !has {
			return v.is(path, "'%s' is a required property", name)
		}
	}
	known, _ := schema["properties"].(object)
	others, _ := schema["additionalProperties"].(object)
	for _, name := range sortedKeys(value) {
		part, ok := known[name].(object)
		switch {
		case !ok && schema["additionalProperties"] == false:
			return v.is(path, "Additional properties are not allowed ('%s' was unexpected)", name)
		case !ok:
			part = others
		}
		if part != nil && !v.find(part, value[name], below(path, name)) {
			return false
		}
	}
	return true
}

func below(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func sortedKeys(value object) []string {
	keys := make([]string, 0, len(value))
	for name := range value {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

func list[T any](value any) []T {
	values, _ := value.([]T)
	return values
}

func hasType(name string, value any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case []any:
		return name == "array"
	case object:
		return name == "object"
	case json.Number:
		if name == "integer" {
			_, err := value.Int64()
			return err == nil
		}
		return name == "number"
	}
	return false
}
