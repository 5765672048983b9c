package computeapi

import (
	"maps"
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) metadataRoutes() []api.Route {
	rule := base + "server-metadata:"
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/metadata", Policy: rule + "index", Handler: f.listMetadata},
		{Method: "POST", Path: "/servers/{id}/metadata", Policy: rule + "create", Handler: f.addMetadata},
		{Method: "PUT", Path: "/servers/{id}/metadata", Policy: rule + "update_all", Handler: f.replaceMetadata},
		{Method: "GET", Path: "/servers/{id}/metadata/{key}", Policy: rule + "show", Handler: f.showMetadata},
		{Method: "PUT", Path: "/servers/{id}/metadata/{key}", Policy: rule + "update", Handler: f.updateMetadata},
		{Method: "DELETE", Path: "/servers/{id}/metadata/{key}", Policy: rule + "delete", Status: http.StatusNoContent, Handler: f.deleteMetadata},
	}
}

var (
	metadataBody = wrapped("metadata", &metadataMap)
	oneMetaBody  = wrapped("meta", &schema{types: []string{"object"}, open: true, keys: metaKeys, values: &metaValue, maxProps: 1})
)

func (f *face) listMetadata(r *api.Request) (any, error) {
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"metadata": server.Metadata}, nil
}

func (f *face) changeMetadata(r *api.Request, change func(now, given map[string]string) map[string]string) (any, error) {
	var body struct{ Metadata map[string]string }
	if err := bind(r, metadataBody, &body); err != nil {
		return nil, err
	}
	server, err := f.svc.ChangeMetadata(r.Context(), r.Caller, r.Param("id"), "update metadata", func(now map[string]string) (map[string]string, error) {
		return change(now, body.Metadata), nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"metadata": server.Metadata}, nil
}

func (f *face) addMetadata(r *api.Request) (any, error) {
	return f.changeMetadata(r, func(now, given map[string]string) map[string]string {
		maps.Copy(now, given)
		return now
	})
}

func (f *face) replaceMetadata(r *api.Request) (any, error) {
	return f.changeMetadata(r, func(_, given map[string]string) map[string]string { return maps.Clone(given) })
}

func (f *face) showMetadata(r *api.Request) (any, error) {
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{})
	if err != nil {
		return nil, err
	}
	value, ok := server.Metadata[r.Param("key")]
	if !ok {
		return nil, errs.New(errs.NotFound, "Metadata item was not found")
	}
	return map[string]any{"meta": map[string]string{r.Param("key"): value}}, nil
}

func (f *face) updateMetadata(r *api.Request) (any, error) {
	var body struct{ Meta map[string]string }
	if err := bind(r, oneMetaBody, &body); err != nil {
		return nil, err
	}
	value, ok := body.Meta[r.Param("key")]
	if !ok {
		return nil, errs.New(errs.Invalid, "Request body and URI mismatch")
	}
	_, err := f.svc.ChangeMetadata(r.Context(), r.Caller, r.Param("id"), "update metadata", func(now map[string]string) (map[string]string, error) {
		now[r.Param("key")] = value
		return now, nil
	})
	return map[string]any{"meta": body.Meta}, err
}

func (f *face) deleteMetadata(r *api.Request) (any, error) {
	_, err := f.svc.ChangeMetadata(r.Context(), r.Caller, r.Param("id"), "delete metadata", func(now map[string]string) (map[string]string, error) {
		if _, ok := now[r.Param("key")]; !ok {
			return nil, errs.New(errs.NotFound, "Metadata item was not found")
		}
		delete(now, r.Param("key"))
		return now, nil
	})
	return nil, err
}

func (f *face) tagRoutes() []api.Route {
	rule := base + "os-server-tags:"
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/tags", Policy: rule + "index", Min: 26, Handler: f.listTags},
		{Method: "PUT", Path: "/servers/{id}/tags", Policy: rule + "update_all", Min: 26, Handler: f.replaceTags},
		{Method: "DELETE", Path: "/servers/{id}/tags", Policy: rule + "delete_all", Min: 26, Status: http.StatusNoContent, Handler: f.clearTags},
		{Method: "GET", Path: "/servers/{id}/tags/{tag}", Policy: rule + "show", Min: 26, Status: http.StatusNoContent, Handler: f.hasTag},
		{Method: "PUT", Path: "/servers/{id}/tags/{tag}", Policy: rule + "update", Min: 26, Handler: f.addTag},
		{Method: "DELETE", Path: "/servers/{id}/tags/{tag}", Policy: rule + "delete", Min: 26, Status: http.StatusNoContent, Handler: f.deleteTag},
	}
}

var tagsBody = object(map[string]*schema{"tags": {types: []string{"array"}, maxItems: compute.MaxTags, items: &tagString}}, "tags")

func (f *face) listTags(r *api.Request) (any, error) {
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{Tags: true})
	if err != nil {
		return nil, err
	}
	return map[string]any{"tags": append([]string{}, server.Tags...)}, nil
}

func (f *face) replaceTags(r *api.Request) (any, error) {
	var body struct{ Tags []string }
	if err := bind(r, tagsBody, &body); err != nil {
		return nil, err
	}
	tags, err := f.svc.SetTags(r.Context(), r.Caller, r.Param("id"), "update tags", func([]string) ([]string, error) { return slices.Clone(body.Tags), nil })
	if err != nil {
		return nil, err
	}
	return map[string]any{"tags": append([]string{}, tags...)}, nil
}

func (f *face) clearTags(r *api.Request) (any, error) {
	_, err := f.svc.SetTags(r.Context(), r.Caller, r.Param("id"), "delete tags", func([]string) ([]string, error) { return nil, nil })
	return nil, err
}

func noTag(r *api.Request) error {
	return errs.New(errs.NotFound, "Server %s has no tag '%s'", r.Param("id"), r.Param("tag"))
}

func (f *face) hasTag(r *api.Request) (any, error) {
	server, err := f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{Tags: true})
	if err == nil && !slices.Contains(server.Tags, r.Param("tag")) {
		err = noTag(r)
	}
	return nil, err
}

func (f *face) addTag(r *api.Request) (any, error) {
	tag := r.Param("tag")
	if message := tagString.findString(tag); message != "" {
		return nil, errs.New(errs.Invalid, "Tag '%s' is invalid. %s", tag, message)
	}
	r.SetStatus(http.StatusCreated)
	_, err := f.svc.SetTags(r.Context(), r.Caller, r.Param("id"), "update tag", func(now []string) ([]string, error) {
		if slices.Contains(now, tag) {
			r.SetStatus(http.StatusNoContent)
			return now, nil
		}
		return append(now, tag), nil
	})
	r.Writer.Header().Set("Location", r.ServiceURL()+"/v2.1/servers/"+r.Param("id")+"/tags/"+tag)
	return nil, err
}

func (f *face) deleteTag(r *api.Request) (any, error) {
	_, err := f.svc.SetTags(r.Context(), r.Caller, r.Param("id"), "delete tag", func(now []string) ([]string, error) {
		i := slices.Index(now, r.Param("tag"))
		if i < 0 {
			return nil, noTag(r)
		}
		return slices.Delete(now, i, i+1), nil
	})
	return nil, err
}
