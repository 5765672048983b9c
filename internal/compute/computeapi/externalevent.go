package computeapi

import (
	"net/http"
	"slices"

	"wisp/internal/api"
	"wisp/internal/errs"
)

func (f *face) externalEventRoutes() []api.Route {
	return []api.Route{{Method: "POST", Path: "/os-server-external-events", Policy: base + "os-server-external-events:create", Handler: f.createExternalEvents}}
}

// externalEvent is one event, as it was sent and with what became of it.
type externalEvent struct {
	Name     string  `json:"name"`
	ServerID string  `json:"server_uuid"`
	Status   string  `json:"status"`
	Tag      *string `json:"tag,omitempty"`
	Code     int     `json:"code"`
}

// tagged are the events that say nothing without a tag.
var taggedEvents = []string{"volume-extended", "power-update", "accelerator-request-bound"}

func externalEventBody(version int) *schema {
	names := []any{"network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"}
	for _, later := range []struct {
		since int
		name  string
	}{{51, "volume-extended"}, {76, "power-update"}, {82, "accelerator-request-bound"}, {93, "volume-reimaged"}} {
		if version >= later.since {
			names = append(names, later.name)
		}
	}
	event := object(map[string]*schema{
		"server_uuid": &uuidString, "name": {types: []string{"string"}, enum: names},
		"status": {types: []string{"string"}, enum: []any{"failed", "completed", "in-progress"}}, "tag": {types: []string{"string"}, maxLength: 255},
	}, "server_uuid", "name")
	return object(map[string]*schema{"events": {types: []string{"array"}, items: event}}, "events")
}

func (f *face) createExternalEvents(r *api.Request) (any, error) {
	var body struct{ Events []externalEvent }
	if err := bind(r, externalEventBody(r.Version), &body); err != nil {
		return nil, err
	}
	if len(body.Events) == 0 {
		return nil, errs.New(errs.Invalid, "Invalid input for field/attribute events. Value: []. [] is too short")
	}
	var ids []string
	for _, event := range body.Events {
		if !slices.Contains(ids, event.ServerID) {
			ids = append(ids, event.ServerID)
		}
	}
	hosts, err := f.svc.Notice(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	for i := range body.Events {
		event := &body.Events[i]
		host, known := hosts[event.ServerID]
		switch {
		case !known:
			event.Status, event.Code = "failed", http.StatusNotFound
		case event.Tag == nil && slices.Contains(taggedEvents, event.Name):
			event.Status, event.Code = "failed", http.StatusBadRequest
		case host == "":
			event.Status, event.Code = "failed", http.StatusUnprocessableEntity
		default:
			event.Status, event.Code = "completed", http.StatusOK
		}
		if event.Code != http.StatusOK {
			r.SetStatus(http.StatusMultiStatus)
		}
	}
	return map[string]any{"events": body.Events}, nil
}
