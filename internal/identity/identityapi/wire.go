package identityapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/identity"
)

// fields are the attributes of an object in a request. Reading one with the
// wrong type or length notes an error of kind Invalid, the first of which err
// keeps; what nobody has read is extra.
type fields struct {
	values map[string]json.RawMessage
	err    error
}

// body reads the object that the request's body holds under key.
func body(r *api.Request, key string) (*fields, error) {
	var whole map[string]json.RawMessage
	if err := r.Bind(&whole); err != nil {
		return nil, err
	}
	raw, ok := whole[key]
	if !ok {
		return nil, errs.New(errs.Invalid, "'%s' is a required property", key)
	}
	f := &fields{}
	if err := json.Unmarshal(raw, &f.values); err != nil || f.values == nil {
		return nil, errs.New(errs.Invalid, "Invalid input for field '%s': %s is not of type 'object'", key, show(raw))
	}
	return f, nil
}

// show is a value in an error message: not too much of it.
func show(raw json.RawMessage) string {
	text := string(bytes.TrimSpace(raw))
	if text == "null" {
		return "None"
	}
	if len(text) > 100 {
		text = strings.ToValidUTF8(text[:100], "") + "…"
	}
	return strings.ReplaceAll(text, `"`, "'")
}

func (f *fields) fail(name, format string, args ...any) {
	if f.err == nil {
		f.err = errs.New(errs.Invalid, "Invalid input for field '%s': %s", name, fmt.Sprintf(format, args...))
	}
}

// take removes an attribute and returns its value.
func (f *fields) take(name string) (json.RawMessage, bool) {
	raw, ok := f.values[name]
	delete(f.values, name)
	return raw, ok
}

// require notes an error unless the attribute is there.
func (f *fields) require(names ...string) {
	for _, name := range names {
		if _, ok := f.values[name]; !ok && f.err == nil {
			f.err = errs.New(errs.Invalid, "'%s' is a required property", name)
		}
	}
}

// text reads a string of at most max characters, nil when it is not there.
func (f *fields) text(name string, max int) *string {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		f.fail(name, "%s is not of type 'string'", show(raw))
		return nil
	}
	if max > 0 && utf8.RuneCountInString(*value) > max {
		f.fail(name, "%s is too long", show(raw))
	}
	if strings.ContainsRune(*value, 0) {
		f.fail(name, "%s does not match '^[^\\x00]*$'", show(raw))
	}
	return value
}

// name reads a string of 1 to max characters that is not all white space.
func (f *fields) name(name string, max int) *string {
	value := f.text(name, max)
	if value == nil {
		return nil
	}
	switch {
	case *value == "":
		f.fail(name, "'' is too short")
	case strings.IndexFunc(*value, func(r rune) bool { return !unicode.IsSpace(r) }) < 0:
		f.fail(name, "'%s' does not match '[\\\\S]+'", *value)
	}
	return value
}

// nullable reads a string that may be null, which is given as empty.
func (f *fields) nullable(name string, max int) *string {
	if raw, ok := f.values[name]; ok && string(bytes.TrimSpace(raw)) == "null" {
		delete(f.values, name)
		return new(string)
	}
	return f.text(name, max)
}

// flag reads a boolean: true or false and nothing that looks like it.
func (f *fields) flag(name string) *bool {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var value *bool
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		f.fail(name, "%s is not of type 'boolean'", show(raw))
		return nil
	}
	return value
}

// options reads the options object, which knows the names given.
func (f *fields) options(known ...string) identity.Extra {
	raw, ok := f.take("options")
	if !ok {
		return nil
	}
	var value identity.Extra
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		f.fail("options", "%s is not of type 'object'", show(raw))
		return nil
	}
	for name, v := range value {
		if !slices.Contains(known, name) {
			f.fail("options", "Additional properties are not allowed ('%s' was unexpected)", name)
		}
		if _, is := v.(bool); !is && v != nil {
			f.fail("options/"+name, "%v is not of type 'boolean'", v)
		}
	}
	return value
}

// tags reads a list of distinct tags.
func (f *fields) tags(name string) *[]string {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		f.fail(name, "%s is not of type 'array' of strings", show(raw))
		return nil
	}
	if len(list) > 80 {
		f.fail(name, "too many items: at most 80 are allowed")
	}
	for i, tag := range list {
		if !validTag(tag) {
			f.fail(name, "'%s' does not match '^[^,/]*$'", tag)
		}
		if slices.Contains(list[:i], tag) {
			f.fail(name, "%s has non-unique elements", show(raw))
		}
	}
	return &list
}

func validTag(tag string) bool {
	return tag != "" && utf8.RuneCountInString(tag) <= 255 && !strings.ContainsAny(tag, ",/\x00")
}

// same refuses an attribute whose value is not the one that the object has:
// it can't be changed, but clients send it along.
func (f *fields) same(name, has string, refusal error) {
	raw, ok := f.take(name)
	if !ok {
		return
	}
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil {
		f.fail(name, "%s is not of type 'string'", show(raw))
		return
	}
	if given := value != nil; (given && *value != has || !given && has != "") && f.err == nil {
		f.err = refusal
	}
}

// extra returns what has not been read, for the API's users to keep.
func (f *fields) extra() identity.Extra {
	delete(f.values, "links")
	extra := identity.Extra{}
	for name, raw := range f.values {
		var value any
		if err := json.Unmarshal(raw, &value); err == nil {
			extra[name] = value
		}
	}
	return extra
}

// object is an answer: attributes over the extra ones, and a link to itself.
func object(r *api.Request, collection, id string, extra identity.Extra, attributes map[string]any) map[string]any {
	o := map[string]any{}
	for name, value := range extra {
		o[name] = value
	}
	for name, value := range attributes {
		o[name] = value
	}
	o["id"] = id
	o["links"] = map[string]any{"self": r.ServiceURL() + "/v3/" + collection + "/" + id}
	return o
}

// collection is a list in an answer, with links to itself and, behind a page
// that is full, to the next.
func collection[T any](r *api.Request, name string, l identity.Listing, list []T, render func(*api.Request, T) map[string]any) map[string]any {
	objects := make([]any, len(list))
	var last any
	for i, one := range list {
		o := render(r, one)
		objects[i], last = o, o["id"]
	}
	links := map[string]any{"self": r.BaseURL() + r.URL.RequestURI(), "previous": nil, "next": nil}
	if id, ok := last.(string); ok && l.Page.Limit > 0 && len(list) == l.Page.Limit {
		links["next"] = r.Next(id)
	}
	return map[string]any{name: objects, "links": links}
}

// listing reads filters and paging from the query: name=…, name__contains=….
func listing(r *api.Request) (identity.Listing, error) {
	page, err := r.List(0)
	if err != nil {
		return identity.Listing{}, err
	}
	l := identity.Listing{Page: page}
	for key, values := range r.Query() {
		name, op, _ := strings.Cut(key, "__")
		if slices.Contains(api.Paging, name) {
			continue
		}
		for _, value := range values {
			l.Filters = append(l.Filters, identity.Filter{Name: name, Op: op, Value: value})
		}
	}
	return l, nil
}

// inOwnDomain narrows a list to the domain that the caller's token is for.
func inOwnDomain(r *api.Request, l *identity.Listing) {
	if r.Caller.DomainID != "" {
		l.Filters = append(l.Filters, identity.Filter{Name: "domain_id", Value: r.Caller.DomainID})
	}
}

// homeDomain is the domain of what is created without one: the token's.
func homeDomain(r *api.Request) string {
	switch {
	case r.Caller.DomainID != "":
		return r.Caller.DomainID
	case r.Caller.ProjectDomainID != "":
		return r.Caller.ProjectDomainID
	}
	return identity.DefaultDomain
}

func nullIfEmpty(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}

func value[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}

func orEmpty(e identity.Extra) identity.Extra {
	if e == nil {
		return identity.Extra{}
	}
	return e
}

const (
	created   = http.StatusCreated
	noContent = http.StatusNoContent
)
