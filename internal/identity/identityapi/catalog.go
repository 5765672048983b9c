package identityapi

import (
	"net/http"
	"regexp"
	"slices"

	"wisp/internal/api"
	"wisp/internal/identity"
)

func (f *face) catalog() []api.Route {
	const region, service, endpoint = "/regions/{region_id}", "/services/{service_id}", "/endpoints/{endpoint_id}"
	return []api.Route{
		route(http.MethodGet, "/regions", "identity:list_regions", 0, nil, f.listRegions),
		route(http.MethodPost, "/regions", "identity:create_region", created, nil, f.createRegion),
		route(http.MethodGet, region, "identity:get_region", 0, nil, f.showRegion),
		route(http.MethodPut, region, "identity:create_region", created, nil, f.createRegion),
		route(http.MethodPatch, region, "identity:update_region", 0, nil, f.updateRegion),
		route(http.MethodDelete, region, "identity:delete_region", noContent, nil, f.deleteRegion),
		route(http.MethodGet, "/services", "identity:list_services", 0, nil, f.listServices),
		route(http.MethodPost, "/services", "identity:create_service", created, nil, f.createService),
		route(http.MethodGet, service, "identity:get_service", 0, nil, f.showService),
		route(http.MethodPatch, service, "identity:update_service", 0, nil, f.updateService),
		route(http.MethodDelete, service, "identity:delete_service", noContent, nil, f.deleteService),
		route(http.MethodGet, "/endpoints", "identity:list_endpoints", 0, nil, f.listEndpoints),
		route(http.MethodPost, "/endpoints", "identity:create_endpoint", created, nil, f.createEndpoint),
		route(http.MethodGet, endpoint, "identity:get_endpoint", 0, nil, f.showEndpoint),
		route(http.MethodPatch, endpoint, "identity:update_endpoint", 0, nil, f.updateEndpoint),
		route(http.MethodDelete, endpoint, "identity:delete_endpoint", noContent, nil, f.deleteEndpoint),
	}
}

func renderRegion(r *api.Request, g identity.Region) map[string]any {
	return object(r, "regions", g.ID, g.Extra, map[string]any{"description": g.Description, "parent_region_id": g.ParentID})
}

func renderService(r *api.Request, v identity.CatalogService) map[string]any {
	attributes := map[string]any{"type": v.Type, "enabled": v.Enabled}
	if v.Name != nil {
		attributes["name"] = *v.Name
	}
	if v.Description != nil {
		attributes["description"] = *v.Description
	}
	return object(r, "services", v.ID, v.Extra, attributes)
}

func renderEndpoint(r *api.Request, e identity.Endpoint) map[string]any {
	return object(r, "endpoints", e.ID, e.Extra, map[string]any{
		"service_id": e.ServiceID, "region": e.RegionID, "region_id": e.RegionID, "interface": e.Interface, "url": e.URL, "enabled": e.Enabled,
	})
}

func (f *face) listRegions(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Regions(r.Context(), l)
	return collection(r, "regions", l, list, renderRegion), err
}

// createRegion serves POST, and PUT where the path names the id.
func (f *face) createRegion(r *api.Request) (any, error) {
	w, err := body(r, "region")
	if err != nil {
		return nil, err
	}
	id := r.Param("region_id")
	if id == "" {
		id = value(w.text("id", 255), "")
	} else {
		w.same("id", id, notSameID("region"))
	}
	g := identity.Region{ID: id, ParentID: nullIfEmpty(w.nullable("parent_region_id", 255)), Description: value(w.nullable("description", 0), "")}
	if g.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	g, err = f.svc.CreateRegion(r.Context(), g)
	return map[string]any{"region": renderRegion(r, g)}, err
}

func (f *face) showRegion(r *api.Request) (any, error) {
	g, err := f.svc.Region(r.Context(), r.Param("region_id"))
	return map[string]any{"region": renderRegion(r, g)}, err
}

func (f *face) updateRegion(r *api.Request) (any, error) {
	w, err := body(r, "region")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("region_id"), notSameID("region"))
	change := identity.RegionChange{ParentID: w.nullable("parent_region_id", 255), Description: w.nullable("description", 0)}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	g, err := f.svc.UpdateRegion(r.Context(), r.Param("region_id"), change)
	return map[string]any{"region": renderRegion(r, g)}, err
}

func (f *face) deleteRegion(r *api.Request) (any, error) {
	return nil, f.svc.DeleteRegion(r.Context(), r.Param("region_id"))
}

func (f *face) listServices(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.CatalogServices(r.Context(), l)
	return collection(r, "services", l, list, renderService), err
}

func (f *face) createService(r *api.Request) (any, error) {
	w, err := body(r, "service")
	if err != nil {
		return nil, err
	}
	w.require("type")
	v := identity.CatalogService{
		Type: value(w.name("type", 255), ""), Name: w.name("name", 255), Description: w.text("description", 0), Enabled: value(w.flag("enabled"), true),
	}
	if v.Name == nil {
		v.Name = new(string) // it has one from the beginning, which an update may take
	}
	w.take("id")
	if v.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	v, err = f.svc.CreateCatalogService(r.Context(), v)
	return map[string]any{"service": renderService(r, v)}, err
}

func (f *face) showService(r *api.Request) (any, error) {
	v, err := f.svc.CatalogService(r.Context(), r.Param("service_id"))
	return map[string]any{"service": renderService(r, v)}, err
}

func (f *face) updateService(r *api.Request) (any, error) {
	w, err := body(r, "service")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("service_id"), notSameID("service"))
	change := identity.CatalogServiceChange{
		Type: w.name("type", 255), Name: w.name("name", 255), Description: w.text("description", 0), Enabled: w.flag("enabled"),
	}
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	v, err := f.svc.UpdateCatalogService(r.Context(), r.Param("service_id"), change)
	return map[string]any{"service": renderService(r, v)}, err
}

func (f *face) deleteService(r *api.Request) (any, error) {
	return nil, f.svc.DeleteCatalogService(r.Context(), r.Param("service_id"))
}

func (f *face) listEndpoints(r *api.Request) (any, error) {
	l, err := listing(r)
	if err != nil {
		return nil, err
	}
	list, err := f.svc.Endpoints(r.Context(), l)
	return collection(r, "endpoints", l, list, renderEndpoint), err
}

var urlForm = regexp.MustCompile(`^[a-zA-Z0-9+.-]+:.+`)

// endpointChange reads an endpoint's attributes. A region named by region
// instead of region_id is made, as it was with the API before this one.
func endpointChange(w *fields) identity.EndpointChange {
	change := identity.EndpointChange{
		ServiceID: w.text("service_id", 64), RegionID: w.nullable("region_id", 255), Interface: w.text("interface", 0), URL: w.text("url", 225), Enabled: w.flag("enabled"),
	}
	if region := w.nullable("region", 255); change.RegionID == nil && region != nil {
		change.RegionID, change.MakeRegion = region, *region != ""
	}
	if i := change.Interface; i != nil && !slices.Contains([]string{"admin", "internal", "public"}, *i) {
		w.fail("interface", "'%s' is not one of ['admin', 'internal', 'public']", *i)
	}
	if u := change.URL; u != nil && !urlForm.MatchString(*u) {
		w.fail("url", "'%s' does not match '%s'", *u, urlForm)
	}
	return change
}

func (f *face) createEndpoint(r *api.Request) (any, error) {
	w, err := body(r, "endpoint")
	if err != nil {
		return nil, err
	}
	w.require("interface", "service_id", "url")
	w.take("id")
	c := endpointChange(w)
	e := identity.Endpoint{
		ServiceID: value(c.ServiceID, ""), RegionID: nullIfEmpty(c.RegionID), Interface: value(c.Interface, ""), URL: value(c.URL, ""), Enabled: value(c.Enabled, true),
	}
	if e.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	e, err = f.svc.CreateEndpoint(r.Context(), e, c.MakeRegion)
	return map[string]any{"endpoint": renderEndpoint(r, e)}, err
}

func (f *face) showEndpoint(r *api.Request) (any, error) {
	e, err := f.svc.Endpoint(r.Context(), r.Param("endpoint_id"))
	return map[string]any{"endpoint": renderEndpoint(r, e)}, err
}

func (f *face) updateEndpoint(r *api.Request) (any, error) {
	w, err := body(r, "endpoint")
	if err != nil {
		return nil, err
	}
	w.same("id", r.Param("endpoint_id"), notSameID("endpoint"))
	change := endpointChange(w)
	if change.Extra = w.extra(); w.err != nil {
		return nil, w.err
	}
	e, err := f.svc.UpdateEndpoint(r.Context(), r.Param("endpoint_id"), change)
	return map[string]any{"endpoint": renderEndpoint(r, e)}, err
}

func (f *face) deleteEndpoint(r *api.Request) (any, error) {
	return nil, f.svc.DeleteEndpoint(r.Context(), r.Param("endpoint_id"))
}
