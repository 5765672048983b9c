// Package placementapi is the HTTP face of the placement slice: microversions
// 1.0 to 1.39 of the Placement API reference. It holds no SQL.
package placementapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
	"wisp/internal/policy"
)

const maxVersion = 39

// Rules are the policy rules by OpenStack's names.
func Rules() policy.Rules {
	operator := policy.Or(policy.Admin, policy.Role("service"))
	rules := policy.Rules{"placement:usages": policy.Or(operator, policy.Project("reader"))}
	for _, name := range []string{
		"resource_providers:list", "resource_providers:create", "resource_providers:show", "resource_providers:update", "resource_providers:delete",
		"resource_providers:usages", "resource_providers:allocations:list",
		"resource_providers:inventories:list", "resource_providers:inventories:show", "resource_providers:inventories:update",
		"resource_providers:inventories:create", "resource_providers:inventories:delete", "allocations:manage", "reshaper:reshape",
		"resource_providers:traits:list", "resource_providers:traits:update", "resource_providers:traits:delete",
		"resource_providers:aggregates:list", "resource_providers:aggregates:update",
		"allocations:list", "allocations:update", "allocations:delete", "allocation_candidates:list",
		"resource_classes:list", "resource_classes:show", "resource_classes:create", "resource_classes:update", "resource_classes:delete",
		"traits:list", "traits:show", "traits:update", "traits:delete",
	} {
		rules["placement:"+name] = operator
	}
	return rules
}

type face struct{ svc *placement.Service }

// New returns the face of the slice.
func New(svc *placement.Service) *api.Service {
	f := &face{svc: svc}
	rp := "/resource_providers/{uuid}"
	usagesTarget := func(r *api.Request) policy.Target { return policy.Target{ProjectID: r.Query().Get("project_id")} }
	return &api.Service{
		Name: "placement", Type: "placement", Prefix: "/placement",
		Rules:    Rules(),
		Versions: &api.Microversions{Major: 1, Min: 0, Max: maxVersion},
		Errors:   renderError,
		Routes: []api.Route{
			{Method: "GET", Path: "/", Policy: api.Public, Handler: f.root},
			{Method: "GET", Path: "/resource_providers", Policy: "placement:resource_providers:list", Handler: f.listProviders},
			{Method: "POST", Path: "/resource_providers", Policy: "placement:resource_providers:create", Handler: f.createProvider},
			{Method: "GET", Path: rp, Policy: "placement:resource_providers:show", Handler: f.showProvider},
			{Method: "PUT", Path: rp, Policy: "placement:resource_providers:update", Handler: f.updateProvider},
			{Method: "DELETE", Path: rp, Policy: "placement:resource_providers:delete", Status: 204, Handler: f.deleteProvider},
			{Method: "GET", Path: rp + "/inventories", Policy: "placement:resource_providers:inventories:list", Handler: f.listInventories},
			{Method: "PUT", Path: rp + "/inventories", Policy: "placement:resource_providers:inventories:update", Handler: f.setInventories},
			{Method: "POST", Path: rp + "/inventories", Policy: "placement:resource_providers:inventories:create", Status: 201, Handler: f.addInventory},
			{Method: "DELETE", Path: rp + "/inventories", Policy: "placement:resource_providers:inventories:delete", Min: 5, Status: 204, Handler: f.deleteInventories},
			{Method: "DELETE", Path: rp + "/inventories", Policy: "placement:resource_providers:inventories:delete", Max: 4, Handler: notAllowed},
			{Method: "PUT", Path: rp + "/inventories/{class}", Policy: "placement:resource_providers:inventories:update", Handler: f.setInventory},
			{Method: "DELETE", Path: rp + "/inventories/{class}", Policy: "placement:resource_providers:inventories:delete", Status: 204, Handler: f.deleteInventory},
			{Method: "GET", Path: rp + "/inventories/{class}", Policy: "placement:resource_providers:inventories:show", Handler: f.showInventory},
			{Method: "GET", Path: rp + "/usages", Policy: "placement:resource_providers:usages", Handler: f.providerUsages},
			{Method: "GET", Path: rp + "/allocations", Policy: "placement:resource_providers:allocations:list", Handler: f.providerAllocations},
			{Method: "GET", Path: rp + "/traits", Policy: "placement:resource_providers:traits:list", Min: 6, Handler: f.listProviderTraits},
			{Method: "PUT", Path: rp + "/traits", Policy: "placement:resource_providers:traits:update", Min: 6, Handler: f.setProviderTraits},
			{Method: "DELETE", Path: rp + "/traits", Policy: "placement:resource_providers:traits:delete", Min: 6, Status: 204, Handler: f.deleteProviderTraits},
			{Method: "GET", Path: rp + "/aggregates", Policy: "placement:resource_providers:aggregates:list", Min: 1, Handler: f.listAggregates},
			{Method: "PUT", Path: rp + "/aggregates", Policy: "placement:resource_providers:aggregates:update", Min: 1, Handler: f.setAggregates},
			{Method: "GET", Path: "/allocations/{consumer}", Policy: "placement:allocations:list", Handler: f.showAllocations},
			{Method: "PUT", Path: "/allocations/{consumer}", Policy: "placement:allocations:update", Status: 204, Handler: f.setAllocations},
			{Method: "POST", Path: "/allocations", Policy: "placement:allocations:manage", Min: 13, Status: 204, Handler: f.manageAllocations},
			{Method: "POST", Path: "/reshaper", Policy: "placement:reshaper:reshape", Min: 30, Status: 204, Handler: f.reshape},
			{Method: "DELETE", Path: "/allocations/{consumer}", Policy: "placement:allocations:delete", Status: 204, Handler: f.deleteAllocations},
			{Method: "GET", Path: "/allocation_candidates", Policy: "placement:allocation_candidates:list", Min: 10, Handler: f.candidates},
			{Method: "GET", Path: "/usages", Policy: "placement:usages", Target: usagesTarget, Min: 9, Handler: f.projectUsages},
			{Method: "GET", Path: "/resource_classes", Policy: "placement:resource_classes:list", Min: 2, Handler: f.listClasses},
			{Method: "POST", Path: "/resource_classes", Policy: "placement:resource_classes:create", Min: 2, Status: 201, Handler: f.createClass},
			{Method: "GET", Path: "/resource_classes/{name}", Policy: "placement:resource_classes:show", Min: 2, Handler: f.showClass},
			{Method: "PUT", Path: "/resource_classes/{name}", Policy: "placement:resource_classes:update", Min: 7, Handler: f.ensureClass},
			{Method: "PUT", Path: "/resource_classes/{name}", Policy: "placement:resource_classes:update", Min: 2, Max: 6, Handler: f.renameClass},
			{Method: "DELETE", Path: "/resource_classes/{name}", Policy: "placement:resource_classes:delete", Min: 2, Status: 204, Handler: f.deleteClass},
			{Method: "GET", Path: "/traits", Policy: "placement:traits:list", Min: 6, Handler: f.listTraits},
			{Method: "GET", Path: "/traits/{name}", Policy: "placement:traits:show", Min: 6, Status: 204, Handler: f.showTrait},
			{Method: "PUT", Path: "/traits/{name}", Policy: "placement:traits:update", Min: 6, Handler: f.ensureTrait},
			{Method: "DELETE", Path: "/traits/{name}", Policy: "placement:traits:delete", Min: 6, Status: 204, Handler: f.deleteTrait},
		},
	}
}

// notAllowed answers for a method that a later version has.
func notAllowed(*api.Request) (any, error) {
	return nil, errs.New(errs.MethodNotAllowed, "The method specified is not allowed for this resource.")
}

// root is the version document, which needs no token.
func (f *face) root(r *api.Request) (any, error) {
	fresh(r, time.Now())
	return map[string]any{"versions": []any{map[string]any{
		"id": "v1.0", "max_version": fmt.Sprintf("1.%d", maxVersion), "min_version": "1.0", "status": "CURRENT",
		"links": []any{map[string]string{"rel": "self", "href": ""}},
	}}}, nil
}

// fresh sets the headers that answers have since 1.15.
func fresh(r *api.Request, modified time.Time) {
	if r.Version >= 15 {
		r.Writer.Header().Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
		r.Writer.Header().Set("Cache-Control", "no-cache")
	}
}

// renderError writes the form of the API guideline on errors. The code is in
// it since 1.23.
func renderError(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	fault := map[string]any{
		"status": status, "title": api.Title(status), "detail": e.Message, "request_id": w.Header().Get("X-Openstack-Request-Id"),
	}
	_, version, _ := strings.Cut(w.Header().Get("OpenStack-API-Version"), "1.")
	if minor, err := strconv.Atoi(version); err == nil && minor >= 23 {
		fault["code"] = "placement.undefined_code"
		if strings.HasPrefix(e.Type, "placement.") {
			fault["code"] = e.Type
		}
	}
	if status == http.StatusNotAcceptable {
		fault["max_version"], fault["min_version"] = fmt.Sprintf("1.%d", maxVersion), "1.0"
	}
	api.WriteJSON(w, r, status, map[string]any{"errors": []any{fault}})
}

// bind decodes a body strictly: other media types, unknown members and wrong
// types are refused, as the service's schemas do.
func bind(r *api.Request, v any) error {
	kind := r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
		if kind == "" {
			kind = "None"
		}
		return errs.New(errs.UnsupportedMedia, "The media type %s is not supported, use application/json", kind)
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	return decode(body, v)
}

// decode is bind for a part of a body.
func decode(body []byte, v any) error {
	if !json.Valid(body) {
		err := json.Unmarshal(body, new(any))
		return errs.Wrap(err, errs.Invalid, "Malformed JSON: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return errs.Wrap(err, errs.Invalid, "JSON does not validate: %s is not of the type that was expected for '%s'", wrong.Value, wrong.Field)
		}
		// Of what is left, an unknown member is the only one, and its name is
		// in the text alone.
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return errs.Wrap(err, errs.Invalid, "JSON does not validate: Additional properties are not allowed ('%s' was unexpected)", name)
	}
	return nil
}

// only refuses query parameters that the operation does not have.
func only(r *api.Request, names ...string) error {
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for name := range r.Query() {
		if !known[name] {
			return errs.New(errs.Invalid, "Invalid query string parameters: Additional properties are not allowed ('%s' was unexpected)", name)
		}
	}
	return nil
}

// asUUID normalizes a uuid; ok is false when it isn't one.
func asUUID(text string) (id string, ok bool) {
	parsed, err := uuid.Parse(text)
	return parsed.String(), err == nil && !strings.ContainsAny(text, "{}:")
}

// asKey normalizes a uuid that names a member of an object; those have dashes.
func asKey(text string) (id string, ok bool) {
	id, ok = asUUID(text)
	return id, ok && len(text) == len(id)
}

// consumerID is the consumer of the path, as its row has it: a UUID without
// dashes is one too.
func consumerID(r *api.Request) string {
	if id, ok := asUUID(r.Param("consumer")); ok {
		return id
	}
	return r.Param("consumer")
}

// locate says where what was made is. The client asks at this address as it
// stands, so it has a host.
func locate(r *api.Request, path string) {
	r.Writer.Header().Set("Location", r.BaseURL()+path)
}
