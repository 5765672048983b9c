package imageapi

import (
	"mime"
	"regexp"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
)

const (
	patchV20 = "application/openstack-images-v2.0-json-patch"
	patchV21 = "application/openstack-images-v2.1-json-patch"
)

var operations = []string{"add", "remove", "replace"}

// patch applies a list of operations, in one of the two forms that the media
// type names.
func (f *face) patch(r *api.Request) (any, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != patchV20 && media != patchV21 {
		r.Writer.Header().Set("Accept-Patch", patchV20+", "+patchV21)
		return nil, errs.New(errs.UnsupportedMedia, "Image PATCH expects Content-Type one of: %s, %s", patchV20, patchV21)
	}
	var body any
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	list, ok := body.([]any)
	if !ok {
		return nil, errs.New(errs.Invalid, "Request body must be a JSON array of operation objects.")
	}
	changes := make([]image.Change, len(list))
	for n, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, errs.New(errs.Invalid, "Operations must be JSON objects.")
		}
		if changes[n], err = change(object, media == patchV20); err != nil {
			return nil, err
		}
	}
	i, err := f.svc.Update(r.Context(), r.Caller, r.Param("id"), changes)
	if err != nil {
		return nil, err
	}
	return f.view(r, i), nil
}

// change reads one operation: {"op": …, "path": …, "value": …}, or in the
// older form {op: path, "value": …}.
func change(object map[string]any, old bool) (image.Change, error) {
	ch := image.Change{Strict: old}
	var path any
	if old {
		for _, op := range operations {
			if p, ok := object[op]; ok {
				if ch.Op != "" {
					return ch, errs.New(errs.Invalid, `Operation objects must contain only one member named "add", "remove", or "replace".`)
				}
				ch.Op, path = op, p
			}
		}
		if ch.Op == "" {
			return ch, errs.New(errs.Invalid, `Operation objects must contain exactly one member named "add", "remove", or "replace".`)
		}
	} else {
		op, ok := object["op"].(string)
		if !ok {
			return ch, errs.New(errs.Invalid, "Unable to find `op` in JSON Schema change. It must be one of the following: add, remove, replace.")
		}
		if !slices.Contains(operations, op) {
			return ch, errs.New(errs.Invalid, "Invalid operation: `%s`. It must be one of the following: add, remove, replace.", op)
		}
		ch.Op = op
		if path, ok = object["path"]; !ok {
			return ch, errs.New(errs.Invalid, "Unable to find 'path' in JSON Schema change")
		}
	}
	text, ok := path.(string)
	if !ok {
		return ch, errs.New(errs.Invalid, "Pointer `%v` is not of type 'string'.", path)
	}
	var err error
	if ch.Name, ch.At, err = attributeOf(text); err != nil {
		return ch, err
	}
	if ch.Op == "remove" {
		return ch, nil
	}
	if ch.Value, ok = object["value"]; !ok {
		return ch, errs.New(errs.Invalid, `Operation "%s" requires a member named "value".`, ch.Op)
	}
	return ch, nil
}

var (
	emptyPart = regexp.MustCompile(`/\s*/`)
	badTilde  = regexp.MustCompile(`~([^01]|$)`)
)

// attributeOf reads a JSON pointer to an attribute, or into the list of
// locations.
func attributeOf(pointer string) (name, at string, err error) {
	switch {
	case !strings.HasPrefix(pointer, "/"):
		return "", "", errs.New(errs.Invalid, "Pointer `%s` does not start with \"/\".", pointer)
	case emptyPart.MatchString(pointer[1:]) || strings.HasPrefix(pointer, "//"):
		return "", "", errs.New(errs.Invalid, "Pointer `%s` contains adjacent \"/\".", pointer)
	case len(pointer) > 1 && strings.HasSuffix(pointer, "/"):
		return "", "", errs.New(errs.Invalid, "Pointer `%s` end with \"/\".", pointer)
	case badTilde.MatchString(pointer):
		return "", "", errs.New(errs.Invalid, "Pointer `%s` contains \"~\" not part of a recognized escape sequence.", pointer)
	}
	parts := strings.Split(pointer[1:], "/")
	for n, part := range parts {
		parts[n] = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~"))
	}
	if len(parts) == 2 && parts[0] == "locations" {
		return parts[0], parts[1], nil
	}
	if len(parts) > 1 {
		return "", "", errs.New(errs.Invalid, "Invalid JSON pointer for this resource: '%s'", pointer)
	}
	return parts[0], "", nil
}
