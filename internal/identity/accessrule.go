package identity

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// AccessRule is a kind of request that application credentials of a user may
// be used for: a method on a path of a service, by its type. In Path, * and
// {name} stand for one part of it, and ** for any rest.
type AccessRule struct {
	bun.BaseModel `bun:"table:access_rules,alias:rule"`
	ID            string `bun:",pk"`
	UserID        string
	Service       string
	Path          string
	Method        string
}

type credentialRule struct {
	bun.BaseModel `bun:"table:application_credential_rules,alias:acrule"`
	CredentialID  string `bun:",pk"`
	RuleID        string `bun:",pk"`
}

var accessRuleColumns = columns{text: map[string]string{"id": "rule.id", "service": "rule.service", "path": "rule.path", "method": "rule.method"}}

func accessRuleChange(userID, id, action string) store.Change {
	return store.Change{Resource: "access_rule", ID: id, Action: action, UserID: userID}
}

// AccessRules lists a user's access rules.
func (s *Service) AccessRules(ctx context.Context, userID string, l Listing) ([]AccessRule, error) {
	list := []AccessRule{}
	return list, s.list(ctx, l, s.db.Read().NewSelect().Model(&list).Where("rule.user_id = ?", userID), "access_rules", accessRuleColumns)
}

// AccessRule returns a user's access rule; another's is not found.
func (s *Service) AccessRule(ctx context.Context, userID, id string) (AccessRule, error) {
	var r AccessRule
	return r, one(ctx, s.db.Read().NewSelect().Model(&r).Where("id = ? AND user_id = ?", id, userID), "Access Rule", id)
}

// DeleteAccessRule removes a user's access rule that no application credential
// has any more.
func (s *Service) DeleteAccessRule(ctx context.Context, userID, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var r AccessRule
		if err := one(ctx, tx.NewSelect().Model(&r).Where("id = ? AND user_id = ?", id, userID), "Access Rule", id); err != nil {
			return err
		}
		used, err := tx.NewSelect().Model((*credentialRule)(nil)).Where("rule_id = ?", id).Exists(ctx)
		if err != nil {
			return fmt.Errorf("read use of an access rule: %w", err)
		}
		if used {
			return errs.New(errs.Forbidden, "May not delete access rule in use")
		}
		if _, err := tx.NewDelete().Model(&r).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete access rule: %w", err)
		}
		tx.Changed(accessRuleChange(userID, id, store.Delete))
		return nil
	})
}

// writeRules gives a credential its rules: those that the user has already, by
// id or because they are the same, and new ones.
func (c *ApplicationCredential) writeRules(ctx context.Context, tx *store.Tx, asked []AccessRule) error {
	c.Rules = nil
	if len(asked) == 0 {
		return nil
	}
	var has []AccessRule
	if err := tx.NewSelect().Model(&has).Where("user_id = ?", c.UserID).Scan(ctx); err != nil {
		return fmt.Errorf("read access rules: %w", err)
	}
	byID, same := map[string]AccessRule{}, map[AccessRule]AccessRule{}
	note := func(r AccessRule) {
		byID[r.ID] = r
		same[AccessRule{Service: r.Service, Path: r.Path, Method: r.Method}] = r
	}
	for _, r := range has {
		note(r)
	}
	var made []AccessRule
	var links []credentialRule
	linked := map[string]bool{}
	for _, r := range asked {
		found, ok := byID[r.ID]
		if !ok {
			found, ok = same[AccessRule{Service: r.Service, Path: r.Path, Method: r.Method}]
		}
		if !ok {
			if r.Service == "" || r.Path == "" || r.Method == "" {
				return notFound("Access Rule", r.ID)
			}
			found = AccessRule{ID: newID(), UserID: c.UserID, Service: r.Service, Path: r.Path, Method: r.Method}
			made = append(made, found)
			note(found)
			tx.Changed(accessRuleChange(c.UserID, found.ID, store.Create))
		}
		if linked[found.ID] {
			continue
		}
		linked[found.ID] = true
		c.Rules = append(c.Rules, found)
		links = append(links, credentialRule{CredentialID: c.ID, RuleID: found.ID})
	}
	if len(made) > 0 {
		if err := write(ctx, tx.NewInsert().Model(&made), "access rule", "Duplicate entry"); err != nil {
			return err
		}
	}
	return write(ctx, tx.NewInsert().Model(&links), "access rule", "Duplicate entry")
}

// loadRules reads the rules of application credentials.
func loadRules(ctx context.Context, db bun.IDB, byID map[string]*ApplicationCredential, ids []string) error {
	var rows []struct {
		AccessRule   `bun:",extend"`
		CredentialID string
	}
	err := db.NewSelect().TableExpr("application_credential_rules AS l").Join("JOIN access_rules AS rule ON rule.id = l.rule_id").
		ColumnExpr("l.credential_id, rule.id, rule.user_id, rule.service, rule.path, rule.method").
		Where("l.credential_id IN (?)", bun.List(ids)).OrderExpr("rule.id").Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("read rules of application credentials: %w", err)
	}
	for _, row := range rows {
		byID[row.CredentialID].Rules = append(byID[row.CredentialID].Rules, row.AccessRule)
	}
	return nil
}

// accessRules are the rules of the token's credential, as policy has them.
func (t *Token) accessRules() []policy.AccessRule {
	if t.Credential == nil {
		return nil
	}
	var rules []policy.AccessRule
	for _, r := range t.Credential.Rules {
		rules = append(rules, policy.AccessRule{Service: r.Service, Method: r.Method, Path: r.Path})
	}
	return rules
}
