package computeapi

import (
	"encoding/json"
	"net/http"

	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

// evacuateAction moves a server off a lost host. Up to 2.13 the caller says
// whether the disks are shared, and is told the password; up to 2.28 a host
// that is named is not asked whether it suits, from 2.29 to 2.67 with force
// alone, and later never; from 2.95 the server is off afterwards.
var evacuateAction = action{base + "os-evacuate", func(version int) *schema {
	properties := map[string]*schema{
		"host": &fqdnString, "adminPass": {types: []string{"string"}}, "onSharedStorage": booleans.until(13), "force": booleans.since(29).until(67),
	}
	if version < 14 {
		return object(properties, "onSharedStorage")
	}
	return object(properties)
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		Evacuate struct {
			Host      *string
			AdminPass *string `json:"adminPass"`
			Shared    *truth  `json:"onSharedStorage"`
			Force     *truth
		}
	}
	if err := json.Unmarshal(content, &body); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "Malformed request body")
	}
	wanted := body.Evacuate
	req := compute.EvacuateRequest{Stop: r.Version >= 95, Force: wanted.Force != nil && bool(*wanted.Force)}
	if wanted.Host != nil {
		req.Host = *wanted.Host
	}
	if wanted.AdminPass != nil {
		req.AdminPass = *wanted.AdminPass
	}
	switch {
	case wanted.Shared != nil && bool(*wanted.Shared) && wanted.AdminPass != nil:
		return nil, errs.New(errs.Invalid, "admin password can't be changed on existing disk")
	case wanted.Shared != nil && bool(*wanted.Shared):
		return nil, errs.New(errs.Invalid, "Invalid state of instance files on shared storage: the disks of servers are on their hosts.")
	case req.Force && req.Host == "":
		return nil, errs.New(errs.Invalid, "Can't force to a non-provided destination")
	case r.Version < 29:
		req.Force = req.Host != ""
	}
	pass, err := f.svc.Evacuate(r.Context(), r.Caller, r.Param("id"), req)
	if err != nil {
		return nil, err
	}
	r.SetStatus(http.StatusOK)
	if r.Version >= 14 {
		return nil, nil
	}
	return map[string]string{"adminPass": pass}, nil
}}
