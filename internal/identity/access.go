package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// expiredWindow is how long after its end a token can still be validated with
// allow_expired, as services do for work that takes long.
const expiredWindow = 48 * time.Hour

// Token is a valid token and what it gives access to, as of now. Exactly one
// of Project, Domain and System is set, none when it is unscoped.
type Token struct {
	ID                  string // as presented
	Methods, AuditIDs   []string
	IssuedAt, ExpiresAt time.Time
	User                User
	UserDomain          Project
	Project             *Project
	ProjectDomain       Project // of Project; the project itself when it is a domain
	Domain              *Project
	System              bool
	Roles               []Role
	Credential          *ApplicationCredential // when it was made with one
	Trust               *Trust                 // when it was made by one; User is the trustor where that one impersonates
	Access              *AccessToken           // when it was made with one of OAuth
}

// Delegated tells whether the token was had with something that its user gave
// away: it may not be made into another, nor manage what outlives it.
func (t *Token) Delegated() bool {
	return t.Credential != nil || t.Trust != nil || t.Access != nil || slices.Contains(t.Methods, MethodEC2)
}

// Scoped tells whether the token has roles somewhere.
func (t *Token) Scoped() bool { return t.Project != nil || t.Domain != nil || t.System }

// resolution is a token in the cache: right as long as the revision is, and for
// the day where users can become inactive.
type resolution struct {
	revision int64
	day      time.Time
	payload  *payload
	token    *Token
	caller   *policy.Caller
}

func unauthenticated(why string) error {
	return errs.Wrap(errors.New(why), errs.Unauthenticated, "The request you have made requires authentication.")
}

// Authenticate returns who presents the token. Nobody does with one that is
// expired, revoked, not from here, or whose user, scope or roles are gone: an
// error of kind Unauthenticated. The caller is shared: copy it to change it.
func (s *Service) Authenticate(ctx context.Context, token string) (*policy.Caller, error) {
	r, err := s.resolve(ctx, token, false)
	if err != nil {
		return nil, err
	}
	return r.caller, nil
}

// Validate returns the token, for whoever may ask about it. What
// Authenticate refuses is NotFound here. allowExpired accepts tokens that
// ended in the last two days.
func (s *Service) Validate(ctx context.Context, token string, allowExpired bool) (*Token, error) {
	r, err := s.resolve(ctx, token, allowExpired)
	if errs.Is(err, errs.Unauthenticated) {
		return nil, errs.Wrap(err, errs.NotFound, "Failed to validate token")
	}
	if err != nil {
		return nil, err
	}
	return r.token, nil
}

func (s *Service) resolve(ctx context.Context, token string, allowExpired bool) (*resolution, error) {
	revision, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	r := s.resolved.get(token)
	fresh := r != nil && r.revision >= revision && (s.rules.InactiveDays <= 0 || r.day.Equal(s.today()))
	var p *payload
	if fresh {
		p = r.payload
	} else if p, err = s.unseal(ctx, token); err != nil {
		return nil, err // the key may be one that is no more
	}
	end := p.expires
	if allowExpired {
		end = end.Add(expiredWindow)
	}
	if !s.now().Before(end) {
		return nil, unauthenticated("the token is expired")
	}
	if fresh {
		return r, nil
	}
	r, err = s.look(ctx, token, p, revision)
	if errs.Is(err, errs.Forbidden) {
		// What refuses to issue a token ends those that were issued before.
		err = errs.Wrap(err, errs.Unauthenticated, "The request you have made requires authentication.")
	}
	if err != nil {
		return nil, err
	}
	s.resolved.put(token, r)
	return r, nil
}

const notStarted = "The identity service has not started yet."

// sealing returns the keys, or Unavailable when the cloud has none yet.
func (s *Service) sealing(ctx context.Context) (*keys, error) {
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	if known.keys == nil {
		return nil, errs.New(errs.Unavailable, notStarted)
	}
	return known.keys, nil
}

func (s *Service) unseal(ctx context.Context, token string) (*payload, error) {
	keys, err := s.sealing(ctx)
	if err != nil {
		return nil, err
	}
	message := keys.open(token)
	if message == nil {
		return nil, unauthenticated("no key has sealed the token")
	}
	p, err := decodePayload(message)
	if err != nil {
		return nil, unauthenticated(err.Error())
	}
	return p, nil
}

// look reads what the payload's user and scope are now.
func (s *Service) look(ctx context.Context, token string, p *payload, revision int64) (*resolution, error) {
	known, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	if s.revoked.any(p) {
		return nil, unauthenticated("the token is revoked")
	}
	t := &Token{ID: token, Methods: p.methodNames(), AuditIDs: p.auditIDs(), IssuedAt: p.issued, ExpiresAt: p.expires}
	if err := s.lookUser(ctx, t, p.userID); err != nil {
		return nil, err
	}
	if p.issued.Before(t.User.ValidAfter) {
		return nil, unauthenticated("the password was changed after the token was issued")
	}
	if err := s.lookScope(ctx, t, p.scope, p.scopeID); err != nil {
		return nil, err
	}
	ids, err := s.lookRoles(ctx, known, t, p)
	if err != nil {
		return nil, err
	}
	if t.Roles = known.tokenRoles(ids); t.Scoped() && len(t.Roles) == 0 {
		return nil, unauthenticated("the user has no role there")
	}
	return &resolution{revision: min(revision, known.revision), day: s.today(), payload: p, token: t, caller: t.caller()}, nil
}

// lookRoles returns the ids of the roles that the payload's user has, or was
// given, in its scope.
func (s *Service) lookRoles(ctx context.Context, known *facts, t *Token, p *payload) (ids []string, err error) {
	if p.trust != "" {
		return s.lookTrust(ctx, known, t, p)
	}
	if !t.Scoped() {
		return nil, nil
	}
	if ids, err = assignedRoles(ctx, s.db.Read(), p.userID, p.scope, p.scopeID); err != nil {
		return nil, err
	}
	if p.signed() {
		return ids, s.lookKey(ctx, p)
	}
	if p.credential != "" {
		t.Credential, ids, err = s.credentialRoles(ctx, known, p, ids)
	}
	if p.access != "" && err == nil {
		t.Access, ids, err = s.accessRoles(ctx, known, p, ids)
	}
	return ids, err
}

func (s *Service) lookUser(ctx context.Context, t *Token, id string) error {
	err := s.db.Read().NewSelect().Model(&t.User).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return unauthenticated("the user is gone")
	}
	if err != nil {
		return fmt.Errorf("read user: %w", err)
	}
	if !s.active(t.User) {
		return unauthenticated("the user is disabled")
	}
	return nil
}

// enabled are projects and domains that a token needs, read in one query where
// that is possible; each must be there and enabled.
type enabled map[string]*Project

func (e enabled) load(ctx context.Context, db bun.IDB, ids ...string) error {
	var rows []Project
	if err := db.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("read scope: %w", err)
	}
	for i := range rows {
		e[rows[i].ID] = &rows[i]
	}
	return nil
}

func (e enabled) get(id string) (*Project, error) {
	p := e[id]
	if p == nil {
		return nil, unauthenticated("the scope or a domain is gone")
	}
	if !p.Enabled {
		return nil, unauthenticated("the scope or a domain is disabled")
	}
	return p, nil
}

// lookScope reads the user's domain and the scope.
func (s *Service) lookScope(ctx context.Context, t *Token, kind scopeKind, id string) error {
	rows := enabled{}
	ids := []string{t.User.DomainID}
	if kind == scopeProject || kind == scopeDomain {
		ids = append(ids, id)
	}
	if err := rows.load(ctx, s.db.Read(), ids...); err != nil {
		return err
	}
	domain, err := rows.get(t.User.DomainID)
	if err != nil {
		return err
	}
	t.UserDomain = *domain
	switch kind {
	case scopeSystem:
		t.System = true
	case scopeDomain:
		if t.Domain, err = rows.get(id); err == nil && !t.Domain.IsDomain {
			err = unauthenticated("the domain is a project")
		}
	case scopeProject:
		if t.Project, err = rows.get(id); err != nil {
			return err
		}
		home := t.Project.Home()
		if rows[home] == nil {
			if err := rows.load(ctx, s.db.Read(), home); err != nil {
				return err
			}
		}
		if domain, err = rows.get(home); err == nil {
			t.ProjectDomain = *domain
		}
	case unscoped:
	}
	return err
}

func (t *Token) caller() *policy.Caller {
	c := &policy.Caller{
		UserID: t.User.ID, UserName: t.User.Name, UserDomainID: t.UserDomain.ID, UserDomainName: t.UserDomain.Name,
		System: t.System, Token: t.ID, ExpiresAt: t.ExpiresAt, AuditIDs: t.AuditIDs, AccessRules: t.accessRules(),
	}
	if t.Project != nil {
		c.ProjectID, c.ProjectName = t.Project.ID, t.Project.Name
		c.ProjectDomainID, c.ProjectDomainName = t.ProjectDomain.ID, t.ProjectDomain.Name
	}
	if t.Domain != nil {
		c.DomainID, c.DomainName = t.Domain.ID, t.Domain.Name
	}
	for _, role := range t.Roles {
		c.Roles = append(c.Roles, role.Name)
	}
	return c
}

// ancestors is the recursive query of what is above a project, up to its
// domain. It takes the project's id.
const ancestors = `WITH RECURSIVE up (id) AS (
	SELECT parent_id FROM projects WHERE id = ? AND parent_id IS NOT NULL
	UNION SELECT p.parent_id FROM projects p JOIN up ON p.id = up.id WHERE p.parent_id IS NOT NULL)`

// assignedRoles lists the ids of roles that the user has in a scope: directly,
// by groups, and inherited from the projects and the domain above. The tree is
// only climbed for a user who inherits something: that query costs the most.
func assignedRoles(ctx context.Context, db bun.IDB, userID string, kind scopeKind, scopeID string) ([]string, error) {
	var rows []assignmentRow
	err := db.NewSelect().Model(&rows).Column("scope", "project_id", "role_id", "inherited").
		Where("a.user_id = ? OR a.group_id IN (SELECT group_id FROM group_members WHERE user_id = ?)", userID, userID).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read assigned roles: %w", err)
	}
	var ids []string
	above := map[string][]string{} // target of inherited roles -> roles
	for _, row := range rows {
		a := row.assignment()
		switch {
		case a.Inherited:
			above[a.TargetID] = append(above[a.TargetID], a.RoleID)
		case a.Scope == scopeNames[kind] && (kind == scopeSystem || a.TargetID == scopeID):
			ids = append(ids, a.RoleID)
		}
	}
	if kind != scopeProject || len(above) == 0 {
		return ids, nil
	}
	var up []string
	if err := db.NewRaw(ancestors+"SELECT id FROM up", scopeID).Scan(ctx, &up); err != nil {
		return nil, fmt.Errorf("read what is above a project: %w", err)
	}
	for _, id := range up {
		ids = append(ids, above[id]...)
	}
	return ids, nil
}

// scopeNames are the scopes of assignments that count for each kind.
var scopeNames = map[scopeKind]string{scopeProject: ScopeProject, scopeDomain: ScopeDomain, scopeSystem: ScopeSystem}

type revocation struct {
	bun.BaseModel `bun:"table:revocations,alias:r"`
	AuditID       string `bun:",pk"`
	ExpiresAt     time.Time
	Revision      int64
}

// Revoke ends a token and every token that was made from it. The tokens that
// it was made from stay valid: who drops one project's token keeps the
// others.
func (s *Service) Revoke(ctx context.Context, token string) error {
	return s.revoke(ctx, token, func(p *payload) [16]byte { return p.audit[0] })
}

// RevokeSession ends everything that came of the proof behind a token: the
// first token, and those of all projects that were made from it.
func (s *Service) RevokeSession(ctx context.Context, token string) error {
	return s.revoke(ctx, token, func(p *payload) [16]byte { return p.audit[len(p.audit)-1] })
}

func (s *Service) revoke(ctx context.Context, token string, which func(*payload) [16]byte) error {
	r, err := s.resolve(ctx, token, false)
	if errs.Is(err, errs.Unauthenticated) {
		return errs.Wrap(err, errs.NotFound, "Failed to validate token")
	}
	if err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.NewDelete().Model((*revocation)(nil)).Where("expires_at < ?", s.time().Add(-expiredWindow)).Exec(ctx); err != nil {
			return fmt.Errorf("drop old revocations: %w", err)
		}
		revision, err := readRevision(ctx, tx)
		if err != nil {
			return err
		}
		row := &revocation{AuditID: auditID(which(r.payload)), ExpiresAt: r.payload.expires, Revision: revision + 1}
		if _, err := tx.NewInsert().Model(row).On("CONFLICT (audit_id) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("write revocation: %w", err)
		}
		return nil
	})
}
