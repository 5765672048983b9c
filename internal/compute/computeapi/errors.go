package computeapi

import (
	"net/http"

	"wisp/internal/api"
	"wisp/internal/errs"
)

// names are Nova's names of errors by status; others are computeFault.
var names = map[int]string{
	http.StatusBadRequest: "badRequest", http.StatusForbidden: "forbidden", http.StatusNotFound: "itemNotFound",
	http.StatusMethodNotAllowed: "badMethod", http.StatusConflict: "conflictingRequest", http.StatusRequestEntityTooLarge: "overLimit",
	http.StatusUnsupportedMediaType: "badMediaType", http.StatusTooManyRequests: "overLimit", http.StatusNotImplemented: "notImplemented",
	http.StatusServiceUnavailable: "serviceUnavailable",
}

type errorBody struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Title   string `json:"title,omitempty"`
}

// writeError writes {"itemNotFound": {"code": 404, "message": "…"}}. A missing
// or bad token is answered in Keystone's form, as its middleware does in Nova.
func writeError(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	name, body := names[status], errorBody{Code: status, Message: e.Message}
	switch {
	case status == http.StatusUnauthorized:
		name, body.Title = "error", api.Title(status)
	case name == "":
		name = "computeFault"
	}
	api.WriteJSON(w, r, status, map[string]errorBody{name: body})
}
