package computeapi

import "wisp/internal/api"

// forceDeleteAction deletes for good, also what is kept of a deleted server.
var forceDeleteAction = action{base + "os-deferred-delete:force", free, func(f *face, r *api.Request, _ []byte) (any, error) {
	return nil, f.svc.ForceDeleteServer(r.Context(), r.Caller, r.Param("id"))
}}

// restoreAction brings back a server that was deleted and is kept still.
var restoreAction = action{base + "os-deferred-delete:restore", free, func(f *face, r *api.Request, _ []byte) (any, error) {
	_, err := f.svc.RestoreServer(r.Context(), r.Caller, r.Param("id"))
	return nil, err
}}
