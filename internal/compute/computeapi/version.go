package computeapi

import (
	"fmt"

	"wisp/internal/api"
)

type versionLink struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

type mediaType struct {
	Base string `json:"base"`
	Type string `json:"type"`
}

type versionDocument struct {
	ID         string        `json:"id"`
	Status     string        `json:"status"`
	Version    string        `json:"version"`
	MinVersion string        `json:"min_version"`
	Updated    string        `json:"updated"`
	Links      []versionLink `json:"links"`
	MediaTypes []mediaType   `json:"media-types,omitempty"`
}

func (f *face) versionRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/", Policy: api.Public, Handler: f.listVersions},
		{Method: "GET", Path: "/v2", Policy: api.Public, Handler: f.showOldVersion},
		{Method: "GET", Path: "/v2/", Policy: api.Public, Handler: f.showOldVersion},
		{Method: "GET", Path: "/v2.1", Policy: api.Public, Handler: f.showVersion},
		{Method: "GET", Path: "/v2.1/", Policy: api.Public, Handler: f.showVersion},
	}
}

func version(r *api.Request) versionDocument {
	return versionDocument{
		ID: "v2.1", Status: "CURRENT", Version: fmt.Sprintf("2.%d", maxVersion), MinVersion: fmt.Sprintf("2.%d", minVersion),
		Updated: "2013-07-23T11:33:21Z", Links: []versionLink{{Rel: "self", Href: r.ServiceURL() + "/v2.1/"}},
	}
}

// oldVersion has no microversions.
func oldVersion(r *api.Request) versionDocument {
	return versionDocument{
		ID: "v2.0", Status: "SUPPORTED", Updated: "2011-01-21T11:33:21Z", Links: []versionLink{{Rel: "self", Href: r.ServiceURL() + "/v2/"}},
	}
}

func (f *face) listVersions(r *api.Request) (any, error) {
	return map[string]any{"versions": []versionDocument{oldVersion(r), version(r)}}, nil
}

func describe(v versionDocument, number string) any {
	v.Links = append(v.Links, versionLink{Rel: "describedby", Type: "text/html", Href: "http://docs.openstack.org/"})
	v.MediaTypes = []mediaType{{"application/json", "application/vnd.openstack.compute+json;version=" + number}}
	return map[string]any{"version": v}
}

func (f *face) showVersion(r *api.Request) (any, error)    { return describe(version(r), "2.1"), nil }
func (f *face) showOldVersion(r *api.Request) (any, error) { return describe(oldVersion(r), "2"), nil }
