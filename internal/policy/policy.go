// Package policy decides who may do what. A rule has the name that OpenStack
// gives it ("create_network", "os_compute_api:servers:create") and answers
// for a caller and a target. A name that nobody registered denies. It imports
// only errs.
package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"wisp/internal/errs"
)

// Caller is who makes a request, as its token proves; nothing in it comes
// from the request's own words. Exactly one of ProjectID, DomainID and System
// is set for a scoped token, none for an unscoped one.
type Caller struct {
	UserID, UserName             string
	UserDomainID, UserDomainName string

	ProjectID, ProjectName             string
	ProjectDomainID, ProjectDomainName string
	DomainID, DomainName               string
	System                             bool

	Roles []string // names, with implied ones

	// AccessRules are the only requests that the token is good for; none is
	// no bound.
	AccessRules []AccessRule

	Token     string // the token as presented
	ExpiresAt time.Time
	AuditIDs  []string
	RequestID string // of the request that is being served

	// When the request came, and when its token had been checked; zero for
	// what does not come through the API.
	ReceivedAt, AuthenticatedAt time.Time
}

// HasRole tells whether the caller's token carries the role.
func (c *Caller) HasRole(name string) bool { return c != nil && slices.Contains(c.Roles, name) }

// IsAdmin tells whether the caller may see and change what others own.
func (c *Caller) IsAdmin() bool { return c.HasRole("admin") }

// AccessRule is a kind of request: a method on a path of a service, by its
// type. In Path, * and {name} stand for one part, and ** for any rest.
type AccessRule struct {
	Service, Method, Path string
}

// allows tells whether the rule is for a request.
func (r AccessRule) allows(service, method, path string) bool {
	return r.Service == service && r.Method == method && pathForm(r.Path).MatchString(path)
}

var pathPart = regexp.MustCompile(`\{[^}]*\}|\*\*|\*`)

// pathForm is the expression for the paths that a rule's means. What isn't a
// placeholder stands for itself.
func pathForm(path string) *regexp.Regexp {
	var form strings.Builder
	form.WriteString("^")
	at := 0
	for _, found := range pathPart.FindAllStringIndex(path, -1) {
		form.WriteString(regexp.QuoteMeta(path[at:found[0]]))
		if at = found[1]; path[found[0]:at] == "**" {
			form.WriteString(".*")
		} else {
			form.WriteString("[^/]+")
		}
	}
	form.WriteString(regexp.QuoteMeta(path[at:]) + "$")
	return regexp.MustCompile(form.String())
}

// Reaches tells whether the caller's token is good for a request on a service,
// by its type, at a path, whoever the caller is.
func (c *Caller) Reaches(service, method, path string) bool {
	return len(c.AccessRules) == 0 || slices.ContainsFunc(c.AccessRules, func(r AccessRule) bool { return r.allows(service, method, path) })
}

// Target is what a request is about: whose it is. Empty fields are unknown
// and match nobody.
type Target struct {
	ProjectID, DomainID, UserID string
}

// Own is the target of a request about what the caller itself owns.
func Own(c *Caller) Target {
	return Target{ProjectID: c.ProjectID, DomainID: c.DomainID, UserID: c.UserID}
}

// Rule answers whether a caller may act on a target. The caller is never nil.
type Rule func(c *Caller, t Target) bool

// Rules are the rules of one service by name.
type Rules map[string]Rule

// Merge returns the union; a name in more than one set is a programming
// error and panics, at start.
func Merge(sets ...Rules) Rules {
	all := Rules{}
	for _, set := range sets {
		for name := range set {
			if _, twice := all[name]; twice {
				panic("policy: rule registered twice: " + name)
			}
		}
		maps.Copy(all, set)
	}
	return all
}

// Check returns nil when the named rule allows, else an error of kind
// Forbidden in the words that OpenStack uses. An unknown rule denies.
func (r Rules) Check(name string, c *Caller, t Target) error {
	if c != nil {
		if rule, known := r[name]; known && rule(c, t) {
			return nil
		}
	}
	return errs.New(errs.Forbidden, "Policy doesn't allow %s to be performed.", name).WithType("PolicyNotAuthorized")
}

// Anyone allows every caller with a valid token.
func Anyone(*Caller, Target) bool { return true }

// Nobody denies.
func Nobody(*Caller, Target) bool { return false }

// Admin allows the admin role in any scope.
func Admin(c *Caller, _ Target) bool { return c.IsAdmin() }

// Role allows callers that have the role, in any scope.
func Role(name string) Rule {
	return func(c *Caller, _ Target) bool { return c.HasRole(name) }
}

// Project allows callers that have the role in the target's project.
func Project(role string) Rule {
	return func(c *Caller, t Target) bool {
		return c.ProjectID != "" && c.ProjectID == t.ProjectID && c.HasRole(role)
	}
}

// Domain allows callers that have the role in the target's domain.
func Domain(role string) Rule {
	return func(c *Caller, t Target) bool {
		return c.DomainID != "" && c.DomainID == t.DomainID && c.HasRole(role)
	}
}

// System allows callers that have the role on the whole system.
func System(role string) Rule {
	return func(c *Caller, _ Target) bool { return c.System && c.HasRole(role) }
}

// Self allows the target's own user.
func Self(c *Caller, t Target) bool { return t.UserID != "" && c.UserID == t.UserID }

// Or allows when any of the rules does.
func Or(rules ...Rule) Rule {
	return func(c *Caller, t Target) bool {
		return slices.ContainsFunc(rules, func(r Rule) bool { return r(c, t) })
	}
}

// And allows when all of the rules do.
func And(rules ...Rule) Rule {
	return func(c *Caller, t Target) bool {
		return !slices.ContainsFunc(rules, func(r Rule) bool { return !r(c, t) })
	}
}
