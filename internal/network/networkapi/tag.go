package networkapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"wisp/internal/api"
	"wisp/internal/network"
)

func (f *face) tagRoutes() []api.Route {
	var routes []api.Route
	for _, collection := range network.TaggedCollections() {
		base := "/v2.0/" + strings.ReplaceAll(collection, "_", "-") + "/{id}/tags"
		name := collection + "_tags"
		routes = append(routes,
			api.Route{Method: http.MethodGet, Path: base, Policy: "get_" + name, Handler: func(r *api.Request) (any, error) {
				tags, err := f.svc.Tags(r.Context(), r.Caller, collection, r.Param("id"))
				return map[string]any{"tags": nonNil(tags)}, err
			}},
			api.Route{Method: http.MethodPut, Path: base, Policy: "update_" + name, Handler: func(r *api.Request) (any, error) {
				body, err := r.Bytes()
				if err != nil {
					return nil, err
				}
				var raw struct{ Tags json.RawMessage }
				if err := json.Unmarshal(body, &raw); err != nil || raw.Tags == nil {
					return nil, badRequest("Unable to find 'tags' in request body")
				}
				tags, err := listOf(text(maxName))(raw.Tags)
				if err != nil {
					return nil, badRequest("Invalid input for tags. Reason: %s.", err)
				}
				tags, err = f.svc.SetTags(r.Context(), r.Caller, collection, r.Param("id"), tags)
				return map[string]any{"tags": tags}, err
			}},
			api.Route{Method: http.MethodDelete, Path: base, Policy: "delete_" + name, Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
				return nil, f.svc.DeleteTags(r.Context(), r.Caller, collection, r.Param("id"))
			}},
			api.Route{Method: http.MethodGet, Path: base + "/{tag}", Policy: "get_" + name, Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
				return nil, f.svc.HasTag(r.Context(), r.Caller, collection, r.Param("id"), r.Param("tag"))
			}},
			api.Route{Method: http.MethodPut, Path: base + "/{tag}", Policy: "update_" + name, Status: http.StatusCreated, Handler: func(r *api.Request) (any, error) {
				return nil, f.svc.AddTag(r.Context(), r.Caller, collection, r.Param("id"), r.Param("tag"))
			}},
			api.Route{Method: http.MethodDelete, Path: base + "/{tag}", Policy: "delete_" + name, Status: http.StatusNoContent, Handler: func(r *api.Request) (any, error) {
				return nil, f.svc.DeleteTag(r.Context(), r.Caller, collection, r.Param("id"), r.Param("tag"))
			}},
		)
	}
	return routes
}
