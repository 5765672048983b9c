package computeapi

import (
	"fmt"

	"wisp/internal/api"
)

// addFixedIP and removeFixedIP give a server's port one address more or less
// (API ref: Add and Remove fixed IP, up to 2.43).
var (
	addFixedIP = action{base + "os-multinic:add", func(version int) *schema {
		if version > lastAddressAction {
			return nil
		}
		return object(map[string]*schema{"networkId": {types: []string{"string", "number"}, minLength: 1, maxLength: 36}}, "networkId")
	}, func(f *face, r *api.Request, content []byte) (any, error) {
		var body struct {
			Add struct{ NetworkID any } `json:"addFixedIp"`
		}
		if err := api.Decode(content, &body); err != nil {
			return nil, err
		}
		return nil, f.svc.AddFixedIP(r.Context(), r.Caller, r.Param("id"), fmt.Sprint(body.Add.NetworkID))
	}}
	removeFixedIP = addressAction("removeFixedIp", "os-multinic:remove", map[string]*schema{"address": &ipString},
		func(f *face, r *api.Request, address, _ string) error {
			return f.svc.RemoveFixedIP(r.Context(), r.Caller, r.Param("id"), address)
		})
)
