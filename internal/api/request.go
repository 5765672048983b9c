package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Request is what a handler gets.
type Request struct {
	*http.Request
	Writer  http.ResponseWriter // for headers, and for bodies that are streamed
	Caller  *policy.Caller      // nil on public routes without a token
	Version int                 // negotiated minor microversion; 0 where there are none, and of the older version of an API
	ID      string              // request id, req-…

	service *Service
	status  int
	query   url.Values
}

// Param is a part of the path as the client meant it. The router matches the
// escaped path where the client escaped more than it had to: me%40host.
func (r *Request) Param(name string) string {
	part := chi.URLParam(r.Request, name)
	if r.URL.RawPath == "" {
		return part // the path was decoded as a whole
	}
	if decoded, err := url.PathUnescape(part); err == nil {
		return decoded
	}
	return part // never: the server refuses a path that cannot be decoded
}

// Query returns the parsed query string.
func (r *Request) Query() url.Values {
	if r.query == nil {
		r.query = r.URL.Query()
	}
	return r.query
}

// printable refuses a NUL character in the path and the query: no name has
// one, and databases cannot hold it.
func (r *Request) printable() error {
	if c := chi.RouteContext(r.Context()); c != nil {
		for _, value := range c.URLParams.Values {
			if strings.ContainsRune(value, 0) || strings.Contains(value, "%00") {
				return errs.New(errs.NotFound, "The resource could not be found.").WithType("HTTPNotFound")
			}
		}
	}
	for name, values := range r.Query() {
		if strings.ContainsRune(name+strings.Join(values, ""), 0) {
			return errs.New(errs.Invalid, "Invalid input for query parameters %s: a NUL character is not allowed.", strings.ReplaceAll(name, "\x00", ""))
		}
	}
	return nil
}

// SetStatus overrides the route's status of success.
func (r *Request) SetStatus(code int) { r.status = code }

// Allow checks another rule of the service for the caller.
func (r *Request) Allow(rule string, t policy.Target) error {
	return r.service.Rules.Check(rule, r.Caller, t)
}

// Can tells whether a rule allows, without an error.
func (r *Request) Can(rule string, t policy.Target) bool { return r.Allow(rule, t) == nil }

// BaseURL is the scheme and host that the client used, without a trailing slash.
func (r *Request) BaseURL() string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// ServiceURL is BaseURL with the service's prefix.
func (r *Request) ServiceURL() string { return r.BaseURL() + r.service.Prefix }

// Bytes reads the whole body, within the route's limit. A longer one gives an
// error of kind TooLarge.
func (r *Request) Bytes() ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, errs.New(errs.TooLarge, "Request is too large.")
		}
		return nil, errs.Wrap(err, errs.Invalid, "The request body could not be read.")
	}
	if bytes.Contains(body, []byte(`\u0000`)) {
		var tree any
		if json.Unmarshal(body, &tree) == nil { // otherwise Decode says what is wrong
			if field, path := withNUL(tree, "", ""); path != "" {
				return nil, errs.New(errs.Invalid, "Invalid input for field/attribute '%s' (%s): a NUL character is not allowed.", field, path)
			}
		}
	}
	return body, nil
}

// withNUL finds a text that holds a NUL character in decoded JSON: the name of
// its field, and the way to it; both empty when there is none.
func withNUL(value any, field, path string) (string, string) {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return field, max(path, ".")
		}
	case []any:
		for i, one := range v {
			if f, p := withNUL(one, field, path+"."+strconv.Itoa(i)); p != "" {
				return f, p
			}
		}
	case map[string]any:
		for name, one := range v {
			shown := strings.ReplaceAll(name, "\x00", "")
			if shown != name {
				return shown, strings.TrimPrefix(path+"."+shown, ".")
			}
			if f, p := withNUL(one, name, strings.TrimPrefix(path+"."+name, ".")); p != "" {
				return f, p
			}
		}
	}
	return "", ""
}

// Bind decodes the JSON body into v. Unknown fields are ignored; a body that is
// not one JSON value, or has another type in a field, is of kind Invalid and
// names the field.
func (r *Request) Bind(v any) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	return Decode(body, v)
}

// Decode is Bind for bytes at hand.
func Decode(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errs.New(errs.Invalid, "Missing request body: a JSON object was expected.")
	}
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	if public, ok := errors.AsType[*errs.Error](err); ok {
		return public
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		return errs.Wrap(err, errs.Invalid, "Invalid input for field/attribute %s. Value: %s is not of type '%s'.", field, wrong.Value, jsonType(wrong.Type.Kind().String()))
	}
	return errs.Wrap(err, errs.Invalid, "The server could not comply with the request since it is either malformed or otherwise incorrect: the body is not the JSON that was expected.")
}

func jsonType(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "integer"
	case strings.HasPrefix(kind, "float"):
		return "number"
	case kind == "bool":
		return "boolean"
	case kind == "slice":
		return "array"
	case kind == "map", kind == "struct":
		return "object"
	}
	return kind
}

// Paging are the query parameters that are not filters.
var Paging = []string{"limit", "marker", "sort_key", "sort_dir", "sort", "page_reverse", "fields"}

// List reads the paging parameters, and as filters those named in allowed.
// limit must be a number that is not negative (kind Invalid), and is cut to
// max where max is positive, which is also the default.
func (r *Request) List(limit int, allowed ...string) (store.List, error) {
	q := r.Query()
	l := store.List{Limit: limit, Marker: q.Get("marker")}
	if text := q.Get("limit"); q.Has("limit") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return l, errs.New(errs.Invalid, "Invalid input for field/attribute limit. Value: %s. It must be a non-negative integer.", text)
		}
		if n > 0 && (limit == 0 || n < limit) {
			l.Limit = n
		}
	}
	l.Reverse = strings.EqualFold(q.Get("page_reverse"), "true")
	var keys, dirs []string
	keys, dirs = slices.Concat(keys, q["sort_key"]), q["sort_dir"]
	for _, list := range q["sort"] { // Glance and Cinder: key:dir,key:dir
		for part := range strings.SplitSeq(list, ",") {
			key, dir, _ := strings.Cut(strings.TrimSpace(part), ":")
			keys = append(keys, key)
			dirs = append(dirs, dir)
		}
	}
	for i, key := range keys {
		dir := ""
		if i < len(dirs) {
			dir = strings.ToLower(dirs[i])
		}
		switch dir {
		case "", "asc", "desc":
		default:
			return l, errs.New(errs.Invalid, "Unknown sort direction '%s', must be one of asc, desc.", dirs[i])
		}
		l.Sort = append(l.Sort, store.Order{Key: key, Desc: dir == "desc"})
	}
	for _, name := range allowed {
		if values := q[name]; len(values) > 0 {
			if l.Filters == nil {
				l.Filters = map[string][]string{}
			}
			l.Filters[name] = values
		}
	}
	return l, nil
}

// Next is the URL of the page after the one that ends with the id last.
func (r *Request) Next(last string) string {
	q := url.Values{}
	for name, values := range r.Query() {
		q[name] = values
	}
	q.Set("marker", last)
	return r.BaseURL() + r.URL.Path + "?" + q.Encode()
}

// Partial keeps only the named fields of a JSON object (the fields=
// parameter); without any, the object stays as it is.
func Partial(object any, fields []string) (any, error) {
	if len(fields) == 0 {
		return object, nil
	}
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	for name := range all {
		if !slices.Contains(fields, name) {
			delete(all, name)
		}
	}
	return all, nil
}
