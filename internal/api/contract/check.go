package contract

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Exchange is a request that was answered with success, and the answer.
type Exchange struct {
	Method, Path string // of the route, below the service's prefix
	Version      int    // minor; 0 where the API is older than microversions, below 0 where it has none
	Status       int

	RequestType, ResponseType string // Content-Type
	Request, Response         []byte
}

// Mismatch is something that the description has otherwise.
type Mismatch struct {
	Operation string // as Operation.String
	Side      string // "request" or "response"
	Version   int    // as in Exchange
	At        string // JSON pointer; "*" stands for any place in a list
	Problem   string
}

// String gives "GET /v2.1/servers/{} response /server/x: is not described".
func (m Mismatch) String() string {
	return fmt.Sprintf("%s %s %s: %s", m.Operation, m.Side, m.At, m.Problem)
}

// versioned is String with the version behind it, for exceptions that are of
// some versions.
func (m Mismatch) versioned() string { return fmt.Sprintf("%s @%d", m, m.Version) }

// wholly are the services whose descriptions name no required keys: all that
// is described must be in an answer there.
var wholly = map[string]bool{"network": true, "identity": true, "image": true}

// Check gives what does not fit, or nothing where the description has no such
// operation.
func (d *Description) Check(e *Exchange) ([]Mismatch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	methods, err := d.of(e.Path)
	if err != nil {
		return nil, err
	}
	o := methods[e.Method]
	if o == nil {
		return nil, nil
	}
	action := action(e.Request)
	operation := Operation{Method: e.Method, Path: Normal(e.Path)}
	wrong := func(side, problem string) []Mismatch {
		return []Mismatch{{Operation: operation.String(), Side: side, Version: e.Version, Problem: problem}}
	}
	if e.Version > 0 && !o.Extension.within(e.Version) {
		return wrong("request", "this version does not have it"), nil
	}
	var all []Mismatch
	if schema := pick(o.Body.Content, e.RequestType); schema != nil {
		variants, err := d.variants(schema, extension{})
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(variants, func(v variant) bool { return v.Action != "" }) {
			operation.Action = action
		} else {
			action = ""
		}
		if len(e.Request) > 0 {
			found, err := d.compare(operation, "request", variants, action, e.Version, e.Request)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	if len(e.Response) == 0 || e.Method == "HEAD" {
		return all, nil
	}
	schema := pick(o.Responses[fmt.Sprint(e.Status)].Content, e.ResponseType)
	for _, status := range []string{"200", "201", "202", "203", "300"} {
		if schema == nil {
			schema = pick(o.Responses[status].Content, e.ResponseType)
		}
	}
	if schema == nil {
		return all, nil
	}
	variants, err := d.variants(schema, extension{})
	if err != nil {
		return nil, err
	}
	if operation.Action != "" && !slices.ContainsFunc(variants, func(v variant) bool { return v.Action == operation.Action || v.Action == "" }) {
		return all, nil
	}
	found, err := d.compare(operation, "response", variants, action, e.Version, e.Response)
	return append(all, found...), err
}

// action is the only key of a body.
func action(body []byte) string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	object, ok := value.(map[string]any)
	if err != nil || !ok || len(object) != 1 {
		return ""
	}
	for key := range object {
		return key
	}
	return ""
}

// pick gives the schema of a content type.
func pick(content map[string]media, contentType string) map[string]any {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(kind, "json") {
		return nil
	}
	if m, ok := content[kind]; ok {
		return m.Schema
	}
	return content["application/json"].Schema
}

func (d *Description) compare(o Operation, side string, variants []variant, action string, version int, body []byte) ([]Mismatch, error) {
	chosen := choose(variants, action, version)
	if len(chosen) == 0 {
		return []Mismatch{{o.String(), side, version, "", "this version has none"}}, nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []Mismatch{{o.String(), side, version, "", "it is no JSON"}}, nil //nolint:nilerr // that is what was found
	}
	var least []Mismatch
	for _, v := range chosen {
		one, err := d.compiledAt(v.schema, version, side == "response")
		if err != nil {
			return nil, fmt.Errorf("compile the %s of %s: %w", side, o, err)
		}
		failed, ok := errors.AsType[*jsonschema.ValidationError](one.Validate(value))
		if !ok {
			return nil, nil
		}
		var found []Mismatch
		for _, leaf := range leaves(failed) {
			found = append(found, Mismatch{o.String(), side, version, leaf.at, leaf.problem})
		}
		if least == nil || len(found) < len(least) {
			least = found
		}
	}
	return least, nil
}

type leaf struct{ at, problem string }

// leaves are the innermost causes; of a choice, those of the alternative that
// comes closest.
func leaves(e *jsonschema.ValidationError) []leaf {
	if len(e.Causes) == 0 {
		return split(e)
	}
	_, choice := e.ErrorKind.(*kind.AnyOf)
	var all []leaf
	for i, cause := range e.Causes {
		some := leaves(cause)
		switch {
		case !choice:
			all = append(all, some...)
		case i == 0 || deeper(some, all):
			all = some
		}
	}
	return all
}

// deeper says that one alternative's causes lie further inside than another's,
// or are fewer there.
func deeper(one, other []leaf) bool {
	a, b := depth(one), depth(other)
	return a > b || a == b && len(one) < len(other)
}

func depth(all []leaf) int {
	least := 1 << 20
	for _, l := range all {
		least = min(least, strings.Count(l.at, "/"))
	}
	return least
}

// split makes one leaf of each key.
func split(e *jsonschema.ValidationError) []leaf {
	var at strings.Builder
	for _, part := range e.InstanceLocation {
		if strings.Trim(part, "0123456789") == "" {
			part = "*"
		}
		at.WriteString("/" + part)
	}
	var all []leaf
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			all = append(all, leaf{at.String() + "/" + name, "is missing"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			all = append(all, leaf{at.String() + "/" + name, "is not described"})
		}
	case *kind.Type:
		all = append(all, leaf{at.String(), "is " + k.Got + " and should be " + strings.Join(k.Want, " or ")})
	case *kind.Enum:
		all = append(all, leaf{at.String(), fmt.Sprintf("is %v and should be one of %v", k.Got, k.Want)})
	case *kind.Const:
		all = append(all, leaf{at.String(), fmt.Sprintf("is %v and should be %v", k.Got, k.Want)})
	case *kind.Format:
		all = append(all, leaf{at.String(), fmt.Sprintf("is %q and should be a %s", k.Got, k.Want)})
	case *kind.Pattern:
		all = append(all, leaf{at.String(), fmt.Sprintf("is %q and should match %s", k.Got, k.Want)})
	default:
		all = append(all, leaf{at.String(), strings.Join(k.KeywordPath(), "/") + " is not kept"})
	}
	return all
}
