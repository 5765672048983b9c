// Package api is what all HTTP faces share: the table of routes, token
// authentication, policy, microversions, JSON in and out, paging, and the
// rendering of errors in each service's own form. A face is a Service value:
// a prefix, an error form and routes. It imports errs, policy and store, never
// a slice.
package api

import (
	"net/http"

	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Handler answers one request. The value it returns becomes the JSON body; nil
// means that there is no body, unless the handler wrote one itself with
// Request.Writer.
type Handler func(r *Request) (any, error)

// Route is one operation of an API.
type Route struct {
	Method string
	Path   string // below the service's prefix, chi form: /v2.0/networks/{id}
	// Policy is the rule's name. It is checked before the handler runs,
	// against Target; Public routes need no token and have no rule.
	Policy string
	// Target says what the request is about. Nil is the caller's own.
	Target func(r *Request) policy.Target
	// Min and Max are the first and last microversion, as minor numbers,
	// that have this route: outside of them it answers 404. 0 is unbounded.
	Min, Max int
	Status   int // of success; 0 is 200. One that is an error is all that the route ever answers
	// MaxBody is the largest request body in bytes: 0 is MaxJSONBody,
	// negative is unlimited, for uploads that the handler streams.
	MaxBody int64
	// Secret says that the path holds a secret: the log has the route instead.
	Secret  bool
	Handler Handler
}

// Public is the policy of a route that needs no token.
const Public = "public"

// MaxJSONBody is the largest JSON body, in bytes, as oslo.middleware has it.
const MaxJSONBody = 114688

// Service is one OpenStack API.
type Service struct {
	Name     string // in the OpenStack-API-Version header: "compute"
	Type     string // in the catalog: "compute"
	Prefix   string // "/compute"
	Rules    policy.Rules
	Versions *Microversions // nil where the service has none
	Errors   ErrorForm
	Routes   []Route
	// Old is an older version of the API, which the same routes answer; nil
	// where there is none.
	Old *Old
	// RequestIDHeader shows the request id once more, as Nova does; may be
	// empty.
	RequestIDHeader string
	// Slashes says that every path may end with a slash, as Keystone's may.
	Slashes bool
	// Statuses overrides the status of a kind of error for this service.
	Statuses map[errs.Kind]int
}

// Old is a version of an API from before it had microversions. A request below
// From is answered by the route below To, with Request.Version 0: it has
// nothing that came later, and its version headers mean nothing.
type Old struct{ From, To string }

// ErrorForm writes an error as the service does. e is never nil; status is
// what Status says for its kind.
type ErrorForm func(w http.ResponseWriter, r *http.Request, status int, e *errs.Error)

var statuses = map[errs.Kind]int{
	errs.Internal:           http.StatusInternalServerError,
	errs.Invalid:            http.StatusBadRequest,
	errs.Unauthenticated:    http.StatusUnauthorized,
	errs.Forbidden:          http.StatusForbidden,
	errs.OverQuota:          http.StatusForbidden,
	errs.NotFound:           http.StatusNotFound,
	errs.MethodNotAllowed:   http.StatusMethodNotAllowed,
	errs.NotAcceptable:      http.StatusNotAcceptable,
	errs.Conflict:           http.StatusConflict,
	errs.Gone:               http.StatusGone,
	errs.PreconditionFailed: http.StatusPreconditionFailed,
	errs.TooLarge:           http.StatusRequestEntityTooLarge,
	errs.UnsupportedMedia:   http.StatusUnsupportedMediaType,
	errs.NotImplemented:     http.StatusNotImplemented,
	errs.Unavailable:        http.StatusServiceUnavailable,
}

// Status is the HTTP status of an error's kind in this service.
func (s *Service) Status(kind errs.Kind) int {
	if code, ok := s.Statuses[kind]; ok {
		return code
	}
	return statuses[kind]
}
