package imageapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/store"
)

// view is the wire form: properties stand beside the attributes.
func (f *face) view(r *api.Request, i image.Image) map[string]any {
	v := map[string]any{}
	for name, value := range i.Properties {
		v[name] = value
	}
	for name, value := range map[string]any{
		"id": i.ID, "name": null(i.Name), "status": i.Status, "visibility": i.Visibility, "owner": null(i.Owner),
		"disk_format": null(i.DiskFormat), "container_format": null(i.ContainerFormat), "size": i.Size, "virtual_size": i.VirtualSize,
		"checksum": null(i.Checksum), "os_hash_algo": null(i.HashAlgo), "os_hash_value": null(i.HashValue),
		"min_disk": i.MinDisk, "min_ram": i.MinRAM, "protected": i.Protected, "os_hidden": i.Hidden, "tags": i.Tags,
		"created_at": stamp(i.CreatedAt), "updated_at": stamp(i.UpdatedAt),
		"self": "/v2/images/" + i.ID, "file": "/v2/images/" + i.ID + "/file", "schema": "/v2/schemas/image",
	} {
		v[name] = value
	}
	if names := i.StoreNames(); len(names) > 0 {
		v["stores"] = strings.Join(names, ",")
	}
	f.locationView(r, i, v)
	importView(i, v)
	return v
}

// locationView is where the data are, as far as the operator shows it. There is
// a list for everyone then, which is empty for those who may not see.
func (f *face) locationView(r *api.Request, i image.Image, v map[string]any) {
	locations, direct := f.svc.ShowsLocations()
	if !locations && !direct {
		return
	}
	shown := f.svc.Shown(r.Caller, &i)
	if locations {
		list := make([]any, len(shown))
		for n, l := range shown {
			list[n] = map[string]any{"url": l.URL, "metadata": l.Metadata}
		}
		v["locations"] = list
	}
	if direct && len(shown) > 0 {
		v["direct_url"] = shown[0].URL
	}
}

func (f *face) create(r *api.Request) (any, error) {
	var body any
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	attributes, ok := body.(map[string]any)
	if !ok {
		return nil, errs.New(errs.Invalid, "Provided object does not match schema 'image': the body is not of type 'object'")
	}
	i, err := f.svc.Create(r.Context(), r.Caller, attributes)
	if err != nil {
		return nil, err
	}
	r.Writer.Header().Set("Location", r.ServiceURL()+"/v2/images/"+i.ID)
	f.announceImport(r.Writer.Header())
	return f.view(r, i), nil
}

func (f *face) show(r *api.Request) (any, error) {
	i, err := f.svc.Get(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return f.view(r, i), nil
}

func (f *face) remove(r *api.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	return nil, f.svc.Delete(r.Context(), r.Caller, r.Param("id"))
}

func (f *face) activation(active bool) api.Handler {
	return func(r *api.Request) (any, error) {
		if err := noBody(r); err != nil {
			return nil, err
		}
		return nil, f.svc.SetActive(r.Context(), r.Caller, r.Param("id"), active)
	}
}

func (f *face) addTag(r *api.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	return nil, f.svc.AddTag(r.Context(), r.Caller, r.Param("id"), r.Param("tag"))
}

func (f *face) removeTag(r *api.Request) (any, error) {
	return nil, f.svc.RemoveTag(r.Context(), r.Caller, r.Param("id"), r.Param("tag"))
}

// listQuery reads the query string. What is no parameter of the listing is a
// filter: an attribute, or any property.
func listQuery(q url.Values) (image.Query, error) {
	query := image.Query{Filters: map[string]string{"os_hidden": "false"}, Limit: image.DefaultPage, Marker: q.Get("marker"), MemberStatus: q.Get("member_status")}
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return query, errs.New(errs.Invalid, "limit param must be an integer")
		}
		if n < 0 {
			return query, errs.New(errs.Invalid, "limit param must be positive")
		}
		query.Limit = min(n, image.MaxPage)
	}
	for _, t := range q["tag"] {
		query.Tags = append(query.Tags, strings.TrimSpace(t))
	}
	for name, values := range q {
		if !slices.Contains([]string{"limit", "marker", "member_status", "tag", "sort", "sort_key", "sort_dir"}, name) {
			query.Filters[name] = values[len(values)-1]
		}
	}
	var err error
	query.Sort, err = sorting(q)
	return query, err
}

// sorting reads sort=key:dir,… or sort_key and sort_dir, where one direction
// is for all keys. The default is the newest first.
func sorting(q url.Values) ([]store.Order, error) {
	var keys, dirs []string
	if q.Has("sort") {
		if q.Has("sort_key") || q.Has("sort_dir") {
			return nil, errs.New(errs.Invalid, "Old and new sorting syntax cannot be combined")
		}
		for part := range strings.SplitSeq(q.Get("sort"), ",") {
			key, dir, _ := strings.Cut(part, ":")
			if dir == "" {
				dir = "desc"
			}
			keys, dirs = append(keys, strings.TrimSpace(key)), append(dirs, strings.TrimSpace(dir))
		}
	} else {
		keys, dirs = q["sort_key"], q["sort_dir"]
		if len(keys) == 0 {
			keys = []string{"created_at"}
		}
		if len(dirs) == 0 {
			dirs = []string{"desc"}
		}
		if len(dirs) > 1 && len(dirs) != len(keys) {
			return nil, errs.New(errs.Invalid, "Number of sort dirs does not match the number of sort keys")
		}
	}
	order := make([]store.Order, len(keys))
	for n, key := range keys {
		dir := strings.TrimSpace(dirs[min(n, len(dirs)-1)])
		if dir != "asc" && dir != "desc" {
			return nil, errs.New(errs.Invalid, "Invalid sort direction: %s", dir)
		}
		order[n] = store.Order{Key: strings.TrimSpace(key), Desc: dir == "desc"}
	}
	return order, nil
}

func (f *face) list(r *api.Request) (any, error) {
	q := r.Query()
	query, err := listQuery(q)
	if err != nil {
		return nil, err
	}
	found, err := f.svc.List(r.Context(), r.Caller, query)
	if err != nil {
		return nil, err
	}
	images := make([]any, len(found))
	for n, i := range found {
		images[n] = f.view(r, i)
	}
	rest := url.Values{}
	for name, values := range q {
		if name != "marker" {
			rest[name] = values
		}
	}
	out := map[string]any{"images": images, "schema": "/v2/schemas/images", "first": page(rest)}
	if len(found) > 0 && len(found) == query.Limit {
		rest.Set("marker", found[len(found)-1].ID)
		out["next"] = page(rest)
	}
	return out, nil
}

func page(q url.Values) string {
	if len(q) == 0 {
		return "/v2/images"
	}
	return "/v2/images?" + q.Encode()
}
