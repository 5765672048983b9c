package contract

import (
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// variant is one of the schemas that a body may have, with the versions and
// the action for which it is meant.
type variant struct {
	extension
	schema map[string]any
}

// variants opens the choices at the top of a schema. The caller has the lock.
func (d *Description) variants(schema map[string]any, outer extension) ([]variant, error) {
	if reference, ok := schema["$ref"].(string); ok {
		var err error
		if schema, err = d.schema(reference); err != nil {
			return nil, err
		}
	}
	own := extended(schema)
	if own.Min == "" {
		own.Min = outer.Min
	}
	if own.Max == "" {
		own.Max = outer.Max
	}
	if own.Action == "" {
		own.Action = outer.Action
	}
	choices, ok := schema["oneOf"].([]any)
	if !ok || schema["type"] != nil || schema["properties"] != nil {
		return []variant{{own, schema}}, nil
	}
	var all []variant
	for _, choice := range choices {
		inner, ok := choice.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s has a choice that is no schema", d.service)
		}
		some, err := d.variants(inner, own)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// choose keeps the variants of an action at a version. Of ranges that overlap
// the one that begins last counts.
func choose(all []variant, action string, version int) []variant {
	var chosen []variant
	latest := -1
	for _, v := range all {
		if !v.within(version) || v.Action != "" && v.Action != action {
			continue
		}
		from := 0
		if v.Min != "" {
			from = minor(v.Min)
		}
		if from > latest {
			chosen, latest = nil, from
		}
		if from == latest {
			chosen = append(chosen, v)
		}
	}
	return chosen
}

// kept are the keywords that say something about a value.
var kept = map[string]bool{
	"type": true, "required": true, "additionalProperties": true, "enum": true, "const": true, "format": true, "pattern": true,
	"minLength": true, "maxLength": true, "minimum": true, "maximum": true, "exclusiveMinimum": true, "exclusiveMaximum": true,
	"minItems": true, "maxItems": true, "uniqueItems": true, "minProperties": true, "maxProperties": true, "if": true, "then": true, "allOf": true,
}

// at is a schema as it is at a version: without references, without what
// other versions have, and without words. A choice is met by any that fits,
// for some choices overlap. closed says that what is not described is wrong,
// where the schema does not say; whole, that all must be there.
func (d *Description) at(value any, version int, closed, whole bool) (any, error) {
	switch v := value.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, inner := range v {
			if s, ok := inner.(map[string]any); ok && !extended(s).within(version) {
				continue
			}
			one, err := d.at(inner, version, closed, whole)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, nil
	case map[string]any:
		if reference, ok := v["$ref"].(string); ok {
			target, err := d.schema(reference)
			if err != nil {
				return nil, err
			}
			return d.at(target, version, closed, whole)
		}
		return d.object(v, version, closed, whole)
	}
	return value, nil
}

func (d *Description) object(v map[string]any, version int, closed, whole bool) (any, error) {
	out := map[string]any{}
	for key, inner := range v {
		switch key {
		case "properties", "patternProperties":
			properties := map[string]any{}
			for name, property := range inner.(map[string]any) {
				s, ok := property.(map[string]any)
				if ok && !extended(s).within(version) {
					continue
				}
				one, err := d.at(property, version, closed, whole)
				if err != nil {
					return nil, err
				}
				properties[name] = one
			}
			out[key] = properties
		case "oneOf", "anyOf":
			one, err := d.at(inner, version, closed, whole)
			if err != nil {
				return nil, err
			}
			if out["anyOf"] != nil {
				return nil, fmt.Errorf("%s has a schema of two choices", d.service)
			}
			out["anyOf"] = one
		case "prefixItems": // its order is the generator's, not the service's
			one, err := d.at(inner, version, closed, whole)
			if err != nil {
				return nil, err
			}
			out["items"] = map[string]any{"anyOf": one}
		case "items":
			if v["prefixItems"] != nil {
				continue
			}
			one, err := d.at(inner, version, closed, whole)
			if err != nil {
				return nil, err
			}
			out[key] = one
		case "enum", "const", "required", "type":
			out[key] = inner
		default:
			if !kept[key] {
				continue
			}
			one, err := d.at(inner, version, closed, whole)
			if err != nil {
				return nil, err
			}
			out[key] = one
		}
	}
	if properties, ok := out["properties"].(map[string]any); ok && len(properties) > 0 {
		if closed && out["additionalProperties"] == nil && out["patternProperties"] == nil {
			out["additionalProperties"] = false
		}
		if whole && out["required"] == nil {
			names := []any{}
			for name := range properties {
				names = append(names, name)
			}
			out["required"] = names
		}
	}
	// What a version does not have, it cannot need.
	if required, ok := out["required"].([]any); ok {
		properties, _ := out["properties"].(map[string]any)
		described, _ := v["properties"].(map[string]any)
		left := []any{}
		for _, name := range required {
			if properties[fmt.Sprint(name)] != nil || described[fmt.Sprint(name)] == nil {
				left = append(left, name)
			}
		}
		out["required"] = left
	}
	return out, nil
}

// compiledKey names a schema by its place in memory, for not all have a name.
// The version is 0 where the schema is the same at all of its versions.
type compiledKey struct {
	schema  uintptr
	version int
	answer  bool
}

// compiledAt compiles a schema once.
func (d *Description) compiledAt(schema map[string]any, version int, answer bool) (*jsonschema.Schema, error) {
	key := compiledKey{reflect.ValueOf(schema).Pointer(), 0, answer}
	for _, inner := range schema {
		walk(inner, func(e extension) {
			if e != (extension{}) {
				key.version = version
			}
		})
	}
	if found := d.compiled[key]; found != nil {
		return found, nil
	}
	pruned, err := d.at(schema, version, answer, answer && wholly[d.service])
	if err != nil {
		return nil, err
	}
	found, err := compile(pruned)
	if err != nil {
		return nil, err
	}
	d.compiled[key] = found
	return found, nil
}

func compile(schema any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseRegexpEngine(expression)
	for _, format := range formats {
		c.RegisterFormat(format)
	}
	if err := c.AddResource("schema.json", schema); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// expression compiles a pattern that was written for Python. What Go has no
// word for (a look ahead) matches everything.
func expression(pattern string) (jsonschema.Regexp, error) {
	compiled, err := regexp.Compile(strings.ReplaceAll(pattern, `\Z`, `\z`))
	if err != nil {
		return regexp.MustCompile(""), nil //nolint:nilerr // the pattern is good, for Python
	}
	return compiled, nil
}

func format(name string, good func(string) bool) *jsonschema.Format {
	return &jsonschema.Format{Name: name, Validate: func(v any) error {
		if text, ok := v.(string); ok && !good(text) {
			return fmt.Errorf("it is no %s", name)
		}
		return nil
	}}
}

// formats are what the services take for one. Tests give names to projects
// and users, so an id may be anything but nothing; Nova's times have zones
// here and none there.
var formats = []*jsonschema.Format{
	format("uuid", func(s string) bool { return strings.TrimSpace(s) != "" }),
	format("uri", func(s string) bool { _, err := url.Parse(s); return err == nil && s != "" }),
	format("hostname", func(string) bool { return true }),
	format("ipv4", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }),
	format("ipv6", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() }),
	format("date-time", func(s string) bool {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
			if _, err := time.Parse(layout, s); err == nil {
				return true
			}
		}
		return false
	}),
}
