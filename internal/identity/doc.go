// Package identity is the identity service, Keystone v3: who users are, what
// they belong to, what roles they have where, which services the cloud has,
// and the tokens that prove it.
//
// Service is the whole of it. Its nouns: Project (a domain is a project with
// IsDomain), User, Group, Role, Assignment, Region, CatalogService, Endpoint,
// ApplicationCredential and Token.
//
// Tokens are Fernet tokens: nothing is stored when one is issued. Each use
// looks at the user, scope and roles as they are now, through a cache that one
// counter in the database invalidates; so what is disabled or taken away is
// gone at once, whichever server of the cloud did it: the counter is asked for
// when the store tells of a change, and every quarter of a second besides.
// The keys are a secret of the database, which the same counter guards.
//
// Methods here do not ask who calls: the rules are at the face, identityapi.
// It imports errs, policy, secrets and store, no net/http and no other slice.
package identity
