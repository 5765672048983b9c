package imageapi

import (
	"net/http"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
)

// importInfo says by which methods images can be imported.
func (f *face) importInfo(*api.Request) (any, error) {
	return map[string]any{"import-methods": map[string]any{"description": "Import methods available.", "type": "array", "value": f.svc.ImportMethods()}}, nil
}

// stores lists the stores.
func (f *face) stores(*api.Request) (any, error) {
	list := []any{}
	for _, one := range f.svc.Stores() {
		list = append(list, storeView(one))
	}
	return map[string]any{"stores": list}, nil
}

func storeView(one image.StoreInfo) map[string]any {
	v := map[string]any{"id": one.Name}
	if one.Default {
		v["default"] = "true"
	}
	if one.ReadOnly {
		v["read-only"] = "true"
	}
	return v
}

// storesDetail lists them for administrators, who learn where they are.
func (f *face) storesDetail(*api.Request) (any, error) {
	list := []any{}
	for _, one := range f.svc.Stores() {
		v := storeView(one)
		v["type"], v["properties"] = one.Type, one.Detail
		list = append(list, v)
	}
	return map[string]any{"stores": list}, nil
}

func (f *face) deleteFromStore(r *api.Request) (any, error) {
	return nil, f.svc.DeleteFromStore(r.Context(), r.Caller, r.Param("store"), r.Param("id"))
}

// usage tells what the project has, and may have.
func (f *face) usage(r *api.Request) (any, error) {
	found, err := f.svc.Usage(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	usage := map[string]any{}
	for name, q := range found {
		usage[name] = map[string]int64{"usage": q.Used, "limit": q.Limit}
	}
	return map[string]any{"usage": usage}, nil
}

// announceImport puts on the answer to a create what can follow it.
func (f *face) announceImport(h http.Header) {
	h.Set("OpenStack-image-import-methods", strings.Join(f.svc.ImportMethods(), ","))
	var names []string
	for _, one := range f.svc.Stores() {
		if !one.ReadOnly {
			names = append(names, one.Name)
		}
	}
	h.Set("OpenStack-image-store-ids", strings.Join(names, ","))
}

func (f *face) stage(r *api.Request) (any, error) {
	return f.takeData(r, f.svc.Stage)
}

const storeHeader = "X-Image-Meta-Store"

func (f *face) importImage(r *api.Request) (any, error) {
	var raw any
	if err := decode(r, &raw); err != nil {
		return nil, err
	}
	body, ok := raw.(map[string]any)
	if !ok {
		return nil, errs.New(errs.Invalid, "Import request requires a 'method' field.")
	}
	request, err := importRequest(body, r.Header.Get(storeHeader))
	if err != nil {
		return nil, err
	}
	_, err = f.svc.Import(r.Context(), r.Caller, r.Param("id"), request)
	return nil, err
}

// importRequest reads {"method": {"name": …, "uri": …}, "stores": […],
// "all_stores": …, "all_stores_must_succeed": …}.
func importRequest(body map[string]any, store string) (image.ImportRequest, error) {
	bad := func(format string, args ...any) (image.ImportRequest, error) {
		return image.ImportRequest{}, errs.New(errs.Invalid, format, args...)
	}
	method, ok := body["method"].(map[string]any)
	if !ok {
		return bad("Import request requires a 'method' field.")
	}
	request := image.ImportRequest{Body: body}
	if request.Method, ok = method["name"].(string); !ok {
		return bad("Import request requires a 'name' field.")
	}
	if uri, given := method["uri"]; given {
		if request.URI, ok = uri.(string); !ok {
			return bad("The 'uri' of an import must be a string.")
		}
	}
	if request.Method == image.GlanceDownload {
		var remote image.RemoteImage
		for name, to := range map[string]*string{"glance_region": &remote.Region, "glance_image_id": &remote.ImageID, "glance_service_interface": &remote.Interface} {
			value, given := method[name]
			if *to, ok = value.(string); given && !ok {
				return bad("The '%s' of an import must be a string.", name)
			}
		}
		request.Remote = &remote
		if remote.Interface == "" {
			method["glance_service_interface"] = "public" // which the task shows
		}
	}
	for name, to := range map[string]*bool{"all_stores_must_succeed": new(bool), "all_stores": &request.All} {
		value, given := body[name]
		if *to, ok = value.(bool); given && !ok {
			return bad("'%s' must be boolean value only", name)
		}
	}
	stores, given := body["stores"]
	switch {
	case request.All && (given || store != ""):
		return bad("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
	case given && store != "":
		return bad("Stores parameter and x-image-meta-store header can't be both specified")
	case store != "":
		request.Stores = []string{store}
	case given:
		list, ok := stores.([]any)
		if !ok || len(list) == 0 {
			return bad("'stores' must be a list of store identifiers")
		}
		for _, value := range list {
			name, ok := value.(string)
			if !ok {
				return bad("'stores' must be a list of store identifiers")
			}
			request.Stores = append(request.Stores, name)
		}
	}
	return request, nil
}

// importView is what an image says of its last import, as Glance does: where
// it goes to, where it failed, and the task that runs.
func importView(i image.Image, v map[string]any) {
	if i.ImportState == "" {
		return
	}
	if i.ImportState == image.Running {
		v["os_glance_import_task"] = i.ImportTask
	}
	v["os_glance_importing_to_stores"], v["os_glance_failed_import"] = i.ImportingStores, i.FailedStores
}
