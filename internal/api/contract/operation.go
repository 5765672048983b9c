package contract

import (
	"maps"
	"slices"
	"strings"
)

// Operation is one thing that a service does: a method on a path or, where a
// path has many bodies, one action of it.
type Operation struct {
	Method, Path string // with the parameters' names
	Action       string // the body's only key; empty where the path has no actions
}

// String gives "POST /v2.1/servers/{id}/action lock".
func (o Operation) String() string {
	return strings.TrimSuffix(o.Method+" "+o.Path+" "+o.Action, " ")
}

// Operations are all that the description has, sorted by path.
func (d *Description) Operations() ([]Operation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Operation
	for _, path := range d.order {
		methods, err := d.of(path)
		if err != nil {
			return nil, err
		}
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			actions := map[string]bool{}
			for _, m := range methods[method].Body.Content {
				variants, err := d.variants(m.Schema, extension{})
				if err != nil {
					return nil, err
				}
				for _, v := range variants {
					actions[v.Action] = true
				}
			}
			if delete(actions, ""); len(actions) == 0 {
				all = append(all, Operation{Method: method, Path: path})
			}
			for _, action := range slices.Sorted(maps.Keys(actions)) {
				all = append(all, Operation{Method: method, Path: path, Action: action})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Operation) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(all), nil
}

// Has says whether the description has a method on a path.
func (d *Description) Has(method, path string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	methods, err := d.of(path)
	return methods[method] != nil, err
}

// Versions are the minor versions from which on something about a method on a
// path is another than before: its answer, its request, or whether it is
// there.
func (d *Description) Versions(method, path string) ([]int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	methods, err := d.of(path)
	if err != nil || methods[method] == nil {
		return nil, err
	}
	o := methods[method]
	changes := map[int]bool{}
	note := func(e extension) {
		if e.Min != "" {
			changes[minor(e.Min)] = true
		}
		if e.Max != "" {
			changes[minor(e.Max)+1] = true
		}
	}
	note(o.Extension)
	schemas := []map[string]any{}
	for _, m := range o.Body.Content {
		schemas = append(schemas, m.Schema)
	}
	for _, r := range o.Responses {
		for _, m := range r.Content {
			schemas = append(schemas, m.Schema)
		}
	}
	for _, s := range schemas {
		variants, err := d.variants(s, extension{})
		if err != nil {
			return nil, err
		}
		for _, v := range variants {
			note(v.extension)
			walk(v.schema, note)
		}
	}
	return slices.Sorted(maps.Keys(changes)), nil
}

// walk tells of each extension within a schema.
func walk(value any, tell func(extension)) {
	switch v := value.(type) {
	case map[string]any:
		tell(extended(v))
		for _, inner := range v {
			walk(inner, tell)
		}
	case []any:
		for _, inner := range v {
			walk(inner, tell)
		}
	}
}

// HasAt says whether the description has a method on a path at a minor
// version.
func (d *Description) HasAt(method, path string, version int) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	methods, err := d.of(path)
	return methods[method] != nil && methods[method].Extension.within(version), err
}
