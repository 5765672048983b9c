// Package errs gives errors a kind and a public message. Slices return these;
// the HTTP edge turns the kind into a status and the message into each
// service's own error body. It knows no HTTP and imports nothing of the
// project.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what went wrong, in terms that every service shares.
type Kind int

// The kinds. Internal is the zero value: an error that nobody classified.
const (
	Internal           Kind = iota
	Invalid                 // the request is wrong: 400
	Unauthenticated         // who asks is not known: 401
	Forbidden               // who asks may not: 403
	OverQuota               // more than the quota allows: 403, or 409 for network
	NotFound                // 404
	MethodNotAllowed        // 405
	NotAcceptable           // 406, a microversion out of range
	Conflict                // the state of things forbids it: 409
	Gone                    // 410, an API that was removed
	PreconditionFailed      // 412, revision or generation differs
	TooLarge                // 413
	UnsupportedMedia        // 415
	NotImplemented          // 501, what this cloud does not offer
	Unavailable             // 503, a part that is needed does not answer
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "over quota", "not found", "method not allowed", "not acceptable",
	"conflict", "gone", "precondition failed", "too large", "unsupported media", "not implemented", "unavailable",
}

// Kinds lists all kinds, for tests that must cover each.
func Kinds() []Kind {
	all := make([]Kind, len(kindNames))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindNames[k]
}

// Error is an error with a kind. Message is public: whoever made the request
// reads it. Type is the service's own name for the error where its body has
// one (Neutron's NeutronError.type, such as "PortNotFound"); empty elsewhere.
// Err is the cause; it is logged and never shown.
type Error struct {
	Kind    Kind
	Message string
	Type    string
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind with a public message.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error of a kind with a public message and a hidden cause.
func Wrap(err error, kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: err}
}

// WithType names the error as the service's body does and returns it.
func (e *Error) WithType(name string) *Error {
	e.Type = name
	return e
}

// Of returns the kind of an error: of the first Error in its chain, or Internal.
func Of(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is tells whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err) == kind }
