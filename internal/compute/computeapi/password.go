package computeapi

import (
	"net/http"

	"wisp/internal/api"
)

func (f *face) passwordRoutes() []api.Route {
	rule := base + "os-server-password:"
	return []api.Route{
		{Method: "GET", Path: "/servers/{id}/os-server-password", Policy: rule + "show", Handler: f.showPassword},
		{Method: "DELETE", Path: "/servers/{id}/os-server-password", Policy: rule + "clear", Status: http.StatusNoContent, Handler: f.clearPassword},
	}
}

func (f *face) showPassword(r *api.Request) (any, error) {
	password, err := f.svc.Password(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	return map[string]string{"password": password}, nil
}

func (f *face) clearPassword(r *api.Request) (any, error) {
	return nil, f.svc.ClearPassword(r.Context(), r.Caller, r.Param("id"))
}
