package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// maxRedelegation is how often a trust can be passed on at most, as Keystone
// has it.
const maxRedelegation = 3

// Trust lets a user, the trustee, act in a project with some roles of another,
// the trustor: as the trustor where Impersonation is set. It counts as long as
// the trustor has all of these roles there.
type Trust struct {
	bun.BaseModel     `bun:"table:trusts,alias:t"`
	ID                string `bun:",pk"`
	TrustorID         string
	TrusteeID         string
	ProjectID         *string // nil only with no roles
	Impersonation     bool
	ExpiresAt         *time.Time
	RemainingUses     *int64 // tokens that can still be had; nil is no bound
	RedelegatedID     *string
	RedelegationCount int64 // how often it can be passed on
	Extra             Extra `bun:"type:text"`

	RoleIDs []string `bun:"-"` // sorted
}

// TrustRequest is the trust that someone asks for.
type TrustRequest struct {
	Trust
	Roles             []Ref // by id, or by name
	AllowRedelegation bool
	Redelegations     *int64 // nil is as many as there can be
}

type trustRole struct {
	bun.BaseModel `bun:"table:trust_roles,alias:tr"`
	TrustID       string `bun:",pk"`
	RoleID        string `bun:",pk"`
}

var trustColumns = columns{text: map[string]string{
	"id": "t.id", "trustor_user_id": "t.trustor_id", "trustee_user_id": "t.trustee_id", "project_id": "t.project_id",
}}

func (t *Trust) change(action string) store.Change {
	return store.Change{Resource: "trust", ID: t.ID, Action: action, UserID: t.TrustorID}
}

// usable tells whether tokens can be had with the trust now.
func (t *Trust) usable(now time.Time) bool {
	return (t.ExpiresAt == nil || t.ExpiresAt.After(now)) && (t.RemainingUses == nil || *t.RemainingUses > 0)
}

// trustChain is the recursive query of a trust and those that it was
// redelegated from. It takes the trust's id.
const trustChain = `WITH RECURSIVE chain (id, redelegated_id, depth) AS (
	SELECT id, redelegated_id, 0 FROM trusts WHERE id = ?
	UNION ALL SELECT up.id, up.redelegated_id, chain.depth + 1 FROM trusts up JOIN chain ON up.id = chain.redelegated_id)`

// readChain returns a trust and what it was redelegated from, the first trust
// last. NotFound for one that isn't there.
func readChain(ctx context.Context, db bun.IDB, id string) ([]Trust, error) {
	var chain []Trust
	err := db.NewRaw(trustChain+`SELECT t.* FROM trusts t JOIN chain ON chain.id = t.id ORDER BY chain.depth`, id).Scan(ctx, &chain)
	if err != nil {
		return nil, fmt.Errorf("read trust: %w", err)
	}
	if len(chain) == 0 {
		return nil, notFound("trust", id)
	}
	return chain, loadTrustRoles(ctx, db, chain)
}

func loadTrustRoles(ctx context.Context, db bun.IDB, list []Trust) error {
	if len(list) == 0 {
		return nil
	}
	byID := map[string]*Trust{}
	var ids []string
	for i := range list {
		byID[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	var rows []trustRole
	if err := db.NewSelect().Model(&rows).Where("trust_id IN (?)", bun.List(ids)).Order("role_id").Scan(ctx); err != nil {
		return fmt.Errorf("read roles of trusts: %w", err)
	}
	for _, row := range rows {
		byID[row.TrustID].RoleIDs = append(byID[row.TrustID].RoleIDs, row.RoleID)
	}
	return nil
}

// liveChain is readChain for a trust with which tokens can be had; any other
// is NotFound. One whose agents between trustor and trustee are gone or
// disabled is Forbidden.
func (s *Service) liveChain(ctx context.Context, db bun.IDB, id string) ([]Trust, error) {
	chain, err := readChain(ctx, db, id)
	if err != nil {
		return nil, err
	}
	if !chain[0].usable(s.time()) {
		return nil, notFound("trust", id)
	}
	return chain, s.checkAgents(ctx, db, chain)
}

// checkAgents asks whether all who passed a trust on are still there.
func (s *Service) checkAgents(ctx context.Context, db bun.IDB, chain []Trust) error {
	var agents []string
	for _, parent := range chain[1:] {
		agents = append(agents, parent.TrusteeID)
		if parent.ExpiresAt != nil && !parent.ExpiresAt.After(s.time()) {
			return notFound("trust", chain[0].ID)
		}
	}
	if len(agents) == 0 {
		return nil
	}
	slices.Sort(agents)
	agents = slices.Compact(agents)
	n, err := db.NewSelect().Model((*User)(nil)).Where("id IN (?) AND enabled", bun.List(agents)).Count(ctx)
	if err != nil {
		return fmt.Errorf("read agents of trust: %w", err)
	}
	if int(n) < len(agents) {
		return errs.New(errs.Forbidden, "One of the trust agents is disabled or deleted")
	}
	return nil
}

// Trusts lists trusts, without their roles, as Keystone does. Filters by
// trustor_user_id and trustee_user_id narrow it.
func (s *Service) Trusts(ctx context.Context, l Listing) ([]Trust, error) {
	list := []Trust{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "trusts", trustColumns)
}

// Trust returns a trust that can be used, with its roles. NotFound for any
// other.
func (s *Service) Trust(ctx context.Context, id string) (Trust, []Role, error) {
	chain, err := s.liveChain(ctx, s.db.Read(), id)
	if err != nil {
		return Trust{}, nil, err
	}
	known, err := s.known(ctx)
	if err != nil {
		return Trust{}, nil, err
	}
	roles := []Role{}
	for _, id := range chain[0].RoleIDs {
		if role, ok := known.roles[id]; ok {
			roles = append(roles, role)
		}
	}
	return chain[0], roles, nil
}

func forbiddenAction(action string) error {
	return errs.New(errs.Forbidden, "You are not authorized to perform the requested action: %s.", action)
}

// CreateTrust makes a trust in the name of the token's user. Who has the token
// by a trust passes that one on, within its bounds; with an application
// credential or OAuth nobody makes trusts. Errors: Forbidden, Invalid, NotFound
// for users, projects, and roles that the trustor does not have.
func (s *Service) CreateTrust(ctx context.Context, by *Token, request TrustRequest) (Trust, error) {
	t := request.Trust
	t.ID = newID()
	switch {
	case by.Credential != nil:
		return t, forbiddenAction("Using method 'application_credential' is not allowed for managing trusts.")
	case by.Delegated() && by.Trust == nil:
		return t, forbiddenAction("Redelegation allowed for delegated by trust only")
	case t.ProjectID != nil && len(request.Roles) == 0:
		return t, forbiddenAction("At least one role should be specified")
	case by.User.ID != t.TrustorID:
		return t, forbiddenAction("The authenticated user should match the trustor")
	case t.ExpiresAt != nil && !t.ExpiresAt.After(s.time()):
		return t, errPastExpiry
	}
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		row := t // the function may run again
		if err := s.prepareTrust(ctx, tx, by, request, &row); err != nil {
			return err
		}
		tx.Changed(row.change(store.Create))
		if err := write(ctx, tx.NewInsert().Model(&row), "trust", "Duplicate entry"); err != nil {
			return err
		}
		t = row
		if len(row.RoleIDs) == 0 {
			return nil
		}
		var roles []trustRole
		for _, id := range row.RoleIDs {
			roles = append(roles, trustRole{TrustID: row.ID, RoleID: id})
		}
		return write(ctx, tx.NewInsert().Model(&roles), "trust", "Duplicate entry")
	})
	return t, err
}

var errPastExpiry = errs.New(errs.Invalid, "The 'expires_at' must not be before now. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")

// prepareTrust checks a new trust against who and what is there, and completes
// it.
func (s *Service) prepareTrust(ctx context.Context, tx *store.Tx, by *Token, request TrustRequest, t *Trust) error {
	if err := one(ctx, tx.NewSelect().Model(&User{}).Where("id = ?", t.TrusteeID), "user", t.TrusteeID); err != nil {
		return err
	}
	var chain []Trust
	if by.Trust != nil {
		var err error
		if chain, err = readChain(ctx, tx, by.Trust.ID); err != nil {
			return err
		}
		if err := s.checkAgents(ctx, tx, chain); err != nil {
			return err
		}
	}
	if err := s.trustRoles(ctx, tx, request.Roles, chain, t); err != nil {
		return err
	}
	return t.redelegate(request, chain)
}

// trustRoles finds the roles that are asked for, all of which the first trustor
// must have.
func (s *Service) trustRoles(ctx context.Context, tx *store.Tx, refs []Ref, chain []Trust, t *Trust) error {
	known, err := s.known(ctx)
	if err != nil {
		return err
	}
	t.RoleIDs = nil
	if t.ProjectID == nil && len(refs) == 0 {
		return nil
	}
	var has []string
	if t.ProjectID != nil {
		if _, err := findProject(ctx, tx, *t.ProjectID, "project"); err != nil {
			return err
		}
		trustor, project := t.TrustorID, *t.ProjectID
		if n := len(chain); n > 0 {
			if chain[n-1].ProjectID == nil || *chain[n-1].ProjectID != project {
				return errs.New(errs.Forbidden, "Some of requested roles are not in redelegated trust")
			}
			trustor = chain[n-1].TrustorID
		}
		ids, err := assignedRoles(ctx, tx, trustor, scopeProject, project)
		if err != nil {
			return err
		}
		has = known.expand(ids)
	}
	for _, ref := range refs {
		id, err := known.roleID(ref)
		if err != nil {
			return err
		}
		if !slices.Contains(has, id) {
			return notFound("role", id)
		}
		t.RoleIDs = append(t.RoleIDs, id)
	}
	slices.Sort(t.RoleIDs)
	t.RoleIDs = slices.Compact(t.RoleIDs)
	return nil
}

// roleID finds a role that is named by id or by name. A name that roles of
// several domains have names none of them.
func (f *facts) roleID(ref Ref) (string, error) {
	if ref.ID != "" {
		if _, ok := f.roles[ref.ID]; !ok {
			return "", notFound("role", ref.ID)
		}
		return ref.ID, nil
	}
	var found []string
	for id, role := range f.roles {
		if role.Name == ref.Name {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", notFound("role", ref.Name)
	case 1:
		return found[0], nil
	}
	return "", errs.New(errs.Invalid, "Found %d roles named %s: name one by its id.", len(found), ref.Name)
}

// redelegate settles how often the trust can be passed on, and keeps it within
// the bounds of those that it comes from, the nearest first in chain.
func (t *Trust) redelegate(request TrustRequest, chain []Trust) error {
	asked := request.Redelegations
	again := request.AllowRedelegation && (asked == nil || *asked != 0)
	t.RedelegationCount = maxRedelegation
	if len(chain) > 0 {
		t.RedelegatedID = &chain[0].ID
		t.RedelegationCount = chain[0].RedelegationCount - 1
	}
	if !again {
		t.RedelegationCount = 0
	} else {
		switch {
		case asked != nil && *asked > maxRedelegation:
			return errs.New(errs.Forbidden, "Requested redelegation depth of %d is greater than allowed %d", *asked, maxRedelegation)
		case t.RemainingUses != nil:
			return errs.New(errs.Invalid, "remaining_uses must not be set if redelegation is allowed")
		case asked != nil && len(chain) > 0 && *asked != t.RedelegationCount:
			return errs.New(errs.Forbidden, "Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this parameter is advised.")
		case asked != nil:
			t.RedelegationCount = *asked
		}
	}
	for i := range chain {
		if err := t.within(&chain[i]); err != nil {
			return err
		}
	}
	return nil
}

// within keeps a redelegated trust within one that it comes from.
func (t *Trust) within(parent *Trust) error {
	switch {
	case parent.RedelegationCount <= 0 || parent.RedelegationCount > maxRedelegation:
		return errs.New(errs.Forbidden, "Remaining redelegation depth of %d out of allowed range of [0..%d]", parent.RedelegationCount, maxRedelegation)
	case t.RemainingUses != nil:
		return errs.New(errs.Forbidden, "Field \"remaining_uses\" is set to %d while it must not be set in order to redelegate a trust", *t.RemainingUses)
	case parent.ExpiresAt != nil && t.ExpiresAt != nil && t.ExpiresAt.After(*parent.ExpiresAt):
		return errs.New(errs.Forbidden, "Requested expiration time is more than redelegated trust can provide")
	case slices.ContainsFunc(t.RoleIDs, func(id string) bool { return !slices.Contains(parent.RoleIDs, id) }):
		return errs.New(errs.Forbidden, "Some of requested roles are not in redelegated trust")
	case t.Impersonation && !parent.Impersonation:
		return errs.New(errs.Forbidden, "Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: %s", parent.ID)
	}
	if t.ExpiresAt == nil {
		t.ExpiresAt = parent.ExpiresAt
	}
	return nil
}

// DeleteTrust ends a trust and what was redelegated from it, with their tokens.
func (s *Service) DeleteTrust(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var t Trust
		if err := one(ctx, tx.NewSelect().Model(&t).Where("id = ?", id), "trust", id); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&t).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete trust: %w", err)
		}
		tx.Changed(t.change(store.Delete))
		return nil
	})
}

// consumeUse takes one use of a trust that has a bound. Of two who want the
// last one, one is Forbidden.
func (s *Service) consumeUse(ctx context.Context, t *Trust) error {
	if t.RemainingUses == nil {
		return nil
	}
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewUpdate().Model((*Trust)(nil)).Set("remaining_uses = remaining_uses - 1").Where("id = ? AND remaining_uses > 0", t.ID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("use trust: %w", err)
		}
		tx.Changed(t.change(store.Update))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errs.New(errs.Forbidden, "No remaining uses for trust: %s.", t.ID))
		}
		return nil
	})
}

// lookTrust reads the payload's trust into the token: its user is the trustor
// where it impersonates. It returns the roles that the trust gives.
func (s *Service) lookTrust(ctx context.Context, known *facts, t *Token, p *payload) ([]string, error) {
	chain, err := readChain(ctx, s.db.Read(), p.trust)
	if err != nil {
		if errs.Is(err, errs.NotFound) {
			return nil, unauthenticated("the trust is gone")
		}
		return nil, err
	}
	trust := chain[0]
	if trust.ExpiresAt != nil && !trust.ExpiresAt.After(s.time()) {
		return nil, unauthenticated("the trust is expired")
	}
	if err := s.checkAgents(ctx, s.db.Read(), chain); err != nil {
		return nil, err
	}
	if trust.TrusteeID != p.userID {
		return nil, errs.New(errs.Forbidden, "User is not a trustee.")
	}
	t.Trust = &trust
	var trustor Token
	if err := s.lookUser(ctx, &trustor, trust.TrustorID); err != nil {
		return nil, ofTrustor(err, "Trustor is disabled.")
	}
	if p.issued.Before(trustor.User.ValidAfter) {
		return nil, unauthenticated("the trustor's password was changed after the token was issued")
	}
	if err := s.lookScope(ctx, &trustor, unscoped, ""); err != nil {
		return nil, ofTrustor(err, "Trustor domain is disabled.")
	}
	if trust.Impersonation {
		t.User, t.UserDomain = trustor.User, trustor.UserDomain
	}
	if p.scope != scopeProject {
		return nil, nil
	}
	// What counts is what the first of all trustors may do.
	assigned, err := assignedRoles(ctx, s.db.Read(), chain[len(chain)-1].TrustorID, p.scope, p.scopeID)
	if err != nil {
		return nil, err
	}
	has := known.expand(assigned)
	for _, id := range known.expand(trust.RoleIDs) {
		if !slices.Contains(has, id) {
			return nil, errs.New(errs.Forbidden, "Trustee has no delegated roles.")
		}
	}
	return trust.RoleIDs, nil
}

// ofTrustor says what is the matter with a trustor, unless it could not be seen.
func ofTrustor(err error, message string) error {
	if errs.Is(err, errs.Unauthenticated) {
		return errs.Wrap(err, errs.Forbidden, "%s", message)
	}
	return err
}
