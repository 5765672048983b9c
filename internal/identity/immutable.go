package identity

import "wisp/internal/errs"

// A role, a project or a domain whose option "immutable" is true stays as it
// is until a change takes that option away, and does nothing else.

func immutable(options Extra) bool { is, _ := options["immutable"].(bool); return is }

// mayChange refuses to change what is immutable; kind is role, project or
// domain. others tells whether the change has more in it than options.
func mayChange(kind, id string, has, change Extra, others bool) error {
	if !immutable(has) {
		return nil
	}
	if to, given := change["immutable"]; given && to != true && !others {
		return nil
	}
	return errs.New(errs.Forbidden, "Unable to update immutable %s resource: `%s. Set resource option \"immutable\" to false first.", kind, id)
}

// mayDelete refuses to delete what is immutable.
func mayDelete(kind, id string, has Extra) error {
	if !immutable(has) {
		return nil
	}
	return errs.New(errs.Forbidden, "Unable to delete immutable %s resource: `%s. Set resource option \"immutable\" to false first.", kind, id)
}
