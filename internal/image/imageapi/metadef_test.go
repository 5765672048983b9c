package imageapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wisp/internal/image"
)

const definitions = "/v2/metadefs/namespaces"

// timeless takes the times out of an answer, after a look at them.
func timeless(t *testing.T, value any) any {
	t.Helper()
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			timeless(t, one)
		}
	case object:
		for _, name := range []string{"created_at", "updated_at"} {
			if text, has := value[name].(string); has {
				if len(text) != len("2006-01-02T15:04:05Z") {
					t.Errorf("%s: %q", name, text)
				}
				delete(value, name)
			}
		}
		for _, one := range value {
			timeless(t, one)
		}
	}
	return value
}

func (c *cloud) names(list any, name string) []string {
	c.t.Helper()
	out := []string{}
	for _, one := range list.([]any) {
		out = append(out, one.(object)[name].(string))
	}
	return out
}

func TestNamespace(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		body := object{
			"namespace": "hw", "display_name": "Hardware", "description": "What it runs on", "visibility": "public", "protected": true,
			"resource_type_associations": []object{{"name": "OS::Nova::Flavor", "prefix": "hw:"}, {"name": "OS::Glance::Image"}},
			"properties":                 object{"cores": object{"type": "integer", "title": "Cores", "minimum": 1, "default": 8, "operators": []string{}}},
			"objects": []object{{"name": "cpu", "required": []string{"model"}, "properties": object{
				"model": object{"type": "string", "title": "Model", "enum": []string{"a", "b"}, "default": true}, "flags": object{"type": "array", "title": "Flags", "items": object{"type": "string"}},
			}}, {"name": "empty"}},
			"tags": []object{{"name": "fast"}, {"name": "slow"}},
		}
		r := c.Must(201, "admin", "POST", "/image"+definitions, body)
		if location := r.Header.Get("Location"); location != c.URL+"/image"+definitions+"/hw" {
			t.Errorf("location %q", location)
		}
		cores := object{"type": "integer", "title": "Cores", "minimum": 1.0, "default": "8", "operators": []any{}}
		model := object{"type": "string", "title": "Model", "enum": []any{"a", "b"}, "default": "True"}
		flags := object{"type": "array", "title": "Flags", "items": object{"type": "string"}}
		want := object{
			"namespace": "hw", "display_name": "Hardware", "description": "What it runs on", "visibility": "public", "protected": true, "owner": "admin-id",
			"self": definitions + "/hw", "schema": "/v2/schemas/metadefs/namespace",
			"resource_type_associations": []any{object{"name": "OS::Nova::Flavor", "prefix": "hw:"}, object{"name": "OS::Glance::Image"}},
			"properties":                 object{"cores": cores},
			"objects":                    []any{object{"name": "cpu", "required": []any{"model"}, "properties": object{"model": model, "flags": flags}}, object{"name": "empty"}},
			"tags":                       []any{object{"name": "fast"}, object{"name": "slow"}},
		}
		var got object
		r.JSON(t, &got)
		if diff := cmp.Diff(any(want), timeless(t, got)); diff != "" {
			t.Error(diff)
		}
		place := func(name string) object {
			return object{"self": definitions + "/hw/objects/" + name, "schema": "/v2/schemas/metadefs/object"}
		}
		cpu, empty := place("cpu"), place("empty")
		cpu["name"], cpu["required"], cpu["properties"] = "cpu", []any{"hw:model"}, object{"hw:model": model, "hw:flags": flags}
		empty["name"], empty["required"], empty["properties"] = "empty", []any{}, object{}
		want["objects"], want["properties"], want["tags"] = []any{cpu, empty}, object{"hw:cores": cores}, []any{object{"name": "slow"}, object{"name": "fast"}}
		if diff := cmp.Diff(any(want), timeless(t, c.json("other", 200, "GET", definitions+"/hw?resource_type=OS::Nova::Flavor", nil))); diff != "" {
			t.Error(diff)
		}
		if got := c.json("reader", 200, "GET", definitions+"/hw?resource_type=OS::Glance::Image", nil)["properties"].(object); got["cores"] == nil {
			t.Errorf("without a prefix: %v", got)
		}
		c.Must(409, "admin", "POST", "/image"+definitions, object{"namespace": "hw"})
		for _, path := range []string{"", "/objects", "/objects/cpu", "/properties", "/properties/cores", "/tags", "/tags/fast", "/resource_types/OS::Nova::Flavor"} {
			c.Must(403, "admin", "DELETE", "/image"+definitions+"/hw"+path, nil) // protected
		}
		c.Must(400, "admin", "DELETE", "/image"+definitions+"/hw", "body")
		got = c.json("admin", 200, "PUT", definitions+"/hw", object{"namespace": "hardware", "objects": []object{}})
		want = object{"namespace": "hardware", "visibility": "private", "protected": false, "owner": "admin-id", "self": definitions + "/hardware", "schema": "/v2/schemas/metadefs/namespace"}
		if diff := cmp.Diff(any(want), timeless(t, got)); diff != "" {
			t.Error(diff)
		}
		if got := c.json("admin", 200, "GET", definitions+"/hardware", nil)["objects"].([]any); len(got) != 2 {
			t.Errorf("objects after the update: %v", got)
		}
		c.json("admin", 201, "POST", definitions, object{"namespace": "hw"})
		c.Must(409, "admin", "PUT", "/image"+definitions+"/hw", object{"namespace": "hardware"})
		c.Must(204, "admin", "DELETE", "/image"+definitions+"/hardware", nil)
		for _, method := range []string{"GET", "DELETE"} {
			c.Must(404, "admin", method, "/image"+definitions+"/hardware", nil)
		}
		c.Must(404, "admin", "PUT", "/image"+definitions+"/hardware", object{"namespace": "x"})
	})
}

func TestNamespaceList(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for _, body := range []object{
			{"namespace": "a", "visibility": "public", "resource_type_associations": []object{{"name": "OS::Nova::Flavor"}}},
			{"namespace": "b", "visibility": "private", "owner": "demo-id", "resource_type_associations": []object{{"name": "OS::Nova::Flavor"}, {"name": "Own::Kind"}}},
			{"namespace": "c", "visibility": "private"},
			{"namespace": "d", "visibility": "public", "display_name": "D"},
		} {
			c.json("admin", 201, "POST", definitions, body)
		}
		for _, tt := range []struct{ token, query, want string }{
			{"admin", "", "d c b a"}, {"member", "", "d b a"}, {"other", "", "d a"},
			{"admin", "sort_dir=asc", "a b c d"}, {"admin", "sort_key=namespace&sort_dir=asc", "a b c d"}, {"admin", "sort_key=display_name&limit=1", "d"},
			{"member", "visibility=private", "b"}, {"member", "visibility=public", "d a"},
			{"admin", "resource_types=Own::Kind", "b"}, {"admin", "resource_types=Own::Kind,OS::Nova::Flavor", "b a"}, {"admin", "resource_types=None", ""},
			{"admin", "limit=2", "d c"}, {"admin", "limit=2&marker=c", "b a"}, {"member", "marker=d", "b a"}, {"admin", "limit=0", ""},
		} {
			got := c.json(tt.token, 200, "GET", definitions+"?"+tt.query, nil)
			if names := strings.Join(c.names(got["namespaces"], "namespace"), " "); names != tt.want || got["schema"] != "/v2/schemas/metadefs/namespaces" {
				t.Errorf("%s as %s: %s, want %s", tt.query, tt.token, names, tt.want)
			}
		}
		got := c.json("admin", 200, "GET", definitions+"?limit=2&sort_dir=asc", nil)
		if got["first"] != definitions+"?limit=2&sort_dir=asc" || got["next"] != definitions+"?limit=2&marker=b&sort_dir=asc" {
			t.Errorf("links %v %v", got["first"], got["next"])
		}
		if c.json("admin", 200, "GET", definitions, nil)["next"] != nil {
			t.Error("there is a page behind the last one")
		}
		if kinds := c.names(got["namespaces"].([]any)[1].(object)["resource_type_associations"], "name"); !slices.Equal(kinds, []string{"OS::Nova::Flavor", "Own::Kind"}) {
			t.Errorf("associations %v", kinds)
		}
		for query, status := range map[string]int{
			"visibility=shared": 400, "sort_dir=up": 400, "sort_key=color": 400, "limit=x": 400, "limit=-1": 400, "marker=zzz": 404, "marker=c": 404,
		} {
			c.Must(status, "member", "GET", "/image"+definitions+"?"+query, nil)
		}
		c.Must(400, "member", "GET", "/image"+definitions+"/a?visibility=shared", nil)
		var kinds []string
		for _, k := range c.json("reader", 200, "GET", "/v2/metadefs/resource_types", nil)["resource_types"].([]any) {
			kinds = append(kinds, timeless(t, k).(object)["name"].(string))
		}
		if want := []string{"OS::Cinder::Volume", "OS::Glance::Image", "OS::Nova::Aggregate", "OS::Nova::Flavor", "OS::Nova::Server", "Own::Kind"}; !slices.Equal(kinds, want) {
			t.Errorf("kinds %v", kinds)
		}
	})
}

func TestDefinitions(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		c.json("admin", 201, "POST", definitions, object{"namespace": "ns", "visibility": "public"})
		ns := definitions + "/ns"
		same := func(got, want object) {
			t.Helper()
			if diff := cmp.Diff(any(want), timeless(t, got)); diff != "" {
				t.Error(diff)
			}
		}
		empty := func(kind string) {
			t.Helper()
			if text := string(c.Must(200, "reader", "GET", "/image"+ns+"/"+kind, nil).Body); !strings.Contains(text, "[]") && !strings.Contains(text, "{}") {
				t.Errorf("%s: %s", kind, text)
			}
		}

		// Objects.
		place := func(name string, more object) object {
			o := object{"name": name, "self": ns + "/objects/" + name, "schema": "/v2/schemas/metadefs/object"}
			for k, v := range more {
				o[k] = v
			}
			return o
		}
		same(c.json("admin", 201, "POST", ns+"/objects", object{"name": "one"}), place("one", nil))
		c.json("admin", 201, "POST", ns+"/objects", object{"name": "two", "description": "second"})
		c.Must(409, "admin", "POST", "/image"+ns+"/objects", object{"name": "one"})
		full := object{"required": []any{}, "properties": object{}}
		same(c.json("reader", 200, "GET", ns+"/objects/one", nil), place("one", full))
		full["description"] = "second"
		list := c.json("reader", 200, "GET", ns+"/objects?limit=1", nil)
		same(list["objects"].([]any)[1].(object), place("two", full))
		if list["schema"] != "v2/schemas/metadefs/objects" {
			t.Errorf("schema %v", list["schema"])
		}
		same(c.json("admin", 200, "PUT", ns+"/objects/one", object{"name": "first", "required": []string{"p"}}), place("first", object{"required": []any{"p"}}))
		c.Must(409, "admin", "PUT", "/image"+ns+"/objects/first", object{"name": "two"})
		for _, query := range []string{"visibility=x", "sort_dir=x", "limit=x"} {
			c.Must(400, "reader", "GET", "/image"+ns+"/objects?"+query, nil)
		}
		c.Must(204, "admin", "DELETE", "/image"+ns+"/objects/first", nil)
		c.Must(204, "admin", "DELETE", "/image"+ns+"/objects", nil)
		empty("objects")

		// Properties.
		c.json("admin", 201, "POST", ns+"/resource_types", object{"name": "OS::Nova::Flavor", "prefix": "hw:", "properties_target": "image"})
		c.json("admin", 201, "POST", ns+"/resource_types", object{"name": "OS::Glance::Image"})
		property := object{"name": "bus", "type": "string", "title": "Bus", "enum": []any{"ide", "virtio"}, "readonly": false}
		same(c.json("admin", 201, "POST", ns+"/properties", property), property)
		c.Must(409, "admin", "POST", "/image"+ns+"/properties", property)
		same(c.json("reader", 200, "GET", ns+"/properties/bus", nil), property)
		same(c.json("reader", 200, "GET", ns+"/properties/hw:bus?resource_type=OS::Nova::Flavor", nil), property)
		for _, path := range []string{"hw:bus", "bus?resource_type=OS::Nova::Flavor", "bus?resource_type=OS::Glance::Image", "bus?resource_type=None", "zzz"} {
			c.Must(404, "reader", "GET", "/image"+ns+"/properties/"+path, nil)
		}
		same(c.json("reader", 200, "GET", ns+"/properties", nil), object{"properties": object{"bus": property}})
		other := object{"name": "bay", "type": "integer", "title": "Bay"}
		same(c.json("admin", 200, "PUT", ns+"/properties/bus", other), other)
		c.json("admin", 201, "POST", ns+"/properties", property)
		c.Must(409, "admin", "PUT", "/image"+ns+"/properties/bus", other)
		c.Must(204, "admin", "DELETE", "/image"+ns+"/properties/bus", nil)
		c.Must(204, "admin", "DELETE", "/image"+ns+"/properties", nil)
		empty("properties")

		// Resource types.
		c.Must(409, "admin", "POST", "/image"+ns+"/resource_types", object{"name": "OS::Nova::Flavor"})
		same(c.json("reader", 200, "GET", ns+"/resource_types", nil), object{"resource_type_associations": []any{
			object{"name": "OS::Nova::Flavor", "prefix": "hw:", "properties_target": "image"}, object{"name": "OS::Glance::Image"},
		}})
		c.Must(204, "admin", "DELETE", "/image"+ns+"/resource_types/OS::Nova::Flavor", nil)
		c.Must(204, "admin", "DELETE", "/image"+ns+"/resource_types/OS::Glance::Image", nil)
		empty("resource_types")

		// Tags.
		same(c.json("admin", 201, "POST", ns+"/tags", object{"tags": []object{{"name": "a"}, {"name": "b"}}}), object{"tags": []any{object{"name": "a"}, object{"name": "b"}}})
		c.json("admin", 201, "POST", ns+"/tags", object{"tags": []object{{"name": "c"}, {"name": "d"}}}) // in their place
		c.Must(201, "admin", "POST", "/image"+ns+"/tags", object{"tags": []object{{"name": "e"}}}, "X-Openstack-Append", "True")
		c.json("admin", 201, "POST", ns+"/tags", object{}) // nothing
		same(c.json("admin", 201, "POST", ns+"/tags/f", nil), object{"name": "f"})
		for query, want := range map[string]string{
			"": "f e d c", "sort_dir=asc": "c d e f", "sort_key=name&sort_dir=asc&limit=2": "c d", "marker=e": "d c", "limit=0": "", "limit=1&marker=f": "e",
		} {
			if got := strings.Join(c.names(c.json("reader", 200, "GET", ns+"/tags?"+query, nil)["tags"], "name"), " "); got != want {
				t.Errorf("tags %s: %s, want %s", query, got, want)
			}
		}
		for query, status := range map[string]int{"marker=zzz": 404, "limit=x": 400, "sort_dir=x": 400, "sort_key=x": 400, "visibility=x": 400} {
			c.Must(status, "reader", "GET", "/image"+ns+"/tags?"+query, nil)
		}
		c.Must(409, "admin", "POST", "/image"+ns+"/tags/f", nil)
		c.Must(409, "admin", "POST", "/image"+ns+"/tags", object{"tags": []object{{"name": "x"}, {"name": "x"}}})
		c.Must(409, "admin", "PUT", "/image"+ns+"/tags/f", object{"name": "e"})
		same(c.json("admin", 200, "PUT", ns+"/tags/f", object{"name": "g"}), object{"name": "g"})
		same(c.json("reader", 200, "GET", ns+"/tags/g", nil), object{"name": "g"})
		c.Must(204, "admin", "DELETE", "/image"+ns+"/tags/g", nil)
		c.Must(204, "admin", "DELETE", "/image"+ns+"/tags", nil)
		empty("tags")

		for path, body := range map[string]object{
			"/objects/zzz": {"name": "x"}, "/properties/zzz": {"name": "x", "type": "string", "title": "X"}, "/tags/zzz": {"name": "x"},
		} {
			c.Must(404, "admin", "GET", "/image"+ns+path, nil)
			c.Must(404, "admin", "PUT", "/image"+ns+path, body)
			c.Must(404, "admin", "DELETE", "/image"+ns+path, nil)
		}
		c.Must(404, "admin", "DELETE", "/image"+ns+"/resource_types/zzz", nil)
	})
}

func TestDefinitionBodies(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		c.json("admin", 201, "POST", definitions, object{"namespace": "ns"})
		long := strings.Repeat("x", 81)
		property := func(more string) string { return `{"name":"p","type":"string","title":"T",` + more + `}` }
		for _, tt := range []struct {
			path, body string
			status     int
			names      string // what the message names
		}{
			{"", `[]`, 400, "object"}, {"", `{`, 400, "JSON"}, {"", ``, 400, "Body"}, {"", `{}`, 400, "'namespace'"},
			{"", `{"namespace":1}`, 400, "'namespace'"}, {"", `{"namespace":"` + long + `"}`, 400, "too long"}, {"", `{"namespace":"n","color":"red"}`, 400, "'color'"},
			{"", `{"namespace":"n","visibility":"shared"}`, 400, "'visibility'"}, {"", `{"namespace":"n","protected":"yes"}`, 400, "'protected'"},
			{"", `{"namespace":"n","self":"x"}`, 403, "'self'"}, {"", `{"namespace":"n","created_at":"x"}`, 403, "'created_at'"},
			{"", `{"namespace":"n","tags":[{"name":"` + long + `"}]}`, 400, "tag"}, {"", `{"namespace":"n","tags":[{}]}`, 400, "tag"},
			{"", `{"namespace":"n","objects":[{}]}`, 400, "object"}, {"", `{"namespace":"n","objects":[{"name":"o","x":1}]}`, 400, `"x"`},
			{"", `{"namespace":"n","resource_type_associations":[{}]}`, 400, "'name'"},
			{"", `{"namespace":"n","resource_type_associations":[{"name":"r","prefix":"` + long + `"}]}`, 400, "'prefix'"},
			{"", `{"namespace":"n","properties":{"p":{"type":"string"}}}`, 400, "'title'"}, {"", `{"namespace":"n","properties":{"p":{"type":"color","title":"T"}}}`, 400, "'properties.p.type'"},
			{"", `{"namespace":"n","properties":{"` + long + `":{"type":"string","title":"T"}}}`, 400, "80"},
			{"", `{"namespace":"n","properties":{"p":{"type":"string","title":"T","default":[1]}}}`, 400, "default"},
			{"", `{"namespace":"n","tags":[{"name":"t"},{"name":"t"}]}`, 409, "name=t"}, {"", `{"namespace":"n","objects":[{"name":"o"},{"name":"o"}]}`, 409, "name=o"},
			{"", `{"namespace":"n","resource_type_associations":[{"name":"r"},{"name":"r"}]}`, 409, "=r "},
			{"/ns/objects", `{}`, 400, "'name'"}, {"/ns/objects", `{"name":""}`, 400, "'name'"}, {"/ns/objects", `{"name":"o","schema":"x"}`, 403, "'schema'"},
			{"/ns/objects", `{"name":"o","required":["a","a"]}`, 400, "'required'"}, {"/ns/objects", `{"name":"o","properties":{"` + long + `":{"type":"string","title":"T"}}}`, 400, "80"},
			{"/ns/objects", `{"name":"o","properties":[]}`, 400, "'properties'"},
			{"/ns/properties", `{"type":"string","title":"T"}`, 400, "'name'"}, {"/ns/properties", `{"name":" ","type":"string","title":"T"}`, 400, "'name'"},
			{"/ns/properties", property(`"minLength":-1`), 400, "'minLength'"}, {"/ns/properties", property(`"minimum":1.5`), 400, "minimum"},
			{"/ns/properties", property(`"enum":[1]`), 400, "enum"}, {"/ns/properties", property(`"required":["x"]`), 400, "required"}, {"/ns/properties", property(`"updated_at":"x"`), 403, "'updated_at'"},
			{"/ns/properties", property(`"items":{"type":1}`), 400, "'items.type'"},
			{"/ns/tags", `{"tags":{}}`, 400, "'tags'"}, {"/ns/tags", `{"tags":[{"name":"t","color":"red"}]}`, 400, "'color'"}, {"/ns/tags", `{"tags":[{"name":""}]}`, 400, "'name'"},
			{"/ns/tags/" + long, ``, 400, "too long"}, {"/ns/resource_types", `{"prefix":"x"}`, 400, "'name'"}, {"/ns/resource_types", `{"name":""}`, 400, "'name'"},
		} {
			r := c.Do("admin", "POST", "/image"+definitions+tt.path, tt.body, "Accept", "application/json")
			var fault struct {
				Message string `json:"message"`
			}
			if err := json.Unmarshal(r.Body, &fault); err != nil || r.Status != tt.status || !strings.Contains(fault.Message, tt.names) {
				t.Errorf("%s %s: %d %s, want %d with %s", tt.path, tt.body, r.Status, r.Body, tt.status, tt.names)
			}
		}
		for path, body := range map[string]string{"/ns": `{"namespace":1}`, "/ns/objects/x": `{}`, "/ns/properties/x": `{}`, "/ns/tags/x": `{"name":" "}`} {
			c.Must(400, "admin", "PUT", "/image"+definitions+path, body)
		}
		c.Must(400, "admin", "PUT", "/image"+definitions+"/ns/tags/x", `{}`)
		if got := c.json("admin", 200, "GET", definitions, nil)["namespaces"].([]any); len(got) != 1 {
			t.Errorf("something is left of what was refused: %v", got)
		}
	})
}

// Whoever does not see a namespace sees nothing in it, and who may only look
// changes nothing.
func TestS39_DefinitionsOfOthers(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for _, visibility := range []string{"public", "private"} {
			c.json("admin", 201, "POST", definitions, object{
				"namespace": visibility, "visibility": visibility, "owner": "demo-id", "objects": []object{{"name": "x"}}, "tags": []object{{"name": "x"}},
				"properties": object{"x": object{"type": "string", "title": "X"}}, "resource_type_associations": []object{{"name": "x"}},
			})
		}
		property := object{"name": "y", "type": "string", "title": "Y"}
		for _, tt := range []struct {
			method, path string
			body         any
		}{
			{"GET", "", nil}, {"PUT", "", object{"namespace": "y"}}, {"DELETE", "", nil},
			{"GET", "/objects", nil}, {"POST", "/objects", object{"name": "y"}}, {"DELETE", "/objects", nil},
			{"GET", "/objects/x", nil}, {"PUT", "/objects/x", object{"name": "y"}}, {"DELETE", "/objects/x", nil},
			{"GET", "/properties", nil}, {"POST", "/properties", property}, {"DELETE", "/properties", nil},
			{"GET", "/properties/x", nil}, {"PUT", "/properties/x", property}, {"DELETE", "/properties/x", nil},
			{"GET", "/tags", nil}, {"POST", "/tags", object{"tags": []object{{"name": "y"}}}}, {"DELETE", "/tags", nil},
			{"GET", "/tags/x", nil}, {"POST", "/tags/y", nil}, {"PUT", "/tags/x", object{"name": "y"}}, {"DELETE", "/tags/x", nil},
			{"GET", "/resource_types", nil}, {"POST", "/resource_types", object{"name": "y"}}, {"DELETE", "/resource_types/x", nil},
		} {
			for _, visibility := range []string{"public", "private"} {
				path := "/image" + definitions + "/" + visibility + tt.path
				for token, status := range map[string]int{"reader": 200, "member": 200, "other": 200, "": 401} {
					switch {
					case token == "":
					case token == "other" && visibility == "private":
						status = 404
					case tt.method != "GET":
						status = 403
					}
					if r := c.Do(token, tt.method, path, tt.body); r.Status != status {
						t.Errorf("%s %s as %q: %d, want %d: %s", tt.method, path, token, r.Status, status, r.Body)
					}
				}
			}
		}
		c.Must(403, "member", "POST", "/image"+definitions, object{"namespace": "mine"})
	})
}

func TestDefinitionSchemas(t *testing.T) {
	each(t, image.Options{}, func(t *testing.T, c *cloud) {
		for path, want := range map[string]string{
			"namespace": "namespace", "namespaces": "namespaces", "object": "object", "objects": "objects", "property": "property", "properties": "properties",
			"tag": "tag", "tags": "tags", "resource_type": "resource_type_association", "resource_types": "resource_type_associations",
		} {
			got := c.json("reader", 200, "GET", "/v2/schemas/metadefs/"+path, nil)
			if got["name"] != want {
				t.Errorf("%s: %v", path, got["name"])
			}
			text := fmt.Sprint(got)
			if _, has := got["definitions"]; strings.Contains(text, "#/definitions/") && !has {
				t.Errorf("%s refers to what it does not have", path)
			}
		}
	})
}
