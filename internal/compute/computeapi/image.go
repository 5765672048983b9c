package computeapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
	"wisp/internal/image"
)

// The last microversions that know other services under Compute's own names.
const (
	lastProxy         = 35
	lastImageMetadata = 38
)

func (f *face) imageRoutes() []api.Route {
	read, remove, meta := base+"images:index", base+"images:delete", base+"image-metadata:"
	return []api.Route{
		{Method: "GET", Path: "/images", Policy: read, Max: lastProxy, Handler: f.listImages},
		{Method: "GET", Path: "/images/detail", Policy: read, Max: lastProxy, Handler: f.detailImages},
		{Method: "GET", Path: "/images/{id}", Policy: base + "images:show", Max: lastProxy, Handler: f.showImage},
		{Method: "DELETE", Path: "/images/{id}", Policy: remove, Max: lastProxy, Status: http.StatusNoContent, Handler: f.deleteImage},
		{Method: "GET", Path: "/images/{id}/metadata", Policy: meta + "index", Max: lastImageMetadata, Handler: f.listImageMetadata},
		{Method: "POST", Path: "/images/{id}/metadata", Policy: meta + "create", Max: lastImageMetadata, Handler: f.addImageMetadata},
		{Method: "PUT", Path: "/images/{id}/metadata", Policy: meta + "update_all", Max: lastImageMetadata, Handler: f.setImageMetadata},
		{Method: "GET", Path: "/images/{id}/metadata/{key}", Policy: meta + "show", Max: lastImageMetadata, Handler: f.showImageMetadata},
		{Method: "PUT", Path: "/images/{id}/metadata/{key}", Policy: meta + "update", Max: lastImageMetadata, Handler: f.setImageMetadataItem},
		{Method: "DELETE", Path: "/images/{id}/metadata/{key}", Policy: meta + "delete", Max: lastImageMetadata, Status: http.StatusNoContent, Handler: f.deleteImageMetadata},
	}
}

type typedLink struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

type imageBrief struct {
	ID    string      `json:"id"`
	Name  *string     `json:"name"`
	Links []typedLink `json:"links"`
}

type imageView struct {
	imageBrief
	Status     string            `json:"status"`
	Progress   int               `json:"progress"`
	MinDisk    int64             `json:"minDisk"` // GiB
	MinRAM     int64             `json:"minRam"`  // MiB
	Size       int64             `json:"OS-EXT-IMG-SIZE:size"`
	Created    string            `json:"created"`
	Updated    string            `json:"updated"`
	Metadata   map[string]string `json:"metadata"`
	DiskConfig string            `json:"OS-DCF:diskConfig,omitempty"`
	Server     any               `json:"server,omitempty"` // of which it is a snapshot
}

func briefImage(r *api.Request, i *image.Image) imageBrief {
	view := imageBrief{ID: i.ID}
	if i.Name != "" {
		view.Name = &i.Name
	}
	for _, l := range links(r, "images", i.ID) {
		view.Links = append(view.Links, typedLink{Rel: l.Rel, Href: l.Href})
	}
	view.Links = append(view.Links, typedLink{Rel: "alternate", Type: "application/vnd.openstack.image", Href: r.BaseURL() + "/image/images/" + i.ID})
	return view
}

func viewImage(r *api.Request, i *image.Image) imageView {
	view := imageView{
		imageBrief: briefImage(r, i), Status: "UNKNOWN", MinDisk: i.MinDisk, MinRAM: i.MinRAM, Created: iso(i.CreatedAt), Updated: iso(i.UpdatedAt),
		Metadata: i.Properties,
	}
	switch i.Status {
	case image.Active:
		view.Status, view.Progress = "ACTIVE", 100
	case image.Saving:
		view.Status, view.Progress = "SAVING", 50
	case image.Queued:
		view.Status, view.Progress = "SAVING", 25
	}
	if i.Size != nil {
		view.Size = *i.Size
	}
	if automatic, ok := i.Properties["auto_disk_config"]; ok {
		view.DiskConfig = "MANUAL"
		if isTrue(automatic) {
			view.DiskConfig = "AUTO"
		}
	}
	if server := i.Properties["instance_uuid"]; server != "" {
		view.Server = map[string]any{"id": server, "links": links(r, "servers", server)}
	}
	return view
}

// imageFilters are Nova's names of what an image list is narrowed by.
var imageFilters = map[string]string{
	"name": "name", "status": "status", "server": "instance_uuid", "type": "image_type", "minRam": "min_ram", "minDisk": "min_disk",
}

func (f *face) readImages(r *api.Request) ([]image.Image, int, error) {
	limit, marker, err := page(r)
	if err != nil {
		return nil, 0, err
	}
	query := image.Query{Filters: map[string]string{}, Limit: limit, Marker: marker}
	for name, values := range r.Query() {
		value := values[len(values)-1]
		property, ofProperty := strings.CutPrefix(name, "property-")
		switch {
		case ofProperty:
			query.Filters[property] = value
		case name == "changes-since":
			query.Filters["updated_at"] = "gte:" + value
		case name == "server":
			query.Filters[imageFilters[name]] = value[strings.LastIndexByte(value, '/')+1:]
		case name == "status":
			query.Filters[name] = strings.ToLower(value)
		case imageFilters[name] != "":
			query.Filters[imageFilters[name]] = value
		}
	}
	list, err := f.svc.ImageCatalog().List(r.Context(), r.Caller, query)
	return list, limit, err
}

func imagePage(r *api.Request, views any, list []image.Image, limit int) any {
	body := map[string]any{"images": views}
	if len(list) > 0 && r.Query().Has("limit") {
		if more := next(r, len(list), limit, list[len(list)-1].ID); more != nil {
			body["images_links"] = more
		}
	}
	return body
}

func (f *face) listImages(r *api.Request) (any, error) {
	list, limit, err := f.readImages(r)
	if err != nil {
		return nil, err
	}
	views := make([]imageBrief, len(list))
	for n := range list {
		views[n] = briefImage(r, &list[n])
	}
	return imagePage(r, views, list, limit), nil
}

func (f *face) detailImages(r *api.Request) (any, error) {
	list, limit, err := f.readImages(r)
	if err != nil {
		return nil, err
	}
	views := make([]imageView, len(list))
	for n := range list {
		views[n] = viewImage(r, &list[n])
	}
	return imagePage(r, views, list, limit), nil
}

// getImage finds the image of a request, and says so in Nova's words when it
// is not there.
func (f *face) getImage(r *api.Request) (image.Image, error) {
	i, err := f.svc.ImageCatalog().Get(r.Context(), r.Caller, r.Param("id"))
	if errs.Is(err, errs.NotFound) {
		err = errs.Wrap(err, errs.NotFound, "Image not found.")
	}
	return i, err
}

func (f *face) showImage(r *api.Request) (any, error) {
	i, err := f.getImage(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"image": viewImage(r, &i)}, nil
}

func (f *face) deleteImage(r *api.Request) (any, error) {
	err := f.svc.ImageCatalog().Delete(r.Context(), r.Caller, r.Param("id"))
	switch {
	case errs.Is(err, errs.NotFound):
		err = errs.Wrap(err, errs.NotFound, "Image not found.")
	case errs.Is(err, errs.Forbidden):
		err = errs.Wrap(err, errs.Forbidden, "You are not allowed to delete the image.")
	}
	return nil, err
}

func (f *face) listImageMetadata(r *api.Request) (any, error) {
	i, err := f.getImage(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"metadata": i.Properties}, nil
}

func (f *face) showImageMetadata(r *api.Request) (any, error) {
	i, err := f.getImage(r)
	if err != nil {
		return nil, err
	}
	value, ok := i.Properties[r.Param("key")]
	if !ok {
		return nil, errs.New(errs.NotFound, "The resource could not be found.")
	}
	return map[string]any{"meta": map[string]string{r.Param("key"): value}}, nil
}

var (
	imageMetadataBody = wrapped("metadata", &metadataMap)
	oneMetadata       = schema{types: []string{"object"}, open: true, keys: metaKeys, values: &metaValue, maxProps: 1}
	imageMetaItemBody = wrapped("meta", &oneMetadata)
)

// changeImage makes the image's properties what they should be; those that
// are not named stay, unless they are all named. They count against the
// quota of metadata as a server's do.
func (f *face) changeImage(r *api.Request, set map[string]string, all bool) (map[string]string, error) {
	i, err := f.getImage(r)
	if err != nil {
		return nil, err
	}
	var changes []image.Change
	wanted := map[string]string{}
	for name, value := range i.Properties {
		if _, stays := set[name]; all && !stays {
			changes = append(changes, image.Change{Op: "remove", Name: name})
			continue
		}
		wanted[name] = value
	}
	for name, value := range set {
		changes = append(changes, image.Change{Op: "add", Name: name, Value: value})
		wanted[name] = value
	}
	slices.SortFunc(changes, func(a, b image.Change) int { return strings.Compare(a.Name, b.Name) })
	limits, err := f.svc.Limits(r.Context(), r.Caller.ProjectID)
	if err != nil {
		return nil, err
	}
	if limit := limits[compute.QuotaMetadata]; limit >= 0 && int64(len(wanted)) > limit {
		return nil, errs.New(errs.OverQuota, "Maximum number of metadata items exceeds %s", strconv.FormatInt(limit, 10))
	}
	changed, err := f.svc.ImageCatalog().Update(r.Context(), r.Caller, i.ID, changes)
	return changed.Properties, err
}

func (f *face) addImageMetadata(r *api.Request) (any, error) { return f.writeImageMetadata(r, false) }
func (f *face) setImageMetadata(r *api.Request) (any, error) { return f.writeImageMetadata(r, true) }

func (f *face) writeImageMetadata(r *api.Request, all bool) (any, error) {
	var body struct{ Metadata map[string]string }
	if err := bind(r, imageMetadataBody, &body); err != nil {
		return nil, err
	}
	properties, err := f.changeImage(r, body.Metadata, all)
	if err != nil {
		return nil, err
	}
	return map[string]any{"metadata": properties}, nil
}

func (f *face) setImageMetadataItem(r *api.Request) (any, error) {
	var body struct{ Meta map[string]string }
	if err := bind(r, imageMetaItemBody, &body); err != nil {
		return nil, err
	}
	if _, ok := body.Meta[r.Param("key")]; !ok {
		return nil, errs.New(errs.Invalid, "Request body and URI mismatch")
	}
	if _, err := f.changeImage(r, body.Meta, false); err != nil {
		return nil, err
	}
	return map[string]any{"meta": body.Meta}, nil
}

func (f *face) deleteImageMetadata(r *api.Request) (any, error) {
	i, err := f.getImage(r)
	if err != nil {
		return nil, err
	}
	if _, ok := i.Properties[r.Param("key")]; !ok {
		return nil, errs.New(errs.NotFound, "Invalid metadata key")
	}
	_, err = f.svc.ImageCatalog().Update(r.Context(), r.Caller, i.ID, []image.Change{{Op: "remove", Name: r.Param("key")}})
	return nil, err
}
