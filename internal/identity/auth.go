package identity

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"wisp/internal/errs"
)

// Ref names a user, project, domain or credential: by ID, or by Name, with the
// domain (or user) that the name is unique in.
type Ref struct {
	ID, Name             string
	DomainID, DomainName string
}

// Scope is what a token is asked for. The zero value leaves the choice to the
// user's default project; Unscoped asks for none.
type Scope struct {
	Unscoped, System bool
	Project, Domain  *Ref
	Trust            string // id
}

// AuthRequest is who someone says to be, the proof, and the scope wanted.
// Methods must all prove the same user.
type AuthRequest struct {
	Methods    []string
	Password   *PasswordProof
	Token      string
	Credential *CredentialProof
	OAuth      *SignedRequest
	Scope      Scope
}

// PasswordProof is a user and a password.
type PasswordProof struct {
	User     Ref
	Password string
}

// CredentialProof is an application credential, by id or by name and user,
// and its secret.
type CredentialProof struct {
	ID, Name string
	User     Ref
	Secret   string
}

// Issue authenticates and returns a new token. A proof that fails is always
// the same error of kind Unauthenticated, after the same work, so that it tells
// nobody which users there are; but a token that is none is NotFound. A token
// made from a token ends when that one does.
func (s *Service) Issue(ctx context.Context, request AuthRequest) (*Token, error) {
	if _, err := s.sealing(ctx); err != nil {
		return nil, err
	}
	p, err := s.prove(ctx, request)
	if err != nil {
		return nil, err
	}
	p.issued = s.time()
	if p.expires.IsZero() {
		p.expires = p.issued.Add(s.lifetime)
	}
	var own [16]byte
	if _, err := rand.Read(own[:]); err != nil {
		return nil, fmt.Errorf("make audit id: %w", err)
	}
	p.audit = slices.Insert(p.audit, 0, own)
	if len(p.audit) > maxAncestors+1 {
		return nil, unauthenticated("the chain of tokens is too long")
	}
	fallback, err := s.choose(ctx, p, request.Scope)
	if err != nil {
		return nil, err
	}
	revision, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.look(ctx, "", p, revision)
	if fallback && errs.Is(err, errs.Unauthenticated) {
		// A default project that is of no use is as if there were none.
		p.scope, p.scopeID = unscoped, ""
		r, err = s.look(ctx, "", p, revision)
	}
	if err != nil {
		return nil, err
	}
	if r.token.Trust != nil {
		if err := s.consumeUse(ctx, r.token.Trust); err != nil {
			return nil, err
		}
	}
	return s.hand(ctx, r)
}

// hand seals the payload of what was looked at, and returns its token.
func (s *Service) hand(ctx context.Context, r *resolution) (*Token, error) {
	keys, err := s.sealing(ctx) // they may have changed while the proof was looked at
	if err != nil {
		return nil, err
	}
	sealed, err := keys.seal(r.payload.encode())
	if err != nil {
		return nil, err
	}
	r.token.ID, r.caller.Token = sealed, sealed
	s.resolved.put(sealed, r)
	return r.token, nil
}

// prove checks every method's proof, each method once.
func (s *Service) prove(ctx context.Context, request AuthRequest) (*payload, error) {
	p := &payload{}
	for i, method := range methodBits {
		if !slices.Contains(request.Methods, method) {
			continue
		}
		var userID string
		var err error
		switch method {
		case MethodPassword:
			userID, err = s.provePassword(ctx, request.Password)
		case MethodToken:
			userID, err = s.proveToken(ctx, p, request.Token, request.Scope)
		case MethodApplicationCredential:
			userID, err = s.proveCredential(ctx, p, request.Credential)
		case MethodOAuth1:
			userID, err = s.proveAccess(ctx, p, request.OAuth)
		default:
			continue // refused below
		}
		if err != nil {
			return nil, err
		}
		if p.userID != "" && p.userID != userID {
			return nil, unauthenticated("the methods prove different users")
		}
		p.userID = userID
		p.methods |= 1 << i
	}
	for _, method := range request.Methods {
		if i := slices.Index(methodBits, method); i < 0 || p.methods&(1<<i) == 0 {
			return nil, errs.New(errs.Unauthenticated, "Attempted to authenticate with an unsupported method.")
		}
	}
	if p.userID == "" {
		return nil, unauthenticated("no method of authentication was named")
	}
	return p, nil
}

func expecting(attribute, target string) error {
	return errs.New(errs.Invalid, "Expecting to find %s in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.", attribute, target)
}

func (s *Service) provePassword(ctx context.Context, proof *PasswordProof) (string, error) {
	if proof == nil {
		return "", expecting("password", "identity")
	}
	user, err := s.findUser(ctx, proof.User)
	if err != nil {
		return "", err
	}
	if err := s.checkPassword(ctx, proof.User, user, proof.Password); err != nil {
		return "", err
	}
	if !s.active(user) {
		return user.ID, nil // which is refused when the token is looked at
	}
	if err := s.checkExpiry(user); err != nil {
		return "", err
	}
	return user.ID, s.noteActive(ctx, user)
}

// findUser returns the user named by id, or by name and domain; the zero User
// when there is none.
func (s *Service) findUser(ctx context.Context, ref Ref) (User, error) {
	var user User
	q := s.db.Read().NewSelect().Model(&user)
	switch {
	case ref.ID != "":
		q = q.Where("id = ?", ref.ID)
	case ref.Name == "":
		return user, errs.New(errs.Invalid, "Invalid input for field identity/password/user: id or name must be present.")
	case ref.DomainID != "":
		q = q.Where("name = ? AND domain_id = ?", ref.Name, ref.DomainID)
	case ref.DomainName != "":
		q = q.Where("name = ? AND domain_id = (SELECT id FROM projects WHERE is_domain AND name = ?)", ref.Name, ref.DomainName)
	default:
		return user, expecting("domain", "user")
	}
	err := q.Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return user, fmt.Errorf("read user: %w", err)
	}
	return user, nil
}

func (s *Service) proveToken(ctx context.Context, p *payload, token string, scope Scope) (string, error) {
	if token == "" {
		return "", expecting("token", "identity")
	}
	r, err := s.resolve(ctx, token, false)
	if errs.Is(err, errs.Unauthenticated) {
		// As Keystone: the token is what is not found.
		return "", errs.Wrap(err, errs.NotFound, "Failed to validate token")
	}
	if err != nil {
		return "", err
	}
	// A delegated token would lose its bounds by getting another scope. That of an
	// application credential makes one that is like it, without asking for any.
	switch {
	case r.token.Access != nil:
		return "", forbiddenAction("Using OAuth-scoped token to create another token. Create a new OAuth-scoped token instead")
	case r.token.Trust != nil:
		return "", forbiddenAction("Using trust-scoped token to create another token. Create a new trust-scoped token instead")
	case r.token.System && (scope.Project != nil || scope.Domain != nil):
		return "", forbiddenAction("Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed")
	case r.token.Credential != nil && scope != (Scope{}):
		return "", forbiddenAction("Using an application credential token to create a scoped token is not allowed")
	case r.token.Credential != nil:
		p.credential, p.scope, p.scopeID = r.payload.credential, r.payload.scope, r.payload.scopeID // the bounds stay
	case r.token.Delegated():
		return "", unauthenticated("a token of an EC2 key makes no other")
	}
	p.methods |= r.payload.methods
	p.audit = slices.Clone(r.payload.audit)
	p.expires = r.payload.expires
	return r.payload.userID, nil
}

// choose sets the payload's scope from what was asked for, and tells whether
// it is only the user's default.
func (s *Service) choose(ctx context.Context, p *payload, scope Scope) (fallback bool, err error) {
	if p.credential != "" {
		if scope != (Scope{}) {
			return false, errs.New(errs.Unauthenticated, "Application credentials cannot request a scope.")
		}
		return false, nil // the credential's own project, set by its proof
	}
	if p.access != "" {
		return false, nil // the project that the access token is for, whatever is asked
	}
	asked := 0
	for _, is := range []bool{scope.Project != nil, scope.Domain != nil, scope.System, scope.Unscoped, scope.Trust != ""} {
		if is {
			asked++
		}
	}
	if asked > 1 {
		return false, errs.New(errs.Invalid, "Expecting to find one of project, domain, system, OS-TRUST:trust or unscoped in scope: scoping to more than one is not allowed.")
	}
	switch {
	case scope.System:
		p.scope = scopeSystem
	case scope.Project != nil:
		p.scope = scopeProject
		p.scopeID, err = s.findScope(ctx, *scope.Project, false)
	case scope.Domain != nil:
		p.scope = scopeDomain
		p.scopeID, err = s.findScope(ctx, *scope.Domain, true)
	case scope.Trust != "":
		err = s.chooseTrust(ctx, p, scope.Trust)
	case scope.Unscoped:
	default:
		var user User
		q := s.db.Read().NewSelect().Model(&user).Where("id = ?", p.userID)
		if err := q.Scan(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return false, fmt.Errorf("read default project: %w", err)
		}
		if user.DefaultProjectID != nil && *user.DefaultProjectID != "" {
			p.scope, p.scopeID = scopeProject, *user.DefaultProjectID
			return true, nil
		}
	}
	return false, err
}

// chooseTrust sets the payload's scope to a trust, and its end to the trust's.
func (s *Service) chooseTrust(ctx context.Context, p *payload, id string) error {
	chain, err := s.liveChain(ctx, s.db.Read(), id)
	if errs.Is(err, errs.NotFound) {
		return unauthenticated("there is no such trust")
	}
	if err != nil {
		return err
	}
	t := chain[0]
	if t.TrusteeID != p.userID {
		return errs.New(errs.Forbidden, "User is not a trustee.")
	}
	p.trust = t.ID
	if t.ProjectID != nil {
		p.scope, p.scopeID = scopeProject, *t.ProjectID
	}
	if t.ExpiresAt != nil && t.ExpiresAt.Before(p.expires) {
		p.expires = t.ExpiresAt.UTC()
	}
	return nil
}

// findScope returns the id of the project or domain that a scope names.
func (s *Service) findScope(ctx context.Context, ref Ref, domain bool) (string, error) {
	if ref.ID != "" {
		return ref.ID, nil
	}
	q := s.db.Read().NewSelect().Model((*Project)(nil)).Column("id").Where("name = ?", ref.Name)
	switch {
	case ref.Name == "":
		return "", expecting("id or name", "scope")
	case domain:
		q = q.Where("is_domain")
	case ref.DomainID != "":
		q = q.Where("domain_id = ?", ref.DomainID)
	case ref.DomainName != "":
		q = q.Where("domain_id = (SELECT id FROM projects WHERE is_domain AND name = ?)", ref.DomainName)
	default:
		return "", expecting("domain", "project")
	}
	var id string
	err := q.Scan(ctx, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", unauthenticated("the scope that was asked for is not there")
	}
	if err != nil {
		return "", fmt.Errorf("read scope: %w", err)
	}
	return id, nil
}
