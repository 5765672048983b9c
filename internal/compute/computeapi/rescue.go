package computeapi

import (
	"net/http"

	"wisp/internal/api"
)

var rescueAction = action{base + "os-rescue", func(int) *schema {
	s := object(map[string]*schema{"adminPass": &adminPass, "rescue_image_ref": &imageReference})
	s.types = append(s.types, "null")
	return s
}, func(f *face, r *api.Request, content []byte) (any, error) {
	var body struct {
		Rescue struct {
			AdminPass string `json:"adminPass"`
			ImageRef  string `json:"rescue_image_ref"`
		}
	}
	if err := api.Decode(content, &body); err != nil {
		return nil, err
	}
	pass, err := f.svc.Rescue(r.Context(), r.Caller, r.Param("id"), refs([]string{body.Rescue.ImageRef})[0], body.Rescue.AdminPass)
	if err != nil {
		return nil, err
	}
	r.SetStatus(http.StatusOK)
	return map[string]string{"adminPass": pass}, nil
}}

// imageReference is the id of an image, or nothing.
var imageReference = schema{oneOf: []*schema{&uuidString, {types: []string{"string"}, enum: []any{""}}}}

var unrescueAction = plainAction("os-unrescue", func(f *face) plainRun { return f.svc.Unrescue })
