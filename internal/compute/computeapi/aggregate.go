package computeapi

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func (f *face) aggregateRoutes() []api.Route {
	rule := base + "os-aggregates:"
	return []api.Route{
		{Method: "GET", Path: "/os-aggregates", Policy: rule + "index", Handler: f.listAggregates},
		{Method: "POST", Path: "/os-aggregates", Policy: rule + "create", Handler: f.createAggregate},
		{Method: "GET", Path: "/os-aggregates/{id}", Policy: rule + "show", Handler: f.showAggregate},
		{Method: "PUT", Path: "/os-aggregates/{id}", Policy: rule + "update", Handler: f.updateAggregate},
		{Method: "DELETE", Path: "/os-aggregates/{id}", Policy: rule + "delete", Handler: f.deleteAggregate},
		{Method: "POST", Path: "/os-aggregates/{id}/images", Policy: "compute:aggregates:images", Min: 81, Status: http.StatusAccepted, Handler: f.cacheImages},
		{Method: "POST", Path: "/os-aggregates/{id}/action", Policy: rule + "action", Handler: f.aggregateAction},
	}
}

type aggregateView struct {
	ID        int64             `json:"id"`
	UUID      string            `json:"uuid,omitempty"` // 2.41
	Name      string            `json:"name"`
	Zone      *string           `json:"availability_zone"`
	Hosts     []string          `json:"hosts,omitzero"`    // not of one just made
	Metadata  map[string]string `json:"metadata,omitzero"` // neither
	CreatedAt any               `json:"created_at"`
	UpdatedAt any               `json:"updated_at"`
	DeletedAt any               `json:"deleted_at"`
	Deleted   bool              `json:"deleted"`
}

func viewAggregate(r *api.Request, a compute.Aggregate) aggregateView {
	v := aggregateView{ID: a.Number, Name: a.Name, Hosts: a.Hosts, Metadata: a.Metadata, CreatedAt: micro(a.CreatedAt), UpdatedAt: micro(a.UpdatedAt)}
	if zone, ok := a.Metadata[compute.ZoneKey]; ok {
		v.Zone = &zone
	}
	if r.Version >= 41 {
		v.UUID = a.ID
	}
	return v
}

func (f *face) listAggregates(r *api.Request) (any, error) {
	list, err := f.svc.ListAggregates(r.Context())
	if err != nil {
		return nil, err
	}
	views := make([]aggregateView, len(list))
	for i, a := range list {
		views[i] = viewAggregate(r, a)
	}
	return map[string]any{"aggregates": views}, nil
}

// aggregateID is the number in the path; another word is Invalid.
func aggregateID(r *api.Request) (string, error) {
	id := r.Param("id")
	if _, err := strconv.ParseInt(id, 10, 32); err != nil {
		return "", errs.New(errs.Invalid, "Invalid input received: id must be an integer")
	}
	return id, nil
}

// inTheWay turns what is in the way of a change of the aggregate itself into a
// bad request, which Nova takes it for; of hosts that come and go it is a conflict.
func inTheWay(err error) error {
	if public, ok := errors.AsType[*errs.Error](err); ok && public.Type == compute.TypeZone {
		return errs.Wrap(err, errs.Invalid, "%s", public.Message)
	}
	return err
}

func answerAggregate(r *api.Request, a compute.Aggregate, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"aggregate": viewAggregate(r, a)}, nil
}

func (f *face) showAggregate(r *api.Request) (any, error) {
	id, err := aggregateID(r)
	if err != nil {
		return nil, err
	}
	a, err := f.svc.GetAggregate(r.Context(), id)
	return answerAggregate(r, a, err)
}

var (
	zoneName         = schema{types: []string{"string", "null"}, format: "name", minLength: 1, maxLength: 255}
	aggregateFields  = map[string]*schema{"name": &nameString, "availability_zone": &zoneName}
	createAggregates = wrapped("aggregate", object(aggregateFields, "name"))
	updateAggregates = wrapped("aggregate", object(aggregateFields))
	nullableValue    = schema{types: []string{"string", "null"}, maxLength: 255}
	aggregateActions = map[string]*schema{
		"add_host":     object(map[string]*schema{"host": &fqdnString}, "host"),
		"remove_host":  object(map[string]*schema{"host": &fqdnString}, "host"),
		"set_metadata": object(map[string]*schema{"metadata": {types: []string{"object"}, open: true, keys: metaKeys, values: &nullableValue}}, "metadata"),
	}
)

type aggregateBody struct {
	Aggregate struct {
		Name *string
		Zone optional[*string] `json:"availability_zone"`
	}
}

func (f *face) createAggregate(r *api.Request) (any, error) {
	var body aggregateBody
	if err := bind(r, createAggregates, &body); err != nil {
		return nil, err
	}
	zone := ""
	if body.Aggregate.Zone.value != nil {
		zone = *body.Aggregate.Zone.value
	}
	a, err := f.svc.CreateAggregate(r.Context(), *body.Aggregate.Name, zone)
	if err != nil {
		return nil, err
	}
	view := viewAggregate(r, a)
	view.Hosts, view.Metadata = nil, nil
	return map[string]any{"aggregate": view}, nil
}

func (f *face) updateAggregate(r *api.Request) (any, error) {
	var body aggregateBody
	if err := bind(r, updateAggregates, &body); err != nil {
		return nil, err
	}
	id, err := aggregateID(r)
	if err != nil {
		return nil, err
	}
	name, zone := body.Aggregate.Name, body.Aggregate.Zone
	switch {
	case name == nil && !zone.given:
		return nil, errs.New(errs.Invalid, "Invalid input for field/attribute aggregate. Value: {}. 'name' or 'availability_zone' is a required property")
	case zone.given && zone.value == nil:
		return nil, errs.New(errs.Invalid, "Cannot update aggregate %s. Reason: it does not support an availability zone without a name; set_metadata takes it out of its zone.", id)
	}
	a, err := f.svc.ChangeAggregate(r.Context(), id, func(a *compute.Aggregate) error {
		if name != nil {
			a.Name = *name
		}
		if zone.value != nil {
			a.Metadata[compute.ZoneKey] = *zone.value
		}
		return nil
	})
	return answerAggregate(r, a, inTheWay(err))
}

func (f *face) deleteAggregate(r *api.Request) (any, error) {
	id, err := aggregateID(r)
	if err != nil {
		return nil, err
	}
	return nil, inTheWay(f.svc.DeleteAggregate(r.Context(), id))
}

func (f *face) aggregateAction(r *api.Request) (any, error) {
	content, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	if err := knownAction(content, slices.Collect(maps.Keys(aggregateActions))...); err != nil {
		return nil, err
	}
	if err := object(aggregateActions).check(content, r.Version); err != nil {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	var fields struct {
		Host     string
		Metadata map[string]*string
	}
	action := ""
	for name, inner := range body {
		action = name
		if err := api.Decode(inner, &fields); err != nil {
			return nil, err
		}
	}
	id, err := aggregateID(r)
	if err != nil {
		return nil, err
	}
	a, err := f.svc.ChangeAggregate(r.Context(), id, func(a *compute.Aggregate) error {
		at := slices.Index(a.Hosts, fields.Host)
		switch {
		case action == "set_metadata":
			for name, value := range fields.Metadata {
				if value == nil {
					delete(a.Metadata, name)
				} else {
					a.Metadata[name] = *value
				}
			}
		case action == "add_host" && at >= 0:
			return errs.New(errs.Conflict, "Aggregate %d already has host %s.", a.Number, fields.Host)
		case action == "add_host":
			a.Hosts = append(a.Hosts, fields.Host)
		case at < 0:
			return errs.New(errs.NotFound, "Cannot remove host %s in aggregate %d: it is not there.", fields.Host, a.Number)
		default:
			a.Hosts = slices.Delete(a.Hosts, at, at+1)
		}
		return nil
	})
	if action == "set_metadata" {
		err = inTheWay(err)
	}
	return answerAggregate(r, a, err)
}

var cacheBody = object(map[string]*schema{"cache": {types: []string{"array"}, items: object(map[string]*schema{"id": &uuidString}, "id")}}, "cache")

// cacheImages has images fetched to the hosts of an aggregate before servers
// need them there.
func (f *face) cacheImages(r *api.Request) (any, error) {
	var body struct{ Cache []struct{ ID string } }
	if err := bind(r, cacheBody, &body); err != nil {
		return nil, err
	}
	if len(body.Cache) == 0 {
		return nil, errs.New(errs.Invalid, "Invalid input for field/attribute cache. Value: []. [] is too short")
	}
	var ids []string
	for _, image := range body.Cache {
		if slices.Contains(ids, image.ID) {
			return nil, errs.New(errs.Invalid, "Duplicate images in request")
		}
		ids = append(ids, image.ID)
	}
	id, err := aggregateID(r)
	if err != nil {
		return nil, err
	}
	return nil, f.svc.CacheImages(r.Context(), r.Caller, id, ids)
}
