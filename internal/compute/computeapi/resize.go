package computeapi

import (
	"net/http"

	"wisp/internal/api"
)

var resizeAction = action{base + "servers:resize", func(int) *schema {
	return object(map[string]*schema{"flavorRef": {types: []string{"string", "integer"}, minLength: 1}, "OS-DCF:diskConfig": &diskConfig}, "flavorRef")
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		Resize struct {
			FlavorRef  text
			DiskConfig string `json:"OS-DCF:diskConfig"`
		}
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	_, err := f.svc.ResizeServer(r.Context(), r.Caller, r.Param("id"), refs([]string{string(body.Resize.FlavorRef)})[0], body.Resize.DiskConfig)
	return nil, err
}}

var confirmResizeAction = action{base + "servers:confirm_resize", free, func(f *face, r *api.Request, _ []byte) (any, error) {
	if _, err := f.svc.ConfirmResize(r.Context(), r.Caller, r.Param("id")); err != nil {
		return nil, err
	}
	r.SetStatus(http.StatusNoContent)
	return nil, nil
}}

var revertResizeAction = plainAction("servers:revert_resize", func(f *face) plainRun { return f.svc.RevertResize })
