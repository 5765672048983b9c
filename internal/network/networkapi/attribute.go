package networkapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"wisp/internal/errs"
	"wisp/internal/network"
)

// attribute is one that a request may give of a resource whose spec is S.
type attribute[S any] struct {
	name      string
	post, put bool
	required  bool // in a POST
	read      func(raw json.RawMessage, spec *S) error
}

func (a attribute[S]) must() attribute[S]     { a.required = true; return a }
func (a attribute[S]) postOnly() attribute[S] { a.put = false; return a }

// field is an attribute that is read by a parser into a part of the spec. The
// parser's error is the reason that the client reads.
func field[S, T any](name string, parse func(raw json.RawMessage) (T, error), at func(*S) *network.Opt[T]) attribute[S] {
	return attribute[S]{name: name, post: true, put: true, read: func(raw json.RawMessage, spec *S) error {
		v, err := parse(raw)
		if err != nil {
			if public, ok := errors.AsType[*errs.Error](err); ok {
				return public
			}
			return badRequest("Invalid input for %s. Reason: %s.", name, err)
		}
		*at(spec) = network.Some(v)
		return nil
	}}
}

func badRequest(format string, args ...any) error {
	return errs.New(errs.Invalid, format, args...).WithType("HTTPBadRequest")
}

// show is a value as messages quote it.
func show(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return s
	}
	if string(raw) == "null" {
		return "None"
	}
	return string(raw)
}

const maxName = 255

// text reads a string of up to limit characters.
func text(limit int) func(json.RawMessage) (string, error) {
	return func(raw json.RawMessage) (string, error) {
		var s *string
		if err := json.Unmarshal(raw, &s); err != nil || s == nil {
			return "", fmt.Errorf("'%s' is not a valid string", show(raw))
		}
		if utf8.RuneCountInString(*s) > limit {
			return "", fmt.Errorf("'%s' exceeds maximum length of %d", *s, limit)
		}
		if strings.ContainsRune(*s, 0) {
			return "", errors.New("a string must not contain null characters")
		}
		return *s, nil
	}
}

// textOrNull is text, with "" for null.
func textOrNull(limit int) func(json.RawMessage) (string, error) {
	return func(raw json.RawMessage) (string, error) {
		if string(raw) == "null" {
			return "", nil
		}
		return text(limit)(raw)
	}
}

// boolean reads a flag, in each of the forms that Neutron converts.
func boolean(raw json.RawMessage) (bool, error) {
	return network.ParseBool(show(raw))
}

// integer reads a number or its text, from lowest to highest.
func integer(lowest, highest int64) func(json.RawMessage) (int, error) {
	return func(raw json.RawMessage) (int, error) {
		n, err := strconv.ParseInt(show(raw), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("'%s' is not an integer", show(raw))
		}
		if n < lowest || n > highest {
			return 0, fmt.Errorf("'%d' is not in the range %d to %d", n, lowest, highest)
		}
		return int(n), nil
	}
}

// optional is a parser with nil for null.
func optional[T any](parse func(json.RawMessage) (T, error)) func(json.RawMessage) (*T, error) {
	return func(raw json.RawMessage) (*T, error) {
		if string(raw) == "null" {
			return nil, nil
		}
		v, err := parse(raw)
		return &v, err
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$`)

// id reads a UUID.
func id(raw json.RawMessage) (string, error) {
	s, err := text(maxName)(raw)
	if err != nil || !uuidForm.MatchString(s) {
		return "", fmt.Errorf("'%s' is not a valid UUID", show(raw))
	}
	return s, nil
}

// idOrNull is id, with "" for null.
func idOrNull(raw json.RawMessage) (string, error) {
	if string(raw) == "null" || string(raw) == `""` {
		return "", nil
	}
	return id(raw)
}

// ipAddress reads an IP address, in its canonical form; null is "".
func ipAddress(raw json.RawMessage) (string, error) {
	if string(raw) == "null" || string(raw) == `""` {
		return "", nil
	}
	s, err := text(64)(raw)
	if err != nil {
		return "", fmt.Errorf("'%s' is not a valid IP address", show(raw))
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return "", fmt.Errorf("'%s' is not a valid IP address", s)
	}
	return a.String(), nil
}

// listOf reads a list; null is the empty one.
func listOf[T any](parse func(json.RawMessage) (T, error)) func(json.RawMessage) ([]T, error) {
	return func(raw json.RawMessage) ([]T, error) {
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil {
			return nil, fmt.Errorf("'%s' is not a list", show(raw))
		}
		out := make([]T, 0, len(parts))
		for _, part := range parts {
			v, err := parse(part)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
}

// object reads a JSON object whose keys are all known.
func object(raw json.RawMessage, known ...string) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return nil, fmt.Errorf("'%s' is not a dictionary", show(raw))
	}
	for key := range m {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("Validation of dictionary's keys failed. Unexpected keys in '%s'", key)
		}
	}
	return m, nil
}

// part reads one key of an object where it is there.
func part[T any](m map[string]json.RawMessage, key string, parse func(json.RawMessage) (T, error), into *T) error {
	raw, ok := m[key]
	if !ok {
		return nil
	}
	v, err := parse(raw)
	if err != nil {
		return err
	}
	*into = v
	return nil
}

// standardFields are the attributes that requests may give of every resource.
func standardFields[S any](project, description func(*S) *network.Opt[string]) []attribute[S] {
	return []attribute[S]{
		field("project_id", text(maxName), project).postOnly(),
		field("tenant_id", text(maxName), project).postOnly(),
		field("description", text(maxName), description),
	}
}

var standardReadOnly = []string{"id", "created_at", "updated_at", "revision_number", "tags", "status"}

// decode reads the body of a POST or PUT: one object under single, or in a
// POST a list of them under plural.
func decode[S any](body []byte, single, plural string, attributes []attribute[S], readOnly []string, post bool) (specs []S, bulk bool, err error) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, false, errs.New(errs.Invalid, "Malformed request body: the body is not a JSON object.").WithType("MalformedRequestBody")
	}
	var objects []json.RawMessage
	raw, ok := envelope[single]
	if list, many := envelope[plural]; many && post {
		if err := json.Unmarshal(list, &objects); err != nil || len(objects) == 0 {
			return nil, true, badRequest("Resources required")
		}
		bulk = true
	} else if !ok {
		return nil, false, badRequest("Unable to find '%s' in request body", single)
	} else {
		objects = []json.RawMessage{raw}
	}
	for _, o := range objects {
		spec, err := decodeOne(o, attributes, readOnly, post)
		if err != nil {
			return nil, bulk, err
		}
		specs = append(specs, *spec)
	}
	return specs, bulk, nil
}

func decodeOne[S any](raw json.RawMessage, attributes []attribute[S], readOnly []string, post bool) (*S, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		return nil, badRequest("Resource body required")
	}
	spec := new(S)
	known := map[string]bool{}
	for _, a := range attributes {
		known[a.name] = true
		value, ok := given[a.name]
		if !ok {
			if post && a.required {
				return nil, badRequest("Failed to parse request. Required attribute '%s' not specified", a.name)
			}
			continue
		}
		if post && !a.post {
			return nil, badRequest("Attribute '%s' not allowed in POST", a.name)
		}
		if !post && !a.put {
			return nil, badRequest("Cannot update read-only attribute %s", a.name)
		}
		if err := a.read(value, spec); err != nil {
			return nil, err
		}
	}
	var strange []string
	for name := range given {
		switch {
		case known[name]:
		case slices.Contains(readOnly, name) && post:
			return nil, badRequest("Attribute '%s' not allowed in POST", name)
		case slices.Contains(readOnly, name):
			return nil, badRequest("Cannot update read-only attribute %s", name)
		default:
			strange = append(strange, name)
		}
	}
	if len(strange) > 0 {
		slices.Sort(strange)
		return nil, badRequest("Unrecognized attribute(s) '%s'", strings.Join(strange, ", "))
	}
	if a, b := given["project_id"], given["tenant_id"]; a != nil && b != nil && string(a) != string(b) {
		return nil, badRequest("'project_id' and 'tenant_id' do not match")
	}
	return spec, nil
}
