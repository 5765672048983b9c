// Package identity is the identity service, Keystone v3: who users are, what
// they belong to, what roles they have where, which services the cloud has,
// and the tokens that prove it.
//
// Service is the whole of it. Its nouns: Project (a domain is a project with
// IsDomain), User, Group, Role, Assignment, Region, CatalogService, Endpoint,
// ApplicationCredential, Token, and Keys, the repository of the keys that
// tokens are sealed with.
//
// Tokens are Fernet tokens: nothing is stored when one is issued. Each use
// looks at the user, scope and roles as they are now, through a cache that one
// counter in the database invalidates; so what is disabled or taken away is
// gone at once.
//
// Methods here do not ask who calls: the rules are at the face, identityapi.
// It imports errs, policy and store, no net/http and no other slice.
package identity
