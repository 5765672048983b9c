// Package networkapi is the HTTP face of the Networking service, API v2.0
// below /network: the wire types, the attributes that requests may give, the
// table of routes and the extensions that are announced. New returns the
// table. It holds no SQL and no rules of its own, and must not import other
// faces.
package networkapi
