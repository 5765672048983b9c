package computeapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"wisp/internal/api"
	"wisp/internal/errs"
)

// removedAPIs are those that Nova had before the Zed release: it still knows
// their paths, and says that they are gone.
var removedAPIs = map[string]string{
	"/os-agents":                               "GET POST",
	"/os-agents/{id}":                          "PUT DELETE",
	"/os-cells":                                "GET POST",
	"/os-cells/capacities":                     "GET",
	"/os-cells/detail":                         "GET",
	"/os-cells/info":                           "GET",
	"/os-cells/sync_instances":                 "POST",
	"/os-cells/{id}":                           "GET PUT DELETE",
	"/os-cells/{id}/capacities":                "GET",
	"/os-certificates":                         "POST",
	"/os-certificates/{id}":                    "GET",
	"/os-cloudpipe":                            "GET POST",
	"/os-cloudpipe/{id}":                       "PUT",
	"/os-fixed-ips/{id}":                       "GET",
	"/os-fixed-ips/{id}/action":                "POST",
	"/os-floating-ip-dns":                      "GET",
	"/os-floating-ip-dns/{id}":                 "PUT DELETE",
	"/os-floating-ip-dns/{id}/entries/{entry}": "GET PUT DELETE",
	"/os-floating-ips-bulk":                    "GET POST",
	"/os-floating-ips-bulk/{id}":               "GET PUT",
	"/os-fping":                                "GET",
	"/os-fping/{id}":                           "GET",
	"/os-networks":                             "POST",
	"/os-networks/add":                         "POST",
	"/os-networks/{id}":                        "DELETE",
	"/os-networks/{id}/action":                 "POST",
	"/os-security-group-default-rules":         "GET POST",
	"/os-security-group-default-rules/{id}":    "GET DELETE",
	"/os-tenant-networks":                      "POST",
	"/os-tenant-networks/{id}":                 "DELETE",
	"/servers/{id}/consoles":                   "GET POST",
	"/servers/{id}/consoles/{console}":         "GET DELETE",
	"/servers/{id}/os-virtual-interfaces":      "GET",
}

func removedRoutes() []api.Route {
	var routes []api.Route
	for _, path := range slices.Sorted(maps.Keys(removedAPIs)) {
		for method := range strings.FieldsSeq(removedAPIs[path]) {
			routes = append(routes, api.Route{Method: method, Path: path, Policy: base + "removed", Status: http.StatusGone, Handler: gone})
		}
	}
	return routes
}

func gone(*api.Request) (any, error) {
	return nil, errs.New(errs.Gone, "This resource is no longer available. No forwarding address is given.")
}
