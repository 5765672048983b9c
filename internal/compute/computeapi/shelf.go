package computeapi

import (
	"encoding/json"

	"wisp/internal/api"
	"wisp/internal/errs"
)

var shelveAction = action{base + "os-shelve:shelve", free, func(f *face, r *api.Request, _ []byte) (any, error) {
	return nil, f.svc.Shelve(r.Context(), r.Caller, r.Param("id"))
}}

var shelveOffloadAction = plainAction("os-shelve:shelve_offload", func(f *face) plainRun { return f.svc.ShelveOffload })

var unshelveAction = action{base + "os-shelve:unshelve", func(version int) *schema {
	if version < 77 {
		return &anything
	}
	zone := nameString
	if version >= 91 {
		zone.types = []string{"string", "null"}
	}
	s := object(map[string]*schema{"availability_zone": &zone, "host": fqdnString.since(91)})
	if version < 91 {
		s.required = []string{"availability_zone"}
	}
	s.types = append(s.types, "null")
	return s
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct{ Unshelve json.RawMessage }
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	var in struct {
		Zone optional[*string] `json:"availability_zone"`
		Host string
	}
	if r.Version >= 77 && string(body.Unshelve) != "null" {
		if err := api.Decode(body.Unshelve, &in); err != nil {
			return nil, err
		}
	}
	var zone **string
	if in.Zone.given {
		zone = &in.Zone.value
	}
	if in.Host != "" && !r.Can(ruleUnshelveHost, ownTarget(r)) {
		return nil, errs.New(errs.Forbidden, "Policy doesn't allow %s to be performed.", ruleUnshelveHost)
	}
	_, err := f.svc.Unshelve(r.Context(), r.Caller, r.Param("id"), zone, in.Host)
	return nil, err
}}
